// SPDX-License-Identifier: MIT
#include "store/faults.h"

#include <syslog.h>

#include <algorithm>
#include <array>
#include <mutex>

namespace ntlm::store {
namespace {

// What was told to the system log, so that a store that stays broken fills it no further.
struct Faults {
  std::mutex mutex;
  std::string last;
  std::array<std::string, 32> told;
  std::size_t next = 0;
};

Faults& faults() {
  static Faults* const the =
      new Faults;  // never destroyed: threads may still log on while the process ends
  return *the;
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
    ::syslog(LOG_AUTHPRIV | LOG_ERR, "gss-ntlm: %s", sentence.c_str());
    all.told[all.next] = sentence;
    all.next = (all.next + 1) % all.told.size();
  }
  all.last = std::move(sentence);
}

}  // namespace ntlm::store
