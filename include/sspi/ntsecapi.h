/* SPDX-License-Identifier: MIT */
/* What message calls take from Windows' ntsecapi.h: Kerberos' name of SECQOP_WRAP_NO_ENCRYPT. */
#ifndef SSPI_COMPAT_NTSECAPI_H_
#define SSPI_COMPAT_NTSECAPI_H_

#define KERB_WRAP_NO_ENCRYPT 0x80000001u

#endif
