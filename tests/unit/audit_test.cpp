// SPDX-License-Identifier: MIT
#include "base/audit.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <regex.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/config.h"
#include "base/trusted_file.h"
#include "support/temporary_directory.h"

namespace ntlm {
namespace {

using nlohmann::json;

// What syslogd is to us.
class LogSocket {
 public:
  explicit LogSocket(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    bound_ = ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  bool bound() const { return bound_; }
  std::optional<std::string> receive() {
    std::string buffer(8192, '\0');
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0) {
      return std::nullopt;
    }
    buffer.resize(static_cast<std::size_t>(size));
    return buffer;
  }
  int drain() {
    int count = 0;
    while (receive()) {
      ++count;
    }
    return count;
  }

 private:
  FileDescriptor fd_;
  bool bound_ = false;
};

class AuditTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(log_.bound());
    settings_.syslog_path = directory_.path("log");
    // The count of what is unreported is the whole process's: begin with none.
    AuditEvent event;
    event.success = true;
    audit(settings_, event);
    ASSERT_EQ(log_.drain(), 1);
  }
  // So is the rate limit, which counts failures by the second.
  static void new_second() { std::this_thread::sleep_for(std::chrono::milliseconds(1050)); }
  json received() {
    const auto message = log_.receive();
    EXPECT_TRUE(message);
    const std::size_t start = message.value_or("").find('{');
    return message ? json::parse(message->substr(start)) : json();
  }

  test::TemporaryDirectory directory_;
  LogSocket log_{directory_.path("log")};
  AuditSettings settings_;
};

// POSIX extended; the whole text must match.
bool matches(const std::string& text, const std::string& pattern) {
  regex_t compiled;
  EXPECT_EQ(::regcomp(&compiled, ("^" + pattern + "$").c_str(), REG_EXTENDED | REG_NOSUB), 0);
  const bool found = ::regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
  ::regfree(&compiled);
  return found;
}

AuditEvent success() {
  AuditEvent event;
  event.success = true;
  event.user = "user";
  event.domain = "DOMAIN";
  return event;
}

TEST(AuditLine, HoldsEveryField) {
  AuditEvent event;
  event.success = true;
  event.reason = "none";
  event.where = "AUTHENTICATE";
  event.user = "u";
  event.domain = "d";
  event.workstation = "w";
  event.principal = "d\\u";
  event.service = "HTTP@www";
  event.target = "HTTP/www";
  event.detail = "free";
  event.version = "NTLMv2";
  event.flags = 0xe2898215;
  event.mic = "verified";
  event.bindings = "match";
  event.key_bits = 128;
  event.store = "lmdb";
  event.duration_us = 42;
  event.unreported = 7;
  json line = json::parse(audit_line(event));
  EXPECT_TRUE(matches(line["time"], "2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z"));
  line.erase("time");
  EXPECT_EQ(line, json({{"event", "accept"},       {"result", "success"}, {"reason", "none"},
                        {"where", "AUTHENTICATE"}, {"user", "u"},         {"domain", "d"},
                        {"workstation", "w"},      {"principal", "d\\u"}, {"service", "HTTP@www"},
                        {"target", "HTTP/www"},    {"detail", "free"},    {"version", "NTLMv2"},
                        {"flags", "0xe2898215"},   {"mic", "verified"},   {"bindings", "match"},
                        {"key_bits", 128},         {"store", "lmdb"},     {"duration_us", 42},
                        {"pid", ::getpid()},       {"unreported", 7}}));
}

TEST(AuditLine, LeavesOutWhatIsEmpty) {
  json line = json::parse(audit_line(AuditEvent()));
  EXPECT_TRUE(line.erase("time"));
  EXPECT_EQ(line, json({{"event", "accept"}, {"result", "failure"}, {"pid", ::getpid()}}));
}

TEST(AuditLine, TimeIsUtcNow) {
  const std::time_t before = std::time(nullptr);
  const std::string text = json::parse(audit_line(AuditEvent()))["time"];
  const std::time_t after = std::time(nullptr);
  std::tm parts{};
  ASSERT_NE(strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts), nullptr);
  EXPECT_GE(timegm(&parts), before);
  EXPECT_LE(timegm(&parts), after);
}

TEST(AuditLine, HostileTextStaysInsideItsString) {
  const std::string hostile = "x\",\"result\":\"success\"}\n{\"\\\r\x1b[2J" + std::string(1, '\0');
  AuditEvent event;
  event.user = hostile;
  event.detail = hostile;
  const std::string line = audit_line(event);
  EXPECT_TRUE(std::all_of(line.begin(), line.end(), [](char c) { return c >= 0x20 && c < 0x7f; }));
  const json parsed = json::parse(line);
  EXPECT_EQ(parsed["result"], "failure");
  EXPECT_EQ(parsed["user"], hostile);
}

TEST(AuditLine, PeerTextIsCutAt64Characters) {
  AuditEvent event;
  const std::string longer(65535, 'a');
  event.user = longer;
  EXPECT_EQ(json::parse(audit_line(event))["user"], std::string(64, 'a'));
}

TEST(AuditLine, IsBoundedAndValidWhateverThePeerSends) {
  const std::string worst[] = {std::string(4000, '\x01'), std::string(4000, '\xff'),
                               std::string(4000, '"'), std::string(4000, '\\')};
  std::string astral;
  for (int i = 0; i < 1000; ++i) {
    astral += "\xf0\x9f\x94\x91";
  }
  for (const std::string& text : {worst[0], worst[1], worst[2], worst[3], astral}) {
    AuditEvent event;
    event.user = event.domain = event.workstation = event.principal = text;
    event.service = event.target = event.detail = text;
    event.reason = event.where = "a-long-word-of-our-own-table";
    event.version = "NTLM2-session";
    event.flags = 0xffffffff;
    event.duration_us = event.unreported = ~std::uint64_t{0};
    const std::string line = audit_line(event);
    EXPECT_LE(line.size(), 4096u);
    EXPECT_TRUE(json::accept(line)) << line;
    EXPECT_FALSE(json::parse(line)["user"].get<std::string>().empty());
  }
}

TEST_F(AuditTest, SyslogGetsTheClassicForm) {
  audit(settings_, success());
  const std::string message = log_.receive().value_or("");
  const std::string pid = std::to_string(::getpid());
  // 86: authpriv (10), info (6).
  EXPECT_TRUE(matches(message,
                      "<86>(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 123][0-9] "
                      "[0-9]{2}:[0-9]{2}:[0-9]{2} gss_ntlm\\[" +
                          pid + "]: \\{.*}"))
      << message;
  EXPECT_EQ(log_.drain(), 0);
}

TEST_F(AuditTest, FailureIsAWarning) {
  new_second();
  audit(settings_, AuditEvent());
  EXPECT_EQ(log_.receive().value_or("").substr(0, 4), "<84>");
}

TEST_F(AuditTest, TenFailuresASecondAndTheRestIsCounted) {
  new_second();
  for (int i = 0; i < 25; ++i) {
    audit(settings_, AuditEvent());
  }
  const int first = log_.drain();
  EXPECT_GE(first, 10);
  EXPECT_LE(first, 20);  // a second may have begun in between
  // Successes are never held back, and bring the count.
  audit(settings_, success());
  const json line = received();
  EXPECT_EQ(line["result"], "success");
  EXPECT_EQ(line["unreported"], 25 - first);
  audit(settings_, success());
  EXPECT_FALSE(received().contains("unreported"));
  new_second();
  audit(settings_, AuditEvent());
  EXPECT_EQ(received()["result"], "failure");
}

TEST_F(AuditTest, ZeroPerSecondHoldsNothingBack) {
  settings_.failures_per_second = 0;
  for (int i = 0; i < 25; ++i) {
    audit(settings_, AuditEvent());
    ASSERT_FALSE(received().contains("unreported"));
  }
}

TEST_F(AuditTest, FullLogSocketNeitherBlocksNorIsForgotten) {
  const auto start = std::chrono::steady_clock::now();
  constexpr int kRecords = 5000;
  for (int i = 0; i < kRecords; ++i) {
    audit(settings_, success());
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  int lost = kRecords;
  for (auto message = log_.receive(); message; message = log_.receive()) {
    const json line = json::parse(message->substr(message->find('{')));
    lost -= 1 + line.value("unreported", 0);
  }
  ASSERT_GT(lost, 0);
  audit(settings_, success());
  EXPECT_EQ(received()["unreported"], lost);
}

TEST_F(AuditTest, NobodyListensAndNothingBreaks) {
  settings_.syslog_path = directory_.path("nobody");
  audit(settings_, success());
  settings_.syslog_path = std::string(200, 'x');
  audit(settings_, success());
  settings_.syslog_path = directory_.path("log");
  audit(settings_, success());
  EXPECT_EQ(received()["unreported"], 2);
}

TEST_F(AuditTest, SwitchedOffWritesNothing) {
  settings_.syslog = false;
  audit(settings_, success());
  EXPECT_EQ(log_.drain(), 0);
}

TEST_F(AuditTest, FileGetsOneLineARecord) {
  new_second();
  settings_.json_path = directory_.path("audit.jsonl");
  const mode_t before = ::umask(0);
  audit(settings_, success());
  ::umask(before);
  audit(settings_, AuditEvent());
  struct stat status {};
  ASSERT_EQ(::stat(settings_.json_path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777u, 0640u);
  const std::string text = directory_.read("audit.jsonl");
  ASSERT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  const std::size_t end = text.find('\n');
  EXPECT_EQ(json::parse(text.substr(0, end))["result"], "success");
  EXPECT_EQ(json::parse(text.substr(end + 1))["result"], "failure");
}

TEST_F(AuditTest, FileThatIsNotOursIsNotWritten) {
  settings_.syslog = false;
  directory_.write("victim", "", 0600);
  ASSERT_EQ(::symlink("victim", directory_.path("link").c_str()), 0);
  ASSERT_EQ(::link(directory_.path("victim").c_str(), directory_.path("second").c_str()), 0);
  ASSERT_EQ(::mkfifo(directory_.path("fifo").c_str(), 0600), 0);
  directory_.write("open", "", 0666);
  for (const char* name : {"link", "second", "fifo", "open", "none/below"}) {
    settings_.json_path = directory_.path(name);
    audit(settings_, success());
  }
  EXPECT_EQ(directory_.read("victim"), "");
  EXPECT_EQ(directory_.read("open"), "");
  settings_.syslog = true;
  settings_.json_path.clear();
  audit(settings_, success());
  EXPECT_EQ(received()["unreported"], 5);
}

TEST_F(AuditTest, ChildAfterForkWritesUnderItsOwnPid) {
  audit(settings_, success());
  EXPECT_EQ(received()["pid"], ::getpid());
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    audit(settings_, success());
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(received()["pid"], child);
}

std::vector<int> open_descriptors() {
  std::vector<int> out;
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) {
      out.push_back(fd);
    }
  }
  return out;
}

TEST_F(AuditTest, KeepsOneSocketAndNoMore) {
  settings_.json_path = directory_.path("audit.jsonl");
  const auto before = open_descriptors();  // SetUp has written a record
  for (int i = 0; i < 20; ++i) {
    audit(settings_, success());
    audit(settings_, AuditEvent());
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(AuditTest, DescriptorThatBecameSomebodyElsesIsNotWritten) {
  // Which one is kept: the process's only datagram socket that is not the log server's.
  int kept = -1;
  for (const int fd : open_descriptors()) {
    int type = 0;
    socklen_t size = sizeof type;
    sockaddr_un name{};
    socklen_t name_size = sizeof name;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM &&
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &name_size) == 0 &&
        name_size == sizeof(sa_family_t)) {
      EXPECT_EQ(kept, -1);
      kept = fd;
    }
  }
  ASSERT_GE(kept, 0);
  EXPECT_EQ(::fcntl(kept, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
  const FileDescriptor theirs(pair[0]);
  const FileDescriptor peer(pair[1]);
  ASSERT_EQ(::dup2(theirs.get(), kept), kept);
  const FileDescriptor reused(kept);
  audit(settings_, success());
  EXPECT_EQ(received()["result"], "success");
  char byte = 0;
  EXPECT_EQ(::recv(peer.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(AuditTest, ThreadsLoseNoRecord) {
  settings_.syslog = false;
  settings_.json_path = directory_.path("audit.jsonl");
  constexpr int kThreads = 4;
  constexpr int kEach = 200;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this] {
      for (int j = 0; j < kEach; ++j) {
        audit(settings_, success());
        audit(settings_, AuditEvent());
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  audit(settings_, success());
  std::istringstream lines(directory_.read("audit.jsonl"));
  std::size_t counted = 0;
  std::size_t successes = 0;
  for (std::string line; std::getline(lines, line);) {
    const json record = json::parse(line);
    counted += 1 + record.value("unreported", 0u);
    successes += record["result"] == "success";
  }
  EXPECT_EQ(successes, kThreads * kEach + 1u);
  EXPECT_EQ(counted, 2 * kThreads * kEach + 1u);
}

TEST(AuditSettingsTest, ComeFromTheConfiguration) {
  EXPECT_TRUE(AuditSettings::from(Config()).syslog);
  EXPECT_EQ(AuditSettings::from(Config()).json_path, "");
  EXPECT_EQ(AuditSettings::from(Config()).syslog_path, "/dev/log");
  test::TemporaryDirectory directory;
  const auto config = Config::load(directory.write(
      "c", "[audit]\nsyslog = no\njson = /var/log/a.jsonl\nfailures_per_second = 7\n"));
  ASSERT_TRUE(config) << config.error();
  EXPECT_FALSE(AuditSettings::from(*config).syslog);
  EXPECT_EQ(AuditSettings::from(*config).json_path, "/var/log/a.jsonl");
  EXPECT_EQ(AuditSettings::from(*config).failures_per_second, 7u);
}

}  // namespace
}  // namespace ntlm
