// SPDX-License-Identifier: MIT
// A context on its way to another process. The mechanism's own token, which it protects, in an
// envelope:
//
//   [0-7] "SSPIctx1"  [8] package  [9] 1 for the client's side, 2 for the server's
//   [10-13] ISC_REQ_ or ASC_REQ_ flags, little-endian  [14-] the mechanism's token
//
// The envelope is not protected and not believed: what was agreed is asked of the imported context.

#include "sspi_compat/flags.h"
#include "sspi_compat/impersonation.h"
#include "sspi_compat/inquiry.h"
#include "sspi_compat/status.h"

namespace sspi {
namespace {

constexpr std::string_view kMagic = "SSPIctx1";
constexpr std::size_t kEnvelope = 14;
constexpr const Package* kOrder[] = {&kNtlm, &kNegotiate, &kKerberos};

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
  return bytes;
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

// GSS consumes what it exports.
SECURITY_STATUS export_token(gss_ctx_id_t* gss, gss_const_OID mechanism, Buffer& token) {
  OM_uint32 minor = 0;
  const OM_uint32 major = gss_export_sec_context(&minor, gss, token.out());
  if (major == GSS_S_COMPLETE) {
    return SEC_E_OK;
  }
  const SECURITY_STATUS status = status_of(Call::kTransfer, major, minor, mechanism);
  return status == SEC_E_INSUFFICIENT_MEMORY ? status : SEC_E_NOT_SUPPORTED;
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

HandedOut<char> packed(const Context& context, std::string_view token) {
  const std::string envelope = write_envelope(context);
  HandedOut<char> block(static_cast<char*>(hand_out(envelope.size() + token.size())));
  envelope.copy(block.get(), envelope.size());
  token.copy(block.get() + envelope.size(), token.size());
  return block;
}

SECURITY_STATUS export_context(PCtxtHandle handle, ULONG flags, PSecBuffer result, void** token) {
  const auto context = contexts().find(handle, Hold::kBoth);
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
    return context->state == Context::State::kDead ? SEC_E_INVALID_HANDLE : SEC_E_NOT_SUPPORTED;
  }
  auto client =
      token != nullptr && check_has_token(*context) == SEC_E_OK ? make_token(*context) : nullptr;
  Buffer exported;
  SECURITY_STATUS status = export_token(&context->gss, context->mechanism, exported);
  if (status != SEC_E_OK) {
    return status;
  }
  context->state = Context::State::kDead;  // it is gone, unless it comes back
  if ((flags & SECPKG_CONTEXT_EXPORT_DELETE_OLD) == 0) {
    status = import_token(exported.view(), context->mechanism, &context->gss);
    if (status != SEC_E_OK) {
      return failure(status, "the context could not be kept");
    }
    context->state = Context::State::kOpen;
  }
  HandedOut<char> block;
  std::size_t size = kEnvelope;
  if ((flags & SECPKG_CONTEXT_EXPORT_RESET_NEW) != 0) {
    Buffer fresh;
    status = reset_token(exported.view(), context->mechanism, fresh);
    block = status == SEC_E_OK ? packed(*context, fresh.view()) : nullptr;
    size += fresh.view().size();
  } else {
    block = packed(*context, exported.view());
    size += exported.view().size();
  }
  if (status != SEC_E_OK) {
    return status;
  }
  if (token != nullptr) {
    *token = client != nullptr ? handle_of(tokens().open(std::move(client))) : nullptr;
  }
  result->cbBuffer = static_cast<ULONG>(size);
  result->pvBuffer = block.release();
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
  Envelope envelope;
  if (!read_envelope({static_cast<const char*>(bytes->pvBuffer), bytes->cbBuffer}, envelope)) {
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
  int initiator = 0;
  int open = 0;
  if (gss_inquire_context(&minor, context->gss, nullptr, nullptr, nullptr, &mechanism, &granted,
                          &initiator, &open) != GSS_S_COMPLETE ||
      open == 0 || (initiator != 0) != envelope.initiator) {
    return failure(SEC_E_INVALID_TOKEN, "not a complete context of that side");
  }
  context->required = envelope.required;
  context->opened(mechanism, granted);
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
