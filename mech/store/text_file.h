// SPDX-License-Identifier: MIT
// Accounts in a text file (text_format.h), found by an index of its present content. When an
// account is there twice the first line counts.
#pragma once

#include <string>
#include <string_view>

#include "protocol/logon.h"
#include "store/snapshot.h"

namespace ntlm::store {

class TextIndex;

// Passwords are hashed when the file is read; afterwards only hashes are in memory.
class TextFile final : public protocol::AccountSource {
 public:
  explicit TextFile(std::string path);
  ~TextFile() override;
  Result<protocol::Account> find(const protocol::AccountName& name,
                                 std::string_view our_domain) const override;
  const char* kind() const override { return "text"; }
  // The first account with a hash that `wanted` matches: an empty part of it, and an account
  // without a domain, matches everything. kNoCredential when there is none.
  Result<protocol::Account> first(const protocol::AccountName& wanted) const;
  const std::string& path() const { return index_.path(); }

 private:
  Snapshot<TextIndex> index_;
};

}  // namespace ntlm::store
