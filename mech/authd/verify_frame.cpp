// SPDX-License-Identifier: MIT
#include "authd/verify_frame.h"

namespace ntlm::authd {
namespace {

using protocol::HostNames;
using protocol::LogonRequest;
using protocol::LogonResult;

constexpr std::uint8_t kVerify = 1;
constexpr std::size_t kMaxPart = 4096;
constexpr std::size_t kMaxAddress = 16;

constexpr std::array kNames = {&HostNames::nb_computer, &HostNames::nb_domain,
                               &HostNames::dns_computer, &HostNames::dns_domain};

void write_answer(SecretWriter& writer, const Result<LogonResult>& result) {
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
                                                const protocol::Policy& policy,
                                                const HostNames& host) {
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

}  // namespace

Result<SecretBytes> write_question(const LogonRequest& request) {
  SecretWriter writer(1024, kMaxVerifyFrame);
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
  writer.block(request.address);
  return std::move(writer).finish("authd.question");
}

std::optional<SecretBytes> answer(ByteView question, const protocol::Verifier& verifier,
                                  const protocol::Policy& policy, const HostNames& host) {
  Reader reader(question);
  SecretWriter writer(1024, kMaxVerifyFrame);
  if (reader.u8() == kVerify) {
    const auto verdict = ask_verifier(reader, verifier, policy, host);
    if (!verdict) {
      return std::nullopt;
    }
    write_answer(writer, *verdict);
  } else if (question.size() == 1 && question[0] == kFactsQuestion[0]) {
    write_facts(writer, verifier);
  } else {
    return std::nullopt;
  }
  auto frame = std::move(writer).finish("authd.answer");
  if (!frame) {  // attributes without end: the account exists and cannot be handed on
    SecretWriter refusal;
    write_answer(refusal, fail(Errc::kInternal, "authd.answer"));
    frame = std::move(refusal).finish("authd.answer");
  }
  return std::move(*frame);
}

std::optional<Result<LogonResult>> read_verdict(ByteView answer) {
  Reader reader(answer);
  Result<LogonResult> result{LogonResult()};
  if (reader.flag()) {
    auto key = reader.take<16>();
    result->session_base_key = crypto::SessionBaseKey(std::span<const std::uint8_t, 16>(key));
    wipe(key.data(), key.size());
    result->principal = protocol::read_principal(reader);
    result->store = protocol::store_literal(reader.text(kMaxPart));
  } else {
    const auto code = static_cast<Errc>(reader.u16());
    result = fail(code, reader.flag() ? "winbind.status" : "account");
  }
  return reader.ok() && reader.at_end() ? std::optional(std::move(result)) : std::nullopt;
}

std::optional<StoreFacts> read_facts(ByteView answer) {
  Reader reader(answer);
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
  return reader.ok() && reader.at_end() ? std::optional(std::move(facts)) : std::nullopt;
}

}  // namespace ntlm::authd
