// SPDX-License-Identifier: MIT
// Names: one object for what Kerberos makes of a name and for the name as it was given, which NTLM
// needs.
#include <cstring>
#include <string>
#include <string_view>

#include "bridge/forward.h"
#include "bridge/objects.h"
#include "bridge/settings.h"
#include "gssapi_ntlm.h"

namespace ntlm::bridge {
namespace {

std::string_view text_of(const gss_buffer_desc& buffer) {
  return {static_cast<const char*>(buffer.value), buffer.length};
}

// DOMAIN\user: a backslash that escapes none of what has a meaning in a principal's name. Kerberos
// would take it for an escape all the same, and ask the KDC for another name.
bool has_domain(std::string_view name) {
  const auto slash = name.find('\\');
  return slash != std::string_view::npos && slash + 1 < name.size() &&
         std::string_view("/@\\").find(name[slash + 1]) == std::string_view::npos;
}

bool is_user_name(gss_const_OID type) { return type == nullptr || same(type, GSS_C_NT_USER_NAME); }

OM_uint32 import_name(OM_uint32* minor, gss_const_OID mechanism, gss_buffer_t text, gss_OID type,
                      gss_name_t* output) {
  clear(minor, output);
  std::unique_ptr<Name> name(new (std::nothrow) Name);
  if (name == nullptr) return no_memory(minor);
  name->spnego = same(mechanism, &kSpnego);
  OM_uint32 major = gss_import_name(minor, text, type, name->given.out());
  if (GSS_ERROR(major)) return major;
  const bool needed = InsideSpnego::now() || name->spnego;
  if (needed || !is_user_name(type) || !has_domain(text_of(*text))) {
    major = gss_canonicalize_name(minor, name->given.get(), RealMechanism(mechanism),
                                  name->canonical.out());
    // Where there is no Kerberos realm, it may still be a name for NTLM.
    if (GSS_ERROR(major) && needed) return major;
  }
  *minor = 0;
  *output = handle<gss_name_t>(std::move(name));
  return GSS_S_COMPLETE;
}

bool attribute_of(gss_name_t name, std::string_view attribute, std::string& value) {
  gss_buffer_desc wanted{attribute.size(), const_cast<char*>(attribute.data())};
  OwnedBuffer bytes;
  OwnedBuffer display;
  OM_uint32 minor;
  int authenticated = 0;
  int complete = 0;
  int more = -1;
  if (gss_get_name_attribute(&minor, name, &wanted, &authenticated, &complete, &bytes, &display,
                             &more) != GSS_S_COMPLETE ||
      authenticated == 0 || bytes.length == 0) {
    return false;
  }
  value = text_of(bytes);
  return value.find('\0') == std::string::npos;
}

// A component of a Kerberos principal: what krb5_parse_name() would take for structure is escaped,
// so that an account named alice/admin or root@ELSEWHERE is nothing but an account of its own
// domain.
void append_component(std::string& principal, std::string_view component) {
  for (const char c : component) {
    switch (c) {
      case '/':
      case '@':
      case '\\':
        principal += '\\';
        principal += c;
        break;
      case '\n':
        principal += "\\n";
        break;
      case '\t':
        principal += "\\t";
        break;
      case '\b':
        principal += "\\b";
        break;
      default:
        principal += c;
    }
  }
}

// What sshd takes apart and hands to krb5_kuserok(): RFC 2743 3.2 around "user@DOMAIN".
OM_uint32 export_as_kerberos(OM_uint32* minor, gss_name_t name, gss_buffer_t output) {
  std::string account;
  std::string domain;
  if (!attribute_of(name, GSS_NTLM_ATTR_ACCOUNT, account) ||
      !attribute_of(name, GSS_NTLM_ATTR_DOMAIN, domain)) {
    return GSS_S_UNAVAILABLE;
  }
  std::string principal;
  append_component(principal, account);
  principal += '@';
  append_component(principal, domain);

  std::string token("\x04\x01\x00\x0b\x06\x09", 6);
  token.append(static_cast<const char*>(kKerberos.elements), kKerberos.length);
  for (int shift = 24; shift >= 0; shift -= 8)
    token += static_cast<char>((principal.size() >> shift) & 0xff);
  token += principal;
  output->value = std::malloc(token.size());
  if (output->value == nullptr) return no_memory(minor);
  std::memcpy(output->value, token.data(), token.size());
  output->length = token.size();
  return GSS_S_COMPLETE;
}

}  // namespace
}  // namespace ntlm::bridge

using namespace ntlm::bridge;

BRIDGE_ENTRY OM_uint32 gssi_import_name_by_mech(OM_uint32* minor, gss_OID mechanism,
                                                gss_buffer_t text, gss_OID type,
                                                gss_name_t* output) noexcept {
  return import_name(minor, mechanism, text, type, output);
}

BRIDGE_ENTRY OM_uint32 gssi_import_name(OM_uint32* minor, gss_buffer_t text, gss_OID type,
                                        gss_name_t* output) noexcept {
  return import_name(minor, &kKerberos, text, type, output);
}

BRIDGE_ENTRY OM_uint32 gssi_duplicate_name(OM_uint32* minor, gss_name_t source,
                                           gss_name_t* output) noexcept {
  clear(minor, output);
  if (source == nullptr) return GSS_S_BAD_NAME;
  std::unique_ptr<Name> copy(new (std::nothrow) Name);
  if (copy == nullptr) return no_memory(minor);
  const Name& from = *object(source);
  copy->from_ntlm = from.from_ntlm;
  copy->spnego = from.spnego;
  for (const auto& [original, duplicate] :
       {std::pair(&from.given, &copy->given), {&from.canonical, &copy->canonical}}) {
    if (!*original) continue;
    const OM_uint32 major = gss_duplicate_name(minor, original->get(), duplicate->out());
    if (GSS_ERROR(major)) return major;
  }
  *output = handle<gss_name_t>(std::move(copy));
  return GSS_S_COMPLETE;
}

BRIDGE_ENTRY OM_uint32 gssi_release_name(OM_uint32* minor, gss_name_t* name) noexcept {
  clear(minor);
  if (name == nullptr) return GSS_S_COMPLETE;
  delete object(*name);
  *name = nullptr;
  return GSS_S_COMPLETE;
}

BRIDGE_ENTRY OM_uint32 gssi_export_name(OM_uint32* minor, gss_name_t name,
                                        gss_buffer_t output) noexcept {
  clear(minor, output);
  if (name == nullptr) return GSS_S_BAD_NAME;
  if (!object(name)->from_ntlm || !settings.sshd_form)
    return gss_export_name(minor, inner(name), output);
  try {
    return export_as_kerberos(minor, inner(name), output);
  } catch (const std::bad_alloc&) {
    return no_memory(minor);
  }
}

BRIDGE_ENTRY OM_uint32 gssi_localname(OM_uint32* minor, gss_name_t name, gss_const_OID mechanism,
                                      gss_buffer_t local) noexcept {
  const bool from_ntlm = name != nullptr && object(name)->from_ntlm;
  return gss_localname(minor, inner(name),
                       from_ntlm ? GSS_C_NO_OID : RealMechanism(mechanism).operator gss_const_OID(),
                       local);
}

BRIDGE_ENTRY OM_uint32 gssi_authorize_localname(OM_uint32* minor, gss_name_t name,
                                                gss_const_buffer_t user,
                                                gss_const_OID type) noexcept {
  OwnedName local;
  OM_uint32 major = gss_import_name(minor, const_cast<gss_buffer_t>(user),
                                    const_cast<gss_OID>(type), local.out());
  if (GSS_ERROR(major)) return major;
  major = gss_authorize_localname(minor, inner(name), local.get());
  if (!GSS_ERROR(major) || !object(name)->spnego) return major;
  // SPNEGO knows no users of its own, and the mechglue then compares the names; but it would make a
  // name of the bridge of the user's, and that is never the same as one of the real mechanism.
  OwnedName canonical;
  int equal = 0;
  OM_uint32 ignored;
  if (GSS_ERROR(
          gss_canonicalize_name(&ignored, local.get(), RealMechanism(&kSpnego), canonical.out())) ||
      GSS_ERROR(gss_compare_name(&ignored, inner(name), canonical.get(), &equal)) || equal == 0) {
    return major;
  }
  *minor = 0;
  return GSS_S_COMPLETE;
}
