// SPDX-License-Identifier: MIT
// Packages and the mechanisms beneath them.
#pragma once

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>

#include <string_view>
#include <vector>

#include "sspi/sspi.h"

namespace sspi {

gss_OID ntlm_oid();
gss_OID spnego_oid();
gss_OID krb5_oid();

bool same_oid(gss_const_OID a, gss_const_OID b);
inline bool is_ntlm(gss_const_OID oid) { return same_oid(oid, ntlm_oid()); }
inline bool is_spnego(gss_const_OID oid) { return same_oid(oid, spnego_oid()); }

// The minor status of the thread's last failed call in the NTLM mechanism, once; 0 when there is
// none. The mechglue renumbers minors that come through SPNEGO, so that they cannot be read there.
OM_uint32 take_last_ntlm_minor();
// Before a call of this mechanism that may ask it: what failed until now is not that call's.
inline void forget_ntlm_minor(gss_const_OID mechanism) {
  if (is_spnego(mechanism)) {
    take_last_ntlm_minor();
  }
}

struct Package {
  const char* name;
  const char* comment;
  ULONG capabilities;
  USHORT rpc_id;
  ULONG max_token;  // bytes
  gss_OID (*mechanism)();
};

extern const Package kNtlm;
extern const Package kNegotiate;
extern const Package kKerberos;

// By name, case ignored; null when there is none, or the mechglue lacks its mechanism.
const Package* find_package(std::string_view name);
std::vector<const Package*> available_packages();
// By the mechanism that a context came to speak; never null.
const Package& package_of(gss_const_OID mechanism, const Package& asked);

}  // namespace sspi
