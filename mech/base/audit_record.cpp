// SPDX-License-Identifier: MIT
// One record in its two forms: a line of JSON, and an entry of systemd's journal.
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>

#include "base/audit_sinks.h"
#include "base/text.h"

namespace ntlm {
namespace {

using std::chrono::system_clock;

constexpr std::size_t kPeerText = 64;    // characters of what a peer says of itself
constexpr std::size_t kPeerBytes = 384;  // and bytes, once escaped
constexpr std::size_t kOurText = 512;

// One JSON object, written from left to right.
class JsonLine {
 public:
  void text(const char* key, std::string_view value, std::size_t characters, std::size_t bytes) {
    std::string safe = escaped(value, characters);
    while (safe.size() > bytes) {
      characters /= 2;
      safe = escaped(value, characters);
    }
    start(key);
    line_ += '"' + safe + '"';
  }
  void number(const char* key, std::uint64_t value) {
    start(key);
    line_ += std::to_string(value);
  }
  std::string finish() && { return std::move(line_) + '}'; }

 private:
  void start(const char* key) {
    line_ += line_.size() == 1 ? "\"" : ",\"";
    line_ += key;
    line_ += "\":";
  }
  std::string line_ = "{";
};

// The native protocol: "KEY=VALUE\n", or "KEY\n", eight bytes of length, little-endian, "VALUE\n".
class JournalEntry {
 public:
  void plain(std::string_view key, std::string_view value) {
    text_.append(key).append("=").append(value).append("\n");
  }
  void text(const char* key, std::string_view value, std::size_t characters, std::size_t) {
    value = cut(value, characters);
    if (value.find('\n') == std::string_view::npos) {
      return plain(name(key), value);
    }
    text_.append(name(key)).append("\n");
    for (unsigned shift = 0; shift < 64; shift += 8) {
      text_ += static_cast<char>(std::uint64_t{value.size()} >> shift & 0xff);
    }
    text_.append(value).append("\n");
  }
  void number(const char* key, std::uint64_t value) { plain(name(key), std::to_string(value)); }
  std::string finish() && { return std::move(text_); }

 private:
  static std::string name(std::string_view key) { return "NTLM_" + upper_utf8(key); }
  // At most so many characters; a byte that continues none counts as one.
  static std::string_view cut(std::string_view value, std::size_t characters) {
    std::size_t end = 0;
    while (end < value.size() && end < kPeerBytes + kOurText) {
      const bool continues = (static_cast<unsigned char>(value[end]) & 0xc0u) == 0x80u;
      if (!continues && characters-- == 0) {
        break;
      }
      ++end;
    }
    return value.substr(0, end);
  }
  std::string text_;
};

// What is empty or zero is left out.
template <typename Form>
void write_fields(Form& form, const AuditEvent& event) {
  const auto peer = [&form](const char* key, std::string_view value) {
    if (!value.empty()) {
      form.text(key, value, kPeerText, kPeerBytes);
    }
  };
  const auto& word = peer;
  const auto number = [&form](const char* key, std::uint64_t value) {
    if (value != 0) {
      form.number(key, value);
    }
  };
  word("event", event.event);
  word("result", event.success ? "success" : "failure");
  word("reason", event.reason);
  word("where", event.where);
  peer("user", event.user);
  peer("domain", event.domain);
  peer("workstation", event.workstation);
  peer("principal", event.principal);
  peer("service", event.service);
  peer("target", event.target);
  if (!event.detail.empty()) {
    form.text("detail", event.detail, kOurText, kOurText);
  }
  word("version", event.version);
  if (event.flags != 0) {
    std::array<char, 16> text{};
    (void)std::snprintf(text.data(), text.size(), "0x%08" PRIx32, event.flags);
    word("flags", text.data());
  }
  word("mic", event.mic);
  word("bindings", event.bindings);
  number("key_bits", static_cast<std::uint64_t>(std::max(event.key_bits, 0)));
  word("store", event.store);
  peer("peer", event.peer);
  number("duration_us", event.duration_us);
  number("pid", static_cast<std::uint64_t>(::getpid()));
  number("unreported", event.unreported);
}

struct Kind {
  std::string_view event;
  const char* id;  // of a success
  const char* failed;
};
// Chosen at random, and for good: ntlm.conf(5) has them.
constexpr std::array<Kind, 6> kKinds{{
    {"accept", "de5b98840d71497b8512b3adaca2a0eb", "e44da30049344eb890ef9dd16281261a"},
    {"initiate", "8281b12f0164488980b08d4f24ebbe79", "8281b12f0164488980b08d4f24ebbe79"},
    {"policy-loosened", "535128bab6b1415092e5f3da574a09c9", "535128bab6b1415092e5f3da574a09c9"},
    {"configuration-refused", "567cc2a5242142da837216bea6c2878e",
     "567cc2a5242142da837216bea6c2878e"},
    {"lockout-not-shared", "6beced8264ad4b8b934e2309254d8aae", "6beced8264ad4b8b934e2309254d8aae"},
    {"audit-file-refused", "103c2c7133bd41c0bce5071874d23449", "103c2c7133bd41c0bce5071874d23449"},
}};

}  // namespace

CivilTime civil(system_clock::time_point now) {
  namespace chrono = std::chrono;
  const auto day = chrono::floor<chrono::days>(now);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss time(chrono::floor<chrono::milliseconds>(now - day));
  return {static_cast<int>(date.year()),
          static_cast<unsigned>(date.month()),
          static_cast<unsigned>(date.day()),
          static_cast<int>(time.hours().count()),
          static_cast<int>(time.minutes().count()),
          static_cast<int>(time.seconds().count()),
          static_cast<int>(time.subseconds().count())};
}

std::string audit_line(const AuditEvent& event) {
  const CivilTime now = civil(system_clock::now());
  std::array<char, 64> time{};
  (void)std::snprintf(time.data(), time.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", now.year,
                      now.month, now.day, now.hour, now.minute, now.second, now.millisecond);
  JsonLine line;
  line.text("time", time.data(), kPeerText, kPeerBytes);
  write_fields(line, event);
  return std::move(line).finish();
}

std::string journal_entry(const AuditEvent& event, std::string_view line) {
  JournalEntry entry;
  entry.plain("MESSAGE", line);
  entry.plain("PRIORITY", std::to_string(event.success ? LOG_INFO : LOG_WARNING));
  entry.plain("SYSLOG_FACILITY", std::to_string(LOG_FAC(LOG_AUTHPRIV)));
  entry.plain("SYSLOG_IDENTIFIER", "gss_ntlm");
  entry.plain("SYSLOG_PID", std::to_string(::getpid()));
  const auto* kind = std::ranges::find(kKinds, std::string_view(event.event), &Kind::event);
  if (kind != kKinds.end()) {
    entry.plain("MESSAGE_ID", event.success ? kind->id : kind->failed);
  }
  write_fields(entry, event);
  return std::move(entry).finish();
}

}  // namespace ntlm
