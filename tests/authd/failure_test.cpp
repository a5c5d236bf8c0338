// SPDX-License-Identifier: MIT
// The daemon is gone, frozen, full or new: a worker's call fails clearly within its deadline (2 s
// here) and before another would have passed, and the next one after that works.
#include <filesystem>
#include <functional>

#include "authd/raw_worker.h"
#include "authd/worker.h"

namespace ntlm::test {
namespace {

constexpr Outcome kDown{GSS_S_FAILURE, GSS_NTLM_MINOR_AUTHORITY_DOWN};
constexpr auto kLimit = 3900ms;

// What `call` returns; a failure when it takes longer than it may.
Outcome timed(const std::function<Outcome()>& call) {
  const auto started = std::chrono::steady_clock::now();
  const Outcome outcome = call();
  EXPECT_LT(std::chrono::steady_clock::now() - started, kLimit);
  return outcome;
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

class Failure : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(login(), kComplete); }

  // Somebody else who listens where the daemon did; without a descriptor when that failed.
  FileDescriptor stand_in_for_daemon(int backlog) {
    daemon_.stop(SIGTERM);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    daemon_.socket().copy(address.sun_path, sizeof address.sun_path - 1);
    unlink(daemon_.socket().c_str());
    FileDescriptor listener(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const bool listens =
        bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        listen(listener.get(), backlog) == 0;
    return listens ? std::move(listener) : FileDescriptor();
  }

  Daemon daemon_{"[policy]\n lockout_threshold = 0\n"};
  Worker worker_{daemon_, 2};
};

TEST_F(Failure, RestartedBetweenTheLegs) {
  Credential alice = initiator("TEST\\alice", "Secret1");
  Legs legs;
  ASSERT_EQ(legs.half(alice.get()).major, GSS_S_CONTINUE_NEEDED);
  daemon_.restart();
  EXPECT_EQ(timed([&] { return legs.accept(); }), kDown);
  EXPECT_EQ(legs.accept().major, GSS_S_NO_CONTEXT) << "a failed context is dead";
  EXPECT_EQ(timed([] { return login(); }), kComplete);
  EXPECT_EQ(worker_.records({"\"reason\":\"authority-down\""}), 1u);
}

TEST_F(Failure, KilledAndNotBackYet) {
  for (const bool of_store : {false, true}) {
    const pid_t front = daemon_.front(), store = daemon_.store();
    ASSERT_EQ(kill(of_store ? store : front, SIGKILL), 0);
    const auto died = std::chrono::steady_clock::now();
    while ((Daemon::runs(front) || Daemon::runs(store)) &&
           std::chrono::steady_clock::now() - died < 10s) {
      std::this_thread::sleep_for(1ms);
    }
    EXPECT_FALSE(Daemon::runs(front) || Daemon::runs(store))
        << "one process outlives the other, and nobody starts both anew";
    EXPECT_EQ(timed([] { return login(); }), kDown);
    daemon_.stop(SIGKILL);
    daemon_.start();
    EXPECT_EQ(timed([] { return login(); }), kComplete);
    ASSERT_EQ(login(), kComplete);
  }
}

TEST_F(Failure, FrozenFrontAndFrozenStore) {
  for (const pid_t frozen : {daemon_.front(), daemon_.store()}) {
    Credential alice = initiator("TEST\\alice", "Secret1");
    Legs legs;
    ASSERT_EQ(legs.half(alice.get()).major, GSS_S_CONTINUE_NEEDED);
    Daemon::freeze(frozen);
    EXPECT_EQ(timed([&] { return legs.accept(); }), kDown);
    // With the store frozen, the front may still make challenges.
    EXPECT_EQ(timed([] { return login(); }), kDown);
    EXPECT_EQ(timed([] { return login(); }), kDown);
    ASSERT_EQ(kill(frozen, SIGCONT), 0);
    EXPECT_EQ(timed([] { return login(); }), kComplete);
  }
}

// More callers than there are connections: those who wait for one have the same deadline.
TEST_F(Failure, FrozenWhileManyThreadsAsk) {
  Daemon::freeze(daemon_.front());
  std::vector<std::jthread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 48; ++i) {
    threads.emplace_back([&wrong] { wrong += timed([] { return login(); }) == kDown ? 0 : 1; });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
  ASSERT_EQ(kill(daemon_.front(), SIGCONT), 0);
  EXPECT_EQ(timed([] { return login(); }), kComplete);
}

// Contexts that are given up tell the daemon so, and must not wait for one that does not read.
TEST_F(Failure, GivingUpContextsOfAFrozenDaemon) {
  Credential alice = initiator("TEST\\alice", "Secret1");
  std::vector<Legs> open(600);
  for (Legs& legs : open) {
    ASSERT_EQ(legs.half(alice.get()).major, GSS_S_CONTINUE_NEEDED);
  }
  Daemon::freeze(daemon_.front());
  const auto started = std::chrono::steady_clock::now();
  open.clear();
  EXPECT_LT(std::chrono::steady_clock::now() - started, 1900ms);
  ASSERT_EQ(kill(daemon_.front(), SIGCONT), 0);
  EXPECT_EQ(timed([] { return login(); }), kComplete);
}

TEST_F(Failure, FullListenQueue) {
  {
    const FileDescriptor listener = stand_in_for_daemon(0);  // it takes nobody
    ASSERT_GE(listener.get(), 0);
    const FileDescriptor filling = daemon_.connect();
    ASSERT_GE(filling.get(), 0);
    EXPECT_EQ(timed([] { return login(); }), kDown);
  }
  daemon_.start();
  EXPECT_EQ(timed([] { return login(); }), kComplete);
}

TEST_F(Failure, NoDescriptorLeftInTheDaemon) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "another process' limits are root's";
  }
  rlimit former{};
  ASSERT_EQ(prlimit(daemon_.front(), RLIMIT_NOFILE, nullptr, &former), 0);
  const rlimit none{4, former.rlim_max};
  ASSERT_EQ(prlimit(daemon_.front(), RLIMIT_NOFILE, &none, nullptr), 0);
  EXPECT_EQ(timed([] { return login(); }), kComplete) << "a connection that stands goes on";
  const Worker fresh(daemon_, 2);  // has none yet
  EXPECT_EQ(timed([] { return login(); }), kDown);
  ASSERT_EQ(prlimit(daemon_.front(), RLIMIT_NOFILE, &former, nullptr), 0);
  EXPECT_EQ(timed([] { return login(); }), kComplete);
}

// How often a process' first thread has slept.
std::size_t naps_of(pid_t process) {
  const std::string entry = "/proc/" + std::to_string(process);
  std::ifstream status(entry + "/task/" + std::to_string(process) + "/status");
  const std::string text((std::istreambuf_iterator<char>(status)), {});
  constexpr std::string_view kName = "\nvoluntary_ctxt_switches:";
  return std::stoul(text.substr(text.find(kName) + kName.size()));
}

// It gives out in the front's first thread, which has others beside it: none may go on without it.
TEST_F(Failure, NoMemoryLeftInTheDaemon) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "another process' limits are root's";
  }
  std::vector<RawWorker> of_first;
  std::vector<RawWorker> others;
  Begun begun;
  for (int i = 0; i < 500 && of_first.size() < 8; ++i) {
    RawWorker worker(daemon_);
    const std::size_t before = naps_of(daemon_.front());
    for (int k = 0; k < 20; ++k) {
      ASSERT_EQ(worker.begin(begun), RawWorker::kNoError);
    }
    const bool first = naps_of(daemon_.front()) >= before + 10;
    (first ? of_first : others).push_back(std::move(worker));
  }
  ASSERT_FALSE(of_first.empty());
  const rlimit none{0, 0};
  ASSERT_EQ(prlimit(daemon_.front(), RLIMIT_DATA, &none, nullptr), 0);
  const std::string service(2000, 'x');
  bool silent = false;
  for (std::size_t i = 0; i < of_first.size() * authority::kMaxExchanges && !silent; ++i) {
    const RawWorker& worker = of_first[i % of_first.size()];
    const timeval limit{2, 0};
    setsockopt(worker.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    silent = worker.begin(begun, {}, service) != RawWorker::kNoError;
  }
  ASSERT_TRUE(silent);
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (Daemon::runs(daemon_.front()) && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_FALSE(Daemon::runs(daemon_.front())) << "half a daemon, which nobody starts anew";
  daemon_.restart();
  EXPECT_EQ(timed([] { return login(); }), kComplete);
}

TEST_F(Failure, NoDescriptorLeftInTheWorker) {
  // A configuration that changed just now is read again: it must have been, while that can be done.
  std::this_thread::sleep_for(30ms);
  EXPECT_EQ(timed([] { return login(); }), kComplete);
  daemon_.restart();
  rlimit former{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &former), 0);
  std::vector<FileDescriptor> taken;
  const rlimit few{open_descriptors() + 8, former.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  while (true) {
    FileDescriptor one(dup(0));
    if (one.get() < 0) {
      break;
    }
    taken.push_back(std::move(one));
  }
  EXPECT_EQ(timed([] { return login(); }).major, GSS_S_FAILURE);
  taken.clear();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &former), 0);
  EXPECT_EQ(timed([] { return login(); }), kComplete);
}

// A thousand events on the worker's side: a daemon that closes each connection at its first frame.
TEST_F(Failure, NoDescriptorLeaksInAThousandFailures) {
  FileDescriptor listener = stand_in_for_daemon(16);
  ASSERT_GE(listener.get(), 0);
  std::jthread closing([&listener] {
    while (true) {
      FileDescriptor one(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (one.get() < 0) {
        return;
      }
      char frame[64];
      (void)recv(one.get(), frame, sizeof frame, 0);
    }
  });
  ASSERT_EQ(login(), kDown);
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(login(), kDown) << i;
  }
  // The one that the last failure has left open for the next call to find broken.
  EXPECT_LE(open_descriptors(), before + 1);
  shutdown(listener.get(), SHUT_RDWR);
  closing.join();
  listener = FileDescriptor();
  daemon_.start();
  EXPECT_EQ(timed([] { return login(); }), kComplete);
}

}  // namespace
}  // namespace ntlm::test
