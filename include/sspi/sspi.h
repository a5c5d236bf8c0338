/* SPDX-License-Identifier: MIT */
/*
 * Microsoft's Security Support Provider Interface on the GSS-API. Packages: NTLM
 * (1.3.6.1.4.1.311.2.2.10), Negotiate (SPNEGO, raw NTLMSSP is taken too) and Kerberos, each as far
 * as the system's mechglue has the mechanism.
 *
 * Names, numbers, structures and meanings are those of Windows' sspi.h; each function's comment
 * says what it does here, the units of its sizes, its statuses, and its source. "page" is the
 * function's page on learn.microsoft.com, "(NTLM)" the page of that package. Where the pages and
 * Windows itself differ, docs/porting-from-windows.md says what was chosen.
 *
 * Conventions, said once:
 * - Text: A functions take and give UTF-8, W functions UTF-16 in host order. Invalid text is
 * refused, never replaced.
 * - Input text is `const` here, so that literals can be passed; a Windows program compiles all the
 * same.
 * - Everything that the library hands out is given back with FreeContextBuffer (SspiLocalFree is
 * the same).
 * - A failing function writes no output, unless its comment says so. Any function may answer
 *   SEC_E_INSUFFICIENT_MEMORY, and SEC_E_INVALID_HANDLE for a handle that is not a live one of its
 * kind.
 * - Different contexts may be used in different threads. One context: one thread may encrypt or
 * sign while another decrypts or verifies; everything else on it is done one after the other (the
 * library waits, it does not break).
 * - Times are FILETIME ticks (100 ns since 1601) of local time, as Microsoft's pages recommend;
 *   0x7FFFFFFFFFFFFFFF is "never".
 */
#ifndef SSPI_COMPAT_SSPI_H_
#define SSPI_COMPAT_SSPI_H_

#include "sspi_base.h"
#include "sspi_compat.h"
#include "winerror.h"

SSPI_COMPAT_EXTERN_C_BEGIN

#define ISSP_LEVEL 32
#define ISSP_MODE 1

typedef LONG SECURITY_STATUS;
typedef SECURITY_STATUS* PSECURITY_STATUS;
typedef CHAR SEC_CHAR;
typedef WCHAR SEC_WCHAR;
typedef SEC_CHAR *SECURITY_PSTR_A, *PSEC_CHAR;
typedef const SEC_CHAR* SECURITY_PCSTR_A;
typedef SEC_WCHAR *SECURITY_PSTR_W, *PSEC_WCHAR;
typedef const SEC_WCHAR* SECURITY_PCSTR_W;
#ifdef UNICODE
typedef SECURITY_PSTR_W SECURITY_PSTR;
typedef SECURITY_PCSTR_W SECURITY_PCSTR;
#else
typedef SECURITY_PSTR_A SECURITY_PSTR;
typedef SECURITY_PCSTR_A SECURITY_PCSTR;
#endif
#define SEC_TEXT TEXT
#define SEC_FAR
#define __SEC_FAR

/* ---- handles, buffers, times ---- */

/* Opaque: index and generation in a table of the process. {0,0} and {-1,-1} are never live. */
typedef struct _SecHandle {
  ULONG_PTR dwLower;
  ULONG_PTR dwUpper;
} SecHandle, *PSecHandle;
typedef SecHandle CredHandle, CtxtHandle;
typedef PSecHandle PCredHandle, PCtxtHandle;

#define SEC_DELETED_HANDLE SSPI_COMPAT_CAST(ULONG_PTR, -2)

static inline void SecInvalidateHandle(PSecHandle x) {
  x->dwLower = SSPI_COMPAT_CAST(ULONG_PTR, -1);
  x->dwUpper = SSPI_COMPAT_CAST(ULONG_PTR, -1);
}
static inline BOOL SecIsValidHandle(const SecHandle* x) {
  return x->dwLower != SSPI_COMPAT_CAST(ULONG_PTR, -1) &&
         x->dwUpper != SSPI_COMPAT_CAST(ULONG_PTR, -1);
}

typedef struct _SECURITY_INTEGER {
  ULONG LowPart;
  LONG HighPart;
} SECURITY_INTEGER, *PSECURITY_INTEGER;
typedef SECURITY_INTEGER TimeStamp;
typedef SECURITY_INTEGER* PTimeStamp;

/* Lengths in bytes; no function here takes or gives one. */
typedef struct _SECURITY_STRING {
  unsigned short Length;
  unsigned short MaximumLength;
  unsigned short* Buffer;
} SECURITY_STRING, *PSECURITY_STRING;

typedef struct _SecBuffer {
  ULONG cbBuffer; /* bytes */
  ULONG BufferType;
  void* pvBuffer;
} SecBuffer, *PSecBuffer;

typedef struct _SecBufferDesc {
  ULONG ulVersion; /* SECBUFFER_VERSION */
  ULONG cBuffers;
  PSecBuffer pBuffers;
} SecBufferDesc, *PSecBufferDesc;

#define SECBUFFER_VERSION 0

#define SECBUFFER_EMPTY 0
#define SECBUFFER_DATA 1
#define SECBUFFER_TOKEN 2
#define SECBUFFER_PKG_PARAMS 3
#define SECBUFFER_MISSING 4
#define SECBUFFER_EXTRA 5
#define SECBUFFER_STREAM_TRAILER 6
#define SECBUFFER_STREAM_HEADER 7
#define SECBUFFER_NEGOTIATION_INFO 8
#define SECBUFFER_PADDING 9
#define SECBUFFER_STREAM 10
#define SECBUFFER_MECHLIST 11
#define SECBUFFER_MECHLIST_SIGNATURE 12
#define SECBUFFER_TARGET 13
#define SECBUFFER_CHANNEL_BINDINGS 14
#define SECBUFFER_CHANGE_PASS_RESPONSE 15
#define SECBUFFER_TARGET_HOST 16
#define SECBUFFER_ALERT 17
#define SECBUFFER_APPLICATION_PROTOCOLS 18
#define SECBUFFER_SRTP_PROTECTION_PROFILES 19
#define SECBUFFER_SRTP_MASTER_KEY_IDENTIFIER 20
#define SECBUFFER_TOKEN_BINDING 21
#define SECBUFFER_PRESHARED_KEY 22
#define SECBUFFER_PRESHARED_KEY_IDENTITY 23
#define SECBUFFER_DTLS_MTU 24
#define SECBUFFER_SEND_GENERIC_TLS_EXTENSION 25
#define SECBUFFER_SUBSCRIBE_GENERIC_TLS_EXTENSION 26
#define SECBUFFER_FLAGS 27
#define SECBUFFER_TRAFFIC_SECRETS 28
#define SECBUFFER_CERTIFICATE_REQUEST_CONTEXT 29
#define SECBUFFER_CHANNEL_BINDINGS_RESULT 30
#define SECBUFFER_APP_SESSION_STATE 31
#define SECBUFFER_SESSION_TICKET 32

#define SECBUFFER_ATTRMASK 0xF0000000u
#define SECBUFFER_READONLY 0x80000000u               /* neither signed nor encrypted */
#define SECBUFFER_READONLY_WITH_CHECKSUM 0x10000000u /* signed, not encrypted */
#define SECBUFFER_RESERVED 0x60000000u

/* Offsets count from the start of this structure; everything must lie inside the SecBuffer that
 * carries it. */
typedef struct _SEC_CHANNEL_BINDINGS {
  ULONG dwInitiatorAddrType;
  ULONG cbInitiatorLength;
  ULONG dwInitiatorOffset;
  ULONG dwAcceptorAddrType;
  ULONG cbAcceptorLength;
  ULONG dwAcceptorOffset;
  ULONG cbApplicationDataLength;
  ULONG dwApplicationDataOffset;
} SEC_CHANNEL_BINDINGS, *PSEC_CHANNEL_BINDINGS;

typedef struct _SEC_NEGOTIATION_INFO {
  ULONG Size;
  ULONG NameLength;
  SEC_WCHAR* Name;
  void* Reserved;
} SEC_NEGOTIATION_INFO, *PSEC_NEGOTIATION_INFO;

#define SECURITY_NATIVE_DREP 0x00000010
#define SECURITY_NETWORK_DREP 0x00000000

/* ---- packages ---- */

typedef struct _SecPkgInfoA {
  ULONG fCapabilities; /* SECPKG_FLAG_ */
  USHORT wVersion;
  USHORT wRPCID;
  ULONG cbMaxToken; /* bytes: room for any token of the package */
  SEC_CHAR* Name;
  SEC_CHAR* Comment;
} SecPkgInfoA, *PSecPkgInfoA;

typedef struct _SecPkgInfoW {
  ULONG fCapabilities;
  USHORT wVersion;
  USHORT wRPCID;
  ULONG cbMaxToken;
  SEC_WCHAR* Name;
  SEC_WCHAR* Comment;
} SecPkgInfoW, *PSecPkgInfoW;

#define SECPKG_FLAG_INTEGRITY 0x00000001u
#define SECPKG_FLAG_PRIVACY 0x00000002u
#define SECPKG_FLAG_TOKEN_ONLY 0x00000004u
#define SECPKG_FLAG_DATAGRAM 0x00000008u
#define SECPKG_FLAG_CONNECTION 0x00000010u
#define SECPKG_FLAG_MULTI_REQUIRED 0x00000020u
#define SECPKG_FLAG_CLIENT_ONLY 0x00000040u
#define SECPKG_FLAG_EXTENDED_ERROR 0x00000080u
#define SECPKG_FLAG_IMPERSONATION 0x00000100u
#define SECPKG_FLAG_ACCEPT_WIN32_NAME 0x00000200u
#define SECPKG_FLAG_STREAM 0x00000400u
#define SECPKG_FLAG_NEGOTIABLE 0x00000800u
#define SECPKG_FLAG_GSS_COMPATIBLE 0x00001000u
#define SECPKG_FLAG_LOGON 0x00002000u
#define SECPKG_FLAG_ASCII_BUFFERS 0x00004000u
#define SECPKG_FLAG_FRAGMENT 0x00008000u
#define SECPKG_FLAG_MUTUAL_AUTH 0x00010000u
#define SECPKG_FLAG_DELEGATION 0x00020000u
#define SECPKG_FLAG_READONLY_WITH_CHECKSUM 0x00040000u
#define SECPKG_FLAG_RESTRICTED_TOKENS 0x00080000u
#define SECPKG_FLAG_NEGO_EXTENDER 0x00100000u
#define SECPKG_FLAG_NEGOTIABLE2 0x00200000u
#define SECPKG_FLAG_APPCONTAINER_PASSTHROUGH 0x00400000u
#define SECPKG_FLAG_APPCONTAINER_CHECKS 0x00800000u
#define SECPKG_FLAG_CREDENTIAL_ISOLATION_ENABLED 0x01000000u
#define SECPKG_FLAG_APPLY_LOOPBACK 0x02000000u
#define SECPKG_ID_NONE 0xFFFF

#define SECPKG_CRED_INBOUND 0x00000001
#define SECPKG_CRED_OUTBOUND 0x00000002
#define SECPKG_CRED_BOTH 0x00000003
#define SECPKG_CRED_DEFAULT 0x00000004
#define SECPKG_CRED_AUTOLOGON_RESTRICTED 0x00000010
#define SECPKG_CRED_PROCESS_POLICY_ONLY 0x00000020
#define SECPKG_CRED_RESERVED 0xF0000000u

/* ---- context requirements. ISC and ASC do not share all numbers: never copy bits from one to the
 * other ---- */

#define ISC_REQ_DELEGATE 0x00000001u
#define ISC_REQ_MUTUAL_AUTH 0x00000002u
#define ISC_REQ_REPLAY_DETECT 0x00000004u
#define ISC_REQ_SEQUENCE_DETECT 0x00000008u
#define ISC_REQ_CONFIDENTIALITY 0x00000010u
#define ISC_REQ_USE_SESSION_KEY 0x00000020u
#define ISC_REQ_PROMPT_FOR_CREDS 0x00000040u
#define ISC_REQ_USE_SUPPLIED_CREDS 0x00000080u
#define ISC_REQ_ALLOCATE_MEMORY 0x00000100u
#define ISC_REQ_USE_DCE_STYLE 0x00000200u
#define ISC_REQ_DATAGRAM 0x00000400u
#define ISC_REQ_CONNECTION 0x00000800u
#define ISC_REQ_CALL_LEVEL 0x00001000u
#define ISC_REQ_FRAGMENT_SUPPLIED 0x00002000u
#define ISC_REQ_EXTENDED_ERROR 0x00004000u
#define ISC_REQ_STREAM 0x00008000u
#define ISC_REQ_INTEGRITY 0x00010000u
#define ISC_REQ_IDENTIFY 0x00020000u
#define ISC_REQ_NULL_SESSION 0x00040000u
#define ISC_REQ_MANUAL_CRED_VALIDATION 0x00080000u
#define ISC_REQ_RESERVED1 0x00100000u
#define ISC_REQ_FRAGMENT_TO_FIT 0x00200000u
#define ISC_REQ_FORWARD_CREDENTIALS 0x00400000u
#define ISC_REQ_NO_INTEGRITY 0x00800000u
#define ISC_REQ_USE_HTTP_STYLE 0x01000000u
#define ISC_REQ_UNVERIFIED_TARGET_NAME 0x20000000u
#define ISC_REQ_CONFIDENTIALITY_ONLY 0x40000000u
#define ISC_REQ_MESSAGES 0x0000000100000000ull
#define ISC_REQ_DEFERRED_CRED_VALIDATION 0x0000000200000000ull
#define ISC_REQ_NO_POST_HANDSHAKE_AUTH 0x0000000400000000ull
#define ISC_REQ_REUSE_SESSION_TICKETS 0x0000000800000000ull
#define ISC_REQ_EXPLICIT_SESSION 0x0000001000000000ull

#define ISC_RET_DELEGATE 0x00000001u
#define ISC_RET_MUTUAL_AUTH 0x00000002u
#define ISC_RET_REPLAY_DETECT 0x00000004u
#define ISC_RET_SEQUENCE_DETECT 0x00000008u
#define ISC_RET_CONFIDENTIALITY 0x00000010u
#define ISC_RET_USE_SESSION_KEY 0x00000020u
#define ISC_RET_USED_COLLECTED_CREDS 0x00000040u
#define ISC_RET_USED_SUPPLIED_CREDS 0x00000080u
#define ISC_RET_ALLOCATED_MEMORY 0x00000100u
#define ISC_RET_USED_DCE_STYLE 0x00000200u
#define ISC_RET_DATAGRAM 0x00000400u
#define ISC_RET_CONNECTION 0x00000800u
#define ISC_RET_INTERMEDIATE_RETURN 0x00001000u
#define ISC_RET_CALL_LEVEL 0x00002000u
#define ISC_RET_EXTENDED_ERROR 0x00004000u
#define ISC_RET_STREAM 0x00008000u
#define ISC_RET_INTEGRITY 0x00010000u
#define ISC_RET_IDENTIFY 0x00020000u
#define ISC_RET_NULL_SESSION 0x00040000u
#define ISC_RET_MANUAL_CRED_VALIDATION 0x00080000u
#define ISC_RET_RESERVED1 0x00100000u
#define ISC_RET_FRAGMENT_ONLY 0x00200000u
#define ISC_RET_FORWARD_CREDENTIALS 0x00400000u
#define ISC_RET_USED_HTTP_STYLE 0x01000000u
#define ISC_RET_NO_ADDITIONAL_TOKEN 0x02000000u
#define ISC_RET_REAUTHENTICATION 0x08000000u
#define ISC_RET_CONFIDENTIALITY_ONLY 0x40000000u
#define ISC_RET_MESSAGES 0x0000000100000000ull
#define ISC_RET_DEFERRED_CRED_VALIDATION 0x0000000200000000ull
#define ISC_RET_NO_POST_HANDSHAKE_AUTH 0x0000000400000000ull
#define ISC_RET_REUSE_SESSION_TICKETS 0x0000000800000000ull
#define ISC_RET_EXPLICIT_SESSION 0x0000001000000000ull

#define ASC_REQ_DELEGATE 0x00000001u
#define ASC_REQ_MUTUAL_AUTH 0x00000002u
#define ASC_REQ_REPLAY_DETECT 0x00000004u
#define ASC_REQ_SEQUENCE_DETECT 0x00000008u
#define ASC_REQ_CONFIDENTIALITY 0x00000010u
#define ASC_REQ_USE_SESSION_KEY 0x00000020u
#define ASC_REQ_SESSION_TICKET 0x00000040u
#define ASC_REQ_ALLOCATE_MEMORY 0x00000100u
#define ASC_REQ_USE_DCE_STYLE 0x00000200u
#define ASC_REQ_DATAGRAM 0x00000400u
#define ASC_REQ_CONNECTION 0x00000800u
#define ASC_REQ_CALL_LEVEL 0x00001000u
#define ASC_REQ_FRAGMENT_SUPPLIED 0x00002000u
#define ASC_REQ_EXTENDED_ERROR 0x00008000u
#define ASC_REQ_STREAM 0x00010000u
#define ASC_REQ_INTEGRITY 0x00020000u
#define ASC_REQ_LICENSING 0x00040000u
#define ASC_REQ_IDENTIFY 0x00080000u
#define ASC_REQ_ALLOW_NULL_SESSION 0x00100000u
#define ASC_REQ_ALLOW_NON_USER_LOGONS 0x00200000u
#define ASC_REQ_ALLOW_CONTEXT_REPLAY 0x00400000u
#define ASC_REQ_FRAGMENT_TO_FIT 0x00800000u
#define ASC_REQ_NO_TOKEN 0x01000000u
#define ASC_REQ_PROXY_BINDINGS 0x04000000u
#define ASC_REQ_ALLOW_MISSING_BINDINGS 0x10000000u
#define ASC_REQ_MESSAGES 0x0000000100000000ull
#define ASC_REQ_EXPLICIT_SESSION 0x0000001000000000ull

#define ASC_RET_DELEGATE 0x00000001u
#define ASC_RET_MUTUAL_AUTH 0x00000002u
#define ASC_RET_REPLAY_DETECT 0x00000004u
#define ASC_RET_SEQUENCE_DETECT 0x00000008u
#define ASC_RET_CONFIDENTIALITY 0x00000010u
#define ASC_RET_USE_SESSION_KEY 0x00000020u
#define ASC_RET_SESSION_TICKET 0x00000040u
#define ASC_RET_ALLOCATED_MEMORY 0x00000100u
#define ASC_RET_USED_DCE_STYLE 0x00000200u
#define ASC_RET_DATAGRAM 0x00000400u
#define ASC_RET_CONNECTION 0x00000800u
#define ASC_RET_CALL_LEVEL 0x00002000u
#define ASC_RET_THIRD_LEG_FAILED 0x00004000u
#define ASC_RET_EXTENDED_ERROR 0x00008000u
#define ASC_RET_STREAM 0x00010000u
#define ASC_RET_INTEGRITY 0x00020000u
#define ASC_RET_LICENSING 0x00040000u
#define ASC_RET_IDENTIFY 0x00080000u
#define ASC_RET_NULL_SESSION 0x00100000u
#define ASC_RET_ALLOW_NON_USER_LOGONS 0x00200000u
#define ASC_RET_ALLOW_CONTEXT_REPLAY 0x00400000u
#define ASC_RET_FRAGMENT_ONLY 0x00800000u
#define ASC_RET_NO_TOKEN 0x01000000u
#define ASC_RET_NO_ADDITIONAL_TOKEN 0x02000000u
#define ASC_RET_MESSAGES 0x0000000100000000ull
#define ASC_RET_REUSE_SESSION_TICKETS 0x0000000800000000ull
#define ASC_RET_EXPLICIT_SESSION 0x0000001000000000ull

/* ---- attributes of credentials and contexts ---- */

#define SECPKG_CRED_ATTR_NAMES 1
#define SECPKG_CRED_ATTR_SSI_PROVIDER 2
#define SECPKG_CRED_ATTR_KDC_PROXY_SETTINGS 3
#define SECPKG_CRED_ATTR_CERT 4
#define SECPKG_CRED_ATTR_PAC_BYPASS 5

#define SECPKG_ATTR_SIZES 0
#define SECPKG_ATTR_NAMES 1
#define SECPKG_ATTR_LIFESPAN 2
#define SECPKG_ATTR_DCE_INFO 3
#define SECPKG_ATTR_STREAM_SIZES 4
#define SECPKG_ATTR_KEY_INFO 5
#define SECPKG_ATTR_AUTHORITY 6
#define SECPKG_ATTR_PROTO_INFO 7
#define SECPKG_ATTR_PASSWORD_EXPIRY 8
#define SECPKG_ATTR_SESSION_KEY 9
#define SECPKG_ATTR_PACKAGE_INFO 10
#define SECPKG_ATTR_USER_FLAGS 11
#define SECPKG_ATTR_NEGOTIATION_INFO 12
#define SECPKG_ATTR_NATIVE_NAMES 13
#define SECPKG_ATTR_FLAGS 14
#define SECPKG_ATTR_USE_VALIDATED 15
#define SECPKG_ATTR_CREDENTIAL_NAME 16
#define SECPKG_ATTR_TARGET_INFORMATION 17
#define SECPKG_ATTR_ACCESS_TOKEN 18
#define SECPKG_ATTR_TARGET 19
#define SECPKG_ATTR_AUTHENTICATION_ID 20
#define SECPKG_ATTR_LOGOFF_TIME 21
#define SECPKG_ATTR_NEGO_KEYS 22
#define SECPKG_ATTR_PROMPTING_NEEDED 24
#define SECPKG_ATTR_UNIQUE_BINDINGS 25
#define SECPKG_ATTR_ENDPOINT_BINDINGS 26
#define SECPKG_ATTR_CLIENT_SPECIFIED_TARGET 27
#define SECPKG_ATTR_LAST_CLIENT_TOKEN_STATUS 30
#define SECPKG_ATTR_NEGO_PKG_INFO 31
#define SECPKG_ATTR_NEGO_STATUS 32
#define SECPKG_ATTR_CONTEXT_DELETED 33
#define SECPKG_ATTR_DTLS_MTU 34
#define SECPKG_ATTR_APPLICATION_PROTOCOL 35
#define SECPKG_ATTR_NEGOTIATED_TLS_EXTENSIONS 36
#define SECPKG_ATTR_IS_LOOPBACK 37
#define SECPKG_ATTR_SUBJECT_SECURITY_ATTRIBUTES 128
#define SECPKG_ATTR_DATAGRAM_SIZES SECPKG_ATTR_STREAM_SIZES

typedef struct _SecPkgContext_Sizes {
  ULONG cbMaxToken; /* bytes, as all of these */
  ULONG cbMaxSignature;
  ULONG cbBlockSize;
  ULONG cbSecurityTrailer;
} SecPkgContext_Sizes, *PSecPkgContext_Sizes;
typedef struct _SecPkgContext_StreamSizes {
  ULONG cbHeader;
  ULONG cbTrailer;
  ULONG cbMaximumMessage;
  ULONG cBuffers;
  ULONG cbBlockSize;
} SecPkgContext_StreamSizes, *PSecPkgContext_StreamSizes;
typedef struct _SecPkgContext_NamesA {
  SEC_CHAR* sUserName;
} SecPkgContext_NamesA, *PSecPkgContext_NamesA;
typedef struct _SecPkgContext_NamesW {
  SEC_WCHAR* sUserName;
} SecPkgContext_NamesW, *PSecPkgContext_NamesW;
typedef struct _SecPkgContext_Lifespan {
  TimeStamp tsStart;
  TimeStamp tsExpiry;
} SecPkgContext_Lifespan, *PSecPkgContext_Lifespan;
typedef struct _SecPkgContext_DceInfo {
  ULONG AuthzSvc;
  void* pPac;
} SecPkgContext_DceInfo, *PSecPkgContext_DceInfo;
typedef struct _SecPkgContext_KeyInfoA {
  SEC_CHAR* sSignatureAlgorithmName;
  SEC_CHAR* sEncryptAlgorithmName;
  ULONG KeySize; /* bits */
  ULONG SignatureAlgorithm;
  ULONG EncryptAlgorithm;
} SecPkgContext_KeyInfoA, *PSecPkgContext_KeyInfoA;
typedef struct _SecPkgContext_KeyInfoW {
  SEC_WCHAR* sSignatureAlgorithmName;
  SEC_WCHAR* sEncryptAlgorithmName;
  ULONG KeySize; /* bits */
  ULONG SignatureAlgorithm;
  ULONG EncryptAlgorithm;
} SecPkgContext_KeyInfoW, *PSecPkgContext_KeyInfoW;
typedef struct _SecPkgContext_AuthorityA {
  SEC_CHAR* sAuthorityName;
} SecPkgContext_AuthorityA, *PSecPkgContext_AuthorityA;
typedef struct _SecPkgContext_AuthorityW {
  SEC_WCHAR* sAuthorityName;
} SecPkgContext_AuthorityW, *PSecPkgContext_AuthorityW;
typedef struct _SecPkgContext_ProtoInfoA {
  SEC_CHAR* sProtocolName;
  ULONG majorVersion;
  ULONG minorVersion;
} SecPkgContext_ProtoInfoA, *PSecPkgContext_ProtoInfoA;
typedef struct _SecPkgContext_ProtoInfoW {
  SEC_WCHAR* sProtocolName;
  ULONG majorVersion;
  ULONG minorVersion;
} SecPkgContext_ProtoInfoW, *PSecPkgContext_ProtoInfoW;
typedef struct _SecPkgContext_PasswordExpiry {
  TimeStamp tsPasswordExpires;
} SecPkgContext_PasswordExpiry, *PSecPkgContext_PasswordExpiry;
typedef struct _SecPkgContext_LogoffTime {
  TimeStamp tsLogoffTime;
} SecPkgContext_LogoffTime, *PSecPkgContext_LogoffTime;
typedef struct _SecPkgContext_SessionKey {
  ULONG SessionKeyLength; /* bytes */
  unsigned char* SessionKey;
} SecPkgContext_SessionKey, *PSecPkgContext_SessionKey;
typedef struct _SecPkgContext_PackageInfoA {
  PSecPkgInfoA PackageInfo;
} SecPkgContext_PackageInfoA, *PSecPkgContext_PackageInfoA;
typedef struct _SecPkgContext_PackageInfoW {
  PSecPkgInfoW PackageInfo;
} SecPkgContext_PackageInfoW, *PSecPkgContext_PackageInfoW;
typedef struct _SecPkgContext_UserFlags {
  ULONG UserFlags;
} SecPkgContext_UserFlags, *PSecPkgContext_UserFlags;
typedef struct _SecPkgContext_Flags {
  ULONG Flags;
} SecPkgContext_Flags, *PSecPkgContext_Flags;
typedef struct _SecPkgContext_NegotiationInfoA {
  PSecPkgInfoA PackageInfo;
  ULONG NegotiationState; /* SECPSecPkgInfoA_NEGOTIATION_ */
} SecPkgContext_NegotiationInfoA, *PSecPkgContext_NegotiationInfoA;
typedef struct _SecPkgContext_NegotiationInfoW {
  PSecPkgInfoW PackageInfo;
  ULONG NegotiationState; /* SECPSecPkgInfoW_NEGOTIATION_ */
} SecPkgContext_NegotiationInfoW, *PSecPkgContext_NegotiationInfoW;
typedef struct _SecPkgContext_NativeNamesA {
  SEC_CHAR* sClientName;
  SEC_CHAR* sServerName;
} SecPkgContext_NativeNamesA, *PSecPkgContext_NativeNamesA;
typedef struct _SecPkgContext_NativeNamesW {
  SEC_WCHAR* sClientName;
  SEC_WCHAR* sServerName;
} SecPkgContext_NativeNamesW, *PSecPkgContext_NativeNamesW;
typedef struct _SecPkgContext_CredentialNameA {
  ULONG CredentialType;
  SEC_CHAR* sCredentialName;
} SecPkgContext_CredentialNameA, *PSecPkgContext_CredentialNameA;
typedef struct _SecPkgContext_CredentialNameW {
  ULONG CredentialType;
  SEC_WCHAR* sCredentialName;
} SecPkgContext_CredentialNameW, *PSecPkgContext_CredentialNameW;
typedef struct _SecPkgContext_TargetInformation {
  ULONG MarshalledTargetInfoLength; /* bytes */
  unsigned char* MarshalledTargetInfo;
} SecPkgContext_TargetInformation, *PSecPkgContext_TargetInformation;
/* Of SASL, which is not here: no attribute answers it. */
typedef struct _SecPkgContext_AuthzID {
  ULONG AuthzIDLength; /* bytes */
  char* AuthzID;
} SecPkgContext_AuthzID, *PSecPkgContext_AuthzID;
typedef struct _SecPkgContext_AccessToken {
  void* AccessToken;
} SecPkgContext_AccessToken, *PSecPkgContext_AccessToken;
typedef struct _SecPkgContext_Target {
  ULONG TargetLength;
  char* Target;
} SecPkgContext_Target, *PSecPkgContext_Target;
typedef struct _SecPkgContext_ClientSpecifiedTarget {
  SEC_WCHAR* sTargetName; /* wide in both forms */
} SecPkgContext_ClientSpecifiedTarget, *PSecPkgContext_ClientSpecifiedTarget;
typedef struct _SecPkgContext_Bindings {
  ULONG BindingsLength;
  SEC_CHANNEL_BINDINGS* Bindings;
} SecPkgContext_Bindings, *PSecPkgContext_Bindings;
typedef struct _SecPkgContext_SubjectAttributes {
  void* AttributeInfo;
} SecPkgContext_SubjectAttributes, *PSecPkgContext_SubjectAttributes;
typedef struct _SecPkgContext_NegoStatus {
  ULONG LastStatus;
} SecPkgContext_NegoStatus, *PSecPkgContext_NegoStatus;
typedef struct _SecPkgContext_NegoPackageInfo {
  ULONG PackageMask;
} SecPkgContext_NegoPackageInfo, *PSecPkgContext_NegoPackageInfo;
typedef struct _SecPkgCredentials_NamesA {
  SEC_CHAR* sUserName;
} SecPkgCredentials_NamesA, *PSecPkgCredentials_NamesA;
typedef struct _SecPkgCredentials_NamesW {
  SEC_WCHAR* sUserName;
} SecPkgCredentials_NamesW, *PSecPkgCredentials_NamesW;
typedef struct _SecPkgCredentials_SSIProviderA {
  SEC_CHAR* sProviderName;
  ULONG ProviderInfoLength;
  char* ProviderInfo;
} SecPkgCredentials_SSIProviderA, *PSecPkgCredentials_SSIProviderA;
typedef struct _SecPkgCredentials_SSIProviderW {
  SEC_WCHAR* sProviderName;
  ULONG ProviderInfoLength;
  char* ProviderInfo;
} SecPkgCredentials_SSIProviderW, *PSecPkgCredentials_SSIProviderW;
typedef struct _SecPkgCredentials_Cert {
  ULONG EncodedCertSize;
  unsigned char* EncodedCert;
} SecPkgCredentials_Cert, *PSecPkgCredentials_Cert;
typedef enum _SECPKG_ATTR_LCT_STATUS {
  SecPkgAttrLastClientTokenYes,
  SecPkgAttrLastClientTokenNo,
  SecPkgAttrLastClientTokenMaybe
} SECPKG_ATTR_LCT_STATUS,
    *PSECPKG_ATTR_LCT_STATUS;
typedef struct _SecPkgContext_LastClientTokenStatus {
  SECPKG_ATTR_LCT_STATUS LastClientTokenStatus;
} SecPkgContext_LastClientTokenStatus, *PSecPkgContext_LastClientTokenStatus;
typedef struct _SecPkgCredentials_KdcProxySettingsW {
  ULONG Version;
  ULONG Flags;
  USHORT ProxyServerOffset;
  USHORT ProxyServerLength;
  USHORT ClientTlsCredOffset;
  USHORT ClientTlsCredLength;
} SecPkgCredentials_KdcProxySettingsW, *PSecPkgCredentials_KdcProxySettingsW;

#define SECPKG_NEGOTIATION_COMPLETE 0
#define SECPKG_NEGOTIATION_OPTIMISTIC 1
#define SECPKG_NEGOTIATION_IN_PROGRESS 2
#define SECPKG_NEGOTIATION_DIRECT 3
#define SECPKG_NEGOTIATION_TRY_MULTICRED 4

#define SECPKG_CONTEXT_EXPORT_RESET_NEW 0x00000001
#define SECPKG_CONTEXT_EXPORT_DELETE_OLD 0x00000002
#define SECPKG_CONTEXT_EXPORT_TO_KERNEL 0x00000004

#define SECQOP_WRAP_NO_ENCRYPT 0x80000001u
#define SECQOP_WRAP_OOB_DATA 0x40000000u

/* ---- identities ---- */

#define SEC_WINNT_AUTH_IDENTITY_ANSI 0x1
#define SEC_WINNT_AUTH_IDENTITY_UNICODE 0x2
#define SEC_WINNT_AUTH_IDENTITY_MARSHALLED 0x4
#define SEC_WINNT_AUTH_IDENTITY_ONLY 0x8
#define SEC_WINNT_AUTH_IDENTITY_FLAGS_PROCESS_ENCRYPTED 0x10
#define SEC_WINNT_AUTH_IDENTITY_FLAGS_SYSTEM_PROTECTED 0x20
#define SEC_WINNT_AUTH_IDENTITY_FLAGS_USER_PROTECTED 0x40
#define SEC_WINNT_AUTH_IDENTITY_FLAGS_SYSTEM_ENCRYPTED 0x80
#define SEC_WINNT_AUTH_IDENTITY_FLAGS_RESERVED 0x10000
#define SEC_WINNT_AUTH_IDENTITY_FLAGS_NULL_USER 0x20000
#define SEC_WINNT_AUTH_IDENTITY_FLAGS_NULL_DOMAIN 0x40000
#define SEC_WINNT_AUTH_IDENTITY_FLAGS_ID_PROVIDER 0x80000

#define SEC_WINNT_AUTH_IDENTITY_VERSION 0x200
#define SEC_WINNT_AUTH_IDENTITY_VERSION_2 0x201
#define SEC_WINNT_AUTH_IDENTITY_ENCRYPT_SAME_LOGON 1
#define SEC_WINNT_AUTH_IDENTITY_ENCRYPT_SAME_PROCESS 2
#define SEC_WINNT_AUTH_IDENTITY_ENCRYPT_FOR_SYSTEM 4

/* Lengths are in characters without a NUL; Flags says ANSI or UNICODE and the text is read
 * accordingly. */
typedef struct _SEC_WINNT_AUTH_IDENTITY_A {
  unsigned char* User;
  ULONG UserLength;
  unsigned char* Domain;
  ULONG DomainLength;
  unsigned char* Password;
  ULONG PasswordLength;
  ULONG Flags;
} SEC_WINNT_AUTH_IDENTITY_A, *PSEC_WINNT_AUTH_IDENTITY_A;
typedef struct _SEC_WINNT_AUTH_IDENTITY_W {
  WCHAR* User;
  ULONG UserLength;
  WCHAR* Domain;
  ULONG DomainLength;
  WCHAR* Password;
  ULONG PasswordLength;
  ULONG Flags;
} SEC_WINNT_AUTH_IDENTITY_W, *PSEC_WINNT_AUTH_IDENTITY_W;

/* Version is SEC_WINNT_AUTH_IDENTITY_VERSION, Length the size of the structure. PackageList:
 * "NTLM", "!Kerberos", ... */
typedef struct _SEC_WINNT_AUTH_IDENTITY_EXA {
  ULONG Version;
  ULONG Length;
  unsigned char* User;
  ULONG UserLength;
  unsigned char* Domain;
  ULONG DomainLength;
  unsigned char* Password;
  ULONG PasswordLength;
  ULONG Flags;
  unsigned char* PackageList;
  ULONG PackageListLength;
} SEC_WINNT_AUTH_IDENTITY_EXA, *PSEC_WINNT_AUTH_IDENTITY_EXA;
typedef struct _SEC_WINNT_AUTH_IDENTITY_EXW {
  ULONG Version;
  ULONG Length;
  WCHAR* User;
  ULONG UserLength;
  WCHAR* Domain;
  ULONG DomainLength;
  WCHAR* Password;
  ULONG PasswordLength;
  ULONG Flags;
  WCHAR* PackageList;
  ULONG PackageListLength;
} SEC_WINNT_AUTH_IDENTITY_EXW, *PSEC_WINNT_AUTH_IDENTITY_EXW;

/* One block: this header, then UTF-16 text. Offsets count from its start; lengths are in bytes. */
typedef struct _SEC_WINNT_AUTH_IDENTITY_EX2 {
  ULONG Version; /* SEC_WINNT_AUTH_IDENTITY_VERSION_2 */
  USHORT cbHeaderLength;
  ULONG cbStructureLength; /* of the whole block */
  ULONG UserOffset;
  USHORT UserLength;
  ULONG DomainOffset;
  USHORT DomainLength;
  ULONG PackedCredentialsOffset; /* SEC_WINNT_AUTH_PACKED_CREDENTIALS */
  USHORT PackedCredentialsLength;
  ULONG Flags;
  ULONG PackageListOffset;
  USHORT PackageListLength;
} SEC_WINNT_AUTH_IDENTITY_EX2, *PSEC_WINNT_AUTH_IDENTITY_EX2;

typedef union _SEC_WINNT_AUTH_IDENTITY_INFO {
  SEC_WINNT_AUTH_IDENTITY_EXW AuthIdExw;
  SEC_WINNT_AUTH_IDENTITY_EXA AuthIdExa;
  SEC_WINNT_AUTH_IDENTITY_A AuthId_a;
  SEC_WINNT_AUTH_IDENTITY_W AuthId_w;
  SEC_WINNT_AUTH_IDENTITY_EX2 AuthIdEx2;
} SEC_WINNT_AUTH_IDENTITY_INFO, *PSEC_WINNT_AUTH_IDENTITY_INFO;
typedef PSEC_WINNT_AUTH_IDENTITY_INFO PSEC_WINNT_AUTH_IDENTITY_OPAQUE;

/* The credential inside an EX2 block; offsets count from this structure's own start. A password is
 * the one type that is read here. */
static const GUID SEC_WINNT_AUTH_DATA_TYPE_PASSWORD = {
    0x28BFC32F, 0x10F6, 0x4738, {0x98, 0xD1, 0x1A, 0xC0, 0x61, 0xDF, 0x71, 0x6A}};
typedef struct _SEC_WINNT_AUTH_BYTE_VECTOR {
  ULONG ByteArrayOffset;
  USHORT ByteArrayLength;
} SEC_WINNT_AUTH_BYTE_VECTOR, *PSEC_WINNT_AUTH_BYTE_VECTOR;
typedef struct _SEC_WINNT_AUTH_DATA {
  GUID CredType; /* SEC_WINNT_AUTH_DATA_TYPE_PASSWORD */
  SEC_WINNT_AUTH_BYTE_VECTOR CredData;
} SEC_WINNT_AUTH_DATA, *PSEC_WINNT_AUTH_DATA;
typedef struct _SEC_WINNT_AUTH_PACKED_CREDENTIALS {
  USHORT cbHeaderLength;
  USHORT cbStructureLength;
  SEC_WINNT_AUTH_DATA AuthData;
} SEC_WINNT_AUTH_PACKED_CREDENTIALS, *PSEC_WINNT_AUTH_PACKED_CREDENTIALS;

#ifdef UNICODE
#define SEC_WINNT_AUTH_IDENTITY SEC_WINNT_AUTH_IDENTITY_W
#define PSEC_WINNT_AUTH_IDENTITY PSEC_WINNT_AUTH_IDENTITY_W
#define SEC_WINNT_AUTH_IDENTITY_EX SEC_WINNT_AUTH_IDENTITY_EXW
#define PSEC_WINNT_AUTH_IDENTITY_EX PSEC_WINNT_AUTH_IDENTITY_EXW
#else
#define SEC_WINNT_AUTH_IDENTITY SEC_WINNT_AUTH_IDENTITY_A
#define PSEC_WINNT_AUTH_IDENTITY PSEC_WINNT_AUTH_IDENTITY_A
#define SEC_WINNT_AUTH_IDENTITY_EX SEC_WINNT_AUTH_IDENTITY_EXA
#define PSEC_WINNT_AUTH_IDENTITY_EX PSEC_WINNT_AUTH_IDENTITY_EXA
#endif

typedef void(SEC_ENTRY* SEC_GET_KEY_FN)(void* Arg, void* Principal, ULONG KeyVer, void** Key,
                                        SECURITY_STATUS* Status);

/* ---- functions ---- */

/*
 * EnumerateSecurityPackages: the packages that work here, one block of FreeContextBuffer with all
 * texts inside. pcPackages: how many. SEC_E_OK, SEC_E_INVALID_PARAMETER, SEC_E_SECPKG_NOT_FOUND
 * (the mechglue has none of them). Source: page.
 */
SECURITY_STATUS SEC_ENTRY EnumerateSecurityPackagesA(PULONG pcPackages,
                                                     PSecPkgInfoA* ppPackageInfo);
typedef SECURITY_STATUS(SEC_ENTRY* ENUMERATE_SECURITY_PACKAGES_FN_A)(PULONG pcPackages,
                                                                     PSecPkgInfoA* ppPackageInfo);
SECURITY_STATUS SEC_ENTRY EnumerateSecurityPackagesW(PULONG pcPackages,
                                                     PSecPkgInfoW* ppPackageInfo);
typedef SECURITY_STATUS(SEC_ENTRY* ENUMERATE_SECURITY_PACKAGES_FN_W)(PULONG pcPackages,
                                                                     PSecPkgInfoW* ppPackageInfo);

/*
 * QuerySecurityPackageInfo: one package by name (case does not matter), one block of
 * FreeContextBuffer. SEC_E_OK, SEC_E_SECPKG_NOT_FOUND (unknown or NULL name; the pointer is not
 * written), SEC_E_INVALID_PARAMETER. Source: page.
 */
SECURITY_STATUS SEC_ENTRY QuerySecurityPackageInfoA(const SEC_CHAR* pszPackageName,
                                                    PSecPkgInfoA* ppPackageInfo);
typedef SECURITY_STATUS(SEC_ENTRY* QUERY_SECURITY_PACKAGE_INFO_FN_A)(const SEC_CHAR* pszPackageName,
                                                                     PSecPkgInfoA* ppPackageInfo);
SECURITY_STATUS SEC_ENTRY QuerySecurityPackageInfoW(const SEC_WCHAR* pszPackageName,
                                                    PSecPkgInfoW* ppPackageInfo);
typedef SECURITY_STATUS(SEC_ENTRY* QUERY_SECURITY_PACKAGE_INFO_FN_W)(
    const SEC_WCHAR* pszPackageName, PSecPkgInfoW* ppPackageInfo);

/*
 * AcquireCredentialsHandle: opens credentials of a package.
 * pszPrincipal: NULL, or a name that is taken and not used (package NTLM), or the service or user
 * (package Kerberos). fCredentialUse: SECPKG_CRED_INBOUND for a server, OUTBOUND for a client,
 * BOTH; AUTOLOGON_RESTRICTED and PROCESS_POLICY_ONLY may be added. pAuthData: NULL for the
 * process's own credentials, or a SEC_WINNT_AUTH_IDENTITY in any of its forms (A, W, EX, EX2: its
 * version and flags are read, not the function's letter). It is copied: wipe it at once. An INBOUND
 * credential ignores it. pvLogonId, pGetKeyFn and pvGetKeyArgument are not used. ptsExpiry: may be
 * NULL. Missing own credentials show up at InitializeSecurityContext, not here. SEC_E_OK,
 * SEC_E_SECPKG_NOT_FOUND, SEC_E_UNKNOWN_CREDENTIALS (identity or use unreadable), SEC_E_NOT_OWNER,
 * SEC_E_NO_CREDENTIALS (INBOUND: no key), SEC_E_INVALID_PARAMETER, SEC_E_INTERNAL_ERROR (ntlm.conf
 * is wrong). Source: pages AcquireCredentialsHandle (General, NTLM, Negotiate).
 */
SECURITY_STATUS SEC_ENTRY AcquireCredentialsHandleA(const SEC_CHAR* pszPrincipal,
                                                    const SEC_CHAR* pszPackage,
                                                    ULONG fCredentialUse, void* pvLogonId,
                                                    void* pAuthData, SEC_GET_KEY_FN pGetKeyFn,
                                                    void* pvGetKeyArgument,
                                                    PCredHandle phCredential, PTimeStamp ptsExpiry);
typedef SECURITY_STATUS(SEC_ENTRY* ACQUIRE_CREDENTIALS_HANDLE_FN_A)(
    const SEC_CHAR* pszPrincipal, const SEC_CHAR* pszPackage, ULONG fCredentialUse, void* pvLogonId,
    void* pAuthData, SEC_GET_KEY_FN pGetKeyFn, void* pvGetKeyArgument, PCredHandle phCredential,
    PTimeStamp ptsExpiry);
SECURITY_STATUS SEC_ENTRY AcquireCredentialsHandleW(const SEC_WCHAR* pszPrincipal,
                                                    const SEC_WCHAR* pszPackage,
                                                    ULONG fCredentialUse, void* pvLogonId,
                                                    void* pAuthData, SEC_GET_KEY_FN pGetKeyFn,
                                                    void* pvGetKeyArgument,
                                                    PCredHandle phCredential, PTimeStamp ptsExpiry);
typedef SECURITY_STATUS(SEC_ENTRY* ACQUIRE_CREDENTIALS_HANDLE_FN_W)(
    const SEC_WCHAR* pszPrincipal, const SEC_WCHAR* pszPackage, ULONG fCredentialUse,
    void* pvLogonId, void* pAuthData, SEC_GET_KEY_FN pGetKeyFn, void* pvGetKeyArgument,
    PCredHandle phCredential, PTimeStamp ptsExpiry);

/*
 * AddCredentials: SEC_E_UNSUPPORTED_FUNCTION for a live handle, as these packages answer on
 * Windows. Source: page.
 */
SECURITY_STATUS SEC_ENTRY AddCredentialsA(PCredHandle hCredentials, const SEC_CHAR* pszPrincipal,
                                          const SEC_CHAR* pszPackage, ULONG fCredentialUse,
                                          void* pAuthData, SEC_GET_KEY_FN pGetKeyFn,
                                          void* pvGetKeyArgument, PTimeStamp ptsExpiry);
typedef SECURITY_STATUS(SEC_ENTRY* ADD_CREDENTIALS_FN_A)(
    PCredHandle hCredentials, const SEC_CHAR* pszPrincipal, const SEC_CHAR* pszPackage,
    ULONG fCredentialUse, void* pAuthData, SEC_GET_KEY_FN pGetKeyFn, void* pvGetKeyArgument,
    PTimeStamp ptsExpiry);
SECURITY_STATUS SEC_ENTRY AddCredentialsW(PCredHandle hCredentials, const SEC_WCHAR* pszPrincipal,
                                          const SEC_WCHAR* pszPackage, ULONG fCredentialUse,
                                          void* pAuthData, SEC_GET_KEY_FN pGetKeyFn,
                                          void* pvGetKeyArgument, PTimeStamp ptsExpiry);
typedef SECURITY_STATUS(SEC_ENTRY* ADD_CREDENTIALS_FN_W)(
    PCredHandle hCredentials, const SEC_WCHAR* pszPrincipal, const SEC_WCHAR* pszPackage,
    ULONG fCredentialUse, void* pAuthData, SEC_GET_KEY_FN pGetKeyFn, void* pvGetKeyArgument,
    PTimeStamp ptsExpiry);

/*
 * FreeCredentialsHandle: closes a credential. Contexts made with it go on working.
 * SEC_E_OK, SEC_E_INVALID_HANDLE. Source: page.
 */
SECURITY_STATUS SEC_ENTRY FreeCredentialsHandle(PCredHandle phCredential);
typedef SECURITY_STATUS(SEC_ENTRY* FREE_CREDENTIALS_HANDLE_FN)(PCredHandle phCredential);

/*
 * QueryCredentialsAttributes: SECPKG_CRED_ATTR_NAMES gives the credential's name ("DOMAIN\user").
 * SEC_E_OK, SEC_E_UNSUPPORTED_FUNCTION (other attributes), SEC_E_NO_CREDENTIALS (there is no name),
 * SEC_E_INVALID_PARAMETER. Source: page.
 */
SECURITY_STATUS SEC_ENTRY QueryCredentialsAttributesA(PCredHandle phCredential, ULONG ulAttribute,
                                                      void* pBuffer);
typedef SECURITY_STATUS(SEC_ENTRY* QUERY_CREDENTIALS_ATTRIBUTES_FN_A)(PCredHandle phCredential,
                                                                      ULONG ulAttribute,
                                                                      void* pBuffer);
SECURITY_STATUS SEC_ENTRY QueryCredentialsAttributesW(PCredHandle phCredential, ULONG ulAttribute,
                                                      void* pBuffer);
typedef SECURITY_STATUS(SEC_ENTRY* QUERY_CREDENTIALS_ATTRIBUTES_FN_W)(PCredHandle phCredential,
                                                                      ULONG ulAttribute,
                                                                      void* pBuffer);

/*
 * QueryCredentialsAttributesEx: the same with the size of *pBuffer in bytes; SEC_E_BUFFER_TOO_SMALL
 * before anything.
 */
SECURITY_STATUS SEC_ENTRY QueryCredentialsAttributesExA(PCredHandle phCredential, ULONG ulAttribute,
                                                        void* pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY* QUERY_CREDENTIALS_ATTRIBUTES_EX_FN_A)(PCredHandle phCredential,
                                                                         ULONG ulAttribute,
                                                                         void* pBuffer,
                                                                         ULONG cbBuffer);
SECURITY_STATUS SEC_ENTRY QueryCredentialsAttributesExW(PCredHandle phCredential, ULONG ulAttribute,
                                                        void* pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY* QUERY_CREDENTIALS_ATTRIBUTES_EX_FN_W)(PCredHandle phCredential,
                                                                         ULONG ulAttribute,
                                                                         void* pBuffer,
                                                                         ULONG cbBuffer);

/*
 * SetCredentialsAttributes: SEC_E_UNSUPPORTED_FUNCTION for a live handle. Source: page.
 */
SECURITY_STATUS SEC_ENTRY SetCredentialsAttributesA(PCredHandle phCredential, ULONG ulAttribute,
                                                    void* pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY* SET_CREDENTIALS_ATTRIBUTES_FN_A)(PCredHandle phCredential,
                                                                    ULONG ulAttribute,
                                                                    void* pBuffer, ULONG cbBuffer);
SECURITY_STATUS SEC_ENTRY SetCredentialsAttributesW(PCredHandle phCredential, ULONG ulAttribute,
                                                    void* pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY* SET_CREDENTIALS_ATTRIBUTES_FN_W)(PCredHandle phCredential,
                                                                    ULONG ulAttribute,
                                                                    void* pBuffer, ULONG cbBuffer);

/*
 * InitializeSecurityContext: the client's half of the exchange, called once a leg.
 * phCredential: OUTBOUND or BOTH; may be NULL after the first leg. phContext: NULL (or {0,0}) on
 * the first leg, then the handle from phNewContext, which may be the same variable. pszTargetName:
 * the service's SPN ("HTTP/www.example.com"). fContextReq: ISC_REQ_ flags; CONFIDENTIALITY implies
 * INTEGRITY; REPLAY_DETECT and SEQUENCE_DETECT too. NO_INTEGRITY lets INTEGRITY be ignored, except
 * by package NTLM. A flag that the package does not know is ignored; DATAGRAM and PROMPT_FOR_CREDS
 * are SEC_E_UNSUPPORTED_FUNCTION. TargetDataRep, Reserved1, Reserved2: no effect. pInput: the
 * server's SECBUFFER_TOKEN, at any index; NULL or without a token on the first leg;
 * SECBUFFER_CHANNEL_BINDINGS beside it on any leg (the last leg that has them counts). On the first
 * leg a SECBUFFER_TARGET_HOST or SECBUFFER_TARGET (UTF-16) stands in for pszTargetName. pOutput:
 * one SECBUFFER_TOKEN with room (cbMaxToken of the package), or with ISC_REQ_ALLOCATE_MEMORY any,
 * and pvBuffer comes back for FreeContextBuffer. cbBuffer: in room, out length in bytes, 0 when
 * there is nothing to send; after a failure too, unless EXTENDED_ERROR asked for the token that
 * tells the peer of it. SEC_E_BUFFER_TOO_SMALL leaves it as it was. pfContextAttr (may be NULL):
 * ISC_RET_ flags: what was agreed, not what was asked; security-related ones only on the last leg.
 * ptsExpiry: may be NULL; "never" before the last leg. SEC_I_CONTINUE_NEEDED, SEC_E_OK (a token may
 * still be there to be sent), SEC_E_NO_CREDENTIALS, SEC_E_INVALID_HANDLE (also: an INBOUND
 * credential, a failed context), SEC_E_INVALID_TOKEN, SEC_E_TARGET_UNKNOWN, SEC_E_BUFFER_TOO_SMALL
 * (no room, or no TOKEN buffer), SEC_E_INTERNAL_ERROR (room without memory), SEC_E_OUT_OF_SEQUENCE
 * (the context is complete), SEC_E_LOGON_DENIED, SEC_E_NO_AUTHENTICATING_AUTHORITY,
 * SEC_E_WRONG_PRINCIPAL, SEC_E_TIME_SKEW, SEC_E_SECURITY_QOS_FAILED. A failed first leg leaves no
 * context; after a later one delete it. Source: pages InitializeSecurityContext (General, NTLM).
 */
SECURITY_STATUS SEC_ENTRY InitializeSecurityContextA(
    PCredHandle phCredential, PCtxtHandle phContext, const SEC_CHAR* pszTargetName,
    ULONG fContextReq, ULONG Reserved1, ULONG TargetDataRep, PSecBufferDesc pInput, ULONG Reserved2,
    PCtxtHandle phNewContext, PSecBufferDesc pOutput, PULONG pfContextAttr, PTimeStamp ptsExpiry);
typedef SECURITY_STATUS(SEC_ENTRY* INITIALIZE_SECURITY_CONTEXT_FN_A)(
    PCredHandle phCredential, PCtxtHandle phContext, const SEC_CHAR* pszTargetName,
    ULONG fContextReq, ULONG Reserved1, ULONG TargetDataRep, PSecBufferDesc pInput, ULONG Reserved2,
    PCtxtHandle phNewContext, PSecBufferDesc pOutput, PULONG pfContextAttr, PTimeStamp ptsExpiry);
SECURITY_STATUS SEC_ENTRY InitializeSecurityContextW(
    PCredHandle phCredential, PCtxtHandle phContext, const SEC_WCHAR* pszTargetName,
    ULONG fContextReq, ULONG Reserved1, ULONG TargetDataRep, PSecBufferDesc pInput, ULONG Reserved2,
    PCtxtHandle phNewContext, PSecBufferDesc pOutput, PULONG pfContextAttr, PTimeStamp ptsExpiry);
typedef SECURITY_STATUS(SEC_ENTRY* INITIALIZE_SECURITY_CONTEXT_FN_W)(
    PCredHandle phCredential, PCtxtHandle phContext, const SEC_WCHAR* pszTargetName,
    ULONG fContextReq, ULONG Reserved1, ULONG TargetDataRep, PSecBufferDesc pInput, ULONG Reserved2,
    PCtxtHandle phNewContext, PSecBufferDesc pOutput, PULONG pfContextAttr, PTimeStamp ptsExpiry);

/*
 * AcceptSecurityContext: the server's half of the exchange, called once a leg.
 * phCredential: INBOUND or BOTH. phContext: NULL (or {0,0}) on the first leg, then the handle from
 * phNewContext; both may be one variable; phNewContext is never NULL. pInput: the client's
 * SECBUFFER_TOKEN, at any index, and beside it SECBUFFER_CHANNEL_BINDINGS on any leg (the last
 * leg that has them counts). fContextReq: ASC_REQ_ flags; what the client cannot do is no error
 * (read pfContextAttr) unless ntlm.conf's [sspi] require_flags names it. ALLOW_NULL_SESSION admits
 * anonymous clients where the policy does; ALLOW_NON_USER_LOGONS the accounts of computers that a
 * text file or database holds (a domain controller decides for itself, and so does a KDC);
 * ALLOW_MISSING_BINDINGS admits clients without bindings, PROXY_BINDINGS any. TargetDataRep: no
 * effect. pOutput: as in InitializeSecurityContext; may be NULL on NTLM's last leg, which has no
 * token. pfContextAttr (may be NULL): ASC_RET_ flags; look at security-related ones after SEC_E_OK
 * only. ptsTimeStamp: NULL or not on every leg; local time; "never" before the last leg.
 * SEC_I_CONTINUE_NEEDED, SEC_E_OK, SEC_E_INVALID_HANDLE (0x80090301; also: an OUTBOUND credential,
 * a failed context), SEC_E_INVALID_TOKEN (also: no token), SEC_E_LOGON_DENIED,
 * SEC_E_NO_AUTHENTICATING_AUTHORITY, SEC_E_BAD_BINDINGS, SEC_E_MESSAGE_ALTERED (the MIC is wrong),
 * SEC_E_WRONG_PRINCIPAL, SEC_E_BUFFER_TOO_SMALL, SEC_E_TIME_SKEW, SEC_E_CONTEXT_EXPIRED (the
 * challenge or ticket is too old), SEC_E_NO_KERB_KEY (the keytab lacks the ticket's),
 * SEC_E_OUT_OF_SEQUENCE (the context is complete), SEC_E_SECURITY_QOS_FAILED (the client does not
 * agree to a protection that require_flags or the mechanism's policy demands),
 * SEC_E_UNSUPPORTED_FUNCTION (DATAGRAM), SEC_E_INSUFFICIENT_MEMORY, SEC_E_INTERNAL_ERROR; never
 * SEC_I_COMPLETE_NEEDED or SEC_I_COMPLETE_AND_CONTINUE. A failed first leg leaves no context; after
 * a later one delete it with DeleteSecurityContext. Source: page AcceptSecurityContext (NTLM).
 */
SECURITY_STATUS SEC_ENTRY AcceptSecurityContext(PCredHandle phCredential, PCtxtHandle phContext,
                                                PSecBufferDesc pInput, ULONG fContextReq,
                                                ULONG TargetDataRep, PCtxtHandle phNewContext,
                                                PSecBufferDesc pOutput, PULONG pfContextAttr,
                                                PTimeStamp ptsTimeStamp);
typedef SECURITY_STATUS(SEC_ENTRY* ACCEPT_SECURITY_CONTEXT_FN)(
    PCredHandle phCredential, PCtxtHandle phContext, PSecBufferDesc pInput, ULONG fContextReq,
    ULONG TargetDataRep, PCtxtHandle phNewContext, PSecBufferDesc pOutput, PULONG pfContextAttr,
    PTimeStamp ptsTimeStamp);

/*
 * CompleteAuthToken: SEC_E_OK for a live context; there is nothing to complete. Source: page.
 */
SECURITY_STATUS SEC_ENTRY CompleteAuthToken(PCtxtHandle phContext, PSecBufferDesc pToken);
typedef SECURITY_STATUS(SEC_ENTRY* COMPLETE_AUTH_TOKEN_FN)(PCtxtHandle phContext,
                                                           PSecBufferDesc pToken);

/*
 * DeleteSecurityContext: closes a context, complete, partial or failed, and wipes its keys. A
 * calling thread that impersonates its client is reverted first. SEC_E_OK, SEC_E_INVALID_HANDLE
 * (deleted ones too). Source: page.
 */
SECURITY_STATUS SEC_ENTRY DeleteSecurityContext(PCtxtHandle phContext);
typedef SECURITY_STATUS(SEC_ENTRY* DELETE_SECURITY_CONTEXT_FN)(PCtxtHandle phContext);

/*
 * ApplyControlToken: SEC_E_UNSUPPORTED_FUNCTION for a live context. Source: page.
 */
SECURITY_STATUS SEC_ENTRY ApplyControlToken(PCtxtHandle phContext, PSecBufferDesc pInput);
typedef SECURITY_STATUS(SEC_ENTRY* APPLY_CONTROL_TOKEN_FN)(PCtxtHandle phContext,
                                                           PSecBufferDesc pInput);

/*
 * QueryContextAttributes: SECPKG_ATTR_ into its SecPkgContext_ structure; pointers inside are for
 * FreeContextBuffer, each its own. SIZES, NAMES, NATIVE_NAMES, LIFESPAN, DCE_INFO, KEY_INFO,
 * AUTHORITY, PASSWORD_EXPIRY, SESSION_KEY, PACKAGE_INFO, NEGOTIATION_INFO, FLAGS,
 * TARGET_INFORMATION (client), ACCESS_TOKEN (server; the context owns it), CLIENT_SPECIFIED_TARGET
 * (server), LAST_CLIENT_TOKEN_STATUS. SEC_E_OK, SEC_E_UNSUPPORTED_FUNCTION (another attribute, or
 * nothing is known), SEC_E_INVALID_HANDLE (the context is not complete, and the attribute is not
 * SIZES, FLAGS, PACKAGE_INFO or NEGOTIATION_INFO), SEC_E_INVALID_PARAMETER (pBuffer). Source: page
 * QueryContextAttributes (NTLM); numbers as Windows gives them.
 */
SECURITY_STATUS SEC_ENTRY QueryContextAttributesA(PCtxtHandle phContext, ULONG ulAttribute,
                                                  void* pBuffer);
typedef SECURITY_STATUS(SEC_ENTRY* QUERY_CONTEXT_ATTRIBUTES_FN_A)(PCtxtHandle phContext,
                                                                  ULONG ulAttribute, void* pBuffer);
SECURITY_STATUS SEC_ENTRY QueryContextAttributesW(PCtxtHandle phContext, ULONG ulAttribute,
                                                  void* pBuffer);
typedef SECURITY_STATUS(SEC_ENTRY* QUERY_CONTEXT_ATTRIBUTES_FN_W)(PCtxtHandle phContext,
                                                                  ULONG ulAttribute, void* pBuffer);

/*
 * QueryContextAttributesEx: the same with the size of *pBuffer in bytes; SEC_E_BUFFER_TOO_SMALL
 * before anything.
 */
SECURITY_STATUS SEC_ENTRY QueryContextAttributesExA(PCtxtHandle phContext, ULONG ulAttribute,
                                                    void* pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY* QUERY_CONTEXT_ATTRIBUTES_EX_FN_A)(PCtxtHandle phContext,
                                                                     ULONG ulAttribute,
                                                                     void* pBuffer, ULONG cbBuffer);
SECURITY_STATUS SEC_ENTRY QueryContextAttributesExW(PCtxtHandle phContext, ULONG ulAttribute,
                                                    void* pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY* QUERY_CONTEXT_ATTRIBUTES_EX_FN_W)(PCtxtHandle phContext,
                                                                     ULONG ulAttribute,
                                                                     void* pBuffer, ULONG cbBuffer);

/*
 * SetContextAttributes: SEC_E_UNSUPPORTED_FUNCTION for a live context. Source: page.
 */
SECURITY_STATUS SEC_ENTRY SetContextAttributesA(PCtxtHandle phContext, ULONG ulAttribute,
                                                void* pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY* SET_CONTEXT_ATTRIBUTES_FN_A)(PCtxtHandle phContext,
                                                                ULONG ulAttribute, void* pBuffer,
                                                                ULONG cbBuffer);
SECURITY_STATUS SEC_ENTRY SetContextAttributesW(PCtxtHandle phContext, ULONG ulAttribute,
                                                void* pBuffer, ULONG cbBuffer);
typedef SECURITY_STATUS(SEC_ENTRY* SET_CONTEXT_ATTRIBUTES_FN_W)(PCtxtHandle phContext,
                                                                ULONG ulAttribute, void* pBuffer,
                                                                ULONG cbBuffer);

/*
 * ImpersonateSecurityContext: the calling thread takes on the filesystem identity (user, group and
 * supplementary groups as setfsuid(2) knows them) of the local user that the client's account maps
 * to, until RevertSecurityContext, the context's deletion by this thread, or the thread's end.
 * Threads and processes that it starts meanwhile inherit it. ntlm.conf's [sspi] impersonation
 * chooses: fsuid (this), identity (SEC_E_OK and nothing changes), none. SEC_E_OK,
 * SEC_E_NO_IMPERSONATION (not complete, a client's context, identification level, no local user,
 * the process may not). Source: page.
 */
SECURITY_STATUS SEC_ENTRY ImpersonateSecurityContext(PCtxtHandle phContext);
typedef SECURITY_STATUS(SEC_ENTRY* IMPERSONATE_SECURITY_CONTEXT_FN)(PCtxtHandle phContext);

/*
 * RevertSecurityContext: ends the calling thread's impersonation of this context.
 * SEC_E_OK, SEC_E_NO_IMPERSONATION (there is none), SEC_E_INTERNAL_ERROR (the process's identity
 * could not be taken back: stop serving on this thread). Source: page.
 */
SECURITY_STATUS SEC_ENTRY RevertSecurityContext(PCtxtHandle phContext);
typedef SECURITY_STATUS(SEC_ENTRY* REVERT_SECURITY_CONTEXT_FN)(PCtxtHandle phContext);

/*
 * QuerySecurityContextToken: a token for the client's account, read with SspiCompatGetTokenInfo,
 * closed with CloseHandle; it lives on after the context. SEC_E_OK, SEC_E_NO_IMPERSONATION (not
 * complete, a client's context, ASC_REQ_NO_TOKEN), SEC_E_INVALID_PARAMETER. Source: page.
 */
SECURITY_STATUS SEC_ENTRY QuerySecurityContextToken(PCtxtHandle phContext, PHANDLE Token);
typedef SECURITY_STATUS(SEC_ENTRY* QUERY_SECURITY_CONTEXT_TOKEN_FN)(PCtxtHandle phContext,
                                                                    PHANDLE Token);

/*
 * MakeSignature: signs all DATA buffers in array order, READONLY_WITH_CHECKSUM ones too, READONLY
 * ones not, into the one TOKEN buffer, at any index (room: cbMaxSignature bytes; out: cbBuffer is
 * the length). fQOP is 0. MessageSeqNo is ignored: the context counts. Where signing was not agreed
 * NTLM's signature is the constant 01 00...00. SEC_E_OK, SEC_E_INVALID_TOKEN (not one TOKEN and at
 * least one DATA), SEC_E_BUFFER_TOO_SMALL, SEC_E_QOP_NOT_SUPPORTED, SEC_E_INVALID_HANDLE (not
 * complete), SEC_E_CONTEXT_EXPIRED. Source: page.
 */
SECURITY_STATUS SEC_ENTRY MakeSignature(PCtxtHandle phContext, ULONG fQOP, PSecBufferDesc pMessage,
                                        ULONG MessageSeqNo);
typedef SECURITY_STATUS(SEC_ENTRY* MAKE_SIGNATURE_FN)(PCtxtHandle phContext, ULONG fQOP,
                                                      PSecBufferDesc pMessage, ULONG MessageSeqNo);

/*
 * VerifySignature: the other side of MakeSignature. NTLM does not write *pfQOP. SEC_E_OK,
 * SEC_E_MESSAGE_ALTERED, SEC_E_OUT_OF_SEQUENCE (replayed or skipped), SEC_E_INVALID_TOKEN,
 * SEC_E_INVALID_HANDLE, SEC_E_CONTEXT_EXPIRED. Source: page.
 */
SECURITY_STATUS SEC_ENTRY VerifySignature(PCtxtHandle phContext, PSecBufferDesc pMessage,
                                          ULONG MessageSeqNo, PULONG pfQOP);
typedef SECURITY_STATUS(SEC_ENTRY* VERIFY_SIGNATURE_FN)(PCtxtHandle phContext,
                                                        PSecBufferDesc pMessage, ULONG MessageSeqNo,
                                                        PULONG pfQOP);

/*
 * EncryptMessage: encrypts all DATA buffers in place, in array order as one stream, and writes the
 * signature into the one TOKEN buffer, at any index (room: cbSecurityTrailer bytes; out: cbBuffer
 * is the length). READONLY_WITH_CHECKSUM buffers are signed only, READONLY ones skipped; a PADDING
 * buffer comes back with cbBuffer 0 (NTLM) or the padding. fQOP: 0, or SECQOP_WRAP_NO_ENCRYPT
 * (signed, left in clear). MessageSeqNo is ignored. SEC_E_OK, SEC_E_UNSUPPORTED_FUNCTION
 * (confidentiality was not agreed), else as MakeSignature, SEC_E_ENCRYPT_FAILURE. Source: page
 * EncryptMessage (General, NTLM).
 */
SECURITY_STATUS SEC_ENTRY EncryptMessage(PCtxtHandle phContext, ULONG fQOP, PSecBufferDesc pMessage,
                                         ULONG MessageSeqNo);
typedef SECURITY_STATUS(SEC_ENTRY* ENCRYPT_MESSAGE_FN)(PCtxtHandle phContext, ULONG fQOP,
                                                       PSecBufferDesc pMessage, ULONG MessageSeqNo);

/*
 * DecryptMessage: the other side, with the same buffers; or one STREAM buffer with the whole
 * message, and one DATA buffer that comes back pointing at the plaintext inside it. On failure no
 * plaintext is left. A message that was only signed (EncryptMessage with SECQOP_WRAP_NO_ENCRYPT, or
 * MakeSignature) passes too, and *pfQOP (may be NULL) is SECQOP_WRAP_NO_ENCRYPT then: who needs
 * secrecy must look. For an encrypted one NTLM leaves it alone, Kerberos writes 0. SEC_E_OK,
 * SEC_E_MESSAGE_ALTERED, SEC_E_OUT_OF_SEQUENCE, SEC_E_INCOMPLETE_MESSAGE (a STREAM shorter than a
 * signature), SEC_E_INVALID_TOKEN (buffers), SEC_E_UNSUPPORTED_FUNCTION, SEC_E_INVALID_HANDLE,
 * SEC_E_CONTEXT_EXPIRED, SEC_E_DECRYPT_FAILURE. Source: page DecryptMessage (General, NTLM).
 */
SECURITY_STATUS SEC_ENTRY DecryptMessage(PCtxtHandle phContext, PSecBufferDesc pMessage,
                                         ULONG MessageSeqNo, PULONG pfQOP);
typedef SECURITY_STATUS(SEC_ENTRY* DECRYPT_MESSAGE_FN)(PCtxtHandle phContext,
                                                       PSecBufferDesc pMessage, ULONG MessageSeqNo,
                                                       PULONG pfQOP);

/*
 * SealMessage, UnsealMessage: the old names of EncryptMessage and DecryptMessage.
 */
SECURITY_STATUS SEC_ENTRY SealMessage(PCtxtHandle phContext, ULONG fQOP, PSecBufferDesc pMessage,
                                      ULONG MessageSeqNo);

SECURITY_STATUS SEC_ENTRY UnsealMessage(PCtxtHandle phContext, PSecBufferDesc pMessage,
                                        ULONG MessageSeqNo, PULONG pfQOP);

/*
 * ExportSecurityContext: a complete context as bytes for ImportSecurityContext in another process
 * of the same program on this host (or any host, when ntlm.conf has a transfer_key).
 * pPackedContext->pvBuffer comes back for FreeContextBuffer, which wipes it: it holds keys. fFlags:
 * SECPKG_CONTEXT_EXPORT_DELETE_OLD ends the context here (else both go on from the same state),
 * RESET_NEW lets the exported one begin with message 0, TO_KERNEL is SEC_E_UNSUPPORTED_FUNCTION.
 * pToken: NULL, or receives a token as QuerySecurityContextToken gives it (server), else NULL.
 * SEC_E_OK, SEC_E_NOT_SUPPORTED (not complete, or the mechanism cannot), SEC_E_CONTEXT_EXPIRED
 * (past its lifetime: it goes on here), SEC_E_INVALID_PARAMETER.
 * Source: page.
 */
SECURITY_STATUS SEC_ENTRY ExportSecurityContext(PCtxtHandle phContext, ULONG fFlags,
                                                PSecBuffer pPackedContext, void** pToken);
typedef SECURITY_STATUS(SEC_ENTRY* EXPORT_SECURITY_CONTEXT_FN)(PCtxtHandle phContext, ULONG fFlags,
                                                               PSecBuffer pPackedContext,
                                                               void** pToken);

/*
 * ImportSecurityContext: the other end. pszPackage is the package it was exported from; Token is
 * not used. SEC_E_OK, SEC_E_INVALID_TOKEN (not such bytes, or altered), SEC_E_SECPKG_NOT_FOUND
 * (another package), SEC_E_INVALID_PARAMETER. Source: page.
 */
SECURITY_STATUS SEC_ENTRY ImportSecurityContextA(const SEC_CHAR* pszPackage,
                                                 PSecBuffer pPackedContext, void* Token,
                                                 PCtxtHandle phContext);
typedef SECURITY_STATUS(SEC_ENTRY* IMPORT_SECURITY_CONTEXT_FN_A)(const SEC_CHAR* pszPackage,
                                                                 PSecBuffer pPackedContext,
                                                                 void* Token,
                                                                 PCtxtHandle phContext);
SECURITY_STATUS SEC_ENTRY ImportSecurityContextW(const SEC_WCHAR* pszPackage,
                                                 PSecBuffer pPackedContext, void* Token,
                                                 PCtxtHandle phContext);
typedef SECURITY_STATUS(SEC_ENTRY* IMPORT_SECURITY_CONTEXT_FN_W)(const SEC_WCHAR* pszPackage,
                                                                 PSecBuffer pPackedContext,
                                                                 void* Token,
                                                                 PCtxtHandle phContext);

/*
 * FreeContextBuffer: gives back (and wipes) whatever the library handed out. SEC_E_OK (NULL too),
 * SEC_E_INVALID_HANDLE (it did not, or it has it back already). Source: page.
 */
SECURITY_STATUS SEC_ENTRY FreeContextBuffer(PVOID pvContextBuffer);
typedef SECURITY_STATUS(SEC_ENTRY* FREE_CONTEXT_BUFFER_FN)(PVOID pvContextBuffer);

/*
 * ChangeAccountPassword: SEC_E_UNSUPPORTED_FUNCTION; account stores have their own tool. Source:
 * page.
 */
SECURITY_STATUS SEC_ENTRY ChangeAccountPasswordA(
    const SEC_CHAR* pszPackageName, const SEC_CHAR* pszDomainName, const SEC_CHAR* pszAccountName,
    const SEC_CHAR* pszOldPassword, const SEC_CHAR* pszNewPassword, BOOLEAN bImpersonating,
    ULONG dwReserved, PSecBufferDesc pOutput);
typedef SECURITY_STATUS(SEC_ENTRY* CHANGE_PASSWORD_FN_A)(
    const SEC_CHAR* pszPackageName, const SEC_CHAR* pszDomainName, const SEC_CHAR* pszAccountName,
    const SEC_CHAR* pszOldPassword, const SEC_CHAR* pszNewPassword, BOOLEAN bImpersonating,
    ULONG dwReserved, PSecBufferDesc pOutput);
SECURITY_STATUS SEC_ENTRY ChangeAccountPasswordW(const SEC_WCHAR* pszPackageName,
                                                 const SEC_WCHAR* pszDomainName,
                                                 const SEC_WCHAR* pszAccountName,
                                                 const SEC_WCHAR* pszOldPassword,
                                                 const SEC_WCHAR* pszNewPassword,
                                                 BOOLEAN bImpersonating, ULONG dwReserved,
                                                 PSecBufferDesc pOutput);
typedef SECURITY_STATUS(SEC_ENTRY* CHANGE_PASSWORD_FN_W)(const SEC_WCHAR* pszPackageName,
                                                         const SEC_WCHAR* pszDomainName,
                                                         const SEC_WCHAR* pszAccountName,
                                                         const SEC_WCHAR* pszOldPassword,
                                                         const SEC_WCHAR* pszNewPassword,
                                                         BOOLEAN bImpersonating, ULONG dwReserved,
                                                         PSecBufferDesc pOutput);

/* ---- the function tables ---- */

#define SECURITY_SUPPORT_PROVIDER_INTERFACE_VERSION 1
#define SECURITY_SUPPORT_PROVIDER_INTERFACE_VERSION_2 2
#define SECURITY_SUPPORT_PROVIDER_INTERFACE_VERSION_3 3
#define SECURITY_SUPPORT_PROVIDER_INTERFACE_VERSION_4 4
#define SECURITY_SUPPORT_PROVIDER_INTERFACE_VERSION_5 5

/*
 * dwVersion is 1, as Windows has it, and every slot of version 5 is filled. Reserved2 and Reserved8
 * are NULL; Reserved3 and Reserved4 are EncryptMessage and DecryptMessage, once SealMessage and
 * UnsealMessage.
 */
#define FreeCredentialHandle FreeCredentialsHandle
typedef struct _SECURITY_FUNCTION_TABLE_A {
  ULONG dwVersion;
  ENUMERATE_SECURITY_PACKAGES_FN_A EnumerateSecurityPackagesA;
  QUERY_CREDENTIALS_ATTRIBUTES_FN_A QueryCredentialsAttributesA;
  ACQUIRE_CREDENTIALS_HANDLE_FN_A AcquireCredentialsHandleA;
  FREE_CREDENTIALS_HANDLE_FN FreeCredentialsHandle;
  void* Reserved2;
  INITIALIZE_SECURITY_CONTEXT_FN_A InitializeSecurityContextA;
  ACCEPT_SECURITY_CONTEXT_FN AcceptSecurityContext;
  COMPLETE_AUTH_TOKEN_FN CompleteAuthToken;
  DELETE_SECURITY_CONTEXT_FN DeleteSecurityContext;
  APPLY_CONTROL_TOKEN_FN ApplyControlToken;
  QUERY_CONTEXT_ATTRIBUTES_FN_A QueryContextAttributesA;
  IMPERSONATE_SECURITY_CONTEXT_FN ImpersonateSecurityContext;
  REVERT_SECURITY_CONTEXT_FN RevertSecurityContext;
  MAKE_SIGNATURE_FN MakeSignature;
  VERIFY_SIGNATURE_FN VerifySignature;
  FREE_CONTEXT_BUFFER_FN FreeContextBuffer;
  QUERY_SECURITY_PACKAGE_INFO_FN_A QuerySecurityPackageInfoA;
  void* Reserved3;
  void* Reserved4;
  EXPORT_SECURITY_CONTEXT_FN ExportSecurityContext;
  IMPORT_SECURITY_CONTEXT_FN_A ImportSecurityContextA;
  ADD_CREDENTIALS_FN_A AddCredentialsA;
  void* Reserved8;
  QUERY_SECURITY_CONTEXT_TOKEN_FN QuerySecurityContextToken;
  ENCRYPT_MESSAGE_FN EncryptMessage;
  DECRYPT_MESSAGE_FN DecryptMessage;
  SET_CONTEXT_ATTRIBUTES_FN_A SetContextAttributesA;
  SET_CREDENTIALS_ATTRIBUTES_FN_A SetCredentialsAttributesA;
  CHANGE_PASSWORD_FN_A ChangeAccountPasswordA;
  QUERY_CONTEXT_ATTRIBUTES_EX_FN_A QueryContextAttributesExA;
  QUERY_CREDENTIALS_ATTRIBUTES_EX_FN_A QueryCredentialsAttributesExA;
} SecurityFunctionTableA, *PSecurityFunctionTableA;
typedef struct _SECURITY_FUNCTION_TABLE_W {
  ULONG dwVersion;
  ENUMERATE_SECURITY_PACKAGES_FN_W EnumerateSecurityPackagesW;
  QUERY_CREDENTIALS_ATTRIBUTES_FN_W QueryCredentialsAttributesW;
  ACQUIRE_CREDENTIALS_HANDLE_FN_W AcquireCredentialsHandleW;
  FREE_CREDENTIALS_HANDLE_FN FreeCredentialsHandle;
  void* Reserved2;
  INITIALIZE_SECURITY_CONTEXT_FN_W InitializeSecurityContextW;
  ACCEPT_SECURITY_CONTEXT_FN AcceptSecurityContext;
  COMPLETE_AUTH_TOKEN_FN CompleteAuthToken;
  DELETE_SECURITY_CONTEXT_FN DeleteSecurityContext;
  APPLY_CONTROL_TOKEN_FN ApplyControlToken;
  QUERY_CONTEXT_ATTRIBUTES_FN_W QueryContextAttributesW;
  IMPERSONATE_SECURITY_CONTEXT_FN ImpersonateSecurityContext;
  REVERT_SECURITY_CONTEXT_FN RevertSecurityContext;
  MAKE_SIGNATURE_FN MakeSignature;
  VERIFY_SIGNATURE_FN VerifySignature;
  FREE_CONTEXT_BUFFER_FN FreeContextBuffer;
  QUERY_SECURITY_PACKAGE_INFO_FN_W QuerySecurityPackageInfoW;
  void* Reserved3;
  void* Reserved4;
  EXPORT_SECURITY_CONTEXT_FN ExportSecurityContext;
  IMPORT_SECURITY_CONTEXT_FN_W ImportSecurityContextW;
  ADD_CREDENTIALS_FN_W AddCredentialsW;
  void* Reserved8;
  QUERY_SECURITY_CONTEXT_TOKEN_FN QuerySecurityContextToken;
  ENCRYPT_MESSAGE_FN EncryptMessage;
  DECRYPT_MESSAGE_FN DecryptMessage;
  SET_CONTEXT_ATTRIBUTES_FN_W SetContextAttributesW;
  SET_CREDENTIALS_ATTRIBUTES_FN_W SetCredentialsAttributesW;
  CHANGE_PASSWORD_FN_W ChangeAccountPasswordW;
  QUERY_CONTEXT_ATTRIBUTES_EX_FN_W QueryContextAttributesExW;
  QUERY_CREDENTIALS_ATTRIBUTES_EX_FN_W QueryCredentialsAttributesExW;
} SecurityFunctionTableW, *PSecurityFunctionTableW;

/*
 * InitSecurityInterface: the table, valid for ever, never NULL. InitSecurityInterfaceEx is WinPR's
 * name for it; the flags are ignored. Source: page InitSecurityInterface.
 */
PSecurityFunctionTableA SEC_ENTRY InitSecurityInterfaceA(void);
typedef PSecurityFunctionTableA(SEC_ENTRY* INIT_SECURITY_INTERFACE_A)(void);
PSecurityFunctionTableA SEC_ENTRY InitSecurityInterfaceExA(DWORD flags);
PSecurityFunctionTableW SEC_ENTRY InitSecurityInterfaceW(void);
typedef PSecurityFunctionTableW(SEC_ENTRY* INIT_SECURITY_INTERFACE_W)(void);
PSecurityFunctionTableW SEC_ENTRY InitSecurityInterfaceExW(DWORD flags);
#define SECURITY_ENTRYPOINT_ANSIA "InitSecurityInterfaceA"
#define SECURITY_ENTRYPOINT_ANSIW "InitSecurityInterfaceW"

/* ---- identities as one opaque block (SEC_WINNT_AUTH_IDENTITY_EX2), wide text only ---- */

/*
 * SspiEncodeStringsAsAuthIdentity: user, domain and password (pszPackedCredentialsString), any two
 * of them NULL. SEC_E_OK, SEC_E_INVALID_TOKEN (all NULL, or no place for the result),
 * SEC_E_UNKNOWN_CREDENTIALS (invalid or too long text). Freed by SspiFreeAuthIdentity. Source:
 * page.
 */
SECURITY_STATUS SEC_ENTRY SspiEncodeStringsAsAuthIdentity(
    PCWSTR pszUserName, PCWSTR pszDomainName, PCWSTR pszPackedCredentialsString,
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE* ppAuthIdentity);
/*
 * SspiEncodeAuthIdentityAsStrings: the other way, from any form of identity; absent parts come back
 * NULL, each string is freed by SspiLocalFree. SEC_E_OK, SEC_E_INVALID_PARAMETER,
 * SEC_E_UNKNOWN_CREDENTIALS. Source: page.
 */
SECURITY_STATUS SEC_ENTRY
SspiEncodeAuthIdentityAsStrings(PSEC_WINNT_AUTH_IDENTITY_OPAQUE pAuthIdentity, PCWSTR* ppszUserName,
                                PCWSTR* ppszDomainName, PCWSTR* ppszPackedCredentialsString);
/* SspiValidateAuthIdentity: SEC_E_OK when AcquireCredentialsHandle could read it, else
 * SEC_E_UNKNOWN_CREDENTIALS. */
SECURITY_STATUS SEC_ENTRY SspiValidateAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData);
/* SspiCopyAuthIdentity: a copy in the block form, its password hidden where it was. SEC_E_OK,
 * SEC_E_UNKNOWN_CREDENTIALS, SEC_E_INVALID_PARAMETER. */
SECURITY_STATUS SEC_ENTRY SspiCopyAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData,
                                               PSEC_WINNT_AUTH_IDENTITY_OPAQUE* AuthDataCopy);
/* SspiFreeAuthIdentity, SspiZeroAuthIdentity: wipe the block of this library's making, and free it;
 * or wipe its secrets only, so that it can still be freed. NULL is fine. SspiLocalFree:
 * FreeContextBuffer under another name. */
VOID SEC_ENTRY SspiFreeAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData);
VOID SEC_ENTRY SspiZeroAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData);
VOID SEC_ENTRY SspiLocalFree(PVOID DataBuffer);
/*
 * SspiCompareAuthIdentities: SameSuppliedUser: the same user and domain; SameSuppliedIdentity: the
 * password too. Names compare without regard to case, passwords in constant time. Either result
 * pointer may be NULL, either identity may be NULL (own credentials). SEC_E_OK,
 * SEC_E_UNKNOWN_CREDENTIALS. Source: page.
 */
SECURITY_STATUS SEC_ENTRY SspiCompareAuthIdentities(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity1,
                                                    PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity2,
                                                    PBOOLEAN SameSuppliedUser,
                                                    PBOOLEAN SameSuppliedIdentity);
/*
 * SspiMarshalAuthIdentity, SspiUnmarshalAuthIdentity: the block as bytes (freed by SspiLocalFree)
 * and back; lengths in bytes, all offsets are checked. A hidden password stays hidden both ways,
 * and only this process can show it: decrypt what another is to read. SEC_E_OK,
 * SEC_E_UNKNOWN_CREDENTIALS, SEC_E_INVALID_PARAMETER. Source: page.
 */
SECURITY_STATUS SEC_ENTRY SspiMarshalAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity,
                                                  PULONG AuthIdentityLength,
                                                  char** AuthIdentityByteArray);
SECURITY_STATUS SEC_ENTRY
SspiUnmarshalAuthIdentity(ULONG AuthIdentityLength, char* AuthIdentityByteArray,
                          PSEC_WINNT_AUTH_IDENTITY_OPAQUE* ppAuthIdentity);
/*
 * SspiEncryptAuthIdentity(Ex), SspiDecryptAuthIdentity(Ex): hide the password of a block in memory
 * with a key of this process; Options is SEC_WINNT_AUTH_IDENTITY_ENCRYPT_SAME_PROCESS (0x2) or
 * SAME_LOGON (0x1, the same here); FOR_SYSTEM is SEC_E_UNSUPPORTED_FUNCTION.
 * AcquireCredentialsHandle takes the hidden form. SEC_E_OK (already so, too),
 * SEC_E_UNKNOWN_CREDENTIALS. Source: page.
 */
SECURITY_STATUS SEC_ENTRY SspiEncryptAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData);
SECURITY_STATUS SEC_ENTRY SspiEncryptAuthIdentityEx(ULONG Options,
                                                    PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData);
SECURITY_STATUS SEC_ENTRY
SspiDecryptAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE EncryptedAuthData);
SECURITY_STATUS SEC_ENTRY
SspiDecryptAuthIdentityEx(ULONG Options, PSEC_WINNT_AUTH_IDENTITY_OPAQUE EncryptedAuthData);
BOOLEAN SEC_ENTRY SspiIsAuthIdentityEncrypted(PSEC_WINNT_AUTH_IDENTITY_OPAQUE EncryptedAuthData);
/* SspiIsPromptingNeeded: TRUE for a status that new credentials may cure (LOGON_DENIED,
 * NO_CREDENTIALS, ...). */
BOOLEAN SEC_ENTRY SspiIsPromptingNeeded(ULONG ErrorOrNtStatus);
/* SspiGetTargetHostName: the host of an SPN "class/host:port/name" (or the text itself), freed by
 * SspiLocalFree. SEC_E_OK, SEC_E_INVALID_PARAMETER. */
SECURITY_STATUS SEC_ENTRY SspiGetTargetHostName(PCWSTR pszTargetName, PWSTR* pszHostName);
/* SspiExcludePackage: a copy whose package list also has "!name"; AuthIdentity may be NULL. As
 * SspiCopyAuthIdentity. */
SECURITY_STATUS SEC_ENTRY SspiExcludePackage(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity,
                                             PCWSTR pszPackageName,
                                             PSEC_WINNT_AUTH_IDENTITY_OPAQUE* ppNewAuthIdentity);
/*
 * SspiPrepareForCredRead, SspiPrepareForCredWrite: what a credential store would hold: type 2
 * (domain password), target name (default: the user), user "domain\\user", blob: the password as
 * UTF-16 without NUL, size in bytes. Every pointer is freed by SspiLocalFree. SEC_E_OK,
 * SEC_E_UNKNOWN_CREDENTIALS, SEC_E_INVALID_PARAMETER. Source: page.
 */
SECURITY_STATUS SEC_ENTRY SspiPrepareForCredRead(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity,
                                                 PCWSTR pszTargetName,
                                                 PULONG pCredmanCredentialType,
                                                 PCWSTR* ppszCredmanTargetName);
SECURITY_STATUS SEC_ENTRY SspiPrepareForCredWrite(
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity, PCWSTR pszTargetName,
    PULONG pCredmanCredentialType, PCWSTR* ppszCredmanTargetName, PCWSTR* ppszCredmanUserName,
    PUCHAR* ppCredentialBlob, PULONG pCredentialBlobSize);
/* SspiPromptForCredentials: ERROR_NOT_SUPPORTED, whatever dwFlags; there is no dialogue here. */
#define SSPIPFC_CREDPROV_DO_NOT_SAVE 0x00000001
#define SSPIPFC_SAVE_CRED_BY_CALLER SSPIPFC_CREDPROV_DO_NOT_SAVE
#define SSPIPFC_NO_CHECKBOX 0x00000002
#define SSPIPFC_CREDPROV_DO_NOT_LOAD 0x00000004
#define SSPIPFC_USE_CREDUIBROKER 0x00000008
ULONG SEC_ENTRY SspiPromptForCredentialsA(LPCSTR pszTargetName, PVOID pUiInfo, ULONG dwAuthError,
                                          LPCSTR pszPackage,
                                          PSEC_WINNT_AUTH_IDENTITY_OPAQUE pInputAuthIdentity,
                                          PSEC_WINNT_AUTH_IDENTITY_OPAQUE* ppAuthIdentity,
                                          BOOL* pfSave, ULONG dwFlags);
ULONG SEC_ENTRY SspiPromptForCredentialsW(PCWSTR pszTargetName, PVOID pUiInfo, ULONG dwAuthError,
                                          PCWSTR pszPackage,
                                          PSEC_WINNT_AUTH_IDENTITY_OPAQUE pInputAuthIdentity,
                                          PSEC_WINNT_AUTH_IDENTITY_OPAQUE* ppAuthIdentity,
                                          BOOL* pfSave, ULONG dwFlags);

/* ---- names without a letter, by UNICODE ---- */

#ifdef UNICODE
#define EnumerateSecurityPackages EnumerateSecurityPackagesW
#define ENUMERATE_SECURITY_PACKAGES_FN ENUMERATE_SECURITY_PACKAGES_FN_W
#define QuerySecurityPackageInfo QuerySecurityPackageInfoW
#define QUERY_SECURITY_PACKAGE_INFO_FN QUERY_SECURITY_PACKAGE_INFO_FN_W
#define AcquireCredentialsHandle AcquireCredentialsHandleW
#define ACQUIRE_CREDENTIALS_HANDLE_FN ACQUIRE_CREDENTIALS_HANDLE_FN_W
#define AddCredentials AddCredentialsW
#define ADD_CREDENTIALS_FN ADD_CREDENTIALS_FN_W
#define QueryCredentialsAttributes QueryCredentialsAttributesW
#define QUERY_CREDENTIALS_ATTRIBUTES_FN QUERY_CREDENTIALS_ATTRIBUTES_FN_W
#define QueryCredentialsAttributesEx QueryCredentialsAttributesExW
#define QUERY_CREDENTIALS_ATTRIBUTES_EX_FN QUERY_CREDENTIALS_ATTRIBUTES_EX_FN_W
#define SetCredentialsAttributes SetCredentialsAttributesW
#define SET_CREDENTIALS_ATTRIBUTES_FN SET_CREDENTIALS_ATTRIBUTES_FN_W
#define InitializeSecurityContext InitializeSecurityContextW
#define INITIALIZE_SECURITY_CONTEXT_FN INITIALIZE_SECURITY_CONTEXT_FN_W
#define QueryContextAttributes QueryContextAttributesW
#define QUERY_CONTEXT_ATTRIBUTES_FN QUERY_CONTEXT_ATTRIBUTES_FN_W
#define QueryContextAttributesEx QueryContextAttributesExW
#define QUERY_CONTEXT_ATTRIBUTES_EX_FN QUERY_CONTEXT_ATTRIBUTES_EX_FN_W
#define SetContextAttributes SetContextAttributesW
#define SET_CONTEXT_ATTRIBUTES_FN SET_CONTEXT_ATTRIBUTES_FN_W
#define ImportSecurityContext ImportSecurityContextW
#define IMPORT_SECURITY_CONTEXT_FN IMPORT_SECURITY_CONTEXT_FN_W
#define ChangeAccountPassword ChangeAccountPasswordW
#define CHANGE_PASSWORD_FN CHANGE_PASSWORD_FN_W
#define SecPkgInfo SecPkgInfoW
#define PSecPkgInfo PSecPkgInfoW
#define SecPkgContext_Names SecPkgContext_NamesW
#define PSecPkgContext_Names PSecPkgContext_NamesW
#define SecPkgContext_KeyInfo SecPkgContext_KeyInfoW
#define PSecPkgContext_KeyInfo PSecPkgContext_KeyInfoW
#define SecPkgContext_Authority SecPkgContext_AuthorityW
#define PSecPkgContext_Authority PSecPkgContext_AuthorityW
#define SecPkgContext_ProtoInfo SecPkgContext_ProtoInfoW
#define PSecPkgContext_ProtoInfo PSecPkgContext_ProtoInfoW
#define SecPkgContext_PackageInfo SecPkgContext_PackageInfoW
#define PSecPkgContext_PackageInfo PSecPkgContext_PackageInfoW
#define SecPkgContext_NegotiationInfo SecPkgContext_NegotiationInfoW
#define PSecPkgContext_NegotiationInfo PSecPkgContext_NegotiationInfoW
#define SecPkgContext_NativeNames SecPkgContext_NativeNamesW
#define PSecPkgContext_NativeNames PSecPkgContext_NativeNamesW
#define SecPkgContext_CredentialName SecPkgContext_CredentialNameW
#define PSecPkgContext_CredentialName PSecPkgContext_CredentialNameW
#define SecPkgCredentials_Names SecPkgCredentials_NamesW
#define PSecPkgCredentials_Names PSecPkgCredentials_NamesW
#define SecPkgCredentials_SSIProvider SecPkgCredentials_SSIProviderW
#define PSecPkgCredentials_SSIProvider PSecPkgCredentials_SSIProviderW
#define SecurityFunctionTable SecurityFunctionTableW
#define PSecurityFunctionTable PSecurityFunctionTableW
#define InitSecurityInterface InitSecurityInterfaceW
#define InitSecurityInterfaceEx InitSecurityInterfaceExW
#define SspiPromptForCredentials SspiPromptForCredentialsW
#define INIT_SECURITY_INTERFACE INIT_SECURITY_INTERFACE_W
#define SECURITY_ENTRYPOINT_ANSI SECURITY_ENTRYPOINT_ANSIW
#else
#define EnumerateSecurityPackages EnumerateSecurityPackagesA
#define ENUMERATE_SECURITY_PACKAGES_FN ENUMERATE_SECURITY_PACKAGES_FN_A
#define QuerySecurityPackageInfo QuerySecurityPackageInfoA
#define QUERY_SECURITY_PACKAGE_INFO_FN QUERY_SECURITY_PACKAGE_INFO_FN_A
#define AcquireCredentialsHandle AcquireCredentialsHandleA
#define ACQUIRE_CREDENTIALS_HANDLE_FN ACQUIRE_CREDENTIALS_HANDLE_FN_A
#define AddCredentials AddCredentialsA
#define ADD_CREDENTIALS_FN ADD_CREDENTIALS_FN_A
#define QueryCredentialsAttributes QueryCredentialsAttributesA
#define QUERY_CREDENTIALS_ATTRIBUTES_FN QUERY_CREDENTIALS_ATTRIBUTES_FN_A
#define QueryCredentialsAttributesEx QueryCredentialsAttributesExA
#define QUERY_CREDENTIALS_ATTRIBUTES_EX_FN QUERY_CREDENTIALS_ATTRIBUTES_EX_FN_A
#define SetCredentialsAttributes SetCredentialsAttributesA
#define SET_CREDENTIALS_ATTRIBUTES_FN SET_CREDENTIALS_ATTRIBUTES_FN_A
#define InitializeSecurityContext InitializeSecurityContextA
#define INITIALIZE_SECURITY_CONTEXT_FN INITIALIZE_SECURITY_CONTEXT_FN_A
#define QueryContextAttributes QueryContextAttributesA
#define QUERY_CONTEXT_ATTRIBUTES_FN QUERY_CONTEXT_ATTRIBUTES_FN_A
#define QueryContextAttributesEx QueryContextAttributesExA
#define QUERY_CONTEXT_ATTRIBUTES_EX_FN QUERY_CONTEXT_ATTRIBUTES_EX_FN_A
#define SetContextAttributes SetContextAttributesA
#define SET_CONTEXT_ATTRIBUTES_FN SET_CONTEXT_ATTRIBUTES_FN_A
#define ImportSecurityContext ImportSecurityContextA
#define IMPORT_SECURITY_CONTEXT_FN IMPORT_SECURITY_CONTEXT_FN_A
#define ChangeAccountPassword ChangeAccountPasswordA
#define CHANGE_PASSWORD_FN CHANGE_PASSWORD_FN_A
#define SecPkgInfo SecPkgInfoA
#define PSecPkgInfo PSecPkgInfoA
#define SecPkgContext_Names SecPkgContext_NamesA
#define PSecPkgContext_Names PSecPkgContext_NamesA
#define SecPkgContext_KeyInfo SecPkgContext_KeyInfoA
#define PSecPkgContext_KeyInfo PSecPkgContext_KeyInfoA
#define SecPkgContext_Authority SecPkgContext_AuthorityA
#define PSecPkgContext_Authority PSecPkgContext_AuthorityA
#define SecPkgContext_ProtoInfo SecPkgContext_ProtoInfoA
#define PSecPkgContext_ProtoInfo PSecPkgContext_ProtoInfoA
#define SecPkgContext_PackageInfo SecPkgContext_PackageInfoA
#define PSecPkgContext_PackageInfo PSecPkgContext_PackageInfoA
#define SecPkgContext_NegotiationInfo SecPkgContext_NegotiationInfoA
#define PSecPkgContext_NegotiationInfo PSecPkgContext_NegotiationInfoA
#define SecPkgContext_NativeNames SecPkgContext_NativeNamesA
#define PSecPkgContext_NativeNames PSecPkgContext_NativeNamesA
#define SecPkgContext_CredentialName SecPkgContext_CredentialNameA
#define PSecPkgContext_CredentialName PSecPkgContext_CredentialNameA
#define SecPkgCredentials_Names SecPkgCredentials_NamesA
#define PSecPkgCredentials_Names PSecPkgCredentials_NamesA
#define SecPkgCredentials_SSIProvider SecPkgCredentials_SSIProviderA
#define PSecPkgCredentials_SSIProvider PSecPkgCredentials_SSIProviderA
#define SecurityFunctionTable SecurityFunctionTableA
#define PSecurityFunctionTable PSecurityFunctionTableA
#define InitSecurityInterface InitSecurityInterfaceA
#define InitSecurityInterfaceEx InitSecurityInterfaceExA
#define SspiPromptForCredentials SspiPromptForCredentialsA
#define INIT_SECURITY_INTERFACE INIT_SECURITY_INTERFACE_A
#define SECURITY_ENTRYPOINT_ANSI SECURITY_ENTRYPOINT_ANSIA
#endif
#define SECURITY_ENTRYPOINT SECURITY_ENTRYPOINT_ANSI

/* ---- the layouts of Windows on 64 bits (of WinPR too) ---- */

#if defined(__LP64__)
SSPI_COMPAT_ASSERT(sizeof(SecHandle) == 16);
SSPI_COMPAT_ASSERT(sizeof(TimeStamp) == 8);
SSPI_COMPAT_ASSERT(sizeof(SecBuffer) == 16);
SSPI_COMPAT_ASSERT(offsetof(SecBuffer, pvBuffer) == 8);
SSPI_COMPAT_ASSERT(sizeof(SecBufferDesc) == 16);
SSPI_COMPAT_ASSERT(offsetof(SecBufferDesc, pBuffers) == 8);
SSPI_COMPAT_ASSERT(sizeof(SecPkgInfoA) == 32);
SSPI_COMPAT_ASSERT(sizeof(SecPkgInfoW) == 32);
SSPI_COMPAT_ASSERT(offsetof(SecPkgInfoA, Name) == 16);
SSPI_COMPAT_ASSERT(sizeof(SEC_CHANNEL_BINDINGS) == 32);
SSPI_COMPAT_ASSERT(sizeof(SEC_WINNT_AUTH_IDENTITY_A) == 48);
SSPI_COMPAT_ASSERT(sizeof(SEC_WINNT_AUTH_IDENTITY_W) == 48);
SSPI_COMPAT_ASSERT(offsetof(SEC_WINNT_AUTH_IDENTITY_A, Flags) == 44);
SSPI_COMPAT_ASSERT(sizeof(SEC_WINNT_AUTH_IDENTITY_EXA) == 72);
SSPI_COMPAT_ASSERT(sizeof(SEC_WINNT_AUTH_IDENTITY_EXW) == 72);
SSPI_COMPAT_ASSERT(offsetof(SEC_WINNT_AUTH_IDENTITY_EXW, PackageList) == 56);
SSPI_COMPAT_ASSERT(sizeof(SEC_WINNT_AUTH_IDENTITY_EX2) == 48);
SSPI_COMPAT_ASSERT(offsetof(SEC_WINNT_AUTH_IDENTITY_EX2, Flags) == 36);
SSPI_COMPAT_ASSERT(offsetof(SEC_WINNT_AUTH_IDENTITY_EX2, PackageListLength) == 44);
SSPI_COMPAT_ASSERT(sizeof(SEC_WINNT_AUTH_PACKED_CREDENTIALS) == 28);
SSPI_COMPAT_ASSERT(sizeof(SecPkgContext_Sizes) == 16);
SSPI_COMPAT_ASSERT(sizeof(SecPkgContext_SessionKey) == 16);
SSPI_COMPAT_ASSERT(sizeof(SecPkgContext_KeyInfoA) == 32);
SSPI_COMPAT_ASSERT(sizeof(SecPkgContext_NegotiationInfoA) == 16);
SSPI_COMPAT_ASSERT(sizeof(SecPkgContext_Lifespan) == 16);
SSPI_COMPAT_ASSERT(sizeof(SecurityFunctionTableA) == 32 * 8);
SSPI_COMPAT_ASSERT(sizeof(SecurityFunctionTableW) == 32 * 8);
SSPI_COMPAT_ASSERT(offsetof(SecurityFunctionTableA, EncryptMessage) == 25 * 8);
SSPI_COMPAT_ASSERT(offsetof(SecurityFunctionTableW, QueryCredentialsAttributesExW) == 31 * 8);
#endif

SSPI_COMPAT_EXTERN_C_END

#endif
