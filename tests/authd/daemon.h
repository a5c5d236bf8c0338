// SPDX-License-Identifier: MIT
// An ntlm-authd of the test's own, in a private directory, and the configuration of a worker that
// asks it.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/trusted_file.h"
#include "support/temporary_directory.h"

namespace ntlm::test {

using namespace std::chrono_literals;

inline constexpr const char* kNames =
    "[ntlm]\n netbios_computer = HOST\n netbios_domain = TEST\n dns_computer = host.test.example\n"
    " dns_domain = test.example\n";

// A worker's, in seconds.
inline constexpr int kDeadline = 10;

class Daemon {
 public:
  static constexpr const char* kAccounts = "TEST:alice:Secret1\nTEST:bob:Secret2\n";

  // `more` is appended to the daemon's configuration, whose last section is [audit]; a `store`
  // that ends with "text:" goes on with the file of `accounts`.
  explicit Daemon(std::string more = "", std::string_view accounts = kAccounts,
                  std::string store = "text:")
      : more_(std::move(more)) {
    const std::string users = directory_.write("users", accounts);
    store_ = store.ends_with("text:") ? store + users : store;
    start();
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() { stop(SIGKILL); }

  // Waits until it listens; no_socket: it gets one as systemd hands it over.
  void start(bool activated = false) {
    directory_.write("authd.conf",
                     std::string(kNames) + " store = " + store_ +
                         "\n[audit]\n syslog = no\n failures_per_second = 0\n json = " +
                         path("audit") + "\n" + more_);
    const FileDescriptor handed = activated ? listening() : FileDescriptor();
    front_ = ::fork();
    ASSERT_GE(front_, 0);
    if (front_ == 0) {
      run(handed.get());
    }
    const auto end = std::chrono::steady_clock::now() + 20s;
    // One answer: both processes are there.
    while (!answers() && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(5ms);
    }
    ASSERT_TRUE(answers()) << "the daemon does not start";
  }
  // Both processes are gone afterwards.
  int stop(int signal) {
    if (front_ <= 0) {
      return 0;
    }
    const pid_t store_process = store();
    ::kill(front_, SIGCONT);
    ::kill(front_, signal);
    int status = 0;
    ::waitpid(std::exchange(front_, 0), &status, 0);
    while (runs(store_process)) {
      std::this_thread::sleep_for(1ms);
    }
    return status;
  }
  void restart() {
    stop(SIGKILL);
    start();
  }
  // Both processes.
  bool alive() const { return runs(front_) && runs(store()); }

  // A process that has ended, and whom nobody has waited for yet, does not.
  static bool runs(pid_t process) {
    const char state = state_of("/proc/" + std::to_string(process));
    return process > 0 && state != 'Z' && state != 'X';
  }
  // Until each of its threads has stopped, which a signal does not wait for.
  static void freeze(pid_t process) {
    ASSERT_EQ(::kill(process, SIGSTOP), 0);
    const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(process) + "/task");
    for (const auto& task : tasks) {
      while (state_of(task.path().string()) != 'T') {
        std::this_thread::sleep_for(1ms);
      }
    }
  }

  pid_t front() const { return front_; }
  pid_t store() const {
    const std::string process = "/proc/" + std::to_string(front_) + "/task/";
    std::ifstream children(process + std::to_string(front_) + "/children");
    pid_t child = 0;
    children >> child;
    return child;
  }

  std::string path(std::string_view name) const { return directory_.path(name); }
  std::string socket() const { return path("auth.sock"); }
  const TemporaryDirectory& directory() const { return directory_; }

  // Records of the daemon's audit that have all of these.
  std::size_t records(std::initializer_list<std::string_view> texts) const {
    return count(directory_.read("audit"), texts);
  }
  static std::size_t count(const std::string& audit,
                           std::initializer_list<std::string_view> texts) {
    std::istringstream lines(audit);
    std::size_t found = 0;
    for (std::string line; std::getline(lines, line);) {
      bool all = line.find("\"event\":\"accept\"") != line.npos;
      for (const std::string_view text : texts) {
        all = all && line.find(text) != line.npos;
      }
      found += all ? 1 : 0;
    }
    return found;
  }

  // Whoever may not open the directory or the socket: nobody else asks here.
  void open_to_all() const {
    ::chmod(directory_.path().c_str(), 0711);
    ::chmod(socket().c_str(), 0666);
  }

  // A connection of this process; -1 when there is none to be had.
  FileDescriptor connect() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket().copy(address.sun_path, sizeof address.sun_path - 1);
    FileDescriptor made(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const timeval limit{30, 0};
    ::setsockopt(made.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return FileDescriptor();
    }
    return made;
  }

 private:
  static char state_of(const std::string& process) {
    std::ifstream status(process + "/stat");
    std::string number, name;
    char state = 'Z';
    status >> number >> name >> state;
    return state;
  }

  bool answers() const {
    // READY was said: the store answered the names' question. A broken frame ends a connection.
    const FileDescriptor made = connect();
    char byte = 0;
    return made.get() >= 0 && ::send(made.get(), "?", 1, MSG_NOSIGNAL) == 1 &&
           ::recv(made.get(), &byte, 1, 0) == 0;
  }

  FileDescriptor listening() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket().copy(address.sun_path, sizeof address.sun_path - 1);
    ::unlink(socket().c_str());
    FileDescriptor made(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(made.get(), 64), 0);
    return made;
  }

  // The child. handed: what systemd would put at descriptor 3.
  [[noreturn]] void run(int handed) const {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const char* name : {"GSS_NTLM_CONF", "NTLM_USER_FILE"}) {
      ::unsetenv(name);
    }
    const std::string config = path("authd.conf");
    const std::string listen_at = socket();
    if (handed >= 0) {
      if (handed == 3) {
        ::fcntl(3, F_SETFD, 0);
      } else {
        ::dup2(handed, 3);
      }
      ::setenv("LISTEN_FDS", "1", 1);
      ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
      ::execl(NTLM_AUTHD, "ntlm-authd", "--config", config.c_str(), nullptr);
    } else {
      ::execl(NTLM_AUTHD, "ntlm-authd", "--config", config.c_str(), "--socket", listen_at.c_str(),
              nullptr);
    }
    ::_exit(127);
  }

  TemporaryDirectory directory_;
  std::string store_;
  std::string more_;
  pid_t front_ = 0;
};

// This process as a worker of `daemon`, while it lives.
class Worker {
 public:
  // deadline: in seconds; short only where it is what a test is about.
  explicit Worker(const Daemon& daemon, int deadline = kDeadline, uid_t server = ::geteuid()) {
    const std::string config =
        std::string(kNames) + " store = authd:" + daemon.socket() +
        "\n authd_uid = " + std::to_string(server) +
        "\n store_deadline = " + std::to_string(deadline) +
        "\n[audit]\n syslog = no\n failures_per_second = 0\n json = " + directory_.path("audit") +
        "\n";
    ::unsetenv("NTLM_USER_FILE");
    ::setenv("GSS_NTLM_CONF", directory_.write("ntlm.conf", config).c_str(), 1);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() { ::unsetenv("GSS_NTLM_CONF"); }

  const TemporaryDirectory& directory() const { return directory_; }
  // The initiator writes records too, which are not counted.
  std::size_t records(std::initializer_list<std::string_view> texts = {}) const {
    return Daemon::count(directory_.read("audit"), texts);
  }

 private:
  TemporaryDirectory directory_;
};

}  // namespace ntlm::test
