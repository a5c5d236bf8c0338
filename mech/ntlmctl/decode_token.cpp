// SPDX-License-Identifier: MIT
// Which kind of token it is.
#include <fmt/format.h>

#include <algorithm>

#include "ntlmctl/decode.h"

namespace ntlm::ntlmctl {

std::string hex(ByteView bytes, std::size_t limit) {
  std::string text =
      fmt::format("{:02x}", fmt::join(bytes.first(std::min(bytes.size(), limit)), ""));
  if (bytes.size() > limit) text += fmt::format("... ({} bytes)", bytes.size());
  return text.empty() ? "-" : text;
}

void describe_token(Report& report, ByteView token) {
  constexpr std::uint8_t kFrame = 0x60;
  constexpr std::uint8_t kNegTokenInit = 0xa0;
  constexpr std::uint8_t kNegTokenResp = 0xa1;
  constexpr std::uint8_t kApReq = 0x6e;
  if (token.empty()) {
    report.odd("an empty token");
  } else if (report.too_deep()) {
    report.odd("tokens within tokens, and no end");
  } else if (token[0] == kFrame || token[0] == kNegTokenInit || token[0] == kNegTokenResp) {
    describe_spnego(report, token);
  } else if (token[0] == kApReq ||
             (token.size() > 2 && token[0] == 1 && token[1] == 0 && token[2] == kApReq)) {
    report.line("Kerberos AP-REQ, {} bytes: a ticket, not NTLM", token.size());
  } else {
    describe_ntlm(report, token);
  }
}

}  // namespace ntlm::ntlmctl
