// SPDX-License-Identifier: MIT
// The legacy context of Wine's secur32 tests on Windows 2003: no SIGN, SEAL, ESS or KEY_EXCH, so
// that the session key is MD4(MD4(password)) and every byte is known. Facts 41, 57, 65 to 74; the
// golden bytes are theirs.
#include <string.h>

#include "support.h"

namespace sspi_test {
namespace {

const bool configured =
    add_configuration("[policy]\n    initiator_version = v1\n    require_128 = no\n");

// A CHALLENGE with flags 0xA0828205 and AV pairs 2, 1, 4, 3: UNICODE, REQUEST_TARGET, NTLM,
// ALWAYS_SIGN, TARGET_TYPE_SERVER, TARGET_INFO, 128, 56.
std::string fixed_challenge() {
  const std::u16string name = u"SERVER";
  const std::string utf16(reinterpret_cast<const char*>(name.data()), name.size() * 2);
  std::string pairs;
  for (const char id : std::string("\2\1\4\3")) {
    pairs += std::string{id, 0, static_cast<char>(utf16.size()), 0} + utf16;
  }
  pairs += std::string(4, '\0');
  std::string message("NTLMSSP\0\2\0\0\0", 12);
  const auto field = [&](std::size_t length, std::size_t offset) {
    message += std::string{static_cast<char>(length),
                           0,
                           static_cast<char>(length),
                           0,
                           static_cast<char>(offset),
                           0,
                           0,
                           0};
  };
  field(utf16.size(), 48);
  message += std::string("\x05\x82\x82\xa0", 4) + "\x01\x23\x45\x67\x89\xab\xcd\xef" +
             std::string(8, '\0');
  field(pairs.size(), 48 + utf16.size());
  return message + utf16 + pairs;
}

class Legacy : public testing::Test {
 protected:
  Legacy() : client_("NTLM", "testuser", "testpass", "WORKGROUP") {
    std::string negotiate, authenticate;
    client_.target = "";
    EXPECT_EQ(client_.step("", negotiate), SEC_I_CONTINUE_NEEDED);
    EXPECT_EQ(client_.step(fixed_challenge(), authenticate), SEC_E_OK) << SspiCompatGetLastText();
  }
  Client client_;
};

std::string hex(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) {
    char digits[3];
    snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += digits;
  }
  return out;
}

TEST_F(Legacy, TheSessionKeyIsThePasswords) {
  EXPECT_EQ(hex(session_key(client_)), "8eff585d2a73a2906dc517ed014bc58a");
}

TEST_F(Legacy, KeyInfoTellsCrc32) {
  SecPkgContext_KeyInfoA info{};
  ASSERT_EQ(QueryContextAttributesA(&client_.context, SECPKG_ATTR_KEY_INFO, &info), SEC_E_OK);
  EXPECT_STREQ(info.sSignatureAlgorithmName, "RSADSI RC4-CRC32");
  EXPECT_EQ(info.SignatureAlgorithm, 0xFFFFFF7Cu);
  EXPECT_EQ(info.KeySize, 128u);
  FreeContextBuffer(info.sSignatureAlgorithmName);
  FreeContextBuffer(info.sEncryptAlgorithmName);
}

TEST_F(Legacy, SignaturesAreTheConstantAndCountNothing) {
  char token[16] = {}, data[] = "Hello, world!";
  SecBuffer buffers[] = {{16, SECBUFFER_TOKEN, token}, {13, SECBUFFER_DATA, data}};
  SecBufferDesc message{SECBUFFER_VERSION, 2, buffers};
  ASSERT_EQ(MakeSignature(&client_.context, 0, &message, 0), SEC_E_OK);
  EXPECT_EQ(hex(std::string(token, 16)), "01000000000000000000000000000000");
  EXPECT_EQ(VerifySignature(&client_.context, &message, 0, nullptr), SEC_E_OK);
}

TEST_F(Legacy, TheGoldenBytesOfThreeMessages) {
  char token[16] = {}, data[] = "Hello, world!";
  SecBuffer buffers[] = {{16, SECBUFFER_TOKEN, token}, {13, SECBUFFER_DATA, data}};
  SecBufferDesc message{SECBUFFER_VERSION, 2, buffers};
  ASSERT_EQ(EncryptMessage(&client_.context, 0, &message, 0), SEC_E_OK) << SspiCompatGetLastText();
  EXPECT_EQ(hex(std::string(data, 13)), "869c5a1078b330984615a031d9");
  EXPECT_EQ(hex(std::string(token, 16)), "0100000000000000e8c7aa261639074e");

  // The server's answer comes through the same stream: one key, one count for both directions
  // ([MS-NLMP] 3.4.4.1).
  memcpy(data, "\xf6\xb7\x92\x0c\xac\xea\x98\xe6\xef\xa0\x29\x66\xfd", 13);
  memcpy(token, "\1\0\0\0\0\0\0\0\x1c\x46\x2e\x77\xeb\xf0\xf6\x9e", 16);
  ASSERT_EQ(DecryptMessage(&client_.context, &message, 0, nullptr), SEC_E_OK)
      << SspiCompatGetLastText();
  EXPECT_STREQ(data, "Hello, world!");

  // The third, with signed headers around it that stay as they are.
  char header[] = "Header Test", trailer[] = "Header Test", more[] = "Hello, world!", last[16] = {};
  SecBuffer four[] = {{12, SECBUFFER_DATA | SECBUFFER_READONLY_WITH_CHECKSUM, header},
                      {13, SECBUFFER_DATA, more},
                      {12, SECBUFFER_DATA | SECBUFFER_READONLY_WITH_CHECKSUM, trailer},
                      {16, SECBUFFER_TOKEN, last}};
  SecBufferDesc rpc{SECBUFFER_VERSION, 4, four};
  ASSERT_EQ(EncryptMessage(&client_.context, 0, &rpc, 0), SEC_E_OK);
  EXPECT_EQ(hex(std::string(more, 13)), "206c01abb04c93e41efce1fafe");
  EXPECT_EQ(hex(std::string(last, 16)).substr(16), "c5a7f70f5b25bea4");
  EXPECT_STREQ(header, "Header Test");
  EXPECT_STREQ(trailer, "Header Test");
}

}  // namespace
}  // namespace sspi_test
