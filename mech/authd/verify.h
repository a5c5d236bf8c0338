// SPDX-License-Identifier: MIT
// The two processes of ntlm-authd: the front asks, over a socket pair of its
// own for each thread, whether a response is right; the store process, which
// alone has the accounts, answers. The answer is the session base key of that
// one response and the principal; a hash never crosses. (NTLMv1's KXKEY under
// LM_KEY needs the LM hash, so that form is refused here.)
#pragma once

#include <memory>

#include "authd/verify_frame.h"
#include "base/trusted_file.h"

namespace ntlm::authd {

// The front's end. Not thread-safe: each thread has its own. A store process
// that is gone ends this one, for there is nothing left to do; systemd starts
// both anew.
class StoreClient final : public protocol::Verifier {
 public:
  explicit StoreClient(FileDescriptor socket);
  Result<protocol::LogonResult> verify(const protocol::LogonRequest& request) const override;
  StoreFacts facts() const;
  int descriptor() const { return socket_.get(); }

 private:
  ByteView ask(ByteView question) const;
  FileDescriptor socket_;
  mutable SecretBytes room_;  // of the answer; wiped when it was read
};

// The store process' thread: answers until the front is gone.
void serve_store(int socket, const protocol::Verifier& verifier, const protocol::Policy& policy,
                 const protocol::HostNames& host);

}  // namespace ntlm::authd
