// SPDX-License-Identifier: MIT
// Impersonation as files see it. It takes root, or CAP_SETUID and CAP_SETGID; without, the refusal
// is tested.
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <secext.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <thread>

#include "support.h"

namespace sspi_test {
namespace {

uid_t thread_fsuid() { return static_cast<uid_t>(setfsuid(static_cast<uid_t>(-1))); }

// A finished exchange of a client whose account is a local user.
struct LocalPair {
  Client client{"NTLM", kLocalUser, "local secret"};
  Server server;
  LocalPair() { EXPECT_EQ(exchange(client, server).server, SEC_E_OK) << SspiCompatGetLastText(); }
};

class Impersonation : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) {
      GTEST_SKIP() << "needs root";
    }
    user_ = getpwnam(kLocalUser);
    ASSERT_NE(user_, nullptr);
    LocalPair probe;
    HANDLE token = nullptr;
    ASSERT_EQ(QuerySecurityContextToken(&probe.server.context, &token), SEC_E_OK);
    PSspiCompatTokenInfo info = nullptr;
    ASSERT_EQ(SspiCompatGetTokenInfo(token, &info), SEC_E_OK);
    ASSERT_STREQ(info->LocalUser, kLocalUser);
    EXPECT_EQ(info->Uid, user_->pw_uid);
    EXPECT_EQ(info->Gid, user_->pw_gid);
    EXPECT_GE(info->GroupCount, 1u);
    FreeContextBuffer(info);
    CloseHandle(token);
  }
  const passwd* user_ = nullptr;
};

TEST_F(Impersonation, FilesAreOpenedAsTheClient) {
  LocalPair pair;
  const std::string secret = private_path("only-root");
  ASSERT_GE(close(open(secret.c_str(), O_CREAT | O_WRONLY, 0600)), 0);
  ASSERT_EQ(ImpersonateSecurityContext(&pair.server.context), SEC_E_OK) << SspiCompatGetLastText();
  EXPECT_EQ(thread_fsuid(), user_->pw_uid);
  EXPECT_EQ(open(secret.c_str(), O_RDONLY), -1);
  EXPECT_EQ(errno, EACCES);
  EXPECT_EQ(geteuid(), 0u);  // the process stays who it is
  ASSERT_EQ(RevertSecurityContext(&pair.server.context), SEC_E_OK);
  EXPECT_EQ(thread_fsuid(), 0u);
  const int file = open(secret.c_str(), O_RDONLY);
  EXPECT_GE(file, 0);
  close(file);
}

TEST_F(Impersonation, SupplementaryGroupsGoAndComeBack) {
  const gid_t extra[] = {0, 4242};
  ASSERT_EQ(syscall(SYS_setgroups, 2, extra), 0);
  LocalPair pair;
  ASSERT_EQ(ImpersonateSecurityContext(&pair.server.context), SEC_E_OK);
  gid_t groups[64];
  int count = getgroups(64, groups);
  EXPECT_EQ(std::find(groups, groups + count, 4242u), groups + count);
  ASSERT_EQ(RevertSecurityContext(&pair.server.context), SEC_E_OK);
  count = getgroups(64, groups);
  EXPECT_NE(std::find(groups, groups + count, 4242u), groups + count);
}

TEST_F(Impersonation, OtherThreadsStayWhoTheyAre) {
  LocalPair pair;
  ASSERT_EQ(ImpersonateSecurityContext(&pair.server.context), SEC_E_OK);
  uid_t seen_by_child = 0;
  // A thread started meanwhile inherits, as the header says; one that was there does not. The
  // test's own main thread is the one that impersonates, so look from a thread that has reverted
  // nothing.
  ASSERT_EQ(RevertSecurityContext(&pair.server.context), SEC_E_OK);
  std::thread worker([&] {
    ASSERT_EQ(ImpersonateSecurityContext(&pair.server.context), SEC_E_OK);
    seen_by_child = thread_fsuid();
    EXPECT_EQ(thread_fsuid(), user_->pw_uid);
  });
  worker.join();  // ends while impersonating
  EXPECT_EQ(seen_by_child, user_->pw_uid);
  EXPECT_EQ(thread_fsuid(), 0u);
}

TEST_F(Impersonation, DeletingTheContextRevertsTheThread) {
  LocalPair pair;
  ASSERT_EQ(ImpersonateSecurityContext(&pair.server.context), SEC_E_OK);
  ASSERT_EQ(DeleteSecurityContext(&pair.server.context), SEC_E_OK);
  SecInvalidateHandle(&pair.server.context);
  EXPECT_EQ(thread_fsuid(), 0u);
}

TEST_F(Impersonation, TwiceIsTheLastOneAndRevertsOnce) {
  LocalPair one, other;
  ASSERT_EQ(ImpersonateSecurityContext(&one.server.context), SEC_E_OK);
  ASSERT_EQ(ImpersonateSecurityContext(&other.server.context), SEC_E_OK);
  EXPECT_EQ(RevertSecurityContext(&one.server.context), SEC_E_NO_IMPERSONATION);
  EXPECT_EQ(RevertSecurityContext(&other.server.context), SEC_E_OK);
  EXPECT_EQ(RevertSecurityContext(&other.server.context), SEC_E_NO_IMPERSONATION);
  EXPECT_EQ(thread_fsuid(), 0u);
}

TEST_F(Impersonation, TheThreadsNameIsTheClients) {
  LocalPair pair;
  ASSERT_EQ(ImpersonateSecurityContext(&pair.server.context), SEC_E_OK);
  char name[64];
  ULONG size = sizeof name;
  ASSERT_TRUE(GetUserNameExA(NameSamCompatible, name, &size));
  EXPECT_STREQ(name, "DOM\\nobody");
  ASSERT_EQ(RevertSecurityContext(&pair.server.context), SEC_E_OK);
}

TEST_F(Impersonation, AnAccountWithoutALocalUserIsRefused) {
  Pair pair;  // DOM\alice is nobody here
  EXPECT_EQ(ImpersonateSecurityContext(&pair.server.context), SEC_E_NO_IMPERSONATION);
  EXPECT_EQ(thread_fsuid(), 0u);
}

TEST_F(Impersonation, AProcessThatMayNotIsRefused) {
  std::thread unprivileged([] {
    LocalPair pair;
    ASSERT_EQ(syscall(SYS_setresuid, -1, 65533, -1), 0);  // this thread only; its capabilities go
    EXPECT_EQ(ImpersonateSecurityContext(&pair.server.context), SEC_E_NO_IMPERSONATION);
    EXPECT_EQ(thread_fsuid(), 65533u);
  });
  unprivileged.join();
}

}  // namespace
}  // namespace sspi_test
