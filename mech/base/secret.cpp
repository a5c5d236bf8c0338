// SPDX-License-Identifier: MIT
#include "base/secret.h"

#include <openssl/crypto.h>
#include <string.h>

namespace ntlm {

void wipe(void* memory, std::size_t size) noexcept { explicit_bzero(memory, size); }

bool equal_ct(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace ntlm
