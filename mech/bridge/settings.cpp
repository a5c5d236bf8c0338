// SPDX-License-Identifier: MIT
#include "bridge/settings.h"

#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "base/audit.h"
#include "base/config.h"
#include "base/file_identity.h"

namespace ntlm::bridge {

constinit Settings settings;

std::string executable_name() {
  std::array<char, 4096> link;
  const ssize_t length = readlink("/proc/self/exe", link.data(), link.size());
  std::string path;
  if (length > 0) {
    path.assign(link.data(), static_cast<std::size_t>(length));
    // The kernel says so when a package was upgraded under a running daemon.
    constexpr std::string_view kDeleted = " (deleted)";
    if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  } else if (getauxval(AT_SECURE) == 0) {
    path = program_invocation_short_name;  // a chroot without /proc
  }
  return path.substr(path.rfind('/') + 1);
}

Settings read_settings() {
  const char* named = secure_getenv("GSS_NTLM_CONF");
  const std::string path = named != nullptr ? named : Config::kDefaultPath;
  if (named == nullptr && FileIdentity::of(path).error == ENOENT) return {};
  const auto config = Config::load(path);
  if (!config) {
    AuditEvent event;
    event.event = "configuration-refused";
    event.reason = "bridge-off";
    event.detail = config.error();
    audit({}, event);
    return {};
  }
  const auto& programs = config->list("bridge", "programs");
  if (std::find(programs.begin(), programs.end(), executable_name()) == programs.end()) return {};
  return {true, config->flag("bridge", "sshd_form")};
}

}  // namespace ntlm::bridge
