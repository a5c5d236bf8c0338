// SPDX-License-Identifier: MIT
// What the other rooms of abi ask of names; the entry points are in name.cpp, name_attributes.cpp
// and name_export.cpp.
#pragma once

#include <memory>
#include <string>

#include "abi/objects.h"

namespace ntlm::abi {

// The object of a handle; kBadName for a null one or one that is not ours.
Result<NameObject*> borrow_name(gss_name_t handle);

// The principal of a context that gss_accept_sec_context completed.
std::unique_ptr<NameObject> proven_name(const protocol::Principal& principal,
                                        const protocol::Evidence& evidence);
std::unique_ptr<NameObject> anonymous_name();
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
// service and host). read_name checks what it reads as gss_import_name would; kDefectiveExport
// otherwise.
void write_name(SecretWriter& writer, const NameObject& name);
Result<void> read_name(Reader& reader, NameObject& name);

// The token ids of RFC 2743 3.2 and RFC 6680 7.8. read_exported answers kBadName for what is no
// exported name of that form and of this mechanism.
enum class ExportForm : std::uint16_t { kPlain = 0x0401, kComposite = 0x0402 };
Result<void> read_exported(NameObject& name, ByteView token, ExportForm form);

}  // namespace ntlm::abi
