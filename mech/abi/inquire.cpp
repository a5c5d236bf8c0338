// SPDX-License-Identifier: MIT
// What can be asked of a context, and the options that can be set on it.
#include <gssapi/gssapi_ext.h>

#include <array>
#include <string_view>

#include "abi/boundary.h"
#include "abi/context.h"
#include "abi/mechanism.h"
#include "abi/outputs.h"
#include "gssapi_ntlm.h"

namespace ntlm::abi {
namespace {

using protocol::Acceptor;
using protocol::BindingsState;
using protocol::Initiator;

// 1.2.840.113554.1.2.2.5.5 and .15, which krb5's mechanism defined first.
constexpr std::string_view kSessionKeyOid("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x05", 11);
constexpr std::string_view kSaslSsfOid("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x0f", 11);

std::uint32_t bindings_number(BindingsState state) {
  switch (state) {
    case BindingsState::kMatch:
      return GSS_NTLM_BINDINGS_MATCH;
    case BindingsState::kAbsent:
    case BindingsState::kMismatch:  // only where the caller said that any may pass
      return GSS_NTLM_BINDINGS_ABSENT;
    case BindingsState::kUnasked:
      return GSS_NTLM_BINDINGS_UNASKED;
    case BindingsState::kNone:
      break;
  }
  return GSS_NTLM_BINDINGS_NONE;
}

// Hands one buffer to a set's owner.
Status give_set(gss_buffer_set_t* set, ByteView bytes) {
  BufferSet answer;
  TRY_VOID(answer.add(bytes));
  std::move(answer).give(set);
  return {};
}

// SPNEGO's question ([MS-SPNG] 3.3.5.1): was there a MIC, so that a mechListMIC must follow?
bool used_mic(const ContextObject& context) {
  if (const auto* acceptor = std::get_if<Acceptor>(&context.machine)) {
    return acceptor->evidence().mic == protocol::MicState::kVerified;
  }
  const auto* initiator = std::get_if<Initiator>(&context.machine);
  return initiator != nullptr && initiator->established() != nullptr &&
         initiator->established()->mic_sent;
}

ByteView target_info_of(const ContextObject& context) {
  if (const auto* acceptor = std::get_if<Acceptor>(&context.machine)) {
    return acceptor->target_info();
  }
  const auto* initiator = std::get_if<Initiator>(&context.machine);
  return initiator != nullptr && initiator->established() != nullptr
             ? ByteView(initiator->established()->target_info)
             : ByteView{};
}

const std::string* target_name_of(const ContextObject& context) {
  if (const auto* acceptor = std::get_if<Acceptor>(&context.machine)) {
    return &acceptor->evidence().target;
  }
  const auto* initiator = std::get_if<Initiator>(&context.machine);
  return initiator != nullptr ? &initiator->request().target : nullptr;
}

std::uint32_t bindings_of(const ContextObject& context) {
  if (const auto* acceptor = std::get_if<Acceptor>(&context.machine)) {
    return bindings_number(acceptor->evidence().bindings);
  }
  const auto* initiator = std::get_if<Initiator>(&context.machine);
  const bool sent = initiator != nullptr && initiator->established() != nullptr &&
                    initiator->established()->bindings_sent;
  return sent ? GSS_NTLM_BINDINGS_MATCH : GSS_NTLM_BINDINGS_NONE;
}

Status unavailable() { return with_major(GSS_S_UNAVAILABLE, Errc::kBadArgument); }

Status inquire(ContextObject& context, const gss_OID_desc* wanted, gss_buffer_set_t* set) {
  if (is_oid(wanted, {GSS_SPNEGO_REQUIRE_MIC_OID_STRING, GSS_SPNEGO_REQUIRE_MIC_OID_LENGTH})) {
    const std::uint8_t answer = used_mic(context) ? 1 : 0;
    return give_set(set, {&answer, 1});
  }
  if (is_oid(wanted, {GSS_NTLM_INQ_TARGET_INFO_OID_STRING, GSS_NTLM_INQ_TARGET_INFO_OID_LENGTH})) {
    const ByteView info = target_info_of(context);
    return info.empty() ? unavailable() : give_set(set, info);
  }
  TRY(protocol::Session * session, usable_session(context));
  if (is_oid(wanted, kSessionKeyOid)) {
    // A null session has no key; what everybody knows must not pass for one (R47).
    if ((session->flags() & wire::kAnonymous) != 0) {
      return unavailable();
    }
    return give_set(set, session->exported_key().expose());
  }
  if (is_oid(wanted, kSaslSsfOid)) {
    const auto bits = static_cast<std::uint32_t>(session->can_seal()   ? session->key_bits()
                                                 : session->can_sign() ? 1
                                                                       : 0);
    const auto raw = little_endian(bits);
    return give_set(set, std::array<std::uint8_t, 4>{raw[3], raw[2], raw[1], raw[0]});
  }
  if (is_oid(wanted, {GSS_NTLM_INQ_NEGOTIATED_FLAGS_OID_STRING,
                      GSS_NTLM_INQ_NEGOTIATED_FLAGS_OID_LENGTH})) {
    return give_set(set, little_endian(session->flags()));
  }
  if (is_oid(wanted, {GSS_NTLM_INQ_TARGET_NAME_OID_STRING, GSS_NTLM_INQ_TARGET_NAME_OID_LENGTH})) {
    const std::string* target = target_name_of(context);
    if (target == nullptr || target->empty()) {
      return unavailable();
    }
    return give_set(set,
                    {static_cast<const std::uint8_t*>(static_cast<const void*>(target->data())),
                     target->size()});
  }
  if (is_oid(wanted, {GSS_NTLM_INQ_BINDINGS_OID_STRING, GSS_NTLM_INQ_BINDINGS_OID_LENGTH})) {
    return give_set(set, little_endian(bindings_of(context)));
  }
  return unavailable();
}

protocol::AcceptOptions accept_options(std::uint32_t bits) {
  protocol::AcceptOptions options;
  options.missing_bindings_pass = (bits & GSS_NTLM_ACCEPT_MISSING_BINDINGS) != 0;
  options.any_bindings_pass = (bits & GSS_NTLM_ACCEPT_ANY_BINDINGS) != 0;
  options.require_sign = (bits & GSS_NTLM_ACCEPT_REQUIRE_SIGN) != 0;
  options.require_seal = (bits & GSS_NTLM_ACCEPT_REQUIRE_SEAL) != 0;
  options.no_anonymous = (bits & GSS_NTLM_ACCEPT_NO_ANONYMOUS) != 0;
  options.machine_accounts = (bits & GSS_NTLM_ACCEPT_MACHINE_ACCOUNTS) != 0;
  return options;
}

constexpr std::uint32_t kKnownAcceptOptions =
    GSS_NTLM_ACCEPT_MISSING_BINDINGS | GSS_NTLM_ACCEPT_ANY_BINDINGS | GSS_NTLM_ACCEPT_REQUIRE_SIGN |
    GSS_NTLM_ACCEPT_REQUIRE_SEAL | GSS_NTLM_ACCEPT_NO_ANONYMOUS | GSS_NTLM_ACCEPT_MACHINE_ACCOUNTS;

Status set_accept_options(ContextObject& context, std::uint32_t bits) {
  if ((bits & ~kKnownAcceptOptions) != 0 || context.complete || context.failed() ||
      context.locally_initiated()) {
    return Error{Errc::kBadArgument, "accept options"};
  }
  context.accept_options = accept_options(bits);
  return {};
}

Status set_init_options(ContextObject& context, std::uint32_t bits) {
  auto* initiator = std::get_if<Initiator>(&context.machine);
  if ((bits & ~GSS_NTLM_INIT_UNVERIFIED_TARGET) != 0 || initiator == nullptr || context.complete ||
      context.failed()) {
    return Error{Errc::kBadArgument, "initiator options"};
  }
  if (bits != 0) {
    initiator->distrust_target();
  }
  return {};
}

Status set_session_options(ContextObject& context, std::uint32_t bits) {
  if ((bits & ~(GSS_NTLM_SESSION_RESET | GSS_NTLM_SESSION_LEGACY_SEAL)) != 0) {
    return Error{Errc::kBadArgument, "session options"};
  }
  TRY(protocol::Session * session, usable_session(context));
  if ((bits & GSS_NTLM_SESSION_LEGACY_SEAL) != 0) {
    const protocol::Policy& policy = context.setup->policy();
    if (!(context.locally_initiated() ? policy.initiate_v1 : policy.accept_v1)) {
      return Error{Errc::kVersionRefused, "legacy sealing"};
    }
    TRY_VOID(session->allow_unagreed_sealing());
  }
  if ((bits & GSS_NTLM_SESSION_RESET) != 0) {
    session->restart();
  }
  return {};
}

Status reset_crypto(ContextObject& context, std::uint32_t receiving) {
  if (receiving > 1) {
    return Error{Errc::kBadArgument, "reset crypto"};
  }
  TRY(protocol::Session * session, usable_session(context));
  session->reset_rc4(receiving == 1);
  return {};
}

Status set_sequence(ContextObject& context, std::uint32_t number) {
  TRY(protocol::Session * session, usable_session(context));
  TRY_VOID(session->set_sequence(number));
  return {};
}

// Each option takes one 32-bit number, little-endian.
struct Option {
  std::string_view oid;
  Status (*set)(ContextObject&, std::uint32_t);
};
constexpr Option kOptions[] = {
    {{GSS_NTLM_SET_ACCEPT_OPTIONS_OID_STRING, GSS_NTLM_SET_ACCEPT_OPTIONS_OID_LENGTH},
     set_accept_options},
    {{GSS_NTLM_SET_INIT_OPTIONS_OID_STRING, GSS_NTLM_SET_INIT_OPTIONS_OID_LENGTH},
     set_init_options},
    {{GSS_NTLM_SET_SESSION_OPTIONS_OID_STRING, GSS_NTLM_SET_SESSION_OPTIONS_OID_LENGTH},
     set_session_options},
    {{GSS_NTLMSSP_RESET_CRYPTO_OID_STRING, GSS_NTLMSSP_RESET_CRYPTO_OID_LENGTH}, reset_crypto},
    {{GSS_NTLMSSP_SET_SEQ_NUM_OID_STRING, GSS_NTLMSSP_SET_SEQ_NUM_OID_LENGTH}, set_sequence},
};

Status set_option(ContextObject& context, const gss_OID_desc* wanted, ByteView value) {
  for (const Option& option : kOptions) {
    if (is_oid(wanted, option.oid)) {
      Reader reader(value);
      const std::uint32_t number = reader.u32();
      return reader.ok() && reader.at_end() ? option.set(context, number)
                                            : Status(Error{Errc::kBadArgument, "option value"});
    }
  }
  return unavailable();
}

// A name for the caller, made before any output is set; nothing for an output that is not wanted.
std::unique_ptr<NameObject> copy_of(const std::unique_ptr<NameObject>& name,
                                    const gss_name_t* wanted) {
  return wanted != nullptr && name != nullptr ? std::make_unique<NameObject>(*name) : nullptr;
}

}  // namespace
}  // namespace ntlm::abi

using namespace ntlm::abi;
using ntlm::Errc;

extern "C" {

OM_uint32 gss_context_time(OM_uint32* minor_status, gss_ctx_id_t context_handle,
                           OM_uint32* time_rec) {
  clear(minor_status, time_rec);
  return guard(minor_status, [&]() -> Status {
    auto* context = borrow<ContextObject>(context_handle);
    if (context == nullptr || !context->complete) {
      return with_major(GSS_S_NO_CONTEXT, Errc::kIncompleteContext);
    }
    const std::uint32_t left = remaining_lifetime(*context);
    set(time_rec, left);
    return left == 0 ? GSS_S_CONTEXT_EXPIRED : GSS_S_COMPLETE;
  });
}

OM_uint32 gss_inquire_context(OM_uint32* minor_status, gss_ctx_id_t context_handle,
                              gss_name_t* src_name, gss_name_t* targ_name, OM_uint32* lifetime_rec,
                              gss_OID* mech_type, OM_uint32* ctx_flags, int* locally_initiated,
                              int* open) {
  clear(minor_status, src_name, targ_name, lifetime_rec, mech_type, ctx_flags, locally_initiated,
        open);
  return guard(minor_status, [&]() -> Status {
    auto* context = borrow<ContextObject>(context_handle);
    if (context == nullptr || context->failed()) {
      return with_major(GSS_S_NO_CONTEXT,
                        context == nullptr ? Errc::kBadArgument : Errc::kDeadContext);
    }
    auto source = copy_of(context->source, src_name);
    auto target = copy_of(context->target, targ_name);
    if (source != nullptr) {
      *src_name = lend<gss_name_struct>(std::move(source));
    }
    if (target != nullptr) {
      *targ_name = lend<gss_name_struct>(std::move(target));
    }
    set(lifetime_rec, context->complete ? OM_uint32{remaining_lifetime(*context)} : OM_uint32{0});
    set(mech_type, mechanism_oid());
    set(ctx_flags, context->granted_flags);
    set(locally_initiated, context->locally_initiated() ? 1 : 0);
    set(open, context->complete ? 1 : 0);
    return {};
  });
}

OM_uint32 gss_inquire_sec_context_by_oid(OM_uint32* minor_status, gss_ctx_id_t context_handle,
                                         gss_OID desired_object, gss_buffer_set_t* data_set) {
  clear(minor_status, data_set);
  if (data_set == nullptr) {
    return GSS_S_CALL_INACCESSIBLE_WRITE;
  }
  return guard(minor_status, [&]() -> Status {
    auto* context = borrow<ContextObject>(context_handle);
    if (context == nullptr || context->failed()) {
      return with_major(GSS_S_NO_CONTEXT,
                        context == nullptr ? Errc::kBadArgument : Errc::kDeadContext);
    }
    return inquire(*context, desired_object, data_set);
  });
}

OM_uint32 gss_set_sec_context_option(OM_uint32* minor_status, gss_ctx_id_t* context_handle,
                                     gss_OID desired_object, gss_buffer_t value) {
  clear(minor_status);
  if (context_handle == nullptr) {
    return GSS_S_CALL_INACCESSIBLE_READ;
  }
  return guard(minor_status, [&]() -> Status {
    if (*context_handle == GSS_C_NO_CONTEXT) {
      auto fresh = std::make_unique<ContextObject>();
      const Status status = set_option(*fresh, desired_object, bytes_of(value));
      if (status.major == GSS_S_COMPLETE) {
        *context_handle = lend<gss_ctx_id_struct>(std::move(fresh));
      }
      return status;
    }
    auto* context = borrow<ContextObject>(*context_handle);
    return context != nullptr ? set_option(*context, desired_object, bytes_of(value))
                              : with_major(GSS_S_NO_CONTEXT, Errc::kBadArgument);
  });
}

OM_uint32 gssspi_mech_invoke(OM_uint32* minor_status, const gss_OID /*desired_mech*/,
                             const gss_OID desired_object, gss_buffer_t value) {
  clear(minor_status);
  const bool known = is_oid(desired_object, {GSS_NTLM_INVOKE_LAST_MINOR_OID_STRING,
                                             GSS_NTLM_INVOKE_LAST_MINOR_OID_LENGTH});
  if (!known) {
    return GSS_S_UNAVAILABLE;
  }
  if (value == GSS_C_NO_BUFFER || value->value == nullptr || value->length < sizeof last_failure) {
    return GSS_S_CALL_INACCESSIBLE_WRITE;
  }
  std::memcpy(value->value, &last_failure, sizeof last_failure);
  last_failure = 0;
  return GSS_S_COMPLETE;
}

}  // extern "C"
