// SPDX-License-Identifier: MIT
#include "abi/objects.h"

namespace ntlm::abi {

protocol::Session* ContextObject::session() {
  if (auto* acceptor = std::get_if<protocol::Acceptor>(&machine)) {
    auto* established = acceptor->established();
    return established == nullptr ? nullptr : &established->session;
  }
  if (auto* initiator = std::get_if<protocol::Initiator>(&machine)) {
    auto* established = initiator->established();
    return established == nullptr ? nullptr : &established->session;
  }
  return nullptr;
}

bool ContextObject::failed() const {
  if (const auto* acceptor = std::get_if<protocol::Acceptor>(&machine)) {
    return acceptor->failed();
  }
  if (const auto* initiator = std::get_if<protocol::Initiator>(&machine)) {
    return initiator->failed();
  }
  return false;
}

// The lifetime is not looked at: it says how long the logon may be relied on, and gss_context_time
// tells; a connection that is open keeps its protection, as with MIT's krb5 mechanism.
Result<protocol::Session*> usable_session(ContextObject& context) {
  if (protocol::Session* session = context.session(); session != nullptr) {
    return session;
  }
  if (context.failed()) {
    return fail(Errc::kDeadContext, "context");
  }
  return fail(Errc::kIncompleteContext, "context");
}

}  // namespace ntlm::abi
