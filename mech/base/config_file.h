// SPDX-License-Identifier: MIT
// A first look at a configuration file, before the profile library reads it: the library neither
// says which line it does not like nor which files it opened. Each file, and each that it includes,
// must be trusted (trusted_file.h), and each line be a comment, a [section], an include or `key =
// value`.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace ntlm {

// The error is a complete sentence: "/etc/gss/ntlm.conf: line 3: neither a [section] nor 'key =
// value'". A file may have 1 MiB and lines of 1000 bytes; `include FILE` and `includedir DIRECTORY`
// go 8 levels deep.
tl::expected<void, std::string> check_config_file(const std::string& path);

// A character below U+0020 other than the tabulator.
bool has_control_character(std::string_view text);

}  // namespace ntlm
