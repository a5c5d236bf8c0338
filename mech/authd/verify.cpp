// SPDX-License-Identifier: MIT
// Neither side believes the other: what is no frame of verify_frame.h ends the process.
#include "authd/verify.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <thread>

#include "authd/shares.h"

namespace ntlm::authd {
namespace {

using protocol::LogonRequest;
using protocol::LogonResult;

constexpr std::uint32_t kOnly = 1;  // the number of a question that is asked alone
constexpr timeval kIdle = {10, 0};  // then a thread that is not needed ends
constexpr unsigned kMaxThreads = Shares::kPlaces + 2;  // one for FACTS, one that waits

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

// errno says why not.
bool send_frame(int socket, ByteView frame, int flags = 0) {
  ssize_t sent;
  do {
    sent = ::send(socket, frame.data(), frame.size(), MSG_NOSIGNAL | flags);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(frame.size());
}

// -1: errno says why not.
ssize_t receive_frame(int socket, SecretBytes& room, int flags = 0) {
  ssize_t size;
  do {
    size = ::recv(socket, room.data(), room.size(), MSG_TRUNC | flags);
  } while (size < 0 && errno == EINTR);
  return size <= static_cast<ssize_t>(room.size()) ? size : 0;
}

}  // namespace

StoreClient::StoreClient(FileDescriptor socket)
    : socket_(std::move(socket)), room_(kMaxVerifyFrame) {}

bool StoreClient::send(ByteView question) {
  if (send_frame(socket_.get(), question, MSG_DONTWAIT)) {
    return true;
  }
  if (errno != EAGAIN) {
    end_with_the_store();
  }
  return false;
}

std::optional<StoreAnswer> StoreClient::receive(int flags) {
  const ssize_t size = receive_frame(socket_.get(), room_, flags);
  if (size < 0 && errno == EAGAIN) {
    return std::nullopt;
  }
  if (size <= 0) {
    end_with_the_store();
  }
  auto answer = read_answer(ByteView(room_).first(static_cast<std::size_t>(size)));
  wipe(room_.data(), static_cast<std::size_t>(size));
  if (!answer) {
    end("the store process' answer is defective", 1);
  }
  return answer;
}

StoreFacts StoreClient::facts() {
  if (!send(kFactsQuestion)) {
    end("the store process takes no question", 1);
  }
  auto answer = receive(0);
  auto* facts = answer ? std::get_if<StoreFacts>(&answer->body) : nullptr;
  if (facts == nullptr) {
    end("the store process' answer is defective", 1);
  }
  return std::move(*facts);
}

Result<LogonResult> StoreClient::verify(const LogonRequest& request) {
  TRY(const SecretBytes question, write_question(kOnly, request));
  if (!send(question)) {
    end("the store process takes no question", 1);
  }
  auto answer = receive(0);
  auto* verdict = answer ? std::get_if<Result<LogonResult>>(&answer->body) : nullptr;
  if (verdict == nullptr) {
    end("the store process' answer is defective", 1);
  }
  return std::move(*verdict);
}

namespace {

// The threads that answer the questions of one socket.
class Answering {
 public:
  Answering(int socket, const protocol::Verifier& verifier, const protocol::Policy& policy)
      : socket_(socket), verifier_(verifier), policy_(policy), slow_(verifier.serves_domain()) {
    if (slow_) {
      (void)::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &kIdle, sizeof kIdle);
    }
  }

  // The first of them never ends.
  void work(bool first) {
    SecretBytes room(kMaxVerifyFrame);
    while (true) {
      ++idle_;
      const ssize_t size = receive_frame(socket_, room);
      const bool nobody_waits = --idle_ == 0;
      if (size < 0 && errno == EAGAIN) {
        if (nobody_waits || first) {
          continue;
        }
        --count_;
        return;
      }
      if (size <= 0) {
        ::_exit(0);  // the front is gone
      }
      if (nobody_waits && slow_) {
        start_another();
      }
      answer_one(ByteView(room).first(static_cast<std::size_t>(size)));
    }
  }

 private:
  // Where there can be none, questions wait for their turn.
  void start_another() {
    if (++count_ > kMaxThreads) {
      --count_;
      return;
    }
    try {
      std::thread([this] { work(false); }).detach();
    } catch (const std::system_error&) {
      --count_;
    }
  }

  void answer_one(ByteView question) {
    const auto reply = answer(question, verifier_, policy_);
    if (!reply) {
      end("the front's question is defective", 1);
    }
    if (!send_frame(socket_, *reply)) {
      if (errno == EPIPE || errno == ECONNRESET) {
        ::_exit(0);  // the front is gone
      }
      end("the front cannot be answered: see net.core.wmem_max", 1);
    }
  }

  const int socket_;
  const protocol::Verifier& verifier_;
  const protocol::Policy& policy_;
  const bool slow_;
  std::atomic<unsigned> idle_{0};
  std::atomic<unsigned> count_{1};
};

}  // namespace

void serve_store(int socket, const protocol::Verifier& verifier, const protocol::Policy& policy) {
  Answering(socket, verifier, policy).work(true);
  ::_exit(0);
}

}  // namespace ntlm::authd
