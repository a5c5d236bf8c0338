// SPDX-License-Identifier: MIT
// display_form, which is not SSPI's; impersonation = identity; require_flags: S45; anonymous
// clients; Negotiate that begins raw.
#include <sys/fsuid.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "support.h"

namespace sspi_test {
namespace {

const bool configured = add_configuration(
    "[ntlm]\n    display_form = user@domain\n"
    "[policy]\n    allow_anonymous = yes\n    context_lifetime = 2\n"
    "[sspi]\n    impersonation = identity\n    require_flags = ASC_REQ_CONFIDENTIALITY "
    "ASC_REQ_INTEGRITY\n"
    "    negotiate_form = raw\n"
    "[audit]\n    json = " +
    private_path("audit.jsonl") + "\n");

std::string audit_records() {
  std::ostringstream text;
  text << std::ifstream(private_path("audit.jsonl")).rdbuf();
  return text.str();
}

TEST(Settings, NamesHaveSspisFormWhateverTheMechanismShows) {
  Pair pair;
  for (Side* side : {static_cast<Side*>(&pair.client), static_cast<Side*>(&pair.server)}) {
    SecPkgContext_NamesA names{};
    ASSERT_EQ(QueryContextAttributesA(&side->context, SECPKG_ATTR_NAMES, &names), SEC_E_OK);
    EXPECT_STREQ(names.sUserName, "DOM\\alice");
    FreeContextBuffer(names.sUserName);
  }
}

TEST(Settings, ImpersonationThatChangesNothingIsOkAndReverts) {
  Pair pair;
  const int before = setfsuid(static_cast<uid_t>(-1));
  ASSERT_EQ(ImpersonateSecurityContext(&pair.server.context), SEC_E_OK);
  EXPECT_EQ(setfsuid(static_cast<uid_t>(-1)), before);
  EXPECT_EQ(RevertSecurityContext(&pair.server.context), SEC_E_OK);
}

TEST(Settings, S45_AFlagThatIsRequiredAndAskedForMustBeGranted) {
  struct Case {
    ULONG client, server;
    SECURITY_STATUS expected;
  };
  for (const Case& one :
       {Case{0, 0, SEC_E_OK}, Case{0, ASC_REQ_INTEGRITY, SEC_E_SECURITY_QOS_FAILED},
        Case{ISC_REQ_INTEGRITY, ASC_REQ_INTEGRITY, SEC_E_OK},
        Case{ISC_REQ_INTEGRITY, ASC_REQ_CONFIDENTIALITY, SEC_E_SECURITY_QOS_FAILED},
        Case{ISC_REQ_CONFIDENTIALITY, ASC_REQ_CONFIDENTIALITY, SEC_E_OK},
        Case{0, ASC_REQ_MUTUAL_AUTH, SEC_E_OK}}) {
    Client client;
    Server server;
    client.request = one.client;
    server.request = one.server;
    const std::size_t before = audit_records().size();
    EXPECT_EQ(exchange(client, server).server, one.expected);
    // What is refused was not recorded as a logon.
    const std::string records = audit_records().substr(before);
    EXPECT_EQ(records.find(R"("event":"accept","result":"success")") != records.npos,
              one.expected == SEC_E_OK)
        << records;
    SecPkgContext_SessionKey key{};
    if (one.expected != SEC_E_OK) {
      EXPECT_EQ(QueryContextAttributesA(&server.context, SECPKG_ATTR_SESSION_KEY, &key),
                SEC_E_INVALID_HANDLE);
    }
  }
}

TEST(Settings, AnAnonymousClientNeedsTheServersConsent) {
  for (const ULONG request : {0u, ASC_REQ_ALLOW_NULL_SESSION}) {
    Client client;
    Server server;
    client.request = ISC_REQ_NULL_SESSION;
    server.request = request;
    const Outcome outcome = exchange(client, server);
    EXPECT_EQ(outcome.client, SEC_E_OK) << SspiCompatGetLastText();
    EXPECT_TRUE(client.attributes & ISC_RET_NULL_SESSION);
    EXPECT_EQ(outcome.server, request != 0 ? SEC_E_OK : SEC_E_LOGON_DENIED)
        << SspiCompatGetLastText();
    if (request != 0) {
      EXPECT_TRUE(server.attributes & ASC_RET_NULL_SESSION);
      SecBuffer packed{0, SECBUFFER_EMPTY, nullptr};
      Side other;
      ASSERT_EQ(ExportSecurityContext(&server.context, 0, &packed, nullptr), SEC_E_OK);
      EXPECT_EQ(ImportSecurityContextA("NTLM", &packed, nullptr, &other.context), SEC_E_OK);
      FreeContextBuffer(packed.pvBuffer);
    }
  }
}

LONGLONG end_of(Side& side) {
  SecPkgContext_Lifespan span{};
  EXPECT_EQ(QueryContextAttributesA(&side.context, SECPKG_ATTR_LIFESPAN, &span), SEC_E_OK);
  return static_cast<LONGLONG>(span.tsExpiry.HighPart) << 32 | span.tsExpiry.LowPart;
}

TEST(Settings, TheEndOfAContextStaysWhenItIsOver) {
  Pair pair;
  SecBuffer packed{0, SECBUFFER_EMPTY, nullptr};
  ASSERT_EQ(ExportSecurityContext(&pair.server.context, 0, &packed, nullptr), SEC_E_OK);
  Side other;
  ASSERT_EQ(ImportSecurityContextA("NTLM", &packed, nullptr, &other.context), SEC_E_OK);
  FreeContextBuffer(packed.pvBuffer);
  const LONGLONG server = end_of(pair.server), client = end_of(pair.client);
  const LONGLONG imported = end_of(other);
  sleep(3);  // context_lifetime is 2
  EXPECT_EQ(end_of(pair.server), server);
  EXPECT_EQ(end_of(pair.client), client);
  EXPECT_EQ(end_of(other), imported);
  const TimeStamp told = pair.server.expiry;
  EXPECT_EQ(static_cast<LONGLONG>(told.HighPart) << 32 | told.LowPart, server);
}

TEST(Settings, NegotiateBeginsRawAndAWinprServerWouldUnderstand) {
  Client client("Negotiate");
  Server server("NTLM");
  const Outcome outcome = exchange(client, server);
  EXPECT_EQ(outcome.tokens.front().substr(0, 8), std::string("NTLMSSP\0", 8));
  EXPECT_EQ(outcome.server, SEC_E_OK);
}

}  // namespace
}  // namespace sspi_test
