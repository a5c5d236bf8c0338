// SPDX-License-Identifier: MIT
// ntlmctl config: the configuration as the mechanism understands it, and where each value comes
// from.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "ntlmctl/command.h"
#include "protocol/policy.h"

namespace ntlm::ntlmctl {
namespace {

using Json = nlohmann::ordered_json;

Json value_of(const Config& config, const ConfigKey& key) {
  switch (key.kind) {
    case ConfigKey::Kind::kFlag:
      return config.flag(key.section, key.name);
    case ConfigKey::Kind::kNumber:
      return config.number(key.section, key.name);
    case ConfigKey::Kind::kLines:
    case ConfigKey::Kind::kWords:
    case ConfigKey::Kind::kServices:
      return config.list(key.section, key.name);
    case ConfigKey::Kind::kText:
    case ConfigKey::Kind::kChoice:
    case ConfigKey::Kind::kPath:
      return config.text(key.section, key.name);
  }
  return nullptr;
}

void print_json(const Config& config) {
  Json settings = Json::array();
  for (const ConfigKey& key : Config::keys()) {
    settings.push_back({{"section", key.section},
                        {"key", key.name},
                        {"value", value_of(config, key)},
                        {"source", config.source(key.section, key.name)}});
  }
  const Json all = {{"file", config.path().empty() ? Json(nullptr) : Json(config.path())},
                    {"settings", settings},
                    {"looser_than_default", protocol::loosened(config)}};
  fmt::print("{}\n", all.dump(2));
}

// One line a value, in the form of ntlm.conf itself.
void print_text(const Config& config) {
  fmt::print("# {}\n", config.path().empty() ? "no configuration file: every key at its default"
                                             : config.path());
  std::string_view section;
  for (const ConfigKey& key : Config::keys()) {
    if (section != key.section) {
      section = key.section;
      fmt::print("[{}]\n", section);
    }
    const auto& values = config.list(key.section, key.name);
    const std::string source = config.source(key.section, key.name);
    if (key.kind == ConfigKey::Kind::kLines) {
      for (const std::string& value : values) {
        fmt::print("    {:<40}  # {}\n", fmt::format("{} = {}", key.name, value), source);
      }
      continue;
    }
    const std::string line = fmt::format("{} = {}", key.name, fmt::join(values, " "));
    // A key without a value cannot stand in the file.
    fmt::print("    {:<40}  # {}\n",
               values.empty() || values.front().empty() ? std::string("# ") + key.name : line,
               source);
  }
  for (const std::string& sentence : protocol::loosened(config)) {
    fmt::print("# looser than the default: {}\n", sentence);
  }
}

}  // namespace

void add_config_command(CLI::App& tool, int* status) {
  struct Arguments {
    std::string file;
    bool json = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      tool.add_subcommand("config", "The configuration in force, with the source of each value");
  command->add_option("--config", arguments->file, "Another ntlm.conf");
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback([arguments, status] {
    const auto config = load_config(arguments->file);
    if (!config) {
      *status = complain(kUnreadable, config.error());
      return;
    }
    arguments->json ? print_json(*config) : print_text(*config);
  });
}

}  // namespace ntlm::ntlmctl
