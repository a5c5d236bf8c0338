/* SPDX-License-Identifier: MIT */
/* Names of the caller, from Windows' secext.h. */
#ifndef SSPI_COMPAT_SECEXT_H_
#define SSPI_COMPAT_SECEXT_H_

#include "sspi.h"

SSPI_COMPAT_EXTERN_C_BEGIN

typedef enum {
  NameUnknown = 0,
  NameFullyQualifiedDN = 1,
  NameSamCompatible = 2,
  NameDisplay = 3,
  NameUniqueId = 6,
  NameCanonical = 7,
  NameUserPrincipal = 8,
  NameCanonicalEx = 9,
  NameServicePrincipal = 10,
  NameDnsDomain = 12,
  NameGivenName = 13,
  NameSurname = 14
} EXTENDED_NAME_FORMAT,
    *PEXTENDED_NAME_FORMAT;

/*
 * GetUserNameEx: the name of the thread's effective user, the impersonated one while it
 * impersonates.
 *
 * NameFormat: NameSamCompatible is HOST\user, or the DOMAIN\user that was impersonated; NameDisplay
 * is the full name in the account database; there is no other.
 *
 * nSize: in, room in characters with the NUL; out, characters without the NUL, or those needed with
 * it.
 *
 * Answers FALSE with GetLastError(): ERROR_MORE_DATA (room too small or no buffer; nothing is
 * written but nSize), ERROR_NONE_MAPPED (NameUnknown, any other format), ERROR_INVALID_PARAMETER
 * (nSize is NULL). Source: secext.h; behaviour as Wine's secur32 test finds it on Windows.
 */
BOOLEAN SEC_ENTRY GetUserNameExA(EXTENDED_NAME_FORMAT NameFormat, LPSTR lpNameBuffer, PULONG nSize);
BOOLEAN SEC_ENTRY GetUserNameExW(EXTENDED_NAME_FORMAT NameFormat, LPWSTR lpNameBuffer,
                                 PULONG nSize);
#ifdef UNICODE
#define GetUserNameEx GetUserNameExW
#else
#define GetUserNameEx GetUserNameExA
#endif

SSPI_COMPAT_EXTERN_C_END

#endif
