// SPDX-License-Identifier: MIT
// How everything in mech/ says that it did not work: Result<T>, a tl::expected that carries one
// small Error. Nothing here throws; only std::bad_alloc can fly, and abi/boundary.h catches it.
#pragma once

#include <cstdint>
#include <tl/expected.hpp>
#include <utility>

namespace ntlm {

// What went wrong. The values are the low 16 bits of the public minor codes of
// include/gssapi_ntlm.h; abi/status.cpp holds the one table of majors and texts. Code branches on
// Family at most.
enum class Errc : std::uint16_t {
  // malformed
  kDefectiveMessage = 0x01,     // a token breaks [MS-NLMP] 2.2
  kUnexpectedMessage = 0x02,    // a sound token of another type than the state awaits
  kTargetInfoNotEchoed = 0x03,  // AUTHENTICATE does not bring back the AV pairs of our CHALLENGE
  kDefectiveExport =
      0x04,  // an exported context, credential or name that we did not write, or altered
  // state
  kDeadContext = 0x08,
  kIncompleteContext = 0x09,
  kContextExpired = 0x0a,  // past its lifetime, which an exported one would not survive
  kNotExportable = 0x0b,   // holds what no importer could make again
  // policy
  kFeatureMissing = 0x10,  // a flag that this side requires was not agreed
  kVersionRefused = 0x11,  // NTLMv1 or NTLM2-session where only NTLMv2 is allowed
  kMicMissing = 0x12,
  kAnonymousRefused = 0x13,
  kTargetRefused = 0x14,  // MsvAvTargetName names another service
  kBadBindings = 0x15,
  kChallengeExpired = 0x16,
  kFips = 0x17,
  // logon; of accounts of our own stores all are one towards peer and caller (LOGON_DENIED)
  kLogonDenied = 0x20,  // wrong password
  kAccountRestriction = 0x21,
  kLogonHours = 0x22,
  kWorkstation = 0x23,
  kPasswordExpired = 0x24,
  kAccountDisabled = 0x25,
  kAccountExpired = 0x26,
  kPasswordMustChange = 0x27,
  kAccountLocked = 0x28,
  kTrustAccount = 0x29,
  kSmartcardRequired = 0x2a,
  kLogonType = 0x2b,
  kUnknownAccount = 0x2c,
  kTooSoon = 0x2d,          // a source (store/lockout.h) that waits after wrong passwords
  kNoAuthority = 0x30,      // no domain controller answers
  kAuthorityDown = 0x31,    // winbindd is not there, or too slow
  kAuthorityAccess = 0x32,  // it is there, but this process may not ask it
  kAuthorityTrust = 0x33,
  kTooManyLogons = 0x34,  // ntlm-authd takes no more of this process' user for now
  // protection
  kBadMic = 0x40,
  kBadSignature = 0x41,
  kOutOfSequence = 0x42,
  kNotProtected = 0x43,
  kSequenceExhausted = 0x44,
  // system
  kConfiguration = 0x50,
  kStore = 0x51,
  kCrypto = 0x52,
  kNoCredential = 0x53,
  kBadArgument = 0x54,
  kBadName = 0x55,
  kNoMemory = 0x5e,
  kInternal = 0x5f,
};

enum class Family : std::uint8_t { kMalformed, kState, kPolicy, kLogon, kProtection, kSystem };

constexpr Family family(Errc code) {
  const auto value = static_cast<std::uint16_t>(code);
  if (value < 0x08) return Family::kMalformed;
  if (value < 0x10) return Family::kState;
  if (value < 0x20) return Family::kPolicy;
  if (value < 0x40) return Family::kLogon;
  return value < 0x50 ? Family::kProtection : Family::kSystem;
}

// `where` is a string literal such as "AUTHENTICATE.TargetInfo": never user data, never a secret.
struct Error {
  Errc code;
  const char* where;
};

template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Errc code, const char* where) {
  return tl::unexpected<Error>(Error{code, where});
}

}  // namespace ntlm

// The project's one macro: TRY(auto x, expression) declares x from the value, or returns the error.
#define NTLM_CONCAT_(a, b) a##b
#define NTLM_CONCAT(a, b) NTLM_CONCAT_(a, b)
#define NTLM_TRY_(temporary, declaration, ...)                               \
  auto temporary = (__VA_ARGS__);                                            \
  if (!temporary) return ::tl::unexpected<::ntlm::Error>(temporary.error()); \
  declaration = std::move(*temporary)
#define TRY(declaration, ...) NTLM_TRY_(NTLM_CONCAT(try_, __LINE__), declaration, __VA_ARGS__)
// The same for a Result<void>.
#define TRY_VOID(...)                                                                 \
  if (auto NTLM_CONCAT(try_, __LINE__) = (__VA_ARGS__); !NTLM_CONCAT(try_, __LINE__)) \
  return ::tl::unexpected<::ntlm::Error>(NTLM_CONCAT(try_, __LINE__).error())
