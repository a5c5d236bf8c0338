// SPDX-License-Identifier: MIT
#include "protocol/logon.h"

#include <algorithm>
#include <atomic>
#include <memory>

#include "base/fork.h"
#include "wire/av_pairs.h"

namespace ntlm::protocol {
namespace {

using crypto::NtHash;
using crypto::SessionBaseKey;

// [MS-NLMP] 2.2.2.8: NTProofStr, then at least the fixed part of NTLMv2_CLIENT_CHALLENGE and an
// MsvAvEOL.
constexpr std::size_t kProofSize = 16;
constexpr std::size_t kMinResponseV2 = kProofSize + 28 + 4;
constexpr std::size_t kResponseV1 = 24;
constexpr const char* kNtResponse = "AUTHENTICATE.NtChallengeResponse";

// MD4 of nothing: the hash of a blank password.
constexpr std::array<std::uint8_t, 16> kBlankHash = {
    0x31, 0xd6, 0xcf, 0xe0, 0xd1, 0x6a, 0xe9, 0x31, 0xb7, 0x3c, 0x59, 0xd7, 0xe0, 0xc0, 0x89, 0xc0};

// The outcome of a proof: the key counts only when `right`.
struct Proof {
  bool right = false;
  SessionBaseKey key;
};

void prove_v2_under(const LogonRequest& request, const NtHash& hash, ByteView domain,
                    Proof* proof) {
  const ByteView temp = request.nt_response.subspan(kProofSize);
  const auto response_key = crypto::ntowf_v2(hash, request.user_utf16le, domain);
  const auto expected = crypto::nt_proof_str(response_key, request.server_challenge, temp);
  if (equal_ct(expected, request.nt_response.first(kProofSize)) && !proof->right) {
    proof->right = true;
    proof->key = crypto::session_base_key_v2(response_key, expected);
  }
}

// [MS-NLMP] 3.3.2, under the domain as sent, then upper-cased, then none: which of them are tried
// depends on the peer's message alone, and all are tried unless one is right.
Proof prove_v2(const LogonRequest& request, const NtHash& hash) {
  Proof proof;
  const ByteView domain = request.domain_utf16le;
  prove_v2_under(request, hash, domain, &proof);
  if (proof.right || domain.empty()) {
    return proof;
  }
  Bytes upper(domain.begin(), domain.end());
  upper_utf16le(upper);
  if (!std::equal(upper.begin(), upper.end(), domain.begin())) {
    prove_v2_under(request, hash, upper, &proof);
  }
  if (request.policy.nil_domain_retry) {
    prove_v2_under(request, hash, {}, &proof);
  }
  return proof;
}

// [MS-NLMP] 3.3.1, the NT response only: what stands in the LM field proves nothing (R24), it only
// brings the client challenge of NTLM2-session.
Proof prove_v1(const LogonRequest& request, const NtHash& hash) {
  std::array<std::uint8_t, 8> challenge = request.server_challenge;
  if (request.version == NtlmVersion::kV1Session) {
    crypto::ClientChallenge client{};
    std::copy_n(request.lm_response.begin(), client.size(), client.begin());
    challenge = crypto::session_challenge(request.server_challenge, client);
  }
  const auto expected = crypto::desl(hash.expose(), challenge);
  if (!equal_ct(expected, request.nt_response)) {
    return {};
  }
  return {true, crypto::session_base_key_v1(hash)};
}

// The acceptor has checked all of this; a caller that has not must not reach a comparison of fewer
// bytes.
Result<void> check_shape(const LogonRequest& request) {
  if (request.version == NtlmVersion::kV2) {
    return request.nt_response.size() < kMinResponseV2 ? fail(Errc::kDefectiveMessage, kNtResponse)
                                                       : Result<void>{};
  }
  if (!request.policy.accept_v1) {
    return fail(Errc::kVersionRefused, kNtResponse);
  }
  if (request.nt_response.size() != kResponseV1) {
    return fail(Errc::kDefectiveMessage, kNtResponse);
  }
  if (request.version == NtlmVersion::kV1Session && request.lm_response.size() != kResponseV1) {
    return fail(Errc::kDefectiveMessage, "AUTHENTICATE.LmChallengeResponse");
  }
  return {};
}

Proof prove(const LogonRequest& request, const NtHash& hash) {
  return request.version == NtlmVersion::kV2 ? prove_v2(request, hash) : prove_v1(request, hash);
}

Result<void> check_state(const Account& account, const LogonRequest& request) {
  if (account.disabled) {
    return fail(Errc::kAccountDisabled, "account");
  }
  if (account.locked) {
    return fail(Errc::kAccountLocked, "account");
  }
  if (account.password_expired) {
    return fail(Errc::kPasswordExpired, "account");
  }
  if (account.trust_account && !request.machine_accounts) {
    return fail(Errc::kTrustAccount, "account");
  }
  if (!request.policy.allow_blank_passwords && equal_ct(account.nt_hash.expose(), kBlankHash)) {
    return fail(Errc::kAccountRestriction, "policy.allow_blank_passwords");
  }
  return {};
}

bool contains(const std::vector<std::string>& upper_list, const std::string& upper) {
  return std::find(upper_list.begin(), upper_list.end(), upper) != upper_list.end();
}

// What makes the hash of a stand-in one that nobody has: it never leaves the process.
const NtHash& process_secret() {
  static constinit std::atomic<const NtHash*> secret{nullptr};
  return *first_made(secret, [] {
    auto bytes = std::make_unique<NtHash>();
    crypto::random_bytes(bytes->expose_mutable());
    return bytes;
  });
}

// If so; the work is the same otherwise.
void make_nobodys(NtHash& hash, bool change) {
  const auto mask = static_cast<std::uint8_t>(0U - static_cast<unsigned>(change));
  const auto secret = process_secret().expose();
  const auto bytes = hash.expose_mutable();
  std::transform(
      bytes.begin(), bytes.end(), secret.begin(), bytes.begin(),
      [mask](std::uint8_t a, std::uint8_t b) { return static_cast<std::uint8_t>(a ^ (b & mask)); });
}

}  // namespace

bool is_of_host(const AccountName& account, const HostNames& host) {
  const auto is = [&](std::string_view name) {
    return !name.empty() && equal_ignoring_case(account.domain, name);
  };
  return account.domain == "." || is(host.nb_computer) || is(host.dns_computer);
}

Result<void> check_lists(const Policy& policy, const HostNames& host, const AccountName& account) {
  const bool local =
      account.domain.empty() || equal_ignoring_case(account.domain, host.nb_computer);
  if (policy.receive_ntlm == Policy::Receive::kDenyDomain && !local) {
    return fail(Errc::kAccountRestriction, "policy.receive_ntlm");
  }
  if (!policy.deny_users.empty() && contains(policy.deny_users, upper_utf8(account.user))) {
    return fail(Errc::kAccountRestriction, "policy.deny_users");
  }
  if (policy.deny_domains.empty() && policy.allow_domains.empty()) {
    return {};
  }
  // An account without a domain belongs to this host.
  const std::string domain = upper_utf8(account.domain.empty() ? host.nb_domain : account.domain);
  if (contains(policy.deny_domains, domain)) {
    return fail(Errc::kAccountRestriction, "policy.deny_domains");
  }
  if (!policy.allow_domains.empty() && !contains(policy.allow_domains, domain)) {
    return fail(Errc::kAccountRestriction, "policy.allow_domains");
  }
  return {};
}

std::string_view choose(bool first, std::string_view one, std::string_view other) {
  const std::array<std::string_view, 2> both{other, one};
  return both[static_cast<std::size_t>(first)];
}

void stand_in(Account& account, bool known) {
  account.known = known;
  make_nobodys(account.nt_hash, !known);
}

// A stand-in's hash is nobody's already, and would become somebody's.
void spoil(Account& account, bool refused) {
  make_nobodys(account.nt_hash, refused && account.known);
}

Result<LogonResult> verify_with_hash(const LogonRequest& request, Account account,
                                     const char* store) {
  TRY_VOID(check_shape(request));
  Proof proof = prove(request, account.nt_hash);
  if (!proof.right || !account.has_hash || !account.known) {
    constexpr std::array kCodes{Errc::kUnknownAccount, Errc::kLogonDenied};
    return fail(kCodes[static_cast<std::size_t>(account.known)], kNtResponse);
  }
  TRY_VOID(check_state(account, request));

  LogonResult result;
  result.session_base_key = std::move(proof.key);
  if (request.version != NtlmVersion::kV2) {
    result.lm_hash = std::move(account.lm_hash);
  }
  result.principal.account = std::move(account.name);
  result.principal.attributes = std::move(account.attributes);
  result.store = store;
  return result;
}

Error outward(const Error& error) {
  const bool of_account = error.code >= Errc::kLogonDenied && error.code <= Errc::kTooSoon;
  const bool of_domain = std::string_view(error.where).starts_with("winbind.");
  return of_account && !of_domain ? Error{Errc::kLogonDenied, error.where} : error;
}

Result<Responder::WholeAnswer> Responder::answer(ByteView, ByteView) const {
  return fail(Errc::kInternal, "Responder.answer");
}

HashResponder::HashResponder(AccountName account, crypto::NtHash hash,
                             std::optional<crypto::LmHash> lm_hash)
    : account_(std::move(account)), hash_(std::move(hash)), lm_hash_(std::move(lm_hash)) {
  user_utf16le_ = utf16le_from_utf8(account_.user).value_or(Bytes{});
  domain_utf16le_ = utf16le_from_utf8(account_.domain).value_or(Bytes{});
}

bool HashResponder::save(SecretWriter& writer) const {
  writer.text(account_.user);
  writer.text(account_.domain);
  writer.bytes(hash_.expose());
  writer.flag(lm_hash_.has_value());
  if (lm_hash_) {
    writer.bytes(lm_hash_->expose());
  }
  return true;
}

Result<HashResponder> HashResponder::restore(Reader& reader) {
  AccountName account;
  account.user = reader.text(kMaxText);
  account.domain = reader.text(kMaxText);
  auto hash_bytes = reader.take<16>();
  crypto::NtHash hash{std::span<const std::uint8_t, 16>(hash_bytes)};
  wipe(hash_bytes.data(), hash_bytes.size());
  std::optional<crypto::LmHash> lm_hash;
  if (reader.flag()) {
    auto lm_bytes = reader.take<16>();
    lm_hash.emplace(std::span<const std::uint8_t, 16>(lm_bytes));
    wipe(lm_bytes.data(), lm_bytes.size());
  }
  if (!reader.ok() || account.user.empty()) {
    return fail(Errc::kDefectiveExport, "exported credential");
  }
  return HashResponder(std::move(account), std::move(hash), std::move(lm_hash));
}

Result<ChallengeResponse> HashResponder::respond(const Challenge& challenge) const {
  if (user_utf16le_.empty()) {
    return fail(Errc::kBadName, "credential.account");
  }
  return challenge.v2 ? respond_v2(challenge) : respond_v1(challenge);
}

// [MS-NLMP] 3.3.2
Result<ChallengeResponse> HashResponder::respond_v2(const Challenge& challenge) const {
  TRY(const Bytes temp, wire::write_client_challenge(
                            challenge.timestamp, challenge.client_challenge, challenge.av_pairs));
  const auto key = crypto::ntowf_v2(hash_, user_utf16le_, domain_utf16le_);
  const auto proof = crypto::nt_proof_str(key, challenge.server_challenge, temp);

  ChallengeResponse response;
  response.nt_response.reserve(proof.size() + temp.size());
  response.nt_response.assign(proof.begin(), proof.end());
  response.nt_response.insert(response.nt_response.end(), temp.begin(), temp.end());
  // [MS-NLMP] 3.1.5.1.2: no LMv2 response beside a timestamp of the server.
  crypto::Response24 lm{};
  if (!challenge.server_sent_timestamp) {
    lm = crypto::lm_response_v2(key, challenge.server_challenge, challenge.client_challenge);
  }
  response.lm_response.assign(lm.begin(), lm.end());
  response.session_base_key = crypto::session_base_key_v2(key, proof);
  return response;
}

// [MS-NLMP] 3.3.1
Result<ChallengeResponse> HashResponder::respond_v1(const Challenge& challenge) const {
  crypto::Response24 nt{};
  crypto::Response24 lm{};
  if (challenge.ess) {
    nt = crypto::desl(hash_.expose(), crypto::session_challenge(challenge.server_challenge,
                                                                challenge.client_challenge));
    std::copy(challenge.client_challenge.begin(), challenge.client_challenge.end(), lm.begin());
  } else {
    nt = crypto::desl(hash_.expose(), challenge.server_challenge);
    // LmCompatibilityLevel 2 (NoLMResponseNTLMv1) repeats the NT response where 0 and 1 answer from
    // the LM hash.
    lm = lm_hash_ ? crypto::desl(lm_hash_->expose(), challenge.server_challenge) : nt;
  }
  ChallengeResponse response;
  response.nt_response.assign(nt.begin(), nt.end());
  response.lm_response.assign(lm.begin(), lm.end());
  response.session_base_key = crypto::session_base_key_v1(hash_);
  if (lm_hash_) {
    response.lm_hash = lm_hash_->clone();
  }
  return response;
}

}  // namespace ntlm::protocol
