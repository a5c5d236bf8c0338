// SPDX-License-Identifier: MIT
#include "base/audit.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "base/config.h"
#include "base/text.h"
#include "base/trusted_file.h"

namespace ntlm {
namespace {

using std::chrono::system_clock;

constexpr std::size_t kPeerText = 64;    // characters of what a peer says of itself
constexpr std::size_t kPeerBytes = 384;  // and bytes, once escaped
constexpr std::size_t kOurText = 512;

// Failures written in the current second, as (second << 32 | count): no lock that a fork could
// leave held.
std::atomic<std::uint64_t> failures_written{0};
std::atomic<std::uint64_t> unreported{0};

// One JSON object, written from left to right; what is empty or zero is left out.
class JsonLine {
 public:
  void text(const char* key, std::string_view value, std::size_t characters, std::size_t bytes) {
    if (value.empty()) {
      return;
    }
    std::string safe = escaped(value, characters);
    while (safe.size() > bytes) {
      characters /= 2;
      safe = escaped(value, characters);
    }
    start(key);
    line_ += '"' + safe + '"';
  }
  void word(const char* key, const char* value) { text(key, value, kPeerText, kPeerBytes); }
  void peer(const char* key, std::string_view value) { text(key, value, kPeerText, kPeerBytes); }
  void number(const char* key, std::uint64_t value) {
    if (value != 0) {
      start(key);
      line_ += std::to_string(value);
    }
  }
  std::string finish() && { return std::move(line_) + '}'; }

 private:
  void start(const char* key) {
    line_ += line_.size() == 1 ? "\"" : ",\"";
    line_ += key;
    line_ += "\":";
  }
  std::string line_ = "{";
};

struct CivilTime {
  int year;
  unsigned month, day;
  int hour, minute, second, millisecond;
};

// UTC by arithmetic: localtime_r and gmtime_r take a lock of the C library that a fork may leave
// held, and read TZ.
CivilTime civil(system_clock::time_point now) {
  namespace chrono = std::chrono;
  const auto day = chrono::floor<chrono::days>(now);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss time(chrono::floor<chrono::milliseconds>(now - day));
  return {static_cast<int>(date.year()),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          static_cast<int>(time.hours().count()),
          static_cast<int>(time.minutes().count()),
          static_cast<int>(time.seconds().count()),
          static_cast<int>(time.subseconds().count())};
}

// Whether one more failure may be written in this second.
bool admit_failure(std::uint32_t per_second) {
  if (per_second == 0) {
    return true;
  }
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const std::uint64_t second =
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
  std::uint64_t before = failures_written.load(std::memory_order_relaxed);
  std::uint64_t after = 0;
  do {
    after = before >> 32 == second ? before + 1 : (second << 32 | 1);
    if ((after & 0xffffffff) > per_second) {
      return false;
    }
  } while (!failures_written.compare_exchange_weak(before, after, std::memory_order_relaxed));
  return true;
}

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

bool write_syslog(const std::string& path, bool success, const std::string& line) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return false;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  FileDescriptor own;
  const int socket = log_descriptor(own);
  if (socket < 0) {
    return false;
  }
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const CivilTime now = civil(system_clock::now());
  std::array<char, 64> head{};
  (void)std::snprintf(head.data(), head.size(), "<%d>%s %2u %02d:%02d:%02d gss_ntlm[%ld]: ",
                      LOG_AUTHPRIV | (success ? LOG_INFO : LOG_WARNING), kMonths[now.month - 1],
                      now.day, now.hour, now.minute, now.second, static_cast<long>(::getpid()));
  const std::string message = head.data() + line;
  const auto* to = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  return ::sendto(socket, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT, to,
                  sizeof address) == static_cast<ssize_t>(message.size());
}

bool write_file(const std::string& path, const std::string& line) {
  const FileDescriptor file(
      ::open(path.c_str(),
             O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
    return false;
  }
  // Not a device, a pipe, another file's second name, or a file that others may rewrite.
  const bool sound = S_ISREG(status.st_mode) && status.st_nlink == 1 &&
                     (status.st_mode & 022u) == 0 &&
                     (status.st_uid == 0 || status.st_uid == ::geteuid());
  return sound &&
         ::write(file.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

}  // namespace

std::string audit_line(const AuditEvent& event) {
  const CivilTime now = civil(system_clock::now());
  std::array<char, 64> text{};
  (void)std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", now.year,
                      now.month, now.day, now.hour, now.minute, now.second, now.millisecond);
  JsonLine line;
  line.word("time", text.data());
  line.word("event", event.event);
  line.word("result", event.success ? "success" : "failure");
  line.word("reason", event.reason);
  line.word("where", event.where);
  line.peer("user", event.user);
  line.peer("domain", event.domain);
  line.peer("workstation", event.workstation);
  line.peer("principal", event.principal);
  line.peer("service", event.service);
  line.peer("target", event.target);
  line.text("detail", event.detail, kOurText, kOurText);
  line.word("version", event.version);
  if (event.flags != 0) {
    (void)std::snprintf(text.data(), text.size(), "0x%08" PRIx32, event.flags);
    line.word("flags", text.data());
  }
  line.word("mic", event.mic);
  line.word("bindings", event.bindings);
  line.number("key_bits", static_cast<std::uint64_t>(event.key_bits < 0 ? 0 : event.key_bits));
  line.word("store", event.store);
  line.number("duration_us", event.duration_us);
  line.number("pid", static_cast<std::uint64_t>(::getpid()));
  line.number("unreported", event.unreported);
  return std::move(line).finish();
}

AuditSettings AuditSettings::from(const Config& config) {
  AuditSettings settings;
  settings.syslog = config.flag("audit", "syslog");
  settings.json_path = config.text("audit", "json");
  settings.failures_per_second = config.number("audit", "failures_per_second");
  return settings;
}

void audit(const AuditSettings& settings, const AuditEvent& event) {
  if (!settings.syslog && settings.json_path.empty()) {
    return;
  }
  if (!event.success && !admit_failure(settings.failures_per_second)) {
    unreported.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  AuditEvent counted = event;
  counted.unreported = unreported.exchange(0, std::memory_order_relaxed);
  const std::string line = audit_line(counted);
  bool written = settings.syslog && write_syslog(settings.syslog_path, event.success, line);
  if (!settings.json_path.empty()) {
    written = write_file(settings.json_path, line + "\n") || written;
  }
  if (!written) {
    unreported.fetch_add(counted.unreported + 1, std::memory_order_relaxed);
  }
}

}  // namespace ntlm
