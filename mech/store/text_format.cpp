// SPDX-License-Identifier: MIT
#include "store/text_format.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "crypto/ntlm.h"

namespace ntlm::store {
namespace {

using protocol::Account;

constexpr std::size_t kMaxLine = 1024;
constexpr std::size_t kMaxFile = 256u << 20;  // two million lines of smbpasswd

using Entry = tl::expected<std::optional<TextEntry>, const char*>;

Entry bad(const char* why) { return tl::unexpected<const char*>(why); }

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// What smbpasswd writes where no hash is.
bool is_no_password(std::string_view field) {
  return field.size() == 32 && (field.starts_with("NO PASSWORD") ||
                                field.find_first_not_of('X') == std::string_view::npos ||
                                field.find_first_not_of('*') == std::string_view::npos);
}

// Also a hash with a digit too few or too many.
bool looks_like_hash(std::string_view field) {
  return field.starts_with("NO PASSWORD") ||
         (field.size() >= 16 && std::all_of(field.begin(), field.end(), [](char c) {
            return hex_digit(c) >= 0 || c == 'X' || c == '*';
          }));
}

// Up to five fields; the last has the rest.
std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  while (fields.size() < 4) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) {
      break;
    }
    fields.push_back(line.substr(0, colon));
    line.remove_prefix(colon + 1);
  }
  fields.push_back(line);
  return fields;
}

// The letters of smbpasswd(5) and pdbedit(8): which of them mean something for a logon over the
// network.
const char* apply_flags(std::string_view rest, Account* account) {
  if (!rest.starts_with('[')) {
    return nullptr;  // the oldest form has a full name there, or nothing
  }
  const auto end = rest.find(']');
  if (end == std::string_view::npos) {
    return "the account flags have no ']'";
  }
  for (const char flag : rest.substr(1, end - 1)) {
    switch (flag) {
      case 'N':
        account->has_hash = false;
        break;
      case 'D':
        account->disabled = true;
        break;
      case 'L':
        account->locked = true;
        break;
      case 'I':
        account->has_hash =
            false;  // what two domains share is never a logon ([MS-NRPC] 2.2.1.4.15)
        account->trust_account = true;
        break;
      case 'W':
      case 'S':
        account->trust_account = true;
        break;
      case 'U':
      case 'X':
      case 'H':
      case 'T':
      case 'M':
      case ' ':
        break;
      default:
        return "an unknown account flag";
    }
  }
  return nullptr;
}

Entry parse_smbpasswd(const std::vector<std::string_view>& fields) {
  TextEntry entry;
  Account& account = entry.account;
  const auto slash = fields[0].find('\\');
  account.name.user = fields[0].substr(slash == std::string_view::npos ? 0 : slash + 1);
  account.name.domain = fields[0].substr(0, slash == std::string_view::npos ? 0 : slash);
  if (!check_account(account.name)) {
    return bad("not a user name");
  }
  if (auto nt = hash_from_hex(fields[3])) {
    account.nt_hash = crypto::NtHash(*nt);
    wipe(nt->data(), nt->size());
  } else if (is_no_password(fields[3])) {
    account.has_hash = false;
  } else {
    return bad("the NT hash (fourth field) is not 32 hexadecimal digits");
  }
  if (auto lm = hash_from_hex(fields[2])) {
    account.lm_hash = crypto::LmHash(*lm);
    wipe(lm->data(), lm->size());
  } else if (!is_no_password(fields[2])) {
    return bad("the LM hash (third field) is neither 32 hexadecimal digits nor 32 times X");
  }
  if (fields.size() > 4) {
    if (const char* why = apply_flags(fields[4], &account)) {
      return bad(why);
    }
  }
  return entry;
}

Entry parse_plain(std::string_view line) {
  const auto first = line.find(':');
  const auto second = line.find(':', first + 1);
  TextEntry entry;
  entry.account.name.domain = line.substr(0, first);
  entry.account.name.user = line.substr(first + 1, second - first - 1);
  entry.password = line.substr(second + 1);
  if (!check_account(entry.account.name)) {
    return bad("not a domain and a user name");
  }
  const auto utf16le = utf16le_from_password(*entry.password);
  if (!utf16le) {
    return bad("the password is not UTF-8 text");
  }
  entry.account.nt_hash = crypto::ntowf_v1(*utf16le);
  return entry;
}

}  // namespace

std::optional<std::array<std::uint8_t, 16>> hash_from_hex(std::string_view hex) {
  std::array<std::uint8_t, 16> hash{};
  if (!read_hex(hex, hash)) {
    return {};
  }
  return hash;
}

std::optional<crypto::LmHash> lm_hash_of(std::string_view password) {
  if (password.size() > 14) {
    return {};
  }
  auto hash = crypto::lmowf_v1(bytes_of(password));
  if (!hash) {
    return {};
  }
  return std::move(*hash);
}

tl::expected<std::optional<TextEntry>, const char*> parse_text_line(std::string_view line) {
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  if (line.size() > kMaxLine) {
    return bad("more than 1024 bytes");
  }
  if (line.starts_with('#') || line.find_first_not_of(" \t") == std::string_view::npos) {
    return std::nullopt;
  }
  if (std::any_of(line.begin(), line.end(),
                  [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; })) {
    return bad("a control character");
  }
  const auto fields = split(line);
  if (fields.size() < 3) {
    return bad("neither DOMAIN:user:password nor a line of smbpasswd");
  }
  const bool smbpasswd = fields.size() > 3 && (is_number(fields[1]) || looks_like_hash(fields[2]) ||
                                               looks_like_hash(fields[3]));
  return smbpasswd ? parse_smbpasswd(fields) : parse_plain(line);
}

void scan_text(std::string_view content,
               const std::function<void(TextEntry&&, std::size_t)>& on_entry,
               const std::function<void(std::size_t, const char*)>& on_fault) {
  if (content.starts_with("\xef\xbb\xbf")) {
    content.remove_prefix(3);  // editors of Windows write a byte order mark
  }
  for (std::size_t number = 1; !content.empty(); ++number) {
    const auto end = content.find('\n');
    auto entry = parse_text_line(content.substr(0, end));
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
    if (!entry) {
      on_fault(number, entry.error());
    } else if (*entry) {
      on_entry(std::move(**entry), number);
    }
  }
}

tl::expected<SecretBytes, std::string> read_text(const TrustedFile& file, const std::string& path) {
  auto content = read_trusted(file, kMaxFile);
  if (!content) {
    return tl::unexpected<std::string>(path + ": " + content.error());
  }
  return content;
}

}  // namespace ntlm::store
