// SPDX-License-Identifier: MIT
// What the store process of ntlm-authd hands on of an account, and what it cannot: the front takes
// a defective answer for the end of everything.
#include "authd/verify_frame.h"

#include <gtest/gtest.h>

#include "store/faults.h"
#include "support/logon_attempt.h"

namespace ntlm::authd {
namespace {

using protocol::Attributes;
using protocol::LogonRequest;
using protocol::LogonResult;

// Every response is right, of an account with these attributes.
class Yes final : public protocol::Verifier {
 public:
  explicit Yes(Attributes attributes)
      : attributes_(std::make_shared<const Attributes>(std::move(attributes))) {}
  Result<LogonResult> verify(const LogonRequest& request) const override {
    LogonResult result;
    result.principal = {request.account, false, attributes_};
    result.store = "lmdb";
    return result;
  }

 private:
  std::shared_ptr<const Attributes> attributes_;
};
class No final : public protocol::Verifier {
 public:
  explicit No(Error error) : error_(error) {}
  Result<LogonResult> verify(const LogonRequest& /*request*/) const override {
    return tl::unexpected<Error>(error_);
  }

 private:
  Error error_;
};

Result<LogonResult> through_the_frame(const protocol::Verifier& verifier) {
  const test::LogonAttempt attempt({"alice", "TEST"}, "Secret1", {});
  const auto question = write_question(7, attempt.request());
  const auto frame = answer(question.value(), verifier, attempt.policy);
  auto read = read_answer(frame.value());
  EXPECT_TRUE(read) << "the front would end";
  EXPECT_EQ(read.value().number, 7u);
  return std::get<Result<LogonResult>>(std::move(read.value().body));
}

void expect_refused(Attributes attributes) {
  const auto result = through_the_frame(Yes(std::move(attributes)));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kStore);
  EXPECT_STREQ(result.error().where, "account.attributes");
  EXPECT_TRUE(store::last_store_fault().starts_with("alice@TEST: its groups")) << "and says whose";
}

// As many as Windows lets a token have.
TEST(VerifyFrame, AThousandGroups) {
  Attributes groups;
  for (int i = 0; i < 1015; ++i) {
    groups.emplace_back("urn:gss-ntlm:group-sid",
                        "S-1-5-21-1234567890-1234567890-1234567890-" + std::to_string(100000 + i));
    groups.emplace_back("urn:gss-ntlm:group",
                        "EXAMPLE\\A group of quite usual length " + std::to_string(1000 + i));
  }
  const auto result = through_the_frame(Yes(groups));
  ASSERT_TRUE(result) << result.error().where;
  EXPECT_EQ(*result->principal.attributes, groups);
}

TEST(VerifyFrame, TheLongestAttributeAndALongerOne) {
  const std::string longest(protocol::kMaxText, 'x');
  const auto result = through_the_frame(Yes({{"urn:gss-ntlm:full-name", longest}}));
  ASSERT_TRUE(result) << result.error().where;
  EXPECT_EQ(result->principal.attributes->front().second, longest);
  expect_refused({{"urn:gss-ntlm:full-name", longest + "x"}});
  expect_refused({{longest + "x", "value"}});
}

TEST(VerifyFrame, AttributesBeyondTheFrame) {
  expect_refused(Attributes(kMaxVerifyFrame / protocol::kMaxText + 1,
                            {"urn:gss-ntlm:group", std::string(protocol::kMaxText, 'x')}));
  expect_refused(Attributes(4097, {"a", "b"}));
}

TEST(VerifyFrame, WhereItFailed) {
  for (const auto& [where, told] : {std::pair{"store.record", "account"},
                                    std::pair{"winbind.ACCOUNT_DISABLED", "winbind.status"},
                                    std::pair{"account.attributes", "account.attributes"}}) {
    const auto result = through_the_frame(No({Errc::kAccountDisabled, where}));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::kAccountDisabled);
    EXPECT_STREQ(result.error().where, told);
  }
}

TEST(VerifyFrame, APlaceThatThereIsNot) {
  const test::LogonAttempt attempt({"alice", "TEST"}, "Secret1", {});
  const auto question = write_question(7, attempt.request());
  auto frame = answer(question.value(), No({Errc::kStore, "store"}), attempt.policy).value();
  ASSERT_TRUE(read_answer(frame));
  frame.back() = 3;
  EXPECT_FALSE(read_answer(frame));
}

}  // namespace
}  // namespace ntlm::authd
