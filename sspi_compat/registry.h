// SPDX-License-Identifier: MIT
// Handles: index and generation in a table that only grows, so that any value whatever can be
// looked up without touching memory that is not ours. An object lives until its last borrower is
// done, also when another thread closes its handle meanwhile.
//
// A slot's state is one word, so that one compare-and-swap finds an object, keeps it alive and
// takes the directions that the caller wants for itself; one subtraction gives all back:
// [63-32] generation, [31] live (the handle is open), [30] sending taken, [29] receiving taken,
// [28] somebody waits for them, [27] the directions have nothing in common, [26-0] references, one
// of which is the open handle's own. A handle's first word is that of its live slot down to [31];
// [30-0] are the slot's index.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "sspi/sspi.h"
#include "sspi_compat/random.h"

namespace sspi {

// What a borrower has for itself alone. kReceiving is both directions until they are known to have
// nothing in common.
enum class Hold : std::uint8_t { kNothing, kSending, kReceiving, kBoth };

// Constant-initialised and never destroyed, so that handles work in any constructor and destructor
// of the process.
template <typename T>
class Registry {
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  struct Slot {
    std::atomic<std::uint64_t> state{std::uint64_t{1} << 32};
    std::unique_ptr<T> object;
    Registry* home = nullptr;
    std::uint32_t index = 0;
    std::uint32_t next_free = kNone;
  };

 public:
  // A reference, and what is held, for the length of a call.
  class Borrowed {
   public:
    Borrowed() = default;
    Borrowed(Borrowed&& other) noexcept : slot_(other.slot_), taken_(other.taken_) {
      other.slot_ = nullptr;
    }
    Borrowed& operator=(Borrowed&&) = delete;
    ~Borrowed() { give_back(); }
    void give_back() {
      if (slot_ != nullptr) {
        release(*slot_, taken_);
        slot_ = nullptr;
      }
    }
    explicit operator bool() const { return slot_ != nullptr; }
    T& operator*() const { return *slot_->object.get(); }
    T* operator->() const { return slot_->object.get(); }
    T* get() const { return slot_ != nullptr ? slot_->object.get() : nullptr; }

    // Both directions are held; from the next find() on, kReceiving needs only its own.
    bool holds_both() const { return taken_ == (kSending | kReceiving); }
    void part_directions() const { slot_->state.fetch_or(kApart, std::memory_order_relaxed); }

   private:
    friend class Registry;
    Borrowed(Slot* slot, std::uint64_t taken) : slot_(slot), taken_(taken) {}
    Slot* slot_ = nullptr;
    std::uint64_t taken_ = 0;
  };

  SecHandle open(std::unique_ptr<T> object) {
    Slot& slot = free_slot();
    slot.object = std::move(object);
    const std::uint64_t generation = slot.state.load(std::memory_order_relaxed) >> 32;
    slot.state.store(generation << 32 | kLive | 1, std::memory_order_release);
    return handle_with(generation << 32 | kLive | slot.index);
  }

  // The whole handle of which the caller has only the first word.
  SecHandle handle_with(std::uint64_t lower) const {
    return {lower, key_.load(std::memory_order_relaxed)};
  }

  // Waits for the directions; nothing when the handle is not open, or is closed meanwhile.
  Borrowed find(const SecHandle* handle, Hold hold = Hold::kNothing) {
    Slot* slot = slot_of(handle);
    if (slot == nullptr) {
      return {};
    }
    std::uint64_t state = slot->state.load(std::memory_order_acquire);
    while (is_open(state, *handle)) {
      const std::uint64_t wanted = directions(hold, state);
      if ((state & wanted) != 0) {
        state = wait(*slot, state);
      } else if (slot->state.compare_exchange_weak(state, (state | wanted) + 1,
                                                   std::memory_order_acq_rel)) {
        return Borrowed(slot, wanted);
      }
    }
    return {};
  }

  // false when the handle is not open.
  bool close(const SecHandle* handle) {
    Slot* slot = slot_of(handle);
    if (slot == nullptr) {
      return false;
    }
    std::uint64_t state = slot->state.load(std::memory_order_acquire);
    do {
      if (!is_open(state, *handle)) {
        return false;
      }
    } while (!slot->state.compare_exchange_weak(state, state & ~kLive, std::memory_order_acq_rel));
    release(*slot, 0);
    return true;
  }

 private:
  static constexpr std::uint64_t kLive = std::uint64_t{1} << 31;
  static constexpr std::uint64_t kSending = std::uint64_t{1} << 30;
  static constexpr std::uint64_t kReceiving = std::uint64_t{1} << 29;
  static constexpr std::uint64_t kWaited = std::uint64_t{1} << 28;
  static constexpr std::uint64_t kApart = std::uint64_t{1} << 27;
  static constexpr std::uint64_t kReferences = kApart - 1;
  static constexpr std::size_t kChunkSize = 256;
  static constexpr std::size_t kChunks = 4096;
  using Chunk = std::array<Slot, kChunkSize>;

  // References cannot run over: a thread has one a call.
  static bool is_open(std::uint64_t state, const SecHandle& handle) {
    return (state ^ handle.dwLower) >> 31 == 0;
  }

  Slot* slot_of(const SecHandle* handle) const {
    // A handle is of a live slot: without its bit it would match a free one.
    if (handle == nullptr || (handle->dwLower & kLive) == 0 ||
        handle->dwUpper != key_.load(std::memory_order_relaxed)) {
      return nullptr;
    }
    return slot_at(handle->dwLower & (kLive - 1));
  }

  Slot* slot_at(std::uint64_t index) const {
    if (index >= kChunkSize * kChunks) {
      return nullptr;
    }
    Chunk* chunk = chunks_[index / kChunkSize].load(std::memory_order_acquire);
    return chunk != nullptr ? &(*chunk)[index % kChunkSize] : nullptr;
  }

  static std::uint64_t directions(Hold hold, std::uint64_t state) {
    if (hold == Hold::kNothing) {
      return 0;
    }
    if (hold == Hold::kSending) {
      return kSending;
    }
    if (hold == Hold::kReceiving && (state & kApart) != 0) [[likely]] {
      return kReceiving;
    }
    return kSending | kReceiving;
  }

  // Sleeps until a direction is given back, if the state is still this one; what it is then. The
  // sleeper has no reference: the slot stays, and what it is used for is looked at again.
  [[gnu::noinline]] static std::uint64_t wait(Slot& slot, std::uint64_t state) {
    const std::uint64_t waited = state | kWaited;
    if (slot.state.compare_exchange_strong(state, waited, std::memory_order_acq_rel)) {
      slot.state.wait(waited, std::memory_order_acquire);
    }
    return slot.state.load(std::memory_order_acquire);
  }

  static void release(Slot& slot, std::uint64_t taken) {
    const std::uint64_t before = slot.state.fetch_sub(taken + 1, std::memory_order_acq_rel);
    if ((before & (kLive | kWaited)) != kLive) [[unlikely]] {
      after_release(slot, taken, before);
    }
  }

  // The handle is closed, or somebody waits.
  [[gnu::noinline]] static void after_release(Slot& slot, std::uint64_t taken,
                                              std::uint64_t before) {
    if ((before & (kLive | kReferences)) == 1) {
      slot.home->retire(slot, before);
    } else if (taken != 0 && (before & kWaited) != 0) {
      slot.state.fetch_and(~kWaited, std::memory_order_relaxed);  // who still waits says so again
      slot.state.notify_all();
    }
  }

  void retire(Slot& slot, std::uint64_t last_state) {
    slot.object.reset();
    const std::uint64_t generation = (last_state >> 32) % 0xFFFFFFFF + 1;  // never 0
    slot.state.store(generation << 32, std::memory_order_release);
    if ((last_state & kWaited) != 0) {
      slot.state.notify_all();
    }
    const std::lock_guard lock(mutex_);
    slot.next_free = std::exchange(free_, slot.index);
  }

  Slot& free_slot() {
    const std::lock_guard lock(mutex_);
    if (free_ == kNone) {
      add_chunk();
    }
    Slot& slot = *slot_at(free_);
    free_ = slot.next_free;
    return slot;
  }

  void add_chunk() {
    if (chunk_count_ == kChunks) {
      throw std::bad_alloc();
    }
    auto* chunk = new Chunk;  // never freed: a stale handle must always find a slot
    for (std::size_t i = kChunkSize; i-- > 0;) {
      Slot& slot = (*chunk)[i];
      slot.home = this;
      slot.index = static_cast<std::uint32_t>(chunk_count_ * kChunkSize + i);
      slot.next_free = std::exchange(free_, slot.index);
    }
    if (chunk_count_ == 0) {
      std::uint64_t key = 0;
      fill_random(&key, sizeof key);
      key_.store(key, std::memory_order_relaxed);
    }
    chunks_[chunk_count_++].store(chunk, std::memory_order_release);
  }

  // The second word of every handle: a number that no other registry has, in this process or
  // another. So another kind's handles, another process's and invented ones do not match.
  std::atomic<std::uint64_t> key_{0};
  std::array<std::atomic<Chunk*>, kChunks> chunks_{};
  std::mutex mutex_;
  std::uint32_t free_ = kNone;
  std::size_t chunk_count_ = 0;
};

}  // namespace sspi
