// SPDX-License-Identifier: MIT
#include "sspi_compat/context.h"

#include <ctime>

#include "sspi_compat/impersonation.h"
#include "sspi_compat/inquiry.h"
#include "sspi_compat/status.h"

namespace sspi {
Context::~Context() {
  OM_uint32 minor = 0;
  gss_delete_sec_context(&minor, &gss, GSS_C_NO_BUFFER);
  tokens().close(&token);
}

void Context::kill() {
  OM_uint32 minor = 0;
  gss_delete_sec_context(&minor, &gss, GSS_C_NO_BUFFER);
  credential.reset();
  state = State::kDead;
}

void Context::opened(gss_const_OID spoken_mechanism, OM_uint32 flags, OM_uint32 lifetime) {
  spoken = &package_of(spoken_mechanism, package);
  mechanism = spoken->mechanism();
  granted = flags;
  target_name.reset();
  bindings.clear();
  credential.reset();
  state = State::kOpen;
  started = time(nullptr);
  ends = time_in(lifetime);
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

SECURITY_STATUS CompleteAuthToken(PCtxtHandle phContext, PSecBufferDesc) {
  return guard([&] { return if_live(phContext, SEC_E_OK); });
}

SECURITY_STATUS ApplyControlToken(PCtxtHandle phContext, PSecBufferDesc) {
  return guard([&] { return if_live(phContext, SEC_E_UNSUPPORTED_FUNCTION); });
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
