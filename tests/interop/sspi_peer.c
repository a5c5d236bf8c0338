/* SPDX-License-Identifier: MIT */
/*
 * One side of an exchange through SSPI, driven by lines on stdin; compiled against this project's
 * headers and, as winpr_peer, against WinPR's. The answers are "OK [word...]" or "ERROR status 0":
 *
 *   mech ntlm|spnego                  the package asked for from here on: NTLM or Negotiate
 *   acquire accept NAME|-             an inbound credential; the name is ignored
 *   password DOMAIN\USER PASSWORD     an outbound credential (both as bytes)
 *   sam PATH                          the account file of WinPR's acceptor
 *   bindings DATA                     channel bindings' application data from here on
 *   init TARGET FLAGS [TOKEN]         OK done|more token attributes
 *   accept TOKEN                      OK done|more token attributes source_name
 *   wrap 1 DATA                       OK signature-and-message 1, by EncryptMessage
 *   unwrap TOKEN                      OK data 1, by DecryptMessage
 *   mic DATA                          OK token, by MakeSignature
 *   verify DATA TOKEN                 OK
 *   key                               OK session_key
 *   new                               forgets context, credential and bindings
 */
#ifdef SSPI_PEER_OF_WINPR
#include <winpr/sspi.h>
#else
#define SECURITY_WIN32
#include <security.h>
#include <windows.h>
#endif

#include "lines.h"

enum { kRoom = 1 << 17, kSignature = 16, kSamFile = 1004 /* WinPR's own attribute */ };

static char* package = "NTLM";
static CredHandle credential;
static CtxtHandle context;
static int have_credential;
static int have_context;
static char* sam_file;
static SEC_CHANNEL_BINDINGS* bindings;
static ULONG bindings_length;
static ULONG sent; /* WinPR signs the caller's sequence numbers, Windows and this its own */
static ULONG received;
static unsigned char room[kRoom];

static int failed(SECURITY_STATUS status) {
  if (status >= 0) {
    return 0;
  }
  printf("ERROR %08x 0", (unsigned)status);
  return 1;
}

static void acquire(ULONG use, void* identity) {
  TimeStamp expiry;
  const SECURITY_STATUS status = AcquireCredentialsHandle(NULL, package, use, NULL, identity, NULL,
                                                          NULL, &credential, &expiry);
  have_credential = status >= 0;
  if (!failed(status)) {
    fputs("OK", stdout);
  }
}

static void password(char** word) {
  Bytes name = read_bytes(word[1]);
  Bytes secret = read_bytes(word[2]);
  char* backslash = strchr(name.value, '\\');
  SEC_WINNT_AUTH_IDENTITY identity;
  if (backslash == NULL) {
    abort(); /* the driver's mistake */
  }
  *backslash = '\0';
  memset(&identity, 0, sizeof(identity));
  identity.Flags = SEC_WINNT_AUTH_IDENTITY_ANSI;
  identity.User = (void*)(backslash + 1);
  identity.UserLength = (ULONG)strlen(backslash + 1);
  identity.Domain = name.value;
  identity.DomainLength = (ULONG)strlen(name.value);
  identity.Password = secret.value;
  identity.PasswordLength = (ULONG)secret.length;
  acquire(SECPKG_CRED_OUTBOUND, &identity);
  free(name.value);
  free(secret.value);
}

static void bind_channel(char** word) {
  Bytes data = read_bytes(word[1]);
  bindings_length = (ULONG)(sizeof(*bindings) + data.length);
  bindings = calloc(1, bindings_length);
  if (bindings == NULL) {
    abort();
  }
  bindings->cbApplicationDataLength = (ULONG)data.length;
  bindings->dwApplicationDataOffset = sizeof(*bindings);
  memcpy(bindings + 1, data.value, data.length);
  free(data.value);
  fputs("OK", stdout);
}

/* The buffers of a leg's input; WinPR takes no bindings where there is no token. */
static SecBufferDesc input(SecBuffer buffers[2], Bytes token) {
  SecBufferDesc desc = {SECBUFFER_VERSION, 0, buffers};
  if (token.length > 0) {
    buffers[desc.cBuffers++] = (SecBuffer){(ULONG)token.length, SECBUFFER_TOKEN, token.value};
  }
  if (token.length > 0 && bindings != NULL) {
    buffers[desc.cBuffers++] = (SecBuffer){bindings_length, SECBUFFER_CHANNEL_BINDINGS, bindings};
  }
  return desc;
}

/* WinPR's acceptor takes its account file, and refuses, in this second step of its last leg. */
static SECURITY_STATUS complete(SECURITY_STATUS status, SecBufferDesc* out) {
  if (status != SEC_I_COMPLETE_NEEDED && status != SEC_I_COMPLETE_AND_CONTINUE) {
    return status;
  }
  if (sam_file != NULL) {
    SetContextAttributes(&context, kSamFile, sam_file, (ULONG)strlen(sam_file) + 1);
  }
  return CompleteAuthToken(&context, out);
}

static int leg(SECURITY_STATUS status, const SecBuffer* out, ULONG attributes) {
  have_context = have_context || status >= 0;
  if (failed(status)) {
    return 0;
  }
  printf("OK %s", status == SEC_I_CONTINUE_NEEDED ? "more" : "done");
  print_word(out->pvBuffer, out->cbBuffer);
  printf(" %08x", (unsigned)attributes);
  return 1;
}

static void init(char** word) {
  Bytes target = read_bytes(word[1]);
  Bytes token = read_bytes(word[3]);
  SecBuffer in[2];
  SecBufferDesc in_desc = input(in, token);
  SecBuffer out = {kRoom, SECBUFFER_TOKEN, room};
  SecBufferDesc out_desc = {SECBUFFER_VERSION, 1, &out};
  ULONG attributes = 0;
  TimeStamp expiry;
  const SECURITY_STATUS status = InitializeSecurityContext(
      &credential, have_context ? &context : NULL, target.value, (ULONG)strtoul(word[2], NULL, 16),
      0, SECURITY_NATIVE_DREP, in_desc.cBuffers > 0 ? &in_desc : NULL, 0, &context, &out_desc,
      &attributes, &expiry);
  leg(status, &out, attributes);
  free(target.value);
  free(token.value);
}

static void print_source_name(void) {
  SecPkgContext_Names names = {NULL};
  if (QueryContextAttributes(&context, SECPKG_ATTR_NAMES, &names) != SEC_E_OK ||
      names.sUserName == NULL) {
    print_word(NULL, 0);
    return;
  }
  print_word(names.sUserName, strlen((const char*)names.sUserName));
  FreeContextBuffer(names.sUserName);
}

static void accept_token(char** word) {
  Bytes token = read_bytes(word[1]);
  SecBuffer in[2];
  SecBufferDesc in_desc = input(in, token);
  SecBuffer out = {kRoom, SECBUFFER_TOKEN, room};
  SecBufferDesc out_desc = {SECBUFFER_VERSION, 1, &out};
  ULONG attributes = 0;
  TimeStamp expiry;
  SECURITY_STATUS status = AcceptSecurityContext(
      &credential, have_context ? &context : NULL, &in_desc,
      ASC_REQ_CONFIDENTIALITY | ASC_REQ_INTEGRITY | ASC_REQ_REPLAY_DETECT | ASC_REQ_SEQUENCE_DETECT,
      SECURITY_NATIVE_DREP, &context, &out_desc, &attributes, &expiry);
  status = complete(status, &out_desc);
  if (leg(status, &out, attributes)) {
    print_source_name();
  }
  free(token.value);
}

static void wrap(char** word) {
  Bytes data = read_bytes(word[2]);
  unsigned char signature[kSignature];
  SecBuffer buffers[2] = {{sizeof(signature), SECBUFFER_TOKEN, signature},
                          {(ULONG)data.length, SECBUFFER_DATA, data.value}};
  SecBufferDesc desc = {SECBUFFER_VERSION, 2, buffers};
  if (!failed(EncryptMessage(&context, 0, &desc, sent++))) {
    fputs("OK ", stdout);
    print_hex(signature, buffers[0].cbBuffer);
    print_hex(data.value, data.length);
    fputs(" 1", stdout);
  }
  free(data.value);
}

static void unwrap(char** word) {
  Bytes token = read_bytes(word[1]);
  const size_t signature = token.length < kSignature ? token.length : kSignature;
  unsigned char* data = (unsigned char*)token.value + signature;
  const size_t length = token.length - signature;
  SecBuffer buffers[2] = {{(ULONG)signature, SECBUFFER_TOKEN, token.value},
                          {(ULONG)length, SECBUFFER_DATA, data}};
  SecBufferDesc desc = {SECBUFFER_VERSION, 2, buffers};
  ULONG qop = 0;
  if (!failed(DecryptMessage(&context, &desc, received++, &qop))) {
    fputs("OK", stdout);
    print_word(data, length);
    fputs(" 1", stdout);
  }
  free(token.value);
}

static void mic(char** word) {
  Bytes data = read_bytes(word[1]);
  unsigned char signature[kSignature];
  SecBuffer buffers[2] = {{(ULONG)data.length, SECBUFFER_DATA, data.value},
                          {sizeof(signature), SECBUFFER_TOKEN, signature}};
  SecBufferDesc desc = {SECBUFFER_VERSION, 2, buffers};
  if (!failed(MakeSignature(&context, 0, &desc, sent++))) {
    fputs("OK", stdout);
    print_word(signature, buffers[1].cbBuffer);
  }
  free(data.value);
}

static void verify(char** word) {
  Bytes data = read_bytes(word[1]);
  Bytes token = read_bytes(word[2]);
  SecBuffer buffers[2] = {{(ULONG)data.length, SECBUFFER_DATA, data.value},
                          {(ULONG)token.length, SECBUFFER_TOKEN, token.value}};
  SecBufferDesc desc = {SECBUFFER_VERSION, 2, buffers};
  ULONG qop = 0;
  if (!failed(VerifySignature(&context, &desc, received++, &qop))) {
    fputs("OK", stdout);
  }
  free(data.value);
  free(token.value);
}

static void key(char** word) {
  (void)word;
  SecPkgContext_SessionKey session = {0, NULL};
  if (!failed(QueryContextAttributes(&context, SECPKG_ATTR_SESSION_KEY, &session))) {
    fputs("OK", stdout);
    print_word(session.SessionKey, session.SessionKeyLength);
    FreeContextBuffer(session.SessionKey);
  }
}

static void forget(void) {
  if (have_context) {
    DeleteSecurityContext(&context);
  }
  if (have_credential) {
    FreeCredentialsHandle(&credential);
  }
  have_context = have_credential = 0;
  sent = received = 0;
  free(bindings);
  free(sam_file);
  bindings = NULL;
  sam_file = NULL;
}

static void choose_package(char** word) {
  package = strcmp(word[1], "spnego") == 0 ? "Negotiate" : "NTLM";
  fputs("OK", stdout);
}

static void accept_as_anybody(char** word) {
  (void)word;
  acquire(SECPKG_CRED_INBOUND, NULL);
}

static void name_account_file(char** word) {
  sam_file = read_bytes(word[1]).value;
  fputs("OK", stdout);
}

static void start_anew(char** word) {
  (void)word;
  forget();
  fputs("OK", stdout);
}

int main(void) {
  static const Command commands[] = {
      {"mech", 2, choose_package},   {"acquire", 3, accept_as_anybody},
      {"password", 3, password},     {"sam", 2, name_account_file},
      {"bindings", 2, bind_channel}, {"init", 3, init},
      {"accept", 2, accept_token},   {"wrap", 3, wrap},
      {"unwrap", 2, unwrap},         {"mic", 2, mic},
      {"verify", 3, verify},         {"key", 1, key},
      {"new", 1, start_anew},        {NULL, 0, NULL},
  };
  serve(commands);
  forget();
  return 0;
}
