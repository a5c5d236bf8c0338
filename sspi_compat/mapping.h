// SPDX-License-Identifier: MIT
// Between the two vocabularies: statuses, flags, channel bindings, times; and how C++ meets C
// (guard). Flags and statuses go through one table each way; bits are never copied, although some
// have the same number.
#pragma once

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "sspi/sspi.h"

namespace sspi {

// ---- statuses ----

// What was being done: the same major status means different things to different calls.
enum class Call : std::uint8_t {
  kAcquire,
  kInitiate,
  kAccept,
  kSeal,
  kUnseal,
  kTransfer,
  kInquire
};

// The status for a failed GSS call: by minor first, then by major. Remembers both for the calling
// thread (SspiCompatGetLastNtStatus and kin). mechanism is whose minor it is; SPNEGO's hides the
// one beneath, which is asked for.
SECURITY_STATUS status_of(Call call, OM_uint32 major, OM_uint32 minor, gss_const_OID mechanism);
// The other way: what a GSS-API mechanism over SSPI would answer.
OM_uint32 major_of(SECURITY_STATUS status);
// A failure of ours with a text for SspiCompatGetLastText: a string literal, or nothing.
SECURITY_STATUS failure(SECURITY_STATUS status, const char* text);
// The same with a text made for the occasion (configuration errors).
SECURITY_STATUS failure_with_text(SECURITY_STATUS status, const std::string& text);

// How many threads remember a failure, or ended so. While none does, which is the rule, a call that
// succeeds has nothing to forget and leaves its thread's own memory alone.
extern constinit std::atomic<int> threads_that_remember;

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

// ---- flags ----

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

// ---- buffers ----

constexpr ULONG buffer_type(const SecBuffer& buffer) {
  return buffer.BufferType & ~SECBUFFER_ATTRMASK;
}
// The first buffer of a type; null when there is none, or no descriptor.
SecBuffer* find_buffer(const SecBufferDesc* buffers, ULONG type);

// The bindings of a SECBUFFER_CHANNEL_BINDINGS: views into the caller's memory.
struct Bindings {
  gss_channel_bindings_struct value{};
  bool present = false;
  gss_channel_bindings_t get() { return present ? &value : GSS_C_NO_CHANNEL_BINDINGS; }
};
// SEC_E_INVALID_TOKEN when an offset or length leaves the buffer. None in buffers is SEC_E_OK.
SECURITY_STATUS read_bindings(const SecBufferDesc* buffers, Bindings& bindings);

// ---- times ----

// Local time, FILETIME ticks. GSS_C_INDEFINITE is never.
TimeStamp time_in(OM_uint32 seconds_from_now);
TimeStamp time_at(std::int64_t seconds_since_1970);
TimeStamp never();

// ---- owners of GSS objects ----

struct ReleaseName {
  void operator()(gss_name_t name) const noexcept;
};
using Name = std::unique_ptr<gss_name_struct, ReleaseName>;

// A buffer that gss_release_buffer gives back.
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();
  gss_buffer_t out() { return &buffer_; }
  std::string_view view() const {
    return {static_cast<const char*>(buffer_.value), buffer_.length};
  }
  bool empty() const { return buffer_.length == 0; }

 private:
  gss_buffer_desc buffer_ = GSS_C_EMPTY_BUFFER;
};

// A view as an input buffer. GSS does not write through it, though its type would allow.
gss_buffer_desc input_buffer(std::string_view bytes);
gss_buffer_desc input_buffer(const void* bytes, std::size_t size);

}  // namespace sspi
