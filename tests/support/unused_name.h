// SPDX-License-Identifier: MIT
// A name for a user whose failures count: where a host has /run/gss-ntlm, the counts outlive the
// test by ten minutes, and tests of other processes and of the next run share them.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>

namespace ntlm::test {

// `begin` and ten digits, which come again after eighteen minutes.
inline std::string unused_name(const std::string& begin) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto count = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  char digits[11];
  std::snprintf(digits, sizeof digits, "%010llx",
                static_cast<unsigned long long>(count) & 0xff'ffff'ffff);
  return begin + digits;
}

}  // namespace ntlm::test
