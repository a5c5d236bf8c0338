// SPDX-License-Identifier: MIT
// Text in both encodings, upper-casing, and what goes into a log.
#include <algorithm>

#include "base/text.h"
#include "fuzz/check.h"

using namespace ntlm;

namespace {

void check_utf16(ByteView bytes) {
  const auto text = utf8_from_utf16le(bytes);
  FUZZ_CHECK(!text || valid_utf16le(bytes));
  if (text) {
    const auto back = utf16le_from_utf8(*text);
    FUZZ_CHECK(back && std::equal(back->begin(), back->end(), bytes.begin(), bytes.end()));
  }
  Bytes upper_cased(bytes.begin(), bytes.end());
  upper_utf16le(upper_cased);
  FUZZ_CHECK(valid_utf16le(upper_cased) == valid_utf16le(bytes));
  Bytes twice = upper_cased;
  upper_utf16le(twice);
  FUZZ_CHECK(twice == upper_cased);
}

void check_utf8(std::string_view text) {
  const auto units = utf16le_from_utf8(text);
  const std::string upper_cased = upper_utf8(text);
  if (units) {
    FUZZ_CHECK(utf8_from_utf16le(*units).value() == text);
    Bytes upper_units = *units;
    upper_utf16le(upper_units);
    FUZZ_CHECK(utf8_from_utf16le(upper_units).value() == upper_cased);
    FUZZ_CHECK(equal_ignoring_case(text, upper_cased));
  }
  const std::string log = escaped(text, text.size());
  FUZZ_CHECK(std::all_of(log.begin(), log.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
  for (std::size_t i = 0; i < log.size(); ++i) {
    FUZZ_CHECK(log[i] != '"');
    if (log[i] == '\\') {
      ++i;
      FUZZ_CHECK(i < log.size() && (log[i] == '"' || log[i] == '\\' || log[i] == 'u'));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_utf16({data, size});
  check_utf8({reinterpret_cast<const char*>(data), size});
  return 0;
}
