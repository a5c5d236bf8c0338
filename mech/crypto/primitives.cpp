// SPDX-License-Identifier: MIT
// What both back ends share: nothing here asks libcrypto for MD4, MD5, RC4 or DES.
#include "crypto/primitives.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>

#include "base/fork.h"
#include "crypto/backend.h"

namespace ntlm::crypto {

ErrorQueueMark::ErrorQueueMark() { ERR_set_mark(); }
ErrorQueueMark::~ErrorQueueMark() { ERR_pop_to_mark(); }

OSSL_LIB_CTX* private_library_context() {
  struct Free {
    void operator()(OSSL_LIB_CTX* made) const { OSSL_LIB_CTX_free(made); }
  };
  static constinit std::atomic<OSSL_LIB_CTX*> context{nullptr};  // for the life of the process
  return first_made(context,
                    [] { return std::unique_ptr<OSSL_LIB_CTX, Free>(OSSL_LIB_CTX_new()); });
}

bool kernel_in_fips_mode() {
  // Zero until it is known: a static with a guard would stay pending in a child that is forked
  // while this reads.
  static constinit std::atomic<char> known{0};
  char mode = known.load(std::memory_order_relaxed);
  if (mode == 0) {
    mode = '0';
    const int fd = open("/proc/sys/crypto/fips_enabled", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
      return true;
    }
    if (fd >= 0) {
      (void)!read(fd, &mode, 1);
      close(fd);
    }
    known.store(mode, std::memory_order_relaxed);
  }
  return mode == '1';
}

void HmacMd5Key::mac(std::initializer_list<ByteView> parts, Digest16Span out) const {
  HmacMd5 stream(*this);
  for (const ByteView part : parts) {
    stream.update(part);
  }
  stream.finish(out);
}

void hmac_md5(ByteView key, std::initializer_list<ByteView> parts, Digest16Span out) {
  HmacMd5Key(key).mac(parts, out);
}

std::array<std::uint8_t, 8> des_key(std::span<const std::uint8_t, 7> key) {
  std::array<std::uint8_t, 8> out;
  unsigned window = 0;
  for (unsigned i = 0; i < 7; ++i) {
    window = window << 8 | key[i];
    out[i] = static_cast<std::uint8_t>(window >> i & 0xFE);
  }
  out[7] = static_cast<std::uint8_t>(window << 1);
  return out;
}

std::array<std::uint8_t, 32> hmac_sha256(ByteView key, std::initializer_list<ByteView> parts) {
  constexpr std::size_t kBlock = 64;
  std::array<std::uint8_t, kBlock> inner_key{};
  if (key.size() > kBlock) {
    const auto hashed = sha256({}, {key});
    std::copy(hashed.begin(), hashed.end(), inner_key.begin());
  } else {
    std::copy(key.begin(), key.end(), inner_key.begin());
  }
  std::array<std::uint8_t, kBlock> outer_key = inner_key;
  for (std::size_t i = 0; i < kBlock; ++i) {
    inner_key[i] ^= 0x36;
    outer_key[i] ^= 0x5C;
  }
  const auto inner = sha256(inner_key, parts);
  const auto mac = sha256(outer_key, {inner});
  wipe(inner_key.data(), kBlock);
  wipe(outer_key.data(), kBlock);
  return mac;
}

// ---- CRC-32 (ISO-HDLC, reflected polynomial 0xEDB88320), as [MS-NLMP] 3.4.4.1 has it --

namespace {
constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320U : 0U);
    }
    table[i] = value;
  }
  return table;
}();
}  // namespace

std::uint32_t crc32(ByteView data, std::uint32_t before) {
  std::uint32_t value = ~before;
  for (const std::uint8_t byte : data) {
    value = (value >> 8) ^ kCrcTable[(value ^ byte) & 0xFF];
  }
  return ~value;
}

// ---- Random bytes ---------------------------------------------------------------------

namespace {

// Trivially destructible, so that a thread may end after the module's own end. getrandom(2) never
// returns less than asked for up to 256 bytes.
struct Pool {
  std::array<std::uint8_t, 256> bytes;
  std::size_t left;
  std::uint64_t owner;  // the process number that it was filled under; 0: never filled
};
constinit thread_local Pool pool{};

}  // namespace

void random_bytes(std::span<std::uint8_t> out) {
  const std::uint64_t number = process_number();
  if (number == 0 || out.size() > pool.bytes.size()) {
    random_from_kernel(out.data(), out.size());
    return;
  }
  if (pool.owner != number || pool.left < out.size()) {
    random_from_kernel(pool.bytes.data(), pool.bytes.size());
    pool.left = pool.bytes.size();
    pool.owner = number;
  }
  std::uint8_t* const used = pool.bytes.data() + pool.bytes.size() - pool.left;
  std::copy_n(used, out.size(), out.begin());
  wipe(used, out.size());
  pool.left -= out.size();
}

// ---- Sealing of exports: AES-256-GCM and HMAC-SHA-256 ---------------------------------

namespace {

constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kMaxExport =
    std::size_t{1} << 20;  // far above what a context needs; lengths below fit an int

struct CipherContextDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherContextDeleter>;

struct CipherDeleter {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
};
using Cipher = std::unique_ptr<EVP_CIPHER, CipherDeleter>;

// AES-256-GCM keyed for one direction, with the associated data in; null when libcrypto will not.
CipherContext start_gcm(std::span<const std::uint8_t, 32> key, ByteView nonce, ByteView associated,
                        bool encrypt) {
  const Cipher cipher(EVP_CIPHER_fetch(private_library_context(), "AES-256-GCM", nullptr));
  CipherContext context(EVP_CIPHER_CTX_new());
  int done = 0;
  if (cipher == nullptr || context == nullptr || associated.size() > kMaxExport ||
      EVP_CipherInit_ex2(context.get(), cipher.get(), key.data(), nonce.data(), encrypt ? 1 : 0,
                         nullptr) != 1 ||
      (!associated.empty() && EVP_CipherUpdate(context.get(), nullptr, &done, associated.data(),
                                               static_cast<int>(associated.size())) != 1)) {
    return nullptr;
  }
  return context;
}

}  // namespace

Result<Bytes> seal_export(std::span<const std::uint8_t, 32> key, ByteView associated,
                          ByteView plain) {
  const ErrorQueueMark mark;
  if (plain.size() > kMaxExport) {
    return fail(Errc::kBadArgument, "seal_export");
  }
  Bytes out(kNonceSize + plain.size() + kTagSize);
  random_bytes({out.data(), kNonceSize});
  const CipherContext context = start_gcm(key, {out.data(), kNonceSize}, associated, true);
  std::uint8_t* const body = out.data() + kNonceSize;
  int done = 0;
  int last = 0;
  if (context == nullptr ||
      EVP_CipherUpdate(context.get(), body, &done, plain.data(), static_cast<int>(plain.size())) !=
          1 ||
      EVP_CipherFinal_ex(context.get(), body + done, &last) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, body + plain.size()) !=
          1) {
    return fail(Errc::kCrypto, "AES-256-GCM");
  }
  return out;
}

Result<SecretBytes> open_export(std::span<const std::uint8_t, 32> key, ByteView associated,
                                ByteView sealed) {
  const ErrorQueueMark mark;
  if (sealed.size() < kNonceSize + kTagSize || sealed.size() > kMaxExport) {
    return fail(Errc::kDefectiveExport, "sealed export");
  }
  const ByteView body = sealed.subspan(kNonceSize, sealed.size() - kNonceSize - kTagSize);
  std::array<std::uint8_t, kTagSize> tag{};
  std::copy_n(sealed.end() - kTagSize, kTagSize, tag.begin());
  const CipherContext context = start_gcm(key, sealed.first(kNonceSize), associated, false);
  SecretBytes out(body.size());
  int done = 0;
  int last = 0;
  if (context == nullptr ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) != 1 ||
      EVP_CipherUpdate(context.get(), out.data(), &done, body.data(),
                       static_cast<int>(body.size())) != 1) {
    return fail(Errc::kCrypto, "AES-256-GCM");
  }
  if (EVP_CipherFinal_ex(context.get(), out.data() + done, &last) != 1) {
    return fail(Errc::kDefectiveExport, "sealed export");
  }
  return out;
}

}  // namespace ntlm::crypto
