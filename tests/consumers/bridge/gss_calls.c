/* SPDX-License-Identifier: MIT */
/* Makes every call that the mechglue forwards to a mechanism and prints one line for each: what was
 * called, the major status, what came out. bridge_test.py runs it with the bridge and without:
 * Kerberos must answer the same. gss_calls krb5|spnego SERVICE@HOST USER PASSWORD */
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gss_OID_desc kerberos = {9, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};
static gss_OID_desc spnego = {6, "\x2b\x06\x01\x05\x05\x02"};
static gss_OID mech;
static gss_OID_set_desc mechs;
static OM_uint32 minor;

/* One line: the call, its major status in hexadecimal, and what the caller adds. */
static OM_uint32 line(const char* call, OM_uint32 major) {
  printf("\n%s %x", call, major);
  if (GSS_ERROR(major)) {
    /* The texts come from the mechanism too. Kerberos' may hold a file name or a time; this one's
     * start does not. */
    OM_uint32 more = 0, ignored;
    gss_buffer_desc text;
    if (gss_display_status(&ignored, minor, GSS_C_MECH_CODE, mech, &more, &text) ==
        GSS_S_COMPLETE) {
      printf(" \"%.*s\"", (int)text.length, (char*)text.value);
      gss_release_buffer(&ignored, &text);
    }
  }
  return major;
}
static void show(gss_buffer_t buffer) {
  OM_uint32 ignored;
  printf(" '%.*s'", (int)buffer->length, (char*)buffer->value);
  gss_release_buffer(&ignored, buffer);
}
static void show_name(gss_name_t* name) {
  OM_uint32 ignored;
  gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
  if (*name == GSS_C_NO_NAME) return;
  gss_display_name(&ignored, *name, &text, NULL);
  show(&text);
  gss_release_name(&ignored, name);
}
static void show_size(gss_buffer_t buffer) {
  OM_uint32 ignored;
  printf(" %zu bytes", buffer->length);
  gss_release_buffer(&ignored, buffer);
}
static void show_set(gss_buffer_set_t* set) {
  OM_uint32 ignored;
  if (*set == NULL) return;
  printf(" %zu in set", (*set)->count);
  gss_release_buffer_set(&ignored, set);
}
static void show_oid(gss_OID oid) {
  OM_uint32 ignored;
  gss_buffer_desc text;
  if (oid == GSS_C_NO_OID || gss_oid_to_str(&ignored, oid, &text) != GSS_S_COMPLETE) return;
  show(&text);
}
static void show_oids(gss_OID_set* set) {
  OM_uint32 ignored;
  if (*set == NULL) return;
  for (size_t i = 0; i < (*set)->count; i++) show_oid(&(*set)->elements[i]);
  gss_release_oid_set(&ignored, set);
}
static gss_name_t import(const char* text, gss_OID type) {
  gss_buffer_desc buffer = {strlen(text), (void*)text};
  gss_name_t name = GSS_C_NO_NAME;
  line("import_name", gss_import_name(&minor, &buffer, type, &name));
  return name;
}

static void mechanism_calls(void) {
  gss_OID_set set = NULL, known = NULL;
  gss_buffer_desc sasl = GSS_C_EMPTY_BUFFER, name = GSS_C_EMPTY_BUFFER, text = GSS_C_EMPTY_BUFFER;
  gss_OID found = NULL;
  gss_buffer_desc value = {4, "abcd"};
  int there = 0;
  line("indicate_mechs", gss_indicate_mechs(&minor, &set));
  gss_test_oid_set_member(&minor, mech, set, &there);
  printf(" %d", there);
  gss_release_oid_set(&minor, &set);
  line("inquire_names_for_mech", gss_inquire_names_for_mech(&minor, mech, &set));
  show_oids(&set);
  line("inquire_attrs_for_mech", gss_inquire_attrs_for_mech(&minor, mech, &set, &known));
  show_oids(&set);
  show_oids(&known);
  line("inquire_saslname_for_mech",
       gss_inquire_saslname_for_mech(&minor, mech, &sasl, &name, &text));
  line("inquire_mech_for_saslname", gss_inquire_mech_for_saslname(&minor, &sasl, &found));
  show_oid(found);
  show(&sasl);
  show(&name);
  show(&text);
  sasl.value = "GS2-NOBODY";
  sasl.length = 10;
  line("inquire_mech_for_saslname(unknown)", gss_inquire_mech_for_saslname(&minor, &sasl, &found));
  line("mech_invoke", gssspi_mech_invoke(&minor, mech, GSS_C_NT_ANONYMOUS, &value));
  if (mech == &kerberos) {
    line("krb5_ccache_name", gss_krb5_ccache_name(&minor, getenv("KRB5CCNAME"), NULL));
    line("krb5_register_acceptor_identity",
         krb5_gss_register_acceptor_identity(getenv("KRB5_KTNAME")));
  }
}

static void name_calls(const char* user, gss_name_t target) {
  gss_name_t given = import(user, GSS_C_NT_USER_NAME), name = NULL, other = NULL;
  gss_buffer_desc out = GSS_C_EMPTY_BUFFER, value = GSS_C_EMPTY_BUFFER, attribute = {7, "urn:x:y"};
  gss_buffer_desc local = {strlen(user), (void*)user};
  gss_buffer_set_t set = NULL;
  gss_OID type = NULL, found = NULL;
  gss_any_t any = NULL;
  uid_t uid = 0;
  int equal = 0, is_mn = 0, authenticated = 0, complete = 0, more = -1;

  if (GSS_ERROR(line("canonicalize_name", gss_canonicalize_name(&minor, given, mech, &name))))
    return;
  line("display_name", gss_display_name(&minor, name, &out, &type));
  show(&out);
  show_oid(type);
  line("display_name_ext", gss_display_name_ext(&minor, name, GSS_C_NT_USER_NAME, &out));
  line("duplicate_name", gss_duplicate_name(&minor, name, &other));
  line("compare_name", gss_compare_name(&minor, name, other, &equal));
  printf(" %d", equal);
  show_name(&other);
  line("compare_name(other)", gss_compare_name(&minor, name, target, &equal));
  printf(" %d", equal);
  line("export_name", gss_export_name(&minor, name, &out));
  line("import_name(exported)", gss_import_name(&minor, &out, GSS_C_NT_EXPORT_NAME, &other));
  show_size(&out);
  if (other != NULL) line("compare_name(exported)", gss_compare_name(&minor, name, other, &equal));
  printf(" %d", equal);
  show_name(&other);
  line("export_name_composite", gss_export_name_composite(&minor, name, &out));
  line("import_name(composite)", gss_import_name(&minor, &out, GSS_C_NT_COMPOSITE_EXPORT, &other));
  show_size(&out);
  show_name(&other);
  line("inquire_name", gss_inquire_name(&minor, name, &is_mn, &found, &set));
  printf(" %d", is_mn);
  show_oid(found);
  show_set(&set);
  line("get_name_attribute", gss_get_name_attribute(&minor, name, &attribute, &authenticated,
                                                    &complete, &value, &out, &more));
  line("set_name_attribute", gss_set_name_attribute(&minor, name, 1, &attribute, &local));
  line("delete_name_attribute", gss_delete_name_attribute(&minor, name, &attribute));
  line("map_name_to_any", gss_map_name_to_any(&minor, name, 0, &attribute, &any));
  line("release_any_name_mapping", gss_release_any_name_mapping(&minor, name, &attribute, &any));
  line("localname", gss_localname(&minor, name, mech, &out));
  show(&out);
  line("pname_to_uid", gss_pname_to_uid(&minor, name, mech, &uid));
  line("authorize_localname", gss_authorize_localname(&minor, name, given));
  printf(" userok %d", gss_userok(name, user));
  gss_release_name(&minor, &name);
  gss_release_name(&minor, &given);
}

static void show_credential(gss_cred_id_t* credential) {
  gss_name_t name = NULL;
  OM_uint32 time = 0, accept_time = 0;
  gss_cred_usage_t usage = -1;
  gss_OID_set set = NULL;
  line(" inquire_cred", gss_inquire_cred(&minor, *credential, &name, &time, &usage, &set));
  printf(" %d alive %d", usage, time > 0);
  show_oids(&set);
  show_name(&name);
  if (!GSS_ERROR(
          line(" inquire_cred_by_mech", gss_inquire_cred_by_mech(&minor, *credential, mech, &name,
                                                                 &time, &accept_time, &usage)))) {
    printf(" %d", usage);
  }
  show_name(&name);
  gss_release_cred(&minor, credential);
}

static void held_credential_calls(gss_cred_id_t* held, gss_name_t name) {
  gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
  gss_key_value_element_desc into = {"ccache", "MEMORY:gss_calls"};
  gss_key_value_set_desc store_into = {1, &into};
  gss_cred_id_t credential = *held, other = NULL;
  gss_buffer_set_t set = NULL;
  gss_OID_set actual = NULL;
  OM_uint32 time = 0, accept_time = 0;
  gss_cred_usage_t usage = -1;
  gss_OID_desc impersonator = {11, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x0e"};

  line("add_cred", gss_add_cred(&minor, credential, NULL, mech, GSS_C_INITIATE, 0, 0, &other,
                                &actual, &time, &accept_time));
  show_oids(&actual);
  gss_release_cred(&minor, &other);
  line("inquire_cred_by_oid", gss_inquire_cred_by_oid(&minor, credential, &impersonator, &set));
  show_set(&set);
  line("store_cred_into", gss_store_cred_into(&minor, credential, GSS_C_INITIATE, mech, 1, 0,
                                              &store_into, &actual, &usage));
  show_oids(&actual);
  line("store_cred", gss_store_cred(&minor, credential, GSS_C_ACCEPT, mech, 1, 0, &actual, &usage));
  line("set_cred_option",
       gss_set_cred_option(&minor, &credential, (gss_OID)GSS_KRB5_CRED_NO_CI_FLAGS_X, &token));
  line("set_neg_mechs", gss_set_neg_mechs(&minor, credential, &mechs));
  line("export_cred", gss_export_cred(&minor, credential, &token));
  line("import_cred", gss_import_cred(&minor, &token, &other));
  show_size(&token);
  if (other != NULL) show_credential(&other);
  line("acquire_cred_impersonate_name",
       gss_acquire_cred_impersonate_name(&minor, credential, name, GSS_C_INDEFINITE, &mechs,
                                         GSS_C_INITIATE, &other, NULL, NULL));
  gss_release_cred(&minor, &other);
  if (mech == &kerberos) {
    OM_uint32 enctype = 18;
    line("krb5_set_allowable_enctypes",
         gss_krb5_set_allowable_enctypes(&minor, credential, 1, &enctype));
  }
  show_credential(&credential);
  *held = NULL;
}

static void credential_calls(const char* user, const char* password, gss_name_t target) {
  gss_buffer_desc secret = {strlen(password), (void*)password}, token = GSS_C_EMPTY_BUFFER;
  gss_key_value_element_desc element = {"ccache", getenv("KRB5CCNAME")};
  gss_key_value_set_desc store = {1, &element};
  gss_cred_id_t credential = NULL;
  gss_OID_set actual = NULL;
  OM_uint32 time = 0;
  gss_cred_usage_t usage = -1;
  gss_name_t name = import(user, GSS_C_NT_USER_NAME);

  for (gss_cred_usage_t want = GSS_C_BOTH; want <= GSS_C_ACCEPT; want++) {
    line("acquire_cred", gss_acquire_cred(&minor, NULL, GSS_C_INDEFINITE, &mechs, want, &credential,
                                          &actual, &time));
    printf(" alive %d", time > 0);
    show_oids(&actual);
    if (credential != NULL) show_credential(&credential);
  }
  line("acquire_cred(named)", gss_acquire_cred(&minor, name, GSS_C_INDEFINITE, &mechs,
                                               GSS_C_INITIATE, &credential, NULL, NULL));
  if (credential != NULL) show_credential(&credential);
  line("acquire_cred(nobody)", gss_acquire_cred(&minor, target, GSS_C_INDEFINITE, &mechs,
                                                GSS_C_INITIATE, &credential, NULL, NULL));
  line("acquire_cred_from", gss_acquire_cred_from(&minor, NULL, GSS_C_INDEFINITE, &mechs,
                                                  GSS_C_INITIATE, &store, &credential, NULL, NULL));
  if (credential != NULL) held_credential_calls(&credential, name);
  line("acquire_cred_with_password",
       gss_acquire_cred_with_password(&minor, name, &secret, GSS_C_INDEFINITE, &mechs,
                                      GSS_C_INITIATE, &credential, NULL, NULL));
  if (credential != NULL) show_credential(&credential);
  line("inquire_cred(default)",
       gss_inquire_cred(&minor, GSS_C_NO_CREDENTIAL, NULL, &time, &usage, NULL));
  if (mech == &kerberos) {
    krb5_context krb = NULL;
    krb5_ccache cache = NULL;
    if (krb5_init_context(&krb) == 0 && krb5_cc_default(krb, &cache) == 0) {
      line("krb5_import_cred", gss_krb5_import_cred(&minor, cache, NULL, NULL, &credential));
      if (credential != NULL) {
        gss_ctx_id_t context = NULL;
        line("init_sec_context(imported)",
             gss_init_sec_context(&minor, credential, &context, target, mech, 0, 0, NULL, NULL,
                                  NULL, &token, NULL, NULL));
        gss_release_buffer(&minor, &token);
        gss_delete_sec_context(&minor, &context, NULL);
        line("inquire_cred_by_mech(imported)",
             gss_inquire_cred_by_mech(&minor, credential, mech, NULL, NULL, NULL, &usage));
        gss_release_cred(&minor, &credential);
      }
      krb5_cc_close(krb, cache);
    }
    if (krb != NULL) krb5_free_context(krb);
  }
  gss_release_name(&minor, &name);
}

static void show_context(gss_ctx_id_t context) {
  gss_name_t source = NULL, target = NULL;
  gss_OID oid = NULL;
  OM_uint32 time = 0, flags = 0;
  int local = -1, open = -1;
  line("inquire_context",
       gss_inquire_context(&minor, context, &source, &target, &time, &oid, &flags, &local, &open));
  printf(" alive %d flags %x local %d open %d", time > 0, flags, local, open);
  show_oid(oid);
  show_name(&source);
  show_name(&target);
  line("context_time", gss_context_time(&minor, context, &time));
}

static void message_calls(gss_ctx_id_t a, gss_ctx_id_t b) {
  gss_buffer_desc message = {11, "hello world"}, token = GSS_C_EMPTY_BUFFER,
                  out = GSS_C_EMPTY_BUFFER, header = {3, "AAD"};
  gss_buffer_set_t set = NULL;
  gss_qop_t qop = 0;
  OM_uint32 size = 0;
  int conf = -1;
  line("get_mic", gss_get_mic(&minor, a, 0, &message, &token));
  line("verify_mic", gss_verify_mic(&minor, b, &message, &token, &qop));
  show_size(&token);
  for (int seal = 0; seal < 2; seal++) {
    line("wrap", gss_wrap(&minor, a, seal, 0, &message, &conf, &token));
    line("unwrap", gss_unwrap(&minor, b, &token, &out, &conf, &qop));
    printf(" %d", conf);
    if (seal) line("unwrap(again)", gss_unwrap(&minor, b, &token, &out, &conf, &qop));
    show_size(&token);
    gss_release_buffer(&minor, &out);
    line("wrap_size_limit", gss_wrap_size_limit(&minor, a, seal, 0, 16000, &size));
    printf(" %u", size);
  }
  line("wrap_aead", gss_wrap_aead(&minor, a, 1, 0, &header, &message, &conf, &token));
  line("unwrap_aead", gss_unwrap_aead(&minor, b, &token, &header, &out, &conf, &qop));
  show_size(&token);
  gss_release_buffer(&minor, &out);
  char data[] = "hello world";
  gss_iov_buffer_desc iov[4] = {
      {GSS_IOV_BUFFER_TYPE_HEADER | GSS_IOV_BUFFER_FLAG_ALLOCATE, GSS_C_EMPTY_BUFFER},
      {GSS_IOV_BUFFER_TYPE_DATA, {11, data}},
      {GSS_IOV_BUFFER_TYPE_PADDING | GSS_IOV_BUFFER_FLAG_ALLOCATE, GSS_C_EMPTY_BUFFER},
      {GSS_IOV_BUFFER_TYPE_TRAILER | GSS_IOV_BUFFER_FLAG_ALLOCATE, GSS_C_EMPTY_BUFFER}};
  line("wrap_iov_length", gss_wrap_iov_length(&minor, a, 1, 0, &conf, iov, 4));
  printf(" %zu %zu %zu", iov[0].buffer.length, iov[2].buffer.length, iov[3].buffer.length);
  line("wrap_iov", gss_wrap_iov(&minor, a, 1, 0, &conf, iov, 4));
  line("unwrap_iov", gss_unwrap_iov(&minor, b, &conf, &qop, iov, 4));
  printf(" '%.11s'", (char*)iov[1].buffer.value);
  line("release_iov_buffer", gss_release_iov_buffer(&minor, iov, 4));
  gss_iov_buffer_desc mic[2] = {
      {GSS_IOV_BUFFER_TYPE_DATA, {11, data}},
      {GSS_IOV_BUFFER_TYPE_MIC_TOKEN | GSS_IOV_BUFFER_FLAG_ALLOCATE, GSS_C_EMPTY_BUFFER}};
  line("get_mic_iov_length", gss_get_mic_iov_length(&minor, a, 0, mic, 2));
  printf(" %zu", mic[1].buffer.length);
  line("get_mic_iov", gss_get_mic_iov(&minor, a, 0, mic, 2));
  line("verify_mic_iov", gss_verify_mic_iov(&minor, b, &qop, mic, 2));
  gss_release_iov_buffer(&minor, mic, 2);
  line("pseudo_random", gss_pseudo_random(&minor, a, GSS_C_PRF_KEY_FULL, &message, 32, &out));
  show_size(&out);
  line("inquire_sec_context_by_oid",
       gss_inquire_sec_context_by_oid(&minor, a, GSS_C_INQ_SSPI_SESSION_KEY, &set));
  show_set(&set);
  line("inquire_sec_context_by_oid(unknown)",
       gss_inquire_sec_context_by_oid(&minor, a, &spnego, &set));
  line("set_sec_context_option", gss_set_sec_context_option(&minor, &a, &spnego, &message));
  line("complete_auth_token", gss_complete_auth_token(&minor, a, &message));
  line("process_context_token", gss_process_context_token(&minor, a, &message));
  message.value = "not a token";
  line("unwrap(garbage)", gss_unwrap(&minor, b, &message, &out, &conf, &qop));
  line("verify_mic(garbage)", gss_verify_mic(&minor, b, &message, &message, &qop));
}

static void transfer_calls(gss_ctx_id_t* a, gss_ctx_id_t b) {
  gss_buffer_desc token = GSS_C_EMPTY_BUFFER, message = {5, "after"}, out = GSS_C_EMPTY_BUFFER;
  line("export_sec_context", gss_export_sec_context(&minor, a, &token));
  printf(" %d", *a == GSS_C_NO_CONTEXT);
  line("import_sec_context", gss_import_sec_context(&minor, &token, a));
  gss_release_buffer(&minor, &token);
  line("wrap(imported)", gss_wrap(&minor, *a, 1, 0, &message, NULL, &token));
  line("unwrap(imported)", gss_unwrap(&minor, b, &token, &out, NULL, NULL));
  gss_release_buffer(&minor, &token);
  if (out.value != NULL) show(&out);
  token.value = "\0\0\0\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02rubbish";
  token.length = 20;
  gss_ctx_id_t none = NULL;
  line("import_sec_context(rubbish)", gss_import_sec_context(&minor, &token, &none));
}

static void context_calls(gss_name_t target) {
  gss_ctx_id_t a = NULL, b = NULL;
  gss_buffer_desc to = GSS_C_EMPTY_BUFFER, back = GSS_C_EMPTY_BUFFER;
  gss_name_t source = NULL;
  gss_cred_id_t delegated = NULL;
  gss_OID actual = NULL, accepted = NULL;
  OM_uint32 flags = 0, accept_flags = 0, time = 0, major = GSS_S_CONTINUE_NEEDED,
            accept_major = major;
  for (int leg = 0; leg < 5 && major == GSS_S_CONTINUE_NEEDED; leg++) {
    major = line("init_sec_context",
                 gss_init_sec_context(&minor, NULL, &a, target, mech,
                                      GSS_C_MUTUAL_FLAG | GSS_C_DELEG_FLAG | GSS_C_REPLAY_FLAG |
                                          GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG,
                                      0, NULL, &back, &actual, &to, &flags, &time));
    gss_release_buffer(&minor, &back);
    if (GSS_ERROR(major) || to.length == 0) break;
    accept_major = line("accept_sec_context",
                        gss_accept_sec_context(&minor, &b, NULL, &to, NULL, &source, &accepted,
                                               &back, &accept_flags, &time, &delegated));
    gss_release_buffer(&minor, &to);
    if (GSS_ERROR(accept_major)) break;
  }
  printf(" flags %x %x", flags, accept_flags);
  show_oid(actual);
  show_oid(accepted);
  show_name(&source);
  if (delegated != NULL) {
    /* SPNEGO hands out a credential of the mechanism inside. */
    const gss_OID claimed = mech;
    mech = &kerberos;
    show_credential(&delegated);
    mech = claimed;
  }
  if (major == GSS_S_COMPLETE && accept_major == GSS_S_COMPLETE) {
    show_context(a);
    show_context(b);
    message_calls(a, b);
    transfer_calls(&a, b);
    if (mech == &kerberos) {
      void* lucid = NULL;
      line("krb5_export_lucid_sec_context",
           gss_krb5_export_lucid_sec_context(&minor, &a, 1, &lucid));
      if (lucid != NULL) gss_krb5_free_lucid_sec_context(&minor, lucid);
    }
  }
  line("delete_sec_context", gss_delete_sec_context(&minor, &a, NULL));
  line("delete_sec_context", gss_delete_sec_context(&minor, &b, NULL));
  to.value = "\x60\x0f\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00no";
  to.length = 17;
  line("accept_sec_context(garbage)",
       gss_accept_sec_context(&minor, &b, NULL, &to, NULL, &source, NULL, &back, NULL, NULL, NULL));
  gss_delete_sec_context(&minor, &b, NULL);
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  mech = strcmp(argv[1], "spnego") == 0 ? &spnego : &kerberos;
  mechs.count = 1;
  mechs.elements = mech;
  gss_name_t target = import(argv[2], GSS_C_NT_HOSTBASED_SERVICE);
  mechanism_calls();
  name_calls(argv[3], target);
  credential_calls(argv[3], argv[4], target);
  context_calls(target);
  gss_release_name(&minor, &target);
  printf("\nend\n");
  return 0;
}
