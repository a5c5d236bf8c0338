// SPDX-License-Identifier: MIT
// One connection that several threads share, with a daemon of the test's own at its other end.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "authority/connection.h"

namespace ntlm::authority {
namespace {

using namespace std::chrono_literals;

const Bytes kMessage(40, 7);

SecretBytes begin(std::uint32_t number) {
  return write_request({number, Begin{{}, "", kMessage}}).value();
}

bool send_to(int fd, ByteView frame) {
  return ::send(fd, frame.data(), frame.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(frame.size());
}

class AuthorityConnection : public testing::Test {
 protected:
  static constexpr auto kLimit = 20s;

  void SetUp() override {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    const int small = 4608;
    ASSERT_EQ(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    const timeval limit{kLimit.count(), 0};
    ASSERT_EQ(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    workers_ = FileDescriptor(dup(ends[0]));
    connection_.attach(FileDescriptor(ends[0]));
    daemons_ = FileDescriptor(ends[1]);
  }
  // Whether it is answered, later. Returns when the caller waits: to send, to read, or for a
  // reader.
  std::thread call(std::uint32_t number, bool& answered) {
    std::atomic<pid_t> caller{0};
    std::thread thread([this, number, &answered, &caller] {
      bool stale = false;
      caller = gettid();
      answered = connection_.call(begin(number), number, Clock::now() + kLimit, stale).has_value();
    });
    wait_until_asleep(caller);
    return thread;
  }
  // A thread that waits a moment, as for a lock, has been somewhere else when it is looked at
  // again.
  static void wait_until_asleep(const std::atomic<pid_t>& thread) {
    const auto end = Clock::now() + kLimit;
    std::string before, now;
    while (before.empty() || before != now) {
      std::this_thread::sleep_for(20ms);
      before = std::exchange(now, where_asleep(thread));
      ASSERT_LT(Clock::now(), end) << "it does not wait";
    }
  }
  // How often it has waited so far; empty: it does not.
  static std::string where_asleep(pid_t thread) {
    std::ifstream status("/proc/self/task/" + std::to_string(thread) + "/status");
    bool asleep = false;
    for (std::string line; std::getline(status, line);) {
      asleep = asleep || line.starts_with("State:\tS");
      if (asleep && line.starts_with("voluntary_ctxt_switches:")) {
        return line;
      }
    }
    return "";
  }
  void take() const {
    Bytes room(kMaxRequest);
    EXPECT_GT(recv(daemons_.get(), room.data(), room.size(), 0), 0);
  }
  void answer(std::uint32_t number) const {
    EXPECT_TRUE(send_to(daemons_.get(), write_reply({number, Challenge{{1}, kMessage}}).value()));
  }

  Connection connection_{kLimit};
  FileDescriptor workers_, daemons_;
};

// Who has read for all leaves: somebody who sleeps has to read on, not one who is still sending.
TEST_F(AuthorityConnection, TheReaderLeavesWhileAnotherWaitsForRoom) {
  bool read = false, sent = false, slept = false;
  std::thread reader = call(1, read);
  take();
  while (send_to(workers_.get(), begin(99))) {
  }
  std::thread sender = call(2, sent);
  take();  // room for one that tries; the sender is not woken before there is more
  std::thread sleeper = call(3, slept);
  answer(1);
  reader.join();
  const auto started = Clock::now();
  answer(3);
  sleeper.join();
  EXPECT_LT(Clock::now() - started, kLimit / 2) << "its answer was there, and nobody read it";
  EXPECT_TRUE(read && slept);
  daemons_ = FileDescriptor();
  sender.join();
  EXPECT_FALSE(sent);
}

// A caller that comes when others have already seen the end may send its frame elsewhere, too.
TEST_F(AuthorityConnection, TheEndIsToldToThoseWhoComeLater) {
  daemons_ = FileDescriptor();
  for (std::uint32_t number = 1; number < 3; ++number) {
    bool stale = false;
    EXPECT_FALSE(connection_.call(begin(number), number, Clock::now() + kLimit, stale));
    EXPECT_TRUE(stale && connection_.broken());
  }
}

// The head is right, so that it is somebody's answer.
TEST_F(AuthorityConnection, AnAnswerWithABrokenBodyEndsIt) {
  bool answered = true;
  std::thread caller = call(1, answered);
  SecretBytes frame = write_reply({1, Challenge{{1}, kMessage}}).value();
  frame[32] ^= 1;  // the challenge's length
  EXPECT_TRUE(send_to(daemons_.get(), frame));
  caller.join();
  EXPECT_FALSE(answered);
  EXPECT_TRUE(connection_.broken());
}

}  // namespace
}  // namespace ntlm::authority
