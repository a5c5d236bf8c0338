// SPDX-License-Identifier: MIT
#include "base/secret.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <new>
#include <string>
#include <type_traits>

namespace ntlm::test {
namespace {

using Key = Secret<16, struct KeyTag>;
using OtherKey = Secret<16, struct OtherKeyTag>;

// What must not compile.
static_assert(!std::is_copy_constructible_v<Key> && !std::is_copy_assignable_v<Key>);
static_assert(!std::is_constructible_v<Key, OtherKey> && !std::is_assignable_v<Key&, OtherKey>);
static_assert(std::is_nothrow_move_constructible_v<Key>);

std::array<std::uint8_t, 16> some_bytes() {
  std::array<std::uint8_t, 16> bytes{};
  bytes.fill(0x42);
  return bytes;
}

bool all_zero(std::span<const std::uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

TEST(Secret, SourceOfAMoveIsWiped) {
  const auto bytes = some_bytes();
  Key first{std::span<const std::uint8_t, 16>(bytes)};
  Key second = std::move(first);
  EXPECT_TRUE(all_zero(first.expose()));  // NOLINT: that is the question
  EXPECT_TRUE(equal_ct(second.expose(), bytes));
  Key third;
  third = std::move(second);
  EXPECT_TRUE(all_zero(second.expose()));  // NOLINT
  EXPECT_TRUE(equal_ct(third.expose(), bytes));
}

TEST(Secret, MemoryIsWipedWhenItDies) {
  alignas(Key) std::array<std::uint8_t, sizeof(Key)> memory{};
  const auto bytes = some_bytes();
  Key* key = new (memory.data()) Key{std::span<const std::uint8_t, 16>(bytes)};
  EXPECT_FALSE(all_zero(memory));
  key->~Key();
  EXPECT_TRUE(all_zero(memory));
}

TEST(Secret, CloneIsItsOwn) {
  const auto bytes = some_bytes();
  Key first{std::span<const std::uint8_t, 16>(bytes)};
  Key copy = first.clone();
  copy.expose_mutable()[0] = 0;
  EXPECT_EQ(first.expose()[0], 0x42);
}

TEST(SecretBytes, FreedMemoryWasWiped) {
  WipingAllocator<std::uint8_t> allocator;
  std::uint8_t* memory = allocator.allocate(64);
  std::memset(memory, 0x42, 64);
  wipe(memory, 64);
  EXPECT_TRUE(all_zero({memory, 64}));
  allocator.deallocate(memory, 64);
  SecretBytes bytes(3, 0x42);
  bytes.resize(5000);  // moves to other memory through the allocator
  EXPECT_EQ(bytes[2], 0x42);
}

TEST(SecretPages, AreLeftOutOfDumps) {
  std::vector<std::uint8_t, SecretPagesAllocator<std::uint8_t>> bytes(10000, 0x42);
  bytes.resize(20000);
  EXPECT_EQ(bytes[9999], 0x42);
  std::ifstream maps("/proc/self/smaps");
  char wanted[32];
  std::snprintf(wanted, sizeof wanted, "%lx-", reinterpret_cast<unsigned long>(bytes.data()));
  bool inside = false;
  std::string flags;
  for (std::string line; flags.empty() && std::getline(maps, line);) {
    inside = inside || line.starts_with(wanted);
    flags = inside && line.starts_with("VmFlags:") ? line : "";
  }
  EXPECT_NE((flags + " ").find(" dd "), std::string::npos) << flags;
}

TEST(SecretPages, MoreThanThereIsIsNoMemory) {
  SecretPagesAllocator<std::uint64_t> allocator;
  EXPECT_THROW((void)allocator.allocate(SIZE_MAX / 2), std::bad_alloc);
  EXPECT_THROW((void)allocator.allocate(SIZE_MAX / 16), std::bad_alloc);
}

TEST(EqualCt, AnyDifferenceIsOne) {
  const auto bytes = some_bytes();
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    auto other = bytes;
    other[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_FALSE(equal_ct(bytes, other));
  }
  EXPECT_TRUE(equal_ct(bytes, some_bytes()));
  EXPECT_FALSE(equal_ct(bytes, std::span(bytes).first(15)));
  EXPECT_TRUE(equal_ct({}, {}));
}

}  // namespace
}  // namespace ntlm::test
