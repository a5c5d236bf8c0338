// SPDX-License-Identifier: MIT
#include "authd/exchanges.h"

#include <algorithm>

namespace ntlm::authd {

std::optional<OpenExchange> Exchanges::take(const authority::Handle& handle) {
  const auto found = std::ranges::find(open_, handle, &OpenExchange::handle);
  if (found == open_.end()) {
    return std::nullopt;
  }
  std::optional<OpenExchange> taken(std::move(*found));
  open_.erase(found);
  return taken;
}

}  // namespace ntlm::authd
