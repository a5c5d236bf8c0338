// SPDX-License-Identifier: MIT
// A password from where nobody sees it: the terminal without echo, asked twice, or the first line
// of standard input. Never an argument, which every process of the host could read.
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "base/secret.h"
#include "ntlmctl/command.h"

namespace ntlm::ntlmctl {

// UTF-16LE, not empty. `whose` is named in the question.
tl::expected<SecretBytes, Refusal> read_password(bool from_stdin, const std::string& whose);

}  // namespace ntlm::ntlmctl
