// SPDX-License-Identifier: MIT
// A domain whose controllers do not answer, behind the daemon (lost_domain.cpp): its logons end
// with their own status at the deadline, and hold nobody else's.
#include <atomic>

#include "authd/raw_worker.h"
#include "authority/client.h"

namespace ntlm::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kLate = 6s;             // the daemon's deadline
constexpr auto kEnd = kLate + 4500ms;  // of a slow logon, on a busy machine
constexpr auto kWell = kLate / 2;      // what a quick one may take there
constexpr Errc kIn = RawWorker::kNoError;

// A domain is lost, or winbindd itself down, as it passes for when a busy machine lets it say too
// late that it is there.
bool is_lost(Errc error) { return error == Errc::kNoAuthority || error == Errc::kAuthorityDown; }

Peer user_of(std::string_view domain) {
  Peer peer;
  peer.domain = domain;
  return peer;
}

class LostDomain : public testing::Test {
 protected:
  LostDomain() { start(); }
  // The daemon finds the stand-in.
  void start() {
    setenv("LD_LIBRARY_PATH", NTLM_LOST_DOMAIN, 1);
    daemon_.emplace(
        "[policy]\n lockout_threshold = 0\n lockout_delay = 0\n[authd]\n rate = 0\n"
        " failures_per_second = 0\n",
        "HOST:User:Password\n", "winbind\n store_deadline = 6\n store = text:");
    unsetenv("LD_LIBRARY_PATH");
  }
  void TearDown() override { EXPECT_TRUE(daemon_->alive()); }
  std::size_t records_of_lost() const {
    return daemon_->records({"\"reason\":\"no-authority\""}) +
           daemon_->records({"\"reason\":\"authority-down\""});
  }

  std::optional<Daemon> daemon_;
};

// What a logon ended with, and that it did so in [from, to].
struct Timed {
  Errc error;
  Clock::duration took;
};
Timed timed(const RawWorker& worker, std::string_view domain) {
  const auto started = Clock::now();
  const Errc error = worker.login(user_of(domain));
  return {error, Clock::now() - started};
}

// This host's users log in, quickly, until `stop`.
void expect_quick(const Daemon& daemon, const std::atomic<bool>& stop) {
  const RawWorker worker(daemon);
  int logons = 0;
  for (; !stop || logons == 0; ++logons) {
    const Timed one = timed(worker, "HOST");
    EXPECT_EQ(one.error, kIn);
    EXPECT_LT(one.took, kWell);
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_GT(logons, 20) << "they were held up";
}

TEST_F(LostDomain, ItsLogonsHoldNoOthers) {
  std::atomic<bool> stop{false};
  std::vector<std::jthread> quick, slow;
  for (int i = 0; i < 40; ++i) {
    slow.emplace_back([this] {
      const Timed one = timed(RawWorker(*daemon_), "LOST");
      EXPECT_TRUE(is_lost(one.error));
      EXPECT_LT(one.took, kEnd);
    });
  }
  for (int i = 0; i < 4; ++i) {
    quick.emplace_back([&] { expect_quick(*daemon_, stop); });
  }
  std::this_thread::sleep_for(100ms);
  const Timed other = timed(RawWorker(*daemon_), "CORP");
  EXPECT_EQ(other.error, Errc::kLogonDenied) << "a domain that answers";
  EXPECT_LT(other.took, kWell);
  slow.clear();
  stop = true;
  quick.clear();
  EXPECT_EQ(records_of_lost(), 40u);
}

// One worker's threads share sixteen connections.
TEST_F(LostDomain, ThreadsOfOneWorker) {
  const auto authority = authority::make_client({daemon_->socket(), geteuid(), 20s, nullptr});
  const auto login = [&](std::string_view domain) {
    const auto started = Clock::now();
    const Bytes negotiate = negotiate_message(kUsualFlags);
    auto begun = authority->begin(negotiate, {}, "");
    const auto saved =
        begun ? begun->exchange->finish(user_of(domain).authenticate(negotiate, begun->challenge),
                                        {}, nullptr)
              : tl::unexpected(begun.error());
    return Timed{saved ? kIn : saved.error().code, Clock::now() - started};
  };
  std::vector<std::jthread> slow;
  for (int i = 0; i < 40; ++i) {
    slow.emplace_back([&] {
      const Timed one = login("LOST");
      EXPECT_TRUE(is_lost(one.error));
      EXPECT_LT(one.took, kEnd);
    });
  }
  for (int i = 0; i < 100; ++i) {
    const Timed one = login("HOST");
    EXPECT_EQ(one.error, kIn);
    EXPECT_LT(one.took, kWell);
    std::this_thread::sleep_for(5ms);
  }
}

// Another user, whose workers each leave a FINISH unanswered. Needs root.
class Flood {
 public:
  template <typename DomainOf>
  Flood(const Daemon& daemon, uid_t uid, int workers, DomainOf domain_of) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    process_ = fork();
    if (process_ == 0) {
      close(ends[0]);
      if (setgid(uid) != 0 || setuid(uid) != 0) {
        _exit(99);
      }
      std::vector<RawWorker> all;
      for (int i = 0; i < workers; ++i) {
        Begun begun;
        if (all.emplace_back(daemon).begin(begun) != kIn) {
          _exit(1);
        }
        const Bytes answer = user_of(domain_of(i)).authenticate(begun.negotiate, begun.challenge);
        all.back().send(
            authority::write_request({8, authority::Finish{begun.handle, {}, {}, answer}}).value());
      }
      char byte = 0;
      send(ends[1], &byte, 1, MSG_NOSIGNAL);
      recv(ends[1], &byte, 1, 0);
      _exit(0);
    }
    close(ends[1]);
    end_ = FileDescriptor(ends[0]);
    char byte = 0;
    EXPECT_EQ(recv(ends[0], &byte, 1, 0), 1);
  }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;
  ~Flood() {
    shutdown(end_.get(), SHUT_RDWR);  // a later one's process may have it, too
    int status = -1;
    waitpid(process_, &status, 0);
    EXPECT_EQ(status, 0);
  }

 private:
  pid_t process_ = -1;
  FileDescriptor end_;
};

// Users who name one lost domain after the other have a share each, and others theirs.
TEST_F(LostDomain, OtherUsersThatNameManyOfThem) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "a second user needs root";
  }
  daemon_->open_to_all();
  const RawWorker worker(*daemon_);
  EXPECT_EQ(timed(worker, "CORP").error, Errc::kLogonDenied);
  const auto lost = [](int i) { return "LOST" + std::to_string(i); };
  const Flood one(*daemon_, 4711, 300, lost), two(*daemon_, 4712, 300, lost);
  for (int i = 0; i < 20; ++i) {
    for (const auto& [domain, expected] :
         {std::pair("HOST", kIn), std::pair("CORP", Errc::kLogonDenied)}) {
      const Timed each = timed(worker, domain);
      ASSERT_EQ(each.error, expected) << domain;
      ASSERT_LT(each.took, kWell) << domain;
    }
  }
}

// What the configuration calls this host is no domain, though winbindd does not know the name.
TEST_F(LostDomain, ConfiguredNameOfThisHostIsNotAsked) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "a second user needs root";
  }
  daemon_->open_to_all();
  const Flood flood(*daemon_, 4711, 100, [](int) { return "host.test.example"; });
  const RawWorker worker(*daemon_);
  const Timed own = timed(worker, "HOST");
  EXPECT_EQ(own.error, kIn);
  EXPECT_LT(own.took, kWell);
}

// A worker that does not wait: its logons on one connection overtake each other.
TEST_F(LostDomain, AnswersOvertakeOnOneConnection) {
  const RawWorker worker(*daemon_);
  Begun lost, ours;
  ASSERT_EQ(worker.begin(lost), kIn);
  ASSERT_EQ(worker.begin(ours), kIn);
  const auto started = Clock::now();
  ASSERT_TRUE(worker.send(
      authority::write_request(
          {9,
           authority::Finish{
               lost.handle, {}, {}, user_of("LOST").authenticate(lost.negotiate, lost.challenge)}})
          .value()));
  EXPECT_EQ(
      worker.finish(ours.handle, user_of("HOST").authenticate(ours.negotiate, ours.challenge)),
      kIn);
  EXPECT_LT(Clock::now() - started, kWell);
  const Bytes frame = worker.receive();
  const auto reply = authority::read_reply(frame);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->number, 9u);
  EXPECT_TRUE(is_lost(std::get<Errc>(reply->body)));
  EXPECT_LT(Clock::now() - started, kEnd);
}

TEST_F(LostDomain, AWinbinddThatStartsLater) {
  const TemporaryDirectory directory;
  const std::string stopped = directory.write("stopped", "");
  setenv("LOST_DOMAIN_STOPPED", stopped.c_str(), 1);
  daemon_.reset();
  start();
  unsetenv("LOST_DOMAIN_STOPPED");
  EXPECT_EQ(RawWorker(*daemon_).login(user_of("CORP")), Errc::kAuthorityDown);
  ASSERT_EQ(unlink(stopped.c_str()), 0);
  // The front looks again once a second.
  const auto end = Clock::now() + 30s;
  while (RawWorker(*daemon_).login(user_of("CORP")) == Errc::kAuthorityDown && Clock::now() < end) {
    std::this_thread::sleep_for(50ms);
  }
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(RawWorker(*daemon_).login(user_of("CORP")), Errc::kLogonDenied);
    EXPECT_EQ(RawWorker(*daemon_).login(user_of("HOST")), kIn);
  }
}

// Whoever goes away meanwhile leaves a record, and nothing behind.
TEST_F(LostDomain, AWorkerThatGoesAway) {
  {
    const RawWorker worker(*daemon_);
    Begun begun;
    ASSERT_EQ(worker.begin(begun), kIn);
    const Bytes answer = user_of("LOST").authenticate(begun.negotiate, begun.challenge);
    ASSERT_TRUE(worker.send(
        authority::write_request({9, authority::Finish{begun.handle, {}, {}, answer}}).value()));
  }
  const auto end = Clock::now() + kEnd;
  while (records_of_lost() == 0 && Clock::now() < end) {
    std::this_thread::sleep_for(20ms);
  }
  EXPECT_EQ(records_of_lost(), 1u);
  EXPECT_EQ(RawWorker(*daemon_).login(user_of("HOST")), kIn);
}

}  // namespace
}  // namespace ntlm::test
