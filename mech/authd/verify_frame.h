// SPDX-License-Identifier: MIT
// What the two processes of ntlm-authd say to each other: one datagram there and one back,
// little-endian.
//   VERIFY  u8 1, u8 version, challenge[8], then blocks: user and domain in UTF-16LE, both in
//   UTF-8,
//           workstation, NT response, LM response; flag: machine accounts too; block: address
//           -> u8 1, session base key[16], principal, text store | u8 0, u16 Errc, u8 of a domain
//   FACTS   u8 2
//           -> u8 serves a domain, u8 whether names follow, four texts
#pragma once

#include <array>
#include <optional>

#include "protocol/logon.h"
#include "protocol/name.h"

namespace ntlm::authd {

inline constexpr std::size_t kMaxVerifyFrame = 70000;

// What the store process says of its stores.
struct StoreFacts {
  std::optional<protocol::HostNames> host;  // that CHALLENGE must bear
  bool serves_domain = false;
};

Result<SecretBytes> write_question(const protocol::LogonRequest& request);
inline constexpr std::array<std::uint8_t, 1> kFactsQuestion = {2};

// What the store process answers; it bears a key. Nothing: the question is none.
std::optional<SecretBytes> answer(ByteView question, const protocol::Verifier& verifier,
                                  const protocol::Policy& policy, const protocol::HostNames& host);

// Nothing: the answer is none.
std::optional<Result<protocol::LogonResult>> read_verdict(ByteView answer);
std::optional<StoreFacts> read_facts(ByteView answer);

}  // namespace ntlm::authd
