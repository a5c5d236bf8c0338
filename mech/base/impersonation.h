// SPDX-License-Identifier: MIT
#pragma once

namespace ntlm {

// Whether this thread opens files as somebody else than the process does, as SSPI's impersonation
// makes it: its file-system ids (credentials(7)) are not the effective ones. Three system calls;
// allocates nothing.
bool impersonates() noexcept;

}  // namespace ntlm
