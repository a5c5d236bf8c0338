// SPDX-License-Identifier: MIT
// cmocka's vocabulary in TEST() bodies, with a double that the linker puts in:
// -Wl,--wrap=getrandom.
#include <gtest/gtest.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "support/cmocka_gtest.h"

extern "C" ssize_t __wrap_getrandom(void* buffer, size_t size, unsigned flags);
extern "C" ssize_t __wrap_getrandom(void* buffer, size_t size, unsigned flags) {
  check_expected(size);
  check_expected(flags);
  const auto result = mock_type(ssize_t);
  if (result < 0) {
    errno = ENOSYS;
    return -1;
  }
  std::memset(buffer, 0xaa, static_cast<size_t>(result));
  return result;
}

namespace {

// Fills the buffer however small the pieces are that the kernel gives.
bool fill(std::array<unsigned char, 8>& out) {
  size_t have = 0;
  while (have < out.size()) {
    const ssize_t got = getrandom(out.data() + have, out.size() - have, 0);
    if (got < 0) {
      return false;
    }
    have += static_cast<size_t>(got);
  }
  return true;
}

TEST(CmockaDoubles, ShortReadIsContinued) {
  std::array<unsigned char, 8> out{};
  expect_value(__wrap_getrandom, size, 8);
  expect_value(__wrap_getrandom, size, 5);
  expect_value_count(__wrap_getrandom, flags, 0, 2);
  will_return(__wrap_getrandom, 3);
  will_return(__wrap_getrandom, 5);
  EXPECT_TRUE(fill(out));
  EXPECT_EQ(out[7], 0xaa);
}

TEST(CmockaDoubles, FailingSystemCallIsNoSuccess) {
  std::array<unsigned char, 8> out{};
  expect_any(__wrap_getrandom, size);
  expect_any(__wrap_getrandom, flags);
  will_return(__wrap_getrandom, -1);
  EXPECT_FALSE(fill(out));
}

}  // namespace
