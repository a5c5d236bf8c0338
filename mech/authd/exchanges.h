// SPDX-License-Identifier: MIT
// The exchanges of one user that wait for AUTHENTICATE, over all his connections, whichever threads
// have them. A handle is worth something on its own connection only, and once. Whoever opens more
// than his share loses those of his own that have waited longest.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "authority/frame.h"
#include "protocol/acceptor.h"

namespace ntlm::authd {

struct OpenExchange {
  authority::Handle handle;
  protocol::Acceptor acceptor;
  std::string service;
};

// Thread-safe.
class Exchanges {
 public:
  static constexpr std::size_t kMax = 1024;

  // One more than authority::kMaxExchanges of its connection ends the oldest there, one more than
  // kMax the oldest of all.
  void add(std::uint64_t connection, OpenExchange exchange);
  // Takes it out; nothing when there is none such on that connection.
  std::optional<OpenExchange> take(std::uint64_t connection, const authority::Handle& handle);
  bool has_any(std::uint64_t connection);
  // All that the connection has.
  void close(std::uint64_t connection);

 private:
  using Place = std::pair<std::uint64_t, authority::Handle>;  // its connection, its handle
  struct Entry {
    std::uint64_t age;  // the smaller, the older
    OpenExchange exchange;
  };
  using Places = std::map<Place, Entry>;

  Places::iterator first_of(std::uint64_t connection);
  void drop(Places::iterator entry);

  std::mutex mutex_;
  Places open_;
  std::map<std::uint64_t, Places::iterator> by_age_;
  std::uint64_t next_age_ = 0;
};

}  // namespace ntlm::authd
