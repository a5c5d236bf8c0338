// SPDX-License-Identifier: MIT
// Both state machines in memory, with a clock and chance that the test holds in its hand.
#pragma once

#include "protocol/acceptor.h"
#include "protocol/initiator.h"
#include "support/fixed_environment.h"
#include "support/peer.h"

namespace ntlm::test {

inline constexpr std::uint64_t kSomeFiletime = 0x01cdde0bc33fe77b;

// One account: Domain\User, "Password".
class OneAccount final : public protocol::Verifier {
 public:
  Result<protocol::LogonResult> verify(const protocol::LogonRequest& request) const override {
    protocol::Account account;
    account.name = {"User", "Domain"};
    account.nt_hash = crypto::ntowf_v1(utf16("Password"));
    account.lm_hash = crypto::lmowf_v1(Bytes{'P', 'a', 's', 's', 'w', 'o', 'r', 'd'}).value();
    protocol::stand_in(account, equal_ignoring_case(request.account.user, "User"));
    return protocol::verify_with_hash(request, std::move(account), "text");
  }
};

inline std::shared_ptr<const protocol::AcceptorSetup> acceptor_setup(protocol::Policy policy = {}) {
  return std::make_shared<protocol::AcceptorSetup>(
      std::move(policy),
      protocol::HostNames{"Server", "Domain", "server.example.com", "example.com"},
      std::make_shared<OneAccount>());
}

inline std::shared_ptr<const protocol::Responder> responder(
    const std::string& password = "Password") {
  Bytes oem(password.begin(), password.end());
  return std::make_shared<protocol::HashResponder>(protocol::AccountName{"User", "Domain"},
                                                   crypto::ntowf_v1(utf16(password)),
                                                   crypto::lmowf_v1(oem).value());
}

}  // namespace ntlm::test
