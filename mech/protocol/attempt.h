// SPDX-License-Identifier: MIT
// One attempt to log on as audit records and name attributes tell it (security.md P15).
#pragma once

#include "base/audit.h"
#include "protocol/acceptor.h"

namespace ntlm::protocol {

// All but what the acceptor does not know: principal, service, duration. error: null for a success.
// The views are into the acceptor.
AuditEvent attempt(const Acceptor& acceptor, const Error* error);

const char* version_word(NtlmVersion version);
const char* mic_word(MicState mic);
const char* bindings_word(BindingsState bindings);

}  // namespace ntlm::protocol
