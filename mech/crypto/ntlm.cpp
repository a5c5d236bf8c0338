// SPDX-License-Identifier: MIT
#include "crypto/ntlm.h"

#include <algorithm>

#include "base/text.h"

namespace ntlm::crypto {

namespace {

using Bytes8 = std::array<std::uint8_t, 8>;

// The literal with its terminating NUL, as SIGNKEY and SEALKEY hash it.
template <std::size_t N>
ByteView with_nul(const char (&text)[N]) {
  return {reinterpret_cast<const std::uint8_t*>(text), N};
}

}  // namespace

// [MS-NLMP] 3.3.1
NtHash ntowf_v1(ByteView password_utf16le) {
  NtHash hash;
  md4(password_utf16le, hash.expose_mutable());
  return hash;
}

Result<LmHash> lmowf_v1(ByteView password_oem) {
  constexpr std::size_t kMaxPassword = 14;
  constexpr Bytes8 kMagic{'K', 'G', 'S', '!', '@', '#', '$', '%'};
  Secret<kMaxPassword, struct OemPasswordTag> password;
  const std::span<std::uint8_t, kMaxPassword> upper_cased = password.expose_mutable();
  for (std::size_t i = 0; i < password_oem.size(); ++i) {
    const std::uint8_t byte = password_oem[i];
    if (byte >= 0x80) {
      return fail(Errc::kBadArgument, "LMOWFv1 of a password beyond ASCII");
    }
    if (i < kMaxPassword) {
      upper_cased[i] =
          byte >= 'a' && byte <= 'z' ? static_cast<std::uint8_t>(byte - 'a' + 'A') : byte;
    }
  }
  LmHash hash;
  des(password.expose().first<7>(), kMagic, hash.expose_mutable().first<8>());
  des(password.expose().last<7>(), kMagic, hash.expose_mutable().last<8>());
  return hash;
}

// [MS-NLMP] 3.3.2
ResponseKeyNt ntowf_v2(const NtHash& hash, ByteView user_utf16le, ByteView domain_utf16le) {
  const HmacMd5Key key(hash.expose());
  HmacMd5 mac(key);
  std::array<std::uint8_t, 64> piece{};
  for (ByteView rest = user_utf16le; !rest.empty();) {
    const auto upper = std::span(piece).first(std::min(rest.size(), piece.size()));
    std::copy_n(rest.begin(), upper.size(), upper.begin());
    upper_utf16le(upper);
    mac.update(upper);
    rest = rest.subspan(upper.size());
  }
  mac.update(domain_utf16le);
  ResponseKeyNt out;
  mac.finish(out.expose_mutable());
  return out;
}

// [MS-NLMP] 6, DESL(): three DES keys out of 16 bytes and five zeros.
Response24 desl(std::span<const std::uint8_t, 16> key, std::span<const std::uint8_t, 8> data) {
  Secret<21, struct DeslKeyTag> padded;
  std::copy(key.begin(), key.end(), padded.expose_mutable().begin());
  const std::span<const std::uint8_t, 21> keys = padded.expose();
  Response24 out;
  const std::span<std::uint8_t, 24> blocks = out;
  des(keys.subspan<0, 7>(), data, blocks.subspan<0, 8>());
  des(keys.subspan<7, 7>(), data, blocks.subspan<8, 8>());
  des(keys.subspan<14, 7>(), data, blocks.subspan<16, 8>());
  return out;
}

Bytes8 session_challenge(const ServerChallenge& server, const ClientChallenge& client) {
  const Digest16 digest = md5({server, client});
  Bytes8 out;
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

SessionBaseKey session_base_key_v1(const NtHash& hash) {
  SessionBaseKey key;
  md4(hash.expose(), key.expose_mutable());
  return key;
}

// [MS-NLMP] 3.3.2
NtProofStr nt_proof_str(const ResponseKeyNt& key, const ServerChallenge& server, ByteView temp) {
  return hmac_md5(key.expose(), {server, temp});
}

SessionBaseKey session_base_key_v2(const ResponseKeyNt& key, const NtProofStr& proof) {
  SessionBaseKey base;
  hmac_md5(key.expose(), {proof}, base.expose_mutable());
  return base;
}

Response24 lm_response_v2(const ResponseKeyNt& key, const ServerChallenge& server,
                          const ClientChallenge& client) {
  const Digest16 proof = hmac_md5(key.expose(), {server, client});
  Response24 out;
  std::copy(client.begin(), client.end(), std::copy(proof.begin(), proof.end(), out.begin()));
  return out;
}

// [MS-NLMP] 3.4.5.1
KeyExchangeKey kxkey_v2(const SessionBaseKey& base) { return KeyExchangeKey(base.expose()); }

Result<KeyExchangeKey> kxkey_v1(const KxkeyV1Input& input) {
  if (input.ess) {
    if (input.lm_response.size() < 8) {
      return fail(Errc::kBadArgument, "KXKEY without an LM response");
    }
    KeyExchangeKey key;
    hmac_md5(input.base.expose(), {input.server, input.lm_response.first(8)}, key.expose_mutable());
    return key;
  }
  if (!input.lm_key && !input.non_nt) {
    return KeyExchangeKey(input.base.expose());
  }
  if (input.lm_hash == nullptr) {
    return fail(Errc::kBadArgument, "KXKEY without an LM hash");
  }
  const std::span<const std::uint8_t, 16> lm = input.lm_hash->expose();
  KeyExchangeKey key;
  const std::span<std::uint8_t, 16> out = key.expose_mutable();
  if (!input.lm_key) {
    std::copy_n(lm.begin(), 8, out.begin());
    return key;
  }
  if (input.lm_response.size() < 8) {
    return fail(Errc::kBadArgument, "KXKEY without an LM response");
  }
  // DES under LMOWF[0-6] and under LMOWF[7] followed by six bytes of BD.
  const auto answered = input.lm_response.first<8>();
  Secret<7, struct WeakenedTag> second;
  std::fill(second.expose_mutable().begin(), second.expose_mutable().end(), std::uint8_t{0xBD});
  second.expose_mutable()[0] = lm[7];
  des(lm.first<7>(), answered, out.first<8>());
  des(second.expose(), answered, out.last<8>());
  return key;
}

void rc4k(const KeyExchangeKey& key, std::span<const std::uint8_t, 16> data,
          std::span<std::uint8_t, 16> out) {
  Rc4(key.expose()).apply(data, out);
}

// [MS-NLMP] 3.4.5.2
SigningKey sign_key(const ExportedSessionKey& key, Direction direction) {
  SigningKey out;
  md5({key.expose(), direction == Direction::kInitiatorToAcceptor
                         ? with_nul("session key to client-to-server signing key magic constant")
                         : with_nul("session key to server-to-client signing key magic constant")},
      out.expose_mutable());
  return out;
}

// [MS-NLMP] 3.4.5.3
SealKeyBytes seal_key(const ExportedSessionKey& key, SealStrength strength, Direction direction) {
  const std::span<const std::uint8_t, 16> whole = key.expose();
  SealKeyBytes out;
  const std::span<std::uint8_t, 16> bytes = out.bytes.expose_mutable();
  if (strength.ess) {
    const std::size_t used = strength.key128 ? 16 : strength.key56 ? 7 : 5;
    md5({whole.first(used),
         direction == Direction::kInitiatorToAcceptor
             ? with_nul("session key to client-to-server sealing key magic constant")
             : with_nul("session key to server-to-client sealing key magic constant")},
        bytes);
    return out;
  }
  std::copy(whole.begin(), whole.end(), bytes.begin());
  if (!strength.lm_key && !strength.datagram) {
    return out;
  }
  out.size = 8;
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  if (strength.key56) {
    bytes[7] = 0xA0;
  } else {
    bytes[5] = 0xE5;
    bytes[6] = 0x38;
    bytes[7] = 0xB0;
  }
  return out;
}

// [MS-NLMP] 3.4.4: connectionless messages
SealKeyBytes datagram_seal_key(const SealKeyBytes& key, std::uint32_t sequence) {
  SealKeyBytes out;
  md5({key.view(), little_endian(sequence)}, out.bytes.expose_mutable());
  return out;
}

Digest16 mic(const ExportedSessionKey& key, std::initializer_list<ByteView> messages) {
  return hmac_md5(key.expose(), messages);
}

Digest16 channel_binding_hash(const ChannelBindings& bindings) {
  const auto size = [](ByteView part) {
    return little_endian(static_cast<std::uint32_t>(part.size()));
  };
  return md5({little_endian(bindings.initiator_type), size(bindings.initiator), bindings.initiator,
              little_endian(bindings.acceptor_type), size(bindings.acceptor), bindings.acceptor,
              size(bindings.application), bindings.application});
}

}  // namespace ntlm::crypto
