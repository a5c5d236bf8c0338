// SPDX-License-Identifier: MIT
// The three messages of [MS-NLMP] 2.2.1, bytes <-> structs, both directions together. Structure
// only: what a value means is protocol/'s business. Parsed structs hold views into the token and
// live as long as it does.
//
//   NEGOTIATE     [0-7] "NTLMSSP\0" [8-11] 1 [12-15] flags [16-23] domain [24-31] workstation
//                 [32-39] version
//   CHALLENGE     [0-7] … [8-11] 2 [12-19] target name [20-23] flags [24-31] server challenge
//                 [32-39] reserved [40-47] target info [48-55] version
//   AUTHENTICATE  [0-7] … [8-11] 3 [12-19] LM [20-27] NT [28-35] domain [36-43] user
//                 [44-51] workstation [52-59] encrypted session key [60-63] flags [64-71] version
//                 [72-87] MIC
//
// The end of AUTHENTICATE's header is read off the lowest offset of a non-empty field, not off the
// VERSION flag: curl echoes the flag over a 64-byte header (security.md R5).
#pragma once

#include <optional>

#include "base/bytes.h"
#include "wire/flags.h"

namespace ntlm::wire {

using Version = std::array<std::uint8_t, 8>;  // [MS-NLMP] 2.2.2.10
// What we send: major 10, minor 0, build 0, NTLMSSP_REVISION_W2K3.
inline constexpr Version kOurVersion{10, 0, 0, 0, 0, 0, 0, 15};

struct NegotiateMessage {
  NegotiateFlags flags = 0;
  ByteView domain;       // OEM text
  ByteView workstation;  // OEM text
  std::optional<Version> version;
};

struct ChallengeMessage {
  NegotiateFlags flags = 0;
  ByteView target_name;  // UTF-16LE or OEM by flags
  std::array<std::uint8_t, 8> server_challenge{};
  ByteView target_info;  // AV pairs as on the wire; empty when there are none
  std::optional<Version> version;
};

struct AuthenticateMessage {
  NegotiateFlags flags = 0;
  ByteView lm_response;
  ByteView nt_response;
  ByteView domain;
  ByteView user;
  ByteView workstation;
  ByteView encrypted_session_key;
  std::optional<Version> version;
  // Present when the header has room for it (its end is at 88 or behind); whether it counts is said
  // in MsvAvFlags.
  std::optional<std::array<std::uint8_t, kMicSize>> mic;
};

// The type of a token that begins with the signature; kDefectiveMessage otherwise.
Result<MessageType> message_type(ByteView token);

// Each returns kDefectiveMessage for what breaks R1-R6, kUnexpectedMessage for a sound token of
// another type.
Result<NegotiateMessage> parse_negotiate(ByteView token);
Result<ChallengeMessage> parse_challenge(ByteView token);
Result<AuthenticateMessage> parse_authenticate(ByteView token);

Result<Bytes> write_negotiate(const NegotiateMessage& message);
Result<Bytes> write_challenge(const ChallengeMessage& message);
// With message.mic set (to any value) the header has room for it; patch_mic() fills it in
// afterwards.
Result<Bytes> write_authenticate(const AuthenticateMessage& message);
void patch_mic(Bytes& authenticate, std::span<const std::uint8_t, kMicSize> mic);

}  // namespace ntlm::wire
