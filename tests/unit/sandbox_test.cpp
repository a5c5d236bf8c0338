// SPDX-License-Identifier: MIT
// Each test puts a child into the sandbox and looks how it ends.
#include "authd/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/landlock.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <functional>
#include <thread>

#include "base/audit.h"
#include "base/trusted_file.h"
#include "store/database_writer.h"
#include "store/open.h"
#include "store/text_file.h"
#include "support/temporary_directory.h"

namespace ntlm::authd {
namespace {

using protocol::AccountName;
using test::TemporaryDirectory;

// The run-time libraries of the sanitizers read /proc, map and trace as they like.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

constexpr int kRefused = 100;  // enter_sandbox() failed
constexpr int kSignal = 1000;  // plus the signal that ended the child

class SandboxTest : public testing::Test {
 protected:
  void SetUp() override {
    if (kSanitized) {
      GTEST_SKIP() << "a sanitizer's run-time makes system calls of its own";
    }
  }

  // What `in_sandbox` returned in a child, or how it died.
  static int run(Role role, const std::function<int()>& in_sandbox,
                 const SandboxNeeds& needs = SandboxNeeds()) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(60);
      ::_exit(enter_sandbox(role, needs) ? in_sandbox() : kRefused);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : kSignal + WTERMSIG(status);
  }
  static constexpr int kKilled = kSignal + SIGSYS;

  static int open_errno(const std::string& path, int flags) {
    return ::open(path.c_str(), flags | O_CLOEXEC, 0600) >= 0 ? 0 : errno;
  }

  // Whether a store in the sandbox, which has alice before, has carol instead once `replace` is
  // done.
  static bool sees_replacement(const protocol::AccountSource& accounts,
                               const std::function<bool()>& replace);

  TemporaryDirectory directory_;
};

bool has(const protocol::AccountSource& source, const char* user) {
  const auto found = source.find(AccountName{user, "LAB"}, "LAB");
  return found && found->known;
}

bool SandboxTest::sees_replacement(const protocol::AccountSource& accounts,
                                   const std::function<bool()>& replace) {
  int replaced[2];
  if (!has(accounts, "alice") || ::pipe2(replaced, O_CLOEXEC) != 0) {
    return false;
  }
  const FileDescriptor read_end(replaced[0]);
  const FileDescriptor write_end(replaced[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    char byte = 0;
    const bool sound = enter_sandbox(Role::kStore, {}) && ::read(read_end.get(), &byte, 1) == 1 &&
                       has(accounts, "carol") && !has(accounts, "alice");
    ::_exit(sound ? 0 : 1);
  }
  const bool done = replace() && ::write(write_end.get(), "x", 1) == 1;
  int status = 0;
  return ::waitpid(child, &status, 0) == child && done && status == 0;
}

TEST_F(SandboxTest, BothAreEntered) {
  EXPECT_EQ(run(Role::kFront, [] { return 7; }), 7);
  EXPECT_EQ(run(Role::kStore, [] { return 7; }), 7);
}

TEST_F(SandboxTest, NeitherRunsTracesOrMakesAnotherProcess) {
  const std::pair<const char*, std::function<int()>> calls[] = {
      {"execve", [] { return ::execl("/bin/true", "true", nullptr); }},
      {"fork", [] { return ::fork() < 0 ? 1 : 2; }},
      {"vfork", [] { return static_cast<int>(::syscall(SYS_clone, CLONE_VM | CLONE_VFORK, 0)); }},
      {"ptrace", [] { return static_cast<int>(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }},
      {"process_vm_readv",
       [] {
         return static_cast<int>(::syscall(SYS_process_vm_readv, ::getppid(), 0, 0, 0, 0, 0));
       }},
      {"kill", [] { return ::kill(::getppid(), 0); }},
      {"tgkill", [] { return ::tgkill(::getppid(), ::getppid(), 0); }},
      {"setuid", [] { return ::setuid(::geteuid()); }},
      {"mount", [] { return static_cast<int>(::syscall(SYS_mount, 0, "/", 0, 0, 0)); }},
      {"bpf", [] { return static_cast<int>(::syscall(SYS_bpf, 0, 0, 0)); }},
      {"io_uring", [] { return static_cast<int>(::syscall(SYS_io_uring_setup, 1, 0)); }},
      {"userfaultfd", [] { return static_cast<int>(::syscall(SYS_userfaultfd, 0)); }},
      {"keyctl", [] { return static_cast<int>(::syscall(SYS_keyctl, 0, 0, 0, 0, 0)); }},
      {"unshare", [] { return ::unshare(CLONE_NEWUSER); }},
      {"chmod", [] { return ::chmod("/nowhere", 0600); }},
      {"unlink", [] { return ::unlink("/nowhere"); }},
      {"dumpable", [] { return ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }},
      {"setrlimit",
       [] {
         const rlimit more{1, 1};
         return ::setrlimit(RLIMIT_CORE, &more);
       }},
      {"internet", [] { return ::socket(AF_INET, SOCK_STREAM, 0) < 0 ? 1 : 2; }},
      {"netlink", [] { return ::socket(AF_NETLINK, SOCK_RAW, 0) < 0 ? 1 : 2; }},
  };
  const SandboxNeeds most{.audit_path = directory_.path("audit.json"), .winbind = true};
  for (const auto& [name, call] : calls) {
    EXPECT_EQ(run(Role::kFront, call, most), kKilled) << name;
    EXPECT_EQ(run(Role::kStore, call, most), kKilled) << name;
  }
}

TEST_F(SandboxTest, NeitherMapsCode) {
  const auto map = [](int protection) {
    void* memory = ::mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? nullptr : memory;
  };
  for (const Role role : {Role::kFront, Role::kStore}) {
    EXPECT_EQ(run(role, [&] { return map(PROT_READ | PROT_WRITE) == nullptr; }), 0);
    EXPECT_EQ(run(role, [&] { return map(PROT_READ | PROT_EXEC) == nullptr; }), kKilled);
    EXPECT_EQ(
        run(role,
            [&] { return ::mprotect(map(PROT_READ | PROT_WRITE), 4096, PROT_READ | PROT_EXEC); }),
        kKilled);
  }
}

TEST_F(SandboxTest, ThreadsRunAndAreInIt) {
  for (const Role role : {Role::kFront, Role::kStore}) {
    EXPECT_EQ(
        run(role,
            [] {
              int seen = 0;
              std::thread([&] { seen = static_cast<int>(std::string(100000, 'x').size()); }).join();
              return seen == 100000 ? 0 : 1;
            }),
        0);
    EXPECT_EQ(run(role,
                  [] {
                    std::thread([] { (void)::kill(::getppid(), 0); }).join();
                    return 0;
                  }),
              kKilled);
  }
}

// One that runs before is taken along.
TEST_F(SandboxTest, ThreadOfBeforeIsInItToo) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    std::atomic<bool> entered{false};
    std::thread before([&] {
      while (!entered.load()) {
        std::this_thread::yield();
      }
      (void)::kill(::getppid(), 0);
      ::_exit(1);
    });
    entered = enter_sandbox(Role::kStore, {}).has_value();
    before.join();
    ::_exit(2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) << status;
}

TEST_F(SandboxTest, AbortIsStillAnAbort) {
  EXPECT_EQ(run(Role::kFront, []() -> int { std::abort(); }), kSignal + SIGABRT);
}

TEST_F(SandboxTest, NoCore) {
  EXPECT_EQ(run(Role::kStore,
                [] {
                  rlimit core{1, 1};
                  return ::getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 ? 0 : 1;
                }),
            0);
}

TEST_F(SandboxTest, FrontOpensNothing) {
  const std::string file = directory_.write("accounts", "LAB:alice:secret\n");
  EXPECT_EQ(run(Role::kFront, [&] { return open_errno(file, O_RDONLY); }), EACCES);
  EXPECT_EQ(run(Role::kFront, [&] { return open_errno(file, O_WRONLY | O_APPEND); }), EACCES);
  EXPECT_EQ(run(Role::kFront, [&] { return open_errno(file + "2", O_RDWR | O_CREAT); }), EACCES);
  EXPECT_EQ(run(Role::kFront, [&] { return ::rename(file.c_str(), (file + "2").c_str()); }),
            kKilled);
  EXPECT_EQ(directory_.read("accounts"), "LAB:alice:secret\n");
}

TEST_F(SandboxTest, FrontWithAnAuditFileStillReadsAndCutsNothing) {
  const SandboxNeeds needs{.audit_path = directory_.path("audit.json"), .winbind = false};
  const std::string file = directory_.write("accounts", "LAB:alice:secret\n");
  for (const int flags : {O_RDONLY, O_RDONLY | O_APPEND, O_WRONLY, O_RDWR | O_NOFOLLOW,
                          O_RDWR | O_APPEND | O_NOFOLLOW | O_TRUNC,
                          O_WRONLY | O_APPEND | O_NOFOLLOW, O_RDONLY | O_DIRECTORY}) {
    EXPECT_EQ(run(
                  Role::kFront, [&] { return open_errno(file, flags); }, needs),
              kKilled)
        << std::oct << flags;
  }
  EXPECT_EQ(directory_.read("accounts"), "LAB:alice:secret\n");
}

// What it may open to append to, it may read: so only there, were it the accounts themselves.
TEST_F(SandboxTest, FrontWithAnAuditFileOpensNoneInAnotherDirectory) {
  if (::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1) {
    GTEST_SKIP() << "this kernel has no Landlock";
  }
  const SandboxNeeds needs{.audit_path = directory_.path("audit.json"), .winbind = false};
  const TemporaryDirectory other;
  const std::string file = other.write("accounts", "LAB:alice:secret\n");
  const int append = O_RDWR | O_APPEND | O_NOFOLLOW;
  EXPECT_EQ(run(
                Role::kFront, [&] { return open_errno(file, append); }, needs),
            EACCES);
  EXPECT_EQ(run(
                Role::kFront, [&] { return open_errno(file + "2", append | O_CREAT); }, needs),
            EACCES);
  const auto away = [&] {
    return ::rename(file.c_str(), directory_.path("audit.json").c_str()) == 0 ? 0 : errno;
  };
  EXPECT_EQ(run(Role::kFront, away, needs), kKilled);
  const auto away_by_renameat = [&] {
    return ::renameat(AT_FDCWD, file.c_str(), AT_FDCWD, directory_.path("audit.json").c_str()) == 0
               ? 0
               : errno;
  };
  EXPECT_NE(run(Role::kFront, away_by_renameat, needs), 0);
  EXPECT_EQ(other.read("accounts"), "LAB:alice:secret\n");
}

TEST_F(SandboxTest, FrontWritesAuditRecordsToFileAndSyslog) {
  const std::string log_path = directory_.path("log");
  const FileDescriptor log(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::memcpy(address.sun_path, log_path.c_str(), log_path.size() + 1);
  ASSERT_EQ(::bind(log.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  AuditSettings settings;
  settings.syslog_path = log_path;
  settings.journal_path = directory_.path("no journal");
  settings.json = {.path = directory_.path("audit.json"), .max_size = 1, .keep = 2};
  const auto write_records = [&] {
    AuditEvent event;
    event.user = "alice";
    audit(settings, event);
    event.user = "bob";
    audit(settings, event);
    return 0;
  };
  const SandboxNeeds needs{.audit_path = settings.json.path, .winbind = false};
  ASSERT_EQ(run(Role::kFront, write_records, needs), 0);
  // Each record is one too many for the file, so that both were moved away.
  const std::string records = directory_.read("audit.json.1") + directory_.read("audit.json.2");
  EXPECT_NE(records.find("\"user\":\"alice\""), std::string::npos) << records;
  EXPECT_NE(records.find("\"user\":\"bob\""), std::string::npos) << records;
  char message[2048];
  EXPECT_GT(::recv(log.get(), message, sizeof message, MSG_DONTWAIT), 0);
}

TEST_F(SandboxTest, FrontServesASocket) {
  const std::string path = directory_.path("auth.sock");
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const auto* to = reinterpret_cast<const sockaddr*>(&address);
  const FileDescriptor listener(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(listener.get(), to, sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 5), 0);
  const FileDescriptor client(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::connect(client.get(), to, sizeof address), 0);
  const auto serve = [&] {
    const FileDescriptor server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ucred peer{};
    socklen_t size = sizeof peer;
    char byte = 0;
    const bool served = ::getsockopt(server.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
                        peer.uid == ::geteuid() &&
                        ::send(client.get(), "x", 1, MSG_NOSIGNAL) == 1 &&
                        ::recv(server.get(), &byte, 1, 0) == 1 && byte == 'x';
    return served ? 0 : 2;
  };
  EXPECT_EQ(run(Role::kFront, serve), 0);
}

// Whoever connects to winbindd may choose a challenge.
TEST_F(SandboxTest, FrontConnectsToNoServer) {
  const auto socket_of = [](int type) {
    return run(Role::kFront,
               [&] { return ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0) >= 0 ? 0 : errno; });
  };
  EXPECT_EQ(socket_of(SOCK_DGRAM), 0);
  EXPECT_EQ(socket_of(SOCK_STREAM), EACCES);
  EXPECT_EQ(socket_of(SOCK_SEQPACKET), kKilled);
}

TEST_F(SandboxTest, StoreReadsATextFileThatWasReplaced) {
  const std::string path = directory_.write("accounts", "LAB:alice:secret\n");
  const store::TextFile accounts(path);
  const auto replace = [&] {
    directory_.write("new", "LAB:carol:other\nLAB:dave:third\n");
    return ::rename(directory_.path("new").c_str(), path.c_str()) == 0;
  };
  EXPECT_TRUE(sees_replacement(accounts, replace));
}

TEST_F(SandboxTest, StoreReadsADatabaseThatWasReplaced) {
  const std::string path = directory_.path("accounts.lmdb");
  const auto change = [&](const char* removed, const char* added) {
    auto edit = store::DatabaseEdit::begin(path);
    store::StoredAccount account;
    account.account.name = {added, "LAB"};
    edit->remove({removed, "LAB"});
    return edit->put(account) && edit->commit();
  };
  ASSERT_TRUE(change("carol", "alice"));
  const store::Database accounts(path);
  EXPECT_TRUE(sees_replacement(accounts, [&] { return change("alice", "carol"); }));
}

TEST_F(SandboxTest, StoreWritesNoFileAndMakesNoSocket) {
  const std::string file = directory_.write("accounts", "LAB:alice:secret\n");
  EXPECT_EQ(run(Role::kStore, [&] { return open_errno(file, O_RDONLY); }), 0);
  for (const int flags :
       {O_WRONLY, O_RDWR, O_WRONLY | O_APPEND, O_RDONLY | O_TRUNC, O_RDONLY | O_CREAT, O_ACCMODE}) {
    EXPECT_EQ(run(Role::kStore, [&] { return open_errno(file, flags); }), kKilled)
        << std::oct << flags;
  }
  EXPECT_EQ(run(Role::kStore, [&] { return ::rename(file.c_str(), (file + "2").c_str()); }),
            kKilled);
  EXPECT_EQ(run(Role::kStore, [] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? 0 : errno; }),
            EACCES);
  EXPECT_EQ(directory_.read("accounts"), "LAB:alice:secret\n");
}

TEST_F(SandboxTest, StoreSaysThatItsLogHasGoneAndGoesOn) {
  EXPECT_EQ(run(Role::kStore,
                [] {
                  ::syslog(LOG_AUTHPRIV | LOG_DEBUG, "gss-ntlm: a test of the sandbox");
                  return 0;
                }),
            0);
}

TEST_F(SandboxTest, StoreWithWinbindConnectsToASocketOnly) {
  const SandboxNeeds needs{.audit_path = "", .winbind = true};
  const auto connect = [] {
    const FileDescriptor pipe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un nobody{.sun_family = AF_UNIX, .sun_path = "/nonexistent/pipe"};
    const auto* to = reinterpret_cast<const sockaddr*>(&nobody);
    return ::connect(pipe.get(), to, sizeof nobody) == 0 ? 0 : errno;
  };
  EXPECT_EQ(run(Role::kStore, connect, needs), ENOENT);
  EXPECT_EQ(run(
                Role::kStore, [&] { return open_errno("/nonexistent", O_WRONLY); }, needs),
            kKilled);
}

#ifdef NTLM_WITH_WINBIND
// Whether winbindd runs here or not: the library looks for it, on a thread that was there before
// and on one that was not.
TEST_F(SandboxTest, StoreWithWinbindAsksTheLibrary) {
  const auto ask = [](const protocol::Verifier& winbind) {
    const protocol::HostNames* known = winbind.host_names();
    const protocol::HostNames host = known != nullptr ? *known : protocol::HostNames();
    const AccountName name{"nobody", host.nb_domain};
    const Bytes user = utf16le_from_utf8(name.user).value();
    const Bytes domain = utf16le_from_utf8(name.domain).value();
    const Bytes response(60);
    return winbind.verify({user,
                           domain,
                           name,
                           "CLIENT",
                           host,
                           protocol::NtlmVersion::kV2,
                           crypto::ServerChallenge{},
                           response,
                           {},
                           protocol::Policy()});
  };
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    const auto winbind = store::open_verifier({{"winbind"}, std::chrono::seconds(5)});
    (void)winbind.value()->host_names();
    if (!enter_sandbox(Role::kStore, {.audit_path = "", .winbind = true})) {
      ::_exit(kRefused);
    }
    int answered = 0;
    answered += ask(**winbind) ? 0 : 1;
    std::thread([&] { answered += ask(**winbind) ? 0 : 1; }).join();
    ::_exit(answered == 2 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}
#endif

}  // namespace
}  // namespace ntlm::authd
