// SPDX-License-Identifier: MIT
#include "sspi_compat/last_failure.h"

#include <string>

#include "sspi_compat/gss_objects.h"

namespace sspi {
namespace {

// The mechanism's own sentence, or the major status's when it has none.
std::string describe(OM_uint32 major, OM_uint32 minor, gss_const_OID mechanism) {
  std::string text = minor != 0 ? status_text(minor, GSS_C_MECH_CODE, mechanism) : "";
  return text.empty() && major != 0 ? status_text(major, GSS_C_GSS_CODE, mechanism) : text;
}

void remember(LastFailure& failure, bool yes) {
  if (failure.remembered != yes) {
    failure.remembered = yes;
    threads_that_remember.fetch_add(yes ? 1 : -1, std::memory_order_relaxed);
  }
}

}  // namespace

constinit std::atomic<int> threads_that_remember{0};

void LastFailure::set(std::uint32_t nt_status, DWORD error) {
  remember(*this, true);
  fresh = true;
  nt = nt_status;
  win32 = error;
  major = 0;
  minor = 0;
  text[0] = '\0';
}

void LastFailure::set_text(std::string_view words) {
  text[words.copy(text, sizeof text - 1)] = '\0';
}

void LastFailure::forget() {
  set(0, ERROR_SUCCESS);
  fresh = false;
  remember(*this, false);
}

LastFailure& last_failure() {
  static thread_local constinit LastFailure last;
  return last;
}

}  // namespace sspi

using namespace sspi;

extern "C" {

NTSTATUS SspiCompatGetLastNtStatus(void) { return static_cast<NTSTATUS>(last_failure().nt); }

DWORD SspiCompatGetLastError(void) { return last_failure().win32; }

VOID SspiCompatSetLastError(DWORD Error) {
  remember(last_failure(), true);
  last_failure().win32 = Error;
}

const char* SspiCompatGetLastText(void) {
  LastFailure& last = last_failure();
  if (last.text[0] == '\0' && (last.major != 0 || last.minor != 0)) {
    try {
      last.set_text(describe(last.major, last.minor, last.mechanism));
    } catch (...) {
      last.text[0] = '\0';
    }
  }
  return last.text;
}

}  // extern "C"
