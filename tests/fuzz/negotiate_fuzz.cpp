// SPDX-License-Identifier: MIT
// NEGOTIATE from a hostile initiator: parsed implies written implies parsed equal.
#include "fuzz/check.h"
#include "wire/messages.h"

using namespace ntlm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = wire::parse_negotiate({data, size});
  if (!parsed) {
    return 0;
  }
  const auto written = wire::write_negotiate(*parsed);
  if (!written) {
    return 0;  // names that overlapped in the input may not fit one behind the other
  }
  const auto again = wire::parse_negotiate(*written);
  FUZZ_CHECK(again && again->flags == parsed->flags && again->version == parsed->version);
  FUZZ_CHECK(std::equal(again->domain.begin(), again->domain.end(), parsed->domain.begin(),
                        parsed->domain.end()));
  FUZZ_CHECK(std::equal(again->workstation.begin(), again->workstation.end(),
                        parsed->workstation.begin(), parsed->workstation.end()));
  return 0;
}
