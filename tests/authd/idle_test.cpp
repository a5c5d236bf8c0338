// SPDX-License-Identifier: MIT
// A thousand idle connections of one user, each with an exchange that it never finishes: what
// another user's logons take, with and without them, in turn. Prints the figures of
// docs/performance.md.
#include <algorithm>

#include "authd/raw_worker.h"

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

}  // namespace
}  // namespace ntlm::test
