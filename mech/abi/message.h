// SPDX-License-Identifier: MIT
// What gss_wrap and gss_wrap_iov have in common. A wrap token is the signature of 16 bytes, then
// the message, sealed or not ([MS-NLMP] 3.4.4, 3.4.5); a MIC token is the signature alone.
#pragma once

#include "abi/objects.h"
#include "abi/status.h"

namespace ntlm::abi {

// The session that a message call is for: kBadArgument with GSS_S_NO_CONTEXT for a foreign handle.
Result<protocol::Session*> session_behind(gss_ctx_id_t handle);

// Whether this message is sealed on its way out: as its sender asks, always towards LDAP. Where
// neither signing nor sealing was agreed, Session decides: it refuses, unless it was told to allow
// that (sspi_compat).
bool will_seal(const protocol::Session& session, int conf_req_flag);

// Protects the pieces in place or from in to out; those that seal does not apply to are only
// signed, and copied where they have another out.
Result<void> protect(protocol::Session& session, std::span<protocol::Piece> pieces, bool sealed,
                     protocol::Session::Signature signature);
// The reverse. Whether the message came sealed; the outputs hold plaintext only on success.
Result<bool> unprotect(protocol::Session& session, std::span<protocol::Piece> pieces,
                       ByteView signature);

}  // namespace ntlm::abi
