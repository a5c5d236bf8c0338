// SPDX-License-Identifier: MIT
// For each line "USER PASSWORD" of standard input, a login within this process, both ends; a line
// of output says "in NAME", or "out" and why.
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <stdio.h>
#include <string.h>

static gss_OID_desc ntlm = {10, "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"};
static gss_OID_set_desc only_ntlm = {1, &ntlm};
static OM_uint32 minor, ignored;

static void status(OM_uint32 code, int type) {
  OM_uint32 more = 0;
  gss_buffer_desc text;
  if (gss_display_status(&ignored, code, type, &ntlm, &more, &text) == GSS_S_COMPLETE) {
    printf(" %.*s", (int)text.length, (char*)text.value);
    gss_release_buffer(&ignored, &text);
  }
}

struct ends {
  gss_name_t user, target, source;
  gss_cred_id_t initiator, acceptor;
  gss_ctx_id_t initiating, accepting;
};

static OM_uint32 prepare(struct ends* ends, char* user, char* password) {
  gss_buffer_desc text = {strlen(user), user};
  OM_uint32 major = gss_import_name(&minor, &text, GSS_C_NT_USER_NAME, &ends->user);
  if (GSS_ERROR(major)) return major;
  text = (gss_buffer_desc){14, "HTTP@localhost"};
  major = gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &ends->target);
  if (GSS_ERROR(major)) return major;
  text = (gss_buffer_desc){strlen(password), password};
  major = gss_acquire_cred_with_password(&minor, ends->user, &text, 0, &only_ntlm, GSS_C_INITIATE,
                                         &ends->initiator, NULL, NULL);
  if (GSS_ERROR(major)) return major;
  return gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &only_ntlm, GSS_C_ACCEPT, &ends->acceptor, NULL,
                          NULL);
}

static OM_uint32 exchange(struct ends* ends) {
  gss_buffer_desc there = GSS_C_EMPTY_BUFFER, back = GSS_C_EMPTY_BUFFER;
  OM_uint32 major = GSS_S_CONTINUE_NEEDED;
  while (major == GSS_S_CONTINUE_NEEDED) {
    major = gss_init_sec_context(&minor, ends->initiator, &ends->initiating, ends->target, &ntlm,
                                 GSS_C_INTEG_FLAG, 0, NULL, &back, NULL, &there, NULL, NULL);
    gss_release_buffer(&ignored, &back);
    if (GSS_ERROR(major)) break;
    major = gss_accept_sec_context(&minor, &ends->accepting, ends->acceptor, &there, NULL,
                                   &ends->source, NULL, &back, NULL, NULL, NULL);
    gss_release_buffer(&ignored, &there);
  }
  gss_release_buffer(&ignored, &there);
  gss_release_buffer(&ignored, &back);
  return major;
}

static void login(char* user, char* password) {
  struct ends ends = {0};
  OM_uint32 major = prepare(&ends, user, password);
  if (!GSS_ERROR(major)) major = exchange(&ends);
  const OM_uint32 code = minor;
  gss_buffer_desc name = GSS_C_EMPTY_BUFFER;
  if (GSS_ERROR(major) || GSS_ERROR(gss_display_name(&minor, ends.source, &name, NULL))) {
    printf("out:");
    status(major, GSS_C_GSS_CODE);
    status(code, GSS_C_MECH_CODE);
    printf("\n");
  } else {
    printf("in %.*s\n", (int)name.length, (char*)name.value);
  }
  fflush(stdout);
  gss_release_buffer(&ignored, &name);
  gss_delete_sec_context(&ignored, &ends.initiating, NULL);
  gss_delete_sec_context(&ignored, &ends.accepting, NULL);
  gss_release_cred(&ignored, &ends.initiator);
  gss_release_cred(&ignored, &ends.acceptor);
  gss_release_name(&ignored, &ends.user);
  gss_release_name(&ignored, &ends.target);
  gss_release_name(&ignored, &ends.source);
}

int main(void) {
  char user[256], password[256];
  while (scanf("%255s %255s", user, password) == 2) login(user, password);
  return 0;
}
