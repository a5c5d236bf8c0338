// SPDX-License-Identifier: MIT
// How a credential comes to be; the entry points are in acquire.cpp and credential.cpp.
// gss_init_sec_context and gss_accept_sec_context use the same for GSS_C_NO_CREDENTIAL.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "abi/objects.h"

namespace ntlm::abi {

struct CredentialRequest {
  const NameObject* name = nullptr;  // null: the default
  bool initiates = false;
  bool accepts = false;
  // At most one of these two.
  std::optional<std::string_view> password;
  std::optional<std::string_view> nt_hash_hex;
  std::string_view domain;     // stands in for a domain that the name does not have
  std::string keyfile;         // in place of the configured stores and of NTLM_USER_FILE
  std::uint32_t lifetime = 0;  // seconds wanted at most; 0: as long as the policy allows
  std::uint64_t now = protocol::system_clock().boot_seconds();
};

// kNoCredential: nothing to initiate with. kBadName: a name that cannot be used this way. Else as
// current_setup().
Result<std::unique_ptr<CredentialObject>> acquire_credential(const CredentialRequest& request);

// Seconds until the credential expires; GSS_C_INDEFINITE without an end. Whoever has just made it
// asks by the time of the request.
std::uint32_t remaining_lifetime(const CredentialObject& credential,
                                 std::uint64_t now = protocol::system_clock().boot_seconds());

// What an exported credential or half-made context keeps of its secret: [0] none, hash or
// anonymous, then the hash (protocol/logon.h). kNoCredential when the secret is elsewhere and
// cannot travel; kDefectiveExport on the way back.
Result<void> write_responder(SecretWriter& writer, const protocol::Responder* responder);
Result<std::shared_ptr<const protocol::Responder>> read_responder(Reader& reader);

}  // namespace ntlm::abi
