// SPDX-License-Identifier: MIT
// AV pairs ([MS-NLMP] 2.2.2.1) and the NTLMv2 client challenge that carries them (2.2.2.7).
#pragma once

#include <optional>

#include "base/bytes.h"
#include "wire/flags.h"

namespace ntlm::wire {

// A target information list, parsed: views into the bytes that it was parsed from. Names are
// UTF-16LE.
struct TargetInfo {
  std::optional<ByteView> nb_computer, nb_domain, dns_computer, dns_domain, dns_tree;
  std::optional<std::uint32_t> flags;
  std::optional<std::uint64_t> timestamp;  // 100 ns ticks since 1601-01-01 UTC
  std::optional<ByteView> single_host;     // 48 bytes or more
  std::optional<ByteView> target_name;
  std::optional<std::array<std::uint8_t, 16>> channel_bindings;
};

// security.md R22, R23: at most 32 pairs, an EOL of length 0 at the end and at most 16 bytes behind
// it, exact sizes, even and valid names of at most 512 bytes (kTargetName may be empty), no id
// twice. Unknown ids are skipped.
Result<TargetInfo> parse_target_info(ByteView bytes);

// Appends one pair.
void write_av(Writer& writer, AvId id, ByteView value);
void write_av_eol(Writer& writer);

// [0] RespType 1 [1] HiRespType 1 [2-7] reserved [8-15] timestamp [16-23] client challenge [24-27]
// reserved [28-] AV pairs, then usually four zero bytes. This is NT response minus its first 16
// bytes (NTProofStr).
struct ClientChallengeV2 {
  std::uint64_t timestamp = 0;
  std::array<std::uint8_t, 8> client_challenge{};
  TargetInfo target_info;
};
Result<ClientChallengeV2> parse_client_challenge(ByteView temp);
Result<Bytes> write_client_challenge(std::uint64_t timestamp,
                                     const std::array<std::uint8_t, 8>& client_challenge,
                                     ByteView av_pairs);

}  // namespace ntlm::wire
