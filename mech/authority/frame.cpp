// SPDX-License-Identifier: MIT
#include "authority/frame.h"

#include <algorithm>

#include "wire/flags.h"

namespace ntlm::authority {
namespace {

constexpr std::uint32_t kMagic = 0x484c544e;  // "NTLH"
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kMaxService = 2048;  // an account's name may have 256 + 255 UTF-16 units
constexpr std::size_t kTooLong = wire::kMaxToken + 1;  // refused as a message, not as a frame
constexpr std::size_t kBodySizeAt = 12;

enum class Operation : std::uint16_t { kBegin = 1, kFinish = 2, kAbort = 3, kRefusal = 4 };

void write_head(SecretWriter& writer, Operation operation, std::uint32_t number) {
  writer.u32(kMagic);
  writer.u16(kVersion);
  writer.u16(static_cast<std::uint16_t>(operation));
  writer.u32(number);
  writer.u32(0);  // the body's size, by finish()
}

Result<SecretBytes> finish(SecretWriter&& writer) {
  const std::size_t head = kBodySizeAt + 4;
  Writer size;
  size.u32(static_cast<std::uint32_t>(writer.size() - head));
  TRY(const Bytes raw, std::move(size).finish("authority.frame"));
  writer.patch(kBodySizeAt, raw);
  return std::move(writer).finish("authority.frame");
}

struct Head {
  Operation operation;
  std::uint32_t number;
};

Head read_head(Reader& reader) {
  if (reader.u32() != kMagic || reader.u16() != kVersion) {
    reader.fail();
  }
  const std::uint16_t operation = reader.u16();
  const std::uint32_t number = reader.u32();
  if (reader.u32() != reader.remaining() || operation == 0 || operation > 4) {
    reader.fail();
  }
  return {static_cast<Operation>(operation), number};
}

void write_options(SecretWriter& writer, const protocol::AcceptOptions& options) {
  for (const auto option : protocol::kAcceptOptions) {
    writer.flag(options.*option);
  }
}

protocol::AcceptOptions read_options(Reader& reader) {
  protocol::AcceptOptions options;
  for (const auto option : protocol::kAcceptOptions) {
    options.*option = reader.flag();
  }
  return options;
}

// So much of a token that is too long as still shows it: it is for the daemon to refuse.
void write_token(SecretWriter& writer, ByteView token) {
  writer.block(token.first(std::min(token.size(), kTooLong)));
}

void write_body(SecretWriter& writer, const Begin& begin) {
  if (begin.service.size() > kMaxService) {
    writer.fail();
  }
  write_options(writer, begin.options);
  writer.text(begin.service);
  write_token(writer, begin.negotiate);
}

bool too_long(const crypto::ChannelBindings& bindings) {
  return bindings.initiator.size() + bindings.acceptor.size() + bindings.application.size() >
         kMaxBindings;
}

void write_body(SecretWriter& writer, const Finish& finish) {
  writer.bytes(finish.handle);
  write_options(writer, finish.options);
  writer.flag(finish.bindings.has_value());
  if (finish.bindings) {
    if (too_long(*finish.bindings)) {
      writer.fail();
    }
    writer.u32(finish.bindings->initiator_type);
    writer.block(finish.bindings->initiator);
    writer.u32(finish.bindings->acceptor_type);
    writer.block(finish.bindings->acceptor);
    writer.block(finish.bindings->application);
  }
  write_token(writer, finish.authenticate);
}

void write_body(SecretWriter& writer, const Abort& abort) { writer.bytes(abort.handle); }

Operation operation_of(const Begin&) { return Operation::kBegin; }
Operation operation_of(const Finish&) { return Operation::kFinish; }
Operation operation_of(const Abort&) { return Operation::kAbort; }

Begin read_begin(Reader& reader) {
  Begin begin;
  begin.options = read_options(reader);
  begin.service = reader.text(kMaxService);
  begin.negotiate = reader.block(kTooLong);
  return begin;
}

Finish read_finish(Reader& reader) {
  Finish finish;
  finish.handle = reader.take<16>();
  finish.options = read_options(reader);
  if (reader.flag()) {
    crypto::ChannelBindings& bindings = finish.bindings.emplace();
    bindings.initiator_type = reader.u32();
    bindings.initiator = reader.block(kMaxBindings);
    bindings.acceptor_type = reader.u32();
    bindings.acceptor = reader.block(kMaxBindings);
    bindings.application = reader.block(kMaxBindings);
    if (too_long(bindings)) {
      reader.fail();
    }
  }
  finish.authenticate = reader.block(kTooLong);
  return finish;
}

tl::unexpected<Error> broken() { return fail(Errc::kDefectiveMessage, "authority.frame"); }

}  // namespace

Result<SecretBytes> write_request(const Request& request) {
  SecretWriter writer(1024, kMaxRequest);
  std::visit(
      [&](const auto& body) {
        write_head(writer, operation_of(body), request.number);
        write_body(writer, body);
      },
      request.body);
  auto frame = finish(std::move(writer));
  return frame
             ? std::move(frame)
             : fail(Errc::kBadArgument, "authority.service over 2048 bytes or bindings over 4096");
}

Result<Request> read_request(ByteView frame) {
  Reader reader(frame);
  const Head head = read_head(reader);
  Request request;
  request.number = head.number;
  switch (head.operation) {
    case Operation::kBegin:
      request.body = read_begin(reader);
      break;
    case Operation::kFinish:
      request.body = read_finish(reader);
      break;
    case Operation::kAbort:
      request.body = Abort{reader.take<16>()};
      break;
    case Operation::kRefusal:
      reader.fail();
      break;
  }
  if (frame.size() > kMaxRequest || !reader.ok() || !reader.at_end()) {
    return broken();
  }
  return request;
}

Result<SecretBytes> write_reply(const Reply& reply) {
  SecretWriter writer(1024, kMaxReply);
  if (const auto* challenge = std::get_if<Challenge>(&reply.body)) {
    write_head(writer, Operation::kBegin, reply.number);
    writer.bytes(challenge->handle);
    writer.block(challenge->message);
  } else if (const auto* acceptance = std::get_if<Acceptance>(&reply.body)) {
    write_head(writer, Operation::kFinish, reply.number);
    writer.block(acceptance->acceptor);
  } else {
    write_head(writer, Operation::kRefusal, reply.number);
    writer.u16(static_cast<std::uint16_t>(std::get<Errc>(reply.body)));
  }
  return finish(std::move(writer));
}

Result<std::uint32_t> reply_number(ByteView frame) {
  Reader reader(frame);
  const Head head = read_head(reader);
  return reader.ok() ? Result<std::uint32_t>(head.number) : broken();
}

Result<Reply> read_reply(ByteView frame) {
  Reader reader(frame);
  const Head head = read_head(reader);
  Reply reply;
  reply.number = head.number;
  switch (head.operation) {
    case Operation::kBegin: {
      Challenge challenge;
      challenge.handle = reader.take<16>();
      challenge.message = reader.block(wire::kMaxToken);
      reply.body = challenge;
      break;
    }
    case Operation::kFinish:
      reply.body = Acceptance{reader.block(kMaxReply)};
      break;
    case Operation::kRefusal:
      reply.body = static_cast<Errc>(reader.u16());
      break;
    case Operation::kAbort:
      reader.fail();
      break;
  }
  if (!reader.ok() || !reader.at_end()) {
    return broken();
  }
  return reply;
}

}  // namespace ntlm::authority
