// SPDX-License-Identifier: MIT
#include "base/text.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace ntlm {
namespace {

constexpr char32_t kIllFormed = 0xffffffff;

// A sequence of two to four bytes. Ill-formed UTF-8 gives kIllFormed and takes one byte, so that a
// caller who goes on nevertheless comes to an end.
char32_t take_sequence(std::string_view& text) {
  const auto byte = [&text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  const std::size_t size = lead < 0xc2   ? 0
                           : lead < 0xe0 ? 2
                           : lead < 0xf0 ? 3
                           : lead < 0xf5 ? 4
                                         : 0;
  char32_t value = lead & (0xffu >> (size + 1));
  bool sound = size != 0 && size <= text.size();
  for (std::size_t i = 1; sound && i < size; ++i) {
    sound = (byte(i) & 0xc0) == 0x80;
    value = value << 6 | (byte(i) & 0x3fu);
  }
  constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  sound = sound && value >= kLeast[size] && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
  text.remove_prefix(sound ? size : 1);
  return sound ? value : kIllFormed;
}

// Takes the next code point off `text`, which is not empty. Names are ASCII mostly: no call then.
inline char32_t take_code_point(std::string_view& text) {
  const auto lead = static_cast<std::uint8_t>(text.front());
  if (lead >= 0x80) {
    return take_sequence(text);
  }
  text.remove_prefix(1);
  return lead;
}

inline void append_utf8(std::string& out, char32_t value) {
  const auto append = [&out](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (value < 0x80) {
    append(value);
    return;
  }
  if (value < 0x800) {
    append(0xc0 | value >> 6);
  } else {
    if (value < 0x10000) {
      append(0xe0 | value >> 12);
    } else {
      append(0xf0 | value >> 18);
      append(0x80 | (value >> 12 & 0x3f));
    }
    append(0x80 | (value >> 6 & 0x3f));
  }
  append(0x80 | (value & 0x3f));
}

template <typename Buffer>
void append_unit(Buffer& out, char32_t unit) {
  out.push_back(static_cast<std::uint8_t>(unit));
  out.push_back(static_cast<std::uint8_t>(unit >> 8));
}

template <typename Buffer>
Result<Buffer> utf16le(std::string_view text) {
  Buffer out;
  out.reserve(2 * text.size());  // no UTF-8 is shorter than half its UTF-16
  while (!text.empty()) {
    const char32_t value = take_code_point(text);
    if (value == kIllFormed || value == 0) {
      return fail(Errc::kBadName, "UTF-8");
    }
    if (value < 0x10000) {
      append_unit(out, value);
    } else {
      append_unit(out, 0xd800 + ((value - 0x10000) >> 10));
      append_unit(out, 0xdc00 + (value & 0x3ff));
    }
  }
  return out;
}

// Code units from `first` to `last`, each `step` apart, are upper-cased by adding `delta`.
struct UpperRun {
  std::uint16_t first;
  std::uint16_t last;
  std::uint16_t step;
  std::int32_t delta;
};
constexpr UpperRun kUpperRuns[] = {
#include "base/upper_table.inc"
};

char32_t upper_ascii(char32_t value) { return value >= 'a' && value <= 'z' ? value - 0x20 : value; }

char32_t upper_code_point(char32_t value) {
  if (value < 0x80) {
    return upper_ascii(value);
  }
  return value < 0x10000 ? upper(static_cast<char16_t>(value)) : value;
}

}  // namespace

Result<Bytes> utf16le_from_utf8(std::string_view text) { return utf16le<Bytes>(text); }

namespace {
// A buffer that only counts.
struct Counter {
  std::size_t bytes = 0;
  void reserve(std::size_t) {}
  void push_back(std::uint8_t) { ++bytes; }
};
}  // namespace

Result<std::size_t> utf16_units(std::string_view text) {
  TRY(const Counter counter, utf16le<Counter>(text));
  return counter.bytes / 2;
}

Result<SecretBytes> utf16le_from_password(std::string_view text) {
  return utf16le<SecretBytes>(text);
}

namespace {
// Hands each code point of UTF-16LE bytes to `take`, which says whether to go on. False: odd
// length, a lone surrogate, or `take` said no.
template <typename Take>
bool each_code_point(ByteView bytes, Take take) {
  const auto unit = [&bytes](std::size_t i) {
    return static_cast<char32_t>(bytes[i] | bytes[i + 1] << 8);
  };
  if (bytes.size() % 2 != 0) {
    return false;
  }
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    char32_t value = unit(i);
    if (value >= 0xdc00 && value <= 0xdfff) {
      return false;
    }
    if (value >= 0xd800 && value <= 0xdbff) {
      i += 2;
      const char32_t low = i < bytes.size() ? unit(i) : 0;
      if (low < 0xdc00 || low > 0xdfff) {
        return false;
      }
      value = 0x10000 + ((value - 0xd800) << 10) + (low - 0xdc00);
    }
    if (!take(value)) {
      return false;
    }
  }
  return true;
}
}  // namespace

Result<std::string> utf8_from_utf16le(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() / 2);
  const bool sound = each_code_point(bytes, [&out](char32_t value) {
    append_utf8(out, value);
    return value != 0;
  });
  if (!sound) {
    return fail(Errc::kDefectiveMessage, "UTF-16");
  }
  return out;
}

bool valid_utf16le(ByteView bytes) noexcept {
  return each_code_point(bytes, [](char32_t) { return true; });
}

char16_t upper(char16_t unit) noexcept {
  if (unit < 0x80) {
    return static_cast<char16_t>(upper_ascii(unit));
  }
  const auto* run = std::lower_bound(std::begin(kUpperRuns), std::end(kUpperRuns), unit,
                                     [](const UpperRun& r, char16_t u) { return r.last < u; });
  if (run == std::end(kUpperRuns) || unit < run->first || (unit - run->first) % run->step != 0) {
    return unit;
  }
  return static_cast<char16_t>(unit + run->delta);
}

void upper_utf16le(std::span<std::uint8_t> bytes) noexcept {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const char16_t unit = upper(static_cast<char16_t>(bytes[i] | bytes[i + 1] << 8));
    bytes[i] = static_cast<std::uint8_t>(unit);
    bytes[i + 1] = static_cast<std::uint8_t>(unit >> 8);
  }
}

std::string upper_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::string_view rest = text; !rest.empty();) {
    const char32_t value = take_code_point(rest);
    if (value == kIllFormed) {
      return std::string(text);
    }
    append_utf8(out, upper_code_point(value));
  }
  return out;
}

bool same_text(std::string_view a, std::string_view b) noexcept {
  unsigned differences = a.size() != b.size() ? 1 : 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    differences |=
        static_cast<unsigned char>(a[i]) ^ static_cast<unsigned>(static_cast<unsigned char>(b[i]));
  }
  return differences == 0;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    const char32_t x = take_code_point(a);
    const char32_t y = take_code_point(b);
    if (x == kIllFormed || y == kIllFormed || upper_code_point(x) != upper_code_point(y)) {
      return false;
    }
  }
  return a.empty() && b.empty();
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool read_hex(std::string_view text, std::span<std::uint8_t> out) noexcept {
  bool right = text.size() == 2 * out.size();
  for (std::size_t i = 0; right && i < out.size(); ++i) {
    const int high = hex_digit(text[2 * i]);
    const int low = hex_digit(text[2 * i + 1]);
    right = high >= 0 && low >= 0;
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return right;
}

std::string escaped(std::string_view text, std::size_t limit) {
  std::string out;
  for (; !text.empty() && limit > 0; --limit) {
    char32_t value = take_code_point(text);
    if (value == kIllFormed) {
      value = 0xfffd;
    }
    if (value >= 0x20 && value < 0x7f) {
      if (value == '"' || value == '\\') {
        out.push_back('\\');
      }
      out.push_back(static_cast<char>(value));
      continue;
    }
    std::array<char, 16> escape{};
    if (value < 0x10000) {
      (void)std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(value));
    } else {
      (void)std::snprintf(escape.data(), escape.size(), "\\u%04x\\u%04x",
                          static_cast<unsigned>(0xd800 + ((value - 0x10000) >> 10)),
                          static_cast<unsigned>(0xdc00 + (value & 0x3ff)));
    }
    out += escape.data();
  }
  return out;
}

}  // namespace ntlm
