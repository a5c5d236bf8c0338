// SPDX-License-Identifier: MIT
// GetUserNameEx: the effective user's name, the impersonated one while the thread impersonates.
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <string>

#include "sspi/secext.h"
#include "sspi_compat/impersonation.h"
#include "sspi_compat/text.h"

namespace sspi {
namespace {

// The NetBIOS form of the host's name: the first label, upper-cased, 15 characters at most.
std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) {
    return {};
  }
  const std::string full = name.data();
  return upper_ascii(full.substr(0, std::min<std::size_t>(full.find('.'), 15)));
}

// Empty when there is no such form of the name.
std::string user_name(EXTENDED_NAME_FORMAT format) {
  if (format != NameSamCompatible && format != NameDisplay) {
    return {};
  }
  if (std::string taken_on = impersonated_name();
      !taken_on.empty() && format == NameSamCompatible) {
    return taken_on;
  }
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return {};
  }
  if (format == NameSamCompatible) {
    return host_name() + "\\" + entry.pw_name;
  }
  const std::string gecos = entry.pw_gecos != nullptr ? entry.pw_gecos : "";
  return gecos.substr(0, gecos.find(','));
}

template <typename Char, typename Text>
DWORD give_name(const std::optional<Text>& name, Char* buffer, PULONG size) {
  if (!name || name->empty()) {
    return ERROR_NONE_MAPPED;
  }
  if (buffer == nullptr || *size < name->size() + 1) {
    *size = static_cast<ULONG>(name->size() + 1);
    return ERROR_MORE_DATA;
  }
  name->copy(buffer, name->size());
  buffer[name->size()] = Char{};
  *size = static_cast<ULONG>(name->size());
  return ERROR_SUCCESS;
}

template <typename Body>
BOOLEAN answer(PULONG size, Body&& body) noexcept {
  DWORD error = ERROR_INVALID_PARAMETER;
  try {
    error = size != nullptr ? body() : error;
  } catch (...) {
    error = ERROR_NOT_ENOUGH_MEMORY;
  }
  SspiCompatSetLastError(error);
  return error == ERROR_SUCCESS ? TRUE : FALSE;
}

}  // namespace
}  // namespace sspi

using namespace sspi;

extern "C" {

BOOLEAN GetUserNameExA(EXTENDED_NAME_FORMAT NameFormat, LPSTR lpNameBuffer, PULONG nSize) {
  return answer(
      nSize, [&] { return give_name(std::optional(user_name(NameFormat)), lpNameBuffer, nSize); });
}

BOOLEAN GetUserNameExW(EXTENDED_NAME_FORMAT NameFormat, LPWSTR lpNameBuffer, PULONG nSize) {
  return answer(nSize,
                [&] { return give_name(to_wide(user_name(NameFormat)), lpNameBuffer, nSize); });
}

}  // extern "C"
