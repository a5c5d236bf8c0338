// SPDX-License-Identifier: MIT
// What the sub-commands of ntlmctl share: exit statuses, messages, the configuration. ntlmctl(8)
// documents all of it.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "base/config.h"

namespace ntlm::ntlmctl {

enum Status : int {
  kDone = 0,
  kRefused = 1,     // not found, already there, bad input
  kUsage = 2,       // the command line
  kUnreadable = 3,  // the configuration or the accounts cannot be read or written
};

// Each adds its sub-commands to the tool; the one that is chosen sets *status.
void add_user_commands(CLI::App& tool, int* status);
void add_config_command(CLI::App& tool, int* status);
void add_decode_command(CLI::App& tool, int* status);
void add_diagnose_command(CLI::App& tool, int* status);
void add_lockout_command(CLI::App& tool, int* status);
void add_audit_command(CLI::App& tool, int* status);

// Prints "ntlmctl: <sentence>" on standard error and answers the status.
int complain(Status status, const std::string& sentence);

// What is complained of later.
struct Refusal {
  Status status;
  std::string sentence;
};
tl::unexpected<Refusal> refuse(Status status, const std::string& sentence);
int complain(const Refusal& refusal);

// --config FILE, else GSS_NTLM_CONF, else /etc/gss/ntlm.conf as the mechanism has it; only the last
// may be missing.
tl::expected<Config, std::string> load_config(const std::string& file);

// The sentence that says so where a configuration leaves the accounts to ntlm-authd; empty where it
// does not.
std::string daemon_has_accounts(const Config& config);

}  // namespace ntlm::ntlmctl
