// SPDX-License-Identifier: MIT
// Whether the bridge is on in this process: ntlm.conf, [bridge].
#pragma once

#include <string>
#include <string_view>

namespace ntlm::bridge {

struct Settings {
  bool on = false;  // this executable is one of [bridge] programs
  bool sshd_form =
      false;  // Kerberos-framed first token, MUTUAL claimed, names exported as Kerberos'
};

// Reads the file again. No file: off. A file with a fault in it: off, and one audit record says
// which.
Settings read_settings();

// The file name of the running executable, without directory; empty when it cannot be told.
std::string executable_name();

// What the last gss_mech_interposer() decided: fixed before the first gssi_ call can come.
extern constinit Settings settings;

}  // namespace ntlm::bridge
