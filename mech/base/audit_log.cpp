// SPDX-License-Identifier: MIT
// The datagram sockets of the system log: /dev/log and that of systemd's journal.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>

#include "base/audit_sinks.h"
#include "base/trusted_file.h"

namespace ntlm {
namespace {

// The socket that is kept, since making one costs more than sending: its inode and, in the low 16
// bits, its descriptor. A daemon that closes all descriptors does not ask us, and the number may be
// somebody else's the next time: so the inode is compared before each use. A fork may share it: a
// datagram socket without a peer has no state that parent and child could spoil for each other.
std::atomic<std::uint64_t> kept_socket{0};

// 0: not a socket, or not one that can be kept.
std::uint64_t identity(int fd) {
  struct stat status {};
  if (fd < 0 || fd > 0xffff || ::fstat(fd, &status) != 0 || !S_ISSOCK(status.st_mode)) {
    return 0;
  }
  return static_cast<std::uint64_t>(status.st_ino) << 16 | static_cast<std::uint64_t>(fd);
}

// A descriptor to send from; `own` holds it when it is not kept.
int log_descriptor(FileDescriptor& own) {
  std::uint64_t kept = kept_socket.load();
  const int descriptor = static_cast<int>(kept & 0xffff);
  if (kept != 0 && identity(descriptor) == kept) {
    return descriptor;
  }
  own = FileDescriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const std::uint64_t made = identity(own.get());
  if (made != 0 && kept_socket.compare_exchange_strong(kept, made)) {
    return own.release();
  }
  return own.get();
}

}  // namespace

bool send_datagram(const std::string& path, std::string_view message) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return false;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  FileDescriptor own;
  const int socket = log_descriptor(own);
  const auto* to = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  return socket >= 0 &&
         ::sendto(socket, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT, to,
                  sizeof address) == static_cast<ssize_t>(message.size());
}

std::string syslog_entry(bool success, std::string_view line) {
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const CivilTime now = civil(std::chrono::system_clock::now());
  std::array<char, 64> head{};
  (void)std::snprintf(head.data(), head.size(), "<%d>%s %2u %02d:%02d:%02d gss_ntlm[%ld]: ",
                      LOG_AUTHPRIV | (success ? LOG_INFO : LOG_WARNING), kMonths[now.month - 1],
                      now.day, now.hour, now.minute, now.second, static_cast<long>(::getpid()));
  return std::string(head.data()).append(line);
}

}  // namespace ntlm
