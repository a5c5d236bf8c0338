// SPDX-License-Identifier: MIT
// The first leg, and the exchange that an authority keeps; the second leg is in authenticate.cpp.
#include "protocol/acceptor.h"

#include "wire/av_pairs.h"

namespace ntlm::protocol {
namespace {

using namespace wire;  // the flags' names

// What we take of a peer's offer (R12). Never LM_KEY beside ESS, never a local call, anonymity or
// NON_NT_SESSION_KEY.
constexpr NegotiateFlags kTakeable = kUnicode | kOem | kRequestTarget | kSign | kSeal | kNtlm |
                                     kAlwaysSign | kEss | kIdentify | kVersion | k128 |
                                     kKeyExchange | k56;

void write_name(Writer& writer, AvId id, const std::string& name) {
  if (name.empty()) {
    return;
  }
  if (auto text = utf16le_from_utf8(name)) {
    write_av(writer, id, *text);
  } else {
    writer.fail();
  }
}

}  // namespace

AcceptorSetup::AcceptorSetup(Policy allowed, HostNames host, std::shared_ptr<const Verifier> who)
    : policy(std::move(allowed)), names(std::move(host)), verifier(std::move(who)) {
  // The order in which Windows sends them.
  Writer writer;
  write_name(writer, AvId::kNbDomainName, names.nb_domain);
  write_name(writer, AvId::kNbComputerName, names.nb_computer);
  write_name(writer, AvId::kDnsDomainName, names.dns_domain);
  write_name(writer, AvId::kDnsComputerName, names.dns_computer);
  target_info_names = std::move(writer).finish("TargetInfo").value_or(Bytes{});
  const bool standalone =
      names.nb_domain.empty() || equal_ignoring_case(names.nb_domain, names.nb_computer);
  target_is_domain = !standalone;
  target_name_utf16le =
      utf16le_from_utf8(standalone ? names.nb_computer : names.nb_domain).value_or(Bytes{});
}

AcceptorSetup::AcceptorSetup(Policy allowed, HostNames host,
                             std::shared_ptr<const Authority> elsewhere)
    : policy(std::move(allowed)), names(std::move(host)), authority(std::move(elsewhere)) {}

Acceptor::Acceptor(std::shared_ptr<const AcceptorSetup> setup, Clock& clock, Random& random)
    : setup_(std::move(setup)), clock_(&clock), random_(&random) {}

ByteView Acceptor::target_info() const {
  if (const auto* state = std::get_if<ExpectAuthenticate>(&state_)) {
    return ByteView(state->challenge).subspan(state->target_info_offset, state->target_info_size);
  }
  if (const auto* state = std::get_if<ExpectVerdict>(&state_)) {
    const auto challenge = parse_challenge(state->challenge);
    return challenge ? challenge->target_info : ByteView{};
  }
  return {};
}

Result<Acceptor::Step> Acceptor::step(ByteView token, const crypto::ChannelBindings* bindings) {
  // The state is taken out and the context is dead until a leg succeeds: no path leaves a challenge
  // to try again.
  auto state = std::exchange(state_, Failed{});
  if (std::holds_alternative<ExpectNegotiate>(state)) {
    return setup_->authority != nullptr ? ask_authority(token) : on_negotiate(token);
  }
  if (const auto* awaited = std::get_if<ExpectAuthenticate>(&state)) {
    return on_authenticate(*awaited, token, bindings);
  }
  if (auto* awaited = std::get_if<ExpectVerdict>(&state)) {
    return on_verdict(*awaited, token, bindings);
  }
  return fail(Errc::kDeadContext, "accept");
}

Result<Acceptor::Step> Acceptor::ask_authority(ByteView negotiate) {
  auto begun = setup_->authority->begin(negotiate, options_, service_);
  recorded_elsewhere_ = !begun && begun.error().where == kVerdict;
  if (!begun) {
    return tl::unexpected<Error>(begun.error());
  }
  Step step{begun->challenge, false};
  state_ = ExpectVerdict{std::move(begun->exchange), std::move(begun->challenge)};
  return step;
}

Result<Acceptor::Step> Acceptor::on_verdict(ExpectVerdict& state, ByteView authenticate,
                                            const crypto::ChannelBindings* bindings) {
  const auto saved = state.exchange->finish(authenticate, options_, bindings);
  recorded_elsewhere_ = saved || saved.error().where == kVerdict;
  if (!saved) {
    return tl::unexpected<Error>(saved.error());
  }
  Reader reader(*saved);
  auto theirs = restore(reader, setup_, *clock_, *random_);
  if (!theirs || theirs->established() == nullptr || !reader.at_end()) {
    return fail(Errc::kInternal, "authority.acceptor");
  }
  evidence_ = std::move(theirs->evidence_);
  state_ = std::move(theirs->state_);
  return Step{{}, true};
}

// The flags must have what signing needs, and what this context's caller or the policy demands
// (R15, R14).
Result<void> Acceptor::check_features(NegotiateFlags flags) const {
  const Policy& policy = setup_->policy;
  const bool is_protected = (flags & (kSign | kSeal)) != 0;
  if (is_protected && policy.require_128 && (flags & (kEss | k128)) != (kEss | k128)) {
    return fail(Errc::kFeatureMissing, "NegotiateFlags.128AndESS");
  }
  // [MS-NLMP] 2.2.2.5: a datagram's keys are of this session alone only with a key exchange (R17).
  if ((flags & kDatagram) != 0 && (flags & kKeyExchange) == 0) {
    return fail(Errc::kFeatureMissing, "NegotiateFlags.KeyExchange");
  }
  if (((options_.require_sign || policy.require_sign) && !is_protected) ||
      ((options_.require_seal || policy.require_seal) && (flags & kSeal) == 0)) {
    return fail(Errc::kFeatureMissing, "NegotiateFlags.Required");
  }
  return {};
}

// [MS-NLMP] 3.2.5.1.1
Result<Acceptor::Step> Acceptor::on_negotiate(ByteView token) {
  const Policy& policy = setup_->policy;
  TRY(const NegotiateMessage negotiate, parse_negotiate(token));
  evidence_.flags = negotiate.flags;
  if ((negotiate.flags & (kUnicode | kOem)) == 0) {
    return fail(Errc::kDefectiveMessage, "NEGOTIATE.Charset");
  }
  if ((negotiate.flags & kDatagram) != 0 && !policy.allow_datagram) {
    return fail(Errc::kFeatureMissing, "NEGOTIATE.Datagram");
  }

  NegotiateFlags offered = negotiate.flags & (kTakeable | (policy.allow_datagram ? kDatagram : 0));
  if (policy.accept_v1 && (offered & kEss) == 0) {
    offered |= negotiate.flags & kLmKey;
  }
  if ((offered & kUnicode) != 0) {
    offered &= ~kOem;
  }
  TRY_VOID(check_features(offered));
  offered |=
      kNtlm | kTargetInfo | (setup_->target_is_domain ? kTargetTypeDomain : kTargetTypeServer);

  ExpectAuthenticate next;
  random_->fill(next.server_challenge);
  next.offered = offered;
  next.timestamp = clock_->filetime();
  next.issued_boot = clock_->boot_seconds();
  next.negotiate.assign(token.begin(), token.end());

  Writer info(setup_->target_info_names.size() + 16);
  info.bytes(setup_->target_info_names);
  info.u32(0x00080000u | static_cast<std::uint32_t>(AvId::kTimestamp));
  info.u64(next.timestamp);
  write_av_eol(info);
  TRY(const Bytes target_info, std::move(info).finish("TargetInfo"));

  ChallengeMessage challenge;
  challenge.flags = offered;
  challenge.server_challenge = next.server_challenge;
  challenge.target_info = target_info;
  Bytes oem_name;
  challenge.target_name = setup_->target_name_utf16le;
  if ((offered & kUnicode) == 0) {
    for (std::size_t i = 0; i < challenge.target_name.size(); i += 2) {
      const bool ascii = challenge.target_name[i + 1] == 0 && challenge.target_name[i] < 0x80;
      oem_name.push_back(ascii ? challenge.target_name[i] : std::uint8_t{'?'});
    }
    challenge.target_name = oem_name;
  }
  if ((offered & kVersion) != 0) {
    challenge.version = kOurVersion;
  }
  TRY(next.challenge, write_challenge(challenge));
  next.target_info_size = static_cast<std::uint32_t>(target_info.size());
  next.target_info_offset = static_cast<std::uint32_t>(next.challenge.size() - target_info.size());

  Step step{next.challenge, false};
  state_ = std::move(next);
  return step;
}

}  // namespace ntlm::protocol
