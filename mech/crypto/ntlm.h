// SPDX-License-Identifier: MIT
// The computations of [MS-NLMP] 3.3, 3.4.4, 3.4.5: pure functions over crypto/primitives. Names are
// the specification's. Text arguments are UTF-16LE bytes exactly as on the wire; upper-casing is
// done here where the formula has it.
#pragma once

#include "crypto/primitives.h"

namespace ntlm::crypto {

using NtHash = Secret<16, struct NtHashTag>;                // NTOWFv1: MD4(UNICODE(password))
using LmHash = Secret<16, struct LmHashTag>;                // LMOWFv1
using ResponseKeyNt = Secret<16, struct ResponseKeyNtTag>;  // NTOWFv2
using SessionBaseKey = Secret<16, struct SessionBaseKeyTag>;
using KeyExchangeKey = Secret<16, struct KeyExchangeKeyTag>;
using ExportedSessionKey = Secret<16, struct ExportedSessionKeyTag>;
using SigningKey = Secret<16, struct SigningKeyTag>;
using ServerChallenge = std::array<std::uint8_t, 8>;
using ClientChallenge = std::array<std::uint8_t, 8>;
using NtProofStr = Digest16;

// [MS-NLMP] 3.3.1. password: UTF-16LE.
NtHash ntowf_v1(ByteView password_utf16le);
// password: OEM text; ASCII is upper-cased; over 14 bytes only the first 14 count. Non-ASCII:
// kBadArgument.
Result<LmHash> lmowf_v1(ByteView password_oem);
// [MS-NLMP] 3.3.2: HMAC-MD5(NT hash, UNICODE(Uppercase(user) || domain)); the domain's case counts.
// LMOWFv2 is the same.
ResponseKeyNt ntowf_v2(const NtHash& hash, ByteView user_utf16le, ByteView domain_utf16le);

// NTLMv1 ([MS-NLMP] 3.3.1): 24-byte DESL responses.
using Response24 = std::array<std::uint8_t, 24>;
Response24 desl(std::span<const std::uint8_t, 16> key, std::span<const std::uint8_t, 8> data);
// The 8 bytes that NTLM2-session responses answer: MD5(ServerChallenge || ClientChallenge)[0..7].
std::array<std::uint8_t, 8> session_challenge(const ServerChallenge& server,
                                              const ClientChallenge& client);
SessionBaseKey session_base_key_v1(const NtHash& hash);  // MD4(NTOWFv1)

// NTLMv2 ([MS-NLMP] 3.3.2): NTProofStr over ServerChallenge || temp, where temp is the
// NTLMv2_CLIENT_CHALLENGE.
NtProofStr nt_proof_str(const ResponseKeyNt& key, const ServerChallenge& server, ByteView temp);
SessionBaseKey session_base_key_v2(const ResponseKeyNt& key, const NtProofStr& proof);
Response24 lm_response_v2(const ResponseKeyNt& key, const ServerChallenge& server,
                          const ClientChallenge& client);

// KXKEY ([MS-NLMP] 3.4.5.1). v2: the session base key itself.
KeyExchangeKey kxkey_v2(const SessionBaseKey& base);
struct KxkeyV1Input {
  const SessionBaseKey& base;
  const LmHash* lm_hash;  // needed for lm_key and non_nt only; without it those are kBadArgument
  ByteView lm_response;   // 24 bytes
  const ServerChallenge& server;
  bool ess;
  bool lm_key;
  bool non_nt;
};
Result<KeyExchangeKey> kxkey_v1(const KxkeyV1Input& input);

// RC4K of 16 bytes: EncryptedRandomSessionKey in either direction ([MS-NLMP] 3.1.5.1.2, 3.2.5.1.2).
void rc4k(const KeyExchangeKey& key, std::span<const std::uint8_t, 16> data,
          std::span<std::uint8_t, 16> out);

enum class Direction : std::uint8_t { kInitiatorToAcceptor, kAcceptorToInitiator };
// SIGNKEY ([MS-NLMP] 3.4.5.2), ESS only; SEALKEY (3.4.5.3): 16 bytes with ESS, 8 or 16 without.
SigningKey sign_key(const ExportedSessionKey& key, Direction direction);
struct SealStrength {
  bool ess, key128, key56, lm_key, datagram;
};
struct SealKeyBytes {
  Secret<16, struct SealKeyTag> bytes;
  std::size_t size = 16;
  ByteView view() const { return bytes.expose().first(size); }
};
SealKeyBytes seal_key(const ExportedSessionKey& key, SealStrength strength, Direction direction);
// SealKey' of connectionless messages ([MS-NLMP] 3.4.2... 3.4.4): MD5(SealKey || SeqNum).
SealKeyBytes datagram_seal_key(const SealKeyBytes& key, std::uint32_t sequence);

// HMAC-MD5(ExportedSessionKey, NEGOTIATE || CHALLENGE || AUTHENTICATE with its MIC zeroed)
// ([MS-NLMP] 3.1.5.1.2).
Digest16 mic(const ExportedSessionKey& key, std::initializer_list<ByteView> messages);

// MD5 over a gss_channel_bindings_struct: all integers little-endian (security.md R30).
struct ChannelBindings {
  std::uint32_t initiator_type = 0;
  ByteView initiator;
  std::uint32_t acceptor_type = 0;
  ByteView acceptor;
  ByteView application;
};
Digest16 channel_binding_hash(const ChannelBindings& bindings);

}  // namespace ntlm::crypto
