// SPDX-License-Identifier: MIT
#include "base/impersonation.h"

#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <thread>

namespace {
// What the tests put in the C library's place.
bool no_proc = false;
bool refused = false;
int calls = 0;
}  // namespace

extern "C" {
int __real_open(const char* path, int flags, ...);
int __wrap_open(const char* path, int flags, ...);
int __real_setfsuid(uid_t id);
int __wrap_setfsuid(uid_t id);
int __real_setfsgid(gid_t id);
int __wrap_setfsgid(gid_t id);

int __wrap_open(const char* path, int flags, ...) {
  if (no_proc && std::string_view(path).starts_with("/proc/")) {
    errno = ENOENT;
    return -1;
  }
  return __real_open(path, flags, 0);
}
int __wrap_setfsuid(uid_t id) {
  ++calls;
  return refused ? -1 : __real_setfsuid(id);
}
int __wrap_setfsgid(gid_t id) {
  ++calls;
  return refused ? -1 : __real_setfsgid(id);
}
}

namespace ntlm {
namespace {

constexpr unsigned kSomebody = 65534;

// The parameter: whether there is a /proc.
class Impersonates : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    no_proc = !GetParam();
    refused = false;
    calls = 0;
  }
  void TearDown() override { no_proc = false; }
};

TEST_P(Impersonates, NotByItself) {
  EXPECT_FALSE(impersonates());
  EXPECT_EQ(calls, GetParam() ? 0 : 2) << "a hardened service may not make them";
}

TEST_P(Impersonates, NotWhereASandboxRefusesTheCalls) {
  refused = true;
  EXPECT_FALSE(impersonates());
}

TEST_P(Impersonates, TheThreadAlone) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "root alone can impersonate";
  }
  const auto in_thread = [](int (*set)(unsigned)) {
    bool during = false, after = true;
    std::thread([&] {
      set(kSomebody);
      during = impersonates();
      set(0);
      after = impersonates();
    }).join();
    return during && !after;
  };
  EXPECT_TRUE(in_thread(__real_setfsuid));
  EXPECT_TRUE(in_thread(__real_setfsgid));
  std::thread([] {
    __real_setfsuid(kSomebody);
    bool other = true;
    std::thread([&] {
      __real_setfsuid(0);  // a new thread has its maker's ids
      other = impersonates();
    }).join();
    EXPECT_TRUE(impersonates());
    EXPECT_FALSE(other);
  }).join();
  EXPECT_FALSE(impersonates());
}

INSTANTIATE_TEST_SUITE_P(AsFar, Impersonates, testing::Bool(), [](const auto& with_proc) {
  return with_proc.param ? "AsProcTells" : "AsTheCallsTell";
});

}  // namespace
}  // namespace ntlm
