// SPDX-License-Identifier: MIT
// A context on its way to another process. The mechanism's own token, which it protects, in an
// envelope:
//
//   [0-7] "SSPIctx2"  [8] package  [9] 1 for the client's side, 2 for the server's
//   [10-13] ISC_REQ_ or ASC_REQ_ flags, little-endian  [14-29] seal  [30-] the mechanism's token
//
// The seal is the context's own pseudo-random function (RFC 4401) of [0-13], so that a context
// whose token is sealed with transfer_key cannot be given other flags on its way: ASC_REQ_NO_TOKEN
// keeps a client's identity from the importer. It is zeros for a null session, which has no key.
// What was agreed is asked of the imported context.

#include "sspi_compat/flags.h"
#include "sspi_compat/impersonation.h"
#include "sspi_compat/inquiry.h"
#include "sspi_compat/status.h"

namespace sspi {
namespace {

constexpr std::string_view kMagic = "SSPIctx2";
constexpr std::size_t kSealed = 14;
constexpr std::size_t kSealSize = 16;
constexpr std::size_t kEnvelope = kSealed + kSealSize;
constexpr const Package* kOrder[] = {&kNtlm, &kNegotiate, &kKerberos};

std::string seal_of(gss_ctx_id_t gss, std::string_view bytes) {
  gss_buffer_desc input = input_buffer(bytes);
  Buffer seal;
  OM_uint32 minor = 0;
  return gss_pseudo_random(&minor, gss, GSS_C_PRF_KEY_FULL, &input, kSealSize, seal.out()) ==
                 GSS_S_COMPLETE
             ? std::string(seal.view())
             : std::string(kSealSize, '\0');
}

struct Envelope {
  const Package* package = nullptr;
  bool initiator = false;
  ULONG required = 0;
  std::string_view token;
};

std::string write_envelope(const Context& context) {
  std::string bytes(kMagic);
  for (std::size_t i = 0; i < std::size(kOrder); ++i) {
    if (kOrder[i] == &context.package) {
      bytes.push_back(static_cast<char>(i));
    }
  }
  bytes.push_back(context.initiator ? 1 : 2);
  for (unsigned i = 0; i < 4; ++i) {
    bytes.push_back(static_cast<char>(context.required >> 8 * i));
  }
  return bytes + seal_of(context.gss, bytes);
}

bool read_envelope(std::string_view bytes, Envelope& envelope) {
  if (bytes.size() <= kEnvelope || bytes.substr(0, kMagic.size()) != kMagic) {
    return false;
  }
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[at]); };
  if (byte(8) >= std::size(kOrder) || (byte(9) != 1 && byte(9) != 2)) {
    return false;
  }
  envelope.package = kOrder[byte(8)];
  envelope.initiator = byte(9) == 1;
  for (std::size_t i = 4; i-- > 0;) {
    envelope.required = envelope.required << 8 | byte(10 + i);
  }
  envelope.token = bytes.substr(kEnvelope);
  return true;
}

SECURITY_STATUS import_token(std::string_view token, gss_const_OID mechanism,
                             gss_ctx_id_t* context) {
  gss_buffer_desc buffer = input_buffer(token);
  OM_uint32 minor = 0;
  forget_ntlm_minor(mechanism);
  const OM_uint32 major = gss_import_sec_context(&minor, &buffer, context);
  if (major == GSS_S_COMPLETE) {
    return SEC_E_OK;
  }
  const SECURITY_STATUS status = status_of(Call::kTransfer, major, minor, mechanism);
  return status == SEC_E_INSUFFICIENT_MEMORY ? status : SEC_E_INVALID_TOKEN;
}

// GSS consumes what it exports; what it refuses stays.
SECURITY_STATUS export_token(gss_ctx_id_t* gss, gss_const_OID mechanism, Buffer& token) {
  OM_uint32 minor = 0;
  const OM_uint32 major = gss_export_sec_context(&minor, gss, token.out());
  if (major == GSS_S_COMPLETE) {
    return SEC_E_OK;
  }
  const SECURITY_STATUS status = status_of(Call::kTransfer, major, minor, mechanism);
  return status == SEC_E_INSUFFICIENT_MEMORY || status == SEC_E_CONTEXT_EXPIRED
             ? status
             : SEC_E_NOT_SUPPORTED;
}

// The token of a second context that begins with message 0.
SECURITY_STATUS reset_token(std::string_view token, gss_const_OID mechanism, Buffer& fresh) {
  gss_ctx_id_t copy = GSS_C_NO_CONTEXT;
  SECURITY_STATUS status = import_token(token, mechanism, &copy);
  if (status == SEC_E_OK) {
    status = reset_session(copy)
                 ? export_token(&copy, mechanism, fresh)
                 : failure(SEC_E_UNSUPPORTED_FUNCTION, "the mechanism cannot begin anew");
  }
  OM_uint32 minor = 0;
  gss_delete_sec_context(&minor, &copy, GSS_C_NO_BUFFER);
  return status;
}

HandedOut<char> packed(std::string_view envelope, std::string_view token) {
  HandedOut<char> block(static_cast<char*>(hand_out(envelope.size() + token.size())));
  envelope.copy(block.get(), envelope.size());
  token.copy(block.get() + envelope.size(), token.size());
  return block;
}

SECURITY_STATUS export_context(PCtxtHandle handle, ULONG flags, PSecBuffer result, void** token) {
  const auto context = live_context(handle);
  if (!context) {
    return SEC_E_INVALID_HANDLE;
  }
  if (result == nullptr) {
    return SEC_E_INVALID_PARAMETER;
  }
  constexpr ULONG kKnown = SECPKG_CONTEXT_EXPORT_RESET_NEW | SECPKG_CONTEXT_EXPORT_DELETE_OLD;
  if ((flags & ~kKnown) != 0) {
    return SEC_E_UNSUPPORTED_FUNCTION;
  }
  if (context->state != Context::State::kOpen) {
    return SEC_E_NOT_SUPPORTED;
  }
  const bool reset = (flags & SECPKG_CONTEXT_EXPORT_RESET_NEW) != 0;
  if (reset && !context->is_ntlm()) {
    return failure(SEC_E_UNSUPPORTED_FUNCTION, "the mechanism cannot begin anew");
  }
  auto client =
      token != nullptr && check_has_token(*context) == SEC_E_OK ? make_token(*context) : nullptr;
  const std::string envelope = write_envelope(*context);
  Buffer exported;
  SECURITY_STATUS status = export_token(&context->gss, context->mechanism, exported);
  if (status != SEC_E_OK) {
    return status;
  }
  // It is gone; and back, so that a failure from here on leaves it as it was.
  context->state = Context::State::kDead;
  status = import_token(exported.view(), context->mechanism, &context->gss);
  if (status != SEC_E_OK) {
    return failure(status, "the context could not be kept");
  }
  context->state = Context::State::kOpen;
  Buffer fresh;
  status = reset ? reset_token(exported.view(), context->mechanism, fresh) : SEC_E_OK;
  if (status != SEC_E_OK) {
    return status;
  }
  auto block = packed(envelope, reset ? fresh.view() : exported.view());
  if (token != nullptr) {
    *token = client != nullptr ? handle_of(tokens().open(std::move(client))) : nullptr;
  }
  result->cbBuffer = static_cast<ULONG>(handed_out_size(block.get()));
  result->pvBuffer = block.release();
  if ((flags & SECPKG_CONTEXT_EXPORT_DELETE_OLD) != 0) {
    context->kill();
  }
  return SEC_E_OK;
}

template <typename Char>
SECURITY_STATUS import_context(const Char* package_name, const SecBuffer* bytes,
                               PCtxtHandle handle) {
  const auto name = text_of(package_name);
  const Package* package = package_name != nullptr && name ? find_package(*name) : nullptr;
  if (package == nullptr) {
    return SEC_E_SECPKG_NOT_FOUND;
  }
  if (bytes == nullptr || bytes->pvBuffer == nullptr || handle == nullptr) {
    return SEC_E_INVALID_PARAMETER;
  }
  const std::string_view packed(static_cast<const char*>(bytes->pvBuffer), bytes->cbBuffer);
  Envelope envelope;
  if (!read_envelope(packed, envelope)) {
    return failure(SEC_E_INVALID_TOKEN, "not an exported context");
  }
  if (envelope.package != package) {
    return failure(SEC_E_SECPKG_NOT_FOUND, "exported from another package");
  }
  auto context = std::make_unique<Context>(*package, envelope.initiator);
  if (const SECURITY_STATUS status =
          import_token(envelope.token, package->mechanism(), &context->gss);
      status != SEC_E_OK) {
    return status;
  }
  OM_uint32 minor = 0;
  gss_OID mechanism = GSS_C_NO_OID;
  OM_uint32 granted = 0;
  OM_uint32 lifetime = 0;
  int initiator = 0;
  int open = 0;
  if (gss_inquire_context(&minor, context->gss, nullptr, nullptr, &lifetime, &mechanism, &granted,
                          &initiator, &open) != GSS_S_COMPLETE ||
      open == 0 || (initiator != 0) != envelope.initiator) {
    return failure(SEC_E_INVALID_TOKEN, "not a complete context of that side");
  }
  if (!equal_secret(seal_of(context->gss, packed.substr(0, kSealed)),
                    packed.substr(kSealed, kSealSize))) {
    return failure(SEC_E_INVALID_TOKEN, "the envelope was changed on its way");
  }
  context->required = envelope.required;
  context->opened(mechanism, granted, lifetime);
  if (context->initiator) {
    context->target = target_name(*context);
  }
  context->returned = envelope.initiator ? isc_returned(envelope.required, granted)
                                         : asc_returned(envelope.required, granted);
  *handle = contexts().open(std::move(context));
  return SEC_E_OK;
}

}  // namespace
}  // namespace sspi

using namespace sspi;

extern "C" {

SECURITY_STATUS ExportSecurityContext(PCtxtHandle phContext, ULONG fFlags,
                                      PSecBuffer pPackedContext, void** pToken) {
  return guard([&] { return export_context(phContext, fFlags, pPackedContext, pToken); });
}

SECURITY_STATUS ImportSecurityContextA(const SEC_CHAR* pszPackage, PSecBuffer pPackedContext, void*,
                                       PCtxtHandle phContext) {
  return guard([&] { return import_context(pszPackage, pPackedContext, phContext); });
}

SECURITY_STATUS ImportSecurityContextW(const SEC_WCHAR* pszPackage, PSecBuffer pPackedContext,
                                       void*, PCtxtHandle phContext) {
  return guard([&] { return import_context(pszPackage, pPackedContext, phContext); });
}

}  // extern "C"
