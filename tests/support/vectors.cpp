// SPDX-License-Identifier: MIT
#include "support/vectors.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace ntlm::test {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

int digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

Bytes value_of(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
    return {text.begin(), text.end()};
  }
  return from_hex(text);
}

}  // namespace

Bytes from_hex(std::string_view hex) {
  Bytes out;
  int high = -1;
  for (const char c : hex) {
    if (kBlanks.find(c) != std::string_view::npos) {
      continue;
    }
    const int value = digit(c);
    if (value < 0) {
      throw std::runtime_error(std::string("not a hexadecimal digit: '") + c + "'");
    }
    if (high < 0) {
      high = value;
    } else {
      out.push_back(static_cast<std::uint8_t>(high * 16 + value));
      high = -1;
    }
  }
  if (high >= 0) {
    throw std::runtime_error("an odd number of hexadecimal digits");
  }
  return out;
}

std::string to_hex(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

Vectors Vectors::load(const std::string& file) {
  const std::string path = std::string(NTLM_VECTORS_DIR) + "/" + file;
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    throw std::runtime_error(path + ": cannot be read");
  }
  return parse(text.str(), path);
}

Vectors Vectors::parse(std::string_view text, std::string origin) {
  Vectors out;
  out.origin_ = std::move(origin);
  std::string section;
  std::string name;
  std::string value;
  int number = 0;
  const auto complain = [&](const std::string& what) {
    throw std::runtime_error(out.origin_ + ":" + std::to_string(number) + ": " + what);
  };
  const auto keep = [&] {
    if (name.empty()) {
      return;
    }
    try {
      if (!out.values_[section].emplace(name, value_of(trim(value))).second) {
        complain(name + " stands twice in [" + section + "]");
      }
    } catch (const std::runtime_error& error) {
      complain(name + ": " + error.what());
    }
    name.clear();
  };
  std::istringstream lines{std::string(text)};
  for (std::string raw; std::getline(lines, raw);) {
    const std::string_view line = trim(raw);
    const bool continues = !raw.empty() && kBlanks.find(raw.front()) != std::string_view::npos;
    if (continues && !name.empty() && !line.empty() && line.front() != '#') {
      value += line;
      ++number;
      continue;
    }
    keep();  // complains with the number of the value's last line
    ++number;
    if (line.empty() || line.front() == '#') {
      continue;
    }
    if (line.front() == '[' && line.back() == ']') {
      section = std::string(trim(line.substr(1, line.size() - 2)));
      if (!out.values_.emplace(section, std::map<std::string, Bytes, std::less<>>{}).second) {
        complain("section [" + section + "] stands twice");
      }
      out.order_.push_back(section);
      continue;
    }
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || section.empty() ||
        trim(line.substr(0, equals)).empty()) {
      complain("neither '# comment', '[section]' nor 'name = value' within a section");
    }
    name = std::string(trim(line.substr(0, equals)));
    value = std::string(line.substr(equals + 1));
  }
  keep();
  return out;
}

bool Vectors::has(std::string_view section, std::string_view name) const {
  const auto found = values_.find(section);
  return found != values_.end() && found->second.find(name) != found->second.end();
}

const Bytes& Vectors::bytes(std::string_view section, std::string_view name) const {
  if (!has(section, name)) {
    throw std::runtime_error(origin_ + ": no '" + std::string(name) + "' in [" +
                             std::string(section) + "]");
  }
  return values_.find(section)->second.find(name)->second;
}

std::string Vectors::text(std::string_view section, std::string_view name) const {
  const Bytes& value = bytes(section, name);
  return {value.begin(), value.end()};
}

const Vectors& example() {
  static const Vectors loaded = Vectors::load("ms-nlmp-4.2.vec");
  return loaded;
}

const Vectors& derived() {
  static const Vectors loaded = Vectors::load("ms-nlmp-derived.vec");
  return loaded;
}

const Vectors& peers() {
  static const Vectors loaded = Vectors::load("peers.vec");
  return loaded;
}

}  // namespace ntlm::test
