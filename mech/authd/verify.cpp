// SPDX-License-Identifier: MIT
// One datagram there and one back, little-endian:
//   VERIFY  u8 1, u8 version, challenge[8], then blocks: user and domain in
//   UTF-16LE, both in
//           UTF-8, workstation, NT response, LM response
//           -> u8 1, session base key[16], principal, text store | u8 0, u16
//           Errc, u8 of a domain
//   FACTS   u8 2
//           -> u8 serves a domain, u8 whether names follow, four texts
// Neither side believes the other: what does not parse ends the process.
#include "authd/verify.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace ntlm::authd {
namespace {

using protocol::HostNames;
using protocol::LogonRequest;
using protocol::LogonResult;

constexpr std::uint8_t kVerify = 1;
constexpr std::uint8_t kFacts = 2;
constexpr std::size_t kMaxPart = 4096;
constexpr std::size_t kMaxFrame = 70000;

constexpr std::array kNames = {&HostNames::nb_computer, &HostNames::nb_domain,
                               &HostNames::dns_computer, &HostNames::dns_domain};

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

void write_answer(Writer& writer, const Result<LogonResult>& result) {
  writer.flag(result.has_value());
  if (!result) {
    writer.u16(static_cast<std::uint16_t>(result.error().code));
    writer.flag(std::string_view(result.error().where).starts_with("winbind."));
    return;
  }
  writer.bytes(result->session_base_key.expose());
  protocol::write_principal(writer, result->principal);
  writer.text(result->store);
}

Result<LogonResult> read_answer(Reader& reader) {
  if (!reader.flag()) {
    const auto code = static_cast<Errc>(reader.u16());
    return fail(code, reader.flag() ? "winbind.status" : "account");
  }
  LogonResult result;
  auto key = reader.take<16>();
  result.session_base_key = crypto::SessionBaseKey(std::span<const std::uint8_t, 16>(key));
  wipe(key.data(), key.size());
  result.principal = protocol::read_principal(reader);
  result.store = protocol::store_literal(reader.text(kMaxPart));
  return result;
}

Result<LogonResult> answer(Reader& reader, const protocol::Verifier& verifier,
                           const protocol::Policy& policy, const HostNames& host) {
  const std::uint8_t version = reader.u8();
  const crypto::ServerChallenge challenge = reader.take<8>();
  const ByteView user = reader.block(kMaxPart);
  const ByteView domain = reader.block(kMaxPart);
  protocol::AccountName account;
  account.user = reader.text(kMaxPart);
  account.domain = reader.text(kMaxPart);
  const std::string_view workstation = reader.text(kMaxPart);
  const ByteView nt_response = reader.block(kMaxPart);
  const ByteView lm_response = reader.block(kMaxPart);
  const bool machine_accounts = reader.flag();
  if (!reader.ok() || !reader.at_end() || version > 2) {
    end("the front's question is defective", 1);
  }
  return verifier.verify({user, domain, account, workstation, host,
                          static_cast<protocol::NtlmVersion>(version), challenge, nt_response,
                          lm_response, policy, machine_accounts});
}

void write_facts(Writer& writer, const protocol::Verifier& verifier) {
  writer.flag(verifier.serves_domain());
  const HostNames* names = verifier.host_names();
  writer.flag(names != nullptr);
  for (const auto name : kNames) {
    writer.text(names != nullptr ? names->*name : std::string());
  }
}

}  // namespace

StoreClient::StoreClient(FileDescriptor socket) : socket_(std::move(socket)), room_(kMaxFrame) {}

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
  Writer writer(1024, kMaxFrame);
  writer.u8(kVerify);
  writer.u8(static_cast<std::uint8_t>(request.version));
  writer.bytes(request.server_challenge);
  writer.block(request.user_utf16le);
  writer.block(request.domain_utf16le);
  writer.text(request.account.user);
  writer.text(request.account.domain);
  writer.text(request.workstation);
  writer.block(request.nt_response);
  writer.block(request.lm_response);
  writer.flag(request.machine_accounts);
  TRY(const Bytes question, std::move(writer).finish("authd.question"));
  const ByteView reply = ask(question);
  Reader reader(reply);
  auto result = read_answer(reader);
  wipe(room_.data(), reply.size());
  if (!reader.ok() || !reader.at_end()) {
    end("the store process' answer is defective", 1);
  }
  return result;
}

StoreFacts StoreClient::facts() const {
  Reader reader(ask(std::array<std::uint8_t, 1>{kFacts}));
  StoreFacts facts;
  facts.serves_domain = reader.flag();
  const bool named = reader.flag();
  HostNames names;
  for (const auto name : kNames) {
    names.*name = reader.text(kMaxPart);
  }
  if (!reader.ok() || !reader.at_end()) {
    end("the store process' answer is defective", 1);
  }
  if (named) {
    facts.host = std::move(names);
  }
  return facts;
}

void serve_store(int socket, const protocol::Verifier& verifier, const protocol::Policy& policy,
                 const HostNames& host) {
  SecretBytes room(kMaxFrame);
  while (true) {
    const ByteView frame = receive_frame(socket, room);
    if (frame.empty()) {
      return;
    }
    Reader reader(frame);
    Writer writer(1024, kMaxFrame);
    if (reader.u8() == kVerify) {
      write_answer(writer, answer(reader, verifier, policy, host));
    } else {
      write_facts(writer, verifier);
    }
    auto reply = std::move(writer).finish("authd.answer");
    if (!reply) {  // attributes without end: the account exists and cannot be
                   // handed on
      Writer refusal;
      write_answer(refusal, fail(Errc::kInternal, "authd.answer"));
      reply = std::move(refusal).finish("authd.answer");
    }
    const bool sent = send_frame(socket, *reply);
    wipe(reply->data(), reply->size());
    if (!sent) {
      return;
    }
  }
}

}  // namespace ntlm::authd
