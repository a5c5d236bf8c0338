// SPDX-License-Identifier: MIT
// A worker that speaks frames by itself, right ones and any others.
#pragma once

#include <functional>
#include <string>

#include "authd/daemon.h"
#include "authority/frame.h"
#include "support/peer.h"

namespace ntlm::test {

// A whole exchange's messages and what the daemon said.
struct Begun {
  authority::Handle handle{};
  Bytes negotiate, challenge;
};

class RawWorker {
 public:
  explicit RawWorker(const Daemon& daemon) : socket_(daemon.connect()) {}

  int fd() const { return socket_.get(); }
  bool send(ByteView frame) const {
    return ::send(socket_.get(), frame.data(), frame.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(frame.size());
  }
  // A frame back; empty: the daemon has closed the connection.
  Bytes receive() const {
    Bytes room(authority::kMaxReply);
    const ssize_t size = ::recv(socket_.get(), room.data(), room.size(), 0);
    room.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return room;
  }
  // Whether the daemon answers this by closing.
  bool is_closed_for(ByteView frame) const { return !send(frame) || receive().empty(); }

  // The error of BEGIN; none: *begun is filled.
  Errc begin(Begun& begun, const protocol::AcceptOptions& options = {},
             std::string_view service = "HTTP@host", std::uint32_t flags = kUsualFlags) const {
    begun.negotiate = negotiate_message(flags);
    if (!send(authority::write_request({7, authority::Begin{options, service, begun.negotiate}})
                  .value())) {
      return Errc::kInternal;
    }
    const Bytes frame = receive();
    const auto reply = authority::read_reply(frame);
    if (!reply || reply->number != 7) {
      return Errc::kInternal;
    }
    if (const auto* refusal = std::get_if<Errc>(&reply->body)) {
      return *refusal;
    }
    const auto& challenge = std::get<authority::Challenge>(reply->body);
    begun.handle = challenge.handle;
    begun.challenge.assign(challenge.message.begin(), challenge.message.end());
    return kNoError;
  }
  Errc finish(const authority::Handle& handle, ByteView authenticate,
              const protocol::AcceptOptions& options = {}) const {
    if (!send(authority::write_request({8, authority::Finish{handle, options, {}, authenticate}})
                  .value())) {
      return Errc::kInternal;
    }
    const Bytes frame = receive();
    const auto reply = authority::read_reply(frame);
    if (!reply || reply->number != 8) {
      return Errc::kInternal;
    }
    const auto* refusal = std::get_if<Errc>(&reply->body);
    return refusal != nullptr ? *refusal : kNoError;
  }
  // Both.
  Errc login(const Peer& peer = Peer(), const protocol::AcceptOptions& options = {}) const {
    Begun begun;
    const Errc error = begin(begun, options);
    return error != kNoError
               ? error
               : finish(begun.handle, peer.authenticate(begun.negotiate, begun.challenge), options);
  }

  static constexpr Errc kNoError = static_cast<Errc>(0xffff);

 private:
  FileDescriptor socket_;
};

}  // namespace ntlm::test
