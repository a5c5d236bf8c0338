// SPDX-License-Identifier: MIT
// A configuration that is wrong: nothing works, and the text says where.
#include <fstream>

#include "support.h"

namespace sspi_test {
namespace {

void replace_configuration(const std::string& text) {
  std::ofstream(private_path("ntlm.conf"), std::ios::trunc) << text;
}

SECURITY_STATUS acquire_with(const std::string& lines) {
  replace_configuration("[sspi]\n" + lines + "\n[audit]\n    syslog = no\n");
  CredHandle credential;
  return AcquireCredentialsHandleA(nullptr, "NTLM", SECPKG_CRED_OUTBOUND, nullptr, nullptr, nullptr,
                                   nullptr, &credential, nullptr);
}

TEST(BadSettings, AnUnknownWordIsNamed) {
  EXPECT_EQ(acquire_with("    impersonation = perhaps"), SEC_E_INTERNAL_ERROR);
  const std::string text = SspiCompatGetLastText();
  EXPECT_NE(text.find("ntlm.conf"), std::string::npos);
  EXPECT_NE(text.find("impersonation"), std::string::npos);
  EXPECT_NE(text.find("perhaps"), std::string::npos);
}

}  // namespace
}  // namespace sspi_test
