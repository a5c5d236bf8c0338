// SPDX-License-Identifier: MIT
// The OIDs that more than one room of abi compares with or returns. Static, as the mechglue wants
// what mechanisms return; OIDs are not const in RFC 2744's types, and nobody writes to these.
#pragma once

#include "abi/gssapi.h"

namespace ntlm::abi {

gss_OID mechanism_oid();  // 1.3.6.1.4.1.311.2.2.10

}  // namespace ntlm::abi
