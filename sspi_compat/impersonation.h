// SPDX-License-Identifier: MIT
// The local identity behind a client: tokens, and the calling thread's filesystem identity.
//
// Linux keeps credentials per thread; the C library's set*id functions change all threads of a
// process, so the raw system calls are used. Only the filesystem ids change (setfsuid(2)): files
// are opened as the user, signals and limits stay the process's. When root becomes another user
// this way, the kernel takes the file capabilities away itself.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "sspi_compat/context.h"

namespace sspi {

struct Token {
  std::string name;        // "DOMAIN\user"
  std::string sid;         // empty when unknown
  std::string local_user;  // empty: maps to nobody here, and what follows means nothing
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

Registry<Token>& tokens();
// A token as the HANDLE that the caller sees.
HANDLE handle_of(const SecHandle& token);

// Who the client of an Open acceptor context is. The caller holds a lock of the context.
std::unique_ptr<Token> make_token(const Context& context);
// SEC_E_NO_IMPERSONATION for a client's context and for ASC_REQ_NO_TOKEN.
SECURITY_STATUS check_has_token(const Context& context);

// When the calling thread impersonates this context's client: ends that. (Another thread reverts
// for itself.)
void forget_impersonation(const SecHandle& context);
// The name that the calling thread has taken on; empty when none.
std::string impersonated_name();

}  // namespace sspi
