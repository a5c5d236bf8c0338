// SPDX-License-Identifier: MIT
// Contexts that travel, fail, and are used by several threads.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "abi/exchange.h"

namespace ntlm::test {
namespace {

std::string exported(Context& context) {
  Buffer token;
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_export_sec_context(&minor, &context.get(), token.out()), GSS_S_COMPLETE);
  EXPECT_EQ(context.get(), GSS_C_NO_CONTEXT) << "two users of one keystream";
  return text(token);
}

OM_uint32 import_context(std::string token, Context& context) {
  gss_buffer_desc in = buffer(token);
  OM_uint32 minor = 0;
  return gss_import_sec_context(&minor, &in, context.out());
}

void move_elsewhere(Context& context) {
  Context back;
  ASSERT_EQ(import_context(exported(context), back), GSS_S_COMPLETE);
  context = std::move(back);
}

OM_uint32 initiate(Context& context, Buffer& in, Buffer& out, OM_uint32 wanted = kProtected) {
  Name target = import("HTTP@host.test.example", GSS_C_NT_HOSTBASED_SERVICE);
  OM_uint32 minor = 0;
  return gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, &context.get(), target.get(), &g_ntlm,
                              wanted, 0, nullptr, &in.get(), nullptr, out.out(), nullptr, nullptr);
}
OM_uint32 accept(Context& context, Buffer& in, Buffer& out) {
  OM_uint32 minor = 0;
  return gss_accept_sec_context(&minor, &context.get(), GSS_C_NO_CREDENTIAL, &in.get(), nullptr,
                                nullptr, nullptr, out.out(), nullptr, nullptr, nullptr);
}

class Contexts : public testing::Test {
 protected:
  Accounts accounts_;
};

TEST_F(Contexts, AnEstablishedContextMovesInTheMiddleOfAConversation) {
  auto exchange = establish(kProtected);
  ASSERT_TRUE(exchange);
  for (int round = 0; round < 3; ++round) {
    expect_message_passes(exchange->initiator, exchange->acceptor, "there");
    expect_message_passes(exchange->acceptor, exchange->initiator, "and back");
    move_elsewhere(exchange->acceptor);
    move_elsewhere(exchange->initiator);
  }
  Name source;
  OM_uint32 minor = 0, flags = 0;
  int open = 0;
  ASSERT_EQ(gss_inquire_context(&minor, exchange->acceptor.get(), source.out(), nullptr, nullptr,
                                nullptr, &flags, nullptr, &open),
            GSS_S_COMPLETE);
  EXPECT_EQ(open, 1);
  EXPECT_EQ(flags & kProtected, kProtected);
  Buffer shown;
  ASSERT_EQ(gss_display_name(&minor, source.get(), shown.out(), nullptr), GSS_S_COMPLETE);
  EXPECT_EQ(text(shown), "TEST\\alice");
}

TEST_F(Contexts, BothHalfMadeEndsMoveBetweenTheLegs) {
  Context initiator, acceptor;
  Buffer nothing, negotiate, challenge, authenticate, last;
  ASSERT_EQ(initiate(initiator, nothing, negotiate), GSS_S_CONTINUE_NEEDED);
  ASSERT_EQ(accept(acceptor, negotiate, challenge), GSS_S_CONTINUE_NEEDED);
  move_elsewhere(acceptor);
  move_elsewhere(initiator);
  ASSERT_EQ(initiate(initiator, challenge, authenticate), GSS_S_COMPLETE);
  ASSERT_EQ(accept(acceptor, authenticate, last), GSS_S_COMPLETE);
  expect_message_passes(initiator, acceptor, "established in four places");
}

TEST_F(Contexts, S09AnExportedContextWithAnyBitFlippedOrCutAnywhere) {
  auto exchange = establish(kProtected);
  ASSERT_TRUE(exchange);
  expect_message_passes(exchange->initiator, exchange->acceptor,
                        "so that there is a keystream to carry");
  const std::string token = exported(exchange->acceptor);
  constexpr std::size_t kHeadOfTheMechglue = 4 + GSS_NTLM_OID_LENGTH;
  Context back;
  for (std::size_t i = kHeadOfTheMechglue; i < token.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      std::string altered = token;
      altered[i] = static_cast<char>(altered[i] ^ (1 << bit));
      ASSERT_EQ(import_context(altered, back), GSS_S_DEFECTIVE_TOKEN) << i << "." << bit;
    }
  }
  for (std::size_t size = 1; size < token.size(); ++size) {
    ASSERT_TRUE(GSS_ERROR(import_context(token.substr(0, size), back))) << size;
  }
  EXPECT_EQ(import_context(token, back), GSS_S_COMPLETE);
}

TEST_F(Contexts, AFailedContextIsDeadAndCanOnlyBeDeleted) {
  Context initiator, acceptor;
  Buffer nothing, negotiate, challenge, authenticate, last;
  ASSERT_EQ(initiate(initiator, nothing, negotiate), GSS_S_CONTINUE_NEEDED);
  ASSERT_EQ(accept(acceptor, negotiate, challenge), GSS_S_CONTINUE_NEEDED);
  ASSERT_EQ(initiate(initiator, challenge, authenticate), GSS_S_COMPLETE);
  // A NEGOTIATE where AUTHENTICATE is awaited.
  EXPECT_EQ(accept(acceptor, negotiate, last), GSS_S_DEFECTIVE_TOKEN);
  EXPECT_EQ(accept(acceptor, authenticate, last), GSS_S_NO_CONTEXT) << "the same challenge again";
  OM_uint32 minor = 0, lifetime = 0;
  EXPECT_EQ(gss_context_time(&minor, acceptor.get(), &lifetime), GSS_S_NO_CONTEXT);
  Buffer token;
  gss_ctx_id_t handle = acceptor.get();
  EXPECT_EQ(gss_export_sec_context(&minor, &handle, token.out()), GSS_S_NO_CONTEXT);
  EXPECT_EQ(gss_delete_sec_context(&minor, &acceptor.get(), nullptr), GSS_S_COMPLETE);
}

OM_uint32 flags_of(Context& context) {
  OM_uint32 minor = 0, flags = 0;
  EXPECT_EQ(gss_inquire_context(&minor, context.get(), nullptr, nullptr, nullptr, nullptr, &flags,
                                nullptr, nullptr),
            GSS_S_COMPLETE);
  return flags;
}

// The application numbers datagrams, and may take a number twice.
TEST_F(Contexts, DatagramsAreSignedButNotInSequence) {
  constexpr OM_uint32 kInOrder = GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG;
  accounts_.configure("datagram.conf", "[policy]\n allow_datagram = yes\n");
  for (const OM_uint32 datagram : {OM_uint32{0}, OM_uint32{GSS_C_DATAGRAM_FLAG}}) {
    auto exchange = establish(kProtected | datagram);
    ASSERT_TRUE(exchange);
    for (Context* const context : {&exchange->initiator, &exchange->acceptor}) {
      EXPECT_EQ(flags_of(*context) & (kProtected | kInOrder),
                kProtected | (datagram == 0 ? kInOrder : OM_uint32{0}));
    }
  }
}

TEST_F(Contexts, AnAnonymousInitiatorNamesNobody) {
  const std::string records = accounts_.write("records.json", "");
  accounts_.configure(
      "anonymous.conf",
      "[policy]\n allow_anonymous = yes\n send_ntlm = audit\n[audit]\n json = " + records + "\n");
  Credential alice;
  OM_uint32 minor = 0;
  ASSERT_EQ(gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &g_only_ntlm, GSS_C_INITIATE, alice.out(),
                             nullptr, nullptr),
            GSS_S_COMPLETE);
  auto exchange = establish(GSS_C_ANON_FLAG, alice.get());
  ASSERT_TRUE(exchange);
  EXPECT_NE(flags_of(exchange->initiator) & GSS_C_ANON_FLAG, 0U);
  Name source;
  Buffer shown;
  ASSERT_EQ(gss_inquire_context(&minor, exchange->initiator.get(), source.out(), nullptr, nullptr,
                                nullptr, nullptr, nullptr, nullptr),
            GSS_S_COMPLETE);
  ASSERT_EQ(gss_display_name(&minor, source.get(), shown.out(), nullptr), GSS_S_COMPLETE);
  EXPECT_EQ(text(shown), "NT AUTHORITY\\ANONYMOUS LOGON");
  std::ifstream file(records);
  const std::string written{std::istreambuf_iterator<char>(file), {}};
  EXPECT_NE(written.find("\"initiate\""), std::string::npos) << written;
  EXPECT_EQ(written.find("alice"), std::string::npos) << written;
}

TEST_F(Contexts, OneThreadSendsWhileAnotherReceives) {
  auto exchange = establish(kProtected);
  ASSERT_TRUE(exchange);
  constexpr int kMessages = 200;
  std::vector<std::string> forth, back;
  for (int i = 0; i < kMessages; ++i) {
    for (auto* list : {&forth, &back}) {
      Buffer token;
      gss_buffer_desc in = buffer("message");
      OM_uint32 minor = 0;
      Context& from = list == &forth ? exchange->initiator : exchange->acceptor;
      ASSERT_EQ(gss_wrap(&minor, from.get(), 1, 0, &in, nullptr, token.out()), GSS_S_COMPLETE);
      list->push_back(text(token));
    }
  }
  std::atomic<int> failures{0};
  std::thread receiver([&] {
    for (std::string& one : forth) {
      Buffer out;
      gss_buffer_desc in = buffer(one);
      OM_uint32 minor = 0;
      if (gss_unwrap(&minor, exchange->acceptor.get(), &in, out.out(), nullptr, nullptr) !=
          GSS_S_COMPLETE) {
        ++failures;
      }
    }
  });
  for (int i = 0; i < kMessages; ++i) {
    Buffer token;
    gss_buffer_desc in = buffer("from the same context, meanwhile");
    OM_uint32 minor = 0;
    if (gss_wrap(&minor, exchange->acceptor.get(), 1, 0, &in, nullptr, token.out()) !=
        GSS_S_COMPLETE) {
      ++failures;
    }
  }
  receiver.join();
  EXPECT_EQ(failures, 0);
}

TEST_F(Contexts, ManyThreadsShareOneCredential) {
  Credential both;
  OM_uint32 minor = 0;
  ASSERT_EQ(gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &g_only_ntlm, GSS_C_BOTH, both.out(),
                             nullptr, nullptr),
            GSS_S_COMPLETE);
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        if (!establish(kProtected, both.get(), both.get())) {
          ++failures;
        }
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(failures, 0);
}

// Runs `body` in a child; true when it says so there.
template <typename Body>
bool in_child(Body&& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0;
}

// A child that is there before the parent acts, and looks afterwards.
template <typename Act, typename Look>
bool in_child_after(Act&& act, Look&& look) {
  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) {
    return false;
  }
  const pid_t child = fork();
  if (child == 0) {
    alarm(120);
    char go = 0;
    _exit(read(pipe_ends[0], &go, 1) == 1 && look() ? 0 : 1);
  }
  act();
  const bool told = write(pipe_ends[1], "g", 1) == 1;
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0 && told;
}

OM_uint32 wrap_status(Context& context) {
  gss_buffer_desc in = buffer("message");
  Buffer token;
  OM_uint32 minor = 0;
  return gss_wrap(&minor, context.get(), 1, 0, &in, nullptr, token.out());
}

TEST_F(Contexts, P04AfterAForkOnlyTheFirstUserGoesOn) {
  auto exchange = establish(kProtected);
  ASSERT_TRUE(exchange);
  EXPECT_EQ(wrap_status(exchange->acceptor), GSS_S_COMPLETE);
  EXPECT_TRUE(in_child([&] { return wrap_status(exchange->acceptor) == GSS_S_COMPLETE; }));
  EXPECT_EQ(wrap_status(exchange->acceptor), GSS_S_NO_CONTEXT) << "the child was first";
  EXPECT_EQ(wrap_status(exchange->initiator), GSS_S_COMPLETE) << "nobody else used this one";
  EXPECT_TRUE(in_child([&] { return wrap_status(exchange->initiator) == GSS_S_COMPLETE; }));
  exchange = establish(kProtected);
  ASSERT_TRUE(exchange);
  // The parent is first: it uses the context while the child waits for its word.
  EXPECT_TRUE(in_child_after([&] { EXPECT_EQ(wrap_status(exchange->acceptor), GSS_S_COMPLETE); },
                             [&] { return wrap_status(exchange->acceptor) == GSS_S_NO_CONTEXT; }));
  EXPECT_EQ(wrap_status(exchange->acceptor), GSS_S_COMPLETE);
}

OM_uint32 export_status(Context& context) {
  Buffer token;
  OM_uint32 minor = 0;
  return gss_export_sec_context(&minor, &context.get(), token.out());
}

// What is imported is a new context to everyone, so that an export would be a way around the rule.
TEST_F(Contexts, P04AfterAForkTheOtherCopyIsNotExportedEither) {
  auto exchange = establish(kProtected);
  ASSERT_TRUE(exchange);
  EXPECT_EQ(wrap_status(exchange->acceptor), GSS_S_COMPLETE);
  EXPECT_TRUE(in_child([&] {
    const bool exports = export_status(exchange->acceptor) == GSS_S_COMPLETE;
    return exports && export_status(exchange->initiator) == GSS_S_COMPLETE;
  })) << "the copy that is used first, after a message or before any";
  for (Context* const context : {&exchange->acceptor, &exchange->initiator}) {
    EXPECT_EQ(export_status(*context), GSS_S_NO_CONTEXT) << "the child has it";
    EXPECT_NE(context->get(), GSS_C_NO_CONTEXT) << "a failed export leaves the context";
    EXPECT_EQ(wrap_status(*context), GSS_S_NO_CONTEXT);
  }

  exchange = establish(kProtected);
  ASSERT_TRUE(exchange);
  EXPECT_TRUE(in_child_after([&] { move_elsewhere(exchange->acceptor); },
                             [&] {
                               return export_status(exchange->acceptor) == GSS_S_NO_CONTEXT &&
                                      wrap_status(exchange->acceptor) == GSS_S_NO_CONTEXT;
                             }))
      << "the parent has exported it, and goes on with what it imported";
  expect_message_passes(exchange->acceptor, exchange->initiator, "moved");
}

TEST_F(Contexts, P04AFailedExportTakesNothingFromTheOtherCopies) {
  auto exchange = establish(kProtected);
  ASSERT_TRUE(exchange);
  EXPECT_TRUE(in_child([&] {
    accounts_.configure("keyless.conf", "[ntlm]\n transfer_key = /nonexistent/key\n");
    return export_status(exchange->acceptor) == GSS_S_FAILURE;
  }));
  expect_message_passes(exchange->acceptor, exchange->initiator, "of the parent's copy");
}

// RFC 2743 2.2.8. Its token would be too old for any importer, and the context is gone with it.
TEST_F(Contexts, AnExpiredContextIsNotExportedAndGoesOn) {
  accounts_.configure("short.conf", "[policy]\n context_lifetime = 1\n");
  auto exchange = establish(kProtected);
  ASSERT_TRUE(exchange);
  for (Context* const context : {&exchange->acceptor, &exchange->initiator}) {
    OM_uint32 minor = 0, left = 0;
    while (gss_context_time(&minor, context->get(), &left) == GSS_S_COMPLETE) {
      usleep(50'000);
    }
    EXPECT_EQ(export_status(*context), GSS_S_CONTEXT_EXPIRED);
    ASSERT_NE(context->get(), GSS_C_NO_CONTEXT);
  }
  expect_message_passes(exchange->acceptor, exchange->initiator, "past its lifetime");
  expect_message_passes(exchange->initiator, exchange->acceptor, "and back");
}

TEST_F(Contexts, P04ANewContextOfTheParentDoesNotTakeTheChildsWord) {
  for (int round = 0; round < 3; ++round) {
    auto exchange = establish(kProtected);
    ASSERT_TRUE(exchange);
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      alarm(120);
      char go = 0;
      bool good = wrap_status(exchange->acceptor) == GSS_S_COMPLETE;
      good = good && read(pipe_ends[0], &go, 1) == 1;
      good = good && wrap_status(exchange->acceptor) == GSS_S_COMPLETE &&
             establish(kProtected).has_value();
      _exit(good ? 0 : 1);
    }
    exchange.reset();
    // As many as a page of owners holds, and more.
    for (int i = 0; i < 300; ++i) {
      auto another = establish(kProtected);
      ASSERT_TRUE(another);
      ASSERT_EQ(wrap_status(another->acceptor), GSS_S_COMPLETE);
    }
    ASSERT_EQ(write(pipe_ends[1], "g", 1), 1);
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
  }
}

}  // namespace
}  // namespace ntlm::test
