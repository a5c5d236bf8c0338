// SPDX-License-Identifier: MIT
// Who may ask the daemon, for what and how often: the `peer` lines of section
// [authd], and what each uid uses at the moment. A line tightens the policy and
// never loosens it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "authd/exchanges.h"
#include "base/config.h"
#include "protocol/policy.h"

namespace ntlm::authd {

using Time = std::chrono::steady_clock::time_point;

constexpr uid_t kOverflowUid = 65534;  // of another user namespace: it could be anybody

struct Ids {
  uid_t uid;
  gid_t gid;
};
// Of a user of this host; nothing: there is none of that name.
std::optional<Ids> ids_of(const std::string& user);

// A rate with room for a burst; not thread-safe.
class Bucket {
 public:
  Bucket(std::uint32_t rate, std::uint32_t burst, Time now);
  // False when there is nothing left. A rate of 0 has no end.
  bool take(Time now);

 private:
  double rate_, burst_, left_;
  Time seen_;
};

// One `peer` line; without any, one for everybody.
struct Section {
  std::optional<uid_t> uid;           // none: all that have no line of their own
  std::uint32_t rate = 0, burst = 0;  // BEGINs a second; 0: no limit
  protocol::Policy policy;
  bool bindings = false;  // require=bindings: no option of a worker lets others pass

  // What of a worker's options counts.
  protocol::AcceptOptions admit(protocol::AcceptOptions asked) const;
};

// "USER|UID|* [rate=N] [burst=N] [targets=SPN,…]
// [require=sign,seal,mic,bindings,target]". The sentence says what cannot be
// understood, or would loosen.
tl::expected<std::vector<Section>, std::string> sections_from(const Config& config,
                                                              const protocol::Policy& policy);

// The peer of a connection. Thread-safe.
class Peers {
 public:
  // failures_per_second: of all, before answers wait; records_per_second: of the refusals of one
  // uid. 0: no limit.
  Peers(std::vector<Section> sections, std::uint32_t failures_per_second,
        std::uint32_t records_per_second);

  const std::vector<Section>& sections() const { return sections_; }
  // Of a uid's line; sections().size(): it has none, and may not ask.
  std::size_t section_of(uid_t uid) const;

  // A connection more; false when this uid has its share. Each true is given back.
  bool connect(uid_t uid, std::size_t section);
  void disconnect(uid_t uid);
  // Whether this uid has more than half of its share.
  bool has_many(uid_t uid);
  // Of a uid that has connected.
  Exchanges& exchanges(uid_t uid);
  // Whether this uid may begin now.
  bool may_begin(uid_t uid);
  // A proof failed; true when there are so many that the answer has to wait.
  bool failed();
  // Whether a refusal of this uid is recorded, and how many were not before it: one worker's
  // failures must not crowd out the records of another's.
  std::optional<std::uint64_t> record_refusal(uid_t uid);

 private:
  struct Use {
    Use(Bucket begins, Bucket refusals) : bucket(begins), records(refusals) {}
    Bucket bucket, records;
    std::size_t connections = 0;
    std::uint64_t unrecorded = 0;
    Exchanges exchanges;
  };
  std::vector<Section> sections_;
  std::mutex mutex_;
  std::map<uid_t, Use> uses_;
  Bucket failures_;
  const std::uint32_t records_per_second_;
};

}  // namespace ntlm::authd
