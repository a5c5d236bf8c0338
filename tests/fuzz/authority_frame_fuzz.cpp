// SPDX-License-Identifier: MIT
// Frames between a worker and ntlm-authd: what is read is written to the same bytes.
#include <algorithm>

#include "authority/frame.h"
#include "fuzz/check.h"

using namespace ntlm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView frame(data, size);
  if (const auto request = authority::read_request(frame)) {
    const auto again = authority::write_request(*request);
    FUZZ_CHECK(again && std::equal(again->begin(), again->end(), frame.begin(), frame.end()));
  }
  if (const auto reply = authority::read_reply(frame)) {
    const auto again = authority::write_reply(*reply);
    FUZZ_CHECK(again && std::equal(again->begin(), again->end(), frame.begin(), frame.end()));
  }
  return 0;
}
