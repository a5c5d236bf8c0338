// SPDX-License-Identifier: MIT
// Protection of messages after the handshake: [MS-NLMP] 3.4. One object per established context;
// each direction has its keys, its RC4 stream (made on the first message) and its sequence number,
// so that one thread may send while another receives (not in the legacy form without ESS,
// where 3.4.4.1's single key serves both).
//
// A signature is 16 bytes: [0-3] version 1, [4-11] checksum, [12-15] sequence number (ESS), or
// [0-3] version 1, [4-7] random pad, [8-11] CRC-32, [12-15] sequence number, the last three under
// RC4 (without ESS).
//
// Errors: kNotProtected (SIGN or SEAL was not agreed), kDefectiveMessage (a signature of another
// size), kOutOfSequence (a plain sequence number that is not the expected one), kBadSignature,
// kSequenceExhausted. After a failed verification nothing has changed: the next right message still
// passes (R44).
#pragma once

#include <memory>
#include <optional>

#include "crypto/ntlm.h"
#include "wire/flags.h"

namespace ntlm::protocol {

enum class Role : std::uint8_t { kInitiator, kAcceptor };

// A piece of a message. Every piece is under the checksum in order; those with `seal` are also
// enciphered. in and out may be the same memory; out is null for pieces that are only signed.
struct Piece {
  const std::uint8_t* in;
  std::uint8_t* out;
  std::size_t size;
  bool seal;
};

class Session {
 public:
  static constexpr std::size_t kSignatureSize = 16;
  using Signature = std::span<std::uint8_t, kSignatureSize>;

  Session(Role role, wire::NegotiateFlags agreed, crypto::ExportedSessionKey key);
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  bool can_sign() const;  // SIGN (or SEAL) agreed and a key is there
  bool can_seal() const;
  wire::NegotiateFlags flags() const { return flags_; }
  const crypto::ExportedSessionKey& exported_key() const { return key_; }
  int key_bits()
      const;  // effective strength of the seal key: 128, 56 or 40; 0 when nothing is protected

  Result<void> sign(std::span<const ByteView> message, Signature signature);
  Result<void> verify(std::span<const ByteView> message, ByteView signature);
  Result<void> seal(std::span<const Piece> pieces, Signature signature);
  // Plaintext appears in out only when the signature is right; out is wiped otherwise. was_sealed
  // tells how it came: a peer may also send signed plaintext (SECQOP_WRAP_NO_ENCRYPT), which has
  // its own checksum and is found second.
  Result<void> unseal(std::span<const Piece> pieces, ByteView signature, bool* was_sealed);

  // SPNEGO resets RC4, not the sequence number, after the mechListMIC ([MS-SPNG] 3.3.5.1).
  void reset_rc4(bool receiving);
  // Connectionless contexts only: the application's sequence number ([MS-NLMP] 3.4).
  Result<void> set_sequence(std::uint32_t value);

  // Everything there is, for export (P17), bounds-checked on the way back (kDefectiveExport).
  void save(Writer& writer) const;
  static Result<Session> restore(Reader& reader);

 private:
  struct Half;
  Session() = default;
  Half& sending();
  Half& receiving();

  Role role_ = Role::kAcceptor;
  wire::NegotiateFlags flags_ = 0;
  crypto::ExportedSessionKey key_;
  std::unique_ptr<Half> sending_, receiving_;  // made on the first message
};

}  // namespace ntlm::protocol
