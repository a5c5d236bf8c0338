// SPDX-License-Identifier: MIT
#include "store/winbind_responder.h"

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "store/winbind_calls.h"
#include "store/winbind_interface.h"

namespace ntlm::store {
namespace {

using protocol::AccountName;
using protocol::Responder;
using Clock = WinbindCalls::Clock;

// One question to the credential cache, with everything that it works on.
struct CacheQuestion {
  explicit CacheQuestion(const Wbclient& wbc) : info(wbc), error(wbc) {}
  ~CacheQuestion() {
    if (wbcNamedBlob* key = find("session_key")) {
      wipe(key->blob.data, key->blob.length);
    }
  }
  CacheQuestion(const CacheQuestion&) = delete;
  CacheQuestion& operator=(const CacheQuestion&) = delete;

  void ask(const Wbclient& wbc, wbcContext* context) {
    std::array<wbcNamedBlob, 2> blobs{
        {{"initial_blob", 0, {negotiate.data(), negotiate.size()}},
         {"challenge_blob", 0, {challenge.data(), challenge.size()}}}};
    wbcCredentialCacheParams params{};
    params.account_name = account.user.c_str();
    params.domain_name = account.domain.c_str();
    params.level = wbcCredentialCacheParams::WBC_CREDENTIAL_CACHE_LEVEL_NTLMSSP;
    // Without messages it only says whether it has something.
    params.num_blobs = challenge.empty() ? 0 : blobs.size();
    params.blobs = blobs.data();
    outcome = wbc.credential_cache(context, &params, info.out(), error.out());
  }
  wbcNamedBlob* find(std::string_view name) const {
    for (std::size_t i = 0; info && i < info->num_blobs; ++i) {
      if (info->blobs[i].name != nullptr && info->blobs[i].name == name) {
        return &info->blobs[i];
      }
    }
    return nullptr;
  }

  AccountName account;
  Bytes negotiate, challenge;
  wbcErr outcome = WBC_ERR_NO_MEMORY;
  WbcMemory<wbcCredentialCacheInfo> info;
  WbcMemory<wbcAuthErrorInfo> error;
};

struct UserQuestion {
  explicit UserQuestion(const Wbclient& wbc) : entry(wbc) {}
  uid_t user = ::geteuid();
  wbcErr outcome = WBC_ERR_NO_MEMORY;
  WbcMemory<passwd> entry;
};

Result<std::shared_ptr<CacheQuestion>> ask_cache(WinbindCalls& calls, Clock::time_point deadline,
                                                 std::shared_ptr<CacheQuestion> question) {
  TRY_VOID(calls.run(kWinbindd, deadline, [question](const Wbclient& wbc, wbcContext* context) {
    question->ask(wbc, context);
    return true;
  }));
  if (question->outcome == WBC_ERR_NO_MEMORY) {
    return fail(Errc::kNoMemory, "winbind.credential cache");
  }
  if (question->outcome != WBC_ERR_SUCCESS || !question->info) {
    return fail(Errc::kNoCredential, "winbind.credential cache");
  }
  return question;
}

// The user of this process as winbindd names him, if he is one of its own.
Result<AccountName> account_of_process(WinbindCalls& calls, const WinbindInterface& names,
                                       Clock::time_point deadline) {
  const auto question = std::make_shared<UserQuestion>(calls.functions());
  TRY_VOID(calls.run(kWinbindd, deadline, [question](const Wbclient& wbc, wbcContext* context) {
    question->outcome = wbc.getpwuid(context, question->user, question->entry.out());
    return true;
  }));
  if (question->outcome != WBC_ERR_SUCCESS || !question->entry ||
      question->entry->pw_name == nullptr) {
    return fail(Errc::kNoCredential, "winbind.no account of its domain");
  }
  const std::string_view name = question->entry->pw_name;
  const std::size_t separator = name.find(names.separator);
  if (separator == std::string_view::npos) {
    return AccountName{std::string(name), names.nb_domain};
  }
  return AccountName{std::string(name.substr(separator + 1)),
                     std::string(name.substr(0, separator))};
}

class WinbindResponder final : public Responder {
 public:
  WinbindResponder(WinbindCalls& calls, std::chrono::milliseconds deadline, AccountName account)
      : calls_(calls), deadline_(deadline), account_(std::move(account)) {}

  const AccountName& account() const override { return account_; }
  bool answers_whole() const override { return true; }
  Result<protocol::ChallengeResponse> respond(const protocol::Challenge&) const override {
    return fail(Errc::kNoCredential, "winbind.credential cache");  // its secret stays with winbindd
  }

  // [MS-NLMP] 3.1.5.1.2, by winbindd.
  Result<WholeAnswer> answer(ByteView negotiate, ByteView challenge) const override {
    auto question = std::make_shared<CacheQuestion>(calls_.functions());
    question->account = account_;
    question->negotiate.assign(negotiate.begin(), negotiate.end());
    question->challenge.assign(challenge.begin(), challenge.end());
    TRY(question, ask_cache(calls_, Clock::now() + deadline_, question));
    const wbcNamedBlob* message = question->find("auth_blob");
    const wbcNamedBlob* key = question->find("session_key");
    if (message == nullptr || message->blob.length == 0 || key == nullptr ||
        key->blob.length != crypto::ExportedSessionKey::kSize) {
      return fail(Errc::kNoCredential, "winbind.credential cache");
    }
    return WholeAnswer{Bytes(message->blob.data, message->blob.data + message->blob.length),
                       crypto::ExportedSessionKey(std::span<const std::uint8_t, 16>(
                           key->blob.data, crypto::ExportedSessionKey::kSize))};
  }

 private:
  WinbindCalls& calls_;
  const std::chrono::milliseconds deadline_;
  const AccountName account_;
};

}  // namespace

Result<std::shared_ptr<const Responder>> winbind_responder(const WinbindSettings& settings,
                                                           const AccountName& wanted) {
  const auto deadline = Clock::now() + settings.deadline;
  const auto find = [&]() -> Result<std::shared_ptr<const Responder>> {
    TRY(WinbindCalls * calls, WinbindCalls::open(settings.library));
    TRY(const WinbindInterface names, ask_interface(*calls, deadline));
    auto question = std::make_shared<CacheQuestion>(calls->functions());
    question->account = wanted;
    if (wanted.user.empty()) {
      TRY(question->account, account_of_process(*calls, names, deadline));
    } else if (wanted.domain.empty()) {
      question->account.domain = names.nb_domain;
    }
    TRY(question, ask_cache(*calls, deadline, question));
    return std::make_shared<WinbindResponder>(*calls, settings.deadline, question->account);
  };
  auto found = find();
  if (!found && found.error().code != Errc::kNoMemory) {
    // Whoever asks for a default credential can do without one.
    return fail(Errc::kNoCredential, found.error().where);
  }
  return found;
}

}  // namespace ntlm::store
