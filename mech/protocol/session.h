// SPDX-License-Identifier: MIT
// Protection of messages after the handshake: [MS-NLMP] 3.4. One object per established context;
// each direction has its keys, its RC4 stream (made on the first message) and its sequence number,
// so that one thread may send while another receives. Connections without ESS are the
// exception: 3.4.4.1's one key, one stream and one sequence number serve both directions, and one
// thread at a time.
//
// A signature is 16 bytes:
//   with ESS:    [0-3] version 1  [4-11] checksum  [12-15] sequence number
//                the checksum is under RC4 if KEY_EXCH was agreed
//   without ESS: [0-3] version 1  [4-7] zero  [8-11] CRC-32  [12-15] sequence number
//                RC4 goes over the last twelve bytes; then [4-7] are zeroed, and receivers ignore
//                them
//
// Errors: kNotProtected (SIGN or SEAL was not agreed), kDefectiveMessage (a signature of another
// size), kOutOfSequence (a plain sequence number that is not the expected one; a datagram's number
// that was used before), kBadSignature, kSequenceExhausted, kDeadContext (of the copies of a
// context that fork() made, another one has sent or was exported: each would use the same
// keystream). After a failed verification nothing has changed: the next right message still passes
// (R44).
#pragma once

#include <memory>
#include <optional>

#include "base/fork.h"
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

  bool can_sign() const;  // SIGN or SEAL agreed, not anonymous
  bool can_seal() const;  // SEAL agreed, not anonymous
  wire::NegotiateFlags flags() const { return flags_; }
  const crypto::ExportedSessionKey& exported_key() const { return key_; }
  // Effective strength of the seal key: 128, 56 or 40; 0 when nothing is protected.
  int key_bits() const;

  Result<void> sign(std::span<const ByteView> message, Signature signature);
  Result<void> verify(std::span<const ByteView> message, ByteView signature);
  Result<void> seal(std::span<const Piece> pieces, Signature signature);
  // Plaintext appears in out only when the signature is right; out is wiped otherwise. was_sealed
  // tells how it came: a peer may also send signed plaintext (SECQOP_WRAP_NO_ENCRYPT), which has
  // its own checksum and is found second. Where signing alone was agreed, a sealed message makes
  // this side seal too.
  Result<void> unseal(std::span<const Piece> pieces, ByteView signature, bool* was_sealed);

  // Lets seal() and unseal() work where neither SIGN, SEAL nor ESS was agreed, with the session key
  // in the form without ESS: Windows' EncryptMessage does that on its oldest contexts, and peers of
  // it expect it (sspi_compat alone asks for this, through an option of its own). can_sign(),
  // can_seal() and key_bits() go on telling what was agreed: nothing. kNotProtected where something
  // was agreed, or for an anonymous context, which has no key.
  Result<void> allow_unagreed_sealing();

  // Active Directory's LDAP takes an agreement on signing for one on sealing: every wrapped message
  // of such a connection is sealed, whatever its sender asked for (docs/decisions/0014). Set for an
  // initiator by the service that it speaks to, and for a context that agreed on signing alone by
  // the first message that comes sealed. can_seal() goes on telling what was agreed.
  void seal_everything();
  bool seals_everything() const;

  // Both directions begin anew, keystream and number, as the context was when it was established
  // (SSPI's RESET_NEW). The caller answers for the keystream's second use.
  void restart();

  // SPNEGO resets RC4, not the sequence number, after the mechListMIC ([MS-SPNG] 3.3.5.1).
  void reset_rc4(bool receiving);
  // Connectionless contexts only (kBadArgument on others): the number of the next message in either
  // direction, as the application has it ([MS-NLMP] 3.4.4). A number is used for one sent message
  // only: each selects a keystream.
  Result<void> set_sequence(std::uint32_t value);

  // Of the copies that fork() made, only the one that claims first, by this call or by its first
  // message, may be used from then on; kDeadContext for the others.
  Result<void> claim();

  // Everything there is, for export (P17), bounds-checked on the way back (kDefectiveExport). What
  // comes back is a new session, so whoever hands it out claims this one. kNotExportable when it
  // could not come back (crypto::Rc4::save).
  Result<void> save(SecretWriter& writer) const;
  static Result<Session> restore(Reader& reader);

 private:
  enum class Way : std::uint8_t { kSending, kReceiving };
  struct Half;
  class Mac;

  bool has(wire::NegotiateFlags flag) const { return (flags_ & flag) != 0; }
  bool may_allow_sealing() const {
    return !has(wire::kSign | wire::kSeal | wire::kEss | wire::kAnonymous);
  }
  bool may_seal() const { return can_seal() || unagreed_sealing_ || seals_everything(); }
  // Connections without ESS have one half for both ways: sending_.
  bool one_half() const { return !has(wire::kEss) && !has(wire::kDatagram); }
  std::unique_ptr<Half>& place(Way way);
  std::unique_ptr<Half> make_half(Way way) const;
  Half& half(Way way);
  // The half, ready for the message that comes next.
  Result<Half*> start(Way way);
  void finish_sending(Half& half, Mac& mac, Signature signature);
  Result<void> check_header(const Half& half, ByteView signature) const;
  bool unseals(Half& half, std::span<const Piece> pieces, ByteView signature) const;
  bool was_only_signed(Half& half, std::span<const Piece> pieces, ByteView signature) const;
  Result<void> restore_half(Half& half, Reader& reader) const;

  Role role_ = Role::kAcceptor;
  wire::NegotiateFlags flags_ = 0;
  crypto::ExportedSessionKey key_;
  bool unagreed_sealing_ = false;
  mutable bool seals_everything_ = false;      // atomic: one thread may set it while another sends
  std::optional<SoleUser> sender_;             // where messages can be sent, or may become so
  std::unique_ptr<Half> sending_, receiving_;  // made on the first message
};

}  // namespace ntlm::protocol
