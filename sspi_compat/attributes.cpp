// SPDX-License-Identifier: MIT
// QueryContextAttributes: one small function an attribute, one table that finds it. A function
// writes its structure only when everything in it is there.
#include <gssapi/gssapi_ext.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "gssapi_ntlm.h"
#include "sspi_compat/impersonation.h"
#include "sspi_compat/inquiry.h"
#include "sspi_compat/package_info.h"
#include "sspi_compat/status.h"
#include "sspi_compat/time_stamp.h"

namespace sspi {
namespace {

// All of a structure at once; the caller's buffer need not be aligned for it.
template <typename Structure>
SECURITY_STATUS answer(void* buffer, const Structure& structure) {
  std::memcpy(buffer, &structure, sizeof(Structure));
  return SEC_E_OK;
}

// A structure that is a text alone.
template <typename Char>
SECURITY_STATUS answer_text(void* buffer, std::string_view value) {
  auto text = hand_out_text<Char>(value);
  return text != nullptr ? answer(buffer, text.release()) : SEC_E_INTERNAL_ERROR;
}

// ---- sizes ----

ULONG first_length(const Context& context, bool signing) {
  std::array<gss_iov_buffer_desc, 3> iov{};
  iov[0].type = signing ? GSS_IOV_BUFFER_TYPE_MIC_TOKEN : GSS_IOV_BUFFER_TYPE_HEADER;
  iov[1].type = GSS_IOV_BUFFER_TYPE_DATA;
  iov[2].type = signing ? GSS_IOV_BUFFER_TYPE_EMPTY : GSS_IOV_BUFFER_TYPE_PADDING;
  OM_uint32 minor = 0;
  int conf_state = 0;
  const OM_uint32 major =
      signing ? gss_get_mic_iov_length(&minor, context.gss, GSS_C_QOP_DEFAULT, iov.data(), 3)
              : gss_wrap_iov_length(&minor, context.gss, 1, GSS_C_QOP_DEFAULT, &conf_state,
                                    iov.data(), 3);
  return major == GSS_S_COMPLETE ? static_cast<ULONG>(iov[0].buffer.length) : 0;
}

// NTLM's numbers are Windows', whatever was agreed; the page promises zeros there.
template <typename>
SECURITY_STATUS query_sizes(Context& context, void* buffer) {
  const bool open = context.state == Context::State::kOpen;
  const bool ntlm = context.is_ntlm() || &context.package == &kNtlm;
  SecPkgContext_Sizes sizes{};
  sizes.cbMaxToken = ntlm ? kNtlm.max_token : context.package.max_token;
  sizes.cbMaxSignature = ntlm ? 16 : open ? first_length(context, true) : 0;
  sizes.cbSecurityTrailer = ntlm ? 16 : open ? first_length(context, false) : 0;
  return answer(buffer, sizes);
}

// ---- names ----

template <typename Char>
SECURITY_STATUS query_names(Context& context, void* buffer) {
  return answer_text<Char>(buffer, display(client_name(context).get()));
}

std::string own_host() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

template <typename Char>
SECURITY_STATUS query_native_names(Context& context, void* buffer) {
  auto client = hand_out_text<Char>(display(client_name(context).get()));
  auto server = hand_out_text<Char>(context.initiator ? context.target : own_host());
  if (client == nullptr || server == nullptr) {
    return SEC_E_INTERNAL_ERROR;
  }
  auto** names = static_cast<Char**>(buffer);
  names[0] = client.release();
  names[1] = server.release();
  return SEC_E_OK;
}

// The value of an AV pair ([MS-NLMP] 2.2.2.1) as UTF-8; empty when it is not there.
std::string av_value(std::string_view pairs, unsigned wanted) {
  const auto u16 = [&](std::size_t at) {
    return static_cast<unsigned>(static_cast<unsigned char>(pairs[at]) |
                                 static_cast<unsigned char>(pairs[at + 1]) << 8);
  };
  while (pairs.size() >= 4) {
    const unsigned id = u16(0);
    const unsigned length = u16(2);
    if (id == 0 || length > pairs.size() - 4) {
      break;
    }
    if (id == wanted) {
      WideString text(length / sizeof(WCHAR), WCHAR{});
      std::memcpy(text.data(), pairs.data() + 4, text.size() * sizeof(WCHAR));
      return to_utf8(text).value_or("");
    }
    pairs.remove_prefix(4 + length);
  }
  return {};
}

constexpr std::string_view kTargetInfo(GSS_NTLM_INQ_TARGET_INFO_OID_STRING,
                                       GSS_NTLM_INQ_TARGET_INFO_OID_LENGTH);

// Who vouches for the client: the server's domain as it told the client; the account's as the
// server found it.
std::string authority(Context& context) {
  if (!context.is_ntlm()) {
    const std::string client = display(client_name(context).get());
    const std::size_t at = client.rfind('@');
    return at != std::string::npos ? client.substr(at + 1) : "";
  }
  if (context.initiator) {
    constexpr unsigned kMsvAvNbDomainName = 2;
    return av_value(inquire(context, kTargetInfo).expose(), kMsvAvNbDomainName);
  }
  const auto domains = attribute_values(client_name(context).get(), GSS_NTLM_ATTR_DOMAIN);
  return domains.empty() ? "" : domains.front();
}

template <typename Char>
SECURITY_STATUS query_authority(Context& context, void* buffer) {
  const std::string found = authority(context);
  return found.empty() ? SEC_E_UNSUPPORTED_FUNCTION : answer_text<Char>(buffer, found);
}

template <typename>
SECURITY_STATUS query_client_target(Context& context, void* buffer) {
  if (context.initiator) {
    return SEC_E_UNSUPPORTED_FUNCTION;
  }
  const std::string found = context.is_ntlm() ? target_name(context) : "";
  auto text = hand_out_text<SEC_WCHAR>(found);
  if (found.empty() || text == nullptr) {
    return SEC_E_UNSUPPORTED_FUNCTION;
  }
  return answer(buffer, text.release());
}

template <typename>
SECURITY_STATUS query_target_information(Context& context, void* buffer) {
  const SecretText pairs = context.initiator ? inquire(context, kTargetInfo) : SecretText();
  if (pairs.empty()) {
    return SEC_E_UNSUPPORTED_FUNCTION;
  }
  SecPkgContext_TargetInformation information{};
  information.MarshalledTargetInfoLength = static_cast<ULONG>(pairs.expose().size());
  information.MarshalledTargetInfo =
      static_cast<unsigned char*>(static_cast<void*>(hand_out_bytes(pairs.expose()).release()));
  return answer(buffer, information);
}

template <typename Char>
SECURITY_STATUS query_dce_info(Context& context, void* buffer) {
  constexpr ULONG kRpcCAuthzName = 1;
  auto text = hand_out_text<Char>(display(client_name(context).get()));
  if (text == nullptr) {
    return SEC_E_INTERNAL_ERROR;
  }
  SecPkgContext_DceInfo info{};
  info.AuthzSvc = kRpcCAuthzName;
  info.pPac = text.release();
  return answer(buffer, info);
}

// ---- times ----

template <typename>
SECURITY_STATUS query_lifespan(Context& context, void* buffer) {
  SecPkgContext_Lifespan lifespan{};
  lifespan.tsStart = time_at(context.started);
  lifespan.tsExpiry = context.ends;
  return answer(buffer, lifespan);
}

template <typename>
SECURITY_STATUS query_password_expiry(Context& context, void* buffer) {
  if (context.initiator) {
    return SEC_E_UNSUPPORTED_FUNCTION;
  }
  const auto expires = attribute_values(client_name(context).get(), GSS_NTLM_ATTR_PASSWORD_EXPIRES);
  SecPkgContext_PasswordExpiry expiry{};
  expiry.tsPasswordExpires =
      expires.empty() ? never() : time_at(std::strtoll(expires.front().c_str(), nullptr, 10));
  return answer(buffer, expiry);
}

// ---- keys ----

template <typename>
SECURITY_STATUS query_session_key(Context& context, void* buffer) {
  const SecretText found = session_key(context, nullptr);
  if (found.empty()) {
    return SEC_E_UNSUPPORTED_FUNCTION;
  }
  SecPkgContext_SessionKey key{};
  key.SessionKeyLength = static_cast<ULONG>(found.expose().size());
  key.SessionKey =
      static_cast<unsigned char*>(static_cast<void*>(hand_out_bytes(found.expose()).release()));
  return answer(buffer, key);
}

struct Algorithms {
  int encryption_type;  // RFC 3961's number
  const char* signature;
  const char* encryption;
  ULONG key_bits;
  ULONG signature_id;
  ULONG encryption_id;
};
constexpr ULONG kHmacMd5 = 0xFFFFFF76;  // KERB_CHECKSUM_HMAC_MD5
constexpr ULONG kCrc32 = 0xFFFFFF7C;
constexpr ULONG kCalgRc4 = 0x6801;
constexpr Algorithms kNtlmExtended = {0, "HMAC-MD5", "RSADSI RC4", 128, kHmacMd5, kCalgRc4};
constexpr Algorithms kNtlmPlain = {0, "RSADSI RC4-CRC32", "RSADSI RC4", 128, kCrc32, kCalgRc4};
constexpr Algorithms kKerberosTypes[] = {
    {17, "HMAC-SHA1-96", "Kerberos AES128-CTS-HMAC-SHA1-96", 128, 15, 17},
    {18, "HMAC-SHA1-96", "Kerberos AES256-CTS-HMAC-SHA1-96", 256, 16, 18},
    {19, "HMAC-SHA256-128", "Kerberos AES128-CTS-HMAC-SHA256-128", 128, 19, 19},
    {20, "HMAC-SHA384-192", "Kerberos AES256-CTS-HMAC-SHA384-192", 256, 20, 20},
    {23, "HMAC-MD5", "RSADSI RC4-HMAC", 128, kHmacMd5, 23},
};

const Algorithms* algorithms_of(Context& context) {
  if (context.is_ntlm()) {
    return context.extended_security() ? &kNtlmExtended : &kNtlmPlain;
  }
  int encryption_type = 0;
  session_key(context, &encryption_type);
  for (const Algorithms& row : kKerberosTypes) {
    if (row.encryption_type == encryption_type) {
      return &row;
    }
  }
  return nullptr;
}

template <typename Char>
SECURITY_STATUS query_key_info(Context& context, void* buffer) {
  using Info =
      std::conditional_t<sizeof(Char) == 1, SecPkgContext_KeyInfoA, SecPkgContext_KeyInfoW>;
  const Algorithms* algorithms = algorithms_of(context);
  if (algorithms == nullptr) {
    return SEC_E_UNSUPPORTED_FUNCTION;
  }
  auto signature = hand_out_text<Char>(algorithms->signature);
  auto encryption = hand_out_text<Char>(algorithms->encryption);
  Info info{};
  info.sSignatureAlgorithmName = signature.release();
  info.sEncryptAlgorithmName = encryption.release();
  info.KeySize = algorithms->key_bits;
  info.SignatureAlgorithm = algorithms->signature_id;
  info.EncryptAlgorithm = algorithms->encryption_id;
  return answer(buffer, info);
}

// ---- packages, flags, tokens ----

template <typename Char>
PackageInfo<Char>* shown_package(const Context& context) {
  const Package* package = context.spoken != nullptr ? context.spoken : &context.package;
  return make_package_info<Char>({&package, 1}).release();
}

template <typename Char>
SECURITY_STATUS query_package_info(Context& context, void* buffer) {
  return answer(buffer, shown_package<Char>(context));
}

template <typename Char>
SECURITY_STATUS query_negotiation_info(Context& context, void* buffer) {
  using Info = std::conditional_t<sizeof(Char) == 1, SecPkgContext_NegotiationInfoA,
                                  SecPkgContext_NegotiationInfoW>;
  Info info{};
  info.PackageInfo = shown_package<Char>(context);
  info.NegotiationState = context.state == Context::State::kOpen ? SECPKG_NEGOTIATION_COMPLETE
                                                                 : SECPKG_NEGOTIATION_IN_PROGRESS;
  return answer(buffer, info);
}

template <typename>
SECURITY_STATUS query_flags(Context& context, void* buffer) {
  return answer(buffer, context.returned);
}

template <typename>
SECURITY_STATUS query_access_token(Context& context, void* buffer) {
  if (check_has_token(context) != SEC_E_OK) {
    return SEC_E_UNSUPPORTED_FUNCTION;
  }
  if (!tokens().find(&context.token)) {
    context.token = tokens().open(make_token(context));
  }
  return answer(buffer, handle_of(context.token));
}

template <typename>
SECURITY_STATUS query_last_token(Context&, void* buffer) {
  return answer(buffer, SecPkgContext_LastClientTokenStatus{SecPkgAttrLastClientTokenYes});
}

// ---- the table ----

using Query = SECURITY_STATUS (*)(Context&, void*);
struct Attribute {
  ULONG number;
  std::size_t size;  // of its structure, the same in both forms
  bool early;        // answered before the last leg too
  Query ansi;
  Query wide;
};
#define SSPI_ATTRIBUTE(number, structure, early, function) \
  { number, sizeof(structure), early, &function<SEC_CHAR>, &function<SEC_WCHAR> }
constexpr Attribute kAttributes[] = {
    SSPI_ATTRIBUTE(SECPKG_ATTR_SIZES, SecPkgContext_Sizes, true, query_sizes),
    SSPI_ATTRIBUTE(SECPKG_ATTR_NAMES, SecPkgContext_NamesA, false, query_names),
    SSPI_ATTRIBUTE(SECPKG_ATTR_LIFESPAN, SecPkgContext_Lifespan, false, query_lifespan),
    SSPI_ATTRIBUTE(SECPKG_ATTR_DCE_INFO, SecPkgContext_DceInfo, false, query_dce_info),
    SSPI_ATTRIBUTE(SECPKG_ATTR_KEY_INFO, SecPkgContext_KeyInfoA, false, query_key_info),
    SSPI_ATTRIBUTE(SECPKG_ATTR_AUTHORITY, SecPkgContext_AuthorityA, false, query_authority),
    SSPI_ATTRIBUTE(SECPKG_ATTR_PASSWORD_EXPIRY, SecPkgContext_PasswordExpiry, false,
                   query_password_expiry),
    SSPI_ATTRIBUTE(SECPKG_ATTR_SESSION_KEY, SecPkgContext_SessionKey, false, query_session_key),
    SSPI_ATTRIBUTE(SECPKG_ATTR_PACKAGE_INFO, SecPkgContext_PackageInfoA, true, query_package_info),
    SSPI_ATTRIBUTE(SECPKG_ATTR_NEGOTIATION_INFO, SecPkgContext_NegotiationInfoA, true,
                   query_negotiation_info),
    SSPI_ATTRIBUTE(SECPKG_ATTR_NATIVE_NAMES, SecPkgContext_NativeNamesA, false, query_native_names),
    SSPI_ATTRIBUTE(SECPKG_ATTR_FLAGS, SecPkgContext_Flags, true, query_flags),
    SSPI_ATTRIBUTE(SECPKG_ATTR_TARGET_INFORMATION, SecPkgContext_TargetInformation, false,
                   query_target_information),
    SSPI_ATTRIBUTE(SECPKG_ATTR_ACCESS_TOKEN, SecPkgContext_AccessToken, false, query_access_token),
    SSPI_ATTRIBUTE(SECPKG_ATTR_CLIENT_SPECIFIED_TARGET, SecPkgContext_ClientSpecifiedTarget, false,
                   query_client_target),
    SSPI_ATTRIBUTE(SECPKG_ATTR_LAST_CLIENT_TOKEN_STATUS, SecPkgContext_LastClientTokenStatus, false,
                   query_last_token),
};
#undef SSPI_ATTRIBUTE

constexpr ULONG kAnySize = 0xFFFFFFFF;

SECURITY_STATUS query(PCtxtHandle handle, ULONG number, void* buffer, ULONG size, bool wide) {
  const auto context = live_context(handle);
  if (!context) {
    return SEC_E_INVALID_HANDLE;
  }
  for (const Attribute& attribute : kAttributes) {
    if (attribute.number != number) {
      continue;
    }
    if (buffer == nullptr) {
      return SEC_E_INVALID_PARAMETER;
    }
    if (size < attribute.size) {
      return SEC_E_BUFFER_TOO_SMALL;
    }
    if (!attribute.early && context->state != Context::State::kOpen) {
      return SEC_E_INVALID_HANDLE;
    }
    return (wide ? attribute.wide : attribute.ansi)(*context, buffer);
  }
  return SEC_E_UNSUPPORTED_FUNCTION;
}

}  // namespace
}  // namespace sspi

using namespace sspi;

extern "C" {

SECURITY_STATUS QueryContextAttributesA(PCtxtHandle phContext, ULONG ulAttribute, void* pBuffer) {
  return guard([&] { return query(phContext, ulAttribute, pBuffer, kAnySize, false); });
}

SECURITY_STATUS QueryContextAttributesW(PCtxtHandle phContext, ULONG ulAttribute, void* pBuffer) {
  return guard([&] { return query(phContext, ulAttribute, pBuffer, kAnySize, true); });
}

SECURITY_STATUS QueryContextAttributesExA(PCtxtHandle phContext, ULONG ulAttribute, void* pBuffer,
                                          ULONG cbBuffer) {
  return guard([&] { return query(phContext, ulAttribute, pBuffer, cbBuffer, false); });
}

SECURITY_STATUS QueryContextAttributesExW(PCtxtHandle phContext, ULONG ulAttribute, void* pBuffer,
                                          ULONG cbBuffer) {
  return guard([&] { return query(phContext, ulAttribute, pBuffer, cbBuffer, true); });
}

SECURITY_STATUS SetContextAttributesA(PCtxtHandle phContext, ULONG, void*, ULONG) {
  return guard([&] { return if_live(phContext, SEC_E_UNSUPPORTED_FUNCTION); });
}

SECURITY_STATUS SetContextAttributesW(PCtxtHandle phContext, ULONG, void*, ULONG) {
  return guard([&] { return if_live(phContext, SEC_E_UNSUPPORTED_FUNCTION); });
}

}  // extern "C"
