// SPDX-License-Identifier: MIT
// Which user of this host a name stands for. A domain's user never becomes the local user of the
// same name by accident:
//   no domain, or a name of this host (own_domain)   the user part
//   any other domain                                 the local user "DOMAIN\user" or "user@domain",
//   when the name
//                                                    service (winbind, sssd) has one, under the
//                                                    name it gives otherwise the text
//                                                    "DOMAIN\user", which is no local user
#pragma once

#include <sys/types.h>

#include <string>

#include "abi/objects.h"

namespace ntlm::abi {

// kBadName for names that are not accounts.
Result<std::string> local_user(const NameObject& name);
// kBadName when nobody has this uid.
Result<std::string> user_of(uid_t uid);

}  // namespace ntlm::abi
