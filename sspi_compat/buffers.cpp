// SPDX-License-Identifier: MIT
#include "sspi_compat/buffers.h"

#include <cstring>

#include "sspi_compat/status.h"

namespace sspi {

SecBuffer* find_buffer(const SecBufferDesc* buffers, ULONG type) {
  if (buffers == nullptr || buffers->pBuffers == nullptr) {
    return nullptr;
  }
  for (ULONG i = 0; i < buffers->cBuffers; ++i) {
    if (buffer_type(buffers->pBuffers[i]) == type) {
      return &buffers->pBuffers[i];
    }
  }
  return nullptr;
}

SECURITY_STATUS read_bindings(const SecBufferDesc* buffers, Bindings& bindings) {
  const SecBuffer* buffer = find_buffer(buffers, SECBUFFER_CHANNEL_BINDINGS);
  if (buffer == nullptr || (buffer->cbBuffer == 0 && buffer->pvBuffer == nullptr)) {
    return SEC_E_OK;
  }
  SEC_CHANNEL_BINDINGS header;
  if (buffer->pvBuffer == nullptr || buffer->cbBuffer < sizeof header) {
    return failure(SEC_E_INVALID_TOKEN, "SECBUFFER_CHANNEL_BINDINGS is shorter than its header");
  }
  std::memcpy(&header, buffer->pvBuffer, sizeof header);  // it may be unaligned
  bool sound = true;
  const auto field = [&](ULONG offset, ULONG length) -> gss_buffer_desc {
    if (length == 0) {
      return GSS_C_EMPTY_BUFFER;
    }
    if (length > buffer->cbBuffer || offset > buffer->cbBuffer - length) {
      sound = false;
      return GSS_C_EMPTY_BUFFER;
    }
    return {length, static_cast<char*>(buffer->pvBuffer) + offset};
  };
  bindings.value.initiator_addrtype = header.dwInitiatorAddrType;
  bindings.value.initiator_address = field(header.dwInitiatorOffset, header.cbInitiatorLength);
  bindings.value.acceptor_addrtype = header.dwAcceptorAddrType;
  bindings.value.acceptor_address = field(header.dwAcceptorOffset, header.cbAcceptorLength);
  bindings.value.application_data =
      field(header.dwApplicationDataOffset, header.cbApplicationDataLength);
  if (!sound) {
    return failure(SEC_E_INVALID_TOKEN, "SECBUFFER_CHANNEL_BINDINGS points outside itself");
  }
  bindings.present = true;
  return SEC_E_OK;
}

}  // namespace sspi
