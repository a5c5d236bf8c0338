// SPDX-License-Identifier: MIT
// How a credential comes to be; the entry points are in credential.cpp. gss_init_sec_context and
// gss_accept_sec_context use the same for GSS_C_NO_CREDENTIAL.
#pragma once

#include <memory>
#include <optional>
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
  std::string_view domain;   // replaces an empty domain of the name
  std::string_view keyfile;  // in place of the configured stores and of NTLM_USER_FILE
};

// kNoCredential: nothing to initiate with. kBadName: a name that cannot be used this way. Else as
// current_setup().
Result<std::unique_ptr<CredentialObject>> acquire_credential(const CredentialRequest& request);

}  // namespace ntlm::abi
