// SPDX-License-Identifier: MIT
// Numbers of [MS-NLMP] 2.2: message types, NEGOTIATE flags (2.2.2.5), AV pair ids and flags
// (2.2.2.1), sizes.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ntlm::wire {

enum class MessageType : std::uint32_t { kNegotiate = 1, kChallenge = 2, kAuthenticate = 3 };

// A set of NEGOTIATE flags.
using NegotiateFlags = std::uint32_t;
inline constexpr NegotiateFlags kUnicode = 0x00000001;
inline constexpr NegotiateFlags kOem = 0x00000002;
inline constexpr NegotiateFlags kRequestTarget = 0x00000004;
inline constexpr NegotiateFlags kSign = 0x00000010;
inline constexpr NegotiateFlags kSeal = 0x00000020;
inline constexpr NegotiateFlags kDatagram = 0x00000040;
inline constexpr NegotiateFlags kLmKey = 0x00000080;
inline constexpr NegotiateFlags kNtlm = 0x00000200;
inline constexpr NegotiateFlags kAnonymous = 0x00000800;
inline constexpr NegotiateFlags kDomainSupplied = 0x00001000;
inline constexpr NegotiateFlags kWorkstationSupplied = 0x00002000;
inline constexpr NegotiateFlags kLocalCall = 0x00004000;
inline constexpr NegotiateFlags kAlwaysSign = 0x00008000;
inline constexpr NegotiateFlags kTargetTypeDomain = 0x00010000;
inline constexpr NegotiateFlags kTargetTypeServer = 0x00020000;
inline constexpr NegotiateFlags kEss = 0x00080000;  // extended session security
inline constexpr NegotiateFlags kIdentify = 0x00100000;
inline constexpr NegotiateFlags kNonNtSessionKey = 0x00400000;
inline constexpr NegotiateFlags kTargetInfo = 0x00800000;
inline constexpr NegotiateFlags kVersion = 0x02000000;
inline constexpr NegotiateFlags k128 = 0x20000000;
inline constexpr NegotiateFlags kKeyExchange = 0x40000000;
inline constexpr NegotiateFlags k56 = 0x80000000;

enum class AvId : std::uint16_t {
  kEol = 0,
  kNbComputerName = 1,
  kNbDomainName = 2,
  kDnsComputerName = 3,
  kDnsDomainName = 4,
  kDnsTreeName = 5,
  kFlags = 6,
  kTimestamp = 7,
  kSingleHost = 8,
  kTargetName = 9,
  kChannelBindings = 10,
};

inline constexpr std::uint32_t kAvFlagConstrained = 1;
inline constexpr std::uint32_t kAvFlagMicPresent = 2;
inline constexpr std::uint32_t kAvFlagUntrustedTarget = 4;

inline constexpr std::size_t kMaxToken = 2888;  // security.md R1
inline constexpr std::size_t kMicOffset = 72;   // of the MIC in AUTHENTICATE
inline constexpr std::size_t kMicSize = 16;

}  // namespace ntlm::wire
