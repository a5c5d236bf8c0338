// SPDX-License-Identifier: MIT
#include "base/fork.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <set>
#include <thread>
#include <vector>

namespace ntlm {
namespace {

// What a child says of it: its exit status.
int in_child(const std::function<int()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(work());
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  return WEXITSTATUS(status);
}

TEST(ProcessNumber, StaysUntilAFork) {
  const std::uint64_t mine = process_number();
  EXPECT_NE(mine, 0U);
  EXPECT_EQ(process_number(), mine);
  EXPECT_EQ(in_child([&] {
              const std::uint64_t number = process_number();
              const bool sound = number != 0 && number != mine && number == process_number();
              return sound && in_child([&] { return process_number() == number ? 1 : 0; }) == 0 ? 0
                                                                                                : 1;
            }),
            0);
  EXPECT_EQ(process_number(), mine);
}

TEST(ProcessNumber, IsOneForAllThreads) {
  EXPECT_EQ(in_child([] {
              std::vector<std::thread> threads;
              std::vector<std::uint64_t> seen(8);
              for (std::uint64_t& number : seen) {
                threads.emplace_back([&number] { number = process_number(); });
              }
              for (std::thread& thread : threads) {
                thread.join();
              }
              return std::set<std::uint64_t>(seen.begin(), seen.end()).size() == 1 ? 0 : 1;
            }),
            0);
}

TEST(SoleUser, GoesOnWithoutAFork) {
  SoleUser user;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(user.claim());
  }
  SoleUser moved = std::move(user);
  EXPECT_TRUE(moved.claim());
  SoleUser other;
  other = std::move(moved);
  EXPECT_TRUE(other.claim());
}

TEST(SoleUser, TheChildThatUsesItFirstTakesItFromItsParent) {
  SoleUser user;
  EXPECT_TRUE(user.claim());
  EXPECT_EQ(in_child([&] { return user.claim() && user.claim() ? 0 : 1; }), 0);
  EXPECT_FALSE(user.claim());
  EXPECT_FALSE(user.claim());
  EXPECT_EQ(in_child([&] { return user.claim() ? 1 : 0; }), 0);
}

TEST(SoleUser, TheParentThatUsesItFirstKeepsIt) {
  SoleUser unused, used;
  EXPECT_TRUE(used.claim());
  std::array<int, 2> ready{};
  ASSERT_EQ(pipe(ready.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    (void)!read(ready[0], &byte, 1);
    _exit(unused.claim() || used.claim() ? 1 : 0);
  }
  EXPECT_TRUE(unused.claim());
  EXPECT_TRUE(used.claim());
  EXPECT_EQ(write(ready[1], "x", 1), 1);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(unused.claim());
  EXPECT_TRUE(used.claim());
  close(ready[0]);
  close(ready[1]);
}

// A server that forks for each connection: the parent's copy goes, and new ones come, while the
// child goes on.
TEST(SoleUser, AChildGoesOnWhateverItsParentMakesAndDrops) {
  std::optional<SoleUser> user(std::in_place);
  std::array<int, 2> ready{};
  ASSERT_EQ(pipe(ready.data()), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte = 0;
    bool sound = user->claim();
    (void)!read(ready[0], &byte, 1);
    for (int i = 0; i < 2000; ++i) {
      SoleUser own;
      sound = sound && own.claim() && user->claim();
    }
    _exit(sound ? 0 : 1);
  }
  user.reset();
  for (int i = 0; i < 2000; ++i) {
    SoleUser own;
    EXPECT_TRUE(own.claim() && own.claim());
  }
  EXPECT_EQ(write(ready[1], "x", 1), 1);
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  close(ready[0]);
  close(ready[1]);
}

TEST(SoleUser, ManyOfManyThreads) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([] {
      std::vector<SoleUser> users(1500);
      for (int round = 0; round < 3; ++round) {
        for (SoleUser& user : users) {
          EXPECT_TRUE(user.claim());
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace
}  // namespace ntlm
