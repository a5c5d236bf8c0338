// SPDX-License-Identifier: MIT
// The words by which audit records name an outcome, and every reader of them filters.
#pragma once

#include "base/result.h"

namespace ntlm {

// "wrong-password", "unknown-account", …: one for each code, of small letters and hyphens.
const char* audit_reason(Errc code);

}  // namespace ntlm
