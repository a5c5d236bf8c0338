// SPDX-License-Identifier: MIT
// What the counts mean for who wants to tighten ntlm.conf, and in the end to do without NTLM.
#include <algorithm>
#include <optional>
#include <unordered_map>

#include "ntlmctl/audit.h"

namespace ntlm::ntlmctl {
namespace {

using Row = std::pair<AuditSummary::Key, const Tally*>;

// One row's words.
class Look {
 public:
  Look(const AuditSummary& summary, const Row& row) : summary_(summary), row_(row) {}
  const std::string& operator()(Dimension dimension) const {
    return summary_.name(row_.first, dimension);
  }
  bool is(Dimension dimension, std::string_view word) const { return (*this)(dimension) == word; }

 private:
  const AuditSummary& summary_;
  const Row& row_;
};

struct Question {
  const char* setting;
  const char* direction;
  // Whether this login would be refused then; nothing: it says nothing about the setting.
  std::optional<bool> (*refused)(const Look& row);
  const char* obstacle;
  const char* ready;
  const char* unseen = "no login to judge by";
};

using Answer = std::optional<bool>;

constexpr Question kQuestions[] = {
    {"min_version = v2", "accept",
     [](const Look& row) -> Answer {
       return row.is(Dimension::kVersion, "NTLMv1") || row.is(Dimension::kVersion, "NTLM2-session");
     },
     "logged in with NTLMv1", "every login was NTLMv2"},
    {"require_mic = yes", "accept",
     [](const Look& row) -> Answer { return row.is(Dimension::kMic, "absent"); },
     "logged in without a MIC", "every login carried a MIC"},
    {"channel_bindings = always", "accept",
     [](const Look& row) -> Answer {
       if (row.is(Dimension::kBindings, "none") || row.is(Dimension::kBindings, "unasked")) {
         return std::nullopt;  // the service gave none to compare with
       }
       return !row.is(Dimension::kBindings, "match");
     },
     "sent no channel bindings, or others, where the service has them",
     "every login to a service with channel bindings had them",
     "no service gave channel bindings to compare with"},
    {"target_name = required", "accept",
     [](const Look& row) -> Answer { return row(Dimension::kTarget).empty(); },
     "did not say which service they meant", "every login named its service"},
    {"require_128 = yes", "accept",
     [](const Look& row) -> Answer {
       return !row(Dimension::kKeyBits).empty() && !row.is(Dimension::kKeyBits, "128");
     },
     "agreed on keys of less than 128 bits", "every login had 128-bit keys"},
    {"require_sign = yes", "accept",
     [](const Look& row) -> Answer { return row.is(Dimension::kProtection, "none"); },
     "did not agree to sign", "every login agreed to sign"},
    {"require_seal = yes", "accept",
     [](const Look& row) -> Answer { return !row.is(Dimension::kProtection, "seal"); },
     "did not agree to seal", "every login agreed to seal"},
    {"allow_anonymous = no", "accept",
     [](const Look& row) -> Answer { return row(Dimension::kAccount).empty(); },
     "got in without a name", "every login had a name"},
    {"receive_ntlm = deny-all", "accept", [](const Look&) -> Answer { return true; },
     "used NTLM to log in here", "", "nobody logged in here by NTLM"},
    {"send_ntlm = deny", "initiate", [](const Look&) -> Answer { return true; },
     "of this host logged in elsewhere by NTLM", "", "nobody logged in elsewhere by NTLM"},
};

// Names in the order of their weight; the empty one is none.
class Weights {
 public:
  void add(const std::string& name, std::uint64_t weight) {
    if (!name.empty()) {
      weights_[name] += weight;
    }
  }
  std::vector<std::string> names() const {
    std::vector<std::pair<std::uint64_t, std::string>> sorted;
    sorted.reserve(weights_.size());
    for (const auto& [name, weight] : weights_) {
      sorted.emplace_back(weight, name);
    }
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    std::vector<std::string> names;
    names.reserve(sorted.size());
    for (auto& [weight, name] : sorted) {
      names.push_back(std::move(name));
    }
    return names;
  }

 private:
  std::unordered_map<std::string, std::uint64_t> weights_;
};

// The service as its own credential has it, else as the peer names it.
const std::string& service_of(const Look& look) {
  const std::string& own = look(Dimension::kService);
  return own.empty() ? look(Dimension::kTarget) : own;
}

std::string sentence_of(const Question& question, const Step& step) {
  if (step.state != Step::State::kBlocked) {
    return step.state == Step::State::kReady ? question.ready : question.unseen;
  }
  std::string who = step.accounts.empty() ? counted(step.logins, "login", "logins")
                                          : counted(step.accounts.size(), "account", "accounts");
  if (!step.workstations.empty()) {
    who += " on " + counted(step.workstations.size(), "workstation", "workstations");
  }
  return who + " " + question.obstacle;
}

Step answer(const Question& question, const AuditSummary& summary, const std::vector<Row>& rows) {
  Step step;
  step.setting = question.setting;
  Weights accounts;
  Weights workstations;
  Weights services;
  for (const Row& row : rows) {
    const Look look(summary, row);
    if (!look.is(Dimension::kDirection, question.direction) ||
        !look.is(Dimension::kResult, "success")) {
      continue;
    }
    const Answer refused = question.refused(look);
    if (refused == false && step.state == Step::State::kUnseen) {
      step.state = Step::State::kReady;
    }
    if (refused != true) {
      continue;
    }
    step.state = Step::State::kBlocked;
    const Tally& tally = *row.second;
    step.logins += tally.count;
    step.last = std::max(step.last, tally.last);
    accounts.add(look(Dimension::kAccount), tally.count);
    workstations.add(look(Dimension::kWorkstation), tally.count);
    services.add(service_of(look), tally.count);
  }
  step.accounts = accounts.names();
  step.workstations = workstations.names();
  step.services = services.names();
  step.sentence = sentence_of(question, step);
  return step;
}

}  // namespace

std::vector<Usage> usage_by(const AuditSummary& summary, Dimension dimension,
                            std::string_view direction) {
  std::unordered_map<std::string, Usage> found;
  for (const Row& row : summary.rows()) {
    const Look look(summary, row);
    if (!look.is(Dimension::kDirection, direction)) {
      continue;
    }
    const std::string& name = dimension == Dimension::kService ? service_of(look) : look(dimension);
    Usage& usage = found[name];
    const Tally& tally = *row.second;
    usage.first =
        usage.name.empty() && usage.last == 0 ? tally.first : std::min(usage.first, tally.first);
    usage.last = std::max(usage.last, tally.last);
    usage.name = name;
    (look.is(Dimension::kResult, "success") ? usage.logins : usage.failures) += tally.count;
  }
  std::vector<Usage> sorted;
  sorted.reserve(found.size());
  for (auto& [name, usage] : found) {
    sorted.push_back(std::move(usage));
  }
  std::sort(sorted.begin(), sorted.end(), [](const Usage& a, const Usage& b) {
    if (a.logins != b.logins) {
      return a.logins > b.logins;
    }
    return a.failures != b.failures ? a.failures > b.failures : a.name < b.name;
  });
  return sorted;
}

std::string counted(std::uint64_t count, const char* one, const char* many) {
  std::string digits = std::to_string(count);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits + " " + (count == 1 ? one : many);
}

std::vector<Step> steps_to_tighten(const AuditSummary& summary) {
  const auto rows = summary.rows();
  std::vector<Step> steps;
  for (const Question& question : kQuestions) {
    steps.push_back(answer(question, summary, rows));
  }
  return steps;
}

}  // namespace ntlm::ntlmctl
