// SPDX-License-Identifier: MIT
// What this process was configured with: ntlm.conf, the environment variables that README names,
// the names of the host and the chain of stores, read once and shared. A snapshot is immutable; a
// call that finds the environment or the file changed (the file is looked at once a second at most)
// publishes a new one; that of a file which had changed just now serves a single call, and a look
// that failed in a thread which acts for a client serves nobody. No constructor or destructor at
// load or exit, and no lock but that of Config::load(), for which a fork waits.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/audit.h"
#include "base/config.h"
#include "protocol/acceptor.h"
#include "protocol/environment.h"
#include "protocol/name.h"
#include "store/text_file.h"

namespace ntlm::abi {

// An account file that a credential store named, with what accepts by it.
struct Keyfile {
  std::shared_ptr<const store::TextFile> accounts;
  std::shared_ptr<const protocol::AcceptorSetup> acceptor;
};

struct Setup {
  Config config;
  std::shared_ptr<const store::TextFile> user_file;  // NTLM_USER_FILE; may be null
  std::shared_ptr<const protocol::AcceptorSetup>
      acceptor;  // its policy and names are this process' own
  protocol::DisplayForm display_form = protocol::DisplayForm::kDomainBackslashUser;
  AuditSettings audit;
  std::string transfer_key;  // path of the key file; empty: exports are not sealed
  bool default_mechanism = true;

  // The first key file that was asked for is kept with its index: a server asks for the same one
  // again with each request.
  mutable std::atomic<const Keyfile*> keyfile{nullptr};

  Setup() = default;
  Setup(const Setup&) = delete;
  Setup& operator=(const Setup&) = delete;
  ~Setup() { delete keyfile.load(); }

  const protocol::Policy& policy() const { return acceptor->policy; }
  const protocol::HostNames& host() const { return acceptor->names; }
};

// For every call that lets somebody in or speaks in somebody's name. kConfiguration: it cannot be
// used, see configuration_fault(), and the audit log was told once; kFips: FIPS mode, and policy
// does not allow NTLM in it; kCrypto: libcrypto has no MD4 or RC4.
Result<std::shared_ptr<const Setup>> current_setup();

// For calls that only show something: the defaults stand in for a configuration that cannot be
// used.
protocol::DisplayForm display_form();
bool allows_anonymous();
bool default_mechanism();  // [ntlm] default_mechanism
// True for a name of this host under which its own accounts live (not for the domain that it is a
// member of).
bool own_domain(std::string_view domain);

// The sentence that says why current_setup() fails; empty when it does not.
std::string configuration_fault();

using protocol::kTicksPerSecond;
using protocol::system_clock;
using protocol::system_random;

}  // namespace ntlm::abi
