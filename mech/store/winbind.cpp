// SPDX-License-Identifier: MIT
#include "store/winbind.h"

#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "store/faults.h"
#include "store/group_names.h"
#include "store/winbind_calls.h"
#include "store/winbind_interface.h"

namespace ntlm::store {
namespace {

using protocol::AccountName;
using protocol::Attributes;
using protocol::HostNames;
using protocol::LogonRequest;
using protocol::LogonResult;
using protocol::NtlmVersion;
using Clock = WinbindCalls::Clock;

// [MS-ERREF] 2.3.1 statuses of a network logon, and what each is here.
struct Row {
  std::uint32_t status;
  Errc code;
  const char* where;
};
constexpr Row kStatuses[] = {
    {0xC0000064, Errc::kLogonDenied, "winbind.NO_SUCH_USER"},
    {0xC000006A, Errc::kLogonDenied, "winbind.WRONG_PASSWORD"},
    {0xC000006D, Errc::kLogonDenied, "winbind.LOGON_FAILURE"},
    {0xC000006E, Errc::kAccountRestriction, "winbind.ACCOUNT_RESTRICTION"},
    {0xC000006F, Errc::kLogonHours, "winbind.INVALID_LOGON_HOURS"},
    {0xC0000070, Errc::kWorkstation, "winbind.INVALID_WORKSTATION"},
    {0xC0000071, Errc::kPasswordExpired, "winbind.PASSWORD_EXPIRED"},
    {0xC0000072, Errc::kAccountDisabled, "winbind.ACCOUNT_DISABLED"},
    {0xC0000193, Errc::kAccountExpired, "winbind.ACCOUNT_EXPIRED"},
    {0xC0000224, Errc::kPasswordMustChange, "winbind.PASSWORD_MUST_CHANGE"},
    {0xC0000234, Errc::kAccountLocked, "winbind.ACCOUNT_LOCKED_OUT"},
    {0xC0000198, Errc::kTrustAccount, "winbind.NOLOGON_INTERDOMAIN_TRUST_ACCOUNT"},
    {0xC0000199, Errc::kTrustAccount, "winbind.NOLOGON_WORKSTATION_TRUST_ACCOUNT"},
    {0xC000019A, Errc::kTrustAccount, "winbind.NOLOGON_SERVER_TRUST_ACCOUNT"},
    {0xC00002FA, Errc::kSmartcardRequired, "winbind.SMARTCARD_LOGON_REQUIRED"},
    {0xC000015B, Errc::kLogonType, "winbind.LOGON_TYPE_NOT_GRANTED"},
    {0xC0000413, Errc::kAccountRestriction, "winbind.AUTHENTICATION_FIREWALL_FAILED"},
    {0xC0000418, Errc::kAccountRestriction, "winbind.NTLM_BLOCKED"},
    {0xC000005E, Errc::kNoAuthority, "winbind.NO_LOGON_SERVERS"},
    {0xC0000233, Errc::kNoAuthority, "winbind.DOMAIN_CONTROLLER_NOT_FOUND"},
    {0xC00000B5, Errc::kNoAuthority, "winbind.IO_TIMEOUT"},
    {0xC00000C4, Errc::kNoAuthority, "winbind.UNEXPECTED_NETWORK_ERROR"},
    {0xC000020C, Errc::kNoAuthority, "winbind.CONNECTION_DISCONNECTED"},
    {0xC000020D, Errc::kNoAuthority, "winbind.CONNECTION_RESET"},
    {0xC0000236, Errc::kNoAuthority, "winbind.CONNECTION_REFUSED"},
    {0xC000023C, Errc::kNoAuthority, "winbind.NETWORK_UNREACHABLE"},
    {0xC000023D, Errc::kNoAuthority, "winbind.HOST_UNREACHABLE"},
    {0xC00000BE, Errc::kNoAuthority, "winbind.BAD_NETWORK_PATH"},
    {0xC00000DF, Errc::kAuthorityTrust, "winbind.NO_SUCH_DOMAIN"},
    {0xC0000022, Errc::kAuthorityTrust, "winbind.ACCESS_DENIED"},
    {0xC000018A, Errc::kAuthorityTrust, "winbind.NO_TRUST_LSA_SECRET"},
    {0xC000018B, Errc::kAuthorityTrust, "winbind.NO_TRUST_SAM_ACCOUNT"},
    {0xC000018C, Errc::kAuthorityTrust, "winbind.TRUSTED_DOMAIN_FAILURE"},
    {0xC000018D, Errc::kAuthorityTrust, "winbind.TRUSTED_RELATIONSHIP_FAILURE"},
    {0xC0000190, Errc::kAuthorityTrust, "winbind.TRUST_FAILURE"},
    {0xC0000017, Errc::kNoMemory, "winbind.NO_MEMORY"},
    {0xC000009A, Errc::kNoMemory, "winbind.INSUFFICIENT_RESOURCES"},
};

// Of include/gssapi_ntlm.h, which only the outside includes.
constexpr const char* kAttrUpn = "urn:gss-ntlm:upn";
constexpr const char* kAttrDnsDomain = "urn:gss-ntlm:dns-domain";
constexpr const char* kAttrFullName = "urn:gss-ntlm:full-name";
constexpr const char* kAttrAccountFlags = "urn:gss-ntlm:account-flags";
constexpr const char* kAttrLogonServer = "urn:gss-ntlm:logon-server";
constexpr const char* kAttrPasswordExpires = "urn:gss-ntlm:password-expires";
constexpr const char* kAttrSid = "urn:gss-ntlm:sid";
constexpr const char* kAttrGroupSid = "urn:gss-ntlm:group-sid";
constexpr const char* kAttrGroup = "urn:gss-ntlm:group";

constexpr std::uint32_t kNoSuchUser = 0xC0000064;
constexpr std::uint32_t kWrongPassword = 0xC000006A;

// "Not available" sooner than this was not the waiting for a domain controller.
constexpr auto kAtOnce = std::chrono::seconds(1);
// Group names are not worth more.
constexpr auto kNamesDeadline = std::chrono::seconds(1);
constexpr std::uint64_t kNever = 0x7fffffff;

// One question to winbindd with everything that it works on: it may outlive who asked.
struct Logon {
  Logon(const Wbclient& wbc, const LogonRequest& request,
        const std::array<std::uint8_t, 8>& answered)
      : user(request.account.user),
        domain(request.account.domain),
        workstation(request.workstation),
        challenge(answered),
        response(request.nt_response.begin(), request.nt_response.end()),
        info(wbc),
        error(wbc) {}
  ~Logon() {
    if (!info) {
      return;
    }
    wipe(info->user_session_key, sizeof info->user_session_key);
    wipe(info->lm_session_key, sizeof info->lm_session_key);
  }
  Logon(const Logon&) = delete;
  Logon& operator=(const Logon&) = delete;

  // True: what came is known to the account's own domain only.
  bool ask(const Wbclient& wbc, wbcContext* context) {
    wbcAuthUserParams params{};
    params.account_name = user.c_str();
    params.domain_name = domain.c_str();
    params.workstation_name = workstation.empty() ? nullptr : workstation.c_str();
    // Computers may log in with their own accounts, as on Windows.
    params.parameter_control =
        WBC_MSV1_0_ALLOW_WORKSTATION_TRUST_ACCOUNT | WBC_MSV1_0_ALLOW_SERVER_TRUST_ACCOUNT;
    params.level = wbcAuthUserParams::WBC_AUTH_USER_LEVEL_RESPONSE;
    std::copy(challenge.begin(), challenge.end(), params.password.response.challenge);
    // The LM response is never a way in: it is not even sent.
    params.password.response.nt_length = static_cast<std::uint32_t>(response.size());
    params.password.response.nt_data = response.data();
    outcome = wbc.authenticate(context, &params, info.out(), error.out());
    return outcome == WBC_ERR_SUCCESS || (error && error->nt_status == kWrongPassword);
  }

  const std::string user, domain, workstation;
  const std::array<std::uint8_t, 8> challenge;
  Bytes response;
  wbcErr outcome = WBC_ERR_NO_MEMORY;
  WbcMemory<wbcAuthUserInfo> info;
  WbcMemory<wbcAuthErrorInfo> error;
};

// What winbindd's no means for this question.
tl::unexpected<Error> error_of(const Logon& logon) {
  const std::uint32_t status = logon.error->nt_status;
  if (status == kNoSuchUser && logon.error->authoritative == 0) {
    return fail(Errc::kUnknownAccount, "winbind.NO_SUCH_USER, not authoritative");
  }
  const auto* row = std::find_if(std::begin(kStatuses), std::end(kStatuses),
                                 [&](const Row& each) { return each.status == status; });
  if (row == std::end(kStatuses)) {
    char text[64];
    std::snprintf(text, sizeof text, "a logon ended with NT status 0x%08X", status);
    return winbind_fault(Errc::kLogonDenied, "winbind.a status without a row", text);
  }
  const std::string domain = logon.domain.empty() ? "its own domain" : escaped(logon.domain);
  if (row->code == Errc::kNoAuthority) {
    return winbind_fault(row->code, row->where,
                         "no domain controller answers for " + domain + " (" + row->where + ")");
  }
  if (row->code == Errc::kAuthorityTrust) {
    return winbind_fault(
        row->code, row->where,
        "this machine's account or a trust is broken, asking " + domain + " (" + row->where + ")");
  }
  return fail(row->code, row->where);
}

std::string text_or_empty(const char* text) { return text == nullptr ? "" : text; }

// Empty: none was named.
std::string_view domain_of(const AccountName& account) {
  const std::size_t at = account.domain.empty() ? account.user.rfind('@') : std::string::npos;
  return at == std::string::npos ? account.domain : std::string_view(account.user).substr(at + 1);
}

// Accounts of this host are not the domain's business.
Result<void> check_not_of_host(const AccountName& account, const HostNames& host) {
  return protocol::is_of_host(account, host)
             ? fail(Errc::kUnknownAccount, "winbind.an account of this host")
             : Result<void>();
}

// Whether that name is the domain's; this host's own has two.
bool names_domain(std::string_view name, std::string_view domain, const HostNames& ours) {
  const auto is = [](std::string_view a, std::string_view b) {
    return !b.empty() && equal_ignoring_case(a, b);
  };
  const auto own = [&](std::string_view one) {
    return is(one, ours.nb_domain) || is(one, ours.dns_domain);
  };
  return is(name, domain) || (own(name) && own(domain));
}

// A store for one domain has no others.
Result<void> check_belongs(const AccountName& account, std::string_view wanted,
                           const HostNames& ours) {
  const std::string_view domain = domain_of(account);
  const bool here =
      wanted.empty() || names_domain(domain.empty() ? ours.nb_domain : domain, wanted, ours);
  return here ? Result<void>() : fail(Errc::kUnknownAccount, "winbind.another domain");
}

// Nor when a name led elsewhere: user@domain may be any domain's of the forest.
Result<void> check_belongs(const wbcAuthUserInfo& info, std::string_view wanted,
                           const HostNames& ours) {
  const bool here = wanted.empty() || names_domain(text_or_empty(info.domain_name), wanted, ours) ||
                    names_domain(text_or_empty(info.dns_domain_name), wanted, ours);
  return here ? Result<void>() : fail(Errc::kUnknownAccount, "winbind.account of another domain");
}

// What the response answers: with NTLM2-session both challenges, digested ([MS-NLMP] 3.3.1).
Result<crypto::ServerChallenge> answered_challenge(const LogonRequest& request) {
  if (request.version == NtlmVersion::kV2) {
    return request.server_challenge;
  }
  if (!request.policy.accept_v1) {
    return fail(Errc::kVersionRefused, "winbind.NTLMv1");
  }
  if (request.version == NtlmVersion::kV1) {
    return request.server_challenge;
  }
  if (request.lm_response.size() < 8) {
    return fail(Errc::kDefectiveMessage, "winbind.LM response");
  }
  crypto::ClientChallenge client;
  std::copy_n(request.lm_response.begin(), client.size(), client.begin());
  return crypto::session_challenge(request.server_challenge, client);
}

// Groups, each once: winbindd repeats the primary group.
std::vector<wbcDomainSid> groups_of(const wbcAuthUserInfo& info) {
  const auto same = [](const wbcDomainSid& a, const wbcDomainSid& b) {
    return a.num_auths == b.num_auths && std::equal(a.id_auth, std::end(a.id_auth), b.id_auth) &&
           std::equal(a.sub_auths, a.sub_auths + std::min<int>(a.num_auths, WBC_MAXSUBAUTHS),
                      b.sub_auths);
  };
  std::vector<wbcDomainSid> groups;
  for (std::uint32_t i = 1; i < info.num_sids; ++i) {
    const wbcDomainSid& sid = info.sids[i].sid;
    const auto is_sid = [&](const wbcDomainSid& other) { return same(sid, other); };
    if (!is_sid(info.sids[0].sid) && std::none_of(groups.begin(), groups.end(), is_sid)) {
      groups.push_back(sid);
    }
  }
  return groups;
}

Attributes attributes_of(const wbcAuthUserInfo& info, std::span<const wbcDomainSid> groups) {
  Attributes attributes;
  const auto add = [&](const char* name, std::string value) {
    if (!value.empty()) {
      attributes.emplace_back(name, std::move(value));
    }
  };
  char flags[16];
  std::snprintf(flags, sizeof flags, "0x%08X", info.acct_flags);
  add(kAttrUpn, text_or_empty(info.user_principal));
  add(kAttrDnsDomain, text_or_empty(info.dns_domain_name));
  add(kAttrFullName, text_or_empty(info.full_name));
  add(kAttrAccountFlags, flags);
  add(kAttrLogonServer, text_or_empty(info.logon_server));
  // Seconds since 1970; a password that never expires has a date beyond any calendar.
  if (info.pass_must_change_time > 0 && info.pass_must_change_time < kNever) {
    add(kAttrPasswordExpires, std::to_string(info.pass_must_change_time));
  }
  if (info.num_sids > 0) {
    add(kAttrSid, text_of(info.sids[0].sid));
  }
  for (const wbcDomainSid& sid : groups) {
    add(kAttrGroupSid, text_of(sid));
  }
  return attributes;
}

// R20: a yes without a key, without a name, or for the guest instead of the account is none.
Result<void> check_complete(const wbcAuthUserInfo* info) {
  if (info == nullptr) {
    return fail(Errc::kAuthorityDown, "winbind.yes without an account");
  }
  const auto& key = info->user_session_key;
  if (std::all_of(key, std::end(key), [](std::uint8_t byte) { return byte == 0; })) {
    return fail(Errc::kAuthorityDown, "winbind.yes without a session key");
  }
  if (text_or_empty(info->account_name).empty()) {
    return fail(Errc::kAuthorityDown, "winbind.yes without a name");
  }
  if ((info->user_flags & WBC_AUTH_USER_INFO_GUEST) != 0) {
    return fail(Errc::kLogonDenied, "winbind.guest");
  }
  return {};
}

// Whose controllers a logon waits for: a domain under one name, however the peer wrote it.
std::string authority_of(const AccountName& account, const HostNames& ours) {
  const std::string_view domain = domain_of(account);
  const bool own = domain.empty() || equal_ignoring_case(domain, ours.nb_domain) ||
                   equal_ignoring_case(domain, ours.dns_domain);
  return own ? ours.nb_domain : std::string(domain);
}

struct Question {
  WinbindCalls& calls;
  const LogonRequest& request;
  const crypto::ServerChallenge& challenge;
  WinbindAuthority authority;
  Clock::time_point deadline;
};

Result<std::shared_ptr<Logon>> ask_once(const Question& question) {
  auto logon =
      std::make_shared<Logon>(question.calls.functions(), question.request, question.challenge);
  const auto done = question.calls.run(
      question.authority, question.deadline,
      [logon](const Wbclient& wbc, wbcContext* context) { return logon->ask(wbc, context); });
  if (done) {
    return logon;
  }
  return winbind_fault(
      done.error().code, done.error().where,
      done.error().code == Errc::kNoAuthority
          ? "no domain controller answers in time for " + escaped(question.authority.name)
          : "winbindd does not answer in time");
}

// The logon that winbindd said yes to, complete. winbindd's "not available" has three causes: it
// does not run, this process may not open its privileged pipe, and it gave up waiting for a domain
// controller. Whether it answers another question, and how long it took, tells them apart.
Result<std::shared_ptr<Logon>> ask(const Question& question) {
  const auto began = Clock::now();
  const auto at_once = [&] { return Clock::now() - began < kAtOnce; };
  TRY(std::shared_ptr<Logon> logon, ask_once(question));
  if (logon->outcome == WBC_ERR_WINBIND_NOT_AVAILABLE && at_once() && question.calls.answers()) {
    TRY(logon, ask_once(question));  // it may just have been restarted
  }
  if (logon->outcome == WBC_ERR_SUCCESS) {
    TRY_VOID(check_complete(logon->info.get()));
    return logon;
  }
  if (logon->error) {
    return tl::unexpected(error_of(*logon));
  }
  if (logon->outcome == WBC_ERR_NO_MEMORY) {
    return fail(Errc::kNoMemory, "winbind");
  }
  if (logon->outcome != WBC_ERR_WINBIND_NOT_AVAILABLE) {
    return winbind_fault(Errc::kAuthorityDown, "winbind.libwbclient",
                         "libwbclient failed with error " + std::to_string(logon->outcome));
  }
  if (!question.calls.answers()) {
    return winbind_fault(Errc::kAuthorityDown, "winbind.not running", "winbindd does not run");
  }
  if (at_once()) {
    return winbind_fault(Errc::kAuthorityAccess, "winbind.privileged pipe",
                         "winbindd runs, but this process may not open its privileged pipe "
                         "(is its user in group winbindd_priv?)");
  }
  return winbind_fault(Errc::kNoAuthority, "winbind.request timeout",
                       "no domain controller answers for " + escaped(question.authority.name));
}

}  // namespace

WinbindVerifier::WinbindVerifier(WinbindSettings settings)
    : settings_(std::move(settings)), groups_(std::make_unique<GroupNames>()) {
  WinbindCalls::learn_own_groups();
}

WinbindVerifier::~WinbindVerifier() { delete names_.load(); }

const HostNames* WinbindVerifier::host_names() const {
  const auto known = names();
  return known ? *known : nullptr;
}

Result<const HostNames*> WinbindVerifier::names() const {
  if (const HostNames* known = names_.load(std::memory_order_acquire)) {
    return known;
  }
  TRY(WinbindCalls * calls, WinbindCalls::open(settings_.library));
  TRY(const WinbindInterface told, ask_interface(*calls, Clock::now() + settings_.deadline));
  auto fresh = std::make_unique<HostNames>(
      HostNames{told.nb_computer, told.nb_domain, told.nb_computer, told.dns_domain});
  for (char& c : fresh->dns_computer) {
    c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  }
  if (!told.dns_domain.empty()) {
    fresh->dns_computer += "." + told.dns_domain;
  }
  const HostNames* known = nullptr;
  if (!names_.compare_exchange_strong(known, fresh.get(), std::memory_order_acq_rel)) {
    return known;
  }
  return fresh.release();
}

Result<LogonResult> WinbindVerifier::verify(const LogonRequest& request) const {
  const auto deadline = Clock::now() + settings_.deadline;
  // By the names that the front had, too, and before winbindd is asked for its own.
  TRY_VOID(check_not_of_host(request.account, request.host));
  TRY(const HostNames* ours, names());
  TRY_VOID(check_not_of_host(request.account, *ours));
  TRY_VOID(check_belongs(request.account, settings_.domain, *ours));
  if (!equal_ignoring_case(request.host.nb_computer, ours->nb_computer) ||
      !equal_ignoring_case(request.host.nb_domain, ours->nb_domain)) {
    // The domain controller would call it a wrong password.
    return winbind_fault(Errc::kAuthorityDown, "winbind.CHALLENGE with other names",
                         "CHALLENGE did not carry winbindd's names, since winbindd was not "
                         "there or netbios_computer or netbios_domain is configured");
  }
  TRY(WinbindCalls * calls, WinbindCalls::open(settings_.library));
  TRY(const crypto::ServerChallenge challenge, answered_challenge(request));
  const std::string authority = authority_of(request.account, *ours);
  const bool own = authority == ours->nb_domain;
  TRY(const auto logon, ask({*calls, request, challenge, {authority, own}, deadline}));

  const wbcAuthUserInfo& info = *logon->info.get();
  TRY_VOID(check_belongs(info, settings_.domain, *ours));
  const std::vector<wbcDomainSid> groups = groups_of(info);
  Attributes attributes = attributes_of(info, groups);
  const auto names_deadline = std::min(deadline, Clock::now() + kNamesDeadline);
  for (std::string& name : groups_->of(groups, *calls, authority, names_deadline)) {
    attributes.emplace_back(kAttrGroup, std::move(name));
  }
  LogonResult result{
      crypto::SessionBaseKey(std::span(info.user_session_key)), std::nullopt, {}, "winbind"};
  result.principal.account = {info.account_name, text_or_empty(info.domain_name)};
  result.principal.attributes = std::make_shared<const Attributes>(std::move(attributes));
  return result;
}

}  // namespace ntlm::store
