// SPDX-License-Identifier: MIT
// What `ntlmctl diagnose` found out, line by line, and whether a login can work at all.
#pragma once

#include <fmt/core.h>

#include <string>
#include <utility>

namespace ntlm::ntlmctl {

class Findings {
 public:
  template <typename... Parts>
  void fine(fmt::format_string<Parts...> format, Parts&&... parts) const {
    print("ok      ", fmt::format(format, std::forward<Parts>(parts)...));
  }
  // Worth knowing; logins work all the same.
  template <typename... Parts>
  void note(fmt::format_string<Parts...> format, Parts&&... parts) const {
    print("note    ", fmt::format(format, std::forward<Parts>(parts)...));
  }
  // Why a login does not work here.
  template <typename... Parts>
  void problem(fmt::format_string<Parts...> format, Parts&&... parts) {
    ++problems_;
    print("PROBLEM ", fmt::format(format, std::forward<Parts>(parts)...));
  }
  int problems() const { return problems_; }

 private:
  static void print(const char* mark, const std::string& sentence) {
    fmt::print("{}{}\n", mark, sentence);
  }
  int problems_ = 0;
};

// What MIT's mechglue reads, and what it would not tell: lines that it passes over, modules that it
// cannot load, others for the same mechanism, interposers before it.
void diagnose_registration(Findings& findings);

}  // namespace ntlm::ntlmctl
