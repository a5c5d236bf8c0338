// SPDX-License-Identifier: MIT
// The two questions that the state machines put to the world, as interfaces: "is this response
// right for this account?" (Verifier, answered by the stores) and "what is the response of this
// account?" (Responder, answered by an initiator credential). And the answer from an NT hash, which
// text file, database and daemon share.
#pragma once

#include <memory>
#include <optional>

#include "base/text.h"
#include "crypto/ntlm.h"
#include "protocol/name.h"
#include "protocol/policy.h"

namespace ntlm::protocol {

enum class NtlmVersion : std::uint8_t { kV2, kV1, kV1Session /* NTLM2-session: v1 with ESS */ };

// The names of this host that go into CHALLENGE and that a domain controller checks
// ([MS-NLMP] 2.2.2.1).
struct HostNames {
  std::string nb_computer, nb_domain, dns_computer, dns_domain;
};
// Whether it is written as an account of that host itself: with one of its own names, or a dot.
bool is_of_host(const AccountName& account, const HostNames& host);

// One AUTHENTICATE, checked for structure and policy, waiting for its proof. Views into the token.
struct LogonRequest {
  // As on the wire, UTF-16LE (OEM text was widened); for NTOWFv2.
  ByteView user_utf16le;
  ByteView domain_utf16le;
  // The same in UTF-8; for look-ups.
  const AccountName& account;
  std::string_view workstation;
  const HostNames& host;
  NtlmVersion version;
  const crypto::ServerChallenge& server_challenge;
  ByteView nt_response;
  ByteView lm_response;
  const Policy& policy;
  bool machine_accounts = false;  // the caller admits them (AcceptOptions)
  // The peer's, of 4 or 16 bytes, by the word of the application; empty: it gives none.
  ByteView address = {};
};

struct LogonResult {
  crypto::SessionBaseKey session_base_key;
  std::optional<crypto::LmHash>
      lm_hash;  // for KXKEY with LM_KEY; NTLMv1 only, where the store has it
  Principal principal;
  const char* store = "";  // which one answered: a literal, for the audit
};

// Answers whether a response is right. R60: only a LogonResult is a yes. Errors: kUnknownAccount
// (this store does not have it: the chain asks the next), any other kLogon or kSystem code (final).
// Immutable after construction, shared by threads; must not block without a deadline.
class [[nodiscard]] Verifier {
 public:
  virtual ~Verifier() = default;
  virtual Result<LogonResult> verify(const LogonRequest& request) const = 0;
  // The names that CHALLENGE must carry for this verifier to say yes (winbind); nullptr: no wish.
  virtual const HostNames* host_names() const { return nullptr; }
  // Whether it speaks for a domain, whose users are not those of this host: also while nobody can
  // say what the domain is called.
  virtual bool serves_domain() const { return false; }
};

// An account of a store that holds hashes.
struct Account {
  bool known = true;  // false: a stand-in for one that is not there (stand_in())
  AccountName name;   // as the store spells it; domain may be empty: any
  crypto::NtHash nt_hash;
  std::optional<crypto::LmHash> lm_hash;
  bool has_hash = true;  // false: an entry without a password ("NO PASSWORD", X…X): never a yes
  bool disabled = false;
  bool locked = false;
  bool password_expired = false;
  bool trust_account = false;  // a computer's ([W], [S] of smbpasswd), or a domain's ([I])
  std::shared_ptr<const Attributes> attributes;
};

// Finds accounts, and stand-ins for those that it has not: looking for an account, and all that
// follows, is the same work whether it exists or not (P11). Look-up order for a domain as the peer
// sent it (all compared without regard to case): (user, domain), then (user, no domain). With an
// empty domain: (user, our_domain), (user, no domain), then the only entry of that user in whatever
// domain, if it is the only one.
class AccountSource {
 public:
  virtual ~AccountSource() = default;
  // kStore when the store cannot be read (never "unknown").
  virtual Result<Account> find(const AccountName& name, std::string_view our_domain) const = 0;
  virtual const char* kind() const = 0;  // "text", "lmdb"
};

// One of two by arithmetic, so that no branch depends on it.
std::string_view choose(bool first, std::string_view one, std::string_view other);
// Another account becomes the stand-in for one that is not there, unless `known`: with a hash that
// nobody has. Its name is the store's to choose: the one that was asked for.
void stand_in(Account& account, bool known);
// If so, no password of the account is right any more: for one that is refused whatever is proven,
// so that its right password takes the time of a wrong one.
void spoil(Account& account, bool refused);

// Answers from an account's hash, in this order: proof (constant time, as sent, upper-cased, empty
// domain if policy says so), then the account's state (R49). Every failure of these is one status
// outside. kUnknownAccount for a stand-in, whatever was proven.
Result<LogonResult> verify_with_hash(const LogonRequest& request, Account account,
                                     const char* store);

// The policy's lists of users and domains, for the account that was proven. The acceptor asks it of
// every account, whichever Verifier said yes. kAccountRestriction.
Result<void> check_lists(const Policy& policy, const HostNames& host, const AccountName& account);

// What is told outside of the audit record of a logon that failed: the state of an account of our
// own stores looks like a wrong password (R49). What a domain controller says of its accounts stays
// as it is: SSPI's callers ask for it.
Error outward(const Error& error);

// What an initiator answers with. Made from a credential.
struct Challenge {
  const crypto::ServerChallenge& server_challenge;
  bool ess;
  std::uint64_t timestamp;  // for the client challenge structure
  const crypto::ClientChallenge& client_challenge;
  ByteView av_pairs;           // as they shall stand in the response, EOL included
  bool v2;                     // NTLMv2, else v1 or NTLM2-session by ess
  bool server_sent_timestamp;  // then the LM response is Z(24) ([MS-NLMP] 3.1.5.1.2)
};
struct ChallengeResponse {
  Bytes nt_response;
  Bytes lm_response;
  crypto::SessionBaseKey session_base_key;
  std::optional<crypto::LmHash> lm_hash;
};
class Responder {
 public:
  virtual ~Responder() = default;
  virtual const AccountName& account() const = 0;
  virtual bool anonymous() const { return false; }
  virtual Result<ChallengeResponse> respond(const Challenge& challenge) const = 0;
  // A responder that makes the whole AUTHENTICATE itself (winbind's credential cache): the message
  // and session key.
  struct WholeAnswer {
    Bytes authenticate;
    crypto::ExportedSessionKey key;
  };
  virtual bool answers_whole() const { return false; }
  // Writes what another process needs to answer as this one does (security.md P17); false: it
  // cannot travel, since the secret is elsewhere.
  virtual bool save(SecretWriter& /*writer*/) const { return false; }
  virtual Result<WholeAnswer> answer(ByteView negotiate, ByteView challenge) const;
};

// From an NT hash (and, for LM responses under initiator_version = v1, an LM hash).
class HashResponder final : public Responder {
 public:
  HashResponder(AccountName account, crypto::NtHash hash, std::optional<crypto::LmHash> lm_hash);
  const AccountName& account() const override { return account_; }
  Result<ChallengeResponse> respond(const Challenge& challenge) const override;
  // User, domain, NT hash, u8 whether an LM hash follows.
  bool save(SecretWriter& writer) const override;
  static Result<HashResponder> restore(Reader& reader);  // kDefectiveExport

 private:
  Result<ChallengeResponse> respond_v2(const Challenge& challenge) const;
  Result<ChallengeResponse> respond_v1(const Challenge& challenge) const;

  AccountName account_;
  Bytes user_utf16le_, domain_utf16le_;
  crypto::NtHash hash_;
  std::optional<crypto::LmHash> lm_hash_;
};

}  // namespace ntlm::protocol
