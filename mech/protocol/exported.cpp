// SPDX-License-Identifier: MIT
// The exported form of both state machines (security.md P17): what gss_export_sec_context carries
// to another process. Everything is checked on the way back; abi/transfer.cpp authenticates the
// whole.
//
//   both       u8 state (0 first leg due, 1 second leg due, 2 established)
//   acceptor   options, evidence, then by state
//              1: challenge, NEGOTIATE and CHALLENGE as they went
//              2: session, principal, since, whether to identify only
//   initiator  request, then by state
//              1: NEGOTIATE, offered flags
//              2: session, since, whether a MIC went, target info, whether bindings went
// Text and byte strings are u32 length and content. Ages are carried as times of day, since hosts
// boot at other times.
#include <array>
#include <string_view>

#include "protocol/acceptor.h"
#include "protocol/initiator.h"
#include "protocol/name.h"

namespace ntlm::protocol {
namespace {

constexpr std::size_t kMaxAttributes = 4096;
// A store's name is a literal; the importer finds its own again.
constexpr std::array<const char*, 4> kStores{"", "text", "lmdb", "winbind"};

enum class Leg : std::uint8_t { kFirst, kSecond, kEstablished };

// What get_text() would not take does not travel: a reader takes it for no text of ours.
void put_text(SecretWriter& writer, std::string_view text) {
  if (text.size() > kMaxText) {
    writer.fail();
  }
  writer.text(text);
}

std::string get_text(Reader& reader) { return std::string(reader.text(kMaxText)); }

Bytes get_token(Reader& reader) {
  const ByteView token = reader.block(wire::kMaxToken);
  return {token.begin(), token.end()};
}

template <typename Enum>
Enum get_enum(Reader& reader, Enum last) {
  const std::uint8_t value = reader.u8();
  if (value > static_cast<std::uint8_t>(last)) {
    reader.fail();
  }
  return static_cast<Enum>(value);
}

Leg get_leg(Reader& reader) { return get_enum(reader, Leg::kEstablished); }

void put(SecretWriter& writer, const Evidence& evidence) {
  put_text(writer, evidence.claimed.user);
  put_text(writer, evidence.claimed.domain);
  put_text(writer, evidence.workstation);
  put_text(writer, evidence.target);
  writer.u8(static_cast<std::uint8_t>(evidence.version));
  writer.flag(evidence.version_known);
  writer.u32(evidence.flags);
  writer.u8(static_cast<std::uint8_t>(evidence.mic));
  writer.u8(static_cast<std::uint8_t>(evidence.bindings));
  writer.text(evidence.store);
}

Evidence get_evidence(Reader& reader) {
  Evidence evidence;
  evidence.claimed.user = get_text(reader);
  evidence.claimed.domain = get_text(reader);
  evidence.workstation = get_text(reader);
  evidence.target = get_text(reader);
  evidence.version = get_enum(reader, NtlmVersion::kV1Session);
  evidence.version_known = reader.flag();
  evidence.flags = reader.u32();
  evidence.mic = get_enum(reader, MicState::kSent);
  evidence.bindings = get_enum(reader, BindingsState::kMismatch);
  evidence.store = store_literal(reader.text(kMaxText));
  return evidence;
}

// Seconds that have passed since a time of day; none when the clock stands before it.
std::uint64_t boot_time_of(std::uint64_t filetime, Clock& clock) {
  const std::uint64_t now = clock.filetime();
  const std::uint64_t age = now > filetime ? (now - filetime) / kTicksPerSecond : 0;
  const std::uint64_t boot = clock.boot_seconds();
  return boot > age ? boot - age : 0;
}

std::uint64_t filetime_of(std::uint64_t boot_seconds, Clock& clock) {
  const std::uint64_t now = clock.boot_seconds();
  return clock.filetime() - (now > boot_seconds ? now - boot_seconds : 0) * kTicksPerSecond;
}

Result<void> finish(const Reader& reader) {
  return reader.ok() ? Result<void>() : fail(Errc::kDefectiveExport, "exported context");
}

}  // namespace

void write_attributes(SecretWriter& writer, const Attributes& attributes) {
  if (attributes.size() > kMaxAttributes) {
    writer.fail();
  }
  writer.u32(static_cast<std::uint32_t>(attributes.size()));
  for (const auto& [name, value] : attributes) {
    put_text(writer, name);
    put_text(writer, value);
  }
}

Attributes read_attributes(Reader& reader) {
  const std::uint32_t count = reader.u32();
  if (count > kMaxAttributes) {
    reader.fail();
  }
  Attributes attributes;
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i) {
    std::string name = get_text(reader);
    attributes.emplace_back(std::move(name), get_text(reader));
  }
  return attributes;
}

void write_principal(SecretWriter& writer, const Principal& principal) {
  writer.flag(principal.anonymous);
  put_text(writer, principal.account.user);
  put_text(writer, principal.account.domain);
  write_attributes(writer, principal.attributes ? *principal.attributes : Attributes());
}

Principal read_principal(Reader& reader) {
  Principal principal;
  principal.anonymous = reader.flag();
  principal.account.user = get_text(reader);
  principal.account.domain = get_text(reader);
  if (Attributes attributes = read_attributes(reader); !attributes.empty()) {
    principal.attributes = std::make_shared<const Attributes>(std::move(attributes));
  }
  return principal;
}

const char* store_literal(std::string_view name) {
  for (const char* known : kStores) {
    if (name == known) {
      return known;
    }
  }
  return "";
}

Result<void> Acceptor::save(SecretWriter& writer) const {
  const auto* second = std::get_if<ExpectAuthenticate>(&state_);
  const Established* done = established();
  if (failed() || awaits_verdict()) {
    return fail(Errc::kIncompleteContext, "exported context");
  }
  writer.u8(static_cast<std::uint8_t>(done != nullptr     ? Leg::kEstablished
                                      : second != nullptr ? Leg::kSecond
                                                          : Leg::kFirst));
  for (const auto option : kAcceptOptions) {
    writer.flag(options_.*option);
  }
  put(writer, evidence_);
  if (second != nullptr) {
    writer.bytes(second->server_challenge);
    writer.u32(second->offered);
    writer.u64(second->timestamp);
    writer.block(second->negotiate);
    writer.block(second->challenge);
    writer.u32(second->target_info_offset);
    writer.u32(second->target_info_size);
  }
  if (done != nullptr) {
    TRY_VOID(done->session.save(writer));
    write_principal(writer, done->principal);
    writer.u64(filetime_of(done->since_boot, *clock_));
    writer.flag(done->identify_only);
  }
  return {};
}

Result<Acceptor> Acceptor::restore(Reader& reader, std::shared_ptr<const AcceptorSetup> setup,
                                   Clock& clock, Random& random) {
  Acceptor out(std::move(setup), clock, random);
  const Leg leg = get_leg(reader);
  for (const auto option : kAcceptOptions) {
    out.options_.*option = reader.flag();
  }
  out.evidence_ = get_evidence(reader);
  TRY_VOID(finish(reader));
  if (leg == Leg::kSecond) {
    if (out.setup_->verifier == nullptr) {
      return fail(Errc::kDefectiveExport, "exported context");
    }
    ExpectAuthenticate state;
    state.server_challenge = reader.take<8>();
    state.offered = reader.u32();
    state.timestamp = reader.u64();
    state.issued_boot = boot_time_of(state.timestamp, clock);
    state.negotiate = get_token(reader);
    state.challenge = get_token(reader);
    state.target_info_offset = reader.u32();
    state.target_info_size = reader.u32();
    TRY_VOID(finish(reader));
    if (state.target_info_offset > state.challenge.size() ||
        state.target_info_size > state.challenge.size() - state.target_info_offset) {
      return fail(Errc::kDefectiveExport, "exported context");
    }
    out.state_ = std::move(state);
  }
  if (leg == Leg::kEstablished) {
    TRY(Session session, Session::restore(reader));
    Principal principal = read_principal(reader);
    const std::uint64_t since = boot_time_of(reader.u64(), clock);
    const bool identify_only = reader.flag();
    TRY_VOID(finish(reader));
    out.state_.emplace<Established>(
        Established{std::move(session), std::move(principal), since, identify_only});
  }
  return out;
}

Result<void> Initiator::save(SecretWriter& writer) const {
  const auto* second = std::get_if<ExpectChallenge>(&state_);
  const Established* done = established();
  if (failed()) {
    return fail(Errc::kIncompleteContext, "exported context");
  }
  writer.u8(static_cast<std::uint8_t>(done != nullptr     ? Leg::kEstablished
                                      : second != nullptr ? Leg::kSecond
                                                          : Leg::kFirst));
  for (const bool wish : {request_.sign, request_.seal, request_.target_is_here, request_.identify,
                          request_.anonymous, request_.untrusted_target, request_.datagram}) {
    writer.flag(wish);
  }
  writer.u32(request_.offered);
  put_text(writer, request_.target);
  put_text(writer, request_.workstation);
  if (second != nullptr) {
    writer.block(second->negotiate);
    writer.u32(second->offered);
  }
  if (done != nullptr) {
    TRY_VOID(done->session.save(writer));
    writer.u64(filetime_of(done->since_boot, *clock_));
    writer.flag(done->mic_sent);
    writer.block(done->target_info);
    writer.flag(done->bindings_sent);
  }
  return {};
}

Result<Initiator> Initiator::restore(Reader& reader, Policy policy,
                                     std::shared_ptr<const Responder> responder, Clock& clock,
                                     Random& random) {
  const Leg leg = get_leg(reader);
  InitiatorRequest request;
  for (bool* wish : {&request.sign, &request.seal, &request.target_is_here, &request.identify,
                     &request.anonymous, &request.untrusted_target, &request.datagram}) {
    *wish = reader.flag();
  }
  request.offered = reader.u32();
  request.target = get_text(reader);
  request.workstation = get_text(reader);
  TRY_VOID(finish(reader));
  if (leg != Leg::kEstablished && responder == nullptr) {
    return fail(Errc::kNoCredential, "exported context");
  }
  Initiator out(std::move(policy), std::move(responder), std::move(request), clock, random);
  if (leg == Leg::kSecond) {
    ExpectChallenge state;
    state.negotiate = get_token(reader);
    state.offered = reader.u32();
    TRY_VOID(finish(reader));
    out.state_ = std::move(state);
  }
  if (leg == Leg::kEstablished) {
    TRY(Session session, Session::restore(reader));
    const std::uint64_t since = boot_time_of(reader.u64(), clock);
    const bool mic_sent = reader.flag();
    Bytes target_info = get_token(reader);
    const bool bindings_sent = reader.flag();
    TRY_VOID(finish(reader));
    out.state_.emplace<Established>(
        Established{std::move(session), since, mic_sent, std::move(target_info), bindings_sent});
  }
  return out;
}

}  // namespace ntlm::protocol
