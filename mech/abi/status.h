// SPDX-License-Identifier: MIT
// Errc -> (major, minor, text, audit word): one table, in status.cpp. The majors are those of
// security.md section 4, the minors the public numbers of include/gssapi_ntlm.h.
#pragma once

#include <string>

#include "abi/gssapi.h"
#include "base/result.h"

namespace ntlm::abi {

// What an entry point answers. Converts from the errors of Result, so that TRY works in a body that
// returns Status.
struct Status {
  OM_uint32 major = GSS_S_COMPLETE;
  OM_uint32 minor = 0;

  Status() = default;
  Status(OM_uint32 major_status, OM_uint32 minor_status = 0)
      : major(major_status), minor(minor_status) {}
  Status(const Error& error);  // by the table
  Status(const tl::unexpected<Error>& error) : Status(error.value()) {}
};

// The table's minor with another major, where an entry point has a more exact one
// (GSS_S_BAD_NAMETYPE, …).
Status with_major(OM_uint32 major, Errc code);

// The sentence for an administrator: what is wrong and what to do next. For CONFIGURATION and STORE
// it is the current fault; for an errno value its text; empty for a number that nobody here
// returns.
std::string minor_text(OM_uint32 minor);

}  // namespace ntlm::abi
