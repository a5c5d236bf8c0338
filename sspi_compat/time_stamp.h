// SPDX-License-Identifier: MIT
// Points in time as SSPI has them.
#pragma once

#include <gssapi/gssapi.h>

#include <cstdint>

#include "sspi/sspi.h"

namespace sspi {

// Local time, FILETIME ticks. GSS_C_INDEFINITE is never.
TimeStamp time_in(OM_uint32 seconds_from_now);
TimeStamp time_at(std::int64_t seconds_since_1970);
TimeStamp never();

}  // namespace sspi
