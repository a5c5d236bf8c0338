// SPDX-License-Identifier: MIT
// A clock that stands still until told, and a source of "random" bytes that are known beforehand,
// so that the vectors of [MS-NLMP] 4.2 run through the real state machines.
#pragma once

#include <algorithm>
#include <stdexcept>

#include "base/bytes.h"
#include "protocol/environment.h"

namespace ntlm::test {

class FixedClock final : public protocol::Clock {
 public:
  explicit FixedClock(std::uint64_t filetime = 0, std::uint64_t boot_seconds = 1000)
      : filetime_(filetime), boot_seconds_(boot_seconds) {}
  std::uint64_t filetime() override { return filetime_; }
  std::uint64_t boot_seconds() override { return boot_seconds_; }

  void set_filetime(std::uint64_t filetime) { filetime_ = filetime; }
  void pass(std::uint64_t seconds) {
    filetime_ += seconds * 10'000'000;
    boot_seconds_ += seconds;
  }

 private:
  std::uint64_t filetime_;
  std::uint64_t boot_seconds_;
};

// Hands out the script's bytes in order; asking for more than are left throws, so a test notices a
// draw that it did not foresee.
class ScriptedRandom final : public protocol::Random {
 public:
  explicit ScriptedRandom(Bytes script) : script_(std::move(script)) {}
  void fill(std::span<std::uint8_t> out) override {
    if (out.size() > script_.size() - used_) {
      throw std::runtime_error("ScriptedRandom: more bytes were drawn than the test scripted");
    }
    std::copy_n(script_.begin() + static_cast<std::ptrdiff_t>(used_), out.size(), out.begin());
    used_ += out.size();
  }
  bool used_up() const { return used_ == script_.size(); }

 private:
  Bytes script_;
  std::size_t used_ = 0;
};

// Endless, deterministic and different at each draw (xorshift64): for tests that only need "some"
// randomness.
class SeededRandom final : public protocol::Random {
 public:
  explicit SeededRandom(std::uint64_t seed = 0x9e3779b97f4a7c15) : state_(seed | 1) {}
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) {
      state_ ^= state_ << 13;
      state_ ^= state_ >> 7;
      state_ ^= state_ << 17;
      byte = static_cast<std::uint8_t>(state_ >> 32);
    }
  }

 private:
  std::uint64_t state_;
};

}  // namespace ntlm::test
