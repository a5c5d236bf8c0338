// SPDX-License-Identifier: MIT
#include "authority/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

#include "authority/address.h"
#include "authority/connection.h"

namespace ntlm::authority {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::size_t kMaxConnections = 16;

using Shared = std::shared_ptr<Connection>;

// A connection, until the call on it is done.
class Turn {
 public:
  explicit Turn(Shared connection) : connection_(std::move(connection)) { ++connection_->calls; }
  Turn(Turn&&) = default;
  Turn& operator=(Turn&& other) noexcept {
    std::swap(connection_, other.connection_);
    return *this;
  }
  ~Turn() {
    if (connection_ != nullptr) {
      --connection_->calls;
    }
  }
  const Shared& connection() const { return connection_; }

 private:
  Shared connection_;
};

std::string reason(const std::string& path, int error) {
  const char* advice = error == EACCES ? "; the socket's group may use it: add this user to it"
                       : error == ENOENT || error == ECONNREFUSED
                           ? "; is ntlm-authd.socket started?"
                           : "";
  return path + ": " + std::error_code(error, std::generic_category()).message() + advice;
}

struct Refused {
  Errc code;
  std::string why;
};
using Connected = tl::expected<FileDescriptor, Refused>;

tl::unexpected<Refused> refuse(Errc code, std::string why) {
  return tl::unexpected<Refused>({code, std::move(why)});
}

timeval time_limit(Clock::duration limit) {
  const auto all = std::chrono::duration_cast<microseconds>(limit).count();
  return {all / 1'000'000, all % 1'000'000};
}

Connected connect_to(const ClientSettings& settings, Clock::time_point end) {
  const std::string& path = settings.socket;
  const auto address = address_of(path);
  if (!address) {
    return refuse(Errc::kAuthorityAccess, address.error());
  }
  // systemd makes it for the socket's first start.
  if (::access(path.substr(0, path.rfind('/')).c_str(), F_OK) != 0 && errno == ENOENT) {
    return refuse(Errc::kAuthorityDown, reason(path, ENOENT));
  }
  if (const auto directory = open_trusted_directory(path); !directory) {
    return refuse(Errc::kAuthorityAccess, directory.error());
  }
  FileDescriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  // That of sending ends a connect() to a full queue. Zero would be no limit.
  const timeval to_connect =
      time_limit(std::max<Clock::duration>(end - Clock::now(), milliseconds(1)));
  const timeval to_receive = time_limit(settings.deadline);
  if (socket.get() < 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &to_connect, sizeof to_connect) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &to_receive, sizeof to_receive) != 0) {
    return refuse(Errc::kAuthorityDown, reason(path, errno));
  }
  int done;
  do {
    done = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  } while (done != 0 && errno == EINTR);
  if (done != 0) {
    return refuse(errno == EACCES ? Errc::kAuthorityAccess : Errc::kAuthorityDown,
                  reason(path, errno));
  }
  ucred server{};
  socklen_t size = sizeof server;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &server, &size) != 0 ||
      server.uid != settings.server) {
    return refuse(Errc::kAuthorityAccess,
                  path + ": uid " + std::to_string(server.uid) + " listens there, not uid " +
                      std::to_string(settings.server) + " ([ntlm] authd_uid)");
  }
  return socket;
}

// The connections of one process.
class Pool {
 public:
  explicit Pool(const ClientSettings& settings) : settings_(settings) {}

  // A free one; a new one; the least busy. One where another exchange ends none of those that are
  // open, as long as there is one.
  Result<Turn> take(Clock::time_point end) {
    std::unique_lock guard = without_broken();
    const auto load = [](const Shared& one) {
      const std::size_t calls = one->calls;  // first: a BEGIN becomes an exchange before it ends
      return std::pair(calls + one->open >= kMaxExchanges, calls);
    };
    const auto best = std::ranges::min_element(connections_, {}, load);
    const bool is_free =
        best != connections_.end() && load(*best) == std::pair(false, std::size_t{0});
    if (!is_free && connections_.size() < kMaxConnections) {
      return add(std::move(guard), end);
    }
    return Turn(*best);
  }

  // After one that the daemon had closed, one that was made since. With as many as there may be
  // that is the last: it came when the closed one was gone.
  Result<Turn> take_newer(Clock::time_point end) {
    std::unique_lock guard = without_broken();
    if (connections_.size() < kMaxConnections) {
      return add(std::move(guard), end);
    }
    return Turn(connections_.back());
  }

  const ClientSettings& settings() const { return settings_; }
  bool is_ours() const { return maker_ == process_number(); }

 private:
  std::unique_lock<std::mutex> without_broken() {
    std::unique_lock guard(mutex_);
    std::erase_if(connections_, [](const Shared& one) { return one->broken(); });
    return guard;
  }

  // It stands among the others before it is connected: so there are never more than the most.
  Result<Turn> add(std::unique_lock<std::mutex> guard, Clock::time_point end) {
    Turn turn(std::make_shared<Connection>(settings_.deadline));
    connections_.push_back(turn.connection());
    guard.unlock();
    auto socket = connect_to(settings_, end);
    turn.connection()->attach(socket ? std::move(*socket) : FileDescriptor());
    if (socket) {
      return turn;
    }
    if (settings_.report != nullptr) {
      settings_.report(std::move(socket.error().why));
    }
    return fail(socket.error().code, "authority.connect");
  }

  const ClientSettings& settings_;
  std::uint64_t maker_ = process_number();
  std::mutex mutex_;
  std::vector<Shared> connections_;  // oldest first
};

// What a reply brings, unless it is a refusal.
template <typename Wanted>
Result<Wanted> expect(const Reply& reply) {
  if (const auto* refusal = std::get_if<Errc>(&reply.body)) {
    return fail(*refusal, protocol::kVerdict);
  }
  const auto* found = std::get_if<Wanted>(&reply.body);
  return found != nullptr ? Result<Wanted>(*found) : fail(Errc::kInternal, "authority.call");
}

std::uint32_t next_number() {
  static constinit std::atomic<std::uint32_t> number{0};
  return number.fetch_add(1, std::memory_order_relaxed);
}

class ClientExchange final : public protocol::Authority::Exchange {
 public:
  ClientExchange(Shared connection, Handle handle, std::chrono::seconds deadline)
      : connection_(std::move(connection)), handle_(handle), deadline_(deadline) {
    ++connection_->open;
  }
  ClientExchange(const ClientExchange&) = delete;
  ClientExchange& operator=(const ClientExchange&) = delete;

  // The daemon forgets what a client gave up.
  ~ClientExchange() override {
    if (!finished_ && connection_->is_ours() && !connection_->broken()) {
      connection_->abort(handle_);
    }
    --connection_->open;
  }

  Result<SecretBytes> finish(ByteView authenticate, const protocol::AcceptOptions& options,
                             const crypto::ChannelBindings* bindings) override {
    Finish body{handle_, options, {}, authenticate};
    if (bindings != nullptr) {
      body.bindings = *bindings;
    }
    const std::uint32_t number = next_number();
    TRY(const SecretBytes frame, write_request({number, body}));
    finished_ = true;
    const auto end = Clock::now() + deadline_;
    if (!connection_->is_ours()) {
      return fail(Errc::kDeadContext, "authority.fork");
    }
    bool stale = false;
    const Turn turn(connection_);
    TRY(Answer answer, connection_->call(frame, number, end, stale));
    TRY(const Acceptance acceptance, expect<Acceptance>(answer.reply));
    SecretBytes& saved = answer.frame;
    saved.erase(saved.begin(),
                saved.end() - static_cast<std::ptrdiff_t>(acceptance.acceptor.size()));
    return std::move(saved);
  }

 private:
  Shared connection_;
  Handle handle_;
  std::chrono::seconds deadline_;
  bool finished_ = false;
};

class Client final : public protocol::Authority {
 public:
  explicit Client(ClientSettings settings) : settings_(std::move(settings)) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() override {
    const Pool* last = pool_.load();
    if (last != nullptr && last->is_ours()) {
      delete last;
    }
  }

  Result<Begun> begin(ByteView negotiate, const protocol::AcceptOptions& options,
                      std::string_view service) const override {
    const std::uint32_t number = next_number();
    TRY(const SecretBytes frame, write_request({number, Begin{options, service, negotiate}}));
    const auto end = Clock::now() + settings_.deadline;
    Pool& pool = own_pool();
    TRY(Turn turn, pool.take(end));
    bool stale = false;
    auto answer = turn.connection()->call(frame, number, end, stale);
    // The daemon was started anew since: the old connections are gone, and nothing was lost.
    if (!answer && stale) {
      TRY(turn, pool.take_newer(end));
      answer = turn.connection()->call(frame, number, end, stale);
    }
    if (!answer) {
      return tl::unexpected<Error>(answer.error());
    }
    TRY(const Challenge challenge, expect<Challenge>(answer->reply));
    Begun begun{{challenge.message.begin(), challenge.message.end()}, nullptr};
    begun.exchange =
        std::make_unique<ClientExchange>(turn.connection(), challenge.handle, settings_.deadline);
    return begun;
  }

 private:
  // A child that was forked leaves its parent's pool as it is: another thread may have held its
  // lock, and the sockets are the parent's.
  Pool& own_pool() const {
    Pool* seen = pool_.load(std::memory_order_acquire);
    while (seen == nullptr || !seen->is_ours()) {
      auto made = std::make_unique<Pool>(settings_);
      if (pool_.compare_exchange_strong(seen, made.get(), std::memory_order_acq_rel)) {
        return *made.release();
      }
    }
    return *seen;
  }

  ClientSettings settings_;
  mutable std::atomic<Pool*> pool_{nullptr};
};

}  // namespace

tl::expected<std::optional<ClientSettings>, std::string> settings_from(const Config& config) {
  static constexpr std::string_view kName = "authd";
  const std::vector<std::string>& stores = config.list("ntlm", "store");
  const auto is_authd = [](std::string_view store) {
    return store.substr(0, store.find(':')) == kName;
  };
  const auto found = std::ranges::find_if(stores, is_authd);
  if (found == stores.end()) {
    return std::nullopt;
  }
  if (stores.size() != 1) {
    return tl::unexpected<std::string>("[ntlm] store = " + *found +
                                       ": it stands alone; further stores are the daemon's own");
  }
  const bool with_path = found->size() > kName.size();
  std::string path = with_path ? found->substr(kName.size() + 1) : kDefaultSocket;
  if (!path.starts_with('/')) {
    return tl::unexpected<std::string>("[ntlm] store = " + *found + ": '" + path +
                                       "' is not an absolute path");
  }
  return ClientSettings{std::move(path), config.number("ntlm", "authd_uid"),
                        std::chrono::seconds(config.number("ntlm", "store_deadline"))};
}

std::shared_ptr<const protocol::Authority> make_client(ClientSettings settings) {
  return std::make_shared<Client>(std::move(settings));
}

}  // namespace ntlm::authority
