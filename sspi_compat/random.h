// SPDX-License-Identifier: MIT
#pragma once

#include <sys/random.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>

namespace sspi {

// From the kernel, which does not fail once the system is up; a process without it cannot go on.
inline void fill_random(void* bytes, std::size_t size) {
  auto* at = static_cast<unsigned char*>(bytes);
  while (size > 0) {
    const ssize_t got = getrandom(at, size, 0);
    if (got > 0) {
      at += got;
      size -= static_cast<std::size_t>(got);
    } else if (errno != EINTR) {
      std::abort();
    }
  }
}

}  // namespace sspi
