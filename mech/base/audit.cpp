// SPDX-License-Identifier: MIT
// Which records are written, and where to.
#include "base/audit.h"

#include <atomic>

#include "base/audit_sinks.h"
#include "base/config.h"
#include "base/per_second.h"

namespace ntlm {
namespace {

using LogForm = AuditSettings::LogForm;

PerSecond failures_written;
std::atomic<std::uint64_t> unreported{0};

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
  const std::uint32_t most = settings.failures_per_second;
  if (!event.success && most != 0 && !failures_written.admit(most)) {
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
