// SPDX-License-Identifier: MIT
// The back end over libcrypto's low-level calls. OpenSSL 3 deprecates them but keeps them: they
// need no provider, no allocation, and their states can be copied and exported.
#include <openssl/des.h>
#include <openssl/md4.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "crypto/backend_lowlevel.h"

namespace ntlm::crypto {

Result<void> available() {
  if (kernel_in_fips_mode()) {
    return fail(Errc::kFips, "fips_enabled");
  }
  return {};
}

void md4(ByteView data, Digest16Span out) {
  MD4_CTX context;
  MD4_Init(&context);
  MD4_Update(&context, data.data(), data.size());
  MD4_Final(out.data(), &context);
  wipe(&context, sizeof context);
}

void md5(std::initializer_list<ByteView> parts, Digest16Span out) {
  MD5_CTX context;
  MD5_Init(&context);
  for (const ByteView part : parts) {
    MD5_Update(&context, part.data(), part.size());
  }
  MD5_Final(out.data(), &context);
  wipe(&context, sizeof context);
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

// ---- HMAC-MD5 -------------------------------------------------------------------------

// Chaining values: the four words of an MD5_CTX after one block.
struct HmacMd5Key::State {
  using Chain = std::array<MD5_LONG, 4>;
  Chain inner, outer;
};

namespace {

constexpr std::size_t kBlock = MD5_CBLOCK;

// What a key's states are made with; wiped as one.
struct Making {
  std::array<std::uint8_t, kBlock> block{};
  MD5_CTX context;

  void chain(HmacMd5Key::State::Chain& out) {
    MD5_Init(&context);
    MD5_Transform(&context, block.data());
    out = {context.A, context.B, context.C, context.D};
  }
};

void write_word(MD5_LONG word, std::span<std::uint8_t, 4> out) {
  for (std::uint8_t& byte : out) {
    byte = static_cast<std::uint8_t>(word);
    word >>= 8;
  }
}

void load(MD5_CTX& context, const HmacMd5Key::State::Chain& chain) {
  context.A = chain[0];
  context.B = chain[1];
  context.C = chain[2];
  context.D = chain[3];
}

}  // namespace

HmacMd5Key::State& HmacMd5Key::state() {
  return *std::launder(reinterpret_cast<State*>(storage_.data()));
}
const HmacMd5Key::State& HmacMd5Key::state() const {
  return *std::launder(reinterpret_cast<const State*>(storage_.data()));
}

HmacMd5Key::HmacMd5Key(ByteView key) {
  static_assert(sizeof(State) <= kStorageSize && std::is_trivially_copyable_v<State>);
  new (storage_.data()) State;
  Making making;
  std::array<std::uint8_t, kBlock>& block = making.block;
  if (key.size() > kBlock) {
    MD5(key.data(), key.size(), block.data());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  for (std::uint8_t& byte : block) {
    byte ^= 0x36;
  }
  making.chain(state().inner);
  for (std::uint8_t& byte : block) {
    byte ^= 0x36 ^ 0x5C;
  }
  making.chain(state().outer);
  wipe(&making, sizeof making);
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

HmacMd5::HmacMd5(const HmacMd5Key& key) : key_(key) {
  static_assert(sizeof(State) <= kStorageSize && std::is_trivially_copyable_v<State>);
  MD5_CTX& context = (new (storage_.data()) State)->context;
  load(context, key.state().inner);
  context.Nl = kBlock * 8;
  context.Nh = 0;
  context.num = 0;
}

HmacMd5::~HmacMd5() = default;

HmacMd5::State& HmacMd5::state() {
  return *std::launder(reinterpret_cast<State*>(storage_.data()));
}

void HmacMd5::update(ByteView data) { MD5_Update(&state().context, data.data(), data.size()); }

void HmacMd5::finish(Digest16Span out) {
  // The outer digest is one block: the inner one, the end mark, and the length of pad and inner
  // digest in bits.
  std::array<std::uint8_t, kBlock> block{};
  MD5_CTX& context = state().context;
  MD5_Final(block.data(), &context);
  constexpr std::size_t kBits = (kBlock + MD5_DIGEST_LENGTH) * 8;
  block[MD5_DIGEST_LENGTH] = 0x80;
  block[kBlock - 8] = kBits & 0xFF;
  block[kBlock - 7] = kBits >> 8;
  load(context, key_.state().outer);
  MD5_Transform(&context, block.data());
  write_word(context.A, out.subspan<0, 4>());
  write_word(context.B, out.subspan<4, 4>());
  write_word(context.C, out.subspan<8, 4>());
  write_word(context.D, out.subspan<12, 4>());
  wipe(&context.A, 4 * sizeof(MD5_LONG));  // the digest; MD5_Final has wiped the rest
}

// ---- RC4 ------------------------------------------------------------------------------

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

void Rc4::apply(ByteView in, std::span<std::uint8_t> out) {
  RC4(&state().key, in.size(), in.data(), out.data());
  state().since_checkpoint += in.size();
}

void Rc4::checkpoint() { state().since_checkpoint = 0; }

namespace {

// RC4's step is a permutation of its states, so it can be undone.
template <typename Word>
void run_backwards(Word* box, RC4_KEY& key, std::uint64_t steps) {
  std::uint8_t i = static_cast<std::uint8_t>(key.x);
  std::uint8_t j = static_cast<std::uint8_t>(key.y);
  for (; steps > 0; --steps) {
    std::swap(box[i], box[j]);
    j = static_cast<std::uint8_t>(j - box[i]);
    --i;
  }
  key.x = i;
  key.y = j;
}

}  // namespace

void Rc4::rollback() {
  State& here = state();
  if (as_bytes(here.key)) {
    run_backwards(reinterpret_cast<std::uint8_t*>(here.key.data), here.key, here.since_checkpoint);
  } else {
    run_backwards(here.key.data, here.key, here.since_checkpoint);
  }
  here.since_checkpoint = 0;
}

Result<void> Rc4::save(std::span<std::uint8_t, kExportSize> out) const {
  const RC4_KEY& key = state().key;
  if (as_bytes(key)) {
    std::memcpy(out.data(), key.data, 256);
  } else {
    std::transform(key.data, key.data + 256, out.begin(),
                   [](RC4_INT word) { return static_cast<std::uint8_t>(word); });
  }
  out[256] = static_cast<std::uint8_t>(key.x);
  out[257] = static_cast<std::uint8_t>(key.y);
  return {};
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

// ---- DES ------------------------------------------------------------------------------

void des(std::span<const std::uint8_t, 7> key, std::span<const std::uint8_t, 8> block,
         std::span<std::uint8_t, 8> out) {
  std::array<std::uint8_t, 8> wide = des_key(key);
  DES_cblock key_block, in;
  std::copy(wide.begin(), wide.end(), key_block);
  std::copy(block.begin(), block.end(), in);
  DES_key_schedule schedule;
  DES_set_key_unchecked(&key_block, &schedule);
  DES_ecb_encrypt(&in, reinterpret_cast<DES_cblock*>(out.data()), &schedule, DES_ENCRYPT);
  wipe(&schedule, sizeof schedule);
  wipe(key_block, sizeof key_block);
  wipe(wide.data(), wide.size());
}

}  // namespace ntlm::crypto
