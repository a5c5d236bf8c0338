// SPDX-License-Identifier: MIT
// A file's content in the form that look-ups need, read at the first use and again whenever the
// file has changed.
//
// Every use costs one stat() and no lock: readers announce themselves in one of a few counters,
// each in a cache line of its own; whoever has read the file anew swaps the pointer and waits until
// no counter can still stand for a reader of the old content. A child made by fork() while another
// thread was inside keeps that thread's counter for ever: it then keeps old content until the end
// instead of waiting, and takes over a reading that its parent had begun.
#pragma once

#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file_identity.h"
#include "base/trusted_file.h"
#include "store/faults.h"

namespace ntlm::store {

// T has `static tl::expected<std::unique_ptr<const T>, std::string> read(const TrustedFile&, const
// std::string& path)`; the error is a sentence for the administrator that begins with the path.
template <typename T>
class Snapshot {
 public:
  explicit Snapshot(std::string path) : path_(std::move(path)) {}
  ~Snapshot() { delete current_.load(); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  const std::string& path() const { return path_; }

  // use(const T&) -> Result<…>, under the file's present content. kStore when it cannot be read;
  // the reason is recorded (record_store_fault).
  template <typename Use>
  auto with(const Use& use) const -> decltype(use(std::declval<const T&>())) {
    struct stat status {};
    if (::stat(path_.c_str(), &status) == 0) {
      const Pin pin(*this);
      if (pin.held() != nullptr && pin.held()->is_of(status)) {
        return use(*pin.held()->content);
      }
    }
    if (auto read = read_again(); !read) {
      record_store_fault(read.error());
      return fail(Errc::kStore, "store");
    }
    const Pin pin(*this);
    if (pin.held() == nullptr) {
      return fail(Errc::kStore, "store");  // gone again in this moment; the next logon says why
    }
    return use(*pin.held()->content);
  }

 private:
  struct Held {
    FileIdentity identity;
    bool unsettled;  // read of a file that had changed just now: good for this use only
    std::unique_ptr<const T> content;

    bool is_of(const struct stat& status) const {
      return !unsettled && identity == FileIdentity(status);
    }
  };

  struct alignas(64) Counter {
    std::atomic<std::uint32_t> readers{0};
  };

  class Pin {
   public:
    explicit Pin(const Snapshot& snapshot) : readers_(snapshot.counter().readers) {
      readers_.fetch_add(
          1);  // sequentially consistent, as the load: the writer sees this, or we see its pointer
      held_ = snapshot.current_.load();
    }
    ~Pin() { readers_.fetch_sub(1, std::memory_order_release); }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    const Held* held() const { return held_; }

   private:
    std::atomic<std::uint32_t>& readers_;
    const Held* held_;
  };

  // The right to read the file, held by a process id so that a forked child can tell its own from
  // its parent's.
  class Reading {
   public:
    explicit Reading(std::atomic<pid_t>& owner) : owner_(owner) {
      const pid_t self = ::getpid();
      for (int tries = 0; tries < kTries && !mine_; ++tries) {
        pid_t holder = 0;
        mine_ = owner_.compare_exchange_strong(holder, self) ||
                (holder != self && owner_.compare_exchange_strong(holder, self));
        if (!mine_) {
          pause();
        }
      }
    }
    ~Reading() {
      if (mine_) {
        owner_.store(0);
      }
    }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    bool mine() const { return mine_; }

   private:
    std::atomic<pid_t>& owner_;
    bool mine_ = false;
  };

  static constexpr int kTries = 50'000;  // of 200 microseconds: ten seconds
  static void pause() {
    const timespec time{0, 200'000};
    ::nanosleep(&time, nullptr);
  }

  Counter& counter() const {
    const auto thread = reinterpret_cast<std::uintptr_t>(::pthread_self());
    return counters_[(thread * std::uint64_t{0x9e3779b97f4a7c15}) >> 60];
  }

  tl::expected<void, std::string> read_again() const {
    const Reading reading(reading_);
    if (!reading.mine()) {
      return tl::unexpected<std::string>(path_ +
                                         ": another thread has not read it within 10 seconds");
    }
    const auto file = open_trusted(path_, Trust::kSecret);
    if (!file) {
      publish(nullptr);
      return tl::unexpected<std::string>(file.error());
    }
    {
      const Pin pin(*this);
      if (pin.held() != nullptr && pin.held()->is_of(file->status)) {
        return {};  // another thread was faster
      }
    }
    const FileIdentity identity(file->status);
    const bool unsettled = identity.changed_just_now();
    auto content = T::read(*file, path_);
    if (!content) {
      publish(nullptr);
      return tl::unexpected<std::string>(content.error());
    }
    publish(new Held{identity, unsettled, std::move(*content)});
    return {};
  }

  // Under `reading_`.
  void publish(const Held* held) const {
    std::unique_ptr<const Held> old(current_.exchange(held));
    if (old == nullptr) {
      return;
    }
    for (Counter& counter : counters_) {
      for (int tries = 0; counter.readers.load() != 0; ++tries) {
        if (tries == kTries / 10) {
          kept_.push_back(std::move(old));
          return;
        }
        pause();
      }
    }
  }

  std::string path_;
  mutable std::atomic<const Held*> current_{nullptr};
  mutable std::array<Counter, 16> counters_;
  mutable std::atomic<pid_t> reading_{0};
  mutable std::vector<std::unique_ptr<const Held>>
      kept_;  // only after a fork in the middle of a look-up
};

}  // namespace ntlm::store
