// SPDX-License-Identifier: MIT
// The acceptor's part: what a worker's BEGIN and FINISH lead to, under the policy of that worker,
// with an audit record of each attempt. Each thread of the front has its own.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "authd/exchanges.h"
#include "authd/peers.h"
#include "authd/verify_frame.h"
#include "base/audit.h"
#include "base/config.h"
#include "protocol/acceptor.h"

namespace ntlm::authd {

struct ServerSettings {
  Config config;  // for the names of the host
  AuditSettings audit;
  protocol::DisplayForm display_form = protocol::DisplayForm::kDomainBackslashUser;
};

// Who is at the other end of a connection.
struct Caller {
  std::uint64_t connection = 0;
  uid_t uid = 0;
  std::size_t section = 0;
  std::string peer;  // for the audit record
};

struct Answer {
  authority::Reply reply;
  SecretBytes acceptor;  // that the reply points at
  Bytes challenge;
  bool wait = false;  // a failure's, so that nobody guesses faster
};

// A FINISH until its answer. The acceptor views `finish`, and that the frame that came.
struct Attempt {
  Time started;
  authority::Finish finish;
  std::optional<OpenExchange> exchange = {};
};

class Acceptors {
 public:
  Acceptors(const ServerSettings& settings, Peers& peers);

  // What the stores say of themselves; before the first question, and again while they speak for a
  // domain that could not say its names yet (named() is false).
  void learn(const StoreFacts& facts);
  bool named() const { return named_; }

  Answer begin(const Caller& caller, const authority::Begin& begin);
  void abort(const Caller& caller, const authority::Handle& handle);
  // The question, which views `attempt`, or the answer where there is nothing to ask.
  std::variant<protocol::LogonRequest, Answer> finish(const Caller& caller, Attempt& attempt);
  Answer settle(const Caller& caller, Attempt& attempt, Result<protocol::LogonResult> verdict);

 private:
  OpenExchange new_exchange(const Caller& caller, std::string_view service) const;
  Answer accept(const Caller& caller, const Attempt& attempt);
  Answer refuse(const Caller& caller, const OpenExchange& exchange, const Error& error,
                Time started);
  void record(const Caller& caller, const OpenExchange& exchange, const Error* error, Time started,
              std::uint64_t unrecorded = 0) const;

  const ServerSettings& settings_;
  Peers& peers_;
  // Of each section; the last is of those who may not ask.
  std::vector<std::shared_ptr<const protocol::AcceptorSetup>> setups_;
  bool named_ = false;
};

}  // namespace ntlm::authd
