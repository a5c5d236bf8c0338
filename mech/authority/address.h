// SPDX-License-Identifier: MIT
// Where ntlm-authd listens and its workers connect to.
#pragma once

#include <sys/un.h>

#include <string>
#include <tl/expected.hpp>

namespace ntlm::authority {

// Room for two of the largest replies on their way out, whatever net.core.wmem_default says; it is
// bounded by net.core.wmem_max.
void make_room(int socket);

// A sentence when the path is too long for the name of a socket.
tl::expected<sockaddr_un, std::string> address_of(const std::string& path);

}  // namespace ntlm::authority
