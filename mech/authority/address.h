// SPDX-License-Identifier: MIT
// Where ntlm-authd listens and its workers connect to.
#pragma once

#include <sys/un.h>

#include <string>
#include <tl/expected.hpp>

namespace ntlm::authority {

// A sentence when the path is too long for the name of a socket.
tl::expected<sockaddr_un, std::string> address_of(const std::string& path);

}  // namespace ntlm::authority
