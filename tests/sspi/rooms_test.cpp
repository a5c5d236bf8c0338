// SPDX-License-Identifier: MIT
// Single rooms of sspi_compat: the tables of statuses and flags, text, what is handed out.
#include <gssapi/gssapi_ext.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <thread>

#include "gssapi_ntlm.h"
#include "sspi_compat/buffers.h"
#include "sspi_compat/flags.h"
#include "sspi_compat/mechanism.h"
#include "sspi_compat/memory.h"
#include "sspi_compat/status.h"
#include "sspi_compat/text.h"
#include "sspi_compat/time_stamp.h"

namespace sspi {
namespace {

// ---- statuses ----

struct Minor {
  OM_uint32 minor;
  SECURITY_STATUS status;
  std::uint32_t nt;
};
class Minors : public testing::TestWithParam<Minor> {};
TEST_P(Minors, GoBeforeMajors) {
  EXPECT_EQ(settle(status_of(Call::kAccept, GSS_S_FAILURE, GetParam().minor, ntlm_oid())),
            GetParam().status);
  EXPECT_EQ(static_cast<std::uint32_t>(SspiCompatGetLastNtStatus()), GetParam().nt);
  EXPECT_NE(SspiCompatGetLastError(), DWORD{ERROR_SUCCESS});
}
INSTANTIATE_TEST_SUITE_P(
    Status, Minors,
    testing::Values(
        Minor{GSS_NTLM_MINOR_DEFECTIVE_MESSAGE, SEC_E_INVALID_TOKEN, 0xC000000D},
        Minor{GSS_NTLM_MINOR_DEAD_CONTEXT, SEC_E_INVALID_HANDLE, 0xC0000008},
        Minor{GSS_NTLM_MINOR_FEATURE_MISSING, SEC_E_SECURITY_QOS_FAILED, 0xC00000BB},
        Minor{GSS_NTLM_MINOR_VERSION_REFUSED, SEC_E_LOGON_DENIED, 0xC0000418},
        Minor{GSS_NTLM_MINOR_TARGET_REFUSED, SEC_E_WRONG_PRINCIPAL, 0xC000006D},
        Minor{GSS_NTLM_MINOR_BAD_BINDINGS, SEC_E_BAD_BINDINGS, 0xC000035B},
        Minor{GSS_NTLM_MINOR_CHALLENGE_EXPIRED, SEC_E_CONTEXT_EXPIRED, 0xC000006D},
        Minor{GSS_NTLM_MINOR_FIPS, SEC_E_CRYPTO_SYSTEM_INVALID, 0xC00000BB},
        Minor{GSS_NTLM_MINOR_LOGON_DENIED, SEC_E_LOGON_DENIED, 0xC000006D},
        Minor{GSS_NTLM_MINOR_ACCOUNT_RESTRICTION, SEC_E_LOGON_DENIED, 0xC000006E},
        Minor{GSS_NTLM_MINOR_LOGON_HOURS, SEC_E_LOGON_DENIED, 0xC000006F},
        Minor{GSS_NTLM_MINOR_WORKSTATION, SEC_E_LOGON_DENIED, 0xC0000070},
        Minor{GSS_NTLM_MINOR_PASSWORD_EXPIRED, SEC_E_LOGON_DENIED, 0xC0000071},
        Minor{GSS_NTLM_MINOR_ACCOUNT_DISABLED, SEC_E_LOGON_DENIED, 0xC0000072},
        Minor{GSS_NTLM_MINOR_ACCOUNT_EXPIRED, SEC_E_LOGON_DENIED, 0xC0000193},
        Minor{GSS_NTLM_MINOR_PASSWORD_MUST_CHANGE, SEC_E_LOGON_DENIED, 0xC0000224},
        Minor{GSS_NTLM_MINOR_ACCOUNT_LOCKED, SEC_E_LOGON_DENIED, 0xC0000234},
        Minor{GSS_NTLM_MINOR_SMARTCARD_REQUIRED, SEC_E_SMARTCARD_LOGON_REQUIRED, 0xC00002FA},
        Minor{GSS_NTLM_MINOR_NO_AUTHORITY, SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC000005E},
        Minor{GSS_NTLM_MINOR_AUTHORITY_TRUST, SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC000018D},
        Minor{GSS_NTLM_MINOR_TOO_MANY_LOGONS, SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC000009A},
        Minor{GSS_NTLM_MINOR_BAD_MIC, SEC_E_MESSAGE_ALTERED, 0xC000006D},
        Minor{GSS_NTLM_MINOR_OUT_OF_SEQUENCE, SEC_E_OUT_OF_SEQUENCE, 0xC0000001},
        Minor{GSS_NTLM_MINOR_SEQUENCE_EXHAUSTED, SEC_E_CONTEXT_EXPIRED, 0xC0000001},
        Minor{ENOMEM, SEC_E_INSUFFICIENT_MEMORY, 0xC0000017}));

// An offset in krb5_err.et.
class KerberosMinors : public testing::TestWithParam<Minor> {};
TEST_P(KerberosMinors, AreAboutLogons) {
  const OM_uint32 minor = static_cast<OM_uint32>(-1765328384) + GetParam().minor;
  EXPECT_EQ(settle(status_of(Call::kAccept, GSS_S_FAILURE, minor, krb5_oid())), GetParam().status);
  EXPECT_EQ(static_cast<std::uint32_t>(SspiCompatGetLastNtStatus()), GetParam().nt);
  EXPECT_NE(SspiCompatGetLastError(), DWORD{ERROR_SUCCESS});
  EXPECT_EQ(status_of(Call::kUnseal, GSS_S_BAD_SIG, minor, krb5_oid()), SEC_E_MESSAGE_ALTERED);
  EXPECT_EQ(status_of(Call::kInitiate, GSS_S_CREDENTIALS_EXPIRED, minor, krb5_oid()),
            SEC_E_NO_CREDENTIALS);
}
INSTANTIATE_TEST_SUITE_P(
    Status, KerberosMinors,
    testing::Values(
        Minor{6, SEC_E_LOGON_DENIED, 0xC0000064}, Minor{7, SEC_E_TARGET_UNKNOWN, 0xC000018B},
        Minor{14, SEC_E_KDC_UNKNOWN_ETYPE, 0xC00002FD}, Minor{18, SEC_E_LOGON_DENIED, 0xC0000072},
        Minor{24, SEC_E_LOGON_DENIED, 0xC000006A}, Minor{31, SEC_E_LOGON_DENIED, 0xC000006A},
        Minor{32, SEC_E_CONTEXT_EXPIRED, 0xC000006D}, Minor{33, SEC_E_TIME_SKEW, 0xC0000133},
        Minor{34, SEC_E_LOGON_DENIED, 0xC000006D}, Minor{35, SEC_E_WRONG_PRINCIPAL, 0xC000006D},
        Minor{36, SEC_E_LOGON_DENIED, 0xC000006D}, Minor{37, SEC_E_TIME_SKEW, 0xC0000133},
        Minor{38, SEC_E_LOGON_DENIED, 0xC000006D}, Minor{40, SEC_E_INVALID_TOKEN, 0xC000000D},
        Minor{41, SEC_E_WRONG_PRINCIPAL, 0xC000006D}, Minor{44, SEC_E_NO_KERB_KEY, 0xC0000322},
        Minor{45, SEC_E_NO_KERB_KEY, 0xC0000322}, Minor{46, SEC_E_MUTUAL_AUTH_FAILED, 0xC00002C3},
        Minor{156, SEC_E_NO_AUTHENTICATING_AUTHORITY, 0xC000005E},
        Minor{164, SEC_E_INTERNAL_ERROR, 0xC0000001}, Minor{181, SEC_E_NO_KERB_KEY, 0xC0000322}));

TEST(Status, AKeytabThatIsMissingIsNoCredential) {
  EXPECT_EQ(status_of(Call::kAcquire, GSS_S_NO_CRED, ENOENT, krb5_oid()), SEC_E_NO_CREDENTIALS);
  for (const int hosts : {ENOENT, EACCES, EMFILE, ENFILE, EIO, ENOSPC, EROFS, EPERM}) {
    const auto minor = static_cast<OM_uint32>(hosts);
    EXPECT_EQ(status_of(Call::kAccept, GSS_S_FAILURE, minor, krb5_oid()), SEC_E_INTERNAL_ERROR);
  }
}

TEST(Status, EveryMinorOfTheMechanismHasAMeaning) {
  // Those whose major status decides: an argument, a name, the host's own faults.
  const auto by_major = [](OM_uint32 minor) {
    return minor == GSS_NTLM_MINOR_BAD_ARGUMENT || minor == GSS_NTLM_MINOR_BAD_NAME ||
           minor == GSS_NTLM_MINOR_CRYPTO || minor == GSS_NTLM_MINOR_INTERNAL ||
           minor == GSS_NTLM_MINOR_CONFIGURATION || minor == GSS_NTLM_MINOR_STORE;
  };
  constexpr OM_uint32 kAll[] = {GSS_NTLM_MINOR_DEFECTIVE_MESSAGE,
                                GSS_NTLM_MINOR_UNEXPECTED_MESSAGE,
                                GSS_NTLM_MINOR_TARGET_INFO_NOT_ECHOED,
                                GSS_NTLM_MINOR_DEFECTIVE_EXPORT,
                                GSS_NTLM_MINOR_DEAD_CONTEXT,
                                GSS_NTLM_MINOR_INCOMPLETE_CONTEXT,
                                GSS_NTLM_MINOR_CONTEXT_EXPIRED,
                                GSS_NTLM_MINOR_NOT_EXPORTABLE,
                                GSS_NTLM_MINOR_FEATURE_MISSING,
                                GSS_NTLM_MINOR_VERSION_REFUSED,
                                GSS_NTLM_MINOR_MIC_MISSING,
                                GSS_NTLM_MINOR_ANONYMOUS_REFUSED,
                                GSS_NTLM_MINOR_TARGET_REFUSED,
                                GSS_NTLM_MINOR_BAD_BINDINGS,
                                GSS_NTLM_MINOR_CHALLENGE_EXPIRED,
                                GSS_NTLM_MINOR_FIPS,
                                GSS_NTLM_MINOR_LOGON_DENIED,
                                GSS_NTLM_MINOR_ACCOUNT_RESTRICTION,
                                GSS_NTLM_MINOR_LOGON_HOURS,
                                GSS_NTLM_MINOR_WORKSTATION,
                                GSS_NTLM_MINOR_PASSWORD_EXPIRED,
                                GSS_NTLM_MINOR_ACCOUNT_DISABLED,
                                GSS_NTLM_MINOR_ACCOUNT_EXPIRED,
                                GSS_NTLM_MINOR_PASSWORD_MUST_CHANGE,
                                GSS_NTLM_MINOR_ACCOUNT_LOCKED,
                                GSS_NTLM_MINOR_TRUST_ACCOUNT,
                                GSS_NTLM_MINOR_SMARTCARD_REQUIRED,
                                GSS_NTLM_MINOR_LOGON_TYPE,
                                GSS_NTLM_MINOR_NO_AUTHORITY,
                                GSS_NTLM_MINOR_AUTHORITY_DOWN,
                                GSS_NTLM_MINOR_AUTHORITY_ACCESS,
                                GSS_NTLM_MINOR_AUTHORITY_TRUST,
                                GSS_NTLM_MINOR_TOO_MANY_LOGONS,
                                GSS_NTLM_MINOR_BAD_MIC,
                                GSS_NTLM_MINOR_BAD_SIGNATURE,
                                GSS_NTLM_MINOR_OUT_OF_SEQUENCE,
                                GSS_NTLM_MINOR_NOT_PROTECTED,
                                GSS_NTLM_MINOR_SEQUENCE_EXHAUSTED,
                                GSS_NTLM_MINOR_CONFIGURATION,
                                GSS_NTLM_MINOR_STORE,
                                GSS_NTLM_MINOR_CRYPTO,
                                GSS_NTLM_MINOR_NO_CREDENTIAL,
                                GSS_NTLM_MINOR_BAD_ARGUMENT,
                                GSS_NTLM_MINOR_BAD_NAME,
                                GSS_NTLM_MINOR_INTERNAL};
  for (const OM_uint32 minor : kAll) {
    const SECURITY_STATUS status = status_of(Call::kAccept, GSS_S_FAILURE, minor, ntlm_oid());
    EXPECT_EQ(status == SEC_E_INTERNAL_ERROR, by_major(minor)) << std::hex << minor;
  }
}

TEST(Status, CryptographicFailuresTellTheDirection) {
  EXPECT_EQ(status_of(Call::kSeal, GSS_S_FAILURE, GSS_NTLM_MINOR_CRYPTO, ntlm_oid()),
            SEC_E_ENCRYPT_FAILURE);
  EXPECT_EQ(status_of(Call::kUnseal, GSS_S_FAILURE, GSS_NTLM_MINOR_CRYPTO, ntlm_oid()),
            SEC_E_DECRYPT_FAILURE);
}

struct Major {
  Call call;
  OM_uint32 major;
  SECURITY_STATUS status;
};
class Majors : public testing::TestWithParam<Major> {};
TEST_P(Majors, HaveAStatusForEachCall) {
  EXPECT_EQ(status_of(GetParam().call, GetParam().major, 0, krb5_oid()), GetParam().status);
}
INSTANTIATE_TEST_SUITE_P(
    Status, Majors,
    testing::Values(Major{Call::kAccept, GSS_S_BAD_MECH, SEC_E_INVALID_TOKEN},
                    Major{Call::kAcquire, GSS_S_BAD_MECH, SEC_E_SECPKG_NOT_FOUND},
                    Major{Call::kInitiate, GSS_S_BAD_NAME, SEC_E_TARGET_UNKNOWN},
                    Major{Call::kAcquire, GSS_S_BAD_NAME, SEC_E_UNKNOWN_CREDENTIALS},
                    Major{Call::kAccept, GSS_S_BAD_BINDINGS, SEC_E_BAD_BINDINGS},
                    Major{Call::kUnseal, GSS_S_BAD_SIG, SEC_E_MESSAGE_ALTERED},
                    Major{Call::kInitiate, GSS_S_NO_CRED, SEC_E_NO_CREDENTIALS},
                    Major{Call::kInitiate, GSS_S_CREDENTIALS_EXPIRED, SEC_E_NO_CREDENTIALS},
                    Major{Call::kSeal, GSS_S_NO_CONTEXT, SEC_E_INVALID_HANDLE},
                    Major{Call::kAccept, GSS_S_DEFECTIVE_TOKEN, SEC_E_INVALID_TOKEN},
                    Major{Call::kAccept, GSS_S_DEFECTIVE_CREDENTIAL, SEC_E_LOGON_DENIED},
                    Major{Call::kAcquire, GSS_S_DEFECTIVE_CREDENTIAL, SEC_E_UNKNOWN_CREDENTIALS},
                    Major{Call::kSeal, GSS_S_CONTEXT_EXPIRED, SEC_E_CONTEXT_EXPIRED},
                    Major{Call::kSeal, GSS_S_BAD_QOP, SEC_E_QOP_NOT_SUPPORTED},
                    Major{Call::kAccept, GSS_S_UNAUTHORIZED, SEC_E_LOGON_DENIED},
                    Major{Call::kAcquire, GSS_S_UNAUTHORIZED, SEC_E_NOT_OWNER},
                    Major{Call::kSeal, GSS_S_UNAVAILABLE, SEC_E_UNSUPPORTED_FUNCTION},
                    Major{Call::kUnseal, GSS_S_DUPLICATE_TOKEN, SEC_E_OUT_OF_SEQUENCE},
                    Major{Call::kUnseal, GSS_S_GAP_TOKEN, SEC_E_OUT_OF_SEQUENCE},
                    Major{Call::kAccept, GSS_S_CALL_INACCESSIBLE_READ, SEC_E_INVALID_TOKEN},
                    Major{Call::kSeal, GSS_S_CALL_BAD_STRUCTURE, SEC_E_INVALID_PARAMETER},
                    Major{Call::kAccept, GSS_S_FAILURE, SEC_E_INVALID_TOKEN},
                    Major{Call::kInitiate, GSS_S_FAILURE, SEC_E_INTERNAL_ERROR}));

TEST(Status, LastValuesBelongToTheThreadAndASuccessClearsThem) {
  settle(status_of(Call::kAccept, GSS_S_FAILURE, GSS_NTLM_MINOR_PASSWORD_EXPIRED, ntlm_oid()));
  std::thread([] { EXPECT_EQ(SspiCompatGetLastNtStatus(), 0); }).join();
  EXPECT_EQ(SspiCompatGetLastError(), DWORD{ERROR_PASSWORD_EXPIRED});
  settle(SEC_E_OK);
  EXPECT_EQ(SspiCompatGetLastNtStatus(), 0);
  EXPECT_EQ(SspiCompatGetLastError(), DWORD{ERROR_SUCCESS});
  EXPECT_STREQ(SspiCompatGetLastText(), "");
}

TEST(Status, NoExceptionPasses) {
  EXPECT_EQ(guard([]() -> SECURITY_STATUS { throw std::bad_alloc(); }), SEC_E_INSUFFICIENT_MEMORY);
  EXPECT_EQ(guard([]() -> SECURITY_STATUS { throw 1; }), SEC_E_INTERNAL_ERROR);
}

// ---- flags: the pitfalls of sspi.md section 3 ----

TEST(Flags, WhatSitsElsewhereInAsc) {
  static_assert(ASC_REQ_EXTENDED_ERROR == ISC_REQ_EXTENDED_ERROR << 1);
  static_assert(ASC_REQ_STREAM == ISC_REQ_STREAM << 1);
  static_assert(ASC_REQ_INTEGRITY == ISC_REQ_INTEGRITY << 1);
  static_assert(ASC_REQ_IDENTIFY == ISC_REQ_IDENTIFY << 2);
  static_assert(ASC_REQ_ALLOW_NULL_SESSION == ISC_REQ_NULL_SESSION << 2);
  static_assert(ASC_REQ_LICENSING == 0x40000 && ASC_RET_THIRD_LEG_FAILED == 0x4000);
  static_assert(ISC_REQ_CALL_LEVEL == 0x1000 && ISC_RET_CALL_LEVEL == 0x2000 &&
                ASC_RET_CALL_LEVEL == 0x2000);
  static_assert(ISC_REQ_FRAGMENT_SUPPLIED == ISC_RET_CALL_LEVEL);
}

TEST(Flags, EqualNumbersAreNotEqualMeanings) {
  // USE_SESSION_KEY has GSS_C_INTEG_FLAG's number, PROMPT_FOR_CREDS GSS_C_ANON_FLAG's.
  EXPECT_EQ(gss_flags_of_isc(ISC_REQ_USE_SESSION_KEY), 0u);
  EXPECT_EQ(gss_flags_of_isc(ISC_REQ_PROMPT_FOR_CREDS), 0u);
  EXPECT_EQ(gss_flags_of_isc(ISC_REQ_INTEGRITY), OM_uint32{GSS_C_INTEG_FLAG});
  EXPECT_EQ(gss_flags_of_isc(ISC_REQ_CONFIDENTIALITY),
            OM_uint32{GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG});
  EXPECT_EQ(gss_flags_of_isc(ISC_REQ_NULL_SESSION), OM_uint32{GSS_C_ANON_FLAG});
  EXPECT_EQ(gss_flags_of_isc(ISC_REQ_IDENTIFY), OM_uint32{GSS_C_IDENTIFY_FLAG});
}

TEST(Flags, AClientIsToldWhatItAskedForAndGot) {
  constexpr OM_uint32 kGranted =
      GSS_C_INTEG_FLAG | GSS_C_REPLAY_FLAG | GSS_C_SEQUENCE_FLAG | GSS_C_CONF_FLAG;
  EXPECT_EQ(isc_returned(0, kGranted), ULONG{ISC_RET_CONNECTION});
  EXPECT_EQ(isc_returned(ISC_REQ_REPLAY_DETECT, kGranted),
            ULONG{ISC_RET_CONNECTION | ISC_RET_REPLAY_DETECT | ISC_RET_INTEGRITY});
  EXPECT_EQ(isc_returned(ISC_REQ_CONFIDENTIALITY, GSS_C_INTEG_FLAG),
            ULONG{ISC_RET_CONNECTION | ISC_RET_INTEGRITY});
  EXPECT_EQ(
      isc_returned(ISC_REQ_MUTUAL_AUTH | ISC_REQ_DELEGATE | ISC_REQ_EXTENDED_ERROR | ISC_REQ_STREAM,
                   kGranted),
      ULONG{ISC_RET_CONNECTION});
}

TEST(Flags, AServerIsToldWhatWasAgreed) {
  EXPECT_EQ(asc_returned(0, GSS_C_INTEG_FLAG), ULONG{ASC_RET_INTEGRITY});
  EXPECT_EQ(asc_returned(ASC_REQ_INTEGRITY, 0), 0u);
  EXPECT_EQ(asc_returned(ASC_REQ_CONNECTION | ASC_REQ_USE_SESSION_KEY, 0),
            ULONG{ASC_RET_CONNECTION | ASC_RET_USE_SESSION_KEY});
  EXPECT_EQ(asc_returned(0, GSS_C_ANON_FLAG), ULONG{ASC_RET_NULL_SESSION});
  EXPECT_EQ(asc_returned(ASC_REQ_DELEGATE, GSS_C_DELEG_FLAG), 0u);
}

TEST(Flags, NamesForTheSetting) {
  EXPECT_EQ(asc_flag_named("ASC_REQ_INTEGRITY"), ASC_REQ_INTEGRITY);
  EXPECT_EQ(asc_flag_named("INTEGRITY"), 0u);
  EXPECT_EQ(asc_flag_named("ASC_REQ_DELEGATE"), 0u);
}

// ---- text ----

TEST(Text, RoundTrips) {
  for (const char* text :
       {"", "plain", "h\xc3\xa9llo", "\xe2\x82\xac", "\xf0\x9f\x94\x91 key", "\xef\xbf\xbf"}) {
    const auto wide = to_wide(text);
    ASSERT_TRUE(wide) << text;
    EXPECT_EQ(to_utf8(*wide), std::string(text));
  }
}

TEST(Text, InvalidUtf8IsRefused) {
  for (const char* text :
       {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xf0\x82\x82\xac", "a\xff"}) {
    EXPECT_FALSE(to_wide(text)) << text;
    EXPECT_FALSE(is_utf8(text)) << text;
  }
}

TEST(Text, UnpairedSurrogatesAreRefused) {
  for (const WideString& text : {WideString{0xD800}, WideString{0xDC00}, WideString{0xD800, u'x'},
                                 WideString{0xDC00, 0xD800}}) {
    EXPECT_FALSE(to_utf8(text));
  }
  EXPECT_EQ(to_utf8(WideString{0xD83D, 0xDD11}), std::string("\xf0\x9f\x94\x91"));
}

TEST(Text, ComparisonsAreAsciiOnly) {
  EXPECT_TRUE(equal_ignoring_case("NTLM", "ntlm"));
  EXPECT_FALSE(equal_ignoring_case("NTLM", "ntlmx"));
  EXPECT_FALSE(equal_ignoring_case("[", "{"));
  EXPECT_EQ(upper_ascii("ex\xc3\xa4mple"), "EX\xc3\xa4MPLE");
}

// What is left in a string's own bytes.
template <typename String>
std::string_view remains(const String& text) {
  return {reinterpret_cast<const char*>(&text), sizeof text};
}

TEST(Text, AMoveOfAShortOneLeavesNoCopy) {
  std::string given("hunter2");
  SecretText secret(std::move(given));
  EXPECT_EQ(remains(given).find("unter2"), std::string_view::npos);
  SecretText moved(std::move(secret));
  EXPECT_EQ(remains(secret).find("unter2"), std::string_view::npos);
  EXPECT_EQ(moved.expose(), "hunter2");
  EXPECT_EQ(remains(*to_utf8(u"hunt")).find("unt"), std::string_view::npos);
  EXPECT_EQ(remains(*to_wide("hunt")).find(std::string_view("u\0n\0t\0", 6)),
            std::string_view::npos);
}

// ---- memory ----

TEST(Memory, KnowsItsBlocks) {
  void* block = hand_out(10);
  EXPECT_EQ(handed_out_size(block), 10u);
  EXPECT_FALSE(take_back(static_cast<char*>(block) + 1));
  EXPECT_TRUE(take_back(block));
  EXPECT_EQ(handed_out_size(block), 0u);
  EXPECT_TRUE(take_back(nullptr));
}

TEST(Memory, TextThatIsNotUtf8IsNotHandedOut) {
  EXPECT_EQ(hand_out_text<SEC_CHAR>("\xff"), nullptr);
  EXPECT_EQ(hand_out_text<SEC_WCHAR>("\xff"), nullptr);
}

// ---- times ----

TEST(Time, NeverAndTheEpoch) {
  EXPECT_EQ(time_in(GSS_C_INDEFINITE).HighPart, 0x7FFFFFFF);
  setenv("TZ", "UTC0", 1);
  tzset();
  const TimeStamp epoch = time_at(0);  // 116444736000000000 ticks
  EXPECT_EQ(epoch.HighPart, 0x019DB1DE);
  EXPECT_EQ(epoch.LowPart, 0xD53E8000u);
}

}  // namespace
}  // namespace sspi
