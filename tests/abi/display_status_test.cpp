// SPDX-License-Identifier: MIT
// What an administrator reads after a failure, through the mechglue, which gives minor codes
// numbers of its own.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "abi/exchange.h"

namespace ntlm::test {
namespace {

std::string shown(OM_uint32 minor, OM_uint32* major = nullptr) {
  Buffer out;
  OM_uint32 ignored = 0, context = 0;
  const OM_uint32 status =
      gss_display_status(&ignored, minor, GSS_C_MECH_CODE, &g_ntlm, &context, out.out());
  if (major != nullptr) {
    *major = status;
  }
  EXPECT_EQ(context, 0U);
  return text(out);
}

TEST(DisplayStatus, NoSecretToInitiateWithSaysWhereToPutOne) {
  Accounts accounts;
  Credential credential;
  OM_uint32 minor = 0;
  unsetenv("NTLM_USER_FILE");
  ASSERT_EQ(gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &g_only_ntlm, GSS_C_INITIATE,
                             credential.out(), nullptr, nullptr),
            GSS_S_NO_CRED);
  EXPECT_NE(shown(minor).find("NTLM_USER_FILE"), std::string::npos) << shown(minor);
}

TEST(DisplayStatus, AConfigurationThatCannotBeUsedSaysFileKeyAndValue) {
  Accounts accounts;
  accounts.configure("wrong.conf", "[policy]\n require_mic = maybe\n");
  for (const gss_cred_usage_t usage : {GSS_C_ACCEPT, GSS_C_INITIATE}) {
    Credential credential;
    OM_uint32 minor = 0;
    ASSERT_EQ(gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &g_only_ntlm, usage, credential.out(),
                               nullptr, nullptr),
              GSS_S_FAILURE);
    const std::string sentence = shown(minor);
    for (const char* part : {"wrong.conf", "require_mic", "maybe"}) {
      EXPECT_NE(sentence.find(part), std::string::npos) << sentence;
    }
  }
}

TEST(DisplayStatus, AMissingAccountFileIsNamed) {
  Accounts accounts;
  setenv("NTLM_USER_FILE", "/nonexistent/users", 1);
  Credential credential;
  OM_uint32 minor = 0;
  EXPECT_TRUE(GSS_ERROR(gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &g_only_ntlm, GSS_C_INITIATE,
                                         credential.out(), nullptr, nullptr)));
  EXPECT_NE(shown(minor).find("/nonexistent"), std::string::npos) << shown(minor);
}

TEST(DisplayStatus, ADisabledAccountLooksLikeAWrongPasswordAndOnlyTheAuditKnows) {
  // smbpasswd's format; the hash is that of "Secret1".
  const std::string hash = "ED50BDC9FAA370E31AC4EE119FD51F48";
  const std::string none(32, 'X');
  Accounts accounts("alice:1:" + none + ":" + hash + ":[UD         ]:LCT-0:\n");
  const std::string log = accounts.write("audit.jsonl", "");
  accounts.configure("audited.conf",
                     "[audit]\n json = " + log + "\n[policy]\n lockout_threshold = 0\n");
  std::string seen;
  for (const char* password : {"Secret1", "wrong"}) {
    Name name = import("alice");
    Credential credential;
    gss_buffer_desc secret = buffer(password);
    OM_uint32 minor = 0;
    ASSERT_EQ(gss_acquire_cred_with_password(&minor, name.get(), &secret, 0, &g_only_ntlm,
                                             GSS_C_INITIATE, credential.out(), nullptr, nullptr),
              GSS_S_COMPLETE);
    OM_uint32 major = 0, failed_minor = 0;
    EXPECT_FALSE(
        establish(kProtected, credential.get(), GSS_C_NO_CREDENTIAL, &major, &failed_minor));
    const std::string now = std::to_string(major) + shown(failed_minor);
    EXPECT_NE(now.find("Logon denied"), std::string::npos) << now;
    EXPECT_TRUE(seen.empty() || seen == now) << seen << "\n" << now;
    seen = now;
  }
  std::ifstream audit(log);
  const std::string records{std::istreambuf_iterator<char>(audit), {}};
  EXPECT_NE(records.find("account-disabled"), std::string::npos) << records;
  EXPECT_NE(records.find("wrong-password"), std::string::npos) << records;
}

}  // namespace
}  // namespace ntlm::test
