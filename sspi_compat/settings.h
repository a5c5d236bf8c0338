// SPDX-License-Identifier: MIT
// ntlm.conf's [sspi] section, read once a process with MIT's profile library from GSS_NTLM_CONF or
// the installed place.
#pragma once

#include <string>

#include "sspi/sspi.h"

namespace sspi {

struct Settings {
  enum class Impersonation { kFsuid, kIdentity, kNone };
  enum class NegotiateForm { kSpnego, kRaw };

  Impersonation impersonation = Impersonation::kFsuid;
  ULONG require_flags = 0;  // ASC_REQ_ bits that must be granted
  NegotiateForm negotiate_form =
      NegotiateForm::kSpnego;  // what an outbound Negotiate credential sends first
  std::string error;  // "path: [sspi] key: what is wrong"; the settings must not be used then
};

const Settings& settings();

}  // namespace sspi
