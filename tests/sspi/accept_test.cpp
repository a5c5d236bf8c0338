// SPDX-License-Identifier: MIT
// The page AcceptSecurityContext (NTLM), sentence by sentence: S1 to S53. Rules that need another
// configuration are in require_flags_test.cpp (S45), authority_test.cpp (S38) and memory_test.cpp
// (S33); the test's name tells the rule.
#include <security.h>
#include <string.h>

#include <atomic>
#include <ctime>
#include <thread>

#include "support.h"

namespace sspi_test {
namespace {

constexpr LONGLONG kNever = 0x7FFFFFFFFFFFFFFF;
LONGLONG ticks(TimeStamp time) { return static_cast<LONGLONG>(time.HighPart) << 32 | time.LowPart; }

// The tokens of a client, and a server that has seen the first.
struct Half {
  Client client;
  Server server;
  std::string negotiate, challenge, authenticate;

  explicit Half(ULONG client_request = ISC_REQ_INTEGRITY | ISC_REQ_CONFIDENTIALITY,
                ULONG server_request = 0, const char* password = kPassword)
      : client("NTLM", kUser, password) {
    client.request = client_request;
    server.request = server_request;
    EXPECT_EQ(client.step("", negotiate), SEC_I_CONTINUE_NEEDED);
    EXPECT_EQ(server.step(negotiate, challenge), SEC_I_CONTINUE_NEEDED);
    EXPECT_EQ(client.step(challenge, authenticate), SEC_E_OK);
  }
  SECURITY_STATUS finish() {
    std::string out;
    return server.step(authenticate, out);
  }
};

// A leg of the server with everything open to change.
struct Call {
  std::string token;
  char room[4096];
  SecBuffer in[2];
  SecBufferDesc in_desc;
  SecBuffer out;
  SecBufferDesc out_desc;
  ULONG attributes = 0xDEADBEEF;
  TimeStamp expiry{};

  explicit Call(const std::string& bytes) : token(bytes) {
    in[0] = {static_cast<ULONG>(token.size()), SECBUFFER_TOKEN, token.data()};
    in_desc = {SECBUFFER_VERSION, 1, in};
    out = {sizeof room, SECBUFFER_TOKEN, room};
    out_desc = {SECBUFFER_VERSION, 1, &out};
  }
  SECURITY_STATUS operator()(Side& side, PCtxtHandle context, ULONG request = 0) {
    return AcceptSecurityContext(&side.credential, context, &in_desc, request, SECURITY_NATIVE_DREP,
                                 &side.context, &out_desc, &attributes, &expiry);
  }
};

// ---- purpose ----

TEST(Accept, S01_TheServersHalfBuildsAContext) {
  Half half;
  EXPECT_EQ(half.finish(), SEC_E_OK);
  EXPECT_EQ(session_key(half.client), session_key(half.server));
}

TEST(Accept, S02_IsCalledOnceALeg) {
  Client client;
  Server server;
  const Outcome outcome = exchange(client, server);
  EXPECT_EQ(outcome.tokens.size(), 3u);  // NEGOTIATE, CHALLENGE, AUTHENTICATE
  EXPECT_EQ(outcome.server, SEC_E_OK);
}

// ---- phCredential ----

TEST(Accept, S03_TakesInboundAndBothButNotOutbound) {
  const Half half;
  IdentityA identity(kUser, kDomain, kPassword);
  for (const ULONG use : {1u, 3u, 2u}) {
    Side side;
    ASSERT_EQ(AcquireCredentialsHandleA(nullptr, const_cast<char*>("NTLM"), use, nullptr, &identity,
                                        nullptr, nullptr, &side.credential, nullptr),
              SEC_E_OK);
    Call call(half.negotiate);
    EXPECT_EQ(call(side, nullptr), use == 2 ? SEC_E_INVALID_HANDLE : SEC_I_CONTINUE_NEEDED) << use;
  }
}

TEST(Accept, S04_NeedsTheCredentialOnTheFirstLegOnly) {
  Half half;
  Call first(half.negotiate);
  CtxtHandle context;
  EXPECT_EQ(AcceptSecurityContext(nullptr, nullptr, &first.in_desc, 0, SECURITY_NATIVE_DREP,
                                  &context, &first.out_desc, &first.attributes, nullptr),
            SEC_E_INVALID_HANDLE);
  Call last(half.authenticate);
  EXPECT_EQ(
      AcceptSecurityContext(nullptr, &half.server.context, &last.in_desc, 0, SECURITY_NATIVE_DREP,
                            &half.server.context, &last.out_desc, &last.attributes, nullptr),
      SEC_E_OK);
}

// ---- phContext ----

TEST(Accept, S05_TheFirstCallHasNoContext) {
  const Half half;
  Server server;
  Call call(half.negotiate);
  EXPECT_EQ(call(server, nullptr), SEC_I_CONTINUE_NEEDED);
  EXPECT_TRUE(SecIsValidHandle(&server.context));
}

TEST(Accept, S05_AnAllZeroContextIsNone) {
  const Half half;
  Server server;
  CtxtHandle zero{};
  Call call(half.negotiate);
  EXPECT_EQ(call(server, &zero), SEC_I_CONTINUE_NEEDED);
}

TEST(Accept, S06_LaterCallsNeedTheHandleOfTheFirst) {
  Half half;
  Server stranger;
  Call without(half.authenticate);
  EXPECT_EQ(without(stranger, nullptr),
            SEC_E_INVALID_TOKEN);  // an AUTHENTICATE that nobody asked for
  CtxtHandle invented = half.server.context;
  invented.dwLower += std::uint64_t{1} << 32;
  Call wrong(half.authenticate);
  EXPECT_EQ(wrong(half.server, &invented), SEC_E_INVALID_HANDLE);
  EXPECT_EQ(half.finish(), SEC_E_OK);
}

TEST(Accept, S07_ConcurrentCallsOnOneContextDoNotBreakIt) {
  for (int round = 0; round < 20; ++round) {
    Half half;
    std::atomic<int> accepted{0};
    std::atomic<int> refused{0};
    const auto body = [&] {
      Call call(half.authenticate);
      CtxtHandle same = half.server.context;
      CtxtHandle out = same;
      const SECURITY_STATUS status = AcceptSecurityContext(
          &half.server.credential, &same, &call.in_desc, 0, SECURITY_NATIVE_DREP, &out,
          &call.out_desc, &call.attributes, nullptr);
      ++(status == SEC_E_OK ? accepted : refused);
      EXPECT_TRUE(status == SEC_E_OK || status == SEC_E_OUT_OF_SEQUENCE) << std::hex << status;
    };
    std::thread one(body);
    std::thread other(body);
    one.join();
    other.join();
    EXPECT_EQ(accepted, 1);
    EXPECT_EQ(refused, 1);
  }
}

// ---- pInput ----

TEST(Accept, S08_TakesTheTokenOfInputAndNothingElse) {
  const Half half;
  Server server;
  Call call(half.negotiate);
  call.in[0].BufferType = SECBUFFER_DATA;
  EXPECT_EQ(call(server, nullptr), SEC_E_INVALID_TOKEN);
  call.in_desc.cBuffers = 0;
  EXPECT_EQ(call(server, nullptr), SEC_E_INVALID_TOKEN);
  EXPECT_EQ(AcceptSecurityContext(&server.credential, nullptr, nullptr, 0, 0, &server.context,
                                  &call.out_desc, &call.attributes, nullptr),
            SEC_E_INVALID_TOKEN);
}

TEST(Accept, S08_TheTokensTypeMayCarryAttributes) {
  const Half half;
  Server server;
  Call call(half.negotiate);
  call.in[0].BufferType |= SECBUFFER_READONLY;
  EXPECT_EQ(call(server, nullptr), SEC_I_CONTINUE_NEEDED);
}

TEST(Accept, S09_ChannelBindingsMatchOrDeny) {
  for (const bool same : {true, false}) {
    Client client;
    Server server;
    client.bindings = make_bindings("tls-server-end-point:one");
    server.bindings =
        make_bindings(same ? "tls-server-end-point:one" : "tls-server-end-point:other");
    EXPECT_EQ(exchange(client, server).server, same ? SEC_E_OK : SEC_E_BAD_BINDINGS);
  }
}

TEST(Accept, S09_AClientWithoutBindingsPassesWhereTheyMayBeMissing) {
  for (const ULONG request : {0u, ASC_REQ_ALLOW_MISSING_BINDINGS, ASC_REQ_PROXY_BINDINGS}) {
    Client client;
    Server server;
    server.request = request;
    server.bindings = make_bindings("tls-server-end-point:one");
    EXPECT_EQ(exchange(client, server).server, request == 0 ? SEC_E_BAD_BINDINGS : SEC_E_OK)
        << std::hex << request;
  }
}

TEST(Accept, S09_OtherBindingsPassAProxyOnly) {
  for (const ULONG request : {ASC_REQ_ALLOW_MISSING_BINDINGS, ASC_REQ_PROXY_BINDINGS}) {
    Client client;
    Server server;
    server.request = request;
    client.bindings = make_bindings("tls-server-end-point:other");
    server.bindings = make_bindings("tls-server-end-point:one");
    EXPECT_EQ(exchange(client, server).server,
              request == ASC_REQ_PROXY_BINDINGS ? SEC_E_OK : SEC_E_BAD_BINDINGS);
  }
}

TEST(Accept, S10_BindingsMayStandAtAnyIndexAndOnTheLastLegOnly) {
  for (const bool bindings_first : {true, false}) {
    Client client;
    client.bindings = make_bindings("tls-unique:x");
    Server server;
    std::string negotiate, challenge, authenticate;
    ASSERT_EQ(client.step("", negotiate), SEC_I_CONTINUE_NEEDED);
    ASSERT_EQ(server.step(negotiate, challenge), SEC_I_CONTINUE_NEEDED);  // without bindings
    ASSERT_EQ(client.step(challenge, authenticate), SEC_E_OK);
    std::string bindings = make_bindings("tls-unique:x");
    Call call(authenticate);
    call.in[1] = {static_cast<ULONG>(bindings.size()), SECBUFFER_CHANNEL_BINDINGS, bindings.data()};
    if (bindings_first) {
      std::swap(call.in[0], call.in[1]);
    }
    call.in_desc.cBuffers = 2;
    EXPECT_EQ(call(server, &server.context), SEC_E_OK);
  }
}

// An exchange in which each side gives its bindings on its first leg only: the server's answer.
SECURITY_STATUS accept_with_early_bindings(const std::string& of_client,
                                           const std::string& of_server,
                                           const std::string& of_server_later = "") {
  Client client;
  Server server;
  client.bindings = of_client;
  server.bindings = of_server;
  std::string negotiate, challenge, authenticate, none;
  EXPECT_EQ(client.step("", negotiate), SEC_I_CONTINUE_NEEDED);
  EXPECT_EQ(server.step(negotiate, challenge), SEC_I_CONTINUE_NEEDED);
  client.bindings.clear();
  server.bindings = of_server_later;
  EXPECT_EQ(client.step(challenge, authenticate), SEC_E_OK);
  return server.step(authenticate, none);
}

TEST(Accept, S10_BindingsOfTheFirstLegAloneCount) {
  const std::string one = make_bindings("tls-server-end-point:one");
  const std::string other = make_bindings("tls-server-end-point:other");
  EXPECT_EQ(accept_with_early_bindings(one, one), SEC_E_OK);
  EXPECT_EQ(accept_with_early_bindings(other, one), SEC_E_BAD_BINDINGS);
  EXPECT_EQ(accept_with_early_bindings("", one), SEC_E_BAD_BINDINGS);
}

TEST(Accept, S10_BindingsOfTheLastLegReplaceEarlierOnes) {
  const std::string one = make_bindings("tls-server-end-point:one");
  const std::string other = make_bindings("tls-server-end-point:other");
  EXPECT_EQ(accept_with_early_bindings(one, other, one), SEC_E_OK);
  EXPECT_EQ(accept_with_early_bindings(one, one, other), SEC_E_BAD_BINDINGS);
}

// ---- fContextReq ----

TEST(Accept, S11_Confidentiality) {
  Half half(ISC_REQ_CONFIDENTIALITY, ASC_REQ_CONFIDENTIALITY);
  ASSERT_EQ(half.finish(), SEC_E_OK);
  EXPECT_TRUE(half.server.attributes & ASC_RET_CONFIDENTIALITY);
}

TEST(Accept, S12_Connection) {
  Half half(0, ASC_REQ_CONNECTION);
  ASSERT_EQ(half.finish(), SEC_E_OK);
  EXPECT_TRUE(half.server.attributes & ASC_RET_CONNECTION);
}

TEST(Accept, S13_ExtendedErrorIsNotPromisedSinceNtlmHasNoErrorToken) {
  Half half(0, ASC_REQ_EXTENDED_ERROR, "wrong");
  Call call(half.authenticate);
  EXPECT_EQ(call(half.server, &half.server.context, ASC_REQ_EXTENDED_ERROR), SEC_E_LOGON_DENIED);
  EXPECT_EQ(call.out.cbBuffer, 0u);
  Half good(0, ASC_REQ_EXTENDED_ERROR);
  ASSERT_EQ(good.finish(), SEC_E_OK);
  EXPECT_FALSE(good.server.attributes & ASC_RET_EXTENDED_ERROR);
}

TEST(Accept, S14_Integrity) {
  Half half(ISC_REQ_INTEGRITY, ASC_REQ_INTEGRITY);
  ASSERT_EQ(half.finish(), SEC_E_OK);
  EXPECT_TRUE(half.server.attributes & ASC_RET_INTEGRITY);
}

TEST(Accept, S15_ReplayDetect) {
  Half half(ISC_REQ_REPLAY_DETECT, ASC_REQ_REPLAY_DETECT);
  ASSERT_EQ(half.finish(), SEC_E_OK);
  EXPECT_TRUE(half.server.attributes & ASC_RET_REPLAY_DETECT);
}

TEST(Accept, S16_SequenceDetect) {
  Half half(ISC_REQ_SEQUENCE_DETECT, ASC_REQ_SEQUENCE_DETECT);
  ASSERT_EQ(half.finish(), SEC_E_OK);
  EXPECT_TRUE(half.server.attributes & ASC_RET_SEQUENCE_DETECT);
}

TEST(Accept, S17_FlagsCombine) {
  constexpr ULONG kAll = ASC_REQ_CONFIDENTIALITY | ASC_REQ_CONNECTION | ASC_REQ_EXTENDED_ERROR |
                         ASC_REQ_INTEGRITY | ASC_REQ_REPLAY_DETECT | ASC_REQ_SEQUENCE_DETECT |
                         ASC_REQ_DELEGATE;
  Half half(ISC_REQ_INTEGRITY | ISC_REQ_CONFIDENTIALITY, kAll);
  ASSERT_EQ(half.finish(), SEC_E_OK);
  EXPECT_EQ(half.server.attributes,
            ULONG{ASC_RET_CONFIDENTIALITY | ASC_RET_CONNECTION | ASC_RET_INTEGRITY |
                  ASC_RET_REPLAY_DETECT | ASC_RET_SEQUENCE_DETECT});
}

TEST(Accept, S18_WhatTheClientCannotDoIsNoErrorAndNotClaimed) {
  Half half(0,
            ASC_REQ_CONFIDENTIALITY | ASC_REQ_INTEGRITY | ASC_REQ_MUTUAL_AUTH | ASC_REQ_DELEGATE);
  ASSERT_EQ(half.finish(), SEC_E_OK);
  EXPECT_EQ(half.server.attributes & (ASC_RET_CONFIDENTIALITY | ASC_RET_INTEGRITY |
                                      ASC_RET_MUTUAL_AUTH | ASC_RET_DELEGATE),
            0u);
}

// ---- TargetDataRep ----

TEST(Accept, S19_BothDataRepresentationsAreTheSame) {
  for (const ULONG drep : {ULONG{SECURITY_NATIVE_DREP}, ULONG{SECURITY_NETWORK_DREP}}) {
    Half half;
    Call call(half.authenticate);
    EXPECT_EQ(
        AcceptSecurityContext(&half.server.credential, &half.server.context, &call.in_desc, 0, drep,
                              &half.server.context, &call.out_desc, &call.attributes, nullptr),
        SEC_E_OK);
  }
}

// ---- phNewContext ----

TEST(Accept, S20_TheFirstCallGivesTheHandle) {
  const Half half;
  Server server;
  Call call(half.negotiate);
  const SecHandle before = server.context;
  ASSERT_EQ(call(server, nullptr), SEC_I_CONTINUE_NEEDED);
  EXPECT_NE(before.dwLower, server.context.dwLower);
}

TEST(Accept, S21_LaterTheSameVariableMayBeBoth) {
  Half half;
  const SecHandle before = half.server.context;
  ASSERT_EQ(half.finish(), SEC_E_OK);  // passes &context as both
  EXPECT_EQ(before.dwLower, half.server.context.dwLower);
}

TEST(Accept, S22_NoPlaceForTheHandleIsAnInvalidHandle) {
  Half half;
  Call first(half.negotiate);
  EXPECT_EQ(AcceptSecurityContext(&half.server.credential, nullptr, &first.in_desc, 0, 0, nullptr,
                                  &first.out_desc, &first.attributes, nullptr),
            SEC_E_INVALID_HANDLE);
  Call last(half.authenticate);
  EXPECT_EQ(AcceptSecurityContext(&half.server.credential, &half.server.context, &last.in_desc, 0,
                                  0, nullptr, &last.out_desc, &last.attributes, nullptr),
            SEC_E_INVALID_HANDLE);
  EXPECT_EQ(half.finish(), SEC_E_OK);  // the context is none the worse
}

// ---- pOutput ----

TEST(Accept, S23_TheTokenGoesIntoOutput) {
  const Half half;
  Server server;
  Call call(half.negotiate);
  ASSERT_EQ(call(server, nullptr), SEC_I_CONTINUE_NEEDED);
  EXPECT_EQ(call.out.BufferType, ULONG{SECBUFFER_TOKEN});
  EXPECT_LT(call.out.cbBuffer, sizeof call.room);
  EXPECT_EQ(std::string(call.room, 8), std::string("NTLMSSP\0", 8));
}

TEST(Accept, S24_TheLastLegMayHaveNoOutputAtAll) {
  Half half;
  Call call(half.authenticate);
  EXPECT_EQ(AcceptSecurityContext(&half.server.credential, &half.server.context, &call.in_desc, 0,
                                  0, &half.server.context, nullptr, &call.attributes, nullptr),
            SEC_E_OK);
}

TEST(Accept, S25_NothingToSendIsALengthOfZero) {
  Half half;
  Call call(half.authenticate);
  ASSERT_EQ(call(half.server, &half.server.context), SEC_E_OK);
  EXPECT_EQ(call.out.cbBuffer, 0u);
}

TEST(Accept, S25_AFailureLeavesNothingToSend) {
  const Half half;
  const std::string broken(12, '\0');
  struct {
    std::string token, bindings;
    ULONG request;
    bool with_credential;
    SECURITY_STATUS expected;
  } const kRows[] = {{"no token at all", "", 0, true, SEC_E_INVALID_TOKEN},
                     {half.authenticate, "", 0, true, SEC_E_INVALID_TOKEN},
                     {half.negotiate, broken, 0, true, SEC_E_INVALID_TOKEN},
                     {half.negotiate, "", ASC_REQ_DATAGRAM, true, SEC_E_UNSUPPORTED_FUNCTION},
                     {half.negotiate, "", 0, false, SEC_E_INVALID_HANDLE}};
  for (const auto& row : kRows) {
    for (const ULONG allocate : {ULONG{0}, ULONG{ASC_REQ_ALLOCATE_MEMORY}}) {
      Server server;
      Side nobody;
      Call call(row.token);
      std::string bindings = row.bindings;
      call.in[1] = {static_cast<ULONG>(bindings.size()), SECBUFFER_CHANNEL_BINDINGS,
                    bindings.data()};
      call.in_desc.cBuffers = bindings.empty() ? 1 : 2;
      EXPECT_EQ(call(row.with_credential ? static_cast<Side&>(server) : nobody, nullptr,
                     row.request | allocate),
                row.expected);
      EXPECT_EQ(call.out.cbBuffer, 0u);
      EXPECT_EQ(call.out.pvBuffer, allocate != 0 ? nullptr : call.room);
    }
  }
}

// ---- pfContextAttr ----

TEST(Accept, S26_TellsWhatWasAgreedNotWhatWasAsked) {
  Half half(ISC_REQ_INTEGRITY | ISC_REQ_CONFIDENTIALITY, 0);  // the server asks for nothing
  ASSERT_EQ(half.finish(), SEC_E_OK);
  EXPECT_EQ(half.server.attributes & (ASC_RET_CONFIDENTIALITY | ASC_RET_INTEGRITY),
            ULONG{ASC_RET_CONFIDENTIALITY | ASC_RET_INTEGRITY});
}

TEST(Accept, S27_NoSecurityFlagBeforeTheLastLeg) {
  const Half half(ISC_REQ_INTEGRITY | ISC_REQ_CONFIDENTIALITY);
  Server server;
  Call call(half.negotiate);
  ASSERT_EQ(call(server, nullptr, ASC_REQ_CONFIDENTIALITY | ASC_REQ_INTEGRITY),
            SEC_I_CONTINUE_NEEDED);
  EXPECT_EQ(call.attributes & (ASC_RET_CONFIDENTIALITY | ASC_RET_INTEGRITY | ASC_RET_REPLAY_DETECT),
            0u);
}

TEST(Accept, S28_AllocatedMemoryIsToldOnTheLegThatAllocates) {
  Half half;
  Server server;
  Call first(half.negotiate);
  first.out = {0, SECBUFFER_TOKEN, nullptr};
  ASSERT_EQ(first(server, nullptr, ASC_REQ_ALLOCATE_MEMORY), SEC_I_CONTINUE_NEEDED);
  EXPECT_TRUE(first.attributes & ASC_RET_ALLOCATED_MEMORY);
  EXPECT_EQ(FreeContextBuffer(first.out.pvBuffer), SEC_E_OK);
  Call last(half.authenticate);
  last.out = {0, SECBUFFER_TOKEN, nullptr};
  ASSERT_EQ(last(half.server, &half.server.context, ASC_REQ_ALLOCATE_MEMORY), SEC_E_OK);
  EXPECT_FALSE(last.attributes & ASC_RET_ALLOCATED_MEMORY);
  EXPECT_EQ(last.out.pvBuffer, nullptr);
}

TEST(Accept, S29_IsWrittenOnEverySuccessAndMayBeNull) {
  Half half;
  Server server;
  Call call(half.negotiate);
  ASSERT_EQ(call(server, nullptr), SEC_I_CONTINUE_NEEDED);
  EXPECT_NE(call.attributes, 0xDEADBEEF);
  Call last(half.authenticate);
  EXPECT_EQ(AcceptSecurityContext(&half.server.credential, &half.server.context, &last.in_desc, 0,
                                  0, &half.server.context, &last.out_desc, nullptr, nullptr),
            SEC_E_OK);
}

TEST(Accept, S29_IsNotWrittenOnFailure) {
  Server server;
  Call call("no token at all");
  EXPECT_EQ(call(server, nullptr), SEC_E_INVALID_TOKEN);
  EXPECT_EQ(call.attributes, 0xDEADBEEF);
}

// ---- ptsTimeStamp ----

TEST(Accept, S30_TellsWhenTheContextExpires) {
  Half half;
  ASSERT_EQ(half.finish(), SEC_E_OK);
  const std::time_t now = time(nullptr);
  tm local{};
  localtime_r(&now, &local);
  const LONGLONG in_ticks = (now + local.tm_gmtoff + 11'644'473'600LL) * 10'000'000LL;
  EXPECT_GT(ticks(half.server.expiry), in_ticks);
  EXPECT_LT(ticks(half.server.expiry),
            in_ticks + 40LL * 3600 * 10'000'000);  // context_lifetime is 36 hours
}

TEST(Accept, S31_TheTimeIsLocal) {
  setenv("TZ", "XXX-05:00", 1);  // five hours east
  tzset();
  Half half;
  ASSERT_EQ(half.finish(), SEC_E_OK);
  const LONGLONG east = ticks(half.server.expiry);
  setenv("TZ", "UTC0", 1);
  tzset();
  Half other;
  ASSERT_EQ(other.finish(), SEC_E_OK);
  const LONGLONG hours =
      (east - ticks(other.server.expiry) + 10'000'000LL * 60) / (10'000'000LL * 3600);
  EXPECT_EQ(hours, 5);
}

TEST(Accept, S32_BeforeTheLastLegTheTimeIsNeverAndMayBeAskedOrNot) {
  const Half half;
  Server server;
  Call call(half.negotiate);
  ASSERT_EQ(call(server, nullptr), SEC_I_CONTINUE_NEEDED);
  EXPECT_EQ(ticks(call.expiry), kNever);
  Server other;
  Call without(half.negotiate);
  EXPECT_EQ(AcceptSecurityContext(&other.credential, nullptr, &without.in_desc, 0, 0,
                                  &other.context, &without.out_desc, &without.attributes, nullptr),
            SEC_I_CONTINUE_NEEDED);
}

// ---- return values ----

TEST(Accept, S34_RoomWithoutMemoryIsAnInternalError) {
  const Half half;
  Server server;
  Call call(half.negotiate);
  call.out.pvBuffer = nullptr;
  EXPECT_EQ(call(server, nullptr), SEC_E_INTERNAL_ERROR);
}

TEST(Accept, S35_InvalidHandleHasWinerrorsNumberAndComesForEither) {
  static_assert(SEC_E_INVALID_HANDLE == static_cast<HRESULT>(0x80090301));
  const Half half;
  Server server;
  Call call(half.negotiate);
  Side nothing;  // {-1,-1}
  EXPECT_EQ(call(nothing, nullptr), SEC_E_INVALID_HANDLE);
  CtxtHandle bad{1, 2};
  EXPECT_EQ(call(server, &bad), SEC_E_INVALID_HANDLE);
  EXPECT_EQ(call(server, &server.credential), SEC_E_INVALID_HANDLE);  // a credential is no context
}

TEST(Accept, S36_InvalidTokens) {
  const Half half;
  for (std::size_t cut = 0; cut < half.negotiate.size() && cut < 16; ++cut) {
    Server server;
    Call call(half.negotiate.substr(0, cut));
    EXPECT_EQ(call(server, nullptr), SEC_E_INVALID_TOKEN) << cut;
  }
  Server server;
  Call spnego(std::string("\x60\x48\x06\x06\x2b\x06\x01\x05\x05\x02", 10));
  EXPECT_EQ(spnego(server, nullptr), SEC_E_INVALID_TOKEN);
  Call challenge(half.challenge);
  EXPECT_EQ(challenge(server, nullptr), SEC_E_INVALID_TOKEN);
  Call huge(half.negotiate + std::string(4000, 'x'));
  EXPECT_EQ(huge(server, nullptr), SEC_E_INVALID_TOKEN);
}

TEST(Accept, S36_TokensThatNegotiateCannotRead) {
  const std::string kTokens[] = {
      std::string("\x60\x08\x06\x06\x2b\x06\x01\x05\x05\x02", 10),  // no NegTokenInit
      std::string("\x60\x0c\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x02\x31\x00", 14),
      std::string(
          "\x60\x12\x06\x06\x2b\x06\x01\x05\x05\x02\xa0\x08\x30\x06\xa0\x04\x30\x02\x06\x05",
          20),  // its list of mechanisms ends early
      std::string("\x60\x0f\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01\x00\x6e\x00",
                  17),                                 // Kerberos', not in SPNEGO
      std::string("\x6e\x05\x30\x03\xa0\x01\x05", 7),  // its AP-REQ alone
      std::string("\x60\x09\x06\x03\x2a\x03\x04"
                  "ABCD",
                  11),  // nobody's
      "hello world"};
  for (const std::string& token : kTokens) {
    Server server("Negotiate");
    Call call(token);
    EXPECT_EQ(call(server, nullptr), SEC_E_INVALID_TOKEN) << ::testing::PrintToString(token);
    EXPECT_EQ(SspiCompatGetLastNtStatus(), static_cast<NTSTATUS>(0xC000000D));
  }
}

// What Negotiate answers is this token's fault, not that of a logon which failed before it.
TEST(Accept, S36_AnEarlierFailureOfTheThreadIsNotThisOnes) {
  Half wrong(ISC_REQ_INTEGRITY, 0, "wrong");
  ASSERT_EQ(wrong.finish(), SEC_E_LOGON_DENIED);
  Server server("Negotiate");
  Call call(std::string("\x60\x08\x06\x06\x2b\x06\x01\x05\x05\x02", 10));
  EXPECT_EQ(call(server, nullptr), SEC_E_INVALID_TOKEN);
  EXPECT_EQ(SspiCompatGetLastNtStatus(), static_cast<NTSTATUS>(0xC000000D));
  EXPECT_EQ(SspiCompatGetLastError(), DWORD{ERROR_INVALID_PARAMETER});
}

TEST(Accept, S37_LogonDeniedForAWrongPasswordAndAnUnknownUser) {
  Half wrong(ISC_REQ_INTEGRITY, 0, "wrong");
  EXPECT_EQ(wrong.finish(), SEC_E_LOGON_DENIED);
  EXPECT_EQ(SspiCompatGetLastNtStatus(), static_cast<NTSTATUS>(0xC000006D));
  EXPECT_EQ(SspiCompatGetLastError(), DWORD{ERROR_LOGON_FAILURE});
  Client stranger("NTLM", "mallory");
  Server server;
  const Outcome outcome = exchange(stranger, server);
  EXPECT_EQ(outcome.client, SEC_E_OK);
  EXPECT_EQ(outcome.server, SEC_E_LOGON_DENIED);
}

TEST(Accept, S37_ABadMicIsMessageAltered) {
  Half half;
  half.authenticate[72] ^= 1;  // [MS-NLMP] 2.2.1.3: the MIC is at 72 to 87
  EXPECT_EQ(half.finish(), SEC_E_MESSAGE_ALTERED);
}

TEST(Accept, S39_S41_TheLastLegIsOkAndNeverCompleteNeeded) {
  Half half;
  const SECURITY_STATUS status = half.finish();
  EXPECT_EQ(status, SEC_E_OK);
  EXPECT_EQ(CompleteAuthToken(&half.server.context, nullptr),
            SEC_E_OK);  // though there is nothing to complete
}

TEST(Accept, S40_CompleteAuthTokenWantsALiveContext) {
  CtxtHandle bad{};
  EXPECT_EQ(CompleteAuthToken(&bad, nullptr), SEC_E_INVALID_HANDLE);
}

TEST(Accept, S42_ContinueNeededComesWithATokenToSend) {
  const Half half;
  EXPECT_FALSE(half.challenge.empty());
}

TEST(Accept, S43_SuccessesAreNotNegative) {
  EXPECT_TRUE(SUCCEEDED(SEC_I_CONTINUE_NEEDED) && SUCCEEDED(SEC_E_OK) &&
              SUCCEEDED(SEC_I_COMPLETE_NEEDED));
  EXPECT_TRUE(FAILED(SEC_E_LOGON_DENIED) && FAILED(SEC_E_INVALID_HANDLE));
}

// ---- remarks ----

TEST(Accept, S44_S47_BothSidesCallUntilDone) {
  Client client("Negotiate");
  Server server("Negotiate");
  client.request = ISC_REQ_INTEGRITY;
  const Outcome outcome = exchange(client, server);
  EXPECT_EQ(outcome.client, SEC_E_OK);
  EXPECT_EQ(outcome.server, SEC_E_OK);
}

TEST(Accept, S46_S48_AServerThatAsksForNothingReadsWhatThereIs) {
  Half half(ISC_REQ_INTEGRITY, 0);
  ASSERT_EQ(half.finish(), SEC_E_OK);
  EXPECT_EQ(half.server.attributes,
            ULONG{ASC_RET_INTEGRITY | ASC_RET_REPLAY_DETECT | ASC_RET_SEQUENCE_DETECT});
}

TEST(Accept, S49_ConfidentialityThatWasNotAgreedIsNotDone) {
  Half half(ISC_REQ_INTEGRITY, ASC_REQ_CONFIDENTIALITY);
  ASSERT_EQ(half.finish(), SEC_E_OK);
  EXPECT_FALSE(half.server.attributes & ASC_RET_CONFIDENTIALITY);
  char token[16], data[] = "in the clear?";
  SecBuffer buffers[] = {{sizeof token, SECBUFFER_TOKEN, token}, {13, SECBUFFER_DATA, data}};
  SecBufferDesc message{SECBUFFER_VERSION, 2, buffers};
  EXPECT_EQ(EncryptMessage(&half.server.context, 0, &message, 0), SEC_E_UNSUPPORTED_FUNCTION);
}

TEST(Accept, S50_AFailedContextIsDeletedAndNothingElse) {
  Half half(0, 0, "wrong");
  const std::string response = half.authenticate;
  ASSERT_EQ(half.finish(), SEC_E_LOGON_DENIED);
  Call again(response);
  EXPECT_EQ(again(half.server, &half.server.context), SEC_E_INVALID_HANDLE);
  SecPkgContext_Flags flags{};
  EXPECT_EQ(QueryContextAttributesA(&half.server.context, SECPKG_ATTR_FLAGS, &flags),
            SEC_E_INVALID_HANDLE);
  EXPECT_EQ(DeleteSecurityContext(&half.server.context), SEC_E_OK);
  EXPECT_EQ(DeleteSecurityContext(&half.server.context), SEC_E_INVALID_HANDLE);
  SecInvalidateHandle(&half.server.context);
}

TEST(Accept, S50_APartialContextIsDeletedToo) {
  Half half;
  EXPECT_EQ(DeleteSecurityContext(&half.server.context), SEC_E_OK);
  SecInvalidateHandle(&half.server.context);
}

TEST(Accept, S50_AFinishedContextTakesNoMoreTokens) {
  Half half;
  ASSERT_EQ(half.finish(), SEC_E_OK);
  Call again(half.authenticate);
  EXPECT_EQ(again(half.server, &half.server.context), SEC_E_OUT_OF_SEQUENCE);
}

TEST(Accept, S51_ATokenTellsTheAccountAndIsClosed) {
  Half half;
  HANDLE token = nullptr;
  EXPECT_EQ(QuerySecurityContextToken(&half.server.context, &token), SEC_E_NO_IMPERSONATION);
  ASSERT_EQ(half.finish(), SEC_E_OK);
  ASSERT_EQ(QuerySecurityContextToken(&half.server.context, &token), SEC_E_OK);
  PSspiCompatTokenInfo info = nullptr;
  ASSERT_EQ(SspiCompatGetTokenInfo(token, &info), SEC_E_OK);
  EXPECT_STREQ(info->UserName, "DOM\\alice");
  EXPECT_EQ(FreeContextBuffer(info), SEC_E_OK);
  EXPECT_TRUE(CloseHandle(token));
  EXPECT_FALSE(CloseHandle(token));
  EXPECT_EQ(GetLastError(), DWORD{ERROR_INVALID_HANDLE});
}

TEST(Accept, S51_NoTokenWhereNoneWasWanted) {
  Half half(0, ASC_REQ_NO_TOKEN);
  ASSERT_EQ(half.finish(), SEC_E_OK);
  EXPECT_TRUE(half.server.attributes & ASC_RET_NO_TOKEN);
  HANDLE token = nullptr;
  EXPECT_EQ(QuerySecurityContextToken(&half.server.context, &token), SEC_E_NO_IMPERSONATION);
}

TEST(Accept, S52_ImpersonationWantsACompleteServerContext) {
  Half half;
  EXPECT_EQ(ImpersonateSecurityContext(&half.server.context), SEC_E_NO_IMPERSONATION);
  EXPECT_EQ(ImpersonateSecurityContext(&half.client.context), SEC_E_NO_IMPERSONATION);
  EXPECT_EQ(RevertSecurityContext(&half.server.context), SEC_E_NO_IMPERSONATION);
}

TEST(Accept, S53_SecurityHGivesTheNames) {
  EXPECT_STREQ(NTLMSP_NAME_A, "NTLM");
  EXPECT_STREQ(NEGOSSP_NAME_A, "Negotiate");
  EXPECT_EQ(ISSP_LEVEL, 32);
}

// ---- output room ----

TEST(Accept, TooLittleRoomIsBufferTooSmallAndTheContextIsGone) {
  const Half half;
  Server server;
  Call call(half.negotiate);
  call.out.cbBuffer = 10;
  EXPECT_EQ(call(server, nullptr), SEC_E_BUFFER_TOO_SMALL);
  EXPECT_EQ(call.out.cbBuffer, 10u) << "S25: the room stays as it was";
  EXPECT_FALSE(SecIsValidHandle(&server.context));
  call.out.cbBuffer = 0;
  EXPECT_EQ(call(server, nullptr), SEC_E_BUFFER_TOO_SMALL);
  call.out.cbBuffer = sizeof call.room;
  call.out.BufferType = SECBUFFER_DATA;
  EXPECT_EQ(call(server, nullptr), SEC_E_BUFFER_TOO_SMALL);
}

TEST(Accept, DatagramIsUnsupported) {
  const Half half;
  Server server;
  Call call(half.negotiate);
  EXPECT_EQ(call(server, nullptr, ASC_REQ_DATAGRAM), SEC_E_UNSUPPORTED_FUNCTION);
}

// ---- channel bindings structures ----

class BadBindings : public testing::TestWithParam<int> {};
TEST_P(BadBindings, PointingOutsideThemselvesAreInvalid) {
  const Half half;
  Server server;
  std::string bindings = make_bindings("0123456789");
  SEC_CHANNEL_BINDINGS header;
  memcpy(&header, bindings.data(), sizeof header);
  switch (GetParam()) {
    case 0:
      header.cbApplicationDataLength = 11;
      break;
    case 1:
      header.dwApplicationDataOffset = 0xFFFFFFF0;
      break;
    case 2:
      header.cbInitiatorLength = 1, header.dwInitiatorOffset = 42;
      break;
    case 3:
      header.cbAcceptorLength = 0xFFFFFFFF;
      break;
    case 4:
      header.dwApplicationDataOffset = 43, header.cbApplicationDataLength = 0xFFFFFFFF;
      break;
    default:
      bindings.resize(31);
      break;
  }
  memcpy(bindings.data(), &header, std::min(sizeof header, bindings.size()));
  Call call(half.negotiate);
  call.in[1] = {static_cast<ULONG>(bindings.size()), SECBUFFER_CHANNEL_BINDINGS, bindings.data()};
  call.in_desc.cBuffers = 2;
  EXPECT_EQ(call(server, nullptr), SEC_E_INVALID_TOKEN);
}
INSTANTIATE_TEST_SUITE_P(Accept, BadBindings, testing::Range(0, 6));

}  // namespace
}  // namespace sspi_test
