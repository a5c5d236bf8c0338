// SPDX-License-Identifier: MIT
// How many questions of one thread of the front the store process works on at once, where a store
// may take its time, whose, and which are next. A domain that does not answer holds its own share
// and no more:
//   - what names this host as its domain has kOfHost places for itself: no domain is asked for it;
//   - of these, and of the other places, one user has at most as many as are still free, which is
//     half of them where nobody else has any, and one domain of one user kOfDomain.
// A peer chooses how it writes a domain, so that one may have several names here.
// Behind it store/winbind_calls.h has limits of its own: README.md has both side by side.
//
// Users who wait have their turns one after the other, and so have the domains of each. A turn
// costs the same however many wait.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

namespace ntlm::authd {

struct Share {
  uid_t uid = 0;
  std::string domain;    // upper-cased, as the peer named it
  bool of_host = false;  // it names this host
};

// Not thread-safe.
class Shares {
 public:
  static constexpr std::size_t kPlaces = 64;
  static constexpr std::size_t kOfHost = 16;
  static constexpr std::size_t kOfDomain = 16;

  // A place, which has to be free, until it is given back.
  bool has_place(const Share& share) const;
  void take(const Share& share);
  void give_back(const Share& share);

  // Question `number` waits for one, until it does no more.
  void wait(const Share& share, std::uint32_t number);
  void wait_no_more(const Share& share, std::uint32_t number);
  // Of those that wait one that has a place now; nothing: none has.
  std::optional<std::uint32_t> next();

 private:
  struct Domain {
    std::size_t places = 0;
    std::deque<std::uint32_t> waiting;
    bool may_ask() const { return !waiting.empty() && places < kOfDomain; }
  };
  struct User {
    std::size_t places = 0;
    std::map<std::string, Domain> domains;
    std::string last;  // whose turn was
  };
  struct Pool {
    std::size_t free;
    std::map<uid_t, User> users = {};
    uid_t last = 0;
  };

  Pool& pool_of(const Share& share) { return share.of_host ? of_host_ : others_; }
  static std::optional<std::uint32_t> next_of(Pool& pool);
  static void forget_unused(Pool& pool, const Share& share);

  Pool of_host_{kOfHost}, others_{kPlaces - kOfHost};
};

}  // namespace ntlm::authd
