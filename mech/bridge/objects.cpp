// SPDX-License-Identifier: MIT
#include "bridge/objects.h"

#include <algorithm>
#include <cstring>

#include "bridge/settings.h"
#include "gssapi_ntlm.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace ntlm::bridge {
namespace {

template <std::size_t N>
constexpr gss_OID_desc oid(const char (&bytes)[N]) noexcept {
  return {N - 1, const_cast<char*>(bytes)};
}

// Our own OID, as the line of the mechglue's configuration says it.
struct {
  std::uint8_t bytes[32];
  std::size_t length;
} constinit own_oid{};

}  // namespace

constinit const gss_OID_desc kKerberos = oid("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02");
constinit const gss_OID_desc kSpnego = oid("\x2b\x06\x01\x05\x05\x02");
constinit const gss_OID_desc kNtlm = oid(GSS_NTLM_OID_STRING);

thread_local constinit int InsideSpnego::depth_ = 0;

bool same(gss_const_OID a, gss_const_OID b) {
  return a != nullptr && b != nullptr && a->length == b->length &&
         std::memcmp(a->elements, b->elements, a->length) == 0;
}

RealMechanism::RealMechanism(gss_const_OID claimed) : null_(claimed == nullptr) {
  if (null_) return;
  oid_ = *claimed;
  if (!same(claimed, &kKerberos) && !same(claimed, &kSpnego)) return;
  std::copy_n(own_oid.bytes, own_oid.length, bytes_);
  std::copy_n(static_cast<const std::uint8_t*>(claimed->elements), claimed->length,
              bytes_ + own_oid.length);
  oid_ = {static_cast<OM_uint32>(own_oid.length) + claimed->length, bytes_};
}

OM_uint32 lend_name(OM_uint32* minor, OwnedName name, bool from_ntlm, gss_name_t* output) {
  if (output == nullptr || !name) return GSS_S_COMPLETE;
  std::unique_ptr<Name> made(new (std::nothrow) Name);
  if (made == nullptr) return no_memory(minor);
  (from_ntlm ? made->given : made->canonical) = std::move(name);
  made->from_ntlm = from_ntlm;
  *output = handle<gss_name_t>(std::move(made));
  return GSS_S_COMPLETE;
}

OM_uint32 lend_credential(OM_uint32* minor, OwnedCredential real, gss_cred_id_t* output) {
  if (output == nullptr || !real) return GSS_S_COMPLETE;
  std::unique_ptr<Credential> made(new (std::nothrow) Credential);
  if (made == nullptr) return no_memory(minor);
  made->real = std::move(real);
  *output = handle<gss_cred_id_t>(std::move(made));
  return GSS_S_COMPLETE;
}

}  // namespace ntlm::bridge

// Called under the mechglue's list lock: of the GSS-API only the calls on OID sets may be used
// here.
EXPORT gss_OID_set gss_mech_interposer(gss_OID own) {
  using namespace ntlm::bridge;
  if (own == nullptr || own->length == 0 || own->length > sizeof own_oid.bytes) return nullptr;
  try {
    settings = read_settings();
  } catch (const std::bad_alloc&) {
    settings = {};
  }
  if (!settings.on) return nullptr;
  std::copy_n(static_cast<const std::uint8_t*>(own->elements), own->length, own_oid.bytes);
  own_oid.length = own->length;

  gss_OID_set claimed = nullptr;
  OM_uint32 minor;
  if (gss_create_empty_oid_set(&minor, &claimed) != GSS_S_COMPLETE) return nullptr;
  for (const gss_OID_desc* mechanism : {&kKerberos, &kSpnego}) {
    if (gss_add_oid_set_member(&minor, const_cast<gss_OID>(mechanism), &claimed) !=
        GSS_S_COMPLETE) {
      gss_release_oid_set(&minor, &claimed);
      return nullptr;
    }
  }
  return claimed;
}
