// SPDX-License-Identifier: MIT
#include "ntlmctl/accounts.h"

#include <algorithm>

namespace ntlm::ntlmctl {

using protocol::AccountName;
using store::DatabaseEdit;

tl::expected<std::string, Refusal> database_path(const AccountArguments& arguments) {
  constexpr std::string_view kPrefix = "lmdb:";
  if (!arguments.store.empty()) {
    return arguments.store.starts_with(kPrefix) ? arguments.store.substr(kPrefix.size())
                                                : arguments.store;
  }
  const auto config = load_config(arguments.config);
  if (!config) {
    return refuse(kUnreadable, config.error());
  }
  for (const std::string& line : config->list("ntlm", "store")) {
    if (line.starts_with(kPrefix)) {
      return line.substr(kPrefix.size());
    }
  }
  if (const std::string why = daemon_has_accounts(*config); !why.empty()) {
    return refuse(kUsage, why);
  }
  return refuse(kUsage, "the configuration has no `store = lmdb:FILE`; name a database by --store");
}

tl::expected<std::unique_ptr<const store::DatabaseFile>, Refusal> open_database(
    const AccountArguments& arguments) {
  const auto path = database_path(arguments);
  if (!path) {
    return tl::unexpected<Refusal>(path.error());
  }
  auto database = store::DatabaseFile::open(*path);
  if (!database) {
    return refuse(kUnreadable, database.error());
  }
  return std::move(*database);
}

tl::expected<DatabaseEdit, Refusal> edit_database(const AccountArguments& arguments) {
  const auto path = database_path(arguments);
  if (!path) {
    return tl::unexpected<Refusal>(path.error());
  }
  auto edit = DatabaseEdit::begin(*path);
  if (!edit) {
    return refuse(kUnreadable, edit.error());
  }
  return std::move(*edit);
}

const char* too_long(const Error& error) {
  return error.code == Errc::kBadName
             ? "the name is too long"
             : "names, groups and other attributes of one account are over 64 KiB";
}

tl::expected<AccountName, Refusal> account_name(const std::string& text) {
  auto name = protocol::parse_account(text);
  if (!name) {
    return refuse(kRefused, "not an account name; write DOMAIN\\user, user@domain or user");
  }
  const std::string both = name->domain + name->user;
  const auto unfit = [](char c) { return (c >= 0 && c < ' ') || c == 0x7f || c == ':'; };
  if (std::any_of(both.begin(), both.end(), unfit) || both.starts_with('#')) {
    return refuse(kRefused,
                  "an account name must have no colon, no control character and no # in front");
  }
  return std::move(*name);
}

std::string shown(const AccountName& name) {
  return display(name, protocol::DisplayForm::kDomainBackslashUser);
}

std::vector<std::string> states(const protocol::Account& account) {
  std::vector<std::string> all;
  const auto note = [&](bool on, const char* word) {
    if (on) {
      all.emplace_back(word);
    }
  };
  note(account.disabled, "disabled");
  note(account.locked, "locked");
  note(account.password_expired, "password-expired");
  note(account.trust_account, "trust-account");
  note(!account.has_hash, "no-password");
  return all;
}

}  // namespace ntlm::ntlmctl
