// SPDX-License-Identifier: MIT
// Text: UTF-8 inside, UTF-16 at the W functions. Invalid text is refused, never replaced.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sspi/sspi.h"

namespace sspi {

using WideView = std::basic_string_view<WCHAR>;
using WideString = std::basic_string<WCHAR>;

// Nothing when the text has an unpaired surrogate (invalid UTF-8). The result's buffer is on the
// heap, however short the text, and not reallocated on the way: neither making nor moving it leaves
// a copy of a secret behind.
std::optional<std::string> to_utf8(WideView wide);
std::optional<WideString> to_wide(std::string_view utf8);
bool is_utf8(std::string_view text);

// A caller's NUL-terminated text, NULL included, as UTF-8: nullopt when it is invalid, empty when
// it is NULL.
std::optional<std::string> text_of(const SEC_CHAR* text);
std::optional<std::string> text_of(const SEC_WCHAR* text);

// ASCII letters only: package names and service classes.
bool equal_ignoring_case(std::string_view a, std::string_view b);
std::string upper_ascii(std::string_view text);

// Text that is wiped when it goes, and cannot be copied by accident.
class SecretText {
 public:
  SecretText() = default;
  explicit SecretText(std::string&& text) : text_(std::move(text)) { wipe(text); }
  SecretText(SecretText&& other) noexcept : SecretText(std::move(other.text_)) {}
  SecretText& operator=(SecretText&& other) noexcept;
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { wipe(text_); }
  const std::string& expose() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  static void wipe(std::string& text) noexcept;
  std::string text_;
};

// In time that does not depend on where they differ.
bool equal_secret(std::string_view a, std::string_view b);

}  // namespace sspi
