// SPDX-License-Identifier: MIT
#define OPENSSL_SUPPRESS_DEPRECATED
#include "bench/bare_crypto.h"

#include <openssl/md5.h>
#include <openssl/rc4.h>
#include <sys/random.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace ntlm::bench {

namespace {

using Digest = std::array<std::uint8_t, 16>;

// An HMAC key's two states.
struct Keyed {
  MD5_CTX inner, outer;
};

Keyed keyed(std::span<const std::uint8_t, 16> key) {
  std::array<std::uint8_t, 64> block;
  Keyed out;
  block.fill(0x36);
  for (std::size_t i = 0; i < key.size(); ++i) {
    block[i] ^= key[i];
  }
  MD5_Init(&out.inner);
  MD5_Update(&out.inner, block.data(), block.size());
  for (std::uint8_t& byte : block) {
    byte ^= 0x36 ^ 0x5C;
  }
  MD5_Init(&out.outer);
  MD5_Update(&out.outer, block.data(), block.size());
  return out;
}

template <typename... Part>
Digest mac(const Keyed& key, const Part&... parts) {
  Digest digest;
  MD5_CTX context = key.inner;
  (MD5_Update(&context, parts.data(), parts.size()), ...);
  MD5_Final(digest.data(), &context);
  context = key.outer;
  MD5_Update(&context, digest.data(), digest.size());
  MD5_Final(digest.data(), &context);
  return digest;
}

}  // namespace

// ---- A handshake ---------------------------------------------------------------------

struct BareHandshake::State {
  Digest key{1, 2, 3};
  std::array<std::uint8_t, 28> name{};        // user and domain
  std::array<std::uint8_t, 200> response{};   // server challenge and NTLMv2_CLIENT_CHALLENGE
  std::array<std::uint8_t, 620> messages{};   // what the MIC is over
  std::array<std::uint8_t, 75> sealed_key{};  // key and magic constant
  std::array<std::uint8_t, 8192> random{};
  std::size_t random_left = 0;
};

BareHandshake::BareHandshake() : state_(std::make_unique<State>()) {}
BareHandshake::~BareHandshake() = default;

void BareHandshake::run() {
  one_side();
  one_side();
}

void BareHandshake::one_side() {
  State& s = *state_;
  if (s.random_left < 8) {
    for (std::size_t i = 0; i < s.random.size(); i += 256) {
      if (getrandom(s.random.data() + i, 256, 0) != 256) {
        std::abort();
      }
    }
    s.random_left = s.random.size();
  }
  s.random_left -= 8;
  std::memcpy(s.response.data(), s.random.data() + s.random_left, 8);

  Digest key = mac(keyed(s.key), s.name);  // NTOWFv2
  const Digest proof = mac(keyed(key), s.response);
  key = mac(keyed(key), proof);       // session base key
  (void)mac(keyed(key), s.messages);  // MIC
  RC4_KEY rc4;
  RC4_set_key(&rc4, 16, key.data());
  RC4(&rc4, key.size(), key.data(), key.data());
  for (int i = 0; i < 4; ++i) {  // sign and seal keys
    Digest digest;
    std::memcpy(s.sealed_key.data(), key.data(), key.size());
    MD5(s.sealed_key.data(), s.sealed_key.size() - static_cast<std::size_t>(i), digest.data());
    if (i < 2) {
      RC4_set_key(&rc4, 16, digest.data());
    }
    s.key = digest;
  }
}

// ---- Messages ------------------------------------------------------------------------

struct BareMessages::State {
  struct End {
    Keyed key;
    RC4_KEY rc4;
    std::array<std::uint8_t, 4> sequence{};
  };
  End sender, receiver;
  std::array<std::uint8_t, 8> checksum{};

  void finish(End& end, std::span<const std::uint8_t> message) {
    const Digest digest = mac(end.key, end.sequence, message);
    std::memcpy(checksum.data(), digest.data(), checksum.size());
    RC4(&end.rc4, checksum.size(), checksum.data(), checksum.data());
    ++end.sequence[0];
  }
};

BareMessages::BareMessages() : state_(std::make_unique<State>()) {
  constexpr Digest kKey{5, 6, 7};
  for (State::End* end : {&state_->sender, &state_->receiver}) {
    end->key = keyed(kKey);
    RC4_set_key(&end->rc4, 16, kKey.data());
  }
}
BareMessages::~BareMessages() = default;

void BareMessages::seal_and_unseal(std::span<std::uint8_t> message) {
  State& s = *state_;
  const Digest digest = mac(s.sender.key, s.sender.sequence, message);
  RC4(&s.sender.rc4, message.size(), message.data(), message.data());
  std::memcpy(s.checksum.data(), digest.data(), s.checksum.size());
  RC4(&s.sender.rc4, s.checksum.size(), s.checksum.data(), s.checksum.data());
  ++s.sender.sequence[0];
  RC4(&s.receiver.rc4, message.size(), message.data(), message.data());
  s.finish(s.receiver, message);
}

void BareMessages::sign_and_verify(std::span<const std::uint8_t> message) {
  state_->finish(state_->sender, message);
  state_->finish(state_->receiver, message);
}

}  // namespace ntlm::bench
