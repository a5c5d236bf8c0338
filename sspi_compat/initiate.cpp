// SPDX-License-Identifier: MIT
// InitializeSecurityContext: the client's legs.
#include <gssapi/gssapi_krb5.h>

#include <algorithm>
#include <cstring>

#include "sspi_compat/flags.h"
#include "sspi_compat/inquiry.h"
#include "sspi_compat/leg.h"

namespace sspi {
namespace {

SECURITY_STATUS import_target(const std::string& target, bool kerberos, Name& name) {
  if (target.empty() && kerberos) {
    return failure(SEC_E_TARGET_UNKNOWN, "Kerberos needs a target name");
  }
  // "class/host" is what every mechanism understands; Kerberos reads the longer forms itself, NTLM
  // takes text as it is.
  // The mechglue wants a name in any case: a service without a host is sent as no target.
  std::string text = target.empty() ? "host" : target;
  gss_OID type = target.empty() ? GSS_C_NT_HOSTBASED_SERVICE
                 : kerberos     ? const_cast<gss_OID>(GSS_KRB5_NT_PRINCIPAL_NAME)
                                : GSS_C_NT_USER_NAME;
  const std::size_t slash = text.find('/');
  if (slash != std::string::npos && slash != 0 && slash + 1 < text.size() &&
      text.find_first_of("/@:\\", slash + 1) == std::string::npos &&
      text.find('@') == std::string::npos) {
    text[slash] = '@';
    type = GSS_C_NT_HOSTBASED_SERVICE;
  }
  gss_buffer_desc buffer = input_buffer(text);
  gss_name_t imported = GSS_C_NO_NAME;
  OM_uint32 minor = 0;
  const OM_uint32 major = gss_import_name(&minor, &buffer, type, &imported);
  name.reset(imported);
  return major == GSS_S_COMPLETE ? SEC_E_OK
                                 : status_of(Call::kInitiate, major, minor, GSS_C_NO_OID);
}

SECURITY_STATUS choose_credential(Credential& credential, ULONG requested, gss_cred_id_t* chosen) {
  const bool anonymous =
      (requested & ISC_REQ_NULL_SESSION) != 0 && &credential.package() != &kKerberos;
  return anonymous ? credential.anonymous(chosen) : credential.initiator(chosen);
}

SECURITY_STATUS initiate_leg(const Leg& leg, Context& context, Output& output) {
  gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
  Bindings bindings;
  SECURITY_STATUS status = find_bindings(leg, context, bindings);
  if (status == SEC_E_OK) {
    status = choose_credential(*context.credential, context.required, &credential);
  }
  if (status == SEC_E_OK && context.target_name == nullptr) {
    status = import_target(context.target, &context.package == &kKerberos, context.target_name);
  }
  if (status != SEC_E_OK) {
    return status;
  }
  gss_buffer_desc input =
      input_buffer(context.gss == GSS_C_NO_CONTEXT ? std::string_view() : input_token(leg.input));
  const gss_OID mechanism = context.credential->initial_mechanism();
  Answer answer;
  forget_ntlm_minor(mechanism);
  answer.major = gss_init_sec_context(
      &answer.minor, credential, &context.gss, context.target_name.get(), mechanism,
      gss_flags_of_isc(context.required), GSS_C_INDEFINITE, bindings.get(), &input,
      &answer.mechanism, answer.token.out(), &answer.flags, &answer.lifetime);
  if (GSS_ERROR(answer.major)) {
    output.give_error(answer.token.view(), (leg.requested & ISC_REQ_EXTENDED_ERROR) != 0);
    return status_of(Call::kInitiate, answer.major, answer.minor, mechanism);
  }
  status = output.give(answer.token.view());
  if (status != SEC_E_OK) {
    return status;
  }
  const bool complete = answer.major == GSS_S_COMPLETE;
  if (complete) {
    context.opened(answer.mechanism, answer.flags, answer.lifetime);
  } else if ((context.required & ISC_REQ_UNVERIFIED_TARGET_NAME) != 0) {
    set_initiator_options(context);
  }
  report(leg, context, output);
  return complete ? SEC_E_OK : SEC_I_CONTINUE_NEEDED;
}

SECURITY_STATUS first_initiate(const std::shared_ptr<Credential>& credential, std::string target,
                               const Leg& leg, Output& output) {
  if (credential == nullptr || !credential->outbound() || leg.new_context == nullptr) {
    return SEC_E_INVALID_HANDLE;
  }
  if (const SECURITY_STATUS status = output.check(); status != SEC_E_OK) {
    return status;
  }
  auto context = std::make_unique<Context>(credential->package(), true);
  context->credential = credential;
  context->target = std::move(target);
  // Page: NO_INTEGRITY, which Negotiate and Kerberos know, lets INTEGRITY be ignored.
  const bool ignored =
      (leg.requested & ISC_REQ_NO_INTEGRITY) != 0 && &credential->package() != &kNtlm;
  context->required = leg.requested & ~(ignored ? ULONG{ISC_REQ_INTEGRITY} : 0);
  const SECURITY_STATUS status = initiate_leg(leg, *context, output);
  if (status >= 0) {
    *leg.new_context = contexts().open(std::move(context));
  }
  return status;
}

// A SECBUFFER_TARGET_HOST or SECBUFFER_TARGET (UTF-16) stands in for pszTargetName.
std::optional<std::string> target_of(const SecBufferDesc* input, std::optional<std::string> named) {
  for (const ULONG type : {ULONG{SECBUFFER_TARGET_HOST}, ULONG{SECBUFFER_TARGET}}) {
    const SecBuffer* buffer = find_buffer(input, type);
    if (buffer == nullptr || buffer->pvBuffer == nullptr || buffer->cbBuffer == 0) {
      continue;
    }
    WideString text(buffer->cbBuffer / sizeof(WCHAR), WCHAR{});
    std::memcpy(text.data(), buffer->pvBuffer, text.size() * sizeof(WCHAR));
    text.resize(std::min(text.find(WCHAR{}), text.size()));
    return buffer->cbBuffer % sizeof(WCHAR) == 0 ? to_utf8(text) : std::nullopt;
  }
  return named;
}

template <typename Char>
SECURITY_STATUS initiate(PCredHandle credential_handle, const Char* target_name, const Leg& leg,
                         PSecBufferDesc output_buffers) {
  Output output(output_buffers, (leg.requested & ISC_REQ_ALLOCATE_MEMORY) != 0);
  constexpr ULONG kRefused = ISC_REQ_DATAGRAM | ISC_REQ_PROMPT_FOR_CREDS;
  if ((leg.requested & kRefused) != 0) {
    return failure(SEC_E_UNSUPPORTED_FUNCTION, "fContextReq asks for DATAGRAM or PROMPT_FOR_CREDS");
  }
  const auto credential = credential_of(credential_handle);
  if (!names_context(leg.context)) {
    auto target = target_of(leg.input, text_of(target_name));
    return target ? first_initiate(credential, std::move(*target), leg, output)
                  : failure(SEC_E_TARGET_UNKNOWN, "pszTargetName is not valid text");
  }
  const bool fits =
      credential_handle == nullptr || (credential != nullptr && credential->outbound());
  return next_leg(leg, true, fits, [&](Context& context) {
    if (input_token(leg.input).empty()) {
      return failure(SEC_E_INVALID_TOKEN, "pInput has no token");
    }
    return initiate_leg(leg, context, output);
  });
}

}  // namespace
}  // namespace sspi

using namespace sspi;

extern "C" {

SECURITY_STATUS InitializeSecurityContextA(PCredHandle phCredential, PCtxtHandle phContext,
                                           const SEC_CHAR* pszTargetName, ULONG fContextReq, ULONG,
                                           ULONG, PSecBufferDesc pInput, ULONG,
                                           PCtxtHandle phNewContext, PSecBufferDesc pOutput,
                                           PULONG pfContextAttr, PTimeStamp ptsExpiry) {
  const Leg leg{phContext, phNewContext, pInput, fContextReq, pfContextAttr, ptsExpiry};
  return guard([&] { return initiate(phCredential, pszTargetName, leg, pOutput); });
}

SECURITY_STATUS InitializeSecurityContextW(PCredHandle phCredential, PCtxtHandle phContext,
                                           const SEC_WCHAR* pszTargetName, ULONG fContextReq, ULONG,
                                           ULONG, PSecBufferDesc pInput, ULONG,
                                           PCtxtHandle phNewContext, PSecBufferDesc pOutput,
                                           PULONG pfContextAttr, PTimeStamp ptsExpiry) {
  const Leg leg{phContext, phNewContext, pInput, fContextReq, pfContextAttr, ptsExpiry};
  return guard([&] { return initiate(phCredential, pszTargetName, leg, pOutput); });
}

}  // extern "C"
