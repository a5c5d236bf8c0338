// SPDX-License-Identifier: MIT
// Text as NTLM needs it: UTF-8 inside this host, UTF-16LE on the wire, and one upper-casing that no
// locale changes.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/secret.h"

namespace ntlm {

// UTF-8 to UTF-16LE bytes. Ill-formed UTF-8 (overlong forms, surrogates, beyond U+10FFFF) and
// U+0000 are kBadName.
Result<Bytes> utf16le_from_utf8(std::string_view text);
// How many UTF-16 code units that would be.
Result<std::size_t> utf16_units(std::string_view text);
// The same for a password: the copy is wiped when it dies. U+0000 is refused here too.
Result<SecretBytes> utf16le_from_password(std::string_view text);
// UTF-16LE bytes to UTF-8. An odd length, a lone surrogate or U+0000 is kDefectiveMessage
// (security.md R7).
Result<std::string> utf8_from_utf16le(ByteView bytes);
// Whether the bytes are UTF-16LE: an even length, no lone surrogate. U+0000 passes.
bool valid_utf16le(ByteView bytes) noexcept;

// Upper-cases each code unit by a fixed table of simple one-to-one mappings in the Basic
// Multilingual Plane, as Windows' file systems and NTOWF do: no locale, no change of length; U+0131
// and U+00DF stay themselves.
char16_t upper(char16_t unit) noexcept;
void upper_utf16le(std::span<std::uint8_t> bytes) noexcept;
// For look-ups: the UTF-8 of the upper-cased text. Ill-formed text comes back unchanged (it matches
// nothing).
std::string upper_utf8(std::string_view text);
// Compares to the end of the shorter one, whatever it meets on the way.
bool same_text(std::string_view a, std::string_view b) noexcept;
bool equal_ignoring_case(std::string_view a, std::string_view b);

// The value of a hexadecimal digit; -1 when it is none.
int hex_digit(char c) noexcept;
// Exactly 2 * out.size() of them; false for anything else.
bool read_hex(std::string_view text, std::span<std::uint8_t> out) noexcept;

// For logs: printable ASCII stays, everything else, quotes and backslashes become escapes; at most
// `limit` characters.
std::string escaped(std::string_view text, std::size_t limit = 64);

}  // namespace ntlm
