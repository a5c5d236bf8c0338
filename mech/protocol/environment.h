// SPDX-License-Identifier: MIT
// Time and chance, as arguments: the vectors of [MS-NLMP] 4.2 run through the real state machines
// with fixed ones.
#pragma once

#include <cstdint>
#include <span>

namespace ntlm::protocol {

constexpr std::uint64_t kTicksPerSecond = 10'000'000;  // of a file time

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::uint64_t filetime() = 0;      // 100 ns ticks since 1601-01-01 UTC
  virtual std::uint64_t boot_seconds() = 0;  // CLOCK_BOOTTIME: unmoved by whoever sets the clock
};

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;
};

// The real world's time and chance; they live as long as the process.
Clock& system_clock();
Random& system_random();

}  // namespace ntlm::protocol
