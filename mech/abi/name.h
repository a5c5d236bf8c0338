// SPDX-License-Identifier: MIT
// What the other rooms of abi ask of names; the entry points are in name.cpp and
// name_attributes.cpp.
#pragma once

#include <memory>
#include <string>

#include "abi/objects.h"

namespace ntlm::abi {

// The principal of a context that gss_accept_sec_context completed.
std::unique_ptr<NameObject> proven_name(const protocol::Principal& principal,
                                        const protocol::Evidence& evidence);
std::unique_ptr<NameObject> account_name(const protocol::AccountName& account);
std::unique_ptr<NameObject> copy_of(const NameObject& name);

// As gss_display_name writes it: "DOM\user", "service@host", "NT AUTHORITY\ANONYMOUS LOGON"; never
// a trailing NUL.
std::string displayed(const NameObject& name, protocol::DisplayForm form);
gss_OID name_type(const NameObject& name);

// The attributes of include/gssapi_ntlm.h that this name has, except LOCAL_USER, whose answer is a
// look-up.
protocol::Attributes attributes_of(const NameObject& name);

// The content of exported names and credentials: [0] kind, then two texts (domain and user, or
// service and host), each with its length in two bytes. read_name checks what it reads as
// gss_import_name would; kDefectiveExport otherwise.
void write_name(Writer& writer, const NameObject& name);
Result<void> read_name(Reader& reader, NameObject& name);
void write_text(Writer& writer, std::string_view text);
std::string read_text(Reader& reader);

}  // namespace ntlm::abi
