/* SPDX-License-Identifier: MIT */
/*
 * A server as Microsoft's documentation teaches it ("Using SSPI with a Windows Sockets Server"):
 * authenticates a client, verifies a signed message, answers an encrypted one, impersonates the
 * client, and hands the context to another process, which sends the last message. Usage: server
 * PACKAGE LISTENING-SOCKET, or server -resume PACKAGE SOCKET FILE
 */
#define SECURITY_WIN32
#include <security.h>
#include <signal.h>
#include <sspi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <windows.h>

#include "framing.h"

static void MyHandleError(const char* s, SECURITY_STATUS ss) {
  fprintf(stderr, "server: %s: 0x%08x %s\n", s, (unsigned)ss, SspiCompatGetLastText());
  exit(1);
}

static BOOL AuthenticateClient(int s, PCredHandle phCred, PCtxtHandle phContext, ULONG* pulAttr) {
  BOOL fNewConversation = TRUE;
  SECURITY_STATUS ss = SEC_I_CONTINUE_NEEDED;
  TimeStamp Lifetime;

  while (ss == SEC_I_CONTINUE_NEEDED) {
    static BYTE In[MAX_MESSAGE];
    static BYTE Out[MAX_MESSAGE];
    DWORD cbIn = 0;
    SecBuffer InBuffer, OutBuffer;
    SecBufferDesc InDesc, OutDesc;

    if (!ReceiveMsg(s, In, sizeof(In), &cbIn)) {
      return FALSE;
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

    ss = AcceptSecurityContext(phCred, fNewConversation ? NULL : phContext, &InDesc,
                               ASC_REQ_CONFIDENTIALITY | ASC_REQ_INTEGRITY, SECURITY_NATIVE_DREP,
                               phContext, &OutDesc, pulAttr, &Lifetime);
    if (ss < 0) {
      fprintf(stderr, "server: AcceptSecurityContext: 0x%08x\n", (unsigned)ss);
      if (!fNewConversation) {
        DeleteSecurityContext(phContext);
      }
      return FALSE;
    }
    fNewConversation = FALSE;
    if (ss == SEC_I_COMPLETE_NEEDED || ss == SEC_I_COMPLETE_AND_CONTINUE) {
      ss = CompleteAuthToken(phContext, &OutDesc);
    }
    if (OutBuffer.cbBuffer != 0 && !SendMsg(s, Out, OutBuffer.cbBuffer)) {
      return FALSE;
    }
  }
  return TRUE;
}

static void VerifySignedMessage(int s, PCtxtHandle phContext) {
  static BYTE Message[MAX_MESSAGE];
  BYTE Signature[256];
  DWORD cbMessage, cbSignature;
  SecBuffer Buffers[2];
  SecBufferDesc Desc;
  ULONG ulQop = 0;
  SECURITY_STATUS ss;

  if (!ReceiveMsg(s, Message, sizeof(Message), &cbMessage) ||
      !ReceiveMsg(s, Signature, sizeof(Signature), &cbSignature)) {
    MyHandleError("no signed message", 0);
  }
  Buffers[0].BufferType = SECBUFFER_DATA;
  Buffers[0].cbBuffer = cbMessage;
  Buffers[0].pvBuffer = Message;
  Buffers[1].BufferType = SECBUFFER_TOKEN;
  Buffers[1].cbBuffer = cbSignature;
  Buffers[1].pvBuffer = Signature;
  Desc.ulVersion = SECBUFFER_VERSION;
  Desc.cBuffers = 2;
  Desc.pBuffers = Buffers;
  ss = VerifySignature(phContext, &Desc, 0, &ulQop);
  if (ss != SEC_E_OK) {
    MyHandleError("VerifySignature", ss);
  }
}

/* The other process: it has the socket and the context's bytes. */
static int Resume(char* pszPackage, int s, const char* pszFile) {
  static BYTE Bytes[MAX_MESSAGE];
  SecBuffer Packed;
  CtxtHandle hContext;
  SecPkgContext_Sizes Sizes;
  SECURITY_STATUS ss;
  FILE* file = fopen(pszFile, "rb");

  if (file == NULL) {
    return 1;
  }
  Packed.BufferType = SECBUFFER_EMPTY;
  Packed.cbBuffer = (ULONG)fread(Bytes, 1, sizeof(Bytes), file);
  Packed.pvBuffer = Bytes;
  fclose(file);
  ss = ImportSecurityContext(pszPackage, &Packed, NULL, &hContext);
  if (ss != SEC_E_OK) {
    MyHandleError("ImportSecurityContext", ss);
  }
  ss = QueryContextAttributes(&hContext, SECPKG_ATTR_SIZES, &Sizes);
  if (ss != SEC_E_OK || !SendEncrypted(s, &hContext, &Sizes, "from another process", 20)) {
    MyHandleError("the last message", ss);
  }
  DeleteSecurityContext(&hContext);
  return 0;
}

static void HandOver(const char* pszProgram, char* pszPackage, int s, PCtxtHandle phContext) {
  SecBuffer Packed = {0, SECBUFFER_EMPTY, NULL};
  char szFile[] = "/tmp/sspi-sample-XXXXXX";
  char szSocket[16];
  int status = 1;
  int fd = mkstemp(szFile);
  SECURITY_STATUS ss =
      ExportSecurityContext(phContext, SECPKG_CONTEXT_EXPORT_DELETE_OLD, &Packed, NULL);
  pid_t child;

  if (ss != SEC_E_OK || fd < 0 || !send_bytes(fd, Packed.pvBuffer, Packed.cbBuffer)) {
    MyHandleError("ExportSecurityContext", ss);
  }
  close(fd);
  FreeContextBuffer(Packed.pvBuffer);
  snprintf(szSocket, sizeof(szSocket), "%d", s);
  child = fork();
  if (child == 0) {
    execl(pszProgram, pszProgram, "-resume", pszPackage, szSocket, szFile, (char*)NULL);
    _exit(127);
  }
  waitpid(child, &status, 0);
  unlink(szFile);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    MyHandleError("the other process", 0);
  }
}

static void ShowClient(PCtxtHandle phContext) {
  SecPkgContext_Names Names;
  SECURITY_STATUS ss = QueryContextAttributes(phContext, SECPKG_ATTR_NAMES, &Names);

  if (ss != SEC_E_OK) {
    MyHandleError("QueryContextAttributes", ss);
  }
  printf("client is %s\n", Names.sUserName);
  FreeContextBuffer(Names.sUserName);
}

static void Impersonate(PCtxtHandle phContext) {
  SECURITY_STATUS ss = ImpersonateSecurityContext(phContext);

  if (ss == SEC_E_OK) {
    printf("impersonating\n");
    ss = RevertSecurityContext(phContext);
    if (ss != SEC_E_OK) {
      MyHandleError("RevertSecurityContext", ss);
    }
  } else if (ss != SEC_E_NO_IMPERSONATION) {
    MyHandleError("ImpersonateSecurityContext", ss);
  }
}

int main(int argc, char** argv) {
  CredHandle hCred;
  CtxtHandle hContext;
  TimeStamp Lifetime;
  ULONG ulAttr = 0;
  SecPkgContext_Sizes Sizes;
  char szText[256];
  SECURITY_STATUS ss;
  int s;

  /* Winsock has no such signal: a peer that has gone is an error of the call. */
  signal(SIGPIPE, SIG_IGN);
  if (argc == 5 && strcmp(argv[1], "-resume") == 0) {
    return Resume(argv[2], atoi(argv[3]), argv[4]);
  }
  if (argc != 3) {
    return 2;
  }
  ss = AcquireCredentialsHandle(NULL, argv[1], SECPKG_CRED_INBOUND, NULL, NULL, NULL, NULL, &hCred,
                                &Lifetime);
  if (ss != SEC_E_OK) {
    MyHandleError("AcquireCredentialsHandle", ss);
  }
  s = accept(atoi(argv[2]), NULL, NULL);
  if (!AuthenticateClient(s, &hCred, &hContext, &ulAttr)) {
    FreeCredentialsHandle(&hCred);
    return 3;
  }
  if ((ulAttr & ASC_RET_CONFIDENTIALITY) == 0) {
    MyHandleError("no confidentiality", 0);
  }
  ShowClient(&hContext);
  ss = QueryContextAttributes(&hContext, SECPKG_ATTR_SIZES, &Sizes);
  if (ss != SEC_E_OK) {
    MyHandleError("QueryContextAttributes", ss);
  }
  VerifySignedMessage(s, &hContext);
  if (!ReceiveEncrypted(s, &hContext, &Sizes, szText, sizeof(szText))) {
    MyHandleError("DecryptMessage", 0);
  }
  printf("client says %s\n", szText);
  Impersonate(&hContext);
  if (!SendEncrypted(s, &hContext, &Sizes, "hello, client", 13)) {
    MyHandleError("EncryptMessage", 0);
  }
  HandOver(argv[0], argv[1], s, &hContext);
  DeleteSecurityContext(&hContext);
  FreeCredentialsHandle(&hCred);
  close(s);
  return 0;
}
