// SPDX-License-Identifier: MIT
// SEC_WINNT_AUTH_IDENTITY in all its forms (A, W, EX, EX2), read into one value; and the EX2 block
// that the Sspi* functions make. All lengths and offsets of an EX2 block are checked against its
// size.
#pragma once

#include <optional>
#include <string>

#include "sspi_compat/memory.h"
#include "sspi_compat/text.h"

namespace sspi {

struct Identity {
  std::optional<std::string> user;
  std::optional<std::string> domain;
  std::optional<SecretText> password;
  std::string package_list;
};

// SEC_E_UNKNOWN_CREDENTIALS for what cannot be read: invalid text, a NUL inside, a part over 256
// characters, an unknown or foreign encrypted form, an offset outside the block.
SECURITY_STATUS read_identity(const void* identity, Identity& result);

// "DOMAIN\user" or "user".
std::string account_of(const Identity& identity);

using IdentityBlock = HandedOut<SEC_WINNT_AUTH_IDENTITY_INFO>;
// The EX2 form, password in clear. Null when a part is too long or not UTF-8.
IdentityBlock make_block(const Identity& identity);

// The password's bytes inside a block of make_block (or from elsewhere, in that form); header is
// null when it is none.
struct BlockPassword {
  SEC_WINNT_AUTH_IDENTITY_EX2* header = nullptr;
  void* bytes = nullptr;
  ULONG length = 0;
};
BlockPassword block_password(SEC_WINNT_AUTH_IDENTITY_INFO* identity);
inline bool is_hidden(const BlockPassword& password) {
  return password.header != nullptr &&
         (password.header->Flags & SEC_WINNT_AUTH_IDENTITY_FLAGS_PROCESS_ENCRYPTED) != 0;
}
// Hides the password with the process's key, or shows it again, and says so in the block's flags.
void toggle(const BlockPassword& password);

}  // namespace sspi
