/* SPDX-License-Identifier: MIT */
/* The name of package NTLM. */
#ifndef SSPI_COMPAT_NTLMSP_H_
#define SSPI_COMPAT_NTLMSP_H_

#include "sspi_base.h"

#define NTLMSP_NAME_A "NTLM"
#define NTLMSP_NAME_W SSPI_COMPAT_WIDE("NTLM")
#ifdef UNICODE
#define NTLMSP_NAME NTLMSP_NAME_W
#else
#define NTLMSP_NAME NTLMSP_NAME_A
#endif
#define NTLMSP_RPCID 10 /* RPC_C_AUTHN_WINNT */

#endif
