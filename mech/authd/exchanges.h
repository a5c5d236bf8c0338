// SPDX-License-Identifier: MIT
// The exchanges of one connection that wait for AUTHENTICATE. A handle is worth something on its
// own connection only, and once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "authority/frame.h"
#include "protocol/acceptor.h"

namespace ntlm::authd {

struct OpenExchange {
  authority::Handle handle;
  protocol::Acceptor acceptor;
  std::string service;
};

class Exchanges {
 public:
  std::size_t size() const { return open_.size(); }
  bool full() const { return open_.size() >= authority::kMaxExchanges; }
  void add(OpenExchange exchange) { open_.push_back(std::move(exchange)); }
  // Takes it out; nothing when there is none such here.
  std::optional<OpenExchange> take(const authority::Handle& handle);
  // The one that has waited longest; there must be one.
  void drop_oldest() { open_.erase(open_.begin()); }

 private:
  std::vector<OpenExchange> open_;  // oldest first
};

}  // namespace ntlm::authd
