// SPDX-License-Identifier: MIT
// What SspiCompatGetLastNtStatus and kin answer: the calling thread's last failure.
#pragma once

#include <gssapi/gssapi.h>

#include <atomic>
#include <cstdint>
#include <string_view>

#include "sspi/sspi.h"

namespace sspi {

// How many threads remember a failure, or ended so. While none does, which is the rule, a call that
// succeeds has nothing to forget and leaves its thread's own memory alone.
extern constinit std::atomic<int> threads_that_remember;

struct LastFailure {
  bool fresh = false;       // set by this call, not by an earlier one
  bool remembered = false;  // counted in threads_that_remember
  std::uint32_t nt = 0;
  DWORD win32 = 0;
  OM_uint32 major = 0;  // where the text is still to be asked for
  OM_uint32 minor = 0;
  gss_const_OID mechanism = GSS_C_NO_OID;
  char text[256] = "";

  void set(std::uint32_t nt_status, DWORD error);
  void set_text(std::string_view words);
  void forget();
};
LastFailure& last_failure();

}  // namespace sspi
