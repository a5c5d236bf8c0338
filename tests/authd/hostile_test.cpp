// SPDX-License-Identifier: MIT
// A worker that has been taken over tries what it must not be able to do (security.md section 6,
// "Compromised worker": cannot). Each try is refused, the daemon lives, others are served.
#include <fcntl.h>
#include <poll.h>
#include <sys/ptrace.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <random>

#include "authd/raw_worker.h"
#include "support/unused_name.h"

namespace ntlm::test {
namespace {

using authority::Handle;

constexpr Errc kIn = RawWorker::kNoError;
constexpr const char* kAccount = "Domain:User:Password\n";
constexpr const char* kUnlimited = "[policy]\n lockout_threshold = 0\n[authd]\n rate = 0\n";

Peer wrong() {
  Peer peer;
  peer.password = "wrong";
  return peer;
}

class Hostile : public testing::Test {
 protected:
  void TearDown() override {
    EXPECT_TRUE(daemon_.alive());
    EXPECT_EQ(RawWorker(daemon_).login(), kIn) << "another worker";
  }
  Daemon daemon_{kUnlimited, kAccount};
};

Bytes frame_of(const decltype(authority::Request::body)& body) {
  const SecretBytes frame = authority::write_request({1, body}).value();
  return Bytes(frame.begin(), frame.end());
}
Bytes begin_frame() { return frame_of(authority::Begin{{}, "s", negotiate_message(kUsualFlags)}); }
Bytes finish_frame(const Handle& handle = {}) {
  return frame_of(authority::Finish{handle, {}, {}, Bytes(300, 1)});
}

TEST_F(Hostile, FramesThatAreNone) {
  const std::vector<std::pair<std::size_t, std::uint32_t>> heads = {
      {0, 0},        // magic
      {4, 0x10002},  // version 2
      {4, 0x00001},  // operation 0
      {4, 0x40001},  // REFUSAL
      {4, 0x50001}, {4, 0xffff0001}, {12, 0}, {12, 0xffffffff}, {12, 0x7fffffff}};
  for (const auto& [offset, value] : heads) {
    Bytes frame = begin_frame();
    store32(frame, offset, value);
    EXPECT_TRUE(RawWorker(daemon_).is_closed_for(frame)) << offset << " " << value;
  }
  for (const Bytes& whole : {begin_frame(), finish_frame()}) {
    for (std::size_t size = 1; size < whole.size(); ++size) {
      Bytes frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_TRUE(RawWorker(daemon_).is_closed_for(frame)) << "cut at " << size;
      if (size >= 16) {  // and says so
        store32(frame, 12, static_cast<std::uint32_t>(size - 16));
        EXPECT_TRUE(RawWorker(daemon_).is_closed_for(frame)) << "cut at " << size;
      }
    }
    Bytes longer = whole;
    longer.push_back(0);
    EXPECT_TRUE(RawWorker(daemon_).is_closed_for(longer));
    store32(longer, 12, static_cast<std::uint32_t>(longer.size() - 16));
    EXPECT_TRUE(RawWorker(daemon_).is_closed_for(longer));
  }
}

TEST_F(Hostile, FramesThatAreTooLong) {
  for (const std::size_t size : {authority::kMaxRequest + 1, std::size_t{65536}}) {
    Bytes frame = begin_frame();
    frame.resize(size);
    store32(frame, 12, static_cast<std::uint32_t>(size - 16));
    EXPECT_TRUE(RawWorker(daemon_).is_closed_for(frame)) << size;
  }
}

TEST_F(Hostile, HalfAFrameAndThenTheOther) {
  const Bytes whole = begin_frame();
  const RawWorker worker(daemon_);
  ASSERT_TRUE(worker.send(ByteView(whole).first(20)));
  EXPECT_TRUE(worker.is_closed_for(ByteView(whole).subspan(20))) << "nothing is put together";
}

std::size_t descriptors_of(pid_t process) {
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(process) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

TEST_F(Hostile, DescriptorsAlongWithAFrame) {
  for (int round = 0; round < 50; ++round) {
    const RawWorker worker(daemon_);
    Bytes frame = begin_frame();
    iovec part{frame.data(), frame.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    const int passed = worker.fd();
    std::memcpy(CMSG_DATA(head), &passed, sizeof passed);
    ASSERT_GT(sendmsg(worker.fd(), &message, MSG_NOSIGNAL), 0);
    EXPECT_TRUE(worker.receive().empty());
  }
  if (geteuid() == 0) {
    EXPECT_LT(descriptors_of(daemon_.front()), 30u);
  }
}

TEST_F(Hostile, HandleOfAnotherConnection) {
  const RawWorker victim(daemon_), thief(daemon_);
  Begun begun;
  ASSERT_EQ(victim.begin(begun), kIn);
  const Bytes authenticate = Peer().authenticate(begun.negotiate, begun.challenge);
  EXPECT_EQ(thief.finish(begun.handle, authenticate), Errc::kDeadContext);
  ASSERT_TRUE(thief.send(authority::write_request({0, authority::Abort{begun.handle}}).value()));
  EXPECT_EQ(thief.login(), kIn);
  EXPECT_EQ(victim.finish(begun.handle, authenticate), kIn) << "the thief has ended nothing";
}

TEST_F(Hostile, HandleTwice) {
  const RawWorker worker(daemon_);
  for (const Peer& peer : {Peer(), wrong()}) {
    Begun begun;
    ASSERT_EQ(worker.begin(begun), kIn);
    const Bytes right = Peer().authenticate(begun.negotiate, begun.challenge);
    worker.finish(begun.handle, peer.authenticate(begun.negotiate, begun.challenge));
    EXPECT_EQ(worker.finish(begun.handle, right), Errc::kDeadContext)
        << "a second guess against one challenge";
  }
}

TEST_F(Hostile, HandlesThatWereNeverGiven) {
  const RawWorker worker(daemon_);
  Begun begun;
  ASSERT_EQ(worker.begin(begun), kIn);
  for (std::size_t i = 0; i < begun.handle.size(); ++i) {
    Handle guess = begun.handle;
    guess[i] ^= 1;
    EXPECT_EQ(worker.finish(guess, Peer().authenticate(begun.negotiate, begun.challenge)),
              Errc::kDeadContext);
  }
}

TEST_F(Hostile, ResponseToAChallengeThatTheDaemonDidNotMake) {
  const RawWorker worker(daemon_);
  Begun begun, other;
  ASSERT_EQ(worker.begin(begun), kIn);
  ASSERT_EQ(worker.begin(other), kIn);
  // The fixed challenge of everybody's tables, and one of another exchange.
  Bytes chosen = begun.challenge;
  for (std::size_t i = 0; i < 8; ++i) {
    chosen[24 + i] = static_cast<std::uint8_t>(0x11 * (i + 1));
  }
  EXPECT_EQ(worker.finish(begun.handle, Peer().authenticate(begun.negotiate, chosen)),
            Errc::kLogonDenied);
  ASSERT_EQ(worker.begin(begun), kIn);
  Bytes mixed = begun.challenge;
  std::copy_n(other.challenge.begin() + 24, 8, mixed.begin() + 24);
  EXPECT_EQ(worker.finish(begun.handle, Peer().authenticate(begun.negotiate, mixed)),
            Errc::kLogonDenied);
}

TEST_F(Hostile, ChallengesDiffer) {
  const RawWorker worker(daemon_);
  std::vector<Bytes> seen;
  for (int i = 0; i < 50; ++i) {
    Begun begun;
    ASSERT_EQ(worker.begin(begun), kIn);
    seen.emplace_back(begun.challenge.begin() + 24, begun.challenge.begin() + 32);
    seen.emplace_back(begun.handle.begin(), begun.handle.end());
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(std::unique(seen.begin(), seen.end()), seen.end());
}

TEST_F(Hostile, TenThousandExchangesThatAreNeverFinished) {
  const RawWorker before(daemon_), worker(daemon_);
  Begun own;
  ASSERT_EQ(before.begin(own), kIn);
  std::vector<Begun> all(10'000);
  for (Begun& begun : all) {
    ASSERT_EQ(worker.begin(begun), kIn);
  }
  EXPECT_EQ(before.finish(own.handle, Peer().authenticate(own.negotiate, own.challenge)), kIn);
  const auto finish = [&](const Begun& begun) {
    return worker.finish(begun.handle, Peer().authenticate(begun.negotiate, begun.challenge));
  };
  EXPECT_EQ(finish(all.front()), Errc::kDeadContext);
  EXPECT_EQ(finish(all[all.size() - 65]), Errc::kDeadContext);
  for (std::size_t i = all.size() - 64; i < all.size(); ++i) {
    EXPECT_EQ(finish(all[i]), kIn) << i;
  }
}

TEST_F(Hostile, AnswersThatAreNotRead) {
  const RawWorker deaf(daemon_);
  const Bytes frame = begin_frame();
  int sent = 0;
  while (sent < 100'000 && deaf.send(frame)) {
    ++sent;
  }
  EXPECT_LT(sent, 100'000) << "it is given up";
}

TEST_F(Hostile, RandomFrames) {
  std::mt19937 chance(5);
  const std::vector<Bytes> seeds = {
      begin_frame(), finish_frame(), frame_of(authority::Abort{}),
      frame_of(authority::Finish{{}, {}, crypto::ChannelBindings(), Bytes(64, 2)})};
  auto worker = std::make_unique<RawWorker>(daemon_);
  int closed = 0;
  for (int i = 0; i < 20'000; ++i) {
    Bytes frame = seeds[chance() % seeds.size()];
    for (auto n = chance() % 6; n > 0; --n) {
      frame[chance() % frame.size()] = static_cast<std::uint8_t>(chance());
    }
    if (chance() % 4 == 0) {
      frame.resize(chance() % 8192 + 1);
    }
    if (chance() % 2 == 0 && frame.size() >= 16) {
      store32(frame, 12, static_cast<std::uint32_t>(frame.size() - 16));
    }
    // Answers are thrown away as they come.
    Bytes room(authority::kMaxReply);
    while (recv(worker->fd(), room.data(), room.size(), MSG_DONTWAIT) > 0) {
    }
    if (!worker->send(frame)) {
      ++closed;
      worker = std::make_unique<RawWorker>(daemon_);
    }
  }
  EXPECT_GT(closed, 100);
}

TEST_F(Hostile, ARecordCannotBeAvoidedByGoingAway) {
  {
    const RawWorker worker(daemon_);
    Begun begun;
    ASSERT_EQ(worker.begin(begun, {}, "x\",\"success\":true,\"user\":\"root"), kIn);
    ASSERT_TRUE(worker.send(
        authority::write_request(
            {9,
             authority::Finish{
                 begun.handle, {}, {}, wrong().authenticate(begun.negotiate, begun.challenge)}})
            .value()));
  }
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (daemon_.records({"wrong-password"}) == 0 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(daemon_.records({"wrong-password", "\"user\":\"User\""}), 1u);
  EXPECT_EQ(daemon_.records({"\"user\":\"root\""}), 0u) << "a service's name is text in a record";
}

TEST(HostilePolicy, NoOptionLoosens) {
  protocol::AcceptOptions all;
  for (const auto option : protocol::kAcceptOptions) {
    all.*option = true;
  }
  all.require_sign = all.require_seal = all.no_anonymous = false;
  const Daemon daemon("[policy]\n lockout_threshold = 0\n[authd]\n peer = * require=seal,mic\n",
                      kAccount);
  const RawWorker worker(daemon);
  EXPECT_EQ(worker.login(Peer(), all), kIn);
  Begun begun;
  EXPECT_EQ(worker.begin(begun, all, "s", kHttpFlags), Errc::kFeatureMissing);
  ASSERT_EQ(worker.begin(begun, all), kIn);
  Peer unsealed;
  unsealed.flags = load32(begun.challenge, 20) & ~0x20u;
  EXPECT_EQ(
      worker.finish(begun.handle, unsealed.authenticate(begun.negotiate, begun.challenge), all),
      Errc::kFeatureMissing);
  Peer without_mic;
  without_mic.av_flags = 0;
  EXPECT_EQ(worker.login(without_mic, all), Errc::kMicMissing);
  Peer version_one;
  version_one.nt_response = Bytes(24, 7);
  version_one.lm_response = Bytes(24, 7);
  EXPECT_EQ(worker.login(version_one, all), Errc::kVersionRefused);
  Peer nobody;
  nobody.user_bytes = nobody.domain_bytes = nobody.nt_response = Bytes();
  nobody.lm_response = Bytes{0};
  EXPECT_EQ(worker.login(nobody, all), Errc::kAnonymousRefused);
}

TEST(HostilePolicy, NoOptionLetsOtherBindingsPass) {
  const Daemon daemon("[policy]\n lockout_threshold = 0\n[authd]\n peer = * require=bindings\n",
                      kAccount);
  const RawWorker worker(daemon);
  protocol::AcceptOptions all;
  all.missing_bindings_pass = all.any_bindings_pass = true;
  crypto::ChannelBindings bindings;
  const Bytes channel(32, 1);
  bindings.application = channel;
  Begun begun;
  ASSERT_EQ(worker.begin(begun, all), kIn);
  const Bytes authenticate = Peer().authenticate(begun.negotiate, begun.challenge);
  ASSERT_TRUE(worker.send(
      authority::write_request({9, authority::Finish{begun.handle, all, bindings, authenticate}})
          .value()));
  const Bytes frame = worker.receive();
  const auto reply = authority::read_reply(frame);
  ASSERT_TRUE(reply && std::holds_alternative<Errc>(reply->body));
  EXPECT_EQ(std::get<Errc>(reply->body), Errc::kBadBindings);
}

TEST(HostilePolicy, AnonymousWhereTheDaemonAllowsIt) {
  const Daemon daemon("[policy]\n allow_anonymous = yes\n", kAccount);
  const RawWorker worker(daemon);
  Peer nobody;
  nobody.user_bytes = nobody.domain_bytes = nobody.nt_response = Bytes();
  nobody.lm_response = Bytes{0};
  EXPECT_EQ(worker.login(nobody), kIn);
  EXPECT_EQ(daemon.records({"ANONYMOUS"}), 1u);
  protocol::AcceptOptions strict;
  strict.no_anonymous = true;
  EXPECT_EQ(worker.login(nobody, strict), Errc::kAnonymousRefused);
}

TEST(HostilePolicy, AnotherServiceThanItsOwn) {
  const Daemon daemon("[authd]\n peer = * targets=imap/host\n", kAccount);
  const RawWorker worker(daemon);
  Peer peer;
  peer.target = "imap/host";
  EXPECT_EQ(worker.login(peer), kIn);
  peer.target = "HTTP/host";
  EXPECT_EQ(worker.login(peer), Errc::kTargetRefused) << "a client that was redirected to it";
}

TEST(HostilePolicy, ExpiredChallenge) {
  const Daemon daemon("[policy]\n challenge_max_age = 1\n", kAccount);
  const RawWorker worker(daemon);
  Begun begun;
  ASSERT_EQ(worker.begin(begun), kIn);
  std::this_thread::sleep_for(2100ms);
  EXPECT_EQ(worker.finish(begun.handle, Peer().authenticate(begun.negotiate, begun.challenge)),
            Errc::kChallengeExpired);
}

TEST(HostilePolicy, LockThatNothingOfAWorkerLifts) {
  const std::string name = unused_name("Locked");
  const Daemon daemon("[policy]\n lockout_threshold = 3\n",
                      std::string(kAccount) + "Domain:" + name + ":Password\n");
  Peer right, guess = wrong();
  right.user = guess.user = name;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(RawWorker(daemon).login(guess), Errc::kLogonDenied);
  }
  for (int i = 0; i < 20; ++i) {
    const RawWorker worker(daemon);
    EXPECT_EQ(worker.login(), kIn);
    EXPECT_EQ(worker.login(right), Errc::kLogonDenied);
  }
}

// Beyond failures_per_second the answer to each wrong guess waits.
class SlowFailures : public testing::Test {
 protected:
  static constexpr std::uint32_t kGuess = 9, kRight = 8, kBegin = 7;  // numbers of frames

  static std::vector<Begun> begin(const RawWorker& worker, std::size_t count) {
    std::vector<Begun> open(count);
    for (Begun& begun : open) {
      EXPECT_EQ(worker.begin(begun), kIn);
    }
    return open;
  }
  static void answer(const RawWorker& worker, const Begun& begun, std::uint32_t number,
                     const Peer& peer) {
    const Bytes message = peer.authenticate(begun.negotiate, begun.challenge);
    EXPECT_TRUE(worker.send(
        authority::write_request({number, authority::Finish{begun.handle, {}, {}, message}})
            .value()));
  }
  // How many answers to guesses come before that of `number`.
  static std::size_t guesses_before(const RawWorker& worker, std::uint32_t number) {
    for (std::size_t count = 0;; ++count) {
      const Bytes frame = worker.receive();
      const auto reply = authority::read_reply(frame);
      if (!reply || reply->number != kGuess) {
        EXPECT_TRUE(reply && reply->number == number);
        return count;
      }
    }
  }

  Daemon daemon_{"[policy]\n lockout_threshold = 0\n[authd]\n rate = 0\n failures_per_second = 1\n",
                 kAccount};
};

TEST_F(SlowFailures, HoldNoOtherLogonOfTheSameWorker) {
  constexpr std::size_t kGuesses = 5;
  bool ahead = false;
  // In more than one round, for a machine that stands still for as long as an answer waits.
  for (int round = 0; round < 20 && !ahead; ++round) {
    const RawWorker worker(daemon_);
    const std::vector<Begun> open = begin(worker, kGuesses + 1);
    for (std::size_t i = 0; i < kGuesses; ++i) {
      answer(worker, open[i], kGuess, wrong());
    }
    answer(worker, open.back(), kRight, Peer());
    ahead = guesses_before(worker, kRight) < kGuesses;
  }
  EXPECT_TRUE(ahead);
}

TEST_F(SlowFailures, OfOneConnectionAreFewAheadOfTheirAnswers) {
  const RawWorker guesser(daemon_);
  const std::vector<Begun> open = begin(guesser, authority::kMaxExchanges);
  ASSERT_EQ(RawWorker(daemon_).login(wrong()), Errc::kLogonDenied);  // one a second is free
  const auto started = std::chrono::steady_clock::now();
  for (const Begun& begun : open) {
    answer(guesser, begun, kGuess, wrong());
  }
  const Bytes negotiate = negotiate_message(kUsualFlags);
  ASSERT_TRUE(guesser.send(
      authority::write_request({kBegin, authority::Begin{{}, "s", negotiate}}).value()));
  const std::size_t before = guesses_before(guesser, kBegin);
  EXPECT_GT(before, 0u) << "the next exchange is begun when the first has been answered";
  for (std::size_t i = before; i < open.size(); ++i) {
    EXPECT_FALSE(guesser.receive().empty());
  }
  EXPECT_GE(std::chrono::steady_clock::now() - started, 250ms);
  EXPECT_EQ(guesser.login(), kIn);
}

TEST(HostilePolicy, NoLogonWithoutARecordForWhoHoldsAllDescriptors) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "another process' limits are root's";
  }
  const Daemon daemon(kUnlimited, kAccount);
  const RawWorker worker(daemon);
  ASSERT_EQ(worker.login(), kIn);
  rlimit few{};
  ASSERT_EQ(prlimit(daemon.front(), RLIMIT_NOFILE, nullptr, &few), 0);
  few.rlim_cur = 128;
  ASSERT_EQ(prlimit(daemon.front(), RLIMIT_NOFILE, &few, nullptr), 0);
  std::vector<FileDescriptor> held(few.rlim_cur + 16);
  for (FileDescriptor& one : held) {
    one = daemon.connect();
  }
  // It has taken all that it will; who gets none is told so at once.
  pollfd last{held.back().get(), POLLIN, 0};
  EXPECT_EQ(poll(&last, 1, 30'000), 1);
  EXPECT_EQ(worker.login(), kIn);
  EXPECT_EQ(worker.login(wrong()), Errc::kLogonDenied);
  EXPECT_EQ(daemon.records({"\"user\":\"User\""}), 3u);
  EXPECT_EQ(daemon.records({"wrong-password"}), 1u);
  held.clear();
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (RawWorker(daemon).login() != kIn) {
    ASSERT_LT(std::chrono::steady_clock::now(), end) << "what was given back can be had";
  }
}

// As another user of this host, who may open the socket and nothing else.
class OtherUser : public testing::Test {
 protected:
  static constexpr uid_t kUid = 4711;
  void SetUp() override {
    if (geteuid() != 0) {
      GTEST_SKIP() << "a second user needs root";
    }
    daemon_.open_to_all();
  }
  // The exit status of `what`, run by that user.
  static int run(const std::function<int()>& what) {
    const pid_t child = fork();
    if (child == 0) {
      _exit(setgid(kUid) != 0 || setuid(kUid) != 0 ? 99 : what());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  Daemon daemon_{"[policy]\n lockout_threshold = 0\n[authd]\n rate = 0\n", kAccount};
};

TEST_F(OtherUser, ReadsNoHash) {
  EXPECT_EQ(run([&] {
              int opened = 0;
              for (const char* file : {"users", "authd.conf", "audit"}) {
                opened += open(daemon_.path(file).c_str(), O_RDONLY) >= 0 ? 1 : 0;
              }
              for (const pid_t process : {daemon_.front(), daemon_.store()}) {
                const std::string entry = "/proc/" + std::to_string(process);
                for (const char* file : {"/mem", "/maps", "/environ", "/fd/4"}) {
                  opened += open((entry + file).c_str(), O_RDONLY) >= 0 ? 1 : 0;
                }
                opened += ptrace(PTRACE_ATTACH, process, nullptr, nullptr) == 0 ? 1 : 0;
                opened += kill(process, SIGKILL) == 0 ? 1 : 0;
              }
              return opened;
            }),
            0);
  EXPECT_EQ(run([&] { return RawWorker(daemon_).login() == kIn ? 0 : 1; }), 0);
}

// Even of its own user: another process with the same uid may not look into the daemon either.
TEST_F(OtherUser, TheDaemonsMemoryIsClosedToItsOwnUser) {
  for (const pid_t process : {daemon_.front(), daemon_.store()}) {
    const std::filesystem::path entry("/proc/" + std::to_string(process) + "/mem");
    struct stat status {};
    ASSERT_EQ(stat(entry.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 0u) << "root's, as that of every process that may not be dumped";
    std::ifstream limits("/proc/" + std::to_string(process) + "/limits");
    const std::string text((std::istreambuf_iterator<char>(limits)), {});
    EXPECT_NE(text.find("Max core file size        0                    0"), std::string::npos);
  }
}

TEST_F(OtherUser, ConnectionsWithoutEnd) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < 2500) {
    GTEST_SKIP() << "1500 descriptors are more than this process may have";
  }
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  int ready[2], done[2];
  ASSERT_EQ(pipe(ready) | pipe(done), 0);
  std::jthread flood([&] {
    EXPECT_EQ(run([&] {
                std::vector<FileDescriptor> held;
                for (int i = 0; i < 1500; ++i) {
                  held.push_back(daemon_.connect());
                }
                char byte = 0;
                const bool ended = recv(held.back().get(), &byte, 1, 0) == 0;
                const bool first = recv(held.front().get(), &byte, 1, MSG_DONTWAIT) < 0;
                close(done[1]);
                return write(ready[1], "", 1) == 1 && read(done[0], &byte, 1) == 0 && ended && first
                           ? 0
                           : 1;
              }),
              0)
        << "1024 are kept, and the others let go at once";
  });
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  EXPECT_EQ(RawWorker(daemon_).login(), kIn) << "while they are there";
  close(done[1]);
  flood.join();
  for (const int end : {ready[0], ready[1], done[0]}) {
    close(end);
  }
}

}  // namespace
}  // namespace ntlm::test
