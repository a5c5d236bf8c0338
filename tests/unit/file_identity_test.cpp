// SPDX-License-Identifier: MIT
#include "base/file_identity.h"

#include <gtest/gtest.h>

#include <chrono>

#include "support/temporary_directory.h"

namespace ntlm {
namespace {

using namespace std::chrono_literals;

std::chrono::nanoseconds now(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

struct stat changed(std::chrono::nanoseconds ago) {
  const auto time = std::chrono::system_clock::now().time_since_epoch() - ago;
  struct stat status {};
  status.st_ctim.tv_sec = time / 1s;
  status.st_ctim.tv_nsec = time % 1s / 1ns;
  return status;
}

TEST(FileIdentityTest, AgeDecides) {
  EXPECT_FALSE(FileIdentity().changed_just_now());
  EXPECT_FALSE(FileIdentity(changed(20ms)).changed_just_now());
  EXPECT_FALSE(FileIdentity(changed(1h)).changed_just_now());
  // A clock that was set back must not make a file unsettled for good.
  EXPECT_FALSE(FileIdentity(changed(-1h)).changed_just_now());
}

// Coarse time stamps are behind the clock, the fine ones of a file that was looked at before are
// not.
TEST(FileIdentityTest, AFileThatWasWrittenThisMoment) {
  const test::TemporaryDirectory directory;
  int told = 0;
  for (int i = 0; i < 50; ++i) {
    // What writes the stamp: behind the fine clock by a tick, or by all that a virtual processor
    // was taken away for.
    const auto before = now(CLOCK_REALTIME_COARSE);
    const auto identity = FileIdentity::of(directory.write("file", std::to_string(i)));
    const bool just_now = identity.changed_just_now();
    if (now(CLOCK_REALTIME) - before < 15ms) {  // else it may be old by now
      EXPECT_TRUE(just_now) << i;
      ++told;
    }
  }
  EXPECT_GT(told, 0);
}

TEST(FileIdentityTest, EveryMarkTells) {
  struct stat status {};
  status.st_ino = 1;
  const FileIdentity identity(status);
  EXPECT_EQ(identity, FileIdentity(status));
  EXPECT_NE(FileIdentity(), FileIdentity(status));
  const auto differs = [&](auto change) {
    struct stat other = status;
    change(other);
    return FileIdentity(other) != identity;
  };
  EXPECT_TRUE(differs([](struct stat& other) { ++other.st_dev; }));
  EXPECT_TRUE(differs([](struct stat& other) { ++other.st_ino; }));
  EXPECT_TRUE(differs([](struct stat& other) { ++other.st_size; }));
  EXPECT_TRUE(differs([](struct stat& other) { ++other.st_mtim.tv_sec; }));
  EXPECT_TRUE(differs([](struct stat& other) { ++other.st_mtim.tv_nsec; }));
  EXPECT_TRUE(differs([](struct stat& other) { ++other.st_ctim.tv_sec; }));
  EXPECT_TRUE(differs([](struct stat& other) { ++other.st_ctim.tv_nsec; }));
}

}  // namespace
}  // namespace ntlm
