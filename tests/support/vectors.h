// SPDX-License-Identifier: MIT
// Reads test vectors from tests/vectors/*.vec, text files that a person can check against their
// source:
//
//   # SPDX line, then where the values are from (a specification's section, a capture)
//   [section]
//   name = 0123 4567 89ab      bytes in hexadecimal; blanks are free,
//          cdef                and a line that begins with a blank goes on with the value
//   user = "User"              text: its UTF-8 bytes
//
// A file that cannot be read or understood, and a value that is not there, throw std::runtime_error
// with file and line, which GoogleTest reports as the failure of the test: a vector that is missing
// never passes.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace ntlm::test {

class Vectors {
 public:
  // file: its name below tests/vectors, "ms-nlmp-4.2.vec".
  static Vectors load(const std::string& file);
  static Vectors parse(std::string_view text, std::string origin);

  const std::vector<std::string>& sections() const { return order_; }
  bool has(std::string_view section, std::string_view name) const;
  const Bytes& bytes(std::string_view section, std::string_view name) const;
  std::string text(std::string_view section, std::string_view name) const;

 private:
  std::string origin_;
  std::vector<std::string> order_;
  std::map<std::string, std::map<std::string, Bytes, std::less<>>, std::less<>> values_;
};

// The files that several tests read, each loaded once: [MS-NLMP] 4.2, what follows from its inputs,
// and what other implementations made.
const Vectors& example();
const Vectors& derived();
const Vectors& peers();

// "0123 abCD" -> bytes; std::runtime_error on anything else.
Bytes from_hex(std::string_view hex);
std::string to_hex(ByteView bytes);

}  // namespace ntlm::test
