// SPDX-License-Identifier: MIT
// What is on its way to the caller: made first, handed out last, and released here if nobody takes
// it. A null output drops it.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "abi/gssapi.h"
#include "base/bytes.h"
#include "base/secret.h"

namespace ntlm::abi {

// A malloc'ed buffer, wiped if nobody takes it.
class OutputBuffer {
 public:
  static Result<OutputBuffer> of_size(std::size_t size) {
    OutputBuffer buffer;
    if (size == 0) {
      return buffer;
    }
    buffer.value_ = static_cast<std::uint8_t*>(std::malloc(size + 1));
    if (buffer.value_ == nullptr) {
      return fail(Errc::kNoMemory, "output");
    }
    // cyrus-sasl reads names as C strings: behind what the length covers there is a NUL.
    buffer.value_[size] = 0;
    buffer.size_ = size;
    return buffer;
  }
  static Result<OutputBuffer> copy(ByteView bytes) {
    auto buffer = of_size(bytes.size());
    if (buffer && !bytes.empty()) {
      std::memcpy(buffer->value_, bytes.data(), bytes.size());
    }
    return buffer;
  }
  // Text has a NUL behind its length, as MIT's has: cyrus-sasl for one reads on until it finds one.
  static Result<OutputBuffer> copy(std::string_view text) {
    OutputBuffer buffer;
    buffer.value_ = static_cast<std::uint8_t*>(std::calloc(text.size() + 1, 1));
    if (buffer.value_ == nullptr) {
      return fail(Errc::kNoMemory, "output");
    }
    std::copy(text.begin(), text.end(), buffer.value_);
    buffer.size_ = text.size();
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
    if (value_ == nullptr) {
      return;
    }
    wipe(value_, size_);
    std::free(value_);
  }

  std::span<std::uint8_t> bytes() { return {value_, size_}; }
  void give(gss_buffer_t output) && noexcept {
    if (output == nullptr) {
      return;
    }
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
    if (set_ == GSS_C_NO_BUFFER_SET) {
      return;
    }
    OM_uint32 minor = 0;
    for (std::size_t i = 0; i < set_->count; ++i) {
      wipe(set_->elements[i].value, set_->elements[i].length);
    }
    gss_release_buffer_set(&minor, &set_);
  }
  Result<void> add(ByteView bytes) {
    OM_uint32 minor = 0;
    // The member is copied, never written to.
    gss_buffer_desc member{bytes.size(), const_cast<std::uint8_t*>(bytes.data())};
    if (GSS_ERROR(gss_add_buffer_set_member(&minor, &member, &set_))) {
      return fail(Errc::kNoMemory, "buffer set");
    }
    return {};
  }
  void give(gss_buffer_set_t* output) && noexcept {
    if (output != nullptr) {
      *output = std::exchange(set_, GSS_C_NO_BUFFER_SET);
    }
  }

 private:
  gss_buffer_set_t set_ = GSS_C_NO_BUFFER_SET;
};

// A set that is released unless somebody takes it.
class OidSet {
 public:
  OidSet() = default;
  OidSet(const OidSet&) = delete;
  OidSet& operator=(const OidSet&) = delete;
  ~OidSet() {
    OM_uint32 minor = 0;
    gss_release_oid_set(&minor, &set_);
  }
  Result<void> add(std::initializer_list<gss_const_OID> members) {
    OM_uint32 minor = 0;
    if (set_ == GSS_C_NO_OID_SET && GSS_ERROR(gss_create_empty_oid_set(&minor, &set_))) {
      return fail(Errc::kNoMemory, "OID set");
    }
    for (const gss_const_OID member : members) {
      // RFC 2744's type is not const; the set gets a copy.
      if (GSS_ERROR(gss_add_oid_set_member(&minor, const_cast<gss_OID>(member), &set_))) {
        return fail(Errc::kNoMemory, "OID set");
      }
    }
    return {};
  }
  void give(gss_OID_set* output) && noexcept {
    if (output != nullptr) {
      *output = std::exchange(set_, GSS_C_NO_OID_SET);
    }
  }

 private:
  gss_OID_set set_ = GSS_C_NO_OID_SET;
};

}  // namespace ntlm::abi
