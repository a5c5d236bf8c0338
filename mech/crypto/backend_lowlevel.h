// SPDX-License-Identifier: MIT
// libcrypto's low-level states as they lie in the classes of primitives.h: for the low-level back
// end and for the kernel in sealing.cpp that works on them. Nobody else includes it.
#pragma once

#include <openssl/md5.h>
#include <openssl/rc4.h>

#include "crypto/backend.h"

namespace ntlm::crypto {

struct HmacMd5::State {
  MD5_CTX context;
};

struct Rc4::State {
  RC4_KEY key;
  std::uint64_t since_checkpoint;  // steps to undo in a rollback
};

// On x86-64 libcrypto's assembler keeps the S-box as words or, on some processors, as bytes; then
// this word says so.
inline bool as_bytes(const RC4_KEY& key) { return key.data[64] > 0xFF; }

}  // namespace ntlm::crypto
