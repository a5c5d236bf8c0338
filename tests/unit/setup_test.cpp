// SPDX-License-Identifier: MIT
#include "abi/setup.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "support/temporary_directory.h"

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;  // nanoseconds, as all times here

// Where they are set: the time stamp of every file, as if all were written within one tick of the
// kernel's clock, and the time.
std::atomic<std::int64_t> g_stamp{0}, g_now{0};
std::atomic<int> g_looks{0};        // at files
std::function<void()> g_meanwhile;  // done once, behind a look

timespec to_timespec(std::int64_t time) {
  return {time / (1000 * kMillisecond), time % (1000 * kMillisecond)};
}

}  // namespace

// Instead of the system's (see ntlm_unit_test).
extern "C" {
int __real_stat(const char* path, struct stat* status);
int __wrap_stat(const char* path, struct stat* status);
int __wrap_stat(const char* path, struct stat* status) {
  ++g_looks;
  const int answer = __real_stat(path, status);
  if (answer == 0 && g_stamp != 0) {
    status->st_mtim = status->st_ctim = to_timespec(g_stamp);
  }
  if (const auto meanwhile = std::exchange(g_meanwhile, nullptr)) {
    meanwhile();
  }
  return answer;
}

int __real_clock_gettime(clockid_t clock, timespec* out);
int __wrap_clock_gettime(clockid_t clock, timespec* out);
int __wrap_clock_gettime(clockid_t clock, timespec* out) {
  if (clock == CLOCK_REALTIME && g_now != 0) {
    *out = to_timespec(g_now);
    return 0;
  }
  return __real_clock_gettime(clock, out);
}
}

namespace ntlm::test {
namespace {

// Longer than the time for which a file is not looked at again.
void wait_for_the_next_look() { std::this_thread::sleep_for(std::chrono::milliseconds(1100)); }

class Setup : public testing::Test {
 protected:
  Setup() { use(directory_.write("ntlm.conf", "[audit]\n syslog = no\n")); }
  ~Setup() override {
    for (const char* name :
         {"GSS_NTLM_CONF", "NTLM_USER_FILE", "NETBIOS_COMPUTER_NAME", "NETBIOS_DOMAIN_NAME"}) {
      unsetenv(name);
    }
    g_stamp = g_now = 0;
    g_meanwhile = nullptr;
  }
  static void use(const std::string& path) { setenv("GSS_NTLM_CONF", path.c_str(), 1); }
  std::string write(const char* name, const std::string& text) {
    return directory_.write(name, "[audit]\n syslog = no\n" + text);
  }
  TemporaryDirectory directory_;
};

TEST_F(Setup, TheSameSnapshotIsSharedUntilSomethingChanges) {
  const auto first = abi::current_setup(), second = abi::current_setup();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->get(), second->get());
  setenv("NETBIOS_COMPUTER_NAME", "OTHER", 1);
  const auto third = abi::current_setup();
  ASSERT_TRUE(third);
  EXPECT_NE(first->get(), third->get());
  EXPECT_EQ((*third)->host().nb_computer, "OTHER");
}

TEST_F(Setup, ASnapshotThatNobodyUsesIsFreed) {
  auto first = abi::current_setup();
  ASSERT_TRUE(first);
  const std::weak_ptr<const abi::Setup> watch = *first;
  setenv("NETBIOS_COMPUTER_NAME", "OTHER", 1);
  ASSERT_TRUE(abi::current_setup());
  EXPECT_FALSE(watch.expired()) << "still held here";
  first = fail(Errc::kInternal, "dropped");
  EXPECT_TRUE(watch.expired());
}

TEST_F(Setup, AChangedFileIsNoticedWithinASecond) {
  use(write("changing.conf", "[policy]\n challenge_max_age = 100\n"));
  ASSERT_EQ((*abi::current_setup())->policy().challenge_max_age, 100U);
  write("changing.conf", "[policy]\n challenge_max_age = 200\n");
  wait_for_the_next_look();
  EXPECT_EQ((*abi::current_setup())->policy().challenge_max_age, 200U);
}

// A second change within the tick shows in no time stamp.
TEST_F(Setup, AFileThatChangedJustNowIsReadAgain) {
  g_stamp = 1'800'000'000'000 * kMillisecond;
  g_now = g_stamp + 5 * kMillisecond;
  use(write("changing.conf", "[policy]\n challenge_max_age = 100\n"));
  ASSERT_EQ((*abi::current_setup())->policy().challenge_max_age, 100U);
  write("changing.conf", "[policy]\n challenge_max_age = 200\n");
  EXPECT_EQ((*abi::current_setup())->policy().challenge_max_age, 200U);
  write("changing.conf", "[policy]\n challenge_max_age = many\n");
  EXPECT_FALSE(abi::current_setup());
  write("changing.conf", "[policy]\n challenge_max_age = 300\n");
  EXPECT_EQ((*abi::current_setup())->policy().challenge_max_age, 300U);
}

TEST_F(Setup, AFileIsReadOnceMoreWhenItHasSettled) {
  g_stamp = 1'800'000'000'000 * kMillisecond;
  g_now = g_stamp + 5 * kMillisecond;
  use(write("changing.conf", "[policy]\n challenge_max_age = 100\n"));
  ASSERT_TRUE(abi::current_setup());
  write("changing.conf", "[policy]\n challenge_max_age = 200\n");
  g_now = g_stamp + 25 * kMillisecond;
  EXPECT_EQ((*abi::current_setup())->policy().challenge_max_age, 200U);
  // From here on it is looked at once a second.
  const int looks = g_looks;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(abi::current_setup());
  }
  EXPECT_LE(g_looks - looks, 4);
}

TEST_F(Setup, AFileThatIsEmptiedWhileItIsReadIsReadAgain) {
  const std::string text = "[policy]\n challenge_max_age = 100\n";
  use(write("changing.conf", text));
  g_now = 4'000'000'000'000 * kMillisecond;  // it was written long ago
  g_meanwhile = [&] { write("changing.conf", ""); };
  ASSERT_EQ((*abi::current_setup())->policy().challenge_max_age, 300U);
  write("changing.conf", text);
  EXPECT_EQ((*abi::current_setup())->policy().challenge_max_age, 100U);
}

// What hangs on it (the first key file, a directory of accounts) is kept, and an administrator is
// told once.
TEST_F(Setup, WhatASecondReadingFindsTheSameStays) {
  g_stamp = 1'800'000'000'000 * kMillisecond;
  g_now = g_stamp + 5 * kMillisecond;
  use(write("changing.conf",
            " json = " + directory_.path("log") + "\n[policy]\n allow_anonymous = yes\n"));
  const auto first = abi::current_setup();
  ASSERT_TRUE(first) << abi::configuration_fault();
  for (const int age : {5, 10, 25}) {
    g_now = g_stamp + age * kMillisecond;
    const auto next = abi::current_setup();
    ASSERT_TRUE(next);
    EXPECT_EQ(first->get(), next->get()) << age;
  }
  const std::string log = directory_.read("log");
  EXPECT_NE(log.find("policy-loosened"), std::string::npos);
  EXPECT_EQ(log.find("policy-loosened"), log.rfind("policy-loosened")) << log;
}

TEST_F(Setup, ThreadsReadAFileThatChangedJustNow) {
  g_stamp = 1'800'000'000'000 * kMillisecond;
  g_now = g_stamp + 5 * kMillisecond;
  use(write("changing.conf", "[policy]\n challenge_max_age = 100\n"));
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      for (int n = 0; n < 200; ++n) {
        const auto setup = abi::current_setup();
        wrong += !setup || (*setup)->policy().challenge_max_age != 100;
      }
    });
  }
  for (auto& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(wrong, 0);
}

TEST_F(Setup, AFileThatCannotBeUsedStopsEverythingUntilItIsMended) {
  use(write("changing.conf", "[policy]\n challenge_max_age = many\n"));
  const auto setup = abi::current_setup();
  ASSERT_FALSE(setup);
  EXPECT_EQ(setup.error().code, Errc::kConfiguration);
  EXPECT_NE(abi::configuration_fault().find("challenge_max_age"), std::string::npos)
      << abi::configuration_fault();
  EXPECT_FALSE(abi::allows_anonymous());
  write("changing.conf", "");
  wait_for_the_next_look();
  EXPECT_TRUE(abi::current_setup());
  EXPECT_EQ(abi::configuration_fault(), "");
}

TEST_F(Setup, AFileThatWasNamedMustBeThere) {
  use(directory_.path("not-there.conf"));
  const auto setup = abi::current_setup();
  ASSERT_FALSE(setup);
  EXPECT_EQ(setup.error().code, Errc::kConfiguration);
}

// In a child with an /etc/gss of its own (Config::kDefaultPath): what `steps` returns.
template <typename Steps>
int with_own_etc_gss(const Steps& steps) {
  const pid_t child = fork();
  if (child == 0) {
    unsetenv("GSS_NTLM_CONF");
    const bool made = unshare(CLONE_NEWNS) == 0 &&
                      mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                      mount("tmpfs", "/etc/gss", "tmpfs", 0, "mode=0755") == 0;
    std::_Exit(made ? steps() : 99);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void write_default_file() {
  std::ofstream(Config::kDefaultPath)
      << "[audit]\n syslog = no\n[policy]\n challenge_max_age = 7\n";
}

int challenge_max_age() {
  const auto setup = abi::current_setup();
  return setup ? static_cast<int>((*setup)->policy().challenge_max_age % 100) : 50;  // 0: of 300
}

class DefaultFile : public Setup {
 protected:
  void SetUp() override {
    if (geteuid() != 0 || access("/etc/gss", F_OK) != 0) {
      GTEST_SKIP() << "needs root and /etc/gss";
    }
  }
};

TEST_F(DefaultFile, MayBeMissing) { EXPECT_EQ(with_own_etc_gss(challenge_max_age), 0); }

TEST_F(DefaultFile, IsTakenWhereItIs) {
  EXPECT_EQ(with_own_etc_gss([] {
              write_default_file();
              return challenge_max_age();
            }),
            7);
}

// As SSPI's impersonation does it.
TEST_F(DefaultFile, IsNotLookedAtInAClientsName) {
  EXPECT_EQ(with_own_etc_gss([] {
              write_default_file();
              chmod("/etc/gss", 0700);
              if (challenge_max_age() != 7) return 2;
              setfsuid(65534);
              if (challenge_max_age() != 7) return 3;  // though it had changed just now
              wait_for_the_next_look();
              return challenge_max_age();
            }),
            7);
}

TEST_F(DefaultFile, ALookInAClientsNameIsNoneForTheOthers) {
  EXPECT_EQ(with_own_etc_gss([] {
              write_default_file();
              chmod("/etc/gss", 0700);
              if (challenge_max_age() != 7) return 2;
              wait_for_the_next_look();
              if (challenge_max_age() != 7) return 4;  // a look at a settled file
              wait_for_the_next_look();
              std::ofstream(Config::kDefaultPath) << "[policy]\n challenge_max_age = 9\n";
              setfsuid(65534);
              if (challenge_max_age() != 7) return 3;
              setfsuid(0);
              return challenge_max_age();
            }),
            9);
}

// To a worker that may not search the directory it is not missing: the policy in it is not the
// default one.
TEST_F(DefaultFile, ThatCannotBeLookedAtIsNotMissing) {
  EXPECT_EQ(with_own_etc_gss([] {
              write_default_file();
              chmod("/etc/gss", 0700);
              return seteuid(65534) == 0 ? challenge_max_age() : 98;
            }),
            50);
}

TEST_F(DefaultFile, ThatWasThereIsMissedUntilItIsBack) {
  EXPECT_EQ(with_own_etc_gss([] {
              write_default_file();
              if (challenge_max_age() != 7) return 1;
              unlink(Config::kDefaultPath);
              for (int look = 0; look < 2; ++look) {
                wait_for_the_next_look();
                if (challenge_max_age() != 50) return 2;
              }
              if (abi::configuration_fault().find("put it back") == std::string::npos) return 3;
              write_default_file();
              wait_for_the_next_look();
              return challenge_max_age();
            }),
            7);
}

TEST_F(Setup, AFileThatOthersMayWrite) {
  const std::string path = write("loose.conf", "");
  ASSERT_EQ(chmod(path.c_str(), 0666), 0);
  use(path);
  EXPECT_FALSE(abi::current_setup());
}

// A daemon that is still root finds the service user's file and may not trust it; as that user it
// may, at once.
TEST_F(Setup, AFileOfTheUserThatTheProcessBecomes) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "only root becomes somebody else";
  }
  constexpr uid_t kNobody = 65534;
  const std::string path = write("theirs.conf", "");
  ASSERT_EQ(chown(path.c_str(), kNobody, kNobody), 0);
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  ASSERT_EQ(chown(directory_.path().c_str(), kNobody, kNobody), 0);
  use(path);
  EXPECT_FALSE(abi::current_setup());
  ASSERT_EQ(seteuid(kNobody), 0);
  const bool works = abi::current_setup().has_value();
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_TRUE(works) << abi::configuration_fault();
}

TEST_F(Setup, ANameThatNoMessageCarries) {
  for (const std::string& name : {std::string(256, 'x'), std::string("\xff")}) {
    use(write("names.conf", "[ntlm]\n netbios_domain = " + name + "\n"));
    EXPECT_FALSE(abi::current_setup());
    EXPECT_NE(abi::configuration_fault().find("[ntlm] netbios_domain"), std::string::npos)
        << abi::configuration_fault();
  }
}

TEST_F(Setup, AnUnknownStore) {
  use(write("store.conf", "[ntlm]\n store = nonsense:/x\n"));
  ASSERT_FALSE(abi::current_setup());
  EXPECT_NE(abi::configuration_fault().find("store"), std::string::npos)
      << abi::configuration_fault();
}

TEST_F(Setup, NamesOfTheEnvironmentThenOfTheConfigurationThenOfTheHost) {
  auto setup = abi::current_setup();
  ASSERT_TRUE(setup);
  std::string host(256, '\0');
  ASSERT_EQ(gethostname(host.data(), host.size()), 0);
  host.resize(host.find('\0'));
  EXPECT_EQ((*setup)->host().dns_computer, host);
  EXPECT_LE((*setup)->host().nb_computer.size(), 15U);
  use(write("names.conf",
            "[ntlm]\n netbios_computer = CONF\n netbios_domain = CONFDOM\n dns_computer = a.b\n "
            "dns_domain = b\n"));
  setup = abi::current_setup();
  ASSERT_TRUE(setup);
  EXPECT_EQ((*setup)->host().nb_computer, "CONF");
  EXPECT_EQ((*setup)->host().nb_domain, "CONFDOM");
  EXPECT_EQ((*setup)->host().dns_computer, "a.b");
  EXPECT_EQ((*setup)->host().dns_domain, "b");
  setenv("NETBIOS_COMPUTER_NAME", "ENV", 1);
  setenv("NETBIOS_DOMAIN_NAME", "ENVDOM", 1);
  setup = abi::current_setup();
  ASSERT_TRUE(setup);
  EXPECT_EQ((*setup)->host().nb_computer, "ENV");
  EXPECT_EQ((*setup)->host().nb_domain, "ENVDOM");
  EXPECT_TRUE(abi::own_domain(""));
  EXPECT_TRUE(abi::own_domain("env"));
  EXPECT_TRUE(abi::own_domain("EnvDom"));
  EXPECT_FALSE(abi::own_domain("CONF"));
}

TEST_F(Setup, AHostRenamedIsItsOwnDomain) {
  setenv("NETBIOS_COMPUTER_NAME", "RENAMED", 1);
  const auto setup = abi::current_setup();
  ASSERT_TRUE(setup);
  EXPECT_EQ((*setup)->host().nb_domain, "RENAMED");
}

TEST_F(Setup, ThreadsReadWhileTheFileChanges) {
  use(write("changing.conf", "[policy]\n challenge_max_age = 100\n"));
  ASSERT_TRUE(abi::current_setup());
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto setup = abi::current_setup();
        const bool sound = setup && ((*setup)->policy().challenge_max_age == 100 ||
                                     (*setup)->policy().challenge_max_age == 200);
        if (!sound) {
          ++wrong;
        }
        std::this_thread::yield();
      }
    });
  }
  // Renamed over, so that no reader sees half a file.
  for (const char* age : {"200", "100"}) {
    const std::string fresh =
        write("fresh.conf", std::string("[policy]\n challenge_max_age = ") + age + "\n");
    ASSERT_EQ(rename(fresh.c_str(), directory_.path("changing.conf").c_str()), 0);
    wait_for_the_next_look();
    wait_for_the_next_look();
    EXPECT_EQ(std::to_string((*abi::current_setup())->policy().challenge_max_age), age);
  }
  stop = true;
  for (auto& reader : readers) {
    reader.join();
  }
  EXPECT_EQ(wrong, 0);
}

TEST_F(Setup, AChildThatForkedAtAnyMomentGoesOn) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers' allocators may be locked for ever in a child of fork()";
#endif
  std::atomic<bool> stop{false};
  std::thread busy([&] {
    while (!stop) {
      (void)abi::current_setup();
    }
  });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      const bool first = abi::current_setup().has_value();
      _exit(first && abi::current_setup() ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  stop = true;
  busy.join();
}

// CORP\root must not become root because winbindd is down and cannot say whose domain CORP is.
TEST_F(Setup, TheDomainIsNotThisHostWhileWinbindIsDown) {
  use(write("member.conf", "[ntlm]\n store = winbind\n netbios_domain = CORP\n"));
  if (!abi::current_setup()) {
    GTEST_SKIP() << abi::configuration_fault();
  }
  EXPECT_FALSE(abi::own_domain("CORP"));
  use(write("alone.conf", "[ntlm]\n store = text:/nowhere\n netbios_domain = CORP\n"));
  EXPECT_TRUE(abi::own_domain("CORP"));
}

}  // namespace
}  // namespace ntlm::test
