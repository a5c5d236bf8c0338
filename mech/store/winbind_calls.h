// SPDX-License-Identifier: MIT
// Calls into libwbclient, which knows no deadline: a frozen winbindd or a lost domain controller
// holds one for a minute and more. So each call runs on a thread of this room, and the caller waits
// for it no longer than it said; a late call is left to end by itself
// (docs/decisions/0012-winbind-deadline.md).
//
// Threads are made on demand, keep one wbcContext each that no other thread ever sees, and end
// after ten idle seconds. A child of fork() starts with none. No lock is held while the library
// runs.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/winbind_library.h"

namespace ntlm::store {

// Who must answer: behind winbindd a domain; without a name winbindd itself. Known: it is there for
// certain, as this host's own domain is, and need not answer before it is given more than a few
// threads.
struct WinbindAuthority {
  std::string_view name;
  bool known = false;
};
inline constexpr WinbindAuthority kWinbindd{{}, true};

class WinbindCalls {
 public:
  // The one of this process for that library ("libwbclient.so.0"); it lives as long as the process.
  // kAuthorityDown when it cannot be loaded or is too old; why is the store fault (store/faults.h).
  static Result<WinbindCalls*> open(const char* library);

  // Runs on another thread, and perhaps longer than the caller waits: it must own what it works on,
  // and must not allocate. True: the answer is one that nobody but the authority has, which is
  // known from now on.
  using Call = std::function<bool(const Wbclient&, wbcContext*)>;
  using Clock = std::chrono::steady_clock;
  // Returns when the call has, or an error at the deadline (and at most 0.3 s later): kNoAuthority
  // when winbindd itself still answers, kAuthorityDown when it does not or no thread can be had.
  // An authority that was late is asked by one caller at a time until it is in time again; the
  // others are refused soon.
  Result<void> run(WinbindAuthority whom, Clock::time_point deadline, Call call);

  // Whether winbindd itself answers within 0.25 s.
  bool answers();

  // To be called once before anybody can impersonate: a thread that an impersonating caller makes
  // has other groups than the process, and is given those that this saw last. Does nothing in a
  // thread that impersonates.
  static void learn_own_groups();

  const Wbclient& functions() const { return functions_; }

  WinbindCalls(const WinbindCalls&) = delete;
  WinbindCalls& operator=(const WinbindCalls&) = delete;

 private:
  class Threads;
  WinbindCalls(std::string library, const Wbclient& functions);
  Threads* threads();

  const std::string library_;
  const Wbclient functions_;
  std::atomic<Threads*> threads_{nullptr};
  WinbindCalls* next_ = nullptr;
};

}  // namespace ntlm::store
