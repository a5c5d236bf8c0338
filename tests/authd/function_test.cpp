// SPDX-License-Identifier: MIT
// What an application gets through ntlm-authd is what it would get from stores of its own.
#include <functional>

#include "authd/worker.h"
#include "store/database_writer.h"
#include "support/unused_name.h"

namespace ntlm::test {
namespace {

// Different names, so that a lock or a record of another test is nobody's concern.
// Nor does a failure wait because many others came before it.
constexpr const char* kUnlocked =
    "[policy]\n lockout_threshold = 0\n[authd]\n failures_per_second = 0\n";
// The NT hash of "Password".
#define NT_HASH "A4F49C406510BDCAB6824EE7C30FD852"
#define LM_NONE "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"
constexpr const char* kStates = "fit:1001:" LM_NONE ":" NT_HASH
                                ":[U          ]:LCT-00000000:\n"
                                "off:1002:" LM_NONE ":" NT_HASH ":[DU         ]:LCT-00000000:\n";

gss_channel_bindings_struct bindings_of(std::string& data) {
  return {0, {0, nullptr}, 0, {0, nullptr}, {data.size(), data.data()}};
}

class Function : public testing::Test {
 protected:
  Daemon daemon_{kUnlocked};
  Worker worker_{daemon_};
};

TEST_F(Function, ALogonThenMessagesBothWays) {
  Credential alice = initiator("TEST\\alice", "Secret1");
  Legs legs;
  ASSERT_EQ(legs.half(alice.get()).major, GSS_S_CONTINUE_NEEDED);
  ASSERT_EQ(legs.accept(), kComplete);
  EXPECT_EQ(shown(legs.source.get()), "TEST\\alice");
  EXPECT_EQ(legs.flags & kProtected, kProtected);
  expect_message_passes(legs.initiator, legs.acceptor, "there");
  expect_message_passes(legs.acceptor, legs.initiator, "and back");
}

TEST_F(Function, Spnego) {
  setenv("KRB5_CONFIG",
         daemon_.directory()
             .write("krb5.conf",
                    "[libdefaults]\n default_realm = TEST.EXAMPLE\n dns_lookup_kdc = false\n"
                    " dns_lookup_realm = false\n dns_canonicalize_hostname = false\n")
             .c_str(),
         1);
  Credential alice = initiator("TEST\\alice", "Secret1", &g_only_spnego);
  Credential accepting;
  OM_uint32 minor = 0;
  ASSERT_EQ(gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &g_only_spnego, GSS_C_ACCEPT,
                             accepting.out(), nullptr, nullptr),
            GSS_S_COMPLETE);
  ASSERT_EQ(gss_set_neg_mechs(&minor, alice.get(), &g_only_ntlm), GSS_S_COMPLETE);
  ASSERT_EQ(gss_set_neg_mechs(&minor, accepting.get(), &g_only_ntlm), GSS_S_COMPLETE);
  Context ours, theirs;
  Buffer there, back;
  Name target = import("HTTP@localhost", GSS_C_NT_HOSTBASED_SERVICE);
  OM_uint32 initiated = GSS_S_CONTINUE_NEEDED, accepted = GSS_S_CONTINUE_NEEDED;
  for (int leg = 0; leg < 4 && (initiated != 0 || accepted != 0); ++leg) {
    if (initiated == GSS_S_CONTINUE_NEEDED) {
      initiated = gss_init_sec_context(&minor, alice.get(), &ours.get(), target.get(), &g_spnego,
                                       kProtected, 0, GSS_C_NO_CHANNEL_BINDINGS, &back.get(),
                                       nullptr, there.out(), nullptr, nullptr);
      ASSERT_FALSE(GSS_ERROR(initiated));
    }
    if (accepted == GSS_S_CONTINUE_NEEDED) {
      accepted = gss_accept_sec_context(&minor, &theirs.get(), accepting.get(), &there.get(),
                                        GSS_C_NO_CHANNEL_BINDINGS, nullptr, nullptr, back.out(),
                                        nullptr, nullptr, nullptr);
      ASSERT_FALSE(GSS_ERROR(accepted));
    }
  }
  ASSERT_EQ(initiated | accepted, 0u);
  expect_message_passes(ours, theirs, "inside SPNEGO");
  unsetenv("KRB5_CONFIG");
}

TEST(FunctionOfStates, TheStatusIsThatOfAStoreInTheProcess) {
  Daemon daemon(kUnlocked, kStates);
  const std::vector<std::pair<const char*, const char*>> attempts = {{"fit", "Password"},
                                                                     {"fit", "wrong"},
                                                                     {"off", "Password"},
                                                                     {"off", "wrong"},
                                                                     {"nobody", "Password"}};
  const auto outcomes = [&] {
    std::vector<Outcome> all;
    for (const auto& [user, password] : attempts) {
      all.push_back(login(std::string("TEST\\") + user, password));
    }
    return all;
  };
  std::vector<Outcome> with_daemon;
  {
    const Worker worker(daemon);
    with_daemon = outcomes();
    EXPECT_EQ(worker.records(), 0u) << "the daemon has written them";
  }
  const TemporaryDirectory directory;
  directory.write("local.conf", std::string(kNames) + " store = text:" + daemon.path("users") +
                                    "\n[audit]\n syslog = no\n" + kUnlocked);
  setenv("GSS_NTLM_CONF", directory.path("local.conf").c_str(), 1);
  const std::vector<Outcome> in_process = outcomes();
  unsetenv("GSS_NTLM_CONF");
  EXPECT_EQ(with_daemon, in_process);
  EXPECT_EQ(with_daemon[0], kComplete);
  for (std::size_t i = 1; i < with_daemon.size(); ++i) {
    EXPECT_EQ(with_daemon[i], (Outcome{GSS_S_FAILURE, GSS_NTLM_MINOR_LOGON_DENIED})) << i;
  }
  EXPECT_EQ(daemon.records({}), attempts.size());
  EXPECT_EQ(daemon.records({"\"reason\":\"wrong-password\""}), 2u);
  EXPECT_EQ(daemon.records({"\"reason\":\"account-disabled\"", "\"user\":\"off\""}), 1u);
  EXPECT_EQ(daemon.records({"\"reason\":\"unknown-account\"", "\"user\":\"nobody\""}), 1u);
}

// A client needs no account to send one. All of this is on one connection of the worker.
TEST_F(Function, ATokenThatIsTooLongHarmsNoOtherLogon) {
  Credential alice = initiator("TEST\\alice", "Secret1");
  const auto lengthen = [](Legs& legs, std::size_t size) {
    std::string token = text(legs.to_acceptor);
    token.resize(size, 1);
    gss_buffer_desc longer = buffer(token);
    Outcome outcome;
    outcome.major = gss_accept_sec_context(&outcome.minor, &legs.acceptor.get(),
                                           GSS_C_NO_CREDENTIAL, &longer, nullptr, nullptr, nullptr,
                                           legs.to_initiator.out(), nullptr, nullptr, nullptr);
    return outcome;
  };
  constexpr Outcome kDefective{GSS_S_DEFECTIVE_TOKEN, GSS_NTLM_MINOR_DEFECTIVE_MESSAGE};
  std::size_t records = 0;
  for (const std::size_t size : {2889u, 2890u, 9000u}) {
    Legs first, second, other;
    ASSERT_EQ(other.half(alice.get()).major, GSS_S_CONTINUE_NEEDED);
    ASSERT_EQ(first.initiate(alice.get()).major, GSS_S_CONTINUE_NEEDED);
    EXPECT_EQ(lengthen(first, size), kDefective) << size;
    ASSERT_EQ(second.half(alice.get()).major, GSS_S_CONTINUE_NEEDED);
    EXPECT_EQ(lengthen(second, size), kDefective) << size;
    EXPECT_EQ(other.accept(), kComplete) << size;
    EXPECT_EQ(daemon_.records({"\"reason\":\"defective-message\""}), records += 2);
  }
  EXPECT_EQ(worker_.records(), 0u);
}

// A logon to an acceptor that goes by a name of its own.
void log_in_to(Name own) {
  Credential accepting;
  OM_uint32 minor = 0;
  ASSERT_EQ(gss_acquire_cred(&minor, own.get(), 0, &g_only_ntlm, GSS_C_ACCEPT, accepting.out(),
                             nullptr, nullptr),
            GSS_S_COMPLETE);
  Credential alice = initiator("TEST\\alice", "Secret1");
  Legs legs;
  ASSERT_EQ(
      legs.half(alice.get(), kProtected, nullptr, "HTTP@host.test.example", accepting.get()).major,
      GSS_S_CONTINUE_NEEDED);
  ASSERT_EQ(legs.accept(nullptr, accepting.get()), kComplete);
}

// As many UTF-16 units as a name may have, and three bytes for each.
TEST_F(Function, AnAcceptorWhoseNameIsLong) {
  std::string name;
  for (int i = 0; i < 256 + 1 + 255; ++i) {
    name += i == 255 ? "\\" : "\xe2\x82\xac";
  }
  log_in_to(import(name, GSS_C_NT_USER_NAME));
}

TEST_F(Function, ARecordNamesTheWorkerItsServiceAndThePrincipal) {
  ASSERT_NO_FATAL_FAILURE(log_in_to(import("HTTP@host.test.example", GSS_C_NT_HOSTBASED_SERVICE)));
  const std::string peer = "uid " + std::to_string(geteuid()) + " pid " + std::to_string(getpid());
  EXPECT_EQ(daemon_.records({}), 1u);
  EXPECT_EQ(daemon_.records({peer, "TEST\\\\alice", "\"service\":\"HTTP@host.test.example\"",
                             "\"target\":\"HTTP/host.test.example\"", "\"mic\":\"verified\""}),
            1u)
      << daemon_.directory().read("audit");
  EXPECT_EQ(worker_.records(), 0u);
}

TEST_F(Function, AttributesOfTheName) {
  Credential alice = initiator("TEST\\alice", "Secret1");
  Legs legs;
  ASSERT_EQ(legs.half(alice.get()).major, GSS_S_CONTINUE_NEEDED);
  ASSERT_EQ(legs.accept(), kComplete);
  const std::vector<std::pair<const char*, const char*>> wanted = {
      {GSS_NTLM_ATTR_ACCOUNT, "alice"},  {GSS_NTLM_ATTR_DOMAIN, "TEST"},
      {GSS_NTLM_ATTR_VERSION, "NTLMv2"}, {GSS_NTLM_ATTR_MIC, "verified"},
      {GSS_NTLM_ATTR_STORE, "text"},     {GSS_NTLM_ATTR_TARGET, "HTTP/host.test.example"}};
  for (const auto& [attribute, value] : wanted) {
    gss_buffer_desc name = buffer(attribute);
    Buffer found, display;
    OM_uint32 minor = 0;
    int authenticated = 0, complete = 0, more = -1;
    ASSERT_EQ(gss_get_name_attribute(&minor, legs.source.get(), &name, &authenticated, &complete,
                                     found.out(), display.out(), &more),
              GSS_S_COMPLETE)
        << attribute;
    EXPECT_EQ(text(found), value);
  }
}

TEST_F(Function, ChannelBindings) {
  std::string right = "tls-server-end-point:0123456789abcdef0123456789abcdef";
  std::string other = "tls-server-end-point:fedcba9876543210fedcba9876543210";
  gss_channel_bindings_struct ours = bindings_of(right), theirs = bindings_of(other);
  const auto outcome = [&](gss_channel_bindings_t sent, gss_channel_bindings_t expected) {
    Credential alice = initiator("TEST\\alice", "Secret1");
    Legs legs;
    EXPECT_EQ(legs.half(alice.get(), kProtected, sent).major, GSS_S_CONTINUE_NEEDED);
    return legs.accept(expected).major;
  };
  EXPECT_EQ(outcome(&ours, &ours), GSS_S_COMPLETE);
  EXPECT_EQ(outcome(&theirs, &ours), GSS_S_BAD_BINDINGS);
  EXPECT_EQ(outcome(nullptr, nullptr), GSS_S_COMPLETE);
  EXPECT_EQ(outcome(&ours, nullptr), GSS_S_COMPLETE);
  EXPECT_EQ(outcome(nullptr, &ours), GSS_S_BAD_BINDINGS);
  EXPECT_EQ(daemon_.records({"\"bindings\":\"match\""}), 1u);
  EXPECT_EQ(daemon_.records({"\"bindings\":\"mismatch\"", "bad-bindings"}), 1u);
  EXPECT_EQ(daemon_.records({"\"bindings\":\"absent\"", "bad-bindings"}), 1u);
  EXPECT_EQ(daemon_.records({"\"bindings\":\"unasked\""}), 1u);
}

TEST_F(Function, AnEstablishedContextMovesAndAHalfMadeOneDoesNot) {
  Credential alice = initiator("TEST\\alice", "Secret1");
  Legs legs;
  ASSERT_EQ(legs.half(alice.get()).major, GSS_S_CONTINUE_NEEDED);
  Buffer token;
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_export_sec_context(&minor, &legs.acceptor.get(), token.out()), GSS_S_NO_CONTEXT);
  // (The mechglue loses the minor status on its way out.)
  ASSERT_NE(legs.acceptor.get(), GSS_C_NO_CONTEXT);
  ASSERT_EQ(legs.accept(), kComplete) << "the refusal has harmed nothing";
  ASSERT_EQ(gss_export_sec_context(&minor, &legs.acceptor.get(), token.out()), GSS_S_COMPLETE);
  Context moved;
  ASSERT_EQ(gss_import_sec_context(&minor, &token.get(), moved.out()), GSS_S_COMPLETE);
  expect_message_passes(legs.initiator, moved, "elsewhere");
}

TEST_F(Function, AStoreThatChangesWhileTheDaemonRuns) {
  EXPECT_NE(login("TEST\\late", "Secret3"), kComplete);
  daemon_.directory().write("users.new", "TEST:late:Secret3\n");
  ASSERT_EQ(rename(daemon_.path("users.new").c_str(), daemon_.path("users").c_str()), 0);
  const auto end = std::chrono::steady_clock::now() + 30s;
  Outcome outcome;
  while ((outcome = login("TEST\\late", "Secret3")) != kComplete &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(50ms);
  }
  EXPECT_EQ(outcome, kComplete);
  EXPECT_NE(login("TEST\\alice", "Secret1"), kComplete);
}

TEST(FunctionOfLmdb, AnAccountAddedWhileTheDaemonRuns) {
  const TemporaryDirectory directory;
  const auto add = [&](const std::string& user) {
    const std::string command =
        "echo Secret1 | " NTLM_CTL " user --store lmdb:" + directory.path("accounts") +
        " add --password-stdin 'TEST\\" + user + "' >/dev/null";
    return std::system(command.c_str());
  };
  ASSERT_EQ(add("first"), 0);
  Daemon daemon(kUnlocked, "", "lmdb:" + directory.path("accounts"));
  const Worker worker(daemon);
  EXPECT_EQ(login("TEST\\first", "Secret1"), kComplete);
  EXPECT_NE(login("TEST\\second", "Secret1"), kComplete);
  ASSERT_EQ(add("second"), 0);
  EXPECT_EQ(login("TEST\\second", "Secret1"), kComplete);
}

// A worker is told as much of an account as a store in its own process would tell it.
TEST(FunctionOfLmdb, AttributesThatFitAndAttributesThatDoNot) {
  const TemporaryDirectory directory;
  auto edit = store::DatabaseEdit::begin(directory.path("accounts"));
  ASSERT_TRUE(edit) << edit.error();
  const auto put = [&](const char* user, protocol::Attributes attributes) {
    store::StoredAccount stored;
    stored.account.name = {user, "TEST"};
    stored.account.nt_hash = crypto::ntowf_v1(utf16le_from_password("Secret1").value());
    stored.account.attributes = std::make_shared<const protocol::Attributes>(std::move(attributes));
    ASSERT_TRUE(edit->put(stored));
  };
  protocol::Attributes groups;
  for (int i = 0; i < 2400; ++i) {
    groups.emplace_back(GSS_NTLM_ATTR_GROUP, "g" + std::to_string(1000 + i));
  }
  put("many", groups);
  put("long", {{GSS_NTLM_ATTR_FULL_NAME, std::string(5000, 'x')}});
  ASSERT_TRUE(edit->commit());

  const Daemon daemon(kUnlocked, "", "lmdb:" + directory.path("accounts"));
  const Worker worker(daemon);
  EXPECT_EQ(login("TEST\\long", "Secret1"), (Outcome{GSS_S_FAILURE, GSS_NTLM_MINOR_STORE}));
  EXPECT_EQ(daemon.records({"\"reason\":\"store\"", "account.attributes", "\"user\":\"long\""}), 1u)
      << daemon.directory().read("audit");
  Credential many = initiator("TEST\\many", "Secret1");
  Legs legs;
  ASSERT_EQ(legs.half(many.get()).major, GSS_S_CONTINUE_NEEDED) << "the daemon goes on";
  ASSERT_EQ(legs.accept(), kComplete);
  gss_buffer_desc name = buffer(GSS_NTLM_ATTR_GROUP);
  std::size_t found = 0;
  for (int more = -1; more != 0; ++found) {
    Buffer value, display;
    OM_uint32 minor = 0;
    int authenticated = 0, complete = 0;
    ASSERT_EQ(gss_get_name_attribute(&minor, legs.source.get(), &name, &authenticated, &complete,
                                     value.out(), display.out(), &more),
              GSS_S_COMPLETE);
    ASSERT_EQ(text(value), groups[found].second);
  }
  EXPECT_EQ(found, groups.size());
}

TEST_F(Function, AServerThatForksAfterAcquiring) {
  Credential accepting;
  OM_uint32 minor = 0;
  ASSERT_EQ(gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &g_only_ntlm, GSS_C_ACCEPT, accepting.out(),
                             nullptr, nullptr),
            GSS_S_COMPLETE);
  ASSERT_EQ(login(), kComplete);
  // Half made in the parent: the challenge is the parent's, and the child may not play on.
  Credential alice = initiator("TEST\\alice", "Secret1");
  Legs legs;
  ASSERT_EQ(legs.half(alice.get()).major, GSS_S_CONTINUE_NEEDED);
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      int wrong = legs.accept().major == GSS_S_COMPLETE ? 100 : 0;
      for (int n = 0; n < 25; ++n) {
        wrong += login() == kComplete && login("TEST\\bob", "Secret2") == kComplete ? 0 : 1;
      }
      _exit(wrong);
    }
    children.push_back(child);
  }
  for (int n = 0; n < 25; ++n) {
    EXPECT_EQ(login(), kComplete);
  }
  for (const pid_t child : children) {
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(legs.accept(), kComplete) << "the children have taken nothing of the parent's";
}

TEST_F(Function, Threads) {
  std::vector<std::jthread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 24; ++i) {  // more than there are connections
    threads.emplace_back([&wrong, i] {
      for (int n = 0; n < 25; ++n) {
        const bool right = (i + n) % 5 != 0;
        const bool in = login("TEST\\alice", right ? "Secret1" : "wrong") == kComplete;
        wrong += in == right ? 0 : 1;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(daemon_.records({}), 600u);
  EXPECT_EQ(worker_.records(), 0u);
}

// A server with many slow clients holds more open exchanges than one connection may.
TEST_F(Function, ThousandExchangesOpenAtOnce) {
  Credential alice = initiator("TEST\\alice", "Secret1");
  std::vector<Legs> open(1000);
  for (Legs& legs : open) {
    ASSERT_EQ(legs.half(alice.get()).major, GSS_S_CONTINUE_NEEDED);
  }
  for (Legs& legs : open) {
    ASSERT_EQ(legs.accept(), kComplete);
  }
}

TEST(FunctionOfLockout, CountsForAllWorkers) {
  const std::string user = "TEST\\" + unused_name("locked");
  Daemon daemon("[policy]\n lockout_threshold = 3\n lockout_duration = 5\n",
                "TEST:" + user.substr(5) + ":Secret1\n");
  const Worker worker(daemon);
  const auto in_child = [&](const char* password) {
    const pid_t child = fork();
    if (child == 0) {
      _exit(login(user, password) == kComplete ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status == 0;
  };
  EXPECT_TRUE(in_child("Secret1"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(in_child("wrong"));
  }
  EXPECT_EQ(login(user, "Secret1"), (Outcome{GSS_S_FAILURE, GSS_NTLM_MINOR_LOGON_DENIED}));
  EXPECT_EQ(daemon.records({"\"reason\":\"account-locked\""}), 1u);
  const auto end = std::chrono::steady_clock::now() + 30s;
  bool in = false;
  while (!in && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(250ms);
    in = in_child("Secret1");
  }
  EXPECT_TRUE(in) << "the lock has an end";
}

// The worker knows where its peer is; who counts is the daemon.
TEST(FunctionOfLockout, AddressReachesTheStoreProcess) {
  constexpr int kTries = 20;  // on a host that is too busy to make four logons within the delay
  const auto user = [name = unused_name("far")](int i) { return name + "x" + std::to_string(i); };
  std::string accounts;
  for (int i = 0; i < kTries; ++i) {
    accounts += "TEST:" + user(i) + ":Secret1\n";
  }
  // Never: these are addresses of the acceptor alone, which no peer's bindings have.
  const Daemon daemon("[policy]\n channel_bindings = never\n", accounts);
  const Worker worker(daemon);
  const auto from = [](const std::string& name, const char* password, Bytes address) {
    gss_channel_bindings_struct bindings{};
    bindings.initiator_addrtype = 24;  // IPv6
    bindings.initiator_address = {address.size(), address.data()};
    Credential credential = initiator("TEST\\" + name, password);
    Legs legs;
    EXPECT_EQ(legs.half(credential.get()).major, GSS_S_CONTINUE_NEEDED);
    return legs.accept(&bindings).major;
  };
  const Bytes here(16, 1), elsewhere(16, 2);
  bool in_time = false;
  for (int i = 0; i < kTries && !in_time; ++i) {
    const auto started = std::chrono::steady_clock::now();
    for (int failures = 0; failures < 3; ++failures) {
      EXPECT_EQ(from(user(i), "wrong", here), GSS_S_FAILURE);
    }
    const OM_uint32 waits = from(user(i), "Secret1", here);
    in_time = std::chrono::steady_clock::now() - started < 900ms;
    EXPECT_EQ(from(user(i), "Secret1", elsewhere), GSS_S_COMPLETE);
    const std::string name = "\"user\":\"" + user(i) + "\"";
    if (in_time) {
      EXPECT_EQ(waits, GSS_S_FAILURE);
      EXPECT_EQ(daemon.records({name, "\"reason\":\"wrong-password\""}), 3u);
      EXPECT_EQ(daemon.records({name, "\"reason\":\"too-soon\""}), 1u);
    }
  }
  EXPECT_TRUE(in_time);
}

// Runs in a child as another user, that has a worker's configuration and nothing else.
int as_uid(uid_t uid, const std::function<int()>& what) {
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(uid) != 0 || setuid(uid) != 0) {
      _exit(99);
    }
    _exit(what());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
constexpr uid_t kOther = 4711;

class PeerLines : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) {
      GTEST_SKIP() << "a second user needs root";
    }
  }
  // That user's exit status: 0 in, else the low byte of the minor status.
  static int login_as(const Daemon& daemon, uid_t uid, OM_uint32 wanted = kProtected,
                      const char* service = "HTTP@host.test.example") {
    daemon.open_to_all();
    return as_uid(uid, [&] {
      const Worker worker(daemon, kDeadline, 0);
      const Outcome outcome = login("TEST\\alice", "Secret1", wanted, service);
      return outcome == kComplete ? 0 : static_cast<int>(outcome.minor & 0xff);
    });
  }
};
constexpr int kLow(OM_uint32 minor) { return static_cast<int>(minor & 0xff); }

TEST_F(PeerLines, AUserWithoutALineIsRefused) {
  const Daemon daemon("[authd]\n peer = 0\n");
  EXPECT_EQ(login_as(daemon, 0), 0);
  EXPECT_EQ(login_as(daemon, kOther), kLow(GSS_NTLM_MINOR_AUTHORITY_ACCESS));
}

TEST_F(PeerLines, ALineOfAllOthers) {
  const Daemon daemon("[authd]\n peer = 0\n peer = * require=seal\n");
  EXPECT_EQ(login_as(daemon, kOther), 0);
  EXPECT_EQ(login_as(daemon, kOther, GSS_C_INTEG_FLAG), kLow(GSS_NTLM_MINOR_FEATURE_MISSING));
  EXPECT_EQ(login_as(daemon, 0, GSS_C_INTEG_FLAG), 0);
}

TEST_F(PeerLines, Targets) {
  const Daemon daemon(
      "[authd]\n peer = 4711 targets=imap/host.test.example,smtp/host.test.example\n");
  EXPECT_EQ(login_as(daemon, kOther, kProtected, "imap@host.test.example"), 0);
  EXPECT_EQ(login_as(daemon, kOther), kLow(GSS_NTLM_MINOR_TARGET_REFUSED));
}

TEST_F(PeerLines, TheRateIsOfOneUser) {
  const Daemon daemon("[authd]\n peer = 4711 rate=1 burst=5\n peer = 0\n");
  daemon.open_to_all();
  const int beyond = as_uid(kOther, [&] {
    const Worker worker(daemon, kDeadline, 0);
    const auto started = std::chrono::steady_clock::now();
    int count = 0;
    for (int i = 0; i < 20; ++i) {
      const Outcome outcome = login();
      count += outcome.minor == GSS_NTLM_MINOR_TOO_MANY_LOGONS ? 1 : 0;
      if (i < 5 && outcome != kComplete) {
        return 98;
      }
    }
    const auto took = std::chrono::steady_clock::now() - started;
    const auto most = 5 + std::chrono::ceil<std::chrono::seconds>(took).count();
    return static_cast<int>(std::max<std::int64_t>(20 - count - most, 0));
  });
  EXPECT_EQ(beyond, 0) << "more than the burst and one for each second";
  EXPECT_EQ(login_as(daemon, 0), 0) << "another user's rate";
}

TEST(FunctionWithoutDaemon, TheWorkerSaysSoAndWritesTheRecord) {
  Daemon daemon;
  const Worker worker(daemon);
  daemon.stop(SIGTERM);
  const Outcome outcome = login();
  EXPECT_EQ(outcome, (Outcome{GSS_S_FAILURE, GSS_NTLM_MINOR_AUTHORITY_DOWN}));
  EXPECT_EQ(worker.records({"\"reason\":\"authority-down\""}), 1u);
  Buffer text_of_it;
  OM_uint32 minor = 0, more = 0;
  ASSERT_EQ(
      gss_display_status(&minor, outcome.minor, GSS_C_MECH_CODE, &g_ntlm, &more, text_of_it.out()),
      GSS_S_COMPLETE);
  EXPECT_NE(text(text_of_it).find("ntlm-authd"), std::string::npos) << text(text_of_it);
  daemon.start();
  EXPECT_EQ(login(), kComplete);
}

TEST(FunctionWithoutDaemon, SomebodyElseListens) {
  Daemon daemon;
  const Worker worker(daemon, kDeadline, geteuid() + 1);
  EXPECT_EQ(login(), (Outcome{GSS_S_FAILURE, GSS_NTLM_MINOR_AUTHORITY_ACCESS}));
  EXPECT_EQ(worker.records({"\"reason\":\"authority-access\""}), 1u);
}

TEST(FunctionOfStart, AnotherProgramsSocketStays) {
  for (const int kind : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    Daemon daemon;
    daemon.stop(SIGKILL);
    unlink(daemon.socket().c_str());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    daemon.socket().copy(address.sun_path, sizeof address.sun_path - 1);
    const FileDescriptor other(socket(AF_UNIX, kind | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(other.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_TRUE(kind == SOCK_DGRAM || listen(other.get(), 1) == 0);
    const std::string command = std::string("timeout 60 ") + NTLM_AUTHD + " --config " +
                                daemon.path("authd.conf") + " --socket " + daemon.socket() + " 2>" +
                                daemon.path("said");
    EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 1);
    EXPECT_NE(daemon.directory().read("said").find("another program listens there"),
              std::string::npos);
    struct stat status {};
    EXPECT_EQ(stat(daemon.socket().c_str(), &status), 0) << "and it is still there";
  }
}

// The exit status of --check, and what it said.
std::pair<int, std::string> check(const Daemon& daemon, const std::string& more = "") {
  const std::string command = std::string(NTLM_AUTHD) + " --check --config " +
                              daemon.path("authd.conf") + " " + more + " >" + daemon.path("said") +
                              " 2>&1";
  const int status = std::system(command.c_str());
  return {WEXITSTATUS(status), daemon.directory().read("said")};
}

TEST(FunctionOfCheck, StoresThatCannotBeAsked) {
  const Daemon daemon;
  const std::string self = geteuid() == 0 ? "--user root" : "";
  EXPECT_EQ(check(daemon, self), std::pair(0, daemon.path("authd.conf") + ": sound\n"));
  ASSERT_EQ(unlink(daemon.path("users").c_str()), 0);
  const auto [missing, why] = check(daemon, self);
  EXPECT_EQ(missing, 6);
  EXPECT_NE(why.find("users: No such file or directory; a line of the file is"), why.npos) << why;

  const std::string store = "lmdb:" + daemon.path("accounts");
  const Daemon other("", Daemon::kAccounts, "text:");
  other.directory().write("authd.conf", "[ntlm]\n store = " + store + "\n");
  const auto [none, next] = check(other, self);
  EXPECT_EQ(none, 6);
  EXPECT_NE(next.find(" add NAME makes it"), next.npos) << next;
  EXPECT_EQ(check(other, "--user nobody-of-that-name").first, 2);
}

// What the start would stumble over, again and again where systemd repeats it.
TEST(FunctionOfCheck, WhereNoAuditFileAndNoSocketCanBe) {
  const Daemon daemon;
  const std::string sound = "[ntlm]\n store = text:" + daemon.path("users") + "\n";
  const std::string self = geteuid() == 0 ? "--user root" : "";
  daemon.directory().write("authd.conf", sound + "[audit]\n json = /nowhere/audit.jsonl\n");
  const auto [no_file, why] = check(daemon, self);
  EXPECT_EQ(no_file, 6);
  EXPECT_NE(why.find("[audit] json: /nowhere"), why.npos) << why;
  daemon.directory().write("authd.conf",
                           sound + "[authd]\n socket = /" + std::string(120, 's') + "\n");
  const auto [too_long, which] = check(daemon, self);
  EXPECT_EQ(too_long, 6);
  EXPECT_NE(which.find("[authd] socket: /sss"), which.npos) << which;
  EXPECT_NE(which.find("too long for the name of a socket"), which.npos) << which;
}

TEST(FunctionOfCheck, AccountsThatTheDaemonsUserMayNotRead) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "to look as another user needs root";
  }
  const Daemon daemon;
  ASSERT_EQ(chmod(daemon.directory().path().c_str(), 0711), 0);
  const auto [status, why] = check(daemon, "--user nobody");
  EXPECT_EQ(status, 6);
  EXPECT_NE(
      why.find("user nobody: " + daemon.path("users") + ": Permission denied; systemd-tmpfiles"),
      why.npos)
      << why;
}

TEST(FunctionActivated, TheSocketIsHandedOver) {
  Daemon daemon;
  const Worker worker(daemon);
  EXPECT_EQ(login(), kComplete);
  daemon.stop(SIGTERM);
  daemon.start(true);
  EXPECT_EQ(login(), kComplete);
}

}  // namespace
}  // namespace ntlm::test
