// SPDX-License-Identifier: MIT
#include "authd/peers.h"

#include <pwd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace ntlm::authd {
namespace {

using protocol::Policy;
using Sentence = tl::unexpected<std::string>;

constexpr uid_t kNoUid = 4294967295;
constexpr std::size_t kMaxConnections = 1024;   // of one uid; see kMany of server.cpp
constexpr std::size_t kMaxOfStranger = 4;       // of one without a line, to be told so
constexpr std::uint32_t kMostRate = 1'000'000;  // as of the keys `rate` and `burst`

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(separator));
    if (!part.empty()) {
      parts.push_back(part);
    }
    text.remove_prefix(std::min(text.size(), part.size() + 1));
  }
  return parts;
}

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty()
             ? std::optional(number)
             : std::nullopt;
}

std::optional<uid_t> uid_of(std::string_view name) {
  if (const auto number = number_of(name)) {
    return *number;
  }
  const auto ids = ids_of(std::string(name));
  return ids ? std::optional(ids->uid) : std::nullopt;
}

// False for a word that is none of these.
bool require(Section& section, std::string_view what) {
  Policy& policy = section.policy;
  if (what == "sign") {
    policy.require_sign = true;
  } else if (what == "seal") {
    policy.require_seal = true;
  } else if (what == "mic") {
    policy.require_mic = Policy::Mic::kYes;
  } else if (what == "bindings") {
    policy.channel_bindings = Policy::Bindings::kAlways;
    section.bindings = true;
  } else if (what == "target") {
    policy.target_name = Policy::Target::kRequired;
  } else {
    return false;
  }
  return true;
}

// The sentence that says which target the whole daemon's policy does not allow;
// empty when it does.
std::string restrict_targets(Policy& policy, const Policy& whole, std::string_view list) {
  const auto& allowed = whole.accepted_targets;
  // Then it allows this host's names, which a list of the line would stand in place of; and they
  // may be known later only.
  if (whole.target_name == Policy::Target::kRequired && allowed.empty()) {
    return "under [policy] target_name = required, targets= needs [policy] accepted_targets, of "
           "which it names some";
  }
  std::vector<std::string> targets;
  for (const std::string_view target : split(list, ',')) {
    if (!is_service_of_host(target)) {
      return "target '" + escaped(target) + "' is not SERVICE/HOST";
    }
    if (!allowed.empty() &&
        std::none_of(allowed.begin(), allowed.end(),
                     [&](const std::string& one) { return equal_ignoring_case(one, target); })) {
      return "target '" + escaped(target) + "' is none of [policy] accepted_targets";
    }
    targets.emplace_back(target);
  }
  if (targets.empty()) {
    return "targets= names none";
  }
  policy.accepted_targets = std::move(targets);
  if (policy.target_name == Policy::Target::kOff) {
    policy.target_name = Policy::Target::kIfPresent;
  }
  return {};
}

// The sentence that says what is wrong with a word of a line; empty when
// nothing is.
std::string apply(Section& section, const Policy& whole, std::string_view word) {
  const auto equals = word.find('=');
  const std::string_view key = word.substr(0, equals);
  const std::string_view value = equals == word.npos ? "" : word.substr(equals + 1);
  if (key == "rate" || key == "burst") {
    const std::uint32_t least = key == "rate" ? 0 : 1;
    const auto number = number_of(value);
    if (!number || *number < least || *number > kMostRate) {
      return std::string(key) + ": '" + escaped(value) + "' is not a number from " +
             std::to_string(least) + " to " + std::to_string(kMostRate);
    }
    (key == "rate" ? section.rate : section.burst) = *number;
    return {};
  }
  if (key == "targets") {
    return restrict_targets(section.policy, whole, value);
  }
  if (key == "require") {
    const auto all = split(value, ',');
    for (const std::string_view what : all) {
      if (!require(section, what)) {
        return "require: '" + escaped(what) + "' is none of sign, seal, mic, bindings, target";
      }
    }
    return all.empty() ? "require= names nothing" : "";
  }
  return "'" + escaped(word) + "' is none of rate=, burst=, targets=, require=";
}

}  // namespace

std::optional<Ids> ids_of(const std::string& user) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16384> room;
  const int error = ::getpwnam_r(user.c_str(), &entry, room.data(), room.size(), &found);
  return error == 0 && found != nullptr ? std::optional(Ids{entry.pw_uid, entry.pw_gid})
                                        : std::nullopt;
}

Bucket::Bucket(std::uint32_t rate, std::uint32_t burst, Time now)
    : rate_(rate), burst_(std::max(burst, std::uint32_t{1})), left_(burst_), seen_(now) {}

bool Bucket::take(Time now) {
  if (rate_ == 0) {
    return true;
  }
  const std::chrono::duration<double> passed = now - seen_;
  seen_ = now;
  left_ = std::min(burst_, left_ + passed.count() * rate_);
  if (left_ < 1) {
    return false;
  }
  left_ -= 1;
  return true;
}

protocol::AcceptOptions Section::admit(protocol::AcceptOptions asked) const {
  if (bindings) {
    asked.missing_bindings_pass = asked.any_bindings_pass = false;
  }
  return asked;
}

tl::expected<std::vector<Section>, std::string> sections_from(const Config& config,
                                                              const Policy& policy) {
  const Section everybody{std::nullopt, config.number("authd", "rate"),
                          config.number("authd", "burst"), policy, false};
  std::vector<Section> sections;
  for (const std::string& line : config.list("authd", "peer")) {
    const auto words = split(line, ' ');
    const auto wrong = [&](const std::string& why) {
      return Sentence("[authd] peer = " + escaped(line) + ": " + why);
    };
    if (words.empty()) {
      return wrong("names nobody");
    }
    Section section = everybody;
    if (words[0] != "*") {
      section.uid = uid_of(words[0]);
      if (!section.uid) {
        return wrong("there is no user '" + escaped(words[0]) + "'");
      }
      if (*section.uid >= kNoUid || *section.uid == kOverflowUid) {
        return wrong("uid " + std::to_string(*section.uid) + " is nobody's own, and never may ask");
      }
    }
    for (auto word = words.begin() + 1; word != words.end(); ++word) {
      const std::string_view key = word->substr(0, word->find('='));
      if (std::any_of(words.begin() + 1, word, [&](std::string_view other) {
            return other.substr(0, other.find('=')) == key;
          })) {
        return wrong("'" + escaped(key) + "' stands twice");
      }
      if (const std::string why = apply(section, policy, *word); !why.empty()) {
        return wrong(why);
      }
    }
    if (std::any_of(sections.begin(), sections.end(),
                    [&](const Section& other) { return other.uid == section.uid; })) {
      return wrong("a second line for the same user");
    }
    sections.push_back(std::move(section));
  }
  if (sections.empty()) {
    sections.push_back(everybody);
  }
  return sections;
}

Peers::Peers(std::vector<Section> sections, std::uint32_t failures_per_second,
             std::uint32_t records_per_second)
    : sections_(std::move(sections)),
      failures_(failures_per_second, failures_per_second, std::chrono::steady_clock::now()),
      records_per_second_(records_per_second) {}

std::size_t Peers::section_of(uid_t uid) const {
  std::size_t others = sections_.size();
  for (std::size_t i = 0; i < sections_.size(); ++i) {
    if (sections_[i].uid == uid) {
      return i;
    }
    if (!sections_[i].uid) {
      others = i;
    }
  }
  return others;
}

bool Peers::connect(uid_t uid, std::size_t section) {
  const std::lock_guard lock(mutex_);
  const Time now = std::chrono::steady_clock::now();
  const bool listed = section < sections_.size();
  const Bucket begins(listed ? sections_[section].rate : 1, listed ? sections_[section].burst : 1,
                      now);
  const Bucket records(records_per_second_, records_per_second_, now);
  Use& use = uses_.try_emplace(uid, begins, records).first->second;
  if (use.connections >= (listed ? kMaxConnections : kMaxOfStranger)) {
    return false;
  }
  ++use.connections;
  return true;
}

void Peers::disconnect(uid_t uid) {
  const std::lock_guard lock(mutex_);
  --uses_.at(uid).connections;
}

bool Peers::has_many(uid_t uid) {
  const std::lock_guard lock(mutex_);
  return uses_.at(uid).connections > kMaxConnections / 2;
}

Exchanges& Peers::exchanges(uid_t uid) {
  const std::lock_guard lock(mutex_);
  return uses_.at(uid).exchanges;
}

bool Peers::may_begin(uid_t uid) {
  const std::lock_guard lock(mutex_);
  return uses_.at(uid).bucket.take(std::chrono::steady_clock::now());
}

bool Peers::failed() {
  const std::lock_guard lock(mutex_);
  return !failures_.take(std::chrono::steady_clock::now());
}

std::optional<std::uint64_t> Peers::record_refusal(uid_t uid) {
  const std::lock_guard lock(mutex_);
  Use& use = uses_.at(uid);
  if (!use.records.take(std::chrono::steady_clock::now())) {
    ++use.unrecorded;
    return std::nullopt;
  }
  return std::exchange(use.unrecorded, 0);
}

}  // namespace ntlm::authd
