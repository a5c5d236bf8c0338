// SPDX-License-Identifier: MIT
// Opening a file that decides who gets in (security.md P8): each path component without following
// symbolic links, then the opened file itself is looked at: regular, one link, owned by root or the
// effective user, mode & 027 == 0; each directory above owned by root or the effective user, and
// not writable by others unless sticky.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/bytes.h"
#include "base/secret.h"

namespace ntlm {

// A file descriptor that closes itself.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();
  int get() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_ = -1;
};

struct TrustedFile {
  FileDescriptor fd;
  struct stat status {};
};

// What may be wrong with the permissions of a file that holds secrets (kSecret: nobody else reads)
// or of one that only must not be written by others (kConfiguration).
enum class Trust : std::uint8_t { kSecret, kConfiguration };

// The error is a sentence for the administrator: "/etc/gss/ntlm.users: mode 0644 lets others read
// it; chmod 0640". A file that is replaced meanwhile by rename() is no error: the one or the other
// is opened.
tl::expected<TrustedFile, std::string> open_trusted(const std::string& path, Trust trust);
// The directories above, and the entry itself when it exists (for the database file before LMDB
// opens it).
tl::expected<void, std::string> check_trusted(const std::string& path, Trust trust);
// The directory that holds `path`, for a file that is made or written there: it and those above are
// as open_trusted() wants them. The file itself may be missing.
tl::expected<FileDescriptor, std::string> open_trusted_directory(const std::string& path);
// The whole content; `limit` bytes at most (64 MiB by default).
tl::expected<SecretBytes, std::string> read_trusted(const TrustedFile& file,
                                                    std::size_t limit = 64u << 20);

}  // namespace ntlm
