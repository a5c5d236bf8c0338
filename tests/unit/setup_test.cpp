// SPDX-License-Identifier: MIT
#include "abi/setup.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "support/temporary_directory.h"

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
  // Of another size: to many kernels two writes within four milliseconds are at one time.
  write("changing.conf", "[policy]\n challenge_max_age = 2000\n");
  wait_for_the_next_look();
  EXPECT_EQ((*abi::current_setup())->policy().challenge_max_age, 2000U);
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
