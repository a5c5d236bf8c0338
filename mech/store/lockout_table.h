// SPDX-License-Identifier: MIT
// The memory of a Lockout: words that the processes of one user share by mapping a file of theirs,
// or, without one, that a process shares with the children it forks.
//
//   [0-7] "NTLMLOCK" [8-11] version 3 [12-15] 4096 [16-31] key [32-63] zero, then 4096 words
//
// Whoever may open the file may write anything into it at any time: no word is trusted to be sound.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <tl/expected.hpp>

namespace ntlm::store {

struct LockoutTable {
  struct Unmap {
    void operator()(LockoutTable* table) const;
  };
  using Mapped = std::unique_ptr<LockoutTable, Unmap>;

  // The table of `owner` in that directory. A file of another size or version is wiped; one that is
  // missing is made if this user may. The error is a sentence.
  static tl::expected<Mapped, std::string> open(const std::string& directory, std::uint32_t owner);
  static Mapped in_memory();

  static constexpr std::uint32_t kWords = 4096;

  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t count;
  std::array<std::uint8_t, 16> key;  // random
  std::array<std::uint8_t, 32> zero;
  std::array<std::atomic<std::uint64_t>, kWords> words;
};

}  // namespace ntlm::store
