// SPDX-License-Identifier: MIT
#include "protocol/session.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <utility>

#include "crypto/sealing.h"

namespace ntlm::protocol {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kPadAt = 4;       // without ESS: not compared
constexpr std::size_t kChecksumAt = 4;  // with ESS: 8 bytes
constexpr std::size_t kSequenceAt = 12;
constexpr std::uint32_t kLastSequence = std::numeric_limits<std::uint32_t>::max();

using SignatureBytes = std::array<std::uint8_t, Session::kSignatureSize>;

ByteView input(const Piece& piece) { return {piece.in, piece.size}; }
std::span<std::uint8_t> output(const Piece& piece) { return {piece.out, piece.size}; }

}  // namespace

// What one direction has. Only datagrams use `unused`: the lowest number that no sent message has
// had.
struct Session::Half {
  Half(std::optional<crypto::HmacMd5Key> signing_key, crypto::SealKeyBytes sealing_key)
      : signing(std::move(signing_key)), seal_key(std::move(sealing_key)), rc4(seal_key.view()) {}

  std::optional<crypto::HmacMd5Key> signing;  // with ESS
  crypto::SealKeyBytes seal_key;
  crypto::Rc4 rc4;
  std::uint32_t sequence = 0;
  std::uint64_t unused = 0;
};

// The MAC of one message, [MS-NLMP] 3.4.4: HMAC-MD5 with ESS, CRC-32 without.
class Session::Mac {
 public:
  explicit Mac(Half& half) : half_(half) {
    if (half.signing) {
      hmac_.emplace(*half.signing);
      hmac_->update(little_endian(half.sequence));
    }
  }

  void update(ByteView data) {
    if (hmac_) {
      hmac_->update(data);
    } else {
      crc_ = crypto::crc32(data, crc_);
    }
  }

  void seal(const Piece& piece) {
    if (hmac_) {
      crypto::seal_update(half_.rc4, *hmac_, input(piece), output(piece));
      return;
    }
    update(input(piece));
    half_.rc4.apply(input(piece), output(piece));
  }

  void unseal(const Piece& piece) {
    if (hmac_) {
      crypto::unseal_update(half_.rc4, *hmac_, input(piece), output(piece));
      return;
    }
    half_.rc4.apply(input(piece), output(piece));
    update(output(piece));
  }

  // Takes the checksum's bytes off the RC4 stream.
  SignatureBytes finish(bool key_exchange) {
    SignatureBytes out{kVersion};
    const auto sequence = little_endian(half_.sequence);
    if (hmac_) {
      const crypto::Digest16 digest = hmac_->finish();
      const auto checksum = std::span(out).subspan<kChecksumAt, 8>();
      std::copy_n(digest.begin(), checksum.size(), checksum.begin());
      if (key_exchange) {
        half_.rc4.apply(checksum, checksum);
      }
      std::copy(sequence.begin(), sequence.end(), out.begin() + kSequenceAt);
      return out;
    }
    const auto crc = little_endian(crc_);
    std::copy(crc.begin(), crc.end(), out.begin() + 8);
    const auto sealed = std::span(out).subspan<kPadAt>();
    half_.rc4.apply(sealed, sealed);
    std::fill_n(out.begin() + kPadAt, 4, std::uint8_t{0});
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      out[kSequenceAt + i] ^= sequence[i];
    }
    return out;
  }

  // finish() and compare.
  bool matches(bool key_exchange, ByteView signature) {
    SignatureBytes expected = finish(key_exchange);
    if (!hmac_) {
      std::copy_n(signature.begin() + kPadAt, 4, expected.begin() + kPadAt);
    }
    return equal_ct(expected, signature);
  }

 private:
  Half& half_;
  std::optional<crypto::HmacMd5> hmac_;
  std::uint32_t crc_ = 0;
};

Session::Session(Role role, wire::NegotiateFlags agreed, crypto::ExportedSessionKey key)
    : role_(role), flags_(agreed), key_(std::move(key)) {
  if (can_sign() || may_allow_sealing()) {
    sender_.emplace();
  }
}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

bool Session::can_sign() const { return has(wire::kSign | wire::kSeal) && !has(wire::kAnonymous); }

bool Session::can_seal() const { return has(wire::kSeal) && !has(wire::kAnonymous); }

int Session::key_bits() const {
  if (!can_sign()) {
    return 0;
  }
  const bool whole = has(wire::kEss) ? has(wire::k128) : !has(wire::kLmKey | wire::kDatagram);
  return whole ? 128 : has(wire::k56) ? 56 : 40;
}

Result<void> Session::allow_unagreed_sealing() {
  if (!may_allow_sealing()) {
    return fail(Errc::kNotProtected, "unagreed sealing");
  }
  unagreed_sealing_ = true;
  return {};
}

void Session::seal_everything() {
  if (can_sign()) {
    std::atomic_ref(seals_everything_).store(true, std::memory_order_relaxed);
  }
}

bool Session::seals_everything() const {
  return std::atomic_ref(seals_everything_).load(std::memory_order_relaxed);
}

// ---- The halves -----------------------------------------------------------------------

std::unique_ptr<Session::Half>& Session::place(Way way) {
  return way == Way::kSending || one_half() ? sending_ : receiving_;
}

std::unique_ptr<Session::Half> Session::make_half(Way way) const {
  const bool from_initiator = (role_ == Role::kInitiator) == (way == Way::kSending);
  const auto direction = from_initiator ? crypto::Direction::kInitiatorToAcceptor
                                        : crypto::Direction::kAcceptorToInitiator;
  std::optional<crypto::HmacMd5Key> signing;
  if (has(wire::kEss)) {
    signing.emplace(crypto::sign_key(key_, direction).expose());
  }
  const crypto::SealStrength strength{.ess = has(wire::kEss),
                                      .key128 = has(wire::k128),
                                      .key56 = has(wire::k56),
                                      .lm_key = has(wire::kLmKey),
                                      .datagram = has(wire::kDatagram)};
  return std::make_unique<Half>(std::move(signing), crypto::seal_key(key_, strength, direction));
}

Session::Half& Session::half(Way way) {
  std::unique_ptr<Half>& half = place(way);
  if (half == nullptr) {
    half = make_half(way);
  }
  return *half;
}

Result<Session::Half*> Session::start(Way way) {
  Half& half = this->half(way);
  if (half.sequence == kLastSequence) {
    return fail(Errc::kSequenceExhausted, "sequence number");
  }
  if (way == Way::kSending) {
    TRY_VOID(claim());
  }
  if (has(wire::kDatagram)) {
    if (way == Way::kSending && half.sequence < half.unused) {
      return fail(Errc::kOutOfSequence, "datagram's sequence number");
    }
    half.rc4 = crypto::Rc4(crypto::datagram_seal_key(half.seal_key, half.sequence).view());
  }
  if (way == Way::kReceiving) {
    half.rc4.checkpoint();
  }
  return &half;
}

Result<void> Session::claim() {
  if (sender_ && !sender_->claim()) {
    return fail(Errc::kDeadContext, "context in use by another process since fork()");
  }
  return {};
}

void Session::restart() {
  sending_.reset();
  receiving_.reset();
}

void Session::reset_rc4(bool receiving) {
  const std::unique_ptr<Half>& half = place(receiving ? Way::kReceiving : Way::kSending);
  if (half != nullptr) {
    half->rc4 = crypto::Rc4(half->seal_key.view());
  }
}

Result<void> Session::set_sequence(std::uint32_t value) {
  if (!has(wire::kDatagram)) {
    return fail(Errc::kBadArgument, "sequence number of a connection");
  }
  half(Way::kSending).sequence = value;
  half(Way::kReceiving).sequence = value;
  return {};
}

// ---- Messages -------------------------------------------------------------------------

Result<void> Session::sign(std::span<const ByteView> message, Signature signature) {
  if (!can_sign()) {
    return fail(Errc::kNotProtected, "sign");
  }
  TRY(Half* const half, start(Way::kSending));
  Mac mac(*half);
  for (const ByteView part : message) {
    mac.update(part);
  }
  finish_sending(*half, mac, signature);
  return {};
}

Result<void> Session::seal(std::span<const Piece> pieces, Signature signature) {
  if (!may_seal()) {
    return fail(Errc::kNotProtected, "seal");
  }
  TRY(Half* const half, start(Way::kSending));
  Mac mac(*half);
  for (const Piece& piece : pieces) {
    if (piece.seal) {
      mac.seal(piece);
    } else {
      mac.update(input(piece));
    }
  }
  finish_sending(*half, mac, signature);
  return {};
}

void Session::finish_sending(Half& half, Mac& mac, Signature signature) {
  const SignatureBytes bytes = mac.finish(has(wire::kKeyExchange));
  std::copy(bytes.begin(), bytes.end(), signature.begin());
  ++half.sequence;
  half.unused = half.sequence;
}

// What can be told without a key, so that such a message costs nothing and changes nothing.
Result<void> Session::check_header(const Half& half, ByteView signature) const {
  if (signature.size() != kSignatureSize) {
    return fail(Errc::kDefectiveMessage, "signature");
  }
  Reader reader(signature);
  if (reader.u32() != kVersion) {
    return fail(Errc::kBadSignature, "signature.Version");
  }
  reader.skip(kSequenceAt - 4);
  if (has(wire::kEss) && reader.u32() != half.sequence) {
    return fail(Errc::kOutOfSequence, "signature.SeqNum");
  }
  return {};
}

Result<void> Session::verify(std::span<const ByteView> message, ByteView signature) {
  if (!can_sign()) {
    return fail(Errc::kNotProtected, "verify");
  }
  TRY(Half* const half, start(Way::kReceiving));
  TRY_VOID(check_header(*half, signature));
  Mac mac(*half);
  for (const ByteView part : message) {
    mac.update(part);
  }
  if (!mac.matches(has(wire::kKeyExchange), signature)) {
    half->rc4.rollback();
    return fail(Errc::kBadSignature, "signature");
  }
  ++half->sequence;
  return {};
}

Result<void> Session::unseal(std::span<const Piece> pieces, ByteView signature, bool* was_sealed) {
  if (!can_sign() && !unagreed_sealing_) {
    return fail(Errc::kNotProtected, "unseal");
  }
  TRY(Half* const half, start(Way::kReceiving));
  TRY_VOID(check_header(*half, signature));
  *was_sealed = unseals(*half, pieces, signature);
  if (!*was_sealed && !was_only_signed(*half, pieces, signature)) {
    for (const Piece& piece : pieces) {
      if (piece.seal) {
        wipe(piece.out, piece.size);
      }
    }
    return fail(Errc::kBadSignature, "signature");
  }
  ++half->sequence;
  if (*was_sealed && !can_seal()) {
    seal_everything();
  }
  return {};
}

bool Session::unseals(Half& half, std::span<const Piece> pieces, ByteView signature) const {
  Mac mac(half);
  for (const Piece& piece : pieces) {
    if (piece.seal) {
      mac.unseal(piece);
    } else {
      mac.update(input(piece));
    }
  }
  return mac.matches(has(wire::kKeyExchange), signature);
}

// After unseals() said no: the outputs hold what the keystream made of the message. The same
// keystream makes it the message again, which may be plaintext under a signature.
bool Session::was_only_signed(Half& half, std::span<const Piece> pieces, ByteView signature) const {
  half.rc4.rollback();
  for (const Piece& piece : pieces) {
    if (piece.seal) {
      half.rc4.apply(output(piece), output(piece));
    }
  }
  half.rc4.rollback();
  Mac mac(half);
  for (const Piece& piece : pieces) {
    mac.update(piece.seal ? output(piece) : input(piece));
  }
  if (mac.matches(has(wire::kKeyExchange), signature)) {
    return true;
  }
  half.rc4.rollback();
  return false;
}

// ---- Export ---------------------------------------------------------------------------

// role, flags, whether unagreed sealing is allowed (1) or everything is sealed (2), the key; then
// for each way whether it was used and, if so, its sequence numbers and its stream. Keys of
// signatures and seals are made again from the key.
Result<void> Session::save(SecretWriter& writer) const {
  writer.flag(role_ == Role::kAcceptor);
  writer.u32(flags_);
  writer.u8(unagreed_sealing_ ? 1 : seals_everything() ? 2 : 0);
  writer.bytes(key_.expose());
  for (const Half* half : {sending_.get(), receiving_.get()}) {
    writer.flag(half != nullptr);
    if (half != nullptr) {
      std::array<std::uint8_t, crypto::Rc4::kExportSize> stream;
      TRY_VOID(half->rc4.save(stream));
      writer.u32(half->sequence);
      writer.u64(half->unused);
      writer.bytes(stream);
      wipe(stream.data(), stream.size());
    }
  }
  return {};
}

Result<Session> Session::restore(Reader& reader) {
  const bool acceptor = reader.flag();
  const wire::NegotiateFlags flags = reader.u32();
  const std::uint8_t sealing = reader.u8();
  const ByteView key_bytes = reader.take(crypto::ExportedSessionKey::kSize);
  if (!reader.ok() || sealing > 2) {
    return fail(Errc::kDefectiveExport, "session");
  }
  Session session(acceptor ? Role::kAcceptor : Role::kInitiator, flags,
                  crypto::ExportedSessionKey(key_bytes.first<crypto::ExportedSessionKey::kSize>()));
  if (sealing == 1 && !session.allow_unagreed_sealing()) {
    return fail(Errc::kDefectiveExport, "session");
  }
  if (sealing == 2) {
    session.seal_everything();
    if (!session.seals_everything()) {
      return fail(Errc::kDefectiveExport, "session");
    }
  }
  for (const Way way : {Way::kSending, Way::kReceiving}) {
    const bool used = reader.flag();
    if (!reader.ok() || (used && way == Way::kReceiving && session.one_half())) {
      return fail(Errc::kDefectiveExport, "session");
    }
    if (used) {
      TRY_VOID(session.restore_half(session.half(way), reader));
    }
  }
  return session;
}

Result<void> Session::restore_half(Half& half, Reader& reader) const {
  half.sequence = reader.u32();
  half.unused = reader.u64();
  const ByteView stream = reader.take(crypto::Rc4::kExportSize);
  if (!reader.ok() || half.unused > kLastSequence) {
    return fail(Errc::kDefectiveExport, "session");
  }
  TRY(half.rc4, crypto::Rc4::restore(stream.first<crypto::Rc4::kExportSize>()));
  return {};
}

}  // namespace ntlm::protocol
