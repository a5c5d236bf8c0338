// SPDX-License-Identifier: MIT
#include "authd/shares.h"

#include <gtest/gtest.h>

namespace ntlm::authd {
namespace {

// How many places `share` takes until it gets no more.
std::size_t take_all(Shares& shares, const Share& share) {
  std::size_t taken = 0;
  while (shares.take(share)) ++taken;
  return taken;
}

TEST(Shares, ADomainHoldsItsOwnShareAndNoMore) {
  Shares shares;
  EXPECT_EQ(take_all(shares, {1, "LOST", false}), Shares::kOfDomain);
  EXPECT_TRUE(shares.take({1, "CORP", false}));
  EXPECT_TRUE(shares.take({1, "HOST", true}));
}

TEST(Shares, AUserWithManyNamesOfDomainsLeavesOthersTheirs) {
  Shares shares;
  std::size_t taken = 0;
  for (int i = 0; i < 1000; ++i) {
    taken += shares.take({1, "LOST" + std::to_string(i), false}) ? 1u : 0u;
  }
  EXPECT_EQ(taken, (Shares::kPlaces - Shares::kOfHost) / 2);
  EXPECT_FALSE(shares.take({1, "CORP", false}));
  EXPECT_TRUE(shares.take({1, "HOST", true})) << "this host's own accounts";
  EXPECT_TRUE(shares.take({2, "LOST1", false})) << "another user's";
}

TEST(Shares, EachUserLeavesHalfOfWhatIsFree) {
  Shares shares;
  std::size_t all = 0;
  for (uid_t uid = 0; uid < 6; ++uid) {
    const std::size_t own = take_all(shares, {uid, "LOST", false});
    EXPECT_GE(own, 1u) << uid;
    EXPECT_GE(Shares::kPlaces - Shares::kOfHost - all, 2 * own) << uid;
    all += own;
  }
}

TEST(Shares, WhatIsGivenBackIsThereAgain) {
  Shares shares;
  for (int round = 0; round < 3; ++round) {
    const std::size_t own = take_all(shares, {1, "HOST", true});
    const std::size_t lost = take_all(shares, {1, "LOST", false});
    EXPECT_EQ(own, Shares::kOfHost);
    EXPECT_EQ(lost, Shares::kOfDomain);
    for (std::size_t i = 0; i < own; ++i) shares.give_back({1, "HOST", true});
    for (std::size_t i = 0; i < lost; ++i) shares.give_back({1, "LOST", false});
  }
}

}  // namespace
}  // namespace ntlm::authd
