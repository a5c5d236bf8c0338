// SPDX-License-Identifier: MIT
// An initiator made by hand, that can break any part of its messages: the generator of security.md
// section 4. Bytes are laid out by offset, not by the product's writer. Mutations come at four
// points, so that a test says what stays right:
//   on_pairs    the AV pairs           then the proof and the MIC are made of what came out   [R]
//   on_temp     the client challenge   likewise                                              [R]
//   on_message  the whole message      the MIC is made of what came out                      [M]
//   on_final    the whole message      nothing is made again
// With the names of peer_names() in CHALLENGE the layout is that of security.md 7.4: LM at 124, NT
// at 148, domain at 88, user at 100, workstation at 108, session key at 388, 404 bytes in all.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "crypto/ntlm.h"

namespace ntlm::test {

struct RawPair {
  std::uint16_t id;
  Bytes value;
  std::optional<std::uint16_t> claimed_length = std::nullopt;  // in place of the value's
};

struct Peer {
  std::string user = "User";
  std::string domain = "Domain";
  std::string password = "Password";
  std::string workstation = "COMPUTER";
  // In place of what the text above gives; the proof follows user_bytes and domain_bytes.
  std::optional<Bytes> user_bytes, domain_bytes;
  std::optional<Bytes> proof_domain;   // the domain that NTOWFv2 takes, when another than is sent
  std::optional<std::uint32_t> flags;  // of AUTHENTICATE; those of CHALLENGE otherwise
  std::size_t header_size = 88;        // 64 or 72: no MIC region
  std::uint32_t av_flags = 2;          // 0: no MsvAvFlags pair
  std::optional<Bytes> binding_hash;   // 16 bytes
  std::string target;                  // MsvAvTargetName
  std::optional<Bytes> lm_response, nt_response;  // in place of Z(24) and NTLMv2
  std::optional<Bytes> encrypted_key;             // in place of the right one
  std::optional<std::uint64_t> timestamp;  // of the client challenge; that of CHALLENGE otherwise
  bool oem = false;

  std::function<void(std::vector<RawPair>&)> on_pairs;
  std::function<void(Bytes&)> on_temp;
  std::function<void(Bytes&)> on_message;
  std::function<void(Bytes&)> on_final;

  Bytes authenticate(ByteView negotiate, ByteView challenge) const;
  // The exported session key of the last authenticate(): 16 bytes of 0x55 with KEY_EXCH.
  mutable Bytes session_key;
};

// NEGOTIATE of 40 bytes with VERSION.
Bytes negotiate_message(std::uint32_t flags);
// What Windows offers with SIGN and SEAL: UNICODE OEM REQUEST_TARGET SIGN SEAL LM_KEY NTLM
// ALWAYS_SIGN ESS VERSION 128 KEY_EXCH 56.
inline constexpr std::uint32_t kUsualFlags = 0xe20882b7;
// What an HTTP client offers: neither SIGN nor SEAL nor a key exchange nor VERSION.
inline constexpr std::uint32_t kHttpFlags = 0x00088207;

Bytes utf16(const std::string& ascii);
std::uint32_t load32(ByteView bytes, std::size_t offset);
void store16(Bytes& bytes, std::size_t offset, std::uint32_t value);
void store32(Bytes& bytes, std::size_t offset, std::uint32_t value);

}  // namespace ntlm::test
