/* SPDX-License-Identifier: MIT */
/*
 * What a program may know of the NTLM mechanism beyond RFC 2743/2744: its OID, the options that it
 * understands, the credential-store keys, the name attributes and the minor status codes.
 *
 * The option OIDs and credential-store keys are those that gss-ntlmssp published, so that its
 * callers keep working.
 */
#ifndef GSSAPI_NTLM_H_
#define GSSAPI_NTLM_H_

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The mechanism, [MS-SPNG]: 1.3.6.1.4.1.311.2.2.10 */
#define GSS_NTLM_OID_STRING "\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a"
#define GSS_NTLM_OID_LENGTH 10
#define GSS_NTLMSSP_OID_STRING GSS_NTLM_OID_STRING
#define GSS_NTLMSSP_OID_LENGTH GSS_NTLM_OID_LENGTH

/* A request flag beside those of RFC 2744: connectionless NTLM. Refused unless the policy allows
 * it. */
#define GSS_C_DATAGRAM_FLAG 0x10000

/* Options, all below 1.3.6.1.4.1.7165.655.1 */
#define GSS_NTLMSSP_BASE_OID_STRING "\x2b\x06\x01\x04\x01\xb7\x7d\x85\x0f"
#define GSS_NTLMSSP_BASE_OID_LENGTH 9
/* .1 gss_set_sec_context_option: uint32, sequence number of both directions (datagram contexts
 * only) */
#define GSS_NTLMSSP_SET_SEQ_NUM_OID_STRING GSS_NTLMSSP_BASE_OID_STRING "\x01\x01"
#define GSS_NTLMSSP_SET_SEQ_NUM_OID_LENGTH (GSS_NTLMSSP_BASE_OID_LENGTH + 2)
/* .2 gss_inquire_sec_context_by_oid: one byte, 1 when a MIC was part of the exchange; SPNEGO asks
 * it */
#define GSS_SPNEGO_REQUIRE_MIC_OID_STRING GSS_NTLMSSP_BASE_OID_STRING "\x01\x02"
#define GSS_SPNEGO_REQUIRE_MIC_OID_LENGTH (GSS_NTLMSSP_BASE_OID_LENGTH + 2)
/* .3 gss_set_sec_context_option: uint32, 1 = receiving, 0 = sending direction: RC4 starts anew;
 * SPNEGO asks it */
#define GSS_NTLMSSP_RESET_CRYPTO_OID_STRING GSS_NTLMSSP_BASE_OID_STRING "\x01\x03"
#define GSS_NTLMSSP_RESET_CRYPTO_OID_LENGTH (GSS_NTLMSSP_BASE_OID_LENGTH + 2)
/* .5 gss_set_cred_option: uint32, the NEGOTIATE flags that an initiator offers ([MS-NLMP] 2.2.2.5)
 */
#define GSS_NTLMSSP_NEG_FLAGS_OID_STRING GSS_NTLMSSP_BASE_OID_STRING "\x01\x05"
#define GSS_NTLMSSP_NEG_FLAGS_OID_LENGTH (GSS_NTLMSSP_BASE_OID_LENGTH + 2)

/* gss_inquire_sec_context_by_oid also answers these, which belong to others:
 *   1.2.840.113554.1.2.2.5.5   GSS_C_INQ_SSPI_SESSION_KEY: the 16-byte exported session key
 *   1.2.840.113554.1.2.2.5.15  GSS_C_SEC_CONTEXT_SASL_SSF: uint32 big-endian, key bits
 * and those of our own arc 1.3.6.1.4.1.7165.655.2: */
/* .1 uint32 little-endian: the negotiated flags ([MS-NLMP] 2.2.2.5) */
#define GSS_NTLM_INQ_NEGOTIATED_FLAGS_OID_STRING GSS_NTLMSSP_BASE_OID_STRING "\x02\x01"
#define GSS_NTLM_INQ_NEGOTIATED_FLAGS_OID_LENGTH (GSS_NTLMSSP_BASE_OID_LENGTH + 2)
/* .2 the server's target information (AV pairs as on the wire, [MS-NLMP] 2.2.2.1) */
#define GSS_NTLM_INQ_TARGET_INFO_OID_STRING GSS_NTLMSSP_BASE_OID_STRING "\x02\x02"
#define GSS_NTLM_INQ_TARGET_INFO_OID_LENGTH (GSS_NTLMSSP_BASE_OID_LENGTH + 2)
/* .3 UTF-8: the target name that the initiator sent (MsvAvTargetName); UNAVAILABLE when there is
 * none */
#define GSS_NTLM_INQ_TARGET_NAME_OID_STRING GSS_NTLMSSP_BASE_OID_STRING "\x02\x03"
#define GSS_NTLM_INQ_TARGET_NAME_OID_LENGTH (GSS_NTLMSSP_BASE_OID_LENGTH + 2)
/* .4 uint32 little-endian: what became of channel bindings, GSS_NTLM_BINDINGS_* */
#define GSS_NTLM_INQ_BINDINGS_OID_STRING GSS_NTLMSSP_BASE_OID_STRING "\x02\x04"
#define GSS_NTLM_INQ_BINDINGS_OID_LENGTH (GSS_NTLMSSP_BASE_OID_LENGTH + 2)
#define GSS_NTLM_BINDINGS_NONE 0  /* neither side gave any */
#define GSS_NTLM_BINDINGS_MATCH 1 /* both gave the same */
#define GSS_NTLM_BINDINGS_ABSENT \
  2 /* the acceptor gave some, the peer's message has none, policy let it pass */
#define GSS_NTLM_BINDINGS_UNASKED 3 /* the peer gave some, the acceptor none */
/* gss_set_sec_context_option on a context that has not seen AUTHENTICATE (or on GSS_C_NO_CONTEXT to
 * start one): .5 uint32 little-endian bit set: changes the acceptor's policy for this one context,
 * in the caller's name */
#define GSS_NTLM_SET_ACCEPT_OPTIONS_OID_STRING GSS_NTLMSSP_BASE_OID_STRING "\x02\x05"
#define GSS_NTLM_SET_ACCEPT_OPTIONS_OID_LENGTH (GSS_NTLMSSP_BASE_OID_LENGTH + 2)
#define GSS_NTLM_ACCEPT_MISSING_BINDINGS \
  1u /* a peer without bindings passes; one with others does not */
#define GSS_NTLM_ACCEPT_ANY_BINDINGS 2u /* bindings are those of a proxy: not compared */
#define GSS_NTLM_ACCEPT_REQUIRE_SIGN 4u /* a peer that does not agree to sign is refused */
#define GSS_NTLM_ACCEPT_REQUIRE_SEAL 8u
#define GSS_NTLM_ACCEPT_NO_ANONYMOUS \
  16u /* tightens: anonymous is refused whatever the policy says */
#define GSS_NTLM_ACCEPT_MACHINE_ACCOUNTS                                                           \
  32u /* a computer may log in with its own account. Text files and databases refuse it otherwise; \
         through winbind the domain controller decides, with this option or without */
/* .6 uint32 little-endian bit set, on an initiator's context between its two legs */
#define GSS_NTLM_SET_INIT_OPTIONS_OID_STRING GSS_NTLMSSP_BASE_OID_STRING "\x02\x06"
#define GSS_NTLM_SET_INIT_OPTIONS_OID_LENGTH (GSS_NTLMSSP_BASE_OID_LENGTH + 2)
#define GSS_NTLM_INIT_UNVERIFIED_TARGET \
  1u /* the target name is somebody else's word (MsvAvFlags bit 4) */
/* .7 uint32 little-endian bit set, on an established context, by SSPI's ways of use: */
#define GSS_NTLM_SET_SESSION_OPTIONS_OID_STRING GSS_NTLMSSP_BASE_OID_STRING "\x02\x07"
#define GSS_NTLM_SET_SESSION_OPTIONS_OID_LENGTH (GSS_NTLMSSP_BASE_OID_LENGTH + 2)
/* both directions begin anew, keystream and sequence number: what is sent from here on must replace
 * what was sent before, since it is enciphered with the same keystream (ExportSecurityContext with
 * RESET_NEW asks it) */
#define GSS_NTLM_SESSION_RESET 1u
/* seals on a context on which neither SIGN, SEAL nor ESS was agreed, as Windows' oldest contexts
 * do; UNAVAILABLE unless the configuration allows NTLMv1 */
#define GSS_NTLM_SESSION_LEGACY_SEAL 2u
/* gssspi_mech_invoke, .8: writes the minor status of this thread's last failed call into the value
 * (uint32, the host's byte order; 0: none) and forgets it. Through SPNEGO the mechglue renumbers
 * minor codes; this one is ours. */
#define GSS_NTLM_INVOKE_LAST_MINOR_OID_STRING GSS_NTLMSSP_BASE_OID_STRING "\x02\x08"
#define GSS_NTLM_INVOKE_LAST_MINOR_OID_LENGTH (GSS_NTLMSSP_BASE_OID_LENGTH + 2)

/* Credential-store keys (gss_acquire_cred_from). Unknown keys are ignored, since they belong to
 * other mechanisms. */
#define GSS_NTLMSSP_CS_DOMAIN "ntlmssp_domain"
#define GSS_NTLMSSP_CS_NTHASH "ntlmssp_nthash" /* 32 hexadecimal digits */
#define GSS_NTLMSSP_CS_PASSWORD "ntlmssp_password"
#define GSS_NTLMSSP_CS_KEYFILE \
  "ntlmssp_keyfile"                     /* a text account file, in place of the configured stores */
#define GSS_NTLM_CS_PASSWORD "password" /* as MIT's krb5 mechanism names it */

/* Attributes of a name from gss_accept_sec_context (gss_inquire_name, gss_get_name_attribute),
 * UTF-8 */
#define GSS_NTLM_ATTR_PREFIX "urn:gss-ntlm:"
#define GSS_NTLM_ATTR_ACCOUNT GSS_NTLM_ATTR_PREFIX "account"
#define GSS_NTLM_ATTR_DOMAIN GSS_NTLM_ATTR_PREFIX "domain"
#define GSS_NTLM_ATTR_DNS_DOMAIN GSS_NTLM_ATTR_PREFIX "dns-domain"
#define GSS_NTLM_ATTR_UPN GSS_NTLM_ATTR_PREFIX "upn"
#define GSS_NTLM_ATTR_FULL_NAME GSS_NTLM_ATTR_PREFIX "full-name"
#define GSS_NTLM_ATTR_SID GSS_NTLM_ATTR_PREFIX "sid"
#define GSS_NTLM_ATTR_GROUP_SID GSS_NTLM_ATTR_PREFIX "group-sid" /* multi-valued */
#define GSS_NTLM_ATTR_GROUP GSS_NTLM_ATTR_PREFIX "group"         /* multi-valued */
#define GSS_NTLM_ATTR_LOCAL_USER GSS_NTLM_ATTR_PREFIX "local-user"
#define GSS_NTLM_ATTR_WORKSTATION GSS_NTLM_ATTR_PREFIX "workstation" /* as the peer claims */
#define GSS_NTLM_ATTR_VERSION GSS_NTLM_ATTR_PREFIX "version" /* NTLMv2, NTLMv1, NTLM2-session */
#define GSS_NTLM_ATTR_MIC GSS_NTLM_ATTR_PREFIX "mic"         /* verified, absent */
#define GSS_NTLM_ATTR_BINDINGS \
  GSS_NTLM_ATTR_PREFIX "channel-bindings"                  /* none, match, absent, unasked */
#define GSS_NTLM_ATTR_TARGET GSS_NTLM_ATTR_PREFIX "target" /* the SPN that the peer meant */
#define GSS_NTLM_ATTR_STORE GSS_NTLM_ATTR_PREFIX "store"   /* which store answered */
#define GSS_NTLM_ATTR_ACCOUNT_FLAGS GSS_NTLM_ATTR_PREFIX "account-flags"
#define GSS_NTLM_ATTR_LOGON_SERVER GSS_NTLM_ATTR_PREFIX "logon-server"
#define GSS_NTLM_ATTR_PASSWORD_EXPIRES \
  GSS_NTLM_ATTR_PREFIX "password-expires" /* seconds since 1970 UTC */

/* Minor status codes. Lack of memory is ENOMEM; everything else of ours is one of these. */
#define GSS_NTLM_MINOR_BASE 0x4e4c0000u
/* the token */
#define GSS_NTLM_MINOR_DEFECTIVE_MESSAGE (GSS_NTLM_MINOR_BASE + 0x01)
#define GSS_NTLM_MINOR_UNEXPECTED_MESSAGE (GSS_NTLM_MINOR_BASE + 0x02)
#define GSS_NTLM_MINOR_TARGET_INFO_NOT_ECHOED (GSS_NTLM_MINOR_BASE + 0x03)
#define GSS_NTLM_MINOR_DEFECTIVE_EXPORT (GSS_NTLM_MINOR_BASE + 0x04)
/* the state */
#define GSS_NTLM_MINOR_DEAD_CONTEXT (GSS_NTLM_MINOR_BASE + 0x08)
#define GSS_NTLM_MINOR_INCOMPLETE_CONTEXT (GSS_NTLM_MINOR_BASE + 0x09)
#define GSS_NTLM_MINOR_CONTEXT_EXPIRED (GSS_NTLM_MINOR_BASE + 0x0a)
#define GSS_NTLM_MINOR_NOT_EXPORTABLE (GSS_NTLM_MINOR_BASE + 0x0b)
/* the policy */
#define GSS_NTLM_MINOR_FEATURE_MISSING (GSS_NTLM_MINOR_BASE + 0x10)
#define GSS_NTLM_MINOR_VERSION_REFUSED (GSS_NTLM_MINOR_BASE + 0x11)
#define GSS_NTLM_MINOR_MIC_MISSING (GSS_NTLM_MINOR_BASE + 0x12)
#define GSS_NTLM_MINOR_ANONYMOUS_REFUSED (GSS_NTLM_MINOR_BASE + 0x13)
#define GSS_NTLM_MINOR_TARGET_REFUSED (GSS_NTLM_MINOR_BASE + 0x14)
#define GSS_NTLM_MINOR_BAD_BINDINGS (GSS_NTLM_MINOR_BASE + 0x15)
#define GSS_NTLM_MINOR_CHALLENGE_EXPIRED (GSS_NTLM_MINOR_BASE + 0x16)
#define GSS_NTLM_MINOR_FIPS (GSS_NTLM_MINOR_BASE + 0x17)
/* the logon: unknown user, wrong password, disabled account are one */
#define GSS_NTLM_MINOR_LOGON_DENIED (GSS_NTLM_MINOR_BASE + 0x20)
#define GSS_NTLM_MINOR_ACCOUNT_RESTRICTION (GSS_NTLM_MINOR_BASE + 0x21)
#define GSS_NTLM_MINOR_LOGON_HOURS (GSS_NTLM_MINOR_BASE + 0x22)
#define GSS_NTLM_MINOR_WORKSTATION (GSS_NTLM_MINOR_BASE + 0x23)
#define GSS_NTLM_MINOR_PASSWORD_EXPIRED (GSS_NTLM_MINOR_BASE + 0x24)
#define GSS_NTLM_MINOR_ACCOUNT_DISABLED (GSS_NTLM_MINOR_BASE + 0x25)
#define GSS_NTLM_MINOR_ACCOUNT_EXPIRED (GSS_NTLM_MINOR_BASE + 0x26)
#define GSS_NTLM_MINOR_PASSWORD_MUST_CHANGE (GSS_NTLM_MINOR_BASE + 0x27)
#define GSS_NTLM_MINOR_ACCOUNT_LOCKED (GSS_NTLM_MINOR_BASE + 0x28)
#define GSS_NTLM_MINOR_TRUST_ACCOUNT (GSS_NTLM_MINOR_BASE + 0x29)
#define GSS_NTLM_MINOR_SMARTCARD_REQUIRED (GSS_NTLM_MINOR_BASE + 0x2a)
#define GSS_NTLM_MINOR_LOGON_TYPE (GSS_NTLM_MINOR_BASE + 0x2b)
#define GSS_NTLM_MINOR_NO_AUTHORITY (GSS_NTLM_MINOR_BASE + 0x30)
#define GSS_NTLM_MINOR_AUTHORITY_DOWN (GSS_NTLM_MINOR_BASE + 0x31)
#define GSS_NTLM_MINOR_AUTHORITY_ACCESS (GSS_NTLM_MINOR_BASE + 0x32)
#define GSS_NTLM_MINOR_AUTHORITY_TRUST (GSS_NTLM_MINOR_BASE + 0x33)
#define GSS_NTLM_MINOR_TOO_MANY_LOGONS (GSS_NTLM_MINOR_BASE + 0x34)
/* protection of messages */
#define GSS_NTLM_MINOR_BAD_MIC (GSS_NTLM_MINOR_BASE + 0x40)
#define GSS_NTLM_MINOR_BAD_SIGNATURE (GSS_NTLM_MINOR_BASE + 0x41)
#define GSS_NTLM_MINOR_OUT_OF_SEQUENCE (GSS_NTLM_MINOR_BASE + 0x42)
#define GSS_NTLM_MINOR_NOT_PROTECTED (GSS_NTLM_MINOR_BASE + 0x43)
#define GSS_NTLM_MINOR_SEQUENCE_EXHAUSTED (GSS_NTLM_MINOR_BASE + 0x44)
/* this host */
#define GSS_NTLM_MINOR_CONFIGURATION (GSS_NTLM_MINOR_BASE + 0x50)
#define GSS_NTLM_MINOR_STORE (GSS_NTLM_MINOR_BASE + 0x51)
#define GSS_NTLM_MINOR_CRYPTO (GSS_NTLM_MINOR_BASE + 0x52)
#define GSS_NTLM_MINOR_NO_CREDENTIAL (GSS_NTLM_MINOR_BASE + 0x53)
#define GSS_NTLM_MINOR_BAD_ARGUMENT (GSS_NTLM_MINOR_BASE + 0x54)
#define GSS_NTLM_MINOR_BAD_NAME (GSS_NTLM_MINOR_BASE + 0x55)
#define GSS_NTLM_MINOR_INTERNAL (GSS_NTLM_MINOR_BASE + 0x5f)

#ifdef __cplusplus
}
#endif
#endif
