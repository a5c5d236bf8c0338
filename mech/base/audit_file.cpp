// SPDX-License-Identifier: MIT
// The file of JSON lines. Processes share it without a word: each record is one append of a
// descriptor opened for it, so none lands in the middle of another, and one that was opened just
// before a rotation lands in FILE.1. Who rotates holds a lock on the file that is FILE when it
// begins; its last step is to rename that file, so nobody can lock the next FILE before it is done.
// The directories above are looked at when the file is not that of the record before.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <system_error>

#include "base/audit_sinks.h"
#include "base/trusted_file.h"

namespace ntlm {
namespace {

tl::unexpected<std::string> refuse(const std::string& path, const std::string& why) {
  return tl::unexpected<std::string>(path + ": " + why);
}

tl::unexpected<std::string> refuse_errno(const std::string& path) {
  return refuse(path, std::error_code(errno, std::generic_category()).message());
}

// Whether a record of which a full disk took only the beginning stands at the end. An append in
// progress looks so too, where it crosses a page: it is given time, which our own append would have
// to wait as well. An empty line is the worst that comes of a wrong answer. While the disk stays
// full the end stays as it is, and is waited for once.
std::atomic<off_t> waited_for{0};

bool ends_in_a_torn_record(const TrustedFile& file) {
  constexpr timespec kPause{0, 1'000'000};
  off_t size = file.status.st_size;
  for (int look = 0; look < 20; ++look) {
    char last = '\n';
    if (size == 0 || ::pread(file.fd.get(), &last, 1, size - 1) != 1 || last == '\n') {
      return false;
    }
    if (waited_for.load(std::memory_order_relaxed) == size) {
      return true;
    }
    ::nanosleep(&kPause, nullptr);
    struct stat status {};
    if (::fstat(file.fd.get(), &status) != 0) {
      return false;
    }
    size = status.st_size;
  }
  waited_for.store(size, std::memory_order_relaxed);
  return true;
}

std::string old_name(const std::string& name, std::uint32_t number) {
  return name + "." + std::to_string(number);
}

// Holds the lock. Rather a long file than one old file less: a step that fails is the last.
void move_along(int directory, const std::string& name, int fd, std::uint32_t keep) {
  struct stat ours {};
  struct stat there {};
  if (::fstat(fd, &ours) != 0 ||
      ::fstatat(directory, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) != 0 ||
      ours.st_ino != there.st_ino || ours.st_dev != there.st_dev) {
    return;  // it has been done
  }
  for (std::uint32_t number = keep; number > 0; --number) {
    const std::string from = number == 1 ? name : old_name(name, number - 1);
    if (::renameat(directory, from.c_str(), directory, old_name(name, number).c_str()) != 0 &&
        errno != ENOENT) {
      return;
    }
  }
}

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void rotate(const AuditFile& settings, int fd) {
  const auto directory = open_trusted_directory(settings.path);
  if (!directory || ::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return;  // somebody else is at it
  }
  move_along(directory->get(), name_of(settings.path), fd, settings.keep);
  (void)::flock(fd, LOCK_UN);  // a child forked meanwhile has the descriptor too
}

constexpr int kOpenFlags = O_RDWR | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

// Not a device, a pipe, another file's second name, or a file that others may rewrite.
bool may_be_written(const struct stat& status) {
  return S_ISREG(status.st_mode) && status.st_nlink == 1 && (status.st_mode & 022u) == 0 &&
         (status.st_uid == 0 || status.st_uid == ::geteuid());
}

// The file to which this thread last found its way through trusted directories. Who comes to the
// same one by its path alone has lost nothing: whatever has become of the directories since, none
// of them leads elsewhere.
struct Known {
  dev_t device;
  ino_t inode;  // 0: none
};
constinit thread_local Known known{};

std::optional<TrustedFile> open_known(const std::string& path) {
  if (known.inode == 0) {
    return std::nullopt;
  }
  TrustedFile file;
  file.fd = FileDescriptor(::open(path.c_str(), kOpenFlags));
  if (file.fd.get() < 0 || ::fstat(file.fd.get(), &file.status) != 0 ||
      file.status.st_dev != known.device || file.status.st_ino != known.inode ||
      !may_be_written(file.status)) {
    return std::nullopt;
  }
  return file;
}

// Makes it if need be. By this name no more than what was looked at can be meant.
tl::expected<TrustedFile, std::string> open_anew(const std::string& path) {
  known = {};
  const auto directory = open_trusted_directory(path);
  if (!directory) {
    return tl::unexpected<std::string>(directory.error());
  }
  TrustedFile file;
  // What was removed between the two calls has no name any more, and what is written to it is lost.
  for (int tries = 0; tries < 3 && file.status.st_nlink == 0; ++tries) {
    file.fd = FileDescriptor(
        ::openat(directory->get(), name_of(path).c_str(), kOpenFlags | O_CREAT, 0640));
    if (file.fd.get() < 0 && errno == ELOOP) {
      return refuse(path, "a symbolic link; name the file that it points to");
    }
    if (file.fd.get() < 0 || ::fstat(file.fd.get(), &file.status) != 0) {
      return refuse_errno(path);
    }
  }
  if (!may_be_written(file.status)) {
    return refuse(path, "not a regular file of root or uid " + std::to_string(::geteuid()) +
                            " with one name, which nobody else may write");
  }
  known = {file.status.st_dev, file.status.st_ino};
  return file;
}

// Ready to be appended to.
tl::expected<TrustedFile, std::string> open_file(const std::string& path) {
  if (auto file = open_known(path)) {
    return std::move(*file);
  }
  return open_anew(path);
}

}  // namespace

tl::expected<void, std::string> append_record(const AuditFile& settings, std::string_view line) {
  const std::string& path = settings.path;
  const auto file = open_file(path);
  if (!file) {
    return tl::unexpected<std::string>(file.error());
  }
  std::string record = ends_in_a_torn_record(*file) ? "\n" : "";
  record.append(line).append("\n");
  const ssize_t written = ::write(file->fd.get(), record.data(), record.size());
  if (written != static_cast<ssize_t>(record.size())) {
    return written < 0 ? refuse_errno(path) : refuse(path, "no room for a whole record");
  }
  const auto size = static_cast<std::uint64_t>(file->status.st_size) + record.size();
  if (settings.max_size != 0 && size >= settings.max_size) {
    rotate(settings, file->fd.get());
  }
  return {};
}

}  // namespace ntlm
