// SPDX-License-Identifier: MIT
// InitializeSecurityContext and AcceptSecurityContext: one leg each. The order is the same in both:
// what the call was given, the GSS call, what it answered, the outputs. A context is in the
// registry only after a first leg that succeeded.
#include "sspi_compat/context.h"

#include <gssapi/gssapi_krb5.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "gssapi_ntlm.h"
#include "sspi_compat/impersonation.h"
#include "sspi_compat/inquiry.h"
#include "sspi_compat/settings.h"

namespace sspi {
namespace {

// Where a leg's token goes.
class Output {
 public:
  Output(PSecBufferDesc buffers, bool allocate)
      : buffer_(find_buffer(buffers, SECBUFFER_TOKEN)), allocate_(allocate) {}

  // Is there room for any token at all?
  SECURITY_STATUS check() const {
    if (buffer_ == nullptr || (!allocate_ && buffer_->cbBuffer == 0)) {
      return failure(SEC_E_BUFFER_TOO_SMALL, "pOutput has no SECBUFFER_TOKEN with room");
    }
    return allocate_ || buffer_->pvBuffer != nullptr
               ? SEC_E_OK
               : failure(SEC_E_INTERNAL_ERROR, "pOutput has room but no memory");
  }

  SECURITY_STATUS give(std::string_view token) {
    if (token.empty()) {
      nothing();
      return SEC_E_OK;
    }
    if (const SECURITY_STATUS status = check(); status != SEC_E_OK) {
      return status;
    }
    if (allocate_) {
      buffer_->pvBuffer = hand_out_bytes(token).release();
    } else if (buffer_->cbBuffer < token.size()) {
      return failure(SEC_E_BUFFER_TOO_SMALL, "pOutput is smaller than the token");
    } else {
      token.copy(static_cast<char*>(buffer_->pvBuffer), token.size());
    }
    buffer_->cbBuffer = static_cast<ULONG>(token.size());
    allocated_ = allocate_;
    return SEC_E_OK;
  }

  void nothing() {
    if (buffer_ != nullptr) {
      buffer_->cbBuffer = 0;
      buffer_->pvBuffer = allocate_ ? nullptr : buffer_->pvBuffer;
    }
  }

  bool allocated() const { return allocated_; }

 private:
  SecBuffer* buffer_;
  const bool allocate_;
  bool allocated_ = false;
};

std::string_view input_token(const SecBufferDesc* buffers) {
  const SecBuffer* token = find_buffer(buffers, SECBUFFER_TOKEN);
  return token != nullptr && token->pvBuffer != nullptr
             ? std::string_view(static_cast<const char*>(token->pvBuffer), token->cbBuffer)
             : std::string_view();
}

bool names_context(const SecHandle* handle) {
  return handle != nullptr && (handle->dwLower != 0 || handle->dwUpper != 0);
}

// What the two functions share of a call.
struct Leg {
  PCtxtHandle context;      // in
  PCtxtHandle new_context;  // out
  PSecBufferDesc input;
  ULONG requested;
  PULONG attributes;
  PTimeStamp expiry;
};

// What a GSS leg answered.
struct Answer {
  OM_uint32 major = GSS_S_FAILURE;
  OM_uint32 minor = 0;
  OM_uint32 flags = 0;
  OM_uint32 lifetime = 0;
  gss_OID mechanism = GSS_C_NO_OID;
  Buffer token;
};

// An error token is for the peer's eyes: it goes out where the caller asked for it.
void give_error_token(const Answer& answer, Output& output, bool wanted) {
  if (!wanted || output.give(answer.token.view()) != SEC_E_OK) {
    output.nothing();
  }
}

// The outputs of a leg that succeeded.
void report(const Leg& leg, Context& context, const Output& output, OM_uint32 lifetime,
            bool complete) {
  const ULONG allocated =
      context.initiator ? ULONG{ISC_RET_ALLOCATED_MEMORY} : ULONG{ASC_RET_ALLOCATED_MEMORY};
  const OM_uint32 granted = complete ? context.granted : 0;
  context.returned = context.initiator ? isc_returned(leg.requested, granted)
                                       : asc_returned(leg.requested, granted);
  context.returned |= output.allocated() ? allocated : 0;
  if (leg.attributes != nullptr) {
    *leg.attributes = context.returned;
  }
  if (leg.expiry != nullptr) {
    *leg.expiry = complete ? time_in(lifetime) : never();
  }
}

// ---- the client's leg ----

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
  SECURITY_STATUS status = read_bindings(leg.input, bindings);
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
  answer.major = gss_init_sec_context(
      &answer.minor, credential, &context.gss, context.target_name.get(), mechanism,
      gss_flags_of_isc(context.required), GSS_C_INDEFINITE, bindings.get(), &input,
      &answer.mechanism, answer.token.out(), &answer.flags, &answer.lifetime);
  if (GSS_ERROR(answer.major)) {
    give_error_token(answer, output, (leg.requested & ISC_REQ_EXTENDED_ERROR) != 0);
    return status_of(Call::kInitiate, answer.major, answer.minor, mechanism);
  }
  status = output.give(answer.token.view());
  if (status != SEC_E_OK) {
    return status;
  }
  const bool complete = answer.major == GSS_S_COMPLETE;
  if (complete) {
    context.opened(answer.mechanism, answer.flags);
  } else if ((context.required & ISC_REQ_UNVERIFIED_TARGET_NAME) != 0) {
    set_initiator_options(context);
  }
  report(leg, context, output, answer.lifetime, complete);
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
  context->required = leg.requested;
  const SECURITY_STATUS status = initiate_leg(leg, *context, output);
  if (status >= 0) {
    *leg.new_context = contexts().open(std::move(context));
  }
  return status;
}

// A further leg of either side. fits: is the credential that came along one for this side?
template <typename Step>
SECURITY_STATUS next_leg(const Leg& leg, bool initiator, bool fits, Step&& step) {
  const auto context = contexts().find(leg.context, Hold::kBoth);
  if (!context || context->initiator != initiator || !fits) {
    return SEC_E_INVALID_HANDLE;
  }
  if (context->state != Context::State::kChallenged) {
    return context->state == Context::State::kOpen ? SEC_E_OUT_OF_SEQUENCE : SEC_E_INVALID_HANDLE;
  }
  const SECURITY_STATUS status = step(*context);
  if (status < 0) {
    context->kill();
  } else if (leg.new_context != nullptr) {
    *leg.new_context = *leg.context;
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
  constexpr ULONG kRefused = ISC_REQ_DATAGRAM | ISC_REQ_PROMPT_FOR_CREDS;
  if ((leg.requested & kRefused) != 0) {
    return failure(SEC_E_UNSUPPORTED_FUNCTION, "fContextReq asks for DATAGRAM or PROMPT_FOR_CREDS");
  }
  const auto credential = credential_of(credential_handle);
  Output output(output_buffers, (leg.requested & ISC_REQ_ALLOCATE_MEMORY) != 0);
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

// ---- the server's leg ----

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
  if (const SECURITY_STATUS status = read_bindings(leg.input, bindings); status != SEC_E_OK) {
    return status;
  }
  context.required = leg.requested;
  if (context.gss != GSS_C_NO_CONTEXT) {
    set_acceptor_options(context);
  }
  if ((leg.requested & ASC_REQ_PROXY_BINDINGS) != 0 && &context.package == &kKerberos) {
    bindings.present = false;
  }
  gss_buffer_desc input = input_buffer(token);
  Answer answer;
  answer.major = gss_accept_sec_context(
      &answer.minor, &context.gss, context.credential->acceptor(), &input, bindings.get(), nullptr,
      &answer.mechanism, answer.token.out(), &answer.flags, &answer.lifetime, nullptr);
  if (GSS_ERROR(answer.major)) {
    give_error_token(answer, output, (leg.requested & ASC_REQ_EXTENDED_ERROR) != 0);
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
    context.opened(answer.mechanism, answer.flags);
  }
  report(leg, context, output, answer.lifetime, complete);
  return complete ? SEC_E_OK : SEC_I_CONTINUE_NEEDED;
}

SECURITY_STATUS accept(PCredHandle credential_handle, const Leg& leg,
                       PSecBufferDesc output_buffers) {
  if (leg.new_context == nullptr) {
    return SEC_E_INVALID_HANDLE;
  }
  if ((leg.requested & ASC_REQ_DATAGRAM) != 0) {
    return failure(SEC_E_UNSUPPORTED_FUNCTION, "fContextReq asks for DATAGRAM");
  }
  const auto credential = credential_of(credential_handle);
  Output output(output_buffers, (leg.requested & ASC_REQ_ALLOCATE_MEMORY) != 0);
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

SECURITY_STATUS for_live(PCtxtHandle handle, SECURITY_STATUS status) {
  return contexts().find(handle) ? status : SEC_E_INVALID_HANDLE;
}

}  // namespace

// ---- the context itself ----

Context::~Context() {
  OM_uint32 minor = 0;
  gss_delete_sec_context(&minor, &gss, GSS_C_NO_BUFFER);
  tokens().close(&token);
}

void Context::kill() {
  OM_uint32 minor = 0;
  gss_delete_sec_context(&minor, &gss, GSS_C_NO_BUFFER);
  state = State::kDead;
}

void Context::opened(gss_const_OID spoken_mechanism, OM_uint32 flags) {
  spoken = &package_of(spoken_mechanism, package);
  mechanism = spoken->mechanism();
  granted = flags;
  target_name.reset();
  state = State::kOpen;
  started = time(nullptr);
  ntlm_ = spoken == &kNtlm;
}

bool Context::extended_security() {
  if (ntlm_ && !extended_security_) {
    constexpr ULONG kExtendedSessionSecurity = 0x00080000;
    extended_security_ = (negotiated_flags(*this) & kExtendedSessionSecurity) != 0;
  }
  return extended_security_.value_or(false);
}

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

SECURITY_STATUS AcceptSecurityContext(PCredHandle phCredential, PCtxtHandle phContext,
                                      PSecBufferDesc pInput, ULONG fContextReq, ULONG,
                                      PCtxtHandle phNewContext, PSecBufferDesc pOutput,
                                      PULONG pfContextAttr, PTimeStamp ptsTimeStamp) {
  const Leg leg{phContext, phNewContext, pInput, fContextReq, pfContextAttr, ptsTimeStamp};
  return guard([&] { return accept(phCredential, leg, pOutput); });
}

SECURITY_STATUS CompleteAuthToken(PCtxtHandle phContext, PSecBufferDesc) {
  return guard([&] { return for_live(phContext, SEC_E_OK); });
}

SECURITY_STATUS ApplyControlToken(PCtxtHandle phContext, PSecBufferDesc) {
  return guard([&] { return for_live(phContext, SEC_E_UNSUPPORTED_FUNCTION); });
}

SECURITY_STATUS DeleteSecurityContext(PCtxtHandle phContext) {
  return guard([&] {
    if (const auto context = contexts().find(phContext); context) {
      forget_impersonation(*phContext);
    }
    return contexts().close(phContext) ? SEC_E_OK : SEC_E_INVALID_HANDLE;
  });
}

}  // extern "C"
