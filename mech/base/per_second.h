// SPDX-License-Identifier: MIT
// How much of something that a peer can cause gets through: for what fills logs.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace ntlm {

// Thread-safe, and without a lock that a fork could leave held.
class PerSecond {
 public:
  // Whether one more may pass in this second, of `most`.
  bool admit(std::uint32_t most) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const std::uint64_t second =
        static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
    std::uint64_t before = passed_.load(std::memory_order_relaxed);
    std::uint64_t after = 0;
    do {
      after = before >> 32 == second ? before + 1 : (second << 32 | 1);
      if ((after & 0xffffffff) > most) {
        return false;
      }
    } while (!passed_.compare_exchange_weak(before, after, std::memory_order_relaxed));
    return true;
  }

 private:
  std::atomic<std::uint64_t> passed_{0};  // second << 32 | how many in it
};

}  // namespace ntlm
