// SPDX-License-Identifier: MIT
// ntlmctl decode: a token printed field by field, with what is odd about it. Unlike wire/, which
// refuses what is not sound, this reads on as far as the bytes go; wire/ is asked for its verdict.
#pragma once

#include <fmt/core.h>

#include <string>
#include <utility>

#include "base/bytes.h"

namespace ntlm::ntlmctl {

// What is printed. Text of a token is escaped before it comes here.
class Report {
 public:
  template <typename... Parts>
  void line(fmt::format_string<Parts...> format, Parts&&... parts) {
    add("", fmt::format(format, std::forward<Parts>(parts)...));
  }
  // Something that a sound peer would not have sent.
  template <typename... Parts>
  void odd(fmt::format_string<Parts...> format, Parts&&... parts) {
    ++oddities_;
    add("odd: ", fmt::format(format, std::forward<Parts>(parts)...));
  }

  // Lines that come while one lives stand further to the right.
  class Indented {
   public:
    explicit Indented(Report& report) : report_(report) { report_.depth_ += 2; }
    ~Indented() { report_.depth_ -= 2; }
    Indented(const Indented&) = delete;
    Indented& operator=(const Indented&) = delete;

   private:
    Report& report_;
  };

  bool too_deep() const { return depth_ > 16; }
  const std::string& text() const { return text_; }
  int oddities() const { return oddities_; }

 private:
  void add(const char* mark, const std::string& line) {
    text_.append(depth_, ' ').append(mark).append(line).append("\n");
  }
  std::string text_;
  std::size_t depth_ = 0;
  int oddities_ = 0;
};

// Hexadecimal digits; beyond `limit` bytes only their number.
std::string hex(ByteView bytes, std::size_t limit = 64);

// NTLM itself ("NTLMSSP\0" and on), SPNEGO, or either in the GSS-API's frame.
void describe_token(Report& report, ByteView token);
void describe_ntlm(Report& report, ByteView token);
// RFC 4178, from its first tag (0x60, 0xa0 or 0xa1).
void describe_spnego(Report& report, ByteView token);

}  // namespace ntlm::ntlmctl
