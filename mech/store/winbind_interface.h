// SPDX-License-Identifier: MIT
// The names by which winbindd knows this host and its domain.
#pragma once

#include <string>

#include "store/winbind_calls.h"

namespace ntlm::store {

// What winbindd says of itself. Errors: those of run(), kAuthorityDown when it does not run.
struct WinbindInterface {
  std::string nb_computer, nb_domain, dns_domain;
  char separator = '\\';  // between domain and user in its names
};
Result<WinbindInterface> ask_interface(WinbindCalls& calls,
                                       WinbindCalls::Clock::time_point deadline);

}  // namespace ntlm::store
