// SPDX-License-Identifier: MIT
// One connection of a worker to ntlm-authd. The calls of several threads may be under way on it at
// once, and are answered in any order: a logon that waits for a domain controller holds no other.
// Whoever waits and finds nobody reading reads, for all.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "authority/frame.h"
#include "base/fork.h"
#include "base/trusted_file.h"

namespace ntlm::authority {

using Clock = std::chrono::steady_clock;

struct Answer {
  SecretBytes frame;
  Reply reply;  // views of it
};

class Connection {
 public:
  // limit: the time limit of the socket's recv.
  explicit Connection(Clock::duration limit) : limit_(limit), room_(kMaxReply) {}

  // Once; calls wait until then. Nothing: it could not be had.
  void attach(FileDescriptor socket);

  // kAuthorityDown; where the connection ended before the answer, as by a daemon that was started
  // anew, `stale`: the frame may be sent elsewhere.
  Result<Answer> call(ByteView frame, std::uint32_t number, Clock::time_point end, bool& stale);
  // The daemon hears of it at once, or before the next call when it has no room now. Never waits.
  void abort(const Handle& handle);

  // A broken connection serves nobody any more.
  bool broken() const { return broken_.load(std::memory_order_relaxed); }
  // A connection belongs to the process that made it: two on one socket would mix their frames.
  bool is_ours() const { return maker_ == process_number(); }

  std::atomic<std::size_t> open{0};   // exchanges that are open here
  std::atomic<std::size_t> calls{0};  // under way, or about to be

 private:
  struct Call {
    std::uint32_t number;
    SecretBytes answer = {};  // empty: not there yet
    bool asleep = false;      // until `wake`; otherwise still sending, or reading
    std::condition_variable wake = {};
  };
  struct Leaving;
  using Lock = std::unique_lock<std::mutex>;

  enum class Outcome : std::uint8_t { kFrame, kLate, kClosed, kDefective };

  bool await_answer(Call& call, Lock& lock, Clock::time_point end);
  Outcome receive(Clock::time_point end, std::size_t& size);
  void hand_out(ByteView frame, const Lock& held);
  void break_off(const Lock& held);
  bool send(ByteView frame, Clock::time_point end) const;
  void send_aborts();

  const Clock::duration limit_;
  const std::uint64_t maker_ = process_number();
  std::mutex mutex_;
  std::condition_variable attached_;
  FileDescriptor socket_;
  std::vector<Call*> waiting_;  // oldest first
  bool reading_ = false;        // somebody is; `room_` is theirs
  bool closed_ = false;         // by the daemon
  SecretBytes room_;
  std::atomic<bool> broken_{false};
  std::mutex aborts_mutex_;
  std::vector<Handle> aborts_;
};

}  // namespace ntlm::authority
