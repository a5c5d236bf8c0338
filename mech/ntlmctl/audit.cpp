// SPDX-License-Identifier: MIT
// ntlmctl audit: where records come from, which are wanted, where the report goes.
#include "ntlmctl/audit.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <fnmatch.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <memory>
#include <system_error>

#include "base/trusted_file.h"
#include "ntlmctl/command.h"
#include "protocol/host.h"

namespace ntlm::ntlmctl {
namespace {

using Outcome = tl::expected<void, std::string>;

struct Arguments {
  std::vector<std::string> files;
  std::string config, since, until, user, domain, service, result, reason, version, store, html;
  bool journal = false, json = false;
};

Outcome refuse(const std::string& sentence) { return tl::unexpected<std::string>(sentence); }

std::string reason_of(int error) {
  return std::error_code(error, std::generic_category()).message();
}

// --- which records

class Filter {
 public:
  // The error names the option.
  static tl::expected<Filter, std::string> from(const Arguments& arguments) {
    Filter filter(arguments);
    for (const auto& [option, text, time] :
         {std::tuple{"--since", &arguments.since, &filter.since_},
          std::tuple{"--until", &arguments.until, &filter.until_}}) {
      if (!text->empty() && (*time = point_in_time(*text)) < 0) {
        return tl::unexpected<std::string>(
            fmt::format("{}: '{}' is neither a date (2026-11-24, 2026-11-24T10:30) nor an age "
                        "(90m, 12h, 7d, 4w)",
                        option, *text));
      }
    }
    return filter;
  }

  bool wants(const AuditRecord& record) const {
    return record.time >= since_ && record.time < until_ &&
           (matches(arguments_.user, record.user) || matches(arguments_.user, record.account())) &&
           matches(arguments_.domain, record.domain) &&
           (matches(arguments_.service, record.service) ||
            matches(arguments_.service, record.target) ||
            matches(arguments_.service, record.served_by())) &&
           matches(arguments_.result, record.success ? "success" : "failure") &&
           matches(arguments_.reason, record.reason) &&
           matches(arguments_.version, record.version) && matches(arguments_.store, record.store);
  }

 private:
  explicit Filter(const Arguments& arguments) : arguments_(arguments) {}

  // A pattern of the shell; a backslash is itself, as in DOMAIN\user.
  static bool matches(const std::string& pattern, const std::string& text) {
    return pattern.empty() ||
           ::fnmatch(pattern.c_str(), text.c_str(), FNM_CASEFOLD | FNM_NOESCAPE) == 0;
  }
  static std::int64_t point_in_time(const std::string& text) {
    constexpr std::array<std::pair<char, std::int64_t>, 4> kUnits{
        {{'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}}};
    std::uint32_t age = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, age);
    for (const auto& [unit, seconds] : kUnits) {
      if (error == std::errc() && rest + 1 == end && *rest == unit) {
        return std::max<std::int64_t>(0, std::time(nullptr) - std::int64_t{age} * seconds);
      }
    }
    return parse_utc(text);
  }

  const Arguments& arguments_;
  std::int64_t since_ = 0;
  std::int64_t until_ = INT64_MAX;
};

// --- where they come from

// Says on a terminal how far it has come.
class Progress {
 public:
  ~Progress() {
    if (shown_) {
      fmt::print(stderr, "\r\x1b[K");
    }
  }
  void tick(std::uint64_t lines) {
    if (!terminal_ || (lines & 0x3fff) != 0) {
      return;
    }
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_) {
      next_ = now + std::chrono::milliseconds(250);
      shown_ = true;
      fmt::print(stderr, "\r{} lines", lines);
    }
  }

 private:
  bool terminal_ = ::isatty(STDERR_FILENO) != 0;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_ =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
};

class Reading {
 public:
  explicit Reading(const Filter& filter) : filter_(filter) {}

  Outcome read(int fd) {
    return for_each_line(fd, [this](std::string_view line) {
      progress_.tick(++lines.lines);
      switch (parse_audit_line(line, &record_)) {
        case LineKind::kBad:
          ++lines.bad;
          break;
        case LineKind::kOther:
          ++lines.other;
          break;
        case LineKind::kRecord:
          if (filter_.wants(record_)) {
            summary.add(record_);
          } else {
            ++lines.filtered;
          }
      }
      return true;
    });
  }

  AuditSummary summary;
  LineCounts lines;

 private:
  const Filter& filter_;
  AuditRecord record_;
  Progress progress_;
};

Outcome read_file(Reading& reading, const std::string& name) {
  const bool standard = name == "-";
  const int fd = standard ? ::dup(STDIN_FILENO) : ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  const std::string shown = standard ? "standard input" : name;
  struct stat status {};
  if (fd < 0 || ::fstat(fd, &status) != 0) {
    return refuse(shown + ": " + reason_of(errno));
  }
  if (S_ISDIR(status.st_mode)) {
    ::close(fd);
    return refuse(shown + ": a directory");
  }
  const Outcome read = reading.read(fd);
  return read ? read : refuse(shown + ": " + read.error());
}

// What journalctl has of us, from a pipe.
Outcome read_journal(Reading& reading, const Arguments& arguments) {
  std::vector<std::string> words = {"journalctl",
                                    "--quiet",
                                    "--no-pager",
                                    "--output=json",
                                    "--output-fields=MESSAGE",
                                    "SYSLOG_IDENTIFIER=gss_ntlm"};
  const std::int64_t since = arguments.since.empty() ? -1 : parse_utc(arguments.since);
  if (since >= 0) {
    words.push_back(fmt::format("--since=@{}", since));  // spares reading what is older
  }
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return refuse(reason_of(errno));
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  pid_t child = -1;
  const int error = ::posix_spawnp(&child, "journalctl", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (error != 0) {
    ::close(ends[0]);
    return refuse("journalctl: " + reason_of(error));
  }
  const Outcome read = reading.read(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!read) {
    return refuse("journalctl: " + read.error());
  }
  // Status 1 without a line is its way of saying that nothing matched.
  const bool fine = WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 1);
  return fine ? Outcome() : refuse("journalctl failed");
}

// [audit] json of the configuration and what it was rotated to, the oldest first.
tl::expected<std::vector<std::string>, std::string> configured_files(const Arguments& arguments) {
  const auto config = load_config(arguments.config);
  if (!config) {
    return tl::unexpected<std::string>(config.error());
  }
  const std::string path(config->text("audit", "json"));
  if (path.empty()) {
    return tl::unexpected<std::string>(
        "the configuration names no file ([audit] json); name one, or give --journal");
  }
  std::vector<std::string> files;
  for (std::uint32_t number = config->number("audit", "json_keep"); number > 0; --number) {
    for (const char* ending : {"", ".gz"}) {
      const std::string old = fmt::format("{}.{}{}", path, number, ending);
      if (::access(old.c_str(), F_OK) == 0) {
        files.push_back(old);
      }
    }
  }
  files.push_back(path);
  return files;
}

// --- where the report goes

// All of it under that name, or what was there before.
Outcome write_whole(const std::string& path, const std::string& content) {
  std::string beside = path + ".XXXXXX";
  const FileDescriptor file(::mkostemp(beside.data(), O_CLOEXEC));  // mode 0600
  if (file.get() < 0) {
    return refuse(path + ": " + reason_of(errno));
  }
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t written = ::write(file.get(), content.data() + done, content.size() - done);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      break;
    }
    done += static_cast<std::size_t>(written);
  }
  if (done != content.size() || ::fsync(file.get()) != 0 ||
      ::rename(beside.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(beside.c_str());
    return refuse(path + ": " + reason_of(error));
  }
  return {};
}

int run(Arguments arguments) {
  const auto filter = Filter::from(arguments);
  if (!filter) {
    return complain(kUsage, filter.error());
  }
  if (arguments.files.empty() && !arguments.journal) {
    auto files = configured_files(arguments);
    if (!files) {
      return complain(kUnreadable, files.error());
    }
    arguments.files = std::move(*files);
  }
  auto reading = std::make_unique<Reading>(*filter);
  Outcome outcome;
  for (const std::string& file : arguments.files) {
    outcome = outcome ? read_file(*reading, file) : outcome;
  }
  if (outcome && arguments.journal) {
    outcome = read_journal(*reading, arguments);
  }
  const AuditSummary summary = std::move(reading->summary);
  const LineCounts lines = reading->lines;
  reading.reset();  // the line of progress goes before anything else is said
  if (!outcome) {
    return complain(kUnreadable, outcome.error());
  }
  if (!arguments.html.empty()) {
    const Outcome written =
        write_whole(arguments.html, audit_page(summary, lines, "NTLM on " + protocol::node_name()));
    if (!written) {
      return complain(kUnreadable, written.error());
    }
  }
  if (arguments.json) {
    fmt::print("{}", audit_json(summary, lines));
  } else if (arguments.html.empty()) {
    fmt::print("{}", audit_text(summary, lines));
  }
  return kDone;
}

}  // namespace

void add_audit_command(CLI::App& tool, int* status) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      tool.add_subcommand("audit", "Who still uses NTLM, and how: a summary of audit records");
  command->add_option("FILE", arguments->files,
                      "JSON lines or syslog text, also compressed by gzip; -: standard input; "
                      "default: [audit] json of the configuration and its old files");
  command->add_flag("--journal", arguments->journal, "What systemd's journal has (journalctl)");
  command->add_option("--config", arguments->config, "Another ntlm.conf");
  command->add_option("--since", arguments->since,
                      "From this time on: 2026-11-24[T10:30], UTC, or 7d");
  command->add_option("--until", arguments->until, "Before this time");
  command->add_option("--user", arguments->user, "User or account; * and ? match, as below");
  command->add_option("--domain", arguments->domain, "Domain as the peer named it");
  command->add_option("--service", arguments->service,
                      "The service's own name, the peer's target, or what the report calls it");
  command->add_option("--result", arguments->result, "success or failure")
      ->check(CLI::IsMember({"success", "failure"}));
  command->add_option("--reason", arguments->reason, "Why it failed: wrong-password, …");
  command->add_option("--version", arguments->version, "NTLMv2, NTLMv1 or NTLM2-session");
  command->add_option("--store", arguments->store,
                      "The store that answered: text, lmdb, winbind, …");
  command->add_flag("--json", arguments->json, "As JSON");
  command->add_option("--html", arguments->html,
                      "Writes one self-contained page with charts to this file, mode 0600");
  command->callback([=] { *status = run(*arguments); });
}

}  // namespace ntlm::ntlmctl
