// SPDX-License-Identifier: MIT
// Owners of what the GSS-API hands out.
#pragma once

#include <gssapi/gssapi.h>

#include <memory>
#include <string>
#include <string_view>

namespace sspi {

struct ReleaseName {
  void operator()(gss_name_t name) const noexcept;
};
using Name = std::unique_ptr<gss_name_struct, ReleaseName>;

// Zeros over a buffer that GSS handed out: gss_release_buffer only frees.
void wipe(const gss_buffer_desc& buffer) noexcept;

// A buffer that is wiped and given back.
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

// What the mechanism says to a major (GSS_C_GSS_CODE) or minor (GSS_C_MECH_CODE) status; empty when
// it has nothing to say.
std::string status_text(OM_uint32 status, int type, gss_const_OID mechanism);

// A view as an input buffer. GSS does not write through it, though its type would allow.
gss_buffer_desc input_buffer(std::string_view bytes);
gss_buffer_desc input_buffer(const void* bytes, std::size_t size);

}  // namespace sspi
