/* SPDX-License-Identifier: MIT */
/*
 * What SSPI programs take from <windows.h>: the base types, GetLastError, CloseHandle, ZeroMemory
 * and kin. Nothing else of Windows is here; sockets, threads and files are POSIX's.
 */
#ifndef SSPI_COMPAT_WINDOWS_H_
#define SSPI_COMPAT_WINDOWS_H_

#include <string.h>

#include "sspi_base.h"
#include "sspi_compat.h"
#include "winerror.h"

#define ZeroMemory(destination, length) memset((destination), 0, (length))
#define CopyMemory(destination, source, length) memcpy((destination), (source), (length))
#define MoveMemory(destination, source, length) memmove((destination), (source), (length))
#define FillMemory(destination, length, fill) memset((destination), (fill), (length))
#define SecureZeroMemory(destination, length) explicit_bzero((destination), (length))

#endif
