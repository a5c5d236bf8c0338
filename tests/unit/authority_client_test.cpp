// SPDX-License-Identifier: MIT
// A worker's end of the socket, with a daemon of the test's own that answers as the test says.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "authority/client.h"
#include "authority/frame.h"
#include "base/trusted_file.h"
#include "support/temporary_directory.h"

namespace ntlm::authority {
namespace {

using namespace std::chrono_literals;

// One frame's answer; empty: the connection is closed.
using Answers = std::function<Bytes(ByteView)>;
const Bytes kNoAnswer{0};

class Double {
 public:
  explicit Double(Answers answers) : answers_(std::move(answers)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    EXPECT_EQ(listen(listener_.get(), 64), 0);
    accepting_ = std::thread([this] {
      while (true) {
        const int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) {
          return;
        }
        ++connections;
        serving_.emplace_back([this, fd] { serve(FileDescriptor(fd)); });
      }
    });
  }
  ~Double() {
    shutdown(listener_.get(), SHUT_RDWR);
    accepting_.join();
    for (std::thread& one : serving_) {
      one.join();
    }
  }
  std::string path() const { return directory_.path("sock"); }
  std::atomic<int> connections{0}, aborts{0};

 private:
  void serve(FileDescriptor socket) {
    Bytes room(kMaxRequest);
    while (true) {
      const ssize_t size = recv(socket.get(), room.data(), room.size(), 0);
      if (size <= 0) {
        return;
      }
      const ByteView frame = ByteView(room).first(static_cast<std::size_t>(size));
      const auto request = read_request(frame);
      if (!request) {
        return;
      }
      if (std::holds_alternative<Abort>(request->body)) {
        ++aborts;
        continue;
      }
      const Bytes answer = answers_(frame);
      if (answer.empty()) {
        return;
      }
      if (answer == kNoAnswer) {
        continue;
      }
      (void)send(socket.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }
  test::TemporaryDirectory directory_;
  Answers answers_;
  FileDescriptor listener_{socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
  std::thread accepting_;
  std::vector<std::thread> serving_;
};

Bytes reply_to(ByteView frame, const decltype(Reply::body)& body) {
  const SecretBytes out = write_reply({read_request(frame)->number, body}).value();
  return Bytes(out.begin(), out.end());
}
const Bytes kMessage(40, 7);
// A challenge for each BEGIN, and for each FINISH what it brought.
Bytes proper(ByteView frame) {
  const auto request = read_request(frame);
  if (const auto* finish = std::get_if<Finish>(&request->body)) {
    return reply_to(frame, Acceptance{finish->authenticate});
  }
  return reply_to(frame, Challenge{{1, 2, 3}, kMessage});
}

// The deadline is short only where a test waits for it.
std::shared_ptr<const protocol::Authority> client(const Double& daemon,
                                                  std::chrono::seconds deadline = 20s) {
  return make_client({daemon.path(), geteuid(), deadline, nullptr});
}

// A failure when it does not come true.
template <typename Condition>
void wait_until(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      ADD_FAILURE() << "waited for in vain";
      return;
    }
    std::this_thread::sleep_for(1ms);
  }
}

TEST(AuthorityClient, ThreadsThatFinishAndThreadsThatGiveUp) {
  Double daemon(proper);
  {
    const auto authority = client(daemon);
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (std::uint8_t t = 0; t < 20; ++t) {
      threads.emplace_back([&, t] {
        for (std::uint8_t n = 0; n < 50; ++n) {
          auto begun = authority->begin(kMessage, {}, "service");
          const Bytes token(100, static_cast<std::uint8_t>(t + n));
          if (!begun || begun->challenge != kMessage) {
            ++wrong;
          } else if (n % 3 != 0) {
            const auto saved = begun->exchange->finish(token, {}, nullptr);
            wrong += saved && std::equal(saved->begin(), saved->end(), token.begin(), token.end())
                         ? 0
                         : 1;
          }
        }
      });
    }
    for (std::thread& one : threads) {
      one.join();
    }
    EXPECT_EQ(wrong, 0);
    // What was given up while another called is told with the next call.
    for (int i = 0; i < 64; ++i) {
      ASSERT_TRUE(authority->begin(kMessage, {}, ""));
    }
  }
  EXPECT_LE(daemon.connections, 16);
  EXPECT_GT(daemon.aborts, 20 * 16);
}

TEST(AuthorityClient, AnswersThatAreNone) {
  const std::vector<Answers> liars = {[](ByteView) { return Bytes(20, 1); },
                                      [](ByteView) { return Bytes(1, 1); },
                                      [](ByteView frame) {  // of another request
                                        Bytes answer = proper(frame);
                                        answer[8] ^= 1;
                                        return answer;
                                      },
                                      [](ByteView frame) {
                                        Bytes answer = proper(frame);
                                        answer.pop_back();
                                        return answer;
                                      },
                                      [](ByteView) { return Bytes(kMaxReply + 1, 1); },
                                      [](ByteView) { return Bytes(); }};
  for (const Answers& liar : liars) {
    Double daemon(liar);
    const auto begun = client(daemon, 1s)->begin(kMessage, {}, "");
    ASSERT_FALSE(begun);
    EXPECT_EQ(begun.error().code, Errc::kAuthorityDown);
  }
}

TEST(AuthorityClient, AnAnswerToAnotherQuestion) {
  Double daemon([](ByteView frame) { return reply_to(frame, Acceptance{kMessage}); });
  const auto begun = client(daemon)->begin(kMessage, {}, "");
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, Errc::kInternal);
}

TEST(AuthorityClient, ARefusalIsTheDaemonsVerdict) {
  Double daemon([](ByteView frame) { return reply_to(frame, Errc::kTooManyLogons); });
  const auto begun = client(daemon)->begin(kMessage, {}, "");
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, Errc::kTooManyLogons);
  EXPECT_EQ(std::string(begun.error().where), protocol::kVerdict);
}

TEST(AuthorityClient, SilenceEndsAtTheDeadline) {
  std::atomic<bool> over{false};
  Double daemon([&over](ByteView frame) {
    for (int i = 0; i < 2000 && !over; ++i) {
      std::this_thread::sleep_for(5ms);
    }
    return proper(frame);
  });
  const auto started = std::chrono::steady_clock::now();
  EXPECT_FALSE(client(daemon, 1s)->begin(kMessage, {}, ""));
  EXPECT_LT(std::chrono::steady_clock::now() - started, 5s);
  over = true;
}

// All on one connection.
TEST(AuthorityClient, AnAnswerThatTakesItsTimeHoldsNoOther) {
  const Bytes slow(100, 1), quick(100, 2);
  std::atomic<int> waiting{0};
  const auto is_slow = [&](ByteView frame) {
    const auto request = read_request(frame);
    const auto* finish = std::get_if<Finish>(&request->body);
    return finish != nullptr && finish->authenticate[0] == 1;
  };
  Double daemon([&](ByteView frame) {
    waiting += is_slow(frame) ? 1 : 0;
    return is_slow(frame) ? kNoAnswer : proper(frame);
  });
  const auto authority = client(daemon, 5s);
  std::vector<std::unique_ptr<protocol::Authority::Exchange>> exchanges;
  for (int i = 0; i < 8; ++i) {  // all on the first connection, which is free each time
    exchanges.push_back(std::move(authority->begin(kMessage, {}, "")->exchange));
  }
  ASSERT_EQ(daemon.connections, 1);
  std::vector<std::thread> threads;
  std::atomic<int> late{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const auto outcome = exchanges[static_cast<std::size_t>(i)]->finish(slow, {}, nullptr);
      late += !outcome && outcome.error().code == Errc::kAuthorityDown ? 1 : 0;
    });
  }
  wait_until([&] { return waiting == 4; });
  const auto started = std::chrono::steady_clock::now();
  for (std::size_t i = 4; i < 8; ++i) {
    const auto saved = exchanges[i]->finish(quick, {}, nullptr);
    ASSERT_TRUE(saved);
    EXPECT_TRUE(std::equal(saved->begin(), saved->end(), quick.begin(), quick.end()));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - started, 3s);
  for (std::thread& one : threads) {
    one.join();
  }
  EXPECT_EQ(late, 4);
  EXPECT_TRUE(authority->begin(kMessage, {}, "")) << "the connection goes on";
  EXPECT_EQ(daemon.connections, 1);
}

// A peer without an account may send one: the daemon has to hear of it, and other logons go on.
TEST(AuthorityClient, ATokenThatIsTooLong) {
  Double daemon(proper);
  const auto authority = client(daemon);
  for (const std::size_t size : {2888u, 2889u, 2890u, 8193u, 70000u}) {
    const Bytes token(size, 1);
    const auto other = authority->begin(kMessage, {}, "");
    ASSERT_TRUE(other);
    const auto begun = authority->begin(token, {}, "");
    ASSERT_TRUE(begun) << size;
    const auto saved = begun->exchange->finish(token, {}, nullptr);
    ASSERT_TRUE(saved) << size;
    EXPECT_EQ(saved->size(), std::min<std::size_t>(size, 2889)) << "still too long";
    EXPECT_TRUE(other->exchange->finish(kMessage, {}, nullptr)) << size;
  }
  EXPECT_EQ(daemon.connections, 1);
}

// An account's name as long as it may be: 256 and 255 UTF-16 units.
TEST(AuthorityClient, AServiceWithALongName) {
  Double daemon(proper);
  const auto authority = client(daemon);
  EXPECT_TRUE(authority->begin(kMessage, {}, std::string(3 * 256 + 1 + 3 * 255, 's')));
  const auto refused = authority->begin(kMessage, {}, std::string(2049, 's'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::kBadArgument);
  EXPECT_EQ(daemon.connections, 1);
}

// An application's mistake: said so, and not that the daemon is gone or the peer's token is bad.
TEST(AuthorityClient, BindingsThatFitInNoFrame) {
  Double daemon(proper);
  const auto authority = client(daemon);
  const Bytes whole(4096, 1), rest(1, 2);
  crypto::ChannelBindings bindings;
  bindings.application = whole;
  {
    const auto begun = authority->begin(kMessage, {}, "");
    ASSERT_TRUE(begun);
    bindings.initiator = rest;
    const auto refused = begun->exchange->finish(kMessage, {}, &bindings);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::kBadArgument);
  }
  const auto begun = authority->begin(kMessage, {}, "");
  ASSERT_TRUE(begun);
  EXPECT_EQ(daemon.aborts, 1);
  bindings.initiator = {};
  EXPECT_TRUE(begun->exchange->finish(kMessage, {}, &bindings));
}

// The daemon is started anew while more threads ask than there are connections.
TEST(AuthorityClient, RestartedUnderManyCalls) {
  std::atomic<bool> anew{false};
  Double daemon([&](ByteView frame) {
    if (anew) {
      return proper(frame);
    }
    while (!anew) {
      std::this_thread::sleep_for(1ms);
    }
    return Bytes();
  });
  const auto authority = make_client({daemon.path(), geteuid(), std::chrono::seconds(20), nullptr});
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int i = 0; i < 100; ++i) {
    threads.emplace_back([&] { failed += authority->begin(kMessage, {}, "") ? 0 : 1; });
  }
  wait_until([&] { return daemon.connections >= 16; });
  std::this_thread::sleep_for(100ms);  // so that the others have come, too
  anew = true;
  for (std::thread& one : threads) {
    one.join();
  }
  EXPECT_EQ(failed, 0);
  EXPECT_LE(daemon.connections, 32) << "16 that were closed, and no more than 16 after them";
}

// The daemon would end the oldest exchange of a connection that has as many as it may.
TEST(AuthorityClient, AFullConnectionGetsNoMore) {
  std::mutex mutex;
  std::map<std::thread::id, std::size_t> begun_on;  // each connection has a thread of the daemon's
  Double daemon([&](ByteView frame) {
    const auto request = read_request(frame);
    const auto* begin = std::get_if<Begin>(&request->body);
    if (begin == nullptr || begin->service == "slow") {
      return kNoAnswer;
    }
    const std::lock_guard lock(mutex);
    ++begun_on[std::this_thread::get_id()];
    return proper(frame);
  });
  const auto authority = client(daemon, 5s);
  std::vector<std::unique_ptr<protocol::Authority::Exchange>> open;
  const auto begin = [&] {
    auto begun = authority->begin(kMessage, {}, "");
    ASSERT_TRUE(begun);
    open.push_back(std::move(begun->exchange));
  };
  for (std::size_t i = 0; i < kMaxExchanges; ++i) {
    begin();
  }
  ASSERT_EQ(daemon.connections, 1);
  std::vector<std::thread> threads;  // none of the 16 is free
  for (int i = 0; i < 15; ++i) {
    threads.emplace_back([&] { (void)authority->begin(kMessage, {}, "slow"); });
  }
  const auto full = std::move(open.back());
  open.pop_back();
  threads.emplace_back([&] { (void)full->finish(kMessage, {}, nullptr); });
  wait_until([&] { return daemon.connections >= 16; });
  for (int i = 0; i < 64; ++i) {
    begin();
  }
  for (std::thread& one : threads) {
    one.join();
  }
  for (const auto& [connection, count] : begun_on) {
    EXPECT_LE(count, kMaxExchanges);
  }
}

TEST(AuthorityClient, ADirectoryThatOthersMayWriteTo) {
  const test::TemporaryDirectory directory;
  ASSERT_EQ(chmod(directory.path().c_str(), 0777), 0);
  const auto authority = make_client({directory.path("sock"), geteuid(), 1s, nullptr});
  const auto begun = authority->begin(kMessage, {}, "");
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, Errc::kAuthorityAccess);
}

// systemd makes it with the socket: nobody has started that.
TEST(AuthorityClient, ADirectoryThatIsNotThere) {
  static std::string told;
  const test::TemporaryDirectory directory;
  const auto authority =
      make_client({directory.path("none/sock"), geteuid(), std::chrono::seconds(1),
                   [](std::string why) { told = std::move(why); }});
  const auto begun = authority->begin(kMessage, {}, "service");
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, Errc::kAuthorityDown);
  EXPECT_NE(told.find("is ntlm-authd.socket started?"), std::string::npos) << told;
}

TEST(AuthorityClient, StoresBesideTheDaemon) {
  const test::TemporaryDirectory directory;
  const auto settings_of = [&](std::string_view ntlm) {
    const std::string path = directory.write("ntlm.conf", "[ntlm]\n" + std::string(ntlm));
    return settings_from(Config::load(path).value());
  };
  EXPECT_EQ(settings_of("store = authd\n").value()->socket, kDefaultSocket);
  const ClientSettings own =
      settings_of("store = authd:/a/b\nauthd_uid = 7\nstore_deadline = 9\n")->value();
  EXPECT_EQ(own.socket, "/a/b");
  EXPECT_EQ(own.server, 7u);
  EXPECT_EQ(own.deadline, 9s);
  EXPECT_FALSE(settings_of("store = text:/a\n").value());
  EXPECT_FALSE(settings_of("store = authd\nstore = text:/a\n"));
  EXPECT_FALSE(settings_of("store = authd:relative\n"));
  EXPECT_FALSE(settings_of("store = authd:\n"));
}

}  // namespace
}  // namespace ntlm::authority
