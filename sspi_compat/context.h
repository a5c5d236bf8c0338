// SPDX-License-Identifier: MIT
// A context: the GSS context, what was asked of it, and what it has become.
//
//   state        comes from                 admits
//   Challenged   a leg that wants another   the next leg, Delete, SIZES, FLAGS, PACKAGE_INFO,
//                                           NEGOTIATION_INFO
//   Open         the last leg, Import       everything but a leg (SEC_E_OUT_OF_SEQUENCE)
//   Dead         a failed leg, DELETE_OLD   Delete, Revert; everything else is SEC_E_INVALID_HANDLE
//
// Whoever looks a context up says what it holds of it (registry.h): its sending or its receiving,
// so that one thread may encrypt while another decrypts; a leg, an export and what looks at the
// whole context hold both. Where both directions share one key (NTLM without extended session
// security) or the mechanism does not promise more (Kerberos), receiving holds both too.
#pragma once

#include <gssapi/gssapi.h>

#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "sspi_compat/credential.h"
#include "sspi_compat/registry.h"
#include "sspi_compat/time_stamp.h"

namespace sspi {

class Context {
 public:
  enum class State { kChallenged, kOpen, kDead };

  Context(const Package& asked, bool is_initiator) : package(asked), initiator(is_initiator) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  // After the last leg, or an import: what was agreed. mechanism: the one that is spoken.
  // lifetime: seconds from now, or GSS_C_INDEFINITE.
  void opened(gss_const_OID mechanism, OM_uint32 granted, OM_uint32 lifetime);
  // A failure that no later call may follow; keys are gone.
  void kill();

  // Which names on the wire: flags of the NTLM exchange ([MS-NLMP] 2.2.2.5); 0 for other
  // mechanisms.
  bool is_ntlm() const { return ntlm_; }
  bool signs() const { return (granted & GSS_C_INTEG_FLAG) != 0; }
  bool seals() const { return (granted & GSS_C_CONF_FLAG) != 0; }
  // Asked for when it is first needed, which a context that only authenticates never does: by whom
  // holds sending, or receiving after open_context() has asked.
  bool extended_security();

  const Package& package;  // the one that was asked for
  const bool initiator;
  // Below: written by whom holds both directions; read by whom holds any of them once Open.
  State state = State::kChallenged;
  gss_ctx_id_t gss = GSS_C_NO_CONTEXT;
  const Package* spoken = nullptr;  // package of the mechanism that is spoken
  gss_OID mechanism = GSS_C_NO_OID;
  OM_uint32 granted = 0;     // GSS ret_flags
  ULONG required = 0;        // ISC_REQ_ of the first leg, or ASC_REQ_ of the last
  ULONG returned = 0;        // pfContextAttr of the last leg
  std::string target;        // initiator: as the caller wrote it, or an import found it
  Name target_name;          // the same for GSS, until the context is Open
  std::string bindings;      // SECBUFFER_CHANNEL_BINDINGS of the last leg that had any; until Open
  std::int64_t started = 0;  // seconds since 1970
  TimeStamp ends = never();  // kept, since GSS tells how long is left, and nothing after the end
  std::shared_ptr<Credential> credential;  // for further legs: no longer than they may come
  SecHandle token{};                       // acceptor: for SECPKG_ATTR_ACCESS_TOKEN, made on demand

 private:
  bool ntlm_ = false;
  std::optional<bool> extended_security_;  // written by whom holds sending
};

using Contexts = Registry<Context>;
static_assert(std::is_trivially_destructible_v<Contexts>);
inline Contexts& contexts() {
  static constinit Contexts registry;
  return registry;
}

// A context that is not Dead, with both directions held: what it may be asked then is up to the
// call.
inline Contexts::Borrowed live_context(const SecHandle* handle) {
  auto context = contexts().find(handle, Hold::kBoth);
  if (context && context->state == Context::State::kDead) {
    context.give_back();
  }
  return context;
}
// For a call that has nothing to ask of it.
inline SECURITY_STATUS if_live(const SecHandle* handle, SECURITY_STATUS status) {
  return live_context(handle) ? status : SEC_E_INVALID_HANDLE;
}

// How every call on messages begins: an Open context and what is held of it. Nothing when the
// handle is not one, or its context is not Open: SEC_E_INVALID_HANDLE.
inline Contexts::Borrowed open_context(const SecHandle* handle, Hold hold) {
  auto context = contexts().find(handle, hold);
  if (context && context->state != Context::State::kOpen) {
    context.give_back();
  } else if (context && hold == Hold::kReceiving && context.holds_both() &&
             context->extended_security()) {
    context.part_directions();
  }
  return context;
}

}  // namespace sspi
