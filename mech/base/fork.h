// SPDX-License-Identifier: MIT
// What fork() copies and must not: numbers and keystreams that two processes would both use, and
// the pending guards of statics. It needs no handler and no lock; numbers and keystreams rest on
// one page that the kernel zeroes in the child (MADV_WIPEONFORK, Linux 4.14). Where the kernel has
// none, process_number() is 0 and a SoleUser refuses nobody.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace ntlm {

// What a process makes once, when it is first asked for: what `make` (which returns a unique_ptr,
// and may be called by several threads at once) first published in `place`, for good. Null when it
// returns null, and then it is called again. A static with a guard would stay pending in a child
// that is forked meanwhile.
template <typename T, typename Make>
T* first_made(std::atomic<T*>& place, Make make) {
  T* known = place.load(std::memory_order_acquire);
  if (known == nullptr) {
    auto fresh = make();
    if (place.compare_exchange_strong(known, fresh.get(), std::memory_order_acq_rel)) {
      known = fresh.release();
    }
  }
  return known;
}

// Fills memory from getrandom(2). Terminates the process rather than give weak bytes; errno stays.
void random_from_kernel(void* out, std::size_t size) noexcept;

// A number that no other process has, nor the same one before a fork; 0 when that cannot be told.
// Thread-safe.
std::uint64_t process_number() noexcept;

// Of the copies that fork() makes of an object, only the process that uses it first may go on:
// claim() is true for it and false for all others, for ever. For objects with a state that must not
// be used twice, such as a keystream. One thread at a time calls claim().
class SoleUser {
 public:
  SoleUser();  // may throw std::bad_alloc
  ~SoleUser();
  SoleUser(const SoleUser&) = delete;
  SoleUser& operator=(const SoleUser&) = delete;
  SoleUser(SoleUser&& other) noexcept
      : page_(std::exchange(other.page_, nullptr)), word_(other.word_), uses_(other.uses_) {}
  SoleUser& operator=(SoleUser&& other) noexcept {
    std::swap(page_, other.page_);
    std::swap(word_, other.word_);
    std::swap(uses_, other.uses_);
    return *this;
  }

  bool claim() noexcept;

 private:
  struct Page;
  struct Pages;
  static Page* new_page();
  Page* page_ = nullptr;  // of shared words; null: refuses nobody
  std::uint32_t word_ = 0;
  std::uint64_t uses_ =
      0;  // as this process counts; the shared word counts the same for the owner only
};

}  // namespace ntlm
