/* SPDX-License-Identifier: MIT */
/*
 * The Win32 base types that sspi.h is written in, with the sizes they have on Windows: ULONG, DWORD
 * and LONG are 32 bits on LP64 too, WCHAR is one UTF-16 code unit. Write ULONG, never C's `unsigned
 * long`, for what a function fills in.
 *
 * WCHAR is char16_t (u"text" literals); with -fshort-wchar it is wchar_t (L"text" literals). "ANSI"
 * text is UTF-8. Calling conventions and SAL annotations expand to nothing.
 */
#ifndef SSPI_COMPAT_SSPI_BASE_H_
#define SSPI_COMPAT_SSPI_BASE_H_

#include <stddef.h>
#include <stdint.h>
#ifndef __cplusplus
#include <uchar.h>
#endif

#ifdef __cplusplus
#define SSPI_COMPAT_EXTERN_C_BEGIN \
  extern "C" {                     \
  _Pragma("GCC visibility push(default)")
#define SSPI_COMPAT_EXTERN_C_END \
  _Pragma("GCC visibility pop")  \
  }
#define SSPI_COMPAT_CAST(type, value) static_cast<type>(value)
#define SSPI_COMPAT_POINTER(type, value) reinterpret_cast<type>(value)
#define SSPI_COMPAT_ASSERT(condition) static_assert(condition, #condition)
#else
#define SSPI_COMPAT_EXTERN_C_BEGIN _Pragma("GCC visibility push(default)")
#define SSPI_COMPAT_EXTERN_C_END _Pragma("GCC visibility pop")
#define SSPI_COMPAT_CAST(type, value) ((type)(value))
#define SSPI_COMPAT_POINTER(type, value) ((type)(value))
#define SSPI_COMPAT_ASSERT(condition) _Static_assert(condition, #condition)
#endif

typedef void VOID;
typedef char CHAR;
typedef unsigned char UCHAR, BYTE, BOOLEAN;
typedef int16_t SHORT;
typedef uint16_t USHORT, WORD;
typedef int32_t INT, LONG, BOOL, HRESULT, NTSTATUS;
typedef uint32_t UINT, ULONG, DWORD;
typedef int64_t LONGLONG;
typedef uint64_t ULONGLONG;
typedef intptr_t INT_PTR, LONG_PTR;
typedef uintptr_t UINT_PTR, ULONG_PTR, DWORD_PTR;
typedef size_t SIZE_T;

#if defined(__SIZEOF_WCHAR_T__) && __SIZEOF_WCHAR_T__ == 2
typedef wchar_t WCHAR;
#define SSPI_COMPAT_WIDE_(text) L##text
#else
typedef char16_t WCHAR;
#define SSPI_COMPAT_WIDE_(text) u##text
#endif
#define SSPI_COMPAT_WIDE(text) SSPI_COMPAT_WIDE_(text)

typedef void *PVOID, *LPVOID, *HANDLE;
typedef HANDLE* PHANDLE;
typedef const void *PCVOID, *LPCVOID;
typedef CHAR *PCHAR, *PSTR, *LPSTR;
typedef const CHAR *PCSTR, *LPCSTR;
typedef WCHAR *PWCHAR, *PWSTR, *LPWSTR;
typedef const WCHAR *PCWSTR, *LPCWSTR;
typedef UCHAR* PUCHAR;
typedef BYTE *PBYTE, *LPBYTE;
typedef BOOLEAN* PBOOLEAN;
typedef USHORT* PUSHORT;
typedef LONG* PLONG;
typedef ULONG* PULONG;
typedef DWORD *PDWORD, *LPDWORD;

#ifdef UNICODE
typedef WCHAR TCHAR;
#define TEXT(text) SSPI_COMPAT_WIDE(text)
#else
typedef CHAR TCHAR;
#define TEXT(text) text
#endif
typedef TCHAR *PTSTR, *LPTSTR;
typedef const TCHAR *PCTSTR, *LPCTSTR;

typedef struct _GUID {
  uint32_t Data1;
  uint16_t Data2;
  uint16_t Data3;
  uint8_t Data4[8];
} GUID;

typedef struct _LUID {
  DWORD LowPart;
  LONG HighPart;
} LUID, *PLUID;

/* Ticks of 100 ns since 1601-01-01. */
typedef struct _FILETIME {
  DWORD dwLowDateTime;
  DWORD dwHighDateTime;
} FILETIME, *PFILETIME, *LPFILETIME;

#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif
#define INVALID_HANDLE_VALUE SSPI_COMPAT_POINTER(HANDLE, SSPI_COMPAT_CAST(INT_PTR, -1))

#define WINAPI
#define APIENTRY
#define CALLBACK
#define NTAPI
#define SEC_ENTRY

/* SAL annotations, as sspi.h's callers write them on their own functions */
#ifndef _In_
#define _In_
#define _In_opt_
#define _In_z_
#define _In_reads_(size)
#define _In_reads_bytes_(size)
#define _In_reads_opt_(size)
#define _In_reads_bytes_opt_(size)
#define _Out_
#define _Out_opt_
#define _Out_writes_(size)
#define _Out_writes_bytes_(size)
#define _Out_writes_opt_(size)
#define _Outptr_
#define _Outptr_opt_
#define _Inout_
#define _Inout_opt_
#define _Success_(expression)
#define _Must_inspect_result_
#define _Ret_maybenull_
#endif

SSPI_COMPAT_ASSERT(sizeof(ULONG) == 4 && sizeof(LONG) == 4 && sizeof(WCHAR) == 2 &&
                   sizeof(ULONG_PTR) == sizeof(void*));
SSPI_COMPAT_ASSERT(sizeof(BOOLEAN) == 1 && sizeof(BOOL) == 4 && sizeof(GUID) == 16 &&
                   sizeof(LUID) == 8);

#endif
