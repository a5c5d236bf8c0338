// SPDX-License-Identifier: MIT
// Credentials: Kerberos' own, and beside it what NTLM would use. Which one speaks is decided when a
// context begins; but where Kerberos can get a ticket by itself, NTLM does not stand beside it at
// all: the ticket is missing only because a KDC does not answer, or somebody answers in its place.
#include <krb5.h>

#include <cstring>

#include "bridge/forward.h"
#include "bridge/objects.h"
#include "bridge/settings.h"

namespace ntlm::bridge {

OM_uint32 restrict_to_ntlm(OM_uint32* minor, gss_cred_id_t spnego) {
  gss_OID_set_desc ntlm{1, const_cast<gss_OID>(&kNtlm)};
  return gss_set_neg_mechs(minor, spnego, &ntlm);
}

OwnedCredential acquire_ntlm(gss_name_t name, gss_cred_usage_t usage,
                             gss_const_key_value_set_t store) {
  // An acceptor needs NTLM behind Kerberos' OID in the sshd form only: elsewhere the peer's token
  // names its mechanism.
  if (!settings.sshd_form && usage == GSS_C_ACCEPT) return {};
  OM_uint32 minor;
  const InsideSpnego inside;
  gss_OID_set_desc ntlm{1, const_cast<gss_OID>(&kNtlm)};
  // SPNEGO would be content with any mechanism's credential: ask NTLM first.
  OwnedCredential probe;
  if (GSS_ERROR(gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, &ntlm, usage, store,
                                      probe.out(), nullptr, nullptr))) {
    return {};
  }
  OwnedCredential credential;
  if (GSS_ERROR(gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, RealMechanism(&kSpnego),
                                      usage, store, credential.out(), nullptr, nullptr)) ||
      GSS_ERROR(restrict_to_ntlm(&minor, credential.get()))) {
    return {};
  }
  return credential;
}

bool has_client_keytab(gss_const_key_value_set_t store) {
  const char* name = nullptr;
  for (OM_uint32 i = 0; store != nullptr && i < store->count; ++i) {
    if (std::strcmp(store->elements[i].key, "client_keytab") == 0) name = store->elements[i].value;
  }
  krb5_context context = nullptr;
  if (krb5_init_context(&context) != 0) return false;
  krb5_keytab keytab = nullptr;
  const bool resolved = (name != nullptr ? krb5_kt_resolve(context, name, &keytab)
                                         : krb5_kt_client_default(context, &keytab)) == 0;
  const bool has_keys = resolved && krb5_kt_have_content(context, keytab) == 0;
  if (resolved) krb5_kt_close(context, keytab);
  krb5_free_context(context);
  return has_keys;
}

namespace {

OwnedCredential acquire_ntlm_with_password(gss_name_t name, gss_buffer_t password,
                                           gss_cred_usage_t usage) {
  OM_uint32 minor;
  const InsideSpnego inside;
  OwnedCredential credential;
  if (GSS_ERROR(gss_acquire_cred_with_password(&minor, name, password, GSS_C_INDEFINITE,
                                               RealMechanism(&kSpnego), usage, credential.out(),
                                               nullptr, nullptr)) ||
      GSS_ERROR(restrict_to_ntlm(&minor, credential.get()))) {
    return {};
  }
  return credential;
}

// Which of the claimed mechanisms a call is for. The mechglue's set may say either its public OID
// or none at all.
bool wants_spnego(const gss_OID_set_desc* mechanisms) {
  return mechanisms != nullptr && mechanisms->count > 0 && same(mechanisms->elements, &kSpnego);
}

struct Acquired {
  std::unique_ptr<Credential> credential{new (std::nothrow) Credential};
  bool spnego;
  RealMechanism real;

  explicit Acquired(const gss_OID_set_desc* mechanisms)
      : spnego(wants_spnego(mechanisms)), real(spnego ? &kSpnego : &kKerberos) {}
  // NTLM stands beside Kerberos when the application itself asked for Kerberos.
  bool takes_ntlm() const { return !spnego && !InsideSpnego::now(); }

  // `major` is the real mechanism's, and remains the answer when neither has a credential.
  OM_uint32 finish(OM_uint32 major, OM_uint32* minor, gss_cred_id_t* output, OM_uint32* time) {
    if (GSS_ERROR(major) && !credential->ntlm) return major;
    if (GSS_ERROR(major)) {
      *minor = 0;
      OM_uint32 lifetime = 0;
      major = gss_inquire_cred(minor, credential->ntlm.get(), nullptr, &lifetime, nullptr, nullptr);
      if (GSS_ERROR(major)) return major;
      if (time != nullptr) *time = lifetime;
    }
    *output = handle<gss_cred_id_t>(std::move(credential));
    return major;
  }
};

}  // namespace
}  // namespace ntlm::bridge

using namespace ntlm::bridge;

BRIDGE_ENTRY OM_uint32 gssi_acquire_cred_from(OM_uint32* minor, gss_name_t name,
                                              OM_uint32 time_wanted, gss_OID_set mechanisms,
                                              gss_cred_usage_t usage,
                                              gss_const_key_value_set_t store,
                                              gss_cred_id_t* output, gss_OID_set* actual,
                                              OM_uint32* time) noexcept {
  clear(minor, output, actual, time);
  Acquired acquired(mechanisms);
  if (acquired.credential == nullptr) return no_memory(minor);
  const InsideSpnego inside(acquired.spnego);
  const OM_uint32 major =
      gss_acquire_cred_from(minor, inner(name), time_wanted, acquired.real, usage, store,
                            acquired.credential->real.out(), nullptr, time);
  const bool ntlm_name = name != nullptr && !object(name)->canonical;
  if (acquired.takes_ntlm() && (usage == GSS_C_ACCEPT || ntlm_name || !has_client_keytab(store))) {
    acquired.credential->ntlm =
        acquire_ntlm(name != nullptr ? object(name)->given.get() : nullptr, usage, store);
  }
  return acquired.finish(major, minor, output, time);
}

BRIDGE_ENTRY OM_uint32 gssi_acquire_cred(OM_uint32* minor, gss_name_t name, OM_uint32 time_wanted,
                                         gss_OID_set mechanisms, gss_cred_usage_t usage,
                                         gss_cred_id_t* output, gss_OID_set* actual,
                                         OM_uint32* time) noexcept {
  return gssi_acquire_cred_from(minor, name, time_wanted, mechanisms, usage, GSS_C_NO_CRED_STORE,
                                output, actual, time);
}

BRIDGE_ENTRY OM_uint32 gssi_acquire_cred_with_password(OM_uint32* minor, gss_name_t name,
                                                       gss_buffer_t password, OM_uint32 time_wanted,
                                                       gss_OID_set mechanisms,
                                                       gss_cred_usage_t usage,
                                                       gss_cred_id_t* output, gss_OID_set* actual,
                                                       OM_uint32* time) noexcept {
  clear(minor, output, actual, time);
  Acquired acquired(mechanisms);
  if (acquired.credential == nullptr) return no_memory(minor);
  const InsideSpnego inside(acquired.spnego);
  const OM_uint32 major =
      gss_acquire_cred_with_password(minor, inner(name), password, time_wanted, acquired.real,
                                     usage, acquired.credential->real.out(), nullptr, time);
  // With its password Kerberos gets a ticket for any name that it understands.
  if (acquired.takes_ntlm() && name != nullptr && object(name)->given && !object(name)->canonical) {
    acquired.credential->ntlm =
        acquire_ntlm_with_password(object(name)->given.get(), password, usage);
  }
  return acquired.finish(major, minor, output, time);
}

BRIDGE_ENTRY OM_uint32 gssi_acquire_cred_impersonate_name(
    OM_uint32* minor, gss_cred_id_t impersonator, gss_name_t name, OM_uint32 time_wanted,
    gss_OID_set mechanisms, gss_cred_usage_t usage, gss_cred_id_t* output, gss_OID_set* actual,
    OM_uint32* time) noexcept {
  clear(minor, output, actual, time);
  Acquired acquired(mechanisms);
  if (acquired.credential == nullptr) return no_memory(minor);
  const InsideSpnego inside(acquired.spnego);
  const OM_uint32 major = gss_acquire_cred_impersonate_name(
      minor, inner(impersonator), inner(name), time_wanted, acquired.real, usage,
      acquired.credential->real.out(), nullptr, time);
  return acquired.finish(major, minor, output, time);
}

// The mechglue adds to its own set of credentials and asks a mechanism to acquire; these two are
// for one that does not.
BRIDGE_ENTRY OM_uint32 gssi_add_cred(OM_uint32* minor, gss_cred_id_t base, gss_name_t name,
                                     gss_OID mechanism, gss_cred_usage_t usage,
                                     OM_uint32 initiator_time, OM_uint32 acceptor_time,
                                     gss_cred_id_t* output, gss_OID_set* actual,
                                     OM_uint32* initiator_has, OM_uint32* acceptor_has) noexcept {
  clear(minor, output, actual, initiator_has, acceptor_has);
  OwnedCredential made;
  const OM_uint32 major = gss_add_cred(
      minor, inner(base), inner(name), RealMechanism(mechanism), usage, initiator_time,
      acceptor_time, output != nullptr ? made.out() : nullptr, actual, initiator_has, acceptor_has);
  return GSS_ERROR(major) ? major : lend_credential(minor, std::move(made), output);
}

BRIDGE_ENTRY OM_uint32 gssi_add_cred_impersonate_name(
    OM_uint32* minor, gss_cred_id_t base, gss_cred_id_t impersonator, gss_name_t name,
    gss_OID mechanism, gss_cred_usage_t usage, OM_uint32 initiator_time, OM_uint32 acceptor_time,
    gss_cred_id_t* output, gss_OID_set* actual, OM_uint32* initiator_has,
    OM_uint32* acceptor_has) noexcept {
  clear(minor, output, actual, initiator_has, acceptor_has);
  OwnedCredential made;
  const OM_uint32 major = gss_add_cred_impersonate_name(
      minor, inner(base), inner(impersonator), inner(name), RealMechanism(mechanism), usage,
      initiator_time, acceptor_time, output != nullptr ? made.out() : nullptr, actual,
      initiator_has, acceptor_has);
  return GSS_ERROR(major) ? major : lend_credential(minor, std::move(made), output);
}

BRIDGE_ENTRY OM_uint32 gssi_release_cred(OM_uint32* minor, gss_cred_id_t* credential) noexcept {
  clear(minor);
  if (credential == nullptr) return GSS_S_COMPLETE;
  delete object(*credential);
  *credential = nullptr;
  return GSS_S_COMPLETE;
}

BRIDGE_ENTRY OM_uint32 gssi_inquire_cred(OM_uint32* minor, gss_cred_id_t credential,
                                         gss_name_t* name, OM_uint32* time, gss_cred_usage_t* usage,
                                         gss_OID_set* mechanisms) noexcept {
  clear(minor, name, time, usage, mechanisms);
  OwnedName found;
  // Without a credential the mechglue asks each mechanism for its default one; by name, or it would
  // ask for ours again.
  if (credential == nullptr) {
    OwnedCredential standard;
    OM_uint32 major = gss_acquire_cred(minor, nullptr, GSS_C_INDEFINITE, RealMechanism(&kKerberos),
                                       GSS_C_INITIATE, standard.out(), nullptr, nullptr);
    if (GSS_ERROR(major)) return major;
    major = gss_inquire_cred(minor, standard.get(), name != nullptr ? found.out() : nullptr, time,
                             usage, mechanisms);
    return GSS_ERROR(major) ? major : lend_name(minor, std::move(found), false, name);
  }
  const OM_uint32 major = gss_inquire_cred(
      minor, inner(credential), name != nullptr ? found.out() : nullptr, time, usage, mechanisms);
  return GSS_ERROR(major) ? major
                          : lend_name(minor, std::move(found), !object(credential)->real, name);
}

BRIDGE_ENTRY OM_uint32 gssi_inquire_cred_by_mech(OM_uint32* minor, gss_cred_id_t credential,
                                                 gss_OID mechanism, gss_name_t* name,
                                                 OM_uint32* initiator_time,
                                                 OM_uint32* acceptor_time,
                                                 gss_cred_usage_t* usage) noexcept {
  clear(minor, name, initiator_time, acceptor_time, usage);
  const bool ntlm = credential != nullptr && !object(credential)->real;
  OwnedName found;
  const OM_uint32 major = gss_inquire_cred_by_mech(
      minor, inner(credential), RealMechanism(ntlm ? &kSpnego : mechanism),
      name != nullptr ? found.out() : nullptr, initiator_time, acceptor_time, usage);
  return GSS_ERROR(major) ? major : lend_name(minor, std::move(found), ntlm, name);
}

BRIDGE_ENTRY OM_uint32 gssi_set_cred_option(OM_uint32* minor, gss_cred_id_t* credential,
                                            gss_OID option, gss_buffer_t value) noexcept {
  clear(minor);
  if (credential == nullptr || *credential == nullptr) return GSS_S_UNAVAILABLE;
  OM_uint32 major = GSS_S_UNAVAILABLE;
  Credential& both = *object(*credential);
  if (both.real) major = gss_set_cred_option(minor, both.real.out(), option, value);
  if (!both.ntlm) return major;
  OM_uint32 ntlm_minor = 0;
  const OM_uint32 ntlm_major = gss_set_cred_option(&ntlm_minor, both.ntlm.out(), option, value);
  if (both.real && (ntlm_major != GSS_S_COMPLETE || !GSS_ERROR(major))) return major;
  *minor = ntlm_minor;
  return ntlm_major;
}

// The mechglue stops at the first credential that does not take the set; Kerberos' would not be
// asked without the bridge.
BRIDGE_ENTRY OM_uint32 gssi_set_neg_mechs(OM_uint32* minor, gss_cred_id_t credential,
                                          const gss_OID_set_desc* mechanisms) noexcept {
  clear(minor);
  if (credential == nullptr || !object(credential)->real) return GSS_S_COMPLETE;
  const OM_uint32 major =
      gss_set_neg_mechs(minor, inner(credential), const_cast<gss_OID_set>(mechanisms));
  return major == GSS_S_UNAVAILABLE ? GSS_S_COMPLETE : major;
}
