// SPDX-License-Identifier: MIT
// The buffers that a caller passes: finding one, and the channel bindings in one.
#pragma once

#include <gssapi/gssapi.h>

#include "sspi/sspi.h"

namespace sspi {

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

}  // namespace sspi
