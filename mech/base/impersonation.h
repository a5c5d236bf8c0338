// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

namespace ntlm {

// Whether this thread opens files as somebody else than the process does, as SSPI's impersonation
// makes it: its file-system ids (credentials(7)) are not the effective ones. Nothing where that
// cannot be told, for want of a descriptor or of memory. Three system calls; allocates nothing.
std::optional<bool> impersonates() noexcept;

}  // namespace ntlm
