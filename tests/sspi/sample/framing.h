/* SPDX-License-Identifier: MIT */
/* Messages over a socket as in Microsoft's samples: a 32-bit length, then the bytes. */
#ifndef SAMPLE_FRAMING_H_
#define SAMPLE_FRAMING_H_

#include <security.h>
#include <stdint.h>
#include <unistd.h>

#define MAX_MESSAGE 48000

static int send_bytes(int s, const void* bytes, size_t size) {
  const BYTE* at = (const BYTE*)bytes;
  while (size > 0) {
    ssize_t sent = write(s, at, size);
    if (sent <= 0) {
      return FALSE;
    }
    at += sent;
    size -= (size_t)sent;
  }
  return TRUE;
}

static int receive_bytes(int s, void* bytes, size_t size) {
  BYTE* at = (BYTE*)bytes;
  while (size > 0) {
    ssize_t got = read(s, at, size);
    if (got <= 0) {
      return FALSE;
    }
    at += got;
    size -= (size_t)got;
  }
  return TRUE;
}

static BOOL SendMsg(int s, const void* pBuf, DWORD cbBuf) {
  return send_bytes(s, &cbBuf, sizeof(cbBuf)) && send_bytes(s, pBuf, cbBuf);
}

static BOOL ReceiveMsg(int s, void* pBuf, DWORD cbBuf, DWORD* pcbRead) {
  return receive_bytes(s, pcbRead, sizeof(*pcbRead)) && *pcbRead <= cbBuf &&
         receive_bytes(s, pBuf, *pcbRead);
}

/* Encrypts a text in place of a message of token and data, and sends both. */
static BOOL SendEncrypted(int s, PCtxtHandle phContext, const SecPkgContext_Sizes* pSizes,
                          const void* pText, DWORD cbText) {
  BYTE Message[MAX_MESSAGE];
  SecBuffer Buffers[2];
  SecBufferDesc Desc;

  memcpy(Message + pSizes->cbSecurityTrailer, pText, cbText);
  Buffers[0].BufferType = SECBUFFER_TOKEN;
  Buffers[0].cbBuffer = pSizes->cbSecurityTrailer;
  Buffers[0].pvBuffer = Message;
  Buffers[1].BufferType = SECBUFFER_DATA;
  Buffers[1].cbBuffer = cbText;
  Buffers[1].pvBuffer = Message + pSizes->cbSecurityTrailer;
  Desc.ulVersion = SECBUFFER_VERSION;
  Desc.cBuffers = 2;
  Desc.pBuffers = Buffers;
  return EncryptMessage(phContext, 0, &Desc, 0) == SEC_E_OK &&
         SendMsg(s, Message, Buffers[0].cbBuffer + cbText);
}

static BOOL ReceiveEncrypted(int s, PCtxtHandle phContext, const SecPkgContext_Sizes* pSizes,
                             char* pText, DWORD cbText) {
  BYTE Message[MAX_MESSAGE];
  DWORD cbMessage;
  SecBuffer Buffers[2];
  SecBufferDesc Desc;
  ULONG ulQop = 0;

  if (!ReceiveMsg(s, Message, sizeof(Message), &cbMessage) ||
      cbMessage < pSizes->cbSecurityTrailer) {
    return FALSE;
  }
  Buffers[0].BufferType = SECBUFFER_TOKEN;
  Buffers[0].cbBuffer = pSizes->cbSecurityTrailer;
  Buffers[0].pvBuffer = Message;
  Buffers[1].BufferType = SECBUFFER_DATA;
  Buffers[1].cbBuffer = cbMessage - pSizes->cbSecurityTrailer;
  Buffers[1].pvBuffer = Message + pSizes->cbSecurityTrailer;
  Desc.ulVersion = SECBUFFER_VERSION;
  Desc.cBuffers = 2;
  Desc.pBuffers = Buffers;
  if (DecryptMessage(phContext, &Desc, 0, &ulQop) != SEC_E_OK || Buffers[1].cbBuffer >= cbText) {
    return FALSE;
  }
  memcpy(pText, Buffers[1].pvBuffer, Buffers[1].cbBuffer);
  pText[Buffers[1].cbBuffer] = '\0';
  return TRUE;
}

#endif
