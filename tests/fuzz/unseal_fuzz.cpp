// SPDX-License-Identifier: MIT
// Messages from a hostile peer of an established context: nothing but what its other half made is
// ever unsealed, and after any number of refusals the next right message passes. input: u8 options
// (1 ESS off, 2 SEAL off, 4 56 bits, 8 no key exchange), u16 edit position, u8 edit, then the
// message
#include <numeric>

#include "fuzz/check.h"
#include "protocol/session.h"

using namespace ntlm;

namespace {

crypto::ExportedSessionKey key() {
  std::array<std::uint8_t, 16> bytes{};
  std::iota(bytes.begin(), bytes.end(), std::uint8_t{1});
  return crypto::ExportedSessionKey(std::span<const std::uint8_t, 16>(bytes));
}

struct Sealed {
  Bytes body;
  std::array<std::uint8_t, 16> signature{};
};

Result<Sealed> seal(protocol::Session& session, ByteView plain) {
  Sealed out;
  out.body.assign(plain.begin(), plain.end());
  const std::array<protocol::Piece, 1> pieces{
      protocol::Piece{plain.data(), out.body.data(), plain.size(), true}};
  TRY_VOID(session.seal(pieces, out.signature));
  return out;
}

bool unseal(protocol::Session& session, const Sealed& sealed, Bytes& plain) {
  plain = sealed.body;
  bool was_sealed = false;
  const std::array<protocol::Piece, 1> pieces{
      protocol::Piece{sealed.body.data(), plain.data(), sealed.body.size(), true}};
  return session.unseal(pieces, sealed.signature, &was_sealed).has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) {
    return 0;
  }
  wire::NegotiateFlags flags =
      wire::kSign | wire::kSeal | wire::kEss | wire::k128 | wire::kKeyExchange | wire::kNtlm;
  const std::uint8_t options = data[0];
  flags &= ~(((options & 1) != 0 ? wire::kEss : 0) | ((options & 4) != 0 ? wire::k128 : 0) |
             ((options & 8) != 0 ? wire::kKeyExchange : 0));
  flags |= (options & 4) != 0 ? wire::k56 : 0;
  protocol::Session sender(protocol::Role::kInitiator, flags, key());
  protocol::Session receiver(protocol::Role::kAcceptor, flags, key());
  const ByteView message(data + 4, size - 4);
  const auto sealed = seal(sender, message);
  FUZZ_CHECK(sealed);

  // As the fuzzer wrote it: a signature and a body of its own.
  if (message.size() >= 16) {
    Sealed forged;
    std::copy_n(message.begin(), 16, forged.signature.begin());
    forged.body.assign(message.begin() + 16, message.end());
    Bytes plain;
    FUZZ_CHECK(!unseal(receiver, forged, plain));
    // Wiped, or never touched; not something that RC4 made of it.
    FUZZ_CHECK(plain == Bytes(plain.size()) || plain == forged.body);
  }
  // The right one with one byte changed.
  Sealed changed = *sealed;
  const std::size_t at = (data[1] | data[2] << 8) % (changed.body.size() + 16);
  const std::uint8_t edit = data[3] != 0 ? data[3] : 1;
  (at < 16 ? changed.signature[at] : changed.body[at - 16]) ^= edit;
  Bytes plain;
  const bool random_pad = (flags & wire::kEss) == 0 && at >= 4 &&
                          at < 8;  // [MS-NLMP] 2.2.2.9.1: not under the checksum
  if (unseal(receiver, changed, plain)) {
    // Without KEY_EXCH the checksum is not enciphered: a change that makes of the ciphertext what
    // the sender said is that message, signed and not sealed.
    const bool same = std::equal(plain.begin(), plain.end(), message.begin(), message.end());
    FUZZ_CHECK(same && (random_pad || (flags & wire::kKeyExchange) == 0));
    return 0;
  }
  FUZZ_CHECK(unseal(receiver, *sealed, plain));
  FUZZ_CHECK(std::equal(plain.begin(), plain.end(), message.begin(), message.end()));
  return 0;
}
