// SPDX-License-Identifier: MIT
// From the configuration to the two answers that the protocol needs: the chain of verifiers, and
// the responder of an initiator without a password of its own.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/config.h"
#include "protocol/logon.h"

namespace ntlm::store {

class TextFile;

// Everything that decides which stores are used, so that a change is noticed.
struct StoreSettings {
  std::vector<std::string> stores;   // "text:/path", "lmdb:/path", "winbind", "winbind:DOMAIN"
  std::chrono::seconds deadline{5};  // for an answer of winbind
};
StoreSettings settings_from(const Config& config);

// The chain, in order. Opening is lazy: a store that cannot be read is a kStore error at verify(),
// with its reason in the system log once, and the chain stops there: never "unknown, ask the next".
// A spec that cannot be understood is an error sentence here.
tl::expected<std::shared_ptr<const protocol::Verifier>, std::string> open_verifier(
    const StoreSettings& settings);
// One file in place of the chain: NTLM_USER_FILE, or a credential store's key file.
std::shared_ptr<const protocol::Verifier> verifier_of(std::shared_ptr<const TextFile> file);

// Why this process cannot ask the store that a `store` line names: a sentence; empty when it can.
// winbind is waited for until the deadline.
std::string store_fault(const std::string& spec, const StoreSettings& settings);

// Why the failures that lock a name (store/lockout.h) are counted for this process alone; empty
// when other processes share the counts, or no store here needs them.
std::string_view lockout_fault();

// The initiator's default account: the first usable line of the text file (a plaintext password, or
// a hash), whose user (and domain) match `wanted` where those are given. with_lm: it may have to
// answer as NTLMv1 does. kNoCredential when there is none.
Result<std::shared_ptr<const protocol::Responder>> responder_from_file(
    const TextFile& file, const protocol::AccountName& wanted, bool with_lm);
// From a password (UTF-8) or a 32-digit hexadecimal NT hash.
Result<std::shared_ptr<const protocol::Responder>> responder_from_password(
    protocol::AccountName account, std::string_view password, bool with_lm);
Result<std::shared_ptr<const protocol::Responder>> responder_from_nt_hash(
    protocol::AccountName account, std::string_view hex);
// From winbindd's credential cache, where a store is winbind (store/winbind_responder.h): `wanted`,
// or the account of this process' user. kNoCredential when there is none.
Result<std::shared_ptr<const protocol::Responder>> responder_from_winbind(
    const StoreSettings& settings, const protocol::AccountName& wanted);
std::shared_ptr<const protocol::Responder> anonymous_responder();

}  // namespace ntlm::store
