// SPDX-License-Identifier: MIT
#include "protocol/initiator.h"

#include <algorithm>

#include "wire/av_pairs.h"

namespace ntlm::protocol {
namespace {

using namespace wire;  // the flags' names

constexpr NegotiateFlags kAlwaysOffered = kUnicode | kOem | kRequestTarget | kNtlm | kAlwaysSign |
                                          kEss | kVersion | k128 | kKeyExchange | k56;
// Flags that say something about one message or one side; they are not negotiated.
constexpr NegotiateFlags kNotNegotiated = kDomainSupplied | kWorkstationSupplied | kAnonymous |
                                          kLocalCall | kTargetTypeDomain | kTargetTypeServer |
                                          kTargetInfo;

// A host that carries a marshalled target in its name would make one service's response fit another
// (R34).
Result<void> check_target(std::string_view target) {
  const std::string_view host = target.substr(std::min(target.find('/'), target.size()));
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._:[]/%").find(c) != std::string_view::npos;
  };
  if (!std::all_of(host.begin(), host.end(), allowed) ||
      host.find("1UWhRC") != std::string_view::npos) {
    return fail(Errc::kBadName, "target");
  }
  return {};
}

std::string_view host_of(std::string_view target) {
  const std::size_t slash = target.find('/');
  std::string_view host = slash == std::string_view::npos ? target : target.substr(slash + 1);
  return host.substr(0, host.find_first_of("/:"));
}

bool matches(std::string_view host, std::string_view pattern) {
  if (pattern.starts_with("*.")) {
    pattern.remove_prefix(1);
    return host.size() > pattern.size() &&
           equal_ignoring_case(host.substr(host.size() - pattern.size()), pattern);
  }
  return equal_ignoring_case(host, pattern);
}

// docs/decisions/0014
Session session_with(std::string_view target, NegotiateFlags agreed,
                     crypto::ExportedSessionKey key) {
  Session session(Role::kInitiator, agreed, std::move(key));
  if (equal_ignoring_case(target.substr(0, target.find('/')), "ldap")) {
    session.seal_everything();
  }
  return session;
}

// security.md section 2, send_ntlm: to whom this host's users may answer at all.
Result<void> check_destination(const Policy& policy, std::string_view target) {
  const bool any_host = policy.send_to.empty() && policy.send_ntlm != Policy::Send::kDeny;
  const std::string_view host = host_of(target);
  const bool listed = std::any_of(policy.send_to.begin(), policy.send_to.end(),
                                  [host](const std::string& one) { return matches(host, one); });
  return any_host || listed ? Result<void>() : fail(Errc::kTargetRefused, "policy.send_to");
}

// Text for AUTHENTICATE in the agreed charset.
Result<Bytes> wire_text(std::string_view text, bool unicode) {
  if (unicode) {
    return utf16le_from_utf8(text);
  }
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    return fail(Errc::kBadName, "OEM text");
  }
  return Bytes(text.begin(), text.end());
}

}  // namespace

Initiator::Initiator(Policy policy, std::shared_ptr<const Responder> responder,
                     InitiatorRequest request, Clock& clock, Random& random)
    : policy_(std::move(policy)),
      responder_(std::move(responder)),
      request_(std::move(request)),
      clock_(&clock),
      random_(&random) {}

Result<Initiator::Step> Initiator::step(ByteView token, const crypto::ChannelBindings* bindings) {
  // As in the acceptor: dead until the leg succeeds.
  auto state = std::exchange(state_, Failed{});
  if (std::holds_alternative<Start>(state)) {
    return on_start();
  }
  if (const auto* awaited = std::get_if<ExpectChallenge>(&state)) {
    return on_challenge(*awaited, token, bindings);
  }
  return fail(Errc::kDeadContext, "initiate");
}

// [MS-NLMP] 3.1.5.1.1
Result<Initiator::Step> Initiator::on_start() {
  TRY_VOID(check_target(request_.target));
  TRY_VOID(check_destination(policy_, request_.target));
  NegotiateMessage message;
  message.flags = kAlwaysOffered;
  if (request_.sign || request_.seal) {
    message.flags |= kSign;
  }
  if (request_.seal) {
    message.flags |= kSeal;
  }
  if (request_.identify) {
    message.flags |= kIdentify;
  }
  if (request_.datagram) {
    message.flags |= kDatagram;
  }
  if (request_.offered != 0) {
    message.flags = request_.offered & ~kNotNegotiated;
  }
  if ((message.flags & kVersion) != 0) {
    message.version = kOurVersion;
  }
  ExpectChallenge next;
  next.offered = message.flags;
  TRY(next.negotiate, write_negotiate(message));
  Step step{next.negotiate, false};
  state_ = std::move(next);
  return step;
}

// What this side will answer: the server's message, the flags that both want, and the AV pairs of
// the response.
struct Initiator::Answer {
  ChallengeMessage challenge;
  TargetInfo info;
  NegotiateFlags used = 0;
  Bytes av_pairs;
  bool send_mic = false;
  bool send_bindings = false;
};

Result<Initiator::Answer> Initiator::read_challenge(const ExpectChallenge& state, ByteView token,
                                                    const crypto::ChannelBindings* bindings) {
  Answer answer;
  TRY(answer.challenge, parse_challenge(token));
  const ChallengeMessage& challenge = answer.challenge;
  answer.used = state.offered & challenge.flags;
  if ((answer.used & kUnicode) != 0) {
    answer.used &= ~kOem;
  }
  if ((answer.used & (kUnicode | kOem)) == 0) {
    return fail(Errc::kDefectiveMessage, "CHALLENGE.Charset");
  }
  if ((answer.used & kEss) != 0) {
    answer.used &= ~kLmKey;
  }
  const bool is_protected = (answer.used & (kSign | kSeal)) != 0;
  if (is_protected && policy_.require_128 && (answer.used & (kEss | k128)) != (kEss | k128)) {
    return fail(Errc::kFeatureMissing, "CHALLENGE.NegotiateFlags");
  }
  constexpr NegotiateFlags kForDatagrams = kDatagram | kKeyExchange;
  if (request_.datagram && (answer.used & kForDatagrams) != kForDatagrams) {
    return fail(Errc::kFeatureMissing, "CHALLENGE.Datagram");
  }
  if ((challenge.flags & kTargetInfo) != 0 && !challenge.target_info.empty()) {
    TRY(answer.info, parse_target_info(challenge.target_info));
    if (policy_.refuse_reflection && !request_.target_is_here && answer.info.nb_computer) {
      TRY(const std::string computer, utf8_from_utf16le(*answer.info.nb_computer));
      if (equal_ignoring_case(computer, request_.workstation)) {
        return fail(Errc::kTargetRefused, "CHALLENGE.MsvAvNbComputerName");
      }
    }
    answer.used |= kTargetInfo;
    TRY_VOID(write_av_pairs(answer, bindings));
  } else {
    answer.av_pairs.assign(4, 0);  // MsvAvEOL
  }
  return answer;
}

// [MS-NLMP] 3.1.5.1.2: the server's pairs as they came, then ours.
Result<void> Initiator::write_av_pairs(Answer& answer,
                                       const crypto::ChannelBindings* bindings) const {
  const ByteView theirs = answer.challenge.target_info;
  Writer writer(theirs.size() + 64 + 2 * request_.target.size());
  Reader reader(theirs);
  for (;;) {
    const auto id = static_cast<AvId>(reader.u16());
    const ByteView value = reader.take(reader.u16());
    if (id == AvId::kEol || !reader.ok()) {
      break;
    }
    if (id != AvId::kFlags && id != AvId::kTargetName && id != AvId::kChannelBindings) {
      write_av(writer, id, value);
    }
  }
  answer.send_mic = answer.info.timestamp.has_value() && !request_.anonymous;
  const std::uint32_t flags = (answer.info.flags.value_or(0) & kAvFlagConstrained) |
                              (answer.send_mic ? kAvFlagMicPresent : 0) |
                              (request_.untrusted_target ? kAvFlagUntrustedTarget : 0);
  if (flags != 0) {
    writer.u32(0x00040000u | static_cast<std::uint32_t>(AvId::kFlags));
    writer.u32(flags);
  }
  if (bindings != nullptr) {
    write_av(writer, AvId::kChannelBindings, crypto::channel_binding_hash(*bindings));
    answer.send_bindings = true;
  }
  if (!request_.target.empty()) {
    TRY(const Bytes target, utf16le_from_utf8(request_.target));
    write_av(writer, AvId::kTargetName, target);
  }
  write_av_eol(writer);
  TRY(answer.av_pairs, std::move(writer).finish("TargetInfo"));
  return {};
}

// The exported session key, and what of it goes into AUTHENTICATE ([MS-NLMP] 3.1.5.1.2).
Result<Initiator::Keys> Initiator::make_keys(const Answer& answer,
                                             const ChallengeResponse& response) {
  crypto::KeyExchangeKey kxkey;
  if (policy_.initiate_v1) {
    const crypto::KxkeyV1Input input{response.session_base_key,
                                     response.lm_hash ? &*response.lm_hash : nullptr,
                                     response.lm_response,
                                     answer.challenge.server_challenge,
                                     (answer.used & kEss) != 0,
                                     (answer.used & kLmKey) != 0,
                                     (answer.used & kNonNtSessionKey) != 0};
    TRY(kxkey, crypto::kxkey_v1(input));
  } else {
    kxkey = crypto::kxkey_v2(response.session_base_key);
  }
  Keys keys;
  if ((answer.used & kKeyExchange) != 0) {
    random_->fill(keys.exported.expose_mutable());
    crypto::rc4k(kxkey, keys.exported.expose(), keys.encrypted.emplace());
  } else {
    keys.exported = crypto::ExportedSessionKey(kxkey.expose());
  }
  return keys;
}

// [MS-NLMP] 3.1.5.1.2
Result<Initiator::Step> Initiator::on_challenge(const ExpectChallenge& state, ByteView token,
                                                const crypto::ChannelBindings* bindings) {
  const bool anonymous = request_.anonymous || responder_->anonymous();
  if (responder_->answers_whole() && !anonymous) {
    return answer_whole(state, token, bindings);
  }
  TRY(Answer answer, read_challenge(state, token, bindings));
  ChallengeResponse response;
  Keys keys;
  if (anonymous) {
    answer.used = (answer.used & ~(kSign | kSeal | kAlwaysSign | kKeyExchange)) | kAnonymous;
    answer.send_mic = false;
    response.lm_response.assign(1, 0);
  } else {
    crypto::ClientChallenge client_challenge;
    random_->fill(client_challenge);
    const bool timed = answer.info.timestamp.has_value();
    TRY(response,
        responder_->respond({answer.challenge.server_challenge, (answer.used & kEss) != 0,
                             timed ? *answer.info.timestamp : clock_->filetime(), client_challenge,
                             answer.av_pairs, !policy_.initiate_v1, timed}));
    TRY(keys, make_keys(answer, response));
  }

  const bool unicode = (answer.used & kUnicode) != 0;
  const AccountName account = anonymous ? AccountName() : responder_->account();
  TRY(const Bytes user, wire_text(account.user, unicode));
  TRY(const Bytes domain, wire_text(account.domain, unicode));
  TRY(const Bytes workstation, wire_text(request_.workstation, unicode));
  AuthenticateMessage message;
  message.flags = answer.used;
  message.lm_response = response.lm_response;
  message.nt_response = response.nt_response;
  message.user = user;
  message.domain = domain;
  message.workstation = workstation;
  if (keys.encrypted) {
    message.encrypted_session_key = *keys.encrypted;
  }
  if ((answer.used & kVersion) != 0) {
    message.version = kOurVersion;
  }
  if (answer.send_mic) {
    message.mic.emplace();
  }
  TRY(Bytes authenticate, write_authenticate(message));
  if (answer.send_mic) {
    patch_mic(authenticate, crypto::mic(keys.exported, {state.negotiate, token, authenticate}));
  }
  state_.emplace<Established>(
      Established{session_with(request_.target, answer.used, std::move(keys.exported)),
                  clock_->boot_seconds(), answer.send_mic,
                  Bytes(answer.challenge.target_info.begin(), answer.challenge.target_info.end()),
                  answer.send_bindings});
  return Step{std::move(authenticate), true};
}

// winbind's credential cache keeps the secret to itself and makes the message; it knows nothing of
// channel bindings.
Result<Initiator::Step> Initiator::answer_whole(const ExpectChallenge& state, ByteView token,
                                                const crypto::ChannelBindings* bindings) {
  if (bindings != nullptr) {
    return fail(Errc::kBadBindings, "credential cache");
  }
  TRY(Answer answer, read_challenge(state, token, nullptr));
  TRY(Responder::WholeAnswer whole, responder_->answer(state.negotiate, token));
  TRY(const AuthenticateMessage message, parse_authenticate(whole.authenticate));
  const NegotiateFlags used = answer.used & message.flags;
  const bool is_protected = (used & (kSign | kSeal)) != 0;
  if (is_protected && policy_.require_128 && (used & (kEss | k128)) != (kEss | k128)) {
    return fail(Errc::kFeatureMissing, "credential cache");
  }
  state_.emplace<Established>(Established{
      session_with(request_.target, used, std::move(whole.key)), clock_->boot_seconds(), false,
      Bytes(answer.challenge.target_info.begin(), answer.challenge.target_info.end()), false});
  return Step{std::move(whole.authenticate), true};
}

}  // namespace ntlm::protocol
