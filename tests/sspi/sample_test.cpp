// SPDX-License-Identifier: MIT
// The two sample programs, compiled as C and as C++, talking over loopback in every combination.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "support.h"

namespace sspi_test {
namespace {

struct Case {
  const char* server;
  const char* client;
  const char* package;
};
class Sample : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(listen(listener_, 1), 0);
    ASSERT_EQ(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = std::to_string(ntohs(address.sin_port));
  }
  void TearDown() override { close(listener_); }

  // Runs a program of the build with its standard output in a file.
  pid_t start(const std::string& program, const std::vector<std::string>& arguments) {
    const pid_t child = fork();
    if (child != 0) {
      return child;
    }
    const std::string path = std::string(SSPI_TEST_BINARIES) + "/" + program;
    std::vector<char*> argv{const_cast<char*>(path.c_str())};
    for (const std::string& argument : arguments) {
      argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    if (freopen(private_path(program + ".out").c_str(), "w", stdout) == nullptr) {
      _exit(126);
    }
    alarm(60);
    execv(path.c_str(), argv.data());
    _exit(127);
  }
  static int wait_for(pid_t child) {
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  static std::string output(const std::string& program) {
    std::ifstream file(private_path(program + ".out"));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  int listener_ = -1;
  std::string port_;
};

TEST_P(Sample, SignsSealsImpersonatesAndHandsOver) {
  const std::string server = std::string("sample_server_") + GetParam().server;
  const std::string client = std::string("sample_client_") + GetParam().client;
  const pid_t one = start(server, {GetParam().package, std::to_string(listener_)});
  const pid_t other = start(
      client, {GetParam().package, port_, "HTTP/localhost", kLocalUser, kDomain, "local secret"});
  EXPECT_EQ(wait_for(other), 0);
  EXPECT_EQ(wait_for(one), 0);
  EXPECT_EQ(output(client), "server says hello, client\nserver says from another process\n");
  const std::string said = output(server);
  EXPECT_NE(said.find("client is DOM\\nobody\nclient says hello, server\n"), std::string::npos)
      << said;
  EXPECT_EQ(said.find("impersonating") != std::string::npos, geteuid() == 0);
}

TEST_P(Sample, AWrongPasswordEndsBoth) {
  const pid_t one = start(std::string("sample_server_") + GetParam().server,
                          {GetParam().package, std::to_string(listener_)});
  const pid_t other = start(std::string("sample_client_") + GetParam().client,
                            {GetParam().package, port_, "HTTP/localhost", kUser, kDomain, "wrong"});
  EXPECT_EQ(wait_for(other), 1);
  EXPECT_EQ(wait_for(one), 3);
}

INSTANTIATE_TEST_SUITE_P(Both, Sample,
                         testing::Values(Case{"c", "c", "NTLM"}, Case{"cpp", "c", "NTLM"},
                                         Case{"c", "cpp", "Negotiate"},
                                         Case{"cpp", "cpp", "Negotiate"}),
                         [](const auto& one) {
                           return std::string(one.param.server) + "_" + one.param.client + "_" +
                                  one.param.package;
                         });

}  // namespace
}  // namespace sspi_test
