// SPDX-License-Identifier: MIT
// What gdb's gcore takes of a process that runs on (needs the package gdb).
#pragma once

#include <elf.h>
#include <sys/types.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "support/temporary_directory.h"

namespace ntlm::test {

inline bool can_dump() { return std::system("command -v gcore >/dev/null") == 0; }

// The whole dump: memory and registers. Empty: it could not be taken.
inline std::string core_dump(pid_t process) {
  const TemporaryDirectory directory;
  const std::string id = std::to_string(process);
  const std::string command = "gcore -o " + directory.path("core") + " " + id + " >/dev/null 2>&1";
  return std::system(command.c_str()) == 0 ? directory.read("core." + id) : std::string();
}

// The dump's segments of memory. Not its registers: where memcpy copies by vector registers, one of
// them may still have what went through it last, until other code puts something else there.
inline std::string memory_in(const std::string& dump) {
  std::string memory;
  Elf64_Ehdr header{};
  if (dump.size() < sizeof header) {
    return memory;
  }
  std::memcpy(&header, dump.data(), sizeof header);
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    std::memcpy(&segment, dump.data() + header.e_phoff + i * sizeof segment, sizeof segment);
    if (segment.p_type == PT_LOAD) {
      memory.append(dump, segment.p_offset, segment.p_filesz);
    }
  }
  return memory;
}

}  // namespace ntlm::test
