// SPDX-License-Identifier: MIT
#include "sspi_compat/gss_objects.h"

namespace sspi {

void ReleaseName::operator()(gss_name_t name) const noexcept {
  OM_uint32 minor = 0;
  gss_release_name(&minor, &name);
}

Buffer::~Buffer() {
  OM_uint32 minor = 0;
  gss_release_buffer(&minor, &buffer_);
}

gss_buffer_desc input_buffer(std::string_view bytes) {
  return input_buffer(bytes.data(), bytes.size());
}

gss_buffer_desc input_buffer(const void* bytes, std::size_t size) {
  return {size, const_cast<void*>(bytes)};
}

}  // namespace sspi
