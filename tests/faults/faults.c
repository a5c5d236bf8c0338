// SPDX-License-Identifier: MIT
// Preloaded into a program, makes one of its calls of the C library fail, or kills it there. A file
// that the test and the program's processes share (FAULT_FILE) says which: the calls that the error
// can meet are counted over all processes, and the one whose turn it is does not happen. For a kill
// every call that changes a file counts, a write once more for each 4096 bytes, of which those
// before are still written.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#pragma GCC visibility push(default)

enum { kPage = 4096, kMaxParts = 1024 };
// What can happen to a call.
enum { kSpace = 1, kFiles = 2, kInterrupt = 4, kDevice = 8, kKill = 16 };

// As faults.py packs it.
struct control {
  _Atomic uint64_t steps;  // so far
  uint64_t at;             // the first is 1; 0: none
  _Atomic uint32_t fault;  // one of the above, written last; 0: what stands here means nothing
  int32_t error;
  uint32_t sticky;  // every step from then on
  _Atomic uint32_t hit;
  char call[24];  // that was hit last, written before
};

static struct control* control;

__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("FAULT_FILE");
  const int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) {
    return;
  }
  void* room = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  control = room != MAP_FAILED ? room : NULL;
}

// How many of the call's `steps` still happen: all of them, when it is not its turn. `error` is how
// it fails then; as soon as the test sees the hit, it may write the next one.
static uint64_t steps_before_fault(const char* call, unsigned met_by, uint64_t steps, int* error) {
  if (control == NULL || (control->fault & met_by) == 0) {
    return steps;
  }
  *error = control->error;
  const uint64_t first = atomic_fetch_add(&control->steps, steps) + 1;
  const uint64_t at = control->at;
  if (at == 0 || at >= first + steps || (at < first && !control->sticky)) {
    return steps;
  }
  strncpy(control->call, call, sizeof control->call - 1);
  control->hit = 1;
  return at > first ? at - first : 0;
}

static int fails(const char* call, unsigned met_by) {
  const int dies = control != NULL && control->fault == kKill;
  int error = 0;
  if (steps_before_fault(call, met_by, 1, &error) == 1) {
    return 0;
  }
  if (dies) {
    kill(getpid(), SIGKILL);
  }
  errno = error;
  return 1;
}

#define REAL(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))
// The call itself, unless it is its turn.
#define CALL(met_by, failure, name, ...) \
  return fails(#name, met_by) ? (failure) : REAL(name)(__VA_ARGS__)

#define MODE(flags, mode)                       \
  mode_t mode = 0;                              \
  if (((flags) & (O_CREAT | O_TMPFILE)) != 0) { \
    va_list more;                               \
    va_start(more, flags);                      \
    mode = va_arg(more, mode_t);                \
    va_end(more);                               \
  }

int open(const char* path, int flags, ...) {
  MODE(flags, mode)
  CALL(kFiles | kInterrupt | ((flags & O_CREAT) != 0 ? kSpace | kKill : 0), -1, open, path, flags,
       mode);
}
int openat(int at, const char* path, int flags, ...) {
  MODE(flags, mode)
  CALL(kFiles | kInterrupt | ((flags & O_CREAT) != 0 ? kSpace | kKill : 0), -1, openat, at, path,
       flags, mode);
}
DIR* opendir(const char* path) { CALL(kFiles, NULL, opendir, path); }
int dup(int fd) { CALL(kFiles, -1, dup, fd); }
int mkdir(const char* path, mode_t mode) { CALL(kSpace | kKill, -1, mkdir, path, mode); }
int rename(const char* from, const char* to) {
  CALL(kSpace | kDevice | kKill, -1, rename, from, to);
}
int unlink(const char* path) { CALL(kDevice | kKill, -1, unlink, path); }
int ftruncate(int fd, off_t size) {
  CALL(kSpace | kInterrupt | kDevice | kKill, -1, ftruncate, fd, size);
}
int fchmod(int fd, mode_t mode) { CALL(kDevice | kKill, -1, fchmod, fd, mode); }
int fchown(int fd, uid_t user, gid_t group) { CALL(kDevice | kKill, -1, fchown, fd, user, group); }
int fsync(int fd) { CALL(kSpace | kInterrupt | kDevice | kKill, -1, fsync, fd); }
int fdatasync(int fd) { CALL(kSpace | kInterrupt | kDevice | kKill, -1, fdatasync, fd); }
int msync(void* at, size_t size, int flags) { CALL(kDevice | kKill, -1, msync, at, size, flags); }
int flock(int fd, int operation) { CALL(kInterrupt, -1, flock, fd, operation); }
ssize_t read(int fd, void* to, size_t size) { CALL(kInterrupt | kDevice, -1, read, fd, to, size); }
ssize_t pread(int fd, void* to, size_t size, off_t at) {
  CALL(kInterrupt | kDevice, -1, pread, fd, to, size, at);
}
int socket(int family, int type, int protocol) { CALL(kFiles, -1, socket, family, type, protocol); }
int socketpair(int family, int type, int protocol, int ends[2]) {
  CALL(kFiles, -1, socketpair, family, type, protocol, ends);
}
int connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t size) {
  CALL(kInterrupt, -1, connect, fd, to, size);
}
int accept4(int fd, __SOCKADDR_ARG from, socklen_t* size, int flags) {
  CALL(kFiles | kInterrupt, -1, accept4, fd, from, size, flags);
}
ssize_t send(int fd, const void* data, size_t size, int flags) {
  CALL(kInterrupt, -1, send, fd, data, size, flags);
}
ssize_t recv(int fd, void* to, size_t size, int flags) {
  CALL(kInterrupt, -1, recv, fd, to, size, flags);
}
ssize_t recvmsg(int fd, struct msghdr* message, int flags) {
  CALL(kInterrupt, -1, recvmsg, fd, message, flags);
}
int poll(struct pollfd* all, nfds_t count, int patience) {
  CALL(kInterrupt, -1, poll, all, count, patience);
}
int epoll_create1(int flags) { CALL(kFiles, -1, epoll_create1, flags); }
int epoll_ctl(int fd, int operation, int on, struct epoll_event* event) {
  CALL(kSpace, -1, epoll_ctl, fd, operation, on, event);
}
int epoll_wait(int fd, struct epoll_event* events, int most, int patience) {
  CALL(kInterrupt, -1, epoll_wait, fd, events, most, patience);
}

// A write of `parts` from `at` on (-1: where the file stands); a kill leaves whole pages of it.
static ssize_t put(const char* call, int fd, const struct iovec* parts, int count, off_t at) {
  size_t size = 0;
  for (int i = 0; i < count; ++i) {
    size += parts[i].iov_len;
  }
  const int dies = control != NULL && control->fault == kKill;
  const uint64_t steps = dies ? 1 + size / kPage : 1;
  int error = 0;
  const uint64_t done =
      steps_before_fault(call, kSpace | kInterrupt | kDevice | kKill, steps, &error);
  if (done < steps && !dies) {
    errno = error;
    return -1;
  }
  if (done == steps) {
    return at < 0 ? REAL(writev)(fd, parts, count) : REAL(pwritev)(fd, parts, count, at);
  }
  struct iovec some[kMaxParts];
  size_t left = done * kPage;
  int used = 0;
  for (; used < count && used < kMaxParts && left != 0; ++used) {
    some[used] = parts[used];
    some[used].iov_len = left < parts[used].iov_len ? left : parts[used].iov_len;
    left -= some[used].iov_len;
  }
  (void)!(at < 0 ? REAL(writev)(fd, some, used) : REAL(pwritev)(fd, some, used, at));
  kill(getpid(), SIGKILL);
  return -1;
}
ssize_t write(int fd, const void* data, size_t size) {
  return put("write", fd, &(struct iovec){(void*)(uintptr_t)data, size}, 1, -1);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  return put("pwrite", fd, &(struct iovec){(void*)(uintptr_t)data, size}, 1, at);
}
ssize_t writev(int fd, const struct iovec* parts, int count) {
  return put("writev", fd, parts, count, -1);
}
