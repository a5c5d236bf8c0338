// SPDX-License-Identifier: MIT
// A process of its own: what is asked is what first readings do.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "base/config.h"
#include "crypto/primitives.h"
#include "support/temporary_directory.h"

namespace {
// 1: a thread waits to register its handlers, since another one forks; 2: it has forked.
std::atomic<int> step{0};
}  // namespace

extern "C" {
int __real_pthread_atfork(void (*prepare)(), void (*parent)(), void (*child)());
int __wrap_pthread_atfork(void (*prepare)(), void (*parent)(), void (*child)());

int __wrap_pthread_atfork(void (*prepare)(), void (*parent)(), void (*child)()) {
  // In the child the step stays 1.
  if (int nobody = 0; step.compare_exchange_strong(nobody, 1)) {
    while (step != 2) {
      std::this_thread::yield();
    }
  }
  return __real_pthread_atfork(prepare, parent, child);
}
}

namespace ntlm {
namespace {

bool child_loads(const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    ::_exit(Config::load(path) ? 0 : 1);
  }
  int status = -1;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

TEST(FirstLoad, IsNotWaitedForByAChildOfAForkThatItWaitsFor) {
  const test::TemporaryDirectory directory;
  const std::string path = directory.write("ntlm.conf", "[policy]\n challenge_max_age = 100\n");
  bool first_loads = false;
  std::thread first([&] { first_loads = Config::load(path).has_value(); });
  while (step != 1) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(child_loads(path));
  EXPECT_TRUE(Config::load(path)) << "it registers handlers, too";
  step = 2;
  first.join();
  EXPECT_TRUE(first_loads);
  EXPECT_TRUE(child_loads(path)) << "those of both run";
  EXPECT_TRUE(Config::load(path));
}

// Else a process that begins without descriptors would take the host for one that is not in it.
TEST(FirstLoad, OfFipsModeWithoutADescriptorIsNone) {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  rlimit none = limit;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const bool without = crypto::kernel_in_fips_mode();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_TRUE(without);
  std::string kernels;
  std::ifstream("/proc/sys/crypto/fips_enabled") >> kernels;
  EXPECT_EQ(crypto::kernel_in_fips_mode(), kernels == "1");
}

}  // namespace
}  // namespace ntlm
