// SPDX-License-Identifier: MIT
#include "sspi_compat/leg.h"

#include "sspi_compat/flags.h"

namespace sspi {

Output::~Output() {
  if (buffer_ != nullptr && !given_ && !too_small_) {
    buffer_->cbBuffer = 0;
    buffer_->pvBuffer = allocate_ ? nullptr : buffer_->pvBuffer;
  }
}

SECURITY_STATUS Output::too_small(const char* why) {
  too_small_ = true;
  return failure(SEC_E_BUFFER_TOO_SMALL, why);
}

SECURITY_STATUS Output::check() {
  if (buffer_ == nullptr || (!allocate_ && buffer_->cbBuffer == 0)) {
    return too_small("pOutput has no SECBUFFER_TOKEN with room");
  }
  return allocate_ || buffer_->pvBuffer != nullptr
             ? SEC_E_OK
             : failure(SEC_E_INTERNAL_ERROR, "pOutput has room but no memory");
}

SECURITY_STATUS Output::give(std::string_view token) {
  if (token.empty()) {
    return SEC_E_OK;
  }
  if (const SECURITY_STATUS status = check(); status != SEC_E_OK) {
    return status;
  }
  if (allocate_) {
    buffer_->pvBuffer = hand_out_bytes(token).release();
  } else if (buffer_->cbBuffer < token.size()) {
    return too_small("pOutput is smaller than the token");
  } else {
    token.copy(static_cast<char*>(buffer_->pvBuffer), token.size());
  }
  buffer_->cbBuffer = static_cast<ULONG>(token.size());
  given_ = true;
  return SEC_E_OK;
}

void Output::give_error(std::string_view token, bool wanted) {
  if (wanted && give(token) != SEC_E_OK) {
    too_small_ = false;  // not what the call fails by
  }
}

std::string_view input_token(const SecBufferDesc* buffers) {
  const SecBuffer* token = find_buffer(buffers, SECBUFFER_TOKEN);
  return token != nullptr && token->pvBuffer != nullptr
             ? std::string_view(static_cast<const char*>(token->pvBuffer), token->cbBuffer)
             : std::string_view();
}

bool names_context(const SecHandle* handle) {
  return handle != nullptr && (handle->dwLower != 0 || handle->dwUpper != 0);
}

SECURITY_STATUS find_bindings(const Leg& leg, Context& context, Bindings& bindings) {
  SECURITY_STATUS status = read_bindings(leg.input, bindings);
  if (status == SEC_E_OK && bindings.present) {
    const SecBuffer* buffer = find_buffer(leg.input, SECBUFFER_CHANNEL_BINDINGS);
    context.bindings.assign(static_cast<const char*>(buffer->pvBuffer), buffer->cbBuffer);
  } else if (status == SEC_E_OK && !context.bindings.empty()) {
    SecBuffer kept{static_cast<ULONG>(context.bindings.size()), SECBUFFER_CHANNEL_BINDINGS,
                   context.bindings.data()};
    const SecBufferDesc kept_desc{SECBUFFER_VERSION, 1, &kept};
    status = read_bindings(&kept_desc, bindings);
  }
  return status;
}

void report(const Leg& leg, Context& context, const Output& output) {
  const ULONG allocated =
      context.initiator ? ULONG{ISC_RET_ALLOCATED_MEMORY} : ULONG{ASC_RET_ALLOCATED_MEMORY};
  context.returned = context.initiator ? isc_returned(context.required, context.granted)
                                       : asc_returned(context.required, context.granted);
  context.returned |= output.allocated() ? allocated : 0;
  if (leg.attributes != nullptr) {
    *leg.attributes = context.returned;
  }
  if (leg.expiry != nullptr) {
    *leg.expiry = context.ends;
  }
}

}  // namespace sspi
