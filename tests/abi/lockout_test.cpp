// SPDX-License-Identifier: MIT
// A source of wrong passwords waits (store/lockout.h): what a program sees of it, and the audit.
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "abi/exchange.h"
#include "support/unused_name.h"

namespace ntlm::test {
namespace {

using Address = std::array<unsigned char, 4>;
constexpr Address kHere{192, 0, 2, 1}, kBeside{192, 0, 2, 200}, kElsewhere{198, 51, 100, 1};

struct Attempt {
  const char* password;
  std::optional<Address> address;  // that the accepting program gives
};

// Major and minor of gss_accept_sec_context at the last leg. Each name is one test's alone: the
// counts are the process'.
std::pair<OM_uint32, OM_uint32> outcome_of(const std::string& user, Attempt attempt) {
  Name name = import("TEST\\" + user);
  gss_buffer_desc secret = buffer(attempt.password);
  Credential credential;
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_acquire_cred_with_password(&minor, name.get(), &secret, 0, &g_only_ntlm,
                                           GSS_C_INITIATE, credential.out(), nullptr, nullptr),
            GSS_S_COMPLETE);
  gss_channel_bindings_struct bindings{};
  if (attempt.address) {
    bindings.initiator_addrtype = GSS_C_AF_INET;
    bindings.initiator_address = {attempt.address->size(), attempt.address->data()};
  }
  Name target = import("HTTP@host.test.example", GSS_C_NT_HOSTBASED_SERVICE);
  Context initiator, acceptor;
  Buffer there, back;
  OM_uint32 major = GSS_S_CONTINUE_NEEDED;
  while (major == GSS_S_CONTINUE_NEEDED) {
    EXPECT_FALSE(GSS_ERROR(gss_init_sec_context(
        &minor, credential.get(), &initiator.get(), target.get(), &g_ntlm, kProtected, 0,
        GSS_C_NO_CHANNEL_BINDINGS, &back.get(), nullptr, there.out(), nullptr, nullptr)));
    major = gss_accept_sec_context(&minor, &acceptor.get(), GSS_C_NO_CREDENTIAL, &there.get(),
                                   attempt.address ? &bindings : GSS_C_NO_CHANNEL_BINDINGS, nullptr,
                                   nullptr, back.out(), nullptr, nullptr, nullptr);
  }
  return {major, minor};
}

// Reasons in the audit, of accepts alone.
std::vector<std::string> reasons_in(const std::string& log) {
  std::vector<std::string> reasons;
  std::ifstream records(log);
  for (std::string line; std::getline(records, line);) {
    constexpr std::string_view kReason = "\"reason\":\"";
    if (line.find("\"event\":\"accept\"") != std::string::npos) {
      const std::size_t begin = line.find(kReason) + kReason.size();
      reasons.push_back(line.substr(begin, line.find('"', begin) - begin));
    }
  }
  return reasons;
}

struct Seen {
  std::vector<std::pair<OM_uint32, OM_uint32>> outcomes;
  std::vector<std::string> reasons;
};

// What becomes of these, one after the other within the shortest of waits; on a host that is too
// busy for that, once more with another name.
Seen one_after_the_other(const std::vector<Attempt>& attempts, const std::string& policy = "") {
  constexpr int kTries = 20;
  for (int i = 0; i < kTries; ++i) {
    const std::string user = unused_name("waits");
    const Accounts accounts("TEST:" + user + ":Secret1\n");
    const std::string log = accounts.write("audit.jsonl", "");
    // Never: these are addresses of the acceptor alone, which no peer's bindings have.
    accounts.configure("waiting.conf", " failures_per_second = 0\n json = " + log +
                                           "\n[policy]\n channel_bindings = never\n" + policy);
    Seen seen;
    const auto started = std::chrono::steady_clock::now();
    for (const Attempt& attempt : attempts) {
      seen.outcomes.push_back(outcome_of(user, attempt));
    }
    if (std::chrono::steady_clock::now() - started < std::chrono::milliseconds(900)) {
      seen.reasons = reasons_in(log);
      return seen;
    }
  }
  ADD_FAILURE() << "this host is too busy to tell";
  return {};
}

using Reasons = std::vector<std::string>;

TEST(Lockout, SourceThatWaitsIsToldNothingOfIt) {
  const Seen seen = one_after_the_other(
      {{"wrong", {}}, {"wrong", {}}, {"wrong", {}}, {"Secret1", {}}, {"wrong", {}}});
  EXPECT_EQ(seen.reasons, (Reasons{"wrong-password", "wrong-password", "wrong-password", "too-soon",
                                   "too-soon"}));
  for (const auto& outcome : seen.outcomes) {
    EXPECT_EQ(outcome, seen.outcomes[0]);
    EXPECT_EQ(outcome.first, static_cast<OM_uint32>(GSS_S_FAILURE));
  }
}

TEST(Lockout, AddressThatTheProgramGivesIsTheSource) {
  const Seen seen = one_after_the_other({{"wrong", kHere},
                                         {"wrong", kHere},
                                         {"wrong", kBeside},
                                         {"Secret1", kBeside},
                                         {"Secret1", kElsewhere},
                                         {"Secret1", {}},
                                         {"Secret1", kHere}});
  EXPECT_EQ(seen.reasons, (Reasons{"wrong-password", "wrong-password", "wrong-password", "too-soon",
                                   "ok", "ok", "too-soon"}));
}

TEST(Lockout, NoSourceWaitsWithoutADelay) {
  const Seen seen = one_after_the_other(
      {{"wrong", {}}, {"wrong", {}}, {"wrong", {}}, {"wrong", {}}, {"Secret1", {}}},
      " lockout_delay = 0\n");
  EXPECT_EQ(seen.reasons, (Reasons{"wrong-password", "wrong-password", "wrong-password",
                                   "wrong-password", "ok"}));
}

}  // namespace
}  // namespace ntlm::test
