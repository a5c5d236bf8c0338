// SPDX-License-Identifier: MIT
#include "authd/shares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace ntlm::authd {
namespace {

bool take(Shares& shares, const Share& share) {
  const bool free = shares.has_place(share);
  if (free) shares.take(share);
  return free;
}

// How many places `share` takes until it gets no more.
std::size_t take_all(Shares& shares, const Share& share) {
  std::size_t taken = 0;
  while (take(shares, share)) ++taken;
  return taken;
}

TEST(Shares, ADomainHoldsItsOwnShareAndNoMore) {
  Shares shares;
  EXPECT_EQ(take_all(shares, {1, "LOST", false}), Shares::kOfDomain);
  EXPECT_TRUE(take(shares, {1, "CORP", false}));
  EXPECT_TRUE(take(shares, {1, "HOST", true}));
}

TEST(Shares, AUserWithManyNamesOfDomainsLeavesOthersTheirs) {
  Shares shares;
  std::size_t taken = 0;
  for (int i = 0; i < 1000; ++i) {
    taken += take(shares, {1, "LOST" + std::to_string(i), false}) ? 1u : 0u;
  }
  EXPECT_EQ(taken, (Shares::kPlaces - Shares::kOfHost) / 2);
  EXPECT_FALSE(take(shares, {1, "CORP", false}));
  EXPECT_TRUE(take(shares, {1, "HOST", true})) << "this host's own accounts";
  EXPECT_TRUE(take(shares, {2, "LOST1", false})) << "another user's";
}

TEST(Shares, EachUserLeavesHalfOfWhatIsFree) {
  for (const bool of_host : {true, false}) {
    Shares shares;
    std::size_t all = 0;
    for (uid_t uid = 0; uid < 4; ++uid) {
      const std::size_t own = take_all(shares, {uid, "ANY", of_host});
      EXPECT_GE(own, 1u) << uid;
      EXPECT_GE((of_host ? Shares::kOfHost : Shares::kPlaces - Shares::kOfHost) - all, 2 * own);
      all += own;
    }
  }
}

TEST(Shares, WhatIsGivenBackIsThereAgain) {
  Shares shares;
  for (int round = 0; round < 3; ++round) {
    const std::size_t own = take_all(shares, {1, "HOST", true});
    const std::size_t lost = take_all(shares, {1, "LOST", false});
    EXPECT_EQ(own, Shares::kOfHost / 2);
    EXPECT_EQ(lost, Shares::kOfDomain);
    for (std::size_t i = 0; i < own; ++i) shares.give_back({1, "HOST", true});
    for (std::size_t i = 0; i < lost; ++i) shares.give_back({1, "LOST", false});
  }
}

TEST(Shares, TheNextIsTheOldestOfItsDomainAndEveryUserAndDomainHasItsTurn) {
  Shares shares;
  const Share full{1, "FULL", false}, a{2, "A", false}, b{2, "B", false}, other{3, "A", false};
  ASSERT_EQ(take_all(shares, full), Shares::kOfDomain);
  shares.wait(full, 1);
  EXPECT_EQ(shares.next(), std::nullopt);
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < 2; ++i) {
    shares.wait(a, 10 + i);
    shares.wait(b, 20 + i);
    shares.wait(other, 30 + i);
  }
  while (const auto number = shares.next()) {
    const Share& share = *number < 20 ? a : *number < 30 ? b : other;
    shares.wait_no_more(share, *number);
    shares.take(share);
    order.push_back(*number);
  }
  EXPECT_EQ(order, (std::vector<std::uint32_t>{10, 30, 20, 31, 11, 21}));
  shares.give_back(full);
  EXPECT_EQ(shares.next(), 1u);
}

TEST(Shares, WhoWaitsNoMoreIsNotNext) {
  Shares shares;
  const Share share{1, "CORP", false};
  shares.wait(share, 1);
  shares.wait(share, 2);
  shares.wait_no_more(share, 1);
  EXPECT_EQ(shares.next(), 2u);
  shares.wait_no_more(share, 2);
  EXPECT_EQ(shares.next(), std::nullopt);
}

// Of 32 users 512 questions each wait for one domain that is lost, or for as many.
TEST(Shares, ATurnCostsTheSameHoweverManyWait) {
  for (const bool many : {false, true}) {
    Shares shares;
    for (uid_t uid = 0; uid < 32; ++uid) {
      for (std::uint32_t i = 0; i < 512; ++i) {
        const Share lost{uid, many ? "LOST" + std::to_string(i) : "LOST", false};
        if (!take(shares, lost)) shares.wait(lost, i);
      }
    }
    using Clock = std::chrono::steady_clock;
    const Share quick{99, "HOST", true};
    auto quickest = Clock::duration::max();  // of ten, whatever else the machine does
    for (int tries = 0; tries < 10; ++tries) {
      const auto began = Clock::now();
      for (int i = 0; i < 2000; ++i) {
        shares.take(quick);
        shares.give_back(quick);
        EXPECT_EQ(shares.next(), std::nullopt);
      }
      quickest = std::min(quickest, Clock::now() - began);
    }
    EXPECT_LT(quickest, std::chrono::milliseconds(200));
  }
}

}  // namespace
}  // namespace ntlm::authd
