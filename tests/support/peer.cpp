// SPDX-License-Identifier: MIT
#include "support/peer.h"

#include <algorithm>

#include "base/text.h"

namespace ntlm::test {
namespace {

constexpr std::uint32_t kKeyExchange = 0x40000000;
constexpr std::size_t kMicOffset = 72;

std::size_t load16(ByteView bytes, std::size_t offset) {
  return static_cast<std::size_t>(bytes[offset] | bytes[offset + 1] << 8);
}

void append(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void append_number(Bytes& out, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) {
    out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
}

std::vector<RawPair> pairs_of(ByteView challenge) {
  std::vector<RawPair> pairs;
  const std::size_t size = load16(challenge, 40);
  const ByteView info = challenge.subspan(load32(challenge, 44), size);
  for (std::size_t at = 0; at + 4 <= info.size();) {
    const std::size_t length = load16(info, at + 2);
    const ByteView value = info.subspan(at + 4, length);
    pairs.push_back(
        {static_cast<std::uint16_t>(load16(info, at)), Bytes(value.begin(), value.end())});
    at += 4 + length;
  }
  return pairs;
}

std::uint64_t timestamp_of(const std::vector<RawPair>& pairs) {
  for (const RawPair& pair : pairs) {
    if (pair.id == 7 && pair.value.size() == 8) {
      return load32(pair.value, 0) | std::uint64_t{load32(pair.value, 4)} << 32;
    }
  }
  return 0;
}

Bytes text_bytes(const std::string& text, bool oem) {
  return oem ? Bytes(text.begin(), text.end()) : utf16le_from_utf8(text).value();
}

void write_field(Bytes& message, std::size_t header_offset, ByteView value) {
  store16(message, header_offset, static_cast<std::uint32_t>(value.size()));
  store16(message, header_offset + 2, static_cast<std::uint32_t>(value.size()));
  store32(message, header_offset + 4, static_cast<std::uint32_t>(message.size()));
  append(message, value);
}

// The AV pairs of CHALLENGE as the peer sends them back.
std::vector<RawPair> answered(const Peer& peer, std::vector<RawPair> pairs) {
  if (!pairs.empty()) {
    pairs.pop_back();  // MsvAvEOL
  }
  if (peer.av_flags != 0) {
    pairs.push_back({6, {static_cast<std::uint8_t>(peer.av_flags), 0, 0, 0}});
  }
  if (peer.binding_hash) {
    pairs.push_back({10, *peer.binding_hash});
  }
  if (!peer.target.empty()) {
    pairs.push_back({9, utf16(peer.target)});
  }
  pairs.push_back({0, {}});
  if (peer.on_pairs) {
    peer.on_pairs(pairs);
  }
  return pairs;
}

// The specification's temp.
Bytes client_challenge(const Peer& peer, ByteView challenge) {
  const std::vector<RawPair> issued = pairs_of(challenge);
  Bytes temp{1, 1, 0, 0, 0, 0, 0, 0};
  append_number(temp, peer.timestamp.value_or(timestamp_of(issued)), 8);
  temp.insert(temp.end(), 8, 0xaa);
  temp.resize(temp.size() + 4);
  for (const RawPair& pair : answered(peer, issued)) {
    append_number(temp, pair.id, 2);
    append_number(temp, pair.claimed_length.value_or(static_cast<std::uint16_t>(pair.value.size())),
                  2);
    append(temp, pair.value);
  }
  temp.resize(temp.size() + 4);
  if (peer.on_temp) {
    peer.on_temp(temp);
  }
  return temp;
}

// What is sent of a name, as the proof takes it: UTF-16.
Bytes widened(const Peer& peer, const Bytes& sent) {
  if (!peer.oem) {
    return sent;
  }
  Bytes out;
  for (const std::uint8_t byte : sent) {
    out.push_back(byte);
    out.push_back(0);
  }
  return out;
}

struct Proof {
  Bytes response;       // NTLMv2_RESPONSE
  Bytes encrypted_key;  // EncryptedRandomSessionKey; empty without KEY_EXCH
  Bytes exported_key;
};

Proof prove(const Peer& peer, ByteView challenge, const Bytes& user, const Bytes& domain,
            bool exchange) {
  const Bytes temp = client_challenge(peer, challenge);
  crypto::ServerChallenge server{};
  std::copy_n(challenge.begin() + 24, 8, server.begin());
  const crypto::NtHash hash = crypto::ntowf_v1(utf16(peer.password));
  const auto key = crypto::ntowf_v2(hash, widened(peer, user),
                                    peer.proof_domain.value_or(widened(peer, domain)));
  const auto nt_proof = crypto::nt_proof_str(key, server, temp);
  const auto kxkey = crypto::kxkey_v2(crypto::session_base_key_v2(key, nt_proof));

  Proof proof{Bytes(nt_proof.begin(), nt_proof.end()), {}, Bytes(16, 0x55)};
  append(proof.response, temp);
  if (exchange) {
    proof.encrypted_key.resize(proof.exported_key.size());
    crypto::rc4k(kxkey, ByteView(proof.exported_key).first<16>(),
                 std::span(proof.encrypted_key).first<16>());
  } else {
    proof.exported_key.assign(kxkey.expose().begin(), kxkey.expose().end());
  }
  return proof;
}

void write_mic(Bytes& message, ByteView exported_key, ByteView negotiate, ByteView challenge) {
  const std::array<std::uint8_t, 16> zeros{};
  const auto mic = crypto::mic(crypto::ExportedSessionKey(exported_key.first<16>()),
                               {negotiate, challenge, ByteView(message).first(kMicOffset), zeros,
                                ByteView(message).subspan(kMicOffset + 16)});
  std::copy(mic.begin(), mic.end(), message.begin() + kMicOffset);
}

}  // namespace

Bytes utf16(const std::string& ascii) { return utf16le_from_utf8(ascii).value(); }

std::uint32_t load32(ByteView bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(load16(bytes, offset) | load16(bytes, offset + 2) << 16);
}

void store16(Bytes& bytes, std::size_t offset, std::uint32_t value) {
  bytes.at(offset) = static_cast<std::uint8_t>(value);
  bytes.at(offset + 1) = static_cast<std::uint8_t>(value >> 8);
}

void store32(Bytes& bytes, std::size_t offset, std::uint32_t value) {
  store16(bytes, offset, value);
  store16(bytes, offset + 2, value >> 16);
}

Bytes negotiate_message(std::uint32_t flags) {
  Bytes out{'N', 'T', 'L', 'M', 'S', 'S', 'P', 0, 1, 0, 0, 0};
  append_number(out, flags, 4);
  out.resize(32);
  append(out, std::array<std::uint8_t, 8>{10, 0, 0, 0, 0, 0, 0, 15});
  return out;
}

Bytes Peer::authenticate(ByteView negotiate, ByteView challenge) const {
  const Bytes user_sent = user_bytes.value_or(text_bytes(user, oem));
  const Bytes domain_sent = domain_bytes.value_or(text_bytes(domain, oem));
  const std::uint32_t sent_flags = flags.value_or(load32(challenge, 20));
  const Proof proof =
      prove(*this, challenge, user_sent, domain_sent, (sent_flags & kKeyExchange) != 0);
  session_key = proof.exported_key;

  Bytes message{'N', 'T', 'L', 'M', 'S', 'S', 'P', 0, 3, 0, 0, 0};
  message.resize(header_size);
  store32(message, 60, sent_flags);
  if (header_size >= 72) {
    message[64] = 10;
    message[71] = 15;
  }
  write_field(message, 28, domain_sent);
  write_field(message, 36, user_sent);
  write_field(message, 44, text_bytes(workstation, oem));
  write_field(message, 12, lm_response.value_or(Bytes(24)));
  write_field(message, 20, nt_response.value_or(proof.response));
  write_field(message, 52, encrypted_key.value_or(proof.encrypted_key));
  if (on_message) {
    on_message(message);
  }
  if (header_size >= 88 && message.size() >= 88) {
    write_mic(message, proof.exported_key, negotiate, challenge);
  }
  if (on_final) {
    on_final(message);
  }
  return message;
}

}  // namespace ntlm::test
