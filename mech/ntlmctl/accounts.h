// SPDX-License-Identifier: MIT
// What the account sub-commands share: which database, names as they may be written, one record as
// text.
#pragma once

#include <memory>
#include <string>

#include "ntlmctl/command.h"
#include "ntlmctl/password.h"
#include "store/database_writer.h"

namespace ntlm::ntlmctl {

// The arguments of a sub-command of `ntlmctl user`.
struct AccountArguments {
  std::string store;   // --store
  std::string config;  // --config
  std::string name;
  std::string file;
  std::string full_name, local_user;
  std::vector<std::string> groups;
  bool password_stdin = false, disabled = false, json = false, replace = false, skip_bad = false;
};

// The path of the database: --store, else the first `store = lmdb:` line of the configuration.
tl::expected<std::string, Refusal> database_path(const AccountArguments& arguments);
// A reader of it.
tl::expected<std::unique_ptr<const store::DatabaseFile>, Refusal> open_database(
    const AccountArguments& arguments);
tl::expected<store::DatabaseEdit, Refusal> edit_database(const AccountArguments& arguments);

// A name that every form of an account file can carry: no colon, no control character, no '#' in
// front.
tl::expected<protocol::AccountName, Refusal> account_name(const std::string& text);
// Why DatabaseEdit::put() does not take an account.
const char* too_long(const Error& error);
std::string shown(const protocol::AccountName& name);
// "disabled", "locked", …
std::vector<std::string> states(const protocol::Account& account);

int import_accounts(const AccountArguments& arguments);
int export_accounts(const AccountArguments& arguments);

}  // namespace ntlm::ntlmctl
