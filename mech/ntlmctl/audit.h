// SPDX-License-Identifier: MIT
// ntlmctl audit: what base/audit wrote, read again and summed up. A line comes in (for_each_line),
// is a record or not (parse_audit_line), is counted (AuditSummary), judged (steps_to_tighten), and
// shown as text, JSON or a page.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ntlm::ntlmctl {

// --- lines

struct AuditRecord {
  std::int64_t time = 0;  // seconds since 1970
  bool success = false;
  std::string event, reason, user, domain, workstation, principal, service, target, detail, version,
      mic, bindings, store, peer;
  std::uint32_t flags = 0;  // as agreed
  std::uint64_t key_bits = 0, unreported = 0;

  std::string account() const;  // who was proven, else who was claimed
  // What the service calls itself; of one that asked ntlm-authd also its uid, which it cannot
  // choose, and, where it has no name, what the peer calls it.
  std::string served_by() const;
};

enum class LineKind : std::uint8_t {
  kRecord,
  kOther,  // another program's
  kBad,    // begins like one of ours and is none
};
// A line of JSON, one of syslog with our tag in front of it, or an object of `journalctl -o json`.
LineKind parse_audit_line(std::string_view line, AuditRecord* record);

// Seconds since 1970 of "2026-11-24", "2026-11-24T10:30", "2026-11-24T10:30:59[.123][Z]"; UTC.
// -1: none.
std::int64_t parse_utc(std::string_view text);
std::string utc_text(std::int64_t time);  // "2026-11-24 10:30"

// Hands each line on, without its newline, until the end or until `take` says no. Content that
// gzip compressed is expanded. A line beyond 64 KiB is handed on as its first byte alone, which is
// no record. Closes fd; the error is a sentence without the file's name.
tl::expected<void, std::string> for_each_line(int fd,
                                              const std::function<bool(std::string_view)>& take);

// --- counting

// What makes two attempts the same in a summary; in this order in AuditSummary::Key.
enum class Dimension : std::uint8_t {
  kDirection,  // accept, initiate
  kResult,
  kReason,
  kAccount,
  kWorkstation,
  kService,
  kTarget,
  kVersion,
  kMic,
  kBindings,
  kProtection,  // none, sign, seal
  kKeyBits,
  kStore,
};
constexpr std::size_t kDimensions = 13;
extern const std::array<const char*, kDimensions> kDimensionNames;

struct Tally {
  std::uint64_t count = 0;
  std::int64_t first = 0, last = 0;
  std::vector<std::pair<std::int64_t, std::uint64_t>> slots;  // time / slot_width, count; sorted

  void add(std::int64_t time, std::int64_t width);
  void merge(const Tally& other);
};

// Attempts by all dimensions at once, in bounded memory whatever names a peer makes up: of more
// than kMostRows combinations, the rare ones and refused ones first are folded under kRare. Sums
// stay exact; so do the slots of time, which widen as the period does.
class AuditSummary {
 public:
  using Key = std::array<std::uint32_t, kDimensions>;  // indices into names()
  static constexpr std::size_t kMostRows = 20'000;
  static constexpr std::size_t kMostSlots = 96;
  static constexpr const char* kRare = "(rarely seen)";

  void add(const AuditRecord& record);

  const std::string& name(const Key& key, Dimension dimension) const {
    return names_[key[static_cast<std::size_t>(dimension)]];
  }
  const std::vector<std::string>& names() const { return names_; }
  // The most frequent first.
  std::vector<std::pair<Key, const Tally*>> rows() const;
  std::int64_t slot_width() const { return slot_width_; }
  bool folded() const { return folded_; }

  // Events that are no attempt ("policy-loosened: …"), each once.
  const std::map<std::string, Tally>& events() const { return events_; }
  // All records.
  const Tally& all() const { return all_; }
  std::uint64_t unreported() const { return unreported_; }

 private:
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  using Rows = std::unordered_map<Key, Tally, KeyHash>;

  std::uint32_t intern(std::string_view text);
  void widen();
  void fold();
  Key translate(const Key& key, const std::vector<std::string>& from, std::size_t folded);

  std::vector<std::string> names_;
  std::unordered_map<std::string, std::uint32_t> indices_;
  Rows rows_;
  std::map<std::string, Tally> events_;
  Tally all_;
  std::uint64_t unreported_ = 0;
  std::int64_t slot_width_ = 60;
  bool folded_ = false;
};

// What came in beside the records that were counted.
struct LineCounts {
  std::uint64_t lines = 0, bad = 0, other = 0, filtered = 0;
};

// --- what it means

// Of one name in one dimension.
struct Usage {
  std::string name;
  std::uint64_t logins = 0, failures = 0;
  std::int64_t first = 0, last = 0;
};
// By accept records (or initiate ones), the most frequent first; failures alone come last.
std::vector<Usage> usage_by(const AuditSummary& summary, Dimension dimension,
                            std::string_view direction = "accept");

// A setting of ntlm.conf that is tighter, and which logins of this period it would have refused.
struct Step {
  enum class State : std::uint8_t { kReady, kBlocked, kUnseen };  // kUnseen: no login to judge by

  const char* setting;  // "require_mic = yes"
  State state = State::kUnseen;
  std::string sentence;      // "12 accounts on 5 workstations logged in without a MIC"
  std::uint64_t logins = 0;  // that it would have refused
  std::int64_t last = 0;
  std::vector<std::string> accounts, workstations, services;  // the most frequent first
};
constexpr std::array<const char*, 3> kStateNames = {"ready", "blocked", "unseen"};
std::vector<Step> steps_to_tighten(const AuditSummary& summary);
// "1 account", "12,000 accounts".
std::string counted(std::uint64_t count, const char* one, const char* many);

// --- showing

std::string audit_text(const AuditSummary& summary, const LineCounts& lines);
std::string audit_json(const AuditSummary& summary, const LineCounts& lines);
// One HTML page without any reference to another file; `title` is shown as text.
std::string audit_page(const AuditSummary& summary, const LineCounts& lines,
                       const std::string& title);

}  // namespace ntlm::ntlmctl
