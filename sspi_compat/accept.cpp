// SPDX-License-Identifier: MIT
// AcceptSecurityContext: the server's legs.
#include <gssapi/gssapi_ext.h>

#include "sspi_compat/flags.h"
#include "sspi_compat/inquiry.h"
#include "sspi_compat/leg.h"
#include "sspi_compat/settings.h"

namespace sspi {
namespace {

// A token of another mechanism than the package's is refused before a mechanism is chosen by it.
bool is_token_of(const Package& package, std::string_view token) {
  constexpr std::string_view kNtlmSignature("NTLMSSP\0", 8);
  const bool raw_ntlm = token.substr(0, kNtlmSignature.size()) == kNtlmSignature;
  return &package == &kNtlm ? raw_ntlm : &package == &kNegotiate || !raw_ntlm;
}

bool bindings_missed(const Context& context, const Answer& answer, const Bindings& bindings) {
  // NTLM's acceptor has decided by its policy and our options; Kerberos only tells.
  return bindings.present && !same_oid(answer.mechanism, ntlm_oid()) &&
         (answer.flags & GSS_C_CHANNEL_BOUND_FLAG) == 0 &&
         (context.required & (ASC_REQ_ALLOW_MISSING_BINDINGS | ASC_REQ_PROXY_BINDINGS)) == 0;
}

// What a finished exchange must still fulfil.
SECURITY_STATUS check_accepted(const Context& context, const Answer& answer,
                               const Bindings& bindings) {
  if (bindings_missed(context, answer, bindings)) {
    return failure(SEC_E_BAD_BINDINGS, "the client sent no channel bindings");
  }
  if ((answer.flags & GSS_C_ANON_FLAG) != 0 &&
      (context.required & ASC_REQ_ALLOW_NULL_SESSION) == 0) {
    return failure(SEC_E_LOGON_DENIED, "an anonymous client, without ASC_REQ_ALLOW_NULL_SESSION");
  }
  if (!asc_granted(settings().require_flags & context.required, answer.flags)) {
    return failure(SEC_E_SECURITY_QOS_FAILED,
                   "a protection that [sspi] require_flags names was not agreed");
  }
  return SEC_E_OK;
}

SECURITY_STATUS accept_leg(const Leg& leg, Context& context, Output& output) {
  const std::string_view token = input_token(leg.input);
  if (token.empty() || token.size() > context.package.max_token ||
      !is_token_of(context.package, token)) {
    return failure(SEC_E_INVALID_TOKEN, "pInput has no token, or one of another package");
  }
  Bindings bindings;
  if (const SECURITY_STATUS status = find_bindings(leg, context, bindings); status != SEC_E_OK) {
    return status;
  }
  context.required = leg.requested;
  if (context.gss != GSS_C_NO_CONTEXT) {
    set_acceptor_options(context);
  }
  // NTLM is told to compare them without consequence; Kerberos, which Negotiate may choose, can
  // not.
  if ((leg.requested & ASC_REQ_PROXY_BINDINGS) != 0 && &context.package != &kNtlm) {
    bindings.present = false;
  }
  gss_buffer_desc input = input_buffer(token);
  Answer answer;
  forget_ntlm_minor(context.package.mechanism());
  answer.major = gss_accept_sec_context(
      &answer.minor, &context.gss, context.credential->acceptor(), &input, bindings.get(), nullptr,
      &answer.mechanism, answer.token.out(), &answer.flags, &answer.lifetime, nullptr);
  if (GSS_ERROR(answer.major)) {
    output.give_error(answer.token.view(), (leg.requested & ASC_REQ_EXTENDED_ERROR) != 0);
    return status_of(Call::kAccept, answer.major, answer.minor, context.package.mechanism());
  }
  const bool complete = answer.major == GSS_S_COMPLETE;
  SECURITY_STATUS status = complete ? check_accepted(context, answer, bindings) : SEC_E_OK;
  if (status == SEC_E_OK) {
    status = output.give(answer.token.view());
  }
  if (status != SEC_E_OK) {
    return status;
  }
  if (complete) {
    context.opened(answer.mechanism, answer.flags, answer.lifetime);
  }
  report(leg, context, output);
  return complete ? SEC_E_OK : SEC_I_CONTINUE_NEEDED;
}

SECURITY_STATUS accept(PCredHandle credential_handle, const Leg& leg,
                       PSecBufferDesc output_buffers) {
  Output output(output_buffers, (leg.requested & ASC_REQ_ALLOCATE_MEMORY) != 0);
  if (leg.new_context == nullptr) {
    return SEC_E_INVALID_HANDLE;
  }
  if ((leg.requested & ASC_REQ_DATAGRAM) != 0) {
    return failure(SEC_E_UNSUPPORTED_FUNCTION, "fContextReq asks for DATAGRAM");
  }
  const auto credential = credential_of(credential_handle);
  if (names_context(leg.context)) {
    const bool fits =
        credential_handle == nullptr || (credential != nullptr && credential->inbound());
    return next_leg(leg, false, fits,
                    [&](Context& context) { return accept_leg(leg, context, output); });
  }
  if (credential == nullptr || !credential->inbound()) {
    return SEC_E_INVALID_HANDLE;
  }
  auto context = std::make_unique<Context>(credential->package(), false);
  context->credential = credential;
  const SECURITY_STATUS status = accept_leg(leg, *context, output);
  if (status >= 0) {
    *leg.new_context = contexts().open(std::move(context));
  }
  return status;
}

}  // namespace
}  // namespace sspi

using namespace sspi;

extern "C" {

SECURITY_STATUS AcceptSecurityContext(PCredHandle phCredential, PCtxtHandle phContext,
                                      PSecBufferDesc pInput, ULONG fContextReq, ULONG,
                                      PCtxtHandle phNewContext, PSecBufferDesc pOutput,
                                      PULONG pfContextAttr, PTimeStamp ptsTimeStamp) {
  const Leg leg{phContext, phNewContext, pInput, fContextReq, pfContextAttr, ptsTimeStamp};
  return guard([&] { return accept(phCredential, leg, pOutput); });
}

}  // extern "C"
