// SPDX-License-Identifier: MIT
#include "store/winbind_calls.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/impersonation.h"
#include "base/text.h"

namespace ntlm::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Calls under way, late ones included, each on a thread of the process. A peer chooses the names of
// domains, several for one domain too, and a lost one keeps a thread for a minute. So those that
// have never answered (strangers) leave the others half of the threads, and domains leave winbindd
// two. Beside those of ntlm-authd's front: authd/README.md.
constexpr unsigned kMaxThreads = 64;
constexpr unsigned kOfDomains = 62;
constexpr unsigned kOfStrangers = 32;
// Of one authority.
constexpr unsigned kMaxCalls = 16;
constexpr unsigned kMaxOfStranger = 4;
// Authorities that are remembered, beside those that are being asked.
constexpr std::size_t kMaxKept = 64;
constexpr auto kIdle = seconds(10);
// How long a caller waits to see whether a late authority answers the one that asks it.
constexpr auto kPatience = milliseconds(250);
// How long winbindd itself may take to say that it is there.
constexpr auto kPing = milliseconds(250);

// libwbclient keeps a few kilobytes of request and response on the stack.
constexpr std::size_t kStack = 256 * 1024;

std::atomic<WinbindCalls*> libraries{nullptr};

// The process's supplementary groups. Those that were seen before stay for whoever reads them.
struct OwnGroups {
  std::vector<gid_t> groups;
  const OwnGroups* before;
};
std::atomic<const OwnGroups*> own_groups{nullptr};

// What a thread that serves all must not keep of the caller that made it. Without knowing the
// process's groups it has none. False: it cannot be told now whose ids it has.
bool become_the_process() {
  const std::optional<bool> another = impersonates();
  if (!another.value_or(false)) {
    return another.has_value();
  }
  const OwnGroups* const own = own_groups.load(std::memory_order_acquire);
  // The thread's own call; the C library's would change every thread.
  ::syscall(SYS_setgroups, own == nullptr ? 0 : own->groups.size(),
            own == nullptr ? nullptr : own->groups.data());
  ::setfsuid(::geteuid());
  ::setfsgid(::getegid());
  return true;
}

// What one thread tells another once. Posted when no lock is held: whoever is woken would only wait
// again, for the lock, and each of those waits is a sleep of some processor.
class Signal {
 public:
  using Clock = WinbindCalls::Clock;
  Signal() { ::sem_init(&semaphore_, 0, 0); }
  ~Signal() { ::sem_destroy(&semaphore_); }
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void post() { ::sem_post(&semaphore_); }
  void wait() {
    while (::sem_wait(&semaphore_) != 0) {
    }
  }
  // False: not in time.
  bool wait_until(Clock::time_point time) {
    const auto since =
        std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch());
    const timespec end{since.count() / 1'000'000'000, since.count() % 1'000'000'000};
    int failed;
    do {
      failed = ::sem_clockwait(&semaphore_, CLOCK_MONOTONIC, &end);
    } while (failed != 0 && errno == EINTR);
    return failed == 0;
  }

 private:
  sem_t semaphore_;
};

}  // namespace

class WinbindCalls::Threads {
 public:
  explicit Threads(const Wbclient& functions) : functions_(functions) { learn_own_groups(); }

  Result<void> run(WinbindAuthority whom, Clock::time_point deadline, Call call);
  bool answers();
  bool of_this_process() const { return process_ == ::getpid(); }

 private:
  struct Authority {
    unsigned callers = 0;         // inside run()
    unsigned active = 0;          // calls on a thread
    unsigned late = 0;            // of those, the ones that nobody waits for any more
    bool known = false;           // winbindd itself, or a domain that is there: no stranger
    bool suspect = false;         // was late, and has not been in time since
    std::optional<Errc> verdict;  // why it was late
    Clock::time_point asked{};    // for the last time
  };
  using Authorities = std::map<std::string, Authority, std::less<>>;

  struct Job {
    explicit Job(Call what) : call(std::move(what)) {}
    Call call;
    Authorities::iterator authority;
    Signal done;
    bool spoken = false;  // what the call returned
    bool finished = false;
    bool late = false;
  };
  // A thread that waits for a job; it has one as soon as it is no longer in the stack.
  struct Idle {
    Signal wake;
    std::shared_ptr<Job> job;
    Idle* next = nullptr;
  };
  struct Start {
    Threads* threads;
    std::shared_ptr<Job> job;
  };

  bool may_ask(Authorities::const_iterator who) const;
  void know(Authority& who);
  Errc verdict(Authorities::iterator who, std::unique_lock<std::mutex>& lock);
  Idle* take_idle(const std::shared_ptr<Job>& job);
  bool start_thread(std::unique_ptr<Start> start);
  void forget_unused(Authorities::iterator who);
  void finish(Job& job);
  void serve(std::shared_ptr<Job> job);
  std::shared_ptr<Job> next_after(std::shared_ptr<Job> job, Idle& self);
  static void* entry(void* start);

  const Wbclient functions_;
  const pid_t process_ = ::getpid();
  std::mutex mutex_;
  std::condition_variable changed_;  // somebody in may_ask()'s queue may look again
  unsigned waiters_ = 0;
  unsigned busy_ = 0;       // threads; there are no more than were busy at once
  unsigned strangers_ = 0;  // of those, the ones that ask strangers
  Idle* idle_ = nullptr;    // a stack: the thread that ran last has the warmest caches
  Authorities authorities_;
};

// Whoever may ask has at most as many threads as are left for others of its kind.
bool WinbindCalls::Threads::may_ask(Authorities::const_iterator who) const {
  const Authority& authority = who->second;
  if (authority.suspect && authority.active > authority.late) {
    return false;
  }
  const auto left = [&](unsigned all, unsigned taken) { return all > taken ? all - taken : 0; };
  const unsigned free = left(who->first.empty() ? kMaxThreads : kOfDomains, busy_);
  return authority.active <
         (authority.known ? std::min(kMaxCalls, free)
                          : std::min({kMaxOfStranger, free, left(kOfStrangers, strangers_)}));
}

void WinbindCalls::Threads::know(Authority& who) {
  if (!std::exchange(who.known, true)) {
    strangers_ -= who.active;
  }
}

Result<void> WinbindCalls::Threads::run(WinbindAuthority whom, Clock::time_point deadline,
                                        Call call) {
  const auto job = std::make_shared<Job>(std::move(call));
  auto start = std::make_unique<Start>(Start{this, job});
  std::unique_lock lock(mutex_);
  const auto who = job->authority = authorities_.try_emplace(upper_utf8(whom.name)).first;
  Authority& authority = who->second;
  ++authority.callers;
  authority.asked = Clock::now();
  if (whom.known) {
    know(authority);
  }
  const auto leave = [&](Result<void> result) {
    --authority.callers;
    forget_unused(who);
    return result;
  };

  const auto until = authority.suspect ? std::min(deadline, authority.asked + kPatience) : deadline;
  ++waiters_;
  const bool allowed = changed_.wait_until(lock, until, [&] { return may_ask(who); });
  --waiters_;
  if (!allowed) {
    return leave(fail(verdict(who, lock), "winbind.late before"));
  }
  Idle* const idle = take_idle(job);
  if (idle == nullptr && !start_thread(std::move(start))) {
    return leave(fail(Errc::kAuthorityDown, "winbind.no thread"));
  }
  ++authority.active;
  ++busy_;
  strangers_ += authority.known ? 0 : 1;
  lock.unlock();
  if (idle != nullptr) {
    idle->wake.post();
  }
  (void)job->done.wait_until(deadline);
  lock.lock();
  if (job->finished) {
    return leave({});
  }
  job->late = true;
  ++authority.late;
  authority.suspect = true;
  authority.verdict.reset();
  return leave(fail(verdict(who, lock), "winbind.deadline"));
}

// Who is to blame that an authority is late: winbindd, if it does not answer for itself.
Errc WinbindCalls::Threads::verdict(Authorities::iterator who, std::unique_lock<std::mutex>& lock) {
  if (who->first.empty()) {
    return Errc::kAuthorityDown;
  }
  if (who->second.verdict) {
    return *who->second.verdict;
  }
  lock.unlock();
  const Errc found = answers() ? Errc::kNoAuthority : Errc::kAuthorityDown;
  lock.lock();
  who->second.verdict = found;
  return found;
}

bool WinbindCalls::Threads::answers() {
  const auto answered = std::make_shared<wbcErr>(WBC_ERR_UNKNOWN_FAILURE);
  const auto done =
      run(kWinbindd, Clock::now() + kPing, [answered](const Wbclient& wbc, wbcContext* context) {
        *answered = wbc.ping(context);
        return true;
      });
  return done && *answered == WBC_ERR_SUCCESS;
}

// An idle thread that now has the job and is to be woken; null: there is none.
WinbindCalls::Threads::Idle* WinbindCalls::Threads::take_idle(const std::shared_ptr<Job>& job) {
  Idle* const taken = idle_;
  if (taken != nullptr) {
    idle_ = taken->next;
    taken->job = job;
  }
  return taken;
}

// A new thread takes no signal that the program wants to see.
bool WinbindCalls::Threads::start_thread(std::unique_ptr<Start> start) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStack);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const bool made = pthread_create(&thread, &attributes, &entry, start.get()) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (!made) {
    return false;
  }
  (void)start.release();
  return true;
}

void* WinbindCalls::Threads::entry(void* start) {
  const std::unique_ptr<Start> own(static_cast<Start*>(start));
  own->threads->serve(std::move(own->job));
  return nullptr;
}

void WinbindCalls::Threads::serve(std::shared_ptr<Job> job) {
  bool the_process = false;
  uid_t made_as = 0;
  wbcContext* context = nullptr;
  Idle self;
  while (job != nullptr) {
    // winbindd knows a connection by who made it: a program that has dropped its rights since must
    // not go on with them.
    if (context != nullptr && made_as != ::geteuid()) {
      functions_.free(context);
      context = nullptr;
    }
    the_process = the_process || become_the_process();
    if (context == nullptr && the_process) {
      made_as = ::geteuid();
      context = functions_.create();
    }
    // Without a context, for want of memory or descriptors, the library would take one that all
    // threads share.
    if (context != nullptr) {
      job->spoken = job->call(functions_, context);
    }
    job->call = nullptr;
    job = next_after(std::move(job), self);
  }
  if (context != nullptr) {
    functions_.free(context);
  }
}

void WinbindCalls::Threads::finish(Job& job) {
  Authority& authority = job.authority->second;
  --authority.active;
  --busy_;
  strangers_ -= authority.known ? 0 : 1;
  if (job.spoken) {
    know(authority);
  }
  if (job.late) {
    --authority.late;
  } else {
    authority.suspect = false;
    authority.verdict.reset();
  }
  job.finished = true;
  if (waiters_ > 0) {
    changed_.notify_all();
  }
  forget_unused(job.authority);
}

// Null: idle for so long that the thread shall end.
std::shared_ptr<WinbindCalls::Threads::Job> WinbindCalls::Threads::next_after(
    std::shared_ptr<Job> job, Idle& self) {
  {
    const std::lock_guard lock(mutex_);
    finish(*job);
    self.next = std::exchange(idle_, &self);
  }
  job->done.post();
  job.reset();
  const bool woken = self.wake.wait_until(Clock::now() + kIdle);
  {
    const std::lock_guard lock(mutex_);
    if (self.job == nullptr) {
      Idle** place = &idle_;
      while (*place != &self) {
        place = &(*place)->next;
      }
      *place = self.next;
      return nullptr;
    }
  }
  if (!woken) {
    self.wake.wait();  // given a job at the last moment: the post is on its way
  }
  return std::move(self.job);
}

// A peer chooses the names of domains, so that they must not pile up: nothing is kept of one that
// is neither there nor late, and of the others those that were asked last, strangers first to go.
// Those that are being asked do not count: their number is that of the callers, and whoever makes
// many of them must not have those forgotten that have answered.
void WinbindCalls::Threads::forget_unused(Authorities::iterator who) {
  const auto unused = [](const Authority& each) { return each.callers + each.active == 0; };
  if (unused(who->second) && !who->second.known && !who->second.suspect) {
    authorities_.erase(who);
  }
  if (authorities_.size() <= kMaxKept) {
    return;
  }
  std::size_t kept = 0;
  auto first = authorities_.end();
  for (auto each = authorities_.begin(); each != authorities_.end(); ++each) {
    const auto rank = [](const Authority& one) { return std::pair(one.known, one.asked); };
    if (!unused(each->second)) {
      continue;
    }
    ++kept;
    if (first == authorities_.end() || rank(each->second) < rank(first->second)) {
      first = each;
    }
  }
  if (kept > kMaxKept) {
    authorities_.erase(first);
  }
}

WinbindCalls::WinbindCalls(std::string library, const Wbclient& functions)
    : library_(std::move(library)), functions_(functions) {}

Result<WinbindCalls*> WinbindCalls::open(const char* library) {
  WinbindCalls* first = libraries.load(std::memory_order_acquire);
  for (WinbindCalls* known = first; known != nullptr; known = known->next_) {
    if (known->library_ == library) {
      return known;
    }
  }
  TRY(const Wbclient functions, load_wbclient(library));
  std::unique_ptr<WinbindCalls> fresh(new WinbindCalls(library, functions));
  fresh->next_ = first;
  // Two threads may come here at once: the second finds the first's.
  if (!libraries.compare_exchange_strong(first, fresh.get(), std::memory_order_acq_rel)) {
    return open(library);
  }
  return fresh.release();
}

WinbindCalls::Threads* WinbindCalls::threads() {
  Threads* current = threads_.load(std::memory_order_acquire);
  if (current != nullptr && current->of_this_process()) {
    return current;
  }
  // In a child of fork() the parent's threads are not there and its lock may be held: start anew.
  auto fresh = std::make_unique<Threads>(functions_);
  if (!threads_.compare_exchange_strong(current, fresh.get(), std::memory_order_acq_rel)) {
    return current;
  }
  return fresh.release();
}

Result<void> WinbindCalls::run(WinbindAuthority whom, Clock::time_point deadline, Call call) {
  return threads()->run(whom, deadline, std::move(call));
}

bool WinbindCalls::answers() { return threads()->answers(); }

void WinbindCalls::learn_own_groups() {
  const int count = impersonates().value_or(true) ? -1 : ::getgroups(0, nullptr);
  if (count < 0) {
    return;
  }
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  if (::getgroups(count, groups.data()) != count) {
    return;
  }
  const OwnGroups* known = own_groups.load(std::memory_order_acquire);
  if (known != nullptr && known->groups == groups) {
    return;
  }
  auto fresh = std::make_unique<const OwnGroups>(OwnGroups{std::move(groups), known});
  // Where two learn at once, one is enough.
  if (own_groups.compare_exchange_strong(known, fresh.get(), std::memory_order_acq_rel)) {
    (void)fresh.release();
  }
}

}  // namespace ntlm::store
