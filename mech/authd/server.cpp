// SPDX-License-Identifier: MIT
#include "authd/server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <deque>
#include <map>
#include <system_error>

#include "authd/exchanges.h"
#include "base/reason.h"
#include "protocol/attempt.h"
#include "protocol/host.h"

namespace ntlm::authd {
namespace {

using authority::Handle;
using authority::Reply;
using protocol::Acceptor;
using protocol::AcceptorSetup;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kFailureDelay{250};
constexpr milliseconds kAcceptPause{100};

struct Connection {
  FileDescriptor socket;
  std::uint64_t number = 0;
  uid_t uid = 0;
  std::size_t section = 0;
  std::string peer;      // for the audit record
  bool waiting = false;  // for the answer to a failure; nothing is read from it before
  Exchanges exchanges;
};

struct Delayed {
  Time due;
  int fd;
  std::uint64_t connection;
  SecretBytes frame;
};

struct Answer {
  Reply reply;
  SecretBytes acceptor;  // that the reply points at
  Bytes challenge;
  bool wait = false;
};

}  // namespace

struct Loop::State {
  State(const ServerSettings& given, Peers& all, int socket, FileDescriptor store_socket)
      : settings(given),
        peers(all),
        listener(socket),
        store(std::make_shared<StoreClient>(std::move(store_socket))),
        epoll(::epoll_create1(EPOLL_CLOEXEC)) {
    learn_names();
    listen();
    // The store's end is always told, whatever is asked for.
    if (!listening || !watch(store->descriptor(), 0)) {
      throw std::system_error(errno, std::generic_category(), "epoll");
    }
  }

  // The acceptor's setup for each section, with the names that the stores wish for; the last is of
  // those who may not ask.
  void learn_names() {
    const StoreFacts facts = store->facts();
    named = facts.host.has_value() || !facts.serves_domain;
    next_look = steady_clock::now() + std::chrono::seconds(1);
    const auto names = protocol::host_names(settings.config, facts.host ? &*facts.host : nullptr,
                                            std::string(), std::string());
    setups.clear();
    const auto setup = [&](const protocol::Policy& policy) {
      setups.push_back(std::make_shared<const AcceptorSetup>(
          policy, names, std::shared_ptr<const protocol::Verifier>(store)));
    };
    for (const Section& section : peers.sections()) {
      setup(section.policy);
    }
    setup(protocol::Policy());
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
    if (due == Time::max()) {
      return -1;
    }
    const auto left = std::chrono::ceil<milliseconds>(due - steady_clock::now()).count();
    return left > 0 ? static_cast<int>(left) : 0;
  }

  void do_what_is_due() {
    const Time now = steady_clock::now();
    if (!listening && now >= resume) {
      listen();
    }
    while (!delayed.empty() && delayed.front().due <= now) {
      const Delayed one = std::move(delayed.front());
      delayed.pop_front();
      const auto found = connections.find(one.fd);
      if (found == connections.end() || found->second.number != one.connection) {
        continue;
      }
      found->second.waiting = false;
      if (!send(found->second, one.frame) || !watch(one.fd, EPOLLIN, EPOLL_CTL_MOD)) {
        close(found->second);
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
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        peer.uid == kOverflowUid) {
      return;
    }
    const std::size_t section = peers.section_of(peer.uid);
    const int fd = socket.get();
    if (!peers.connect(peer.uid, section)) {
      return;
    }
    Connection& made = connections[fd];
    made.socket = std::move(socket);
    made.number = next_connection++;
    made.uid = peer.uid;
    made.section = section;
    made.peer = "uid " + std::to_string(peer.uid) + " pid " + std::to_string(peer.pid);
    if (!watch(fd, EPOLLIN)) {
      close(made);
    }
  }

  void close(Connection& connection) {
    for (std::size_t i = connection.exchanges.size(); i > 0; --i) {
      peers.close_exchange(connection.uid);
    }
    peers.disconnect(connection.uid);
    connections.erase(connection.socket.get());
  }

  // A worker that does not read its answers gets no more of them.
  static bool send(const Connection& connection, ByteView frame) {
    return ::send(connection.socket.get(), frame.data(), frame.size(),
                  MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(frame.size());
  }

  // One frame; false: the connection is to be closed.
  bool serve(Connection& connection) {
    if (connection.waiting) {  // and did not: it has gone
      return false;
    }
    iovec part{request.data(), request.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    const ssize_t size =
        ::recvmsg(connection.socket.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    // Descriptors that came along were not taken (there is no room for them), which shows.
    if (size == 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
      return false;
    }
    const auto parsed =
        authority::read_request(ByteView(request).first(static_cast<std::size_t>(size)));
    if (!parsed) {
      return false;
    }
    if (const auto* abort = std::get_if<authority::Abort>(&parsed->body)) {
      if (connection.exchanges.take(abort->handle)) {
        peers.close_exchange(connection.uid);
      }
      return true;
    }
    const auto* begin = std::get_if<authority::Begin>(&parsed->body);
    Answer answer = begin != nullptr
                        ? on_begin(connection, *begin)
                        : on_finish(connection, std::get<authority::Finish>(parsed->body));
    answer.reply.number = parsed->number;
    auto frame = authority::write_reply(answer.reply);
    if (!frame) {
      return false;
    }
    if (!answer.wait) {
      return send(connection, *frame);
    }
    connection.waiting = true;
    delayed.push_back({steady_clock::now() + kFailureDelay, connection.socket.get(),
                       connection.number, std::move(*frame)});
    return watch(connection.socket.get(), 0, EPOLL_CTL_MOD);
  }

  Answer on_begin(Connection& connection, const authority::Begin& begin) {
    if (!named && steady_clock::now() >= next_look) {
      learn_names();
    }
    const auto started = steady_clock::now();
    OpenExchange exchange{
        {},
        Acceptor(setups[connection.section], protocol::system_clock(), protocol::system_random()),
        std::string(begin.service)};
    if (connection.section == peers.sections().size()) {
      return refuse(connection, exchange, {Errc::kAuthorityAccess, "authd.peer"}, started);
    }
    if (!peers.may_begin(connection.uid)) {
      return refuse(connection, exchange, {Errc::kTooManyLogons, "authd.rate"}, started);
    }
    exchange.acceptor.set_options(peers.sections()[connection.section].admit(begin.options));
    auto step = exchange.acceptor.step(begin.negotiate, nullptr);
    if (!step) {
      return refuse(connection, exchange, step.error(), started);
    }
    // Whoever opens more than its share loses its own oldest ones.
    if (connection.exchanges.full() || !peers.open_exchange(connection.uid)) {
      if (connection.exchanges.size() == 0) {
        return refuse(connection, exchange, {Errc::kTooManyLogons, "authd.exchanges"}, started);
      }
      connection.exchanges.drop_oldest();
    }
    protocol::system_random().fill(exchange.handle);
    Answer answer;
    answer.challenge = std::move(step->token);
    answer.reply.body = authority::Challenge{exchange.handle, answer.challenge};
    connection.exchanges.add(std::move(exchange));
    return answer;
  }

  Answer on_finish(Connection& connection, const authority::Finish& finish) {
    const auto started = steady_clock::now();
    auto exchange = connection.exchanges.take(finish.handle);
    if (!exchange) {
      OpenExchange none{
          {},
          Acceptor(setups[connection.section], protocol::system_clock(), protocol::system_random()),
          {}};
      return refuse(connection, none, {Errc::kDeadContext, "authd.handle"}, started);
    }
    peers.close_exchange(connection.uid);
    Acceptor& acceptor = exchange->acceptor;
    acceptor.set_options(peers.sections()[connection.section].admit(finish.options));
    const auto step =
        acceptor.step(finish.authenticate, finish.bindings ? &*finish.bindings : nullptr);
    if (!step) {
      return refuse(connection, *exchange, step.error(), started);
    }
    SecretWriter writer(1024, authority::kMaxReply - 64);
    acceptor.save(writer);
    auto saved = std::move(writer).finish("authd.acceptor");
    if (!saved) {
      return refuse(connection, *exchange, saved.error(), started);
    }
    Answer answer;
    answer.acceptor = std::move(*saved);
    answer.reply.body = authority::Acceptance{answer.acceptor};
    record(connection, *exchange, nullptr, started);
    return answer;
  }

  Answer refuse(const Connection& connection, const OpenExchange& exchange, const Error& error,
                Time started) {
    if (const auto unrecorded = peers.record_refusal(connection.uid)) {
      record(connection, exchange, &error, started, *unrecorded);
    }
    // Whether an answer waits says no more than the answer does.
    const Errc told = protocol::outward(error).code;
    Answer answer;
    answer.reply.body = told;
    answer.wait = told == Errc::kLogonDenied && peers.failed();
    return answer;
  }

  void record(const Connection& connection, const OpenExchange& exchange, const Error* error,
              Time started, std::uint64_t unrecorded = 0) const {
    AuditEvent event = protocol::attempt(exchange.acceptor, error);
    event.unreported = unrecorded;
    event.service = exchange.service;
    event.peer = connection.peer;
    std::string principal;
    if (error == nullptr) {
      const protocol::Principal& who = exchange.acceptor.established()->principal;
      principal =
          who.anonymous ? "ANONYMOUS" : protocol::display(who.account, settings.display_form);
      event.principal = principal;
    }
    event.duration_us = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - started)
            .count());
    audit(settings.audit, event);
  }

  const ServerSettings& settings;
  Peers& peers;
  const int listener;
  std::shared_ptr<StoreClient> store;
  FileDescriptor epoll;
  std::vector<std::shared_ptr<const AcceptorSetup>> setups;  // of each section
  bool named = false;  // false: the stores' domain could not say its names yet
  Time next_look;
  bool listening = false;
  Time resume;
  std::map<int, Connection> connections;
  std::uint64_t next_connection = 0;
  std::deque<Delayed> delayed;
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
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == state_->listener) {
        state_->accept();
        continue;
      }
      if (fd == state_->store->descriptor()) {
        (void)state_->store->facts();  // ends the process
      }
      const auto found = state_->connections.find(fd);
      if (found != state_->connections.end() && !state_->serve(found->second)) {
        state_->close(found->second);
      }
    }
    state_->do_what_is_due();
  }
}

}  // namespace ntlm::authd
