// SPDX-License-Identifier: MIT
// S38: who should know the account does not answer.
#include <unistd.h>

#include <fstream>

#include "support.h"

namespace sspi_test {
namespace {

void replace_configuration(const std::string& text) {
  std::ofstream(private_path("ntlm.conf"), std::ios::trunc) << text;
}

TEST(Authority, S38_NobodyAnswersIsNoAuthenticatingAuthority) {
  if (access("/run/samba/winbindd/pipe", F_OK) == 0) {
    GTEST_SKIP() << "a winbindd runs here, and would answer";
  }
  replace_configuration(
      "[ntlm]\n    store = winbind\n    netbios_computer = SERVER\n    netbios_domain = DOM\n"
      "[audit]\n    syslog = no\n");
  for (const char* package : {"NTLM", "Negotiate"}) {
    Client client(package);
    Server server(package);
    EXPECT_EQ(exchange(client, server).server, SEC_E_NO_AUTHENTICATING_AUTHORITY)
        << SspiCompatGetLastText();
    EXPECT_EQ(SspiCompatGetLastNtStatus(), static_cast<NTSTATUS>(0xC000005E));
    EXPECT_EQ(SspiCompatGetLastError(), DWORD{ERROR_NO_LOGON_SERVERS});
  }
}

}  // namespace
}  // namespace sspi_test
