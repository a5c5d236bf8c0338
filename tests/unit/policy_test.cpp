// SPDX-License-Identifier: MIT
#include "protocol/policy.h"

#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace ntlm::protocol {
namespace {

class PolicyTest : public testing::Test {
 protected:
  Config config(std::string_view relations) {
    auto config = Config::load(directory_.write("c", "[policy]\n" + std::string(relations)));
    EXPECT_TRUE(config) << config.error();
    return config.value_or(Config());
  }
  Policy policy(std::string_view relations) { return Policy::from(config(relations)); }

  test::TemporaryDirectory directory_;
};

TEST(Policy, DefaultsOfTheStructAreThoseOfTheConfiguration) {
  EXPECT_EQ(Policy::from(Config()), Policy());
}

TEST(Policy, HardenedTightensOnly) {
  Policy expected;
  expected.require_mic = Policy::Mic::kYes;
  expected.target_name = Policy::Target::kRequired;
  expected.challenge_max_age = 60;
  expected.refuse_reflection = true;
  EXPECT_EQ(Policy::hardened(), expected);
  EXPECT_TRUE(loosened(Config("hardened")).empty());
}

TEST(Policy, CompatLoosensBindingsAndTargetOnly) {
  Policy expected;
  expected.channel_bindings = Policy::Bindings::kWhenSupported;
  expected.target_name = Policy::Target::kOff;
  EXPECT_EQ(Policy::compat(), expected);
  EXPECT_EQ(loosened(Config("compat")),
            (std::vector<std::string>{"channel_bindings = when-supported (profile compat)",
                                      "target_name = off (profile compat)"}));
}

TEST_F(PolicyTest, EveryKeyReachesItsMember) {
  Policy expected;
  expected.accept_v1 = true;
  expected.initiate_v1 = true;
  expected.channel_bindings = Policy::Bindings::kNever;
  expected.require_mic = Policy::Mic::kNo;
  expected.target_name = Policy::Target::kRequired;
  expected.accepted_targets = {"HTTP/www.example.com", "HTTP/www"};
  expected.allow_anonymous = true;
  expected.allow_datagram = true;
  expected.require_128 = false;
  expected.require_sign = true;
  expected.require_seal = true;
  expected.send_ntlm = Policy::Send::kDeny;
  expected.send_to = {"a.example.com", "*.b.example.com"};
  expected.refuse_reflection = true;
  expected.challenge_max_age = 1;
  expected.max_lifetime = 2;
  expected.context_lifetime = 3;
  expected.allow_blank_passwords = true;
  expected.nil_domain_retry = false;
  expected.receive_ntlm = Policy::Receive::kDenyDomain;
  expected.deny_users = {"ROOT", "J\xc3\x9cRGEN"};
  expected.deny_domains = {"OLD"};
  expected.allow_domains = {"NEW", "OTHER"};
  expected.ntlm_in_fips = true;
  expected.lockout_threshold = 4;
  expected.lockout_window = 5;
  expected.lockout_duration = 6;
  expected.lockout_delay = 7;
  EXPECT_EQ(policy("min_version = v1\ninitiator_version = v1\nchannel_bindings = never\n"
                   "require_mic = no\ntarget_name = required\n"
                   "accepted_targets = HTTP/www.example.com HTTP/www\nallow_anonymous = yes\n"
                   "allow_datagram = true\nrequire_128 = false\nchallenge_max_age = 1\n"
                   "require_sign = yes\nrequire_seal = yes\nsend_ntlm = deny\nreflection = refuse\n"
                   "send_to = a.example.com *.b.example.com\n"
                   "max_lifetime = 2\ncontext_lifetime = 3\nallow_blank_passwords = yes\n"
                   "nil_domain_retry = no\nreceive_ntlm = deny-domain\n"
                   "deny_users = root j\xc3\xbcrgen\ndeny_domains = Old\n"
                   "allow_domains = new other\nntlm_in_fips = allow\nlockout_threshold = 4\n"
                   "lockout_window = 5\nlockout_duration = 6\nlockout_delay = 7\n"),
            expected);
}

TEST_F(PolicyTest, EveryChoiceHasItsMeaning) {
  EXPECT_EQ(policy("channel_bindings = always\n").channel_bindings, Policy::Bindings::kAlways);
  EXPECT_EQ(policy("channel_bindings = when-supported\n").channel_bindings,
            Policy::Bindings::kWhenSupported);
  EXPECT_EQ(policy("require_mic = auto\n").require_mic, Policy::Mic::kAuto);
  EXPECT_EQ(policy("require_mic = yes\n").require_mic, Policy::Mic::kYes);
  EXPECT_EQ(policy("target_name = off\n").target_name, Policy::Target::kOff);
  EXPECT_EQ(policy("target_name = if-present\n").target_name, Policy::Target::kIfPresent);
  EXPECT_EQ(policy("receive_ntlm = allow\n").receive_ntlm, Policy::Receive::kAllow);
  EXPECT_EQ(policy("receive_ntlm = deny-all\n").receive_ntlm, Policy::Receive::kDenyAll);
}

TEST_F(PolicyTest, LooseningIsSaidKeyByKey) {
  const char* loose[] = {"min_version = v1",
                         "initiator_version = v1",
                         "channel_bindings = when-supported",
                         "channel_bindings = never",
                         "require_mic = no",
                         "target_name = off",
                         "allow_anonymous = yes",
                         "allow_datagram = yes",
                         "require_128 = no",
                         "challenge_max_age = 301",
                         "max_lifetime = 129601",
                         "context_lifetime = 129601",
                         "context_lifetime = 0",
                         "allow_blank_passwords = yes",
                         "ntlm_in_fips = allow",
                         "lockout_threshold = 11",
                         "lockout_threshold = 0",
                         "lockout_window = 599",
                         "lockout_duration = 599",
                         "lockout_delay = 31",
                         "lockout_delay = 0"};
  for (const std::string line : loose) {
    EXPECT_EQ(loosened(config(line + "\n")),
              (std::vector<std::string>{line + " (" + directory_.path("c") + ")"}));
  }
}

TEST_F(PolicyTest, TighteningAndDefaultsAreNoLoosening) {
  EXPECT_TRUE(loosened(Config()).empty());
  for (const std::string line :
       {"min_version = v2", "require_mic = yes", "target_name = required", "challenge_max_age = 10",
        "context_lifetime = 60", "lockout_threshold = 3", "lockout_window = 3600",
        "lockout_duration = 3600", "lockout_delay = 60", "deny_users = root",
        "receive_ntlm = deny-all", "nil_domain_retry = no", "accepted_targets = HTTP/www"}) {
    EXPECT_TRUE(loosened(config(line + "\n")).empty()) << line;
  }
}

TEST_F(PolicyTest, KeyOverridesItsProfile) {
  EXPECT_TRUE(
      loosened(config("profile = compat\nchannel_bindings = always\ntarget_name = required\n"))
          .empty());
  EXPECT_EQ(policy("profile = hardened\nrequire_mic = no\n").require_mic, Policy::Mic::kNo);
}

}  // namespace
}  // namespace ntlm::protocol
