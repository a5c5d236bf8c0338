// SPDX-License-Identifier: MIT
// The envelope of what gss_export_sec_context and gss_export_cred hand out (security.md P17): kind,
// version, host and expiry, then the content, authenticated as a whole. With `transfer_key` in the
// configuration (a file of 32 bytes, or of 64 hexadecimal digits) the content is sealed with
// AES-256-GCM under that key, only sealed tokens are taken, and they may come from another host.
// Without it an HMAC under a fixed key finds corruption: such a token is as good as the memory that
// it came from, must only travel where that memory could, and is taken on the same host alone.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"

namespace ntlm::abi {

enum class TransferKind : std::uint8_t { kContext = 1, kCredential = 2 };

// Seconds that a token is valid for whose content has no end.
constexpr std::uint32_t kLongestJourney = 36 * 3600;

// valid_seconds: how long the token may be on its way. kStore when the key file cannot be used.
Result<SecretBytes> seal_transfer(TransferKind kind, ByteView content, std::uint32_t valid_seconds);
// kDefectiveExport: not ours, altered, of another kind or version, expired, or not sealed though a
// key is configured.
Result<SecretBytes> open_transfer(TransferKind kind, ByteView token);

}  // namespace ntlm::abi
