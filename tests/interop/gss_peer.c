/* SPDX-License-Identifier: MIT */
/*
 * One side of an exchange through MIT's mechglue, driven by lines on stdin; GSS_MECH_CONFIG says
 * which NTLM module it loads. Two of them let two modules talk that one process cannot hold, since
 * both answer to one OID.
 *
 * The commands of lines.h; the answers are "OK [word...]" or "ERROR major minor text":
 *
 *   mech ntlm|spnego                  the mechanism asked for from here on
 *   acquire init|accept|both NAME|-   a credential (NAME: bytes; SERVICE@HOST when accepting)
 *   password NAME PASSWORD            an initiator credential from a password
 *   bindings DATA                     channel bindings' application data from here on
 *   init SERVICE@HOST FLAGS [TOKEN]   OK done|more token ret_flags
 *   accept TOKEN                      OK done|more token ret_flags source_name
 *   wrap 0|1 DATA                     OK token conf_state
 *   unwrap TOKEN                      OK data conf_state
 *   mic DATA                          OK token
 *   verify DATA TOKEN                 OK
 *   key                               OK session_key
 *   inquire                           OK source_name target_name mech_oid open
 *   move                              the context is exported and imported again
 *   new                               forgets context, credential and bindings
 */
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"

static gss_OID_desc ntlm_oid = {10, "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"};
static gss_OID_desc spnego_oid = {6, "\x2b\x06\x01\x05\x05\x02"};
static gss_OID_desc session_key_oid = {11, "\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x05\x05"};

static gss_OID mech = &ntlm_oid;
static gss_ctx_id_t context = GSS_C_NO_CONTEXT;
static gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
static struct gss_channel_bindings_struct bindings;
static gss_channel_bindings_t with_bindings = GSS_C_NO_CHANNEL_BINDINGS;

static gss_buffer_desc bytes_of(const char* hex) {
  const Bytes bytes = read_bytes(hex);
  return (gss_buffer_desc){bytes.length, bytes.value};
}

static void print_bytes(gss_buffer_t buffer) { print_word(buffer->value, buffer->length); }

static void print_status(OM_uint32 code, int type) {
  OM_uint32 minor;
  OM_uint32 more = 0;
  gss_buffer_desc text;
  do {
    if (gss_display_status(&minor, code, type, mech, &more, &text) != GSS_S_COMPLETE) {
      return;
    }
    printf(" %.*s;", (int)text.length, (char*)text.value);
    gss_release_buffer(&minor, &text);
  } while (more != 0);
}

static int error(OM_uint32 major, OM_uint32 minor) {
  if (!GSS_ERROR(major)) {
    return 0;
  }
  printf("ERROR %08x %08x", (unsigned)major, (unsigned)minor);
  print_status(major, GSS_C_GSS_CODE);
  print_status(minor, GSS_C_MECH_CODE);
  return 1;
}

static void print_name(gss_name_t name) {
  OM_uint32 minor;
  gss_buffer_desc text = GSS_C_EMPTY_BUFFER;
  if (name == GSS_C_NO_NAME || gss_display_name(&minor, name, &text, NULL) != GSS_S_COMPLETE) {
    fputs(" -", stdout);
    return;
  }
  print_bytes(&text);
  gss_release_buffer(&minor, &text);
}

static gss_name_t import(const char* hex, gss_OID type) {
  OM_uint32 major;
  OM_uint32 minor;
  gss_name_t name = GSS_C_NO_NAME;
  gss_buffer_desc text = bytes_of(hex);
  if (text.length > 0) {
    major = gss_import_name(&minor, &text, type, &name);
    if (GSS_ERROR(major)) {
      name = GSS_C_NO_NAME;
    }
  }
  free(text.value);
  return name;
}

static void acquire(char** word) {
  OM_uint32 minor;
  const int usage = strcmp(word[1], "init") == 0     ? GSS_C_INITIATE
                    : strcmp(word[1], "accept") == 0 ? GSS_C_ACCEPT
                                                     : GSS_C_BOTH;
  gss_OID_set_desc mechs = {1, mech};
  gss_name_t name =
      import(word[2], usage == GSS_C_INITIATE ? GSS_C_NT_USER_NAME : GSS_C_NT_HOSTBASED_SERVICE);
  OM_uint32 major =
      gss_acquire_cred(&minor, name, GSS_C_INDEFINITE, &mechs, usage, &credential, NULL, NULL);
  gss_release_name(&(OM_uint32){0}, &name);
  if (!error(major, minor)) {
    fputs("OK", stdout);
  }
}

static void password(char** word) {
  OM_uint32 minor;
  gss_OID_set_desc mechs = {1, mech};
  gss_name_t name = import(word[1], GSS_C_NT_USER_NAME);
  gss_buffer_desc secret = bytes_of(word[2]);
  OM_uint32 major = gss_acquire_cred_with_password(&minor, name, &secret, GSS_C_INDEFINITE, &mechs,
                                                   GSS_C_INITIATE, &credential, NULL, NULL);
  gss_release_name(&(OM_uint32){0}, &name);
  free(secret.value);
  if (!error(major, minor)) {
    fputs("OK", stdout);
  }
}

static void leg(OM_uint32 major, OM_uint32 minor, gss_buffer_t out, OM_uint32 flags) {
  if (!error(major, minor)) {
    printf("OK %s", major == GSS_S_CONTINUE_NEEDED ? "more" : "done");
    print_bytes(out);
    printf(" %08x", (unsigned)flags);
  }
}

static void init(char** word) {
  OM_uint32 minor = 0;
  OM_uint32 flags = 0;
  gss_name_t target = import(word[1], GSS_C_NT_HOSTBASED_SERVICE);
  gss_buffer_desc in = bytes_of(word[3]);
  gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
  OM_uint32 major = gss_init_sec_context(&minor, credential, &context, target, mech,
                                         (OM_uint32)strtoul(word[2], NULL, 16), GSS_C_INDEFINITE,
                                         with_bindings, &in, NULL, &out, &flags, NULL);
  gss_release_name(&(OM_uint32){0}, &target);
  free(in.value);
  leg(major, minor, &out, flags);
  gss_release_buffer(&minor, &out);
}

static void accept_token(char** word) {
  OM_uint32 minor = 0;
  OM_uint32 flags = 0;
  gss_name_t source = GSS_C_NO_NAME;
  gss_buffer_desc in = bytes_of(word[1]);
  gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
  OM_uint32 major = gss_accept_sec_context(&minor, &context, credential, &in, with_bindings,
                                           &source, NULL, &out, &flags, NULL, NULL);
  free(in.value);
  leg(major, minor, &out, flags);
  if (!GSS_ERROR(major)) {
    print_name(source);
  }
  gss_release_name(&minor, &source);
  gss_release_buffer(&minor, &out);
}

static void answer_message(OM_uint32 major, OM_uint32 minor, gss_buffer_t out, int conf) {
  if (!error(major, minor)) {
    fputs("OK", stdout);
    print_bytes(out);
    printf(" %d", conf);
  }
  gss_release_buffer(&minor, out);
}

static void wrap(char** word) {
  OM_uint32 minor;
  int conf = 0;
  gss_buffer_desc in = bytes_of(word[2]);
  gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
  OM_uint32 major =
      gss_wrap(&minor, context, word[1][0] == '1', GSS_C_QOP_DEFAULT, &in, &conf, &out);
  free(in.value);
  answer_message(major, minor, &out, conf);
}

static void unwrap(char** word) {
  OM_uint32 minor;
  int conf = 0;
  gss_buffer_desc in = bytes_of(word[1]);
  gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
  OM_uint32 major = gss_unwrap(&minor, context, &in, &out, &conf, NULL);
  free(in.value);
  answer_message(major, minor, &out, conf);
}

static void mic(char** word) {
  OM_uint32 minor;
  gss_buffer_desc in = bytes_of(word[1]);
  gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
  OM_uint32 major = gss_get_mic(&minor, context, GSS_C_QOP_DEFAULT, &in, &out);
  free(in.value);
  if (!error(major, minor)) {
    fputs("OK", stdout);
    print_bytes(&out);
  }
  gss_release_buffer(&minor, &out);
}

static void verify(char** word) {
  OM_uint32 minor;
  gss_buffer_desc in = bytes_of(word[1]);
  gss_buffer_desc token = bytes_of(word[2]);
  OM_uint32 major = gss_verify_mic(&minor, context, &in, &token, NULL);
  free(in.value);
  free(token.value);
  /* "old", "gap" and the like are no GSS_ERROR, and no success either */
  if (major != GSS_S_COMPLETE && !GSS_ERROR(major)) {
    printf("ERROR %08x %08x", (unsigned)major, (unsigned)minor);
  } else if (!error(major, minor)) {
    fputs("OK", stdout);
  }
}

static void key(char** word) {
  (void)word;
  OM_uint32 minor;
  gss_buffer_set_t set = GSS_C_NO_BUFFER_SET;
  OM_uint32 major = gss_inquire_sec_context_by_oid(&minor, context, &session_key_oid, &set);
  if (!error(major, minor)) {
    fputs("OK", stdout);
    print_bytes(&set->elements[0]);
  }
  gss_release_buffer_set(&minor, &set);
}

static void inquire(char** word) {
  (void)word;
  OM_uint32 minor;
  gss_name_t source = GSS_C_NO_NAME;
  gss_name_t target = GSS_C_NO_NAME;
  gss_OID used = GSS_C_NO_OID;
  int open = 0;
  OM_uint32 major =
      gss_inquire_context(&minor, context, &source, &target, NULL, &used, NULL, NULL, &open);
  if (!error(major, minor)) {
    gss_buffer_desc oid = {used->length, used->elements};
    fputs("OK", stdout);
    print_name(source);
    print_name(target);
    print_bytes(&oid);
    printf(" %d", open);
  }
  gss_release_name(&minor, &source);
  gss_release_name(&minor, &target);
}

static void move(char** word) {
  (void)word;
  OM_uint32 minor;
  gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
  OM_uint32 major = gss_export_sec_context(&minor, &context, &token);
  if (!error(major, minor)) {
    major = gss_import_sec_context(&minor, &token, &context);
    if (!error(major, minor)) {
      fputs("OK", stdout);
    }
  }
  gss_release_buffer(&minor, &token);
}

static void forget(void) {
  OM_uint32 minor;
  gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
  gss_release_cred(&minor, &credential);
  free(bindings.application_data.value);
  memset(&bindings, 0, sizeof(bindings));
  with_bindings = GSS_C_NO_CHANNEL_BINDINGS;
}

static void choose_mechanism(char** word) {
  mech = strcmp(word[1], "spnego") == 0 ? &spnego_oid : &ntlm_oid;
  fputs("OK", stdout);
}

static void bind_channel(char** word) {
  bindings.application_data = bytes_of(word[1]);
  with_bindings = &bindings;
  fputs("OK", stdout);
}

static void start_anew(char** word) {
  (void)word;
  forget();
  fputs("OK", stdout);
}

int main(void) {
  static const Command commands[] = {
      {"mech", 2, choose_mechanism},
      {"acquire", 3, acquire},
      {"password", 3, password},
      {"bindings", 2, bind_channel},
      {"init", 3, init},
      {"accept", 2, accept_token},
      {"wrap", 3, wrap},
      {"unwrap", 2, unwrap},
      {"mic", 2, mic},
      {"verify", 3, verify},
      {"key", 1, key},
      {"inquire", 1, inquire},
      {"move", 1, move},
      {"new", 1, start_anew},
      {NULL, 0, NULL},
  };
  serve(commands);
  forget();
  return 0;
}
