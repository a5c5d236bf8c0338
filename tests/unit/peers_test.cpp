// SPDX-License-Identifier: MIT
#include "authd/peers.h"

#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace ntlm::authd {
namespace {

using namespace std::chrono_literals;
using protocol::Policy;

Config config_of(const std::string& text) {
  const test::TemporaryDirectory directory;
  auto config = Config::load(directory.write("authd.conf", text));
  EXPECT_TRUE(config) << (config ? "" : config.error());
  return std::move(*config);
}
auto sections_of(const std::string& authd, const std::string& policy = "") {
  const Config config = config_of("[policy]\n" + policy + "[authd]\n" + authd);
  return sections_from(config, Policy::from(config));
}

TEST(PeerLine, NoneIsOneForEverybody) {
  const auto sections = sections_of(" rate = 7\n burst = 9\n");
  ASSERT_TRUE(sections);
  ASSERT_EQ(sections->size(), 1u);
  EXPECT_FALSE(sections->front().uid);
  EXPECT_EQ(sections->front().rate, 7u);
  EXPECT_EQ(sections->front().burst, 9u);
}

TEST(PeerLine, SaysWhoAndWhatFor) {
  const auto sections = sections_of(
      " peer = root rate=1 burst=2 targets=imap/a,smtp/a\n peer = 33 require=sign,seal,mic\n");
  ASSERT_TRUE(sections) << sections.error();
  ASSERT_EQ(sections->size(), 2u);
  const Section& root = (*sections)[0];
  EXPECT_EQ(root.uid, uid_t{0});
  EXPECT_EQ(root.rate, 1u);
  EXPECT_EQ(root.burst, 2u);
  EXPECT_EQ(root.policy.accepted_targets, (std::vector<std::string>{"imap/a", "smtp/a"}));
  const Section& web = (*sections)[1];
  EXPECT_EQ(web.uid, uid_t{33});
  EXPECT_TRUE(web.policy.require_sign && web.policy.require_seal);
  EXPECT_EQ(web.policy.require_mic, Policy::Mic::kYes);
  EXPECT_TRUE(web.policy.accepted_targets.empty());
}

TEST(PeerLine, WhatIsRefused) {
  for (const char* line : {"no-such-user-here",
                           "4294967296",
                           "-1",
                           "33 rate=x",
                           "33 rate=",
                           "33 rate=-1",
                           "33 burst=1x",
                           "33 require=nothing",
                           "33 targets=",
                           "33 targets=,",
                           "33 allow=all",
                           "33 seal",
                           "33=1",
                           "33 rate=1000001",
                           "33 burst=0",
                           "33 burst=1000001",
                           "33 require=",
                           "33 require=,",
                           "33 rate=1 rate=2",
                           "33 targets=a/b targets=c/d",
                           "65534",
                           "4294967295"}) {
    EXPECT_FALSE(sections_of(std::string(" peer = ") + line + "\n")) << line;
  }
  EXPECT_FALSE(sections_of(" peer = 33\n peer = 33 rate=1\n"));
  EXPECT_FALSE(sections_of(" peer = *\n peer = * rate=1\n"));
}

TEST(PeerLine, NoOptionLiftsRequiredBindings) {
  protocol::AcceptOptions asked;
  asked.missing_bindings_pass = asked.any_bindings_pass = asked.require_sign = true;
  const auto sections = sections_of(" peer = 33 require=bindings\n peer = 34\n");
  ASSERT_TRUE(sections) << sections.error();
  const protocol::AcceptOptions left = (*sections)[0].admit(asked);
  EXPECT_FALSE(left.missing_bindings_pass || left.any_bindings_pass);
  EXPECT_TRUE(left.require_sign);
  const protocol::AcceptOptions all = (*sections)[1].admit(asked);
  EXPECT_TRUE(all.missing_bindings_pass && all.any_bindings_pass && all.require_sign);
}

TEST(PeerLine, ATargetThatTheDaemonDoesNotAllow) {
  EXPECT_FALSE(sections_of(" peer = 33 targets=imap/a\n", " accepted_targets = HTTP/a\n"));
  EXPECT_TRUE(sections_of(" peer = 33 targets=http/A\n", " accepted_targets = HTTP/a\n"));
  EXPECT_FALSE(sections_of(" peer = 33 targets=imap/a,imap\n")) << "would match nobody";
}

// It would take the place of the rule that only this host's own names are meant.
TEST(PeerLine, ATargetWhereThisHostsAreRequired) {
  const std::string required = " target_name = required\n";
  const auto refused = sections_of(" peer = 33 targets=HTTP/elsewhere\n", required);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().find("targets= needs [policy] accepted_targets"), std::string::npos)
      << refused.error();
  EXPECT_FALSE(sections_of(" peer = 33 require=target targets=HTTP/elsewhere\n", required));
  EXPECT_FALSE(sections_of(" peer = 33 targets=HTTP/elsewhere\n", " profile = hardened\n"));
  EXPECT_TRUE(
      sections_of(" peer = 33 targets=HTTP/a\n", required + " accepted_targets = HTTP/a\n"));
  const auto tighter = sections_of(" peer = 33 require=target targets=HTTP/a\n");
  ASSERT_TRUE(tighter) << "anything was allowed before: " << tighter.error();
  EXPECT_EQ(tighter->front().policy.target_name, Policy::Target::kRequired);
}

TEST(Bucket, ABurstThenTheRate) {
  const Time start{};
  Bucket bucket(10, 3, start);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(start));
  EXPECT_FALSE(bucket.take(start));
  EXPECT_TRUE(bucket.take(start + 100ms));
  EXPECT_FALSE(bucket.take(start + 100ms));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(start + 1h)) << "no more than a burst";
  EXPECT_FALSE(bucket.take(start + 1h));
}

class PeersTest : public testing::Test {
 protected:
  Peers peers_{*sections_of(" peer = 1\n peer = 2 rate=1 burst=1\n"), 0, 2};
};

TEST_F(PeersTest, AUserWithoutALine) {
  EXPECT_EQ(peers_.section_of(1), 0u);
  EXPECT_EQ(peers_.section_of(2), 1u);
  EXPECT_EQ(peers_.section_of(3), peers_.sections().size());
}

TEST_F(PeersTest, ConnectionsOfOneUser) {
  for (int i = 0; i < 1024; ++i) {
    ASSERT_TRUE(peers_.connect(1, 0));
  }
  EXPECT_FALSE(peers_.connect(1, 0));
  EXPECT_TRUE(peers_.connect(2, 1)) << "another's share";
  EXPECT_NE(&peers_.exchanges(1), &peers_.exchanges(2));
  peers_.disconnect(1);
  EXPECT_TRUE(peers_.connect(1, 0));
}

TEST_F(PeersTest, AReconnectGivesNoNewBurst) {
  ASSERT_TRUE(peers_.connect(2, 1));
  EXPECT_TRUE(peers_.may_begin(2));
  EXPECT_FALSE(peers_.may_begin(2));
  peers_.disconnect(2);
  ASSERT_TRUE(peers_.connect(2, 1));
  EXPECT_FALSE(peers_.may_begin(2));
}

TEST_F(PeersTest, RecordsOfRefusals) {
  ASSERT_TRUE(peers_.connect(1, 0));
  ASSERT_TRUE(peers_.connect(2, 1));
  EXPECT_EQ(peers_.record_refusal(1), 0u);
  EXPECT_EQ(peers_.record_refusal(1), 0u);
  EXPECT_FALSE(peers_.record_refusal(1));
  EXPECT_EQ(peers_.record_refusal(2), 0u) << "one's flood hides nothing of another's";
}

}  // namespace
}  // namespace ntlm::authd
