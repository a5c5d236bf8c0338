// SPDX-License-Identifier: MIT
#include "authd/exchanges.h"

#include <algorithm>

namespace ntlm::authd {

void Exchanges::add(std::uint64_t connection, OpenExchange exchange) {
  const std::lock_guard lock(mutex_);
  const auto first = first_of(connection), behind = first_of(connection + 1);
  if (std::distance(first, behind) >= std::ptrdiff_t{authority::kMaxExchanges}) {
    drop(std::min_element(
        first, behind, [](const auto& a, const auto& b) { return a.second.age < b.second.age; }));
  } else if (open_.size() >= kMax) {
    drop(by_age_.begin()->second);
  }
  const Place place{connection, exchange.handle};
  const auto added = open_.emplace(place, Entry{next_age_, std::move(exchange)}).first;
  by_age_.emplace(next_age_++, added);
}

std::optional<OpenExchange> Exchanges::take(std::uint64_t connection,
                                            const authority::Handle& handle) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find({connection, handle});
  if (found == open_.end()) {
    return std::nullopt;
  }
  std::optional<OpenExchange> taken(std::move(found->second.exchange));
  drop(found);
  return taken;
}

bool Exchanges::has_any(std::uint64_t connection) {
  const std::lock_guard lock(mutex_);
  return first_of(connection) != first_of(connection + 1);
}

void Exchanges::close(std::uint64_t connection) {
  const std::lock_guard lock(mutex_);
  for (auto entry = first_of(connection); entry != first_of(connection + 1);) {
    drop(entry++);
  }
}

Exchanges::Places::iterator Exchanges::first_of(std::uint64_t connection) {
  return open_.lower_bound({connection, authority::Handle{}});
}

void Exchanges::drop(Places::iterator entry) {
  by_age_.erase(entry->second.age);
  open_.erase(entry);
}

}  // namespace ntlm::authd
