// SPDX-License-Identifier: MIT
// The names of this host that CHALLENGE bears, from what says them.
#pragma once

#include <string>

#include "base/config.h"
#include "protocol/logon.h"

namespace ntlm::protocol {

// As the kernel calls the host; empty when it does not.
std::string node_name();
// The names made of that. A host outside any domain is its own, as Windows puts it.
HostNames names_of_host();

// Each name from the first that gives it: the variables (NETBIOS_COMPUTER_NAME,
// NETBIOS_DOMAIN_NAME; empty: not set), the configuration, what the verifier must have (null: no
// wish), the host.
HostNames host_names(const Config& config, const HostNames* wish, const std::string& computer,
                     const std::string& domain);

// The sentence that says which name cannot be sent; empty when all can.
std::string names_fault(const HostNames& names);

}  // namespace ntlm::protocol
