/* SPDX-License-Identifier: MIT */
/* The calls of .NET's System.Net.Security.Native, in its order and with its arguments, both ends in
 * one process: what NegotiateStream, HttpClient and SqlClient do on Linux. dotnet_calls
 * ntlm|negotiate USER PASSWORD|- SPN none|sign|seal */
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gss_OID_desc ntlm = {10, "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"};
static gss_OID_desc spnego = {6, "\x2b\x06\x01\x05\x05\x02"};
static gss_OID_desc krb5 = {9, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};
static OM_uint32 minor;

static void must(const char* what, OM_uint32 major) {
  if (!GSS_ERROR(major)) return;
  const OM_uint32 codes[2] = {major, minor};
  printf("failed: %s", what);
  for (int i = 0; i < 2; i++) {
    OM_uint32 ignored, more = 0;
    gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
    gss_display_status(&ignored, codes[i], i ? GSS_C_MECH_CODE : GSS_C_GSS_CODE, GSS_C_NO_OID,
                       &more, &text);
    printf(": %.*s", (int)text.length, (char*)text.value);
    gss_release_buffer(&ignored, &text);
  }
  printf("\n");
  exit(1);
}

static int is_ntlm_installed(void) {
  gss_OID_set mechs = GSS_C_NO_OID_SET;
  int there = 0;
  must("indicate_mechs", gss_indicate_mechs(&minor, &mechs));
  for (size_t i = 0; i < mechs->count && !there; i++)
    there = gss_oid_equal(&mechs->elements[i], &ntlm);
  gss_release_oid_set(&minor, &mechs);
  return there;
}

static gss_name_t import(const char* text, gss_OID type) {
  char* copy = malloc(strlen(text)); /* with no NUL behind it */
  gss_buffer_desc buffer = {strlen(text), copy};
  gss_name_t name = GSS_C_NO_NAME;
  memcpy(copy, text, buffer.length);
  char* slash = type == GSS_C_NT_HOSTBASED_SERVICE ? memchr(copy, '/', buffer.length) : NULL;
  if (slash != NULL) *slash = '@';
  must("import_name", gss_import_name(&minor, &buffer, type, &name));
  free(copy);
  return name;
}

static gss_cred_id_t client_credential(gss_OID mech, const char* user, const char* password) {
  gss_OID_set_desc mechs = {1, mech};
  gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
  gss_buffer_desc empty = GSS_C_EMPTY_BUFFER;
  if (strcmp(password, "-") == 0) { /* DefaultNetworkCredentials */
    must("acquire_cred", gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &mechs, GSS_C_INITIATE,
                                          &credential, NULL, NULL));
  } else {
    gss_buffer_desc secret = {strlen(password), malloc(strlen(password))};
    gss_name_t name = import(user, GSS_C_NT_USER_NAME);
    memcpy(secret.value, password, secret.length);
    must("acquire_cred_with_password",
         gss_acquire_cred_with_password(&minor, name, &secret, 0, &mechs, GSS_C_INITIATE,
                                        &credential, NULL, NULL));
    free(secret.value);
    gss_release_name(&minor, &name);
  }
  must("set_cred_option",
       gss_set_cred_option(&minor, &credential, (gss_OID)GSS_KRB5_CRED_NO_CI_FLAGS_X, &empty));
  return credential;
}

static void exchange(gss_ctx_id_t from, gss_ctx_id_t to, int encrypt) {
  char text[] = "some text of an application";
  gss_buffer_desc plain = {sizeof text, text}, token = GSS_C_EMPTY_BUFFER,
                  back = GSS_C_EMPTY_BUFFER;
  int conf = -1;
  must("wrap", gss_wrap(&minor, from, encrypt, GSS_C_QOP_DEFAULT, &plain, &conf, &token));
  must("unwrap", gss_unwrap(&minor, to, &token, &back, NULL, NULL));
  printf(" %d%s", conf,
         back.length == sizeof text && memcmp(back.value, text, sizeof text) == 0 ? "" : " spoilt");
  gss_release_buffer(&minor, &token);
  gss_release_buffer(&minor, &back);
}

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const int is_ntlm = strcmp(argv[1], "ntlm") == 0;
  gss_OID mech = is_ntlm ? &ntlm : &spnego;
  const OM_uint32 wanted =
      strcmp(argv[5], "seal") == 0
          ? GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG
      : strcmp(argv[5], "sign") == 0 ? GSS_C_INTEG_FLAG
                                     : 0;
  if (!is_ntlm_installed()) return 3;
  gss_cred_id_t client = client_credential(mech, argv[2], argv[3]), server = GSS_C_NO_CREDENTIAL;
  gss_name_t target = import(argv[4], GSS_C_NT_HOSTBASED_SERVICE), user = GSS_C_NO_NAME;
  must("acquire_cred(accept)",
       gss_acquire_cred(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, GSS_C_NO_OID_SET, GSS_C_ACCEPT,
                        &server, NULL, NULL));
  gss_ctx_id_t ours = GSS_C_NO_CONTEXT, theirs = GSS_C_NO_CONTEXT;
  gss_buffer_desc to = GSS_C_EMPTY_BUFFER, back = GSS_C_EMPTY_BUFFER, name = GSS_C_EMPTY_BUFFER;
  gss_OID our_mech = GSS_C_NO_OID, their_mech = GSS_C_NO_OID;
  OM_uint32 our_flags = 0, their_flags = 0, major = GSS_S_CONTINUE_NEEDED, accepted = major;
  while (major == GSS_S_CONTINUE_NEEDED || accepted == GSS_S_CONTINUE_NEEDED) {
    major =
        gss_init_sec_context(&minor, client, &ours, target, mech, wanted, 0,
                             GSS_C_NO_CHANNEL_BINDINGS, &back, &our_mech, &to, &our_flags, NULL);
    gss_release_buffer(&minor, &back);
    must("init_sec_context", major);
    if (to.length == 0) break;
    accepted = gss_accept_sec_context(&minor, &theirs, server, &to, GSS_C_NO_CHANNEL_BINDINGS, NULL,
                                      &their_mech, &back, &their_flags, NULL, NULL);
    must("accept_sec_context", accepted);
    gss_release_buffer(&minor, &to);
  }
  gss_release_buffer(&minor, &back);
  printf("ntlm used: %d %d\n", !gss_oid_equal(our_mech, &krb5), gss_oid_equal(their_mech, &ntlm));
  printf("integrity: %d %d confidentiality: %d %d\n", !!(our_flags & GSS_C_INTEG_FLAG),
         !!(their_flags & GSS_C_INTEG_FLAG), !!(our_flags & GSS_C_CONF_FLAG),
         !!(their_flags & GSS_C_CONF_FLAG));
  must("inquire_context",
       gss_inquire_context(&minor, theirs, &user, NULL, NULL, NULL, NULL, NULL, NULL));
  must("display_name", gss_display_name(&minor, user, &name, NULL));
  printf("user: %.*s\nmessages:", (int)name.length, (char*)name.value);
  gss_release_buffer(&minor, &name);
  gss_release_name(&minor, &user);
  if (our_flags & GSS_C_INTEG_FLAG) {
    for (int encrypt = 0; encrypt <= !!(our_flags & GSS_C_CONF_FLAG); encrypt++) {
      exchange(ours, theirs, encrypt);
      exchange(theirs, ours, encrypt);
    }
  }
  printf("\n");
  gss_delete_sec_context(&minor, &ours, GSS_C_NO_BUFFER);
  gss_delete_sec_context(&minor, &theirs, GSS_C_NO_BUFFER);
  gss_release_name(&minor, &target);
  gss_release_cred(&minor, &client);
  gss_release_cred(&minor, &server);
  return 0;
}
