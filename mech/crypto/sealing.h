// SPDX-License-Identifier: MIT
// Sealing runs RC4 and HMAC-MD5 over the same bytes ([MS-NLMP] 3.4.3): both in one pass here.
#pragma once

#include "crypto/primitives.h"

namespace ntlm::crypto {

// Enciphers in to out and takes in into the MAC. out may be in; sizes are equal.
void seal_update(Rc4& rc4, HmacMd5& mac, ByteView in, std::span<std::uint8_t> out);
// Deciphers in to out and takes out into the MAC. out may be in; sizes are equal.
void unseal_update(Rc4& rc4, HmacMd5& mac, ByteView in, std::span<std::uint8_t> out);

}  // namespace ntlm::crypto
