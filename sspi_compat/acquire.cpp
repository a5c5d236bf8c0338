// SPDX-License-Identifier: MIT
// AcquireCredentialsHandle and the other functions of a credential's handle.
#include "sspi_compat/credential.h"
#include "sspi_compat/settings.h"
#include "sspi_compat/status.h"
#include "sspi_compat/time_stamp.h"

namespace sspi {
namespace {

constexpr ULONG kKnownUses =
    SECPKG_CRED_BOTH | SECPKG_CRED_AUTOLOGON_RESTRICTED | SECPKG_CRED_PROCESS_POLICY_ONLY;

template <typename Char>
SECURITY_STATUS acquire(const Char* principal, const Char* package_name, ULONG use,
                        const void* identity_data, PCredHandle handle, PTimeStamp expiry) {
  if (handle == nullptr) {
    return failure(SEC_E_INVALID_PARAMETER, "phCredential is NULL");
  }
  const auto name = text_of(package_name);
  const Package* package = package_name != nullptr && name ? find_package(*name) : nullptr;
  if (package == nullptr) {
    return SEC_E_SECPKG_NOT_FOUND;
  }
  if ((use & SECPKG_CRED_BOTH) == 0 || (use & ~kKnownUses) != 0) {
    return failure(SEC_E_UNKNOWN_CREDENTIALS,
                   "fCredentialUse is neither INBOUND, OUTBOUND nor BOTH");
  }
  if (!settings().error.empty()) {
    return failure(SEC_E_INTERNAL_ERROR, settings().error);
  }
  auto principal_text = text_of(principal);
  if (!principal_text) {
    return failure(SEC_E_UNKNOWN_CREDENTIALS, "pszPrincipal is not valid text");
  }
  Identity identity;
  if (identity_data != nullptr && (use & SECPKG_CRED_OUTBOUND) != 0) {
    if (const SECURITY_STATUS status = read_identity(identity_data, identity); status != SEC_E_OK) {
      return status;
    }
  }
  auto credential =
      std::make_shared<Credential>(*package, use, std::move(identity), std::move(*principal_text));
  if (const SECURITY_STATUS status = credential->open(); status != SEC_E_OK) {
    return status;
  }
  *handle = credential_handles().open(
      std::make_unique<std::shared_ptr<Credential>>(std::move(credential)));
  if (expiry != nullptr) {
    *expiry = never();
  }
  return SEC_E_OK;
}

// A live handle to a function that these packages do not have.
SECURITY_STATUS unsupported(PCredHandle handle) {
  return credential_of(handle) != nullptr ? SEC_E_UNSUPPORTED_FUNCTION : SEC_E_INVALID_HANDLE;
}

template <typename Names, typename Char>
SECURITY_STATUS query(PCredHandle handle, ULONG attribute, void* buffer, ULONG size) {
  const auto credential = credential_of(handle);
  if (credential == nullptr) {
    return SEC_E_INVALID_HANDLE;
  }
  if (attribute != SECPKG_CRED_ATTR_NAMES) {
    return SEC_E_UNSUPPORTED_FUNCTION;
  }
  if (buffer == nullptr) {
    return SEC_E_INVALID_PARAMETER;
  }
  if (size < sizeof(Names)) {
    return SEC_E_BUFFER_TOO_SMALL;
  }
  const std::string name = credential->name();
  auto text = hand_out_text<Char>(name);
  if (name.empty() || text == nullptr) {
    return SEC_E_NO_CREDENTIALS;
  }
  static_cast<Names*>(buffer)->sUserName = text.release();
  return SEC_E_OK;
}

}  // namespace
}  // namespace sspi

using namespace sspi;

extern "C" {

SECURITY_STATUS AcquireCredentialsHandleA(const SEC_CHAR* pszPrincipal, const SEC_CHAR* pszPackage,
                                          ULONG fCredentialUse, void*, void* pAuthData,
                                          SEC_GET_KEY_FN, void*, PCredHandle phCredential,
                                          PTimeStamp ptsExpiry) {
  return guard([&] {
    return acquire(pszPrincipal, pszPackage, fCredentialUse, pAuthData, phCredential, ptsExpiry);
  });
}

SECURITY_STATUS AcquireCredentialsHandleW(const SEC_WCHAR* pszPrincipal,
                                          const SEC_WCHAR* pszPackage, ULONG fCredentialUse, void*,
                                          void* pAuthData, SEC_GET_KEY_FN, void*,
                                          PCredHandle phCredential, PTimeStamp ptsExpiry) {
  return guard([&] {
    return acquire(pszPrincipal, pszPackage, fCredentialUse, pAuthData, phCredential, ptsExpiry);
  });
}

SECURITY_STATUS AddCredentialsA(PCredHandle hCredentials, const SEC_CHAR*, const SEC_CHAR*, ULONG,
                                void*, SEC_GET_KEY_FN, void*, PTimeStamp) {
  return guard([&] { return unsupported(hCredentials); });
}

SECURITY_STATUS AddCredentialsW(PCredHandle hCredentials, const SEC_WCHAR*, const SEC_WCHAR*, ULONG,
                                void*, SEC_GET_KEY_FN, void*, PTimeStamp) {
  return guard([&] { return unsupported(hCredentials); });
}

SECURITY_STATUS FreeCredentialsHandle(PCredHandle phCredential) {
  return guard(
      [&] { return credential_handles().close(phCredential) ? SEC_E_OK : SEC_E_INVALID_HANDLE; });
}

SECURITY_STATUS QueryCredentialsAttributesA(PCredHandle phCredential, ULONG ulAttribute,
                                            void* pBuffer) {
  return QueryCredentialsAttributesExA(phCredential, ulAttribute, pBuffer,
                                       sizeof(SecPkgCredentials_NamesA));
}

SECURITY_STATUS QueryCredentialsAttributesW(PCredHandle phCredential, ULONG ulAttribute,
                                            void* pBuffer) {
  return QueryCredentialsAttributesExW(phCredential, ulAttribute, pBuffer,
                                       sizeof(SecPkgCredentials_NamesW));
}

SECURITY_STATUS QueryCredentialsAttributesExA(PCredHandle phCredential, ULONG ulAttribute,
                                              void* pBuffer, ULONG cbBuffer) {
  return guard([&] {
    return query<SecPkgCredentials_NamesA, SEC_CHAR>(phCredential, ulAttribute, pBuffer, cbBuffer);
  });
}

SECURITY_STATUS QueryCredentialsAttributesExW(PCredHandle phCredential, ULONG ulAttribute,
                                              void* pBuffer, ULONG cbBuffer) {
  return guard([&] {
    return query<SecPkgCredentials_NamesW, SEC_WCHAR>(phCredential, ulAttribute, pBuffer, cbBuffer);
  });
}

SECURITY_STATUS SetCredentialsAttributesA(PCredHandle phCredential, ULONG, void*, ULONG) {
  return guard([&] { return unsupported(phCredential); });
}

SECURITY_STATUS SetCredentialsAttributesW(PCredHandle phCredential, ULONG, void*, ULONG) {
  return guard([&] { return unsupported(phCredential); });
}

}  // extern "C"
