/* SPDX-License-Identifier: MIT */
/* Names that a Windows program uses, as C11 and as C++17; it is compiled, not run. */
#define SECURITY_WIN32
#include <ntlmsp.h>
#include <ntsecapi.h>
#include <secext.h>
#include <security.h>
#include <sspi.h>
#include <windows.h>

SECURITY_STATUS use_names(PSecurityFunctionTable table, PCtxtHandle context);
SECURITY_STATUS use_declarations(const SEC_WINNT_AUTH_DATA* data, SecPkgContext_AuthzID* id,
                                 PSECURITY_STRING text, ULONG flags, ULONG qop);

/* Declared, though nothing here fills or reads them. */
SECURITY_STATUS use_declarations(const SEC_WINNT_AUTH_DATA* data, SecPkgContext_AuthzID* id,
                                 PSECURITY_STRING text, ULONG flags, ULONG qop) {
  text->Length = 0;
  id->AuthzIDLength = flags & (SSPIPFC_NO_CHECKBOX | SSPIPFC_SAVE_CRED_BY_CALLER);
  return data->CredType.Data1 == SEC_WINNT_AUTH_DATA_TYPE_PASSWORD.Data1 &&
                 qop == KERB_WRAP_NO_ENCRYPT && KERB_WRAP_NO_ENCRYPT == SECQOP_WRAP_NO_ENCRYPT
             ? SEC_E_OK
             : SEC_E_INVALID_PARAMETER;
}

SECURITY_STATUS use_names(PSecurityFunctionTable table, PCtxtHandle context) {
  SEC_WINNT_AUTH_IDENTITY identity;
  SEC_WINNT_AUTH_IDENTITY_EX extended;
  SecPkgContext_Names names;
  PSecPkgInfo info;
  CredHandle credential;
  TCHAR user[8];
  ULONG size = sizeof user / sizeof *user;
  INIT_SECURITY_INTERFACE entry = InitSecurityInterface;
  SecInvalidateHandle(&credential);
  ZeroMemory(&identity, sizeof identity);
  ZeroMemory(&extended, sizeof extended);
  if (!SecIsValidHandle(&credential) || entry == NULL ||
      !GetUserNameEx(NameSamCompatible, user, &size)) {
    return SEC_E_INVALID_HANDLE;
  }
  if (table->AcquireCredentialsHandle(NULL, NTLMSP_NAME, SECPKG_CRED_OUTBOUND, NULL, &identity,
                                      NULL, NULL, &credential, NULL) != SEC_E_OK ||
      table->QuerySecurityPackageInfo(NEGOSSP_NAME, &info) == SEC_E_SECPKG_NOT_FOUND ||
      table->QueryContextAttributes(context, SECPKG_ATTR_NAMES, &names) != SEC_E_OK) {
    return GetLastError() == NO_ERROR ? SEC_E_OK : SEC_E_INTERNAL_ERROR;
  }
  switch (table->FreeCredentialHandle(&credential)) {
    case SEC_E_OK:
    case SEC_I_CONTINUE_NEEDED:
      return QueryContextAttributes(context, SECPKG_ATTR_NAMES, &names);
    default:
      return SEC_E_NOT_SUPPORTED;
  }
}
