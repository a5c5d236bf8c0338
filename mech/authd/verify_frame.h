// SPDX-License-Identifier: MIT
// What the two processes of ntlm-authd say to each other: one datagram there and one back,
// little-endian. Answers come in any order.
//   VERIFY  u32 number, not 0; u8 version, challenge[8], then blocks: user and domain in UTF-16LE,
//           both in UTF-8, workstation, NT response, LM response; flag: machine accounts too;
//           block: address; texts: the NetBIOS names that CHALLENGE bore, of the computer and of
//           the domain, and the computer's DNS name
//           -> the number, u8 1, session base key[16], principal, text store
//            | the number, u8 0, u16 Errc, u8 where: 0 an account, 1 a domain, 2 attributes
//   FACTS   u32 0
//           -> u32 0, u8 serves a domain, u8 whether names follow, four texts
#pragma once

#include <array>
#include <optional>
#include <variant>

#include "authority/frame.h"
#include "protocol/logon.h"
#include "protocol/name.h"

namespace ntlm::authd {

// A principal for whom a worker's reply has room too, beside the evidence and the session.
inline constexpr std::size_t kMaxVerifyFrame = authority::kMaxReply - 10'000;

// What the store process says of its stores.
struct StoreFacts {
  std::optional<protocol::HostNames> host;  // that CHALLENGE must bear
  bool serves_domain = false;
};

Result<SecretBytes> write_question(std::uint32_t number, const protocol::LogonRequest& request);
inline constexpr std::array<std::uint8_t, 4> kFactsQuestion = {0, 0, 0, 0};

// What the store process answers; it bears a key. kStore for an account that is in, with more or
// longer attributes than a frame or read_principal() takes. Nothing: the question is none.
std::optional<SecretBytes> answer(ByteView question, const protocol::Verifier& verifier,
                                  const protocol::Policy& policy);

struct StoreAnswer {
  std::uint32_t number = 0;  // of the question
  std::variant<StoreFacts, Result<protocol::LogonResult>> body;
};
// Nothing: it is none.
std::optional<StoreAnswer> read_answer(ByteView frame);

}  // namespace ntlm::authd
