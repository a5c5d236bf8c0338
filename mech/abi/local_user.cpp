// SPDX-License-Identifier: MIT
#include "abi/local_user.h"

#include <pwd.h>

#include <cerrno>
#include <optional>

namespace ntlm::abi {
namespace {

// A look-up of the passwd database, with as much room as the entry needs.
template <typename Lookup>
std::optional<std::string> user_name(Lookup&& lookup) {
  constexpr std::size_t kMostRoom = 1u << 20;
  for (std::size_t room = 1024; room <= kMostRoom; room *= 4) {
    std::vector<char> buffer(room);
    passwd entry{};
    passwd* found = nullptr;
    const int error = lookup(&entry, buffer.data(), room, &found);
    if (error == ERANGE) {
      continue;
    }
    if (error != 0 || found == nullptr) {
      return std::nullopt;
    }
    return std::string(entry.pw_name);
  }
  return std::nullopt;
}

std::optional<std::string> user_named(const std::string& wanted) {
  return user_name([&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return ::getpwnam_r(wanted.c_str(), entry, buffer, size, found);
  });
}

}  // namespace

Result<std::string> user_of(uid_t uid) {
  auto name = user_name([&](passwd* entry, char* buffer, std::size_t size, passwd** found) {
    return ::getpwuid_r(uid, entry, buffer, size, found);
  });
  if (!name) {
    return fail(Errc::kBadName, "uid");
  }
  return *std::move(name);
}

Result<std::string> local_user(const NameObject& name) {
  if (name.kind != NameObject::Kind::kAccount) {
    return fail(Errc::kBadName, "account");
  }
  const protocol::AccountName& account = name.account;
  if (own_domain(account.domain)) {
    return account.user;
  }
  const std::string with_backslash =
      protocol::display(account, protocol::DisplayForm::kDomainBackslashUser);
  if (auto user = user_named(with_backslash)) {
    return *std::move(user);
  }
  if (auto user = user_named(protocol::display(account, protocol::DisplayForm::kUserAtDomain))) {
    return *std::move(user);
  }
  return with_backslash;
}

}  // namespace ntlm::abi
