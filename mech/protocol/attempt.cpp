// SPDX-License-Identifier: MIT
#include "protocol/attempt.h"

#include "base/reason.h"

namespace ntlm::protocol {

AuditEvent attempt(const Acceptor& acceptor, const Error* error) {
  const Evidence& evidence = acceptor.evidence();
  AuditEvent event;
  event.success = error == nullptr;
  event.reason = error == nullptr ? "ok" : audit_reason(error->code);
  event.where = error == nullptr ? "" : error->where;
  event.user = evidence.claimed.user;
  event.domain = evidence.claimed.domain;
  event.workstation = evidence.workstation;
  event.target = evidence.target;
  event.version = evidence.version_known ? version_word(evidence.version) : "";
  event.flags = evidence.flags;
  event.mic = mic_word(evidence.mic);
  event.bindings = bindings_word(evidence.bindings);
  event.store = evidence.store;
  if (error == nullptr) {
    event.key_bits = acceptor.established()->session.key_bits();
  }
  return event;
}

const char* version_word(NtlmVersion version) {
  switch (version) {
    case NtlmVersion::kV2:
      return "NTLMv2";
    case NtlmVersion::kV1:
      return "NTLMv1";
    case NtlmVersion::kV1Session:
      return "NTLM2-session";
  }
  return "";
}

const char* mic_word(MicState mic) {
  switch (mic) {
    case MicState::kAbsent:
      return "absent";
    case MicState::kVerified:
      return "verified";
    case MicState::kBad:
      return "bad";
    case MicState::kSent:
      return "sent";
  }
  return "";
}

const char* bindings_word(BindingsState bindings) {
  switch (bindings) {
    case BindingsState::kNone:
      return "none";
    case BindingsState::kMatch:
      return "match";
    case BindingsState::kAbsent:
      return "absent";
    case BindingsState::kUnasked:
      return "unasked";
    case BindingsState::kMismatch:
      return "mismatch";
  }
  return "";
}

}  // namespace ntlm::protocol
