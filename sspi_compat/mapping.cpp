// SPDX-License-Identifier: MIT
#include "sspi_compat/mapping.h"

#include <time.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "gssapi_ntlm.h"
#include "sspi_compat/mechanism.h"
#include "sspi_compat/text.h"

namespace sspi {
namespace {

// ---- statuses ----

struct MinorRow {
  OM_uint32 minor;
  SECURITY_STATUS status;
  std::uint32_t nt;
  DWORD win32;
};

// MIT's krb5 codes are numbers of a public error table (krb5_err.et) with this base.
constexpr OM_uint32 krb5(int offset) { return static_cast<OM_uint32>(-1765328384 + offset); }

constexpr MinorRow kMinors[] = {
    {GSS_NTLM_MINOR_DEFECTIVE_MESSAGE, SEC_E_INVALID_TOKEN, 0xC000000D, ERROR_INVALID_PARAMETER},
    {GSS_NTLM_MINOR_UNEXPECTED_MESSAGE, SEC_E_INVALID_TOKEN, 0xC000000D, ERROR_INVALID_PARAMETER},
    {GSS_NTLM_MINOR_TARGET_INFO_NOT_ECHOED, SEC_E_INVALID_TOKEN, 0xC000000D,
     ERROR_INVALID_PARAMETER},
    {GSS_NTLM_MINOR_DEFECTIVE_EXPORT, SEC_E_INVALID_TOKEN, 0xC000000D, ERROR_INVALID_PARAMETER},
    {GSS_NTLM_MINOR_DEAD_CONTEXT, SEC_E_INVALID_HANDLE, 0xC0000008, ERROR_INVALID_HANDLE},
    {GSS_NTLM_MINOR_INCOMPLETE_CONTEXT, SEC_E_INVALID_HANDLE, 0xC0000008, ERROR_INVALID_HANDLE},
    {GSS_NTLM_MINOR_FEATURE_MISSING, SEC_E_UNSUPPORTED_FUNCTION, 0xC00000BB, ERROR_NOT_SUPPORTED},
    {GSS_NTLM_MINOR_VERSION_REFUSED, SEC_E_LOGON_DENIED, 0xC0000418, ERROR_LOGON_FAILURE},
    {GSS_NTLM_MINOR_MIC_MISSING, SEC_E_LOGON_DENIED, 0xC000006D, ERROR_LOGON_FAILURE},
    {GSS_NTLM_MINOR_ANONYMOUS_REFUSED, SEC_E_LOGON_DENIED, 0xC000006D, ERROR_LOGON_FAILURE},
    {GSS_NTLM_MINOR_TARGET_REFUSED, SEC_E_WRONG_PRINCIPAL, 0xC000006D, ERROR_LOGON_FAILURE},
    {GSS_NTLM_MINOR_BAD_BINDINGS, SEC_E_BAD_BINDINGS, 0xC000035B, ERROR_LOGON_FAILURE},
    {GSS_NTLM_MINOR_CHALLENGE_EXPIRED, SEC_E_CONTEXT_EXPIRED, 0xC000006D, ERROR_LOGON_FAILURE},
    {GSS_NTLM_MINOR_FIPS, SEC_E_CRYPTO_SYSTEM_INVALID, 0xC00000BB, ERROR_NOT_SUPPORTED},
    {GSS_NTLM_MINOR_LOGON_DENIED, SEC_E_LOGON_DENIED, 0xC000006D, ERROR_LOGON_FAILURE},
    {GSS_NTLM_MINOR_ACCOUNT_RESTRICTION, SEC_E_LOGON_DENIED, 0xC000006E, ERROR_ACCOUNT_RESTRICTION},
    {GSS_NTLM_MINOR_LOGON_HOURS, SEC_E_LOGON_DENIED, 0xC000006F, ERROR_INVALID_LOGON_HOURS},
    {GSS_NTLM_MINOR_WORKSTATION, SEC_E_LOGON_DENIED, 0xC0000070, ERROR_INVALID_WORKSTATION},
    {GSS_NTLM_MINOR_PASSWORD_EXPIRED, SEC_E_LOGON_DENIED, 0xC0000071, ERROR_PASSWORD_EXPIRED},
    {GSS_NTLM_MINOR_ACCOUNT_DISABLED, SEC_E_LOGON_DENIED, 0xC0000072, ERROR_ACCOUNT_DISABLED},
    {GSS_NTLM_MINOR_ACCOUNT_EXPIRED, SEC_E_LOGON_DENIED, 0xC0000193, ERROR_ACCOUNT_EXPIRED},
    {GSS_NTLM_MINOR_PASSWORD_MUST_CHANGE, SEC_E_LOGON_DENIED, 0xC0000224,
     ERROR_PASSWORD_MUST_CHANGE},
    {GSS_NTLM_MINOR_ACCOUNT_LOCKED, SEC_E_LOGON_DENIED, 0xC0000234, ERROR_ACCOUNT_LOCKED_OUT},
    {GSS_NTLM_MINOR_TRUST_ACCOUNT, SEC_E_LOGON_DENIED, 0xC0000199, ERROR_LOGON_FAILURE},
    {GSS_NTLM_MINOR_SMARTCARD_REQUIRED, SEC_E_SMARTCARD_LOGON_REQUIRED, 0xC00002FA,
     ERROR_LOGON_FAILURE},
    {GSS_NTLM_MINOR_LOGON_TYPE, SEC_E_LOGON_DENIED, 0xC000015B, ERROR_LOGON_TYPE_NOT_GRANTED},
    {GSS_NTLM_MINOR_NO_AUTHORITY, SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC000005E,
     ERROR_NO_LOGON_SERVERS},
    {GSS_NTLM_MINOR_AUTHORITY_DOWN, SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC000005E,
     ERROR_NO_LOGON_SERVERS},
    {GSS_NTLM_MINOR_AUTHORITY_ACCESS, SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC0000022,
     ERROR_ACCESS_DENIED},
    {GSS_NTLM_MINOR_AUTHORITY_TRUST, SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC000018D,
     ERROR_TRUST_FAILURE},
    {GSS_NTLM_MINOR_BAD_MIC, SEC_E_MESSAGE_ALTERED, 0xC000006D, ERROR_LOGON_FAILURE},
    {GSS_NTLM_MINOR_BAD_SIGNATURE, SEC_E_MESSAGE_ALTERED, 0xC0000001, ERROR_INTERNAL_ERROR},
    {GSS_NTLM_MINOR_OUT_OF_SEQUENCE, SEC_E_OUT_OF_SEQUENCE, 0xC0000001, ERROR_INTERNAL_ERROR},
    {GSS_NTLM_MINOR_NOT_PROTECTED, SEC_E_UNSUPPORTED_FUNCTION, 0xC00000BB, ERROR_NOT_SUPPORTED},
    {GSS_NTLM_MINOR_SEQUENCE_EXHAUSTED, SEC_E_CONTEXT_EXPIRED, 0xC0000001, ERROR_INTERNAL_ERROR},
    {GSS_NTLM_MINOR_CONFIGURATION, SEC_E_INTERNAL_ERROR, 0xC0000001, ERROR_INTERNAL_ERROR},
    {GSS_NTLM_MINOR_STORE, SEC_E_INTERNAL_ERROR, 0xC0000001, ERROR_INTERNAL_ERROR},
    {GSS_NTLM_MINOR_NO_CREDENTIAL, SEC_E_NO_CREDENTIALS, 0xC000005F, ERROR_LOGON_FAILURE},
    {krb5(6), SEC_E_LOGON_DENIED, 0xC0000064, ERROR_LOGON_FAILURE},      // C_PRINCIPAL_UNKNOWN
    {krb5(7), SEC_E_TARGET_UNKNOWN, 0xC000018B, ERROR_TRUST_FAILURE},    // S_PRINCIPAL_UNKNOWN
    {krb5(18), SEC_E_LOGON_DENIED, 0xC0000072, ERROR_ACCOUNT_DISABLED},  // CLIENT_REVOKED
    {krb5(23), SEC_E_LOGON_DENIED, 0xC0000071, ERROR_PASSWORD_EXPIRED},  // KEY_EXP
    {krb5(24), SEC_E_LOGON_DENIED, 0xC000006A, ERROR_LOGON_FAILURE},     // PREAUTH_FAILED
    {krb5(31), SEC_E_LOGON_DENIED, 0xC000006A, ERROR_LOGON_FAILURE},     // BAD_INTEGRITY
    {krb5(37), SEC_E_TIME_SKEW, 0xC0000133, ERROR_TIME_SKEW},            // SKEW
    {krb5(154), SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC00000DF,
     ERROR_NO_SUCH_DOMAIN},  // REALM_UNKNOWN
    {krb5(156), SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC000005E,
     ERROR_NO_LOGON_SERVERS},  // KDC_UNREACH
    {krb5(220), SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC00000DF,
     ERROR_NO_SUCH_DOMAIN},  // REALM_CANT_RESOLVE
    {ENOMEM, SEC_E_INSUFFICIENT_MEMORY, 0xC0000017, ERROR_NOT_ENOUGH_MEMORY},
};

// NTSTATUS and Win32 error of a status that has no minor.
struct StatusRow {
  SECURITY_STATUS status;
  std::uint32_t nt;
  DWORD win32;
  OM_uint32 major;
};
constexpr StatusRow kStatuses[] = {
    {SEC_E_INSUFFICIENT_MEMORY, 0xC0000017, ERROR_NOT_ENOUGH_MEMORY, GSS_S_FAILURE},
    {SEC_E_INVALID_HANDLE, 0xC0000008, ERROR_INVALID_HANDLE, GSS_S_NO_CONTEXT},
    {SEC_E_UNSUPPORTED_FUNCTION, 0xC00000BB, ERROR_NOT_SUPPORTED, GSS_S_UNAVAILABLE},
    {SEC_E_TARGET_UNKNOWN, 0xC000018B, ERROR_TRUST_FAILURE, GSS_S_BAD_NAME},
    {SEC_E_SECPKG_NOT_FOUND, 0xC00000FE, ERROR_NOT_SUPPORTED, GSS_S_BAD_MECH},
    {SEC_E_NOT_OWNER, 0xC0000022, ERROR_ACCESS_DENIED, GSS_S_UNAUTHORIZED},
    {SEC_E_INVALID_TOKEN, 0xC000000D, ERROR_INVALID_PARAMETER, GSS_S_DEFECTIVE_TOKEN},
    {SEC_E_INCOMPLETE_MESSAGE, 0xC000000D, ERROR_INVALID_PARAMETER, GSS_S_DEFECTIVE_TOKEN},
    {SEC_E_ILLEGAL_MESSAGE, 0xC000000D, ERROR_INVALID_PARAMETER, GSS_S_DEFECTIVE_TOKEN},
    {SEC_E_INVALID_PARAMETER, 0xC000000D, ERROR_INVALID_PARAMETER, GSS_S_FAILURE},
    {SEC_E_QOP_NOT_SUPPORTED, 0xC00000BB, ERROR_NOT_SUPPORTED, GSS_S_BAD_QOP},
    {SEC_E_NO_IMPERSONATION, 0xC00000A5, ERROR_BAD_IMPERSONATION_LEVEL, GSS_S_FAILURE},
    {SEC_E_LOGON_DENIED, 0xC000006D, ERROR_LOGON_FAILURE, GSS_S_FAILURE},
    {SEC_E_UNKNOWN_CREDENTIALS, 0xC000000D, ERROR_INVALID_PARAMETER, GSS_S_DEFECTIVE_CREDENTIAL},
    {SEC_E_NO_CREDENTIALS, 0xC000005F, ERROR_LOGON_FAILURE, GSS_S_NO_CRED},
    {SEC_E_MESSAGE_ALTERED, 0xC0000001, ERROR_INTERNAL_ERROR, GSS_S_BAD_SIG},
    {SEC_E_DECRYPT_FAILURE, 0xC0000001, ERROR_INTERNAL_ERROR, GSS_S_BAD_SIG},
    {SEC_E_OUT_OF_SEQUENCE, 0xC0000001, ERROR_INTERNAL_ERROR, GSS_S_UNSEQ_TOKEN},
    {SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC000005E, ERROR_NO_LOGON_SERVERS, GSS_S_FAILURE},
    {SEC_E_CONTEXT_EXPIRED, 0xC0000001, ERROR_INTERNAL_ERROR, GSS_S_CONTEXT_EXPIRED},
    {SEC_E_BUFFER_TOO_SMALL, 0xC0000023, ERROR_INSUFFICIENT_BUFFER, GSS_S_FAILURE},
    {SEC_E_WRONG_PRINCIPAL, 0xC000006D, ERROR_LOGON_FAILURE, GSS_S_BAD_NAME},
    {SEC_E_TIME_SKEW, 0xC0000133, ERROR_TIME_SKEW, GSS_S_FAILURE},
    {SEC_E_BAD_BINDINGS, 0xC000035B, ERROR_LOGON_FAILURE, GSS_S_BAD_BINDINGS},
    {SEC_E_DOWNGRADE_DETECTED, 0xC0000388, ERROR_LOGON_FAILURE, GSS_S_FAILURE},
};
constexpr StatusRow kOtherStatus{SEC_E_INTERNAL_ERROR, 0xC0000001, ERROR_INTERNAL_ERROR,
                                 GSS_S_FAILURE};

const StatusRow& row_of(SECURITY_STATUS status) {
  for (const StatusRow& row : kStatuses) {
    if (row.status == status) {
      return row;
    }
  }
  return kOtherStatus;
}

const MinorRow* row_of_minor(OM_uint32 minor) {
  for (const MinorRow& row : kMinors) {
    if (row.minor == minor) {
      return &row;
    }
  }
  return nullptr;
}

SECURITY_STATUS status_of_major(Call call, OM_uint32 major) {
  const bool acquiring = call == Call::kAcquire;
  switch (GSS_CALLING_ERROR(major)) {
    case GSS_S_CALL_INACCESSIBLE_READ:
    case GSS_S_CALL_INACCESSIBLE_WRITE:
    case GSS_S_CALL_BAD_STRUCTURE:
      return call == Call::kAccept || call == Call::kInitiate ? SEC_E_INVALID_TOKEN
                                                              : SEC_E_INVALID_PARAMETER;
    default:
      break;
  }
  switch (GSS_ROUTINE_ERROR(major)) {
    case GSS_S_BAD_MECH:
      // A token of another mechanism than the package's is the token's fault.
      return call == Call::kAccept ? SEC_E_INVALID_TOKEN : SEC_E_SECPKG_NOT_FOUND;
    case GSS_S_BAD_NAME:
    case GSS_S_BAD_NAMETYPE:
      return acquiring ? SEC_E_UNKNOWN_CREDENTIALS : SEC_E_TARGET_UNKNOWN;
    case GSS_S_BAD_BINDINGS:
      return SEC_E_BAD_BINDINGS;
    case GSS_S_BAD_SIG:
      return SEC_E_MESSAGE_ALTERED;
    case GSS_S_NO_CRED:
    case GSS_S_CREDENTIALS_EXPIRED:
      return SEC_E_NO_CREDENTIALS;
    case GSS_S_NO_CONTEXT:
      return SEC_E_INVALID_HANDLE;
    case GSS_S_DEFECTIVE_TOKEN:
      return SEC_E_INVALID_TOKEN;
    case GSS_S_DEFECTIVE_CREDENTIAL:
      return acquiring ? SEC_E_UNKNOWN_CREDENTIALS : SEC_E_LOGON_DENIED;
    case GSS_S_CONTEXT_EXPIRED:
      return SEC_E_CONTEXT_EXPIRED;
    case GSS_S_BAD_QOP:
      return SEC_E_QOP_NOT_SUPPORTED;
    case GSS_S_UNAUTHORIZED:
      return acquiring ? SEC_E_NOT_OWNER : SEC_E_LOGON_DENIED;
    case GSS_S_UNAVAILABLE:
      return SEC_E_UNSUPPORTED_FUNCTION;
    default:
      break;
  }
  constexpr OM_uint32 kOrder =
      GSS_S_DUPLICATE_TOKEN | GSS_S_OLD_TOKEN | GSS_S_UNSEQ_TOKEN | GSS_S_GAP_TOKEN;
  return (major & kOrder) != 0 && !GSS_ERROR(major) ? SEC_E_OUT_OF_SEQUENCE : SEC_E_INTERNAL_ERROR;
}

// ---- the thread's last failure ----

struct LastFailure {
  bool fresh = false;       // set by this call, not by an earlier one
  bool remembered = false;  // counted in threads_that_remember
  std::uint32_t nt = 0;
  DWORD win32 = 0;
  OM_uint32 major = 0;
  OM_uint32 minor = 0;
  gss_const_OID mechanism = GSS_C_NO_OID;
  char text[256] = "";

  // Everything but that it is remembered.
  void clear() {
    fresh = false;
    nt = 0;
    win32 = ERROR_SUCCESS;
    major = 0;
    minor = 0;
    text[0] = '\0';
  }
  void remember(bool yes) {
    if (remembered != yes) {
      remembered = yes;
      threads_that_remember.fetch_add(yes ? 1 : -1, std::memory_order_relaxed);
    }
  }
};
thread_local LastFailure last;

void remember_text(std::string_view text) {
  last.text[text.copy(last.text, sizeof last.text - 1)] = '\0';
}

// The mechanism's own sentence, or the major status's when it has none.
std::string describe(OM_uint32 major, OM_uint32 minor, gss_const_OID mechanism) {
  for (const int type : {GSS_C_MECH_CODE, GSS_C_GSS_CODE}) {
    const OM_uint32 value = type == GSS_C_MECH_CODE ? minor : major;
    OM_uint32 ignored = 0;
    OM_uint32 more = 0;
    Buffer text;
    if (value != 0 && gss_display_status(&ignored, value, type, const_cast<gss_OID>(mechanism),
                                         &more, text.out()) == GSS_S_COMPLETE) {
      return std::string(text.view());
    }
  }
  return {};
}

// ---- flags ----

enum class Rule : std::uint8_t {
  kAgreed,         // set when GSS granted it
  kAgreedIfAsked,  // set when GSS granted it and the caller asked for it, or for what implies it
  kEcho,           // set when the caller asked for it
  kAlways,
};
struct FlagRow {
  ULONG required;     // _REQ_
  ULONG returned;     // _RET_
  OM_uint32 asked;    // GSS flags to ask for
  OM_uint32 granted;  // GSS flag that grants it
  Rule rule;
};

constexpr FlagRow kIsc[] = {
    {ISC_REQ_DELEGATE, ISC_RET_DELEGATE, GSS_C_DELEG_FLAG, GSS_C_DELEG_FLAG, Rule::kAgreedIfAsked},
    {ISC_REQ_MUTUAL_AUTH, ISC_RET_MUTUAL_AUTH, GSS_C_MUTUAL_FLAG, GSS_C_MUTUAL_FLAG,
     Rule::kAgreedIfAsked},
    {ISC_REQ_REPLAY_DETECT, ISC_RET_REPLAY_DETECT, GSS_C_REPLAY_FLAG | GSS_C_INTEG_FLAG,
     GSS_C_REPLAY_FLAG, Rule::kAgreedIfAsked},
    {ISC_REQ_SEQUENCE_DETECT, ISC_RET_SEQUENCE_DETECT, GSS_C_SEQUENCE_FLAG | GSS_C_INTEG_FLAG,
     GSS_C_SEQUENCE_FLAG, Rule::kAgreedIfAsked},
    {ISC_REQ_CONFIDENTIALITY, ISC_RET_CONFIDENTIALITY, GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG,
     GSS_C_CONF_FLAG, Rule::kAgreedIfAsked},
    {ISC_REQ_INTEGRITY, ISC_RET_INTEGRITY, GSS_C_INTEG_FLAG, GSS_C_INTEG_FLAG,
     Rule::kAgreedIfAsked},
    {ISC_REQ_IDENTIFY, ISC_RET_IDENTIFY, GSS_C_IDENTIFY_FLAG, GSS_C_IDENTIFY_FLAG,
     Rule::kAgreedIfAsked},
    {ISC_REQ_NULL_SESSION, ISC_RET_NULL_SESSION, GSS_C_ANON_FLAG, GSS_C_ANON_FLAG,
     Rule::kAgreedIfAsked},
    {ISC_REQ_EXTENDED_ERROR, ISC_RET_EXTENDED_ERROR, GSS_C_EXTENDED_ERROR_FLAG,
     GSS_C_EXTENDED_ERROR_FLAG, Rule::kAgreedIfAsked},
    {ISC_REQ_USE_DCE_STYLE, ISC_RET_USED_DCE_STYLE, GSS_C_DCE_STYLE, 0, Rule::kEcho},
    {ISC_REQ_USE_SESSION_KEY, ISC_RET_USE_SESSION_KEY, 0, 0, Rule::kEcho},
    {ISC_REQ_CONNECTION, ISC_RET_CONNECTION, 0, 0, Rule::kAlways},
};

constexpr FlagRow kAsc[] = {
    {ASC_REQ_DELEGATE, ASC_RET_DELEGATE, 0, GSS_C_DELEG_FLAG, Rule::kAgreed},
    {ASC_REQ_MUTUAL_AUTH, ASC_RET_MUTUAL_AUTH, 0, GSS_C_MUTUAL_FLAG, Rule::kAgreed},
    {ASC_REQ_REPLAY_DETECT, ASC_RET_REPLAY_DETECT, 0, GSS_C_REPLAY_FLAG, Rule::kAgreed},
    {ASC_REQ_SEQUENCE_DETECT, ASC_RET_SEQUENCE_DETECT, 0, GSS_C_SEQUENCE_FLAG, Rule::kAgreed},
    {ASC_REQ_CONFIDENTIALITY, ASC_RET_CONFIDENTIALITY, 0, GSS_C_CONF_FLAG, Rule::kAgreed},
    {ASC_REQ_INTEGRITY, ASC_RET_INTEGRITY, 0, GSS_C_INTEG_FLAG, Rule::kAgreed},
    {ASC_REQ_IDENTIFY, ASC_RET_IDENTIFY, 0, GSS_C_IDENTIFY_FLAG, Rule::kAgreed},
    {ASC_REQ_ALLOW_NULL_SESSION, ASC_RET_NULL_SESSION, 0, GSS_C_ANON_FLAG, Rule::kAgreed},
    {ASC_REQ_EXTENDED_ERROR, ASC_RET_EXTENDED_ERROR, 0, GSS_C_EXTENDED_ERROR_FLAG, Rule::kAgreed},
    {ASC_REQ_USE_DCE_STYLE, ASC_RET_USED_DCE_STYLE, 0, 0, Rule::kEcho},
    {ASC_REQ_USE_SESSION_KEY, ASC_RET_USE_SESSION_KEY, 0, 0, Rule::kEcho},
    {ASC_REQ_CONNECTION, ASC_RET_CONNECTION, 0, 0, Rule::kEcho},
    {ASC_REQ_NO_TOKEN, ASC_RET_NO_TOKEN, 0, 0, Rule::kEcho},
};

struct NamedFlag {
  std::string_view name;
  ULONG flag;
};
constexpr NamedFlag kRequirable[] = {
    {"ASC_REQ_DELEGATE", ASC_REQ_DELEGATE},
    {"ASC_REQ_MUTUAL_AUTH", ASC_REQ_MUTUAL_AUTH},
    {"ASC_REQ_REPLAY_DETECT", ASC_REQ_REPLAY_DETECT},
    {"ASC_REQ_SEQUENCE_DETECT", ASC_REQ_SEQUENCE_DETECT},
    {"ASC_REQ_CONFIDENTIALITY", ASC_REQ_CONFIDENTIALITY},
    {"ASC_REQ_INTEGRITY", ASC_REQ_INTEGRITY},
    {"ASC_REQ_IDENTIFY", ASC_REQ_IDENTIFY},
};

template <std::size_t N>
ULONG returned(const FlagRow (&table)[N], ULONG requested, OM_uint32 granted) {
  OM_uint32 asked = 0;
  for (const FlagRow& row : table) {
    asked |= (requested & row.required) != 0 ? row.asked : 0;
  }
  ULONG result = 0;
  for (const FlagRow& row : table) {
    const bool agreed = (granted & row.granted) != 0;
    const bool set = row.rule == Rule::kAlways || (row.rule == Rule::kAgreed && agreed) ||
                     (row.rule == Rule::kAgreedIfAsked && agreed && (asked & row.granted) != 0) ||
                     (row.rule == Rule::kEcho && (requested & row.required) != 0);
    result |= set ? row.returned : 0;
  }
  return result;
}

// ---- times ----

constexpr std::int64_t kTicksPerSecond = 10'000'000;
constexpr std::int64_t kSecondsFrom1601To1970 = 11'644'473'600;

TimeStamp from_ticks(std::int64_t ticks) {
  return {static_cast<ULONG>(static_cast<std::uint64_t>(ticks)), static_cast<LONG>(ticks >> 32)};
}

}  // namespace

SECURITY_STATUS status_of(Call call, OM_uint32 major, OM_uint32 minor, gss_const_OID mechanism) {
  const MinorRow* row = row_of_minor(minor);
  if (row == nullptr && is_spnego(mechanism)) {
    if (const OM_uint32 beneath = take_last_ntlm_minor(); beneath != 0) {
      row = row_of_minor(beneath);
    }
  }
  SECURITY_STATUS status = row != nullptr ? row->status : status_of_major(call, major);
  if (minor == GSS_NTLM_MINOR_CRYPTO && call == Call::kSeal) {
    status = SEC_E_ENCRYPT_FAILURE;
  } else if (minor == GSS_NTLM_MINOR_CRYPTO && call == Call::kUnseal) {
    status = SEC_E_DECRYPT_FAILURE;
  }
  last.remember(true);
  last.fresh = true;
  last.nt = row != nullptr ? row->nt : row_of(status).nt;
  last.win32 = row != nullptr ? row->win32 : row_of(status).win32;
  last.major = major;
  last.minor = minor;
  last.mechanism = mechanism;
  last.text[0] = '\0';
  return status;
}

OM_uint32 major_of(SECURITY_STATUS status) {
  if (status >= 0) {
    return status == SEC_I_CONTINUE_NEEDED ? GSS_S_CONTINUE_NEEDED : GSS_S_COMPLETE;
  }
  return row_of(status).major;
}

SECURITY_STATUS failure(SECURITY_STATUS status, const char* text) {
  last.clear();
  last.remember(true);
  last.fresh = true;
  last.nt = row_of(status).nt;
  last.win32 = row_of(status).win32;
  remember_text(text);
  return status;
}

SECURITY_STATUS failure_with_text(SECURITY_STATUS status, const std::string& text) {
  return failure(status, text.c_str());
}

constinit std::atomic<int> threads_that_remember{0};

SECURITY_STATUS set_last(SECURITY_STATUS status) noexcept {
  LastFailure& mine = last;
  if (status >= 0) {
    mine.clear();
    mine.remember(false);
    return status;
  }
  if (!mine.fresh) {
    failure(status, "");
  }
  mine.fresh = false;
  return status;
}

OM_uint32 gss_flags_of_isc(ULONG requested) {
  OM_uint32 flags = 0;
  for (const FlagRow& row : kIsc) {
    flags |= (requested & row.required) != 0 ? row.asked : 0;
  }
  return flags;
}

ULONG isc_returned(ULONG requested, OM_uint32 granted) {
  return returned(kIsc, requested, granted);
}
ULONG asc_returned(ULONG requested, OM_uint32 granted) {
  return returned(kAsc, requested, granted);
}

bool asc_granted(ULONG needed, OM_uint32 granted) {
  for (const FlagRow& row : kAsc) {
    if ((needed & row.required) != 0 && (granted & row.granted) == 0) {
      return false;
    }
  }
  return true;
}

ULONG asc_flag_named(std::string_view name) {
  for (const NamedFlag& row : kRequirable) {
    if (row.name == name) {
      return row.flag;
    }
  }
  return 0;
}

SecBuffer* find_buffer(const SecBufferDesc* buffers, ULONG type) {
  if (buffers == nullptr || buffers->pBuffers == nullptr) {
    return nullptr;
  }
  for (ULONG i = 0; i < buffers->cBuffers; ++i) {
    if (buffer_type(buffers->pBuffers[i]) == type) {
      return &buffers->pBuffers[i];
    }
  }
  return nullptr;
}

SECURITY_STATUS read_bindings(const SecBufferDesc* buffers, Bindings& bindings) {
  const SecBuffer* buffer = find_buffer(buffers, SECBUFFER_CHANNEL_BINDINGS);
  if (buffer == nullptr || (buffer->cbBuffer == 0 && buffer->pvBuffer == nullptr)) {
    return SEC_E_OK;
  }
  SEC_CHANNEL_BINDINGS header;
  if (buffer->pvBuffer == nullptr || buffer->cbBuffer < sizeof header) {
    return failure(SEC_E_INVALID_TOKEN, "SECBUFFER_CHANNEL_BINDINGS is shorter than its header");
  }
  std::memcpy(&header, buffer->pvBuffer, sizeof header);  // it may be unaligned
  bool sound = true;
  const auto field = [&](ULONG offset, ULONG length) -> gss_buffer_desc {
    if (length == 0) {
      return GSS_C_EMPTY_BUFFER;
    }
    if (length > buffer->cbBuffer || offset > buffer->cbBuffer - length) {
      sound = false;
      return GSS_C_EMPTY_BUFFER;
    }
    return {length, static_cast<char*>(buffer->pvBuffer) + offset};
  };
  bindings.value.initiator_addrtype = header.dwInitiatorAddrType;
  bindings.value.initiator_address = field(header.dwInitiatorOffset, header.cbInitiatorLength);
  bindings.value.acceptor_addrtype = header.dwAcceptorAddrType;
  bindings.value.acceptor_address = field(header.dwAcceptorOffset, header.cbAcceptorLength);
  bindings.value.application_data =
      field(header.dwApplicationDataOffset, header.cbApplicationDataLength);
  if (!sound) {
    return failure(SEC_E_INVALID_TOKEN, "SECBUFFER_CHANNEL_BINDINGS points outside itself");
  }
  bindings.present = true;
  return SEC_E_OK;
}

TimeStamp never() { return {0xFFFFFFFF, 0x7FFFFFFF}; }

TimeStamp time_at(std::int64_t seconds_since_1970) {
  const time_t utc = seconds_since_1970;
  tm local{};
  if (localtime_r(&utc, &local) == nullptr) {
    return never();
  }
  return from_ticks((seconds_since_1970 + local.tm_gmtoff + kSecondsFrom1601To1970) *
                    kTicksPerSecond);
}

TimeStamp time_in(OM_uint32 seconds_from_now) {
  return seconds_from_now == GSS_C_INDEFINITE
             ? never()
             : time_at(std::int64_t{time(nullptr)} + seconds_from_now);
}

void ReleaseName::operator()(gss_name_t name) const noexcept {
  OM_uint32 minor = 0;
  gss_release_name(&minor, &name);
}

Buffer::~Buffer() {
  OM_uint32 minor = 0;
  gss_release_buffer(&minor, &buffer_);
}

gss_buffer_desc input_buffer(std::string_view bytes) {
  return input_buffer(bytes.data(), bytes.size());
}

gss_buffer_desc input_buffer(const void* bytes, std::size_t size) {
  return {size, const_cast<void*>(bytes)};
}

}  // namespace sspi

extern "C" {

NTSTATUS SspiCompatGetLastNtStatus(void) { return static_cast<NTSTATUS>(sspi::last.nt); }

DWORD SspiCompatGetLastError(void) { return sspi::last.win32; }

VOID SspiCompatSetLastError(DWORD Error) {
  sspi::last.remember(true);
  sspi::last.win32 = Error;
}

const char* SspiCompatGetLastText(void) {
  using sspi::last;
  if (last.text[0] == '\0' && (last.major != 0 || last.minor != 0)) {
    try {
      sspi::remember_text(sspi::describe(last.major, last.minor, last.mechanism));
    } catch (...) {
      last.text[0] = '\0';
    }
  }
  return last.text;
}

}  // extern "C"
