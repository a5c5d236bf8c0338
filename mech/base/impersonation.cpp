// SPDX-License-Identifier: MIT
#include "base/impersonation.h"

#include <fcntl.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include <array>
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

// Both lines stand among the first ten.
std::optional<bool> by_proc() {
  const FileDescriptor file(::open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> text;
  const ssize_t size = ::read(file.get(), text.data(), text.size());
  if (size <= 0) {
    return std::nullopt;
  }
  const std::string_view status(text.data(), static_cast<std::size_t>(size));
  const auto user = differs(status, "\nUid:"), group = differs(status, "\nGid:");
  return user && group ? std::optional(*user || *group) : std::nullopt;
}

bool by_calls() {
  constexpr auto kAsk = static_cast<unsigned>(-1);  // changes nothing and answers what is
  // -1: refused by a sandbox, in which nobody impersonates.
  const auto is_not = [](int is, unsigned own) {
    return is != -1 && static_cast<unsigned>(is) != own;
  };
  return is_not(::setfsuid(kAsk), ::geteuid()) || is_not(::setfsgid(kAsk), ::getegid());
}

}  // namespace

// setfsuid(2) is nothing that a hardened service may call (systemd's @privileged), so it is asked
// only where there is no /proc.
bool impersonates() noexcept {
  const auto answer = by_proc();
  return answer ? *answer : by_calls();
}

}  // namespace ntlm
