// SPDX-License-Identifier: MIT
#include "base/bytes.h"

#include <algorithm>
#include <limits>

namespace ntlm {

ByteView Reader::take(std::size_t size) {
  if (!ok_ || size > bytes_.size() - position_) {
    ok_ = false;
    return {};
  }
  const ByteView out = bytes_.subspan(position_, size);
  position_ += size;
  return out;
}

namespace {
std::uint64_t number_of(ByteView bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | bytes[i - 1];
  }
  return value;
}
}  // namespace

std::uint8_t Reader::u8() { return static_cast<std::uint8_t>(number_of(take(1))); }
std::uint16_t Reader::u16() { return static_cast<std::uint16_t>(number_of(take(2))); }
std::uint32_t Reader::u32() { return static_cast<std::uint32_t>(number_of(take(4))); }
std::uint64_t Reader::u64() { return number_of(take(8)); }

Field Reader::field() {
  Field out;
  out.length = u16();
  skip(2);
  out.offset = u32();
  return out;
}

ByteView Reader::payload(Field field, std::size_t first_allowed) {
  if (field.length == 0) {
    return {};
  }
  const std::size_t total = bytes_.size();
  const std::size_t length = field.length;
  const std::size_t offset = field.offset;
  if (!ok_ || offset < first_allowed || length > total || offset > total - length) {
    ok_ = false;
    return {};
  }
  return bytes_.subspan(offset, length);
}

void Reader::expect(ByteView wanted) {
  const ByteView found = take(wanted.size());
  ok_ = ok_ && std::equal(found.begin(), found.end(), wanted.begin(), wanted.end());
}

ByteView Reader::block(std::size_t limit) {
  const std::uint32_t size = u32();
  if (size > limit) {
    ok_ = false;
  }
  return take(ok_ ? size : 0);
}

std::string_view Reader::text(std::size_t limit) {
  const ByteView bytes = block(limit);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool Reader::flag() {
  const std::uint8_t value = u8();
  if (value > 1) {
    ok_ = false;
  }
  return value == 1;
}

Result<void> Reader::finish(const char* where) const {
  if (!ok_) {
    return ntlm::fail(Errc::kDefectiveMessage, where);
  }
  return {};
}

template <typename Storage>
BasicWriter<Storage>::BasicWriter(std::size_t reserve, std::size_t limit) : limit_(limit) {
  out_.reserve(reserve);
}

template <typename Storage>
void BasicWriter<Storage>::bytes(ByteView value) {
  if (!ok_ || value.size() > limit_ - out_.size()) {
    ok_ = false;
    return;
  }
  out_.insert(out_.end(), value.begin(), value.end());
}

template <typename Storage>
void BasicWriter<Storage>::zeros(std::size_t count) {
  if (!ok_ || count > limit_ - out_.size()) {
    ok_ = false;
    return;
  }
  out_.resize(out_.size() + count);
}

template <typename Storage>
void BasicWriter<Storage>::block(ByteView value) {
  u32(static_cast<std::uint32_t>(value.size()));
  bytes(value);
}

template <typename Storage>
void BasicWriter<Storage>::text(std::string_view value) {
  block(bytes_of(value));
}

template <typename Storage>
void BasicWriter<Storage>::u8(std::uint8_t value) {
  bytes({&value, 1});
}

template <typename Storage>
void BasicWriter<Storage>::u16(std::uint16_t value) {
  const std::array<std::uint8_t, 2> raw{static_cast<std::uint8_t>(value),
                                        static_cast<std::uint8_t>(value >> 8)};
  bytes(raw);
}

template <typename Storage>
void BasicWriter<Storage>::u32(std::uint32_t value) {
  bytes(little_endian(value));
}

template <typename Storage>
void BasicWriter<Storage>::u64(std::uint64_t value) {
  u32(static_cast<std::uint32_t>(value));
  u32(static_cast<std::uint32_t>(value >> 32));
}

template <typename Storage>
std::size_t BasicWriter<Storage>::field() {
  const std::size_t position = out_.size();
  zeros(8);
  return position;
}

template <typename Storage>
void BasicWriter<Storage>::payload(std::size_t field_position, ByteView value) {
  if (value.size() > std::numeric_limits<std::uint16_t>::max()) {
    ok_ = false;
    return;
  }
  const std::size_t offset = out_.size();
  bytes(value);
  if (!ok_) {
    return;
  }
  const auto length = static_cast<std::uint16_t>(value.size());
  const std::array<std::uint8_t, 8> raw{
      static_cast<std::uint8_t>(length),       static_cast<std::uint8_t>(length >> 8),
      static_cast<std::uint8_t>(length),       static_cast<std::uint8_t>(length >> 8),
      static_cast<std::uint8_t>(offset),       static_cast<std::uint8_t>(offset >> 8),
      static_cast<std::uint8_t>(offset >> 16), static_cast<std::uint8_t>(offset >> 24)};
  patch(field_position, raw);
}

template <typename Storage>
void BasicWriter<Storage>::patch(std::size_t position, ByteView value) {
  if (!ok_ || value.size() > out_.size() || position > out_.size() - value.size()) {
    ok_ = false;
    return;
  }
  std::copy(value.begin(), value.end(), out_.begin() + static_cast<std::ptrdiff_t>(position));
}

template <typename Storage>
Result<Storage> BasicWriter<Storage>::finish(const char* where) && {
  if (!ok_) {
    return ntlm::fail(Errc::kInternal, where);
  }
  return std::move(out_);
}

template class BasicWriter<Bytes>;
template class BasicWriter<SecretBytes>;

}  // namespace ntlm
