// SPDX-License-Identifier: MIT
// What stands behind the three opaque handles that an application holds. Each object begins with
// its own tag, which boundary.h checks before it believes a handle and which is wiped when the
// object dies. Names and credentials may be shared by threads (credentials: see the two atomics); a
// context belongs to one caller at a time. Whatever a context needs of its credential is shared by
// shared_ptr, so the credential may go first.
#pragma once

#include <atomic>
#include <memory>
#include <variant>

#include "abi/gssapi.h"
#include "abi/setup.h"
#include "protocol/acceptor.h"
#include "protocol/initiator.h"

namespace ntlm::abi {

// The first member of each object.
template <std::uint32_t kValue>
class ObjectTag {
 public:
  ~ObjectTag() { wipe(&value_, sizeof value_); }
  bool sound() const { return value_ == kValue; }

 private:
  std::uint32_t value_ = kValue;
};

struct NameObject {
  enum class Kind : std::uint8_t { kAccount, kService, kAnonymous };

  ObjectTag<0x4e4c4e61> tag;
  Kind kind = Kind::kAccount;
  protocol::AccountName account;  // kAccount
  std::string written;            // kAccount: the text that it was imported from; may be empty
  protocol::ServiceName service;  // kService
  // True only for what gss_accept_sec_context proved in this process: a name that came back from a
  // token, however well it looks, is a claim, and its attributes say so.
  bool proven = false;
  std::shared_ptr<const protocol::Attributes>
      attributes;  // of the store, or of an imported composite name
  std::shared_ptr<const protocol::Evidence> evidence;  // how it was proven; null otherwise
};

struct CredentialObject {
  ObjectTag<0x4e4c4372> tag;
  bool initiates = false;
  bool accepts = false;
  std::shared_ptr<const Setup> setup;
  std::shared_ptr<const protocol::AcceptorSetup>
      acceptor;  // null unless accepts; setup's, or one over a keyfile
  std::shared_ptr<const protocol::Responder> responder;  // null unless initiates
  std::string keyfile;                                   // of the credential store; may be empty
  // The account that initiates, or the service that accepts. An acceptor without a wanted name has
  // one made of this host's: it can be displayed and imported again.
  NameObject name;
  std::uint64_t expires_boot = 0;  // seconds since boot; 0: never
  // gssspi_set_cred_option may come while another thread starts a context.
  std::atomic<bool> no_ci_flags{false};                // no SIGN or SEAL unless asked
  std::atomic<wire::NegotiateFlags> offered_flags{0};  // 0: those of the policy
};

struct ContextObject {
  ObjectTag<0x4e4c4378> tag;
  // monostate: options were set before the first token (gss_set_sec_context_option on
  // GSS_C_NO_CONTEXT).
  std::variant<std::monostate, protocol::Acceptor, protocol::Initiator> machine;
  std::shared_ptr<const Setup> setup;
  protocol::AcceptOptions accept_options;
  OM_uint32 requested_flags = 0;  // of the initiator's caller
  OM_uint32 granted_flags = 0;    // what ret_flags said last
  bool complete = false;
  std::uint64_t expires_boot = 0;  // seconds since boot; 0: never; set when complete
  // For gss_inquire_context; source is the peer for an acceptor. Null where unknown.
  std::unique_ptr<NameObject> source;
  std::unique_ptr<NameObject> target;
  std::string service;  // the acceptor credential's name, for the audit record

  bool locally_initiated() const { return std::holds_alternative<protocol::Initiator>(machine); }
  // Null before COMPLETE and after a failure.
  protocol::Session* session();
  bool failed() const;
};

// The session of an established context; kDeadContext or kIncompleteContext otherwise.
Result<protocol::Session*> usable_session(ContextObject& context);

}  // namespace ntlm::abi
