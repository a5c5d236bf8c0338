// SPDX-License-Identifier: MIT
// Another process that plays the acceptor's part (security.md section 6): it makes the challenge,
// runs every check and keeps the accounts, so that this one never holds a hash. What comes back is
// the established acceptor, with the keys of that one session.
#pragma once

#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/secret.h"
#include "crypto/ntlm.h"
#include "protocol/policy.h"

namespace ntlm::protocol {

// Error::where of a refusal that is the authority's own: it has written the audit record. Any other
// error (it cannot be reached, it answers nonsense) is this process' to record.
inline constexpr const char* kVerdict = "authority.verdict";

class Authority {
 public:
  // One exchange between CHALLENGE and AUTHENTICATE. Dropped, it is over for the authority too.
  class Exchange {
   public:
    virtual ~Exchange() = default;
    // To be called once. The established acceptor as Acceptor::save() writes it. bindings: null
    // when the application gave none.
    virtual Result<SecretBytes> finish(ByteView authenticate, const AcceptOptions& options,
                                       const crypto::ChannelBindings* bindings) = 0;
  };
  struct Begun {
    Bytes challenge;
    std::unique_ptr<Exchange> exchange;
  };

  virtual ~Authority() = default;
  // service: the acceptor credential's name; may be empty. Thread-safe; ends by its own deadline.
  virtual Result<Begun> begin(ByteView negotiate, const AcceptOptions& options,
                              std::string_view service) const = 0;
};

}  // namespace ntlm::protocol
