// SPDX-License-Identifier: MIT
// Lockout (security.md P14). A name whose proof failed `lockout_threshold` times within
// `lockout_window` seconds is refused for `lockout_duration` seconds, whether or not there is an
// account of that name and whether or not the proof is right. Before that, a source that has failed
// three times for a name is refused, for that name, for 1, 2, 4 … `lockout_delay` seconds after
// each failure; what comes too soon counts for nothing. Either way the work of a wrong password is
// done, whatever the password, so that neither the answer nor its time tells one from the other.
//
// A source is the network of the peer's address (/24, of IPv6 /64) where the application tells it,
// otherwise the workstation that the peer claims. Whoever guesses claims another each time: a delay
// by workstation keeps a client with an old password from locking its owner out, and nobody else.
//
// A lock does not shut out the account's owner where he is known: from a source from which the name
// has logged in he still may, until that source has failed `lockout_threshold` times itself or has
// not been heard of for a day. A guesser who comes from there, or claims to, has that many guesses
// more, and no others.
//
// All of it is in 4096 words that the processes of one user share through
// /run/gss-ntlm/lockout-UID; without that file they are those of this process and of the children
// that it forks (store/lockout_table.h). A word belongs to a name, or to a source of a name, by a
// hash under the table's random key. Eight neighbours form a set, and a full set gives up what
// matters least: a stranger's failures, a known source, the lowest and oldest count, a lock last.
// Only a name's word takes the place of a name's: whoever wants a count forgotten must fail for
// thousands of other names first.
//
//   bits 63-48 of the hash, 47 whether it is a source's, 46 whether the name has logged in from
//   there, 45-28 failures, 27-0 seconds since boot: of a name's first failure, or of the one that
//   locked; of a source's last logon or failure. 0: free.
//
// Thread-safe and lock-free; no system call once it is there, and an allocation only for names that
// are not ASCII.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "protocol/logon.h"
#include "store/lockout_table.h"

namespace ntlm::store {

class Lockout {
 public:
  static constexpr const char* kDirectory = "/run/gss-ntlm";

  // See LockoutTable.
  static tl::expected<std::unique_ptr<const Lockout>, std::string> open(
      const std::string& directory, std::uint32_t owner);
  // A table without a file, and why.
  static std::unique_ptr<const Lockout> in_memory(std::string reason);
  // That of this process, made at the first call; it lives until the end.
  static const Lockout& of_process();
  static const Lockout* of_process_if_used();  // null before that

  // Why other processes do not share the table; empty: they do.
  const std::string& unshared() const { return unshared_; }

  // Where the word of a name, or of a source of it, stands.
  struct Place {
    std::size_t set;
    std::uint64_t tag;     // bits 63-47 of the word
    std::uint64_t secret;  // further bits of a name's hash
  };
  Place place_of(const protocol::AccountName& name) const;

  // Where an attempt comes from. Both may be empty: that is a source too, but none to be known.
  struct Source {
    ByteView address;              // of 4 or 16 bytes; by the word of the application
    std::string_view workstation;  // by the peer's; counts where there is no address
  };

  // Whether an attempt is refused whatever it proves: kAccountLocked while the name is locked and
  // the source is not known; kTooSoon while the source waits.
  std::optional<Error> refusal(const protocol::Policy& policy, Place name,
                               const Source& source) const;
  // What becomes of a verifier's answer: the refusal, if there is one by now; otherwise the answer
  // itself, which counts as a failure if the proof was wrong (kLogonDenied, kUnknownAccount), and
  // wipes the counts if it is a yes.
  Result<protocol::LogonResult> settle(const protocol::Policy& policy, Place name,
                                       const Source& source,
                                       Result<protocol::LogonResult> answer) const;

  struct State {
    std::uint32_t failures = 0;    // within the window
    std::uint32_t locked_for = 0;  // seconds; 0: not locked
  };
  State state_of(const protocol::Policy& policy, Place name) const;
  // How many names have failures that are not over.
  std::size_t counted(const protocol::Policy& policy) const;
  // Whether there was something to forget. What is known of the name's sources stays.
  bool clear(Place name) const;
  void clear() const;

 private:
  struct Moment;
  struct Found;
  Lockout(LockoutTable::Mapped table, std::string unshared);

  std::span<std::atomic<std::uint64_t>> set_of(Place place) const;
  std::uint64_t look(const Moment& at, Place place) const;
  Found find(const Moment& at, Place place) const;
  // Of a name with this word, or 0, from a source with that.
  static std::optional<Error> refusal(const Moment& at, std::uint64_t count, std::uint64_t from);
  bool admit(const Moment& at, Place source, bool logon, bool named) const;
  void count_failure(const Moment& at, Place name) const;

  LockoutTable::Mapped table_;
  crypto::HmacMd5Key key_;
  std::string unshared_;
};

}  // namespace ntlm::store
