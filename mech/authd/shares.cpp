// SPDX-License-Identifier: MIT
#include "authd/shares.h"

#include <algorithm>

namespace ntlm::authd {
namespace {

// The first entry that fits, from the one behind `last` on, around.
template <typename Map, typename Fits>
auto first_behind(Map& map, const typename Map::key_type& last, Fits fits) {
  const auto start = map.upper_bound(last);
  auto found = std::find_if(start, map.end(), fits);
  if (found == map.end()) {
    found = std::find_if(map.begin(), start, fits);
    found = found == start ? map.end() : found;
  }
  return found;
}

}  // namespace

bool Shares::has_place(const Share& share) const {
  const Pool& pool = share.of_host ? of_host_ : others_;
  const auto user = pool.users.find(share.uid);
  if (user == pool.users.end()) {
    return pool.free > 0;
  }
  const auto domain = user->second.domains.find(share.domain);
  return user->second.places < pool.free &&
         (domain == user->second.domains.end() || domain->second.places < kOfDomain);
}

void Shares::take(const Share& share) {
  Pool& pool = pool_of(share);
  User& user = pool.users[share.uid];
  --pool.free;
  ++user.places;
  ++user.domains[share.domain].places;
}

void Shares::give_back(const Share& share) {
  Pool& pool = pool_of(share);
  User& user = pool.users.at(share.uid);
  ++pool.free;
  --user.places;
  --user.domains.at(share.domain).places;
  forget_unused(pool, share);
}

void Shares::wait(const Share& share, std::uint32_t number) {
  pool_of(share).users[share.uid].domains[share.domain].waiting.push_back(number);
}

void Shares::wait_no_more(const Share& share, std::uint32_t number) {
  Pool& pool = pool_of(share);
  auto& waiting = pool.users.at(share.uid).domains.at(share.domain).waiting;
  waiting.erase(std::find(waiting.begin(), waiting.end(), number));  // the first, as a rule
  forget_unused(pool, share);
}

std::optional<std::uint32_t> Shares::next() {
  const auto number = next_of(of_host_);
  return number ? number : next_of(others_);
}

// A user has places in few domains, so that it does not take long to find one that may ask.
std::optional<std::uint32_t> Shares::next_of(Pool& pool) {
  std::optional<std::uint32_t> number;
  const auto user = first_behind(pool.users, pool.last, [&](auto& entry) {
    User& each = entry.second;
    if (each.places >= pool.free) {
      return false;
    }
    const auto domain =
        first_behind(each.domains, each.last, [](const auto& one) { return one.second.may_ask(); });
    if (domain == each.domains.end()) {
      return false;
    }
    each.last = domain->first;
    number = domain->second.waiting.front();
    return true;
  });
  if (user != pool.users.end()) {
    pool.last = user->first;
  }
  return number;
}

// Nothing is kept of who has none and wants none: a peer chooses the names of domains.
void Shares::forget_unused(Pool& pool, const Share& share) {
  const auto user = pool.users.find(share.uid);
  const auto domain = user->second.domains.find(share.domain);
  if (domain->second.places == 0 && domain->second.waiting.empty()) {
    user->second.domains.erase(domain);
  }
  if (user->second.domains.empty()) {
    pool.users.erase(user);
  }
}

}  // namespace ntlm::authd
