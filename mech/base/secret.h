// SPDX-License-Identifier: MIT
// Bytes that must not be copied by accident, printed, compared in variable time, or left behind in
// memory. expose() is the only way to the bytes: a word that one can grep for and review.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <vector>

namespace ntlm {

// Overwrites memory in a way that no optimiser removes.
void wipe(void* memory, std::size_t size) noexcept;
// Compares in a time that depends on the lengths only; unequal lengths are unequal.
bool equal_ct(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) noexcept;

// A secret of fixed size. The Tag makes each kind of key a type of its own, so that a mixed-up key
// does not compile.
template <std::size_t N, typename Tag>
class Secret {
 public:
  static constexpr std::size_t kSize = N;

  Secret() = default;
  explicit Secret(std::span<const std::uint8_t, N> bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { wipe(other.bytes_.data(), N); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      wipe(other.bytes_.data(), N);
    }
    return *this;
  }
  ~Secret() { wipe(bytes_.data(), N); }

  Secret clone() const { return Secret(std::span<const std::uint8_t, N>(bytes_)); }
  std::span<const std::uint8_t, N> expose() const { return bytes_; }
  std::span<std::uint8_t, N> expose_mutable() { return bytes_; }

 private:
  std::array<std::uint8_t, N> bytes_{};
};

// An allocator that wipes what it gives back: for buffers of unknown size that hold a password.
template <typename T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() = default;
  template <typename U>
  WipingAllocator(const WipingAllocator<U>&) noexcept {}
  T* allocate(std::size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* memory, std::size_t count) noexcept {
    wipe(memory, count * sizeof(T));
    std::allocator<T>().deallocate(memory, count);
  }
  template <typename U>
  bool operator==(const WipingAllocator<U>&) const noexcept {
    return true;
  }
};

// Pages of their own, for a table of secrets that lives long: left out of core dumps, out of swap
// where the process may lock that much, wiped when given back. Each allocation costs system calls.
void* allocate_secret_pages(std::size_t size);  // std::bad_alloc
void free_secret_pages(void* memory, std::size_t size) noexcept;

template <typename T>
struct SecretPagesAllocator {
  using value_type = T;
  SecretPagesAllocator() = default;
  template <typename U>
  SecretPagesAllocator(const SecretPagesAllocator<U>&) noexcept {}
  T* allocate(std::size_t count) {
    if (count > SIZE_MAX / sizeof(T)) {
      throw std::bad_alloc();
    }
    return static_cast<T*>(allocate_secret_pages(count * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t count) noexcept {
    free_secret_pages(memory, count * sizeof(T));
  }
  template <typename U>
  bool operator==(const SecretPagesAllocator<U>&) const noexcept {
    return true;
  }
};

using SecretBytes = std::vector<std::uint8_t, WipingAllocator<std::uint8_t>>;
using SecretText16 = std::vector<char16_t, WipingAllocator<char16_t>>;

}  // namespace ntlm
