// SPDX-License-Identifier: MIT
// AUTHENTICATE from a hostile initiator: parsed implies written implies parsed equal, field by
// field.
#include "fuzz/check.h"
#include "wire/av_pairs.h"
#include "wire/messages.h"

using namespace ntlm;

namespace {
bool same(ByteView a, ByteView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = wire::parse_authenticate({data, size});
  if (!parsed) {
    return 0;
  }
  if (parsed->nt_response.size() >= 16) {
    (void)wire::parse_client_challenge(parsed->nt_response.subspan(16));
  }
  const auto written = wire::write_authenticate(*parsed);
  if (!written) {
    return 0;
  }
  const auto again = wire::parse_authenticate(*written);
  FUZZ_CHECK(again && again->flags == parsed->flags && again->mic == parsed->mic &&
             again->version == parsed->version);
  FUZZ_CHECK(same(again->lm_response, parsed->lm_response) &&
             same(again->nt_response, parsed->nt_response));
  FUZZ_CHECK(same(again->domain, parsed->domain) && same(again->user, parsed->user));
  FUZZ_CHECK(same(again->workstation, parsed->workstation));
  FUZZ_CHECK(same(again->encrypted_session_key, parsed->encrypted_session_key));
  return 0;
}
