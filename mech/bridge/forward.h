// SPDX-License-Identifier: MIT
// How an entry point of the interposer is written. The prototypes are those of MIT's mechanism
// table: the public ones, with the mechanism's own handles.
#pragma once

#define BRIDGE_ENTRY extern "C" __attribute__((visibility("default")))

// FORWARD(call, parameters, arguments) is gssi_call, which is nothing but gss_call with what is
// behind our handles.
#define FORWARD(call, parameters, arguments) \
  BRIDGE_ENTRY OM_uint32 gssi_##call parameters noexcept { return gss_##call arguments; }
