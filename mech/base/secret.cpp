// SPDX-License-Identifier: MIT
#include "base/secret.h"

#include <openssl/crypto.h>
#include <string.h>

namespace ntlm {

void wipe(void* memory, std::size_t size) noexcept {
  if (size != 0) {  // an empty buffer may be null, which explicit_bzero does not take
    explicit_bzero(memory, size);
  }
}

bool equal_ct(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace ntlm
