// SPDX-License-Identifier: MIT
// A thousand idle connections of one user, each with an exchange that it never finishes: what
// another user's logons take, with and without them, in turn. Prints the figures of
// docs/performance.md. And what becomes of idle connections without one.
#include <algorithm>

#include "authd/raw_worker.h"
#include "authority/client.h"

namespace ntlm::test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int kConnections = 1000;
constexpr int kRounds = 10;
constexpr int kLogons = 300;
constexpr uid_t kIdle = 4711;

// Another user's process: a byte opens the connections, the next closes them; each is answered.
[[noreturn]] void be_idle(const Daemon& daemon, int fd) {
  if (setgid(kIdle) != 0 || setuid(kIdle) != 0) {
    _exit(99);
  }
  std::vector<RawWorker> held;
  char byte = 0;
  while (recv(fd, &byte, 1, 0) == 1) {
    if (!held.empty()) {
      held.clear();
    } else {
      for (int i = 0; i < kConnections; ++i) {
        Begun begun;
        if (held.emplace_back(daemon).begin(begun) != RawWorker::kNoError) {
          _exit(1);
        }
      }
    }
    send(fd, &byte, 1, MSG_NOSIGNAL);
  }
  _exit(0);
}

double percentile(std::vector<double>& sorted, double part) {
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

TEST(IdleConnections, OfAnotherUser) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (geteuid() != 0 || limit.rlim_max < 2 * kConnections) {
    GTEST_SKIP() << "needs root, for a second user, and " << 2 * kConnections << " descriptors";
  }
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const Daemon daemon("[authd]\n rate = 0\n", "Domain:User:Password\n");
  daemon.open_to_all();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  const pid_t idle = fork();
  if (idle == 0) {
    close(ends[0]);
    be_idle(daemon, ends[1]);
  }
  close(ends[1]);
  const RawWorker worker(daemon);
  std::vector<double> took[2];  // microseconds; without, with
  for (int round = 0; round < 2 * kRounds; ++round) {
    char byte = 0;
    if (round > 0) {
      ASSERT_EQ(send(ends[0], &byte, 1, MSG_NOSIGNAL), 1);
      ASSERT_EQ(recv(ends[0], &byte, 1, 0), 1);
    }
    for (int i = 0; i < kLogons; ++i) {
      const auto started = Clock::now();
      ASSERT_EQ(worker.login(), RawWorker::kNoError);
      took[round % 2].push_back(
          std::chrono::duration<double, std::micro>(Clock::now() - started).count());
    }
  }
  close(ends[0]);
  int status = -1;
  waitpid(idle, &status, 0);
  EXPECT_EQ(status, 0);
  const double without = percentile(took[0], 0.99), with = percentile(took[1], 0.99);
  std::printf("p99 without %.0f us, with %d idle connections %.0f us: %.2f times\n", without,
              kConnections, with, with / without);
  std::printf("median without %.0f us, with %.0f us\n", percentile(took[0], 0.5),
              percentile(took[1], 0.5));
  EXPECT_LT(with, 20 * without + 50'000) << "what a busy machine may do";
}

Errc login(const protocol::Authority& authority) {
  const Bytes negotiate = negotiate_message(kUsualFlags);
  auto begun = authority.begin(negotiate, {}, "");
  if (!begun) {
    return begun.error().code;
  }
  const Bytes answer = Peer().authenticate(negotiate, begun->challenge);
  const auto saved = begun->exchange->finish(answer, {}, nullptr);
  return saved ? RawWorker::kNoError : saved.error().code;
}

// Without a frame from the daemon: it is open.
bool is_open(const RawWorker& worker) {
  char byte = 0;
  return recv(worker.fd(), &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

// All that their user may have, as processes do that were busy once.
TEST(IdleConnections, AreLetGoForTheNextProcess) {
  constexpr std::size_t kAll = 1024;
  constexpr std::size_t kBegun = 20;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < kAll + 200) {
    GTEST_SKIP() << "needs " << kAll + 200 << " descriptors";
  }
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const Daemon daemon("[authd]\n rate = 0\n", "Domain:User:Password\n");
  const authority::ClientSettings settings{daemon.socket(), geteuid(), 10s, nullptr};
  const auto busy = authority::make_client(settings);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 32; ++i) {
    threads.emplace_back([&busy] {
      for (int k = 0; k < 20; ++k) {
        EXPECT_EQ(login(*busy), RawWorker::kNoError);
      }
    });
  }
  threads.clear();
  std::vector<RawWorker> held;
  std::vector<Begun> begun(kBegun);
  Begun other;
  while (held.size() <= kAll &&
         held.emplace_back(daemon).begin(held.size() <= kBegun ? begun[held.size() - 1] : other) ==
             RawWorker::kNoError) {
    if (held.size() > kBegun) {
      held.back().send(authority::write_request({0, authority::Abort{other.handle}}).value());
    }
  }
  held.pop_back();
  EXPECT_LT(held.size(), kAll) << "the busy one has some, and there are no more";
  const auto fresh = authority::make_client(settings);
  const auto end = Clock::now() + 20s;
  while (login(*fresh) != RawWorker::kNoError) {
    ASSERT_LT(Clock::now(), end);
    std::this_thread::sleep_for(50ms);
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(login(*fresh), RawWorker::kNoError);
  }
  std::this_thread::sleep_for(100ms);
  EXPECT_GE(std::ranges::count_if(held, is_open), std::ptrdiff_t{kAll / 4})
      << "no more than needed";
  for (std::size_t i = 0; i < kBegun; ++i) {
    const Bytes answer = Peer().authenticate(begun[i].negotiate, begun[i].challenge);
    EXPECT_EQ(held[i].finish(begun[i].handle, answer), RawWorker::kNoError);
  }
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(login(*busy), RawWorker::kNoError) << "it begins anew where it was closed";
  }
}

}  // namespace
}  // namespace ntlm::test
