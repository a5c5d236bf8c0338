// SPDX-License-Identifier: MIT
// Every directory must be looked at, so the path is walked with openat(O_NOFOLLOW) component by
// component: what was looked at is what the next step starts from. openat2(RESOLVE_NO_SYMLINKS)
// would add nothing to that, and a kernel or a system call filter without it needs no second way
// here.
#include "base/trusted_file.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <system_error>

namespace ntlm {
namespace {

using Refusal = tl::unexpected<std::string>;

Refusal refuse(const std::string& path, const std::string& why) {
  return Refusal(path + ": " + why);
}

Refusal refuse_errno(const std::string& path) {
  return refuse(path, std::error_code(errno, std::generic_category()).message());
}

std::string octal(mode_t mode) {
  std::array<char, 8> text{};
  (void)std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode & 07777u));
  return text.data();
}

bool owned_by_root_or_us(const struct stat& status) {
  return status.st_uid == 0 || status.st_uid == ::geteuid();
}

std::string owner_fault(const struct stat& status) {
  return "owned by uid " + std::to_string(status.st_uid) + ", not by root or uid " +
         std::to_string(::geteuid());
}

tl::expected<void, std::string> check_directory(const std::string& path,
                                                const struct stat& status) {
  if (S_ISLNK(status.st_mode)) {
    return refuse(path, "a symbolic link; name the directory that it points to");
  }
  if (!S_ISDIR(status.st_mode)) {
    return refuse(path, "not a directory");
  }
  if (!owned_by_root_or_us(status)) {
    return refuse(path, owner_fault(status));
  }
  if ((status.st_mode & 022u) != 0 && (status.st_mode & S_ISVTX) == 0) {
    return refuse(path, "mode " + octal(status.st_mode) +
                            " lets others replace what is in this directory; chmod go-w");
  }
  return {};
}

tl::expected<void, std::string> check_file(const std::string& path, const struct stat& status,
                                           Trust trust) {
  if (S_ISLNK(status.st_mode)) {
    return refuse(path, "a symbolic link; name the file that it points to");
  }
  if (!S_ISREG(status.st_mode)) {
    return refuse(path, "not a regular file");
  }
  if (status.st_nlink == 0) {
    return refuse(path, "deleted or replaced while it was opened");
  }
  if (status.st_nlink != 1) {
    return refuse(path, "has " + std::to_string(status.st_nlink) + " hard links; one is allowed");
  }
  if (!owned_by_root_or_us(status)) {
    return refuse(path, owner_fault(status));
  }
  const std::string mode = "mode " + octal(status.st_mode);
  if ((status.st_mode & 022u) != 0) {
    return refuse(path, mode + " lets others write it; chmod go-w");
  }
  if (trust == Trust::kSecret && (status.st_mode & 07u) != 0) {
    return refuse(path, mode + " lets others read it; chmod 0640");
  }
  return {};
}

struct Entry {
  FileDescriptor directory;
  std::string path;  // absolute
  std::string name;  // its last component
};

// Steps into the directory `name` below `directory`; `path` is how far the walk has come, for
// messages.
tl::expected<FileDescriptor, std::string> enter(int directory, const std::string& name,
                                                const std::string& path) {
  FileDescriptor next(::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (next.get() < 0 || ::fstat(next.get(), &status) != 0) {
    return refuse_errno(path);
  }
  if (auto sound = check_directory(path, status); !sound) {
    return Refusal(sound.error());
  }
  return next;
}

tl::expected<Entry, std::string> walk(const std::string& given) {
  Entry entry;
  entry.path = given;
  if (given.empty() || given.find('\0') != std::string::npos || given.size() >= PATH_MAX) {
    return refuse("'" + given + "'", "not a path");
  }
  if (given[0] != '/') {
    std::array<char, PATH_MAX> here{};
    if (::getcwd(here.data(), here.size()) == nullptr) {
      return refuse_errno(given);
    }
    entry.path = std::string(here.data()) + "/" + given;
  }
  auto directory = enter(AT_FDCWD, "/", "/");
  std::size_t start = entry.path.find_first_not_of('/');
  while (directory && start != std::string::npos) {
    const std::size_t end = entry.path.find('/', start);
    entry.name = entry.path.substr(start, end == std::string::npos ? end : end - start);
    start = entry.path.find_first_not_of('/', end);
    if (entry.name == "..") {
      return refuse(given, "the path must not contain '..'");
    }
    if (start == std::string::npos) {
      break;
    }
    if (entry.name != ".") {
      directory = enter(directory->get(), entry.name, entry.path.substr(0, end));
    }
  }
  if (!directory) {
    return Refusal(directory.error());
  }
  if (entry.name.empty() || entry.name == "." || entry.path.back() == '/') {
    return refuse(given, "not a regular file");
  }
  entry.directory = std::move(*directory);
  return entry;
}

// A file that another is renamed over has no link any more, for a moment already before the name
// stands for the other. Not without end: somebody may be at it all the time.
constexpr int kTries = 3;
constexpr timespec kPause{0, 2'000'000};

tl::expected<TrustedFile, std::string> open_entry(const Entry& entry, const std::string& path) {
  // Not blocking, so that a named pipe cannot hold us up before it is refused.
  TrustedFile file;
  file.fd = FileDescriptor(::openat(entry.directory.get(), entry.name.c_str(),
                                    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (file.fd.get() < 0 && errno == ELOOP) {
    return refuse(path, "a symbolic link; name the file that it points to");
  }
  if (file.fd.get() < 0 || ::fstat(file.fd.get(), &file.status) != 0) {
    return refuse_errno(path);
  }
  return file;
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) {
      ::close(fd_);
    }
    fd_ = other.release();
  }
  return *this;
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

tl::expected<TrustedFile, std::string> open_trusted(const std::string& path, Trust trust) {
  const auto entry = walk(path);
  if (!entry) {
    return Refusal(entry.error());
  }
  auto file = open_entry(*entry, path);
  for (int tries = 1; file && file->status.st_nlink == 0 && tries < kTries; ++tries) {
    ::nanosleep(&kPause, nullptr);
    file = open_entry(*entry, path);
  }
  if (!file) {
    return file;
  }
  if (auto sound = check_file(path, file->status, trust); !sound) {
    return Refusal(sound.error());
  }
  return file;
}

tl::expected<void, std::string> check_trusted(const std::string& path, Trust trust) {
  const auto entry = walk(path);
  if (!entry) {
    return Refusal(entry.error());
  }
  struct stat status {};
  if (::fstatat(entry->directory.get(), entry->name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) {
      return {};
    }
    return refuse_errno(path);
  }
  return check_file(path, status, trust);
}

tl::expected<FileDescriptor, std::string> open_trusted_directory(const std::string& path) {
  auto entry = walk(path);
  if (!entry) {
    return Refusal(entry.error());
  }
  return std::move(entry->directory);
}

tl::expected<SecretBytes, std::string> read_trusted(const TrustedFile& file, std::size_t limit) {
  SecretBytes content;
  constexpr std::size_t kStep = 65536;
  // From the status one knows the size at opening; a file that grows meanwhile is read to its new
  // end.
  std::size_t room = std::min(limit, static_cast<std::size_t>(file.status.st_size)) + 1;
  for (std::size_t filled = 0;;) {
    content.resize(filled + room);
    const ssize_t got =
        ::pread(file.fd.get(), content.data() + filled, room, static_cast<off_t>(filled));
    if (got < 0 && errno != EINTR) {
      return Refusal(std::error_code(errno, std::generic_category()).message());
    }
    filled += got > 0 ? static_cast<std::size_t>(got) : 0;
    if (filled > limit) {
      return Refusal("larger than " + std::to_string(limit) + " bytes");
    }
    if (got == 0) {
      content.resize(filled);
      return content;
    }
    room = kStep;
  }
}

}  // namespace ntlm
