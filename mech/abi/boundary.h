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

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

#include "abi/gssapi.h"
#include "abi/status.h"
#include "base/bytes.h"
#include "base/secret.h"

namespace ntlm::abi {

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
  if (minor != nullptr) *minor = status.minor;
  return status.major;
}

template <typename... Output>
void clear(Output*... outputs) noexcept {
  ((outputs != nullptr ? static_cast<void>(*outputs = Output{}) : static_cast<void>(0)), ...);
}

template <typename T>
void set(T* output, T value) noexcept {
  if (output != nullptr) *output = value;
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

// What a gss_buffer_t holds; a null buffer and a null value are empty.
inline ByteView bytes_of(const gss_buffer_desc* buffer) noexcept {
  if (buffer == nullptr || buffer->value == nullptr) return {};
  return {static_cast<const std::uint8_t*>(buffer->value), buffer->length};
}
inline std::string_view text_of(const gss_buffer_desc* buffer) noexcept {
  if (buffer == nullptr || buffer->value == nullptr) return {};
  return {static_cast<const char*>(buffer->value), buffer->length};
}
inline ByteView bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline bool same_oid(const gss_OID_desc* a, const gss_OID_desc* b) noexcept {
  return a != nullptr && b != nullptr && a->length == b->length &&
         std::memcmp(a->elements, b->elements, a->length) == 0;
}

// A malloc'ed buffer on its way to the caller: made first, given last, wiped and freed if nobody
// takes it.
class OutputBuffer {
 public:
  static Result<OutputBuffer> of_size(std::size_t size) {
    OutputBuffer buffer;
    if (size == 0) return buffer;
    buffer.value_ = static_cast<std::uint8_t*>(std::malloc(size));
    if (buffer.value_ == nullptr) return fail(Errc::kNoMemory, "output");
    buffer.size_ = size;
    return buffer;
  }
  static Result<OutputBuffer> copy(ByteView bytes) {
    auto buffer = of_size(bytes.size());
    if (buffer && !bytes.empty()) std::memcpy(buffer->value_, bytes.data(), bytes.size());
    return buffer;
  }
  static Result<OutputBuffer> copy(std::string_view text) {
    auto buffer = of_size(text.size());
    if (buffer && !text.empty()) std::memcpy(buffer->value_, text.data(), text.size());
    return buffer;
  }

  OutputBuffer() = default;
  OutputBuffer(OutputBuffer&& other) noexcept
      : value_(std::exchange(other.value_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  OutputBuffer& operator=(OutputBuffer&& other) noexcept {
    std::swap(value_, other.value_);
    std::swap(size_, other.size_);
    return *this;
  }
  OutputBuffer(const OutputBuffer&) = delete;
  OutputBuffer& operator=(const OutputBuffer&) = delete;
  ~OutputBuffer() {
    if (value_ == nullptr) return;
    wipe(value_, size_);
    std::free(value_);
  }

  std::span<std::uint8_t> bytes() { return {value_, size_}; }
  // A null output drops the buffer.
  void give(gss_buffer_t output) && noexcept {
    if (output == nullptr) return;
    output->length = std::exchange(size_, 0);
    output->value = std::exchange(value_, nullptr);
  }

 private:
  std::uint8_t* value_ = nullptr;
  std::size_t size_ = 0;
};

// A buffer set that is wiped and released unless somebody takes it.
class BufferSet {
 public:
  BufferSet() = default;
  BufferSet(BufferSet&& other) noexcept : set_(std::exchange(other.set_, GSS_C_NO_BUFFER_SET)) {}
  BufferSet& operator=(BufferSet&&) = delete;
  ~BufferSet() {
    if (set_ == GSS_C_NO_BUFFER_SET) return;
    OM_uint32 minor = 0;
    for (std::size_t i = 0; i < set_->count; ++i)
      wipe(set_->elements[i].value, set_->elements[i].length);
    gss_release_buffer_set(&minor, &set_);
  }
  Result<void> add(ByteView bytes) {
    OM_uint32 minor = 0;
    // The member is copied, never written to.
    gss_buffer_desc member{bytes.size(), const_cast<std::uint8_t*>(bytes.data())};
    if (GSS_ERROR(gss_add_buffer_set_member(&minor, &member, &set_)))
      return fail(Errc::kNoMemory, "buffer set");
    return {};
  }
  void give(gss_buffer_set_t* output) && noexcept {
    if (output != nullptr) *output = std::exchange(set_, GSS_C_NO_BUFFER_SET);
  }

 private:
  gss_buffer_set_t set_ = GSS_C_NO_BUFFER_SET;
};

}  // namespace ntlm::abi
