// SPDX-License-Identifier: MIT
#include "abi/status.h"

#include <algorithm>
#include <cerrno>

#include "abi/boundary.h"
#include "abi/mechanism.h"
#include "abi/setup.h"
#include "store/faults.h"

namespace ntlm::abi {
namespace {

struct Row {
  Errc code;
  OM_uint32 major;
  OM_uint32 minor;
  const char* text;  // what is wrong, and what to do next
};

constexpr const char* kLogonDenied =
    "Logon denied: the user name or the password is not right, or the account may not log on. The "
    "audit record tells which.";

constexpr Row kTable[] = {
    {Errc::kDefectiveMessage, GSS_S_DEFECTIVE_TOKEN, GSS_NTLM_MINOR_DEFECTIVE_MESSAGE,
     "The peer's token is not a well-formed NTLM message. See the audit record for the field; "
     "`ntlmctl decode` shows a captured token."},
    {Errc::kUnexpectedMessage, GSS_S_DEFECTIVE_TOKEN, GSS_NTLM_MINOR_UNEXPECTED_MESSAGE,
     "The peer sent an NTLM message of another type than this step awaits. Is a proxy mixing two "
     "connections?"},
    {Errc::kTargetInfoNotEchoed, GSS_S_DEFECTIVE_TOKEN, GSS_NTLM_MINOR_TARGET_INFO_NOT_ECHOED,
     "The peer's response was made for another server's challenge: a relayed or replayed logon, or "
     "a client that does not repeat the target information."},
    {Errc::kDefectiveExport, GSS_S_DEFECTIVE_TOKEN, GSS_NTLM_MINOR_DEFECTIVE_EXPORT,
     "The exported token was not made by this mechanism, was altered, is too old, or was sealed "
     "under another transfer_key."},
    {Errc::kDeadContext, GSS_S_NO_CONTEXT, GSS_NTLM_MINOR_DEAD_CONTEXT,
     "The security context failed or was exported before; delete it and begin a new one."},
    {Errc::kIncompleteContext, GSS_S_NO_CONTEXT, GSS_NTLM_MINOR_INCOMPLETE_CONTEXT,
     "The security context is not established yet."},
    {Errc::kContextExpired, GSS_S_CONTEXT_EXPIRED, GSS_NTLM_MINOR_CONTEXT_EXPIRED,
     "The security context is older than [policy] context_lifetime: it goes on here, but cannot be "
     "exported any more."},
    {Errc::kNotExportable, GSS_S_UNAVAILABLE, GSS_NTLM_MINOR_NOT_EXPORTABLE,
     "The security context has protected too much data (1 GiB one way) to be exported where the "
     "mechanism is built over EVP; it goes on here."},
    {Errc::kFeatureMissing, GSS_S_UNAVAILABLE, GSS_NTLM_MINOR_FEATURE_MISSING,
     "The peer does not offer a protection that is required here (signing, sealing, 128-bit keys "
     "or extended session security). See [policy] require_128 and the service's own settings."},
    {Errc::kVersionRefused, GSS_S_UNAUTHORIZED, GSS_NTLM_MINOR_VERSION_REFUSED,
     "The peer answered with NTLMv1, which [policy] min_version does not allow. Set the client to "
     "NTLMv2 (LmCompatibilityLevel 3 or more)."},
    {Errc::kMicMissing, GSS_S_UNAUTHORIZED, GSS_NTLM_MINOR_MIC_MISSING,
     "The peer's messages carry no integrity code, which [policy] require_mic wants."},
    {Errc::kAnonymousRefused, GSS_S_UNAUTHORIZED, GSS_NTLM_MINOR_ANONYMOUS_REFUSED,
     "The peer wants to be anonymous, which [policy] allow_anonymous refuses."},
    {Errc::kTargetRefused, GSS_S_UNAUTHORIZED, GSS_NTLM_MINOR_TARGET_REFUSED,
     "The peer meant another service than this one: a relayed logon, or a name of this service "
     "that [policy] accepted_targets lacks."},
    {Errc::kBadBindings, GSS_S_BAD_BINDINGS, GSS_NTLM_MINOR_BAD_BINDINGS,
     "The peer's channel bindings are missing or are those of another channel: a relayed logon, a "
     "TLS proxy between, or a client without extended protection. See [policy] channel_bindings."},
    {Errc::kChallengeExpired, GSS_S_CONTEXT_EXPIRED, GSS_NTLM_MINOR_CHALLENGE_EXPIRED,
     "The answer came later than [policy] challenge_max_age seconds after the challenge; the "
     "client must begin anew."},
    {Errc::kFips, GSS_S_UNAVAILABLE, GSS_NTLM_MINOR_FIPS,
     "This host is in FIPS mode, and NTLM's algorithms are not approved. Use Kerberos, or set "
     "[policy] ntlm_in_fips."},
    {Errc::kLogonDenied, GSS_S_FAILURE, GSS_NTLM_MINOR_LOGON_DENIED, kLogonDenied},
    {Errc::kAccountRestriction, GSS_S_FAILURE, GSS_NTLM_MINOR_ACCOUNT_RESTRICTION,
     "The domain restricts this account (for example Protected Users): it may not log on by NTLM."},
    {Errc::kLogonHours, GSS_S_FAILURE, GSS_NTLM_MINOR_LOGON_HOURS,
     "The account may not log on at this time of the week."},
    {Errc::kWorkstation, GSS_S_FAILURE, GSS_NTLM_MINOR_WORKSTATION,
     "The account may not log on from that workstation."},
    {Errc::kPasswordExpired, GSS_S_FAILURE, GSS_NTLM_MINOR_PASSWORD_EXPIRED,
     "The account's password has expired; it must be changed elsewhere first."},
    {Errc::kAccountDisabled, GSS_S_FAILURE, GSS_NTLM_MINOR_ACCOUNT_DISABLED,
     "The account is disabled."},
    {Errc::kAccountExpired, GSS_S_FAILURE, GSS_NTLM_MINOR_ACCOUNT_EXPIRED,
     "The account has expired."},
    {Errc::kPasswordMustChange, GSS_S_FAILURE, GSS_NTLM_MINOR_PASSWORD_MUST_CHANGE,
     "The account's password must be changed before the first logon."},
    {Errc::kAccountLocked, GSS_S_FAILURE, GSS_NTLM_MINOR_ACCOUNT_LOCKED,
     "The account is locked after too many wrong passwords; wait, or unlock it."},
    {Errc::kTrustAccount, GSS_S_FAILURE, GSS_NTLM_MINOR_TRUST_ACCOUNT,
     "The account is that of a machine or of a trust, and may not log on here."},
    {Errc::kSmartcardRequired, GSS_S_FAILURE, GSS_NTLM_MINOR_SMARTCARD_REQUIRED,
     "The account must log on with a smart card."},
    {Errc::kLogonType, GSS_S_FAILURE, GSS_NTLM_MINOR_LOGON_TYPE,
     "The account has not been granted network logon on this host."},
    {Errc::kUnknownAccount, GSS_S_FAILURE, GSS_NTLM_MINOR_LOGON_DENIED, kLogonDenied},
    {Errc::kTooSoon, GSS_S_FAILURE, GSS_NTLM_MINOR_LOGON_DENIED, kLogonDenied},
    {Errc::kNoAuthority, GSS_S_FAILURE, GSS_NTLM_MINOR_NO_AUTHORITY,
     "No domain controller answers. `wbinfo --ping-dc` shows whether winbind reaches one."},
    {Errc::kAuthorityDown, GSS_S_FAILURE, GSS_NTLM_MINOR_AUTHORITY_DOWN,
     "winbindd or ntlm-authd does not run or does not answer in time. Start it, or take its line "
     "out of [ntlm] store."},
    {Errc::kAuthorityAccess, GSS_S_FAILURE, GSS_NTLM_MINOR_AUTHORITY_ACCESS,
     "This process may not ask winbindd or ntlm-authd for logons. Add its user to the group "
     "winbindd_priv, or to that of ntlm-authd's socket."},
    {Errc::kAuthorityTrust, GSS_S_FAILURE, GSS_NTLM_MINOR_AUTHORITY_TRUST,
     "The trust between this host and its domain, or between two domains, is broken. `wbinfo "
     "--check-secret` tells more."},
    {Errc::kTooManyLogons, GSS_S_FAILURE, GSS_NTLM_MINOR_TOO_MANY_LOGONS,
     "ntlm-authd takes no more logons from this user for now: [authd] rate and burst of its "
     "configuration are used up, or 512 logons wait for domains that do not answer."},
    {Errc::kBadMic, GSS_S_BAD_SIG, GSS_NTLM_MINOR_BAD_MIC,
     "The messages of the logon were altered on their way: the integrity code does not match."},
    {Errc::kBadSignature, GSS_S_BAD_SIG, GSS_NTLM_MINOR_BAD_SIGNATURE,
     "The message was altered, or was not made for this context and direction."},
    {Errc::kOutOfSequence, GSS_S_BAD_SIG, GSS_NTLM_MINOR_OUT_OF_SEQUENCE,
     "The message is a replay, or another one is missing before it."},
    {Errc::kNotProtected, GSS_S_UNAVAILABLE, GSS_NTLM_MINOR_NOT_PROTECTED,
     "Signing was not agreed in this context; ask for GSS_C_INTEG_FLAG or GSS_C_CONF_FLAG on the "
     "initiator's side."},
    {Errc::kSequenceExhausted, GSS_S_CONTEXT_EXPIRED, GSS_NTLM_MINOR_SEQUENCE_EXHAUSTED,
     "The context has used up its sequence numbers; establish a new one."},
    {Errc::kConfiguration, GSS_S_FAILURE, GSS_NTLM_MINOR_CONFIGURATION,
     "The configuration cannot be used; `ntlmctl config` says why."},
    {Errc::kStore, GSS_S_FAILURE, GSS_NTLM_MINOR_STORE,
     "An account store cannot be read, or ntlm-authd cannot hand on all that it knows of the "
     "account; "
     "`ntlmctl diagnose` or the daemon's journal says why."},
    {Errc::kCrypto, GSS_S_FAILURE, GSS_NTLM_MINOR_CRYPTO,
     "libcrypto does not offer MD4, MD5, RC4 or DES here; NTLM cannot work without them."},
    {Errc::kNoCredential, GSS_S_NO_CRED, GSS_NTLM_MINOR_NO_CREDENTIAL,
     "There is no password or hash to log on with. Name a file in NTLM_USER_FILE, or give a "
     "password to gss_acquire_cred_with_password or gss_acquire_cred_from."},
    {Errc::kBadArgument, GSS_S_FAILURE, GSS_NTLM_MINOR_BAD_ARGUMENT,
     "The application called with an argument that makes no sense here."},
    {Errc::kBadName, GSS_S_BAD_NAME, GSS_NTLM_MINOR_BAD_NAME,
     "The name is empty, too long, or not valid UTF-8."},
    {Errc::kNoMemory, GSS_S_FAILURE, ENOMEM, "Out of memory."},
    {Errc::kInternal, GSS_S_FAILURE, GSS_NTLM_MINOR_INTERNAL,
     "An error in the mechanism itself; please report it together with the audit record."},
};

const Row& row_of(Errc code) {
  const auto* row = std::ranges::find(kTable, code, &Row::code);
  return row == std::end(kTable) ? *std::prev(std::end(kTable)) : *row;
}

}  // namespace

Status::Status(const Error& error) : Status(row_of(error.code).major, row_of(error.code).minor) {}

Status with_major(OM_uint32 major, Errc code) { return {major, row_of(code).minor}; }

std::string minor_text(OM_uint32 minor) {
  if (minor == 0) {
    return "No error";
  }
  if (minor == GSS_NTLM_MINOR_CONFIGURATION) {
    if (std::string fault = configuration_fault(); !fault.empty()) {
      return fault;
    }
  }
  if (minor == GSS_NTLM_MINOR_STORE) {
    if (std::string fault = store::last_store_fault(); !fault.empty()) {
      return fault;
    }
  }
  const auto* row = std::ranges::find(kTable, minor, &Row::minor);
  return row == std::end(kTable) ? std::string() : row->text;
}

}  // namespace ntlm::abi

using ntlm::abi::Status;

extern "C" {

OM_uint32 gss_display_status(OM_uint32* minor_status, OM_uint32 status_value, int status_type,
                             gss_OID mech_type, OM_uint32* message_context,
                             gss_buffer_t status_string) {
  using namespace ntlm;
  using namespace ntlm::abi;
  clear(status_string);
  return guard(minor_status, [&]() -> Status {
    if (mech_type != GSS_C_NO_OID && !same_oid(mech_type, mechanism_oid())) {
      return GSS_S_BAD_MECH;
    }
    // The mechglue has the texts of major codes; each of ours is one message.
    const bool first = message_context == nullptr || *message_context == 0;
    clear(message_context);
    if (status_type != GSS_C_MECH_CODE || !first) {
      return GSS_S_BAD_STATUS;
    }
    const std::string text = minor_text(status_value);
    if (text.empty()) {
      return GSS_S_BAD_STATUS;
    }
    TRY(auto out, OutputBuffer::copy(std::string_view(text)));
    std::move(out).give(status_string);
    return {};
  });
}

}  // extern "C"
