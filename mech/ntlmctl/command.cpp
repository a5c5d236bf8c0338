// SPDX-License-Identifier: MIT
#include "ntlmctl/command.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstdlib>

#include "base/file_identity.h"

namespace ntlm::ntlmctl {

int complain(Status status, const std::string& sentence) {
  fmt::print(stderr, "ntlmctl: {}\n", sentence);
  return status;
}

int complain(const Refusal& refusal) { return complain(refusal.status, refusal.sentence); }

tl::unexpected<Refusal> refuse(Status status, const std::string& sentence) {
  return tl::unexpected<Refusal>(Refusal{status, sentence});
}

tl::expected<Config, std::string> load_config(const std::string& file) {
  const char* named = ::secure_getenv("GSS_NTLM_CONF");
  if (!file.empty() || named != nullptr) {
    return Config::load(file.empty() ? named : file);
  }
  if (FileIdentity::of(Config::kDefaultPath).error == ENOENT) {
    return Config();
  }
  return Config::load(Config::kDefaultPath);
}

std::string daemon_has_accounts(const Config& config) {
  for (const std::string& store : config.list("ntlm", "store")) {
    if (store == "authd" || store.starts_with("authd:")) {
      return "store = " + store +
             ": the accounts are those of ntlm-authd; give --config /etc/gss/ntlm-authd.conf";
    }
  }
  return "";
}

}  // namespace ntlm::ntlmctl
