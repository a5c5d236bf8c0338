// SPDX-License-Identifier: MIT
// What packages there are, and the two tables of functions.
#include "sspi_compat/package_info.h"
#include "sspi_compat/status.h"
#include "sspi_compat/text.h"

namespace sspi {
namespace {

template <typename Char>
SECURITY_STATUS enumerate(PULONG count, PackageInfo<Char>** info) {
  if (count == nullptr || info == nullptr) {
    return SEC_E_INVALID_PARAMETER;
  }
  const auto packages = available_packages();
  if (packages.empty()) {
    return SEC_E_SECPKG_NOT_FOUND;
  }
  *info = make_package_info<Char>(packages).release();
  *count = static_cast<ULONG>(packages.size());
  return SEC_E_OK;
}

template <typename Char>
SECURITY_STATUS query_package(const Char* name, PackageInfo<Char>** info) {
  const auto text = text_of(name);
  const Package* package = name != nullptr && text ? find_package(*text) : nullptr;
  if (package == nullptr) {
    return SEC_E_SECPKG_NOT_FOUND;
  }
  if (info == nullptr) {
    return SEC_E_INVALID_PARAMETER;
  }
  *info = make_package_info<Char>({&package, 1}).release();
  return SEC_E_OK;
}

// dwVersion is 1, as on Windows, though every slot of version 5 is filled.
constexpr ULONG kVersion = SECURITY_SUPPORT_PROVIDER_INTERFACE_VERSION;

void* as_slot(ENCRYPT_MESSAGE_FN function) { return reinterpret_cast<void*>(function); }
void* as_slot(DECRYPT_MESSAGE_FN function) { return reinterpret_cast<void*>(function); }

}  // namespace
}  // namespace sspi

using namespace sspi;

extern "C" {

SECURITY_STATUS EnumerateSecurityPackagesA(PULONG pcPackages, PSecPkgInfoA* ppPackageInfo) {
  return guard([&] { return enumerate<SEC_CHAR>(pcPackages, ppPackageInfo); });
}

SECURITY_STATUS EnumerateSecurityPackagesW(PULONG pcPackages, PSecPkgInfoW* ppPackageInfo) {
  return guard([&] { return enumerate<SEC_WCHAR>(pcPackages, ppPackageInfo); });
}

SECURITY_STATUS QuerySecurityPackageInfoA(const SEC_CHAR* pszPackageName,
                                          PSecPkgInfoA* ppPackageInfo) {
  return guard([&] { return query_package(pszPackageName, ppPackageInfo); });
}

SECURITY_STATUS QuerySecurityPackageInfoW(const SEC_WCHAR* pszPackageName,
                                          PSecPkgInfoW* ppPackageInfo) {
  return guard([&] { return query_package(pszPackageName, ppPackageInfo); });
}

SECURITY_STATUS FreeContextBuffer(PVOID pvContextBuffer) {
  return guard([&] { return take_back(pvContextBuffer) ? SEC_E_OK : SEC_E_INVALID_HANDLE; });
}

SECURITY_STATUS ChangeAccountPasswordA(const SEC_CHAR*, const SEC_CHAR*, const SEC_CHAR*,
                                       const SEC_CHAR*, const SEC_CHAR*, BOOLEAN, ULONG,
                                       PSecBufferDesc) {
  return guard([] { return SEC_E_UNSUPPORTED_FUNCTION; });
}

SECURITY_STATUS ChangeAccountPasswordW(const SEC_WCHAR*, const SEC_WCHAR*, const SEC_WCHAR*,
                                       const SEC_WCHAR*, const SEC_WCHAR*, BOOLEAN, ULONG,
                                       PSecBufferDesc) {
  return guard([] { return SEC_E_UNSUPPORTED_FUNCTION; });
}

PSecurityFunctionTableA InitSecurityInterfaceA(void) {
  static SecurityFunctionTableA table = {
      kVersion,
      EnumerateSecurityPackagesA,
      QueryCredentialsAttributesA,
      AcquireCredentialsHandleA,
      FreeCredentialsHandle,
      nullptr,
      InitializeSecurityContextA,
      AcceptSecurityContext,
      CompleteAuthToken,
      DeleteSecurityContext,
      ApplyControlToken,
      QueryContextAttributesA,
      ImpersonateSecurityContext,
      RevertSecurityContext,
      MakeSignature,
      VerifySignature,
      FreeContextBuffer,
      QuerySecurityPackageInfoA,
      as_slot(EncryptMessage),
      as_slot(DecryptMessage),
      ExportSecurityContext,
      ImportSecurityContextA,
      AddCredentialsA,
      nullptr,
      QuerySecurityContextToken,
      EncryptMessage,
      DecryptMessage,
      SetContextAttributesA,
      SetCredentialsAttributesA,
      ChangeAccountPasswordA,
      QueryContextAttributesExA,
      QueryCredentialsAttributesExA,
  };
  return &table;
}

PSecurityFunctionTableW InitSecurityInterfaceW(void) {
  static SecurityFunctionTableW table = {
      kVersion,
      EnumerateSecurityPackagesW,
      QueryCredentialsAttributesW,
      AcquireCredentialsHandleW,
      FreeCredentialsHandle,
      nullptr,
      InitializeSecurityContextW,
      AcceptSecurityContext,
      CompleteAuthToken,
      DeleteSecurityContext,
      ApplyControlToken,
      QueryContextAttributesW,
      ImpersonateSecurityContext,
      RevertSecurityContext,
      MakeSignature,
      VerifySignature,
      FreeContextBuffer,
      QuerySecurityPackageInfoW,
      as_slot(EncryptMessage),
      as_slot(DecryptMessage),
      ExportSecurityContext,
      ImportSecurityContextW,
      AddCredentialsW,
      nullptr,
      QuerySecurityContextToken,
      EncryptMessage,
      DecryptMessage,
      SetContextAttributesW,
      SetCredentialsAttributesW,
      ChangeAccountPasswordW,
      QueryContextAttributesExW,
      QueryCredentialsAttributesExW,
  };
  return &table;
}

PSecurityFunctionTableA InitSecurityInterfaceExA(DWORD) { return InitSecurityInterfaceA(); }
PSecurityFunctionTableW InitSecurityInterfaceExW(DWORD) { return InitSecurityInterfaceW(); }

}  // extern "C"
