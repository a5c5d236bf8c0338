// SPDX-License-Identifier: MIT
// The two processes of ntlm-authd: the front asks, over a socket pair of its own for each thread,
// whether a response is right; the store process, which alone has the accounts, answers. The answer
// is the session base key of that one response and the principal; a hash never crosses. (NTLMv1's
// KXKEY under LM_KEY needs the LM hash, so that form is refused here.)
#pragma once

#include <sys/socket.h>

#include "authd/verify_frame.h"
#include "base/trusted_file.h"

namespace ntlm::authd {

// The front's end. Not thread-safe: each thread has its own. A store process that is gone ends this
// one, for there is nothing left to do; systemd starts both anew.
class StoreClient {
 public:
  explicit StoreClient(FileDescriptor socket);
  int descriptor() const { return socket_.get(); }

  // Asks and waits, while nothing else is asked.
  StoreFacts facts();
  Result<protocol::LogonResult> verify(const protocol::LogonRequest& request);

  // Asks. False: there is no room for it now.
  bool send(ByteView question);
  // The next answer; nothing: there is none yet.
  std::optional<StoreAnswer> receive() { return receive(MSG_DONTWAIT); }

 private:
  std::optional<StoreAnswer> receive(int flags);
  FileDescriptor socket_;
  SecretBytes room_;  // of the answer; wiped when it was read
};

// Answers until the front is gone, and ends the process then. Where a store may take its time
// (Verifier::serves_domain), whoever takes a question leaves another thread behind that waits for
// the next: so none waits for an earlier one, while there are no more than Shares::kPlaces.
[[noreturn]] void serve_store(int socket, const protocol::Verifier& verifier,
                              const protocol::Policy& policy);

}  // namespace ntlm::authd
