// SPDX-License-Identifier: MIT
#include "protocol/host.h"

#include <sys/utsname.h>

#include <string_view>

#include "base/text.h"

namespace ntlm::protocol {
namespace {

std::string netbios_name(std::string_view host) {
  return upper_utf8(host.substr(0, host.find('.'))).substr(0, 15);
}

}  // namespace

std::string node_name() {
  utsname system{};
  return ::uname(&system) == 0 ? system.nodename : "";
}

HostNames names_of_host() {
  std::string node = node_name();
  if (node.empty()) {
    node = "localhost";
  }
  const auto dot = node.find('.');
  HostNames names;
  names.nb_computer = names.nb_domain = netbios_name(node);
  names.dns_computer = node;
  names.dns_domain = dot == std::string::npos ? node : node.substr(dot + 1);
  return names;
}

HostNames host_names(const Config& config, const HostNames* wish, const std::string& computer,
                     const std::string& domain) {
  HostNames names = wish != nullptr ? *wish : names_of_host();
  const auto prefer = [&](std::string& name, const std::string& variable, const char* key) {
    if (config.is_set("ntlm", key)) {
      name = config.text("ntlm", key);
    }
    if (!variable.empty()) {
      name = variable;
    }
  };
  prefer(names.nb_computer, computer, "netbios_computer");
  // A standalone host renamed so is still its own domain.
  if (wish == nullptr) {
    names.nb_domain = names.nb_computer;
  }
  prefer(names.nb_domain, domain, "netbios_domain");
  prefer(names.dns_computer, "", "dns_computer");
  prefer(names.dns_domain, "", "dns_domain");
  return names;
}

// A response that brings back a name of over 255 units is refused.
std::string names_fault(const HostNames& names) {
  constexpr std::size_t kMaxUnits = 255;
  for (const auto& [key, name] : {std::pair{"netbios_computer", &names.nb_computer},
                                  std::pair{"netbios_domain", &names.nb_domain},
                                  std::pair{"dns_computer", &names.dns_computer},
                                  std::pair{"dns_domain", &names.dns_domain}}) {
    const auto units = utf16_units(*name);
    if (!units || *units > kMaxUnits) {
      return std::string(key) + ": '" + escaped(*name) + "' is no name of at most 255 characters";
    }
  }
  return {};
}

}  // namespace ntlm::protocol
