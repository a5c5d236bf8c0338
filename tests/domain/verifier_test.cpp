// SPDX-License-Identifier: MIT
// The winbind store against a real domain: run inside the lab's member (lab.py run DIR member …),
// as root. Each account is in the state that its name says (accounts.py).
#include <gssapi_ntlm.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "store/winbind.h"
#include "support/logon_attempt.h"

namespace ntlm::store {
namespace {

using protocol::AccountName;
using protocol::LogonResult;
using protocol::NtlmVersion;
using test::LogonAttempt;

constexpr const char* kPassword = "Pass-w0rd!";
// What winbindd is asked for the first time is slow on a busy machine.
constexpr std::chrono::seconds kDeadline{30};

class WinbindDomain : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NE(verifier_.host_names(), nullptr) << "winbindd does not answer";
  }

  LogonAttempt attempt(AccountName who, const char* password = kPassword) const {
    return {std::move(who), password, *verifier_.host_names()};
  }
  Result<LogonResult> log_in(AccountName who, const char* password = kPassword) const {
    return verifier_.verify(attempt(std::move(who), password).request());
  }
  Errc error(AccountName who, const char* password = kPassword) const {
    const auto result = log_in(std::move(who), password);
    return result ? Errc{} : result.error().code;
  }
  static std::vector<std::string> values(const LogonResult& result, const char* name) {
    std::vector<std::string> found;
    for (const auto& [urn, value] : *result.principal.attributes) {
      if (urn == name) {
        found.push_back(value);
      }
    }
    return found;
  }

  WinbindVerifier verifier_{WinbindSettings{"", kDeadline}};
};

TEST_F(WinbindDomain, NamesAreTheMembers) {
  const protocol::HostNames* names = verifier_.host_names();
  ASSERT_NE(names, nullptr);
  EXPECT_EQ(names->nb_computer, "MEM1");
  EXPECT_EQ(names->nb_domain, "LAB");
  EXPECT_EQ(names->dns_domain, "lab.example");
  EXPECT_EQ(names->dns_computer, "mem1.lab.example");
  EXPECT_EQ(verifier_.host_names(), names);
}

TEST_F(WinbindDomain, RightPasswordGivesTheAccountAsTheDomainSpellsIt) {
  const AccountName forms[] = {{"alice", "LAB"},
                               {"ALICE", "lab"},
                               {"alice", "lab.example"},
                               {"alice", ""},
                               {"alice@lab.example", ""}};
  for (const AccountName& form : forms) {
    const LogonAttempt logon = attempt(form);
    const auto result = verifier_.verify(logon.request());
    ASSERT_TRUE(result) << form.domain << " " << form.user << ": " << result.error().where;
    EXPECT_EQ(result->principal.account.user, "alice");
    EXPECT_EQ(result->principal.account.domain, "LAB");
    EXPECT_EQ(LogonAttempt::to_array(result->session_base_key), logon.key);
    EXPECT_STREQ(result->store, "winbind");
  }
}

TEST_F(WinbindDomain, NamesBeyondLatinWork) {
  const auto result = log_in({"josé.Üñï中文", "LAB"});
  ASSERT_TRUE(result) << result.error().where;
  EXPECT_EQ(result->principal.account.user, "josé.Üñï中文");
}

TEST_F(WinbindDomain, EachStateOfAnAccountHasItsError) {
  EXPECT_EQ(error({"bob", "LAB"}, "not the password"), Errc::kLogonDenied);
  EXPECT_EQ(error({"nobody-of-that-name", "LAB"}), Errc::kLogonDenied);
  EXPECT_EQ(error({"disabled", "LAB"}), Errc::kAccountDisabled);
  EXPECT_EQ(error({"disabled", "LAB"}, "not the password"), Errc::kLogonDenied);
  EXPECT_EQ(error({"locked", "LAB"}), Errc::kAccountLocked);
  EXPECT_EQ(error({"mustchange", "LAB"}), Errc::kPasswordMustChange);
  EXPECT_EQ(error({"pwexpired", "LAB"}), Errc::kPasswordExpired);
  EXPECT_EQ(error({"acctexpired", "LAB"}), Errc::kAccountExpired);
  EXPECT_EQ(error({"nohours", "LAB"}), Errc::kLogonHours);
  EXPECT_EQ(error({"otherws", "LAB"}), Errc::kWorkstation);
  EXPECT_EQ(error({"prot", "LAB"}), Errc::kAccountRestriction);
  EXPECT_EQ(error({"smartcard", "LAB"}), Errc::kLogonDenied);
}

TEST_F(WinbindDomain, AnotherDomainIsForTheNextStore) {
  EXPECT_EQ(error({"alice", "NOSUCHDOMAIN"}), Errc::kUnknownAccount);
  EXPECT_EQ(error({"alice", "MEM1"}), Errc::kUnknownAccount);
  EXPECT_EQ(error({"alice", "mem1.lab.example"}), Errc::kUnknownAccount);
  EXPECT_EQ(error({"alice", "."}), Errc::kUnknownAccount);
}

TEST_F(WinbindDomain, AStoreForOneDomainHasOnlyItsAccounts) {
  const WinbindVerifier own(WinbindSettings{"lab.example", kDeadline});
  const WinbindVerifier other(WinbindSettings{"OTHER", kDeadline});
  for (const AccountName& form : {AccountName{"alice", "LAB"}, AccountName{"alice", ""},
                                  AccountName{"alice@lab.example", ""}}) {
    EXPECT_TRUE(own.verify(attempt(form).request())) << form.domain << " " << form.user;
    const auto result = other.verify(attempt(form).request());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::kUnknownAccount);
  }
  EXPECT_EQ(own.verify(attempt({"alice", "OTHER"}).request()).error().code, Errc::kUnknownAccount);
  EXPECT_EQ(own.verify(attempt({"alice@elsewhere.example", ""}).request()).error().code,
            Errc::kUnknownAccount);
}

TEST_F(WinbindDomain, ChallengeWithOtherNamesIsNotAWrongPassword) {
  LogonAttempt logon({"alice", "LAB"}, kPassword,
                     {"OTHER", "LAB", "other.lab.example", "lab.example"});
  const auto result = verifier_.verify(logon.request());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::kAuthorityDown);
}

TEST_F(WinbindDomain, AttributesAreComplete) {
  const auto result = log_in({"alice", "LAB"});
  ASSERT_TRUE(result);
  EXPECT_EQ(values(*result, GSS_NTLM_ATTR_UPN), std::vector<std::string>{"alice@lab.example"});
  EXPECT_EQ(values(*result, GSS_NTLM_ATTR_DNS_DOMAIN), std::vector<std::string>{"lab.example"});
  EXPECT_EQ(values(*result, GSS_NTLM_ATTR_FULL_NAME), std::vector<std::string>{"Alice Example"});
  EXPECT_EQ(values(*result, GSS_NTLM_ATTR_LOGON_SERVER), std::vector<std::string>{"DC1"});
  EXPECT_EQ(values(*result, GSS_NTLM_ATTR_ACCOUNT_FLAGS), std::vector<std::string>{"0x00000010"});
  EXPECT_EQ(values(*result, GSS_NTLM_ATTR_GROUP), std::vector<std::string>{"LAB\\Domain Users"});
  const auto expires = values(*result, GSS_NTLM_ATTR_PASSWORD_EXPIRES);
  ASSERT_EQ(expires.size(), 1U);
  EXPECT_NEAR(std::stod(expires[0]), static_cast<double>(::time(nullptr)) + 42.0 * 86400, 86400);
}

TEST_F(WinbindDomain, EachGroupOnceNestedAndDomainLocalToo) {
  for (int round = 0; round < 2; ++round) {  // the second time from the cache of names
    const auto result = log_in({"manygroups", "LAB"});
    ASSERT_TRUE(result);
    const auto sids = values(*result, GSS_NTLM_ATTR_GROUP_SID);
    EXPECT_EQ(std::set<std::string>(sids.begin(), sids.end()).size(), sids.size());
    EXPECT_EQ(sids.size(), 16U);
    const auto user = values(*result, GSS_NTLM_ATTR_SID);
    ASSERT_EQ(user.size(), 1U);
    EXPECT_EQ(user[0].substr(0, 9), "S-1-5-21-");
    EXPECT_EQ(std::count(sids.begin(), sids.end(), user[0]), 0);
    const auto names = values(*result, GSS_NTLM_ATTR_GROUP);
    EXPECT_EQ(names.size(), 16U);
    EXPECT_EQ(std::count(names.begin(), names.end(), "LAB\\group04"), 1);  // domain-local
    EXPECT_EQ(std::count(names.begin(), names.end(), "LAB\\Domain Users"), 1);
  }
}

TEST_F(WinbindDomain, NtlmV1IsRefusedHereAndByTheDomain) {
  for (const NtlmVersion version : {NtlmVersion::kV1, NtlmVersion::kV1Session}) {
    LogonAttempt logon = attempt({"carol", "LAB"});
    logon.respond(version);
    EXPECT_EQ(verifier_.verify(logon.request()).error().code, Errc::kVersionRefused);
    logon.policy.accept_v1 = true;  // then the domain controller decides; this one wants NTLMv2
    EXPECT_EQ(verifier_.verify(logon.request()).error().code, Errc::kLogonDenied);
  }
}

}  // namespace
}  // namespace ntlm::store
