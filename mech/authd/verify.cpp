// SPDX-License-Identifier: MIT
// Neither side believes the other: what is no frame of verify_frame.h ends the process.
#include "authd/verify.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace ntlm::authd {
namespace {

using protocol::LogonRequest;
using protocol::LogonResult;

[[noreturn]] void end(const char* why, int status) {
  (void)std::fprintf(stderr, "ntlm-authd: %s\n", why);
  ::_exit(status);
}

// The front is nothing without the store process, and ends as that one did.
[[noreturn]] void end_with_the_store() {
  int status = 0;
  for (int wait = 0; wait < 100 && ::waitpid(-1, &status, WNOHANG) == 0; ++wait) {
    ::usleep(10'000);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
    ::_exit(WEXITSTATUS(status));  // it has said why
  }
  end(WIFSIGNALED(status) ? "the store process was killed" : "the store process is gone", 1);
}

bool send_frame(int socket, ByteView frame) {
  ssize_t sent;
  do {
    sent = ::send(socket, frame.data(), frame.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(frame.size());
}

// Empty at the end.
ByteView receive_frame(int socket, SecretBytes& room) {
  ssize_t size;
  do {
    size = ::recv(socket, room.data(), room.size(), MSG_TRUNC);
  } while (size < 0 && errno == EINTR);
  return size <= 0 || static_cast<std::size_t>(size) > room.size()
             ? ByteView{}
             : ByteView(room).first(static_cast<std::size_t>(size));
}

}  // namespace

StoreClient::StoreClient(FileDescriptor socket)
    : socket_(std::move(socket)), room_(kMaxVerifyFrame) {}

ByteView StoreClient::ask(ByteView question) const {
  if (!send_frame(socket_.get(), question)) {
    end_with_the_store();
  }
  const ByteView frame = receive_frame(socket_.get(), room_);
  if (frame.empty()) {
    end_with_the_store();
  }
  return frame;
}

Result<LogonResult> StoreClient::verify(const LogonRequest& request) const {
  TRY(const SecretBytes question, write_question(request));
  const ByteView frame = ask(question);
  auto verdict = read_verdict(frame);
  wipe(room_.data(), frame.size());
  if (!verdict) {
    end("the store process' answer is defective", 1);
  }
  return std::move(*verdict);
}

StoreFacts StoreClient::facts() const {
  auto facts = read_facts(ask(kFactsQuestion));
  if (!facts) {
    end("the store process' answer is defective", 1);
  }
  return std::move(*facts);
}

void serve_store(int socket, const protocol::Verifier& verifier, const protocol::Policy& policy,
                 const protocol::HostNames& host) {
  SecretBytes room(kMaxVerifyFrame);
  while (true) {
    const ByteView question = receive_frame(socket, room);
    if (question.empty()) {
      return;
    }
    const auto reply = answer(question, verifier, policy, host);
    if (!reply) {
      end("the front's question is defective", 1);
    }
    if (!send_frame(socket, *reply)) {
      return;
    }
  }
}

}  // namespace ntlm::authd
