// SPDX-License-Identifier: MIT
#include "sspi_compat/status.h"

#include <cerrno>

#include "gssapi_ntlm.h"
#include "sspi_compat/gss_objects.h"
#include "sspi_compat/mechanism.h"

namespace sspi {
namespace {

struct MinorRow {
  OM_uint32 minor;
  SECURITY_STATUS status;
  std::uint32_t nt;
  DWORD win32;
};

constexpr MinorRow kMinors[] = {
    {GSS_NTLM_MINOR_DEFECTIVE_MESSAGE, SEC_E_INVALID_TOKEN, 0xC000000D, ERROR_INVALID_PARAMETER},
    {GSS_NTLM_MINOR_UNEXPECTED_MESSAGE, SEC_E_INVALID_TOKEN, 0xC000000D, ERROR_INVALID_PARAMETER},
    {GSS_NTLM_MINOR_TARGET_INFO_NOT_ECHOED, SEC_E_INVALID_TOKEN, 0xC000000D,
     ERROR_INVALID_PARAMETER},
    {GSS_NTLM_MINOR_DEFECTIVE_EXPORT, SEC_E_INVALID_TOKEN, 0xC000000D, ERROR_INVALID_PARAMETER},
    {GSS_NTLM_MINOR_DEAD_CONTEXT, SEC_E_INVALID_HANDLE, 0xC0000008, ERROR_INVALID_HANDLE},
    {GSS_NTLM_MINOR_INCOMPLETE_CONTEXT, SEC_E_INVALID_HANDLE, 0xC0000008, ERROR_INVALID_HANDLE},
    {GSS_NTLM_MINOR_CONTEXT_EXPIRED, SEC_E_CONTEXT_EXPIRED, 0xC0000001, ERROR_INTERNAL_ERROR},
    {GSS_NTLM_MINOR_NOT_EXPORTABLE, SEC_E_UNSUPPORTED_FUNCTION, 0xC00000BB, ERROR_NOT_SUPPORTED},
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
    {GSS_NTLM_MINOR_TOO_MANY_LOGONS, SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC000009A,
     ERROR_NO_SYSTEM_RESOURCES},
    {GSS_NTLM_MINOR_BAD_MIC, SEC_E_MESSAGE_ALTERED, 0xC000006D, ERROR_LOGON_FAILURE},
    {GSS_NTLM_MINOR_BAD_SIGNATURE, SEC_E_MESSAGE_ALTERED, 0xC0000001, ERROR_INTERNAL_ERROR},
    {GSS_NTLM_MINOR_OUT_OF_SEQUENCE, SEC_E_OUT_OF_SEQUENCE, 0xC0000001, ERROR_INTERNAL_ERROR},
    {GSS_NTLM_MINOR_NOT_PROTECTED, SEC_E_UNSUPPORTED_FUNCTION, 0xC00000BB, ERROR_NOT_SUPPORTED},
    {GSS_NTLM_MINOR_SEQUENCE_EXHAUSTED, SEC_E_CONTEXT_EXPIRED, 0xC0000001, ERROR_INTERNAL_ERROR},
    {GSS_NTLM_MINOR_CONFIGURATION, SEC_E_INTERNAL_ERROR, 0xC0000001, ERROR_INTERNAL_ERROR},
    {GSS_NTLM_MINOR_STORE, SEC_E_INTERNAL_ERROR, 0xC0000001, ERROR_INTERNAL_ERROR},
    {GSS_NTLM_MINOR_NO_CREDENTIAL, SEC_E_NO_CREDENTIALS, 0xC000005F, ERROR_LOGON_FAILURE},
    {ENOMEM, SEC_E_INSUFFICIENT_MEMORY, 0xC0000017, ERROR_NOT_ENOUGH_MEMORY},
};

// MIT's krb5 codes are numbers of a public error table (krb5_err.et) with this base.
constexpr OM_uint32 krb5(int offset) { return static_cast<OM_uint32>(-1765328384 + offset); }

// Why Kerberos lets nobody log in: what a KDC, a server or a client told, or made of a ticket.
constexpr MinorRow kKerberosMinors[] = {
    {krb5(1), SEC_E_LOGON_DENIED, 0xC0000193, ERROR_ACCOUNT_EXPIRED},        // NAME_EXP
    {krb5(6), SEC_E_LOGON_DENIED, 0xC0000064, ERROR_LOGON_FAILURE},          // C_PRINCIPAL_UNKNOWN
    {krb5(7), SEC_E_TARGET_UNKNOWN, 0xC000018B, ERROR_TRUST_FAILURE},        // S_PRINCIPAL_UNKNOWN
    {krb5(12), SEC_E_LOGON_DENIED, 0xC000006E, ERROR_ACCOUNT_RESTRICTION},   // POLICY
    {krb5(14), SEC_E_KDC_UNKNOWN_ETYPE, 0xC00002FD, ERROR_NOT_SUPPORTED},    // ETYPE_NOSUPP
    {krb5(16), SEC_E_UNSUPPORTED_PREAUTH, 0xC0000351, ERROR_NOT_SUPPORTED},  // PADATA_TYPE_NOSUPP
    {krb5(18), SEC_E_LOGON_DENIED, 0xC0000072, ERROR_ACCOUNT_DISABLED},      // CLIENT_REVOKED
    {krb5(23), SEC_E_LOGON_DENIED, 0xC0000071, ERROR_PASSWORD_EXPIRED},      // KEY_EXP
    {krb5(24), SEC_E_LOGON_DENIED, 0xC000006A, ERROR_LOGON_FAILURE},         // PREAUTH_FAILED
    {krb5(29), SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC000005E,
     ERROR_NO_LOGON_SERVERS},                                              // SVC_UNAVAILABLE
    {krb5(31), SEC_E_LOGON_DENIED, 0xC000006A, ERROR_LOGON_FAILURE},       // BAD_INTEGRITY
    {krb5(32), SEC_E_CONTEXT_EXPIRED, 0xC000006D, ERROR_LOGON_FAILURE},    // TKT_EXPIRED
    {krb5(33), SEC_E_TIME_SKEW, 0xC0000133, ERROR_TIME_SKEW},              // TKT_NYV
    {krb5(34), SEC_E_LOGON_DENIED, 0xC000006D, ERROR_LOGON_FAILURE},       // REPEAT
    {krb5(35), SEC_E_WRONG_PRINCIPAL, 0xC000006D, ERROR_LOGON_FAILURE},    // NOT_US
    {krb5(36), SEC_E_LOGON_DENIED, 0xC000006D, ERROR_LOGON_FAILURE},       // BADMATCH
    {krb5(37), SEC_E_TIME_SKEW, 0xC0000133, ERROR_TIME_SKEW},              // SKEW
    {krb5(38), SEC_E_LOGON_DENIED, 0xC000006D, ERROR_LOGON_FAILURE},       // BADADDR
    {krb5(39), SEC_E_INVALID_TOKEN, 0xC000000D, ERROR_INVALID_PARAMETER},  // BADVERSION
    {krb5(40), SEC_E_INVALID_TOKEN, 0xC000000D, ERROR_INVALID_PARAMETER},  // MSG_TYPE
    // MODIFIED: what a Windows server answers to a ticket for another account's key.
    {krb5(41), SEC_E_WRONG_PRINCIPAL, 0xC000006D, ERROR_LOGON_FAILURE},
    {krb5(44), SEC_E_NO_KERB_KEY, 0xC0000322, ERROR_LOGON_FAILURE},         // BADKEYVER
    {krb5(45), SEC_E_NO_KERB_KEY, 0xC0000322, ERROR_LOGON_FAILURE},         // NOKEY
    {krb5(46), SEC_E_MUTUAL_AUTH_FAILED, 0xC00002C3, ERROR_LOGON_FAILURE},  // MUT_FAIL
    {krb5(50), SEC_E_INVALID_TOKEN, 0xC000000D, ERROR_INVALID_PARAMETER},   // INAPP_CKSUM
    {krb5(144), SEC_E_WRONG_PRINCIPAL, 0xC000006D, ERROR_LOGON_FAILURE},    // WRONG_PRINC
    {krb5(145), SEC_E_LOGON_DENIED, 0xC000006D, ERROR_LOGON_FAILURE},       // TKT_INVALID
    {krb5(154), SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC00000DF,
     ERROR_NO_SUCH_DOMAIN},  // REALM_UNKNOWN
    {krb5(156), SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC000005E,
     ERROR_NO_LOGON_SERVERS},  // KDC_UNREACH
    {krb5(220), SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC00000DF,
     ERROR_NO_SUCH_DOMAIN},                                                  // REALM_CANT_RESOLVE
    {krb5(236), SEC_E_ALGORITHM_MISMATCH, 0xC00000BB, ERROR_NOT_SUPPORTED},  // NOPERM_ETYPE
    {ENOMEM, SEC_E_INSUFFICIENT_MEMORY, 0xC0000017, ERROR_NOT_ENOUGH_MEMORY},
};

// Why a server cannot look at a ticket: its own files, keytab, cache of replays.
constexpr MinorRow hosts_fault(OM_uint32 minor) {
  return {minor, SEC_E_INTERNAL_ERROR, 0xC0000001, ERROR_INTERNAL_ERROR};
}
constexpr MinorRow kKerberosHostMinors[] = {
    hosts_fault(EPERM),
    hosts_fault(ENOENT),
    hosts_fault(EIO),
    hosts_fault(EACCES),
    hosts_fault(ENFILE),
    hosts_fault(EMFILE),
    hosts_fault(ENOSPC),
    hosts_fault(EROFS),
    hosts_fault(krb5(135)),                                           // CONFIG_CANTOPEN
    hosts_fault(krb5(136)),                                           // CONFIG_BADFORMAT
    hosts_fault(krb5(164)),                                           // RC_IO
    hosts_fault(krb5(169)),                                           // RC_IO_PERM
    hosts_fault(krb5(170)),                                           // RC_IO_IO
    hosts_fault(krb5(171)),                                           // RC_IO_UNKNOWN
    hosts_fault(krb5(172)),                                           // RC_IO_SPACE
    hosts_fault(krb5(179)),                                           // KT_BADNAME
    hosts_fault(krb5(180)),                                           // KT_UNKNOWN_TYPE
    hosts_fault(krb5(184)),                                           // KT_IOERR
    hosts_fault(krb5(235)),                                           // KT_FORMAT
    {krb5(181), SEC_E_NO_KERB_KEY, 0xC0000322, ERROR_LOGON_FAILURE},  // KT_NOTFOUND
    {krb5(230), SEC_E_NO_KERB_KEY, 0xC0000322, ERROR_LOGON_FAILURE},  // KT_KVNONOTFOUND
};

// NTSTATUS and Win32 error of a status that has no minor.
struct StatusRow {
  SECURITY_STATUS status;
  std::uint32_t nt;
  DWORD win32;
};
constexpr StatusRow kStatuses[] = {
    {SEC_E_INSUFFICIENT_MEMORY, 0xC0000017, ERROR_NOT_ENOUGH_MEMORY},
    {SEC_E_INVALID_HANDLE, 0xC0000008, ERROR_INVALID_HANDLE},
    {SEC_E_UNSUPPORTED_FUNCTION, 0xC00000BB, ERROR_NOT_SUPPORTED},
    {SEC_E_TARGET_UNKNOWN, 0xC000018B, ERROR_TRUST_FAILURE},
    {SEC_E_SECPKG_NOT_FOUND, 0xC00000FE, ERROR_NOT_SUPPORTED},
    {SEC_E_NOT_OWNER, 0xC0000022, ERROR_ACCESS_DENIED},
    {SEC_E_INVALID_TOKEN, 0xC000000D, ERROR_INVALID_PARAMETER},
    {SEC_E_INCOMPLETE_MESSAGE, 0xC000000D, ERROR_INVALID_PARAMETER},
    {SEC_E_ILLEGAL_MESSAGE, 0xC000000D, ERROR_INVALID_PARAMETER},
    {SEC_E_INVALID_PARAMETER, 0xC000000D, ERROR_INVALID_PARAMETER},
    {SEC_E_QOP_NOT_SUPPORTED, 0xC00000BB, ERROR_NOT_SUPPORTED},
    {SEC_E_NO_IMPERSONATION, 0xC00000A5, ERROR_BAD_IMPERSONATION_LEVEL},
    {SEC_E_LOGON_DENIED, 0xC000006D, ERROR_LOGON_FAILURE},
    {SEC_E_UNKNOWN_CREDENTIALS, 0xC000000D, ERROR_INVALID_PARAMETER},
    {SEC_E_NO_CREDENTIALS, 0xC000005F, ERROR_LOGON_FAILURE},
    {SEC_E_MESSAGE_ALTERED, 0xC0000001, ERROR_INTERNAL_ERROR},
    {SEC_E_DECRYPT_FAILURE, 0xC0000001, ERROR_INTERNAL_ERROR},
    {SEC_E_OUT_OF_SEQUENCE, 0xC0000001, ERROR_INTERNAL_ERROR},
    {SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC000005E, ERROR_NO_LOGON_SERVERS},
    {SEC_E_CONTEXT_EXPIRED, 0xC0000001, ERROR_INTERNAL_ERROR},
    {SEC_E_BUFFER_TOO_SMALL, 0xC0000023, ERROR_INSUFFICIENT_BUFFER},
    {SEC_E_WRONG_PRINCIPAL, 0xC000006D, ERROR_LOGON_FAILURE},
    {SEC_E_TIME_SKEW, 0xC0000133, ERROR_TIME_SKEW},
    {SEC_E_BAD_BINDINGS, 0xC000035B, ERROR_LOGON_FAILURE},
    {SEC_E_DOWNGRADE_DETECTED, 0xC0000388, ERROR_LOGON_FAILURE},
};
constexpr StatusRow kOtherStatus{SEC_E_INTERNAL_ERROR, 0xC0000001, ERROR_INTERNAL_ERROR};

const StatusRow& row_of(SECURITY_STATUS status) {
  for (const StatusRow& row : kStatuses) {
    if (row.status == status) {
      return row;
    }
  }
  return kOtherStatus;
}

template <std::size_t N>
const MinorRow* row_in(const MinorRow (&table)[N], OM_uint32 minor) {
  for (const MinorRow& row : table) {
    if (row.minor == minor) {
      return &row;
    }
  }
  return nullptr;
}

// The mechglue has other numbers for minors that come through SPNEGO, or that two mechanisms use;
// but of each it asks the mechanism that it came from for a text: Kerberos' own number is the one
// that it calls the same.
template <std::size_t N>
const MinorRow* kerberos_row_in(const MinorRow (&table)[N], OM_uint32 minor,
                                const std::string& text) {
  const MinorRow* found = row_in(table, minor);
  for (const MinorRow& row : table) {
    if (found == nullptr && !text.empty() &&
        status_text(row.minor, GSS_C_MECH_CODE, krb5_oid()) == text) {
      found = &row;
    }
  }
  return found;
}

const MinorRow* kerberos_row(Call call, OM_uint32 major, OM_uint32 minor, gss_const_OID mechanism) {
  // Of a message, and of an own ticket that is over, the major status tells what is wrong.
  const bool logon = call == Call::kAcquire || call == Call::kInitiate || call == Call::kAccept;
  const OM_uint32 error = GSS_ROUTINE_ERROR(major);
  if (!logon || is_ntlm(mechanism) || minor == 0 || error == GSS_S_CREDENTIALS_EXPIRED) {
    return nullptr;
  }
  const std::string text = status_text(minor, GSS_C_MECH_CODE, mechanism);
  const MinorRow* row = kerberos_row_in(kKerberosMinors, minor, text);
  const bool hosts = row == nullptr && call == Call::kAccept && error == GSS_S_FAILURE;
  return hosts ? kerberos_row_in(kKerberosHostMinors, minor, text) : row;
}

const MinorRow* row_of_minor(Call call, OM_uint32 major, OM_uint32 minor, gss_const_OID mechanism) {
  const MinorRow* row = row_in(kMinors, minor);
  if (row == nullptr && is_spnego(mechanism)) {
    row = row_in(kMinors, take_last_ntlm_minor());
  }
  return row != nullptr ? row : kerberos_row(call, major, minor, mechanism);
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

// A client's token at fault that is not called so. The mechglue says NO_CRED, and no minor, where
// the token is of a mechanism that the package has not (the credential was had long before). SPNEGO
// and Kerberos say FAILURE where they cannot read their own token.
bool is_tokens_fault(Call call, OM_uint32 major, OM_uint32 minor, gss_const_OID mechanism) {
  const OM_uint32 error = GSS_ROUTINE_ERROR(major);
  return call == Call::kAccept && ((error == GSS_S_NO_CRED && minor == 0) ||
                                   (error == GSS_S_FAILURE && !is_ntlm(mechanism)));
}

}  // namespace

SECURITY_STATUS status_of(Call call, OM_uint32 major, OM_uint32 minor, gss_const_OID mechanism) {
  const MinorRow* row = row_of_minor(call, major, minor, mechanism);
  SECURITY_STATUS status = row != nullptr ? row->status : status_of_major(call, major);
  if (row == nullptr && is_tokens_fault(call, major, minor, mechanism)) {
    status = SEC_E_INVALID_TOKEN;
  } else if (row != nullptr && row->minor == GSS_NTLM_MINOR_FEATURE_MISSING &&
             call == Call::kAccept) {
    status = SEC_E_SECURITY_QOS_FAILED;
  } else if (minor == GSS_NTLM_MINOR_CRYPTO && call == Call::kSeal) {
    status = SEC_E_ENCRYPT_FAILURE;
  } else if (minor == GSS_NTLM_MINOR_CRYPTO && call == Call::kUnseal) {
    status = SEC_E_DECRYPT_FAILURE;
  }
  const StatusRow& other = row_of(status);
  LastFailure& last = last_failure();
  last.set(row != nullptr ? row->nt : other.nt, row != nullptr ? row->win32 : other.win32);
  last.major = major;
  last.minor = minor;
  last.mechanism = mechanism;
  return status;
}

SECURITY_STATUS failure(SECURITY_STATUS status, std::string_view text) {
  LastFailure& last = last_failure();
  last.set(row_of(status).nt, row_of(status).win32);
  last.set_text(text);
  return status;
}

SECURITY_STATUS set_last(SECURITY_STATUS status) noexcept {
  LastFailure& last = last_failure();
  if (status >= 0) {
    last.forget();
    return status;
  }
  if (!last.fresh) {
    failure(status, "");
  }
  last.fresh = false;
  return status;
}

}  // namespace sspi
