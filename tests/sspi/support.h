// SPDX-License-Identifier: MIT
// What the SSPI tests stand on: a private configuration with one domain and a few accounts, made
// before the first GSS call of the process, and the two sides of an exchange as a program would
// hold them.
#pragma once

#include <gtest/gtest.h>
#include <sspi.h>

#include <string>
#include <vector>

namespace sspi_test {

// Accounts of the configuration: DOM\alice, DOM\bob, alice@DOM, which has no domain ("another
// secret"), a local user's name for impersonation, and a computer's, host$ with "Password".
inline constexpr char kUser[] = "alice";
inline constexpr char kDomain[] = "DOM";
inline constexpr char kPassword[] = "correct horse";
inline constexpr char kLocalUser[] = "nobody";

// Adds to ntlm.conf; called from a test file's own initialiser, before main.
bool add_configuration(const std::string& lines);
// A file in the process's private directory.
std::string private_path(const std::string& name);

struct IdentityA : SEC_WINNT_AUTH_IDENTITY_A {
  IdentityA(const char* user, const char* domain, const char* password);

 private:
  std::string user_, domain_, password_;
};

// One side: its credential and its context, closed when it goes.
class Side {
 public:
  Side() {
    SecInvalidateHandle(&credential);
    SecInvalidateHandle(&context);
  }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  ~Side();

  CredHandle credential;
  CtxtHandle context;
  ULONG attributes = 0;
  TimeStamp expiry{};
};

struct Client : Side {
  explicit Client(const char* package = "NTLM", const char* user = kUser,
                  const char* password = kPassword, const char* domain = kDomain);
  SECURITY_STATUS step(const std::string& in, std::string& out);

  std::string target = "HTTP/www.example.com";
  ULONG request = 0;
  std::string bindings;  // a whole SEC_CHANNEL_BINDINGS, or empty
  bool started = false;
};

struct Server : Side {
  explicit Server(const char* package = "NTLM");
  SECURITY_STATUS step(const std::string& in, std::string& out);

  ULONG request = 0;
  std::string bindings;
  bool started = false;
};

// SEC_CHANNEL_BINDINGS with application data.
std::string make_bindings(const std::string& application_data);

// Runs the exchange to its end: the last status of each side, SEC_I_CONTINUE_NEEDED where one did
// not come to it.
struct Outcome {
  SECURITY_STATUS client = SEC_I_CONTINUE_NEEDED;
  SECURITY_STATUS server = SEC_I_CONTINUE_NEEDED;
  std::vector<std::string> tokens;
};
Outcome exchange(Client& client, Server& server);

// Two sides after a successful exchange.
struct Pair {
  explicit Pair(ULONG client_request = ISC_REQ_INTEGRITY | ISC_REQ_CONFIDENTIALITY,
                ULONG server_request = 0, const char* package = "NTLM");
  Client client;
  Server server;
};

std::string session_key(Side& side);

}  // namespace sspi_test
