// SPDX-License-Identifier: MIT
#include "authd/exchanges.h"

#include <gtest/gtest.h>

#include "exchange_fixture.h"

namespace ntlm::authd {
namespace {

using authority::Handle;

class ExchangesTest : public testing::Test {
 protected:
  static Handle handle(std::uint64_t number) {
    Handle handle{};
    for (std::size_t i = 0; i < 8; ++i) handle[i] = static_cast<std::uint8_t>(number >> (8 * i));
    return handle;
  }
  void add(std::uint64_t connection, std::uint64_t number) {
    exchanges_.add(connection,
                   {handle(number), protocol::Acceptor(setup_, clock_, random_), "service"});
  }
  bool take(std::uint64_t connection, std::uint64_t number) {
    return exchanges_.take(connection, handle(number)).has_value();
  }

  Exchanges exchanges_;
  std::shared_ptr<const protocol::AcceptorSetup> setup_ = test::acceptor_setup();
  test::FixedClock clock_{test::kSomeFiletime};
  test::SeededRandom random_;
};

TEST_F(ExchangesTest, AHandleIsGoodOnceAndOnItsOwnConnection) {
  add(1, 7);
  EXPECT_FALSE(take(2, 7));
  EXPECT_FALSE(take(1, 8));
  EXPECT_TRUE(take(1, 7));
  EXPECT_FALSE(take(1, 7));
}

TEST_F(ExchangesTest, OneTooManyOfAConnectionEndsTheOldestThere) {
  add(2, 1000);
  // Handles fall while their exchanges grow younger: it is age that counts.
  for (std::uint64_t i = 0; i <= authority::kMaxExchanges; ++i) add(1, 500 - i);
  EXPECT_FALSE(take(1, 500));
  for (std::uint64_t i = 1; i <= authority::kMaxExchanges; ++i) EXPECT_TRUE(take(1, 500 - i));
  EXPECT_TRUE(take(2, 1000)) << "older, and another's";
}

TEST_F(ExchangesTest, OneTooManyOfAUserEndsTheOldestOfAllHisConnections) {
  for (std::uint64_t i = 0; i < Exchanges::kMax; ++i) add(i % 100, i);
  add(500, Exchanges::kMax);
  add(500, Exchanges::kMax + 1);
  EXPECT_FALSE(take(0, 0));
  EXPECT_FALSE(take(1, 1));
  for (std::uint64_t i = 2; i < Exchanges::kMax; ++i) EXPECT_TRUE(take(i % 100, i)) << i;
  EXPECT_TRUE(take(500, Exchanges::kMax));
  EXPECT_TRUE(take(500, Exchanges::kMax + 1));
}

TEST_F(ExchangesTest, AConnectionThatIsClosedLosesItsOwn) {
  add(1, 1);
  add(2, 2);
  add(1, 3);
  exchanges_.close(1);
  EXPECT_FALSE(take(1, 1));
  EXPECT_FALSE(take(1, 3));
  EXPECT_TRUE(take(2, 2));
}

}  // namespace
}  // namespace ntlm::authd
