// SPDX-License-Identifier: MIT
// Whole exchanges, and that both ends see the same.
#include "support.h"

namespace sspi_test {
namespace {

class Handshake : public testing::TestWithParam<const char*> {};

TEST_P(Handshake, BothSidesHaveTheSameKeyAndUnderstandEachOther) {
  Pair pair(ISC_REQ_INTEGRITY | ISC_REQ_CONFIDENTIALITY, 0, GetParam());
  EXPECT_EQ(session_key(pair.client), session_key(pair.server));
  char data[] = "Hello, world!";
  char token[64];
  SecBuffer buffers[] = {{sizeof token, SECBUFFER_TOKEN, token}, {13, SECBUFFER_DATA, data}};
  SecBufferDesc message{SECBUFFER_VERSION, 2, buffers};
  ASSERT_EQ(EncryptMessage(&pair.client.context, 0, &message, 0), SEC_E_OK)
      << SspiCompatGetLastText();
  EXPECT_STRNE(data, "Hello, world!");
  ASSERT_EQ(DecryptMessage(&pair.server.context, &message, 0, nullptr), SEC_E_OK)
      << SspiCompatGetLastText();
  EXPECT_STREQ(data, "Hello, world!");
}

TEST_P(Handshake, AWrongPasswordIsLogonDeniedOnTheServersLastLeg) {
  Client client(GetParam(), kUser, "wrong");
  Server server(GetParam());
  const Outcome outcome = exchange(client, server);
  EXPECT_EQ(outcome.server, SEC_E_LOGON_DENIED) << SspiCompatGetLastText();
}

INSTANTIATE_TEST_SUITE_P(Packages, Handshake, testing::Values("NTLM", "Negotiate"),
                         [](const auto& one) { return std::string(one.param); });

}  // namespace
}  // namespace sspi_test
