// SPDX-License-Identifier: MIT
// The front: it takes frames from workers, and has them answered (acceptors.h). Every thread has a
// Loop of its own, with the connections that it accepted; what all share (Peers) locks itself.
//
// Where a store may take its time, the loop goes on with other connections until the store
// process has answered; otherwise it waits for the answer, which is there sooner than it could have
// slept.
#pragma once

#include <memory>

#include "authd/acceptors.h"
#include "authd/peers.h"
#include "authd/verify.h"

namespace ntlm::authd {

class Loop {
 public:
  // The listening socket is shared by all loops, non-blocking, and outlives them.
  Loop(const ServerSettings& settings, Peers& peers, int listener, FileDescriptor store);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Without an end; a std::bad_alloc that flies has to end the process.
  [[noreturn]] void run();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ntlm::authd
