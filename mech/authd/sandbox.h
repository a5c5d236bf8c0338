// SPDX-License-Identifier: MIT
// What a process of the daemon may still do once it has begun to listen to others: an allow-list of
// system calls, checked by the kernel (seccomp). Anything else ends the process with SIGSYS, which
// the journal shows; a few calls that the C library makes of its own accord, and can do without,
// are answered with an error instead.
//
// Neither process may run a program, make a process, trace, signal or read another, map code,
// change who it is, or speak anything but AF_UNIX. Besides:
//   front  opens no file, or, with an audit file: files to append to (never to cut), and renames;
//          by Landlock, where the kernel has it, in the directory of that file only. The
//          sockets that it makes send datagrams, to the system log and to systemd.
//   store  opens files to read only, since stores are read again when they change. It makes no
//          socket, or, with winbind: those to winbindd.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>

namespace ntlm::authd {

enum class Role : std::uint8_t { kFront, kStore };

struct SandboxNeeds {
  std::string audit_path = {};  // front: [audit] json; empty: none
  bool winbind = false;         // store: one of the stores is winbind
};

// For the rest of the process' life and for all its threads, those that run already and those to
// come (but Landlock holds for this one and those to come: the front enters before it makes any).
// It also forbids core dumps, ptrace by others of this user, and new privileges, and keeps
// the memory out of swap where RLIMIT_MEMLOCK is unlimited.
//
// To be done before: whatever loads a library (winbind: one question to the store, such as
// host_names(), loads libwbclient; EVP: one HMAC loads OpenSSL's legacy provider), reads a
// configuration, looks up a user, binds a socket or maps the table of lockouts. In the store,
// openlog(3) with LOG_NDELAY, or syslog(3) finds no socket.
//
// The error is a sentence; the process is then to end, for some of it may be in force.
tl::expected<void, std::string> enter_sandbox(Role role, const SandboxNeeds& needs);

}  // namespace ntlm::authd
