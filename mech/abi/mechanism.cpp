// SPDX-License-Identifier: MIT
// What the mechanism says of itself: OID, RFC 5587 attributes, name types, SASL name.
#include "abi/mechanism.h"

#include "abi/boundary.h"
#include "abi/outputs.h"
#include "abi/setup.h"

namespace ntlm::abi {
namespace {

char g_oid_bytes[] = GSS_NTLM_OID_STRING;
gss_OID_desc g_oid = {GSS_NTLM_OID_LENGTH, g_oid_bytes};

// RFC 5801 3.1: "GS2-" and 55 bits of the SHA-1 of the OID's DER form, in base32.
constexpr std::string_view kSaslName = "GS2-QUHS4VZGIKU";
constexpr std::string_view kMechanismName = "NTLM";
constexpr std::string_view kDescription = "NTLM, version 2 by default ([MS-NLMP])";

bool ours(const gss_OID_desc* mechanism) {
  return mechanism == GSS_C_NO_OID || same_oid(mechanism, &g_oid);
}

}  // namespace

gss_OID mechanism_oid() { return &g_oid; }

}  // namespace ntlm::abi

using namespace ntlm;
using namespace ntlm::abi;

extern "C" {

OM_uint32 gss_indicate_mechs(OM_uint32* minor_status, gss_OID_set* mech_set) {
  clear(mech_set);
  return guard(minor_status, [&]() -> Status {
    OidSet mechanisms;
    TRY_VOID(mechanisms.add({&g_oid}));
    std::move(mechanisms).give(mech_set);
    return {};
  });
}

OM_uint32 gss_inquire_attrs_for_mech(OM_uint32* minor_status, gss_const_OID mech,
                                     gss_OID_set* mech_attrs, gss_OID_set* known_mech_attrs) {
  clear(mech_attrs, known_mech_attrs);
  return guard(minor_status, [&]() -> Status {
    if (!ours(mech)) {
      return GSS_S_BAD_MECH;
    }
    OidSet has, known;
    TRY_VOID(has.add({GSS_C_MA_MECH_CONCRETE, GSS_C_MA_AUTH_INIT, GSS_C_MA_INTEG_PROT,
                      GSS_C_MA_CONF_PROT, GSS_C_MA_MIC, GSS_C_MA_WRAP, GSS_C_MA_REPLAY_DET,
                      GSS_C_MA_OOS_DET, GSS_C_MA_CBINDINGS, GSS_C_MA_CTX_TRANS}));
    if (allows_anonymous()) {
      TRY_VOID(has.add({GSS_C_MA_AUTH_INIT_ANON}));
    }
    if (!default_mechanism()) {
      TRY_VOID(has.add({GSS_C_MA_NOT_DFLT_MECH}));
    }
    TRY_VOID(known.add({GSS_C_MA_MECH_CONCRETE,
                        GSS_C_MA_MECH_PSEUDO,
                        GSS_C_MA_MECH_COMPOSITE,
                        GSS_C_MA_MECH_NEGO,
                        GSS_C_MA_MECH_GLUE,
                        GSS_C_MA_NOT_MECH,
                        GSS_C_MA_DEPRECATED,
                        GSS_C_MA_NOT_DFLT_MECH,
                        GSS_C_MA_ITOK_FRAMED,
                        GSS_C_MA_AUTH_INIT,
                        GSS_C_MA_AUTH_TARG,
                        GSS_C_MA_AUTH_INIT_INIT,
                        GSS_C_MA_AUTH_TARG_INIT,
                        GSS_C_MA_AUTH_INIT_ANON,
                        GSS_C_MA_AUTH_TARG_ANON,
                        GSS_C_MA_DELEG_CRED,
                        GSS_C_MA_INTEG_PROT,
                        GSS_C_MA_CONF_PROT,
                        GSS_C_MA_MIC,
                        GSS_C_MA_WRAP,
                        GSS_C_MA_PROT_READY,
                        GSS_C_MA_REPLAY_DET,
                        GSS_C_MA_OOS_DET,
                        GSS_C_MA_CBINDINGS,
                        GSS_C_MA_PFS,
                        GSS_C_MA_COMPRESS,
                        GSS_C_MA_CTX_TRANS}));
    std::move(has).give(mech_attrs);
    std::move(known).give(known_mech_attrs);
    return {};
  });
}

OM_uint32 gss_inquire_names_for_mech(OM_uint32* minor_status, gss_OID mechanism,
                                     gss_OID_set* name_types) {
  clear(name_types);
  return guard(minor_status, [&]() -> Status {
    if (!ours(mechanism)) {
      return GSS_S_BAD_MECH;
    }
    OidSet types;
    TRY_VOID(
        types.add({GSS_C_NT_USER_NAME, GSS_C_NT_HOSTBASED_SERVICE, GSS_C_NT_HOSTBASED_SERVICE_X,
                   GSS_KRB5_NT_ENTERPRISE_NAME, GSS_KRB5_NT_PRINCIPAL_NAME,
                   GSS_C_NT_MACHINE_UID_NAME, GSS_C_NT_STRING_UID_NAME, GSS_C_NT_ANONYMOUS,
                   GSS_C_NT_EXPORT_NAME, GSS_C_NT_COMPOSITE_EXPORT}));
    std::move(types).give(name_types);
    return {};
  });
}

OM_uint32 gss_inquire_saslname_for_mech(OM_uint32* minor_status, const gss_OID desired_mech,
                                        gss_buffer_t sasl_mech_name, gss_buffer_t mech_name,
                                        gss_buffer_t mech_description) {
  clear(sasl_mech_name, mech_name, mech_description);
  return guard(minor_status, [&]() -> Status {
    if (!ours(desired_mech)) {
      return GSS_S_BAD_MECH;
    }
    TRY(auto sasl, OutputBuffer::copy(kSaslName));
    TRY(auto name, OutputBuffer::copy(kMechanismName));
    TRY(auto description, OutputBuffer::copy(kDescription));
    std::move(sasl).give(sasl_mech_name);
    std::move(name).give(mech_name);
    std::move(description).give(mech_description);
    return {};
  });
}

OM_uint32 gss_inquire_mech_for_saslname(OM_uint32* minor_status, const gss_buffer_t sasl_mech_name,
                                        gss_OID* mech_type) {
  clear(mech_type);
  return guard(minor_status, [&]() -> Status {
    if (text_of(sasl_mech_name) != kSaslName) {
      return GSS_S_BAD_MECH;
    }
    set(mech_type, mechanism_oid());
    return {};
  });
}

// The mechglue asks each mechanism whether an OID is one of its static ones before it frees it.
OM_uint32 gss_internal_release_oid(OM_uint32* minor_status, gss_OID* oid) {
  return guard(minor_status, [&]() -> Status {
    if (oid == nullptr || *oid != mechanism_oid()) {
      return GSS_S_CONTINUE_NEEDED;
    }
    *oid = GSS_C_NO_OID;
    return {};
  });
}

}  // extern "C"
