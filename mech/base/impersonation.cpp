// SPDX-License-Identifier: MIT
#include "base/impersonation.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/trusted_file.h"

namespace ntlm {
namespace {

// "Uid:\t1000\t1000\t1000\t1000\n": real, effective, saved, file system. Whether the last is not
// the effective one.
std::optional<bool> differs(std::string_view status, std::string_view line) {
  std::size_t at = status.find(line);
  if (at == status.npos) {
    return std::nullopt;
  }
  at += line.size();
  std::array<unsigned, 4> ids{};
  for (unsigned& id : ids) {
    at = status.find_first_not_of('\t', at);
    if (at == status.npos) {
      return std::nullopt;
    }
    const auto [end, fault] =
        std::from_chars(status.data() + at, status.data() + status.size(), id);
    if (fault != std::errc()) {
      return std::nullopt;
    }
    at = static_cast<std::size_t>(end - status.data());
  }
  return ids[1] != ids[3];
}

// Whether it could have other ids at all. Impersonation takes file capabilities away, not this one.
bool may_change_ids() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  return ::syscall(SYS_capget, &header, data.data()) != 0 ||
         (data[0].effective & (1U << CAP_SETUID | 1U << CAP_SETGID)) != 0;
}

bool by_calls() {
  if (!may_change_ids()) {
    return false;
  }
  constexpr auto kAsk = static_cast<unsigned>(-1);  // changes nothing and answers what is
  // -1: refused by a sandbox, in which nobody impersonates.
  const auto is_not = [](int is, unsigned own) {
    return is != -1 && static_cast<unsigned>(is) != own;
  };
  return is_not(::setfsuid(kAsk), ::geteuid()) || is_not(::setfsgid(kAsk), ::getegid());
}

}  // namespace

// setfsuid(2) is nothing that a hardened service may call (systemd's @privileged): it is asked only
// where /proc is not there or closed.
std::optional<bool> impersonates() noexcept {
  const FileDescriptor file(::open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) {
    const bool later = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
    return later ? std::nullopt : std::optional(by_calls());
  }
  std::array<char, 1024> text;  // both lines stand among the first ten
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  const std::string_view status(text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  const auto user = differs(status, "\nUid:"), group = differs(status, "\nGid:");
  return user && group ? std::optional(*user || *group) : std::nullopt;
}

}  // namespace ntlm
