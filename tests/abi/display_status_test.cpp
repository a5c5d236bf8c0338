// SPDX-License-Identifier: MIT
// What an administrator reads after a failure, through the mechglue, which gives minor codes
// numbers of its own.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace ntlm::test
