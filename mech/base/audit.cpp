// SPDX-License-Identifier: MIT
// Which records are written, and where to.
#include "base/audit.h"

#include <atomic>
#include <chrono>

#include "base/audit_sinks.h"
#include "base/config.h"

namespace ntlm {
namespace {

using LogForm = AuditSettings::LogForm;

// Failures written in the current second, as (second << 32 | count): no lock that a fork could
// leave held.
std::atomic<std::uint64_t> failures_written{0};
std::atomic<std::uint64_t> unreported{0};

// Whether one more failure may be written in this second.
bool admit_failure(std::uint32_t per_second) {
  if (per_second == 0) {
    return true;
  }
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  const std::uint64_t second =
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(now).count());
  std::uint64_t before = failures_written.load(std::memory_order_relaxed);
  std::uint64_t after = 0;
  do {
    after = before >> 32 == second ? before + 1 : (second << 32 | 1);
    if ((after & 0xffffffff) > per_second) {
      return false;
    }
  } while (!failures_written.compare_exchange_weak(before, after, std::memory_order_relaxed));
  return true;
}

// False: nobody took it. Where the journal has no room, /dev/log may have.
bool log_record(const AuditSettings& settings, const AuditEvent& event, std::string_view line) {
  if (settings.log_form != LogForm::kSyslog &&
      send_datagram(settings.journal_path, journal_entry(event, line))) {
    return true;
  }
  return settings.log_form != LogForm::kJournal &&
         send_datagram(settings.syslog_path, syslog_entry(event.success, line));
}

// Once, until a record gets into the file again.
void complain_of_file(const AuditSettings& settings, const std::string& sentence) {
  static constinit std::atomic_flag told;
  if (sentence.empty()) {
    told.clear();
    return;
  }
  if (!settings.syslog || told.test_and_set()) {
    return;
  }
  AuditEvent event;
  event.event = "audit-file-refused";
  event.detail = sentence;
  (void)log_record(settings, event, audit_line(event));
}

}  // namespace

AuditSettings AuditSettings::from(const Config& config) {
  AuditSettings settings;
  settings.syslog = config.flag("audit", "syslog");
  const std::string_view form = config.text("audit", "log_form");
  settings.log_form = form == "journal"  ? LogForm::kJournal
                      : form == "syslog" ? LogForm::kSyslog
                                         : LogForm::kAuto;
  settings.json.path = config.text("audit", "json");
  settings.json.max_size = std::uint64_t{config.number("audit", "json_max_size")} << 20;
  settings.json.keep = config.number("audit", "json_keep");
  settings.failures_per_second = config.number("audit", "failures_per_second");
  return settings;
}

void audit(const AuditSettings& settings, const AuditEvent& event) {
  if (!settings.syslog && settings.json.path.empty()) {
    return;
  }
  if (!event.success && !admit_failure(settings.failures_per_second)) {
    unreported.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  AuditEvent counted = event;
  counted.unreported += unreported.exchange(0, std::memory_order_relaxed);
  const std::string line = audit_line(counted);
  int sinks = 0;
  int written = 0;
  if (settings.syslog) {
    ++sinks;
    written += log_record(settings, counted, line) ? 1 : 0;
  }
  if (!settings.json.path.empty()) {
    ++sinks;
    const auto appended = append_record(settings.json, line);
    written += appended ? 1 : 0;
    complain_of_file(settings, appended ? "" : appended.error());
  }
  if (written < sinks) {
    const std::uint64_t untold = written == 0 ? counted.unreported : 0;
    unreported.fetch_add(untold + 1, std::memory_order_relaxed);
  }
}

}  // namespace ntlm
