// SPDX-License-Identifier: MIT
// Values of [MS-NLMP] 4.2 by way of the answers that a store and an initiator give; then everything
// that must be refused though the proof is right.
#include "protocol/logon.h"

#include <gtest/gtest.h>

#include "support/vectors.h"

namespace ntlm::protocol {
namespace {

using test::from_hex;
using test::to_hex;

const crypto::ServerChallenge kServer = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
const crypto::ClientChallenge kClient = {0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa};
constexpr const char* kAvPairs =
    "02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000";
constexpr const char* kNtHash = "a4f49c406510bdcab6824ee7c30fd852";  // 4.2.2.1.2
constexpr const char* kLmHash = "e52cac67419a9a224a3b108f3fa6cb6d";  // 4.2.2.1.1
constexpr const char* kBlankHash = "31d6cfe0d16ae931b73c59d7e0c089c0";
constexpr const char* kResponseV1 =
    "67c43011f30298a2ad35ece64f16331c44bdbed927841f94";  // 4.2.2.2.1
constexpr const char* kResponseSession =
    "7537f803ae367128ca458204bde7caf81e97ed2683267232";                                 // 4.2.3.2.2
constexpr const char* kLmSession = "aaaaaaaaaaaaaaaa00000000000000000000000000000000";  // 4.2.3.2.1

template <typename Hash>
Hash hash(const char* hex) {
  return Hash(std::span<const std::uint8_t>(from_hex(hex)).first<16>());
}

std::string hex(ByteView bytes) { return to_hex(bytes); }

// An account of 4.2.1, and the AUTHENTICATE fields that prove its password.
struct Logon {
  Policy policy;
  HostNames host{"SERVER", "HOME", "server.example.com", "example.com"};
  AccountName name{"User", "Domain"};
  Bytes user = utf16le_from_utf8("User").value();
  Bytes domain = utf16le_from_utf8("Domain").value();
  NtlmVersion version = NtlmVersion::kV2;
  bool machine_accounts = false;
  Bytes nt, lm = Bytes(24);

  Logon() { answer("Domain"); }

  // NTLMv2 with the key made for this domain.
  void answer(const char* key_domain, const char* nt_hash = kNtHash) {
    const HashResponder responder({name.user, key_domain}, hash<crypto::NtHash>(nt_hash), {});
    nt =
        responder.respond({kServer, true, 0, kClient, from_hex(kAvPairs), true, true})->nt_response;
  }
  void wire_domain(const char* text) {
    name.domain = text;
    domain = utf16le_from_utf8(text).value();
  }
  void v1(NtlmVersion which) {
    version = which;
    policy.accept_v1 = true;
    nt = from_hex(which == NtlmVersion::kV1 ? kResponseV1 : kResponseSession);
    if (which == NtlmVersion::kV1Session) {
      lm = from_hex(kLmSession);
    }
  }
  LogonRequest request() const {
    return {user, domain, name,   "COMPUTER",      host, version, kServer,
            nt,   lm,     policy, machine_accounts};
  }
  static Account account(const char* nt_hash = kNtHash) {
    Account account;
    account.name = {"user", "STORE"};
    account.nt_hash = hash<crypto::NtHash>(nt_hash);
    return account;
  }
  Result<LogonResult> verify(Account account) const {
    return verify_with_hash(request(), std::move(account), "test");
  }
  Errc error(Account account) const {
    const auto result = verify(std::move(account));
    return result ? Errc{} : result.error().code;
  }
};

TEST(HashResponder, Ntlmv2OfTheSpecification) {
  const HashResponder responder({"User", "Domain"}, hash<crypto::NtHash>(kNtHash), {});
  const Bytes pairs = from_hex(kAvPairs);
  const auto response = responder.respond({kServer, true, 0, kClient, pairs, true, false});
  ASSERT_TRUE(response);
  EXPECT_EQ(hex(response->nt_response),
            "68cd0ab851e51c96aabc927bebef6a1c"
            "01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000"
            "02000c0044006f006d00610069006e0001000c005300650072007600650072000000000000000000");
  EXPECT_EQ(hex(response->lm_response), "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
  EXPECT_EQ(hex(response->session_base_key.expose()), "8de40ccadbc14a82f15cb0ad0de95ca3");
}

TEST(HashResponder, NoLmv2BesideATimestamp) {
  const HashResponder responder({"User", "Domain"}, hash<crypto::NtHash>(kNtHash), {});
  const Bytes pairs = from_hex(kAvPairs);
  EXPECT_EQ(responder.respond({kServer, true, 0, kClient, pairs, true, true})->lm_response,
            Bytes(24));
}

TEST(HashResponder, Ntlmv1OfTheSpecification) {
  const Challenge challenge{kServer, false, 0, kClient, {}, false, false};
  const HashResponder both({"User", "Domain"}, hash<crypto::NtHash>(kNtHash),
                           hash<crypto::LmHash>(kLmHash));
  const auto response = both.respond(challenge);
  ASSERT_TRUE(response);
  EXPECT_EQ(hex(response->nt_response), kResponseV1);
  EXPECT_EQ(hex(response->lm_response), "98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13");
  EXPECT_EQ(hex(response->session_base_key.expose()), "d87262b0cde4b1cb7499becccdf10784");
  ASSERT_TRUE(response->lm_hash);

  const HashResponder nt_only({"User", "Domain"}, hash<crypto::NtHash>(kNtHash), {});
  EXPECT_EQ(hex(nt_only.respond(challenge)->lm_response), kResponseV1);
}

TEST(HashResponder, Ntlm2SessionOfTheSpecification) {
  const HashResponder responder({"User", "Domain"}, hash<crypto::NtHash>(kNtHash), {});
  const auto response = responder.respond({kServer, true, 0, kClient, {}, false, false});
  ASSERT_TRUE(response);
  EXPECT_EQ(hex(response->nt_response), kResponseSession);
  EXPECT_EQ(hex(response->lm_response), kLmSession);
}

TEST(HashResponder, NameThatIsNotText) {
  const HashResponder responder({"us\xff", ""}, hash<crypto::NtHash>(kNtHash), {});
  EXPECT_EQ(responder.respond({kServer, true, 0, kClient, {}, true, true}).error().code,
            Errc::kBadName);
}

TEST(VerifyWithHash, TheStoresNamesAreKept) {
  const Logon logon;
  const auto result = logon.verify(Logon::account());
  ASSERT_TRUE(result);
  EXPECT_EQ(result->principal.account.user, "user");
  EXPECT_EQ(result->principal.account.domain, "STORE");
  EXPECT_STREQ(result->store, "test");
  EXPECT_FALSE(result->principal.anonymous);
}

TEST(VerifyWithHash, SessionBaseKeyOfTheSpecification) {
  const Logon logon;
  EXPECT_EQ(hex(logon.verify(Logon::account())->session_base_key.expose()),
            "8de40ccadbc14a82f15cb0ad0de95ca3");
}

TEST(VerifyWithHash, AnyFlippedBitOfTheProofOrItsText) {
  Logon logon;
  for (std::size_t bit = 0; bit < logon.nt.size() * 8; ++bit) {
    logon.nt[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_EQ(logon.error(Logon::account()), Errc::kLogonDenied) << bit;
    logon.nt[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  }
  EXPECT_TRUE(logon.verify(Logon::account()));
}

TEST(VerifyWithHash, WrongHash) {
  EXPECT_EQ(Logon().error(Logon::account(kLmHash)), Errc::kLogonDenied);
}

TEST(VerifyWithHash, ResponseOfEachWrongSize) {
  for (std::size_t size = 0; size < 48; ++size) {
    Logon logon;
    logon.nt.resize(size);
    EXPECT_EQ(logon.error(Logon::account()), Errc::kDefectiveMessage) << size;
  }
}

// security.md F03: LMv2 is never a way in.
TEST(VerifyWithHash, RightLmv2BesideAWrongProof) {
  Logon logon;
  logon.lm = from_hex("86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
  logon.nt[0] ^= 1;
  EXPECT_EQ(logon.error(Logon::account()), Errc::kLogonDenied);
}

TEST(VerifyWithHash, DomainUpperCasedInTheKey) {
  Logon logon;
  logon.answer("DOMAIN");
  EXPECT_TRUE(logon.verify(Logon::account()));
}

TEST(VerifyWithHash, DomainOfAnotherCaseInTheKeyThanSentOrUpper) {
  Logon logon;
  logon.answer("domain");
  EXPECT_EQ(logon.error(Logon::account()), Errc::kLogonDenied);
}

// security.md F10
TEST(VerifyWithHash, KeyWithoutDomainGivesTheStoresPrincipal) {
  Logon logon;
  logon.answer("");
  logon.wire_domain("EVIL");
  Account account = Logon::account();
  account.name.domain = "";
  const auto result = logon.verify(std::move(account));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->principal.account.domain, "");

  logon.policy.nil_domain_retry = false;
  EXPECT_EQ(logon.error(Logon::account()), Errc::kLogonDenied);
}

TEST(VerifyWithHash, KeyOfAnotherDomain) {
  Logon logon;
  logon.answer("EVIL");
  EXPECT_EQ(logon.error(Logon::account()), Errc::kLogonDenied);
}

TEST(VerifyWithHash, Ntlmv1UnlessPolicyAllows) {
  for (const auto version : {NtlmVersion::kV1, NtlmVersion::kV1Session}) {
    Logon logon;
    logon.v1(version);
    const auto result = logon.verify(Logon::account());
    ASSERT_TRUE(result);
    EXPECT_EQ(hex(result->session_base_key.expose()), "d87262b0cde4b1cb7499becccdf10784");
    logon.policy.accept_v1 = false;
    EXPECT_EQ(logon.error(Logon::account()), Errc::kVersionRefused);
  }
}

TEST(VerifyWithHash, Ntlmv1WithABitFlippedOrAnotherSize) {
  for (const auto version : {NtlmVersion::kV1, NtlmVersion::kV1Session}) {
    Logon logon;
    logon.v1(version);
    logon.nt[23] ^= 0x80;
    EXPECT_EQ(logon.error(Logon::account()), Errc::kLogonDenied);
    logon.nt.resize(23);
    EXPECT_EQ(logon.error(Logon::account()), Errc::kDefectiveMessage);
  }
  Logon session;
  session.v1(NtlmVersion::kV1Session);
  session.lm.resize(7);
  EXPECT_EQ(session.error(Logon::account()), Errc::kDefectiveMessage);
}

TEST(VerifyWithHash, LmHashIsHandedOnForNtlmv1Only) {
  for (const bool v1 : {false, true}) {
    Logon logon;
    if (v1) {
      logon.v1(NtlmVersion::kV1);
    }
    Account account = Logon::account();
    account.lm_hash = hash<crypto::LmHash>(kLmHash);
    EXPECT_EQ(logon.verify(std::move(account))->lm_hash.has_value(), v1);
  }
}

TEST(VerifyWithHash, AccountWithoutPassword) {
  // The response is right for the zero bytes that stand where no hash is.
  constexpr const char* kZeros = "00000000000000000000000000000000";
  Logon logon;
  logon.answer("Domain", kZeros);
  Account account = Logon::account(kZeros);
  account.has_hash = false;
  EXPECT_EQ(logon.error(std::move(account)), Errc::kLogonDenied);
}

TEST(VerifyWithHash, BlankPasswordUnlessPolicyAllows) {
  Logon logon;
  logon.answer("Domain", kBlankHash);
  EXPECT_EQ(logon.error(Logon::account(kBlankHash)), Errc::kAccountRestriction);
  logon.policy.allow_blank_passwords = true;
  EXPECT_TRUE(logon.verify(Logon::account(kBlankHash)));
}

TEST(VerifyWithHash, StateCountsOnlyAfterTheProof) {
  struct Case {
    bool Account::*flag;
    Errc code;
  };
  for (const Case& c : {Case{&Account::disabled, Errc::kAccountDisabled},
                        Case{&Account::locked, Errc::kAccountLocked},
                        Case{&Account::password_expired, Errc::kPasswordExpired},
                        Case{&Account::trust_account, Errc::kTrustAccount}}) {
    Logon logon;
    Account account = Logon::account();
    account.*c.flag = true;
    EXPECT_EQ(logon.error(std::move(account)), c.code);
    account = Logon::account();
    account.*c.flag = true;
    logon.nt[0] ^= 1;
    EXPECT_EQ(logon.error(std::move(account)), Errc::kLogonDenied);
  }
}

TEST(VerifyWithHash, AComputersAccountNeedsTheCallersConsent) {
  Logon logon;
  logon.machine_accounts = true;
  for (const bool disabled : {false, true}) {
    Account account = Logon::account();
    account.trust_account = true;
    account.disabled = disabled;
    if (disabled) {
      EXPECT_EQ(logon.error(std::move(account)), Errc::kAccountDisabled);
    } else {
      EXPECT_TRUE(logon.verify(std::move(account)));
    }
  }
}

TEST(CheckLists, DenyAndAllow) {
  Policy policy;
  const HostNames host{"SERVER", "HOME", "", ""};
  const AccountName account{"user", "store"};
  policy.deny_users = {"USER"};
  EXPECT_EQ(check_lists(policy, host, account).error().code, Errc::kAccountRestriction);
  policy.deny_users = {"OTHER"};
  EXPECT_TRUE(check_lists(policy, host, account));
  policy.deny_domains = {"STORE"};
  EXPECT_EQ(check_lists(policy, host, account).error().code, Errc::kAccountRestriction);
  policy.deny_domains.clear();
  policy.allow_domains = {"ELSEWHERE"};
  EXPECT_EQ(check_lists(policy, host, account).error().code, Errc::kAccountRestriction);
  policy.allow_domains = {"ELSEWHERE", "STORE"};
  EXPECT_TRUE(check_lists(policy, host, account));
}

TEST(CheckLists, AccountWithoutDomainBelongsToThisHost) {
  Policy policy;
  const HostNames host{"SERVER", "HOME", "", ""};
  policy.allow_domains = {"HOME"};
  EXPECT_TRUE(check_lists(policy, host, {"user", ""}));
  EXPECT_FALSE(check_lists(policy, host, {"user", "OTHER"}));
  policy.allow_domains.clear();
  policy.deny_domains = {"HOME"};
  EXPECT_FALSE(check_lists(policy, host, {"user", ""}));
}

TEST(CheckLists, DenyDomainLeavesLocalAccounts) {
  Policy policy;
  policy.receive_ntlm = Policy::Receive::kDenyDomain;
  const HostNames host{"SERVER", "HOME", "", ""};
  EXPECT_TRUE(check_lists(policy, host, {"user", ""}));
  EXPECT_TRUE(check_lists(policy, host, {"user", "server"}));
  EXPECT_FALSE(check_lists(policy, host, {"user", "HOME"}));
}

TEST(Spoil, RightPasswordAndNoStandInsHash) {
  Logon logon;
  Account refused = Logon::account(), admitted = Logon::account(), nobody = Logon::account();
  spoil(refused, true);
  spoil(admitted, false);
  stand_in(nobody, false);
  spoil(nobody, true);
  EXPECT_EQ(logon.error(std::move(refused)), Errc::kLogonDenied);
  EXPECT_EQ(logon.error(std::move(admitted)), Errc{});
  EXPECT_FALSE(equal_ct(nobody.nt_hash.expose(), Logon::account().nt_hash.expose()));
  EXPECT_EQ(logon.error(std::move(nobody)), Errc::kUnknownAccount);
}

TEST(StandIn, NeverAYesAndShapeComesFirst) {
  Logon logon;
  const auto refusal = [&] {
    Account nobody;
    stand_in(nobody, false);
    return logon.error(std::move(nobody));
  };
  EXPECT_EQ(refusal(), Errc::kUnknownAccount);
  logon.nt.resize(30);
  EXPECT_EQ(refusal(), Errc::kDefectiveMessage);
  logon.v1(NtlmVersion::kV1);
  logon.policy.accept_v1 = false;
  EXPECT_EQ(refusal(), Errc::kVersionRefused);
}

}  // namespace
}  // namespace ntlm::protocol
