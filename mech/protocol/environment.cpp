// SPDX-License-Identifier: MIT
#include "protocol/environment.h"

#include <time.h>

#include <array>
#include <cstddef>
#include <new>

#include "crypto/primitives.h"

namespace ntlm::protocol {
namespace {

class SystemClock final : public Clock {
 public:
  std::uint64_t filetime() override {
    constexpr std::uint64_t kUnixEpoch = 116'444'736'000'000'000;  // ticks from 1601 to 1970
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return kUnixEpoch + static_cast<std::uint64_t>(now.tv_sec) * kTicksPerSecond +
           static_cast<std::uint64_t>(now.tv_nsec) / 100;
  }
  std::uint64_t boot_seconds() override {
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec);
  }
};

class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override { crypto::random_bytes(out); }
};

// A static object without a destructor at exit: the process may use us until its very end.
template <typename T>
T& immortal() {
  alignas(T) static std::array<std::byte, sizeof(T)> storage;
  static T* const object = new (storage.data()) T;
  return *object;
}

}  // namespace

Clock& system_clock() { return immortal<SystemClock>(); }
Random& system_random() { return immortal<SystemRandom>(); }

}  // namespace ntlm::protocol
