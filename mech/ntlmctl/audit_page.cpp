// SPDX-License-Identifier: MIT
// A summary as one HTML page: audit_page.html, .css and .js with the data between them. The page
// runs what carries its nonce and nothing else, and has no way to the network.
#include "ntlmctl/audit_page.inc"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "crypto/primitives.h"
#include "ntlmctl/audit.h"

namespace ntlm::ntlmctl {
namespace {

using Json = nlohmann::json;

std::string html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// JSON that is also the content of a <script>: ASCII, without '<', so that nothing ends it.
std::string script_data(const Json& data) {
  std::string out;
  for (const char c : data.dump(-1, ' ', true, Json::error_handler_t::replace)) {
    out += c == '<' ? std::string("\\u003c") : std::string(1, c);
  }
  return out;
}

std::string nonce() {
  std::array<std::uint8_t, 16> bytes{};
  crypto::random_bytes(bytes);
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

// Each row: the index of its word in each dimension, count, first, last, then slot and count in
// turn.
Json data_of(const AuditSummary& summary) {
  Json rows = Json::array();
  for (const auto& [key, tally] : summary.rows()) {
    Json row = key;
    row.insert(row.end(), {tally->count, tally->first, tally->last});
    for (const auto& [slot, count] : tally->slots) {
      row.push_back(slot);
      row.push_back(count);
    }
    rows.push_back(std::move(row));
  }
  return {{"dimensions", kDimensionNames}, {"names", summary.names()},
          {"width", summary.slot_width()}, {"first", summary.all().first},
          {"last", summary.all().last},    {"rows", std::move(rows)}};
}

// Up to ten names, the rest as a number.
std::string list(const char* what, const std::vector<std::string>& names) {
  constexpr std::size_t kSome = 10;
  if (names.empty()) {
    return "";
  }
  std::string out = fmt::format("<p><b>{}</b> ", what);
  for (std::size_t i = 0; i < std::min(names.size(), kSome); ++i) {
    out += fmt::format("<code>{}</code> ", html(names[i]));
  }
  return out + (names.size() > kSome ? fmt::format("and {} more", names.size() - kSome) : "") +
         "</p>";
}

std::string steps(const AuditSummary& summary) {
  constexpr std::array<const char*, 3> kMarks = {"ready", "in the way", "not seen"};
  std::string out;
  for (const Step& step : steps_to_tighten(summary)) {
    const auto state = static_cast<std::size_t>(step.state);
    const std::string head =
        fmt::format("<span class=\"pill {}\">{}</span><code>{}</code><span>{}</span>",
                    kStateNames[state], kMarks[state], html(step.setting), html(step.sentence));
    out += step.state != Step::State::kBlocked
               ? fmt::format("<li><div class=\"step\">{}</div></li>\n", head)
               : fmt::format(
                     "<li><details><summary class=\"step\">{}</summary>"
                     "<div class=\"who\">{}{}{}<p><b>last</b> {} UTC, {}</p></div>"
                     "</details></li>\n",
                     head, list("accounts", step.accounts), list("workstations", step.workstations),
                     list("services", step.services), utc_text(step.last),
                     counted(step.logins, "login", "logins"));
  }
  return out;
}

std::string notes(const AuditSummary& summary, const LineCounts& lines) {
  std::string out;
  const auto note = [&out](const std::string& text) { out += "<li>" + html(text) + "</li>\n"; };
  if (lines.bad != 0) {
    note(counted(lines.bad, "line was", "lines were") + " no sound record and left out");
  }
  if (summary.unreported() != 0) {
    note(counted(summary.unreported(), "attempt was", "attempts were") +
         " counted by the mechanism and not recorded");
  }
  if (summary.folded()) {
    note(fmt::format("Names that are rare are summed up as {}", AuditSummary::kRare));
  }
  for (const auto& [text, tally] : summary.events()) {
    out += fmt::format("<li><bdi>{}</bdi> ({}, last {} UTC)</li>\n", html(text),
                       counted(tally.count, "time", "times"), utc_text(tally.last));
  }
  return out;
}

}  // namespace

std::string audit_page(const AuditSummary& summary, const LineCounts& lines,
                       const std::string& title) {
  const std::string once = nonce();
  const std::string notes_text = notes(summary, lines);
  const std::string period = summary.all().count == 0
                                 ? std::string("no record")
                                 : fmt::format("{} to {} UTC", utc_text(summary.all().first),
                                               utc_text(summary.all().last));
  const std::pair<std::string_view, std::string> parts[] = {
      {"nonce", once},
      {"title", html(title)},
      {"period", period},
      {"style", kPageStyle},
      {"script", kPageScript},
      {"data", script_data(data_of(summary))},
      {"steps", steps(summary)},
      {"notes", notes_text.empty() ? std::string("<li>Nothing.</li>") : notes_text},
  };
  // Each {{name}} once, from left to right: what is put in is not looked at again.
  std::string out;
  std::string_view rest = kPageFrame;
  for (std::size_t at = rest.find("{{"); at != rest.npos; at = rest.find("{{")) {
    const std::size_t end = rest.find("}}", at);
    out += rest.substr(0, at);
    for (const auto& [name, value] : parts) {
      if (rest.substr(at + 2, end - at - 2) == name) {
        out += value;
      }
    }
    rest.remove_prefix(end + 2);
  }
  return out.append(rest);
}

}  // namespace ntlm::ntlmctl
