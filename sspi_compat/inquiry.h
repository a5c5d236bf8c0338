// SPDX-License-Identifier: MIT
// What a GSS context can be asked and told beyond RFC 2744, for the rooms that need it. The caller
// holds a lock of the context. Nothing known is an empty answer.
#pragma once

#include <gssapi/gssapi.h>

#include <string>
#include <vector>

#include "sspi_compat/context.h"
#include "sspi_compat/text.h"

namespace sspi {

// The first buffer that gss_inquire_sec_context_by_oid answers; oid in DER, without its tag.
SecretText inquire(const Context& context, std::string_view oid);
// The session key, and the encryption type of Kerberos that comes with it (0 elsewhere).
SecretText session_key(const Context& context, int* encryption_type);
// NTLM: the flags of the exchange; 0 for other mechanisms.
ULONG negotiated_flags(const Context& context);

// The client as the context knows it.
Name client_name(const Context& context);
// The service that the client meant, as text; empty when it named none.
std::string target_name(const Context& context);
// A name's text: NTLM's is "DOMAIN\user", or "user" where the account has no domain.
std::string display(gss_name_t name);
// Values of a name attribute (GSS_NTLM_ATTR_...).
std::vector<std::string> attribute_values(gss_name_t name, std::string_view attribute);

// Tells NTLM what fContextReq changes of its policy for this context.
void set_acceptor_options(Context& context);
void set_initiator_options(Context& context);
// Both directions begin anew (RESET_NEW). false: the mechanism cannot.
bool reset_session(gss_ctx_id_t context);
// Lets an NTLM context without extended session security encrypt though it was not agreed. false:
// it may not.
bool allow_legacy_sealing(Context& context);

}  // namespace sspi
