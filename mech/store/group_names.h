// SPDX-License-Identifier: MIT
// Groups as a domain account's principal shows them: SIDs as text, and their names. winbindd is
// asked for a name once in five minutes: a question costs a twentieth of a logon even when it knows
// the answer. What it does not know is asked again after three seconds. Thread-safe; a child of
// fork() never waits for a thread that it does not have.
#pragma once

#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "store/winbind_calls.h"

namespace ntlm::store {

// "S-1-5-21-…", [MS-DTYP] 2.4.2.1.
std::string text_of(const wbcDomainSid& sid);

class GroupNames {
 public:
  // The names ("LAB\group") of those SIDs that are groups, in no order. One that cannot be had by
  // the deadline is left out.
  std::vector<std::string> of(std::span<const wbcDomainSid> sids, WinbindCalls& calls,
                              std::string_view domain, WinbindCalls::Clock::time_point deadline);

 private:
  struct Entry {
    std::string name;  // empty: not a group, or without a name
    WinbindCalls::Clock::time_point until;
  };
  std::vector<wbcDomainSid> take_known(std::span<const wbcDomainSid> sids,
                                       std::vector<std::string>& names);
  void keep(const wbcDomainSid& sid, const std::string& name, WinbindCalls::Clock::duration time);

  std::mutex mutex_;  // only ever tried: who does not get it asks winbindd
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace ntlm::store
