// SPDX-License-Identifier: MIT
#include "protocol/policy.h"

#include "base/text.h"

namespace ntlm::protocol {
namespace {

constexpr std::string_view kSection = "policy";

Policy::Bindings bindings_from(std::string_view word) {
  return word == "never"            ? Policy::Bindings::kNever
         : word == "when-supported" ? Policy::Bindings::kWhenSupported
                                    : Policy::Bindings::kAlways;
}

Policy::Mic mic_from(std::string_view word) {
  return word == "no" ? Policy::Mic::kNo : word == "yes" ? Policy::Mic::kYes : Policy::Mic::kAuto;
}

Policy::Target target_from(std::string_view word) {
  return word == "off"        ? Policy::Target::kOff
         : word == "required" ? Policy::Target::kRequired
                              : Policy::Target::kIfPresent;
}

Policy::Receive receive_from(std::string_view word) {
  return word == "deny-domain" ? Policy::Receive::kDenyDomain
         : word == "deny-all"  ? Policy::Receive::kDenyAll
                               : Policy::Receive::kAllow;
}

Policy::Send send_from(std::string_view word) {
  return word == "allow"  ? Policy::Send::kAllow
         : word == "deny" ? Policy::Send::kDeny
                          : Policy::Send::kAudit;
}

std::vector<std::string> upper_list(const std::vector<std::string>& words) {
  std::vector<std::string> out;
  out.reserve(words.size());
  for (const std::string& word : words) {
    out.push_back(upper_utf8(word));
  }
  return out;
}

// 0 means: no limit, no lock.
bool above(std::uint32_t value, std::uint32_t limit) { return value == 0 || value > limit; }

// One row a key that can let more in than its default does.
struct Loosening {
  const char* key;
  bool (*holds)(const Policy& policy, const Policy& normal);
};
using P = const Policy&;
constexpr Loosening kLoosenings[] = {
    {"min_version", [](P p, P) { return p.accept_v1; }},
    {"initiator_version", [](P p, P) { return p.initiate_v1; }},
    {"channel_bindings", [](P p, P n) { return p.channel_bindings > n.channel_bindings; }},
    {"require_mic", [](P p, P) { return p.require_mic == Policy::Mic::kNo; }},
    {"target_name", [](P p, P n) { return p.target_name < n.target_name; }},
    {"allow_anonymous", [](P p, P) { return p.allow_anonymous; }},
    {"allow_datagram", [](P p, P) { return p.allow_datagram; }},
    {"require_128", [](P p, P) { return !p.require_128; }},
    {"send_ntlm", [](P p, P) { return p.send_ntlm == Policy::Send::kAllow; }},
    {"challenge_max_age", [](P p, P n) { return p.challenge_max_age > n.challenge_max_age; }},
    {"max_lifetime", [](P p, P n) { return p.max_lifetime > n.max_lifetime; }},
    {"context_lifetime", [](P p, P n) { return above(p.context_lifetime, n.context_lifetime); }},
    {"allow_blank_passwords", [](P p, P) { return p.allow_blank_passwords; }},
    {"ntlm_in_fips", [](P p, P) { return p.ntlm_in_fips; }},
    {"lockout_threshold", [](P p, P n) { return above(p.lockout_threshold, n.lockout_threshold); }},
    {"lockout_window", [](P p, P n) { return p.lockout_window < n.lockout_window; }},
    {"lockout_duration", [](P p, P n) { return p.lockout_duration < n.lockout_duration; }},
    {"lockout_delay", [](P p, P n) { return p.lockout_delay < n.lockout_delay; }},
};

}  // namespace

Policy Policy::from(const Config& config) {
  const auto text = [&](const char* key) { return config.text(kSection, key); };
  const auto flag = [&](const char* key) { return config.flag(kSection, key); };
  const auto number = [&](const char* key) { return config.number(kSection, key); };
  const auto list = [&](const char* key) -> auto& { return config.list(kSection, key); };
  Policy policy;
  policy.accept_v1 = text("min_version") == "v1";
  policy.initiate_v1 = text("initiator_version") == "v1";
  policy.channel_bindings = bindings_from(text("channel_bindings"));
  policy.require_mic = mic_from(text("require_mic"));
  policy.target_name = target_from(text("target_name"));
  policy.accepted_targets = list("accepted_targets");
  policy.allow_anonymous = flag("allow_anonymous");
  policy.allow_datagram = flag("allow_datagram");
  policy.require_128 = flag("require_128");
  policy.require_sign = flag("require_sign");
  policy.require_seal = flag("require_seal");
  policy.challenge_max_age = number("challenge_max_age");
  policy.max_lifetime = number("max_lifetime");
  policy.context_lifetime = number("context_lifetime");
  policy.allow_blank_passwords = flag("allow_blank_passwords");
  policy.nil_domain_retry = flag("nil_domain_retry");
  policy.receive_ntlm = receive_from(text("receive_ntlm"));
  policy.send_ntlm = send_from(text("send_ntlm"));
  policy.send_to = list("send_to");
  policy.refuse_reflection = text("reflection") == "refuse";
  policy.deny_users = upper_list(list("deny_users"));
  policy.deny_domains = upper_list(list("deny_domains"));
  policy.allow_domains = upper_list(list("allow_domains"));
  policy.ntlm_in_fips = text("ntlm_in_fips") == "allow";
  policy.lockout_threshold = number("lockout_threshold");
  policy.lockout_window = number("lockout_window");
  policy.lockout_duration = number("lockout_duration");
  policy.lockout_delay = number("lockout_delay");
  return policy;
}

std::vector<std::string> loosened(const Config& config) {
  const Policy policy = Policy::from(config);
  const Policy normal;
  std::vector<std::string> out;
  for (const Loosening& row : kLoosenings) {
    if (row.holds(policy, normal)) {
      out.push_back(std::string(row.key) + " = " + std::string(config.text(kSection, row.key)) +
                    " (" + config.source(kSection, row.key) + ")");
    }
  }
  return out;
}

}  // namespace ntlm::protocol
