// SPDX-License-Identifier: MIT
// What NTLM's cryptography costs and nothing else: libcrypto's low-level calls with their states
// ready, no checks, no wiping. The limit that a mechanism is measured against, in the same run,
// since machines vary more than programs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace ntlm::bench {

// One side of a handshake ([MS-NLMP] 3.3.2, 3.4.5): 4 HMAC-MD5, 4 MD5, 3 RC4 key set-ups and 16
// bytes of RC4, and 8 random bytes out of a large draw.
class BareHandshake {
 public:
  BareHandshake();
  ~BareHandshake();
  // Goes over both sides.
  void run();

 private:
  void one_side();
  struct State;
  std::unique_ptr<State> state_;
};

// Both ends of protected messages with ESS and KEY_EXCH ([MS-NLMP] 3.4.4.2): HMAC-MD5 from kept
// chaining values, and RC4 over the message, for sealed ones, and the checksum.
class BareMessages {
 public:
  BareMessages();
  ~BareMessages();
  void seal_and_unseal(std::span<std::uint8_t> message);
  void sign_and_verify(std::span<const std::uint8_t> message);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ntlm::bench
