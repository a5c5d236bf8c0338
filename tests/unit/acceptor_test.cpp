// SPDX-License-Identifier: MIT
// What of the acceptor only shows with a clock or chance in the test's hand; every other refusal is
// in tests/abi/bad_input_test.cpp, through the public API.
#include "protocol/acceptor.h"

#include <gtest/gtest.h>

#include "exchange_fixture.h"
#include "support/vectors.h"

namespace ntlm::test {
namespace {

using protocol::Acceptor;
using protocol::Policy;

class AcceptorTest : public ::testing::Test {
 protected:
  Acceptor make(Policy policy = {}) {
    return Acceptor(acceptor_setup(std::move(policy)), clock_, random_);
  }

  // The second leg's answer to `peer`, with `between` in between.
  Result<Acceptor::Step> exchange(Acceptor& acceptor, const Peer& peer,
                                  const std::function<void()>& between = {},
                                  std::uint32_t flags = kUsualFlags) {
    const Bytes negotiate = negotiate_message(flags);
    auto first = acceptor.step(negotiate, nullptr);
    if (!first) return first;
    if (between) between();
    return acceptor.step(peer.authenticate(negotiate, first->token), nullptr);
  }

  FixedClock clock_{kSomeFiletime};
  SeededRandom random_;
};

TEST_F(AcceptorTest, ChallengeIsWhatTheSetupAndTheClockSay) {
  ScriptedRandom random(from_hex("0123456789abcdef"));
  Acceptor acceptor(acceptor_setup(), clock_, random);
  const auto step = acceptor.step(negotiate_message(kUsualFlags), nullptr);
  ASSERT_TRUE(step);
  EXPECT_FALSE(step->complete);
  EXPECT_TRUE(random.used_up());
  const Bytes& challenge = step->token;
  EXPECT_EQ(to_hex(ByteView(challenge).subspan(24, 8)), "0123456789abcdef");
  EXPECT_EQ(load32(challenge, 20), 0xe2898235 | 0u) << std::hex << load32(challenge, 20);
  EXPECT_EQ(to_hex(acceptor.target_info()),
            "02000c0044006f006d00610069006e0001000c00530065007200760065007200040016006500780061006d"
            "0070006c0065002e00"
            "63006f006d00030024007300650072007600650072002e006500780061006d0070006c0065002e0063006f"
            "006d00070008007be7"
            "3fc30bdecd0100000000");
}

TEST_F(AcceptorTest, PeerWithoutVersionIsNotForcedToHaveOne) {
  Acceptor acceptor = make();
  const auto step = acceptor.step(negotiate_message(kHttpFlags), nullptr);
  ASSERT_TRUE(step);
  EXPECT_EQ(load32(step->token, 20) & wire::kVersion, 0u);
}

TEST_F(AcceptorTest, SecretsAgreeWithThePeer) {
  Acceptor acceptor = make();
  Peer peer;
  const auto step = exchange(acceptor, peer);
  ASSERT_TRUE(step);
  EXPECT_TRUE(step->complete);
  ASSERT_NE(acceptor.established(), nullptr);
  EXPECT_EQ(to_hex(acceptor.established()->session.exported_key().expose()),
            to_hex(peer.session_key));
  EXPECT_EQ(acceptor.established()->principal.account.user, "User");
  EXPECT_EQ(acceptor.evidence().mic, protocol::MicState::kVerified);
}

// For the audit: what a refused peer sends, and not what was left to look at.
TEST_F(AcceptorTest, ARefusalKnowsWhatWasSent) {
  using protocol::BindingsState;
  using protocol::MicState;
  const Bytes channel(32, 1), other(32, 2);
  for (const Bytes& given : {channel, other}) {
    Acceptor acceptor = make();
    Peer peer;
    peer.password = "wrong";
    crypto::ChannelBindings bindings;
    bindings.application = channel;
    const auto hash = crypto::channel_binding_hash(bindings);
    peer.binding_hash = Bytes(hash.begin(), hash.end());
    bindings.application = given;
    const Bytes negotiate = negotiate_message(kUsualFlags);
    const auto first = acceptor.step(negotiate, nullptr);
    ASSERT_TRUE(first);
    const auto step = acceptor.step(peer.authenticate(negotiate, first->token), &bindings);
    ASSERT_FALSE(step);
    EXPECT_EQ(step.error().code, Errc::kLogonDenied);
    EXPECT_EQ(acceptor.evidence().mic, MicState::kSent);
    EXPECT_EQ(acceptor.evidence().bindings,
              given == channel ? BindingsState::kMatch : BindingsState::kMismatch);
  }
  Acceptor acceptor = make();
  Peer bare;
  bare.password = "wrong";
  bare.av_flags = 0;
  ASSERT_FALSE(exchange(acceptor, bare));
  EXPECT_EQ(acceptor.evidence().mic, MicState::kAbsent);
  EXPECT_EQ(acceptor.evidence().bindings, BindingsState::kNone);
}

// G09: the age is counted by the clock that nobody sets.
TEST_F(AcceptorTest, AuthenticateAfter301Seconds) {
  Acceptor acceptor = make();
  const auto step = exchange(acceptor, Peer{}, [this] { clock_.pass(301); });
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().code, Errc::kChallengeExpired);
  Acceptor in_time = make();
  EXPECT_TRUE(exchange(in_time, Peer{}, [this] { clock_.pass(300); }));
}

// G10
TEST_F(AcceptorTest, WallClockThatJumpsIsNoAge) {
  Acceptor acceptor = make();
  EXPECT_TRUE(exchange(acceptor, Peer{},
                       [this] { clock_.set_filetime(kSomeFiletime - 3'000'000'000'000'000); }));
}

// G11
TEST_F(AcceptorTest, PeerTimestamp37HoursOff) {
  constexpr std::uint64_t kHour = 36'000'000'000;
  for (const std::int64_t hours : {37, -37, 35, -35}) {
    Acceptor acceptor = make();
    Peer peer;
    peer.timestamp = kSomeFiletime + static_cast<std::uint64_t>(hours) * kHour;
    const auto step = exchange(acceptor, peer);
    EXPECT_EQ(step.has_value(), hours == 35 || hours == -35) << hours;
  }
}

TEST_F(AcceptorTest, AFailedContextStaysDead) {
  Acceptor acceptor = make();
  Peer peer;
  peer.password = "wrong";
  const Bytes negotiate = negotiate_message(kUsualFlags);
  const auto first = acceptor.step(negotiate, nullptr);
  ASSERT_FALSE(acceptor.step(peer.authenticate(negotiate, first->token), nullptr));
  peer.password = "Password";
  for (const Bytes& token : {peer.authenticate(negotiate, first->token), negotiate}) {
    const auto again = acceptor.step(token, nullptr);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::kDeadContext);
  }
  EXPECT_TRUE(acceptor.failed());
}

// Every single flipped bit of a signed AUTHENTICATE is noticed (what follows the session key is
// under the MIC too).
TEST_F(AcceptorTest, AnyOneFlippedBitIsRefused) {
  const Bytes negotiate = negotiate_message(kUsualFlags);
  Peer peer;
  for (std::size_t bit = 0; bit < 8u * 384; ++bit) {
    Acceptor acceptor = make();
    const auto first = acceptor.step(negotiate, nullptr);
    Bytes message = peer.authenticate(negotiate, first->token);
    if (bit / 8 >= message.size()) break;
    message[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(acceptor.step(message, nullptr)) << "bit " << bit;
  }
}

TEST_F(AcceptorTest, TargetThatIsNotOurs) {
  Policy policy;
  policy.accepted_targets = {"HTTP/www.example.com"};
  for (const auto& [target, right] :
       {std::pair{"http/WWW.example.com", true}, std::pair{"cifs/www.example.com", false},
        std::pair{"HTTP/other", false}, std::pair{"", true}}) {
    Acceptor acceptor = make(policy);
    Peer peer;
    peer.target = target;
    EXPECT_EQ(exchange(acceptor, peer).has_value(), right) << target;
  }
  policy.target_name = Policy::Target::kRequired;
  Acceptor acceptor = make(policy);
  EXPECT_EQ(exchange(acceptor, Peer{}).error().code, Errc::kTargetRefused);
  // MsvAvFlags 4: the peer does not vouch for its target (R28).
  Acceptor untrusting = make(policy);
  Peer peer;
  peer.target = "HTTP/www.example.com";
  peer.av_flags = 2 | 4;
  EXPECT_FALSE(exchange(untrusting, peer));
}

TEST_F(AcceptorTest, PeerThatDoesNotAgreeToWhatThePolicyRequires) {
  Policy sign;
  sign.require_sign = true;
  Acceptor refusing = make(sign);
  EXPECT_EQ(refusing.step(negotiate_message(kHttpFlags), nullptr).error().code,
            Errc::kFeatureMissing);
  Acceptor taking = make(sign);
  EXPECT_TRUE(exchange(taking, Peer{}));
  Policy seal;
  seal.require_seal = true;
  Acceptor sealing = make(seal);
  EXPECT_EQ(sealing.step(negotiate_message(kUsualFlags & ~wire::kSeal), nullptr).error().code,
            Errc::kFeatureMissing);
}

TEST_F(AcceptorTest, ReceivingCanBeForbidden) {
  Policy policy;
  policy.receive_ntlm = Policy::Receive::kDenyAll;
  Acceptor acceptor = make(policy);
  EXPECT_EQ(exchange(acceptor, Peer{}).error().code, Errc::kAccountRestriction);
}

TEST_F(AcceptorTest, InTwoHalves) {
  Acceptor acceptor = make();
  const Bytes negotiate = negotiate_message(kUsualFlags);
  const auto first = acceptor.step(negotiate, nullptr);
  Peer peer;
  const Bytes token = peer.authenticate(negotiate, first->token);
  const auto question = acceptor.ask(token, nullptr);
  ASSERT_TRUE(question && *question);
  EXPECT_TRUE(acceptor.awaits_verdict());
  SecretWriter writer;
  EXPECT_FALSE(acceptor.save(writer)) << "it cannot travel";
  auto verdict = acceptor.setup()->verifier->verify(**question);
  Acceptor moved = std::move(acceptor);
  ASSERT_TRUE(moved.settle(std::move(verdict)));
  EXPECT_EQ(to_hex(moved.established()->session.exported_key().expose()), to_hex(peer.session_key));
  EXPECT_FALSE(moved.settle(fail(Errc::kLogonDenied, "again")));
}

TEST_F(AcceptorTest, AVerdictThatNobodyAskedFor) {
  Acceptor acceptor = make();
  ASSERT_TRUE(acceptor.step(negotiate_message(kUsualFlags), nullptr));
  EXPECT_EQ(acceptor.settle(protocol::LogonResult()).error().code, Errc::kDeadContext);
  EXPECT_TRUE(acceptor.failed());
  Acceptor second = make();
  EXPECT_EQ(second.ask(Bytes(), nullptr).error().code, Errc::kDeadContext) << "before NEGOTIATE";
}

// The MIC and all that follows the proof are looked at in the second half.
TEST_F(AcceptorTest, InTwoHalvesABadMic) {
  Acceptor acceptor = make();
  const Bytes negotiate = negotiate_message(kUsualFlags);
  const auto first = acceptor.step(negotiate, nullptr);
  Peer peer;
  peer.on_final = [](Bytes& message) { message[72] ^= 1; };
  const Bytes token = peer.authenticate(negotiate, first->token);
  const auto question = acceptor.ask(token, nullptr);
  ASSERT_TRUE(question && *question);
  EXPECT_EQ(acceptor.settle(acceptor.setup()->verifier->verify(**question)).error().code,
            Errc::kBadMic);
  EXPECT_TRUE(acceptor.failed());
}

// A half-made context goes on in another process; a dead one does not travel.
TEST_F(AcceptorTest, HalfMadeContextTravels) {
  Acceptor acceptor = make();
  const Bytes negotiate = negotiate_message(kUsualFlags);
  const auto first = acceptor.step(negotiate, nullptr);
  SecretWriter writer(0, 1u << 16);
  ASSERT_TRUE(acceptor.save(writer));
  const SecretBytes saved = std::move(writer).finish("test").value();
  Reader reader(saved);
  auto restored = Acceptor::restore(reader, acceptor_setup(), clock_, random_);
  ASSERT_TRUE(restored);
  EXPECT_TRUE(reader.at_end());
  Peer peer;
  const auto second = restored->step(peer.authenticate(negotiate, first->token), nullptr);
  ASSERT_TRUE(second);
  EXPECT_EQ(to_hex(restored->established()->session.exported_key().expose()),
            to_hex(peer.session_key));

  SecretWriter again(0, 1u << 16);
  ASSERT_TRUE(restored->save(again));
  const SecretBytes complete = std::move(again).finish("test").value();
  for (std::size_t size = 0; size < complete.size(); ++size) {
    Reader cut(ByteView(complete).first(size));
    EXPECT_FALSE(Acceptor::restore(cut, acceptor_setup(), clock_, random_)) << size;
  }
  Reader whole(complete);
  auto third = Acceptor::restore(whole, acceptor_setup(), clock_, random_);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->established()->principal.account.domain, "Domain");
}

TEST_F(AcceptorTest, HalfMadeContextIsTooOldElsewhereToo) {
  Acceptor acceptor = make();
  const Bytes negotiate = negotiate_message(kUsualFlags);
  const auto first = acceptor.step(negotiate, nullptr);
  SecretWriter writer(0, 1u << 16);
  ASSERT_TRUE(acceptor.save(writer));
  const SecretBytes saved = std::move(writer).finish("test").value();
  FixedClock other_host(kSomeFiletime + 301 * 10'000'000ull, 5000);
  Reader reader(saved);
  auto restored = Acceptor::restore(reader, acceptor_setup(), other_host, random_);
  ASSERT_TRUE(restored);
  EXPECT_EQ(restored->step(Peer{}.authenticate(negotiate, first->token), nullptr).error().code,
            Errc::kChallengeExpired);
}

TEST_F(AcceptorTest, DeadContextDoesNotTravel) {
  Acceptor acceptor = make();
  ASSERT_FALSE(acceptor.step({}, nullptr));
  SecretWriter writer;
  EXPECT_FALSE(acceptor.save(writer));
}

// Whoever proved the account: winbind and the daemon know nothing of this policy.
TEST_F(AcceptorTest, ListsAreAskedOfEveryAccount) {
  for (const bool denied : {false, true}) {
    Policy policy;
    policy.deny_users = {denied ? "USER" : "OTHER"};
    Acceptor acceptor = make(policy);
    const auto done = exchange(acceptor, Peer());
    ASSERT_EQ(done.has_value(), !denied);
    if (denied) {
      EXPECT_EQ(done.error().code, Errc::kAccountRestriction);
      EXPECT_TRUE(acceptor.failed());
    }
  }
}

// R47: the zeros that stand in for a null session's key protect nothing.
TEST_F(AcceptorTest, ANullSessionHasNoKey) {
  Policy policy;
  policy.allow_anonymous = true;
  policy.accept_v1 = true;
  Peer nobody;
  nobody.user = nobody.domain = "";
  nobody.nt_response = Bytes();
  nobody.lm_response = Bytes(1);
  Acceptor acceptor = make(policy);
  const auto done = exchange(acceptor, nobody, {}, wire::kUnicode | wire::kNtlm);
  ASSERT_TRUE(done) << done.error().where;
  protocol::Session& session = acceptor.established()->session;
  EXPECT_NE(session.flags() & wire::kAnonymous, 0u);
  EXPECT_FALSE(session.allow_unagreed_sealing());
}

TEST_F(AcceptorTest, DatagramsNeedAKeyExchange) {
  Policy policy;
  policy.allow_datagram = true;
  for (const bool exchanged : {false, true}) {
    Acceptor acceptor = make(policy);
    const std::uint32_t flags = kUsualFlags | wire::kDatagram;
    const auto step =
        acceptor.step(negotiate_message(exchanged ? flags : flags & ~wire::kKeyExchange), nullptr);
    ASSERT_EQ(step.has_value(), exchanged);
    if (!exchanged) {
      EXPECT_EQ(step.error().code, Errc::kFeatureMissing);
    }
  }
}

}  // namespace
}  // namespace ntlm::test
