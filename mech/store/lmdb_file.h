// SPDX-License-Identifier: MIT
// Reads one state of an LMDB data file (the format of LMDB 0.9, data version 1: the main database,
// plain keys) from a read-only mapping, and believes nothing in it: every page number, offset and
// size is compared with the file before it is used, so that a damaged file is an error and not a
// crash. docs/decisions/ says why this is not liblmdb.
//
// The file must not change while it is mapped: its writers replace it by rename(). Immutable;
// shared by threads and across fork().
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/trusted_file.h"

namespace ntlm::store {

class LmdbFile {
 public:
  // Views into the mapping.
  struct Entry {
    ByteView key;
    ByteView value;
  };

  // The error is a reason without the path.
  static tl::expected<LmdbFile, std::string> map(const TrustedFile& file);
  LmdbFile(LmdbFile&& other) noexcept;
  LmdbFile& operator=(LmdbFile&&) = delete;
  ~LmdbFile();

  std::size_t entries() const { return entries_; }

  // Keys are ordered by their bytes. Errors of both: kStore, a page that no writer wrote.
  // The entry of that key, else one beside it in the same page: the work is the same (P11). Nothing
  // in an empty file only.
  Result<std::optional<Entry>> nearest(ByteView key) const;
  // The first entry that is not before `key`.
  Result<std::optional<Entry>> lower_bound(ByteView key) const;
  // Every entry in order, until visit returns an error.
  Result<void> for_each(const std::function<Result<void>(const Entry&)>& visit) const;

 private:
  class Page;
  explicit LmdbFile(ByteView bytes) : bytes_(bytes) {}
  tl::expected<void, std::string> choose_meta();
  Result<Page> page(std::size_t number, unsigned level) const;
  Result<Entry> entry(const Page& leaf, std::size_t index) const;
  Result<void> walk(std::size_t number, unsigned level,
                    const std::function<Result<void>(const Entry&)>& visit) const;

  ByteView bytes_;  // the mapping
  std::size_t page_size_ = 0;
  std::size_t root_ = 0;
  unsigned depth_ = 0;  // levels of pages; 0: empty
  std::size_t entries_ = 0;
};

}  // namespace ntlm::store
