// SPDX-License-Identifier: MIT
#include "store/database_writer.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace ntlm::store {
namespace {

using protocol::AccountName;
using Outcome = tl::expected<void, std::string>;

constexpr int kLockTries = 600;  // of 50 ms

tl::unexpected<std::string> refuse(const std::string& path, const std::string& why) {
  return tl::unexpected<std::string>(path + ": " + why);
}
tl::unexpected<std::string> refuse_errno(const std::string& path) {
  return refuse(path, std::error_code(errno, std::generic_category()).message());
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

tl::expected<FileDescriptor, std::string> lock(const std::string& path) {
  FileDescriptor file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600));
  if (file.get() < 0) {
    return refuse_errno(path);
  }
  for (int tries = 0; ::flock(file.get(), LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return refuse_errno(path);
    }
    if (tries == kLockTries) {
      return refuse(path, "another program has been changing the accounts for 30 seconds");
    }
    ::usleep(50'000);
  }
  return file;
}

// liblmdb's writer on a new file that nobody else knows yet: no lock, and one sync at the end.
class Appender {
 public:
  Appender() = default;
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;
  ~Appender() {
    ::mdb_txn_abort(transaction_);
    ::mdb_env_close(environment_);
  }

  int open(const std::string& path, std::size_t size) {
    int code = ::mdb_env_create(&environment_);
    if (code == 0) {
      code = ::mdb_env_set_mapsize(environment_, size);
    }
    if (code == 0) {
      code =
          ::mdb_env_open(environment_, path.c_str(), MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600);
    }
    if (code == 0) {
      code = ::mdb_txn_begin(environment_, nullptr, 0, &transaction_);
    }
    return code == 0 ? ::mdb_dbi_open(transaction_, nullptr, 0, &table_) : code;
  }

  // Keys come in their order.
  int append(ByteView key, ByteView value) {
    MDB_val key_bytes = val(key);
    MDB_val value_bytes = val(value);
    return ::mdb_put(transaction_, table_, &key_bytes, &value_bytes, MDB_APPEND);
  }

  int commit() { return ::mdb_txn_commit(std::exchange(transaction_, nullptr)); }

 private:
  static MDB_val val(ByteView bytes) {
    return {bytes.size(), const_cast<std::uint8_t*>(bytes.data())};
  }

  MDB_env* environment_ = nullptr;
  MDB_txn* transaction_ = nullptr;
  MDB_dbi table_ = 0;
};

// Room that a record takes at the most: its node and pointer, or pages of its own, and its share of
// branches.
std::size_t room(std::size_t key_size, std::size_t value_size) {
  return 2 * (key_size + value_size + 32) + (value_size > 1000 ? 2 * 65536 : 0);
}

}  // namespace

tl::expected<DatabaseEdit, std::string> DatabaseEdit::begin(const std::string& path) {
  DatabaseEdit edit;
  edit.path_ = path;
  if (::mkdir(directory_of(path).c_str(), 0750) != 0 && errno != EEXIST) {
    return refuse_errno(directory_of(path));
  }
  if (auto trusted = check_trusted(path, Trust::kSecret); !trusted) {
    return tl::unexpected<std::string>(trusted.error());
  }
  auto locked = lock(path + ".lock");
  if (!locked) {
    return tl::unexpected<std::string>(locked.error());
  }
  edit.lock_ = std::move(*locked);
  if (::lstat(path.c_str(), &edit.status_) != 0) {
    edit.status_ = {};
    if (errno != ENOENT) {
      return refuse_errno(path);
    }
    return edit;
  }
  auto before = DatabaseFile::open(path);
  if (!before) {
    return tl::unexpected<std::string>(before.error());
  }
  edit.before_ = std::move(*before);
  return edit;
}

bool DatabaseEdit::has(const AccountName& name) const {
  const auto change = changes_.find(database_key(name));
  return change != changes_.end() ? change->second.has_value()
                                  : before_ && before_->get(name).has_value();
}

Result<void> DatabaseEdit::put(const StoredAccount& account) {
  TRY_VOID(check_account(account.account.name));
  TRY(SecretBytes value, write_record(account));
  changes_[database_key(account.account.name)] = std::move(value);
  return {};
}

void DatabaseEdit::remove(const AccountName& name) { changes_[database_key(name)] = std::nullopt; }

std::size_t DatabaseEdit::records_after() const {
  std::size_t count = before_ ? before_->accounts() : 0;
  for (const auto& [key, value] : changes_) {
    const bool was = before_ && before_->has_key(key);
    if (value && !was) {
      ++count;
    } else if (!value && was) {
      --count;
    }
  }
  return count;
}

// The merge of the old records and the changes.
Outcome DatabaseEdit::build(const std::string& file, const Progress& progress) const {
  std::size_t size = 4u << 20;
  for (const auto& [key, value] : changes_) {
    size += value ? room(key.size(), value->size()) : 0;
  }
  size += 2 * static_cast<std::size_t>(status_.st_size);
  Appender out;
  const auto failed = [&](int code) { return refuse(file, ::mdb_strerror(code)); };
  if (const int code = out.open(file, (size + 0xffff) & ~std::size_t{0xffff}); code != 0) {
    return failed(code);
  }
  const std::size_t all = records_after();
  std::size_t done = 0;
  int code =
      out.append(bytes_of(header_key()), write_header(static_cast<std::uint64_t>(::time(nullptr))));
  const auto append = [&](ByteView key, ByteView value) {
    code = out.append(key, value);
    if (progress && ++done % 4096 == 0) {
      progress(done, all);
    }
    return code == 0 ? Result<void>() : fail(Errc::kStore, "store.write");
  };
  auto change = changes_.begin();
  const auto append_changes_before = [&](const ByteView* key) -> Result<void> {
    for (; change != changes_.end(); ++change) {
      const ByteView next = bytes_of(change->first);
      if (key != nullptr &&
          !std::lexicographical_compare(next.begin(), next.end(), key->begin(), key->end())) {
        break;
      }
      if (change->second) {
        TRY_VOID(append(next, *change->second));
      }
    }
    return {};
  };
  Result<void> merged;
  if (before_ && code == 0) {
    merged = before_->for_each_record([&](const LmdbFile::Entry& old) -> Result<void> {
      TRY_VOID(append_changes_before(&old.key));
      const bool changed =
          change != changes_.end() && change->first.size() == old.key.size() &&
          std::equal(old.key.begin(), old.key.end(), bytes_of(change->first).begin());
      return changed ? Result<void>() : append(old.key, old.value);
    });
  }
  if (merged && code == 0) {
    merged = append_changes_before(nullptr);
  }
  if (code == 0 && !merged) {
    return refuse(path_, "a damaged page; nothing was changed");
  }
  if (code == 0) {
    code = out.commit();
  }
  return code == 0 ? Outcome() : failed(code);
}

// What was written is what readers can read.
Outcome DatabaseEdit::check(const std::string& file) const {
  const auto written = DatabaseFile::open(file);
  if (!written) {
    return tl::unexpected<std::string>(written.error());
  }
  const auto sound = (*written)->for_each([](const StoredAccount&) { return Result<void>(); });
  if (!sound || (*written)->accounts() != records_after()) {
    return refuse(file, "what was written cannot be read back; nothing was changed");
  }
  return {};
}

Outcome DatabaseEdit::commit(const Progress& progress) {
  const std::string file = path_ + ".new";
  if (::unlink(file.c_str()) != 0 && errno != ENOENT) {  // of a writer that was killed
    return refuse_errno(file);
  }
  const FileDescriptor fresh(
      ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (fresh.get() < 0) {
    return refuse_errno(file);
  }
  Outcome outcome = build(file, progress);
  if (outcome && ::fsync(fresh.get()) != 0) {
    outcome = refuse_errno(file);
  }
  if (outcome) {
    outcome = check(file);
  }
  if (outcome && before_ &&
      (::fchown(fresh.get(), status_.st_uid, status_.st_gid) != 0 ||
       ::fchmod(fresh.get(), status_.st_mode & 0777u) != 0)) {
    outcome = refuse_errno(file);
  }
  if (outcome && ::rename(file.c_str(), path_.c_str()) != 0) {
    outcome = refuse_errno(path_);
  }
  if (!outcome) {
    ::unlink(file.c_str());
    return outcome;
  }
  const FileDescriptor directory(
      ::open(directory_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return directory.get() >= 0 && ::fsync(directory.get()) == 0 ? Outcome()
                                                               : refuse_errno(directory_of(path_));
}

}  // namespace ntlm::store
