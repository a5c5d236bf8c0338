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
int proc_fails = 0;  // with this errno
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
  if (proc_fails != 0 && std::string_view(path).starts_with("/proc/")) {
    errno = proc_fails;
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
    proc_fails = GetParam() ? 0 : EACCES;
    refused = false;
    calls = 0;
  }
  void TearDown() override { proc_fails = 0; }
};

TEST_P(Impersonates, NotByItself) {
  EXPECT_EQ(impersonates(), false);
  const bool needs_calls = !GetParam() && ::geteuid() == 0;  // who may change them
  EXPECT_EQ(calls, needs_calls ? 2 : 0) << "a hardened service may not make them";
}

TEST_P(Impersonates, NotWhereASandboxRefusesTheCalls) {
  refused = true;
  EXPECT_EQ(impersonates(), false);
}

TEST(WhetherAThreadImpersonates, IsNotToldWithoutADescriptorNorAskedByACall) {
  for (const int error : {EMFILE, ENFILE, ENOMEM}) {
    calls = 0;
    proc_fails = error;
    const auto answer = impersonates();
    proc_fails = 0;
    EXPECT_EQ(answer, std::nullopt) << error;
    EXPECT_EQ(calls, 0);
  }
}

TEST_P(Impersonates, TheThreadAlone) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "root alone can impersonate";
  }
  const auto in_thread = [](int (*set)(unsigned)) {
    bool during = false, after = true;
    std::thread([&] {
      set(kSomebody);
      during = impersonates() == true;
      set(0);
      after = impersonates() != false;
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
      other = impersonates() != false;
    }).join();
    EXPECT_EQ(impersonates(), true);
    EXPECT_FALSE(other);
  }).join();
  EXPECT_EQ(impersonates(), false);
}

INSTANTIATE_TEST_SUITE_P(AsFar, Impersonates, testing::Bool(), [](const auto& with_proc) {
  return with_proc.param ? "AsProcTells" : "AsTheCallsTell";
});

}  // namespace
}  // namespace ntlm
