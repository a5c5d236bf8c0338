/* SPDX-License-Identifier: MIT */
/*
 * What SSPI costs: compiled against this project's headers and, as winpr_bench, against WinPR's.
 * Prints "name value" lines, as gss_bench does. Arguments: handshake, messages, or, for tools that
 * count, "count N" (handshakes) and "seal N" (messages of 64 bytes on one context). BENCH_SAM is
 * the account file of WinPR's acceptor.
 */
#ifdef SSPI_OF_WINPR
#include <winpr/sspi.h>
#else
#define SECURITY_WIN32
#include <security.h>
#include <windows.h>
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kRoom = 4096, kSignature = 16, kSamFile = 1004 /* WinPR's own attribute */ };
static const double kSlice = 0.3; /* seconds */

static CredHandle outbound;
static CredHandle inbound;

typedef struct {
  CtxtHandle client;
  CtxtHandle server;
  ULONG sent; /* WinPR signs the caller's sequence numbers */
} Pair;

static void must(SECURITY_STATUS status, const char* what) {
  if (status < 0) {
    fprintf(stderr, "%s: %08x\n", what, (unsigned)status);
    exit(1);
  }
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void acquire(void) {
  TimeStamp expiry;
  SEC_WINNT_AUTH_IDENTITY identity;
  memset(&identity, 0, sizeof(identity));
  identity.Flags = SEC_WINNT_AUTH_IDENTITY_ANSI;
  identity.User = (void*)"User";
  identity.UserLength = 4;
  identity.Domain = (void*)"Domain";
  identity.DomainLength = 6;
  identity.Password = (void*)"Password";
  identity.PasswordLength = 8;
  must(AcquireCredentialsHandle(NULL, (void*)"NTLM", SECPKG_CRED_OUTBOUND, NULL, &identity, NULL,
                                NULL, &outbound, &expiry),
       "outbound credential");
  must(AcquireCredentialsHandle(NULL, (void*)"NTLM", SECPKG_CRED_INBOUND, NULL, NULL, NULL, NULL,
                                &inbound, &expiry),
       "inbound credential");
}

/* One leg of the client (in NULL: the first); the token is left in out. */
static void initiate(CtxtHandle* context, SecBufferDesc* in, SecBuffer* out, unsigned char* room) {
  SecBufferDesc desc = {SECBUFFER_VERSION, 1, out};
  ULONG attributes = 0;
  TimeStamp expiry;
  *out = (SecBuffer){kRoom, SECBUFFER_TOKEN, room};
  must(InitializeSecurityContext(&outbound, in != NULL ? context : NULL, (void*)"HTTP/localhost",
                                 ISC_REQ_INTEGRITY | ISC_REQ_CONFIDENTIALITY, 0,
                                 SECURITY_NATIVE_DREP, in, 0, context, &desc, &attributes, &expiry),
       "InitializeSecurityContext");
}

static void accept_token(CtxtHandle* context, int first, SecBuffer* in, SecBuffer* out,
                         unsigned char* room) {
  SecBufferDesc in_desc = {SECBUFFER_VERSION, 1, in};
  SecBufferDesc out_desc = {SECBUFFER_VERSION, 1, out};
  ULONG attributes = 0;
  TimeStamp expiry;
  SECURITY_STATUS status;
  *out = (SecBuffer){kRoom, SECBUFFER_TOKEN, room};
  status = AcceptSecurityContext(&inbound, first ? NULL : context, &in_desc,
                                 ASC_REQ_INTEGRITY | ASC_REQ_CONFIDENTIALITY, SECURITY_NATIVE_DREP,
                                 context, &out_desc, &attributes, &expiry);
  must(status, "AcceptSecurityContext");
  if (status == SEC_I_COMPLETE_NEEDED || status == SEC_I_COMPLETE_AND_CONTINUE) {
    char* sam = getenv("BENCH_SAM");
    if (sam != NULL) {
      SetContextAttributes(context, kSamFile, sam, (ULONG)strlen(sam) + 1);
    }
    must(CompleteAuthToken(context, &out_desc), "CompleteAuthToken");
  }
}

static Pair exchange(void) {
  static unsigned char client_room[kRoom];
  static unsigned char server_room[kRoom];
  Pair pair;
  SecBuffer to_server;
  SecBuffer to_client;
  SecBufferDesc desc = {SECBUFFER_VERSION, 1, &to_client};
  memset(&pair, 0, sizeof(pair));
  initiate(&pair.client, NULL, &to_server, client_room);
  accept_token(&pair.server, 1, &to_server, &to_client, server_room);
  initiate(&pair.client, &desc, &to_server, client_room);
  accept_token(&pair.server, 0, &to_server, &to_client, server_room);
  return pair;
}

static void drop(Pair* pair) {
  DeleteSecurityContext(&pair->client);
  DeleteSecurityContext(&pair->server);
}

static void seal_and_unseal(Pair* pair, unsigned char* data, ULONG size) {
  unsigned char signature[kSignature];
  SecBuffer buffers[2] = {{sizeof(signature), SECBUFFER_TOKEN, signature},
                          {size, SECBUFFER_DATA, data}};
  SecBufferDesc desc = {SECBUFFER_VERSION, 2, buffers};
  ULONG qop = 0;
  must(EncryptMessage(&pair->client, 0, &desc, pair->sent), "EncryptMessage");
  must(DecryptMessage(&pair->server, &desc, pair->sent, &qop), "DecryptMessage");
  ++pair->sent;
}

static void handshakes(void) {
  const double start = now();
  double spent;
  int count = 0;
  do {
    Pair pair = exchange();
    drop(&pair);
    ++count;
    spent = now() - start;
  } while (spent < kSlice);
  printf("sspi_handshakes %.6g\n", count / spent);
}

static void messages(const char* name, ULONG size) {
  Pair pair = exchange();
  unsigned char* data = calloc(1, size);
  double start;
  double spent;
  int count = 0;
  if (data == NULL) {
    abort();
  }
  seal_and_unseal(&pair, data, size);
  start = now();
  do {
    int i;
    for (i = 0; i < 16; ++i) {
      seal_and_unseal(&pair, data, size);
    }
    count += 16;
    spent = now() - start;
  } while (spent < kSlice);
  printf("sspi_seal_%s %.6g\n", name, count / spent);
  free(data);
  drop(&pair);
}

static void count(int number) {
  int i;
  for (i = 0; i < number; ++i) {
    Pair pair = exchange();
    drop(&pair);
  }
}

static void seal(int number) {
  unsigned char data[64] = {0};
  Pair pair = exchange();
  int i;
  for (i = 0; i < number; ++i) {
    seal_and_unseal(&pair, data, sizeof(data));
  }
  drop(&pair);
}

int main(int argc, char** argv) {
  int i;
  acquire();
  for (i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "handshake") == 0) {
      handshakes();
    } else if (strcmp(argv[i], "messages") == 0) {
      messages("64", 64);
      messages("1k", 1024);
      messages("1m", 1 << 20);
    } else if (strcmp(argv[i], "count") == 0 && i + 1 < argc) {
      count(atoi(argv[++i]));
    } else if (strcmp(argv[i], "seal") == 0 && i + 1 < argc) {
      seal(atoi(argv[++i]));
    } else {
      fprintf(stderr, "%s: '%s' is nothing that it measures\n", argv[0], argv[i]);
      return 2;
    }
  }
  FreeCredentialsHandle(&outbound);
  FreeCredentialsHandle(&inbound);
  return 0;
}
