/* SPDX-License-Identifier: MIT */
/* The umbrella that Windows programs include after defining SECURITY_WIN32. */
#ifndef SSPI_COMPAT_SECURITY_H_
#define SSPI_COMPAT_SECURITY_H_

#include "ntlmsp.h"
#include "secext.h"
#include "sspi.h"

#define NEGOSSP_NAME_A "Negotiate"
#define NEGOSSP_NAME_W SSPI_COMPAT_WIDE("Negotiate")
#define MICROSOFT_KERBEROS_NAME_A "Kerberos"
#define MICROSOFT_KERBEROS_NAME_W SSPI_COMPAT_WIDE("Kerberos")
#ifdef UNICODE
#define NEGOSSP_NAME NEGOSSP_NAME_W
#define MICROSOFT_KERBEROS_NAME MICROSOFT_KERBEROS_NAME_W
#else
#define NEGOSSP_NAME NEGOSSP_NAME_A
#define MICROSOFT_KERBEROS_NAME MICROSOFT_KERBEROS_NAME_A
#endif

#endif
