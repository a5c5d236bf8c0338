// SPDX-License-Identifier: MIT
#include "authd/acceptors.h"

#include "base/reason.h"
#include "protocol/attempt.h"
#include "protocol/host.h"

namespace ntlm::authd {

using protocol::Acceptor;
using protocol::AcceptorSetup;
using protocol::LogonRequest;
using protocol::LogonResult;
using std::chrono::steady_clock;

Acceptors::Acceptors(const ServerSettings& settings, Peers& peers)
    : settings_(settings), peers_(peers) {}

void Acceptors::learn(const StoreFacts& facts) {
  named_ = facts.host.has_value() || !facts.serves_domain;
  const auto names = protocol::host_names(settings_.config, facts.host ? &*facts.host : nullptr,
                                          std::string(), std::string());
  setups_.clear();
  const auto setup = [&](const protocol::Policy& policy) {
    // The store process is asked apart.
    setups_.push_back(std::make_shared<const AcceptorSetup>(
        policy, names, std::shared_ptr<const protocol::Verifier>()));
  };
  for (const Section& section : peers_.sections()) {
    setup(section.policy);
  }
  setup(protocol::Policy());
}

OpenExchange Acceptors::new_exchange(const Caller& caller, std::string_view service) const {
  return {{},
          Acceptor(setups_[caller.section], protocol::system_clock(), protocol::system_random()),
          std::string(service)};
}

Answer Acceptors::begin(const Caller& caller, const authority::Begin& begin) {
  const auto started = steady_clock::now();
  OpenExchange exchange = new_exchange(caller, begin.service);
  if (caller.section == peers_.sections().size()) {
    return refuse(caller, exchange, {Errc::kAuthorityAccess, "authd.peer"}, started);
  }
  if (!peers_.may_begin(caller.uid)) {
    return refuse(caller, exchange, {Errc::kTooManyLogons, "authd.rate"}, started);
  }
  exchange.acceptor.set_options(peers_.sections()[caller.section].admit(begin.options));
  auto step = exchange.acceptor.step(begin.negotiate, nullptr);
  if (!step) {
    return refuse(caller, exchange, step.error(), started);
  }
  protocol::system_random().fill(exchange.handle);
  Answer answer;
  answer.challenge = std::move(step->token);
  answer.reply.body = authority::Challenge{exchange.handle, answer.challenge};
  peers_.exchanges(caller.uid).add(caller.connection, std::move(exchange));
  return answer;
}

void Acceptors::abort(const Caller& caller, const authority::Handle& handle) {
  (void)peers_.exchanges(caller.uid).take(caller.connection, handle);
}

std::variant<LogonRequest, Answer> Acceptors::finish(const Caller& caller, Attempt& attempt) {
  const authority::Finish& finish = attempt.finish;
  attempt.exchange = peers_.exchanges(caller.uid).take(caller.connection, finish.handle);
  if (!attempt.exchange) {
    return refuse(caller, new_exchange(caller, {}), {Errc::kDeadContext, "authd.handle"},
                  attempt.started);
  }
  Acceptor& acceptor = attempt.exchange->acceptor;
  acceptor.set_options(peers_.sections()[caller.section].admit(finish.options));
  const auto question =
      acceptor.ask(finish.authenticate, finish.bindings ? &*finish.bindings : nullptr);
  if (!question) {
    return refuse(caller, *attempt.exchange, question.error(), attempt.started);
  }
  if (!*question) {
    return accept(caller, attempt);
  }
  return **question;
}

Answer Acceptors::settle(const Caller& caller, Attempt& attempt, Result<LogonResult> verdict) {
  const auto step = attempt.exchange->acceptor.settle(std::move(verdict));
  return step ? accept(caller, attempt)
              : refuse(caller, *attempt.exchange, step.error(), attempt.started);
}

Answer Acceptors::accept(const Caller& caller, const Attempt& attempt) {
  SecretWriter writer(1024, authority::kMaxReply - 64);
  const Result<void> written = attempt.exchange->acceptor.save(writer);
  auto saved =
      written ? std::move(writer).finish("authd.acceptor") : tl::unexpected<Error>(written.error());
  if (!saved) {
    return refuse(caller, *attempt.exchange, saved.error(), attempt.started);
  }
  Answer answer;
  answer.acceptor = std::move(*saved);
  answer.reply.body = authority::Acceptance{answer.acceptor};
  record(caller, *attempt.exchange, nullptr, attempt.started);
  return answer;
}

Answer Acceptors::refuse(const Caller& caller, const OpenExchange& exchange, const Error& error,
                         Time started) {
  if (const auto unrecorded = peers_.record_refusal(caller.uid)) {
    record(caller, exchange, &error, started, *unrecorded);
  }
  // Whether an answer waits says no more than the answer does.
  const Errc told = protocol::outward(error).code;
  Answer answer;
  answer.reply.body = told;
  answer.wait = told == Errc::kLogonDenied && peers_.failed();
  return answer;
}

void Acceptors::record(const Caller& caller, const OpenExchange& exchange, const Error* error,
                       Time started, std::uint64_t unrecorded) const {
  AuditEvent event = protocol::attempt(exchange.acceptor, error);
  event.unreported = unrecorded;
  event.service = exchange.service;
  event.peer = caller.peer;
  std::string principal;
  if (error == nullptr) {
    const protocol::Principal& who = exchange.acceptor.established()->principal;
    principal =
        who.anonymous ? "ANONYMOUS" : protocol::display(who.account, settings_.display_form);
    event.principal = principal;
  }
  event.duration_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - started).count());
  audit(settings_.audit, event);
}

}  // namespace ntlm::authd
