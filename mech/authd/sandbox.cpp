// SPDX-License-Identifier: MIT
#include "authd/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <initializer_list>
#include <memory>
#include <span>
#include <system_error>

#include "base/trusted_file.h"

namespace ntlm::authd {
namespace {

std::string reason(int error) { return std::error_code(error, std::generic_category()).message(); }

// No file but in the directory of the audit file, if there is one: the conditions of a filter
// cannot see paths.
tl::expected<void, std::string> confine_files(const std::string& audit_path) {
  constexpr std::uint64_t kAll = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;  // of the first version
  constexpr std::uint64_t kAudit = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                   LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;
  landlock_ruleset_attr all{};
  all.handled_access_fs = kAll;
  const FileDescriptor rules(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0)));
  if (rules.get() < 0) {
    const bool none = errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM;
    return none ? tl::expected<void, std::string>()  // the kernel's, or a container's choice
                : tl::unexpected<std::string>("landlock: " + reason(errno));
  }
  if (!audit_path.empty()) {
    const auto directory = open_trusted_directory(audit_path);
    if (!directory) {
      return tl::unexpected<std::string>(directory.error());
    }
    const landlock_path_beneath_attr beneath{kAudit, directory->get()};
    if (::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) !=
        0) {
      return tl::unexpected<std::string>("landlock: " + reason(errno));
    }
  }
  if (::syscall(SYS_landlock_restrict_self, rules.get(), 0) != 0) {
    return tl::unexpected<std::string>("landlock: " + reason(errno));
  }
  return {};
}

// One condition on one argument of a system call, counted from 0.
using Condition = scmp_arg_cmp;
constexpr Condition bits(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}
// Of an int the kernel looks at the lower half of the register.
constexpr Condition is(unsigned argument, std::uint32_t value) {
  return bits(argument, 0xffffffff, value);
}
constexpr Condition is_null(unsigned argument) { return {argument, SCMP_CMP_EQ, 0, 0}; }

// Collects rules; the first one that cannot be made is the error of load().
class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_KILL_PROCESS)) {
    if (context_ == nullptr) {
      error_ = ENOMEM;
    }
  }

  // A call is allowed when all conditions of one of its rules hold.
  void allow(const char* call, std::initializer_list<Condition> conditions = {}) {
    add(SCMP_ACT_ALLOW, call, conditions);
  }
  void allow_all(std::initializer_list<const char*> calls) {
    for (const char* call : calls) {
      allow(call);
    }
  }
  // For what the C library tries and can do without.
  void refuse(int error, const char* call, std::initializer_list<Condition> conditions = {}) {
    add(SCMP_ACT_ERRNO(static_cast<std::uint16_t>(error)), call, conditions);
  }

  tl::expected<void, std::string> load() {
    attribute(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    attribute(SCMP_FLTATR_CTL_TSYNC, 1);
    if (error_ == 0) {
      error_ = -seccomp_load(context_.get());
    }
    return error_ == 0 ? tl::expected<void, std::string>()
                       : tl::unexpected<std::string>("seccomp: " + reason(error_));
  }

 private:
  void add(std::uint32_t action, const char* call, std::span<const Condition> conditions) {
    const int number = seccomp_syscall_resolve_name(call);
    if (error_ == 0 && number != __NR_SCMP_ERROR) {  // else this architecture has no such call
      error_ = -seccomp_rule_add_array(context_.get(), action, number,
                                       static_cast<unsigned>(conditions.size()), conditions.data());
    }
  }
  void attribute(scmp_filter_attr name, std::uint32_t value) {
    if (error_ == 0) {
      error_ = -seccomp_attr_set(context_.get(), name, value);
    }
  }

  struct Release {
    void operator()(void* context) const { seccomp_release(context); }
  };
  std::unique_ptr<void, Release> context_;
  int error_ = 0;
};

void allow_memory_and_threads(Filter& filter) {
  filter.allow_all({"brk", "munmap", "mremap", "madvise", "mlock", "futex", "rseq",
                    "set_robust_list", "sched_yield", "sched_getaffinity", "exit", "exit_group"});
  filter.allow("mmap", {bits(2, PROT_EXEC, 0)});
  filter.allow("mprotect", {bits(2, PROT_EXEC, 0)});
  // A thread, not a process. The flags of clone3 cannot be seen here; without it the C library
  // takes clone.
  constexpr std::uint64_t kThread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;
  filter.allow("clone", {bits(0, kThread, kThread)});
  filter.refuse(ENOSYS, "clone3");
  filter.allow("prctl", {is(0, PR_SET_NAME)});
}

void allow_signals_and_time(Filter& filter) {
  filter.allow_all({"rt_sigreturn", "rt_sigaction", "rt_sigprocmask", "rt_sigtimedwait",
                    "sigaltstack", "signalfd4", "restart_syscall", "clock_gettime", "clock_getres",
                    "clock_nanosleep", "nanosleep", "gettimeofday", "time", "timerfd_create",
                    "timerfd_settime"});
  // Of this process: abort().
  filter.allow("tgkill", {is(0, static_cast<std::uint32_t>(::getpid()))});
}

void allow_own_descriptors(Filter& filter) {
  filter.allow_all({"read",      "readv",      "pread64",     "write",        "writev",
                    "lseek",     "close",      "fstat",       "recvfrom",     "recvmsg",
                    "sendmsg",   "shutdown",   "getsockopt",  "getsockname",  "epoll_create1",
                    "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll",
                    "ppoll",     "eventfd2"});
  for (const int command : {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC}) {
    filter.allow("fcntl", {is(1, static_cast<std::uint32_t>(command))});
  }
  filter.refuse(ENOTTY, "ioctl");
}

void allow_questions(Filter& filter) {
  filter.allow_all({"getrandom", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid",
                    "getegid", "uname", "sysinfo"});
  filter.allow("prlimit64", {is(0, 0), is_null(2)});  // to read one's own
}

void allow_front(Filter& filter, const SandboxNeeds& needs) {
  filter.allow_all({"accept4", "connect", "sendto", "setsockopt", "wait4", "waitid"});
  // Datagrams: what a server does for those who connect to it (winbindd's logons, the bus) is not
  // to be had.
  constexpr std::uint64_t kType = 0xf;  // SOCK_TYPE_MASK of the kernel
  filter.allow("socket", {is(0, AF_UNIX), bits(1, kType, SOCK_DGRAM)});
  filter.refuse(EACCES, "socket", {is(0, AF_UNIX), bits(1, kType, SOCK_STREAM)});  // syslog(3)
  if (!needs.audit_path.empty()) {
    // Finds the directory by O_PATH, which reads nothing, and appends; never cuts. By renaming it
    // makes room.
    filter.allow("openat", {bits(2, O_PATH, O_PATH)});
    filter.allow("openat", {bits(2, O_PATH | O_APPEND | O_TRUNC | O_NOFOLLOW | O_ACCMODE,
                                 O_APPEND | O_NOFOLLOW | O_RDWR)});
    filter.allow_all({"newfstatat", "flock", "renameat", "renameat2"});
  } else {
    filter.allow("newfstatat", {is(3, AT_EMPTY_PATH)});  // how fstat() is made
    filter.refuse(EACCES, "openat");
  }
}

void allow_store(Filter& filter, const SandboxNeeds& needs) {
  filter.allow_all({"newfstatat"});
  filter.allow("openat", {bits(2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY)});
  filter.allow("sendto", {is_null(4)});  // along a connection
  if (needs.winbind) {
    filter.allow("socket", {is(0, AF_UNIX)});
    filter.allow_all({"connect", "setsockopt", "getgroups"});
    // Where /proc is not there, the threads of store/winbind_calls ask whether they impersonate.
    for (const char* call : {"capget", "setfsuid", "setfsgid"}) {
      filter.refuse(EPERM, call);
    }
  } else {
    filter.refuse(EACCES, "socket");
  }
}

// Without MCL_FUTURE nothing would be gained, and with it a limit would one day be out of reach.
void keep_out_of_swap() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY) {
    (void)::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
  }
}

}  // namespace

tl::expected<void, std::string> enter_sandbox(Role role, const SandboxNeeds& needs) {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return tl::unexpected<std::string>("sandbox: " + reason(errno));
  }
  ::tzset();  // syslog(3) reads the time zone at its first record
  keep_out_of_swap();
  if (role == Role::kFront) {
    if (auto confined = confine_files(needs.audit_path); !confined) {
      return confined;
    }
  }
  Filter filter;
  allow_memory_and_threads(filter);
  allow_signals_and_time(filter);
  allow_own_descriptors(filter);
  allow_questions(filter);
  if (role == Role::kFront) {
    allow_front(filter, needs);
  } else {
    allow_store(filter, needs);
  }
  return filter.load();
}

}  // namespace ntlm::authd
