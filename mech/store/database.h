// SPDX-License-Identifier: MIT
// Accounts in a database: one LMDB file, which `ntlmctl user` writes (store/database_writer.h) and
// every acceptor maps for reading (store/lmdb_file.h). A writer never changes the file but replaces
// it, so a look-up needs no lock and a half-written store is never seen.
//
//   key                         value (all numbers little-endian)
//   00 "gss-ntlm"               [0-3] CRC-32  [4-7] format version 1
//                               [8-15] when the file was written
//   upper(user) 00 upper(domain)
//                               [0-3] CRC-32  [4-7] AccountFlag bits
//                               [8-15] created  [16-23] password set
//                               [24-39] NT hash  [40-55] LM hash or zeros
//                               [56-57] size of user  [58-59] size of domain
//                               [60-61] number of attributes
//                               user and domain as they were spelled, then each attribute:
//                               [0-1] size of name  [2-3] size of value, name, value
//
// The CRC-32 is over the key and the value behind it: a damaged record is an error, not another
// account. Times are seconds since 1970 UTC, 0 for unknown. Text is UTF-8; keys are upper-cased by
// the table of base/text.h, so that the accounts of one user stand side by side. A key has 511
// bytes at most (LMDB's limit).
#pragma once

#include <functional>
#include <string>

#include "protocol/logon.h"
#include "store/lmdb_file.h"
#include "store/snapshot.h"

namespace ntlm::store {

enum AccountFlag : std::uint32_t {
  kFlagDisabled = 1,
  kFlagLocked = 2,
  kFlagPasswordExpired = 4,
  kFlagTrustAccount = 8,
  kFlagNoPassword = 16,
  kFlagHasLmHash = 32,
};

struct StoredAccount {
  protocol::Account account;
  std::uint64_t created = 0;
  std::uint64_t password_set = 0;
};

constexpr std::size_t kMaxDatabaseKey = 511;
std::string database_key(const protocol::AccountName& name);

// The value under its key. write_record: kBadName for a key over 511 bytes, kInternal for
// attributes over 64 KiB.
Result<SecretBytes> write_record(const StoredAccount& stored);
Result<StoredAccount> parse_record(const LmdbFile::Entry& entry);
std::string_view header_key();
Bytes write_header(std::uint64_t now);

// One state of the file.
class DatabaseFile {
 public:
  static tl::expected<std::unique_ptr<const DatabaseFile>, std::string> read(
      const TrustedFile& file, const std::string& path);
  static tl::expected<std::unique_ptr<const DatabaseFile>, std::string> open(
      const std::string& path);
  explicit DatabaseFile(LmdbFile file) : file_(std::move(file)) {}

  std::size_t accounts() const { return file_.entries() - 1; }
  // The look-up rules of AccountSource.
  Result<protocol::Account> find(const protocol::AccountName& name,
                                 std::string_view our_domain) const;
  // Exactly this name. kUnknownAccount, kStore.
  Result<StoredAccount> get(const protocol::AccountName& name) const;
  bool has_key(std::string_view key) const;
  // In the order of keys. kStore, or what visit returns.
  Result<void> for_each(const std::function<Result<void>(StoredAccount)>& visit) const;
  // The records as they are, the header's not among them.
  Result<void> for_each_record(
      const std::function<Result<void>(const LmdbFile::Entry&)>& visit) const;

 private:
  Result<StoredAccount> at(std::string_view key) const;
  LmdbFile file_;
};

class Database final : public protocol::AccountSource {
 public:
  explicit Database(std::string path) : file_(std::move(path)) {}
  Result<protocol::Account> find(const protocol::AccountName& name,
                                 std::string_view our_domain) const override {
    return file_.with([&](const DatabaseFile& file) { return file.find(name, our_domain); });
  }
  const char* kind() const override { return "lmdb"; }

 private:
  Snapshot<DatabaseFile> file_;
};

}  // namespace ntlm::store
