// SPDX-License-Identifier: MIT
#include "authority/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

#include "authority/frame.h"
#include "base/fork.h"
#include "base/trusted_file.h"

namespace ntlm::authority {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr std::size_t kMaxConnections = 16;
constexpr const char* kWhere = "authority.call";

tl::unexpected<Error> down() { return fail(Errc::kAuthorityDown, kWhere); }

// Until `events` of a descriptor; false: not in time.
bool wait_for(int fd, short events, Clock::time_point end) {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(end - Clock::now()).count();
    if (left <= 0) {
      return false;
    }
    pollfd wait{fd, events, 0};
    const int found = ::poll(&wait, 1, static_cast<int>(left));
    if (found > 0 || (found < 0 && errno != EINTR)) {
      return found > 0;
    }
  }
}

// A std::timed_mutex whose steady-clock wait ThreadSanitizer understands (it does not know
// pthread_mutex_clocklock).
class TimedMutex {
 public:
  void lock() {
    std::unique_lock lock(mutex_);
    free_.wait(lock, [this] { return !taken_; });
    taken_ = true;
  }
  bool try_lock() {
    const std::lock_guard lock(mutex_);
    return !std::exchange(taken_, true);
  }
  bool try_lock_until(Clock::time_point end) {
    std::unique_lock lock(mutex_);
    return free_.wait_until(lock, end, [this] { return !taken_; }) && !std::exchange(taken_, true);
  }
  void unlock() {
    {
      const std::lock_guard lock(mutex_);
      taken_ = false;
    }
    free_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable free_;
  bool taken_ = false;
};

class Connection {
 public:
  explicit Connection(Clock::duration limit) : limit_(limit), reply_(kMaxReply) {}

  // Whoever holds it may call(). A broken connection serves nobody any more.
  TimedMutex mutex;
  // Exchanges that are open here.
  std::atomic<std::size_t> open{0};
  // Once, by whoever made it and holds it.
  void attach(FileDescriptor socket) { socket_ = std::move(socket); }
  void give_up_connecting() { broken_ = true; }
  bool broken() const { return broken_.load(std::memory_order_relaxed); }
  // A connection belongs to the process that made it: two on one socket would mix their frames.
  bool is_ours() const { return maker_ == process_number(); }

  // The answer to `frame`; a view into this connection's memory. Nothing at all came back from a
  // connection that the daemon had closed before: `stale`, and the frame may be sent elsewhere.
  Result<Reply> call(ByteView frame, std::uint32_t number, Clock::time_point end, bool& stale) {
    send_aborts();
    if (!send(frame, end)) {
      stale = errno == EPIPE || errno == ECONNRESET;
      return give_up();
    }
    const ssize_t size = receive(end);
    stale = size == 0;
    if (size <= 0 || static_cast<std::size_t>(size) > reply_.size()) {
      return give_up();
    }
    filled_ = static_cast<std::size_t>(size);
    const auto reply = read_reply(ByteView(reply_).first(filled_));
    if (!reply || reply->number != number) {
      return give_up();
    }
    return reply;
  }
  // Leaves nothing of the last answer.
  void forget() { wipe(reply_.data(), std::exchange(filled_, 0)); }

  // The daemon hears of it at once, or before the next call when somebody calls at the moment.
  // Never waits.
  void abort(const Handle& handle) {
    {
      const std::lock_guard guard(aborts_mutex_);
      aborts_.push_back(handle);
    }
    if (const std::unique_lock lock(mutex, std::try_to_lock); lock) {
      send_aborts();
    }
  }

 private:
  bool send(ByteView frame, Clock::time_point end) const {
    while (true) {
      const ssize_t sent =
          ::send(socket_.get(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) {
        return sent == static_cast<ssize_t>(frame.size());
      }
      if (errno == EAGAIN && !wait_for(socket_.get(), POLLOUT, end)) {
        return false;
      }
      if (errno != EAGAIN && errno != EINTR) {
        return false;
      }
    }
  }

  // What a daemon that does not read has no room for stays for the next time.
  void send_aborts() {
    const std::lock_guard guard(aborts_mutex_);
    while (!aborts_.empty()) {
      const auto frame = write_request({0, Abort{aborts_.back()}});
      if (frame && !send(*frame, Clock::time_point())) {
        return;
      }
      aborts_.pop_back();
    }
  }

  // The size of the frame; 0 at the end of the stream, -1 for no answer in time. The socket's own
  // time limit ends a recv; only where less is left, or after an interruption, is the time
  // measured.
  ssize_t receive(Clock::time_point end) {
    constexpr milliseconds kSlack{50};
    bool measure = end - Clock::now() + kSlack < limit_;
    while (!measure || wait_for(socket_.get(), POLLIN, end)) {
      const ssize_t size = ::recv(socket_.get(), reply_.data(), reply_.size(), MSG_TRUNC);
      if (size >= 0) {
        return size;
      }
      if (errno == ECONNRESET) {
        return 0;
      }
      if (errno != EINTR) {
        return -1;
      }
      measure = true;
    }
    return -1;
  }

  tl::unexpected<Error> give_up() {
    broken_ = true;
    return down();
  }

  FileDescriptor socket_;
  const Clock::duration limit_;  // of its recv
  SecretBytes reply_;
  std::size_t filled_ = 0;
  std::uint64_t maker_ = process_number();
  std::atomic<bool> broken_{false};
  std::mutex aborts_mutex_;
  std::vector<Handle> aborts_;
};

using Shared = std::shared_ptr<Connection>;
using Lock = std::unique_lock<TimedMutex>;

// A connection and the right to use it.
struct Turn {
  Shared connection;
  Lock lock;
  bool fresh = false;
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
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return refuse(Errc::kAuthorityAccess, path + ": too long for the name of a socket");
  }
  // systemd makes it for the socket's first start.
  if (::access(path.substr(0, path.rfind('/')).c_str(), F_OK) != 0 && errno == ENOENT) {
    return refuse(Errc::kAuthorityDown, reason(path, ENOENT));
  }
  if (const auto directory = open_trusted_directory(path); !directory) {
    return refuse(Errc::kAuthorityAccess, directory.error());
  }
  path.copy(address.sun_path, path.size());
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
    done = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
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

  // A free one where another exchange ends none of those that are open; a new one; a busy one.
  Result<Turn> take(Clock::time_point end) {
    std::unique_lock guard(mutex_);
    std::erase_if(connections_, [](const Shared& one) { return one->broken(); });
    for (const Shared& one : connections_) {
      if (one->open.load(std::memory_order_relaxed) >= kMaxExchanges) {
        continue;
      }
      if (Lock lock(one->mutex, std::try_to_lock); lock) {
        return Turn{one, std::move(lock), false};
      }
    }
    if (connections_.size() < kMaxConnections) {
      return add(std::move(guard), end);
    }
    Shared shared = connections_[next_++ % connections_.size()];
    guard.unlock();
    Lock lock(shared->mutex, end);
    if (!lock || shared->broken()) {
      return down();
    }
    return Turn{std::move(shared), std::move(lock), false};
  }

  Result<Turn> add(Clock::time_point end) { return add(std::unique_lock(mutex_), end); }

  const ClientSettings& settings() const { return settings_; }
  bool is_ours() const { return maker_ == process_number(); }

 private:
  // It stands among the others, held, before it is connected: so there are never more than the
  // most.
  Result<Turn> add(std::unique_lock<std::mutex> guard, Clock::time_point end) {
    Turn turn{std::make_shared<Connection>(settings_.deadline), {}, true};
    turn.lock = Lock(turn.connection->mutex);
    connections_.push_back(turn.connection);
    guard.unlock();
    auto socket = connect_to(settings_, end);
    if (socket) {
      turn.connection->attach(std::move(*socket));
      return turn;
    }
    turn.connection->give_up_connecting();
    if (settings_.report != nullptr) {
      settings_.report(std::move(socket.error().why));
    }
    return fail(socket.error().code, "authority.connect");
  }

  const ClientSettings& settings_;
  std::uint64_t maker_ = process_number();
  std::mutex mutex_;
  std::vector<Shared> connections_;
  std::size_t next_ = 0;
};

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
    --connection_->open;
    if (!finished_ && connection_->is_ours() && !connection_->broken()) {
      connection_->abort(handle_);
    }
  }

  Result<SecretBytes> finish(ByteView authenticate, const protocol::AcceptOptions& options,
                             const crypto::ChannelBindings* bindings) override {
    finished_ = true;
    Finish body{handle_, options, {}, authenticate};
    if (bindings != nullptr) {
      body.bindings = *bindings;
    }
    const std::uint32_t number = next_number();
    TRY(const SecretBytes frame, write_request({number, body}));
    const auto end = Clock::now() + deadline_;
    if (!connection_->is_ours()) {
      return fail(Errc::kDeadContext, "authority.fork");
    }
    const Lock lock(connection_->mutex, end);
    if (!lock || connection_->broken()) {
      return down();
    }
    bool stale = false;
    TRY(const Reply reply, connection_->call(frame, number, end, stale));
    if (const auto* refusal = std::get_if<Errc>(&reply.body)) {
      return fail(*refusal, protocol::kVerdict);
    }
    const auto* acceptance = std::get_if<Acceptance>(&reply.body);
    if (acceptance == nullptr) {
      return fail(Errc::kInternal, kWhere);
    }
    SecretBytes acceptor(acceptance->acceptor.begin(), acceptance->acceptor.end());
    connection_->forget();
    return acceptor;
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
    auto reply = turn.connection->call(frame, number, end, stale);
    // The daemon was started anew since: the old connections are gone, and nothing was lost.
    if (!reply && stale && !turn.fresh) {
      turn.lock.unlock();
      TRY(turn, pool.add(end));
      reply = turn.connection->call(frame, number, end, stale);
    }
    if (!reply) {
      return tl::unexpected<Error>(reply.error());
    }
    if (const auto* refusal = std::get_if<Errc>(&reply->body)) {
      return fail(*refusal, protocol::kVerdict);
    }
    const auto* challenge = std::get_if<Challenge>(&reply->body);
    if (challenge == nullptr) {
      return fail(Errc::kInternal, kWhere);
    }
    Begun begun{{challenge->message.begin(), challenge->message.end()}, nullptr};
    begun.exchange = std::make_unique<ClientExchange>(std::move(turn.connection), challenge->handle,
                                                      settings_.deadline);
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

tl::expected<std::optional<std::string>, std::string> socket_of(
    const std::vector<std::string>& stores) {
  static constexpr std::string_view kName = "authd";
  const auto is_authd = [](std::string_view store) {
    return store.substr(0, store.find(':')) == kName;
  };
  const auto found = std::ranges::find_if(stores, is_authd);
  if (found == stores.end()) {
    return std::nullopt;
  }
  if (stores.size() != 1) {
    return tl::unexpected<std::string>("store = " + *found +
                                       ": it stands alone; further stores are the daemon's own");
  }
  const bool with_path = found->size() > kName.size();
  const std::string path = with_path ? found->substr(kName.size() + 1) : kDefaultSocket;
  if (!path.starts_with('/')) {
    return tl::unexpected<std::string>("store = " + *found + ": '" + path +
                                       "' is not an absolute path");
  }
  return path;
}

std::shared_ptr<const protocol::Authority> make_client(ClientSettings settings) {
  return std::make_shared<Client>(std::move(settings));
}

}  // namespace ntlm::authority
