// SPDX-License-Identifier: MIT
#include "base/secret.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/mman.h>

namespace ntlm {

void wipe(void* memory, std::size_t size) noexcept {
  if (size != 0) {  // an empty buffer may be null, which explicit_bzero does not take
    explicit_bzero(memory, size);
  }
}

void* allocate_secret_pages(std::size_t size) {
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::bad_alloc();
  }
  // Neither is worth refusing logons for: the limit of locked memory is often small.
  const int error = errno;
  (void)::madvise(memory, size, MADV_DONTDUMP);
  (void)::mlock(memory, size);
  errno = error;
  return memory;
}

void free_secret_pages(void* memory, std::size_t size) noexcept {
  wipe(memory, size);
  ::munmap(memory, size);
}

bool equal_ct(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace ntlm
