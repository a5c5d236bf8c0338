// SPDX-License-Identifier: MIT
#include "authd/verify_frame.h"

namespace ntlm::authd {
namespace {

using protocol::HostNames;
using protocol::LogonRequest;
using protocol::LogonResult;

constexpr std::uint32_t kFacts = 0;  // the number of that question
constexpr std::size_t kMaxPart = 4096;
constexpr std::size_t kMaxAddress = 16;

constexpr std::array kNames = {&HostNames::nb_computer, &HostNames::nb_domain,
                               &HostNames::dns_computer, &HostNames::dns_domain};

void write_verdict(SecretWriter& writer, const Result<LogonResult>& result) {
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

// Nothing: it is no question.
std::optional<Result<LogonResult>> ask_verifier(Reader& reader, const protocol::Verifier& verifier,
                                                const protocol::Policy& policy) {
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
  const ByteView address = reader.block(kMaxAddress);
  HostNames host;
  host.nb_computer = reader.text(kMaxPart);
  host.nb_domain = reader.text(kMaxPart);
  host.dns_computer = reader.text(kMaxPart);
  if (!reader.ok() || !reader.at_end() || version > 2) {
    return std::nullopt;
  }
  return verifier.verify({user, domain, account, workstation, host,
                          static_cast<protocol::NtlmVersion>(version), challenge, nt_response,
                          lm_response, policy, machine_accounts, address});
}

void write_facts(SecretWriter& writer, const protocol::Verifier& verifier) {
  writer.flag(verifier.serves_domain());
  const HostNames* names = verifier.host_names();
  writer.flag(names != nullptr);
  for (const auto name : kNames) {
    writer.text(names != nullptr ? names->*name : std::string());
  }
}

Result<LogonResult> read_verdict(Reader& reader) {
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

StoreFacts read_facts(Reader& reader) {
  StoreFacts facts;
  facts.serves_domain = reader.flag();
  const bool named = reader.flag();
  HostNames names;
  for (const auto name : kNames) {
    names.*name = reader.text(kMaxPart);
  }
  if (named) {
    facts.host = std::move(names);
  }
  return facts;
}

}  // namespace

Result<SecretBytes> write_question(std::uint32_t number, const LogonRequest& request) {
  SecretWriter writer(1024, kMaxVerifyFrame);
  writer.u32(number);
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
  writer.block(request.address);
  writer.text(request.host.nb_computer);
  writer.text(request.host.nb_domain);
  writer.text(request.host.dns_computer);
  return std::move(writer).finish("authd.question");
}

std::optional<SecretBytes> answer(ByteView question, const protocol::Verifier& verifier,
                                  const protocol::Policy& policy) {
  Reader reader(question);
  const std::uint32_t number = reader.u32();
  SecretWriter writer(1024, kMaxVerifyFrame);
  writer.u32(number);
  if (number != kFacts) {
    const auto verdict = ask_verifier(reader, verifier, policy);
    if (!verdict) {
      return std::nullopt;
    }
    write_verdict(writer, *verdict);
  } else if (reader.ok() && reader.at_end()) {
    write_facts(writer, verifier);
  } else {
    return std::nullopt;
  }
  auto frame = std::move(writer).finish("authd.answer");
  if (!frame) {  // attributes without end: the account exists and cannot be handed on
    SecretWriter refusal;
    refusal.u32(number);
    write_verdict(refusal, fail(Errc::kInternal, "authd.answer"));
    frame = std::move(refusal).finish("authd.answer");
  }
  return std::move(*frame);
}

std::optional<StoreAnswer> read_answer(ByteView frame) {
  Reader reader(frame);
  StoreAnswer answer{reader.u32(), {}};
  if (answer.number == kFacts) {
    answer.body = read_facts(reader);
  } else {
    answer.body = read_verdict(reader);
  }
  return reader.ok() && reader.at_end() ? std::optional(std::move(answer)) : std::nullopt;
}

}  // namespace ntlm::authd
