// SPDX-License-Identifier: MIT
#include "authd/verify_frame.h"

#include <algorithm>

#include "base/text.h"
#include "store/faults.h"

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

// Where an error was, as far as the front needs it.
constexpr const char* kAttributes = "account.attributes";
constexpr std::array kWheres = {"account", "winbind.status", kAttributes};

std::uint8_t where_of(std::string_view where) {
  return where.starts_with("winbind.") ? 1 : where == kAttributes ? 2 : 0;
}

// kInternal when it does not fit.
Result<SecretBytes> write_verdict(std::uint32_t number, const Result<LogonResult>& result) {
  SecretWriter writer(1024, kMaxVerifyFrame);
  writer.u32(number);
  writer.flag(result.has_value());
  if (result) {
    writer.bytes(result->session_base_key.expose());
    protocol::write_principal(writer, result->principal);
    writer.text(result->store);
  } else {
    writer.u16(static_cast<std::uint16_t>(result.error().code));
    writer.u8(where_of(result.error().where));
  }
  return std::move(writer).finish("authd.answer");
}

tl::unexpected<Error> refuse_attributes(const protocol::AccountName& account) {
  store::record_store_fault(
      escaped(display(account, protocol::DisplayForm::kUserAtDomain)) +
      ": its groups and other attributes are more than ntlm-authd hands on (" +
      std::to_string(kMaxVerifyFrame) + " bytes, " + std::to_string(protocol::kMaxText) +
      " of each)");
  return fail(Errc::kStore, kAttributes);
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

Result<SecretBytes> write_facts(const protocol::Verifier& verifier) {
  SecretWriter writer(1024, kMaxVerifyFrame);
  writer.u32(kFacts);
  writer.flag(verifier.serves_domain());
  const HostNames* names = verifier.host_names();
  writer.flag(names != nullptr);
  for (const auto name : kNames) {
    writer.text(names != nullptr ? names->*name : std::string());
  }
  return std::move(writer).finish("authd.answer");
}

Result<LogonResult> read_verdict(Reader& reader) {
  if (!reader.flag()) {
    const auto code = static_cast<Errc>(reader.u16());
    const std::uint8_t where = reader.u8();
    if (where >= kWheres.size()) {
      reader.fail();
    }
    return fail(code, kWheres[std::min<std::size_t>(where, kWheres.size() - 1)]);
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
  if (number == kFacts) {
    return reader.ok() && reader.at_end() ? std::optional(write_facts(verifier).value())
                                          : std::nullopt;
  }
  const auto verdict = ask_verifier(reader, verifier, policy);
  if (!verdict) {
    return std::nullopt;
  }
  auto frame = write_verdict(number, *verdict);
  if (!frame) {
    frame = write_verdict(number, refuse_attributes((*verdict)->principal.account));
  }
  return std::move(frame).value();
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
