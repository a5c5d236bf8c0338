// SPDX-License-Identifier: MIT
#include "authority/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace ntlm::authority {
namespace {

using std::chrono::milliseconds;

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

tl::unexpected<Error> down() { return fail(Errc::kAuthorityDown, "authority.call"); }

}  // namespace

// Of those who still wait one has to read. Whoever is awake looks for himself.
struct Connection::Leaving {
  Connection& connection;
  const Call& call;
  Lock& lock;

  ~Leaving() {
    if (!lock.owns_lock()) {  // memory gave out
      lock.lock();
    }
    std::erase(connection.waiting_, &call);
    const auto sleeper = std::ranges::find(connection.waiting_, true, &Call::asleep);
    if (!connection.reading_ && sleeper != connection.waiting_.end()) {
      (*sleeper)->wake.notify_one();
    }
  }
};

void Connection::attach(FileDescriptor socket) {
  const Lock lock(mutex_);
  socket_ = std::move(socket);
  if (socket_.get() < 0) {
    broken_ = true;
  }
  attached_.notify_all();
}

Result<Answer> Connection::call(ByteView frame, std::uint32_t number, Clock::time_point end,
                                bool& stale) {
  Call call{number};
  Lock lock(mutex_);
  if (!attached_.wait_until(lock, end, [this] { return broken_ || socket_.get() >= 0; }) ||
      broken_) {
    stale = closed_;
    return down();
  }
  waiting_.push_back(&call);
  const Leaving leaving{*this, call, lock};
  lock.unlock();
  send_aborts();
  const bool sent = send(frame, end);
  // The last while an older kernel is closing the other end.
  const bool gone = !sent && (errno == EPIPE || errno == ECONNRESET || errno == ECONNREFUSED);
  lock.lock();
  if (sent && await_answer(call, lock, end)) {
    if (const auto reply = read_reply(call.answer)) {
      return Answer{std::move(call.answer), *reply};
    }
    break_off(lock);
  }
  if (gone) {
    closed_ = true;
    break_off(lock);
  }
  stale = closed_;
  return down();
}

// Whether it came in time.
bool Connection::await_answer(Call& call, Lock& lock, Clock::time_point end) {
  while (call.answer.empty() && !broken_) {
    if (reading_) {
      call.asleep = true;
      const bool late = call.wake.wait_until(lock, end) == std::cv_status::timeout;
      call.asleep = false;
      if (late) {
        break;
      }
      continue;
    }
    reading_ = true;
    lock.unlock();
    std::size_t size = 0;
    const Outcome outcome = receive(end, size);
    lock.lock();
    reading_ = false;
    if (outcome == Outcome::kLate) {
      break;
    }
    if (outcome == Outcome::kFrame) {
      hand_out(ByteView(room_).first(size), lock);
      wipe(room_.data(), size);
    } else {
      closed_ = outcome == Outcome::kClosed;
      break_off(lock);
    }
  }
  return !call.answer.empty();
}

void Connection::hand_out(ByteView frame, const Lock& held) {
  const auto number = reply_number(frame);
  if (!number) {
    return break_off(held);
  }
  const auto asked = std::ranges::find(waiting_, *number, &Call::number);
  if (asked != waiting_.end()) {
    (*asked)->answer.assign(frame.begin(), frame.end());
    (*asked)->wake.notify_one();
    return;
  }
  const auto late = read_reply(frame);
  if (!late) {
    return break_off(held);
  }
  if (const auto* challenge = std::get_if<Challenge>(&late->body)) {
    // Nobody waits for it any more, and the daemon would keep the exchange.
    const std::lock_guard guard(aborts_mutex_);
    aborts_.push_back(challenge->handle);
  }
}

void Connection::break_off(const Lock& /*held*/) {
  broken_ = true;
  for (Call* call : waiting_) {
    call->wake.notify_one();
  }
}

// The socket's own time limit ends a recv; only where less is left, or after an interruption, is
// the time measured.
Connection::Outcome Connection::receive(Clock::time_point end, std::size_t& size) {
  constexpr milliseconds kSlack{50};
  bool measure = end - Clock::now() + kSlack < limit_;
  while (!measure || wait_for(socket_.get(), POLLIN, end)) {
    const ssize_t got = ::recv(socket_.get(), room_.data(), room_.size(), MSG_TRUNC);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
      return Outcome::kClosed;
    }
    if (got > 0) {
      size = static_cast<std::size_t>(got);
      return size <= room_.size() ? Outcome::kFrame : Outcome::kDefective;
    }
    if (errno == EAGAIN) {
      return Outcome::kLate;
    }
    if (errno != EINTR) {
      return Outcome::kDefective;
    }
    measure = true;
  }
  return Outcome::kLate;
}

// errno says why not; 0: not in time.
bool Connection::send(ByteView frame, Clock::time_point end) const {
  while (true) {
    const ssize_t sent =
        ::send(socket_.get(), frame.data(), frame.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      return sent == static_cast<ssize_t>(frame.size());
    }
    if (errno == EAGAIN && !wait_for(socket_.get(), POLLOUT, end)) {
      errno = 0;
      return false;
    }
    if (errno != EAGAIN && errno != EINTR) {
      return false;
    }
  }
}

void Connection::abort(const Handle& handle) {
  {
    const std::lock_guard guard(aborts_mutex_);
    aborts_.push_back(handle);
  }
  send_aborts();
}

// What a daemon that does not read has no room for stays for the next time.
void Connection::send_aborts() {
  const std::lock_guard guard(aborts_mutex_);
  while (!aborts_.empty()) {
    const auto frame = write_request({0, Abort{aborts_.back()}});
    if (frame && !send(*frame, Clock::time_point())) {
      return;
    }
    aborts_.pop_back();
  }
}

}  // namespace ntlm::authority
