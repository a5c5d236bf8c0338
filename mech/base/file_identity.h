// SPDX-License-Identifier: MIT
// What tells one content of a path from the next without reading it. Two contents may bear the same
// time stamp if they were written within a tick of the kernel's clock (10 ms at most; finer since
// Linux 6.13), so what is read of a file that changed just now is good for one use only.
#pragma once

#include <sys/stat.h>
#include <time.h>

#include <cerrno>
#include <cstdint>
#include <string>

namespace ntlm {

struct FileIdentity {
  FileIdentity() = default;  // of a file that is not there
  explicit FileIdentity(const struct stat& status)
      : error(0),
        device(status.st_dev),
        inode(status.st_ino),
        size(status.st_size),
        modified(nanoseconds(status.st_mtim)),
        changed(nanoseconds(status.st_ctim)) {}
  static FileIdentity of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) {
      return FileIdentity(status);
    }
    FileIdentity none;
    none.error = errno;
    return none;
  }
  bool operator==(const FileIdentity&) const = default;

  // To be asked before the file is read: a change that comes while it is read, or later, then has
  // another time stamp unless this is true. A tick, and some room. By the fine clock, which is not
  // behind a fine time stamp.
  bool changed_just_now() const {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    const std::int64_t age = nanoseconds(now) - changed;
    return error == 0 && age >= 0 && age < 20'000'000;
  }

  int error = ENOENT;  // 0: it is there; otherwise why it cannot be looked at
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t modified = 0, changed = 0;  // nanoseconds since 1970

 private:
  static std::int64_t nanoseconds(const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  }
};

}  // namespace ntlm
