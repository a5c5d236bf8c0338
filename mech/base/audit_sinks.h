// SPDX-License-Identifier: MIT
// Where audit() puts a record. None of them blocks.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "base/audit.h"

namespace ntlm {

// UTC by arithmetic: localtime_r and gmtime_r take a lock of the C library that a fork may leave
// held, and read TZ.
struct CivilTime {
  int year;
  unsigned month, day;
  int hour, minute, second, millisecond;
};
CivilTime civil(std::chrono::system_clock::time_point now);

// One datagram to the socket at `path`, from this process's kept socket. False: nobody took it.
bool send_datagram(const std::string& path, std::string_view message);

// The line as syslogd wants it, RFC 3164.
std::string syslog_entry(bool success, std::string_view line);

// Appends line and newline in one write, and rotates. The error is a sentence with the path.
tl::expected<void, std::string> append_record(const AuditFile& file, std::string_view line);

}  // namespace ntlm
