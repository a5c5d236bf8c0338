// SPDX-License-Identifier: MIT
#include "base/reason.h"

namespace ntlm {

const char* audit_reason(Errc code) {
  switch (code) {
    case Errc::kDefectiveMessage:
      return "defective-message";
    case Errc::kUnexpectedMessage:
      return "unexpected-message";
    case Errc::kTargetInfoNotEchoed:
      return "target-info-not-echoed";
    case Errc::kDefectiveExport:
      return "defective-export";
    case Errc::kDeadContext:
      return "dead-context";
    case Errc::kIncompleteContext:
      return "incomplete-context";
    case Errc::kContextExpired:
      return "context-expired";
    case Errc::kNotExportable:
      return "not-exportable";
    case Errc::kFeatureMissing:
      return "feature-missing";
    case Errc::kVersionRefused:
      return "version-refused";
    case Errc::kMicMissing:
      return "mic-missing";
    case Errc::kAnonymousRefused:
      return "anonymous-refused";
    case Errc::kTargetRefused:
      return "target-refused";
    case Errc::kBadBindings:
      return "bad-bindings";
    case Errc::kChallengeExpired:
      return "challenge-expired";
    case Errc::kFips:
      return "fips";
    case Errc::kLogonDenied:
      return "wrong-password";
    case Errc::kAccountRestriction:
      return "account-restriction";
    case Errc::kLogonHours:
      return "logon-hours";
    case Errc::kWorkstation:
      return "workstation";
    case Errc::kPasswordExpired:
      return "password-expired";
    case Errc::kAccountDisabled:
      return "account-disabled";
    case Errc::kAccountExpired:
      return "account-expired";
    case Errc::kPasswordMustChange:
      return "password-must-change";
    case Errc::kAccountLocked:
      return "account-locked";
    case Errc::kTrustAccount:
      return "trust-account";
    case Errc::kSmartcardRequired:
      return "smartcard-required";
    case Errc::kLogonType:
      return "logon-type";
    case Errc::kUnknownAccount:
      return "unknown-account";
    case Errc::kTooSoon:
      return "too-soon";
    case Errc::kNoAuthority:
      return "no-authority";
    case Errc::kAuthorityDown:
      return "authority-down";
    case Errc::kAuthorityAccess:
      return "authority-access";
    case Errc::kAuthorityTrust:
      return "authority-trust";
    case Errc::kTooManyLogons:
      return "too-many-logons";
    case Errc::kBadMic:
      return "bad-mic";
    case Errc::kBadSignature:
      return "bad-signature";
    case Errc::kOutOfSequence:
      return "out-of-sequence";
    case Errc::kNotProtected:
      return "not-protected";
    case Errc::kSequenceExhausted:
      return "sequence-exhausted";
    case Errc::kConfiguration:
      return "configuration";
    case Errc::kStore:
      return "store";
    case Errc::kCrypto:
      return "crypto";
    case Errc::kNoCredential:
      return "no-credential";
    case Errc::kBadArgument:
      return "bad-argument";
    case Errc::kBadName:
      return "bad-name";
    case Errc::kNoMemory:
      return "no-memory";
    case Errc::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace ntlm
