// SPDX-License-Identifier: MIT
// ntlmctl lockout list|clear. The tables hold no names, only their keyed hashes: so each account of
// the configured stores is asked for, and what is left over are names that no store has.
#include "store/lockout.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <vector>

#include "ntlmctl/accounts.h"
#include "protocol/policy.h"
#include "store/text_format.h"

namespace ntlm::ntlmctl {
namespace {

using protocol::AccountName;
using store::Lockout;

struct Arguments {
  std::string config, directory = Lockout::kDirectory, name;
};

tl::unexpected<std::string> refuse(const std::string& sentence) {
  return tl::unexpected<std::string>(sentence);
}

struct Table {
  std::uint32_t owner;
  std::unique_ptr<const Lockout> lockout;
};

// One that cannot be opened hides no other: its service could keep it so.
struct Tables {
  std::vector<Table> open;
  std::vector<std::string> faults;

  // Of a command that has done the rest.
  int end(int status) const {
    for (const std::string& fault : faults) {
      complain(kUnreadable, fault);
    }
    return faults.empty() ? status : kUnreadable;
  }
};

tl::expected<Tables, std::string> open_tables(const std::string& directory) {
  constexpr std::string_view kPrefix = "lockout-";
  std::vector<std::uint32_t> owners;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), last; !error && entry != last;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    std::uint32_t owner = 0;
    const char* const end = name.data() + name.size();
    if (name.starts_with(kPrefix) &&
        std::from_chars(name.data() + kPrefix.size(), end, owner).ptr == end) {
      owners.push_back(owner);
    }
  }
  if (error) {
    return refuse(directory + ": cannot be read; no counts are shared on this host");
  }
  std::sort(owners.begin(), owners.end());
  Tables tables;
  for (const std::uint32_t owner : owners) {
    if (auto lockout = Lockout::open(directory, owner)) {
      tables.open.push_back({owner, std::move(*lockout)});
    } else {
      tables.faults.push_back(lockout.error());
    }
  }
  return tables;
}

tl::expected<void, std::string> names_of_text(const std::string& path,
                                              std::vector<AccountName>* names) {
  const auto file = open_trusted(path, Trust::kSecret);
  const auto content = file ? store::read_text(*file, path) : refuse(file.error());
  if (!content) {
    return refuse(content.error());
  }
  store::scan_text(
      {reinterpret_cast<const char*>(content->data()), content->size()},
      [&](store::TextEntry&& entry, std::size_t) {
        names->push_back(std::move(entry.account.name));
      },
      [](std::size_t, const char*) {});
  return {};
}

tl::expected<void, std::string> names_of_database(const std::string& path,
                                                  std::vector<AccountName>* names) {
  const auto database = store::DatabaseFile::open(path);
  if (!database) {
    return refuse(database.error());
  }
  const auto all = (*database)->for_each([&](store::StoredAccount stored) -> Result<void> {
    names->push_back(std::move(stored.account.name));
    return {};
  });
  return all ? tl::expected<void, std::string>() : refuse(path + ": a record is damaged");
}

// Of all stores that hold hashes.
tl::expected<std::vector<AccountName>, std::string> account_names(const Config& config) {
  if (const std::string why = daemon_has_accounts(config); !why.empty()) {
    return refuse(why);
  }
  std::vector<AccountName> names;
  for (const std::string& spec : config.list("ntlm", "store")) {
    tl::expected<void, std::string> read;
    if (spec.starts_with("text:")) {
      read = names_of_text(spec.substr(5), &names);
    } else if (spec.starts_with("lmdb:")) {
      read = names_of_database(spec.substr(5), &names);
    }
    if (!read) {
      return refuse(read.error());
    }
  }
  return names;
}

void print(std::uint32_t owner, const std::string& name, const Lockout::State& state) {
  const std::string what = state.locked_for == 0 ? std::string("not locked")
                                                 : fmt::format("locked for {} s", state.locked_for);
  fmt::print("uid {}: {}: {} failures, {}\n", owner, name, state.failures, what);
}

int list(const Arguments& arguments) {
  const auto config = load_config(arguments.config);
  const auto names = config ? account_names(*config) : refuse(config.error());
  const auto tables = names ? open_tables(arguments.directory) : refuse(names.error());
  if (!tables) {
    return complain(kUnreadable, tables.error());
  }
  const protocol::Policy policy = protocol::Policy::from(*config);
  for (const Table& table : tables->open) {
    std::size_t others = table.lockout->counted(policy);
    for (const AccountName& name : *names) {
      const auto state = table.lockout->state_of(policy, table.lockout->place_of(name));
      if (state.failures != 0) {
        print(table.owner, shown(name), state);
        others -= std::min<std::size_t>(others, 1);
      }
    }
    if (others != 0) {
      fmt::print("uid {}: {} names that no store has\n", table.owner, others);
    }
  }
  return tables->end(kDone);
}

int clear(const Arguments& arguments) {
  const auto tables = open_tables(arguments.directory);
  if (!tables) {
    return complain(kUnreadable, tables.error());
  }
  if (arguments.name.empty()) {
    for (const Table& table : tables->open) {
      table.lockout->clear();
    }
    return tables->end(kDone);
  }
  const auto name = account_name(arguments.name);
  if (!name) {
    return complain(name.error().status, name.error().sentence);
  }
  bool cleared = false;
  for (const Table& table : tables->open) {
    cleared |= table.lockout->clear(table.lockout->place_of(*name));
  }
  return tables->end(cleared ? int{kDone}
                             : complain(kRefused, shown(*name) + ": no failures are counted"));
}

}  // namespace

void add_lockout_command(CLI::App& tool, int* status) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* lockout = tool.add_subcommand("lockout", "Names that too many wrong passwords lock");
  lockout->require_subcommand(1);
  CLI::App* listing =
      lockout->add_subcommand("list", "Accounts with failures, and whether they are locked");
  listing->add_option("--config", arguments->config, "Another configuration file");
  CLI::App* clearing =
      lockout->add_subcommand("clear", "Forgets the failures of a name, or of all");
  clearing->add_option("NAME", arguments->name, "As its store spells it: DOMAIN\\user or user");
  for (CLI::App* command : {listing, clearing}) {
    command->add_option("--directory", arguments->directory, "Where the tables are");
  }
  listing->callback([=] { *status = list(*arguments); });
  clearing->callback([=] { *status = clear(*arguments); });
}

}  // namespace ntlm::ntlmctl
