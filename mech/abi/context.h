// SPDX-License-Identifier: MIT
// One leg of an exchange, and what the other rooms of abi ask of a context. A leg's arguments are
// those of RFC 2744 5.1 and 5.19; optional outputs may be null. Nothing is set unless the leg
// succeeds.
#pragma once

#include "abi/objects.h"
#include "abi/status.h"

namespace ntlm::abi {

struct AcceptCall {
  gss_ctx_id_t* context;
  gss_cred_id_t credential;
  gss_buffer_t input;
  gss_channel_bindings_t bindings;
  gss_name_t* source;
  gss_OID* mechanism;
  gss_buffer_t output;
  OM_uint32* flags;
  OM_uint32* lifetime;
};
Status accept_leg(const AcceptCall& call);

struct InitiateCall {
  gss_ctx_id_t* context;
  gss_cred_id_t credential;
  gss_name_t target;
  OM_uint32 wanted;
  gss_channel_bindings_t bindings;
  gss_buffer_t input;
  gss_OID* mechanism;
  gss_buffer_t output;
  OM_uint32* flags;
  OM_uint32* lifetime;
};
Status initiate_leg(const InitiateCall& call);

// Seconds that a complete context still lasts; GSS_C_INDEFINITE without an end, 0 when it is over.
std::uint32_t remaining_lifetime(const ContextObject& context);

}  // namespace ntlm::abi
