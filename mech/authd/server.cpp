// SPDX-License-Identifier: MIT
#include "authd/server.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <deque>
#include <map>
#include <set>
#include <stdexcept>
#include <system_error>

#include "authd/shares.h"
#include "authority/address.h"
#include "base/text.h"

namespace ntlm::authd {
namespace {

using protocol::LogonRequest;
using protocol::LogonResult;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr milliseconds kFailureDelay{250};
constexpr milliseconds kAcceptPause{100};
constexpr seconds kNextLook{1};          // at the stores' names
constexpr std::size_t kMaxWaiting = 64;  // attempts of one connection that wait, for whatever
constexpr std::size_t kMaxOfUser = 512;  // and of one user, for a verdict
constexpr seconds kQuiet{2};             // until a connection may be let go
// Connections of a thread from which on it looks who needs his. There are four threads at most: one
// of them has more than this of a user who has more than half of his share (peers.cpp).
constexpr std::size_t kMany = 128;
constexpr rlim_t kReserve = 16;  // descriptors that no connection gets

struct Connection {
  FileDescriptor socket;  // none: it is closed
  Caller caller;
  std::size_t waiting = 0;  // attempts that wait for a verdict
  std::size_t delayed = 0;  // those whose answer waits
  bool watched = true;      // for frames; otherwise for its end only
  bool quiet = false;       // since the last look

  bool open() const { return socket.get() >= 0; }
};
using Shared = std::shared_ptr<Connection>;

// An answer to a failure. Other clients of the worker share the connection, and do not wait for it.
struct Delayed {
  Time due;
  Shared connection;
  SecretBytes frame;
};

// An attempt that waits for its verdict.
struct Waiting {
  Shared connection;
  std::uint32_t number = 0;  // of the worker's request
  Bytes frame;               // that the attempt views
  Attempt attempt;
  Share share;
  SecretBytes question;  // until it is asked
};

// Over all threads.
std::uint64_t next_connection() {
  static constinit std::atomic<std::uint64_t> number{0};
  return number.fetch_add(1, std::memory_order_relaxed);
}

// A record opens its file anew, so that workers who hold all descriptors would log in without one.
// The kernel gives out the lowest that is free.
bool is_of_reserve(int descriptor) {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
         static_cast<rlim_t>(descriptor) + kReserve >= limit.rlim_cur;
}

}  // namespace

struct Loop::State {
  State(const ServerSettings& settings, Peers& all, int socket, FileDescriptor store_socket)
      : peers(all),
        deadline(settings.config.number("ntlm", "store_deadline")),
        listener(socket),
        store(std::move(store_socket)),
        acceptors(settings, all),
        epoll(::epoll_create1(EPOLL_CLOEXEC)) {
    const StoreFacts facts = store.facts();
    slow = facts.serves_domain;
    acceptors.learn(facts);
    listen();
    // The store's end is always told, whatever is asked for.
    if (!listening || !watch(store.descriptor(), slow ? std::uint32_t{EPOLLIN} : 0)) {
      throw std::system_error(errno, std::generic_category(), "epoll");
    }
  }

  bool watch(int fd, std::uint32_t events, int operation = EPOLL_CTL_ADD) const {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    return ::epoll_ctl(epoll.get(), operation, fd, &event) == 0;
  }
  void listen() {
    listening = watch(listener, EPOLLIN | EPOLLEXCLUSIVE);
    resume = steady_clock::now() + kAcceptPause;  // where it could not
  }

  // Milliseconds until something is due; -1: nothing.
  int patience() const {
    Time due = Time::max();
    if (!listening) {
      due = resume;
    }
    if (!delayed.empty()) {
      due = std::min(due, delayed.front().due);
    }
    if (!queue.empty()) {
      due = std::min(due, queue.begin()->first + deadline);
    }
    if (connections.size() > kMany) {
      due = std::min(due, next_tidying);
    }
    if (due == Time::max()) {
      return -1;
    }
    const auto left = std::chrono::ceil<milliseconds>(due - steady_clock::now()).count();
    return left > 0 ? static_cast<int>(left) : 0;
  }

  void do_what_is_due() {
    if (listening && delayed.empty() && queue.empty() && connections.size() <= kMany) {
      return;
    }
    const Time now = steady_clock::now();
    if (!listening && now >= resume) {
      listen();
    }
    while (!delayed.empty() && delayed.front().due <= now) {
      const Delayed one = std::move(delayed.front());
      delayed.pop_front();
      --one.connection->delayed;
      if (one.connection->open() &&
          (!send(*one.connection, one.frame) || !update(*one.connection))) {
        close(*one.connection);
      }
    }
    while (!queue.empty() && queue.begin()->first + deadline <= now) {
      const auto late = waiting.extract(queue.begin()->second);
      queue.erase(queue.begin());
      shares.wait_no_more(late.mapped()->share, late.key());
      settle(*late.mapped(), fail(Errc::kNoAuthority, "authd.queue"));
    }
    if (connections.size() > kMany && now >= next_tidying) {
      next_tidying = now + kQuiet;
      let_go();
    }
  }

  // A worker keeps as many connections as it once needed, and its user has a share of them all. So
  // those that were quiet from one look to the next go, while their user has many. One with an
  // exchange stays: FINISH is told to no other. A BEGIN that comes meanwhile is sent again
  // (authority/client.cpp).
  void let_go() {
    for (auto next = connections.begin(); next != connections.end();) {
      const Shared one = (next++)->second;
      const uid_t uid = one->caller.uid;
      const bool needed = !one->quiet || one->waiting + one->delayed > 0 ||
                          peers.exchanges(uid).has_any(one->caller.connection);
      one->quiet = true;
      if (!needed && peers.has_many(uid)) {
        close(*one);
      }
    }
  }

  void accept() {
    FileDescriptor socket(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.get() < 0) {
      // Without a descriptor left the listener stays ready: it is looked at again later.
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        (void)::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, listener, nullptr);
        listening = false;
        resume = steady_clock::now() + kAcceptPause;
      }
      return;
    }
    if (is_of_reserve(socket.get())) {
      return;
    }
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        peer.uid == kOverflowUid) {
      return;
    }
    const std::size_t section = peers.section_of(peer.uid);
    const int fd = socket.get();
    authority::make_room(fd);
    if (!peers.connect(peer.uid, section)) {
      return;
    }
    const auto made = std::make_shared<Connection>();
    made->socket = std::move(socket);
    made->caller = {next_connection(), peer.uid, section,
                    "uid " + std::to_string(peer.uid) + " pid " + std::to_string(peer.pid)};
    connections[fd] = made;
    if (!watch(fd, EPOLLIN)) {
      close(*made);
    }
  }

  // Attempts that wait for their verdict go on: each has its record.
  void close(Connection& connection) {
    peers.exchanges(connection.caller.uid).close(connection.caller.connection);
    peers.disconnect(connection.caller.uid);
    const FileDescriptor socket = std::exchange(connection.socket, FileDescriptor());
    connections.erase(socket.get());
  }

  // Frames are taken from a connection unless too many of its attempts wait.
  bool update(Connection& connection) const {
    const bool wanted = connection.delayed + connection.waiting < kMaxWaiting;
    if (wanted == connection.watched) {
      return true;
    }
    connection.watched = wanted;
    return watch(connection.socket.get(), wanted ? std::uint32_t{EPOLLIN} : 0, EPOLL_CTL_MOD);
  }

  // A worker that does not read its answers gets no more of them.
  static bool send(const Connection& connection, ByteView frame) {
    return ::send(connection.socket.get(), frame.data(), frame.size(),
                  MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(frame.size());
  }

  // False: the connection is to be closed.
  bool reply(const Shared& connection, std::uint32_t number, Answer answer) {
    answer.reply.number = number;
    auto frame = authority::write_reply(answer.reply);
    if (!frame) {
      return false;
    }
    if (!answer.wait) {
      return send(*connection, *frame);
    }
    ++connection->delayed;
    delayed.push_back({steady_clock::now() + kFailureDelay, connection, std::move(*frame)});
    return update(*connection);
  }

  // One frame; false: the connection is to be closed.
  bool serve(const Shared& connection, std::uint32_t event) {
    if (!connection->watched) {
      return (event & (EPOLLHUP | EPOLLERR)) == 0;
    }
    iovec part{request.data(), request.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t size =
        ::recvmsg(connection->socket.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    connection->quiet = false;
    // Descriptors that came along were not taken (there is no room for them), which shows.
    if (size == 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
      return false;
    }
    const ByteView frame = ByteView(request).first(static_cast<std::size_t>(size));
    const auto parsed = authority::read_request(frame);
    if (!parsed) {
      return false;
    }
    if (const auto* abort = std::get_if<authority::Abort>(&parsed->body)) {
      acceptors.abort(connection->caller, abort->handle);
      return true;
    }
    if (const auto* begin = std::get_if<authority::Begin>(&parsed->body)) {
      look_at_names();
      return reply(connection, parsed->number, acceptors.begin(connection->caller, *begin));
    }
    return slow ? finish_later(connection, frame) : finish(connection, *parsed);
  }

  bool finish(const Shared& connection, const authority::Request& parsed) {
    Attempt attempt{steady_clock::now(), std::get<authority::Finish>(parsed.body)};
    auto next = acceptors.finish(connection->caller, attempt);
    const auto* question = std::get_if<LogonRequest>(&next);
    return reply(connection, parsed.number,
                 question == nullptr
                     ? std::move(std::get<Answer>(next))
                     : acceptors.settle(connection->caller, attempt, store.verify(*question)));
  }

  // The same, where the verdict comes by and by: until then the attempt has its own frame.
  bool finish_later(const Shared& connection, ByteView frame) {
    auto later = std::make_unique<Waiting>();
    later->connection = connection;
    later->frame.assign(frame.begin(), frame.end());
    const auto parsed = authority::read_request(later->frame);
    later->number = parsed->number;
    later->attempt = {steady_clock::now(), std::get<authority::Finish>(parsed->body)};
    auto next = acceptors.finish(connection->caller, later->attempt);
    if (auto* answer = std::get_if<Answer>(&next)) {
      return reply(connection, later->number, std::move(*answer));
    }
    const LogonRequest& question = std::get<LogonRequest>(next);
    const std::uint32_t number = next_question();
    auto written = write_question(number, question);
    const uid_t uid = connection->caller.uid;
    if (written && users[uid] >= kMaxOfUser) {
      written = fail(Errc::kTooManyLogons, "authd.waiting");
    }
    if (!written) {
      return reply(connection, later->number,
                   acceptors.settle(connection->caller, later->attempt,
                                    tl::unexpected<Error>(written.error())));
    }
    later->question = std::move(*written);
    later->share = {uid, domain_of(question.account),
                    protocol::is_of_host(question.account, question.host)};
    ++users[uid];
    ++connection->waiting;
    if (!shares.has_place(later->share) || !ask(*later)) {
      shares.wait(later->share, number);
      queue.emplace(later->attempt.started, number);
    }
    waiting.emplace(number, std::move(later));
    return update(*connection);
  }

  // A user without a domain, and one in the form user@domain, of which nobody knows whose he is.
  static std::string domain_of(const protocol::AccountName& account) {
    return account.domain.empty() && account.user.find('@') != account.user.npos
               ? "@"
               : upper_utf8(account.domain);
  }

  std::uint32_t next_question() {
    do {
      ++last_question;
    } while (last_question == 0 || waiting.contains(last_question));
    return last_question;
  }

  // What has a place. False: not now.
  bool ask(Waiting& one) {
    if (!store.send(one.question)) {
      return false;
    }
    one.question = SecretBytes();
    shares.take(one.share);
    return true;
  }

  void ask_the_next() {
    while (const auto number = shares.next()) {
      Waiting& one = *waiting.at(*number);
      if (!ask(one)) {
        return;
      }
      shares.wait_no_more(one.share, *number);
      queue.erase({one.attempt.started, *number});
    }
  }

  void on_answer() {
    auto answer = store.receive();
    if (!answer) {
      return;
    }
    if (const auto* facts = std::get_if<StoreFacts>(&answer->body)) {
      acceptors.learn(*facts);
      looking = false;
      return;
    }
    const auto asked = waiting.extract(answer->number);
    if (asked.empty() || !asked.mapped()->question.empty()) {
      throw std::runtime_error("the store process answers what nobody asked");
    }
    shares.give_back(asked.mapped()->share);
    settle(*asked.mapped(), std::move(std::get<Result<LogonResult>>(answer->body)));
    ask_the_next();
  }

  void settle(Waiting& one, Result<LogonResult> verdict) {
    const Shared& connection = one.connection;
    if (--users[connection->caller.uid] == 0) {
      users.erase(connection->caller.uid);
    }
    --connection->waiting;
    Answer answer = acceptors.settle(connection->caller, one.attempt, std::move(verdict));
    if (connection->open() &&
        (!reply(connection, one.number, std::move(answer)) || !update(*connection))) {
      close(*connection);
    }
  }

  // A domain that could not say its names may be able to by now.
  void look_at_names() {
    if (!acceptors.named() && !looking && steady_clock::now() >= next_look) {
      next_look = steady_clock::now() + kNextLook;
      looking = store.send(kFactsQuestion);
    }
  }

  Peers& peers;
  const seconds deadline;  // of an attempt that cannot be asked about
  const int listener;
  StoreClient store;
  Acceptors acceptors;
  FileDescriptor epoll;
  bool slow = false;  // a store may take its time
  bool looking = false;
  Time next_look = steady_clock::now() + kNextLook;
  bool listening = false;
  Time resume;
  std::map<int, Shared> connections;
  Time next_tidying;
  std::deque<Delayed> delayed;
  std::map<std::uint32_t, std::unique_ptr<Waiting>> waiting;  // by the number of its question
  std::set<std::pair<Time, std::uint32_t>> queue;             // of those not asked yet
  std::map<uid_t, std::size_t> users;                         // how many wait
  Shares shares;
  std::uint32_t last_question = 0;
  std::array<std::uint8_t, authority::kMaxRequest> request{};
};

Loop::Loop(const ServerSettings& settings, Peers& peers, int listener, FileDescriptor store)
    : state_(std::make_unique<State>(settings, peers, listener, std::move(store))) {}
Loop::~Loop() = default;

void Loop::run() {
  std::array<epoll_event, 64> events;
  while (true) {
    const int count = ::epoll_wait(state_->epoll.get(), events.data(),
                                   static_cast<int>(events.size()), state_->patience());
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const int fd = event.data.fd;
      if (fd == state_->listener) {
        state_->accept();
        continue;
      }
      if (fd == state_->store.descriptor()) {
        state_->on_answer();  // ends the process when the store's has ended
        continue;
      }
      const auto found = state_->connections.find(fd);
      if (found == state_->connections.end()) {
        continue;
      }
      const Shared connection = found->second;
      if (!state_->serve(connection, event.events)) {
        state_->close(*connection);
      }
    }
    state_->do_what_is_due();
  }
}

}  // namespace ntlm::authd
