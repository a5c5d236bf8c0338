// SPDX-License-Identifier: MIT
#include "store/open.h"

#include <algorithm>
#include <array>
#include <variant>

#include "store/database.h"
#include "store/faults.h"
#include "store/lockout.h"
#include "store/text_file.h"
#include "store/text_format.h"
#ifdef NTLM_WITH_WINBIND
#include "store/winbind_responder.h"
#endif

namespace ntlm::store {
namespace {

using protocol::Account;
using protocol::AccountName;
using protocol::AccountSource;
using protocol::HashResponder;
using protocol::LogonRequest;
using protocol::LogonResult;
using protocol::Responder;
using protocol::Verifier;

using Sentence = tl::unexpected<std::string>;

// A store that holds hashes is asked for the account, so that the chain makes one proof however
// many stores it has; the others are asked the whole question.
using Link = std::variant<std::shared_ptr<const AccountSource>, std::unique_ptr<const Verifier>>;
using Opened = tl::expected<Link, std::string>;

template <typename Source>
Opened open_file(std::string_view path, const StoreSettings&) {
  if (!path.starts_with('/')) {
    return Sentence("'" + std::string(path) + "' is not an absolute path");
  }
  return Link(std::make_shared<const Source>(std::string(path)));
}

#ifdef NTLM_WITH_WINBIND
Opened open_winbind(std::string_view domain, const StoreSettings& settings) {
  return Link(
      std::make_unique<WinbindVerifier>(WinbindSettings{std::string(domain), settings.deadline}));
}
#else
Opened open_winbind(std::string_view, const StoreSettings&) {
  return Sentence("winbind support is not built in");
}
#endif

// Every kind of store that a `store` line may name, and what makes one of what stands behind the
// colon.
struct Kind {
  std::string_view name;
  Opened (*open)(std::string_view argument, const StoreSettings& settings);
};
constexpr std::array kKinds = {
    Kind{"text", open_file<TextFile>},
    Kind{"lmdb", open_file<Database>},
    Kind{"winbind", open_winbind},
};

Opened open_link(std::string_view spec, const StoreSettings& settings) {
  const auto colon = spec.find(':');
  const std::string_view name = spec.substr(0, colon);
  const std::string_view argument = colon == std::string_view::npos ? "" : spec.substr(colon + 1);
  const auto kind =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& k) { return k.name == name; });
  if (kind == kKinds.end()) {
    return Sentence("no kind of store is called '" + std::string(name) +
                    "'; there are text, lmdb, winbind");
  }
  return kind->open(argument, settings);
}

class Chain final : public Verifier {
 public:
  explicit Chain(std::vector<Link> links) : links_(std::move(links)) {
    for (const Link& link : links_) {
      const auto* verifier = std::get_if<std::unique_ptr<const Verifier>>(&link);
      if (verifier == nullptr) {
        lockout_ = &Lockout::of_process();
      } else if (host_ == nullptr) {
        host_ = verifier->get();
      }
    }
  }

  Result<LogonResult> verify(const LogonRequest& request) const override {
    Account account;
    const char* kind = "";
    protocol::stand_in(account, false);
    for (const Link& link : links_) {
      if (const auto* source = std::get_if<std::shared_ptr<const AccountSource>>(&link)) {
        // Also once it is known, so that a later store's account is not told by its time (P11).
        auto found = (*source)->find(request.account, request.host.nb_domain);
        if (!account.known) {
          TRY(account, std::move(found));
          kind = (*source)->kind();
        }
      } else if (!account.known) {
        auto result = std::get<std::unique_ptr<const Verifier>>(link)->verify(request);
        if (result || result.error().code != Errc::kUnknownAccount) {
          return result;
        }
      }
    }
    // A domain locks its accounts itself.
    if (lockout_ == nullptr) {
      return verify_with_hash(request, std::move(account), kind);
    }
    const Lockout::Place place = lockout_->place_of(account.name);
    const Lockout::Source source{request.address, request.workstation};
    const auto refused = lockout_->refusal(request.policy, place, source);
    protocol::spoil(account, refused.has_value());
    auto answer = verify_with_hash(request, std::move(account), kind);
    // Again: those that were proven meanwhile count.
    return refused ? tl::unexpected(*refused)
                   : lockout_->settle(request.policy, place, source, std::move(answer));
  }

  const protocol::HostNames* host_names() const override {
    return host_ != nullptr ? host_->host_names() : nullptr;
  }

  bool serves_domain() const override {
    return std::any_of(links_.begin(), links_.end(), [](const Link& link) {
      const auto* verifier = std::get_if<std::unique_ptr<const Verifier>>(&link);
      return verifier != nullptr && (*verifier)->serves_domain();
    });
  }

 private:
  std::vector<Link> links_;
  const Lockout* lockout_ = nullptr;  // of the stores that hold hashes; null: there are none
  const Verifier* host_ = nullptr;    // whose names CHALLENGE bears
};

class AnonymousResponder final : public Responder {
 public:
  const AccountName& account() const override { return nobody_; }
  bool anonymous() const override { return true; }
  // [MS-NLMP] 3.3.1, 3.3.2: NtChallengeResponse is empty, LmChallengeResponse is Z(1), all keys are
  // zeros.
  Result<protocol::ChallengeResponse> respond(const protocol::Challenge&) const override {
    protocol::ChallengeResponse response;
    response.lm_response = {0};
    return response;
  }

 private:
  AccountName nobody_;
};

std::shared_ptr<const Responder> responder(AccountName account, crypto::NtHash hash,
                                           std::optional<crypto::LmHash> lm_hash) {
  return std::make_shared<HashResponder>(std::move(account), std::move(hash), std::move(lm_hash));
}

// Of the password whose NT hash this is, if a line of the file has it: what is kept of the file
// knows no passwords.
std::optional<crypto::LmHash> lm_hash_in(const std::string& path, const crypto::NtHash& nt_hash) {
  std::optional<crypto::LmHash> found;
  const auto file = open_trusted(path, Trust::kSecret);
  const auto content = file ? read_text(*file, path) : tl::unexpected<std::string>(file.error());
  if (!content) {
    return found;
  }
  scan_text(
      {reinterpret_cast<const char*>(content->data()), content->size()},
      [&](TextEntry&& entry, std::size_t) {
        if (!found && entry.password &&
            equal_ct(entry.account.nt_hash.expose(), nt_hash.expose())) {
          found = lm_hash_of(*entry.password);
        }
      },
      [](std::size_t, const char*) {});
  return found;
}

}  // namespace

StoreSettings settings_from(const Config& config) {
  return {config.list("ntlm", "store"),
          std::chrono::seconds(config.number("ntlm", "store_deadline"))};
}

tl::expected<std::shared_ptr<const Verifier>, std::string> open_verifier(
    const StoreSettings& settings) {
  std::vector<Link> links;
  for (const std::string& spec : settings.stores) {
    auto link = open_link(spec, settings);
    if (!link) {
      return Sentence("store = " + spec + ": " + link.error());
    }
    links.push_back(std::move(*link));
  }
  if (links.empty()) {
    return Sentence("no store of accounts is configured");
  }
  return std::make_shared<Chain>(std::move(links));
}

std::shared_ptr<const Verifier> verifier_of(std::shared_ptr<const TextFile> file) {
  std::vector<Link> links;
  links.emplace_back(std::move(file));
  return std::make_shared<Chain>(std::move(links));
}

std::string store_fault(const std::string& spec, const StoreSettings& settings) {
  const auto link = open_link(spec, settings);
  if (!link) {
    return link.error();
  }
  if (const auto* source = std::get_if<std::shared_ptr<const AccountSource>>(&*link)) {
    return (*source)->find({"nobody", "NOWHERE"}, "") ? std::string() : last_store_fault();
  }
  const auto& verifier = std::get<std::unique_ptr<const Verifier>>(*link);
  return verifier->host_names() != nullptr ? std::string() : last_store_fault();
}

std::string_view lockout_fault() {
  const Lockout* lockout = Lockout::of_process_if_used();
  return lockout == nullptr ? std::string_view() : std::string_view(lockout->unshared());
}

Result<std::shared_ptr<const Responder>> responder_from_file(const TextFile& file,
                                                             const AccountName& wanted,
                                                             bool with_lm) {
  TRY(Account account, file.first(wanted));
  if (account.name.domain.empty()) {
    account.name.domain = wanted.domain;
  }
  if (with_lm && !account.lm_hash) {
    account.lm_hash = lm_hash_in(file.path(), account.nt_hash);
  }
  return responder(std::move(account.name), std::move(account.nt_hash), std::move(account.lm_hash));
}

Result<std::shared_ptr<const Responder>> responder_from_winbind(const StoreSettings& settings,
                                                                const AccountName& wanted) {
#ifdef NTLM_WITH_WINBIND
  const auto is_winbind = [](const std::string& spec) {
    return spec == "winbind" || spec.starts_with("winbind:");
  };
  if (std::any_of(settings.stores.begin(), settings.stores.end(), is_winbind)) {
    return winbind_responder({"", settings.deadline}, wanted);
  }
#else
  (void)settings, (void)wanted;
#endif
  return fail(Errc::kNoCredential, "credential");
}

Result<std::shared_ptr<const Responder>> responder_from_password(AccountName account,
                                                                 std::string_view password,
                                                                 bool with_lm) {
  TRY_VOID(check_account(account));
  TRY(const SecretBytes utf16le, utf16le_from_password(password));
  return responder(std::move(account), crypto::ntowf_v1(utf16le),
                   with_lm ? lm_hash_of(password) : std::optional<crypto::LmHash>());
}

Result<std::shared_ptr<const Responder>> responder_from_nt_hash(AccountName account,
                                                                std::string_view hex) {
  TRY_VOID(check_account(account));
  auto hash = hash_from_hex(hex);
  if (!hash) {
    return fail(Errc::kBadArgument, "credential.nt_hash");
  }
  crypto::NtHash nt_hash(*hash);
  wipe(hash->data(), hash->size());
  return responder(std::move(account), std::move(nt_hash), {});
}

std::shared_ptr<const Responder> anonymous_responder() {
  return std::make_shared<AnonymousResponder>();
}

}  // namespace ntlm::store
