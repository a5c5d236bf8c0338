// SPDX-License-Identifier: MIT
#include "store/lockout.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <filesystem>
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
  Errc answer(const Lockout& lockout, const AccountName& name, Result<LogonResult> result,
              std::string_view workstation = "") const {
    const auto settled =
        lockout.settle(policy_, lockout.place_of(name), workstation, std::move(result));
    return settled ? Errc{} : settled.error().code;
  }
  Errc wrong(const Lockout& lockout, const AccountName& name,
             std::string_view workstation = "") const {
    return answer(lockout, name, fail(Errc::kLogonDenied, "test"), workstation);
  }
  Errc right(const Lockout& lockout, const AccountName& name,
             std::string_view workstation = "") const {
    return answer(lockout, name, LogonResult{}, workstation);
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
  EXPECT_EQ(right(*lockout_, user_), Errc{});
}

TEST_F(LockoutTest, ManyThreadsGuessAtOnce) {
  policy_.lockout_threshold = 10;
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
  for (const std::string& content : {std::string("x"), std::string(64 + 8 * 4096, 'x'),
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

}  // namespace
}  // namespace ntlm::store
