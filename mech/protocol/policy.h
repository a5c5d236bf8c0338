// SPDX-License-Identifier: MIT
// What is allowed: a value, made once from the configuration and then never changed (security.md
// section 2). The defaults are the secure ones; profile `compat` and single keys loosen them,
// `hardened` tightens.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/config.h"

namespace ntlm::protocol {

struct Policy {
  enum class Bindings : std::uint8_t { kAlways, kWhenSupported, kNever };
  enum class Mic : std::uint8_t { kAuto, kYes, kNo };
  enum class Target : std::uint8_t { kOff, kIfPresent, kRequired };
  enum class Receive : std::uint8_t { kAllow, kDenyDomain, kDenyAll };
  enum class Send : std::uint8_t { kAllow, kAudit, kDeny };

  bool accept_v1 = false;  // min_version = v1: NTLMv1 and NTLM2-session responses are verified too
  bool initiate_v1 = false;  // initiator_version = v1
  Bindings channel_bindings =
      Bindings::kAlways;  // counts only where the application gives bindings
  Mic require_mic = Mic::kAuto;
  Target target_name = Target::kIfPresent;
  std::vector<std::string>
      accepted_targets;  // SPNs; empty: nothing to compare with (kRequired: our own names)
  bool allow_anonymous = false;
  bool allow_datagram = false;
  bool require_128 = true;    // and ESS, where SIGN or SEAL is agreed
  bool require_sign = false;  // of the acceptor's peers
  bool require_seal = false;
  std::uint32_t challenge_max_age = 300;   // seconds from CHALLENGE to AUTHENTICATE
  std::uint32_t max_lifetime = 36 * 3600;  // seconds between the issued and the peer's timestamp
  std::uint32_t context_lifetime =
      36 * 3600;  // seconds that gss_context_time answers after COMPLETE; 0: no end
  bool allow_blank_passwords = false;
  bool nil_domain_retry = true;
  Receive receive_ntlm = Receive::kAllow;
  Send send_ntlm = Send::kAudit;
  std::vector<std::string> send_to;  // host or *.domain; empty: all, unless kDeny
  bool refuse_reflection = false;
  std::vector<std::string> deny_users;     // upper-cased
  std::vector<std::string> deny_domains;   // upper-cased
  std::vector<std::string> allow_domains;  // upper-cased; empty: all
  bool ntlm_in_fips = false;
  std::uint32_t lockout_threshold = 10;  // failures in lockout_window; 0: off
  std::uint32_t lockout_window = 600;    // seconds
  std::uint32_t lockout_duration = 600;  // seconds
  std::uint32_t lockout_delay = 32;      // seconds at most, of one source; 0: none

  // Read once, when a credential is made. The values of the profiles stand in base/config.cpp.
  static Policy from(const Config& config);
  static Policy hardened() { return from(Config("hardened")); }
  static Policy compat() { return from(Config("compat")); }

  bool operator==(const Policy&) const = default;
};

// What one context's caller changes (include/gssapi_ntlm.h GSS_NTLM_ACCEPT_*), by
// gss_set_sec_context_option.
struct AcceptOptions {
  bool missing_bindings_pass = false;
  bool any_bindings_pass = false;
  bool require_sign = false;
  bool require_seal = false;
  bool no_anonymous = false;
  bool machine_accounts = false;
};
// The order in which they travel.
inline constexpr std::array kAcceptOptions = {
    &AcceptOptions::missing_bindings_pass, &AcceptOptions::any_bindings_pass,
    &AcceptOptions::require_sign,          &AcceptOptions::require_seal,
    &AcceptOptions::no_anonymous,          &AcceptOptions::machine_accounts};

// What this configuration allows beyond the defaults, one sentence each, as "min_version = v1
// (/etc/gss/ntlm.conf)": for the audit record policy-loosened and for `ntlmctl config`. Empty:
// nothing.
std::vector<std::string> loosened(const Config& config);

}  // namespace ntlm::protocol
