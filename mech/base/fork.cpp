// SPDX-License-Identifier: MIT
#include "base/fork.h"

#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>

namespace ntlm {

void random_from_kernel(void* out, std::size_t size) noexcept {
  const int saved_errno = errno;
  auto* at = static_cast<std::uint8_t*>(out);
  while (size > 0) {
    const ssize_t got = getrandom(at, size, 0);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      std::abort();  // weak keys are worse than no process
    }
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  errno = saved_errno;
}

// Words that parent and children share. They are handed out once and never again, since a child may
// still use a word that its parent has given back; the page goes when nobody in this process holds
// it.
struct SoleUser::Page {
  std::atomic<std::uint64_t>* words;
  std::atomic<std::uint32_t> holders;  // users of words, and Pages while words are left
  std::uint32_t taken;                 // under Pages' lock

  void let_go() noexcept;
};

// Of one process. A child inherits its parent's, lock and all, and makes its own.
struct SoleUser::Pages {
  std::uint64_t process;
  Pages* inherited;
  std::mutex lock;
  Page* current = nullptr;

  static Pages& mine(std::uint64_t process);
};

namespace {

std::size_t page_size() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

// Null when it cannot be had; errno stays.
void* map_page(int sharing, bool wipe_on_fork) {
  const int saved_errno = errno;
  void* memory = mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    memory = nullptr;
  } else if (wipe_on_fork && madvise(memory, page_size(), MADV_WIPEONFORK) != 0) {
    munmap(memory, page_size());
    memory = nullptr;
  }
  errno = saved_errno;
  return memory;
}

}  // namespace

std::uint64_t process_number() noexcept {
  using Number = std::atomic<std::uint64_t>;
  struct Unmap {
    void operator()(Number* page) const { munmap(page, page_size()); }
  };
  // In a page that a child finds zeroed; the first to ask there draws a new one.
  static constinit std::atomic<Number*> page{nullptr};
  Number* const shared = first_made(page, [] {
    void* const memory = map_page(MAP_PRIVATE, true);
    return std::unique_ptr<Number, Unmap>(memory == nullptr ? nullptr : new (memory) Number(0));
  });
  if (shared == nullptr) {
    return 0;
  }
  std::uint64_t number = shared->load(std::memory_order_acquire);
  while (number == 0) {
    std::uint64_t drawn = 0;
    random_from_kernel(&drawn, sizeof drawn);
    if (shared->compare_exchange_strong(number, drawn, std::memory_order_acq_rel)) {
      number = drawn;
    }
  }
  return number;
}

SoleUser::Page* SoleUser::new_page() {
  auto page = std::make_unique<Page>();
  page->words = static_cast<std::atomic<std::uint64_t>*>(map_page(MAP_SHARED, false));
  if (page->words == nullptr) {
    throw std::bad_alloc();
  }
  page->holders = 1;
  return page.release();
}

SoleUser::Pages& SoleUser::Pages::mine(std::uint64_t process) {
  static constinit std::atomic<Pages*> newest{nullptr};
  Pages* found = newest.load(std::memory_order_acquire);
  while (found == nullptr || found->process != process) {
    auto* const fresh = new Pages{.process = process, .inherited = found, .lock = {}};
    if (newest.compare_exchange_strong(found, fresh, std::memory_order_acq_rel)) {
      return *fresh;
    }
    delete fresh;
  }
  return *found;
}

void SoleUser::Page::let_go() noexcept {
  if (holders.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    munmap(words, page_size());
    delete this;
  }
}

SoleUser::SoleUser() {
  const std::uint64_t process = process_number();
  if (process == 0) {
    return;
  }
  Pages& pages = Pages::mine(process);
  const std::lock_guard guard(pages.lock);
  if (pages.current == nullptr) {
    pages.current = new_page();
  }
  page_ = pages.current;
  page_->holders.fetch_add(1, std::memory_order_relaxed);
  word_ = page_->taken++;
  if (page_->taken == page_size() / sizeof(std::uint64_t)) {
    pages.current = nullptr;
    page_->let_go();
  }
}

SoleUser::~SoleUser() {
  if (page_ != nullptr) {
    page_->let_go();
  }
}

bool SoleUser::claim() noexcept {
  if (page_ == nullptr) {
    return true;
  }
  std::uint64_t expected = uses_;
  if (!page_->words[word_].compare_exchange_strong(expected, uses_ + 1,
                                                   std::memory_order_relaxed)) {
    return false;
  }
  ++uses_;
  return true;
}

}  // namespace ntlm
