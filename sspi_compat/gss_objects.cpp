// SPDX-License-Identifier: MIT
#include "sspi_compat/gss_objects.h"

#include <string.h>  // explicit_bzero

namespace sspi {

void ReleaseName::operator()(gss_name_t name) const noexcept {
  OM_uint32 minor = 0;
  gss_release_name(&minor, &name);
}

void wipe(const gss_buffer_desc& buffer) noexcept {
  if (buffer.value != nullptr) {
    explicit_bzero(buffer.value, buffer.length);
  }
}

Buffer::~Buffer() {
  wipe(buffer_);
  OM_uint32 minor = 0;
  gss_release_buffer(&minor, &buffer_);
}

std::string status_text(OM_uint32 status, int type, gss_const_OID mechanism) {
  OM_uint32 minor = 0;
  OM_uint32 more = 0;
  Buffer text;
  return gss_display_status(&minor, status, type, const_cast<gss_OID>(mechanism), &more,
                            text.out()) == GSS_S_COMPLETE
             ? std::string(text.view())
             : std::string();
}

gss_buffer_desc input_buffer(std::string_view bytes) {
  return input_buffer(bytes.data(), bytes.size());
}

gss_buffer_desc input_buffer(const void* bytes, std::size_t size) {
  return {size, const_cast<void*>(bytes)};
}

}  // namespace sspi
