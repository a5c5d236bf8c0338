// SPDX-License-Identifier: MIT
// What SSPI does on Windows as far as it is publicly known: each test is a fact that somebody has
// asserted on a real Windows (Wine's secur32 tests, Devolutions' and Jordan Borean's suites,
// ReactOS' captures). Those of messages are in message_test.cpp and legacy_test.cpp, those of
// identities in identity_test.cpp.
#include <gssapi/gssapi_ext.h>
#include <secext.h>
#include <security.h>
#include <string.h>

#include "support.h"

namespace sspi_test {
namespace {

// ---- packages and tables: facts 1 to 10 ----

TEST(Tables, AreThereAndSayVersionOne) {
  const PSecurityFunctionTableA ansi = InitSecurityInterfaceA();
  const PSecurityFunctionTableW wide = InitSecurityInterfaceW();
  ASSERT_NE(ansi, nullptr);
  ASSERT_NE(wide, nullptr);
  EXPECT_EQ(ansi->dwVersion, 1u);
  EXPECT_EQ(wide->dwVersion, 1u);
  EXPECT_EQ(InitSecurityInterfaceExA(0), ansi);
  EXPECT_EQ(InitSecurityInterfaceExW(0), wide);
}

TEST(Tables, ReservedSlotsAreWindows) {
  const PSecurityFunctionTableA ansi = InitSecurityInterfaceA();
  const PSecurityFunctionTableW wide = InitSecurityInterfaceW();
  EXPECT_EQ(ansi->Reserved2, nullptr);
  EXPECT_EQ(wide->Reserved2, nullptr);
  EXPECT_EQ(ansi->Reserved8, nullptr);
  EXPECT_EQ(ansi->Reserved3, reinterpret_cast<void*>(ansi->EncryptMessage));
  EXPECT_EQ(ansi->Reserved4, reinterpret_cast<void*>(ansi->DecryptMessage));
  EXPECT_EQ(wide->Reserved3, reinterpret_cast<void*>(wide->EncryptMessage));
  EXPECT_EQ(wide->Reserved4, reinterpret_cast<void*>(wide->DecryptMessage));
}

TEST(Tables, EverySlotOfVersionFiveIsFilled) {
  const auto* slots = reinterpret_cast<void* const*>(InitSecurityInterfaceA());
  const auto* wide = reinterpret_cast<void* const*>(InitSecurityInterfaceW());
  for (std::size_t i = 1; i < sizeof(SecurityFunctionTableA) / sizeof(void*); ++i) {
    const bool reserved = i == 5 || i == 23;
    EXPECT_EQ(slots[i] == nullptr, reserved) << i;
    EXPECT_EQ(wide[i] == nullptr, reserved) << i;
  }
}

TEST(Packages, AreEnumeratedInOneBlock) {
  ULONG count = 0;
  PSecPkgInfoA packages = nullptr;
  ASSERT_EQ(EnumerateSecurityPackagesA(&count, &packages), SEC_E_OK);
  EXPECT_GE(count, 3u);
  bool ntlm = false;
  for (ULONG i = 0; i < count; ++i) {
    ntlm = ntlm || strcmp(packages[i].Name, "NTLM") == 0;
  }
  EXPECT_TRUE(ntlm);
  EXPECT_EQ(FreeContextBuffer(packages), SEC_E_OK);
  EXPECT_EQ(FreeContextBuffer(packages), SEC_E_INVALID_HANDLE);
  EXPECT_EQ(EnumerateSecurityPackagesA(nullptr, &packages), SEC_E_INVALID_PARAMETER);
}

struct Expected {
  const char* name;
  ULONG least;
  USHORT rpc_id;
  ULONG max_token;
};
class PackageInfo : public testing::TestWithParam<Expected> {};
TEST_P(PackageInfo, HasWindowsNumbers) {
  constexpr ULONG kOnTop = SECPKG_FLAG_READONLY_WITH_CHECKSUM | SECPKG_FLAG_RESTRICTED_TOKENS |
                           SECPKG_FLAG_APPCONTAINER_CHECKS | SECPKG_FLAG_APPLY_LOOPBACK;
  PSecPkgInfoA info = nullptr;
  ASSERT_EQ(QuerySecurityPackageInfoA(GetParam().name, &info), SEC_E_OK);
  EXPECT_EQ(info->fCapabilities & ~kOnTop, GetParam().least);
  EXPECT_EQ(info->wVersion, 1);
  EXPECT_EQ(info->wRPCID, GetParam().rpc_id);
  EXPECT_EQ(info->cbMaxToken, GetParam().max_token);
  EXPECT_STREQ(info->Name, GetParam().name);
  EXPECT_EQ(FreeContextBuffer(info), SEC_E_OK);
}
INSTANTIATE_TEST_SUITE_P(All, PackageInfo,
                         testing::Values(Expected{"NTLM", 0x2B37, 10, 2888},
                                         Expected{"Negotiate", 0x3BB3, 9, 48000},
                                         Expected{"Kerberos", 0x33BB7, 16, 48000}),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(Packages, NamesIgnoreCaseInBothForms) {
  PSecPkgInfoA ansi = nullptr;
  PSecPkgInfoW wide = nullptr;
  ASSERT_EQ(QuerySecurityPackageInfoA("ntlm", &ansi), SEC_E_OK);
  ASSERT_EQ(QuerySecurityPackageInfoW(u"negotIATE", &wide), SEC_E_OK);
  EXPECT_EQ(std::u16string(wide->Name), u"Negotiate");
  FreeContextBuffer(ansi);
  FreeContextBuffer(wide);
}

TEST(Packages, AnUnknownOneIsNotFoundAndNothingIsWritten) {
  auto* const untouched = reinterpret_cast<PSecPkgInfoA>(0x1234);
  PSecPkgInfoA info = untouched;
  EXPECT_EQ(QuerySecurityPackageInfoA("Winetest", &info), SEC_E_SECPKG_NOT_FOUND);
  EXPECT_EQ(QuerySecurityPackageInfoA(nullptr, &info), SEC_E_SECPKG_NOT_FOUND);
  EXPECT_EQ(info, untouched);
}

// ---- credentials: facts 11 to 20 ----

SECURITY_STATUS acquire(ULONG use, void* identity, const char* package = "NTLM") {
  CredHandle credential;
  const SECURITY_STATUS status = AcquireCredentialsHandleA(nullptr, package, use, nullptr, identity,
                                                           nullptr, nullptr, &credential, nullptr);
  if (status == SEC_E_OK) {
    EXPECT_EQ(FreeCredentialsHandle(&credential), SEC_E_OK);
  }
  return status;
}

TEST(Credentials, AnyPartOfAnIdentityMayBeMissing) {
  IdentityA full(kUser, kDomain, kPassword);
  EXPECT_EQ(acquire(SECPKG_CRED_OUTBOUND, &full), SEC_E_OK);
  IdentityA no_domain_length(kUser, kDomain, kPassword);
  no_domain_length.DomainLength = 0;
  EXPECT_EQ(acquire(SECPKG_CRED_OUTBOUND, &no_domain_length), SEC_E_OK);
  IdentityA no_domain = IdentityA(kUser, kDomain, kPassword);
  no_domain.Domain = nullptr;
  no_domain.DomainLength = 0;
  EXPECT_EQ(acquire(SECPKG_CRED_OUTBOUND, &no_domain), SEC_E_OK);
  IdentityA no_user(kUser, kDomain, kPassword);
  no_user.User = nullptr;
  no_user.UserLength = 0;
  EXPECT_EQ(acquire(SECPKG_CRED_OUTBOUND, &no_user), SEC_E_OK);
  IdentityA no_password(kUser, kDomain, kPassword);
  no_password.Password = nullptr;
  no_password.PasswordLength = 0;
  EXPECT_EQ(acquire(SECPKG_CRED_OUTBOUND, &no_password), SEC_E_OK);
}

TEST(Credentials, WithoutAnIdentityBothWaysAreOk) {
  EXPECT_EQ(acquire(SECPKG_CRED_OUTBOUND, nullptr), SEC_E_OK);
  EXPECT_EQ(acquire(SECPKG_CRED_INBOUND, nullptr), SEC_E_OK);
  EXPECT_EQ(acquire(SECPKG_CRED_BOTH, nullptr), SEC_E_OK);
}

TEST(Credentials, WithoutAnyOwnOnesTheClientsFirstLegFails) {
  Side side;
  ASSERT_EQ(AcquireCredentialsHandleA(nullptr, "NTLM", SECPKG_CRED_OUTBOUND, nullptr, nullptr,
                                      nullptr, nullptr, &side.credential, nullptr),
            SEC_E_OK);
  char room[4000];
  SecBuffer out{sizeof room, SECBUFFER_TOKEN, room};
  SecBufferDesc out_desc{SECBUFFER_VERSION, 1, &out};
  EXPECT_EQ(InitializeSecurityContextA(&side.credential, nullptr, "x", 0, 0, 0, nullptr, 0,
                                       &side.context, &out_desc, nullptr, nullptr),
            SEC_E_NO_CREDENTIALS);
}

TEST(Credentials, OtherUsesAndPackagesAreRefused) {
  for (const ULONG use : {0u, 4u, 8u, 0x80000001u}) {
    EXPECT_EQ(acquire(use, nullptr), SEC_E_UNKNOWN_CREDENTIALS) << use;
  }
  EXPECT_EQ(acquire(1, nullptr, "Winetest"), SEC_E_SECPKG_NOT_FOUND);
  EXPECT_EQ(acquire(1, nullptr, nullptr), SEC_E_SECPKG_NOT_FOUND);
  EXPECT_EQ(acquire(SECPKG_CRED_OUTBOUND | SECPKG_CRED_AUTOLOGON_RESTRICTED, nullptr), SEC_E_OK);
}

TEST(Credentials, FlagsDecideNotTheFunctionsLetter) {
  IdentityA ansi(kUser, kDomain, kPassword);
  CredHandle credential;
  ASSERT_EQ(AcquireCredentialsHandleW(nullptr, u"NTLM", SECPKG_CRED_OUTBOUND, nullptr, &ansi,
                                      nullptr, nullptr, &credential, nullptr),
            SEC_E_OK);
  SecPkgCredentials_NamesA names{};
  ASSERT_EQ(QueryCredentialsAttributesA(&credential, SECPKG_CRED_ATTR_NAMES, &names), SEC_E_OK);
  EXPECT_STREQ(names.sUserName, "DOM\\alice");
  FreeContextBuffer(names.sUserName);
  FreeCredentialsHandle(&credential);
}

TEST(Credentials, OneServesTwoContextsAndMayGoBeforeThem) {
  Client one;
  Client other;
  std::string token;
  ASSERT_EQ(one.step("", token), SEC_I_CONTINUE_NEEDED);
  CredHandle own = other.credential;
  other.credential = one.credential;
  ASSERT_EQ(other.step("", token), SEC_I_CONTINUE_NEEDED);
  other.credential = own;
  EXPECT_EQ(FreeCredentialsHandle(&one.credential), SEC_E_OK);  // FreeRDP does so
  EXPECT_EQ(DeleteSecurityContext(&one.context), SEC_E_OK);
  SecInvalidateHandle(&one.credential);
  SecInvalidateHandle(&one.context);
}

TEST(Credentials, NeverExpire) {
  const Client client;
  EXPECT_EQ(client.expiry.LowPart, 0xFFFFFFFFu);
  EXPECT_EQ(client.expiry.HighPart, 0x7FFFFFFF);
}

TEST(Credentials, WhatThePackagesDoNotHaveIsUnsupportedForALiveHandle) {
  const Client client;
  CredHandle live = client.credential;
  CredHandle bad{1, 2};
  char buffer[64];
  EXPECT_EQ(AddCredentialsA(&live, nullptr, "NTLM", 2, nullptr, nullptr, nullptr, nullptr),
            SEC_E_UNSUPPORTED_FUNCTION);
  EXPECT_EQ(AddCredentialsW(&bad, nullptr, u"NTLM", 2, nullptr, nullptr, nullptr, nullptr),
            SEC_E_INVALID_HANDLE);
  EXPECT_EQ(SetCredentialsAttributesA(&live, 3, buffer, 64), SEC_E_UNSUPPORTED_FUNCTION);
  EXPECT_EQ(SetCredentialsAttributesW(&bad, 3, buffer, 64), SEC_E_INVALID_HANDLE);
  EXPECT_EQ(QueryCredentialsAttributesA(&live, SECPKG_CRED_ATTR_CERT, buffer),
            SEC_E_UNSUPPORTED_FUNCTION);
  EXPECT_EQ(QueryCredentialsAttributesExA(&live, SECPKG_CRED_ATTR_NAMES, buffer, 4),
            SEC_E_BUFFER_TOO_SMALL);
  EXPECT_EQ(ChangeAccountPasswordA("NTLM", "d", "u", "o", "n", FALSE, 0, nullptr),
            SEC_E_UNSUPPORTED_FUNCTION);
}

// ---- the client's first leg: facts 21 to 41 ----

struct FirstLeg {
  Client client;
  char room[4000];
  SecBuffer out{sizeof room, SECBUFFER_TOKEN, room};
  SecBufferDesc out_desc{SECBUFFER_VERSION, 1, &out};
  ULONG attributes = 0;
  SECURITY_STATUS operator()(ULONG request = 0, PSecBufferDesc output = nullptr,
                             PSecBufferDesc input = nullptr) {
    return InitializeSecurityContextA(&client.credential, nullptr, "HTTP/host", request, 0,
                                      SECURITY_NATIVE_DREP, input, 0, &client.context, output,
                                      &attributes, nullptr);
  }
};

TEST(FirstLeg, OutputMustHaveRoomInATokenBuffer) {
  FirstLeg leg;
  EXPECT_EQ(leg(), SEC_E_BUFFER_TOO_SMALL);
  leg.out.pvBuffer = nullptr;
  EXPECT_EQ(leg(0, &leg.out_desc), SEC_E_INTERNAL_ERROR);
  leg.out = {0, SECBUFFER_TOKEN, leg.room};
  EXPECT_EQ(leg(0, &leg.out_desc), SEC_E_BUFFER_TOO_SMALL);
  EXPECT_EQ(leg.out.cbBuffer, 0u);
  leg.out = {sizeof leg.room, SECBUFFER_DATA, leg.room};
  EXPECT_EQ(leg(0, &leg.out_desc), SEC_E_BUFFER_TOO_SMALL);
  EXPECT_FALSE(SecIsValidHandle(&leg.client.context));  // nothing to delete
  leg.out = {sizeof leg.room, SECBUFFER_TOKEN, leg.room};
  EXPECT_EQ(leg(0, &leg.out_desc), SEC_I_CONTINUE_NEEDED);  // the credential is none the worse
  EXPECT_EQ(leg.out.BufferType, ULONG{SECBUFFER_TOKEN});
  EXPECT_LT(leg.out.cbBuffer, sizeof leg.room);
}

TEST(FirstLeg, AFailureLeavesNothingToSend) {
  std::string bindings(12, '\0');
  SecBuffer broken{static_cast<ULONG>(bindings.size()), SECBUFFER_CHANNEL_BINDINGS,
                   bindings.data()};
  SecBufferDesc in{SECBUFFER_VERSION, 1, &broken};
  FirstLeg leg;
  EXPECT_EQ(leg(0, &leg.out_desc, &in), SEC_E_INVALID_TOKEN);
  EXPECT_EQ(leg.out.cbBuffer, 0u);
  FirstLeg datagram;
  EXPECT_EQ(datagram(ISC_REQ_DATAGRAM, &datagram.out_desc), SEC_E_UNSUPPORTED_FUNCTION);
  EXPECT_EQ(datagram.out.cbBuffer, 0u);
  FirstLeg nobody;
  FreeCredentialsHandle(&nobody.client.credential);
  EXPECT_EQ(nobody(0, &nobody.out_desc), SEC_E_INVALID_HANDLE);
  EXPECT_EQ(nobody.out.cbBuffer, 0u);
  SecInvalidateHandle(&nobody.client.credential);
}

TEST(FirstLeg, InputMayBeEmptyOrHoldBindingsOnly) {
  std::string bindings = make_bindings("tls-unique:x");
  SecBuffer only{static_cast<ULONG>(bindings.size()), SECBUFFER_CHANNEL_BINDINGS, bindings.data()};
  SecBuffer empty{0, SECBUFFER_EMPTY, nullptr};
  for (SecBuffer* one : {&only, &empty}) {
    FirstLeg leg;
    SecBufferDesc in{SECBUFFER_VERSION, 1, one};
    EXPECT_EQ(leg(0, &leg.out_desc, &in), SEC_I_CONTINUE_NEEDED);
  }
}

struct Asked {
  ULONG request;
  bool sign;
  bool seal;
};
class NegotiateFlags : public testing::TestWithParam<Asked> {};
TEST_P(NegotiateFlags, AskForNoMoreThanTheCaller) {
  FirstLeg leg;
  ASSERT_EQ(leg(GetParam().request, &leg.out_desc), SEC_I_CONTINUE_NEEDED);
  const unsigned flags = static_cast<unsigned char>(leg.room[12]);  // [MS-NLMP] 2.2.1.1
  EXPECT_EQ((flags & 0x10) != 0, GetParam().sign);
  EXPECT_EQ((flags & 0x20) != 0, GetParam().seal);
}
INSTANTIATE_TEST_SUITE_P(FirstLeg, NegotiateFlags,
                         testing::Values(Asked{0, false, false},
                                         Asked{ISC_REQ_CONNECTION, false, false},
                                         Asked{ISC_REQ_EXTENDED_ERROR, false, false},
                                         Asked{ISC_REQ_MUTUAL_AUTH, false, false},
                                         Asked{ISC_REQ_USE_DCE_STYLE, false, false},
                                         Asked{ISC_REQ_DELEGATE, false, false},
                                         Asked{ISC_REQ_INTEGRITY, true, false},
                                         Asked{ISC_REQ_REPLAY_DETECT, true, false},
                                         Asked{ISC_REQ_SEQUENCE_DETECT, true, false},
                                         Asked{ISC_REQ_CONFIDENTIALITY, true, true}));

TEST(FirstLeg, ATargetBufferStandsInForTheName) {
  Client client;
  Server server;
  std::u16string target = u"HTTP/from.the.buffer";
  SecBuffer name{static_cast<ULONG>(target.size() * 2), SECBUFFER_TARGET_HOST, target.data()};
  SecBufferDesc in{SECBUFFER_VERSION, 1, &name};
  FirstLeg room;
  ASSERT_EQ(InitializeSecurityContextA(&client.credential, nullptr, "HTTP/host", 0, 0, 0, &in, 0,
                                       &client.context, &room.out_desc, nullptr, nullptr),
            SEC_I_CONTINUE_NEEDED);
  client.started = true;
  std::string challenge, authenticate, nothing;
  ASSERT_EQ(server.step(std::string(room.room, room.out.cbBuffer), challenge),
            SEC_I_CONTINUE_NEEDED);
  ASSERT_EQ(client.step(challenge, authenticate), SEC_E_OK);
  ASSERT_EQ(server.step(authenticate, nothing), SEC_E_OK);
  SecPkgContext_ClientSpecifiedTarget seen{};
  ASSERT_EQ(QueryContextAttributesA(&server.context, SECPKG_ATTR_CLIENT_SPECIFIED_TARGET, &seen),
            SEC_E_OK);
  EXPECT_EQ(std::u16string(seen.sTargetName), target);
  FreeContextBuffer(seen.sTargetName);
  name.cbBuffer = 3;  // half a character
  EXPECT_EQ(InitializeSecurityContextA(&client.credential, nullptr, "HTTP/host", 0, 0, 0, &in, 0,
                                       &client.context, &room.out_desc, nullptr, nullptr),
            SEC_E_TARGET_UNKNOWN);
}

TEST(FirstLeg, PromptAndDatagramAreUnsupported) {
  FirstLeg leg;
  EXPECT_EQ(leg(ISC_REQ_PROMPT_FOR_CREDS, &leg.out_desc), SEC_E_UNSUPPORTED_FUNCTION);
  EXPECT_EQ(leg(ISC_REQ_DATAGRAM, &leg.out_desc), SEC_E_UNSUPPORTED_FUNCTION);
}

TEST(FirstLeg, AnInboundCredentialCannotInitiate) {
  Server server;
  FirstLeg leg;
  EXPECT_EQ(InitializeSecurityContextA(&server.credential, nullptr, "x", 0, 0, 0, nullptr, 0,
                                       &server.context, &leg.out_desc, nullptr, nullptr),
            SEC_E_INVALID_HANDLE);
}

TEST(FirstLeg, InvalidTextInTheTargetIsRefused) {
  FirstLeg leg;
  const WCHAR lone[] = {u'H', 0xD800, u'x', 0};
  EXPECT_EQ(InitializeSecurityContextW(&leg.client.credential, nullptr, lone, 0, 0, 0, nullptr, 0,
                                       &leg.client.context, &leg.out_desc, nullptr, nullptr),
            SEC_E_TARGET_UNKNOWN);
}

// ---- the handshake: facts 28 to 30, 41 to 51 ----

TEST(Exchange, TheSecondLegNeedsNoCredential) {
  Client client;
  Server server;
  std::string negotiate, challenge, authenticate;
  ASSERT_EQ(client.step("", negotiate), SEC_I_CONTINUE_NEEDED);
  ASSERT_EQ(server.step(negotiate, challenge), SEC_I_CONTINUE_NEEDED);
  SecBuffer in{static_cast<ULONG>(challenge.size()), SECBUFFER_TOKEN, challenge.data()};
  SecBufferDesc in_desc{SECBUFFER_VERSION, 1, &in};
  FirstLeg room;
  EXPECT_EQ(InitializeSecurityContextA(nullptr, &client.context, nullptr, 0, 0, 0, &in_desc, 0,
                                       &client.context, &room.out_desc, nullptr, nullptr),
            SEC_E_OK);
}

TEST(Exchange, ATokenThatIsNoChallengeIsInvalid) {
  Client client;
  std::string negotiate, out;
  ASSERT_EQ(client.step("", negotiate), SEC_I_CONTINUE_NEEDED);
  EXPECT_EQ(client.step("nonsense", out), SEC_E_INVALID_TOKEN);
  EXPECT_EQ(client.step("nonsense", out), SEC_E_INVALID_HANDLE);  // the context is dead
}

TEST(Exchange, AThirdCallOfTheClientIsOutOfSequence) {
  Pair pair;
  std::string out;
  EXPECT_EQ(pair.client.step("anything", out), SEC_E_OUT_OF_SEQUENCE);
}

TEST(Exchange, AfterLogonDeniedEverythingClosesWell) {
  Client client("NTLM", kUser, "wrong");
  Server server;
  ASSERT_EQ(exchange(client, server).server, SEC_E_LOGON_DENIED);
  EXPECT_EQ(DeleteSecurityContext(&server.context), SEC_E_OK);
  EXPECT_EQ(DeleteSecurityContext(&client.context), SEC_E_OK);
  EXPECT_EQ(FreeCredentialsHandle(&server.credential), SEC_E_OK);
  EXPECT_EQ(FreeCredentialsHandle(&client.credential), SEC_E_OK);
  for (Side* side : {static_cast<Side*>(&client), static_cast<Side*>(&server)}) {
    SecInvalidateHandle(&side->context);
    SecInvalidateHandle(&side->credential);
  }
}

TEST(Exchange, NegotiateTakesRawNtlmAndRepliesRaw) {
  Client client("NTLM");
  Server server("Negotiate");
  client.request = ISC_REQ_CONFIDENTIALITY;
  const Outcome outcome = exchange(client, server);
  EXPECT_EQ(outcome.server, SEC_E_OK) << SspiCompatGetLastText();
  ASSERT_EQ(outcome.tokens.size(), 3u);
  EXPECT_EQ(outcome.tokens[1].substr(0, 8), std::string("NTLMSSP\0", 8));
}

TEST(Exchange, AllocateMemoryWorksOnBothSides) {
  Client client;
  Server server;
  SecBuffer out{0, SECBUFFER_TOKEN, nullptr};
  SecBufferDesc out_desc{SECBUFFER_VERSION, 1, &out};
  ULONG attributes = 0;
  ASSERT_EQ(
      InitializeSecurityContextA(&client.credential, nullptr, "x", ISC_REQ_ALLOCATE_MEMORY, 0, 0,
                                 nullptr, 0, &client.context, &out_desc, &attributes, nullptr),
      SEC_I_CONTINUE_NEEDED);
  EXPECT_TRUE(attributes & ISC_RET_ALLOCATED_MEMORY);
  EXPECT_EQ(out.BufferType, ULONG{SECBUFFER_TOKEN});
  SecBufferDesc in_desc{SECBUFFER_VERSION, 1, &out};
  SecBuffer reply{0, SECBUFFER_TOKEN, nullptr};
  SecBufferDesc reply_desc{SECBUFFER_VERSION, 1, &reply};
  ASSERT_EQ(AcceptSecurityContext(&server.credential, nullptr, &in_desc, ASC_REQ_ALLOCATE_MEMORY, 0,
                                  &server.context, &reply_desc, &attributes, nullptr),
            SEC_I_CONTINUE_NEEDED);
  EXPECT_TRUE(attributes & ASC_RET_ALLOCATED_MEMORY);
  EXPECT_EQ(FreeContextBuffer(out.pvBuffer), SEC_E_OK);
  EXPECT_EQ(FreeContextBuffer(reply.pvBuffer), SEC_E_OK);
}

// Fact 51: a package list in an EX identity.
Outcome negotiate_with_list(const char* list, Client& client, Server& server) {
  FreeCredentialsHandle(&client.credential);
  SecInvalidateHandle(&client.credential);
  IdentityA plain(kUser, kDomain, kPassword);
  SEC_WINNT_AUTH_IDENTITY_EXA identity{};
  std::string packages = list;
  identity.Version = SEC_WINNT_AUTH_IDENTITY_VERSION;
  identity.Length = sizeof identity;
  identity.User = plain.User;
  identity.UserLength = plain.UserLength;
  identity.Domain = plain.Domain;
  identity.DomainLength = plain.DomainLength;
  identity.Password = plain.Password;
  identity.PasswordLength = plain.PasswordLength;
  identity.Flags = SEC_WINNT_AUTH_IDENTITY_ANSI;
  identity.PackageList = reinterpret_cast<unsigned char*>(packages.data());
  identity.PackageListLength = static_cast<ULONG>(packages.size());
  EXPECT_EQ(AcquireCredentialsHandleA(nullptr, "Negotiate", SECPKG_CRED_OUTBOUND, nullptr,
                                      &identity, nullptr, nullptr, &client.credential, nullptr),
            SEC_E_OK);
  return exchange(client, server);
}

TEST(PackageList, WithoutKerberosItIsNtlmInsideSpnego) {
  Client client("Negotiate");
  Server server("Negotiate");
  const Outcome outcome = negotiate_with_list("!Kerberos", client, server);
  EXPECT_EQ(outcome.client, SEC_E_OK);
  EXPECT_EQ(outcome.server, SEC_E_OK);
  EXPECT_EQ(outcome.tokens.front()[0], 0x60);
}

TEST(PackageList, NtlmAloneIsWithoutSpnegoInThreeLegs) {
  Client client("Negotiate");
  Server server("Negotiate");
  const Outcome outcome = negotiate_with_list("NTLM", client, server);
  EXPECT_EQ(outcome.server, SEC_E_OK);
  EXPECT_EQ(outcome.tokens.size(), 3u);
  EXPECT_EQ(outcome.tokens.front().substr(0, 8), std::string("NTLMSSP\0", 8));
}

TEST(PackageList, NothingLeftIsNoCredentials) {
  for (const char* list : {"!NTLM,!Kerberos", "!Kerberos, !NTLM", " !ntlm ,\t! kerberos\t",
                           "Schannel", "Kerberos, !Kerberos"}) {
    Client client("Negotiate");
    Server server("Negotiate");
    EXPECT_EQ(negotiate_with_list(list, client, server).client, SEC_E_NO_CREDENTIALS) << list;
  }
}

TEST(PackageList, BlanksAreNoPartOfAName) {
  Client client("Negotiate");
  Server server("Negotiate");
  const Outcome outcome = negotiate_with_list("Schannel, NTLM", client, server);
  EXPECT_EQ(outcome.server, SEC_E_OK);
  EXPECT_EQ(outcome.tokens.front().substr(0, 8), std::string("NTLMSSP\0", 8));
  Client other("Negotiate");
  Server waiting("Negotiate");
  EXPECT_EQ(negotiate_with_list(" !NTLM", other, waiting).tokens.size(), 0u);  // and no KDC
}

// ---- attributes: facts 52 to 63 ----

class Attributes : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Packages, Attributes, testing::Values("NTLM", "Negotiate"),
                         [](const auto& one) { return std::string(one.param); });

TEST_P(Attributes, SizesStayWhateverWasAgreed) {
  for (const ULONG request : {0u, ISC_REQ_CONFIDENTIALITY}) {
    Pair pair(request, 0, GetParam());
    for (Side* side : {static_cast<Side*>(&pair.client), static_cast<Side*>(&pair.server)}) {
      SecPkgContext_Sizes sizes{};
      ASSERT_EQ(QueryContextAttributesA(&side->context, SECPKG_ATTR_SIZES, &sizes), SEC_E_OK);
      EXPECT_EQ(sizes.cbMaxToken, 2888u);
      EXPECT_EQ(sizes.cbMaxSignature, 16u);
      EXPECT_EQ(sizes.cbSecurityTrailer, 16u);
      EXPECT_EQ(sizes.cbBlockSize, 0u);
    }
  }
}

TEST_P(Attributes, KeyInfoTellsTheAlgorithms) {
  Pair pair(ISC_REQ_CONFIDENTIALITY, 0, GetParam());
  SecPkgContext_KeyInfoA info{};
  ASSERT_EQ(QueryContextAttributesA(&pair.server.context, SECPKG_ATTR_KEY_INFO, &info), SEC_E_OK);
  EXPECT_EQ(info.KeySize, 128u);
  EXPECT_EQ(info.EncryptAlgorithm, 0x6801u);
  EXPECT_STREQ(info.sEncryptAlgorithmName, "RSADSI RC4");
  EXPECT_EQ(info.SignatureAlgorithm, 0xFFFFFF76u);
  EXPECT_STREQ(info.sSignatureAlgorithmName, "HMAC-MD5");
  EXPECT_EQ(FreeContextBuffer(info.sSignatureAlgorithmName), SEC_E_OK);
  EXPECT_EQ(FreeContextBuffer(info.sEncryptAlgorithmName), SEC_E_OK);
}

TEST_P(Attributes, NegotiationInfoNamesNtlmInOneBlock) {
  Pair pair(0, 0, GetParam());
  SecPkgContext_NegotiationInfoA info{};
  ASSERT_EQ(QueryContextAttributesA(&pair.client.context, SECPKG_ATTR_NEGOTIATION_INFO, &info),
            SEC_E_OK);
  EXPECT_EQ(info.NegotiationState, ULONG{SECPKG_NEGOTIATION_COMPLETE});
  EXPECT_STREQ(info.PackageInfo->Name, "NTLM");
  EXPECT_EQ(info.PackageInfo->wVersion, 1);
  EXPECT_EQ(info.PackageInfo->wRPCID, 10);
  const char* start = reinterpret_cast<char*>(info.PackageInfo);
  EXPECT_EQ(info.PackageInfo->Name, start + sizeof(SecPkgInfoA));
  EXPECT_EQ(info.PackageInfo->Comment, info.PackageInfo->Name + 5);
  EXPECT_EQ(FreeContextBuffer(info.PackageInfo), SEC_E_OK);
}

TEST_P(Attributes, NamesAreTheSameOnBothSidesInBothForms) {
  Pair pair(0, 0, GetParam());
  for (Side* side : {static_cast<Side*>(&pair.client), static_cast<Side*>(&pair.server)}) {
    SecPkgContext_NamesA ansi{};
    SecPkgContext_NamesW wide{};
    ASSERT_EQ(QueryContextAttributesA(&side->context, SECPKG_ATTR_NAMES, &ansi), SEC_E_OK);
    ASSERT_EQ(QueryContextAttributesW(&side->context, SECPKG_ATTR_NAMES, &wide), SEC_E_OK);
    EXPECT_STREQ(ansi.sUserName, "DOM\\alice");
    EXPECT_EQ(std::u16string(wide.sUserName), u"DOM\\alice");
    EXPECT_EQ(FreeContextBuffer(ansi.sUserName), SEC_E_OK);
    EXPECT_EQ(FreeContextBuffer(wide.sUserName), SEC_E_OK);
  }
}

TEST_P(Attributes, TheSessionKeyIsTheSameEvenWithoutProtection) {
  Pair pair(0, 0, GetParam());
  EXPECT_EQ(session_key(pair.client).size(), 16u);
  EXPECT_EQ(session_key(pair.client), session_key(pair.server));
}

TEST(OneAttribute, WhatIsNotThereIsUnsupported) {
  Pair pair;
  char buffer[256];
  for (const int number :
       {SECPKG_ATTR_STREAM_SIZES, SECPKG_ATTR_PROTO_INFO, SECPKG_ATTR_USER_FLAGS,
        SECPKG_ATTR_UNIQUE_BINDINGS, SECPKG_ATTR_ENDPOINT_BINDINGS, SECPKG_ATTR_TARGET,
        SECPKG_ATTR_LOGOFF_TIME, SECPKG_ATTR_NEGO_KEYS, 0x55, 9999}) {
    const auto attribute = static_cast<ULONG>(number);
    EXPECT_EQ(QueryContextAttributesA(&pair.server.context, attribute, buffer),
              SEC_E_UNSUPPORTED_FUNCTION)
        << attribute;
    EXPECT_EQ(QueryContextAttributesW(&pair.client.context, attribute, buffer),
              SEC_E_UNSUPPORTED_FUNCTION)
        << attribute;
  }
}

TEST(OneAttribute, NoBufferAndTooSmallABufferAreRefused) {
  Pair pair;
  SecPkgContext_Sizes sizes{};
  EXPECT_EQ(QueryContextAttributesA(&pair.server.context, SECPKG_ATTR_SIZES, nullptr),
            SEC_E_INVALID_PARAMETER);
  EXPECT_EQ(QueryContextAttributesExA(&pair.server.context, SECPKG_ATTR_SIZES, &sizes, 15),
            SEC_E_BUFFER_TOO_SMALL);
  EXPECT_EQ(QueryContextAttributesExW(&pair.server.context, SECPKG_ATTR_SIZES, &sizes, 16),
            SEC_E_OK);
}

TEST(OneAttribute, BeforeTheLastLegOnlyWhatIsKnown) {
  Client client;
  std::string negotiate;
  ASSERT_EQ(client.step("", negotiate), SEC_I_CONTINUE_NEEDED);
  char buffer[64];
  for (const int number :
       {SECPKG_ATTR_NAMES, SECPKG_ATTR_SESSION_KEY, SECPKG_ATTR_KEY_INFO, SECPKG_ATTR_LIFESPAN}) {
    const auto attribute = static_cast<ULONG>(number);
    EXPECT_EQ(QueryContextAttributesA(&client.context, attribute, buffer), SEC_E_INVALID_HANDLE)
        << attribute;
  }
  SecPkgContext_Flags flags{};
  EXPECT_EQ(QueryContextAttributesA(&client.context, SECPKG_ATTR_FLAGS, &flags), SEC_E_OK);
  SecPkgContext_Sizes sizes{};
  EXPECT_EQ(QueryContextAttributesA(&client.context, SECPKG_ATTR_SIZES, &sizes), SEC_E_OK);
  EXPECT_EQ(sizes.cbMaxToken, 2888u);
}

TEST(OneAttribute, FlagsAreThoseOfTheLastLeg) {
  Pair pair;
  SecPkgContext_Flags flags{};
  ASSERT_EQ(QueryContextAttributesA(&pair.server.context, SECPKG_ATTR_FLAGS, &flags), SEC_E_OK);
  EXPECT_EQ(flags.Flags, pair.server.attributes);
}

TEST(OneAttribute, LifespanBeginsNowAndEndsAsTheContextDoes) {
  Pair pair;
  SecPkgContext_Lifespan span{};
  ASSERT_EQ(QueryContextAttributesA(&pair.server.context, SECPKG_ATTR_LIFESPAN, &span), SEC_E_OK);
  EXPECT_LT(span.tsStart.HighPart, span.tsExpiry.HighPart);
}

// A GSS-API program whose user name is alice@DOM as a whole, without a domain, which SSPI's own
// clients cannot say: the server's last status.
SECURITY_STATUS log_in_by_gss(Server& server, const char* user, const char* password) {
  gss_OID_desc ntlm{10, const_cast<char*>("\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a")};
  gss_OID_desc enterprise{10, const_cast<char*>("\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x06")};
  gss_OID_set_desc mechanisms{1, &ntlm};
  const auto buffer = [](const char* text) {
    return gss_buffer_desc{strlen(text), const_cast<char*>(text)};
  };
  gss_buffer_desc user_text = buffer(user), secret = buffer(password), host = buffer("HTTP@host");
  gss_name_t name = GSS_C_NO_NAME, target = GSS_C_NO_NAME;
  gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
  gss_ctx_id_t context = GSS_C_NO_CONTEXT;
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_import_name(&minor, &user_text, &enterprise, &name), OM_uint32{GSS_S_COMPLETE});
  EXPECT_EQ(gss_import_name(&minor, &host, GSS_C_NT_HOSTBASED_SERVICE, &target),
            OM_uint32{GSS_S_COMPLETE});
  EXPECT_EQ(gss_acquire_cred_with_password(&minor, name, &secret, GSS_C_INDEFINITE, &mechanisms,
                                           GSS_C_INITIATE, &credential, nullptr, nullptr),
            OM_uint32{GSS_S_COMPLETE});
  SECURITY_STATUS status = SEC_I_CONTINUE_NEEDED;
  std::string reply;
  for (int leg = 0; leg < 2 && status == SEC_I_CONTINUE_NEEDED; ++leg) {
    gss_buffer_desc in{reply.size(), reply.data()}, out = GSS_C_EMPTY_BUFFER;
    gss_init_sec_context(&minor, credential, &context, target, &ntlm, 0, 0,
                         GSS_C_NO_CHANNEL_BINDINGS, &in, nullptr, &out, nullptr, nullptr);
    const std::string token(static_cast<char*>(out.value), out.length);
    status = server.step(token, reply);
    gss_release_buffer(&minor, &out);
  }
  gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
  gss_release_cred(&minor, &credential);
  gss_release_name(&minor, &name);
  gss_release_name(&minor, &target);
  return status;
}

TEST_P(Attributes, AnAccountWithoutADomainIsNeverCalledAnother) {
  Server server(GetParam());
  ASSERT_EQ(log_in_by_gss(server, "alice@DOM", "another secret"), SEC_E_OK)
      << SspiCompatGetLastText();
  SecPkgContext_NamesA name{};
  SecPkgContext_NativeNamesA native{};
  ASSERT_EQ(QueryContextAttributesA(&server.context, SECPKG_ATTR_NAMES, &name), SEC_E_OK);
  ASSERT_EQ(QueryContextAttributesA(&server.context, SECPKG_ATTR_NATIVE_NAMES, &native), SEC_E_OK);
  EXPECT_STREQ(name.sUserName, "alice@DOM");
  EXPECT_STREQ(native.sClientName, "alice@DOM");
  FreeContextBuffer(name.sUserName);
  FreeContextBuffer(native.sClientName);
  FreeContextBuffer(native.sServerName);
  HANDLE token = nullptr;
  PSspiCompatTokenInfo info = nullptr;
  ASSERT_EQ(QuerySecurityContextToken(&server.context, &token), SEC_E_OK);
  ASSERT_EQ(SspiCompatGetTokenInfo(token, &info), SEC_E_OK);
  EXPECT_STREQ(info->UserName, "alice@DOM");
  FreeContextBuffer(info);
  CloseHandle(token);
}

TEST(OneAttribute, NativeNamesAuthorityDceAndTargets) {
  Pair pair;
  SecPkgContext_NativeNamesA names{};
  ASSERT_EQ(QueryContextAttributesA(&pair.client.context, SECPKG_ATTR_NATIVE_NAMES, &names),
            SEC_E_OK);
  EXPECT_STREQ(names.sClientName, "DOM\\alice");
  EXPECT_STREQ(names.sServerName, "HTTP/www.example.com");
  FreeContextBuffer(names.sClientName);
  FreeContextBuffer(names.sServerName);
  for (Side* side : {static_cast<Side*>(&pair.client), static_cast<Side*>(&pair.server)}) {
    SecPkgContext_AuthorityA authority{};
    ASSERT_EQ(QueryContextAttributesA(&side->context, SECPKG_ATTR_AUTHORITY, &authority), SEC_E_OK);
    EXPECT_STREQ(authority.sAuthorityName, "DOM");
    FreeContextBuffer(authority.sAuthorityName);
    SecPkgContext_DceInfo dce{};
    ASSERT_EQ(QueryContextAttributesA(&side->context, SECPKG_ATTR_DCE_INFO, &dce), SEC_E_OK);
    EXPECT_EQ(dce.AuthzSvc, 1u);
    EXPECT_STREQ(static_cast<char*>(dce.pPac), "DOM\\alice");
    FreeContextBuffer(dce.pPac);
    SecPkgContext_LastClientTokenStatus last{SecPkgAttrLastClientTokenMaybe};
    ASSERT_EQ(QueryContextAttributesA(&side->context, SECPKG_ATTR_LAST_CLIENT_TOKEN_STATUS, &last),
              SEC_E_OK);
    EXPECT_EQ(last.LastClientTokenStatus, SecPkgAttrLastClientTokenYes);
  }
  SecPkgContext_ClientSpecifiedTarget target{};
  ASSERT_EQ(
      QueryContextAttributesA(&pair.server.context, SECPKG_ATTR_CLIENT_SPECIFIED_TARGET, &target),
      SEC_E_OK);
  EXPECT_EQ(std::u16string(target.sTargetName), u"HTTP/www.example.com");
  FreeContextBuffer(target.sTargetName);
  SecPkgContext_TargetInformation information{};
  ASSERT_EQ(
      QueryContextAttributesA(&pair.client.context, SECPKG_ATTR_TARGET_INFORMATION, &information),
      SEC_E_OK);
  EXPECT_GT(information.MarshalledTargetInfoLength, 4u);
  FreeContextBuffer(information.MarshalledTargetInfo);
}

TEST(OneAttribute, PasswordExpiryIsTheServersToTell) {
  Pair pair;
  SecPkgContext_PasswordExpiry expiry{};
  EXPECT_EQ(QueryContextAttributesA(&pair.client.context, SECPKG_ATTR_PASSWORD_EXPIRY, &expiry),
            SEC_E_UNSUPPORTED_FUNCTION);
  ASSERT_EQ(QueryContextAttributesA(&pair.server.context, SECPKG_ATTR_PASSWORD_EXPIRY, &expiry),
            SEC_E_OK);
  EXPECT_EQ(expiry.tsPasswordExpires.HighPart, 0x7FFFFFFF);  // a text store knows no end
}

TEST(OneAttribute, TheAccessTokenBelongsToTheContext) {
  Pair pair;
  SecPkgContext_AccessToken token{};
  EXPECT_EQ(QueryContextAttributesA(&pair.client.context, SECPKG_ATTR_ACCESS_TOKEN, &token),
            SEC_E_UNSUPPORTED_FUNCTION);
  ASSERT_EQ(QueryContextAttributesA(&pair.server.context, SECPKG_ATTR_ACCESS_TOKEN, &token),
            SEC_E_OK);
  PSspiCompatTokenInfo info = nullptr;
  ASSERT_EQ(SspiCompatGetTokenInfo(token.AccessToken, &info), SEC_E_OK);
  EXPECT_STREQ(info->UserName, "DOM\\alice");
  FreeContextBuffer(info);
  EXPECT_EQ(DeleteSecurityContext(&pair.server.context), SEC_E_OK);
  SecInvalidateHandle(&pair.server.context);
  EXPECT_EQ(SspiCompatGetTokenInfo(token.AccessToken, &info), SEC_E_INVALID_HANDLE);
}

TEST(OneAttribute, PackageInfoIsNtlms) {
  Pair pair;
  SecPkgContext_PackageInfoW info{};
  ASSERT_EQ(QueryContextAttributesW(&pair.server.context, SECPKG_ATTR_PACKAGE_INFO, &info),
            SEC_E_OK);
  EXPECT_EQ(std::u16string(info.PackageInfo->Name), u"NTLM");
  FreeContextBuffer(info.PackageInfo);
}

TEST(OneAttribute, SettingAnythingIsUnsupported) {
  Pair pair;
  char buffer[8];
  CtxtHandle bad{};
  EXPECT_EQ(SetContextAttributesA(&pair.server.context, 1004, buffer, 8),
            SEC_E_UNSUPPORTED_FUNCTION);
  EXPECT_EQ(SetContextAttributesW(&bad, 1004, buffer, 8), SEC_E_INVALID_HANDLE);
  EXPECT_EQ(ApplyControlToken(&pair.server.context, nullptr), SEC_E_UNSUPPORTED_FUNCTION);
}

TEST(NonUserLogons, AComputersAccountNeedsTheServersConsent) {
  for (const char* package : {"NTLM", "Negotiate"}) {
    for (const ULONG request : {0u, ASC_REQ_ALLOW_NON_USER_LOGONS}) {
      Client client(package, "host$", "Password");
      Server server(package);
      server.request = request;
      EXPECT_EQ(exchange(client, server).server, request != 0 ? SEC_E_OK : SEC_E_LOGON_DENIED)
          << package << ": " << SspiCompatGetLastText();
      if (request == 0) {
        // The same as for a wrong password: why is in the audit record alone.
        EXPECT_EQ(static_cast<std::uint32_t>(SspiCompatGetLastNtStatus()), 0xC000006Du) << package;
      } else {
        EXPECT_TRUE(server.attributes & ASC_RET_ALLOW_NON_USER_LOGONS);
      }
    }
  }
  Client user;
  Server server;
  server.request = ASC_REQ_ALLOW_NON_USER_LOGONS;
  EXPECT_EQ(exchange(user, server).server, SEC_E_OK);
  Client wrong("NTLM", "host$", "password");
  Server consenting;
  consenting.request = ASC_REQ_ALLOW_NON_USER_LOGONS;
  EXPECT_EQ(exchange(wrong, consenting).server, SEC_E_LOGON_DENIED);
}

// WinPR's own attributes are an interface of nobody else's: no secret leaves that way, and none
// comes in.
TEST(WinPr, ItsOwnAttributesAreUnsupported) {
  Pair open;
  Client client;
  Server challenged;
  std::string token;
  std::string answer;
  ASSERT_EQ(client.step("", token), SEC_I_CONTINUE_NEEDED);
  ASSERT_EQ(challenged.step(token, answer), SEC_I_CONTINUE_NEEDED);
  for (const ULONG number : {1001u, 1002u, 1003u, 1004u, 1100u, 1101u, 1102u, 1103u, 1104u, 1105u,
                             1106u, 1107u, 1108u, 1109u}) {
    for (Side* side : {static_cast<Side*>(&open.client), static_cast<Side*>(&open.server),
                       static_cast<Side*>(&challenged)}) {
      char room[512] = "untouched";
      EXPECT_EQ(QueryContextAttributesA(&side->context, number, room), SEC_E_UNSUPPORTED_FUNCTION);
      EXPECT_EQ(QueryContextAttributesW(&side->context, number, room), SEC_E_UNSUPPORTED_FUNCTION);
      EXPECT_STREQ(room, "untouched");
      EXPECT_EQ(SetContextAttributesA(&side->context, number, room, sizeof room),
                SEC_E_UNSUPPORTED_FUNCTION);
      EXPECT_EQ(SetContextAttributesW(&side->context, number, room, sizeof room),
                SEC_E_UNSUPPORTED_FUNCTION);
    }
  }
}

// A server that completes every leg, as FreeRDP's does where it is told to, comes to the same end.
TEST(WinPr, CompletingEachLegChangesNothing) {
  Client client;
  Server server;
  std::string up;
  std::string down;
  ASSERT_EQ(client.step("", up), SEC_I_CONTINUE_NEEDED);
  ASSERT_EQ(server.step(up, down), SEC_I_CONTINUE_NEEDED);
  std::string token = down;
  SecBuffer buffer{static_cast<ULONG>(token.size()), SECBUFFER_TOKEN, token.data()};
  SecBufferDesc desc{SECBUFFER_VERSION, 1, &buffer};
  EXPECT_EQ(CompleteAuthToken(&server.context, &desc), SEC_E_OK);
  EXPECT_EQ(token, down);
  ASSERT_EQ(client.step(down, up), SEC_E_OK);
  EXPECT_EQ(CompleteAuthToken(&client.context, &desc), SEC_E_OK);
  ASSERT_EQ(server.step(up, down), SEC_E_OK);
  EXPECT_EQ(CompleteAuthToken(&server.context, &desc), SEC_E_OK);
  EXPECT_EQ(session_key(client), session_key(server));
}

// ---- wire: facts 86 to 89 ----

ULONG flags_of(const std::string& token, std::size_t at) {
  ULONG flags = 0;
  memcpy(&flags, token.data() + at, sizeof flags);
  return flags;
}

TEST(Wire, SealImpliesSignAndAlwaysSignIsAlwaysOffered) {
  Client client;
  Server server;
  client.request = ISC_REQ_CONFIDENTIALITY;
  const Outcome outcome = exchange(client, server);
  constexpr ULONG kSign = 0x10, kSeal = 0x20, kAlwaysSign = 0x8000;
  EXPECT_EQ(flags_of(outcome.tokens[0], 12) & (kSign | kSeal | kAlwaysSign),
            kSign | kSeal | kAlwaysSign);
}

// MsvAvFlags of AUTHENTICATE; 0 when it has none.
ULONG av_flags(const std::string& authenticate) {
  const std::string id("\x06\x00\x04\x00", 4);
  const std::size_t at = authenticate.find(id);
  return at == std::string::npos ? 0 : flags_of(authenticate, at + 4);
}

TEST(Wire, NoIntegrityIsNotForNtlm) {
  Pair pair(ISC_REQ_INTEGRITY | ISC_REQ_NO_INTEGRITY);
  EXPECT_TRUE(pair.client.attributes & ISC_RET_INTEGRITY);
}

TEST(Wire, AnUnverifiedTargetIsSaidOnlyWhenAsked) {
  for (const ULONG request : {0u, ISC_REQ_UNVERIFIED_TARGET_NAME}) {
    Client client;
    Server server;
    client.request = request;
    const Outcome outcome = exchange(client, server);
    EXPECT_EQ((av_flags(outcome.tokens[2]) & 4) != 0, request != 0);
  }
}

TEST(Wire, IdentifyIsAgreedAndForbidsImpersonation) {
  Pair pair(ISC_REQ_IDENTIFY);
  EXPECT_TRUE(pair.client.attributes & ISC_RET_IDENTIFY);
  EXPECT_TRUE(pair.server.attributes & ASC_RET_IDENTIFY);
  EXPECT_EQ(ImpersonateSecurityContext(&pair.server.context), SEC_E_NO_IMPERSONATION);
}

TEST(Wire, AnyTextMayBeTheTarget) {
  for (const char* target : {"server", "HTTP/www.example.com:8080",
                             "MSSQLSvc/db.example.com/instance", "user@realm", "DOM\\server", ""}) {
    Client client;
    Server server;
    client.target = target;
    EXPECT_EQ(exchange(client, server).server, SEC_E_OK)
        << target << ": " << SspiCompatGetLastText();
    SecPkgContext_ClientSpecifiedTarget seen{};
    const SECURITY_STATUS status =
        QueryContextAttributesA(&server.context, SECPKG_ATTR_CLIENT_SPECIFIED_TARGET, &seen);
    if (*target == '\0') {
      EXPECT_EQ(status, SEC_E_UNSUPPORTED_FUNCTION);
      continue;
    }
    ASSERT_EQ(status, SEC_E_OK) << target;
    std::string text;
    for (const WCHAR* c = seen.sTargetName; *c != 0; ++c) {
      text.push_back(static_cast<char>(*c));
    }
    EXPECT_EQ(text, target);
    FreeContextBuffer(seen.sTargetName);
  }
}

// ---- GetUserNameEx: fact 85 ----

TEST(UserName, TooLittleRoomTellsHowMuchAndWritesNothing) {
  ULONG size = 0;
  EXPECT_FALSE(GetUserNameExA(NameSamCompatible, nullptr, &size));
  EXPECT_EQ(GetLastError(), DWORD{ERROR_MORE_DATA});
  const ULONG needed = size;
  std::string buffer(needed, '#');
  size = needed - 1;
  EXPECT_FALSE(GetUserNameExA(NameSamCompatible, buffer.data(), &size));
  EXPECT_EQ(buffer, std::string(needed, '#'));
  EXPECT_EQ(size, needed);
  ASSERT_TRUE(GetUserNameExA(NameSamCompatible, buffer.data(), &size));
  EXPECT_EQ(size, needed - 1);
  EXPECT_NE(buffer.find('\\'), std::string::npos);
  std::u16string wide(needed, u'#');
  size = needed;
  EXPECT_TRUE(GetUserNameExW(NameSamCompatible, wide.data(), &size));
  EXPECT_FALSE(GetUserNameExA(NameUnknown, buffer.data(), &size));
  EXPECT_EQ(GetLastError(), DWORD{ERROR_NONE_MAPPED});
}

}  // namespace
}  // namespace sspi_test
