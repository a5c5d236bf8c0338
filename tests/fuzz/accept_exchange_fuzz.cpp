// SPDX-License-Identifier: MIT
// Both legs of an acceptor against a peer that knows the password and breaks its messages as the
// input says, with the proof and the MIC made again behind the break, so that every check is
// reached and not only the proof. Properties: whoever is accepted is Domain\User with the peer's
// own session key; a message that was changed after its MIC was made is never accepted.
//
//   input: u32 NEGOTIATE flags, u8 options (1 bindings given, 2 NTLMv1 policy, 4 anonymous allowed,
//   8 no MIC asked, 16 export and import between the legs), then edits: u8 where (0 pair, 1 temp, 2
//   message, 3 final, 4 negotiate), u8 how (0 xor, 1 insert, 2 erase, 3 truncate), u16 position, u8
//   value
#include "fuzz/check.h"
#include "unit/exchange_fixture.h"

using namespace ntlm;

namespace {

struct Edit {
  std::uint8_t where, how;
  std::uint16_t position;
  std::uint8_t value;
};

void apply(Bytes& bytes, const Edit& edit) {
  const std::size_t at = bytes.empty() ? 0 : edit.position % bytes.size();
  const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
  switch (edit.how & 3) {
    case 0:
      if (!bytes.empty()) *place ^= edit.value;
      break;
    case 1:
      if (bytes.size() < 3000) bytes.insert(place, edit.value);
      break;
    case 2:
      if (!bytes.empty()) bytes.erase(place);
      break;
    default:
      bytes.resize(at);
  }
}

void apply(std::vector<test::RawPair>& pairs, const Edit& edit) {
  const std::size_t at = pairs.empty() ? 0 : edit.position % pairs.size();
  const auto place = pairs.begin() + static_cast<std::ptrdiff_t>(at);
  switch (edit.how & 3) {
    case 0:
      if (!pairs.empty())
        apply(place->value,
              {0, static_cast<std::uint8_t>(edit.value >> 6), edit.position, edit.value});
      break;
    case 1:
      if (pairs.size() < 40) pairs.insert(place, {edit.value, Bytes(edit.position % 64)});
      break;
    case 2:
      if (!pairs.empty()) pairs.erase(place);
      break;
    default:
      if (!pairs.empty()) place->claimed_length = edit.position;
  }
}

protocol::Policy policy_of(std::uint8_t options) {
  protocol::Policy policy;
  policy.accept_v1 = (options & 2) != 0;
  policy.require_128 = (options & 2) == 0;
  policy.allow_anonymous = (options & 4) != 0;
  policy.require_mic =
      (options & 8) != 0 ? protocol::Policy::Mic::kNo : protocol::Policy::Mic::kAuto;
  return policy;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Reader reader({data, size});
  const std::uint32_t flags = reader.u32();
  const std::uint8_t options = reader.u8();
  std::vector<Edit> edits;
  while (reader.ok() && reader.remaining() >= 5 && edits.size() < 16) {
    const std::uint8_t where = reader.u8();
    const std::uint8_t how = reader.u8();
    const std::uint16_t position = reader.u16();
    edits.push_back({where, how, position, reader.u8()});
  }
  const auto edit_all = [&edits](auto& target, std::uint8_t where) {
    for (const Edit& edit : edits) {
      if (edit.where % 5 == where) apply(target, edit);
    }
  };

  test::FixedClock clock(test::kSomeFiletime);
  test::SeededRandom random;
  const auto setup = test::acceptor_setup(policy_of(options));
  protocol::Acceptor acceptor(setup, clock, random);
  Bytes negotiate = test::negotiate_message(reader.ok() ? flags : test::kUsualFlags);
  edit_all(negotiate, 4);
  const auto first = acceptor.step(negotiate, nullptr);
  if (!first) {
    FUZZ_CHECK(acceptor.failed());
    return 0;
  }

  const Bytes channel(21, 0x42);
  crypto::ChannelBindings bindings;
  bindings.application = channel;
  test::Peer peer;
  peer.target = "HTTP/server.example.com";
  if ((options & 1) != 0) {
    const auto hash = crypto::channel_binding_hash(bindings);
    peer.binding_hash = Bytes(hash.begin(), hash.end());
  }
  Bytes signed_message;
  peer.on_pairs = [&](std::vector<test::RawPair>& pairs) { edit_all(pairs, 0); };
  peer.on_temp = [&](Bytes& temp) { edit_all(temp, 1); };
  peer.on_message = [&](Bytes& message) { edit_all(message, 2); };
  peer.on_final = [&](Bytes& message) {
    signed_message = message;
    edit_all(message, 3);
  };
  const Bytes authenticate = peer.authenticate(negotiate, first->token);

  if ((options & 16) != 0) {
    SecretWriter writer(0, 1u << 16);
    FUZZ_CHECK(acceptor.save(writer));
    const auto saved = std::move(writer).finish("fuzz");
    FUZZ_CHECK(saved);
    Reader exported(*saved);
    auto restored = protocol::Acceptor::restore(exported, setup, clock, random);
    FUZZ_CHECK(restored && exported.at_end());
    acceptor = std::move(*restored);
  }
  const auto second = acceptor.step(authenticate, (options & 1) != 0 ? &bindings : nullptr);
  FUZZ_CHECK(second.has_value() == (acceptor.established() != nullptr));
  if (!second) {
    FUZZ_CHECK(acceptor.failed() && !acceptor.step(authenticate, nullptr));
    return 0;
  }
  const protocol::Established& established = *acceptor.established();
  if (established.principal.anonymous) {
    FUZZ_CHECK(setup->policy.allow_anonymous && !established.session.can_sign());
    return 0;
  }
  FUZZ_CHECK(established.principal.account.user == "User" &&
             established.principal.account.domain == "Domain");
  if (acceptor.evidence().mic == protocol::MicState::kVerified) {
    FUZZ_CHECK(authenticate == signed_message);
    const auto key = established.session.exported_key().expose();
    FUZZ_CHECK(
        std::equal(key.begin(), key.end(), peer.session_key.begin(), peer.session_key.end()));
  }
  return 0;
}
