// SPDX-License-Identifier: MIT
// Where C++ meets C. Every exported function is
//   OM_uint32 gss_x(OM_uint32* minor, …) {
//     clear(outputs…);
//     return guard(minor, [&]() -> Status { … });
//   }
// with these rules: outputs are cleared before anything is looked at; handles are borrowed, which
// checks them; what is handed to the caller is allocated before the first output is set, so that no
// call succeeds without its outputs and none fails with half of them. clear() and guard() are
// noexcept, so the functions are, though MIT's headers, with whose declarations they must agree, do
// not say so. The only catch in the project is here; sspi_compat has a twin.
#pragma once

#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include "abi/gssapi.h"
#include "abi/outputs.h"
#include "abi/status.h"
#include "base/bytes.h"
#include "base/secret.h"

namespace ntlm::abi {

// The minor status of this thread's last failed call, for gssspi_mech_invoke
// (include/gssapi_ntlm.h).
inline constinit thread_local OM_uint32 last_failure = 0;

template <typename Body>
OM_uint32 guard(OM_uint32* minor, Body&& body) noexcept {
  Status status;
  try {
    status = std::forward<Body>(body)();
  } catch (const std::bad_alloc&) {
    status = Status(Error{Errc::kNoMemory, "memory"});
  } catch (...) {
    status = Status(Error{Errc::kInternal, "exception"});
  }
  if (minor != nullptr) {
    *minor = status.minor;
  }
  if (GSS_ERROR(status.major)) {
    last_failure = status.minor;
  }
  return status.major;
}

template <typename... Output>
void clear(Output*... outputs) noexcept {
  ((outputs != nullptr ? static_cast<void>(*outputs = Output{}) : static_cast<void>(0)), ...);
}

template <typename T>
void set(T* output, T value) noexcept {
  if (output != nullptr) {
    *output = value;
  }
}

// The object behind a handle, or null when the handle is null or not one of ours. The mechglue's
// handle types are incomplete structs, so this is the one place that casts them.
template <typename Object, typename Handle>
Object* borrow(Handle* handle) noexcept {
  auto* object = static_cast<Object*>(static_cast<void*>(handle));
  return object != nullptr && object->tag.sound() ? object : nullptr;
}

template <typename Handle, typename Object>
Handle* lend(std::unique_ptr<Object> object) noexcept {
  return static_cast<Handle*>(static_cast<void*>(object.release()));
}

using ntlm::bytes_of;
// What a gss_buffer_t holds; a null buffer and a null value are empty.
inline ByteView bytes_of(const gss_buffer_desc* buffer) noexcept {
  if (buffer == nullptr || buffer->value == nullptr) {
    return {};
  }
  return {static_cast<const std::uint8_t*>(buffer->value), buffer->length};
}
inline std::string_view text_of(const gss_buffer_desc* buffer) noexcept {
  if (buffer == nullptr || buffer->value == nullptr) {
    return {};
  }
  return {static_cast<const char*>(buffer->value), buffer->length};
}
inline bool same_oid(const gss_OID_desc* a, const gss_OID_desc* b) noexcept {
  return a != nullptr && b != nullptr && a->length == b->length &&
         std::memcmp(a->elements, b->elements, a->length) == 0;
}
// The same for one of the headers' constants: its content, without tag and length.
inline bool is_oid(const gss_OID_desc* oid, std::string_view content) noexcept {
  return oid != nullptr && oid->length == content.size() &&
         std::memcmp(oid->elements, content.data(), content.size()) == 0;
}

}  // namespace ntlm::abi
