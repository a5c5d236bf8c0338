// SPDX-License-Identifier: MIT
// The Sspi* functions on identities: each reads one into a value, or makes a block of one.
#include <cstring>
#include <string>

#include "sspi_compat/identity.h"
#include "sspi_compat/status.h"

namespace sspi {
namespace {

using Opaque = PSEC_WINNT_AUTH_IDENTITY_OPAQUE;

SECURITY_STATUS read(Opaque opaque, Identity& identity) {
  return opaque == nullptr ? SEC_E_INVALID_PARAMETER : read_identity(opaque, identity);
}

// hidden: the block takes the place of one whose password is.
SECURITY_STATUS give(const Identity& identity, bool hidden, Opaque* result) {
  auto block = make_block(identity);
  if (block == nullptr) {
    return failure(SEC_E_UNKNOWN_CREDENTIALS, "identity: a text is too long");
  }
  if (hidden) {
    toggle(block_password(block.get()));
  }
  *result = block.release();
  return SEC_E_OK;
}

// A text that may be absent.
bool read_wide(PCWSTR text, std::optional<std::string>& result) {
  if (text != nullptr) {
    result = to_utf8(WideView(text));
  }
  return text == nullptr || result.has_value();
}

SECURITY_STATUS encode(PCWSTR user, PCWSTR domain, PCWSTR password, Opaque* result) {
  if (result == nullptr || (user == nullptr && domain == nullptr && password == nullptr)) {
    return SEC_E_INVALID_TOKEN;
  }
  Identity identity;
  std::optional<std::string> secret;
  const bool valid = read_wide(user, identity.user) && read_wide(domain, identity.domain) &&
                     read_wide(password, secret);
  if (secret) {
    identity.password.emplace(std::move(*secret));
  }
  return valid ? give(identity, false, result)
               : failure(SEC_E_UNKNOWN_CREDENTIALS, "identity: a text is not valid");
}

HandedOut<WCHAR> wide_or_null(const std::optional<std::string>& text) {
  return text ? hand_out_text<WCHAR>(*text) : nullptr;
}

SECURITY_STATUS decode(Opaque opaque, PCWSTR* user, PCWSTR* domain, PCWSTR* password) {
  if (user == nullptr || domain == nullptr || password == nullptr) {
    return SEC_E_INVALID_PARAMETER;
  }
  Identity identity;
  if (const SECURITY_STATUS status = read(opaque, identity); status != SEC_E_OK) {
    return status;
  }
  auto user_text = wide_or_null(identity.user);
  auto domain_text = wide_or_null(identity.domain);
  auto password_text =
      identity.password ? hand_out_text<WCHAR>(identity.password->expose()) : nullptr;
  *user = user_text.release();
  *domain = domain_text.release();
  *password = password_text.release();
  return SEC_E_OK;
}

bool is_empty(const Identity& identity) {
  return !identity.user && !identity.domain && !identity.password;
}

SECURITY_STATUS compare(Opaque one, Opaque other, PBOOLEAN same_user, PBOOLEAN same_identity) {
  Identity a;
  Identity b;
  SECURITY_STATUS status = one != nullptr ? read_identity(one, a) : SEC_E_OK;
  status = status == SEC_E_OK && other != nullptr ? read_identity(other, b) : status;
  if (status != SEC_E_OK) {
    return status;
  }
  const bool users = equal_ignoring_case(a.user.value_or(""), b.user.value_or("")) &&
                     equal_ignoring_case(a.domain.value_or(""), b.domain.value_or("")) &&
                     is_empty(a) == is_empty(b);
  const bool passwords = a.password.has_value() == b.password.has_value() &&
                         (!a.password || equal_secret(a.password->expose(), b.password->expose()));
  if (same_user != nullptr) {
    *same_user = users ? TRUE : FALSE;
  }
  if (same_identity != nullptr) {
    *same_identity = users && passwords ? TRUE : FALSE;
  }
  return SEC_E_OK;
}

bool is_hidden(Opaque opaque) { return is_hidden(block_password(opaque)); }

SECURITY_STATUS copy(Opaque from, Opaque* result) {
  if (result == nullptr) {
    return SEC_E_INVALID_PARAMETER;
  }
  Identity identity;
  const SECURITY_STATUS status = read(from, identity);
  return status == SEC_E_OK ? give(identity, is_hidden(from), result) : status;
}

// Encrypts or decrypts in place; nothing to do is a success.
SECURITY_STATUS hide(Opaque opaque, ULONG options, bool hidden) {
  if ((options & SEC_WINNT_AUTH_IDENTITY_ENCRYPT_FOR_SYSTEM) != 0) {
    return SEC_E_UNSUPPORTED_FUNCTION;
  }
  const BlockPassword password = block_password(opaque);
  if (password.header == nullptr) {
    return failure(SEC_E_UNKNOWN_CREDENTIALS,
                   "identity: not a block of SspiEncodeStringsAsAuthIdentity");
  }
  if (is_hidden(password) != hidden) {
    toggle(password);
  }
  return SEC_E_OK;
}

SECURITY_STATUS unmarshal(const char* bytes, ULONG length, Opaque* result) {
  if (bytes == nullptr || result == nullptr) {
    return SEC_E_INVALID_PARAMETER;
  }
  SEC_WINNT_AUTH_IDENTITY_EX2 header;
  if (length < sizeof header) {
    return failure(SEC_E_UNKNOWN_CREDENTIALS, "identity: shorter than its header");
  }
  std::memcpy(&header, bytes, sizeof header);
  if (header.Version != SEC_WINNT_AUTH_IDENTITY_VERSION_2 ||
      header.cbHeaderLength != sizeof header || header.cbStructureLength > length) {
    return failure(SEC_E_UNKNOWN_CREDENTIALS, "identity: not a marshalled block");
  }
  Identity identity;
  const SECURITY_STATUS status = read_identity(bytes, identity);
  const bool hidden = (header.Flags & SEC_WINNT_AUTH_IDENTITY_FLAGS_PROCESS_ENCRYPTED) != 0;
  return status == SEC_E_OK ? give(identity, hidden, result) : status;
}

// "class/host:port/name" -> host; an address in brackets keeps its colons.
std::string host_of(std::string_view target) {
  if (const std::size_t slash = target.find('/'); slash != std::string_view::npos) {
    target.remove_prefix(slash + 1);
  }
  target = target.substr(0, target.find('/'));
  const std::size_t closing = target.rfind(']');
  const std::size_t colon = target.find(':', closing == std::string_view::npos ? 0 : closing);
  return std::string(target.substr(0, colon));
}

constexpr ULONG kCredTypeDomainPassword = 2;

SECURITY_STATUS prepare(Opaque opaque, PCWSTR target, PULONG type, PCWSTR* target_out,
                        PCWSTR* user_out, PUCHAR* blob, PULONG blob_size) {
  Identity identity;
  if (const SECURITY_STATUS status = read(opaque, identity); status != SEC_E_OK) {
    return status;
  }
  const std::string user = account_of(identity);
  const auto named = text_of(target);
  if (!named) {
    return failure(SEC_E_UNKNOWN_CREDENTIALS, "the target name is not valid text");
  }
  auto target_text = hand_out_text<WCHAR>(named->empty() ? user : *named);
  if (user_out != nullptr) {
    auto user_text = hand_out_text<WCHAR>(user);
    HandedOut<WCHAR> password;
    if (identity.password) {
      password = hand_out_text<WCHAR>(identity.password->expose());
    }
    *blob_size = password != nullptr
                     ? static_cast<ULONG>(handed_out_size(password.get()) - sizeof(WCHAR))
                     : 0;
    *blob = static_cast<PUCHAR>(static_cast<void*>(password.release()));
    *user_out = user_text.release();
  }
  *target_out = target_text.release();
  *type = kCredTypeDomainPassword;
  return SEC_E_OK;
}

}  // namespace
}  // namespace sspi

using namespace sspi;

extern "C" {

SECURITY_STATUS SspiEncodeStringsAsAuthIdentity(PCWSTR pszUserName, PCWSTR pszDomainName,
                                                PCWSTR pszPackedCredentialsString,
                                                PSEC_WINNT_AUTH_IDENTITY_OPAQUE* ppAuthIdentity) {
  return guard([&] {
    return encode(pszUserName, pszDomainName, pszPackedCredentialsString, ppAuthIdentity);
  });
}

SECURITY_STATUS SspiEncodeAuthIdentityAsStrings(PSEC_WINNT_AUTH_IDENTITY_OPAQUE pAuthIdentity,
                                                PCWSTR* ppszUserName, PCWSTR* ppszDomainName,
                                                PCWSTR* ppszPackedCredentialsString) {
  return guard([&] {
    return decode(pAuthIdentity, ppszUserName, ppszDomainName, ppszPackedCredentialsString);
  });
}

SECURITY_STATUS SspiValidateAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData) {
  return guard([&] {
    Identity identity;
    return read(AuthData, identity) == SEC_E_OK ? SEC_E_OK : SEC_E_UNKNOWN_CREDENTIALS;
  });
}

SECURITY_STATUS SspiCopyAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData,
                                     PSEC_WINNT_AUTH_IDENTITY_OPAQUE* AuthDataCopy) {
  return guard([&] { return copy(AuthData, AuthDataCopy); });
}

VOID SspiFreeAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData) {
  guard([&] { return take_back(AuthData) ? SEC_E_OK : SEC_E_INVALID_HANDLE; });
}

VOID SspiZeroAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData) {
  guard([&] {
    const BlockPassword password = block_password(AuthData);
    if (password.header != nullptr && password.length != 0) {
      std::memset(password.bytes, 0, password.length);
    }
    return SEC_E_OK;
  });
}

VOID SspiLocalFree(PVOID DataBuffer) { FreeContextBuffer(DataBuffer); }

SECURITY_STATUS SspiCompareAuthIdentities(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity1,
                                          PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity2,
                                          PBOOLEAN SameSuppliedUser,
                                          PBOOLEAN SameSuppliedIdentity) {
  return guard([&] {
    return compare(AuthIdentity1, AuthIdentity2, SameSuppliedUser, SameSuppliedIdentity);
  });
}

SECURITY_STATUS SspiMarshalAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity,
                                        PULONG AuthIdentityLength, char** AuthIdentityByteArray) {
  return guard([&] {
    if (AuthIdentityLength == nullptr || AuthIdentityByteArray == nullptr) {
      return SEC_E_INVALID_PARAMETER;
    }
    PSEC_WINNT_AUTH_IDENTITY_OPAQUE block = nullptr;
    const SECURITY_STATUS status = copy(AuthIdentity, &block);
    if (status == SEC_E_OK) {
      *AuthIdentityLength = block->AuthIdEx2.cbStructureLength;
      *AuthIdentityByteArray = static_cast<char*>(static_cast<void*>(block));
    }
    return status;
  });
}

SECURITY_STATUS SspiUnmarshalAuthIdentity(ULONG AuthIdentityLength, char* AuthIdentityByteArray,
                                          PSEC_WINNT_AUTH_IDENTITY_OPAQUE* ppAuthIdentity) {
  return guard(
      [&] { return unmarshal(AuthIdentityByteArray, AuthIdentityLength, ppAuthIdentity); });
}

SECURITY_STATUS SspiEncryptAuthIdentityEx(ULONG Options, PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData) {
  return guard([&] { return hide(AuthData, Options, true); });
}

SECURITY_STATUS SspiEncryptAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthData) {
  return SspiEncryptAuthIdentityEx(SEC_WINNT_AUTH_IDENTITY_ENCRYPT_SAME_PROCESS, AuthData);
}

SECURITY_STATUS SspiDecryptAuthIdentityEx(ULONG Options,
                                          PSEC_WINNT_AUTH_IDENTITY_OPAQUE EncryptedAuthData) {
  return guard([&] { return hide(EncryptedAuthData, Options, false); });
}

SECURITY_STATUS SspiDecryptAuthIdentity(PSEC_WINNT_AUTH_IDENTITY_OPAQUE EncryptedAuthData) {
  return SspiDecryptAuthIdentityEx(SEC_WINNT_AUTH_IDENTITY_ENCRYPT_SAME_PROCESS, EncryptedAuthData);
}

BOOLEAN SspiIsAuthIdentityEncrypted(PSEC_WINNT_AUTH_IDENTITY_OPAQUE EncryptedAuthData) {
  return is_hidden(EncryptedAuthData) ? TRUE : FALSE;
}

BOOLEAN SspiIsPromptingNeeded(ULONG ErrorOrNtStatus) {
  constexpr ULONG kLogonFailure = 0xC000006D;
  switch (ErrorOrNtStatus) {
    case static_cast<ULONG>(SEC_E_LOGON_DENIED):
    case static_cast<ULONG>(SEC_E_NO_CREDENTIALS):
    case static_cast<ULONG>(SEC_E_UNKNOWN_CREDENTIALS):
    case ERROR_LOGON_FAILURE:
    case ERROR_PASSWORD_EXPIRED:
    case ERROR_ACCESS_DENIED:
    case kLogonFailure:
      return TRUE;
    default:
      return FALSE;
  }
}

SECURITY_STATUS SspiGetTargetHostName(PCWSTR pszTargetName, PWSTR* pszHostName) {
  return guard([&] {
    const auto target = text_of(pszTargetName);
    if (pszTargetName == nullptr || pszHostName == nullptr || !target) {
      return SEC_E_INVALID_PARAMETER;
    }
    *pszHostName = hand_out_text<WCHAR>(host_of(*target)).release();
    return SEC_E_OK;
  });
}

SECURITY_STATUS SspiExcludePackage(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity,
                                   PCWSTR pszPackageName,
                                   PSEC_WINNT_AUTH_IDENTITY_OPAQUE* ppNewAuthIdentity) {
  return guard([&] {
    const auto name = text_of(pszPackageName);
    if (pszPackageName == nullptr || ppNewAuthIdentity == nullptr || !name) {
      return SEC_E_INVALID_PARAMETER;
    }
    Identity identity;
    const SECURITY_STATUS status =
        AuthIdentity != nullptr ? read_identity(AuthIdentity, identity) : SEC_E_OK;
    if (status != SEC_E_OK) {
      return status;
    }
    identity.package_list += (identity.package_list.empty() ? "!" : ",!") + *name;
    return give(identity, is_hidden(AuthIdentity), ppNewAuthIdentity);
  });
}

SECURITY_STATUS SspiPrepareForCredRead(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity,
                                       PCWSTR pszTargetName, PULONG pCredmanCredentialType,
                                       PCWSTR* ppszCredmanTargetName) {
  return guard([&] {
    if (pCredmanCredentialType == nullptr || ppszCredmanTargetName == nullptr) {
      return SEC_E_INVALID_PARAMETER;
    }
    return prepare(AuthIdentity, pszTargetName, pCredmanCredentialType, ppszCredmanTargetName,
                   nullptr, nullptr, nullptr);
  });
}

SECURITY_STATUS SspiPrepareForCredWrite(PSEC_WINNT_AUTH_IDENTITY_OPAQUE AuthIdentity,
                                        PCWSTR pszTargetName, PULONG pCredmanCredentialType,
                                        PCWSTR* ppszCredmanTargetName, PCWSTR* ppszCredmanUserName,
                                        PUCHAR* ppCredentialBlob, PULONG pCredentialBlobSize) {
  return guard([&] {
    if (pCredmanCredentialType == nullptr || ppszCredmanTargetName == nullptr ||
        ppszCredmanUserName == nullptr || ppCredentialBlob == nullptr ||
        pCredentialBlobSize == nullptr) {
      return SEC_E_INVALID_PARAMETER;
    }
    return prepare(AuthIdentity, pszTargetName, pCredmanCredentialType, ppszCredmanTargetName,
                   ppszCredmanUserName, ppCredentialBlob, pCredentialBlobSize);
  });
}

ULONG SspiPromptForCredentialsA(LPCSTR, PVOID, ULONG, LPCSTR, PSEC_WINNT_AUTH_IDENTITY_OPAQUE,
                                PSEC_WINNT_AUTH_IDENTITY_OPAQUE*, BOOL*, ULONG) {
  return ERROR_NOT_SUPPORTED;
}

ULONG SspiPromptForCredentialsW(PCWSTR, PVOID, ULONG, PCWSTR, PSEC_WINNT_AUTH_IDENTITY_OPAQUE,
                                PSEC_WINNT_AUTH_IDENTITY_OPAQUE*, BOOL*, ULONG) {
  return ERROR_NOT_SUPPORTED;
}

}  // extern "C"
