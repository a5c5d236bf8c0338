// SPDX-License-Identifier: MIT
// Ten thousand handshakes, refused ones among them, leave the process as they found it (security.md
// P2): signals, umask, directory, locale, environment, standard streams, OpenSSL's error queue and
// default context, descriptors.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <locale.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "abi/exchange.h"

extern char** environ;

namespace ntlm::test {
namespace {

std::string process_state() {
  std::string state;
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (sigaction(number, nullptr, &action) == 0) {
      state += std::to_string(number) + ":" + std::to_string(action.sa_flags) +
               (action.sa_handler == SIG_DFL ? "d" : "h") + " ";
    }
  }
  sigset_t blocked;
  pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
  for (int number = 1; number < NSIG; ++number)
    state += sigismember(&blocked, number) == 1 ? '1' : '0';
  const mode_t mask = umask(0);
  umask(mask);
  state += " umask " + std::to_string(mask) + " in " + std::filesystem::current_path().string();
  state += " locale " + std::string(setlocale(LC_ALL, nullptr));
  for (char** variable = environ; *variable != nullptr; ++variable)
    state += std::string(" ") + *variable;
  for (int fd = 0; fd < 3; ++fd) state += " " + std::to_string(fcntl(fd, F_GETFL));
  state += " openssl " + std::to_string(ERR_peek_error());
  state += OSSL_PROVIDER_available(nullptr, "legacy") == 1 ? " legacy" : " no legacy";
  return state;
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

// A credential for alice with this password.
Credential alice(std::string password) {
  Name name = import("TEST\\alice");
  gss_buffer_desc secret = buffer(password);
  Credential credential;
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_acquire_cred_with_password(&minor, name.get(), &secret, 0, &g_only_ntlm,
                                           GSS_C_INITIATE, credential.out(), nullptr, nullptr),
            GSS_S_COMPLETE);
  return credential;
}

TEST(Process, IsLeftAsItWasFound) {
  const Accounts accounts;
  accounts.configure("unlocked.conf", "[policy]\n lockout_threshold = 0\n");
  Credential right = alice("Secret1");
  Credential wrong = alice("Wrong");
  // The first loads the module and reads the configuration.
  ASSERT_TRUE(establish(GSS_C_CONF_FLAG, right.get()));
  ASSERT_FALSE(establish(GSS_C_CONF_FLAG, wrong.get()));
  const std::string before = process_state();
  const std::size_t descriptors = open_descriptors();
  for (int i = 0; i < 10'000; ++i) {
    const bool refused = i % 10 == 0;
    ASSERT_EQ(establish(GSS_C_CONF_FLAG, refused ? wrong.get() : right.get()).has_value(),
              !refused);
  }
  EXPECT_EQ(process_state(), before);
  EXPECT_EQ(open_descriptors(), descriptors);
}

}  // namespace
}  // namespace ntlm::test
