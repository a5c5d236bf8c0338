// SPDX-License-Identifier: MIT
// A worker's end of ntlm-authd's socket. Connections are made when they are needed and kept; one
// carries the exchanges of several contexts, and calls of several threads at once. A child of
// fork() has none of its parent's: it makes its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/config.h"
#include "protocol/authority.h"

namespace ntlm::authority {

struct ClientSettings {
  std::string socket;                // its directory must be trusted as base/trusted_file.h says
  uid_t server = 0;                  // who must listen there
  std::chrono::seconds deadline{5};  // of a call
  // Told once in a while why the daemon could not be asked.
  void (*report)(std::string sentence) = nullptr;
};

inline constexpr const char* kDefaultSocket = "/run/ntlm-authd/auth.sock";

// How the daemon is asked, where `store` is "authd" or "authd:/path"; nothing where it is not. A
// sentence, "[ntlm] store = …", when it does not stand alone.
tl::expected<std::optional<ClientSettings>, std::string> settings_from(const Config& config);

// Opens nothing yet. Errors of its calls: kVerdict's, kAuthorityDown (nobody listens, or answers in
// time), kAuthorityAccess (not for this process, or somebody else listens), kBadArgument (a service
// name or bindings that fit in no frame).
std::shared_ptr<const protocol::Authority> make_client(ClientSettings settings);

}  // namespace ntlm::authority
