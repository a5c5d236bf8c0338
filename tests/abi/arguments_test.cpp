// SPDX-License-Identifier: MIT
// Every entry point with arguments that the mechglue would never let through: null in each place,
// handles that are not ours, outputs that hold rubbish. None crashes; each failure leaves all its
// outputs empty.
#include <gtest/gtest.h>

#include <array>
#include <cstring>

#include "abi/module.h"

namespace ntlm::test {
namespace {

// Memory that is no object of ours, as large as any.
std::array<std::uint64_t, 512> g_garbage;

template <typename Handle>
Handle garbage() {
  g_garbage.fill(0x4141414141414141U);
  return reinterpret_cast<Handle>(g_garbage.data());
}

// A buffer that must be emptied by a failing call.
gss_buffer_desc rubbish() { return {77, reinterpret_cast<void*>(0x1234)}; }
bool empty(const gss_buffer_desc& buffer) { return buffer.length == 0 && buffer.value == nullptr; }

template <typename T>
T dangling() {
  return reinterpret_cast<T>(std::uintptr_t{0x1234});
}

TEST(Arguments, ContextsThatAreNoneOfOurs) {
  for (gss_ctx_id_t context : {gss_ctx_id_t{GSS_C_NO_CONTEXT}, garbage<gss_ctx_id_t>()}) {
    OM_uint32 minor = 0;
    gss_buffer_desc in = buffer("0123456789abcdef0123"), out = rubbish();
    int state = 7;
    gss_qop_t qop = 7;
    EXPECT_EQ(NTLM_ENTRY(gss_wrap)(&minor, context, 1, 0, &in, &state, &out), GSS_S_NO_CONTEXT);
    EXPECT_TRUE(empty(out));
    EXPECT_EQ(state, 0);
    out = rubbish();
    EXPECT_EQ(NTLM_ENTRY(gss_unwrap)(&minor, context, &in, &out, &state, &qop), GSS_S_NO_CONTEXT);
    EXPECT_TRUE(empty(out));
    EXPECT_EQ(qop, 0U);
    out = rubbish();
    EXPECT_EQ(NTLM_ENTRY(gss_get_mic)(&minor, context, 0, &in, &out), GSS_S_NO_CONTEXT);
    EXPECT_TRUE(empty(out));
    EXPECT_EQ(NTLM_ENTRY(gss_verify_mic)(&minor, context, &in, &in, &qop), GSS_S_NO_CONTEXT);
    OM_uint32 number = 7;
    EXPECT_EQ(NTLM_ENTRY(gss_wrap_size_limit)(&minor, context, 1, 0, 100, &number),
              GSS_S_NO_CONTEXT);
    EXPECT_EQ(number, 0U);
    out = rubbish();
    EXPECT_EQ(NTLM_ENTRY(gss_pseudo_random)(&minor, context, 0, &in, 16, &out), GSS_S_NO_CONTEXT);
    EXPECT_TRUE(empty(out));
    gss_iov_buffer_desc iov{GSS_IOV_BUFFER_TYPE_HEADER, in};
    EXPECT_EQ(NTLM_ENTRY(gss_wrap_iov)(&minor, context, 1, 0, &state, &iov, 1), GSS_S_NO_CONTEXT);
    EXPECT_EQ(NTLM_ENTRY(gss_unwrap_iov)(&minor, context, &state, &qop, &iov, 1), GSS_S_NO_CONTEXT);
    EXPECT_EQ(NTLM_ENTRY(gss_wrap_iov_length)(&minor, context, 1, 0, &state, &iov, 1),
              GSS_S_NO_CONTEXT);
    EXPECT_EQ(NTLM_ENTRY(gss_get_mic_iov)(&minor, context, 0, &iov, 1), GSS_S_NO_CONTEXT);
    EXPECT_EQ(NTLM_ENTRY(gss_get_mic_iov_length)(&minor, context, 0, &iov, 1), GSS_S_NO_CONTEXT);
    EXPECT_EQ(NTLM_ENTRY(gss_verify_mic_iov)(&minor, context, &qop, &iov, 1), GSS_S_NO_CONTEXT);
    EXPECT_EQ(NTLM_ENTRY(gss_context_time)(&minor, context, &number), GSS_S_NO_CONTEXT);
    gss_name_t name = dangling<gss_name_t>();
    EXPECT_EQ(NTLM_ENTRY(gss_inquire_context)(&minor, context, &name, nullptr, nullptr, nullptr,
                                              nullptr, nullptr, nullptr),
              GSS_S_NO_CONTEXT);
    EXPECT_EQ(name, GSS_C_NO_NAME);
    gss_buffer_set_t set = dangling<gss_buffer_set_t>();
    EXPECT_EQ(NTLM_ENTRY(gss_inquire_sec_context_by_oid)(&minor, context, &g_ntlm, &set),
              GSS_S_NO_CONTEXT);
    EXPECT_EQ(set, GSS_C_NO_BUFFER_SET);
    EXPECT_EQ(NTLM_ENTRY(gss_process_context_token)(&minor, context, &in), GSS_S_NO_CONTEXT);
    gss_ctx_id_t handle = context;
    out = rubbish();
    EXPECT_EQ(NTLM_ENTRY(gss_export_sec_context)(&minor, &handle, &out), GSS_S_NO_CONTEXT);
    EXPECT_TRUE(empty(out));
  }
}

TEST(Arguments, IovThatIsNull) {
  Accounts accounts;
  OM_uint32 minor = 0;
  gss_ctx_id_t context = garbage<gss_ctx_id_t>();
  EXPECT_TRUE(GSS_ERROR(NTLM_ENTRY(gss_wrap_iov)(&minor, context, 1, 0, nullptr, nullptr, 3)));
  EXPECT_TRUE(GSS_ERROR(NTLM_ENTRY(gss_unwrap_iov)(&minor, context, nullptr, nullptr, nullptr, 3)));
  EXPECT_TRUE(
      GSS_ERROR(NTLM_ENTRY(gss_wrap_iov_length)(&minor, context, 1, 0, nullptr, nullptr, -1)));
  EXPECT_TRUE(GSS_ERROR(NTLM_ENTRY(gss_get_mic_iov)(&minor, context, 0, nullptr, 3)));
  EXPECT_TRUE(GSS_ERROR(NTLM_ENTRY(gss_get_mic_iov_length)(&minor, context, 0, nullptr, 3)));
  EXPECT_TRUE(GSS_ERROR(NTLM_ENTRY(gss_verify_mic_iov)(&minor, context, nullptr, nullptr, 3)));
}

TEST(Arguments, NamesThatAreNoneOfOurs) {
  for (gss_name_t name : {gss_name_t{GSS_C_NO_NAME}, garbage<gss_name_t>()}) {
    OM_uint32 minor = 0;
    gss_buffer_desc out = rubbish();
    gss_OID type = &g_ntlm;
    EXPECT_EQ(NTLM_ENTRY(gss_display_name)(&minor, name, &out, &type), GSS_S_BAD_NAME);
    EXPECT_TRUE(empty(out));
    EXPECT_EQ(type, GSS_C_NO_OID);
    out = rubbish();
    EXPECT_EQ(NTLM_ENTRY(gss_display_name_ext)(&minor, name, GSS_C_NT_USER_NAME, &out),
              GSS_S_BAD_NAME);
    EXPECT_TRUE(empty(out));
    int equal = 7;
    EXPECT_EQ(NTLM_ENTRY(gss_compare_name)(&minor, name, name, &equal), GSS_S_BAD_NAME);
    EXPECT_EQ(equal, 0);
    gss_name_t copy = dangling<gss_name_t>();
    EXPECT_EQ(NTLM_ENTRY(gss_duplicate_name)(&minor, name, &copy), GSS_S_BAD_NAME);
    EXPECT_EQ(copy, GSS_C_NO_NAME);
    out = rubbish();
    EXPECT_EQ(NTLM_ENTRY(gss_export_name)(&minor, name, &out), GSS_S_BAD_NAME);
    EXPECT_TRUE(empty(out));
    EXPECT_EQ(NTLM_ENTRY(gss_export_name_composite)(&minor, name, &out), GSS_S_BAD_NAME);
    out = rubbish();
    EXPECT_EQ(NTLM_ENTRY(gss_localname)(&minor, name, nullptr, &out), GSS_S_BAD_NAME);
    EXPECT_TRUE(empty(out));
    gss_buffer_desc user = buffer("root");
    EXPECT_EQ(entry<OM_uint32(OM_uint32*, gss_name_t, gss_const_buffer_t, gss_const_OID)>(
                  "gssspi_authorize_localname")(&minor, name, &user, GSS_C_NT_USER_NAME),
              GSS_S_BAD_NAME);
    int is_ours = 7, more = -1, sure = 7, complete = 7;
    gss_buffer_set_t attributes = dangling<gss_buffer_set_t>();
    EXPECT_EQ(NTLM_ENTRY(gss_inquire_name)(&minor, name, &is_ours, &type, &attributes),
              GSS_S_BAD_NAME);
    EXPECT_EQ(attributes, GSS_C_NO_BUFFER_SET);
    EXPECT_EQ(is_ours, 0);
    out = rubbish();
    EXPECT_EQ(NTLM_ENTRY(gss_get_name_attribute)(&minor, name, &user, &sure, &complete, &out,
                                                 nullptr, &more),
              GSS_S_BAD_NAME);
    EXPECT_EQ(more, 0) << "the mechglue's caller would ask for ever";
    EXPECT_EQ(sure, 0);
    EXPECT_TRUE(empty(out));
  }
}

TEST(Arguments, AttributeIndicesThatNobodyGave) {
  Accounts accounts;
  gss_name_t name = GSS_C_NO_NAME;
  gss_buffer_desc in = buffer("TEST\\alice"), attribute = buffer(GSS_NTLM_ATTR_ACCOUNT);
  OM_uint32 minor = 0;
  ASSERT_EQ(NTLM_ENTRY(gss_import_name)(&minor, &in, GSS_C_NT_USER_NAME, &name), GSS_S_COMPLETE);
  for (int wanted : {-2, 1, 2147483647, -2147483647}) {
    int more = wanted;
    gss_buffer_desc out = rubbish();
    EXPECT_TRUE(GSS_ERROR(NTLM_ENTRY(gss_get_name_attribute)(&minor, name, &attribute, nullptr,
                                                             nullptr, &out, nullptr, &more)));
    EXPECT_EQ(more, 0);
    EXPECT_TRUE(empty(out));
  }
  EXPECT_EQ(NTLM_ENTRY(gss_get_name_attribute)(&minor, name, nullptr, nullptr, nullptr, nullptr,
                                               nullptr, nullptr),
            GSS_S_UNAVAILABLE);
  EXPECT_EQ(NTLM_ENTRY(gss_release_name)(&minor, &name), GSS_S_COMPLETE);
}

TEST(Arguments, CredentialsThatAreNoneOfOurs) {
  Accounts accounts;
  gss_cred_id_t credential = garbage<gss_cred_id_t>();
  OM_uint32 minor = 0;
  gss_name_t name = dangling<gss_name_t>();
  gss_OID_set mechanisms = dangling<gss_OID_set>();
  EXPECT_EQ(NTLM_ENTRY(gss_inquire_cred)(&minor, credential, &name, nullptr, nullptr, &mechanisms),
            GSS_S_NO_CRED);
  EXPECT_EQ(name, GSS_C_NO_NAME);
  EXPECT_EQ(mechanisms, GSS_C_NO_OID_SET);
  EXPECT_EQ(NTLM_ENTRY(gss_inquire_cred_by_mech)(&minor, credential, &g_ntlm, &name, nullptr,
                                                 nullptr, nullptr),
            GSS_S_NO_CRED);
  gss_buffer_set_t set = dangling<gss_buffer_set_t>();
  EXPECT_EQ(NTLM_ENTRY(gss_inquire_cred_by_oid)(&minor, credential, &g_ntlm, &set), GSS_S_NO_CRED);
  EXPECT_EQ(set, GSS_C_NO_BUFFER_SET);
  gss_buffer_desc out = rubbish();
  EXPECT_EQ(NTLM_ENTRY(gss_export_cred)(&minor, credential, &out), GSS_S_NO_CRED);
  EXPECT_TRUE(empty(out));
  EXPECT_EQ(NTLM_ENTRY(gss_release_cred)(&minor, &credential), GSS_S_NO_CRED);
  EXPECT_EQ(NTLM_ENTRY(gss_release_cred)(&minor, nullptr), GSS_S_COMPLETE);
  gss_OID_desc no_ci{6, const_cast<char*>("\x2a\x85\x70\x2b\x0d\x1d")};
  const auto set_option =
      entry<OM_uint32(OM_uint32*, gss_cred_id_t*, gss_OID, gss_buffer_t)>("gssspi_set_cred_option");
  EXPECT_EQ(set_option(&minor, nullptr, &no_ci, nullptr), GSS_S_NO_CRED);
  EXPECT_EQ(set_option(&minor, &credential, &no_ci, nullptr), GSS_S_NO_CRED);
  EXPECT_EQ(set_option(&minor, &credential, nullptr, nullptr), GSS_S_UNAVAILABLE);
}

TEST(Arguments, AcquiringWithNothingOrNonsense) {
  Accounts accounts;
  OM_uint32 minor = 0;
  gss_cred_id_t credential = dangling<gss_cred_id_t>();
  const auto acquire = [&](gss_name_t name, gss_cred_usage_t usage, gss_OID_set mechanisms) {
    credential = dangling<gss_cred_id_t>();
    return NTLM_ENTRY(gss_acquire_cred)(&minor, name, 0, mechanisms, usage, &credential, nullptr,
                                        nullptr);
  };
  EXPECT_EQ(acquire(GSS_C_NO_NAME, 3, nullptr), GSS_S_FAILURE);
  EXPECT_EQ(credential, GSS_C_NO_CREDENTIAL);
  EXPECT_EQ(acquire(garbage<gss_name_t>(), GSS_C_ACCEPT, nullptr), GSS_S_BAD_NAME);
  EXPECT_EQ(credential, GSS_C_NO_CREDENTIAL);
  gss_OID_desc other{3, const_cast<char*>("\x2a\x03\x04")};
  gss_OID_set_desc others{1, &other};
  EXPECT_EQ(acquire(GSS_C_NO_NAME, GSS_C_ACCEPT, &others), GSS_S_BAD_MECH);
  EXPECT_TRUE(GSS_ERROR(NTLM_ENTRY(gss_acquire_cred)(&minor, nullptr, 0, nullptr, GSS_C_ACCEPT,
                                                     nullptr, nullptr, nullptr)));
  gss_key_value_element_desc element{"ntlmssp_keyfile", nullptr};
  gss_key_value_set_desc store{1, &element};
  EXPECT_TRUE(GSS_ERROR(NTLM_ENTRY(gss_acquire_cred_from)(&minor, nullptr, 0, nullptr, GSS_C_ACCEPT,
                                                          &store, &credential, nullptr, nullptr)));
  EXPECT_TRUE(GSS_ERROR(
      entry<decltype(gss_acquire_cred_with_password)>("gssspi_acquire_cred_with_password")(
          &minor, nullptr, nullptr, 0, nullptr, GSS_C_INITIATE, &credential, nullptr, nullptr)));
}

TEST(Arguments, MinorStatusNull) {
  Accounts accounts;
  gss_OID_set set = GSS_C_NO_OID_SET;
  EXPECT_EQ(NTLM_ENTRY(gss_indicate_mechs)(nullptr, &set), GSS_S_COMPLETE);
  OM_uint32 minor = 0;
  gss_release_oid_set(&minor, &set);
  EXPECT_EQ(NTLM_ENTRY(gss_display_name)(nullptr, nullptr, nullptr, nullptr), GSS_S_BAD_NAME);
  EXPECT_EQ(NTLM_ENTRY(gss_release_name)(nullptr, nullptr), GSS_S_COMPLETE);
}

TEST(Arguments, EveryOutputNull) {
  Accounts accounts;
  OM_uint32 minor = 0;
  EXPECT_EQ(NTLM_ENTRY(gss_indicate_mechs)(&minor, nullptr), GSS_S_COMPLETE);
  EXPECT_EQ(NTLM_ENTRY(gss_inquire_attrs_for_mech)(&minor, nullptr, nullptr, nullptr),
            GSS_S_COMPLETE);
  EXPECT_EQ(NTLM_ENTRY(gss_inquire_names_for_mech)(&minor, nullptr, nullptr), GSS_S_COMPLETE);
  EXPECT_EQ(NTLM_ENTRY(gss_inquire_saslname_for_mech)(&minor, nullptr, nullptr, nullptr, nullptr),
            GSS_S_COMPLETE);
  EXPECT_EQ(NTLM_ENTRY(gss_inquire_mech_for_saslname)(&minor, nullptr, nullptr), GSS_S_BAD_MECH);
  EXPECT_EQ(NTLM_ENTRY(gss_inquire_cred)(&minor, nullptr, nullptr, nullptr, nullptr, nullptr),
            GSS_S_COMPLETE);
  EXPECT_TRUE(GSS_ERROR(NTLM_ENTRY(gss_import_name)(&minor, nullptr, nullptr, nullptr)));
  EXPECT_TRUE(GSS_ERROR(NTLM_ENTRY(gss_import_cred)(&minor, nullptr, nullptr)));
  EXPECT_TRUE(GSS_ERROR(NTLM_ENTRY(gss_import_sec_context)(&minor, nullptr, nullptr)));
  EXPECT_TRUE(GSS_ERROR(NTLM_ENTRY(gss_accept_sec_context)(&minor, nullptr, nullptr, nullptr,
                                                           nullptr, nullptr, nullptr, nullptr,
                                                           nullptr, nullptr, nullptr)));
  EXPECT_TRUE(GSS_ERROR(NTLM_ENTRY(gss_init_sec_context)(&minor, nullptr, nullptr, nullptr, nullptr,
                                                         0, 0, nullptr, nullptr, nullptr, nullptr,
                                                         nullptr, nullptr)));
  EXPECT_TRUE(GSS_ERROR(
      NTLM_ENTRY(gss_display_status)(&minor, 1, GSS_C_GSS_CODE, nullptr, nullptr, nullptr)));
  EXPECT_EQ(NTLM_ENTRY(gss_display_status)(&minor, GSS_NTLM_MINOR_LOGON_DENIED, GSS_C_MECH_CODE,
                                           nullptr, nullptr, nullptr),
            GSS_S_COMPLETE);
}

TEST(Arguments, TokensOfNothingOrNonsense) {
  Accounts accounts;
  OM_uint32 minor = 0;
  for (const std::string& token : {std::string(), std::string("NTLMSSP"), std::string(3000, 'x')}) {
    gss_ctx_id_t context = GSS_C_NO_CONTEXT;
    gss_buffer_desc in = buffer(token), out = rubbish();
    gss_name_t source = dangling<gss_name_t>();
    OM_uint32 flags = 7;
    EXPECT_EQ(NTLM_ENTRY(gss_accept_sec_context)(&minor, &context, nullptr, &in, nullptr, &source,
                                                 nullptr, &out, &flags, nullptr, nullptr),
              GSS_S_DEFECTIVE_TOKEN);
    EXPECT_TRUE(empty(out));
    EXPECT_EQ(source, GSS_C_NO_NAME);
    EXPECT_EQ(flags, 0U);
    EXPECT_EQ(context, GSS_C_NO_CONTEXT);
    gss_cred_id_t credential = dangling<gss_cred_id_t>();
    EXPECT_EQ(NTLM_ENTRY(gss_import_cred)(&minor, &in, &credential), GSS_S_DEFECTIVE_TOKEN);
    EXPECT_EQ(credential, GSS_C_NO_CREDENTIAL);
    EXPECT_EQ(NTLM_ENTRY(gss_import_sec_context)(&minor, &in, &context), GSS_S_DEFECTIVE_TOKEN);
    EXPECT_EQ(context, GSS_C_NO_CONTEXT);
  }
}

TEST(Arguments, OnlyOurOidIsOurStaticOne) {
  const auto release = entry<OM_uint32(OM_uint32*, gss_OID*)>("gss_internal_release_oid");
  OM_uint32 minor = 0;
  gss_OID theirs = &g_ntlm, none = GSS_C_NO_OID;
  EXPECT_EQ(release(&minor, &theirs), GSS_S_CONTINUE_NEEDED) << "equal bytes in another's memory";
  EXPECT_EQ(theirs, &g_ntlm);
  EXPECT_EQ(release(&minor, &none), GSS_S_CONTINUE_NEEDED);
  EXPECT_EQ(release(&minor, nullptr), GSS_S_CONTINUE_NEEDED);
  gss_OID ours = GSS_C_NO_OID;
  gss_buffer_desc sasl = buffer("GS2-QUHS4VZGIKU");
  ASSERT_EQ(NTLM_ENTRY(gss_inquire_mech_for_saslname)(&minor, &sasl, &ours), GSS_S_COMPLETE);
  EXPECT_EQ(release(&minor, &ours), GSS_S_COMPLETE);
  EXPECT_EQ(ours, GSS_C_NO_OID);
}

TEST(Arguments, AReleasedHandleIsNull) {
  Accounts accounts;
  OM_uint32 minor = 0;
  gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
  ASSERT_EQ(NTLM_ENTRY(gss_acquire_cred)(&minor, nullptr, 0, nullptr, GSS_C_BOTH, &credential,
                                         nullptr, nullptr),
            GSS_S_COMPLETE);
  ASSERT_EQ(NTLM_ENTRY(gss_release_cred)(&minor, &credential), GSS_S_COMPLETE);
  EXPECT_EQ(credential, GSS_C_NO_CREDENTIAL);
  EXPECT_EQ(NTLM_ENTRY(gss_release_cred)(&minor, &credential), GSS_S_COMPLETE);
}

}  // namespace
}  // namespace ntlm::test
