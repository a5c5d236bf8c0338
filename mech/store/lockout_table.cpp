// SPDX-License-Identifier: MIT
#include "store/lockout_table.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>

#include "base/trusted_file.h"
#include "crypto/primitives.h"

namespace ntlm::store {
namespace {

using Mapped = LockoutTable::Mapped;
using Refusal = tl::unexpected<std::string>;

constexpr std::array<char, 8> kMagic = {'N', 'T', 'L', 'M', 'L', 'O', 'C', 'K'};
constexpr std::uint32_t kVersion = 3;

static_assert(sizeof(LockoutTable) == 64 + 8 * std::size_t{LockoutTable::kWords});
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

Refusal refuse(const std::string& path, int error) {
  return Refusal(path + ": " + std::error_code(error, std::generic_category()).message());
}

// -1: of no file.
Mapped map(int fd) {
  const int flags = MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0);
  void* memory = ::mmap(nullptr, sizeof(LockoutTable), PROT_READ | PROT_WRITE, flags, fd, 0);
  return Mapped(memory == MAP_FAILED ? nullptr : static_cast<LockoutTable*>(memory));
}

bool is_sound(const LockoutTable& table) {
  return table.magic == kMagic && table.version == kVersion && table.count == LockoutTable::kWords;
}

void begin(LockoutTable& table) {
  std::fill(table.words.begin(), table.words.end(), 0);
  crypto::random_bytes(table.key);
  table.version = kVersion;
  table.count = LockoutTable::kWords;
  table.magic = kMagic;
}

// Waits a little for another process that is making the table, never for long.
bool lock_file(int fd) {
  constexpr timespec kPause{0, 2'000'000};
  for (int tries = 0; tries < 50; ++tries) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
      return true;
    }
    ::nanosleep(&kPause, nullptr);
  }
  return false;
}

// To the size of a table; what had another size is emptied first. A page that the file system has
// no room for would be a signal at the first use. 0, or errno.
int resize(int fd) {
  struct stat status {};
  const bool sized = ::fstat(fd, &status) == 0 && status.st_size == off_t{sizeof(LockoutTable)};
  if (!sized && ::ftruncate(fd, 0) != 0) {
    return errno;
  }
  int error = 0;
  do {
    error = ::posix_fallocate(fd, 0, sizeof(LockoutTable));
  } while (error == EINTR);
  return error;
}

}  // namespace

void LockoutTable::Unmap::operator()(LockoutTable* table) const { ::munmap(table, sizeof *table); }

Mapped LockoutTable::in_memory() {
  Mapped table = map(-1);
  if (table == nullptr) {
    throw std::bad_alloc();
  }
  begin(*table);
  return table;
}

tl::expected<Mapped, std::string> LockoutTable::open(const std::string& directory,
                                                     std::uint32_t owner) {
  const std::string name = "lockout-" + std::to_string(owner);
  const std::string path = directory + "/" + name;
  const auto parent = open_trusted_directory(path);
  if (!parent) {
    return Refusal(parent.error());
  }
  constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const int create = owner == ::geteuid() ? O_CREAT : 0;
  const FileDescriptor file(::openat(parent->get(), name.c_str(), kFlags | create, 0600));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
    return refuse(path, errno);
  }
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1 || status.st_uid != owner ||
      (status.st_mode & 077u) != 0) {
    return Refusal(path + ": not a regular file of uid " + std::to_string(owner) +
                   " with mode 0600 and one name");
  }
  // Whoever has the lock sees a whole table, or makes one.
  if (!lock_file(file.get())) {
    return Refusal(path + ": another process holds its lock");
  }
  if (const int error = resize(file.get()); error != 0) {
    return refuse(path, error);
  }
  Mapped table = map(file.get());
  if (table == nullptr) {
    return refuse(path, errno);
  }
  if (!is_sound(*table)) {
    begin(*table);
  }
  ::flock(file.get(), LOCK_UN);  // the mapping keeps the open file, and would keep its lock
  return table;
}

}  // namespace ntlm::store
