// SPDX-License-Identifier: MIT
// A context: the GSS context, what was asked of it, and what it has become.
//
//   state        comes from                 admits
//   Challenged   a leg that wants another   the next leg, Delete, SIZES, FLAGS, PACKAGE_INFO,
//                                           NEGOTIATION_INFO
//   Open         the last leg, Import       everything but a leg (SEC_E_OUT_OF_SEQUENCE)
//   Dead         a failed leg, DELETE_OLD   Delete only; everything else is SEC_E_INVALID_HANDLE
//
// Locks: sending and receiving have their own, so that one thread may encrypt while another
// decrypts; a leg, an export and what looks at the whole context take both. Where both directions
// share one key (NTLM without extended session security) or the mechanism does not promise more
// (Kerberos), receiving takes both too.
#pragma once

#include <gssapi/gssapi.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "sspi_compat/credential.h"
#include "sspi_compat/registry.h"

namespace sspi {

class Context {
 public:
  enum class State { kChallenged, kOpen, kDead };

  Context(const Package& asked, bool is_initiator) : package(asked), initiator(is_initiator) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  struct Sending {
    std::unique_lock<std::mutex> send;
  };
  struct Receiving {
    std::unique_lock<std::mutex> receive;
    std::unique_lock<std::mutex> send;
  };
  [[nodiscard]] Sending lock_sending() { return {std::unique_lock(send_)}; }
  [[nodiscard]] Receiving lock_receiving();
  [[nodiscard]] std::scoped_lock<std::mutex, std::mutex> lock() {
    return std::scoped_lock<std::mutex, std::mutex>(receive_, send_);
  }

  // After the last leg, or an import: what was agreed. mechanism: the one that is spoken.
  void opened(gss_const_OID mechanism, OM_uint32 granted);
  // A failure that no later call may follow; keys are gone.
  void kill();

  // Which names on the wire: flags of the NTLM exchange ([MS-NLMP] 2.2.2.5); 0 for other
  // mechanisms.
  bool is_ntlm() const { return ntlm_; }
  bool signs() const { return (granted & GSS_C_INTEG_FLAG) != 0; }
  bool seals() const { return (granted & GSS_C_CONF_FLAG) != 0; }
  // Asked for when it is first needed, which a context that only authenticates never does. The
  // caller holds the sending lock, or the receiving one after lock_receiving() has asked.
  bool extended_security();

  const Package& package;  // the one that was asked for
  const bool initiator;
  // Below: guarded by lock(); read under any of the locks once Open.
  State state = State::kChallenged;
  gss_ctx_id_t gss = GSS_C_NO_CONTEXT;
  const Package* spoken = nullptr;  // package of the mechanism that is spoken
  gss_OID mechanism = GSS_C_NO_OID;
  OM_uint32 granted = 0;     // GSS ret_flags
  ULONG required = 0;        // ISC_REQ_ or ASC_REQ_ of the last leg
  ULONG returned = 0;        // pfContextAttr of the last leg
  std::string target;        // initiator: as the caller wrote it
  Name target_name;          // the same for GSS, until the context is Open
  std::int64_t started = 0;  // seconds since 1970
  std::shared_ptr<Credential> credential;
  SecHandle token{};  // acceptor: for SECPKG_ATTR_ACCESS_TOKEN, made on demand

 private:
  std::mutex receive_;
  std::mutex send_;
  bool one_lock_ = true;  // guarded by receive_, written under both
  bool ntlm_ = false;
  std::optional<bool> extended_security_;  // written under send_
};

using Contexts = Registry<Context>;
Contexts& contexts();

}  // namespace sspi
