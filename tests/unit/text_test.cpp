// SPDX-License-Identifier: MIT
#include "base/text.h"

#include <gtest/gtest.h>
#include <locale.h>
#include <wctype.h>

#include <array>

namespace ntlm {
namespace {

std::string text_of(const Bytes& bytes) { return std::string(bytes.begin(), bytes.end()); }

// Written down independently of text.cpp: by arithmetic on a known number of bytes.
std::string utf8_of(unsigned value) {
  const auto byte = [](unsigned bits) { return static_cast<char>(bits); };
  if (value < 0x80) {
    return {byte(value)};
  }
  if (value < 0x800) {
    return {byte(0xc0 + value / 64), byte(0x80 + value % 64)};
  }
  if (value < 0x10000) {
    return {byte(0xe0 + value / 4096), byte(0x80 + value / 64 % 64), byte(0x80 + value % 64)};
  }
  return {byte(0xf0 + value / 262144), byte(0x80 + value / 4096 % 64), byte(0x80 + value / 64 % 64),
          byte(0x80 + value % 64)};
}

TEST(Utf16FromUtf8, IsLittleEndian) {
  using namespace std::string_literals;
  EXPECT_EQ(text_of(utf16le_from_utf8("User").value()), "U\0s\0e\0r\0"s);
  EXPECT_EQ(text_of(utf16le_from_utf8("\xe2\x82\xac").value()), "\xac\x20"s);
  EXPECT_EQ(text_of(utf16le_from_utf8("\xf0\x9f\x94\x91").value()), "\x3d\xd8\x11\xdd"s);
  EXPECT_TRUE(utf16le_from_utf8("").value().empty());
}

TEST(Utf16FromUtf8, EveryScalarValueComesBack) {
  for (unsigned value = 1; value <= 0x10ffff; ++value) {
    if (value >= 0xd800 && value <= 0xdfff) {
      continue;
    }
    const std::string text = utf8_of(value);
    const auto there = utf16le_from_utf8(text);
    ASSERT_TRUE(there) << value;
    ASSERT_EQ(there->size(), value < 0x10000 ? 2u : 4u);
    const auto back = utf8_from_utf16le(*there);
    ASSERT_TRUE(back) << value;
    ASSERT_EQ(*back, text);
  }
}

TEST(Utf16FromUtf8, IllFormedIsRefused) {
  const std::array<std::string, 18> bad{"\x80",              // continuation alone
                                        "\xc0\x80",          // overlong NUL
                                        "\xc1\xbf",          // overlong
                                        "\xe0\x80\x80",      // overlong
                                        "\xe0\x9f\xbf",      // overlong
                                        "\xf0\x80\x80\x80",  // overlong
                                        "\xf0\x8f\xbf\xbf",  // overlong
                                        "\xed\xa0\x80",      // high surrogate
                                        "\xed\xbf\xbf",      // low surrogate
                                        "\xf4\x90\x80\x80",  // beyond U+10FFFF
                                        "\xf5\x80\x80\x80",
                                        "\xff",
                                        "\xfe",
                                        "\xc3",  // cut short
                                        "\xe2\x82",
                                        "\xf0\x9f\x94",
                                        "\xc3\x28",  // no continuation
                                        std::string("a\0b", 3)};
  for (const std::string& text : bad) {
    for (const std::string& whole : {text, "a" + text, "a" + text + "bcd"}) {
      const auto result = utf16le_from_utf8(whole);
      ASSERT_FALSE(result) << escaped(whole);
      EXPECT_EQ(result.error().code, Errc::kBadName);
      EXPECT_FALSE(utf16le_from_password(whole));
    }
  }
}

TEST(Utf16FromUtf8, PasswordIsTheSame) {
  const auto name = utf16le_from_utf8("Pa\xc3\x9fwort").value();
  const auto password = utf16le_from_password("Pa\xc3\x9fwort").value();
  EXPECT_TRUE(std::equal(name.begin(), name.end(), password.begin(), password.end()));
}

TEST(Utf8FromUtf16, IllFormedIsRefused) {
  const std::array<Bytes, 8> bad{
      Bytes{'a'},                     // odd
      Bytes{'a', 0, 'b'},             // odd
      Bytes{0, 0},                    // U+0000
      Bytes{'a', 0, 0, 0},            //
      Bytes{0x00, 0xd8},              // high surrogate alone
      Bytes{0x00, 0xd8, 'a', 0},      //
      Bytes{0x00, 0xd8, 0x00, 0xd8},  // two of them
      Bytes{0x00, 0xdc, 'a', 0},      // low surrogate alone
  };
  for (const Bytes& bytes : bad) {
    const auto result = utf8_from_utf16le(bytes);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Errc::kDefectiveMessage);
  }
  EXPECT_TRUE(utf8_from_utf16le({}).value().empty());
}

TEST(Utf16, ValidityAllowsNulAndNothingElse) {
  EXPECT_TRUE(valid_utf16le(Bytes{}));
  EXPECT_TRUE(valid_utf16le(Bytes{0, 0, 'a', 0}));
  EXPECT_FALSE(valid_utf16le(Bytes{0}));
  EXPECT_FALSE(valid_utf16le(Bytes{0x00, 0xd8}));
  EXPECT_FALSE(valid_utf16le(Bytes{0x00, 0xdc, 0x00, 0xd8}));
}

TEST(Upper, WhatWindowsMaps) {
  const std::pair<char16_t, char16_t> pairs[] = {
      {u'a', u'A'},     {u'z', u'Z'},   {0xe9, 0xc9},    // é
      {0xff, 0x178},                                     // ÿ
      {0x142, 0x141},                                    // ł
      {0x1c6, 0x1c4},                                    // ǆ
      {0x3b1, 0x391},   {0x3c3, 0x3a3}, {0x3c2, 0x3a3},  // α σ and the final sigma
      {0x44f, 0x42f},   {0x451, 0x401},                  // я ё
      {0x561, 0x531},                                    // Armenian ayb
      {0x1ea1, 0x1ea0},                                  // ạ
      {0x1f80, 0x1f88},                                  // ᾀ, one to one
      {0x24d0, 0x24b6},                                  // ⓐ
      {0xff41, 0xff21}};                                 // full-width a
  for (const auto& [low, high] : pairs) {
    EXPECT_EQ(upper(low), high) << std::hex << static_cast<unsigned>(low);
    EXPECT_EQ(upper(high), high);
  }
}

TEST(Upper, WhatWindowsLeavesAlone) {
  for (const char16_t unit :
       {char16_t{0xb5}, char16_t{0xdf}, char16_t{0x131}, char16_t{0x17f}, char16_t{0x130},
        char16_t{0x149}, char16_t{0x1c5}, char16_t{0x10d0} /* Georgian */,
        char16_t{0xab70} /* Cherokee */, u'@', u'[', u'`', u'{', char16_t{0xd7}, char16_t{0xf7}}) {
    EXPECT_EQ(upper(unit), unit) << std::hex << static_cast<unsigned>(unit);
  }
}

TEST(Upper, NeverTouchesSurrogatesAndIsIdempotent) {
  for (unsigned value = 0; value < 0x10000; ++value) {
    const auto unit = static_cast<char16_t>(value);
    EXPECT_EQ(upper(upper(unit)), upper(unit)) << std::hex << value;
    if (value >= 0xd800 && value <= 0xdfff) {
      EXPECT_EQ(upper(unit), unit);
    } else {
      EXPECT_FALSE(upper(unit) >= 0xd800 && upper(unit) <= 0xdfff) << std::hex << value;
    }
  }
}

// The C library's table comes from elsewhere: what we map, it maps alike.
TEST(Upper, MapsNothingThatTheCLibraryMapsOtherwise) {
  const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (locale == nullptr) {
    GTEST_SKIP() << "no locale C.UTF-8 here";
  }
  int mapped = 0;
  for (unsigned value = 0; value < 0x10000; ++value) {
    const char16_t up = upper(static_cast<char16_t>(value));
    if (up != value) {
      ++mapped;
      EXPECT_EQ(towupper_l(static_cast<wint_t>(value), locale), static_cast<wint_t>(up))
          << std::hex << value;
    }
  }
  freelocale(locale);
  EXPECT_GT(mapped, 900);
}

TEST(Upper, BytesInPlace) {
  Bytes bytes = utf16le_from_utf8(
                    "Stra\xc3\x9f"
                    "e \xc3\xa9\xf0\x9f\x94\x91")
                    .value();
  upper_utf16le(bytes);
  EXPECT_EQ(utf8_from_utf16le(bytes).value(),
            "STRA\xc3\x9f"
            "E \xc3\x89\xf0\x9f\x94\x91");
  Bytes odd{'a', 0, 'b'};
  upper_utf16le(odd);
  EXPECT_EQ(odd, (Bytes{'A', 0, 'b'}));
}

TEST(Upper, Utf8) {
  EXPECT_EQ(upper_utf8("j\xc3\xbcrgen"), "J\xc3\x9cRGEN");
  EXPECT_EQ(upper_utf8("\xc9\x90"), "\xe2\xb1\xaf");  // from two bytes to three
  EXPECT_EQ(upper_utf8("abc\xff"), "abc\xff");
}

TEST(EqualIgnoringCase, ComparesByTheSameTable) {
  EXPECT_TRUE(equal_ignoring_case("", ""));
  EXPECT_TRUE(equal_ignoring_case("J\xc3\xbcrgen", "J\xc3\x9cRGEN"));
  EXPECT_TRUE(equal_ignoring_case("\xc9\x90", "\xe2\xb1\xaf"));
  EXPECT_FALSE(equal_ignoring_case("user", "user1"));
  EXPECT_FALSE(equal_ignoring_case("user", ""));
  EXPECT_FALSE(equal_ignoring_case("\xc5\xbf", "s"));  // long s
  EXPECT_FALSE(equal_ignoring_case("\xff", "\xff"));   // ill-formed matches nothing
}

TEST(ReadHex, TakesExactlyAsManyDigitsAsFit) {
  std::array<std::uint8_t, 2> out{};
  EXPECT_TRUE(read_hex("00fF", out));
  EXPECT_EQ(out, (std::array<std::uint8_t, 2>{0x00, 0xff}));
  for (const char* text :
       {"", "00f", "00ff0", "00ff00", "00fg", "00f ", "0x0f", "-100", "00f\x80"}) {
    EXPECT_FALSE(read_hex(text, out)) << text;
  }
  EXPECT_TRUE(read_hex("", std::span<std::uint8_t>()));
}

TEST(Escaped, LetsNothingOutOfAQuotedString) {
  EXPECT_EQ(escaped("DOM\\user \"x\""), "DOM\\\\user \\\"x\\\"");
  EXPECT_EQ(escaped("a\nb\r\t\x1b[31m\x7f"), "a\\u000ab\\u000d\\u0009\\u001b[31m\\u007f");
  EXPECT_EQ(escaped(std::string("a\0b", 3)), "a\\u0000b");
  EXPECT_EQ(escaped("\xc3\xa9\xf0\x9f\x94\x91"), "\\u00e9\\ud83d\\udd11");
  EXPECT_EQ(escaped("a\xff\xc3"), "a\\ufffd\\ufffd");
}

TEST(Escaped, CountsCharacters) {
  EXPECT_EQ(escaped(std::string(100, 'x')), std::string(64, 'x'));
  EXPECT_EQ(escaped("\xc3\xa9\xc3\xa9\xc3\xa9", 2), "\\u00e9\\u00e9");
  EXPECT_EQ(escaped("abc", 0), "");
}

}  // namespace
}  // namespace ntlm
