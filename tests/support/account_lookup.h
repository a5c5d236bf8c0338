// SPDX-License-Identifier: MIT
// What a store that holds hashes has under a name, as a text.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "protocol/logon.h"

namespace ntlm::test {

// "user@domain" of what is found, as the store spells it; "unknown"; "unreadable".
inline std::string found(const protocol::AccountSource& source, const protocol::AccountName& name,
                         std::string_view our_domain = "HOME") {
  const auto result = source.find(name, our_domain);
  if (!result) {
    return "unreadable";
  }
  const std::string text = result->name.user + "@" + result->name.domain;
  if (!result->known) {
    EXPECT_EQ(text, name.user + "@" + name.domain);
    return "unknown";
  }
  return text;
}

}  // namespace ntlm::test
