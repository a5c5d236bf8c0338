// SPDX-License-Identifier: MIT
#include "store/faults.h"

#include <syslog.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "base/per_second.h"

namespace ntlm::store {
namespace {

// Of sentences that are not yet told. A text file with many bad lines has eleven at once.
constexpr std::uint32_t kMostInASecond = 20;

// What was told to the system log, so that a store that stays broken fills it no further. Nor does
// a peer that makes new sentences, of names of domains: those behind the first of a second are
// counted.
struct Faults {
  std::mutex mutex;
  std::string last;
  std::array<std::string, 32> told;
  std::size_t next = 0;
  PerSecond lines;
  std::uint64_t left_out = 0;
};

Faults& faults() {
  static Faults* const the =
      new Faults;  // never destroyed: threads may still log on while the process ends
  return *the;
}

void tell(Faults& all, const std::string& sentence) {
  if (!all.lines.admit(kMostInASecond)) {
    ++all.left_out;
    return;
  }
  const std::string others =
      all.left_out == 0 ? "" : " (left out before: " + std::to_string(all.left_out) + ")";
  ::syslog(LOG_AUTHPRIV | LOG_ERR, "gss-ntlm: %s%s", sentence.c_str(), others.c_str());
  all.left_out = 0;
  all.told[all.next] = sentence;
  all.next = (all.next + 1) % all.told.size();
}

}  // namespace

// Neither waits for the lock: a child of fork() may have inherited it closed.
std::string last_store_fault() {
  const std::unique_lock lock(faults().mutex, std::try_to_lock);
  return lock ? faults().last : std::string();
}

void record_store_fault(std::string sentence) {
  Faults& all = faults();
  const std::unique_lock lock(all.mutex, std::try_to_lock);
  if (!lock) {
    return;
  }
  if (std::find(all.told.begin(), all.told.end(), sentence) == all.told.end()) {
    tell(all, sentence);
  }
  all.last = std::move(sentence);
}

}  // namespace ntlm::store
