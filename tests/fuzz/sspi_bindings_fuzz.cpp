// SPDX-License-Identifier: MIT
// A SECBUFFER_CHANNEL_BINDINGS, and an identity block, that lie about what is in them. What is read
// lies inside.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "sspi_compat/buffers.h"
#include "sspi_compat/identity.h"
#include "sspi_compat/status.h"

namespace {

void check_inside(const gss_buffer_desc& part, const std::vector<std::uint8_t>& bytes) {
  const auto* start = static_cast<const std::uint8_t*>(part.value);
  if (part.length != 0 &&
      (start < bytes.data() || start + part.length > bytes.data() + bytes.size())) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> bytes(
      data, data + size);  // of exactly this size, so that one byte too far is seen
  SecBuffer buffer{static_cast<ULONG>(size), SECBUFFER_CHANNEL_BINDINGS, bytes.data()};
  SecBufferDesc desc{SECBUFFER_VERSION, 1, &buffer};
  sspi::Bindings bindings;
  if (sspi::read_bindings(&desc, bindings) == SEC_E_OK && bindings.present) {
    check_inside(bindings.value.initiator_address, bytes);
    check_inside(bindings.value.acceptor_address, bytes);
    check_inside(bindings.value.application_data, bytes);
  }
  PSEC_WINNT_AUTH_IDENTITY_OPAQUE identity = nullptr;
  auto* text = static_cast<char*>(static_cast<void*>(bytes.data()));
  if (SspiUnmarshalAuthIdentity(static_cast<ULONG>(size), text, &identity) == SEC_E_OK) {
    // What was read is written and read again, the same.
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE copy = nullptr;
    BOOLEAN same = FALSE;
    if (SspiCopyAuthIdentity(identity, &copy) != SEC_E_OK ||
        SspiCompareAuthIdentities(identity, copy, nullptr, &same) != SEC_E_OK || same == FALSE) {
      std::abort();
    }
    SspiFreeAuthIdentity(copy);
    SspiFreeAuthIdentity(identity);
  }
  return 0;
}
