// SPDX-License-Identifier: MIT
// Frames between the two processes of ntlm-authd. The first byte says which: a question (even) to a
// store that knows one account, or an answer to one (odd).
#include "authd/verify_frame.h"
#include "fuzz/check.h"

using namespace ntlm;

namespace {

// Every response of "User" is right.
class Yes final : public protocol::Verifier {
 public:
  Result<protocol::LogonResult> verify(const protocol::LogonRequest& request) const override {
    if (request.account.user != "User") {
      return fail(Errc::kUnknownAccount, "account");
    }
    protocol::LogonResult result;
    result.principal.account = request.account;
    result.store = "text";
    return result;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const ByteView frame(data + 1, size - 1);
  if ((data[0] & 1) != 0) {
    (void)authd::read_verdict(frame);
    (void)authd::read_facts(frame);
    return 0;
  }
  const protocol::Policy policy;
  const protocol::HostNames host{"HOST", "TEST", "host.test.example", "test.example"};
  if (const auto answer = authd::answer(frame, Yes(), policy, host)) {
    const auto verdict = authd::read_verdict(*answer);
    FUZZ_CHECK(frame[0] == 1 ? verdict.has_value() : authd::read_facts(*answer).has_value());
    if (frame[0] == 1 && *verdict) {
      FUZZ_CHECK((*verdict)->principal.account.user == "User");
    }
  }
  return 0;
}
