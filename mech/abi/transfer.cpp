// SPDX-License-Identifier: MIT
#include "abi/transfer.h"

#include "abi/setup.h"
#include "base/text.h"
#include "base/trusted_file.h"
#include "crypto/primitives.h"
#include "protocol/host.h"
#include "store/faults.h"

namespace ntlm::abi {
namespace {

// [0-6] "NTLMEXP" [7] version [8] kind [9] form, then
//   kPlain:  body, [32] HMAC-SHA-256 of all before
//   kSealed: body under AES-256-GCM, with [0-9] as associated data
// body: u64 end of validity (100 ns since 1601), u16 length and name of the host, the content.
constexpr std::array<std::uint8_t, 8> kMagic = {'N', 'T', 'L', 'M', 'E', 'X', 'P', 1};
constexpr std::size_t kHeadSize = kMagic.size() + 2;
constexpr std::size_t kMacSize = 32;
constexpr std::size_t kMaxToken = 1u << 20;
enum class Form : std::uint8_t { kPlain = 0, kSealed = 1 };

// Not a secret: it finds corruption, not forgery.
constexpr std::string_view kChecksumKey = "gss-ntlm export checksum";

using TransferKey = Secret<32, struct TransferKeyTag>;

tl::unexpected<Error> refuse_key(const std::string& path, const std::string& why) {
  store::record_store_fault("[ntlm] transfer_key: " + (why.empty() ? path : why));
  return fail(Errc::kStore, "transfer_key");
}

// 32 bytes, or 64 hexadecimal digits and perhaps a newline.
Result<TransferKey> read_key(const std::string& path) {
  const auto file = open_trusted(path, Trust::kSecret);
  if (!file) {
    return refuse_key(path, file.error());
  }
  const auto content = read_trusted(*file, 4096);
  if (!content) {
    return refuse_key(path, content.error());
  }
  std::span<const std::uint8_t> bytes = *content;
  if (bytes.size() == TransferKey::kSize) {
    return TransferKey(bytes.first<TransferKey::kSize>());
  }
  if (!bytes.empty() && bytes.back() == '\n') {
    bytes = bytes.first(bytes.size() - 1);
  }
  TransferKey key;
  if (!read_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                key.expose_mutable())) {
    return refuse_key(path, path + ": neither 32 bytes nor 64 hexadecimal digits");
  }
  return key;
}

std::array<std::uint8_t, kHeadSize> head(TransferKind kind, Form form) {
  std::array<std::uint8_t, kHeadSize> bytes{};
  std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  bytes[kMagic.size()] = static_cast<std::uint8_t>(kind);
  bytes[kMagic.size() + 1] = static_cast<std::uint8_t>(form);
  return bytes;
}

// The body's content, if it is still valid. Without a key the token is bound to this host: its
// receiver takes the sender's word for everything in it.
Result<SecretBytes> open_body(ByteView body, Form form) {
  Reader reader(body);
  const std::uint64_t end = reader.u64();
  const ByteView host = reader.take(reader.u16());
  const ByteView content = reader.take(reader.remaining());
  TRY_VOID(reader.finish("export"));
  if (end < system_clock().filetime()) {
    return fail(Errc::kDefectiveExport, "export.expiry");
  }
  if (form == Form::kPlain && !equal_ct(host, bytes_of(protocol::node_name()))) {
    return fail(Errc::kDefectiveExport, "export.host");
  }
  return SecretBytes(content.begin(), content.end());
}

}  // namespace

Result<SecretBytes> seal_transfer(TransferKind kind, ByteView content,
                                  std::uint32_t valid_seconds) {
  TRY(const auto setup, current_setup());
  const bool plain = setup->transfer_key.empty();
  const auto start = head(kind, plain ? Form::kPlain : Form::kSealed);
  const std::string host = protocol::node_name();
  // With room for what comes behind: the checksum, or AES-GCM's nonce and tag, which are shorter.
  SecretWriter writer(content.size() + 192, kMaxToken - kMacSize);
  writer.bytes(start);
  writer.u64(system_clock().filetime() + valid_seconds * kTicksPerSecond);
  writer.u16(static_cast<std::uint16_t>(host.size()));
  writer.bytes(bytes_of(host));
  writer.bytes(content);
  TRY(SecretBytes token, std::move(writer).finish("export"));
  if (plain) {
    const auto mac = crypto::hmac_sha256(bytes_of(kChecksumKey), {token});
    token.insert(token.end(), mac.begin(), mac.end());
    return token;
  }
  TRY(const TransferKey key, read_key(setup->transfer_key));
  TRY(const Bytes sealed,
      crypto::seal_export(key.expose(), start, ByteView(token).subspan(start.size())));
  token.resize(start.size());
  token.insert(token.end(), sealed.begin(), sealed.end());
  return token;
}

Result<SecretBytes> open_transfer(TransferKind kind, ByteView token) {
  TRY(const auto setup, current_setup());
  const Form form = setup->transfer_key.empty() ? Form::kPlain : Form::kSealed;
  const auto start = head(kind, form);
  if (token.size() < kHeadSize || token.size() > kMaxToken ||
      !std::equal(start.begin(), start.end(), token.begin())) {
    return fail(Errc::kDefectiveExport, "export.head");
  }
  const ByteView rest = token.subspan(kHeadSize);
  if (form == Form::kSealed) {
    TRY(const TransferKey key, read_key(setup->transfer_key));
    TRY(const SecretBytes body, crypto::open_export(key.expose(), start, rest));
    return open_body(body, form);
  }
  if (rest.size() < kMacSize) {
    return fail(Errc::kDefectiveExport, "export");
  }
  const ByteView body = rest.first(rest.size() - kMacSize);
  const auto mac = crypto::hmac_sha256(bytes_of(kChecksumKey), {start, body});
  if (!equal_ct(mac, rest.last(kMacSize))) {
    return fail(Errc::kDefectiveExport, "export.checksum");
  }
  return open_body(body, form);
}

}  // namespace ntlm::abi
