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
    (void)authd::read_answer(frame);
    return 0;
  }
  const protocol::Policy policy;
  if (const auto written = authd::answer(frame, Yes(), policy)) {
    const auto answer = authd::read_answer(*written);
    FUZZ_CHECK(answer && std::equal(written->begin(), written->begin() + 4, frame.begin()));
    const auto* verdict = std::get_if<Result<protocol::LogonResult>>(&answer->body);
    FUZZ_CHECK((verdict == nullptr) == (answer->number == 0));
    if (verdict != nullptr && *verdict) {
      FUZZ_CHECK((*verdict)->principal.account.user == "User");
    }
  }
  return 0;
}
