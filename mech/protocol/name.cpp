// SPDX-License-Identifier: MIT
#include "protocol/name.h"

#include "base/text.h"

namespace ntlm::protocol {
namespace {

// UTF-16 units, as Windows and security.md R7 limit them.
constexpr std::size_t kMaxUser = 256;
constexpr std::size_t kMaxDomain = 255;
constexpr std::size_t kMaxSpn = 256;

}  // namespace

Result<void> check_account(const AccountName& name) {
  TRY(const std::size_t user, utf16_units(name.user));
  TRY(const std::size_t domain, utf16_units(name.domain));
  // A backslash inside would be displayed as another account's domain.
  if (user == 0 || user > kMaxUser || name.user.find('\\') != std::string::npos) {
    return fail(Errc::kBadName, "account.user");
  }
  if (domain > kMaxDomain || name.domain.find('\\') != std::string::npos) {
    return fail(Errc::kBadName, "account.domain");
  }
  return {};
}

Result<AccountName> parse_account(std::string_view text, bool split_upn) {
  AccountName name;
  if (const auto slash = text.find('\\'); slash != std::string_view::npos) {
    name.domain = text.substr(0, slash);
    name.user = text.substr(slash + 1);
  } else if (const auto at = text.rfind('@'); split_upn && at != std::string_view::npos) {
    name.user = text.substr(0, at);
    name.domain = text.substr(at + 1);
    if (name.domain.empty()) {
      return fail(Errc::kBadName, "account.domain");
    }
  } else {
    name.user = text;
  }
  TRY_VOID(check_account(name));
  return name;
}

Result<ServiceName> parse_service(std::string_view text) {
  if (text.ends_with('\0')) {
    text.remove_suffix(1);
  }
  const auto separator = text.find_first_of("@/");
  ServiceName name{std::string(text.substr(0, separator)), {}};
  if (separator != std::string_view::npos) {
    name.host = text.substr(separator + 1);
  }
  TRY(const std::size_t size, utf16_units(text));
  if (name.service.empty() || size > kMaxSpn) {
    return fail(Errc::kBadName, "service");
  }
  return name;
}

std::string spn(const ServiceName& name) {
  return name.host.empty() ? std::string() : name.service + '/' + name.host;
}

std::string display(const AccountName& name, DisplayForm form) {
  if (form == DisplayForm::kUserAtDomain) {
    const auto splits = [](std::string_view part) { return part.find('@') != part.npos; };
    if (splits(name.user) || splits(name.domain)) {
      return name.domain + '\\' + name.user;
    }
    return name.domain.empty() ? name.user : name.user + '@' + name.domain;
  }
  return name.domain.empty() ? name.user : name.domain + '\\' + name.user;
}

}  // namespace ntlm::protocol
