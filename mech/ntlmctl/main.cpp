// SPDX-License-Identifier: MIT
// ntlmctl: the administrator's tool. Sub-commands stand in files of their own; this one only lists
// them.
#include <sys/resource.h>

#include <array>
#include <cstdio>
#include <exception>

#include "ntlmctl/command.h"

namespace {

using ntlm::ntlmctl::complain;

constexpr std::array kCommands = {
    ntlm::ntlmctl::add_user_commands,   ntlm::ntlmctl::add_config_command,
    ntlm::ntlmctl::add_decode_command,  ntlm::ntlmctl::add_diagnose_command,
    ntlm::ntlmctl::add_lockout_command, ntlm::ntlmctl::add_audit_command,
};

int run(int argc, char** argv) {
  CLI::App tool("Accounts and configuration of the NTLM mechanism", "ntlmctl");
  tool.set_version_flag("--version", "ntlmctl " NTLM_VERSION);
  tool.require_subcommand(1);
  int status = ntlm::ntlmctl::kDone;
  for (const auto add : kCommands) {
    add(tool, &status);
  }
  try {
    tool.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return tool.exit(error) == 0 ? ntlm::ntlmctl::kDone : ntlm::ntlmctl::kUsage;
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    return complain(ntlm::ntlmctl::kUnreadable, "the output cannot be written");
  }
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  const rlimit none{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &none);  // passwords pass through here
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    return complain(ntlm::ntlmctl::kUnreadable, error.what());
  }
}
