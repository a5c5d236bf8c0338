// SPDX-License-Identifier: MIT
#include <algorithm>

#include "crypto/sealing.h"

namespace ntlm::crypto {

namespace {
constexpr std::size_t kChunk = 4096;  // what the second pass finds in the first-level cache
}

void seal_update(Rc4& rc4, HmacMd5& mac, ByteView in, std::span<std::uint8_t> out) {
  while (!in.empty()) {
    const std::size_t size = std::min(kChunk, in.size());
    mac.update(in.first(size));
    rc4.apply(in.first(size), out.first(size));
    in = in.subspan(size);
    out = out.subspan(size);
  }
}

void unseal_update(Rc4& rc4, HmacMd5& mac, ByteView in, std::span<std::uint8_t> out) {
  while (!in.empty()) {
    const std::size_t size = std::min(kChunk, in.size());
    rc4.apply(in.first(size), out.first(size));
    mac.update(out.first(size));
    in = in.subspan(size);
    out = out.subspan(size);
  }
}

}  // namespace ntlm::crypto
