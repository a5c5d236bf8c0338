// SPDX-License-Identifier: MIT
// One structured record per attempt (security.md P15): to the system log (as fields of the journal,
// or as a line of syslog LOG_AUTHPRIV), and to a file if configured. Never a secret: no response,
// challenge, key, hash, MIC or binding hash has a field here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ntlm {

class Config;

struct AuditEvent {
  // accept, initiate, policy-loosened, configuration-refused, lockout-not-shared,
  // audit-file-refused
  const char* event = "accept";
  bool success = false;
  const char* reason = "";  // a word of the Errc table: "wrong-password", "unknown-account", …
  const char* where = "";   // Error::where
  std::string_view user, domain, workstation;  // as the peer claims; escaped, 64 characters at most
  std::string_view principal;                  // who was proven, as displayed
  std::string_view service;                    // the acceptor credential's name, if any
  std::string_view target;                     // the SPN that the peer named
  std::string_view detail;                     // free text of ours (configuration errors)
  const char* version = "";                    // NTLMv2, NTLMv1, NTLM2-session
  std::uint32_t flags = 0;
  const char* mic = "";       // absent, verified, bad, sent
  const char* bindings = "";  // none, match, absent, unasked, mismatch
  int key_bits = 0;
  const char* store = "";
  std::uint64_t duration_us = 0;
  std::uint64_t unreported = 0;  // records before this one that a sink lacks; audit() adds its own
  std::string_view peer;         // the process that asked ntlm-authd: "uid 33 pid 123"
};

// What one record looks like: a JSON object on a single line, ASCII, no newline, at most 4 KiB.
// Fields that are empty or zero are left out.
std::string audit_line(const AuditEvent& event);

// The same as a datagram of systemd-journald's native protocol: `line` is MESSAGE, each field of it
// but the time is NTLM_ with its name in capitals, MESSAGE_ID tells the kind of event. Text of a
// peer is cut, and otherwise as it came.
std::string journal_entry(const AuditEvent& event, std::string_view line);

// A file of one JSON object a line, which processes of one user share. Beyond max_size it becomes
// PATH.1, what was PATH.1 becomes PATH.2, and PATH.<keep> goes.
struct AuditFile {
  std::string path;            // empty: none
  std::uint64_t max_size = 0;  // bytes; 0: it is never rotated
  std::uint32_t keep = 1;
};

struct AuditSettings {
  enum class LogForm : std::uint8_t { kAuto, kJournal, kSyslog };

  bool syslog = true;
  LogForm log_form = LogForm::kAuto;
  AuditFile json;
  std::string syslog_path = "/dev/log";
  std::string journal_path = "/run/systemd/journal/socket";
  std::uint32_t failures_per_second = 10;  // of one process; 0: all

  static AuditSettings from(const Config& config);
};

// Writes the record. Failed attempts of one process beyond failures_per_second, and records that a
// sink did not take, are counted, and the count is reported in the next record (P13); why the file
// did not take one is said once, in the system log. Thread-safe; holds no lock, so that a fork
// harms nothing; never blocks on a full log socket. Keeps one datagram socket (close-on-exec) that
// is looked at before each use, for the number may be another's after a daemon has closed all
// descriptors. Does not touch the process's own syslog(3) connection. The file is opened for each
// record, and made with mode 0640 when it is not there.
void audit(const AuditSettings& settings, const AuditEvent& event);

}  // namespace ntlm
