// SPDX-License-Identifier: MIT
// Changes to a database of accounts (store/database.h), for tools only: the acceptor does not link
// this room.
//
// A change makes a whole new file beside the old one (PATH.new, mode 0600): the old records and the
// changes in the order of their keys, written by liblmdb, read back, and renamed over the old file,
// whose owner and mode it takes on. So whoever reads sees all of a change or nothing, a writer may
// be killed at any moment, and no deleted hash is left in a free page. PATH.lock keeps writers
// apart. Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "store/database.h"

namespace ntlm::store {

class DatabaseEdit {
 public:
  // Waits up to 30 s for another writer. Makes the directory of the file (0750) where only that is
  // missing. The error is a sentence; a file that is there but cannot be read is one: it is never
  // overwritten.
  static tl::expected<DatabaseEdit, std::string> begin(const std::string& path);

  // The accounts before the change; null when there is no file yet.
  const DatabaseFile* before() const { return before_.get(); }
  bool has(const protocol::AccountName& name) const;  // after what was put and removed so far
  bool changes(const protocol::AccountName& name) const {
    return changes_.contains(database_key(name));
  }
  // kBadName: a key over 511 bytes. kInternal: attributes over 64 KiB.
  Result<void> put(const StoredAccount& account);
  void remove(const protocol::AccountName& name);

  // done of all records are written.
  using Progress = std::function<void(std::size_t done, std::size_t all)>;
  // Once. The error is a sentence; the file is as it was before then.
  tl::expected<void, std::string> commit(const Progress& progress = {});

 private:
  using Changes = std::map<std::string, std::optional<SecretBytes>>;  // by key; nothing: removed
  tl::expected<void, std::string> build(const std::string& file, const Progress& progress) const;
  tl::expected<void, std::string> check(const std::string& file) const;
  std::size_t records_after() const;

  std::string path_;
  FileDescriptor lock_;
  std::unique_ptr<const DatabaseFile> before_;
  struct stat status_ {};  // of the old file
  Changes changes_;
};

}  // namespace ntlm::store
