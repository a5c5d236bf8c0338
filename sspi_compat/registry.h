// SPDX-License-Identifier: MIT
// Handles: index and generation in a table that only grows, so that any value whatever can be
// looked up without touching memory that is not ours. A look-up is one compare-and-swap, without a
// lock; an object lives until its last borrower is done, also when another thread closes its handle
// meanwhile.
//
// A slot's state is one word: [63-32] generation, [31] live (the handle is open), [30-0]
// references, one of which is the open handle's own.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "sspi/sspi.h"
#include "sspi_compat/random.h"

namespace sspi {

// A number that no other process has: handles of another process, or invented ones, do not match.
inline std::uint64_t process_cookie() {
  static const std::uint64_t cookie = [] {
    std::uint64_t value = 0;
    fill_random(&value, sizeof value);
    return value;
  }();
  return cookie;
}

template <typename T>
class Registry {
  struct Slot {
    std::atomic<std::uint64_t> state{std::uint64_t{1} << 32};
    std::unique_ptr<T> object;
    std::uint32_t index = 0;
  };

 public:
  // A reference for the length of a call.
  class Borrowed {
   public:
    Borrowed() = default;
    Borrowed(Borrowed&& other) noexcept : registry_(other.registry_), slot_(other.slot_) {
      other.slot_ = nullptr;
    }
    Borrowed& operator=(Borrowed&&) = delete;
    ~Borrowed() {
      if (slot_ != nullptr) {
        registry_->release(*slot_);
      }
    }
    explicit operator bool() const { return slot_ != nullptr; }
    T& operator*() const { return *slot_->object; }
    T* operator->() const { return slot_->object.get(); }
    T* get() const { return slot_ != nullptr ? slot_->object.get() : nullptr; }

   private:
    friend class Registry;
    Borrowed(Registry* registry, Slot* slot) : registry_(registry), slot_(slot) {}
    Registry* registry_ = nullptr;
    Slot* slot_ = nullptr;
  };

  // kind keeps a credential's handle from being taken for a context's.
  constexpr explicit Registry(std::uint64_t kind) : kind_(kind) {}

  SecHandle open(std::unique_ptr<T> object) {
    Slot& slot = free_slot();
    slot.object = std::move(object);
    const std::uint64_t generation = slot.state.load(std::memory_order_relaxed) >> 32;
    slot.state.store(generation << 32 | kLive | 1, std::memory_order_release);
    return {generation << 32 | (slot.index + 1), process_cookie() ^ kind_};
  }

  Borrowed find(const SecHandle* handle) {
    Slot* slot = slot_of(handle);
    if (slot == nullptr) {
      return {};
    }
    std::uint64_t state = slot->state.load(std::memory_order_acquire);
    do {
      if (!is_open(state, *handle)) {
        return {};
      }
    } while (!slot->state.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel));
    return Borrowed(this, slot);
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
    release(*slot);
    return true;
  }

 private:
  static constexpr std::uint64_t kLive = std::uint64_t{1} << 31;
  static constexpr std::uint64_t kReferences = kLive - 1;
  static constexpr std::size_t kChunkSize = 256;
  static constexpr std::size_t kChunks = 4096;
  using Chunk = std::array<Slot, kChunkSize>;

  static bool is_open(std::uint64_t state, const SecHandle& handle) {
    return (state & kLive) != 0 && state >> 32 == handle.dwLower >> 32 &&
           (state & kReferences) != kReferences;
  }

  Slot* slot_of(const SecHandle* handle) const {
    if (handle == nullptr || handle->dwUpper != (process_cookie() ^ kind_)) {
      return nullptr;
    }
    const std::uint64_t index = (handle->dwLower & 0xFFFFFFFF) - 1;  // 0 becomes too large
    if (index >= kChunkSize * kChunks) {
      return nullptr;
    }
    Chunk* chunk = chunks_[index / kChunkSize].load(std::memory_order_acquire);
    return chunk != nullptr ? &(*chunk)[index % kChunkSize] : nullptr;
  }

  void release(Slot& slot) {
    const std::uint64_t before = slot.state.fetch_sub(1, std::memory_order_acq_rel);
    if ((before & (kLive | kReferences)) != 1) {
      return;
    }
    slot.object.reset();
    const std::uint64_t generation = (before >> 32) % 0xFFFFFFFF + 1;  // never 0
    slot.state.store(generation << 32, std::memory_order_release);
    const std::lock_guard lock(mutex_);
    free_.push_back(&slot);  // has room: see free_slot
  }

  Slot& free_slot() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) {
      if (chunk_count_ == kChunks) {
        throw std::bad_alloc();
      }
      free_.reserve((chunk_count_ + 1) * kChunkSize);
      auto* chunk = new Chunk;  // never freed: a stale handle must always find a slot
      for (std::size_t i = kChunkSize; i-- > 0;) {
        (*chunk)[i].index = static_cast<std::uint32_t>(chunk_count_ * kChunkSize + i);
        free_.push_back(&(*chunk)[i]);
      }
      chunks_[chunk_count_++].store(chunk, std::memory_order_release);
    }
    Slot& slot = *free_.back();
    free_.pop_back();
    return slot;
  }

  const std::uint64_t kind_;
  std::array<std::atomic<Chunk*>, kChunks> chunks_{};
  std::mutex mutex_;
  std::vector<Slot*> free_;
  std::size_t chunk_count_ = 0;
};

}  // namespace sspi
