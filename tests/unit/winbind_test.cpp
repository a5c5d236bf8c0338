// SPDX-License-Identifier: MIT
// The winbind store against a double of libwbclient: what each of its answers means, and that no
// caller waits longer than the deadline, whatever winbindd does.
#include "store/winbind.h"

#include <dlfcn.h>
#include <gssapi_ntlm.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "store/faults.h"
#include "store/winbind_responder.h"
#include "support/logon_attempt.h"
#include "wbclient_double.h"

namespace ntlm::store {
namespace {

using protocol::AccountName;
using protocol::HostNames;
using protocol::LogonResult;
using protocol::NtlmVersion;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::LogonAttempt;
using test::WbclientDouble;

const HostNames kNames{"MEM1", "LAB", "mem1.lab.example", "lab.example"};
constexpr auto kDeadline = milliseconds(1000);
// The deadline and what may come on top of it, on a busy machine; what has none never ends.
constexpr auto kLatest = milliseconds(20'000);

// Holds calls until it is opened.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    ++came_;
    changed_.wait(lock, [&] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // How many calls have come to it.
  int came() {
    const std::lock_guard lock(mutex_);
    return came_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int came_ = 0;
};

// Kept for ever: nobody waits for a late call, which may come here when its test is over.
std::deque<Gate>& gates() {
  static auto& all = *new std::deque<Gate>;
  return all;
}
Gate& new_gate() { return gates().emplace_back(); }

template <typename Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 3000; ++i) {
    if (condition()) {
      return true;
    }
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

// Callers that a lost domain has refused. On a busy machine winbindd does not always answer within
// the quarter of a second that it has to say that it is there, and passes for down.
class Refused {
 public:
  void count(Errc code) {
    all_ += code == Errc::kNoAuthority || code == Errc::kAuthorityDown ? 1 : 0;
    lost_ += code == Errc::kNoAuthority ? 1 : 0;
  }
  void expect(int all) const {
    EXPECT_EQ(all_, all);
    EXPECT_GE(lost_, all / 2) << "winbindd itself answers";
  }

 private:
  std::atomic<int> all_{0}, lost_{0};
};

char* text(const char* literal) { return const_cast<char*>(literal); }

wbcDomainSid sid(std::uint32_t rid) { return {1, 5, {0, 0, 0, 0, 0, 5}, {21, 1, 2, 3, rid}}; }

class Winbind : public ::testing::Test {
 protected:
  static WbclientDouble& wbc() {
    static WbclientDouble* const loaded = [] {
      void* library = ::dlopen(NTLM_WBCLIENT_DOUBLE, RTLD_NOW | RTLD_LOCAL);
      return reinterpret_cast<WbclientDouble* (*)()>(::dlsym(library, "wbclient_double"))();
    }();
    return *loaded;
  }

  void SetUp() override {
    wbc().ping = [] { return WBC_ERR_SUCCESS; };
    wbc().interface_details = [](auto** out) {
      *out = wbc().make<struct wbcInterfaceDetails>();
      (*out)->netbios_name = text("MEM1");
      (*out)->netbios_domain = text("LAB");
      (*out)->dns_domain = text("lab.example");
      return WBC_ERR_SUCCESS;
    };
    wbc().authenticate = [](const auto&, auto** info, auto**) {
      *info = account();
      return WBC_ERR_SUCCESS;
    };
    wbc().lookup_sids = [](const auto*, int, auto**, auto**) { return WBC_ERR_DOMAIN_NOT_FOUND; };
    wbc().most_running = 0;
  }
  void TearDown() override {
    for (Gate& gate : gates()) {
      gate.open();
    }
    EXPECT_TRUE(soon([] { return wbc().inside == 0 && wbc().memory == 0; }))
        << wbc().inside << " calls, " << wbc().memory << " pieces of memory";
    EXPECT_EQ(wbc().shared_contexts, 0);
    EXPECT_EQ(wbc().keys_left, 0);
  }

  static wbcAuthUserInfo* account() {
    auto* info = wbc().make<wbcAuthUserInfo>();
    info->account_name = text("alice");
    info->domain_name = text("LAB");
    std::fill(info->user_session_key, std::end(info->user_session_key), std::uint8_t{0x5a});
    return info;
  }
  static void answer_status(std::uint32_t status, std::uint8_t authoritative = 1) {
    wbc().authenticate = [=](const auto&, auto**, auto** error) {
      *error = wbc().make<wbcAuthErrorInfo>();
      (*error)->nt_status = status;
      (*error)->authoritative = authoritative;
      return WBC_ERR_AUTH_ERROR;
    };
  }
  // Domains whose name begins so do not answer until the gate is opened.
  static void lose_those_called(std::string_view name, Gate& gate) {
    wbc().authenticate = [name, &gate](const wbcAuthUserParams& params, auto** info, auto**) {
      if (std::string_view(params.domain_name).starts_with(name)) {
        gate.pass();
      }
      *info = account();
      return WBC_ERR_SUCCESS;
    };
  }
  static void answer(wbcErr outcome) {
    wbc().authenticate = [=](const auto&, auto**, auto**) { return outcome; };
  }

  // The double under a path by which nobody has asked it yet, so that it has no thread and no
  // domain is remembered.
  static std::string unused_library() {
    static std::string path = NTLM_WBCLIENT_DOUBLE;
    return path.insert(0, "/.");
  }

  static Result<LogonResult> log_in_by(const WinbindVerifier& verifier, const std::string& domain) {
    return verifier.verify(LogonAttempt({"alice", domain}, "password", kNames).request());
  }
  Result<LogonResult> log_in(const char* domain = "LAB") const {
    return log_in_by(verifier_, domain);
  }
  Errc error(const char* domain = "LAB") const {
    const auto result = log_in(domain);
    return result ? Errc{} : result.error().code;
  }

  static std::vector<std::string> groups_of(const Result<LogonResult>& result) {
    std::vector<std::string> groups;
    if (result) {
      for (const auto& [name, value] : *result->principal.attributes) {
        if (name == GSS_NTLM_ATTR_GROUP) {
          groups.push_back(value);
        }
      }
    }
    return groups;
  }

  const WinbindSettings settings_{"", kDeadline, NTLM_WBCLIENT_DOUBLE};
  const WinbindVerifier verifier_{settings_};
};

TEST_F(Winbind, YesIsTheAccountAsTheDomainSpellsIt) {
  const auto result = log_in("lab");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->principal.account.user, "alice");
  EXPECT_EQ(result->principal.account.domain, "LAB");
  for (const std::uint8_t byte : result->session_base_key.expose()) {
    EXPECT_EQ(byte, 0x5a);
  }
}

TEST_F(Winbind, AsksWithTheResponseAndNeverWithLm) {
  LogonAttempt attempt({"alice", "lab"}, "password", kNames);
  const auto request = attempt.request();
  wbc().authenticate = [&](const wbcAuthUserParams& params, auto** info, auto**) {
    EXPECT_STREQ(params.account_name, "alice");
    EXPECT_STREQ(params.domain_name, "lab");
    EXPECT_STREQ(params.workstation_name, "CLIENT");
    EXPECT_EQ(params.level, wbcAuthUserParams::WBC_AUTH_USER_LEVEL_RESPONSE);
    const auto& response = params.password.response;
    EXPECT_TRUE(std::equal(response.challenge, std::end(response.challenge),
                           request.server_challenge.begin()));
    EXPECT_TRUE(std::equal(response.nt_data, response.nt_data + response.nt_length,
                           request.nt_response.begin(), request.nt_response.end()));
    EXPECT_EQ(response.lm_length, 0U);
    *info = account();
    return WBC_ERR_SUCCESS;
  };
  EXPECT_TRUE(verifier_.verify(request));
}

TEST_F(Winbind, NtlmV1WithoutPolicyIsNotAsked) {
  wbc().authenticate = [](const auto&, auto**, auto**) {
    ADD_FAILURE() << "winbindd was asked";
    return WBC_ERR_AUTH_ERROR;
  };
  for (const NtlmVersion version : {NtlmVersion::kV1, NtlmVersion::kV1Session}) {
    LogonAttempt attempt({"alice", "LAB"}, "password", kNames);
    attempt.respond(version);
    EXPECT_EQ(verifier_.verify(attempt.request()).error().code, Errc::kVersionRefused);
  }
}

TEST_F(Winbind, NtlmV1ByPolicyAnswersTheChallengeAndSessionSecurityBothDigested) {
  LogonAttempt attempt({"alice", "LAB"}, "password", kNames);
  attempt.policy.accept_v1 = true;
  std::array<std::uint8_t, 8> asked{};
  wbc().authenticate = [&](const wbcAuthUserParams& params, auto** info, auto**) {
    std::copy_n(params.password.response.challenge, asked.size(), asked.begin());
    EXPECT_EQ(params.password.response.nt_length, 24U);
    *info = account();
    return WBC_ERR_SUCCESS;
  };
  attempt.respond(NtlmVersion::kV1);
  EXPECT_TRUE(verifier_.verify(attempt.request()));
  EXPECT_EQ(asked, attempt.server_challenge);
  attempt.respond(NtlmVersion::kV1Session);
  EXPECT_TRUE(verifier_.verify(attempt.request()));
  // MD5(server challenge || client challenge)[0..7], computed with md5sum.
  EXPECT_EQ(asked, (std::array<std::uint8_t, 8>{0x3b, 0xa5, 0x7e, 0x72, 0xfb, 0x04, 0x8b, 0x1d}));
}

TEST_F(Winbind, EachStatusHasItsError) {
  const std::pair<std::uint32_t, Errc> rows[] = {
      {0xC000006A, Errc::kLogonDenied},        {0xC0000064, Errc::kLogonDenied},
      {0xC000006D, Errc::kLogonDenied},        {0xC000006E, Errc::kAccountRestriction},
      {0xC000006F, Errc::kLogonHours},         {0xC0000070, Errc::kWorkstation},
      {0xC0000071, Errc::kPasswordExpired},    {0xC0000072, Errc::kAccountDisabled},
      {0xC0000193, Errc::kAccountExpired},     {0xC0000224, Errc::kPasswordMustChange},
      {0xC0000234, Errc::kAccountLocked},      {0xC0000198, Errc::kTrustAccount},
      {0xC0000199, Errc::kTrustAccount},       {0xC000019A, Errc::kTrustAccount},
      {0xC00002FA, Errc::kSmartcardRequired},  {0xC000015B, Errc::kLogonType},
      {0xC0000413, Errc::kAccountRestriction}, {0xC0000418, Errc::kAccountRestriction},
      {0xC000005E, Errc::kNoAuthority},        {0xC0000233, Errc::kNoAuthority},
      {0xC00000B5, Errc::kNoAuthority},        {0xC00000C4, Errc::kNoAuthority},
      {0xC000020C, Errc::kNoAuthority},        {0xC000020D, Errc::kNoAuthority},
      {0xC0000236, Errc::kNoAuthority},        {0xC000023C, Errc::kNoAuthority},
      {0xC000023D, Errc::kNoAuthority},        {0xC00000BE, Errc::kNoAuthority},
      {0xC00000DF, Errc::kAuthorityTrust},     {0xC0000022, Errc::kAuthorityTrust},
      {0xC000018A, Errc::kAuthorityTrust},     {0xC000018B, Errc::kAuthorityTrust},
      {0xC000018C, Errc::kAuthorityTrust},     {0xC000018D, Errc::kAuthorityTrust},
      {0xC0000190, Errc::kAuthorityTrust},     {0xC0000017, Errc::kNoMemory},
      {0xC000009A, Errc::kNoMemory},
  };
  for (const auto& [status, code] : rows) {
    answer_status(status);
    EXPECT_EQ(error(), code) << std::hex << status;
  }
}

TEST_F(Winbind, StatusOutsideTheTableIsRefusedAndTold) {
  answer_status(0xC0001234);
  EXPECT_EQ(error(), Errc::kLogonDenied);
  EXPECT_NE(last_store_fault().find("0xC0001234"), std::string::npos) << last_store_fault();
}

TEST_F(Winbind, UserOfADomainThatNobodyKnowsIsForTheNextStore) {
  answer_status(0xC0000064, 0);
  EXPECT_EQ(error("ELSEWHERE"), Errc::kUnknownAccount);
}

// A name with an @ is asked of the store's domain, which may find it in another one.
TEST_F(Winbind, StoreOfOneDomainHasNoAccountOfAnother) {
  const auto answer_account = [](const char* nb_domain, const char* dns_domain) {
    wbc().authenticate = [=](const auto&, auto** info, auto**) {
      *info = account();
      (*info)->domain_name = text(nb_domain);
      (*info)->dns_domain_name = text(dns_domain);
      return WBC_ERR_SUCCESS;
    };
  };
  const auto outcome = [](const char* store, const AccountName& name) {
    const WinbindVerifier one({store, kDeadline, NTLM_WBCLIENT_DOUBLE});
    const auto result = one.verify(LogonAttempt(name, "password", kNames).request());
    return result ? Errc{} : result.error().code;
  };
  answer_account("CHILD", "child.lab.example");
  for (const char* store : {"LAB", "lab.example"}) {
    EXPECT_EQ(outcome(store, {"alice@lab.example", ""}), Errc::kUnknownAccount) << store;
    EXPECT_EQ(outcome(store, {"alice@lab.example", "lab"}), Errc::kUnknownAccount) << store;
  }
  for (const char* store : {"", "CHILD"}) {
    EXPECT_EQ(outcome(store, {"alice", "child"}), Errc{}) << store;
  }
  EXPECT_EQ(outcome("child.lab.example", {"alice", "child.lab.example"}), Errc{});
  for (const char* dns_domain : {"lab.example", static_cast<const char*>(nullptr)}) {
    answer_account("LAB", dns_domain);
    for (const char* store : {"", "LAB", "lab.example"}) {
      EXPECT_EQ(outcome(store, {"alice@lab.example", ""}), Errc{}) << store;
      EXPECT_EQ(outcome(store, {"alice", "LAB"}), Errc{}) << store;
    }
  }
}

TEST_F(Winbind, AccountOfThisHostIsNotAsked) {
  wbc().authenticate = [](const auto&, auto**, auto**) {
    ADD_FAILURE() << "winbindd was asked";
    return WBC_ERR_AUTH_ERROR;
  };
  EXPECT_EQ(error("mem1"), Errc::kUnknownAccount);
  EXPECT_EQ(error("mem1.lab.example"), Errc::kUnknownAccount);
  EXPECT_EQ(error("."), Errc::kUnknownAccount);
  HostNames other = kNames;
  other.dns_computer = "www.example";  // configured: winbindd does not know it
  const auto result =
      verifier_.verify(LogonAttempt({"alice", "WWW.example"}, "password", other).request());
  EXPECT_EQ(result.error().code, Errc::kUnknownAccount);
}

TEST_F(Winbind, AccountOfThisHostDoesNotWaitForAFrozenWinbindd) {
  Gate& gate = new_gate();
  wbc().interface_details = [&](auto**) {
    gate.pass();
    return WBC_ERR_WINBIND_NOT_AVAILABLE;
  };
  const WinbindVerifier fresh(settings_);
  for (const char* domain : {"mem1", "mem1.lab.example", "."}) {
    const auto result = fresh.verify(LogonAttempt({"alice", domain}, "password", kNames).request());
    EXPECT_EQ(result.error().code, Errc::kUnknownAccount) << domain;
  }
  gate.open();
}

TEST_F(Winbind, YesWithoutKeyNameOrAccountIsANo) {
  wbc().authenticate = [](const auto&, auto**, auto**) { return WBC_ERR_SUCCESS; };
  EXPECT_EQ(error(), Errc::kAuthorityDown);
  wbc().authenticate = [](const auto&, auto** info, auto**) {
    *info = account();
    std::fill((*info)->user_session_key, std::end((*info)->user_session_key), std::uint8_t{0});
    return WBC_ERR_SUCCESS;
  };
  EXPECT_EQ(error(), Errc::kAuthorityDown);
  wbc().authenticate = [](const auto&, auto** info, auto**) {
    *info = account();
    (*info)->account_name = nullptr;
    return WBC_ERR_SUCCESS;
  };
  EXPECT_EQ(error(), Errc::kAuthorityDown);
}

TEST_F(Winbind, GuestInsteadOfTheAccountIsRefused) {
  wbc().authenticate = [](const auto&, auto** info, auto**) {
    *info = account();
    (*info)->user_flags = WBC_AUTH_USER_INFO_GUEST;
    return WBC_ERR_SUCCESS;
  };
  EXPECT_EQ(error(), Errc::kLogonDenied);
}

TEST_F(Winbind, NoAccessToThePrivilegedPipeIsNotWinbinddDown) {
  answer(WBC_ERR_WINBIND_NOT_AVAILABLE);
  // Soon, since winbindd passes for down when a busy machine lets it answer late.
  EXPECT_TRUE(soon([&] { return error() == Errc::kAuthorityAccess; }));
  EXPECT_NE(last_store_fault().find("winbindd_priv"), std::string::npos);
  wbc().ping = [] { return WBC_ERR_WINBIND_NOT_AVAILABLE; };
  EXPECT_EQ(error(), Errc::kAuthorityDown);
}

TEST_F(Winbind, WinbinddGivingUpOnTheDomainControllerIsNoAuthority) {
  const WinbindVerifier patient({"", std::chrono::seconds(5), NTLM_WBCLIENT_DOUBLE});
  wbc().authenticate = [](const auto&, auto**, auto**) {
    std::this_thread::sleep_for(milliseconds(1100));
    return WBC_ERR_WINBIND_NOT_AVAILABLE;
  };
  EXPECT_TRUE(soon([&] {
    const auto result =
        patient.verify(LogonAttempt({"alice", "LAB"}, "password", kNames).request());
    return result.error().code == Errc::kNoAuthority;
  }));
}

TEST_F(Winbind, WinbinddThatWasJustRestartedIsAskedAgain) {
  std::atomic<int> calls{0};
  wbc().authenticate = [&](const auto&, auto** info, auto**) {
    if (++calls == 1) {
      return WBC_ERR_WINBIND_NOT_AVAILABLE;
    }
    *info = account();
    return WBC_ERR_SUCCESS;
  };
  EXPECT_TRUE(soon([&] {
    calls = 0;
    return log_in() && calls == 2;
  }));
}

TEST_F(Winbind, OtherFailuresOfTheLibraryAreItsOwn) {
  answer(WBC_ERR_NO_MEMORY);
  EXPECT_EQ(error(), Errc::kNoMemory);
  for (const wbcErr outcome :
       {WBC_ERR_NOT_IMPLEMENTED, WBC_ERR_INVALID_RESPONSE, WBC_ERR_UNKNOWN_FAILURE}) {
    answer(outcome);
    EXPECT_EQ(error(), Errc::kAuthorityDown) << outcome;
  }
}

TEST_F(Winbind, LibraryThatIsNotThereOrTooOld) {
  const LogonAttempt attempt({"alice", "LAB"}, "password", kNames);
  for (const char* library : {"libwbclient-of-nobody.so.0", "libm.so.6"}) {
    const WinbindVerifier without({"", kDeadline, library});
    EXPECT_EQ(without.host_names(), nullptr);
    EXPECT_EQ(without.verify(attempt.request()).error().code, Errc::kAuthorityDown);
    EXPECT_NE(last_store_fault().find(library), std::string::npos) << last_store_fault();
  }
}

TEST_F(Winbind, NamesAreAskedOnceAndAgainWhileThereAreNone) {
  std::atomic<int> calls{0};
  const auto details = wbc().interface_details;
  wbc().interface_details = [&](auto** out) {
    return ++calls == 1 ? WBC_ERR_WINBIND_NOT_AVAILABLE : details(out);
  };
  EXPECT_EQ(verifier_.host_names(), nullptr);
  const HostNames* names = verifier_.host_names();
  ASSERT_NE(names, nullptr);
  EXPECT_EQ(names->dns_computer, "mem1.lab.example");
  EXPECT_EQ(verifier_.host_names(), names);
  EXPECT_EQ(calls, 2);
}

TEST_F(Winbind, ChallengeWithOtherNamesIsNotAWrongPassword) {
  HostNames other = kNames;
  other.nb_computer = "WEB";
  const auto result = verifier_.verify(LogonAttempt({"alice", "LAB"}, "password", other).request());
  EXPECT_EQ(result.error().code, Errc::kAuthorityDown);
  EXPECT_NE(last_store_fault().find("CHALLENGE"), std::string::npos);
}

TEST_F(Winbind, EachGroupOnceAndItsNameAskedOnce) {
  std::atomic<int> lookups{0};
  wbc().authenticate = [](const auto&, auto** info, auto**) {
    static wbcSidWithAttr sids[] = {{sid(1001), 0}, {sid(513), 0}, {sid(513), 7}, {sid(1200), 7}};
    *info = account();
    (*info)->num_sids = 4;
    (*info)->sids = sids;
    return WBC_ERR_SUCCESS;
  };
  wbc().lookup_sids = [&](const wbcDomainSid* sids, int count, auto** domains, auto** names) {
    ++lookups;
    EXPECT_EQ(count, 2);
    EXPECT_EQ(sids[0].sub_auths[4], 513U);
    *domains = wbc().make<struct wbcDomainInfo>(2);
    (*domains)->short_name = text("LAB");
    *names = wbc().make<wbcTranslatedName>(2);
    (*names)[0] = {WBC_SID_NAME_DOM_GRP, text("Domain Users"), 0};
    (*names)[1] = {WBC_SID_NAME_UNKNOWN, text("?"), 5};
    return WBC_ERR_SUCCESS;
  };
  const protocol::Attributes expected = {{GSS_NTLM_ATTR_ACCOUNT_FLAGS, "0x00000000"},
                                         {GSS_NTLM_ATTR_SID, "S-1-5-21-1-2-3-1001"},
                                         {GSS_NTLM_ATTR_GROUP_SID, "S-1-5-21-1-2-3-513"},
                                         {GSS_NTLM_ATTR_GROUP_SID, "S-1-5-21-1-2-3-1200"},
                                         {GSS_NTLM_ATTR_GROUP, "LAB\\Domain Users"}};
  for (int i = 0; i < 2; ++i) {
    const auto result = log_in();
    ASSERT_TRUE(result);
    EXPECT_EQ(*result->principal.attributes, expected);
  }
  EXPECT_EQ(lookups, 1);
}

// winbindd knows no group of a domain that does not answer.
TEST_F(Winbind, GroupThatNobodyKnewIsAskedAgainSoonButNotAtOnce) {
  std::atomic<int> lookups{0};
  std::atomic<bool> back{false};
  wbc().authenticate = [](const auto&, auto** info, auto**) {
    static wbcSidWithAttr sids[] = {{sid(1001), 0}, {sid(513), 0}};
    *info = account();
    (*info)->num_sids = 2;
    (*info)->sids = sids;
    return WBC_ERR_SUCCESS;
  };
  wbc().lookup_sids = [&](const auto*, int, auto** domains, auto** names) {
    ++lookups;
    *domains = wbc().make<struct wbcDomainInfo>(2);
    (*domains)->short_name = text("LAB");
    *names = wbc().make<wbcTranslatedName>();
    (*names)[0] = {back ? WBC_SID_NAME_DOM_GRP : WBC_SID_NAME_UNKNOWN, text("Staff"), 0};
    return WBC_ERR_SUCCESS;
  };
  const auto began = steady_clock::now();
  std::vector<std::string> groups;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(groups_of(log_in()), groups);
  }
  // One in three seconds, on a machine of any speed.
  EXPECT_LE(lookups, 1 + (steady_clock::now() - began) / std::chrono::seconds(3));
  back = true;
  EXPECT_TRUE(soon([&] { return !(groups = groups_of(log_in())).empty(); }));
  EXPECT_EQ(groups, std::vector<std::string>{"LAB\\Staff"});
}

TEST_F(Winbind, WhatTheDomainTellsHasItsPublicName) {
  wbc().authenticate = [](const auto&, auto** info, auto**) {
    *info = account();
    (*info)->user_principal = text("alice@lab.example");
    (*info)->dns_domain_name = text("lab.example");
    (*info)->full_name = text("Alice Example");
    (*info)->logon_server = text("DC1");
    (*info)->acct_flags = WBC_ACB_NORMAL | WBC_ACB_PWNOEXP;
    (*info)->pass_must_change_time = 1'800'000'000;
    return WBC_ERR_SUCCESS;
  };
  const protocol::Attributes expected = {
      {GSS_NTLM_ATTR_UPN, "alice@lab.example"},   {GSS_NTLM_ATTR_DNS_DOMAIN, "lab.example"},
      {GSS_NTLM_ATTR_FULL_NAME, "Alice Example"}, {GSS_NTLM_ATTR_ACCOUNT_FLAGS, "0x00000210"},
      {GSS_NTLM_ATTR_LOGON_SERVER, "DC1"},        {GSS_NTLM_ATTR_PASSWORD_EXPIRES, "1800000000"}};
  const auto result = log_in();
  ASSERT_TRUE(result);
  EXPECT_EQ(*result->principal.attributes, expected);
}

TEST_F(Winbind, FrozenWinbinddIsDownAtTheDeadline) {
  ASSERT_TRUE(log_in());
  Gate& gate = new_gate();
  wbc().authenticate = [&](const auto&, auto** info, auto**) {
    gate.pass();
    *info = account();
    return WBC_ERR_SUCCESS;
  };
  wbc().ping = [&] {
    gate.pass();
    return WBC_ERR_SUCCESS;
  };
  const auto began = steady_clock::now();
  EXPECT_EQ(error(), Errc::kAuthorityDown);
  EXPECT_GE(steady_clock::now() - began, kDeadline);
  EXPECT_LT(steady_clock::now() - began, kLatest);
  EXPECT_TRUE(soon([&] { return gate.came() >= 2; })) << "the question, and whether it is there";
  gate.open();
  EXPECT_TRUE(soon([] { return wbc().inside == 0; }));
  EXPECT_TRUE(log_in());
}

TEST_F(Winbind, LostDomainControllerIsNoAuthorityAndOtherDomainsGoOn) {
  ASSERT_TRUE(log_in());
  Gate& gate = new_gate();
  wbc().authenticate = [&](const wbcAuthUserParams& params, auto** info, auto**) {
    if (std::string_view(params.domain_name) == "LAB") {
      gate.pass();
    }
    *info = account();
    return WBC_ERR_SUCCESS;
  };
  std::vector<std::thread> waiting;
  Refused refused;
  const auto began = steady_clock::now();
  for (int i = 0; i < 40; ++i) {
    waiting.emplace_back([&] { refused.count(error()); });
  }
  EXPECT_TRUE(soon([] { return wbc().running >= 16; }));
  EXPECT_TRUE(log_in("TRUSTED"));
  for (std::thread& thread : waiting) {
    thread.join();
  }
  EXPECT_LT(steady_clock::now() - began, kLatest);
  refused.expect(40);
  EXPECT_LE(wbc().most_running, 17);
  EXPECT_TRUE(log_in("TRUSTED"));
  EXPECT_FALSE(log_in());
  gate.open();
  EXPECT_TRUE(soon([] { return wbc().running == 0; }));
  EXPECT_TRUE(log_in());
}

// A peer chooses the names, and each late call keeps its thread.
TEST_F(Winbind, ManyLostDomainsHoldNeitherTheOwnOneNorOneThatHasAnswered) {
  ASSERT_TRUE(log_in("TRUSTED"));
  Gate& gate = new_gate();
  lose_those_called("LOST", gate);
  for (int round = 0; round < 3; ++round) {
    std::vector<std::thread> waiting;
    std::atomic<int> asking{0};
    Refused refused;
    for (int i = 0; i < 80; ++i) {
      const std::string domain = "LOST" + std::to_string(round) + std::to_string(i % 16);
      waiting.emplace_back([this, domain, &asking, &refused] {
        ++asking;
        refused.count(error(domain.c_str()));
      });
    }
    EXPECT_TRUE(soon([&] { return asking == 80 && wbc().running >= 16; }));
    for (const char* domain : {"LAB", "TRUSTED", ""}) {
      EXPECT_TRUE(log_in(domain)) << domain;
    }
    for (std::thread& thread : waiting) {
      thread.join();
    }
    refused.expect(80);
  }
  gate.open();
}

// Names that end with @ and a domain are asked of that domain.
TEST_F(Winbind, LostDomainBehindAnAtHoldsNotTheOwnOne) {
  Gate& gate = new_gate();
  wbc().authenticate = [&](const wbcAuthUserParams& params, auto** info, auto**) {
    if (std::string_view(params.account_name).ends_with("@gone.example")) {
      gate.pass();
    }
    *info = account();
    return WBC_ERR_SUCCESS;
  };
  std::vector<std::thread> waiting;
  Refused refused;
  for (int i = 0; i < 20; ++i) {
    waiting.emplace_back([&] {
      const LogonAttempt attempt({"alice@gone.example", ""}, "password", kNames);
      const auto result = verifier_.verify(attempt.request());
      refused.count(result ? Errc{} : result.error().code);
    });
  }
  EXPECT_TRUE(soon([] { return wbc().running >= 4; })) << "as many as one stranger may have";
  for (const char* user : {"alice", "alice@lab.example", "alice@LAB"}) {
    EXPECT_TRUE(verifier_.verify(LogonAttempt({user, ""}, "password", kNames).request())) << user;
  }
  for (std::thread& thread : waiting) {
    thread.join();
  }
  refused.expect(20);
  gate.open();
}

// One that was late is asked by one caller at a time; after many others, it is as any new one.
TEST_F(Winbind, LateDomainsAreNotRememberedForEver) {
  std::map<std::string, Gate*> gate_of{{"FIRST", &new_gate()}};
  for (int i = 0; i < 100; ++i) {
    gate_of["LATE" + std::to_string(i)] = &new_gate();
  }
  wbc().authenticate = [&](const wbcAuthUserParams& params, auto** info, auto**) {
    gate_of.at(params.domain_name)->pass();
    *info = account();
    return WBC_ERR_SUCCESS;
  };
  const WinbindVerifier hasty({"", milliseconds(20), NTLM_WBCLIENT_DOUBLE});
  const auto be_late = [&](const std::string& domain) {
    const LogonAttempt attempt({"alice", domain}, "password", kNames);
    EXPECT_FALSE(hasty.verify(attempt.request())) << domain;
    Gate& gate = *gate_of.at(domain);
    EXPECT_TRUE(soon([&] { return gate.came() > 0; })) << domain;
    gate.open();
  };
  ASSERT_TRUE(soon([&] { return hasty.host_names() != nullptr; }));
  be_late("FIRST");
  std::atomic<int> next{0};
  std::vector<std::thread> many;
  for (int i = 0; i < 8; ++i) {
    many.emplace_back([&] {
      for (int n = next++; n < 100; n = next++) {
        be_late("LATE" + std::to_string(n));
      }
    });
  }
  for (std::thread& thread : many) {
    thread.join();
  }
  ASSERT_TRUE(soon([] { return wbc().running == 0; }));

  // Until both are there, or one has been refused.
  const WinbindVerifier patient({"", std::chrono::seconds(10), NTLM_WBCLIENT_DOUBLE});
  const auto at_once = [&patient](const char* domain) {
    Gate& gate = new_gate();
    lose_those_called(domain, gate);
    wbc().most_running = 0;
    std::atomic<int> answered{0};
    const auto ask = [&] {
      (void)patient.verify(LogonAttempt({"alice", domain}, "password", kNames).request());
      ++answered;
    };
    std::thread one(ask), two(ask);
    EXPECT_TRUE(soon([&] { return wbc().running + answered == 2; }));
    gate.open();
    one.join();
    two.join();
    return wbc().most_running.load();
  };
  EXPECT_EQ(at_once("LATE99"), 1);
  EXPECT_EQ(at_once("FIRST"), 2);
}

// Those that are being asked, as many as a peer likes, are not among those that are remembered.
TEST_F(Winbind, DomainThatHasAnsweredIsRememberedWhileManyAreAsked) {
  const std::string library = unused_library();
  const WinbindVerifier verifier({"", kDeadline, library.c_str()});
  const WinbindVerifier patient({"", std::chrono::seconds(30), library.c_str()});
  ASSERT_TRUE(log_in_by(verifier, "TRUSTED"));
  Gate& gate = new_gate();
  lose_those_called("LOST", gate);
  std::vector<std::thread> waiting;
  std::atomic<int> asking{0};
  for (int i = 0; i < 100; ++i) {
    waiting.emplace_back([&, i] {
      ++asking;
      (void)log_in_by(patient, "LOST" + std::to_string(i));
    });
  }
  // All that strangers may have; the others wait.
  EXPECT_TRUE(soon([&] { return asking == 100 && wbc().running == 32; }));
  EXPECT_TRUE(log_in_by(verifier, "LAB")) << "which looks, when it leaves, whom to forget";
  EXPECT_TRUE(log_in_by(verifier, "TRUSTED"));
  gate.open();
  for (std::thread& thread : waiting) {
    thread.join();
  }
}

// One thread serves both logons, the first without a context.
TEST_F(Winbind, ContextThatCouldNotBeMadeIsTriedAgain) {
  const std::string library = unused_library();
  const WinbindVerifier verifier({"", kDeadline, library.c_str()});
  wbc().refused_contexts = 1;
  EXPECT_FALSE(log_in_by(verifier, "LAB"));
  EXPECT_EQ(wbc().refused_contexts, 0);
  EXPECT_TRUE(log_in_by(verifier, "LAB"));
}

// Names of groups are asked apart from logons, under a name that no peer can claim.
TEST_F(Winbind, DomainCalledLikeTheLookUpOfGroupsHoldsNoneUp) {
  const std::string library = unused_library();
  const WinbindVerifier verifier({"", kDeadline, library.c_str()});
  static wbcSidWithAttr sids[] = {{sid(1001), 0}, {sid(513), 0}};
  Gate& gate = new_gate();
  wbc().authenticate = [&](const wbcAuthUserParams& params, auto** info, auto**) {
    if (std::string_view(params.domain_name) == "LAB names") {
      gate.pass();
    }
    *info = account();
    (*info)->num_sids = 2;
    (*info)->sids = sids;
    return WBC_ERR_SUCCESS;
  };
  wbc().lookup_sids = [](const auto*, int, auto** domains, auto** names) {
    *domains = wbc().make<struct wbcDomainInfo>(2);
    (*domains)->short_name = text("LAB");
    *names = wbc().make<wbcTranslatedName>();
    (*names)[0] = {WBC_SID_NAME_DOM_GRP, text("Domain Users"), 0};
    return WBC_ERR_SUCCESS;
  };
  EXPECT_FALSE(log_in_by(verifier, "LAB names")) << "it is late, and asked by one at a time";
  const WinbindVerifier patient({"", std::chrono::seconds(30), library.c_str()});
  std::thread one([&] { (void)log_in_by(patient, "LAB names"); });
  EXPECT_TRUE(soon([] { return wbc().running == 2; }));
  EXPECT_EQ(groups_of(log_in_by(patient, "LAB")), std::vector<std::string>{"LAB\\Domain Users"});
  gate.open();
  one.join();
}

TEST_F(Winbind, ThreadsAtOnceShareNoContext) {
  const WinbindVerifier patient({"", std::chrono::seconds(10), NTLM_WBCLIENT_DOUBLE});
  std::vector<std::thread> threads;
  std::atomic<int> yes{0};
  for (int i = 0; i < 24; ++i) {
    threads.emplace_back([&] {
      const LogonAttempt attempt({"alice", "LAB"}, "password", kNames);
      for (int k = 0; k < 50; ++k) {
        yes += patient.verify(attempt.request()) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(yes, 24 * 50);
  EXPECT_LE(wbc().most_running, 16);
}

TEST_F(Winbind, ChildOfForkAsksWithThreadsOfItsOwn) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers' allocators may be locked for ever in a child of fork()";
#endif
  Gate& gate = new_gate();
  ASSERT_TRUE(log_in());
  const pid_t parent = ::getpid();
  wbc().authenticate = [&](const auto&, auto** info, auto**) {
    if (::getpid() == parent) {
      gate.pass();
    }
    *info = account();
    return WBC_ERR_SUCCESS;
  };
  std::thread stuck([&] { (void)log_in(); });
  EXPECT_TRUE(soon([] { return wbc().running == 1; }));
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    ::_exit(log_in() && log_in() ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  gate.open();
  stuck.join();
  EXPECT_TRUE(log_in());
}

// As SSPI's impersonation changes the ids and groups of the calling thread alone.
bool impersonate(uid_t id, gid_t group) {
  const bool grouped = ::syscall(SYS_setgroups, 1, &group) == 0;
  ::setfsgid(id);
  ::setfsuid(id);
  return grouped;
}

std::vector<gid_t> groups_of_thread() {
  std::vector<gid_t> groups(static_cast<std::size_t>(::getgroups(0, nullptr)));
  EXPECT_EQ(::getgroups(static_cast<int>(groups.size()), groups.data()), std::ssize(groups));
  return groups;
}

TEST_F(Winbind, AThreadThatAnImpersonatorMakesIsTheProcess) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers' allocators may be locked for ever in a child of fork()";
#endif
  if (::geteuid() != 0) {
    GTEST_SKIP() << "root alone can impersonate";
  }
  const std::vector<gid_t> own = groups_of_thread();
  const pid_t child = ::fork();  // which has no threads yet
  if (child == 0) {
    ::alarm(60);
    constexpr unsigned kSomebody = 65534, kHisGroup = 4242, kAsk = static_cast<unsigned>(-1);
    std::atomic<bool> same{false};
    wbc().authenticate = [&](const auto&, auto** info, auto**) {
      same = groups_of_thread() == own && ::setfsuid(kAsk) == 0 && ::setfsgid(kAsk) == 0;
      *info = account();
      return WBC_ERR_SUCCESS;
    };
    const bool asked = impersonate(kSomebody, kHisGroup) && log_in();
    ::_exit(asked && same && groups_of_thread() == std::vector<gid_t>{kHisGroup} ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

// What winbindd keeps for one user, and what it makes of it.
class WinbindCredentialCache : public Winbind {
 protected:
  void SetUp() override {
    Winbind::SetUp();
    wbc().getpwuid = [](uid_t, auto**) { return WBC_ERR_UNKNOWN_USER; };
    wbc().credential_cache = [this](const wbcCredentialCacheParams& params, auto** info, auto**) {
      const bool kept = std::string_view(params.account_name) == "alice" &&
                        std::string_view(params.domain_name) == "LAB";
      if (!kept) {
        return WBC_ERR_DOMAIN_NOT_FOUND;
      }
      *info = wbc().make<wbcCredentialCacheInfo>();
      (*info)->num_blobs = 2;
      (*info)->blobs = blobs_;
      blobs_[0] = {"auth_blob", 0, {message_, params.num_blobs == 0 ? 0 : sizeof message_}};
      blobs_[1] = {"session_key", 0, {key_, key_size_}};
      std::fill(key_, std::end(key_), std::uint8_t{0x33});
      for (std::size_t i = 0; i < params.num_blobs; ++i) {
        const wbcNamedBlob& blob = params.blobs[i];
        asked_[blob.name].assign(blob.blob.data, blob.blob.data + blob.blob.length);
      }
      return WBC_ERR_SUCCESS;
    };
  }
  Result<std::shared_ptr<const protocol::Responder>> responder(const char* user,
                                                               const char* domain = "") const {
    return winbind_responder(settings_, {user, domain});
  }

  wbcNamedBlob blobs_[2];
  std::uint8_t message_[3] = {1, 2, 3};
  std::uint8_t key_[16];
  std::size_t key_size_ = 16;
  std::map<std::string, Bytes> asked_;
};

TEST_F(WinbindCredentialCache, AnswersWithWinbinddsMessageAndKeyAndWipesTheKey) {
  const auto alice = responder("alice");
  ASSERT_TRUE(alice);
  EXPECT_EQ((*alice)->account().domain, "LAB");
  EXPECT_TRUE((*alice)->answers_whole());
  const auto answer = (*alice)->answer(Bytes{7, 7}, Bytes{8, 8, 8});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->authenticate, (Bytes{1, 2, 3}));
  EXPECT_EQ(answer->key.expose()[15], 0x33);
  EXPECT_EQ(asked_["initial_blob"], (Bytes{7, 7}));
  EXPECT_EQ(asked_["challenge_blob"], (Bytes{8, 8, 8}));
  EXPECT_TRUE(std::all_of(key_, std::end(key_), [](std::uint8_t byte) { return byte == 0; }));
}

TEST_F(WinbindCredentialCache, WithoutANameItIsTheUserOfTheProcess) {
  EXPECT_EQ(responder("").error().code, Errc::kNoCredential);
  wbc().getpwuid = [](uid_t user, auto** entry) {
    EXPECT_EQ(user, ::geteuid());
    *entry = wbc().make<passwd>();
    (*entry)->pw_name = text("LAB/alice");
    return WBC_ERR_SUCCESS;
  };
  const auto details = wbc().interface_details;
  wbc().interface_details = [&](auto** out) {
    const wbcErr outcome = details(out);
    (*out)->winbind_separator = '/';
    return outcome;
  };
  const auto alice = responder("");
  ASSERT_TRUE(alice);
  EXPECT_EQ((*alice)->account().user, "alice");
  EXPECT_EQ((*alice)->account().domain, "LAB");
}

TEST_F(WinbindCredentialCache, NothingKeptIsNoCredential) {
  EXPECT_EQ(responder("bob").error().code, Errc::kNoCredential);
  EXPECT_EQ(responder("alice", "OTHER").error().code, Errc::kNoCredential);
  wbc().interface_details = [](auto**) { return WBC_ERR_WINBIND_NOT_AVAILABLE; };
  EXPECT_EQ(responder("alice").error().code, Errc::kNoCredential);
}

TEST_F(WinbindCredentialCache, AnswerWithoutMessageOrKeyIsNone) {
  const auto alice = responder("alice");
  ASSERT_TRUE(alice);
  key_size_ = 8;
  EXPECT_EQ((*alice)->answer(Bytes{7}, Bytes{8}).error().code, Errc::kNoCredential);
  wbc().credential_cache = [](const auto&, auto**, auto**) { return WBC_ERR_DOMAIN_NOT_FOUND; };
  EXPECT_EQ((*alice)->answer(Bytes{7}, Bytes{8}).error().code, Errc::kNoCredential);
}

}  // namespace
}  // namespace ntlm::store
