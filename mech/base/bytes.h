// SPDX-License-Identifier: MIT
// Reading and writing little-endian byte strings, as every message of [MS-NLMP] and every record of
// ours is made.
//
// Reader: non-owning and sticky. After the first read that does not fit, every read yields zeros or
// an empty span and finish() returns the error; a parse function hands its struct out only through
// finish(). No loop may be bounded by a value that was read without testing ok(). Writer: grows
// into one buffer; sticky when a length does not fit its field or the whole exceeds its limit.
// SecretWriter, for what bears keys, leaves none of them behind as it grows.
// Neither throws anything but std::bad_alloc (Writer). Not thread-safe; cheap to make.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace ntlm {

using ByteView = std::span<const std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

inline ByteView bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// As Writer::u32 writes it.
constexpr std::array<std::uint8_t, 4> little_endian(std::uint32_t value) noexcept {
  return {static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8),
          static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 24)};
}

// A Len/MaxLen/BufferOffset triple ([MS-NLMP] 2.2.1); MaxLen is ignored on receipt.
struct Field {
  std::uint16_t length = 0;
  std::uint32_t offset = 0;
};

class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  std::uint8_t u8();
  std::uint16_t u16();
  std::uint32_t u32();
  std::uint64_t u64();
  Field field();
  ByteView take(std::size_t size);
  template <std::size_t N>
  std::array<std::uint8_t, N> take();
  void skip(std::size_t size) { (void)take(size); }
  // What Writer::block and Writer::text wrote; one over the limit fails.
  ByteView block(std::size_t limit);
  std::string_view text(std::size_t limit);
  // u8: 0 or 1, anything else fails.
  bool flag();

  // The bytes that a field points at. An empty field has none, wherever it points. Otherwise it
  // must start at or behind first_allowed and end within the message: the one place where offset
  // and length are compared.
  ByteView payload(Field field, std::size_t first_allowed);

  // Fails unless the next bytes are these.
  void expect(ByteView wanted);
  void fail() { ok_ = false; }

  bool ok() const { return ok_; }
  bool at_end() const { return position_ == bytes_.size(); }
  std::size_t position() const { return position_; }
  std::size_t remaining() const { return bytes_.size() - position_; }
  ByteView all() const { return bytes_; }

  // kDefectiveMessage with this name if any read failed.
  Result<void> finish(const char* where) const;

 private:
  ByteView bytes_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

template <std::size_t N>
std::array<std::uint8_t, N> Reader::take() {
  std::array<std::uint8_t, N> out{};
  const ByteView view = take(N);
  for (std::size_t i = 0; i < view.size(); ++i) out[i] = view[i];
  return out;
}

template <typename Storage>
class BasicWriter {
 public:
  explicit BasicWriter(std::size_t reserve = 0, std::size_t limit = 65535);

  void u8(std::uint8_t value);
  void u16(std::uint16_t value);
  void u32(std::uint32_t value);
  void u64(std::uint64_t value);
  void bytes(ByteView value);
  void zeros(std::size_t count);
  // u32 length and content.
  void block(ByteView value);
  void text(std::string_view value);
  void flag(bool value) { u8(value ? 1 : 0); }

  // Leaves room for a Len/MaxLen/BufferOffset triple and returns its position; payload() appends
  // the bytes at the end and fills the triple in.
  std::size_t field();
  void payload(std::size_t field_position, ByteView value);

  std::size_t size() const { return out_.size(); }
  // Overwrites N bytes that are already there (a MIC whose room was zeroed).
  void patch(std::size_t position, ByteView value);
  void fail() { ok_ = false; }

  // kInternal with this name if anything did not fit.
  Result<Storage> finish(const char* where) &&;

 private:
  Storage out_;
  std::size_t limit_;
  bool ok_ = true;
};

using Writer = BasicWriter<Bytes>;
using SecretWriter = BasicWriter<SecretBytes>;

}  // namespace ntlm
