// SPDX-License-Identifier: MIT
// Who somebody is: the account that a peer claims, the service that is spoken to, and the principal
// that was proven. Text is UTF-8 without a trailing NUL; nothing here knows GSS-API types.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"

namespace ntlm::protocol {

// An account as somebody wrote it. domain may be empty.
struct AccountName {
  std::string user;
  std::string domain;
};

// "DOM\user", "user@dom" (split at the last @ only when split_upn: an enterprise name keeps it
// whole), "user". kBadName: empty user, NUL or invalid UTF-8 inside, user over 256 or domain over
// 255 UTF-16 units, an empty domain before a backslash is allowed.
Result<AccountName> parse_account(std::string_view text, bool split_upn = true);
// The same limits for a name whose parts came separately. kBadName.
Result<void> check_account(const AccountName& name);

// service@host or service ("host" means any service when it stands alone in a credential).
struct ServiceName {
  std::string service;
  std::string host;  // may be empty: this host
};
// Accepts "svc@host", "svc/host", "svc", each with one trailing NUL in the length. kBadName
// otherwise.
Result<ServiceName> parse_service(std::string_view text);
// The SPN "service/host" of MsvAvTargetName, as the caller wrote it; empty when there is no host.
std::string spn(const ServiceName& name);

// "DOM\user" and "user@DOM"; without a domain the user alone. No two accounts look the same in one
// form: where a part has an @ of its own, kUserAtDomain shows "DOM\user" too, with the backslash
// even when there is no domain, so that what is shown with an @ and no backslash has one @ only.
enum class DisplayForm : std::uint8_t { kDomainBackslashUser, kUserAtDomain };
std::string display(const AccountName& name, DisplayForm form);

// What a store knows of an account beyond its name: (attribute URN of include/gssapi_ntlm.h, UTF-8
// value), in order; a repeated name is a multi-valued attribute.
using Attributes = std::vector<std::pair<std::string, std::string>>;

// Who was proven. The names are the store's, never the peer's (README decision 6).
struct Principal {
  AccountName account;
  bool anonymous = false;
  std::shared_ptr<const Attributes> attributes;  // of the store; may be null
};

// What is known of names on its way to another process (exported.cpp). The reader fails on what is
// none; both fail on a text over kMaxText bytes, and on more than 4096 attributes.
constexpr std::size_t kMaxText = 4096;
void write_attributes(SecretWriter& writer, const Attributes& attributes);
Attributes read_attributes(Reader& reader);
void write_principal(SecretWriter& writer, const Principal& principal);
Principal read_principal(Reader& reader);
// The literal of a store's kind that came as text; empty when there is none such.
const char* store_literal(std::string_view name);

}  // namespace ntlm::protocol
