// SPDX-License-Identifier: MIT
#include "support.h"

#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace sspi_test {
namespace {

// Never destroyed: other files' initialisers use it before this one's.
std::string& directory() {
  static auto& path = *new std::string;
  return path;
}

void write_file(const std::string& path, const std::string& text, bool append = false) {
  std::ofstream file(path, append ? std::ios::app : std::ios::trunc);
  file << text;
  file.close();
  std::filesystem::permissions(
      path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

class Configuration : public testing::Environment {
 public:
  Configuration() {
    std::string pattern = testing::TempDir() + "sspi.XXXXXX";
    directory() = mkdtemp(pattern.data());
    const std::string accounts =
        std::string(kDomain) + ":" + kUser + ":" + kPassword + "\n" + kDomain +
        ":bob:battery staple\n" + kDomain + ":" + kLocalUser + ":local secret\n" +
        ":alice@DOM:another secret\n"
        // "Password" ([MS-NLMP] 4.2.2.1.2)
        "host$:1:" +
        std::string(32, 'X') + ":A4F49C406510BDCAB6824EE7C30FD852:[W          ]:LCT-00000000:\n";
    write_file(private_path("accounts"), accounts);
    // No lock: where the host has a table of failures, the programs of other tests share it.
    write_file(private_path("ntlm.conf"),
               "[ntlm]\n    store = text:" + private_path("accounts") +
                   "\n    netbios_computer = SERVER\n    netbios_domain = DOM\n"
                   "[policy]\n    lockout_threshold = 0\n[audit]\n    syslog = no\n");
    setenv("GSS_NTLM_CONF", private_path("ntlm.conf").c_str(), 1);
    setenv("GSS_MECH_CONFIG", SSPI_TEST_MECH_CONF, 1);
    // No KDC anywhere, and no DNS asked for one.
    write_file(
        private_path("krb5.conf"),
        "[libdefaults]\n    dns_lookup_kdc = false\n    dns_canonicalize_hostname = false\n");
    setenv("KRB5_CONFIG", private_path("krb5.conf").c_str(), 1);
    unsetenv("NTLM_USER_FILE");
    // At exit rather than in TearDown: a program that only lists its tests comes here too.
    static const pid_t owner = getpid();
    std::atexit([] {
      if (getpid() == owner) {
        std::filesystem::remove_all(directory());
      }
    });
  }
};
// Made by whoever asks first: a test file's own additions, or the line below; in any case before
// main.
void make_configuration() {
  static const testing::Environment* const made =
      testing::AddGlobalTestEnvironment(new Configuration);
  static_cast<void>(made);
}
[[maybe_unused]] const bool is_made = (make_configuration(), true);

unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// One leg's buffers: a token in, bindings beside it, room out.
struct Buffers {
  Buffers(const std::string& token, const std::string& bindings)
      : in_token(token), in_bindings(bindings) {
    if (!token.empty()) {
      in[in_count++] = {static_cast<ULONG>(in_token.size()), SECBUFFER_TOKEN, in_token.data()};
    }
    if (!bindings.empty()) {
      in[in_count++] = {static_cast<ULONG>(in_bindings.size()), SECBUFFER_CHANNEL_BINDINGS,
                        in_bindings.data()};
    }
    in_desc = {SECBUFFER_VERSION, in_count, in.data()};
    room.resize(48000);
    out = {static_cast<ULONG>(room.size()), SECBUFFER_TOKEN, room.data()};
    out_desc = {SECBUFFER_VERSION, 1, &out};
  }
  // A failed leg, of which nobody here asks for an error token, leaves nothing to send.
  std::string token_after(SECURITY_STATUS status) const {
    EXPECT_TRUE(status >= 0 || out.cbBuffer == 0);
    return std::string(static_cast<char*>(out.pvBuffer), out.cbBuffer);
  }

  std::string in_token, in_bindings, room;
  std::array<SecBuffer, 2> in{};
  ULONG in_count = 0;
  SecBufferDesc in_desc{};
  SecBuffer out{};
  SecBufferDesc out_desc{};
};

}  // namespace

std::string private_path(const std::string& name) {
  if (directory().empty()) {
    make_configuration();
  }
  return directory() + "/" + name;
}

bool add_configuration(const std::string& lines) {
  make_configuration();
  write_file(private_path("ntlm.conf"), lines, true);
  return true;
}

IdentityA::IdentityA(const char* user, const char* domain, const char* password)
    : SEC_WINNT_AUTH_IDENTITY_A{}, user_(user), domain_(domain), password_(password) {
  User = bytes(user_);
  UserLength = static_cast<ULONG>(user_.size());
  Domain = bytes(domain_);
  DomainLength = static_cast<ULONG>(domain_.size());
  Password = bytes(password_);
  PasswordLength = static_cast<ULONG>(password_.size());
  Flags = SEC_WINNT_AUTH_IDENTITY_ANSI;
}

Side::~Side() {
  if (SecIsValidHandle(&context) != FALSE) {
    DeleteSecurityContext(&context);
  }
  if (SecIsValidHandle(&credential) != FALSE) {
    FreeCredentialsHandle(&credential);
  }
}

Client::Client(const char* package, const char* user, const char* password, const char* domain) {
  IdentityA identity(user, domain, password);
  EXPECT_EQ(AcquireCredentialsHandleA(nullptr, package, SECPKG_CRED_OUTBOUND, nullptr, &identity,
                                      nullptr, nullptr, &credential, &expiry),
            SEC_E_OK)
      << SspiCompatGetLastText();
}

SECURITY_STATUS Client::step(const std::string& in, std::string& out) {
  Buffers buffers(in, bindings);
  const SECURITY_STATUS status = InitializeSecurityContextA(
      &credential, started ? &context : nullptr, target.c_str(), request, 0, SECURITY_NATIVE_DREP,
      &buffers.in_desc, 0, &context, &buffers.out_desc, &attributes, &expiry);
  started = started || status >= 0;
  out = buffers.token_after(status);
  return status;
}

Server::Server(const char* package) {
  EXPECT_EQ(AcquireCredentialsHandleA(nullptr, package, SECPKG_CRED_INBOUND, nullptr, nullptr,
                                      nullptr, nullptr, &credential, &expiry),
            SEC_E_OK)
      << SspiCompatGetLastText();
}

SECURITY_STATUS Server::step(const std::string& in, std::string& out) {
  Buffers buffers(in, bindings);
  const SECURITY_STATUS status = AcceptSecurityContext(
      &credential, started ? &context : nullptr, &buffers.in_desc, request, SECURITY_NATIVE_DREP,
      &context, &buffers.out_desc, &attributes, &expiry);
  started = started || status >= 0;
  out = buffers.token_after(status);
  return status;
}

std::string make_bindings(const std::string& application_data) {
  SEC_CHANNEL_BINDINGS header{};
  header.cbApplicationDataLength = static_cast<ULONG>(application_data.size());
  header.dwApplicationDataOffset = sizeof header;
  std::string result(sizeof header, '\0');
  std::memcpy(result.data(), &header, sizeof header);
  return result + application_data;
}

Outcome exchange(Client& client, Server& server) {
  Outcome outcome;
  std::string to_client;
  for (int leg = 0; leg < 10; ++leg) {
    std::string to_server;
    if (outcome.client == SEC_I_CONTINUE_NEEDED) {
      outcome.client = client.step(to_client, to_server);
    }
    if (to_server.empty()) {
      break;
    }
    outcome.tokens.push_back(to_server);
    to_client.clear();
    outcome.server = server.step(to_server, to_client);
    if (to_client.empty()) {
      break;
    }
    outcome.tokens.push_back(to_client);
  }
  return outcome;
}

Pair::Pair(ULONG client_request, ULONG server_request, const char* package)
    : client(package), server(package) {
  client.request = client_request;
  server.request = server_request;
  const Outcome outcome = exchange(client, server);
  EXPECT_EQ(outcome.client, SEC_E_OK) << SspiCompatGetLastText();
  EXPECT_EQ(outcome.server, SEC_E_OK) << SspiCompatGetLastText();
}

std::string session_key(Side& side) {
  SecPkgContext_SessionKey key{};
  EXPECT_EQ(QueryContextAttributesA(&side.context, SECPKG_ATTR_SESSION_KEY, &key), SEC_E_OK);
  std::string bytes_of_key(reinterpret_cast<char*>(key.SessionKey), key.SessionKeyLength);
  EXPECT_EQ(FreeContextBuffer(key.SessionKey), SEC_E_OK);
  return bytes_of_key;
}

}  // namespace sspi_test
