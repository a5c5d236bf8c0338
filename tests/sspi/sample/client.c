/* SPDX-License-Identifier: MIT */
/*
 * A client as Microsoft's documentation teaches it ("Using SSPI with a Windows Sockets Client").
 * Usage: client PACKAGE PORT TARGET [USER DOMAIN PASSWORD]
 */
#define SECURITY_WIN32
#include <netinet/in.h>
#include <security.h>
#include <signal.h>
#include <sspi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <windows.h>

#include "framing.h"

static void MyHandleError(const char* s, SECURITY_STATUS ss) {
  fprintf(stderr, "client: %s: 0x%08x %s\n", s, (unsigned)ss, SspiCompatGetLastText());
  exit(1);
}

static int ConnectTo(int port) {
  struct sockaddr_in address;
  int s = socket(AF_INET, SOCK_STREAM, 0);
  memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(s, (struct sockaddr*)&address, sizeof(address)) == 0 ? s : -1;
}

static void Authenticate(int s, PCredHandle phCred, char* pszTarget, PCtxtHandle phContext) {
  static BYTE In[MAX_MESSAGE];
  static BYTE Out[MAX_MESSAGE];
  DWORD cbIn = 0;
  BOOL fNewConversation = TRUE;
  SECURITY_STATUS ss = SEC_I_CONTINUE_NEEDED;
  ULONG ulAttr = 0;
  TimeStamp Lifetime;

  while (ss == SEC_I_CONTINUE_NEEDED) {
    SecBuffer InBuffer, OutBuffer;
    SecBufferDesc InDesc, OutDesc;

    if (!fNewConversation && !ReceiveMsg(s, In, sizeof(In), &cbIn)) {
      MyHandleError("the server hung up", 0);
    }
    InBuffer.cbBuffer = cbIn;
    InBuffer.BufferType = SECBUFFER_TOKEN;
    InBuffer.pvBuffer = In;
    InDesc.ulVersion = SECBUFFER_VERSION;
    InDesc.cBuffers = 1;
    InDesc.pBuffers = &InBuffer;
    OutBuffer.cbBuffer = sizeof(Out);
    OutBuffer.BufferType = SECBUFFER_TOKEN;
    OutBuffer.pvBuffer = Out;
    OutDesc.ulVersion = SECBUFFER_VERSION;
    OutDesc.cBuffers = 1;
    OutDesc.pBuffers = &OutBuffer;

    ss = InitializeSecurityContext(phCred, fNewConversation ? NULL : phContext, pszTarget,
                                   ISC_REQ_CONFIDENTIALITY | ISC_REQ_INTEGRITY, 0,
                                   SECURITY_NATIVE_DREP, fNewConversation ? NULL : &InDesc, 0,
                                   phContext, &OutDesc, &ulAttr, &Lifetime);
    if (ss < 0) {
      MyHandleError("InitializeSecurityContext", ss);
    }
    fNewConversation = FALSE;
    if (ss == SEC_I_COMPLETE_NEEDED || ss == SEC_I_COMPLETE_AND_CONTINUE) {
      ss = CompleteAuthToken(phContext, &OutDesc);
    }
    if (OutBuffer.cbBuffer != 0 && !SendMsg(s, Out, OutBuffer.cbBuffer)) {
      MyHandleError("send", 0);
    }
  }
}

static void SendSigned(int s, PCtxtHandle phContext, const SecPkgContext_Sizes* pSizes) {
  char szText[] = "this is signed";
  BYTE Signature[256];
  SecBuffer Buffers[2];
  SecBufferDesc Desc;
  SECURITY_STATUS ss;

  Buffers[0].BufferType = SECBUFFER_DATA;
  Buffers[0].cbBuffer = sizeof(szText);
  Buffers[0].pvBuffer = szText;
  Buffers[1].BufferType = SECBUFFER_TOKEN;
  Buffers[1].cbBuffer = pSizes->cbMaxSignature;
  Buffers[1].pvBuffer = Signature;
  Desc.ulVersion = SECBUFFER_VERSION;
  Desc.cBuffers = 2;
  Desc.pBuffers = Buffers;
  ss = MakeSignature(phContext, 0, &Desc, 0);
  if (ss != SEC_E_OK) {
    MyHandleError("MakeSignature", ss);
  }
  if (!SendMsg(s, szText, sizeof(szText)) || !SendMsg(s, Signature, Buffers[1].cbBuffer)) {
    MyHandleError("send", 0);
  }
}

int main(int argc, char** argv) {
  SEC_WINNT_AUTH_IDENTITY Identity;
  CredHandle hCred;
  CtxtHandle hContext;
  TimeStamp Lifetime;
  SecPkgContext_Sizes Sizes;
  SECURITY_STATUS ss;
  char szText[256];
  int s;

  if (argc != 4 && argc != 7) {
    return 2;
  }
  /* Winsock has no such signal: a peer that has gone is an error of the call. */
  signal(SIGPIPE, SIG_IGN);
  memset(&Identity, 0, sizeof(Identity));
  if (argc == 7) {
    Identity.User = (unsigned char*)argv[4];
    Identity.UserLength = (ULONG)strlen(argv[4]);
    Identity.Domain = (unsigned char*)argv[5];
    Identity.DomainLength = (ULONG)strlen(argv[5]);
    Identity.Password = (unsigned char*)argv[6];
    Identity.PasswordLength = (ULONG)strlen(argv[6]);
    Identity.Flags = SEC_WINNT_AUTH_IDENTITY_ANSI;
  }
  ss = AcquireCredentialsHandle(NULL, argv[1], SECPKG_CRED_OUTBOUND, NULL,
                                argc == 7 ? &Identity : NULL, NULL, NULL, &hCred, &Lifetime);
  if (ss != SEC_E_OK) {
    MyHandleError("AcquireCredentialsHandle", ss);
  }
  s = ConnectTo(atoi(argv[2]));
  if (s < 0) {
    MyHandleError("connect", 0);
  }
  Authenticate(s, &hCred, argv[3], &hContext);
  ss = QueryContextAttributes(&hContext, SECPKG_ATTR_SIZES, &Sizes);
  if (ss != SEC_E_OK) {
    MyHandleError("QueryContextAttributes", ss);
  }
  SendSigned(s, &hContext, &Sizes);
  if (!SendEncrypted(s, &hContext, &Sizes, "hello, server", 13)) {
    MyHandleError("EncryptMessage", 0);
  }
  if (!ReceiveEncrypted(s, &hContext, &Sizes, szText, sizeof(szText))) {
    MyHandleError("DecryptMessage", 0);
  }
  printf("server says %s\n", szText);
  if (!ReceiveEncrypted(s, &hContext, &Sizes, szText, sizeof(szText))) {
    MyHandleError("DecryptMessage", 0);
  }
  printf("server says %s\n", szText);
  DeleteSecurityContext(&hContext);
  FreeCredentialsHandle(&hCred);
  close(s);
  return 0;
}
