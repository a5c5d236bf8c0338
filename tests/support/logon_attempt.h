// SPDX-License-Identifier: MIT
// One attempt to log in, as the acceptor would put it to a store: the response is made from a
// password as an initiator makes it, over the names that CHALLENGE would have carried.
#pragma once

#include <stdexcept>
#include <string>

#include "protocol/logon.h"
#include "wire/av_pairs.h"

namespace ntlm::test {

class LogonAttempt {
 public:
  LogonAttempt(protocol::AccountName who, std::string_view password, protocol::HostNames names)
      : host(std::move(names)),
        account(std::move(who)),
        hash_(crypto::ntowf_v1(utf16le_from_password(password).value())) {
    respond(protocol::NtlmVersion::kV2);
  }

  void respond(protocol::NtlmVersion how) {
    version = how;
    user_ = utf16le_from_utf8(account.user).value();
    domain_ = utf16le_from_utf8(account.domain).value();
    const protocol::HashResponder responder(account, hash_.clone(), std::nullopt);
    const bool v2 = how == protocol::NtlmVersion::kV2;
    const auto answer = responder.respond({server_challenge, how != protocol::NtlmVersion::kV1,
                                           kTimestamp, kClient, av_pairs(), v2, v2});
    if (!answer) {
      throw std::runtime_error(answer.error().where);
    }
    nt_response_ = answer->nt_response;
    lm_response_ = answer->lm_response;
    key = to_array(answer->session_base_key);
  }

  protocol::LogonRequest request() const {
    return {user_,   domain_,          account,      workstation,  host,
            version, server_challenge, nt_response_, lm_response_, policy};
  }

  static std::array<std::uint8_t, 16> to_array(const crypto::SessionBaseKey& secret) {
    std::array<std::uint8_t, 16> out;
    std::copy(secret.expose().begin(), secret.expose().end(), out.begin());
    return out;
  }

  protocol::HostNames host;
  protocol::AccountName account;
  std::string workstation = "CLIENT";
  protocol::Policy policy;
  protocol::NtlmVersion version = protocol::NtlmVersion::kV2;
  crypto::ServerChallenge server_challenge{1, 2, 3, 4, 5, 6, 7, 8};
  std::array<std::uint8_t, 16> key{};  // what a store that says yes must answer

 private:
  static constexpr std::uint64_t kTimestamp = 134'085'024'000'000'000;  // 2025-11-24
  static constexpr crypto::ClientChallenge kClient{8, 7, 6, 5, 4, 3, 2, 1};

  Bytes av_pairs() const {
    Writer writer;
    const auto add = [&](wire::AvId id, const std::string& text) {
      if (!text.empty()) {
        wire::write_av(writer, id, utf16le_from_utf8(text).value());
      }
    };
    add(wire::AvId::kNbDomainName, host.nb_domain);
    add(wire::AvId::kNbComputerName, host.nb_computer);
    add(wire::AvId::kDnsDomainName, host.dns_domain);
    add(wire::AvId::kDnsComputerName, host.dns_computer);
    wire::write_av_eol(writer);
    return std::move(writer).finish("test").value();
  }

  crypto::NtHash hash_;
  Bytes user_, domain_, nt_response_, lm_response_;
};

}  // namespace ntlm::test
