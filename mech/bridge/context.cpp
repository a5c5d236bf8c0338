// SPDX-License-Identifier: MIT
// Contexts: where Kerberos or NTLM is chosen. Once chosen, a context stays with its mechanism.
//
//   initiator, Kerberos asked for   Kerberos begins. Only when it has no ticket and no means to get
//                                   one by itself (objects.h), and NTLM has a credential, NTLM
//                                   begins.
//   acceptor, Kerberos' token       Kerberos; in the sshd form NTLM, when the frame holds SPNEGO's
//                                   first token.
//   SPNEGO                          the real one. Kerberos inside it is Kerberos; it offers NTLM by
//                                   itself.
//
// In Kerberos' place stands SPNEGO that may negotiate NTLM only, not NTLM alone: programs made for
// Kerberos are done when the acceptor has spoken last (libpq waits for it).
#include "bridge/forward.h"
#include "bridge/objects.h"
#include "bridge/settings.h"

namespace ntlm::bridge {
namespace {

struct Initiation {
  gss_name_t target;
  gss_OID mechanism;
  OM_uint32 flags;
  OM_uint32 time_wanted;
  gss_channel_bindings_t bindings;
  gss_buffer_t input;
  gss_OID* actual;
  gss_buffer_t output;
  OM_uint32* flags_got;
  OM_uint32* time;
};

OM_uint32 initiate(OM_uint32* minor, Context& context, gss_cred_id_t credential,
                   gss_const_OID mechanism, gss_name_t target, const Initiation& leg) {
  const InsideSpnego inside(same(mechanism, &kSpnego));
  return gss_init_sec_context(minor, credential, context.inner.out(), target,
                              RealMechanism(mechanism), leg.flags, leg.time_wanted, leg.bindings,
                              leg.input, leg.actual, leg.output, leg.flags_got, leg.time);
}

// Whether a credential of Kerberos, null for none, has a ticket that has not expired. Asked rather
// than told by Kerberos' error, which an answer in the KDC's name can choose.
bool has_ticket(gss_cred_id_t credential) {
  OM_uint32 minor;
  OM_uint32 lifetime = 0;
  return credential != nullptr &&
         !GSS_ERROR(gss_inquire_cred(&minor, credential, nullptr, &lifetime, nullptr, nullptr)) &&
         lifetime != 0;
}

OM_uint32 initiate_ntlm(OM_uint32* minor, Context& context, const Credential* credential,
                        const Initiation& leg) {
  const bool first = !context.inner;
  const gss_cred_id_t with =
      credential != nullptr ? credential->ntlm.get() : context.own_credential.get();
  OM_uint32 major = initiate(minor, context, with, &kSpnego, object(leg.target)->given.get(), leg);
  if (leg.flags_got != nullptr) *leg.flags_got &= ~OM_uint32{GSS_C_TRANS_FLAG};
  if (GSS_ERROR(major) || !first || !settings.sshd_form || leg.output == nullptr) return major;
  OwnedBuffer bare;
  std::swap(static_cast<gss_buffer_desc&>(bare), *leg.output);
  if (GSS_ERROR(gss_encapsulate_token(&bare, &kKerberos, leg.output))) return no_memory(minor);
  return major;
}

// Whatever else Kerberos fails for than that there is nothing to begin with stays its failure:
// nobody shall move a user from Kerberos to NTLM by keeping the realm's servers out of reach.
OM_uint32 initiate_either(OM_uint32* minor, Context& context, const Credential* credential,
                          const Initiation& leg) {
  OM_uint32 ignored;
  OwnedCredential standard;  // with which Kerberos begins, so that it can be asked afterwards
  if (credential == nullptr) {
    gss_acquire_cred(&ignored, nullptr, GSS_C_INDEFINITE, RealMechanism(&kKerberos), GSS_C_INITIATE,
                     standard.out(), nullptr, nullptr);
  }
  const gss_cred_id_t kerberos = credential != nullptr ? credential->real.get() : standard.get();
  OM_uint32 major = GSS_S_NO_CRED;
  if (credential == nullptr || kerberos != nullptr) {
    major = initiate(minor, context, kerberos, leg.mechanism, inner(leg.target), leg);
    if (!GSS_ERROR(major)) return major;
  }
  const Name& target = *object(leg.target);
  if (!target.given || target.from_ntlm) return major;
  const bool kerberos_only =
      credential != nullptr ? !credential->ntlm : has_client_keytab(GSS_C_NO_CRED_STORE);
  if (kerberos_only || has_ticket(kerberos)) return major;
  if (credential == nullptr) {
    context.own_credential = acquire_ntlm(nullptr, GSS_C_INITIATE, nullptr);
    if (!context.own_credential) return major;
  }
  gss_release_buffer(&ignored, leg.output);
  context.inner.reset();
  context.ntlm = true;
  return initiate_ntlm(minor, context, credential, leg);
}

// The sshd form: SPNEGO's first token in Kerberos' frame.
bool holds_ntlm(gss_const_buffer_t input, OwnedBuffer& bare) {
  OwnedBuffer spnego;
  return settings.sshd_form && gss_decapsulate_token(input, &kKerberos, &bare) == GSS_S_COMPLETE &&
         gss_decapsulate_token(&bare, &kSpnego, &spnego) == GSS_S_COMPLETE;
}

// Whose first token this is, as the mechglue told it apart before it came here.
gss_const_OID mechanism_of(gss_const_buffer_t token) {
  OwnedBuffer bare;
  constexpr unsigned char kApReq = 0x6e;  // Kerberos without a frame, as Microsoft's DCE sends it
  const bool kerberos =
      (token->length > 0 && *static_cast<const unsigned char*>(token->value) == kApReq) ||
      gss_decapsulate_token(token, &kKerberos, &bare) == GSS_S_COMPLETE;
  return kerberos ? &kKerberos : &kSpnego;
}

// The credential to accept with. The mechglue finds the real mechanism by it and by nothing else,
// so there must be one.
OM_uint32 acceptor_credential(OM_uint32* minor, Context& context, const Credential* given,
                              gss_cred_id_t* use) {
  if (given != nullptr) {
    *use = context.ntlm ? given->ntlm.get() : given->real.get();
    return *use != nullptr ? GSS_S_COMPLETE : GSS_S_NO_CRED;
  }
  OM_uint32 major = GSS_S_COMPLETE;
  if (!context.own_credential && context.ntlm) {
    context.own_credential = acquire_ntlm(nullptr, GSS_C_ACCEPT, nullptr);
    major = context.own_credential ? GSS_S_COMPLETE : GSS_S_NO_CRED;
  } else if (!context.own_credential) {
    major = gss_acquire_cred(minor, nullptr, GSS_C_INDEFINITE, RealMechanism(context.claimed),
                             GSS_C_ACCEPT, context.own_credential.out(), nullptr, nullptr);
  }
  *use = context.own_credential.get();
  return major;
}

// After a leg: a context that did not begin, or that its mechanism gave up, has no handle.
OM_uint32 settle(OM_uint32 major, bool first, std::unique_ptr<Context> context,
                 gss_ctx_id_t* output) {
  const bool keep = context->inner && !(first && GSS_ERROR(major));
  *output = keep ? handle<gss_ctx_id_t>(std::move(context)) : nullptr;
  return major;
}

}  // namespace
}  // namespace ntlm::bridge

using namespace ntlm::bridge;

BRIDGE_ENTRY OM_uint32 gssi_init_sec_context(OM_uint32* minor, gss_cred_id_t credential,
                                             gss_ctx_id_t* context, gss_name_t target,
                                             gss_OID mechanism, OM_uint32 flags,
                                             OM_uint32 time_wanted, gss_channel_bindings_t bindings,
                                             gss_buffer_t input, gss_OID* actual,
                                             gss_buffer_t output, OM_uint32* flags_got,
                                             OM_uint32* time) noexcept {
  clear(minor, actual, output, flags_got, time);
  if (target == nullptr) return GSS_S_BAD_NAME;
  const bool first = *context == nullptr;
  std::unique_ptr<Context> leg_context(first ? new (std::nothrow) Context : object(*context));
  if (leg_context == nullptr) return no_memory(minor);
  const Initiation leg{target, mechanism, flags,  time_wanted, bindings,
                       input,  actual,    output, flags_got,   time};
  const Credential* with = credential != nullptr ? object(credential) : nullptr;

  OM_uint32 major;
  if (leg_context->ntlm) {
    major = initiate_ntlm(minor, *leg_context, with, leg);
  } else if (first && same(mechanism, &kKerberos) && !InsideSpnego::now()) {
    major = initiate_either(minor, *leg_context, with, leg);
  } else {
    major = initiate(minor, *leg_context, with != nullptr ? with->real.get() : nullptr, mechanism,
                     inner(target), leg);
  }
  return settle(major, first, std::move(leg_context), context);
}

BRIDGE_ENTRY OM_uint32 gssi_accept_sec_context(OM_uint32* minor, gss_ctx_id_t* context,
                                               gss_cred_id_t credential, gss_buffer_t input,
                                               gss_channel_bindings_t bindings, gss_name_t* source,
                                               gss_OID* mechanism, gss_buffer_t output,
                                               OM_uint32* flags_got, OM_uint32* time,
                                               gss_cred_id_t* delegated) noexcept {
  clear(minor, source, mechanism, output, flags_got, time, delegated);
  const bool first = *context == nullptr;
  std::unique_ptr<Context> leg_context(first ? new (std::nothrow) Context : object(*context));
  if (leg_context == nullptr) return no_memory(minor);
  Context& it = *leg_context;
  const Credential* with = credential != nullptr ? object(credential) : nullptr;
  const bool nested = InsideSpnego::now();
  // Kerberos behind the mechglue's own frame is told apart by its token, so SPNEGO is what is left.
  const InsideSpnego inside;
  OwnedBuffer bare;
  if (first) it.claimed = mechanism_of(input);
  if (first && !nested && holds_ntlm(input, bare)) {
    it.ntlm = true;
    input = &bare;
  }
  gss_cred_id_t use = nullptr;
  OM_uint32 major = acceptor_credential(minor, it, with, &use);
  if (GSS_ERROR(major)) return settle(major, first, std::move(leg_context), context);

  OwnedName name;
  gss_OID actual = nullptr;
  OM_uint32 flags = 0;
  OwnedCredential given;
  major = gss_accept_sec_context(minor, it.inner.out(), use, input, bindings,
                                 source != nullptr ? name.out() : nullptr, &actual, output, &flags,
                                 time, delegated != nullptr ? given.out() : nullptr);
  if (major == GSS_S_COMPLETE) {
    // A claim that NTLM cannot keep: sshd asks for it, and its administrator asked for sshd_form.
    if (it.ntlm) flags = (flags | GSS_C_MUTUAL_FLAG) & ~OM_uint32{GSS_C_TRANS_FLAG};
    if (flags_got != nullptr) *flags_got = flags;
    if (mechanism != nullptr) *mechanism = actual;
    major = lend_name(minor, std::move(name), it.ntlm, source);
  }
  if (major == GSS_S_COMPLETE && given) {
    // As the mechglue wants it: of a mechanism inside SPNEGO as it came, of the claimed one behind
    // our handle.
    if (same(actual, it.claimed)) {
      major = lend_credential(minor, std::move(given), delegated);
    } else {
      *delegated = given.release();
    }
  }
  return settle(major, first, std::move(leg_context), context);
}

BRIDGE_ENTRY OM_uint32 gssi_delete_sec_context(OM_uint32* minor, gss_ctx_id_t* context,
                                               gss_buffer_t output) noexcept {
  clear(minor, output);
  if (context == nullptr || *context == nullptr) return GSS_S_COMPLETE;
  const std::unique_ptr<Context> dying(object(*context));
  *context = nullptr;
  return dying->inner ? gss_delete_sec_context(minor, dying->inner.out(), output) : GSS_S_COMPLETE;
}

BRIDGE_ENTRY OM_uint32 gssi_inquire_context(OM_uint32* minor, gss_ctx_id_t context,
                                            gss_name_t* source, gss_name_t* target, OM_uint32* time,
                                            gss_OID* mechanism, OM_uint32* flags, int* local,
                                            int* open) noexcept {
  clear(minor, source, target, time, mechanism, flags, local, open);
  OwnedName source_name;
  OwnedName target_name;
  OM_uint32 major = gss_inquire_context(
      minor, inner(context), source != nullptr ? source_name.out() : nullptr,
      target != nullptr ? target_name.out() : nullptr, time, mechanism, flags, local, open);
  if (GSS_ERROR(major)) return major;
  const bool ntlm = object(context)->ntlm;
  if (ntlm && flags != nullptr) *flags &= ~OM_uint32{GSS_C_TRANS_FLAG};
  major = lend_name(minor, std::move(source_name), ntlm, source);
  return GSS_ERROR(major) ? major : lend_name(minor, std::move(target_name), ntlm, target);
}

BRIDGE_ENTRY OM_uint32 gssi_set_sec_context_option(OM_uint32* minor, gss_ctx_id_t* context,
                                                   gss_OID option, gss_buffer_t value) noexcept {
  clear(minor);
  if (context == nullptr || *context == nullptr) return GSS_S_UNAVAILABLE;
  return gss_set_sec_context_option(minor, object(*context)->inner.out(), option, value);
}
