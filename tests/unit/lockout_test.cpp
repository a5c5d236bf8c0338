// SPDX-License-Identifier: MIT
#include "store/lockout.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <random>
#include <thread>

#include "base/trusted_file.h"
#include "support/temporary_directory.h"

namespace {
// Seconds since boot, as the code under test sees them.
long g_now = 1000;
}  // namespace

extern "C" int __real_clock_gettime(clockid_t clock, timespec* out);
extern "C" int __wrap_clock_gettime(clockid_t clock, timespec* out) {
  if (clock != CLOCK_BOOTTIME) {
    return __real_clock_gettime(clock, out);
  }
  *out = {g_now, 0};
  return 0;
}

namespace ntlm::store {
namespace {

using protocol::AccountName;
using protocol::LogonResult;
using protocol::Policy;
using test::TemporaryDirectory;

class LockoutTest : public ::testing::Test {
 protected:
  LockoutTest() {
    g_now = 1000;
    policy_.lockout_threshold = 3;
    policy_.lockout_window = 60;
    policy_.lockout_duration = 100;
  }
  // Also made of a workstation alone.
  struct From : Lockout::Source {
    From(const char* name = "") : Source{{}, name} {}
    From(const std::string& name) : Source{{}, name} {}
    From(ByteView where, const char* name) : Source{where, name} {}
  };
  Errc answer(const Lockout& lockout, const AccountName& name, Result<LogonResult> result,
              const From& from = "") const {
    const auto place = lockout.place_of(name);
    const auto refused = lockout.refusal(policy_, place, from);
    const auto settled = lockout.settle(policy_, place, from, std::move(result));
    const Errc code = settled ? Errc{} : settled.error().code;
    EXPECT_TRUE(!refused || refused->code == code);
    return code;
  }
  Errc wrong(const Lockout& lockout, const AccountName& name, const From& from = "") const {
    return answer(lockout, name, fail(Errc::kLogonDenied, "test"), from);
  }
  Errc right(const Lockout& lockout, const AccountName& name, const From& from = "") const {
    return answer(lockout, name, LogonResult{}, from);
  }
  std::unique_ptr<const Lockout> open() const {
    auto lockout = Lockout::open(directory_.path(), ::geteuid());
    EXPECT_TRUE(lockout) << lockout.error();
    return lockout ? std::move(*lockout) : nullptr;
  }
  std::string file() const { return directory_.path("lockout-" + std::to_string(::geteuid())); }

  Policy policy_;
  TemporaryDirectory directory_;
  const AccountName user_{"user", "DOM"};
  std::unique_ptr<const Lockout> lockout_ = Lockout::in_memory("test");
};

TEST_F(LockoutTest, ThresholdLocksEvenTheRightPassword) {
  EXPECT_EQ(wrong(*lockout_, user_), Errc::kLogonDenied);
  EXPECT_EQ(wrong(*lockout_, {"USER", "dom"}), Errc::kLogonDenied);
  EXPECT_EQ(wrong(*lockout_, user_), Errc::kLogonDenied);
  EXPECT_EQ(right(*lockout_, user_), Errc::kAccountLocked);
  EXPECT_EQ(wrong(*lockout_, user_), Errc::kAccountLocked);
  EXPECT_EQ(right(*lockout_, {"other", "DOM"}), Errc{});
  EXPECT_EQ(right(*lockout_, {"user", "OTHER"}), Errc{});
}

TEST_F(LockoutTest, LockedNameStillMayFromItsKnownWorkstation) {
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc{});
  for (int i = 0; i < 3; ++i) wrong(*lockout_, user_, "elsewhere");
  EXPECT_EQ(right(*lockout_, user_, "elsewhere"), Errc::kAccountLocked);
  EXPECT_EQ(right(*lockout_, user_, ""), Errc::kAccountLocked);
  EXPECT_EQ(right(*lockout_, user_, "desk"), Errc{});
  EXPECT_EQ(right(*lockout_, user_, "elsewhere"), Errc::kAccountLocked);  // the lock stays
  EXPECT_EQ(right(*lockout_, {"other", "DOM"}, "DESK"), Errc{});
}

TEST_F(LockoutTest, KnownWorkstationHasAThresholdOfItsOwn) {
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc{});
  for (int i = 0; i < 3; ++i) wrong(*lockout_, user_);
  EXPECT_EQ(wrong(*lockout_, user_, "DESK"), Errc::kLogonDenied);
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc{});
  g_now += 11 * 60;
  for (int i = 0; i < 3; ++i) wrong(*lockout_, user_);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(wrong(*lockout_, user_, "DESK"), Errc::kLogonDenied);
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc::kAccountLocked);
}

TEST_F(LockoutTest, KnownWorkstationIsForgottenAfterADay) {
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc{});
  g_now += 24 * 3600;
  for (int i = 0; i < 3; ++i) wrong(*lockout_, user_);
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc::kAccountLocked);
}

TEST_F(LockoutTest, LogonsFromEverywherePushNoCountOut) {
  policy_.lockout_delay = 0;  // what is kept of one source may be the same as of another
  for (int i = 0; i < 3; ++i) wrong(*lockout_, user_);
  for (int i = 0; i < 50000; ++i) {
    ASSERT_EQ(right(*lockout_, {"other", "DOM"}, "desk" + std::to_string(i)), Errc{});
  }
  EXPECT_EQ(right(*lockout_, user_), Errc::kAccountLocked);
}

TEST_F(LockoutTest, LockEndsAfterItsDurationHoweverOftenItWasTried) {
  for (int i = 0; i < 3; ++i) wrong(*lockout_, user_);
  for (g_now = 1001; g_now < 1100; ++g_now) {
    ASSERT_EQ(wrong(*lockout_, user_), Errc::kAccountLocked) << g_now;
  }
  EXPECT_EQ(wrong(*lockout_, user_), Errc::kLogonDenied);
  EXPECT_EQ(lockout_->state_of(policy_, lockout_->place_of(user_)).failures, 1u);
}

// 28 bits of seconds are eight and a half years.
TEST_F(LockoutTest, LockAndDelayOverTheEndOfTheClock) {
  g_now = (1 << 28) - 2;
  for (int i = 0; i < 3; ++i) wrong(*lockout_, user_);
  EXPECT_EQ(lockout_->state_of(policy_, lockout_->place_of(user_)).locked_for, 100u);
  g_now += 99;
  EXPECT_EQ(right(*lockout_, user_), Errc::kAccountLocked);
  ++g_now;
  EXPECT_EQ(right(*lockout_, user_), Errc{});
  policy_.lockout_threshold = 10;
  g_now = (1 << 28) - 1;
  const AccountName other{"other", "DOM"};
  for (int i = 0; i < 3; ++i) wrong(*lockout_, other);
  ++g_now;
  EXPECT_EQ(right(*lockout_, other), Errc::kTooSoon);
  ++g_now;
  EXPECT_EQ(right(*lockout_, other), Errc{});
}

TEST_F(LockoutTest, SuccessForgetsFailures) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(wrong(*lockout_, user_), Errc::kLogonDenied);
    EXPECT_EQ(wrong(*lockout_, user_), Errc::kLogonDenied);
    EXPECT_EQ(right(*lockout_, user_), Errc{});
  }
}

TEST_F(LockoutTest, FailuresOutsideTheWindowDoNotAddUp) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(wrong(*lockout_, user_), Errc::kLogonDenied);
    g_now += 31;  // never three in sixty seconds
    if (i % 2 == 1) g_now += 60;
  }
}

TEST_F(LockoutTest, UnknownNameLocksLikeAnother) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(answer(*lockout_, user_, fail(Errc::kUnknownAccount, "test")), Errc::kUnknownAccount);
  }
  EXPECT_EQ(answer(*lockout_, user_, fail(Errc::kUnknownAccount, "test")), Errc::kAccountLocked);
}

TEST_F(LockoutTest, OnlyAWrongProofCounts) {
  for (const Errc code : {Errc::kStore, Errc::kAccountDisabled, Errc::kVersionRefused}) {
    for (int i = 0; i < 10; ++i) EXPECT_EQ(answer(*lockout_, user_, fail(code, "test")), code);
  }
  EXPECT_EQ(lockout_->counted(policy_), 0u);
}

TEST_F(LockoutTest, ThresholdZeroNeverLocks) {
  policy_.lockout_threshold = 0;
  for (int i = 0; i < 100; ++i) EXPECT_EQ(wrong(*lockout_, user_), Errc::kLogonDenied);
  EXPECT_EQ(lockout_->counted(policy_), 0u);
}

TEST_F(LockoutTest, LockOutlastsAFloodOfOtherNames) {
  for (int i = 0; i < 3; ++i) wrong(*lockout_, user_);
  for (int i = 0; i < 100'000; ++i) wrong(*lockout_, {"name" + std::to_string(i), "DOM"});
  EXPECT_EQ(right(*lockout_, user_), Errc::kAccountLocked);
  EXPECT_EQ(lockout_->counted(policy_), 4096u);
}

TEST_F(LockoutTest, NamesBeyondAsciiFoldToo) {
  const AccountName lower{"J\xc3\xbcrgen", "D\xc3\xb6m"};
  const AccountName upper{"J\xc3\x9cRGEN", "D\xc3\x96M"};
  for (int i = 0; i < 3; ++i) wrong(*lockout_, lower);
  EXPECT_EQ(right(*lockout_, upper), Errc::kAccountLocked);
  const AccountName longer{std::string(256, 'u'), std::string(255, 'd')};
  for (int i = 0; i < 3; ++i) wrong(*lockout_, longer);
  EXPECT_EQ(right(*lockout_, {std::string(256, 'U'), std::string(255, 'D')}), Errc::kAccountLocked);
  EXPECT_EQ(right(*lockout_, {std::string(255, 'U'), std::string(255, 'D')}), Errc{});
}

TEST_F(LockoutTest, ClearUnlocks) {
  for (int i = 0; i < 3; ++i) wrong(*lockout_, user_);
  EXPECT_EQ(lockout_->state_of(policy_, lockout_->place_of(user_)).locked_for, 100u);
  EXPECT_TRUE(lockout_->clear(lockout_->place_of(user_)));
  EXPECT_FALSE(lockout_->clear(lockout_->place_of(user_)));
  EXPECT_EQ(right(*lockout_, user_), Errc::kTooSoon) << "its source still waits";
  g_now += 2;
  EXPECT_EQ(right(*lockout_, user_), Errc{});
}

TEST_F(LockoutTest, ManyThreadsGuessAtOnce) {
  policy_.lockout_threshold = 10;
  policy_.lockout_delay = 0;
  std::atomic<int> told{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) told += wrong(*lockout_, user_) == Errc::kLogonDenied ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  // Each thread may have asked before the last failure was counted.
  EXPECT_GE(told, 10);
  EXPECT_LE(told, 10 + 8);
}

TEST_F(LockoutTest, ProcessesShareTheFile) {
  const auto mine = open();
  ASSERT_NE(mine, nullptr);
  EXPECT_EQ(mine->unshared(), "");
  const pid_t child = ::fork();
  if (child == 0) {
    const auto theirs = Lockout::open(directory_.path(), ::geteuid());
    for (int i = 0; theirs && i < 3; ++i) wrong(**theirs, user_);
    ::_exit(theirs ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(right(*mine, user_), Errc::kAccountLocked);
  EXPECT_EQ(right(*open(), user_), Errc::kAccountLocked);
}

// A thread that has read the clock a second before another one locked the name.
TEST_F(LockoutTest, LockOfASecondAheadStays) {
  for (int i = 0; i < 3; ++i) wrong(*lockout_, user_);
  --g_now;
  EXPECT_EQ(wrong(*lockout_, user_), Errc::kAccountLocked);
  g_now = 5;  // booted since
  EXPECT_EQ(right(*lockout_, user_), Errc{});
}

TEST_F(LockoutTest, ForkedChildrenShareTheMemory) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 0; i < 3; ++i) wrong(*lockout_, user_);
    ::_exit(0);
  }
  int status = 1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(right(*lockout_, user_), Errc::kAccountLocked);
}

TEST_F(LockoutTest, FileOfAnotherFormIsWiped) {
  std::string older(64 + 8 * 4096, '\1');
  older.replace(0, 16, std::string("NTLMLOCK\2\0\0\0\0\x10\0\0", 16));
  for (const std::string& content : {std::string("x"), std::string(64 + 8 * 4096, 'x'), older,
                                     std::string(100'000, '\0'), std::string()}) {
    std::filesystem::remove(file());
    directory_.write(std::filesystem::path(file()).filename().string(), content, 0600);
    const auto lockout = open();
    ASSERT_NE(lockout, nullptr);
    EXPECT_EQ(lockout->counted(policy_), 0u);
    EXPECT_EQ(std::filesystem::file_size(file()), 64u + 8 * 4096);
  }
}

// What has no room on the disk is no memory either, and to touch it would be the process' end.
TEST_F(LockoutTest, FileWithAHoleIsGivenRoom) {
  open();
  const FileDescriptor table(::open(file().c_str(), O_RDWR | O_CLOEXEC));
  struct stat status {};
  const auto has_room = [&] {
    return ::fstat(table.get(), &status) == 0 && status.st_blocks * 512 >= status.st_size;
  };
  ASSERT_TRUE(has_room());
  if (::fallocate(table.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 16384) != 0) {
    GTEST_SKIP() << "this file system makes no holes";
  }
  ASSERT_FALSE(has_room());
  open();
  EXPECT_TRUE(has_room());
}

TEST_F(LockoutTest, FileThatIsNotOursAlone) {
  ASSERT_NE(open(), nullptr);
  ::chmod(file().c_str(), 0640);
  EXPECT_FALSE(Lockout::open(directory_.path(), ::geteuid()));
  ::chmod(file().c_str(), 0600);
  ASSERT_EQ(::link(file().c_str(), directory_.path("second").c_str()), 0);
  EXPECT_FALSE(Lockout::open(directory_.path(), ::geteuid()));
  std::filesystem::remove(file());
  ASSERT_EQ(::symlink(directory_.path("second").c_str(), file().c_str()), 0);
  EXPECT_FALSE(Lockout::open(directory_.path(), ::geteuid()));
  EXPECT_FALSE(Lockout::open(directory_.path("nowhere"), ::geteuid()));
  // A table of another user is never made.
  EXPECT_FALSE(Lockout::open(directory_.path(), ::geteuid() + 1));
  ::chmod(directory_.path().c_str(), 0777);
  std::filesystem::remove(file());
  EXPECT_FALSE(Lockout::open(directory_.path(), ::geteuid()));
}

// The delay of a source, under the default policy.
class LockoutDelayTest : public LockoutTest {
 protected:
  LockoutDelayTest() { policy_ = Policy(); }
  std::uint32_t failures(const AccountName& name) const {
    return lockout_->state_of(policy_, lockout_->place_of(name)).failures;
  }
};

TEST_F(LockoutDelayTest, EachFailureAfterTheThirdDoublesTheWait) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(wrong(*lockout_, user_, "PHONE"), Errc::kLogonDenied) << i;
  }
  std::uint32_t counted = 3;
  for (const long wait : {1, 2, 4, 8, 16, 32, 32}) {
    const long failed = g_now;
    for (; g_now <= failed + wait; ++g_now) {
      // Neither is told, counted, or makes the wait longer.
      EXPECT_EQ(wrong(*lockout_, user_, "phone"), Errc::kTooSoon) << g_now - failed;
      EXPECT_EQ(right(*lockout_, user_, "PHONE"), Errc::kTooSoon) << g_now - failed;
    }
    EXPECT_EQ(failures(user_), counted);
    EXPECT_EQ(wrong(*lockout_, user_, "PHONE"), Errc::kLogonDenied) << wait;
    EXPECT_EQ(failures(user_), ++counted);
  }
  EXPECT_EQ(g_now, 1000 + 95 + 7) << "whole seconds begin anywhere in one";
  EXPECT_EQ(counted, 10u);
  EXPECT_EQ(wrong(*lockout_, user_, "PHONE"), Errc::kAccountLocked) << "a lock wins";
}

TEST_F(LockoutDelayTest, OtherSourcesAndOtherNamesDoNotWait) {
  for (int i = 0; i < 5; ++i) wrong(*lockout_, user_, "PHONE");
  EXPECT_EQ(right(*lockout_, user_, "PHONE"), Errc::kTooSoon);
  EXPECT_EQ(right(*lockout_, {"other", "DOM"}, "PHONE"), Errc{});
  EXPECT_EQ(wrong(*lockout_, user_), Errc::kLogonDenied);
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc{});
  EXPECT_EQ(failures(user_), 0u);
  EXPECT_EQ(right(*lockout_, user_, "PHONE"), Errc::kTooSoon) << "a logon from elsewhere";
}

TEST_F(LockoutDelayTest, SourceWithoutANameIsOne) {
  for (int i = 0; i < 3; ++i) wrong(*lockout_, user_);
  EXPECT_EQ(right(*lockout_, user_), Errc::kTooSoon);
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc{});
  g_now += 2;
  EXPECT_EQ(right(*lockout_, user_), Errc{});
  for (int i = 0; i < 10; ++i) wrong(*lockout_, user_, "guesser" + std::to_string(i));
  EXPECT_EQ(right(*lockout_, user_), Errc::kAccountLocked) << "it is nobody's to be known";
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc{});
}

TEST_F(LockoutDelayTest, SuccessEndsIt) {
  for (int i = 0; i < 3; ++i) wrong(*lockout_, user_, "DESK");
  g_now += 2;
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc{});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(wrong(*lockout_, user_, "DESK"), Errc::kLogonDenied);
  EXPECT_EQ(wrong(*lockout_, user_, "DESK"), Errc::kTooSoon);
}

TEST_F(LockoutDelayTest, EndsWithTheWindow) {
  for (int i = 0; i < 3; ++i) wrong(*lockout_, user_, "PHONE");
  g_now += policy_.lockout_window;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(wrong(*lockout_, user_, "PHONE"), Errc::kLogonDenied);
}

TEST_F(LockoutDelayTest, HoldsForAnUnknownNameToo) {
  const auto unknown = [&] {
    return answer(*lockout_, user_, fail(Errc::kUnknownAccount, "test"), "PHONE");
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(unknown(), Errc::kUnknownAccount);
  EXPECT_EQ(unknown(), Errc::kTooSoon);
}

TEST_F(LockoutDelayTest, WhatIsNoProofDoesNotCount) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(answer(*lockout_, user_, fail(Errc::kAccountDisabled, "test"), "PHONE"),
              Errc::kAccountDisabled);
  }
  for (int i = 0; i < 3; ++i) wrong(*lockout_, user_, "PHONE");
  EXPECT_EQ(answer(*lockout_, user_, fail(Errc::kAccountDisabled, "test"), "PHONE"),
            Errc::kTooSoon);
}

TEST_F(LockoutDelayTest, IsAsLongAsConfigured) {
  policy_.lockout_delay = 0;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(wrong(*lockout_, user_), Errc::kLogonDenied);
  EXPECT_EQ(wrong(*lockout_, user_), Errc::kAccountLocked);
  policy_.lockout_threshold = 1000;
  policy_.lockout_delay = 3;
  const AccountName other{"other", "DOM"};
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(wrong(*lockout_, other), Errc::kLogonDenied) << i;
    g_now += 3;
    ASSERT_EQ(answer(*lockout_, other, fail(Errc::kStore, "test")),
              i < 4 ? Errc::kStore : Errc::kTooSoon)
        << i;
    ++g_now;
  }
  policy_.lockout_threshold = 0;
  EXPECT_EQ(wrong(*lockout_, other), Errc::kLogonDenied);
  EXPECT_EQ(right(*lockout_, other), Errc{});
}

// By address the workstation does not matter; hosts of one network are one source.
TEST_F(LockoutDelayTest, AddressIsTheSource) {
  const auto v4 = [](std::uint8_t third, std::uint8_t host) { return Bytes{192, 0, third, host}; };
  const auto v6 = [](std::uint8_t net, std::uint8_t host) {
    return Bytes{0x20, 1, 0xd, 0xb8, 0, 0, 0, net, 0, 0, 0, 0, 0, 0, 0, host};
  };
  const Bytes mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 9};
  for (const char* name : {"A", "B", "C"}) wrong(*lockout_, user_, {v4(2, 1), name});
  EXPECT_EQ(wrong(*lockout_, user_, {v4(2, 200), "D"}), Errc::kTooSoon);
  EXPECT_EQ(wrong(*lockout_, user_, {mapped, ""}), Errc::kTooSoon);
  EXPECT_EQ(wrong(*lockout_, user_, {v4(3, 1), "A"}), Errc::kLogonDenied);
  EXPECT_EQ(wrong(*lockout_, user_, "A"), Errc::kLogonDenied);
  for (const std::uint8_t host : Bytes{1, 2, 3}) wrong(*lockout_, user_, {v6(1, host), ""});
  EXPECT_EQ(wrong(*lockout_, user_, {v6(1, 4), "E"}), Errc::kTooSoon);
  EXPECT_EQ(right(*lockout_, user_, {v6(2, 1), ""}), Errc{}) << "known, without a workstation";
  for (int i = 0; i < 10; ++i) wrong(*lockout_, user_, "guesser" + std::to_string(i));
  EXPECT_EQ(right(*lockout_, user_, {v6(3, 1), ""}), Errc::kAccountLocked);
  EXPECT_EQ(right(*lockout_, user_, {v6(2, 7), ""}), Errc{});
}

TEST_F(LockoutDelayTest, AddressOfAnotherSizeIsNone) {
  for (const std::size_t size : {1u, 3u, 5u, 15u, 17u}) {
    const Bytes address(size, 1);
    for (int i = 0; i < 3; ++i) wrong(*lockout_, user_, {address, "PHONE"});
    EXPECT_EQ(wrong(*lockout_, user_, "PHONE"), Errc::kTooSoon) << size;
    EXPECT_EQ(wrong(*lockout_, user_, {address, "PHONE"}), Errc::kTooSoon) << size;
    lockout_->clear();
  }
}

// Whoever is known waits like others, and keeps his threshold behind a lock.
TEST_F(LockoutDelayTest, KnownSourceWaitsToo) {
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc{});
  for (int i = 0; i < 10; ++i) wrong(*lockout_, user_, "guesser" + std::to_string(i));
  EXPECT_EQ(right(*lockout_, user_, "elsewhere"), Errc::kAccountLocked);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(wrong(*lockout_, user_, "DESK"), Errc::kLogonDenied);
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc::kTooSoon);
  g_now += 2;
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc{});
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(wrong(*lockout_, user_, "DESK"), Errc::kLogonDenied) << i;
    g_now += 33;
  }
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc::kAccountLocked);
}

// One and the same wrong password at once, as a browser's connections send it.
TEST_F(LockoutDelayTest, ConnectionsSideBySideCountThreeTimes) {
  // A table with a known key, and with room for all of these names and their sources.
  constexpr int kNames = 150;
  std::string content("NTLMLOCK\3\0\0\0\0\x10\0\0", 16);
  content.resize(64 + 8 * 4096);
  directory_.write(std::filesystem::path(file()).filename().string(), content, 0600);
  const auto lockout = open();
  ASSERT_NE(lockout, nullptr);
  for (int round = 0; round < 60; ++round) {
    std::atomic<int> told{0}, arrived{0};
    const auto guess = [&] {
      for (int i = 0; i < kNames; ++i) {
        const AccountName name{"name" + std::to_string(i), "DOM"};
        for (++arrived; arrived < 2 * (i + 1);) std::this_thread::yield();
        for (int j = 0; j < 4; ++j) told += wrong(*lockout, name) == Errc::kLogonDenied ? 1 : 0;
      }
    };
    std::thread other(guess);
    guess();
    other.join();
    EXPECT_EQ(told, 3 * kNames);
    lockout->clear();
  }
}

// Nor does it take a line of the cache from the other processors.
TEST_F(LockoutDelayTest, LogonFromAKnownSourceWritesNothingForTenMinutes) {
  const auto lockout = open();
  const auto words = [&] {
    return directory_.read(std::filesystem::path(file()).filename().string());
  };
  EXPECT_EQ(right(*lockout, user_, "DESK"), Errc{});
  const std::string before = words();
  g_now += 599;
  EXPECT_EQ(right(*lockout, user_, "DESK"), Errc{});
  EXPECT_EQ(words(), before);
  ++g_now;
  EXPECT_EQ(right(*lockout, user_, "DESK"), Errc{});
  EXPECT_NE(words(), before);
}

TEST_F(LockoutDelayTest, MadeUpWorkstationsPushOutNoCountAndNoKnownSource) {
  const AccountName locked{"locked", "DOM"}, guesser{"guesser", "DOM"};
  EXPECT_EQ(right(*lockout_, locked, "DESK"), Errc{});
  for (int i = 0; i < 10; ++i) wrong(*lockout_, locked, "guess" + std::to_string(i));
  for (int i = 0; i < 9; ++i) wrong(*lockout_, user_, "guess" + std::to_string(i));
  policy_.lockout_threshold = 100'000;  // the flood is not to end in a lock of its name
  for (int i = 0; i < 50'000; ++i) {
    ASSERT_EQ(wrong(*lockout_, guesser, "made-up" + std::to_string(i)), Errc::kLogonDenied);
  }
  policy_.lockout_threshold = 10;
  EXPECT_EQ(failures(user_), 9u);
  EXPECT_EQ(right(*lockout_, locked, "elsewhere"), Errc::kAccountLocked);
  EXPECT_EQ(right(*lockout_, locked, "DESK"), Errc{});
  EXPECT_EQ(lockout_->counted(policy_), 3u) << "sources are no names";
}

TEST_F(LockoutDelayTest, ClearedNameMayAtOnceFromElsewhere) {
  for (int i = 0; i < 10; ++i) {
    wrong(*lockout_, user_, "PHONE");
    g_now += 33;
  }
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc::kAccountLocked);
  EXPECT_TRUE(lockout_->clear(lockout_->place_of(user_)));
  EXPECT_EQ(right(*lockout_, user_, "DESK"), Errc{});
  EXPECT_EQ(right(*lockout_, user_, "PHONE"), Errc{});
}

// Whatever another process of this user writes there: what is counted from then on counts.
TEST_F(LockoutDelayTest, GarbageInTheWords) {
  const std::string name = "lockout-" + std::to_string(::geteuid());
  std::mt19937_64 random(1);
  for (int round = 0; round < 60; ++round) {
    std::string content("NTLMLOCK\3\0\0\0\0\x10\0\0", 16);
    while (content.size() < 64 + 8 * 4096) {
      const std::uint64_t word = round == 0 ? ~std::uint64_t{0} : random();
      content.append(reinterpret_cast<const char*>(&word), 8);
    }
    directory_.write(name, content, 0600);
    const auto lockout = open();
    ASSERT_NE(lockout, nullptr);
    for (int i = 0; i < 200; ++i) {
      const AccountName guessed{"name" + std::to_string(i), "DOM"};
      for (int j = 0; j < 12; ++j) (void)wrong(*lockout, guessed, "w" + std::to_string(j));
      ASSERT_EQ(right(*lockout, guessed, "DESK"), Errc::kAccountLocked) << i;
    }
    lockout->clear();
    EXPECT_EQ(right(*lockout, user_, "DESK"), Errc{});
  }
}

}  // namespace
}  // namespace ntlm::store
