// SPDX-License-Identifier: MIT
// What the sources of primitives.h share among themselves; nobody else includes it.
#pragma once

#include <openssl/types.h>

#include "crypto/primitives.h"

namespace ntlm::crypto {

// Leaves the application's error queue as it was found.
class ErrorQueueMark {
 public:
  ErrorQueueMark();
  ~ErrorQueueMark();
  ErrorQueueMark(const ErrorQueueMark&) = delete;
  ErrorQueueMark& operator=(const ErrorQueueMark&) = delete;
};

// Our own library context: the application's default one, its providers and its configuration stay
// untouched. Null when there is no memory. Made on the first call.
OSSL_LIB_CTX* private_library_context();

// SHA-256 over prefix and parts; from the back end.
std::array<std::uint8_t, 32> sha256(ByteView prefix, std::initializer_list<ByteView> parts);

// 56 bits of key as DES takes them: seven in each byte, the parity bits zero and without meaning
// ([MS-NLMP] 6).
std::array<std::uint8_t, 8> des_key(std::span<const std::uint8_t, 7> key);

}  // namespace ntlm::crypto
