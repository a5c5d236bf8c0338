// SPDX-License-Identifier: MIT
// gss_accept_sec_context, gss_init_sec_context, gss_delete_sec_context: one leg of an exchange
// each. The order is the same in both directions: borrow or make the context, hand the token to the
// state machine, write one audit record when an acceptor has come to its answer, set the outputs.
#include "abi/context.h"

#include <gssapi/gssapi_ext.h>

#include <chrono>
#include <string_view>

#include "abi/boundary.h"
#include "abi/credential.h"
#include "abi/mechanism.h"
#include "abi/name.h"
#include "base/text.h"
#include "gssapi_ntlm.h"
#include "protocol/attempt.h"
#include "store/open.h"

namespace ntlm::abi {
namespace {

using protocol::Acceptor;
using protocol::Initiator;

// The bindings of RFC 2744 3.11 as the protocol wants them; views into the caller's memory.
std::optional<crypto::ChannelBindings> bindings_of(gss_channel_bindings_t given) {
  if (given == GSS_C_NO_CHANNEL_BINDINGS) {
    return std::nullopt;
  }
  return crypto::ChannelBindings{given->initiator_addrtype, bytes_of(&given->initiator_address),
                                 given->acceptor_addrtype, bytes_of(&given->acceptor_address),
                                 bytes_of(&given->application_data)};
}

// A token may come in the frame of RFC 2743 3.1 with our OID; what is inside is the message.
ByteView unframed(ByteView token) {
  constexpr std::uint8_t kFrame = 0x60;
  constexpr std::uint8_t kOidTag = 0x06;
  if (token.empty() || token[0] != kFrame) {
    return token;
  }
  Reader reader(token.subspan(1));
  std::size_t length = reader.u8();
  if (length == 0x81) {
    length = reader.u8();
  } else if (length == 0x82) {
    const std::size_t high = reader.u8();
    length = high << 8 | reader.u8();
  } else if (length > 0x80) {
    return token;
  }
  if (!reader.ok() || length != reader.remaining()) {
    return token;
  }
  const std::array<std::uint8_t, 2> head{kOidTag, GSS_NTLM_OID_LENGTH};
  reader.expect(head);
  reader.expect(
      {static_cast<const std::uint8_t*>(mechanism_oid()->elements), mechanism_oid()->length});
  return reader.ok() ? reader.take(reader.remaining()) : token;
}

OM_uint32 protection_flags(const protocol::Session& session) {
  OM_uint32 flags = GSS_C_PROT_READY_FLAG | GSS_C_TRANS_FLAG;
  if (session.can_sign()) {
    flags |= GSS_C_INTEG_FLAG;
    // A datagram's number is the application's, which may name one twice and leave others out.
    if ((session.flags() & wire::kDatagram) == 0) {
      flags |= GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG;
    }
  }
  if (session.can_seal()) {
    flags |= GSS_C_CONF_FLAG;
  }
  return flags;
}

OM_uint32 acceptor_flags(const Acceptor& acceptor) {
  const protocol::Established& established = *acceptor.established();
  OM_uint32 flags = protection_flags(established.session);
  if (established.principal.anonymous) {
    flags |= GSS_C_ANON_FLAG;
  }
  if (established.identify_only) {
    flags |= GSS_C_IDENTIFY_FLAG;
  }
  if (acceptor.evidence().bindings == protocol::BindingsState::kMatch) {
    flags |= GSS_C_CHANNEL_BOUND_FLAG;
  }
  return flags;
}

OM_uint32 initiator_flags(const Initiator& initiator) {
  OM_uint32 flags = protection_flags(initiator.established()->session);
  if (initiator.request().anonymous) {
    flags |= GSS_C_ANON_FLAG;
  }
  if ((initiator.established()->session.flags() & wire::kIdentify) != 0) {
    flags |= GSS_C_IDENTIFY_FLAG;
  }
  return flags;
}

// Answers how many seconds the context lasts from now.
OM_uint32 establish(ContextObject& context, OM_uint32 flags) {
  context.granted_flags = flags;
  context.complete = true;
  const std::uint32_t lifetime = context.setup->policy().context_lifetime;
  context.expires_boot = lifetime == 0 ? 0 : system_clock().boot_seconds() + lifetime;
  return lifetime == 0 ? GSS_C_INDEFINITE : lifetime;
}

// What became of the attempt, once it has an answer.
void record_attempt(const ContextObject& context, const Acceptor& acceptor, const Error* error,
                    std::chrono::steady_clock::time_point started) {
  AuditEvent event = protocol::attempt(acceptor, error);
  event.service = context.service;
  std::string principal;
  if (error == nullptr) {
    principal = displayed(*context.source, context.setup->display_form);
    event.principal = principal;
  }
  const auto duration = std::chrono::steady_clock::now() - started;
  event.duration_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
  audit(context.setup->audit, event);
}

// send_ntlm = audit: who of this host logs in elsewhere, once the answer is on its way.
void record_initiation(const ContextObject& context, const Initiator& initiator) {
  if (context.setup->policy().send_ntlm != protocol::Policy::Send::kAudit) {
    return;
  }
  const protocol::Session& session = initiator.established()->session;
  AuditEvent event;
  event.event = "initiate";
  event.success = true;
  event.reason = "ok";
  event.user = initiator.responder()->account().user;
  event.domain = initiator.responder()->account().domain;
  event.target = initiator.request().target;
  event.version = context.setup->policy().initiate_v1 ? "NTLMv1" : "NTLMv2";
  event.flags = session.flags();
  event.mic = initiator.established()->mic_sent ? "sent" : "absent";
  event.key_bits = session.key_bits();
  audit(context.setup->audit, event);
}

// The context of the first leg. credential: null means GSS_C_NO_CREDENTIAL.
Result<void> begin_accepting(ContextObject& context, const CredentialObject* credential) {
  std::shared_ptr<const protocol::AcceptorSetup> acceptor;
  if (credential == nullptr) {
    TRY(context.setup, current_setup());
    acceptor = context.setup->acceptor;
  } else {
    if (!credential->accepts) {
      return fail(Errc::kNoCredential, "credential usage");
    }
    context.setup = credential->setup;
    acceptor = credential->acceptor;
    context.service = displayed(credential->name, context.setup->display_form);
  }
  const bool elsewhere = acceptor->authority != nullptr;
  auto& machine =
      context.machine.emplace<Acceptor>(std::move(acceptor), system_clock(), system_random());
  if (elsewhere) {
    machine.set_service(context.service);
  }
  return {};
}

// Whether a service is asked for on this very host.
bool is_here(const protocol::ServiceName& service, const protocol::HostNames& names) {
  const auto is_host = [&service](std::string_view name) {
    return equal_ignoring_case(service.host, name);
  };
  return service.host.empty() || is_host("localhost") || service.host.starts_with("127.") ||
         is_host("::1") || is_host(names.dns_computer) || is_host(names.nb_computer);
}

Result<void> begin_initiating(ContextObject& context, const CredentialObject* credential,
                              const NameObject* target, OM_uint32 flags) {
  std::unique_ptr<CredentialObject> default_credential;
  if (credential == nullptr) {
    CredentialRequest request;
    const auto nobody = anonymous_name();
    request.initiates = true;
    request.name = (flags & GSS_C_ANON_FLAG) != 0 ? nobody.get() : nullptr;
    TRY(default_credential, acquire_credential(request));
    credential = default_credential.get();
  }
  if (!credential->initiates) {
    return fail(Errc::kNoCredential, "credential usage");
  }
  context.setup = credential->setup;
  const bool only_asked = credential->no_ci_flags.load(std::memory_order_relaxed);
  // Both are offered unasked, as Kerberos does; whoever asks for integrity alone gets that (SASL's
  // maxssf=1). With NO_CI_FLAGS neither is, and a wish for replay or sequence detection is none for
  // integrity (SASL's maxssf=0).
  const bool wants_integrity = (flags & GSS_C_INTEG_FLAG) != 0;
  const bool wants_seal = (flags & GSS_C_CONF_FLAG) != 0;
  protocol::InitiatorRequest request;
  request.sign = wants_integrity || wants_seal || !only_asked;
  request.seal = wants_seal || (!wants_integrity && !only_asked);
  request.identify = (flags & GSS_C_IDENTIFY_FLAG) != 0;
  const bool anonymous = credential->responder->anonymous() || (flags & GSS_C_ANON_FLAG) != 0;
  request.anonymous = anonymous;
  request.datagram = (flags & GSS_C_DATAGRAM_FLAG) != 0;
  request.offered = credential->offered_flags.load(std::memory_order_relaxed);
  request.workstation = context.setup->host().nb_computer;
  if (target != nullptr) {
    // A target that is no service is the caller's own text ("service/host:port", "DOM\\server").
    request.target = target->kind == NameObject::Kind::kService ? protocol::spn(target->service)
                     : target->written.empty()
                         ? protocol::display(target->account, protocol::DisplayForm::kUserAtDomain)
                         : target->written;
    request.target_is_here = target->kind == NameObject::Kind::kService &&
                             is_here(target->service, context.setup->host());
    context.target = std::make_unique<NameObject>(*target);
  }
  if (request.datagram && !context.setup->policy().allow_datagram) {
    return fail(Errc::kFeatureMissing, "datagram");
  }
  context.requested_flags = flags;
  // Whoever is nobody to the peer is so to the context too: name and secret stay out of it.
  context.source = anonymous ? anonymous_name() : copy_of(credential->name);
  context.machine.emplace<Initiator>(
      context.setup->policy(), anonymous ? store::anonymous_responder() : credential->responder,
      std::move(request), system_clock(), system_random());
  return {};
}

// The context behind a handle, or a new one that `owner` keeps until the leg has succeeded.
ContextObject* find_or_make(gss_ctx_id_t handle, std::unique_ptr<ContextObject>& owner) {
  if (handle != GSS_C_NO_CONTEXT) {
    return borrow<ContextObject>(handle);
  }
  owner = std::make_unique<ContextObject>();
  return owner.get();
}

// A leg whose outcome does not reach the caller (no memory for its token or name) leaves a dead
// context, as a refused token does: nobody may go on in a session that he was told has failed.
template <typename Machine>
class Leg {
 public:
  Leg(ContextObject& context, Machine& machine) : context_(context), machine_(machine) {}
  ~Leg() {
    if (!handed_over_) {
      machine_.abandon();
      context_.complete = false;
    }
  }
  Leg(const Leg&) = delete;
  Leg& operator=(const Leg&) = delete;
  void handed_over() { handed_over_ = true; }

 private:
  ContextObject& context_;
  Machine& machine_;
  bool handed_over_ = false;
};

}  // namespace

Status accept_leg(const AcceptCall& call) {
  const auto started = std::chrono::steady_clock::now();
  const auto* credential = borrow<CredentialObject>(call.credential);
  if (credential == nullptr && call.credential != GSS_C_NO_CREDENTIAL) {
    return with_major(GSS_S_NO_CRED, Errc::kBadArgument);
  }
  std::unique_ptr<ContextObject> owner;
  ContextObject* context = find_or_make(*call.context, owner);
  if (context == nullptr) {
    return with_major(GSS_S_NO_CONTEXT, Errc::kBadArgument);
  }
  if (std::holds_alternative<std::monostate>(context->machine)) {
    TRY_VOID(begin_accepting(*context, credential));
  }
  auto* acceptor = std::get_if<Acceptor>(&context->machine);
  if (acceptor == nullptr) {
    return with_major(GSS_S_NO_CONTEXT, Errc::kBadArgument);
  }
  acceptor->set_options(context->accept_options);
  const bool was_dead = acceptor->failed();
  const auto bindings = bindings_of(call.bindings);
  Leg leg(*context, *acceptor);
  auto step = acceptor->step(unframed(bytes_of(call.input)), bindings ? &*bindings : nullptr);
  if (!step) {
    if (acceptor->recorded_elsewhere()) {
      return step.error();
    }
    if (!was_dead) {
      record_attempt(*context, *acceptor, &step.error(), started);
    }
    return protocol::outward(step.error());
  }
  TRY(OutputBuffer output, OutputBuffer::copy(ByteView(step->token)));
  std::unique_ptr<NameObject> source;
  if (step->complete) {
    context->source = proven_name(acceptor->established()->principal, acceptor->evidence());
    source = call.source != nullptr ? std::make_unique<NameObject>(*context->source) : nullptr;
    if (!acceptor->recorded_elsewhere()) {
      record_attempt(*context, *acceptor, nullptr, started);
    }
    const OM_uint32 lifetime = establish(*context, acceptor_flags(*acceptor));
    set(call.flags, context->granted_flags);
    set(call.lifetime, lifetime);
    if (call.source != nullptr) {
      *call.source = lend<gss_name_struct>(std::move(source));
    }
  }
  leg.handed_over();
  set(call.mechanism, mechanism_oid());
  std::move(output).give(call.output);
  if (owner != nullptr) {
    *call.context = lend<gss_ctx_id_struct>(std::move(owner));
  }
  return step->complete ? GSS_S_COMPLETE : GSS_S_CONTINUE_NEEDED;
}

Status initiate_leg(const InitiateCall& call) {
  const auto* credential = borrow<CredentialObject>(call.credential);
  if (credential == nullptr && call.credential != GSS_C_NO_CREDENTIAL) {
    return with_major(GSS_S_NO_CRED, Errc::kBadArgument);
  }
  const auto* target = borrow<NameObject>(call.target);
  if (target == nullptr && call.target != GSS_C_NO_NAME) {
    return with_major(GSS_S_BAD_NAME, Errc::kBadName);
  }
  std::unique_ptr<ContextObject> owner;
  ContextObject* context = find_or_make(*call.context, owner);
  if (context == nullptr) {
    return with_major(GSS_S_NO_CONTEXT, Errc::kBadArgument);
  }
  if (std::holds_alternative<std::monostate>(context->machine)) {
    TRY_VOID(begin_initiating(*context, credential, target, call.wanted));
  }
  auto* initiator = std::get_if<Initiator>(&context->machine);
  if (initiator == nullptr) {
    return with_major(GSS_S_NO_CONTEXT, Errc::kBadArgument);
  }
  const auto bindings = bindings_of(call.bindings);
  Leg leg(*context, *initiator);
  TRY(const Initiator::Step step,
      initiator->step(bytes_of(call.input), bindings ? &*bindings : nullptr));
  TRY(OutputBuffer output, OutputBuffer::copy(ByteView(step.token)));
  if (step.complete) {
    record_initiation(*context, *initiator);
    const OM_uint32 lifetime = establish(*context, initiator_flags(*initiator));
    set(call.flags, context->granted_flags);
    set(call.lifetime, lifetime);
  }
  leg.handed_over();
  set(call.mechanism, mechanism_oid());
  std::move(output).give(call.output);
  if (owner != nullptr) {
    *call.context = lend<gss_ctx_id_struct>(std::move(owner));
  }
  return step.complete ? GSS_S_COMPLETE : GSS_S_CONTINUE_NEEDED;
}

std::uint32_t remaining_lifetime(const ContextObject& context) {
  if (context.expires_boot == 0) {
    return GSS_C_INDEFINITE;
  }
  const std::uint64_t now = system_clock().boot_seconds();
  return now >= context.expires_boot ? 0 : static_cast<std::uint32_t>(context.expires_boot - now);
}

}  // namespace ntlm::abi

using namespace ntlm::abi;

extern "C" {

OM_uint32 gss_accept_sec_context(OM_uint32* minor_status, gss_ctx_id_t* context_handle,
                                 gss_cred_id_t acceptor_cred_handle, gss_buffer_t input_token,
                                 gss_channel_bindings_t input_chan_bindings, gss_name_t* src_name,
                                 gss_OID* mech_type, gss_buffer_t output_token,
                                 OM_uint32* ret_flags, OM_uint32* time_rec,
                                 gss_cred_id_t* delegated_cred_handle) {
  clear(minor_status, src_name, mech_type, output_token, ret_flags, time_rec,
        delegated_cred_handle);
  if (context_handle == nullptr || output_token == nullptr) {
    return GSS_S_CALL_INACCESSIBLE_WRITE;
  }
  return guard(minor_status, [&] {
    return accept_leg({context_handle, acceptor_cred_handle, input_token, input_chan_bindings,
                       src_name, mech_type, output_token, ret_flags, time_rec});
  });
}

OM_uint32 gss_init_sec_context(OM_uint32* minor_status, gss_cred_id_t claimant_cred_handle,
                               gss_ctx_id_t* context_handle, gss_name_t target_name,
                               gss_OID /*mech_type*/, OM_uint32 req_flags, OM_uint32 /*time_req*/,
                               gss_channel_bindings_t input_chan_bindings, gss_buffer_t input_token,
                               gss_OID* actual_mech_type, gss_buffer_t output_token,
                               OM_uint32* ret_flags, OM_uint32* time_rec) {
  clear(minor_status, actual_mech_type, output_token, ret_flags, time_rec);
  if (context_handle == nullptr || output_token == nullptr) {
    return GSS_S_CALL_INACCESSIBLE_WRITE;
  }
  return guard(minor_status, [&] {
    return initiate_leg({context_handle, claimant_cred_handle, target_name, req_flags,
                         input_chan_bindings, input_token, actual_mech_type, output_token,
                         ret_flags, time_rec});
  });
}

OM_uint32 gss_delete_sec_context(OM_uint32* minor_status, gss_ctx_id_t* context_handle,
                                 gss_buffer_t output_token) {
  clear(minor_status, output_token);
  if (context_handle == nullptr) {
    return GSS_S_CALL_INACCESSIBLE_WRITE;
  }
  return guard(minor_status, [&]() -> Status {
    const gss_ctx_id_t handle = std::exchange(*context_handle, GSS_C_NO_CONTEXT);
    if (handle == GSS_C_NO_CONTEXT) {
      return GSS_S_COMPLETE;
    }
    const std::unique_ptr<ContextObject> context(borrow<ContextObject>(handle));
    return context != nullptr ? Status() : with_major(GSS_S_NO_CONTEXT, ntlm::Errc::kBadArgument);
  });
}

// NTLM has no context tokens beside those of the exchange ([MS-NLMP] 2.2.1): whatever this is, it
// is none.
OM_uint32 gss_process_context_token(OM_uint32* minor_status, gss_ctx_id_t context_handle,
                                    gss_buffer_t) {
  clear(minor_status);
  return guard(minor_status, [&]() -> Status {
    return borrow<ContextObject>(context_handle) != nullptr
               ? Status(ntlm::Error{ntlm::Errc::kDefectiveMessage, "context token"})
               : with_major(GSS_S_NO_CONTEXT, ntlm::Errc::kBadArgument);
  });
}

}  // extern "C"
