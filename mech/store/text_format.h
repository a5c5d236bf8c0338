// SPDX-License-Identifier: MIT
// The lines of a text file of accounts, in the two formats that NTLM on Linux has; lines of both
// may be mixed.
//
//   DOMAIN:user:password
//       gss-ntlmssp's and Heimdal's. DOMAIN may be empty (the account answers for any). The
//       password is the rest of the line, colons included.
//   user:uid:LM hash:NT hash:[flags]:LCT-time:
//       smbpasswd(5). user may be DOMAIN\user. The uid and what stands behind the flags are not
//       looked at.
//
// A line of four fields or more is smbpasswd's when its second field is a number or its third or
// fourth looks like a hash: a mistake in such a line is reported, never read as a password. Lines
// that begin with '#' and empty lines are comments; CR LF ends a line too. UTF-8. A line that
// cannot be understood is skipped as a whole, with a reason: one of more than 1024 bytes (it is not
// split), with a NUL or another control character, of a wrong shape. When an account is there twice
// the first line counts.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/trusted_file.h"
#include "protocol/logon.h"

namespace ntlm::store {

struct TextEntry {
  protocol::Account account;
  std::optional<std::string_view> password;  // as it stands in the line; smbpasswd lines have none
};

// One line without its end. Nothing: a comment. The error says what is wrong with the line, without
// citing it.
tl::expected<std::optional<TextEntry>, const char*> parse_text_line(std::string_view line);

// All lines, in order. on_fault may be called many times for a file that is none of ours.
void scan_text(std::string_view content,
               const std::function<void(TextEntry&&, std::size_t line)>& on_entry,
               const std::function<void(std::size_t line, const char* why)>& on_fault);

// The content of such a file, 256 MiB at most. The error is a sentence.
tl::expected<SecretBytes, std::string> read_text(const TrustedFile& file, const std::string& path);

// The LM hash of a password that has one: ASCII, 14 characters at most.
std::optional<crypto::LmHash> lm_hash_of(std::string_view password);
// 32 hexadecimal digits.
std::optional<std::array<std::uint8_t, 16>> hash_from_hex(std::string_view hex);

}  // namespace ntlm::store
