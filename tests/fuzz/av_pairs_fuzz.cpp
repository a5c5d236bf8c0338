// SPDX-License-Identifier: MIT
// AV pairs and the client challenge around them. What parses has each value within the input and of
// its right size.
#include "fuzz/check.h"
#include "wire/av_pairs.h"

using namespace ntlm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  const auto parsed = wire::parse_target_info(input);
  if (parsed) {
    for (const auto& name : {parsed->nb_computer, parsed->nb_domain, parsed->dns_computer,
                             parsed->dns_domain, parsed->dns_tree, parsed->target_name}) {
      FUZZ_CHECK(!name || (name->size() <= 512 && name->size() % 2 == 0));
      FUZZ_CHECK(!name || name->empty() ||
                 (name->data() >= data && name->data() + name->size() <= data + size));
    }
    FUZZ_CHECK(!parsed->single_host || parsed->single_host->size() >= 48);
    const auto temp = wire::write_client_challenge(7, {1, 2, 3, 4, 5, 6, 7, 8}, input);
    FUZZ_CHECK(temp);
    const auto whole = wire::parse_client_challenge(*temp);
    // The four zero bytes behind may make more than sixteen.
    FUZZ_CHECK(!whole || (whole->timestamp == 7 && whole->target_info.flags == parsed->flags));
  }
  (void)wire::parse_client_challenge(input);
  return 0;
}
