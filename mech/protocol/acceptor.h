// SPDX-License-Identifier: MIT
// The acceptor's half of NTLM ([MS-NLMP] 3.2.5) as a state machine without I/O. All of
// security.md's R1-R50 run here, in their order, or in the rooms that this one calls.
//
//   state               token         checks                               next
//   ExpectNegotiate     NEGOTIATE     structure, charset, flags that       ExpectAuthenticate
//                       (3.2.5.1.1)   policy requires
//   ExpectAuthenticate  AUTHENTICATE  structure, flags, version, echo,     Established
//                       (3.2.5.1.2)   age; proof; MIC; bindings, target;
//                                     account; keys
//   ExpectVerdict       AUTHENTICATE  all of them, by the authority        Established
//   ExpectLogon         the verdict of a verifier that was asked apart;    Established
//                       the rest of ExpectAuthenticate's
//   Established         any           none: an error                       Failed
//   Failed              any           none: kDeadContext                   Failed
//
// With an Authority (another process that plays this part), NEGOTIATE leads to ExpectVerdict.
// Any error leads to Failed: the challenge is gone and no second response is looked at.
// Not thread-safe; what it shares (AcceptorSetup) is immutable.
#pragma once

#include <memory>
#include <optional>
#include <variant>

#include "protocol/authority.h"
#include "protocol/environment.h"
#include "protocol/logon.h"
#include "protocol/session.h"
#include "wire/messages.h"

namespace ntlm::protocol {

// What all acceptors of a process have in common; made once per configuration.
struct AcceptorSetup {
  AcceptorSetup(Policy allowed, HostNames host, std::shared_ptr<const Verifier> who);
  AcceptorSetup(Policy allowed, HostNames host, std::shared_ptr<const Authority> elsewhere);

  Policy policy;
  HostNames names;
  // One of the two is null.
  std::shared_ptr<const Verifier> verifier;
  std::shared_ptr<const Authority> authority;
  // Made once: AV pairs of CHALLENGE up to the timestamp, and the target name.
  Bytes target_info_names;
  Bytes target_name_utf16le;
  bool target_is_domain = false;
};

enum class BindingsState : std::uint8_t { kNone, kMatch, kAbsent, kUnasked, kMismatch };
// kSent: not looked at, since the logon had failed before.
enum class MicState : std::uint8_t { kAbsent, kVerified, kBad, kSent };

// What the peer claimed and what was found of it, as far as the exchange came: for the audit record
// and attributes.
struct Evidence {
  AccountName claimed;
  std::string workstation;
  std::string target;
  NtlmVersion version = NtlmVersion::kV2;
  bool version_known = false;
  wire::NegotiateFlags flags = 0;
  MicState mic = MicState::kAbsent;
  BindingsState bindings = BindingsState::kNone;
  const char* store = "";
};

struct Established {
  Session session;
  Principal principal;
  std::uint64_t since_boot;  // seconds, when it was established
  bool identify_only = false;
};

class Acceptor {
 public:
  Acceptor(std::shared_ptr<const AcceptorSetup> setup, Clock& clock, Random& random);

  void set_options(AcceptOptions options) { options_ = options; }
  const AcceptOptions& options() const { return options_; }
  // The acceptor credential's name, for the authority.
  void set_service(std::string service) { service_ = std::move(service); }

  struct Step {
    Bytes token;  // to send; empty on the last leg
    bool complete = false;
  };
  // bindings: null when the application gave none.
  Result<Step> step(ByteView token, const crypto::ChannelBindings* bindings);
  // step() for AUTHENTICATE in two halves, for whoever serves others while a verifier takes its
  // time. The question views the acceptor and the bindings, and what follows the token, which stays
  // where it is until settle(). Nothing: there was nothing to ask, and the acceptor is established.
  Result<std::optional<LogonRequest>> ask(ByteView token, const crypto::ChannelBindings* bindings);
  Result<Step> settle(Result<LogonResult> verdict);

  Established* established() { return std::get_if<Established>(&state_); }
  const Established* established() const { return std::get_if<Established>(&state_); }
  bool failed() const { return std::holds_alternative<Failed>(state_); }
  void abandon() { state_ = Failed{}; }
  // True where another has to speak first, an authority or a verifier: it cannot be saved.
  bool awaits_verdict() const {
    return std::holds_alternative<ExpectVerdict>(state_) ||
           std::holds_alternative<ExpectLogon>(state_);
  }
  // True when the authority has answered, and so has written the audit record of this attempt.
  bool recorded_elsewhere() const { return recorded_elsewhere_; }
  const Evidence& evidence() const { return evidence_; }
  const Policy& policy() const { return setup_->policy; }
  const std::shared_ptr<const AcceptorSetup>& setup() const { return setup_; }
  // The AV pairs of CHALLENGE; empty once established.
  ByteView target_info() const;

  // A half-made or complete context on its way to another process (P17). kIncompleteContext for
  // one that cannot be saved, kNotExportable (session.h).
  Result<void> save(SecretWriter& writer) const;
  static Result<Acceptor> restore(Reader& reader, std::shared_ptr<const AcceptorSetup> setup,
                                  Clock& clock, Random& random);

 private:
  struct ExpectNegotiate {};
  struct ExpectAuthenticate {
    crypto::ServerChallenge server_challenge;
    wire::NegotiateFlags offered;      // flags of CHALLENGE
    std::uint64_t timestamp;           // of CHALLENGE
    std::uint64_t issued_boot;         // seconds since boot
    Bytes negotiate;                   // as received, for the MIC
    Bytes challenge;                   // as sent
    std::uint32_t target_info_offset;  // into challenge
    std::uint32_t target_info_size;
  };
  struct ExpectVerdict {
    std::unique_ptr<Authority::Exchange> exchange;
    Bytes challenge;  // as sent
  };
  struct Claim;
  struct Asked;
  struct ExpectLogon {
    std::shared_ptr<const Asked> asked;  // shared with nobody: its type is not known here
  };
  struct Failed {};

  Result<void> check_features(wire::NegotiateFlags flags) const;
  Result<Step> on_negotiate(ByteView token);
  Result<Step> ask_authority(ByteView negotiate);
  Result<Step> on_verdict(ExpectVerdict& state, ByteView authenticate,
                          const crypto::ChannelBindings* bindings);
  Result<Step> on_authenticate(const ExpectAuthenticate& state, ByteView token,
                               const crypto::ChannelBindings* bindings);
  Result<Claim> read_claim(const ExpectAuthenticate& state, ByteView token);
  LogonRequest question(const ExpectAuthenticate& state, const Claim& claim,
                        const crypto::ChannelBindings* bindings) const;
  Result<Step> on_logon(const ExpectAuthenticate& state, ByteView token, const Claim& claim,
                        LogonResult logon);
  Result<void> read_client_challenge(const ExpectAuthenticate& state, Claim& claim);
  Result<crypto::ExportedSessionKey> exported_key(const ExpectAuthenticate& state,
                                                  const Claim& claim,
                                                  const LogonResult& logon) const;
  Result<void> verify_mic(const ExpectAuthenticate& state, ByteView token, const Claim& claim,
                          const crypto::ExportedSessionKey& key);
  void compare_bindings(Claim& claim, const crypto::ChannelBindings* bindings);
  Result<void> check_bindings(const Claim& claim) const;
  Result<Step> establish_anonymous(const Claim& claim);

  std::shared_ptr<const AcceptorSetup> setup_;
  Clock* clock_;
  Random* random_;
  AcceptOptions options_;
  std::string service_;
  Evidence evidence_;
  bool recorded_elsewhere_ = false;
  std::variant<ExpectNegotiate, ExpectAuthenticate, ExpectVerdict, ExpectLogon, Established, Failed>
      state_;
};

}  // namespace ntlm::protocol
