// SPDX-License-Identifier: MIT
// What a worker and ntlm-authd say to each other: one frame a datagram of a SOCK_SEQPACKET socket,
// little-endian.
//
//   frame    u32 magic, u16 version, u16 operation, u32 request, u32 size of the body; the body
//   BEGIN    options, text service, block NEGOTIATE
//            -> BEGIN: handle[16], block CHALLENGE
//   FINISH   handle[16], options, flag bindings [u32 type, block, u32 type, block, block
//            application], block AUTHENTICATE
//            -> FINISH: block with the acceptor as Acceptor::save() writes it
//   ABORT    handle[16]; no answer
//   REFUSAL  the other answer to BEGIN and FINISH: u16 Errc, of one size whatever the reason
//
// Options are flags in the order of kAcceptOptions. Texts and blocks as base/bytes.h writes them. A
// frame that breaks any of this ends its connection: neither side looks for the next one. So what a
// peer sends may break none: of a token that is too long so much goes along that the daemon refuses
// it as a message.
#pragma once

#include <array>
#include <optional>
#include <variant>

#include "protocol/authority.h"

namespace ntlm::authority {

inline constexpr std::size_t kMaxRequest = 8192;  // bytes of a frame
// An acceptor with all its attributes: a user's thousand groups, with their names. Linux takes
// datagrams of 212 KB unless net.core.wmem_default says less.
inline constexpr std::size_t kMaxReply = 160'000;
inline constexpr std::size_t kMaxBindings = 4096;  // bytes of all their parts
inline constexpr std::size_t kMaxExchanges = 64;   // of a connection; one more ends the oldest

using Handle = std::array<std::uint8_t, 16>;

// Views are into the frame.
struct Begin {
  protocol::AcceptOptions options;
  std::string_view service;
  ByteView negotiate;
};
struct Finish {
  Handle handle{};
  protocol::AcceptOptions options;
  std::optional<crypto::ChannelBindings> bindings;
  ByteView authenticate;
};
struct Abort {
  Handle handle{};
};
struct Request {
  std::uint32_t number = 0;
  std::variant<Begin, Finish, Abort> body;
};

// kBadArgument: the worker's own service name is too long, or its bindings are.
Result<SecretBytes> write_request(const Request& request);
// kDefectiveMessage; never for what write_request() wrote.
Result<Request> read_request(ByteView frame);

struct Challenge {
  Handle handle{};
  ByteView message;
};
struct Acceptance {
  ByteView acceptor;
};
struct Reply {
  std::uint32_t number = 0;
  std::variant<Errc, Challenge, Acceptance> body;
};
// kInternal when it does not fit.
Result<SecretBytes> write_reply(const Reply& reply);
Result<Reply> read_reply(ByteView frame);
// Whose answer it is; the rest is not looked at.
Result<std::uint32_t> reply_number(ByteView frame);

}  // namespace ntlm::authority
