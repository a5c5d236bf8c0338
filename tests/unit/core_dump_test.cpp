// SPDX-License-Identifier: MIT
// No hash of an account store is in the core dump of a process that uses it (security.md P9): a
// child serves logons, gdb's gcore takes its memory, and the hashes, which nobody made before, are
// looked for in the dump.
#include "support/core_dump.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/database_writer.h"
#include "store/open.h"
#include "support/logon_attempt.h"
#include "support/temporary_directory.h"

namespace ntlm::store {
namespace {

constexpr int kAccounts = 500;

std::string user(int number) { return "account-number-" + std::to_string(number); }
std::string password(int number) { return "password-" + std::to_string(number * 7919); }

// In processes of their own, so that this one's memory, which the server begins with, has no hash.
template <typename Work>
pid_t child(const Work& work) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    work();
    std::_Exit(0);
  }
  return pid;
}

bool succeeds(pid_t pid) {
  int status = 1;
  return ::waitpid(pid, &status, 0) == pid && status == 0;
}

void write_database(const std::string& path) {
  auto edit = DatabaseEdit::begin(path);
  for (int i = 0; i < kAccounts; ++i) {
    StoredAccount stored;
    stored.account.name = {user(i), "DOM"};
    stored.account.nt_hash = crypto::ntowf_v1(utf16le_from_password(password(i)).value());
    (void)edit->put(stored);
  }
  (void)edit->commit();
}

// Says when it is ready, and stays.
void serve(const std::string& store, int ready) {
  ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  const auto verifier = open_verifier({{store}}).value();
  for (int i = 0; i < kAccounts; ++i) {
    test::LogonAttempt attempt({user(i), "DOM"}, "not the password",
                               {"SERVER", "DOM", "server.example", "example"});
    if (verifier->verify(attempt.request()).error().code != Errc::kLogonDenied) {
      std::_Exit(1);
    }
  }
  if (::write(ready, "r", 1) != 1) {
    std::_Exit(1);
  }
  ::pause();
}

class CoreDump : public ::testing::TestWithParam<std::string> {};

TEST_P(CoreDump, HasNoHashOfTheStore) {
  if (!test::can_dump()) {
    ASSERT_STRNE(::getenv("NTLM_REQUIRE_PEERS"), "1") << "gdb is not installed";
    GTEST_SKIP() << "not run: gdb is not installed";
  }
  const test::TemporaryDirectory directory;
  std::string lines;
  for (int i = 0; i < kAccounts; ++i) {
    lines += "DOM:" + user(i) + ":" + password(i) + "\n";
  }
  directory.write("text", lines);
  ASSERT_TRUE(succeeds(child([&] { write_database(directory.path("lmdb")); })));

  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const std::string store = GetParam() + ":" + directory.path(GetParam());
  const pid_t server = child([&] { serve(store, ready[1]); });
  ::close(ready[1]);
  char byte = 0;
  const bool served = ::read(ready[0], &byte, 1) == 1;
  const std::string dump = test::memory_in(test::core_dump(server));
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  ::close(ready[0]);
  ASSERT_TRUE(served);

  int hashes = 0;
  int names = 0;
  for (int i = 0; i < kAccounts; ++i) {
    const auto hash = crypto::ntowf_v1(utf16le_from_password(password(i)).value());
    const std::string_view bytes(reinterpret_cast<const char*>(hash.expose().data()), 16);
    hashes += dump.find(bytes) != std::string::npos ? 1 : 0;
    names += dump.find(user(i)) != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(hashes, 0);
  EXPECT_GT(names, 0) << "this is no dump of that process";
}

INSTANTIATE_TEST_SUITE_P(Stores, CoreDump, ::testing::Values("text", "lmdb"),
                         [](const auto& store) { return store.param; });

}  // namespace
}  // namespace ntlm::store
