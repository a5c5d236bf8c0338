// SPDX-License-Identifier: MIT
#include "protocol/initiator.h"

#include <gtest/gtest.h>

#include "exchange_fixture.h"
#include "support/vectors.h"
#include "wire/av_pairs.h"

namespace ntlm::test {
namespace {

using protocol::Acceptor;
using protocol::Initiator;
using protocol::InitiatorRequest;
using protocol::Policy;

InitiatorRequest sealed() {
  InitiatorRequest request;
  request.sign = request.seal = true;
  request.target = "HTTP/server.example.com";
  request.workstation = "COMPUTER";
  return request;
}

class InitiatorTest : public ::testing::Test {
 protected:
  Initiator make(InitiatorRequest request, Policy policy = {},
                 const std::string& password = "Password") {
    return Initiator(std::move(policy), responder(password), std::move(request), clock_, random_);
  }

  FixedClock clock_{kSomeFiletime};
  SeededRandom random_;
};

std::uint32_t offered(Result<Initiator::Step> step) { return load32(step->token, 12); }

TEST_F(InitiatorTest, OffersWhatIsAsked) {
  EXPECT_EQ(offered(make({}).step({}, nullptr)) & (wire::kSign | wire::kSeal | wire::kIdentify),
            0u);
  InitiatorRequest sign;
  sign.sign = true;
  EXPECT_EQ(offered(make(sign).step({}, nullptr)) & (wire::kSign | wire::kSeal), wire::kSign);
  EXPECT_EQ(offered(make(sealed()).step({}, nullptr)), kUsualFlags & ~wire::kLmKey);
  InitiatorRequest fixed;
  fixed.offered = 0xa2088207;
  EXPECT_EQ(offered(make(fixed).step({}, nullptr)), 0xa2088207);
}

TEST_F(InitiatorTest, LogsInToTheAcceptorWithEqualKeys) {
  for (const bool v1 : {false, true}) {
    Policy policy;
    policy.accept_v1 = policy.initiate_v1 = v1;
    Acceptor acceptor(acceptor_setup(policy), clock_, random_);
    Initiator initiator = make(sealed(), policy);
    const auto negotiate = initiator.step({}, nullptr);
    const auto challenge = acceptor.step(negotiate->token, nullptr);
    ASSERT_TRUE(challenge);
    const auto authenticate = initiator.step(challenge->token, nullptr);
    ASSERT_TRUE(authenticate);
    const auto done = acceptor.step(authenticate->token, nullptr);
    ASSERT_TRUE(done) << v1;
    EXPECT_EQ(to_hex(initiator.established()->session.exported_key().expose()),
              to_hex(acceptor.established()->session.exported_key().expose()));
    EXPECT_TRUE(initiator.established()->mic_sent);
    EXPECT_EQ(acceptor.evidence().target, v1 ? "" : "HTTP/server.example.com");
    EXPECT_EQ(acceptor.evidence().mic,
              v1 ? protocol::MicState::kAbsent : protocol::MicState::kVerified);
  }
}

// Active Directory's LDAP takes an agreement on signing for one on sealing.
TEST_F(InitiatorTest, WhereSigningIsAgreedLdapIsSpokenToSealed) {
  for (const auto& [target, sealed] :
       {std::pair("ldap/dc1.example.com", true),
        std::pair("LDAP/dc1.example.com/example.com", true),
        std::pair("HTTP/ldap.example.com", false), std::pair("ldaps/dc1.example.com", false),
        std::pair("", false)}) {
    InitiatorRequest request;
    request.sign = true;
    request.target = target;
    Acceptor acceptor(acceptor_setup({}), clock_, random_);
    Initiator initiator = make(request);
    const auto negotiate = initiator.step({}, nullptr);
    EXPECT_EQ(offered(negotiate) & (wire::kSign | wire::kSeal), wire::kSign);
    const auto challenge = acceptor.step(negotiate->token, nullptr);
    ASSERT_TRUE(challenge);
    ASSERT_TRUE(initiator.step(challenge->token, nullptr));
    EXPECT_EQ(initiator.established()->session.seals_everything(), sealed) << target;
    EXPECT_FALSE(initiator.established()->session.can_seal());
  }
}

// NTLMv1 without extended session security, and with the LM key of [MS-NLMP] 3.4.5.1.
TEST_F(InitiatorTest, LogsInByEveryKeyOfNtlm1) {
  for (const std::uint32_t extra : {0u, wire::kLmKey, wire::kEss}) {
    Policy policy;
    policy.accept_v1 = policy.initiate_v1 = true;
    policy.require_128 = false;
    Acceptor acceptor(acceptor_setup(policy), clock_, random_);
    InitiatorRequest request;
    request.offered = 0xe2008237 | extra;
    Initiator initiator = make(request, policy);
    const auto challenge = acceptor.step(initiator.step({}, nullptr)->token, nullptr);
    ASSERT_TRUE(challenge);
    const auto authenticate = initiator.step(challenge->token, nullptr);
    ASSERT_TRUE(authenticate) << extra;
    const auto done = acceptor.step(authenticate->token, nullptr);
    ASSERT_TRUE(done) << extra;
    EXPECT_EQ(to_hex(initiator.established()->session.exported_key().expose()),
              to_hex(acceptor.established()->session.exported_key().expose()));
  }
}

TEST_F(InitiatorTest, BindingsAndTargetAreInTheResponse) {
  const Bytes data(5, 7);
  crypto::ChannelBindings bindings;
  bindings.application = data;
  Acceptor acceptor(acceptor_setup(), clock_, random_);
  Initiator initiator = make(sealed());
  const auto challenge = acceptor.step(initiator.step({}, nullptr)->token, nullptr);
  const auto authenticate = initiator.step(challenge->token, &bindings);
  ASSERT_TRUE(acceptor.step(authenticate->token, &bindings));
  EXPECT_EQ(acceptor.evidence().bindings, protocol::BindingsState::kMatch);
}

TEST_F(InitiatorTest, ServerWithoutTargetInfoTimeOrSessionSecurityIsAnswered) {
  // Flags of an old server: UNICODE, NTLM, ALWAYS_SIGN, TARGET_TYPE_SERVER.
  Bytes challenge = from_hex(
      "4e544c4d53535000020000000c000c0030000000018202000123456789abcdef00000000000000000000000000"
      "000000530065007200760065007200");
  Initiator initiator = make({});
  ASSERT_TRUE(initiator.step({}, nullptr));
  const auto step = initiator.step(challenge, nullptr);
  ASSERT_TRUE(step);
  EXPECT_TRUE(step->complete);
  EXPECT_FALSE(initiator.established()->mic_sent);
}

// D29
TEST_F(InitiatorTest, ChallengeWithDefectiveTargetInfo) {
  Acceptor acceptor(acceptor_setup(), clock_, random_);
  Initiator first = make(sealed());
  const auto negotiate = first.step({}, nullptr);
  const Bytes good = acceptor.step(negotiate->token, nullptr)->token;
  const std::size_t info = load32(good, 44);
  for (const auto& change :
       {std::function<void(Bytes&)>([](Bytes& m) { store16(m, 40, 3); }),
        std::function<void(Bytes&)>([&](Bytes& m) { store16(m, info + 2, 0xffff); }),
        std::function<void(Bytes&)>([](Bytes& m) { store16(m, 40, load32(m, 40) - 4); })}) {
    Initiator initiator = make(sealed());
    ASSERT_TRUE(initiator.step({}, nullptr));
    Bytes broken = good;
    change(broken);
    const auto step = initiator.step(broken, nullptr);
    ASSERT_FALSE(step);
    EXPECT_EQ(step.error().code, Errc::kDefectiveMessage);
    EXPECT_EQ(initiator.step(good, nullptr).error().code, Errc::kDeadContext);
  }
}

TEST_F(InitiatorTest, ChallengeCutAtEveryLength) {
  Acceptor acceptor(acceptor_setup(), clock_, random_);
  Initiator first = make(sealed());
  const Bytes good = acceptor.step(first.step({}, nullptr)->token, nullptr)->token;
  for (std::size_t size = 0; size < good.size(); ++size) {
    Initiator initiator = make(sealed());
    ASSERT_TRUE(initiator.step({}, nullptr));
    EXPECT_FALSE(initiator.step(ByteView(good).first(size), nullptr)) << size;
  }
}

TEST_F(InitiatorTest, ServerThatWeakensProtection) {
  Acceptor acceptor(acceptor_setup(), clock_, random_);
  Initiator first = make(sealed());
  const Bytes good = acceptor.step(first.step({}, nullptr)->token, nullptr)->token;
  for (const std::uint32_t dropped : {wire::k128, wire::kEss}) {
    Initiator initiator = make(sealed());
    ASSERT_TRUE(initiator.step({}, nullptr));
    Bytes weak = good;
    store32(weak, 20, load32(weak, 20) & ~dropped);
    EXPECT_EQ(initiator.step(weak, nullptr).error().code, Errc::kFeatureMissing);
  }
}

TEST_F(InitiatorTest, TargetThatCarriesAnother) {
  for (const char* target :
       {"HTTP/srv1UWhRCAAAAAAAAAAAAAAAAAAAAAAAAAAAAwbEAYBAAAA", "HTTP/a b", "HTTP/\xc3\xa9"}) {
    InitiatorRequest request = sealed();
    request.target = target;
    EXPECT_EQ(make(request).step({}, nullptr).error().code, Errc::kBadName) << target;
  }
}

TEST_F(InitiatorTest, HostThatIsNotOnTheList) {
  struct Row {
    const char* target;
    bool allowed;
  };
  for (const Row& row :
       {Row{"HTTP/server.example.com", true}, Row{"HTTP/SERVER.example.COM:8080", true},
        Row{"HTTP/a.b.lab.test", true}, Row{"HTTP/lab.test", false}, Row{"HTTP/xlab.test", false},
        Row{"HTTP/10.1.2.3", false}, Row{"", false}}) {
    Policy policy;
    policy.send_to = {"server.example.com", "*.lab.test"};
    InitiatorRequest request = sealed();
    request.target = row.target;
    EXPECT_EQ(make(request, policy).step({}, nullptr).has_value(), row.allowed) << row.target;
  }
}

TEST_F(InitiatorTest, NobodyIsLoggedInToWhenSendingIsDenied) {
  Policy policy;
  policy.send_ntlm = Policy::Send::kDeny;
  EXPECT_EQ(make(sealed(), policy).step({}, nullptr).error().code, Errc::kTargetRefused);
}

TEST_F(InitiatorTest, ReflectedChallenge) {
  for (const bool here : {false, true}) {
    Policy policy = Policy::hardened();
    Acceptor acceptor(acceptor_setup(), clock_, random_);
    InitiatorRequest request = sealed();
    request.workstation = "SERVER";  // the acceptor's own name
    request.target_is_here = here;
    Initiator initiator = make(request, policy);
    const auto challenge = acceptor.step(initiator.step({}, nullptr)->token, nullptr);
    EXPECT_EQ(initiator.step(challenge->token, nullptr).has_value(), here);
  }
}

TEST_F(InitiatorTest, HalfMadeContextTravels) {
  Acceptor acceptor(acceptor_setup(), clock_, random_);
  Initiator initiator = make(sealed());
  const auto challenge = acceptor.step(initiator.step({}, nullptr)->token, nullptr);
  SecretWriter writer(0, 1u << 16);
  ASSERT_TRUE(initiator.save(writer));
  const SecretBytes saved = std::move(writer).finish("test").value();
  Reader reader(saved);
  auto restored = Initiator::restore(reader, {}, responder(), clock_, random_);
  ASSERT_TRUE(restored);
  const auto authenticate = restored->step(challenge->token, nullptr);
  ASSERT_TRUE(authenticate);
  EXPECT_TRUE(acceptor.step(authenticate->token, nullptr));
  for (std::size_t size = 0; size < saved.size(); ++size) {
    Reader cut(ByteView(saved).first(size));
    EXPECT_FALSE(Initiator::restore(cut, {}, responder(), clock_, random_)) << size;
  }
}

// A responder that makes the message itself puts its account's name into it.
class WholeResponder final : public protocol::Responder {
 public:
  const protocol::AccountName& account() const override { return account_; }
  Result<protocol::ChallengeResponse> respond(const protocol::Challenge&) const override {
    return fail(Errc::kInternal, "test");
  }
  bool answers_whole() const override { return true; }
  Result<WholeAnswer> answer(ByteView, ByteView) const override {
    ADD_FAILURE() << "asked for an answer in its account's name";
    return fail(Errc::kInternal, "test");
  }

 private:
  protocol::AccountName account_{"User", "Domain"};
};

TEST_F(InitiatorTest, WhoWantsToBeAnonymousIsNotNamedByACredentialCache) {
  Policy policy;
  policy.allow_anonymous = true;
  Acceptor acceptor(acceptor_setup(policy), clock_, random_);
  InitiatorRequest request;
  request.anonymous = true;
  Initiator initiator(policy, std::make_shared<WholeResponder>(), request, clock_, random_);
  const auto negotiate = initiator.step({}, nullptr);
  const auto challenge = acceptor.step(negotiate->token, nullptr);
  const auto authenticate = initiator.step(challenge->token, nullptr);
  ASSERT_TRUE(authenticate);
  ASSERT_TRUE(acceptor.step(authenticate->token, nullptr));
  EXPECT_TRUE(acceptor.established()->principal.anonymous);
}

TEST_F(InitiatorTest, DatagramsOfAServerThatHasNone) {
  for (const bool spoken : {false, true}) {
    Policy policy;
    policy.allow_datagram = spoken;
    InitiatorRequest request = sealed();
    request.datagram = true;
    Initiator initiator = make(request, policy);
    Bytes negotiate = initiator.step({}, nullptr)->token;
    if (!spoken) {
      store32(negotiate, 12, load32(negotiate, 12) & ~wire::kDatagram);
    }
    Acceptor acceptor(acceptor_setup(policy), clock_, random_);
    const auto challenge = acceptor.step(negotiate, nullptr);
    ASSERT_TRUE(challenge);
    const auto authenticate = initiator.step(challenge->token, nullptr);
    ASSERT_EQ(authenticate.has_value(), spoken);
    if (spoken) {
      EXPECT_TRUE(acceptor.step(authenticate->token, nullptr));
    } else {
      EXPECT_EQ(authenticate.error().code, Errc::kFeatureMissing);
    }
  }
}

}  // namespace
}  // namespace ntlm::test
