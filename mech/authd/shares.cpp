// SPDX-License-Identifier: MIT
#include "authd/shares.h"

namespace ntlm::authd {
namespace {

// Nothing is kept of who has none: a peer chooses the names of domains.
template <typename Map>
void take_one_off(Map& map, const typename Map::key_type& key) {
  const auto found = map.find(key);
  if (found != map.end() && --found->second == 0) {
    map.erase(found);
  }
}

template <typename Map>
std::size_t count_of(const Map& map, const typename Map::key_type& key) {
  const auto found = map.find(key);
  return found != map.end() ? found->second : 0;
}

}  // namespace

bool Shares::take(const Share& share) {
  if (share.of_host) {
    return of_host_ < kOfHost && ++of_host_ != 0;
  }
  const std::pair domain{share.uid, share.domain};
  if (count_of(users_, share.uid) >= kPlaces - kOfHost - others_ ||
      count_of(domains_, domain) >= kOfDomain) {
    return false;
  }
  ++others_;
  ++users_[share.uid];
  ++domains_[domain];
  return true;
}

void Shares::give_back(const Share& share) {
  if (share.of_host) {
    --of_host_;
    return;
  }
  --others_;
  take_one_off(users_, share.uid);
  take_one_off(domains_, {share.uid, share.domain});
}

}  // namespace ntlm::authd
