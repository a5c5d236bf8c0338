// SPDX-License-Identifier: MIT
// One leg of an exchange, of either side: what the call was given, what GSS answered, the outputs.
// A context is in the registry only after a first leg that succeeded.
#pragma once

#include <string_view>

#include "sspi_compat/buffers.h"
#include "sspi_compat/context.h"
#include "sspi_compat/status.h"

namespace sspi {

// Where a leg's token goes. Whatever ends the call without one leaves an empty buffer, so that a
// program which sends cbBuffer bytes sends nothing that it did not mean to; where the room is too
// small for one, it stays as the caller gave it.
class Output {
 public:
  Output(PSecBufferDesc buffers, bool allocate)
      : buffer_(find_buffer(buffers, SECBUFFER_TOKEN)), allocate_(allocate) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output();

  // Is there room for any token at all? SEC_E_BUFFER_TOO_SMALL, SEC_E_INTERNAL_ERROR.
  SECURITY_STATUS check();
  SECURITY_STATUS give(std::string_view token);
  // An error token is for the peer's eyes: it goes out where the caller asked for it, and made
  // room.
  void give_error(std::string_view token, bool wanted);
  bool allocated() const { return given_ && allocate_; }

 private:
  SECURITY_STATUS too_small(const char* why);

  SecBuffer* buffer_;
  const bool allocate_;
  bool given_ = false;
  bool too_small_ = false;
};

// Empty when there is none.
std::string_view input_token(const SecBufferDesc* buffers);
bool names_context(const SecHandle* handle);

// What the two functions share of a call.
struct Leg {
  PCtxtHandle context;      // in
  PCtxtHandle new_context;  // out
  PSecBufferDesc input;
  ULONG requested;
  PULONG attributes;
  PTimeStamp expiry;
};

// The channel bindings that count on this leg: its own, or those that the context keeps of an
// earlier one. Views into either.
SECURITY_STATUS find_bindings(const Leg& leg, Context& context, Bindings& bindings);

// What a GSS leg answered.
struct Answer {
  OM_uint32 major = GSS_S_FAILURE;
  OM_uint32 minor = 0;
  OM_uint32 flags = 0;
  OM_uint32 lifetime = 0;
  gss_OID mechanism = GSS_C_NO_OID;
  Buffer token;
};

// The outputs of a leg that succeeded.
void report(const Leg& leg, Context& context, const Output& output);

// A further leg of either side. fits: is the credential that came along one for this side?
template <typename Step>
SECURITY_STATUS next_leg(const Leg& leg, bool initiator, bool fits, Step&& step) {
  const auto context = contexts().find(leg.context, Hold::kBoth);
  if (!context || context->initiator != initiator || !fits) {
    return SEC_E_INVALID_HANDLE;
  }
  if (context->state != Context::State::kChallenged) {
    return context->state == Context::State::kOpen ? SEC_E_OUT_OF_SEQUENCE : SEC_E_INVALID_HANDLE;
  }
  const SECURITY_STATUS status = step(*context);
  if (status < 0) {
    context->kill();
  } else if (leg.new_context != nullptr) {
    *leg.new_context = *leg.context;
  }
  return status;
}

}  // namespace sspi
