// SPDX-License-Identifier: MIT
// Domain accounts: Samba's winbindd asks the domain controller whether a response is right
// ([MS-NLMP] 3.2.5.1.2 with [MS-APDS] 3.1 behind it). The names in CHALLENGE must be winbindd's,
// since the domain controller compares them. What each of its statuses means here is one table
// (winbind.cpp) and, for administrators, docs/domain.md.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "protocol/logon.h"

namespace ntlm::store {

class WinbindCalls;
class GroupNames;

struct WinbindSettings {
  std::string domain;  // NetBIOS or DNS name: only its accounts; empty: all but this host's own
  std::chrono::milliseconds deadline{5000};
  const char* library = "libwbclient.so.0";
};

class WinbindVerifier final : public protocol::Verifier {
 public:
  explicit WinbindVerifier(WinbindSettings settings);
  ~WinbindVerifier() override;

  // kUnknownAccount: not an account of this store's domain, or of a domain that nobody here knows.
  // A user that the domain does not have is kLogonDenied: the domain has spoken, nobody else is
  // asked. kNoAuthority, kAuthorityDown, kAuthorityAccess, kAuthorityTrust: nobody could answer;
  // the store fault (store/faults.h) has the sentence. Returns at most 0.3 s behind the deadline.
  Result<protocol::LogonResult> verify(const protocol::LogonRequest& request) const override;
  // Asked of winbindd once; null while it cannot be reached.
  const protocol::HostNames* host_names() const override;
  bool serves_domain() const override { return true; }

 private:
  Result<const protocol::HostNames*> names() const;

  const WinbindSettings settings_;
  mutable std::atomic<const protocol::HostNames*> names_{nullptr};
  const std::unique_ptr<GroupNames> groups_;
};

}  // namespace ntlm::store
