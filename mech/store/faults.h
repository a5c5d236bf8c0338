// SPDX-License-Identifier: MIT
// Why a store cannot be used: for the system log, which is told each sentence once and no more than
// twenty in a second, and for gss_display_status.
#pragma once

#include <string>

namespace ntlm::store {

// A sentence for the administrator. Thread-safe; waits for nobody, so that a fork harms nothing.
void record_store_fault(std::string sentence);
// The last one; empty when there is none.
std::string last_store_fault();

}  // namespace ntlm::store
