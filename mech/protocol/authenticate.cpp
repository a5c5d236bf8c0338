// SPDX-License-Identifier: MIT
// The acceptor's second leg: what AUTHENTICATE claims, its proof, and what else must be right
// before somebody is in.
#include <algorithm>
#include <array>

#include "protocol/acceptor.h"
#include "wire/av_pairs.h"

namespace ntlm::protocol {
namespace {

using namespace wire;  // the flags' names

constexpr std::size_t kMaxUserUnits = 256;
constexpr std::size_t kMaxDomainUnits = 255;

// What a peer may not add in AUTHENTICATE beyond what CHALLENGE offered (R14).
constexpr NegotiateFlags kSecurityBits = kSign | kSeal | kDatagram | kLmKey | kEss |
                                         kNonNtSessionKey | k128 | k56 | kKeyExchange | kLocalCall;

// Where the peer is, if the application says so in its bindings (RFC 2744 3.11). That has no number
// for IPv6; RFC 4120 7.5.3 has one, and the kernel another.
ByteView initiator_address(const crypto::ChannelBindings* bindings) {
  constexpr std::uint32_t kInet = 2, kInet6 = 24, kLinuxInet6 = 10;
  if (bindings == nullptr) {
    return {};
  }
  const std::uint32_t type = bindings->initiator_type;
  const std::size_t size = type == kInet ? 4 : type == kInet6 || type == kLinuxInet6 ? 16 : 0;
  return bindings->initiator.size() == size ? bindings->initiator : ByteView{};
}

// A string of AUTHENTICATE: UTF-16LE as sent, or OEM text widened to it, and its UTF-8 (R7).
struct WireText {
  ByteView sent;
  Bytes widened;
  std::string utf8;

  ByteView utf16le() const { return widened.empty() ? sent : ByteView(widened); }
};

Result<void> read_text(WireText& out, ByteView bytes, bool unicode, std::size_t max_units) {
  if (unicode) {
    out.sent = bytes;
  } else {
    out.widened.reserve(bytes.size() * 2);
    for (const std::uint8_t byte : bytes) {
      if (byte >= 0x80) {
        return fail(Errc::kDefectiveMessage, "AUTHENTICATE.OemText");
      }
      out.widened.push_back(byte);
      out.widened.push_back(0);
    }
  }
  if (out.utf16le().size() > max_units * 2) {
    return fail(Errc::kDefectiveMessage, "AUTHENTICATE.NameLength");
  }
  TRY(out.utf8, utf8_from_utf16le(out.utf16le()));
  return {};
}

bool same_view(const std::optional<ByteView>& a, const std::optional<ByteView>& b) {
  return b && std::equal(a->begin(), a->end(), b->begin(), b->end());
}

// Each pair of our CHALLENGE must come back byte for byte (R25).
bool echoes(const TargetInfo& sent, const TargetInfo& received) {
  const auto kept = [](const std::optional<ByteView>& ours, const std::optional<ByteView>& theirs) {
    return !ours || same_view(ours, theirs);
  };
  return kept(sent.nb_computer, received.nb_computer) && kept(sent.nb_domain, received.nb_domain) &&
         kept(sent.dns_computer, received.dns_computer) &&
         kept(sent.dns_domain, received.dns_domain) && sent.timestamp == received.timestamp;
}

// [MS-NLMP] 3.2.5.1.2 and R8: the presence of a session key follows from the flags.
Result<void> check_session_key(NegotiateFlags flags, std::size_t size) {
  const bool exchange = (flags & kKeyExchange) != 0;
  const bool is_protected = (flags & (kSign | kSeal)) != 0;
  const bool right = exchange ? size == 16 || (size == 0 && !is_protected) : size == 0;
  return right ? Result<void>()
               : fail(Errc::kDefectiveMessage, "AUTHENTICATE.EncryptedRandomSessionKey");
}

bool is_anonymous(const AuthenticateMessage& message) {
  const ByteView lm = message.lm_response;
  return message.user.empty() && message.nt_response.empty() &&
         (lm.empty() || (lm.size() == 1 && lm[0] == 0));
}

Result<NtlmVersion> version_of(std::size_t nt_size, NegotiateFlags flags, const Policy& policy) {
  constexpr std::size_t kResponseV1 = 24;
  constexpr std::size_t kSmallestV2 = 48;
  if (nt_size >= kSmallestV2) {
    return NtlmVersion::kV2;
  }
  if (nt_size == kResponseV1 ||
      nt_size == 0) {  // 0: only an LM response, which is never looked at (R24)
    if (!policy.accept_v1 || nt_size == 0) {
      return fail(Errc::kVersionRefused, "AUTHENTICATE.NtChallengeResponse");
    }
    return (flags & kEss) != 0 ? NtlmVersion::kV1Session : NtlmVersion::kV1;
  }
  return fail(Errc::kDefectiveMessage, "AUTHENTICATE.NtChallengeResponse");
}

std::uint64_t distance(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; }

Result<void> check_target(const Policy& policy, const HostNames& names, const std::string& target) {
  if (policy.target_name == Policy::Target::kOff) {
    return {};
  }
  if (target.empty()) {
    return policy.target_name == Policy::Target::kRequired
               ? fail(Errc::kTargetRefused, "MsvAvTargetName.Absent")
               : Result<void>();
  }
  const auto is_target = [&](const std::string& accepted) {
    return equal_ignoring_case(accepted, target);
  };
  if (!policy.accepted_targets.empty()) {
    return std::any_of(policy.accepted_targets.begin(), policy.accepted_targets.end(), is_target)
               ? Result<void>()
               : fail(Errc::kTargetRefused, "MsvAvTargetName");
  }
  if (policy.target_name == Policy::Target::kIfPresent) {
    return {};
  }
  const std::string_view host = std::string_view(target).substr(target.find('/') + 1);
  const bool ours =
      target.find('/') != std::string::npos && (equal_ignoring_case(host, names.dns_computer) ||
                                                equal_ignoring_case(host, names.nb_computer));
  return ours ? Result<void>() : fail(Errc::kTargetRefused, "MsvAvTargetName");
}

}  // namespace

// What AUTHENTICATE says, checked as far as that goes without the account's secret.
struct Acceptor::Claim {
  AuthenticateMessage message;
  NegotiateFlags used = 0;
  WireText user, domain, workstation;
  NtlmVersion version = NtlmVersion::kV2;
  std::optional<ClientChallengeV2> client_challenge;
  bool anonymous = false;
  bool has_mic = false;
  bool sent_bindings = false;
  bool bindings_hold = false;  // none are given, or the peer's are the same
};

// Structure, state and policy, in the order of security.md section 1; no store is asked before all
// of it has passed.
Result<Acceptor::Claim> Acceptor::read_claim(const ExpectAuthenticate& state, ByteView token) {
  const Policy& policy = setup_->policy;
  Claim claim;
  TRY(claim.message, parse_authenticate(token));
  const AuthenticateMessage& message = claim.message;
  if ((message.flags & kSecurityBits & ~state.offered) != 0) {
    return fail(Errc::kDefectiveMessage, "AUTHENTICATE.NegotiateFlags");
  }
  const bool unicode = (state.offered & kUnicode) != 0;
  if (unicode && (message.flags & (kUnicode | kOem)) == kOem) {
    return fail(Errc::kDefectiveMessage, "AUTHENTICATE.Charset");
  }
  claim.used = message.flags & state.offered;
  evidence_.flags = claim.used;
  TRY_VOID(read_text(claim.user, message.user, unicode, kMaxUserUnits));
  TRY_VOID(read_text(claim.domain, message.domain, unicode, kMaxDomainUnits));
  TRY_VOID(read_text(claim.workstation, message.workstation, unicode, kMaxDomainUnits));
  evidence_.claimed = {claim.user.utf8, claim.domain.utf8};
  evidence_.workstation = claim.workstation.utf8;
  TRY_VOID(check_session_key(claim.used, message.encrypted_session_key.size()));
  TRY_VOID(check_features(claim.used));
  if (clock_->boot_seconds() - state.issued_boot > policy.challenge_max_age) {
    return fail(Errc::kChallengeExpired, "CHALLENGE.Age");
  }
  if (policy.receive_ntlm == Policy::Receive::kDenyAll) {
    return fail(Errc::kAccountRestriction, "policy.receive_ntlm");
  }

  if (is_anonymous(message)) {
    claim.anonymous = true;
    return policy.allow_anonymous && !options_.no_anonymous
               ? Result<Claim>(std::move(claim))
               : fail(Errc::kAnonymousRefused, "AUTHENTICATE.Anonymous");
  }
  TRY(claim.version, version_of(message.nt_response.size(), claim.used, policy));
  evidence_.version = claim.version;
  evidence_.version_known = true;
  if (claim.version == NtlmVersion::kV2) {
    TRY_VOID(read_client_challenge(state, claim));
  }
  return claim;
}

// [MS-NLMP] 2.2.2.7: what the peer puts under its proof.
Result<void> Acceptor::read_client_challenge(const ExpectAuthenticate& state, Claim& claim) {
  const AuthenticateMessage& message = claim.message;
  TRY(claim.client_challenge, parse_client_challenge(message.nt_response.subspan(16)));
  const TargetInfo& info = claim.client_challenge->target_info;
  TRY(const TargetInfo sent,
      parse_target_info(
          ByteView(state.challenge).subspan(state.target_info_offset, state.target_info_size)));
  if (!echoes(sent, info)) {
    return fail(Errc::kTargetInfoNotEchoed, "NTLMv2_CLIENT_CHALLENGE.AvPairs");
  }
  const std::uint64_t lifetime = setup_->policy.max_lifetime * kTicksPerSecond;
  if (distance(claim.client_challenge->timestamp, state.timestamp) > lifetime) {
    return fail(Errc::kDefectiveMessage, "NTLMv2_CLIENT_CHALLENGE.TimeStamp");
  }
  const std::uint32_t flags = info.flags.value_or(0);
  claim.has_mic = (flags & kAvFlagMicPresent) != 0;
  if (claim.has_mic && !message.mic) {
    return fail(Errc::kDefectiveMessage, "AUTHENTICATE.MIC");
  }
  evidence_.mic = claim.has_mic ? MicState::kSent : MicState::kAbsent;
  if (info.target_name && (flags & kAvFlagUntrustedTarget) == 0) {
    TRY(evidence_.target, utf8_from_utf16le(*info.target_name));
  }
  return {};
}

// [MS-NLMP] 3.2.5.1.2: from the session base key to the exported one.
Result<crypto::ExportedSessionKey> Acceptor::exported_key(const ExpectAuthenticate& state,
                                                          const Claim& claim,
                                                          const LogonResult& logon) const {
  const AuthenticateMessage& message = claim.message;
  crypto::KeyExchangeKey kxkey;
  if (claim.version == NtlmVersion::kV2) {
    kxkey = crypto::kxkey_v2(logon.session_base_key);
  } else {
    const crypto::KxkeyV1Input input{logon.session_base_key,
                                     logon.lm_hash ? &*logon.lm_hash : nullptr,
                                     message.lm_response,
                                     state.server_challenge,
                                     (claim.used & kEss) != 0,
                                     (claim.used & kLmKey) != 0,
                                     (claim.used & kNonNtSessionKey) != 0};
    TRY(kxkey, crypto::kxkey_v1(input));
  }
  if (message.encrypted_session_key.size() == 16) {
    crypto::ExportedSessionKey key;
    crypto::rc4k(kxkey, message.encrypted_session_key.first<16>(), key.expose_mutable());
    return key;
  }
  return crypto::ExportedSessionKey(kxkey.expose());
}

// R26, R27: over the three messages as they crossed the wire, with the MIC's own bytes zeroed.
Result<void> Acceptor::verify_mic(const ExpectAuthenticate& state, ByteView token,
                                  const Claim& claim, const crypto::ExportedSessionKey& key) {
  if (!claim.has_mic) {
    const Policy::Mic policy = setup_->policy.require_mic;
    const bool windows = claim.message.version.value_or(Version{}) != Version{};
    const bool expected = policy == Policy::Mic::kYes ||
                          (policy == Policy::Mic::kAuto && claim.version == NtlmVersion::kV2 &&
                           ((claim.used & (kSign | kSeal)) != 0 || windows));
    return expected ? fail(Errc::kMicMissing, "AUTHENTICATE.MIC") : Result<void>();
  }
  static constexpr std::array<std::uint8_t, kMicSize> kZeros{};
  const crypto::Digest16 expected =
      crypto::mic(key, {state.negotiate, state.challenge, token.first(kMicOffset), kZeros,
                        token.subspan(kMicOffset + kMicSize)});
  const bool right = equal_ct(expected, *claim.message.mic);
  evidence_.mic = right ? MicState::kVerified : MicState::kBad;
  return right ? Result<void>() : fail(Errc::kBadMic, "AUTHENTICATE.MIC");
}

// R30-R32, of which nothing is decided before the proof: the record of a refusal has it too.
void Acceptor::compare_bindings(Claim& claim, const crypto::ChannelBindings* bindings) {
  static constexpr std::array<std::uint8_t, 16> kZeros{};
  std::optional<std::array<std::uint8_t, 16>> sent;
  if (claim.client_challenge) {
    sent = claim.client_challenge->target_info.channel_bindings;
  }
  const bool given =
      bindings != nullptr &&
      !(bindings->application.empty() && bindings->initiator.empty() && bindings->acceptor.empty());
  claim.sent_bindings = sent.has_value();
  if (!given) {
    claim.bindings_hold = true;
    evidence_.bindings = sent && *sent != kZeros ? BindingsState::kUnasked : BindingsState::kNone;
  } else if (sent && equal_ct(*sent, crypto::channel_binding_hash(*bindings))) {
    claim.bindings_hold = true;
    // Bindings without application data name no channel: never a claim to be bound (R32).
    evidence_.bindings =
        bindings->application.empty() ? BindingsState::kAbsent : BindingsState::kMatch;
  } else {
    evidence_.bindings = sent ? BindingsState::kMismatch : BindingsState::kAbsent;
  }
}

Result<void> Acceptor::check_bindings(const Claim& claim) const {
  const Policy::Bindings policy = setup_->policy.channel_bindings;
  const bool missing_passes =
      policy == Policy::Bindings::kWhenSupported || options_.missing_bindings_pass;
  if (claim.bindings_hold || policy == Policy::Bindings::kNever || options_.any_bindings_pass ||
      (!claim.sent_bindings && missing_passes)) {
    return {};
  }
  return fail(Errc::kBadBindings, "MsvAvChannelBindings");
}

// [MS-NLMP] 3.2.5.1.2
Result<Acceptor::Step> Acceptor::on_authenticate(const ExpectAuthenticate& state, ByteView token,
                                                 const crypto::ChannelBindings* bindings) {
  TRY(Claim claim, read_claim(state, token));
  compare_bindings(claim, bindings);
  if (claim.anonymous) {
    return establish_anonymous(claim);
  }
  TRY(LogonResult logon, setup_->verifier->verify(question(state, claim, bindings)));
  return on_logon(state, token, claim, std::move(logon));
}

LogonRequest Acceptor::question(const ExpectAuthenticate& state, const Claim& claim,
                                const crypto::ChannelBindings* bindings) const {
  return {claim.user.utf16le(),
          claim.domain.utf16le(),
          evidence_.claimed,
          claim.workstation.utf8,
          setup_->names,
          claim.version,
          state.server_challenge,
          claim.message.nt_response,
          claim.message.lm_response,
          setup_->policy,
          options_.machine_accounts,
          initiator_address(bindings)};
}

Result<Acceptor::Step> Acceptor::on_logon(const ExpectAuthenticate& state, ByteView token,
                                          const Claim& claim, LogonResult logon) {
  evidence_.store = logon.store;
  TRY_VOID(check_lists(setup_->policy, setup_->names, logon.principal.account));
  TRY(crypto::ExportedSessionKey key, exported_key(state, claim, logon));
  TRY_VOID(verify_mic(state, token, claim, key));
  TRY_VOID(check_bindings(claim));
  TRY_VOID(check_target(setup_->policy, setup_->names, evidence_.target));

  state_.emplace<Established>(Established{Session(Role::kAcceptor, claim.used, std::move(key)),
                                          std::move(logon.principal), clock_->boot_seconds(),
                                          (claim.used & kIdentify) != 0});
  return Step{{}, true};
}

// What stays of AUTHENTICATE while its verifier is asked.
struct Acceptor::Asked {
  ExpectAuthenticate challenge;
  Claim claim;
  ByteView token;
};

Result<std::optional<LogonRequest>> Acceptor::ask(ByteView token,
                                                  const crypto::ChannelBindings* bindings) {
  auto state = std::exchange(state_, Failed{});
  auto* challenge = std::get_if<ExpectAuthenticate>(&state);
  if (challenge == nullptr) {
    return fail(Errc::kDeadContext, "accept");
  }
  TRY(Claim claim, read_claim(*challenge, token));
  compare_bindings(claim, bindings);
  if (claim.anonymous) {
    TRY_VOID(establish_anonymous(claim));
    return std::nullopt;
  }
  const auto asked =
      std::make_shared<const Asked>(Asked{std::move(*challenge), std::move(claim), token});
  state_ = ExpectLogon{asked};
  return question(asked->challenge, asked->claim, bindings);
}

Result<Acceptor::Step> Acceptor::settle(Result<LogonResult> verdict) {
  const auto state = std::exchange(state_, Failed{});
  const auto* awaited = std::get_if<ExpectLogon>(&state);
  if (awaited == nullptr) {
    return fail(Errc::kDeadContext, "accept");
  }
  TRY(LogonResult logon, std::move(verdict));
  const Asked& asked = *awaited->asked;
  return on_logon(asked.challenge, asked.token, asked.claim, std::move(logon));
}

// R47: a null session has no keys, so nothing can be signed or sealed in it.
Result<Acceptor::Step> Acceptor::establish_anonymous(const Claim& claim) {
  if (options_.require_sign || options_.require_seal || setup_->policy.require_sign ||
      setup_->policy.require_seal) {
    return fail(Errc::kAnonymousRefused, "AUTHENTICATE.Anonymous");
  }
  TRY_VOID(check_bindings(claim));
  Principal nobody;
  nobody.anonymous = true;
  evidence_.flags = (claim.used & ~(kSign | kSeal | kAlwaysSign | kKeyExchange)) | kAnonymous;
  state_.emplace<Established>(
      Established{Session(Role::kAcceptor, evidence_.flags, crypto::ExportedSessionKey()),
                  std::move(nobody), clock_->boot_seconds(), false});
  return Step{{}, true};
}

}  // namespace ntlm::protocol
