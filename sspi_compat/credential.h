// SPDX-License-Identifier: MIT
// A credential: one GSS credential for each direction. The client's is acquired at
// AcquireCredentialsHandle where it can be, and again at the first InitializeSecurityContext where
// it could not: that is where Windows complains.
#pragma once

#include <gssapi/gssapi.h>

#include <memory>
#include <mutex>
#include <string>

#include "sspi_compat/gss_objects.h"
#include "sspi_compat/identity.h"
#include "sspi_compat/mechanism.h"
#include "sspi_compat/registry.h"

namespace sspi {

struct ReleaseCredential {
  void operator()(gss_cred_id_t credential) const noexcept;
};
using GssCredential = std::unique_ptr<gss_cred_id_struct, ReleaseCredential>;

class Credential {
 public:
  Credential(const Package& package, ULONG use, Identity identity, std::string principal);

  // Acquires what can be acquired now.
  SECURITY_STATUS open();

  bool inbound() const { return (use_ & SECPKG_CRED_INBOUND) != 0; }
  bool outbound() const { return (use_ & SECPKG_CRED_OUTBOUND) != 0; }
  const Package& package() const { return package_; }
  gss_cred_id_t acceptor() const { return acceptor_.get(); }
  // SEC_E_NO_CREDENTIALS and kin when there is nothing to authenticate with. anonymous: nobody's,
  // for a null session.
  SECURITY_STATUS initiator(gss_cred_id_t* credential);
  SECURITY_STATUS anonymous(gss_cred_id_t* credential);
  // The mechanism that a client's first leg asks for: the package's, or NTLM where Negotiate is to
  // send it raw.
  gss_OID initial_mechanism() const { return initial_mechanism_; }
  // UTF-8; empty when there is none.
  std::string name();

 private:
  SECURITY_STATUS choose_mechanisms();
  SECURITY_STATUS acquire_acceptor();
  SECURITY_STATUS acquire_initiator(GssCredential& result);
  // One of the two that are had late: what is kept, or else acquired now and kept.
  template <typename Acquire>
  SECURITY_STATUS late(GssCredential& kept, gss_cred_id_t* credential, Acquire&& acquire);
  SECURITY_STATUS acquire_by_name(const std::string& text, gss_OID type, gss_cred_usage_t usage,
                                  GssCredential& result);
  SECURITY_STATUS restrict(gss_cred_id_t credential) const;

  const Package& package_;
  const ULONG use_;
  const Identity identity_;
  const std::string principal_;
  gss_OID initial_mechanism_;
  bool krb5_allowed_ = true;
  bool ntlm_allowed_ = true;
  GssCredential acceptor_;
  std::mutex mutex_;  // of the two that are had late; never held while one is acquired
  GssCredential initiator_;
  GssCredential anonymous_;
};

Registry<std::shared_ptr<Credential>>& credential_handles();

// What a caller's handle stands for; null when it is not a live credential.
std::shared_ptr<Credential> credential_of(const SecHandle* handle);

}  // namespace sspi
