// SPDX-License-Identifier: MIT
#include "sspi_compat/mechanism.h"

#include <array>
#include <cstring>

#include "gssapi_ntlm.h"
#include "sspi_compat/text.h"

namespace sspi {
namespace {

// GSS takes OIDs as pointers to non-const and does not write through them.
template <std::size_t N>
gss_OID_desc oid(const char (&bytes)[N]) {
  return {N - 1, const_cast<char*>(bytes)};
}

constexpr ULONG kCommon = SECPKG_FLAG_INTEGRITY | SECPKG_FLAG_PRIVACY | SECPKG_FLAG_CONNECTION |
                          SECPKG_FLAG_MULTI_REQUIRED | SECPKG_FLAG_IMPERSONATION |
                          SECPKG_FLAG_ACCEPT_WIN32_NAME | SECPKG_FLAG_NEGOTIABLE |
                          SECPKG_FLAG_LOGON | SECPKG_FLAG_READONLY_WITH_CHECKSUM |
                          SECPKG_FLAG_RESTRICTED_TOKENS;

constexpr std::array<const Package*, 3> kPackages = {&kNegotiate, &kKerberos, &kNtlm};

bool is_available(const Package& package) {
  OM_uint32 minor = 0;
  gss_OID_set mechanisms = GSS_C_NO_OID_SET;
  if (gss_indicate_mechs(&minor, &mechanisms) != GSS_S_COMPLETE) {
    return false;
  }
  int present = 0;
  gss_test_oid_set_member(&minor, package.mechanism(), mechanisms, &present);
  gss_release_oid_set(&minor, &mechanisms);
  return present != 0;
}

}  // namespace

gss_OID ntlm_oid() {
  static gss_OID_desc value = oid(GSS_NTLM_OID_STRING);
  return &value;
}

gss_OID spnego_oid() {
  static gss_OID_desc value = oid("\x2b\x06\x01\x05\x05\x02");
  return &value;
}

gss_OID krb5_oid() {
  static gss_OID_desc value = oid("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02");
  return &value;
}

bool same_oid(gss_const_OID a, gss_const_OID b) {
  return a == b || (a != GSS_C_NO_OID && b != GSS_C_NO_OID && a->length == b->length &&
                    std::memcmp(a->elements, b->elements, a->length) == 0);
}

const Package kNtlm = {
    "NTLM", "NTLM Security Package", kCommon | SECPKG_FLAG_TOKEN_ONLY, 10, 2888, &ntlm_oid};
const Package kNegotiate = {"Negotiate",
                            "Microsoft Package Negotiator",
                            kCommon | SECPKG_FLAG_EXTENDED_ERROR | SECPKG_FLAG_GSS_COMPATIBLE,
                            9,
                            48000,
                            &spnego_oid};
const Package kKerberos = {"Kerberos",
                           "Microsoft Kerberos V1.0",
                           kCommon | SECPKG_FLAG_TOKEN_ONLY | SECPKG_FLAG_EXTENDED_ERROR |
                               SECPKG_FLAG_GSS_COMPATIBLE | SECPKG_FLAG_MUTUAL_AUTH |
                               SECPKG_FLAG_DELEGATION,
                           16,
                           48000,
                           &krb5_oid};

const Package* find_package(std::string_view name) {
  for (const Package* package : kPackages) {
    if (equal_ignoring_case(package->name, name)) {
      return is_available(*package) ? package : nullptr;
    }
  }
  return nullptr;
}

std::vector<const Package*> available_packages() {
  std::vector<const Package*> found;
  for (const Package* package : kPackages) {
    if (is_available(*package)) {
      found.push_back(package);
    }
  }
  return found;
}

const Package& package_of(gss_const_OID mechanism, const Package& asked) {
  for (const Package* package : kPackages) {
    if (same_oid(package->mechanism(), mechanism)) {
      return *package;
    }
  }
  return asked;
}

OM_uint32 take_last_ntlm_minor() {
  gss_OID_desc question = oid(GSS_NTLM_INVOKE_LAST_MINOR_OID_STRING);
  OM_uint32 answer = 0;
  OM_uint32 minor = 0;
  gss_buffer_desc value{sizeof answer, &answer};
  return gssspi_mech_invoke(&minor, ntlm_oid(), &question, &value) == GSS_S_COMPLETE ? answer : 0;
}

}  // namespace sspi
