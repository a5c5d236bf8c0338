// SPDX-License-Identifier: MIT
// ISC_ and ASC_ flags and GSS-API's: one table each. Bits are never copied, although some have the
// same number.
#pragma once

#include <gssapi/gssapi.h>

#include <string_view>

#include "sspi/sspi.h"

namespace sspi {

// For gss_init_sec_context. Flags without a GSS counterpart are left out.
OM_uint32 gss_flags_of_isc(ULONG requested);
// ISC_RET_ and ASC_RET_ flags of a leg. granted: GSS ret_flags; 0 before the last leg.
// Security-related bits tell what was agreed; of the others some echo the request.
ULONG isc_returned(ULONG requested, OM_uint32 granted);
ULONG asc_returned(ULONG requested, OM_uint32 granted);
// Were all of these ASC_REQ_ flags granted?
bool asc_granted(ULONG needed, OM_uint32 granted);
// "ASC_REQ_INTEGRITY" and kin, for the setting require_flags; 0 when there is no such name.
ULONG asc_flag_named(std::string_view name);

}  // namespace sspi
