// SPDX-License-Identifier: MIT
// An initiator without a password: winbindd keeps what the user logged on with (pam_winbind, or
// `wbinfo --ccache-save`) and makes the whole AUTHENTICATE itself. It puts neither channel bindings
// nor the SEAL flag into it, and serves an account only to the user who saved it, and to root.
#pragma once

#include "protocol/logon.h"
#include "store/winbind.h"

namespace ntlm::store {

// `wanted`, in winbindd's own domain if it names none; without a user the account of this process'
// user. kNoCredential: winbindd does not run, knows no such account, or has nothing saved for it.
Result<std::shared_ptr<const protocol::Responder>> winbind_responder(
    const WinbindSettings& settings, const protocol::AccountName& wanted);

}  // namespace ntlm::store
