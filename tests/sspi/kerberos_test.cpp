// SPDX-License-Identifier: MIT
// Packages Kerberos and Negotiate against a private KDC on loopback: mutual authentication,
// messages through GSS IOVs whose sizes the mechanism tells, channel bindings, attributes, and what
// goes wrong.
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "support.h"

namespace sspi_test {
namespace {

constexpr char kRealm[] = "EXAMPLE.TEST";

// Below those that the system gives to connections: none takes it before the KDC does. Nor does
// another test: who chooses one holds a name for it until the end (so does tests/consumers).
int free_port() {
  std::random_device chance;
  std::uniform_int_distribution<int> ports(16384, 32767);
  for (int tries = 0; tries < 100; ++tries) {
    const int port = ports(chance);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string text = "ntlm-port-" + std::to_string(port);
    text.copy(name.sun_path + 1, text.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int held = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int tried = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool free = bind(held, reinterpret_cast<sockaddr*>(&name), size) == 0 &&
                      bind(tried, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    close(tried);
    if (free) {
      return port;
    }
    close(held);
  }
  return 0;
}

// A KDC of this process, ended with it.
class Kdc : public testing::Environment {
 public:
  void SetUp() override {
    if (access("/usr/sbin/krb5kdc", X_OK) != 0 || access("/usr/sbin/kadmin.local", X_OK) != 0) {
      return;
    }
    write_configuration();
    const std::string admin = "/usr/sbin/kadmin.local -q ";
    const bool filled = run("/usr/sbin/kdb5_util create -s -r EXAMPLE.TEST -P masterkey") &&
                        run(admin + "'addprinc -pw kerberos alice@EXAMPLE.TEST'") &&
                        run(admin + "'addprinc -randkey HTTP/server.example.test@EXAMPLE.TEST'") &&
                        run(admin + "'ktadd -k " + private_path("keytab") +
                            " HTTP/server.example.test@EXAMPLE.TEST'");
    // A free port may be another program's by the time that the KDC wants it.
    for (int tries = 0; filled && !ready_ && tries < 3; ++tries) {
      port_ = free_port();
      write_configuration();
      ready_ = start();
    }
  }
  void TearDown() override { stop(); }
  static bool ready() { return ready_; }
  static std::string log() {
    std::ifstream file(private_path("kdc.log"));
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  static bool run(const std::string& command) {
    return system((command + " >>" + private_path("kdc.log") + " 2>&1").c_str()) == 0;
  }
  void write_configuration() const {
    std::ofstream(private_path("krb5.conf"))
        << "[libdefaults]\n default_realm = " << kRealm
        << "\n forwardable = true\n dns_lookup_kdc = false\n dns_canonicalize_hostname = false\n"
        << " rdns = false\n[realms]\n " << kRealm << " = {\n  kdc = 127.0.0.1:" << port_
        << "\n }\n[domain_realm]\n .example.test = " << kRealm << "\n";
    std::ofstream(private_path("kdc.conf"))
        << "[kdcdefaults]\n kdc_listen = 127.0.0.1:" << port_
        << "\n kdc_tcp_listen = 127.0.0.1:" << port_ << "\n[realms]\n " << kRealm
        << " = {\n  database_name = " << private_path("principal")
        << "\n  key_stash_file = " << private_path("stash")
        << "\n  acl_file = " << private_path("acl") << "\n }\n";
    setenv("KRB5_CONFIG", private_path("krb5.conf").c_str(), 1);
    setenv("KRB5_KDC_PROFILE", private_path("kdc.conf").c_str(), 1);
    setenv("KRB5_KTNAME", private_path("keytab").c_str(), 1);
    setenv("KRB5CCNAME", ("FILE:" + private_path("ccache")).c_str(), 1);
    setenv("KRB5RCACHENAME", "none:", 1);
  }
  void stop() {
    if (kdc_ > 0) {
      kill(kdc_, SIGTERM);
      waitpid(kdc_, nullptr, 0);
      kdc_ = -1;
    }
  }
  // It writes its number when it listens, and ends when it cannot.
  bool start() {
    unlink(private_path("kdc.pid").c_str());
    kdc_ = fork();
    if (kdc_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (freopen(private_path("kdc.log").c_str(), "a", stderr) == nullptr) {
        _exit(126);
      }
      execl("/usr/sbin/krb5kdc", "krb5kdc", "-n", "-P", private_path("kdc.pid").c_str(), nullptr);
      _exit(127);
    }
    for (int i = 0; i < 1200; ++i) {
      if (access(private_path("kdc.pid").c_str(), F_OK) == 0) {
        return true;
      }
      if (waitpid(kdc_, nullptr, WNOHANG) == kdc_) {
        kdc_ = -1;
        return false;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    stop();
    return false;
  }

  int port_ = 0;
  pid_t kdc_ = -1;
  static inline bool ready_ = false;
};
[[maybe_unused]] const testing::Environment* const kdc = testing::AddGlobalTestEnvironment(new Kdc);

class Kerberos : public testing::Test {
 protected:
  void SetUp() override {
    if (!Kdc::ready()) {
      ASSERT_STRNE(getenv("NTLM_REQUIRE_PEERS"), "1") << "no private KDC: " << Kdc::log();
      GTEST_SKIP() << "no private KDC (package krb5-kdc)";
    }
  }
  struct Two {
    Client client;
    Server server;
    explicit Two(const char* package, const char* password = "kerberos")
        : client(package, "alice", password, kRealm), server(package) {
      client.target = "HTTP/server.example.test";
    }
  };
};

TEST_F(Kerberos, MutualAuthenticationInBothPackages) {
  for (const char* package : {"Kerberos", "Negotiate"}) {
    Two two(package);
    two.client.request = ISC_REQ_MUTUAL_AUTH | ISC_REQ_CONFIDENTIALITY;
    const Outcome outcome = exchange(two.client, two.server);
    ASSERT_EQ(outcome.client, SEC_E_OK) << SspiCompatGetLastText();
    ASSERT_EQ(outcome.server, SEC_E_OK) << SspiCompatGetLastText();
    EXPECT_TRUE(two.client.attributes & ISC_RET_MUTUAL_AUTH);
    EXPECT_TRUE(two.server.attributes & ASC_RET_MUTUAL_AUTH);
    EXPECT_TRUE(two.server.attributes & ASC_RET_CONFIDENTIALITY);
    EXPECT_EQ(session_key(two.client), session_key(two.server));
    SecPkgContext_NegotiationInfoA info{};
    ASSERT_EQ(QueryContextAttributesA(&two.server.context, SECPKG_ATTR_NEGOTIATION_INFO, &info),
              SEC_E_OK);
    EXPECT_STREQ(info.PackageInfo->Name, "Kerberos");
    FreeContextBuffer(info.PackageInfo);
    SecPkgContext_NamesA names{};
    ASSERT_EQ(QueryContextAttributesA(&two.server.context, SECPKG_ATTR_NAMES, &names), SEC_E_OK);
    EXPECT_STREQ(names.sUserName, "alice@EXAMPLE.TEST");
    FreeContextBuffer(names.sUserName);
    SecPkgContext_KeyInfoA key{};
    ASSERT_EQ(QueryContextAttributesA(&two.server.context, SECPKG_ATTR_KEY_INFO, &key), SEC_E_OK);
    EXPECT_EQ(key.KeySize, 256u);
    FreeContextBuffer(key.sSignatureAlgorithmName);
    FreeContextBuffer(key.sEncryptAlgorithmName);
  }
}

TEST_F(Kerberos, MessagesOfTheSizesThatItTells) {
  Two two("Kerberos");
  two.client.request = ISC_REQ_CONFIDENTIALITY | ISC_REQ_MUTUAL_AUTH;
  ASSERT_EQ(exchange(two.client, two.server).server, SEC_E_OK);
  SecPkgContext_Sizes sizes{};
  ASSERT_EQ(QueryContextAttributesA(&two.client.context, SECPKG_ATTR_SIZES, &sizes), SEC_E_OK);
  EXPECT_GT(sizes.cbSecurityTrailer, 16u);
  EXPECT_GT(sizes.cbMaxSignature, 16u);
  for (int round = 0; round < 3; ++round) {
    std::string token(sizes.cbSecurityTrailer, '\0'), data = "Hello, world!", padding(16, '\0');
    SecBuffer buffers[] = {{sizes.cbSecurityTrailer, SECBUFFER_TOKEN, token.data()},
                           {13, SECBUFFER_DATA, data.data()},
                           {16, SECBUFFER_PADDING, padding.data()}};
    SecBufferDesc message{SECBUFFER_VERSION, 3, buffers};
    ASSERT_EQ(EncryptMessage(&two.client.context, 0, &message, 0), SEC_E_OK)
        << SspiCompatGetLastText();
    EXPECT_NE(data, "Hello, world!");
    ULONG qop = 9;
    ASSERT_EQ(DecryptMessage(&two.server.context, &message, 0, &qop), SEC_E_OK)
        << SspiCompatGetLastText();
    EXPECT_EQ(data, "Hello, world!");
    EXPECT_EQ(qop, 0u);
  }
  std::string token(sizes.cbMaxSignature, '\0'), data = "signed";
  SecBuffer buffers[] = {{6, SECBUFFER_DATA, data.data()},
                         {sizes.cbMaxSignature, SECBUFFER_TOKEN, token.data()}};
  SecBufferDesc message{SECBUFFER_VERSION, 2, buffers};
  ASSERT_EQ(MakeSignature(&two.server.context, 0, &message, 0), SEC_E_OK)
      << SspiCompatGetLastText();
  EXPECT_EQ(VerifySignature(&two.client.context, &message, 0, nullptr), SEC_E_OK)
      << SspiCompatGetLastText();
  ASSERT_EQ(MakeSignature(&two.server.context, 0, &message, 0), SEC_E_OK);
  data[0] ^= 1;
  EXPECT_EQ(VerifySignature(&two.client.context, &message, 0, nullptr), SEC_E_MESSAGE_ALTERED);
  buffers[1].cbBuffer = 4;
  EXPECT_EQ(MakeSignature(&two.server.context, 0, &message, 0), SEC_E_BUFFER_TOO_SMALL);
}

// A message with room for what EncryptMessage adds.
struct Message {
  std::string token = std::string(256, '\0'), data;
  SecBuffer buffers[3] = {{256, SECBUFFER_TOKEN, token.data()},
                          {static_cast<ULONG>(data.size()), SECBUFFER_DATA, data.data()},
                          {0, SECBUFFER_PADDING, nullptr}};
  SecBufferDesc desc{SECBUFFER_VERSION, 3, buffers};

  explicit Message(std::string text) : data(std::move(text)) {}
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
};

TEST_F(Kerberos, AChangedMessageIsCalledSo) {
  Two two("Kerberos");
  two.client.request = ISC_REQ_CONFIDENTIALITY;
  ASSERT_EQ(exchange(two.client, two.server).server, SEC_E_OK);
  Message message("Hello, world!");
  ASSERT_EQ(EncryptMessage(&two.client.context, 0, &message.desc, 0), SEC_E_OK);
  message.data[2] ^= 1;
  EXPECT_EQ(DecryptMessage(&two.server.context, &message.desc, 0, nullptr), SEC_E_MESSAGE_ALTERED);
}

TEST_F(Kerberos, NoEncryptIsToldToTheReceiver) {
  Two two("Kerberos");
  two.client.request = ISC_REQ_CONFIDENTIALITY;
  ASSERT_EQ(exchange(two.client, two.server).server, SEC_E_OK);
  Message message("in the clear");
  ASSERT_EQ(EncryptMessage(&two.client.context, SECQOP_WRAP_NO_ENCRYPT, &message.desc, 0), SEC_E_OK)
      << SspiCompatGetLastText();
  EXPECT_EQ(message.data, "in the clear");
  ULONG qop = 0;
  ASSERT_EQ(DecryptMessage(&two.server.context, &message.desc, 0, &qop), SEC_E_OK);
  EXPECT_EQ(qop, ULONG{SECQOP_WRAP_NO_ENCRYPT});
}

TEST_F(Kerberos, ChannelBindingsCount) {
  struct {
    const char *client, *server;
    ULONG request;
    SECURITY_STATUS expected;
  } constexpr kRows[] = {{"one", "one", 0, SEC_E_OK},
                         {"one", "other", 0, SEC_E_BAD_BINDINGS},
                         {nullptr, "one", 0, SEC_E_BAD_BINDINGS},
                         {nullptr, "one", ASC_REQ_ALLOW_MISSING_BINDINGS, SEC_E_OK},
                         {"other", "one", ASC_REQ_PROXY_BINDINGS, SEC_E_OK}};
  for (const char* package : {"Kerberos", "Negotiate"}) {
    for (const auto& row : kRows) {
      Two two(package);
      two.client.bindings = row.client != nullptr ? make_bindings(row.client) : "";
      two.server.bindings = make_bindings(row.server);
      two.server.request = row.request;
      EXPECT_EQ(exchange(two.client, two.server).server, row.expected)
          << package << ", " << (row.client != nullptr ? row.client : "none") << ": "
          << SspiCompatGetLastText();
    }
  }
}

TEST_F(Kerberos, TheContextTravels) {
  Two two("Kerberos");
  two.client.request = ISC_REQ_CONFIDENTIALITY;
  ASSERT_EQ(exchange(two.client, two.server).server, SEC_E_OK);
  SecBuffer packed{0, SECBUFFER_EMPTY, nullptr};
  ASSERT_EQ(ExportSecurityContext(&two.server.context, 0, &packed, nullptr), SEC_E_OK)
      << SspiCompatGetLastText();
  Side other;
  ASSERT_EQ(ImportSecurityContextA("Kerberos", &packed, nullptr, &other.context), SEC_E_OK);
  FreeContextBuffer(packed.pvBuffer);
  EXPECT_EQ(session_key(other), session_key(two.client));
}

TEST_F(Kerberos, AResetThatItCannotDoLeavesTheContextAlone) {
  Two two("Kerberos");
  two.client.request = ISC_REQ_CONFIDENTIALITY;
  ASSERT_EQ(exchange(two.client, two.server).server, SEC_E_OK);
  SecBuffer packed{0, SECBUFFER_EMPTY, nullptr};
  EXPECT_EQ(
      ExportSecurityContext(&two.server.context,
                            SECPKG_CONTEXT_EXPORT_RESET_NEW | SECPKG_CONTEXT_EXPORT_DELETE_OLD,
                            &packed, nullptr),
      SEC_E_UNSUPPORTED_FUNCTION);
  EXPECT_EQ(session_key(two.server), session_key(two.client));
}

TEST_F(Kerberos, NoIntegrityTakesIntegrityBack) {
  for (const ULONG also : {ULONG{0}, ULONG{ISC_REQ_NO_INTEGRITY}}) {
    Two two("Kerberos");
    two.client.request = ISC_REQ_INTEGRITY | also;
    ASSERT_EQ(exchange(two.client, two.server).server, SEC_E_OK) << SspiCompatGetLastText();
    EXPECT_EQ((two.client.attributes & ISC_RET_INTEGRITY) != 0, also == 0);
    EXPECT_EQ((two.server.attributes & ASC_RET_INTEGRITY) != 0, also == 0);
  }
}

TEST_F(Kerberos, WhatGoesWrongHasItsStatus) {
  Two wrong("Kerberos", "not the password");
  EXPECT_EQ(exchange(wrong.client, wrong.server).client, SEC_E_LOGON_DENIED)
      << SspiCompatGetLastText();
  Two unknown("Kerberos");
  unknown.client.target = "HTTP/nowhere.example.test";
  EXPECT_EQ(exchange(unknown.client, unknown.server).client, SEC_E_TARGET_UNKNOWN)
      << SspiCompatGetLastText();
  Two nameless("Kerberos");
  nameless.client.target = "";
  EXPECT_EQ(exchange(nameless.client, nameless.server).client, SEC_E_TARGET_UNKNOWN);
  Client elsewhere("Kerberos", "alice", "kerberos", "NOWHERE.TEST");
  std::string out;
  EXPECT_EQ(elsewhere.step("", out), SEC_E_NO_AUTHENTICATING_AUTHORITY) << SspiCompatGetLastText();
  Server server("Kerberos");
  EXPECT_EQ(server.step(std::string("NTLMSSP\0\1\0\0\0", 12) + std::string(28, '\0'), out),
            SEC_E_INVALID_TOKEN);
}

TEST_F(Kerberos, AReplayIsDenied) {
  setenv("KRB5RCACHENAME", "dfl:", 1);
  setenv("KRB5RCACHEDIR", private_path("").c_str(), 1);
  for (const char* package : {"Kerberos", "Negotiate"}) {
    Two two(package);
    Server other(package);
    std::string token, out;
    two.client.step("", token);
    ASSERT_EQ(two.server.step(token, out), SEC_E_OK) << SspiCompatGetLastText();
    EXPECT_EQ(other.step(token, out), SEC_E_LOGON_DENIED) << package;
    EXPECT_STREQ(SspiCompatGetLastText(), "Request is a replay");
    EXPECT_EQ(static_cast<ULONG>(SspiCompatGetLastNtStatus()), 0xC000006D);
  }
  setenv("KRB5RCACHENAME", "none:", 1);
}

TEST_F(Kerberos, AChangedTokenIsNoInternalError) {
  for (const char* package : {"Kerberos", "Negotiate"}) {
    Two two(package);
    std::string token, out;
    two.client.step("", token);
    for (std::size_t i = 0; i < token.size(); ++i) {
      std::string changed = token;
      changed[i] = static_cast<char>(changed[i] ^ 1);
      Server server(package);
      EXPECT_NE(server.step(changed, out), SEC_E_INTERNAL_ERROR)
          << package << ", byte " << i << ": " << SspiCompatGetLastText();
    }
    token[token.size() - 5] = static_cast<char>(token[token.size() - 5] ^ 1);  // authenticator
    EXPECT_EQ(two.server.step(token, out), SEC_E_LOGON_DENIED) << package;
    EXPECT_EQ(static_cast<ULONG>(SspiCompatGetLastNtStatus()), 0xC000006A);
  }
}

TEST_F(Kerberos, ItsOwnCacheThatCannotBeWrittenIsNotTheClientsFault) {
  setenv("KRB5RCACHENAME", "dfl:", 1);
  setenv("KRB5RCACHEDIR", private_path("nowhere").c_str(), 1);
  for (const char* package : {"Kerberos", "Negotiate"}) {
    Two two(package);
    std::string token, out;
    two.client.step("", token);
    EXPECT_EQ(two.server.step(token, out), SEC_E_INTERNAL_ERROR) << SspiCompatGetLastText();
  }
  setenv("KRB5RCACHENAME", "none:", 1);
}

TEST_F(Kerberos, ADelegatedCredentialIsNotClaimedWhereItIsNotKept) {
  Two two("Kerberos");
  two.client.request = ISC_REQ_DELEGATE;
  ASSERT_EQ(exchange(two.client, two.server).server, SEC_E_OK) << SspiCompatGetLastText();
  EXPECT_TRUE(two.client.attributes & ISC_RET_DELEGATE);
  EXPECT_FALSE(two.server.attributes & ASC_RET_DELEGATE);
}

TEST_F(Kerberos, ItsErrorTokenIsForWhoAsksForIt) {
  for (const ULONG request : {ULONG{0}, ULONG{ASC_REQ_EXTENDED_ERROR}}) {
    Two two("Kerberos");
    std::string token, room(4096, '\0');
    two.client.bindings = make_bindings("one");
    two.client.request = ISC_REQ_MUTUAL_AUTH;
    ASSERT_EQ(two.client.step("", token), SEC_I_CONTINUE_NEEDED) << SspiCompatGetLastText();
    std::string bindings = make_bindings("other");
    SecBuffer in[] = {
        {static_cast<ULONG>(token.size()), SECBUFFER_TOKEN, token.data()},
        {static_cast<ULONG>(bindings.size()), SECBUFFER_CHANNEL_BINDINGS, bindings.data()}};
    SecBuffer out{static_cast<ULONG>(room.size()), SECBUFFER_TOKEN, room.data()};
    SecBufferDesc in_desc{SECBUFFER_VERSION, 2, in}, out_desc{SECBUFFER_VERSION, 1, &out};
    EXPECT_EQ(AcceptSecurityContext(&two.server.credential, nullptr, &in_desc, request, 0,
                                    &two.server.context, &out_desc, nullptr, nullptr),
              SEC_E_BAD_BINDINGS);
    EXPECT_EQ(out.cbBuffer != 0, request != 0);
  }
}

TEST_F(Kerberos, NegotiateFallsBackToNtlmWhereKerberosHasNothing) {
  Client client("Negotiate");  // DOM\alice: no such realm
  Server server("Negotiate");
  client.target = "HTTP/server.example.test";
  const Outcome outcome = exchange(client, server);
  EXPECT_EQ(outcome.server, SEC_E_OK) << SspiCompatGetLastText();
  SecPkgContext_NegotiationInfoA info{};
  ASSERT_EQ(QueryContextAttributesA(&server.context, SECPKG_ATTR_NEGOTIATION_INFO, &info),
            SEC_E_OK);
  EXPECT_STREQ(info.PackageInfo->Name, "NTLM");
  FreeContextBuffer(info.PackageInfo);
}

}  // namespace
}  // namespace sspi_test
