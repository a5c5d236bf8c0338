// SPDX-License-Identifier: MIT
// The forwarding table: every call of the interposer's interface that neither chooses between
// Kerberos and NTLM nor makes a handle. What does is in context.cpp, credential.cpp and name.cpp.
#include "bridge/forward.h"

#include <cstring>

#include "bridge/objects.h"

using namespace ntlm::bridge;
using Minor = OM_uint32*;
using Buffer = gss_buffer_t;
using Iov = gss_iov_buffer_desc*;

// Contexts
FORWARD(process_context_token, (Minor minor, gss_ctx_id_t context, Buffer token),
        (minor, inner(context), token))
FORWARD(context_time, (Minor minor, gss_ctx_id_t context, Minor time),
        (minor, inner(context), time))
FORWARD(get_mic, (Minor minor, gss_ctx_id_t context, gss_qop_t qop, Buffer message, Buffer token),
        (minor, inner(context), qop, message, token))
FORWARD(verify_mic,
        (Minor minor, gss_ctx_id_t context, Buffer message, Buffer token, gss_qop_t* qop),
        (minor, inner(context), message, token, qop))
FORWARD(wrap,
        (Minor minor, gss_ctx_id_t context, int conf, gss_qop_t qop, Buffer in, int* conf_state,
         Buffer out),
        (minor, inner(context), conf, qop, in, conf_state, out))
FORWARD(unwrap,
        (Minor minor, gss_ctx_id_t context, Buffer in, Buffer out, int* conf_state, gss_qop_t* qop),
        (minor, inner(context), in, out, conf_state, qop))
FORWARD(wrap_size_limit,
        (Minor minor, gss_ctx_id_t context, int conf, gss_qop_t qop, OM_uint32 out, Minor in),
        (minor, inner(context), conf, qop, out, in))
FORWARD(wrap_aead,
        (Minor minor, gss_ctx_id_t context, int conf, gss_qop_t qop, Buffer signed_only, Buffer in,
         int* conf_state, Buffer out),
        (minor, inner(context), conf, qop, signed_only, in, conf_state, out))
FORWARD(unwrap_aead,
        (Minor minor, gss_ctx_id_t context, Buffer in, Buffer signed_only, Buffer out,
         int* conf_state, gss_qop_t* qop),
        (minor, inner(context), in, signed_only, out, conf_state, qop))
FORWARD(wrap_iov,
        (Minor minor, gss_ctx_id_t context, int conf, gss_qop_t qop, int* conf_state, Iov iov,
         int count),
        (minor, inner(context), conf, qop, conf_state, iov, count))
FORWARD(wrap_iov_length,
        (Minor minor, gss_ctx_id_t context, int conf, gss_qop_t qop, int* conf_state, Iov iov,
         int count),
        (minor, inner(context), conf, qop, conf_state, iov, count))
FORWARD(unwrap_iov,
        (Minor minor, gss_ctx_id_t context, int* conf_state, gss_qop_t* qop, Iov iov, int count),
        (minor, inner(context), conf_state, qop, iov, count))
FORWARD(get_mic_iov, (Minor minor, gss_ctx_id_t context, gss_qop_t qop, Iov iov, int count),
        (minor, inner(context), qop, iov, count))
FORWARD(get_mic_iov_length, (Minor minor, gss_ctx_id_t context, gss_qop_t qop, Iov iov, int count),
        (minor, inner(context), qop, iov, count))
FORWARD(verify_mic_iov, (Minor minor, gss_ctx_id_t context, gss_qop_t* qop, Iov iov, int count),
        (minor, inner(context), qop, iov, count))
FORWARD(complete_auth_token, (Minor minor, gss_ctx_id_t context, Buffer message),
        (minor, inner(context), message))
FORWARD(pseudo_random,
        (Minor minor, gss_ctx_id_t context, int key, Buffer in, ssize_t length, Buffer out),
        (minor, inner(context), key, in, length, out))
FORWARD(inquire_sec_context_by_oid,
        (Minor minor, gss_ctx_id_t context, gss_OID object, gss_buffer_set_t* data),
        (minor, inner(context), object, data))

// Credentials
FORWARD(inquire_cred_by_oid,
        (Minor minor, gss_cred_id_t credential, gss_OID object, gss_buffer_set_t* data),
        (minor, inner(credential), object, data))
FORWARD(store_cred,
        (Minor minor, gss_cred_id_t credential, gss_cred_usage_t usage, gss_OID mechanism,
         OM_uint32 overwrite, OM_uint32 make_default, gss_OID_set* stored,
         gss_cred_usage_t* usage_stored),
        (minor, inner(credential), usage, RealMechanism(mechanism), overwrite, make_default, stored,
         usage_stored))
FORWARD(store_cred_into,
        (Minor minor, gss_cred_id_t credential, gss_cred_usage_t usage, gss_OID mechanism,
         OM_uint32 overwrite, OM_uint32 make_default, gss_const_key_value_set_t store,
         gss_OID_set* stored, gss_cred_usage_t* usage_stored),
        (minor, inner(credential), usage, RealMechanism(mechanism), overwrite, make_default, store,
         stored, usage_stored))

// Names
FORWARD(display_name, (Minor minor, gss_name_t name, Buffer text, gss_OID* type),
        (minor, inner(name), text, type))
FORWARD(display_name_ext, (Minor minor, gss_name_t name, gss_OID as, Buffer text),
        (minor, inner(name), as, text))
FORWARD(compare_name, (Minor minor, gss_name_t a, gss_name_t b, int* equal),
        (minor, inner(a), inner(b), equal))
FORWARD(export_name_composite, (Minor minor, gss_name_t name, Buffer out),
        (minor, inner(name), out))
FORWARD(inquire_name,
        (Minor minor, gss_name_t name, int* is_mn, gss_OID* mechanism,
         gss_buffer_set_t* attributes),
        (minor, inner(name), is_mn, mechanism, attributes))
FORWARD(get_name_attribute,
        (Minor minor, gss_name_t name, Buffer attribute, int* authenticated, int* complete,
         Buffer value, Buffer display_value, int* more),
        (minor, inner(name), attribute, authenticated, complete, value, display_value, more))
FORWARD(set_name_attribute,
        (Minor minor, gss_name_t name, int complete, Buffer attribute, Buffer value),
        (minor, inner(name), complete, attribute, value))
FORWARD(delete_name_attribute, (Minor minor, gss_name_t name, Buffer attribute),
        (minor, inner(name), attribute))
FORWARD(map_name_to_any,
        (Minor minor, gss_name_t name, int authenticated, Buffer type, gss_any_t* output),
        (minor, inner(name), authenticated, type, output))
FORWARD(release_any_name_mapping, (Minor minor, gss_name_t name, Buffer type, gss_any_t* mapping),
        (minor, inner(name), type, mapping))

// Mechanisms
FORWARD(indicate_mechs, (Minor minor, gss_OID_set* mechanisms), (minor, mechanisms))
FORWARD(inquire_names_for_mech, (Minor minor, gss_OID mechanism, gss_OID_set* types),
        (minor, RealMechanism(mechanism), types))
FORWARD(inquire_attrs_for_mech,
        (Minor minor, gss_const_OID mechanism, gss_OID_set* attributes, gss_OID_set* known),
        (minor, RealMechanism(mechanism), attributes, known))
FORWARD(inquire_saslname_for_mech,
        (Minor minor, gss_OID mechanism, Buffer sasl, Buffer name, Buffer description),
        (minor, RealMechanism(mechanism), sasl, name, description))

BRIDGE_ENTRY OM_uint32 gssi_mech_invoke(Minor minor, gss_OID mechanism, gss_OID object,
                                        Buffer value) noexcept {
  return gssspi_mech_invoke(minor, RealMechanism(mechanism), object, value);
}

// The mechglue asks each mechanism in turn, the real ones too: whoever is asked here answers for
// the claimed two only.
BRIDGE_ENTRY OM_uint32 gssi_inquire_mech_for_saslname(Minor minor, Buffer wanted,
                                                      gss_OID* mechanism) noexcept {
  clear(minor, mechanism);
  for (const gss_OID_desc* claimed : {&kKerberos, &kSpnego}) {
    OwnedBuffer sasl;
    if (gss_inquire_saslname_for_mech(minor, RealMechanism(claimed), &sasl, nullptr, nullptr) !=
        GSS_S_COMPLETE)
      continue;
    if (wanted == nullptr || sasl.length != wanted->length ||
        std::memcmp(sasl.value, wanted->value, sasl.length) != 0) {
      continue;
    }
    if (mechanism != nullptr) *mechanism = const_cast<gss_OID>(claimed);
    return GSS_S_COMPLETE;
  }
  return GSS_S_BAD_MECH;
}

// No OID that we hand out is ours to keep: "not mine", and the mechglue asks on.
BRIDGE_ENTRY OM_uint32 gssi_internal_release_oid(Minor minor, gss_OID*) noexcept {
  clear(minor);
  return GSS_S_CONTINUE_NEEDED;
}

// A minor code of ours is one of the mechglue's, which knows the mechanism that it came from; that
// may be SPNEGO, which asks us about Kerberos. Asked for the very value again, it is none but our
// own (ENOMEM), and ends here.
BRIDGE_ENTRY OM_uint32 gssi_display_status(Minor minor, OM_uint32 value, int type,
                                           gss_OID mechanism, Minor more, Buffer text) noexcept {
  static thread_local constinit const OM_uint32* asked = nullptr;
  if (asked != nullptr && *asked == value) {
    clear(minor, more);
    const char* const known = ::strerrordesc_np(static_cast<int>(value));
    const char* const words = known != nullptr ? known : "Unknown error";
    text->length = std::strlen(words);
    text->value = strdup(words);
    if (text->value != nullptr) return GSS_S_COMPLETE;
    text->length = 0;
    return no_memory(minor);
  }
  const OM_uint32* const before = std::exchange(asked, &value);
  const OM_uint32 major =
      gss_display_status(minor, value, type, RealMechanism(mechanism), more, text);
  asked = before;
  return major;
}
