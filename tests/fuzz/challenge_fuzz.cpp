// SPDX-License-Identifier: MIT
// CHALLENGE from a hostile acceptor: parsed implies written implies parsed equal.
#include "fuzz/check.h"
#include "wire/av_pairs.h"
#include "wire/messages.h"

using namespace ntlm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = wire::parse_challenge({data, size});
  if (!parsed) {
    return 0;
  }
  (void)wire::parse_target_info(parsed->target_info);
  const auto written = wire::write_challenge(*parsed);
  if (!written) {
    return 0;
  }
  const auto again = wire::parse_challenge(*written);
  FUZZ_CHECK(again && again->flags == parsed->flags &&
             again->server_challenge == parsed->server_challenge);
  FUZZ_CHECK(std::equal(again->target_info.begin(), again->target_info.end(),
                        parsed->target_info.begin(), parsed->target_info.end()));
  FUZZ_CHECK(std::equal(again->target_name.begin(), again->target_name.end(),
                        parsed->target_name.begin(), parsed->target_name.end()));
  return 0;
}
