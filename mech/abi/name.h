// SPDX-License-Identifier: MIT
// What the other rooms of abi ask of names; the entry points are in name.cpp.
#pragma once

#include <memory>
#include <string>

#include "abi/objects.h"

namespace ntlm::abi {

// The principal of a context that gss_accept_sec_context completed.
std::unique_ptr<NameObject> proven_name(const protocol::Principal& principal,
                                        const protocol::Evidence& evidence);
std::unique_ptr<NameObject> account_name(const protocol::AccountName& account);

// As gss_display_name writes it: "DOM\user", "service@host", "NT AUTHORITY\ANONYMOUS LOGON"; never
// a trailing NUL.
std::string displayed(const NameObject& name, protocol::DisplayForm form);
gss_OID name_type(const NameObject& name);

}  // namespace ntlm::abi
