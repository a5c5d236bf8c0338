/* SPDX-License-Identifier: MIT */
/* One login within this process, by the mechanism that the bridge stands in for, and what each side
 * then knows. gss_login krb5|spnego|default SERVICE@HOST [USER [PASSWORD]] */
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <stdio.h>
#include <string.h>

static gss_OID_desc kerberos = {9, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02"};
static gss_OID_desc spnego = {6, "\x2b\x06\x01\x05\x05\x02"};
static OM_uint32 minor, ignored;

static int failed(const char* what, OM_uint32 major, gss_OID mech) {
  OM_uint32 more = 0;
  gss_buffer_desc text;
  const OM_uint32 code = minor;
  printf("failed: %s: %x", what, major);
  if (gss_display_status(&ignored, code, GSS_C_MECH_CODE, mech, &more, &text) == GSS_S_COMPLETE) {
    printf(": %.*s", (int)text.length, (char*)text.value);
    gss_release_buffer(&ignored, &text);
  }
  printf("\n");
  return 1;
}
static void hex(const char* what, gss_buffer_t buffer) {
  printf("%s: ", what);
  for (size_t i = 0; i < buffer->length; i++) printf("%02x", ((unsigned char*)buffer->value)[i]);
  printf("\n");
}
static void text(const char* what, gss_buffer_t buffer) {
  printf("%s: %.*s\n", what, (int)buffer->length, (char*)buffer->value);
  gss_release_buffer(&ignored, buffer);
}
static void oid(const char* what, gss_OID value) {
  gss_buffer_desc buffer;
  if (value != GSS_C_NO_OID && gss_oid_to_str(&ignored, value, &buffer) == GSS_S_COMPLETE)
    text(what, &buffer);
}

/* Wraps and unwraps both ways, and where the mechanism says that a context can travel, through an
 * export of it. */
static int talk(gss_ctx_id_t* a, gss_ctx_id_t b) {
  gss_buffer_desc message = {11, "hello world"}, token = GSS_C_EMPTY_BUFFER,
                  out = GSS_C_EMPTY_BUFFER;
  int conf = 0;
  OM_uint32 flags = 0;
  gss_inquire_context(&ignored, *a, NULL, NULL, NULL, NULL, &flags, NULL, NULL);
  OM_uint32 major = gss_export_sec_context(&minor, a, &token);
  if (GSS_ERROR(major) && (flags & GSS_C_TRANS_FLAG)) return failed("export", major, NULL);
  if (!GSS_ERROR(major)) {
    major = gss_import_sec_context(&minor, &token, a);
    gss_release_buffer(&ignored, &token);
    if (GSS_ERROR(major)) return failed("import", major, NULL);
    printf("travelled: %d\n", (flags & GSS_C_TRANS_FLAG) != 0);
  }
  for (int way = 0; way < 2; way++) {
    major = gss_wrap(&minor, way ? b : *a, 1, 0, &message, &conf, &token);
    if (GSS_ERROR(major)) return failed("wrap", major, NULL);
    major = gss_unwrap(&minor, way ? *a : b, &token, &out, &conf, NULL);
    if (GSS_ERROR(major)) return failed("unwrap", major, NULL);
    gss_release_buffer(&ignored, &token);
    gss_release_buffer(&ignored, &out);
  }
  printf("sealed: %d\n", conf);
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 3 || argc > 5) return 2;
  gss_OID mech = strcmp(argv[1], "krb5") == 0     ? &kerberos
                 : strcmp(argv[1], "spnego") == 0 ? &spnego
                                                  : GSS_C_NO_OID;
  gss_buffer_desc buffer = {strlen(argv[2]), argv[2]}, to = GSS_C_EMPTY_BUFFER,
                  back = GSS_C_EMPTY_BUFFER;
  gss_name_t target = NULL, source = NULL;
  gss_cred_id_t credential = NULL;
  gss_ctx_id_t a = NULL, b = NULL;
  gss_OID actual = NULL;
  OM_uint32 flags = 0, accept_flags = 0;
  OM_uint32 major = gss_import_name(&minor, &buffer, GSS_C_NT_HOSTBASED_SERVICE, &target);
  if (GSS_ERROR(major)) return failed("target", major, mech);
  if (argc > 3) {
    gss_name_t name = NULL;
    gss_OID_set_desc mechs = {1, mech};
    gss_buffer_desc user = {strlen(argv[3]), argv[3]};
    gss_import_name(&minor, &user, GSS_C_NT_USER_NAME, &name);
    if (argc > 4) {
      gss_buffer_desc password = {strlen(argv[4]), argv[4]};
      major = gss_acquire_cred_with_password(&minor, name, &password, 0, &mechs, GSS_C_INITIATE,
                                             &credential, NULL, NULL);
    } else {
      major = gss_acquire_cred(&minor, name, 0, &mechs, GSS_C_INITIATE, &credential, NULL, NULL);
    }
    gss_release_name(&ignored, &name);
    if (GSS_ERROR(major)) return failed("credential", major, mech);
  }
  OM_uint32 accepted = GSS_S_CONTINUE_NEEDED;
  major = GSS_S_CONTINUE_NEEDED;
  for (int leg = 0; leg < 6 && (major | accepted) == GSS_S_CONTINUE_NEEDED; leg++) {
    major = gss_init_sec_context(&minor, credential, &a, target, mech,
                                 GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG, 0, NULL,
                                 &back, &actual, &to, &flags, NULL);
    gss_release_buffer(&ignored, &back);
    if (GSS_ERROR(major)) return failed("initiator", major, mech);
    if (leg == 0) {
      gss_buffer_desc start = {to.length < 14 ? to.length : 14, to.value};
      hex("first token", &start);
    }
    if (accepted == GSS_S_CONTINUE_NEEDED && to.length > 0) {
      accepted = gss_accept_sec_context(&minor, &b, NULL, &to, NULL, &source, NULL, &back,
                                        &accept_flags, NULL, NULL);
      if (GSS_ERROR(accepted)) return failed("acceptor", accepted, mech);
    }
    gss_release_buffer(&ignored, &to);
  }
  if (major != GSS_S_COMPLETE || accepted != GSS_S_COMPLETE) return failed("no end", major, mech);
  oid("mechanism", actual);
  printf("flags: %x %x\n", flags, accept_flags);
  if (gss_display_name(&minor, source, &buffer, NULL) == GSS_S_COMPLETE) text("name", &buffer);
  if (gss_export_name(&minor, source, &buffer) == GSS_S_COMPLETE) {
    hex("exported", &buffer);
    gss_release_buffer(&ignored, &buffer);
  }
  const int bad = talk(&a, b);
  gss_delete_sec_context(&ignored, &a, NULL);
  gss_delete_sec_context(&ignored, &b, NULL);
  gss_release_name(&ignored, &source);
  gss_release_name(&ignored, &target);
  gss_release_cred(&ignored, &credential);
  return bad;
}
