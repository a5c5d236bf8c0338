// SPDX-License-Identifier: MIT
// The table of status codes, walked by every Errc.
#include "abi/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include "base/reason.h"
#include "protocol/logon.h"

namespace ntlm::test {
namespace {

const std::vector<Errc> kAll = {Errc::kDefectiveMessage,
                                Errc::kUnexpectedMessage,
                                Errc::kTargetInfoNotEchoed,
                                Errc::kDefectiveExport,
                                Errc::kDeadContext,
                                Errc::kIncompleteContext,
                                Errc::kContextExpired,
                                Errc::kNotExportable,
                                Errc::kFeatureMissing,
                                Errc::kVersionRefused,
                                Errc::kMicMissing,
                                Errc::kAnonymousRefused,
                                Errc::kTargetRefused,
                                Errc::kBadBindings,
                                Errc::kChallengeExpired,
                                Errc::kFips,
                                Errc::kLogonDenied,
                                Errc::kAccountRestriction,
                                Errc::kLogonHours,
                                Errc::kWorkstation,
                                Errc::kPasswordExpired,
                                Errc::kAccountDisabled,
                                Errc::kAccountExpired,
                                Errc::kPasswordMustChange,
                                Errc::kAccountLocked,
                                Errc::kTrustAccount,
                                Errc::kSmartcardRequired,
                                Errc::kLogonType,
                                Errc::kUnknownAccount,
                                Errc::kTooSoon,
                                Errc::kNoAuthority,
                                Errc::kAuthorityDown,
                                Errc::kAuthorityAccess,
                                Errc::kAuthorityTrust,
                                Errc::kBadMic,
                                Errc::kBadSignature,
                                Errc::kOutOfSequence,
                                Errc::kNotProtected,
                                Errc::kSequenceExhausted,
                                Errc::kConfiguration,
                                Errc::kStore,
                                Errc::kCrypto,
                                Errc::kNoCredential,
                                Errc::kBadArgument,
                                Errc::kBadName,
                                Errc::kNoMemory,
                                Errc::kInternal};

abi::Status status_of(Errc code) { return Error{code, "test"}; }

TEST(StatusTable, EveryErrorIsAnErrorWithItsPublicMinorATextAndAWord) {
  std::set<std::string> words;
  for (const Errc code : kAll) {
    const abi::Status status = status_of(code);
    EXPECT_TRUE(GSS_ERROR(status.major));
    EXPECT_EQ(GSS_SUPPLEMENTARY_INFO(status.major), 0U);
    if (code == Errc::kNoMemory) {
      EXPECT_EQ(status.minor, OM_uint32{ENOMEM});
    } else if (code == Errc::kUnknownAccount || code == Errc::kTooSoon) {
      EXPECT_EQ(status.minor, GSS_NTLM_MINOR_LOGON_DENIED);
    } else {
      EXPECT_EQ(status.minor, GSS_NTLM_MINOR_BASE + static_cast<OM_uint32>(code));
    }
    EXPECT_GT(abi::minor_text(status.minor).size(), 10U);
    EXPECT_TRUE(words.insert(audit_reason(code)).second) << audit_reason(code);
  }
}

TEST(StatusTable, AnUnknownAccountAndOneThatWaitsLookLikeAWrongPassword) {
  const abi::Status wrong = status_of(Errc::kLogonDenied);
  for (const Errc code : {Errc::kUnknownAccount, Errc::kTooSoon}) {
    EXPECT_EQ(status_of(code).major, wrong.major);
    EXPECT_EQ(status_of(code).minor, wrong.minor);
    EXPECT_EQ(abi::minor_text(status_of(code).minor), abi::minor_text(wrong.minor));
    EXPECT_STRNE(audit_reason(code), audit_reason(Errc::kLogonDenied));
  }
}

TEST(StatusTable, TheStateOfAnAccountOfOursLooksLikeAWrongPasswordAndADomainsDoesNot) {
  for (const Errc code :
       {Errc::kAccountDisabled, Errc::kAccountLocked, Errc::kPasswordExpired, Errc::kTrustAccount,
        Errc::kAccountRestriction, Errc::kUnknownAccount, Errc::kTooSoon}) {
    EXPECT_EQ(protocol::outward({code, "account"}).code, Errc::kLogonDenied);
    EXPECT_EQ(protocol::outward({code, "winbind.STATUS"}).code, code);
  }
  for (const Errc code : {Errc::kBadMic, Errc::kStore, Errc::kNoAuthority, Errc::kVersionRefused}) {
    EXPECT_EQ(protocol::outward({code, "account"}).code, code);
  }
}

TEST(StatusTable, AnErrorThatTheTableLacksIsInternal) {
  EXPECT_EQ(status_of(static_cast<Errc>(0x7f)).minor, GSS_NTLM_MINOR_INTERNAL);
}

}  // namespace
}  // namespace ntlm::test
