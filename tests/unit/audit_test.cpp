// SPDX-License-Identifier: MIT
#include "base/audit.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <regex.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
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
    settings_.journal_path = directory_.path("journal");
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
  event.peer = "uid 33 pid 7";
  json line = json::parse(audit_line(event));
  EXPECT_TRUE(matches(line["time"], "2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z"));
  line.erase("time");
  EXPECT_EQ(line,
            json({{"event", "accept"},       {"result", "success"}, {"reason", "none"},
                  {"where", "AUTHENTICATE"}, {"user", "u"},         {"domain", "d"},
                  {"workstation", "w"},      {"principal", "d\\u"}, {"service", "HTTP@www"},
                  {"target", "HTTP/www"},    {"detail", "free"},    {"version", "NTLMv2"},
                  {"flags", "0xe2898215"},   {"mic", "verified"},   {"bindings", "match"},
                  {"key_bits", 128},         {"store", "lmdb"},     {"duration_us", 42},
                  {"pid", ::getpid()},       {"unreported", 7},     {"peer", "uid 33 pid 7"}}));
}

TEST(AuditLine, LeavesOutWhatIsEmpty) {
  json line = json::parse(audit_line(AuditEvent()));
  EXPECT_TRUE(line.erase("time"));
  EXPECT_EQ(line, json({{"event", "accept"}, {"result", "failure"}, {"pid", ::getpid()}}));
}

TEST(AuditLine, TimeIsUtcNow) {
  // Not time(): that is the coarse clock, a tick behind the record's, so in the second before it at
  // each turn.
  using std::chrono::system_clock;
  const auto now = [] { return system_clock::to_time_t(system_clock::now()); };
  const std::time_t before = now();
  const std::string text = json::parse(audit_line(AuditEvent()))["time"];
  const std::time_t after = now();
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
    event.service = event.target = event.detail = event.peer = text;
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
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(30));
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
  settings_.json.path = directory_.path("audit.jsonl");
  const mode_t before = ::umask(0);
  audit(settings_, success());
  ::umask(before);
  audit(settings_, AuditEvent());
  struct stat status {};
  ASSERT_EQ(::stat(settings_.json.path.c_str(), &status), 0);
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
  ASSERT_EQ(::mkdir(directory_.path("theirs").c_str(), 0700), 0);
  ASSERT_EQ(::chmod(directory_.path("theirs").c_str(), 0777), 0);
  ASSERT_EQ(::symlink(".", directory_.path("way").c_str()), 0);
  const auto refused = {"link", "second", "fifo", "open", "none/below", "theirs/new", "way/new"};
  for (const char* name : refused) {
    settings_.json.path = directory_.path(name);
    audit(settings_, success());
  }
  EXPECT_EQ(directory_.read("victim"), "");
  EXPECT_EQ(directory_.read("open"), "");
  EXPECT_FALSE(std::filesystem::exists(directory_.path("new")));
  EXPECT_FALSE(std::filesystem::exists(directory_.path("theirs/new")));
  settings_.syslog = true;
  settings_.json.path.clear();
  audit(settings_, success());
  EXPECT_EQ(received()["unreported"], refused.size());
}

TEST_F(AuditTest, FileOfAnotherUserIsNotWritten) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "only root can make one";
  }
  settings_.syslog = false;
  settings_.json.path = directory_.write("audit.jsonl", "", 0600);
  ASSERT_EQ(::chown(settings_.json.path.c_str(), 65534, 65534), 0);
  audit(settings_, success());
  EXPECT_EQ(directory_.read("audit.jsonl"), "");
  settings_.syslog = true;
  settings_.json.path.clear();
  audit(settings_, success());
  EXPECT_EQ(received()["unreported"], 1);
}

// The file of the record before is known by its inode: that it may still be written, and whatever
// has taken its place, is looked at.
TEST_F(AuditTest, FileThatIsNoLongerOursIsNotWritten) {
  const auto lines = [this](std::string_view name) {
    const std::string text = directory_.read(name);
    return std::count(text.begin(), text.end(), '\n');
  };
  const std::string folder = directory_.path("logs");
  const std::string file = folder + "/audit.jsonl";
  const std::string old = folder + "/old";
  ASSERT_EQ(::mkdir(folder.c_str(), 0700), 0);
  settings_.json.path = file;
  audit(settings_, success());
  audit(settings_, success());
  EXPECT_EQ(lines("logs/audit.jsonl"), 2);

  ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
  audit(settings_, success());
  ASSERT_EQ(::chmod(file.c_str(), 0640), 0);
  ASSERT_EQ(::link(file.c_str(), old.c_str()), 0);
  audit(settings_, success());
  ASSERT_EQ(::unlink(file.c_str()), 0);
  ASSERT_EQ(::symlink("old", file.c_str()), 0);
  audit(settings_, success());
  EXPECT_EQ(lines("logs/old"), 2);

  ASSERT_EQ(::unlink(file.c_str()), 0);
  ASSERT_EQ(::chmod(folder.c_str(), 0777), 0);
  audit(settings_, success());
  EXPECT_FALSE(std::filesystem::exists(file));
  ASSERT_EQ(::chmod(folder.c_str(), 0700), 0);
  audit(settings_, success());
  EXPECT_EQ(lines("logs/audit.jsonl"), 1);

  ASSERT_EQ(::rename(folder.c_str(), directory_.path("away").c_str()), 0);
  ASSERT_EQ(::mkdir(folder.c_str(), 0700), 0);
  audit(settings_, success());
  EXPECT_EQ(lines("logs/audit.jsonl"), 1);
  EXPECT_EQ(lines("away/audit.jsonl"), 1);
}

// The log has the record, the reason once, and with the next record what the file lacks.
TEST_F(AuditTest, FullDiskIsSaidAndTheLogGoesOn) {
  settings_.json.path = directory_.write("audit.jsonl", "");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const auto room_for = [&](rlim_t bytes) {
    const rlimit limit{bytes, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  };
  room_for(50);  // a record does not fit: its beginning is written
  audit(settings_, success());
  EXPECT_EQ(directory_.read("audit.jsonl").size(), 50u);
  audit(settings_, success());  // not one byte
  room_for(before.rlim_cur);
  audit(settings_, success());
  std::signal(SIGXFSZ, ignored);

  EXPECT_FALSE(received().contains("unreported"));
  const json reason = received();
  EXPECT_EQ(reason["event"], "audit-file-refused");
  EXPECT_EQ(reason["detail"], settings_.json.path + ": no room for a whole record");
  EXPECT_EQ(received()["unreported"], 1);
  EXPECT_EQ(received()["unreported"], 1);
  EXPECT_EQ(log_.drain(), 0);
  // The torn record spoils no other.
  std::istringstream lines(directory_.read("audit.jsonl"));
  std::string torn;
  std::string whole;
  ASSERT_TRUE(std::getline(lines, torn) && std::getline(lines, whole));
  EXPECT_FALSE(json::accept(torn));
  EXPECT_EQ(json::parse(whole)["unreported"], 1);
}

// Each record would wait for the one that seems to be in progress.
TEST_F(AuditTest, FullDiskHoldsUpOneRecordAtMost) {
  settings_.syslog = false;
  settings_.json.path = directory_.write("audit.jsonl", "{\"torn\":");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{8, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto started = std::chrono::steady_clock::now();
  for (int i = 0; i < 200; ++i) {
    audit(settings_, success());
  }
  const auto took = std::chrono::steady_clock::now() - started;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, ignored);
  EXPECT_EQ(directory_.read("audit.jsonl"), "{\"torn\":");
  EXPECT_LT(took, std::chrono::seconds(2)) << "200 waits of 20 ms are four seconds";
}

TEST_F(AuditTest, FileIsRotatedAndTheOldestGoes) {
  settings_.syslog = false;
  settings_.json = {directory_.path("audit.jsonl"), 1, 3};
  for (const char* user : {"a", "b", "c", "d"}) {
    AuditEvent event = success();
    event.user = user;
    audit(settings_, event);
  }
  EXPECT_FALSE(std::filesystem::exists(settings_.json.path));
  EXPECT_EQ(json::parse(directory_.read("audit.jsonl.1"))["user"], "d");
  EXPECT_EQ(json::parse(directory_.read("audit.jsonl.2"))["user"], "c");
  EXPECT_EQ(json::parse(directory_.read("audit.jsonl.3"))["user"], "b");
  EXPECT_FALSE(std::filesystem::exists(directory_.path("audit.jsonl.4")));
}

TEST_F(AuditTest, RotationWaitsForNobody) {
  settings_.syslog = false;
  settings_.json = {directory_.write("audit.jsonl", ""), 1, 3};
  const FileDescriptor rival(::open(settings_.json.path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(rival.get(), LOCK_EX), 0);
  audit(settings_, success());
  audit(settings_, success());
  EXPECT_FALSE(std::filesystem::exists(directory_.path("audit.jsonl.1")));
  ASSERT_EQ(::flock(rival.get(), LOCK_UN), 0);
  audit(settings_, success());
  const std::string text = directory_.read("audit.jsonl.1");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST_F(AuditTest, RotationThatCannotBeLosesNothing) {
  settings_.syslog = false;
  settings_.json = {directory_.path("audit.jsonl"), 1, 1};
  ASSERT_EQ(::mkdir(directory_.path("audit.jsonl.1").c_str(), 0700), 0);
  audit(settings_, success());
  audit(settings_, success());
  const std::string text = directory_.read("audit.jsonl");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST_F(AuditTest, ProcessesLoseNoRecordAcrossRotations) {
  settings_.syslog = false;
  settings_.json = {directory_.path("audit.jsonl"), 100'000, 100};
  constexpr int kProcesses = 8;
  constexpr int kEach = 2500;
  std::vector<pid_t> children;
  for (int process = 0; process < kProcesses; ++process) {
    children.push_back(::fork());
    ASSERT_GE(children.back(), 0);
    if (children.back() == 0) {
      AuditEvent event = success();
      for (int i = 0; i < kEach; ++i) {
        event.duration_us = static_cast<std::uint64_t>(process * kEach + i + 1);
        audit(settings_, event);
      }
      ::_exit(0);
    }
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  std::vector<int> seen(kProcesses * kEach + 1);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("audit.jsonl")) {
      continue;
    }
    ++files;
    std::istringstream lines(directory_.read(name));
    for (std::string line; std::getline(lines, line);) {
      if (line.empty()) {  // stands for a record that seemed torn while it was being written
        continue;
      }
      const json record = json::parse(line);
      EXPECT_FALSE(record.contains("unreported"));
      ++seen.at(record["duration_us"]);
    }
  }
  EXPECT_GT(files, 10u);
  EXPECT_EQ(std::count(seen.begin() + 1, seen.end(), 1), kProcesses * kEach);
}

// --- the journal

// What journald makes of a datagram.
std::map<std::string, std::string> fields_of(std::string_view entry) {
  std::map<std::string, std::string> fields;
  while (!entry.empty()) {
    const std::size_t end = entry.find('\n');
    const std::string_view first = entry.substr(0, end);
    const std::size_t equals = first.find('=');
    std::size_t taken = end + 1;
    if (equals != first.npos) {
      fields[std::string(first.substr(0, equals))] = first.substr(equals + 1);
    } else {
      std::uint64_t size = 0;
      entry.copy(reinterpret_cast<char*>(&size), 8, taken);
      fields[std::string(first)] = entry.substr(taken + 8, size);
      taken += 8 + size;
      EXPECT_EQ(entry.at(taken++), '\n');
    }
    entry.remove_prefix(taken);
  }
  return fields;
}

TEST(JournalEntry, HoldsTheLineAndEachFieldOfIt) {
  AuditEvent event = success();
  event.reason = "ok";
  event.workstation = "W\xc3\xbc";
  event.flags = 0xe2898215;
  event.key_bits = 128;
  EXPECT_EQ(fields_of(journal_entry(event, "{the line}")),
            (std::map<std::string, std::string>{{"MESSAGE", "{the line}"},
                                                {"PRIORITY", "6"},
                                                {"SYSLOG_FACILITY", "10"},
                                                {"SYSLOG_IDENTIFIER", "gss_ntlm"},
                                                {"SYSLOG_PID", std::to_string(::getpid())},
                                                {"MESSAGE_ID", "de5b98840d71497b8512b3adaca2a0eb"},
                                                {"NTLM_EVENT", "accept"},
                                                {"NTLM_RESULT", "success"},
                                                {"NTLM_REASON", "ok"},
                                                {"NTLM_USER", "user"},
                                                {"NTLM_DOMAIN", "DOMAIN"},
                                                {"NTLM_WORKSTATION", "W\xc3\xbc"},
                                                {"NTLM_FLAGS", "0xe2898215"},
                                                {"NTLM_KEY_BITS", "128"},
                                                {"NTLM_PID", std::to_string(::getpid())}}));
  event.success = false;
  const auto failure = fields_of(journal_entry(event, ""));
  EXPECT_EQ(failure.at("PRIORITY"), "4");
  EXPECT_EQ(failure.at("MESSAGE_ID"), "e44da30049344eb890ef9dd16281261a");
}

TEST(JournalEntry, HostileTextStaysInsideItsField) {
  AuditEvent event = success();
  event.user = "x\nNTLM_RESULT=success\n_UID=0\n";
  event.domain = std::string_view("a\0b", 3);
  std::string longer;
  for (int i = 0; i < 1000; ++i) {
    longer += "\xc3\xbc";
  }
  event.workstation = longer;
  event.success = false;
  const auto fields = fields_of(journal_entry(event, "{}"));
  EXPECT_EQ(fields.at("NTLM_USER"), event.user);
  EXPECT_EQ(fields.at("NTLM_DOMAIN"), event.domain);
  EXPECT_EQ(fields.at("NTLM_WORKSTATION"), longer.substr(0, 128));
  EXPECT_EQ(fields.at("NTLM_RESULT"), "failure");
  EXPECT_FALSE(fields.contains("_UID"));
  longer.assign(100'000, '\x80');  // no character begins anywhere
  event.workstation = longer;
  EXPECT_LT(journal_entry(event, "{}").size(), 4096u);
}

TEST(JournalEntry, EveryKindIsInTheManual) {
  std::ifstream in(NTLM_CONF_DIR "/man/ntlm.conf.5");
  const std::string page{std::istreambuf_iterator<char>(in), {}};
  std::set<std::string> ids;
  for (const bool successful : {true, false}) {
    for (const char* kind : {"accept", "initiate", "policy-loosened", "configuration-refused",
                             "lockout-not-shared", "audit-file-refused"}) {
      AuditEvent event;
      event.event = kind;
      event.success = successful;
      const std::string id = fields_of(journal_entry(event, "")).at("MESSAGE_ID");
      EXPECT_NE(
          page.find(std::string(kind) +
                    (event.event == std::string("accept") ? (successful ? ", success" : ", failure")
                                                          : "") +
                    " Ta " + id),
          page.npos)
          << kind;
      ids.insert(id);
    }
  }
  EXPECT_EQ(ids.size(), 7u);
}

TEST_F(AuditTest, JournalGetsTheRecordInsteadOfSyslog) {
  LogSocket journal(settings_.journal_path);
  audit(settings_, success());
  const auto fields = fields_of(journal.receive().value_or(""));
  EXPECT_EQ(json::parse(fields.at("MESSAGE"))["user"], "user");
  EXPECT_EQ(fields.at("NTLM_USER"), "user");
  EXPECT_EQ(log_.drain(), 0);
  settings_.log_form = AuditSettings::LogForm::kSyslog;
  audit(settings_, success());
  EXPECT_EQ(received()["user"], "user");
  EXPECT_EQ(journal.drain(), 0);
  settings_.syslog = false;
  settings_.log_form = AuditSettings::LogForm::kJournal;
  audit(settings_, success());
  EXPECT_EQ(journal.drain(), 0);
}

TEST_F(AuditTest, JournalAloneThatIsNotThereIsCounted) {
  settings_.log_form = AuditSettings::LogForm::kJournal;
  audit(settings_, success());
  EXPECT_EQ(log_.drain(), 0);
  settings_.log_form = AuditSettings::LogForm::kAuto;
  audit(settings_, success());
  EXPECT_EQ(received()["unreported"], 1);
}

TEST_F(AuditTest, FullJournalNeitherBlocksNorIsForgotten) {
  LogSocket journal(settings_.journal_path);
  settings_.log_form = AuditSettings::LogForm::kJournal;
  constexpr int kRecords = 2000;
  for (int i = 0; i < kRecords; ++i) {
    audit(settings_, success());
  }
  const int taken = journal.drain();
  EXPECT_LT(taken, kRecords);
  audit(settings_, success());
  EXPECT_EQ(fields_of(journal.receive().value_or("")).at("NTLM_UNREPORTED"),
            std::to_string(kRecords - taken));
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
  settings_.json.path = directory_.path("audit.jsonl");
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
  settings_.json.path = directory_.path("audit.jsonl");
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
    if (line.empty()) {
      continue;  // where the record before looked torn, since it was being written
    }
    const json record = json::parse(line);
    counted += 1 + record.value("unreported", 0u);
    successes += record["result"] == "success";
  }
  EXPECT_EQ(successes, kThreads * kEach + 1u);
  EXPECT_EQ(counted, 2 * kThreads * kEach + 1u);
}

TEST(AuditSettingsTest, ComeFromTheConfiguration) {
  const AuditSettings defaults = AuditSettings::from(Config());
  EXPECT_TRUE(defaults.syslog);
  EXPECT_EQ(defaults.log_form, AuditSettings::LogForm::kAuto);
  EXPECT_EQ(defaults.json.path, "");
  EXPECT_EQ(defaults.json.max_size, 64u << 20);
  EXPECT_EQ(defaults.json.keep, 8u);
  EXPECT_EQ(defaults.syslog_path, "/dev/log");
  EXPECT_EQ(defaults.journal_path, "/run/systemd/journal/socket");
  test::TemporaryDirectory directory;
  const auto config = Config::load(directory.write(
      "c",
      "[audit]\nsyslog = no\nlog_form = journal\njson = /var/log/a.jsonl\njson_max_size = 0\n"
      "json_keep = 3\nfailures_per_second = 7\n"));
  ASSERT_TRUE(config) << config.error();
  const AuditSettings settings = AuditSettings::from(*config);
  EXPECT_FALSE(settings.syslog);
  EXPECT_EQ(settings.log_form, AuditSettings::LogForm::kJournal);
  EXPECT_EQ(settings.json.path, "/var/log/a.jsonl");
  EXPECT_EQ(settings.json.max_size, 0u);
  EXPECT_EQ(settings.json.keep, 3u);
  EXPECT_EQ(settings.failures_per_second, 7u);
}

}  // namespace
}  // namespace ntlm
