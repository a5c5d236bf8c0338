// SPDX-License-Identifier: MIT
#include "abi/name.h"

#include <charconv>

#include "abi/boundary.h"
#include "abi/local_user.h"
#include "abi/mechanism.h"
#include "base/text.h"

namespace ntlm::abi {
namespace {

using Kind = NameObject::Kind;

// As Windows shows it; its SID is S-1-5-7.
constexpr const char* kAnonymousText = "NT AUTHORITY\\ANONYMOUS LOGON";

// Lengths that count a terminating NUL are common enough to be read as meant.
std::string_view without_nul(std::string_view text) {
  if (text.ends_with('\0')) {
    text.remove_suffix(1);
  }
  return text;
}

Result<void> set_account(NameObject& name, std::string_view text, bool split_upn) {
  name.kind = Kind::kAccount;
  name.written = without_nul(text);
  TRY(name.account, protocol::parse_account(name.written, split_upn));
  return {};
}

Result<void> set_service(NameObject& name, std::string_view text) {
  name.kind = Kind::kService;
  TRY(name.service, protocol::parse_service(text));
  return {};
}

// "user@REALM", or "service/host@REALM", whose realm NTLM has no use for.
Result<void> set_krb5_principal(NameObject& name, std::string_view text) {
  text = without_nul(text);
  if (text.find('/') == std::string_view::npos) {
    return set_account(name, text, true);
  }
  return set_service(name, text.substr(0, text.rfind('@')));
}

Result<void> set_uid(NameObject& name, uid_t uid) {
  TRY(const std::string user, user_of(uid));
  return set_account(name, user, true);  // winbind and sssd name users of a domain with it
}

Result<void> set_uid_text(NameObject& name, std::string_view text) {
  text = without_nul(text);
  uid_t uid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
  if (error != std::errc() || end != text.data() + text.size()) {
    return fail(Errc::kBadName, "uid");
  }
  return set_uid(name, uid);
}

Result<void> set_uid_bytes(NameObject& name, ByteView bytes) {
  uid_t uid = 0;
  if (bytes.size() != sizeof uid) {
    return fail(Errc::kBadName, "uid");
  }
  std::memcpy(&uid, bytes.data(), sizeof uid);
  return set_uid(name, uid);
}

Status import_name(const gss_buffer_desc* buffer, const gss_OID_desc* type, gss_name_t* output) {
  if (buffer == nullptr || output == nullptr) {
    return GSS_S_FAILURE | GSS_S_CALL_INACCESSIBLE_READ;
  }
  const ByteView bytes = bytes_of(buffer);
  const std::string_view text = text_of(buffer);
  auto name = std::make_unique<NameObject>();
  const auto is = [&](const gss_OID_desc* one) { return same_oid(type, one); };
  Result<void> result;
  if (type == GSS_C_NO_OID || type->length == 0 || is(GSS_C_NT_USER_NAME)) {
    result = set_account(*name, text, true);
  } else if (is(GSS_C_NT_HOSTBASED_SERVICE) || is(GSS_C_NT_HOSTBASED_SERVICE_X)) {
    result = set_service(*name, text);
  } else if (is(GSS_KRB5_NT_ENTERPRISE_NAME)) {
    result = set_account(*name, text, false);
  } else if (is(GSS_KRB5_NT_PRINCIPAL_NAME)) {
    result = set_krb5_principal(*name, text);
  } else if (is(GSS_C_NT_MACHINE_UID_NAME)) {
    result = set_uid_bytes(*name, bytes);
  } else if (is(GSS_C_NT_STRING_UID_NAME)) {
    result = set_uid_text(*name, text);
  } else if (is(GSS_C_NT_ANONYMOUS)) {
    name->kind = Kind::kAnonymous;
  } else if (is(GSS_C_NT_EXPORT_NAME)) {
    result = read_exported(*name, bytes, ExportForm::kPlain);
  } else if (is(GSS_C_NT_COMPOSITE_EXPORT)) {
    result = read_exported(*name, bytes, ExportForm::kComposite);
  } else {
    return with_major(GSS_S_BAD_NAMETYPE, Errc::kBadName);
  }
  TRY_VOID(result);
  *output = lend<gss_name_struct>(std::move(name));
  return {};
}

bool same_name(const NameObject& a, const NameObject& b) {
  if (a.kind != b.kind) {
    return false;
  }
  switch (a.kind) {
    case Kind::kAccount:
      return equal_ignoring_case(a.account.user, b.account.user) &&
             equal_ignoring_case(a.account.domain, b.account.domain);
    case Kind::kService:
      return equal_ignoring_case(a.service.service, b.service.service) &&
             equal_ignoring_case(a.service.host, b.service.host);
    case Kind::kAnonymous:
      return false;  // RFC 2743 2.4.3: nobody is nobody else
  }
  return false;
}

}  // namespace

Result<NameObject*> borrow_name(gss_name_t handle) {
  auto* name = borrow<NameObject>(handle);
  return name != nullptr ? Result<NameObject*>(name) : fail(Errc::kBadName, "name");
}

std::unique_ptr<NameObject> copy_of(const NameObject& name) {
  return std::make_unique<NameObject>(name);
}

std::unique_ptr<NameObject> anonymous_name() {
  auto name = std::make_unique<NameObject>();
  name->kind = Kind::kAnonymous;
  return name;
}

std::unique_ptr<NameObject> account_name(const protocol::AccountName& account) {
  auto name = std::make_unique<NameObject>();
  name->account = account;
  return name;
}

std::unique_ptr<NameObject> proven_name(const protocol::Principal& principal,
                                        const protocol::Evidence& evidence) {
  auto name = account_name(principal.account);
  if (principal.anonymous) {
    name->kind = Kind::kAnonymous;
  }
  name->proven = true;
  name->attributes = principal.attributes;
  name->evidence = std::make_shared<const protocol::Evidence>(evidence);
  return name;
}

std::string displayed(const NameObject& name, protocol::DisplayForm form) {
  switch (name.kind) {
    case Kind::kAccount:
      return protocol::display(name.account, form);
    case Kind::kService:
      return name.service.host.empty() ? name.service.service
                                       : name.service.service + '@' + name.service.host;
    case Kind::kAnonymous:
      return kAnonymousText;
  }
  return {};
}

gss_OID name_type(const NameObject& name) {
  switch (name.kind) {
    case Kind::kAccount:
      return GSS_C_NT_USER_NAME;
    case Kind::kService:
      return GSS_C_NT_HOSTBASED_SERVICE;
    case Kind::kAnonymous:
      return GSS_C_NT_ANONYMOUS;
  }
  return GSS_C_NO_OID;
}

}  // namespace ntlm::abi

using namespace ntlm;
using namespace ntlm::abi;

extern "C" {

OM_uint32 gss_import_name(OM_uint32* minor_status, gss_buffer_t input_name_buffer,
                          gss_OID input_name_type, gss_name_t* output_name) {
  clear(output_name);
  return guard(minor_status,
               [&] { return import_name(input_name_buffer, input_name_type, output_name); });
}

OM_uint32 gssspi_import_name_by_mech(OM_uint32* minor_status, gss_OID mech_type,
                                     gss_buffer_t input_name_buffer, gss_OID input_name_type,
                                     gss_name_t* output_name) {
  clear(output_name);
  return guard(minor_status, [&]() -> Status {
    if (mech_type != GSS_C_NO_OID && !same_oid(mech_type, mechanism_oid())) {
      return GSS_S_BAD_MECH;
    }
    return import_name(input_name_buffer, input_name_type, output_name);
  });
}

OM_uint32 gss_display_name(OM_uint32* minor_status, gss_name_t input_name,
                           gss_buffer_t output_name_buffer, gss_OID* output_name_type) {
  clear(output_name_buffer, output_name_type);
  return guard(minor_status, [&]() -> Status {
    TRY(const auto* name, borrow_name(input_name));
    TRY(auto out, OutputBuffer::copy(std::string_view(displayed(*name, display_form()))));
    std::move(out).give(output_name_buffer);
    set(output_name_type, name_type(*name));
    return {};
  });
}

// RFC 6680 7.2: only in the form that the name is of; anything else would be invented.
OM_uint32 gss_display_name_ext(OM_uint32* minor_status, gss_name_t input_name,
                               gss_OID display_as_name_type, gss_buffer_t display_name) {
  clear(display_name);
  return guard(minor_status, [&]() -> Status {
    TRY(const auto* name, borrow_name(input_name));
    if (!same_oid(display_as_name_type, name_type(*name))) {
      return GSS_S_UNAVAILABLE;
    }
    TRY(auto out, OutputBuffer::copy(std::string_view(displayed(*name, display_form()))));
    std::move(out).give(display_name);
    return {};
  });
}

OM_uint32 gss_compare_name(OM_uint32* minor_status, gss_name_t name1, gss_name_t name2,
                           int* name_equal) {
  clear(name_equal);
  return guard(minor_status, [&]() -> Status {
    TRY(const auto* a, borrow_name(name1));
    TRY(const auto* b, borrow_name(name2));
    set(name_equal, same_name(*a, *b) ? 1 : 0);
    return {};
  });
}

OM_uint32 gss_duplicate_name(OM_uint32* minor_status, gss_name_t input_name,
                             gss_name_t* dest_name) {
  clear(dest_name);
  return guard(minor_status, [&]() -> Status {
    TRY(const auto* name, borrow_name(input_name));
    if (dest_name == nullptr) {
      return Error{Errc::kBadArgument, "dest_name"};
    }
    *dest_name = lend<gss_name_struct>(copy_of(*name));
    return {};
  });
}

OM_uint32 gss_release_name(OM_uint32* minor_status, gss_name_t* input_name) {
  return guard(minor_status, [&]() -> Status {
    if (input_name == nullptr || *input_name == GSS_C_NO_NAME) {
      return {};
    }
    TRY(auto* name, borrow_name(*input_name));
    delete name;
    *input_name = GSS_C_NO_NAME;
    return {};
  });
}

OM_uint32 gss_localname(OM_uint32* minor_status, gss_name_t input_name, gss_const_OID mech_type,
                        gss_buffer_t localname) {
  clear(localname);
  return guard(minor_status, [&]() -> Status {
    TRY(const auto* name, borrow_name(input_name));
    if (mech_type != GSS_C_NO_OID && !same_oid(mech_type, mechanism_oid())) {
      return GSS_S_BAD_MECH;
    }
    if (name->kind != Kind::kAccount) {
      return GSS_S_UNAVAILABLE;
    }
    TRY(const std::string user, local_user(*name));
    TRY(auto out, OutputBuffer::copy(std::string_view(user)));
    std::move(out).give(localname);
    return {};
  });
}

// Whether this name may act as that local user: when gss_localname says so, and only then.
OM_uint32 gssspi_authorize_localname(OM_uint32* minor_status, gss_name_t input_name,
                                     gss_const_buffer_t local_user_name,
                                     gss_const_OID local_name_type) {
  return guard(minor_status, [&]() -> Status {
    TRY(const auto* name, borrow_name(input_name));
    if (local_name_type != GSS_C_NO_OID && !same_oid(local_name_type, GSS_C_NT_USER_NAME)) {
      return with_major(GSS_S_BAD_NAMETYPE, Errc::kBadName);
    }
    if (name->kind != Kind::kAccount) {
      return GSS_S_UNAUTHORIZED;
    }
    TRY(const std::string user, local_user(*name));
    return user == text_of(local_user_name) ? GSS_S_COMPLETE : GSS_S_UNAUTHORIZED;
  });
}

}  // extern "C"
