// SPDX-License-Identifier: MIT
// How many questions of one thread of the front the store process works on at once, where a store
// may take its time, and whose. A domain that does not answer holds its own share and no more:
//   - what names this host as its domain has kOfHost places for itself: no domain is asked for it;
//   - of the other places one user has at most as many as are still free, which is half of them
//     where nobody else has any, and one domain of one user kOfDomain.
// A peer chooses how it writes a domain, so that one may have several names here.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <string>
#include <utility>

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

  // False: not now. Each true is given back.
  bool take(const Share& share);
  void give_back(const Share& share);

 private:
  std::size_t of_host_ = 0, others_ = 0;
  std::map<uid_t, std::size_t> users_;
  std::map<std::pair<uid_t, std::string>, std::size_t> domains_;
};

}  // namespace ntlm::authd
