// SPDX-License-Identifier: MIT
#include "wire/messages.h"

#include <algorithm>
#include <array>
#include <limits>

namespace ntlm::wire {
namespace {

constexpr std::array<std::uint8_t, 8> kSignature{'N', 'T', 'L', 'M', 'S', 'S', 'P', 0};
constexpr std::size_t kNegotiateFields = 32;
constexpr std::size_t kNegotiateVersion = 40;
constexpr std::size_t kChallengeShort = 32;  // up to the server challenge and its reserved bytes
constexpr std::size_t kChallengeFields = 48;
constexpr std::size_t kChallengeVersion = 56;
constexpr std::size_t kAuthenticateFields = 64;
constexpr std::size_t kAuthenticateVersion = 72;
constexpr std::size_t kAuthenticateMic = 88;

// Reads signature and type; a sound token of another type is told apart from a broken one.
Result<void> open_message(Reader& reader, MessageType wanted, const char* where) {
  if (reader.all().size() > kMaxToken) {
    return fail(Errc::kDefectiveMessage, where);
  }
  TRY(const MessageType type, message_type(reader.all()));
  if (type != wanted) {
    return fail(Errc::kUnexpectedMessage, where);
  }
  reader.skip(kSignature.size() + 4);
  return {};
}

struct LowestOffset {
  std::size_t value = std::numeric_limits<std::size_t>::max();
  void see(Field field) {
    if (field.length != 0) {
      value = std::min<std::size_t>(value, field.offset);
    }
  }
};

// One byte range, one meaning (security.md R6).
bool any_overlap(std::span<const Field> fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    for (std::size_t j = i + 1; j < fields.size(); ++j) {
      const Field& a = fields[i];
      const Field& b = fields[j];
      if (a.length != 0 && b.length != 0 && a.offset < std::uint64_t{b.offset} + b.length &&
          b.offset < std::uint64_t{a.offset} + a.length) {
        return true;
      }
    }
  }
  return false;
}

void write_head(Writer& writer, MessageType type) {
  writer.bytes(kSignature);
  writer.u32(static_cast<std::uint32_t>(type));
}

}  // namespace

Result<MessageType> message_type(ByteView token) {
  Reader reader(token);
  reader.expect(kSignature);
  const std::uint32_t type = reader.u32();
  TRY_VOID(reader.finish("message.Signature"));
  if (type < 1 || type > 3) {
    return fail(Errc::kDefectiveMessage, "message.MessageType");
  }
  return static_cast<MessageType>(type);
}

// [MS-NLMP] 2.2.1.1
Result<NegotiateMessage> parse_negotiate(ByteView token) {
  Reader reader(token);
  TRY_VOID(open_message(reader, MessageType::kNegotiate, "NEGOTIATE"));
  NegotiateMessage out;
  out.flags = reader.u32();
  TRY_VOID(reader.finish("NEGOTIATE.NegotiateFlags"));
  LowestOffset lowest;
  if ((out.flags & (kDomainSupplied | kWorkstationSupplied)) != 0) {
    const Field domain =
        (out.flags & kDomainSupplied) != 0 ? reader.field() : (reader.skip(8), Field{});
    const Field workstation =
        (out.flags & kWorkstationSupplied) != 0 ? reader.field() : (reader.skip(8), Field{});
    lowest.see(domain);
    lowest.see(workstation);
    out.domain = reader.payload(domain, kNegotiateFields);
    out.workstation = reader.payload(workstation, kNegotiateFields);
  }
  if ((out.flags & kVersion) != 0 && token.size() >= kNegotiateVersion &&
      lowest.value >= kNegotiateVersion) {
    reader.skip(kNegotiateFields - reader.position());
    out.version = reader.take<8>();
  }
  TRY_VOID(reader.finish("NEGOTIATE.Payload"));
  return out;
}

// [MS-NLMP] 2.2.1.2. A peer from before NTLMv2 ends at 32 or 40 bytes.
Result<ChallengeMessage> parse_challenge(ByteView token) {
  Reader reader(token);
  TRY_VOID(open_message(reader, MessageType::kChallenge, "CHALLENGE"));
  ChallengeMessage out;
  const Field target_name = reader.field();
  out.flags = reader.u32();
  out.server_challenge = reader.take<8>();
  TRY_VOID(reader.finish("CHALLENGE.ServerChallenge"));
  LowestOffset lowest;
  lowest.see(target_name);
  const bool has_info = (out.flags & kTargetInfo) != 0;
  if (has_info) {
    reader.skip(8);
    const Field target_info = reader.field();
    lowest.see(target_info);
    out.target_info = reader.payload(target_info, kChallengeFields);
  }
  out.target_name = reader.payload(target_name, has_info ? kChallengeFields : kChallengeShort);
  if ((out.flags & kVersion) != 0 && token.size() >= kChallengeVersion &&
      lowest.value >= kChallengeVersion) {
    reader.skip(kChallengeFields - reader.position());
    out.version = reader.take<8>();
  }
  TRY_VOID(reader.finish("CHALLENGE.Payload"));
  return out;
}

// [MS-NLMP] 2.2.1.3
Result<AuthenticateMessage> parse_authenticate(ByteView token) {
  Reader reader(token);
  TRY_VOID(open_message(reader, MessageType::kAuthenticate, "AUTHENTICATE"));
  std::array<Field, 6> fields;
  LowestOffset lowest;
  for (Field& field : fields) {
    field = reader.field();
    lowest.see(field);
  }
  AuthenticateMessage out;
  out.flags = reader.u32();
  TRY_VOID(reader.finish("AUTHENTICATE.Header"));

  // The header ends where the first payload begins (R5): nowhere else than after the flags, VERSION
  // or MIC.
  const std::size_t header_end = std::min(lowest.value, kAuthenticateMic);
  if (lowest.value > token.size() ||
      (header_end != kAuthenticateFields && header_end != kAuthenticateVersion &&
       header_end != kAuthenticateMic)) {
    return fail(Errc::kDefectiveMessage, "AUTHENTICATE.BufferOffset");
  }
  if (header_end >= kAuthenticateVersion) {
    out.version = reader.take<8>();
  }
  if (header_end >= kAuthenticateMic) {
    out.mic = reader.take<kMicSize>();
  }
  if (any_overlap(fields)) {
    return fail(Errc::kDefectiveMessage, "AUTHENTICATE.Overlap");
  }
  out.lm_response = reader.payload(fields[0], header_end);
  out.nt_response = reader.payload(fields[1], header_end);
  out.domain = reader.payload(fields[2], header_end);
  out.user = reader.payload(fields[3], header_end);
  out.workstation = reader.payload(fields[4], header_end);
  out.encrypted_session_key = reader.payload(fields[5], header_end);
  TRY_VOID(reader.finish("AUTHENTICATE.Payload"));
  return out;
}

Result<Bytes> write_negotiate(const NegotiateMessage& message) {
  Writer writer(kNegotiateVersion + message.domain.size() + message.workstation.size(), kMaxToken);
  write_head(writer, MessageType::kNegotiate);
  writer.u32(message.flags);
  const std::size_t domain = writer.field();
  const std::size_t workstation = writer.field();
  if (message.version) {
    writer.bytes(*message.version);
  }
  if (!message.domain.empty()) {
    writer.payload(domain, message.domain);
  }
  if (!message.workstation.empty()) {
    writer.payload(workstation, message.workstation);
  }
  return std::move(writer).finish("NEGOTIATE");
}

Result<Bytes> write_challenge(const ChallengeMessage& message) {
  Writer writer(kChallengeVersion + message.target_name.size() + message.target_info.size(),
                kMaxToken);
  write_head(writer, MessageType::kChallenge);
  const std::size_t target_name = writer.field();
  writer.u32(message.flags);
  writer.bytes(message.server_challenge);
  writer.zeros(8);
  const std::size_t target_info = writer.field();
  writer.bytes(message.version.value_or(Version{}));
  writer.payload(target_name, message.target_name);
  if (!message.target_info.empty()) {
    writer.payload(target_info, message.target_info);
  }
  return std::move(writer).finish("CHALLENGE");
}

Result<Bytes> write_authenticate(const AuthenticateMessage& message) {
  const std::size_t payload = message.lm_response.size() + message.nt_response.size() +
                              message.domain.size() + message.user.size() +
                              message.workstation.size() + message.encrypted_session_key.size();
  Writer writer(kAuthenticateMic + payload, kMaxToken);
  write_head(writer, MessageType::kAuthenticate);
  const std::size_t lm_response = writer.field();
  const std::size_t nt_response = writer.field();
  const std::size_t domain = writer.field();
  const std::size_t user = writer.field();
  const std::size_t workstation = writer.field();
  const std::size_t session_key = writer.field();
  writer.u32(message.flags);
  if (message.version || message.mic) {
    writer.bytes(message.version.value_or(Version{}));
  }
  if (message.mic) {
    writer.bytes(*message.mic);
  }
  writer.payload(domain, message.domain);
  writer.payload(user, message.user);
  writer.payload(workstation, message.workstation);
  writer.payload(lm_response, message.lm_response);
  writer.payload(nt_response, message.nt_response);
  writer.payload(session_key, message.encrypted_session_key);
  return std::move(writer).finish("AUTHENTICATE");
}

void patch_mic(Bytes& authenticate, std::span<const std::uint8_t, kMicSize> mic) {
  if (authenticate.size() >= kAuthenticateMic) {
    std::copy(mic.begin(), mic.end(), authenticate.begin() + kMicOffset);
  }
}

}  // namespace ntlm::wire
