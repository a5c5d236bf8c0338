// SPDX-License-Identifier: MIT
// The back end over EVP, for a libcrypto without the low-level calls: everything is fetched once
// from our own library context with the default and the legacy provider. What can still fail
// afterwards is memory.
#include <openssl/evp.h>
#include <openssl/provider.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "crypto/backend.h"

namespace ntlm::crypto {

namespace {

// Kept for the life of the process.
struct Algorithms {
  EVP_MD* md4 = nullptr;
  EVP_MD* md5 = nullptr;
  EVP_MD* sha256 = nullptr;
  EVP_CIPHER* rc4 = nullptr;
  EVP_CIPHER* des = nullptr;

  bool complete() const {
    return md4 != nullptr && md5 != nullptr && sha256 != nullptr && rc4 != nullptr &&
           des != nullptr;
  }
};

const Algorithms& algorithms() {
  static const Algorithms loaded = [] {
    const ErrorQueueMark mark;
    Algorithms out;
    OSSL_LIB_CTX* const context = private_library_context();
    if (context == nullptr || OSSL_PROVIDER_load(context, "default") == nullptr ||
        OSSL_PROVIDER_load(context, "legacy") == nullptr) {
      return out;
    }
    out.md4 = EVP_MD_fetch(context, "MD4", nullptr);
    out.md5 = EVP_MD_fetch(context, "MD5", nullptr);
    out.sha256 = EVP_MD_fetch(context, "SHA2-256", nullptr);
    out.rc4 = EVP_CIPHER_fetch(context, "RC4", nullptr);
    out.des = EVP_CIPHER_fetch(context, "DES-ECB", nullptr);
    return out;
  }();
  return loaded;
}

void must(bool done) {
  if (!done) {
    throw std::bad_alloc();
  }
}

struct Deleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, Deleter>;

DigestContext new_digest(const EVP_MD* algorithm) {
  DigestContext context(EVP_MD_CTX_new());
  must(context != nullptr && EVP_DigestInit_ex2(context.get(), algorithm, nullptr) == 1);
  return context;
}

void take_in(EVP_MD_CTX* context, ByteView data) {
  must(EVP_DigestUpdate(context, data.data(), data.size()) == 1);
}

// out has room for the algorithm's digest.
void finish(EVP_MD_CTX* context, std::span<std::uint8_t> out) {
  must(EVP_DigestFinal_ex(context, out.data(), nullptr) == 1);
}

void digest(const EVP_MD* algorithm, ByteView prefix, std::initializer_list<ByteView> parts,
            std::span<std::uint8_t> out) {
  const ErrorQueueMark mark;
  const DigestContext context = new_digest(algorithm);
  take_in(context.get(), prefix);
  for (const ByteView part : parts) {
    take_in(context.get(), part);
  }
  finish(context.get(), out);
}

}  // namespace

Result<void> available() {
  if (!algorithms().complete()) {
    return fail(Errc::kCrypto, "OpenSSL's default and legacy providers");
  }
  if (kernel_in_fips_mode()) {
    return fail(Errc::kFips, "fips_enabled");
  }
  return {};
}

void md4(ByteView data, Digest16Span out) { digest(algorithms().md4, data, {}, out); }

void md5(std::initializer_list<ByteView> parts, Digest16Span out) {
  digest(algorithms().md5, {}, parts, out);
}

std::array<std::uint8_t, 32> sha256(ByteView prefix, std::initializer_list<ByteView> parts) {
  std::array<std::uint8_t, 32> out;
  digest(algorithms().sha256, prefix, parts, out);
  return out;
}

// ---- HMAC-MD5 -------------------------------------------------------------------------

// Digests that have taken in the key's inner and outer pad; each MAC works on copies, so that
// threads may share a key.
struct HmacMd5Key::State {
  DigestContext inner, outer;
};

HmacMd5Key::State& HmacMd5Key::state() {
  return *std::launder(reinterpret_cast<State*>(storage_.data()));
}
const HmacMd5Key::State& HmacMd5Key::state() const {
  return *std::launder(reinterpret_cast<const State*>(storage_.data()));
}

HmacMd5Key::HmacMd5Key(ByteView key) {
  static_assert(sizeof(State) <= kStorageSize);
  constexpr std::size_t kBlock = 64;
  const ErrorQueueMark mark;
  std::array<std::uint8_t, kBlock> block{};
  if (key.size() > kBlock) {
    md5({key}, std::span(block).first<16>());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  const auto padded = [&](std::uint8_t pad) {
    for (std::uint8_t& byte : block) {
      byte ^= pad;
    }
    DigestContext context = new_digest(algorithms().md5);
    take_in(context.get(), block);
    return context;
  };
  DigestContext inner = padded(0x36);
  DigestContext outer = padded(0x36 ^ 0x5C);
  wipe(block.data(), block.size());
  new (storage_.data()) State{std::move(inner), std::move(outer)};
}

HmacMd5Key::~HmacMd5Key() { state().~State(); }

HmacMd5Key::HmacMd5Key(HmacMd5Key&& other) noexcept {
  new (storage_.data()) State(std::move(other.state()));
}

HmacMd5Key& HmacMd5Key::operator=(HmacMd5Key&& other) noexcept {
  state() = std::move(other.state());
  return *this;
}

struct HmacMd5::State {
  DigestContext working;
};

HmacMd5::State& HmacMd5::state() {
  return *std::launder(reinterpret_cast<State*>(storage_.data()));
}

HmacMd5::HmacMd5(const HmacMd5Key& key) : key_(key) {
  static_assert(sizeof(State) <= kStorageSize);
  const ErrorQueueMark mark;
  DigestContext working(EVP_MD_CTX_new());
  must(working != nullptr && EVP_MD_CTX_copy_ex(working.get(), key_.state().inner.get()) == 1);
  new (storage_.data()) State{std::move(working)};
}

HmacMd5::~HmacMd5() { state().~State(); }

void HmacMd5::update(ByteView data) {
  const ErrorQueueMark mark;
  take_in(state().working.get(), data);
}

void HmacMd5::finish(Digest16Span out) {
  const ErrorQueueMark mark;
  EVP_MD_CTX* const working = state().working.get();
  Digest16 inner;
  crypto::finish(working, inner);
  must(EVP_MD_CTX_copy_ex(working, key_.state().outer.get()) == 1);
  take_in(working, inner);
  crypto::finish(working, out);
}

// ---- RC4 ------------------------------------------------------------------------------

struct Rc4::State {
  CipherContext stream, mark;
  std::uint64_t position = 0;  // bytes since the key
  std::uint64_t mark_position = 0;
  std::uint8_t key_size = 0;
  std::array<std::uint8_t, 16> key{};
};

Rc4::State& Rc4::state() { return *std::launder(reinterpret_cast<State*>(storage_.data())); }
const Rc4::State& Rc4::state() const {
  return *std::launder(reinterpret_cast<const State*>(storage_.data()));
}

Rc4::Rc4() {
  static_assert(sizeof(State) <= kStorageSize);
  new (storage_.data()) State;
}

Rc4::Rc4(ByteView key) : Rc4() {
  const ErrorQueueMark mark;
  State& here = state();
  here.key_size = static_cast<std::uint8_t>(key.size());
  std::copy(key.begin(), key.end(), here.key.begin());
  here.stream.reset(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX* const stream = here.stream.get();
  must(stream != nullptr &&
       EVP_EncryptInit_ex2(stream, algorithms().rc4, nullptr, nullptr, nullptr) == 1 &&
       EVP_CIPHER_CTX_set_key_length(stream, static_cast<int>(key.size())) == 1 &&
       EVP_EncryptInit_ex2(stream, nullptr, key.data(), nullptr, nullptr) == 1);
}

Rc4::~Rc4() {
  wipe(state().key.data(), state().key.size());
  state().~State();
}

Rc4::Rc4(Rc4&& other) noexcept : Rc4() { *this = std::move(other); }

Rc4& Rc4::operator=(Rc4&& other) noexcept {
  if (this != &other) {
    state() = std::move(other.state());
    wipe(other.state().key.data(), other.state().key.size());
  }
  return *this;
}

void Rc4::apply(ByteView in, std::span<std::uint8_t> out) {
  constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;  // EVP's lengths are int
  const ErrorQueueMark mark;
  state().position += in.size();
  while (!in.empty()) {
    const std::size_t size = std::min(in.size(), kMostAtOnce);
    int done = 0;
    must(EVP_EncryptUpdate(state().stream.get(), out.data(), &done, in.data(),
                           static_cast<int>(size)) == 1);
    in = in.subspan(size);
    out = out.subspan(size);
  }
}

void Rc4::checkpoint() {
  const ErrorQueueMark mark;
  State& here = state();
  if (here.mark == nullptr) {
    here.mark.reset(EVP_CIPHER_CTX_new());
  }
  must(here.mark != nullptr && EVP_CIPHER_CTX_copy(here.mark.get(), here.stream.get()) == 1);
  here.mark_position = here.position;
}

void Rc4::rollback() {
  const ErrorQueueMark mark;
  State& here = state();
  must(EVP_CIPHER_CTX_copy(here.stream.get(), here.mark.get()) == 1);
  here.position = here.mark_position;
}

// [0] key size  [1-16] key  [17-24] position  [25-257] zero
namespace {
constexpr std::size_t kKeyAt = 1;
constexpr std::size_t kPositionAt = 17;
constexpr std::size_t kEndAt = 25;
constexpr std::uint64_t kMaxPosition = std::uint64_t{1} << 30;  // about a second to step over
}  // namespace

Result<void> Rc4::save(std::span<std::uint8_t, kExportSize> out) const {
  if (state().position > kMaxPosition) {
    return fail(Errc::kNotExportable, "RC4 state");
  }
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  out[0] = state().key_size;
  std::copy(state().key.begin(), state().key.end(), out.begin() + kKeyAt);
  for (std::size_t i = kPositionAt; i < kEndAt; ++i) {
    out[i] = static_cast<std::uint8_t>(state().position >> (8 * (i - kPositionAt)));
  }
  return {};
}

Result<Rc4> Rc4::restore(std::span<const std::uint8_t, kExportSize> in) {
  const ByteView key = in.subspan<kKeyAt, 16>();
  std::uint64_t position = 0;
  for (std::size_t i = kEndAt; i > kPositionAt; --i) {
    position = position << 8 | in[i - 1];
  }
  const auto is_zero = [](std::uint8_t byte) { return byte == 0; };
  if (in[0] < 5 || in[0] > key.size() || position > kMaxPosition ||
      !std::all_of(key.begin() + in[0], key.end(), is_zero) ||
      !std::all_of(in.begin() + kEndAt, in.end(), is_zero)) {
    return fail(Errc::kDefectiveExport, "RC4 state");
  }
  Rc4 out(key.first(in[0]));
  std::array<std::uint8_t, 4096> skipped;
  while (out.state().position < position) {
    const std::size_t size =
        std::min<std::uint64_t>(skipped.size(), position - out.state().position);
    out.apply(ByteView(skipped).first(size), std::span(skipped).first(size));
  }
  wipe(skipped.data(), skipped.size());
  return out;
}

// ---- DES ------------------------------------------------------------------------------

void des(std::span<const std::uint8_t, 7> key, std::span<const std::uint8_t, 8> block,
         std::span<std::uint8_t, 8> out) {
  const ErrorQueueMark mark;
  const CipherContext context(EVP_CIPHER_CTX_new());
  std::array<std::uint8_t, 8> wide = des_key(key);
  int done = 0;
  must(context != nullptr &&
       EVP_EncryptInit_ex2(context.get(), algorithms().des, wide.data(), nullptr, nullptr) == 1 &&
       EVP_CIPHER_CTX_set_padding(context.get(), 0) == 1 &&
       EVP_EncryptUpdate(context.get(), out.data(), &done, block.data(), 8) == 1 && done == 8);
  wipe(wide.data(), wide.size());
}

}  // namespace ntlm::crypto
