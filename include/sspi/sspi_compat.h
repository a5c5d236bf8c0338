/* SPDX-License-Identifier: MIT */
/*
 * What this library has beyond Microsoft's interface: tokens on a POSIX system, the status behind a
 * status, and the Win32 calls that a token and an error need. All of it is thread-safe; the "last"
 * values belong to the thread.
 *
 * CloseHandle, GetLastError and SetLastError are inline here and not symbols of the library, so
 * that it can be loaded into a program which has its own (FreeRDP's WinPR).
 * SSPI_COMPAT_NO_WIN32_NAMES leaves them out.
 */
#ifndef SSPI_COMPAT_SSPI_COMPAT_H_
#define SSPI_COMPAT_SSPI_COMPAT_H_

#include <sys/types.h>

#include "sspi_base.h"

SSPI_COMPAT_EXTERN_C_BEGIN

/*
 * Who a token of QuerySecurityContextToken stands for. One block of FreeContextBuffer with
 * everything inside. LocalUser is NULL, and Uid, Gid and Groups mean nothing, when the account maps
 * to no local user.
 */
typedef struct _SspiCompatTokenInfo {
  const char* UserName;  /* UTF-8, "DOMAIN\user" */
  const char* LocalUser; /* UTF-8 or NULL */
  const char* Sid;       /* "S-1-5-..." or NULL when the account store knows none */
  uid_t Uid;
  gid_t Gid;
  ULONG GroupCount;
  const gid_t* Groups;
} SspiCompatTokenInfo, *PSspiCompatTokenInfo;

/* Reads a token. SEC_E_OK, SEC_E_INVALID_HANDLE, SEC_E_INVALID_PARAMETER (Info is NULL),
 * SEC_E_INSUFFICIENT_MEMORY. */
HRESULT SspiCompatGetTokenInfo(HANDLE Token, PSspiCompatTokenInfo* Info);

/* Gives a token back. TRUE, or FALSE with ERROR_INVALID_HANDLE when it is not one, or no longer. */
BOOL SspiCompatCloseHandle(HANDLE Object);

/*
 * The NTSTATUS behind the thread's last failed call, 0 after a success or when there is none:
 * SEC_E_LOGON_DENIED is 0xC0000071 for a password that has expired, for instance. The Win32 error
 * code of the same is GetLastError().
 */
NTSTATUS SspiCompatGetLastNtStatus(void);
DWORD SspiCompatGetLastError(void);
VOID SspiCompatSetLastError(DWORD Error);

/*
 * One line of text about the thread's last failed call, as the GSS-API mechanism or the
 * configuration tells it; "" when there is none. Owned by the library, valid until the thread's
 * next call. For logs: it holds no secret.
 */
const char* SspiCompatGetLastText(void);

#ifndef SSPI_COMPAT_NO_WIN32_NAMES
static inline BOOL CloseHandle(HANDLE hObject) { return SspiCompatCloseHandle(hObject); }
static inline DWORD GetLastError(void) { return SspiCompatGetLastError(); }
static inline VOID SetLastError(DWORD dwErrCode) { SspiCompatSetLastError(dwErrCode); }
#endif

SSPI_COMPAT_EXTERN_C_END

#endif
