// SPDX-License-Identifier: MIT
// The algorithms that [MS-NLMP] 6 names, over OpenSSL; the only room that includes its headers
// (with base/secret.cpp). Two back ends, chosen when building (NTLM_CRYPTO_BACKEND): libcrypto's
// low-level calls, or EVP from a private library context with the legacy provider. Neither touches
// the application's default context or error queue.
//
// Start-up: nothing runs before the first call. available() loads what the back end needs, once; a
// mechanism that gets an error from it must not go on. The pure functions below assume that
// available() succeeded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"
#include "base/secret.h"

namespace ntlm::crypto {

using Digest16 = std::array<std::uint8_t, 16>;

// kCrypto when MD4, MD5, RC4 or DES cannot be had; kFips when the kernel is in FIPS mode (the
// caller decides whether policy allows to go on). Thread-safe; the answer does not change in a
// process.
Result<void> available();
// True when /proc/sys/crypto/fips_enabled says 1, which is read once, and as long as there is no
// descriptor to read it with.
bool kernel_in_fips_mode();

// Digests of secrets are secrets: written where they belong, and wiped wherever they were made. The
// forms that return one leave a copy on the stack; they are for what anyone may know.
using Digest16Span = std::span<std::uint8_t, 16>;

void md4(ByteView data, Digest16Span out);
void md5(std::initializer_list<ByteView> parts, Digest16Span out);
inline Digest16 md5(std::initializer_list<ByteView> parts) {
  Digest16 out;
  md5(parts, out);
  return out;
}

// A secret key's inner and outer MD5 states, made once and used for many messages: HMAC-MD5 at the
// price of the data.
class HmacMd5Key {
 public:
  explicit HmacMd5Key(ByteView key);  // any length; over 64 bytes the key is hashed first
  ~HmacMd5Key();
  HmacMd5Key(const HmacMd5Key&) = delete;
  HmacMd5Key& operator=(const HmacMd5Key&) = delete;
  HmacMd5Key(HmacMd5Key&&) noexcept;
  HmacMd5Key& operator=(HmacMd5Key&&) noexcept;

  void mac(std::initializer_list<ByteView> parts, Digest16Span out) const;

  struct State;  // of the back end, in storage_
  State& state();
  const State& state() const;

 private:
  // The chaining values after the key's inner and outer pad, four words each ([RFC 2104]); the EVP
  // back end, which cannot see them, keeps its contexts here.
  static constexpr std::size_t kStorageSize = 32;
  alignas(16) std::array<std::uint8_t, kStorageSize> storage_;
};

// One MAC in the making, for data that comes in pieces. The key outlives it; threads may share one.
class HmacMd5 {
 public:
  explicit HmacMd5(const HmacMd5Key& key);
  ~HmacMd5();
  HmacMd5(const HmacMd5&) = delete;
  HmacMd5& operator=(const HmacMd5&) = delete;

  void update(ByteView data);
  void finish(Digest16Span out);  // once, and last
  Digest16 finish() {
    Digest16 out;
    finish(out);
    return out;
  }

  struct State;  // of the back end, in storage_
  State& state();

 private:
  const HmacMd5Key& key_;
  static constexpr std::size_t kStorageSize = 96;
  alignas(16) std::array<std::uint8_t, kStorageSize> storage_;
};

void hmac_md5(ByteView key, std::initializer_list<ByteView> parts, Digest16Span out);
inline Digest16 hmac_md5(ByteView key, std::initializer_list<ByteView> parts) {
  Digest16 out;
  hmac_md5(key, parts, out);
  return out;
}

// An RC4 stream. It cannot be copied, since two users of one state are a two-time pad; to try a
// message that may prove wrong, checkpoint() before it and rollback() after it.
class Rc4 {
 public:
  explicit Rc4(ByteView key);  // 5 to 16 bytes
  ~Rc4();
  Rc4(const Rc4&) = delete;
  Rc4& operator=(const Rc4&) = delete;
  Rc4(Rc4&&) noexcept;
  Rc4& operator=(Rc4&&) noexcept;

  // out may be in; sizes are equal.
  void apply(ByteView in, std::span<std::uint8_t> out);

  // rollback() takes the stream back to where checkpoint() was called last, as often as wanted.
  // checkpoint() is cheap; rollback() costs what apply() did since (low-level: RC4 is run
  // backwards) or a copy (EVP).
  void checkpoint();
  void rollback();

  // The exported form, exactly kExportSize bytes: 256 of the S-box, then i and j (low-level back
  // end), or the key and the position in the stream (EVP back end). save() answers kNotExportable
  // for a position that restore() would take too long to come to (EVP, 1 GiB), and leaves the form
  // alone. restore() checks it: kDefectiveExport for a form that no save() gives.
  static constexpr std::size_t kExportSize = 258;
  Result<void> save(std::span<std::uint8_t, kExportSize> out) const;
  static Result<Rc4> restore(std::span<const std::uint8_t, kExportSize> in);

  struct State;  // of the back end, in storage_
  State& state();
  const State& state() const;

 private:
  Rc4();
  // Kept in place: no allocation per context. Large enough for OpenSSL's RC4_KEY (the size is
  // asserted).
  static constexpr std::size_t kStorageSize = 1040;
  alignas(16) std::array<std::uint8_t, kStorageSize> storage_;
};

// DES-ECB of one block under a 56-bit key of 7 bytes ([MS-NLMP] 6, DES()).
void des(std::span<const std::uint8_t, 7> key, std::span<const std::uint8_t, 8> block,
         std::span<std::uint8_t, 8> out);
// before: the CRC of the data in front of this, to go on from.
std::uint32_t crc32(ByteView data, std::uint32_t before = 0);

// Random bytes of getrandom(2). A small per-thread pool keeps it to one system call for many
// handshakes; the pool is dropped after fork() and its used bytes are wiped. Terminates the process
// rather than return weak bytes.
void random_bytes(std::span<std::uint8_t> out);

// AES-256-GCM for exported contexts (security.md P17). Output: 12-byte nonce, ciphertext, 16-byte
// tag.
Result<Bytes> seal_export(std::span<const std::uint8_t, 32> key, ByteView associated,
                          ByteView plain);
// kDefectiveExport when it does not authenticate.
Result<SecretBytes> open_export(std::span<const std::uint8_t, 32> key, ByteView associated,
                                ByteView sealed);
// HMAC-SHA-256, for the decoy hash of unknown accounts (P11) and the checksum of unsealed exports.
std::array<std::uint8_t, 32> hmac_sha256(ByteView key, std::initializer_list<ByteView> parts);

}  // namespace ntlm::crypto
