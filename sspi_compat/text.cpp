// SPDX-License-Identifier: MIT
#include "sspi_compat/text.h"

#include <string.h>  // explicit_bzero

#include <algorithm>

namespace sspi {
namespace {

constexpr char32_t kInvalid = 0xFFFFFFFF;

// One code point from the front of text; kInvalid for what is not UTF-8 (overlong forms and
// surrogates included).
char32_t take_utf8(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  std::size_t length = 1;
  char32_t point = first;
  char32_t least = 0;
  if (first >= 0xF0) {
    length = 4, point = first & 0x07u, least = 0x10000;
  } else if (first >= 0xE0) {
    length = 3, point = first & 0x0Fu, least = 0x800;
  } else if (first >= 0xC0) {
    length = 2, point = first & 0x1Fu, least = 0x80;
  } else if (first >= 0x80) {
    return kInvalid;
  }
  if (text.size() < length || first >= 0xF8) {
    return kInvalid;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0u) != 0x80) {
      return kInvalid;
    }
    point = point << 6 | (byte(i) & 0x3Fu);
  }
  text.remove_prefix(length);
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  return point < least || point > 0x10FFFF || surrogate ? kInvalid : point;
}

void put_utf8(std::string& out, char32_t point) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xC0 | point >> 6);
    put(0x80 | (point & 0x3F));
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
    put(0x80 | (point & 0x3F));
  }
}

// Room for so many units on the heap: what a string has inside itself, a move copies.
template <typename String>
void reserve_outside(String& text, std::size_t units) {
  text.reserve(std::max(units, text.capacity() + 1));
}

}  // namespace

std::optional<std::string> to_utf8(WideView wide) {
  std::string out;
  reserve_outside(out, wide.size() * 3);
  for (std::size_t i = 0; i < wide.size(); ++i) {
    char32_t point = static_cast<char16_t>(wide[i]);
    if (point >= 0xD800 && point <= 0xDFFF) {
      const char32_t low = i + 1 < wide.size() ? static_cast<char16_t>(wide[i + 1]) : 0;
      if (point >= 0xDC00 || low < 0xDC00 || low > 0xDFFF) {
        explicit_bzero(out.data(), out.size());
        return std::nullopt;
      }
      point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
      ++i;
    }
    put_utf8(out, point);
  }
  return out;
}

std::optional<WideString> to_wide(std::string_view utf8) {
  WideString out;
  reserve_outside(out, utf8.size());
  while (!utf8.empty()) {
    const char32_t point = take_utf8(utf8);
    if (point == kInvalid) {
      explicit_bzero(out.data(), out.size() * sizeof(WCHAR));
      return std::nullopt;
    }
    if (point < 0x10000) {
      out.push_back(static_cast<WCHAR>(point));
    } else {
      out.push_back(static_cast<WCHAR>(0xD800 + ((point - 0x10000) >> 10)));
      out.push_back(static_cast<WCHAR>(0xDC00 + ((point - 0x10000) & 0x3FF)));
    }
  }
  return out;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    if (take_utf8(text) == kInvalid) {
      return false;
    }
  }
  return true;
}

std::optional<std::string> text_of(const SEC_CHAR* text) {
  if (text == nullptr) {
    return std::string();
  }
  return is_utf8(text) ? std::optional<std::string>(text) : std::nullopt;
}

std::optional<std::string> text_of(const SEC_WCHAR* text) {
  return text == nullptr ? std::string() : to_utf8(WideView(text));
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string upper_ascii(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return out;
}

SecretText& SecretText::operator=(SecretText&& other) noexcept {
  if (this != &other) {
    wipe(text_);
    text_ = std::move(other.text_);
    wipe(other.text_);
  }
  return *this;
}

void SecretText::wipe(std::string& text) noexcept {
  // The capacity, not the size: a moved-from short string keeps its bytes.
  explicit_bzero(text.data(), text.capacity());
  text.clear();
}

bool equal_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) {
    return false;
  }
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |=
        static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
  }
  return difference == 0;
}

}  // namespace sspi
