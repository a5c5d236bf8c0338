// SPDX-License-Identifier: MIT
// An initiator against a hostile acceptor: whatever CHALLENGE says, it answers with a message that
// parses, or is dead. input: u8 options (1 bindings, 2 NTLMv1, 4 sign and seal, 8 anonymous, 16
// export between the legs), then CHALLENGE
#include "fuzz/check.h"
#include "unit/exchange_fixture.h"

using namespace ntlm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::uint8_t options = data[0];
  const ByteView challenge(data + 1, size - 1);
  test::FixedClock clock(test::kSomeFiletime);
  test::SeededRandom random;
  protocol::Policy policy;
  policy.initiate_v1 = (options & 2) != 0;
  policy.require_128 = (options & 2) == 0;
  protocol::InitiatorRequest request;
  request.sign = request.seal = (options & 4) != 0;
  request.anonymous = (options & 8) != 0;
  request.target = "HTTP/server.example.com";
  const auto secret = test::responder();
  protocol::Initiator initiator(policy, secret, request, clock, random);
  FUZZ_CHECK(initiator.step({}, nullptr));
  if ((options & 16) != 0) {
    SecretWriter writer(0, 1u << 16);
    FUZZ_CHECK(initiator.save(writer));
    const auto saved = std::move(writer).finish("fuzz");
    FUZZ_CHECK(saved);
    Reader exported(*saved);
    auto restored = protocol::Initiator::restore(exported, policy, secret, clock, random);
    FUZZ_CHECK(restored && exported.at_end());
    initiator = std::move(*restored);
  }
  const Bytes channel(21, 0x42);
  crypto::ChannelBindings bindings;
  bindings.application = channel;
  const auto step = initiator.step(challenge, (options & 1) != 0 ? &bindings : nullptr);
  FUZZ_CHECK(step.has_value() == (initiator.established() != nullptr));
  if (!step) {
    FUZZ_CHECK(initiator.failed());
    return 0;
  }
  // The other side's cap holds for what we send too, unless the acceptor made its own target info
  // that large.
  const auto message = wire::parse_authenticate(step->token);
  FUZZ_CHECK(message && (message->user.empty() == request.anonymous));
  return 0;
}
