// SPDX-License-Identifier: MIT
// Statuses of the GSS-API become SECURITY_STATUS by tables; and how C++ meets C (guard).
#pragma once

#include <gssapi/gssapi.h>

#include <new>
#include <string_view>

#include "sspi_compat/last_failure.h"

namespace sspi {

// What was being done: the same major status means different things to different calls.
enum class Call : std::uint8_t { kAcquire, kInitiate, kAccept, kSeal, kUnseal, kTransfer };

// The status for a failed GSS call: by minor first, then by major. Remembers both for the calling
// thread (SspiCompatGetLastNtStatus and kin). mechanism is whose minor it is; SPNEGO's hides the
// one beneath, which is asked for. Kerberos' minors are looked at where somebody logs in only.
SECURITY_STATUS status_of(Call call, OM_uint32 major, OM_uint32 minor, gss_const_OID mechanism);
// A failure of ours with a text for SspiCompatGetLastText, which is copied; "" for none.
SECURITY_STATUS failure(SECURITY_STATUS status, std::string_view text);

// Called at the end of each exported function: sets the thread's "last" values, returns status.
SECURITY_STATUS set_last(SECURITY_STATUS status) noexcept;
inline SECURITY_STATUS settle(SECURITY_STATUS status) noexcept {
  const bool nothing_to_set =
      status >= 0 && threads_that_remember.load(std::memory_order_relaxed) == 0;
  return nothing_to_set ? status : set_last(status);
}

// The body of every exported function that answers a status: no exception passes.
template <typename Body>
SECURITY_STATUS guard(Body&& body) noexcept {
  try {
    return settle(body());
  } catch (const std::bad_alloc&) {
    return settle(SEC_E_INSUFFICIENT_MEMORY);
  } catch (...) {
    return settle(SEC_E_INTERNAL_ERROR);
  }
}

}  // namespace sspi
