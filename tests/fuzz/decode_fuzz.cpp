// SPDX-License-Identifier: MIT
// The token decoder: whatever the bytes are, it says something, in printable lines, and calls odd
// what the mechanism refuses.
#include <algorithm>

#include "fuzz/check.h"
#include "ntlmctl/decode.h"
#include "wire/messages.h"

using namespace ntlm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView token(data, size);
  ntlmctl::Report report;
  ntlmctl::describe_token(report, token);
  FUZZ_CHECK(!report.text().empty());
  FUZZ_CHECK(std::all_of(report.text().begin(), report.text().end(),
                         [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
  const bool sound = wire::parse_negotiate(token) || wire::parse_challenge(token) ||
                     wire::parse_authenticate(token);
  const bool ntlm = wire::message_type(token).has_value();
  FUZZ_CHECK(!ntlm || sound || report.oddities() > 0);
  return 0;
}
