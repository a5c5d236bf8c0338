// SPDX-License-Identifier: MIT
// ntlmctl user add|passwd|set|list|show|disable|enable|delete|import|export
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "gssapi_ntlm.h"
#include "ntlmctl/accounts.h"

namespace ntlm::ntlmctl {
namespace {

using protocol::AccountName;
using protocol::Attributes;
using store::DatabaseEdit;
using store::StoredAccount;

std::uint64_t now() { return static_cast<std::uint64_t>(std::time(nullptr)); }

std::string date(std::uint64_t seconds) {
  return seconds == 0 ? "unknown"
                      : fmt::format("{:%Y-%m-%d %H:%M:%S} UTC",
                                    fmt::gmtime(static_cast<std::time_t>(seconds)));
}

// Replaces the attributes that the arguments name; those that were given as "" go.
void set_attributes(const AccountArguments& arguments, const CLI::App& command,
                    StoredAccount* stored) {
  Attributes attributes = stored->account.attributes ? *stored->account.attributes : Attributes();
  const auto replace = [&](const char* option, const char* name,
                           const std::vector<std::string>& values) {
    if (command.count(option) == 0) {
      return;
    }
    std::erase_if(attributes, [&](const auto& attribute) { return attribute.first == name; });
    for (const std::string& value : values) {
      if (!value.empty()) {
        attributes.emplace_back(name, value);
      }
    }
  };
  replace("--full-name", GSS_NTLM_ATTR_FULL_NAME, {arguments.full_name});
  replace("--local-user", GSS_NTLM_ATTR_LOCAL_USER, {arguments.local_user});
  replace("--group", GSS_NTLM_ATTR_GROUP, arguments.groups);
  stored->account.attributes =
      attributes.empty() ? nullptr : std::make_shared<const Attributes>(std::move(attributes));
}

tl::expected<crypto::NtHash, Refusal> ask_hash(const AccountArguments& arguments,
                                               const AccountName& name) {
  if (!crypto::available()) {
    return refuse(kUnreadable, "MD4 cannot be had from libcrypto on this host");
  }
  const auto password = read_password(arguments.password_stdin, shown(name));
  if (!password) {
    return tl::unexpected<Refusal>(password.error());
  }
  return crypto::ntowf_v1(*password);
}

void set_password(crypto::NtHash hash, StoredAccount* stored) {
  stored->account.nt_hash = std::move(hash);
  stored->account.lm_hash.reset();
  stored->account.has_hash = true;
  stored->account.password_expired = false;
  stored->password_set = now();
}

// Whether the account is there, before a human is asked; a database that does not exist yet has
// none.
tl::expected<bool, Refusal> is_there(const AccountArguments& arguments, const AccountName& name) {
  const auto path = database_path(arguments);
  if (!path) {
    return tl::unexpected<Refusal>(path.error());
  }
  struct stat status {};
  if (::lstat(path->c_str(), &status) != 0 && errno == ENOENT) {
    return false;
  }
  const auto database = open_database(arguments);
  if (!database) {
    return tl::unexpected<Refusal>(database.error());
  }
  const auto stored = (*database)->get(name);
  if (!stored && stored.error().code != Errc::kUnknownAccount) {
    return refuse(kUnreadable, shown(name) + ": its record is damaged");
  }
  return stored.has_value();
}

int commit(DatabaseEdit& edit) {
  const auto done = edit.commit();
  return done ? kDone : complain(kUnreadable, done.error());
}

int put_and_commit(DatabaseEdit& edit, const StoredAccount& stored) {
  const auto put = edit.put(stored);
  return put ? commit(edit)
             : complain(kRefused, shown(stored.account.name) + ": " + too_long(put.error()));
}

int no_such_account(const AccountName& name) {
  return complain(kRefused, shown(name) + ": no such account");
}

int damaged_record(const AccountName& name) {
  return complain(kUnreadable, shown(name) + ": its record is damaged");
}

int add(const AccountArguments& arguments, const CLI::App& command) {
  const auto name = account_name(arguments.name);
  if (!name) {
    return complain(name.error());
  }
  const std::string taken =
      shown(*name) + " is there already; `ntlmctl user passwd` sets its password";
  const auto there = is_there(arguments, *name);
  if (!there || *there) {
    return there ? complain(kRefused, taken) : complain(there.error());
  }
  auto hash = ask_hash(arguments, *name);
  if (!hash) {
    return complain(hash.error());
  }
  StoredAccount stored;
  stored.account.name = *name;
  stored.account.disabled = arguments.disabled;
  stored.created = now();
  set_attributes(arguments, command, &stored);
  set_password(std::move(*hash), &stored);
  auto edit = edit_database(arguments);
  if (!edit) {
    return complain(edit.error());
  }
  return edit->has(*name) ? complain(kRefused, taken) : put_and_commit(*edit, stored);
}

// The status of `use`, to which an account is handed that is there.
int edit_account(const AccountArguments& arguments,
                 const std::function<int(DatabaseEdit& edit, const AccountName& name)>& use) {
  const auto name = account_name(arguments.name);
  if (!name) {
    return complain(name.error());
  }
  auto edit = edit_database(arguments);
  if (!edit) {
    return complain(edit.error());
  }
  return edit->has(*name) ? use(*edit, *name) : no_such_account(*name);
}

int change(const AccountArguments& arguments,
           const std::function<void(StoredAccount* stored)>& apply) {
  return edit_account(arguments, [&](DatabaseEdit& edit, const AccountName& name) {
    auto stored = edit.before()->get(name);
    if (!stored) {
      return damaged_record(name);
    }
    apply(&*stored);
    return put_and_commit(edit, *stored);
  });
}

int set_password(const AccountArguments& arguments) {
  const auto name = account_name(arguments.name);
  if (!name) {
    return complain(name.error());
  }
  const auto there = is_there(arguments, *name);
  if (!there || !*there) {
    return there ? no_such_account(*name) : complain(there.error());
  }
  auto hash = ask_hash(arguments, *name);
  if (!hash) {
    return complain(hash.error());
  }
  return change(arguments, [&](StoredAccount* stored) { set_password(std::move(*hash), stored); });
}

int remove(const AccountArguments& arguments) {
  return edit_account(arguments, [](DatabaseEdit& edit, const AccountName& name) {
    edit.remove(name);
    return commit(edit);
  });
}

nlohmann::ordered_json json_of(const StoredAccount& stored) {
  nlohmann::ordered_json attributes = nlohmann::ordered_json::object();
  if (stored.account.attributes) {
    for (const auto& [name, value] : *stored.account.attributes) {
      attributes[name].push_back(value);
    }
  }
  return {{"name", shown(stored.account.name)},
          {"user", stored.account.name.user},
          {"domain", stored.account.name.domain},
          {"states", states(stored.account)},
          {"created", stored.created},
          {"password_set", stored.password_set},
          {"attributes", attributes}};
}

int list(const AccountArguments& arguments) {
  const auto database = open_database(arguments);
  if (!database) {
    return complain(database.error());
  }
  const char* separator = "[";
  const auto walked = (*database)->for_each([&](const StoredAccount& stored) {
    if (arguments.json) {
      fmt::print("{}\n{}", separator, json_of(stored).dump());
      separator = ",";
    } else {
      const auto all = states(stored.account);
      fmt::print("{}{}{}\n", shown(stored.account.name), all.empty() ? "" : "\t",
                 fmt::join(all, ","));
    }
    return Result<void>();
  });
  if (arguments.json) {
    fmt::print("{}\n]\n", (*database)->accounts() == 0 ? "[" : "");
  }
  return walked ? kDone
                : complain(kUnreadable, "the database is damaged; the list is not complete");
}

int show(const AccountArguments& arguments) {
  const auto name = account_name(arguments.name);
  if (!name) {
    return complain(name.error());
  }
  const auto database = open_database(arguments);
  if (!database) {
    return complain(database.error());
  }
  const auto stored = (*database)->get(*name);
  if (!stored) {
    return stored.error().code == Errc::kUnknownAccount ? no_such_account(*name)
                                                        : damaged_record(*name);
  }
  if (arguments.json) {
    fmt::print("{}\n", json_of(*stored).dump(2));
    return kDone;
  }
  const auto all = states(stored->account);
  fmt::print("{:<14}{}\n{:<14}{}\n{:<14}{}\n{:<14}{}\n", "name", shown(stored->account.name),
             "state", all.empty() ? "enabled" : fmt::format("{}", fmt::join(all, ", ")), "created",
             date(stored->created), "password set", date(stored->password_set));
  if (stored->account.attributes) {
    for (const auto& [attribute, value] : *stored->account.attributes) {
      const std::string_view text = attribute;
      fmt::print("{:<14}{}\n", text.substr(text.rfind(':') + 1), value);
    }
  }
  return kDone;
}

// The sub-commands of `ntlmctl user`, and what they have in common.
class UserCommands {
 public:
  UserCommands(CLI::App& tool, int* status)
      : user_(tool.add_subcommand("user", "Accounts of the database")), status_(status) {
    user_->require_subcommand(1);
    user_->add_option("--store", arguments_->store,
                      "The database file (default: that of ntlm.conf)");
    user_->add_option("--config", arguments_->config, "Another ntlm.conf");
    user_->fallthrough();
  }

  void add_changes() const {
    const auto arguments = arguments_;
    CLI::App* added = with_attributes(with_password(named(command(
        "add", "Make an account", [=](const CLI::App& self) { return add(*arguments, self); }))));
    added->add_flag("--disabled", arguments->disabled, "It may not log in yet");
    with_password(named(command("passwd", "Set a password",
                                [=](const CLI::App&) { return set_password(*arguments); })));
    with_attributes(
        named(command("set", "Set what is known of an account", [=](const CLI::App& self) {
          return change(*arguments,
                        [&](StoredAccount* stored) { set_attributes(*arguments, self, stored); });
        })));
    named(command("disable", "Let an account log in no more", [=](const CLI::App&) {
      return change(*arguments, [](StoredAccount* stored) { stored->account.disabled = true; });
    }));
    named(command("enable", "Let a disabled or locked account log in again", [=](const CLI::App&) {
      return change(*arguments, [](StoredAccount* stored) {
        stored->account.disabled = stored->account.locked = false;
      });
    }));
    named(command("delete", "Remove an account",
                  [=](const CLI::App&) { return remove(*arguments); }));
  }

  void add_views() const {
    const auto arguments = arguments_;
    command("list", "All accounts, one a line", [=](const CLI::App&) {
      return list(*arguments);
    })->add_flag("--json", arguments->json, "As JSON");
    named(command("show", "What is known of an account", [=](const CLI::App&) {
      return show(*arguments);
    }))->add_flag("--json", arguments->json, "As JSON");
  }

  void add_transfers() const {
    const auto arguments = arguments_;
    CLI::App* added =
        command("import", "Add the accounts of a text file (DOMAIN:user:password or smbpasswd)",
                [=](const CLI::App&) { return import_accounts(*arguments); });
    added->add_option("file", arguments->file, "The file; - is standard input")->required();
    added->add_flag("--replace", arguments->replace,
                    "Accounts that are there already take what the file has");
    added->add_flag("--skip-bad", arguments->skip_bad,
                    "Lines that cannot be understood do not stop the import");
    command("export", "Write all accounts as lines of smbpasswd", [=](const CLI::App&) {
      return export_accounts(*arguments);
    })->add_option("file", arguments->file, "A new file (default: standard output)");
  }

 private:
  CLI::App* command(const char* name, const char* summary,
                    const std::function<int(const CLI::App&)>& run) const {
    CLI::App* added = user_->add_subcommand(name, summary);
    added->fallthrough();
    added->callback([added, run, status = status_] { *status = run(*added); });
    return added;
  }
  CLI::App* named(CLI::App* added) const {
    added->add_option("name", arguments_->name, "DOMAIN\\user, user@domain or user")->required();
    return added;
  }
  CLI::App* with_password(CLI::App* added) const {
    added->add_flag("--password-stdin", arguments_->password_stdin,
                    "The first line of standard input is the password");
    return added;
  }
  CLI::App* with_attributes(CLI::App* added) const {
    const CLI::Validator travels(  // to another process, with the name
        [](const std::string& value) {
          return value.size() > protocol::kMaxText
                     ? fmt::format("longer than {} bytes", protocol::kMaxText)
                     : std::string();
        },
        "");
    added->add_option("--full-name", arguments_->full_name, "A person's name")->check(travels);
    added
        ->add_option("--local-user", arguments_->local_user,
                     "The user of this host that the account becomes")
        ->check(travels);
    added->add_option("--group", arguments_->groups, "A group; may be repeated")->check(travels);
    return added;
  }

  CLI::App* user_;
  int* status_;
  std::shared_ptr<AccountArguments> arguments_ = std::make_shared<AccountArguments>();
};

}  // namespace

void add_user_commands(CLI::App& tool, int* status) {
  const UserCommands user(tool, status);
  user.add_changes();
  user.add_views();
  user.add_transfers();
}

}  // namespace ntlm::ntlmctl
