// SPDX-License-Identifier: MIT
// The back end over libcrypto's low-level calls. OpenSSL 3 deprecates them but keeps them: they
// need no provider, no allocation, and their states can be copied and exported.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/des.h>
#include <openssl/md4.h>
#include <openssl/md5.h>
#include <openssl/rc4.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "crypto/backend.h"

namespace ntlm::crypto {

Result<void> available() {
  if (kernel_in_fips_mode()) {
    return fail(Errc::kFips, "fips_enabled");
  }
  return {};
}

Digest16 md4(ByteView data) {
  MD4_CTX context;
  Digest16 out;
  MD4_Init(&context);
  MD4_Update(&context, data.data(), data.size());
  MD4_Final(out.data(), &context);
  wipe(&context, sizeof context);
  return out;
}

Digest16 md5(std::initializer_list<ByteView> parts) {
  MD5_CTX context;
  Digest16 out;
  MD5_Init(&context);
  for (const ByteView part : parts) {
    MD5_Update(&context, part.data(), part.size());
  }
  MD5_Final(out.data(), &context);
  wipe(&context, sizeof context);
  return out;
}

std::array<std::uint8_t, 32> sha256(ByteView prefix, std::initializer_list<ByteView> parts) {
  SHA256_CTX context;
  std::array<std::uint8_t, 32> out;
  SHA256_Init(&context);
  SHA256_Update(&context, prefix.data(), prefix.size());
  for (const ByteView part : parts) {
    SHA256_Update(&context, part.data(), part.size());
  }
  SHA256_Final(out.data(), &context);
  wipe(&context, sizeof context);
  return out;
}

// ---- HMAC-MD5
// -------------------------------------------------------------------------------------

namespace {

constexpr std::size_t kBlock = MD5_CBLOCK;

// The chaining values of a key and its pad: what HMAC hashes first.
struct Chains {
  std::array<std::uint32_t, 4> inner, outer;
};
static_assert(sizeof(Chains) == HmacMd5Key::kStorageSize);

// The state after one block. A chain's four words become an MD5_CTX that goes on from there.
MD5_CTX resume(const std::array<std::uint32_t, 4>& chain) {
  MD5_CTX context{};
  context.A = chain[0];
  context.B = chain[1];
  context.C = chain[2];
  context.D = chain[3];
  context.Nl = kBlock * 8;
  return context;
}

std::array<std::uint32_t, 4> chain_after(std::span<const std::uint8_t, kBlock> block) {
  MD5_CTX context;
  MD5_Init(&context);
  MD5_Transform(&context, block.data());
  return {context.A, context.B, context.C, context.D};
}

}  // namespace

HmacMd5Key::HmacMd5Key(ByteView key) {
  std::array<std::uint8_t, kBlock> block{};
  if (key.size() > kBlock) {
    MD5(key.data(), key.size(), block.data());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  Chains chains;
  for (std::uint8_t& byte : block) {
    byte ^= 0x36;
  }
  chains.inner = chain_after(block);
  for (std::uint8_t& byte : block) {
    byte ^= 0x36 ^ 0x5C;
  }
  chains.outer = chain_after(block);
  std::memcpy(storage_.data(), &chains, sizeof chains);
  wipe(block.data(), block.size());
  wipe(&chains, sizeof chains);
}

HmacMd5Key::~HmacMd5Key() { wipe(storage_.data(), storage_.size()); }

HmacMd5Key::HmacMd5Key(HmacMd5Key&& other) noexcept : storage_(other.storage_) {
  wipe(other.storage_.data(), other.storage_.size());
}

HmacMd5Key& HmacMd5Key::operator=(HmacMd5Key&& other) noexcept {
  if (this != &other) {
    storage_ = other.storage_;
    wipe(other.storage_.data(), other.storage_.size());
  }
  return *this;
}

Digest16 HmacMd5Key::mac(std::span<const ByteView> parts) const {
  Chains chains;
  std::memcpy(&chains, storage_.data(), sizeof chains);
  MD5_CTX context = resume(chains.inner);
  for (const ByteView part : parts) {
    MD5_Update(&context, part.data(), part.size());
  }
  Digest16 digest;
  MD5_Final(digest.data(), &context);
  context = resume(chains.outer);
  MD5_Update(&context, digest.data(), digest.size());
  MD5_Final(digest.data(), &context);
  wipe(&chains, sizeof chains);
  return digest;
}

// ---- RC4
// ------------------------------------------------------------------------------------------

struct alignas(16) Rc4::State {
  RC4_KEY key;
};

namespace {

// On x86-64 libcrypto's assembler keeps the S-box as words or, on some processors, as bytes; then
// this word says so.
constexpr std::size_t kLayoutMark = 64;
bool as_bytes(const RC4_KEY& key) { return key.data[kLayoutMark] > 0xFF; }

}  // namespace

Rc4::State& Rc4::state() { return *std::launder(reinterpret_cast<State*>(storage_.data())); }
const Rc4::State& Rc4::state() const {
  return *std::launder(reinterpret_cast<const State*>(storage_.data()));
}

Rc4::Rc4() { new (storage_.data()) State{}; }

Rc4::Rc4(ByteView key) : Rc4() {
  static_assert(sizeof(State) <= kStorageSize && std::is_trivially_copyable_v<State>);
  RC4_set_key(&state().key, static_cast<int>(key.size()), key.data());
}

Rc4::~Rc4() { wipe(storage_.data(), sizeof(State)); }

Rc4::Rc4(Rc4&& other) noexcept : Rc4() { *this = std::move(other); }

Rc4& Rc4::operator=(Rc4&& other) noexcept {
  if (this != &other) {
    state() = other.state();
    wipe(other.storage_.data(), sizeof(State));
  }
  return *this;
}

Rc4 Rc4::clone() const {
  Rc4 out;
  out.state() = state();
  return out;
}

void Rc4::apply(ByteView in, std::span<std::uint8_t> out) {
  RC4(&state().key, in.size(), in.data(), out.data());
}

void Rc4::save(std::span<std::uint8_t, kExportSize> out) const {
  const RC4_KEY& key = state().key;
  if (as_bytes(key)) {
    std::memcpy(out.data(), key.data, 256);
  } else {
    std::transform(key.data, key.data + 256, out.begin(),
                   [](RC4_INT word) { return static_cast<std::uint8_t>(word); });
  }
  out[256] = static_cast<std::uint8_t>(key.x);
  out[257] = static_cast<std::uint8_t>(key.y);
}

Result<Rc4> Rc4::restore(std::span<const std::uint8_t, kExportSize> in) {
  std::array<bool, 256> seen{};
  for (const std::uint8_t value : in.first<256>()) {
    if (std::exchange(seen[value], true)) {
      return fail(Errc::kDefectiveExport, "RC4 state");
    }
  }
  const std::array<std::uint8_t, 1> any_key{};  // only to see the layout
  Rc4 out{ByteView(any_key)};
  RC4_KEY& key = out.state().key;
  if (as_bytes(key)) {
    std::memcpy(key.data, in.data(), 256);
  } else {
    std::copy_n(in.begin(), 256, key.data);
  }
  key.x = in[256];
  key.y = in[257];
  return out;
}

// ---- DES
// ------------------------------------------------------------------------------------------

std::array<std::uint8_t, 8> des(std::span<const std::uint8_t, 7> key,
                                std::span<const std::uint8_t, 8> block) {
  std::array<std::uint8_t, 8> wide = des_key(key);
  DES_cblock key_block, in, out;
  std::copy(wide.begin(), wide.end(), key_block);
  std::copy(block.begin(), block.end(), in);
  DES_key_schedule schedule;
  DES_set_key_unchecked(&key_block, &schedule);
  DES_ecb_encrypt(&in, &out, &schedule, DES_ENCRYPT);
  wipe(&schedule, sizeof schedule);
  wipe(key_block, sizeof key_block);
  wipe(wide.data(), wide.size());
  return std::to_array(out);
}

}  // namespace ntlm::crypto
