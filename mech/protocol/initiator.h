// SPDX-License-Identifier: MIT
// The initiator's half of NTLM ([MS-NLMP] 3.1.5) as a state machine without I/O.
//
//   state            token         checks                                  next
//   Start            none          -                                       ExpectChallenge
//                    (3.1.5.1.1)
//   ExpectChallenge  CHALLENGE     structure, flags that the policy        Established
//                    (3.1.5.1.2)   requires
//   Established      any           none: an error                          Failed
//   Failed           any           none: kDeadContext                      Failed
//
// Never refuses because of an MsvAvTargetName in CHALLENGE. Sends a MIC whenever CHALLENGE has a
// timestamp.
#pragma once

#include <memory>
#include <variant>

#include "protocol/environment.h"
#include "protocol/logon.h"
#include "protocol/session.h"
#include "wire/messages.h"

namespace ntlm::protocol {

struct InitiatorRequest {
  bool sign = false;  // INTEG, REPLAY or SEQUENCE was asked, or implied
  bool seal = false;
  bool identify = false;
  bool anonymous = false;
  bool untrusted_target = false;  // sets MsvAvFlags bit 4
  bool datagram = false;
  wire::NegotiateFlags offered =
      0;                    // replaces the flags to offer when not 0 (GSS_NTLMSSP_NEG_FLAGS_OID)
  std::string target;       // SPN for MsvAvTargetName; may be empty
  std::string workstation;  // NetBIOS name of this host; may be empty
  bool target_is_here = false;  // the target is this host, by whichever of its names
};

class Initiator {
 public:
  Initiator(Policy policy, std::shared_ptr<const Responder> responder, InitiatorRequest request,
            Clock& clock, Random& random);

  struct Step {
    Bytes token;
    bool complete = false;
  };
  // The first call has an empty token. bindings: null when the application gave none.
  Result<Step> step(ByteView token, const crypto::ChannelBindings* bindings);

  struct Established {
    Session session;
    std::uint64_t since_boot;
    bool mic_sent = false;
    Bytes target_info;  // the server's AV pairs
    bool bindings_sent = false;
  };
  Established* established() { return std::get_if<Established>(&state_); }
  const Established* established() const { return std::get_if<Established>(&state_); }
  bool failed() const { return std::holds_alternative<Failed>(state_); }
  void abandon() { state_ = Failed{}; }
  const InitiatorRequest& request() const { return request_; }
  // Between the legs: whoever named the target is not to be believed.
  void distrust_target() { request_.untrusted_target = true; }
  const std::shared_ptr<const Responder>& responder() const { return responder_; }

  // Complete contexts, and half-made ones whose responder is found again by the importer (P17).
  // kIncompleteContext for one that cannot be saved, kNotExportable (session.h).
  Result<void> save(SecretWriter& writer) const;
  static Result<Initiator> restore(Reader& reader, Policy policy,
                                   std::shared_ptr<const Responder> responder, Clock& clock,
                                   Random& random);

 private:
  struct Start {};
  struct ExpectChallenge {
    Bytes negotiate;
    wire::NegotiateFlags offered;
  };
  struct Failed {};

  struct Answer;
  struct Keys {
    crypto::ExportedSessionKey exported;
    std::optional<std::array<std::uint8_t, 16>> encrypted;  // with KEY_EXCH
  };

  Result<Step> on_start();
  Result<Step> on_challenge(const ExpectChallenge& state, ByteView token,
                            const crypto::ChannelBindings* bindings);
  Result<Answer> read_challenge(const ExpectChallenge& state, ByteView token,
                                const crypto::ChannelBindings* bindings);
  Result<void> write_av_pairs(Answer& answer, const crypto::ChannelBindings* bindings) const;
  Result<Keys> make_keys(const Answer& answer, const ChallengeResponse& response);
  Result<Step> answer_whole(const ExpectChallenge& state, ByteView token,
                            const crypto::ChannelBindings* bindings);

  Policy policy_;
  std::shared_ptr<const Responder> responder_;
  InitiatorRequest request_;
  Clock* clock_;
  Random* random_;
  std::variant<Start, ExpectChallenge, Established, Failed> state_;
};

}  // namespace ntlm::protocol
