// SPDX-License-Identifier: MIT
// A summary as text and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ntlmctl/audit.h"

namespace ntlm::ntlmctl {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShown = 10;  // of each table, in the text

bool is_control(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

// What a peer made up may hold anything: nothing of it moves the terminal's cursor or turns the
// direction of its text. UTF-8, as the parser of JSON has checked.
std::string safe(std::string_view name, std::size_t characters = 64) {
  std::string out;
  for (std::size_t at = 0; at < name.size() && characters > 0; --characters) {
    const auto lead = static_cast<unsigned char>(name[at]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const std::string_view character = name.substr(at, size);
    std::uint32_t value = size == 1 ? lead : lead & (0xffu >> (size + 1));
    for (const char byte : character.substr(1)) {
      value = value << 6 | (static_cast<unsigned char>(byte) & 0x3fu);
    }
    out += is_control(value) ? fmt::format("\\u{:04x}", value) : std::string(character);
    at += size;
  }
  return out.empty() ? "-" : out;
}

std::string and_more(std::size_t all, std::size_t shown) {
  return all > shown ? fmt::format("    and {} more\n", all - shown) : "";
}

void table(std::string& out, const char* heading, const std::vector<Usage>& usage) {
  if (usage.empty()) {
    return;
  }
  out += fmt::format("\n{:<36} {:>10} {:>10}  {:<16}  {}\n", heading, "logins", "refused", "first",
                     "last");
  const std::size_t shown = std::min(usage.size(), kShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const Usage& row = usage[i];
    out += fmt::format("    {:<32} {:>10} {:>10}  {}  {}\n", safe(row.name), row.logins,
                       row.failures, utc_text(row.first), utc_text(row.last));
  }
  out += and_more(usage.size(), shown);
}

// Some names, the most frequent first.
std::string some(const std::vector<std::string>& names) {
  constexpr std::size_t kSome = 5;
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kSome); ++i) {
    out += (i == 0 ? "" : ", ") + safe(names[i]);
  }
  return names.size() > kSome ? out + ", …" : out;
}

void steps(std::string& out, const AuditSummary& summary) {
  out += "\nWhat stands in the way of tighter settings\n";
  for (const Step& step : steps_to_tighten(summary)) {
    const char* state = kStateNames[static_cast<std::size_t>(step.state)];
    out += fmt::format("    {:<8} {:<26} {}\n", state, step.setting, step.sentence);
    if (step.state != Step::State::kBlocked) {
      continue;
    }
    for (const auto& [what, names] :
         {std::pair{"accounts", &step.accounts}, std::pair{"workstations", &step.workstations},
          std::pair{"services", &step.services}}) {
      if (!names->empty()) {
        out += fmt::format("             {}: {}\n", what, some(*names));
      }
    }
  }
}

std::vector<Usage> reasons(const AuditSummary& summary) {
  auto usage = usage_by(summary, Dimension::kReason);
  std::erase_if(usage, [](const Usage& row) { return row.failures == 0; });
  return usage;
}

struct Table {
  const char* heading;
  const char* name;  // in JSON
  Dimension dimension;
};
constexpr Table kTables[] = {
    {"Who", "accounts", Dimension::kAccount},
    {"From which workstation", "workstations", Dimension::kWorkstation},
    {"To which service", "services", Dimension::kService},
    {"NTLM version", "versions", Dimension::kVersion},
    {"Message integrity code", "mic", Dimension::kMic},
    {"Channel bindings", "bindings", Dimension::kBindings},
    {"Messages protected by", "protection", Dimension::kProtection},
    {"Store", "stores", Dimension::kStore},
};

Json json_of(const std::vector<Usage>& usage) {
  Json out = Json::array();
  for (const Usage& row : usage) {
    out.push_back({{"name", row.name},
                   {"logins", row.logins},
                   {"failures", row.failures},
                   {"first", row.first},
                   {"last", row.last}});
  }
  return out;
}

Json combinations(const AuditSummary& summary) {
  Json out = Json::array();
  for (const auto& [key, tally] : summary.rows()) {
    Json row;
    for (std::size_t i = 0; i < kDimensions; ++i) {
      const std::string& word = summary.name(key, static_cast<Dimension>(i));
      if (!word.empty()) {
        row[kDimensionNames[i]] = word;
      }
    }
    row["count"] = tally->count;
    row["first"] = tally->first;
    row["last"] = tally->last;
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace

std::string audit_text(const AuditSummary& summary, const LineCounts& lines) {
  if (summary.all().count == 0) {
    return fmt::format("No record of an attempt in {} ({} not understood, {} filtered out)\n",
                       counted(lines.lines, "line", "lines"), lines.bad, lines.filtered);
  }
  std::uint64_t logins = 0;
  std::uint64_t failures = 0;
  for (const Usage& row : usage_by(summary, Dimension::kDirection)) {
    logins += row.logins;
    failures += row.failures;
  }
  std::string out = fmt::format("{} and {} from {} to {} UTC\n", counted(logins, "login", "logins"),
                                counted(failures, "refusal", "refusals"),
                                utc_text(summary.all().first), utc_text(summary.all().last));
  if (lines.bad != 0) {
    out += counted(lines.bad, "line was", "lines were") + " no sound record and left out\n";
  }
  if (summary.unreported() != 0) {
    out += counted(summary.unreported(), "attempt was", "attempts were") +
           " counted by the mechanism and not recorded\n";
  }
  if (summary.folded()) {
    out += fmt::format("Names that are rare are summed up as {}\n", AuditSummary::kRare);
  }
  for (const Table& each : kTables) {
    table(out, each.heading, usage_by(summary, each.dimension));
  }
  table(out, "Why attempts failed", reasons(summary));
  table(out, "Logins of this host elsewhere", usage_by(summary, Dimension::kTarget, "initiate"));
  steps(out, summary);
  if (!summary.events().empty()) {
    out += "\nWhat the mechanism said besides\n";
    for (const auto& [text, tally] : summary.events()) {
      out += fmt::format("    {}  {}x  {}\n", utc_text(tally.last), tally.count, safe(text, 512));
    }
  }
  return out;
}

std::string audit_json(const AuditSummary& summary, const LineCounts& lines) {
  Json out = {{"lines",
               {{"read", lines.lines},
                {"bad", lines.bad},
                {"other", lines.other},
                {"filtered", lines.filtered}}},
              {"records", summary.all().count},
              {"first", summary.all().first},
              {"last", summary.all().last},
              {"unreported", summary.unreported()},
              {"rare_names_summed_up", summary.folded()}};
  for (const Table& each : kTables) {
    out[each.name] = json_of(usage_by(summary, each.dimension));
  }
  out["failures"] = json_of(reasons(summary));
  out["elsewhere"] = json_of(usage_by(summary, Dimension::kTarget, "initiate"));
  Json all_steps = Json::array();
  for (const Step& step : steps_to_tighten(summary)) {
    all_steps.push_back({{"setting", step.setting},
                         {"state", kStateNames[static_cast<std::size_t>(step.state)]},
                         {"sentence", step.sentence},
                         {"logins", step.logins},
                         {"last", step.last},
                         {"accounts", step.accounts},
                         {"workstations", step.workstations},
                         {"services", step.services}});
  }
  out["steps"] = std::move(all_steps);
  Json events = Json::array();
  for (const auto& [text, tally] : summary.events()) {
    events.push_back(
        {{"event", text}, {"count", tally.count}, {"first", tally.first}, {"last", tally.last}});
  }
  out["events"] = std::move(events);
  out["combinations"] = combinations(summary);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ntlm::ntlmctl
