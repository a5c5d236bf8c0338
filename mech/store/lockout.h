// SPDX-License-Identifier: MIT
// Lockout (security.md P14): a name whose proof failed `lockout_threshold` times within
// `lockout_window` seconds is refused for `lockout_duration` seconds, whether or not there is an
// account of that name and whether or not the proof is right. The work of a logon is done all the
// same, so that neither the answer nor its time tells a locked name from a wrong password.
//
// The counts are a table of 4096 words that all processes of one user share through
// /run/gss-ntlm/lockout-UID; without that file they are those of this process and of the children
// that it forks. A word belongs to a name by a hash under the table's random key, eight neighbours
// form a set, and a full set gives up its oldest and lowest count, a locked name last: whoever
// wants a count forgotten must fail for thousands of other names first.
//
// A lock does not shut out the account's owner where he is known: from a workstation from which the
// name has logged in during the last day it still may, until that workstation has failed
// `lockout_threshold` times itself. A guesser who claims that workstation has that many guesses
// more, and no others.
//
//   file: [0-7] "NTLMLOCK" [8-11] version 2 [12-15] 4096 [16-31] key [32-63] zero, then the words
//   word: bits 63-48 of the name's hash, 47 whether it is a workstation's, 46-28 failures, 27-0
//         seconds since boot: of the first failure, or of the one that locked; of a workstation,
//         of its last logon. 0: free.
//
// Thread-safe and lock-free; settle() makes no system call, and allocates only for names that are
// not ASCII.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "protocol/logon.h"

namespace ntlm::store {

class Lockout {
 public:
  static constexpr const char* kDirectory = "/run/gss-ntlm";

  // The table of `owner` in that directory. A file of another size or version is wiped; one that is
  // missing is made if this user may. The error is a sentence.
  static tl::expected<std::unique_ptr<const Lockout>, std::string> open(
      const std::string& directory, std::uint32_t owner);
  // A table without a file, and why.
  static std::unique_ptr<const Lockout> in_memory(std::string reason);
  // That of this process, made at the first call; it lives until the end.
  static const Lockout& of_process();
  static const Lockout* of_process_if_used();  // null before that

  ~Lockout();
  Lockout(const Lockout&) = delete;
  Lockout& operator=(const Lockout&) = delete;

  // Why other processes do not share the table; empty: they do.
  const std::string& unshared() const { return unshared_; }

  // Where the counts of a name stand.
  struct Place {
    std::size_t set;
    std::uint64_t tag;
    std::uint64_t secret;  // further bits of the name's hash
  };
  Place place_of(const protocol::AccountName& name) const;

  // What becomes of a verifier's answer: kAccountLocked while the name is locked and the
  // workstation (as the peer claims it; may be empty) is not known; otherwise the answer itself,
  // which counts as a failure if the proof was wrong (kLogonDenied, kUnknownAccount), and wipes the
  // count if it is a yes.
  Result<protocol::LogonResult> settle(const protocol::Policy& policy, Place place,
                                       std::string_view workstation,
                                       Result<protocol::LogonResult> answer) const;

  struct State {
    std::uint32_t failures = 0;    // within the window
    std::uint32_t locked_for = 0;  // seconds; 0: not locked
  };
  State state_of(const protocol::Policy& policy, Place place) const;
  // How many words count something that is not over.
  std::size_t counted(const protocol::Policy& policy) const;
  // Whether there was something to forget.
  bool clear(Place place) const;
  void clear() const;

 private:
  struct Table;
  Lockout(Table* table, std::string unshared);

  std::atomic<std::uint64_t>* set_of(Place place) const;
  void count_failure(const protocol::Policy& policy, Place place, std::uint64_t now) const;
  // The word of a workstation that is known for a name, or null.
  std::atomic<std::uint64_t>* known(Place source, std::uint64_t now) const;
  void remember(const protocol::Policy& policy, Place source, std::uint64_t now) const;
  void distrust(const protocol::Policy& policy, Place source, std::uint64_t now) const;

  Table* table_;  // mapped
  crypto::HmacMd5Key key_;
  std::string unshared_;
};

}  // namespace ntlm::store
