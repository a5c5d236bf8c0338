// SPDX-License-Identifier: MIT
// The front: it takes frames from workers, plays the acceptor's part with the policy of each, and
// writes the audit records. Every thread has a Loop of its own, with the connections that it
// accepted; what all share (Peers) locks itself.
#pragma once

#include <memory>
#include <string>

#include "authd/peers.h"
#include "authd/verify.h"
#include "base/audit.h"
#include "base/config.h"
#include "protocol/acceptor.h"

namespace ntlm::authd {

struct ServerSettings {
  Config config;  // for the names of the host
  AuditSettings audit;
  protocol::DisplayForm display_form = protocol::DisplayForm::kDomainBackslashUser;
};

class Loop {
 public:
  // The listening socket is shared by all loops, non-blocking, and outlives them.
  Loop(const ServerSettings& settings, Peers& peers, int listener, FileDescriptor store);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Without an end; a std::bad_alloc that flies ends the process.
  [[noreturn]] void run();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ntlm::authd
