// SPDX-License-Identifier: MIT
// ntlm.conf, read with MIT's profile library (already in every GSS process): sections and `include`
// as in krb5.conf. One table (config.cpp) holds every key that exists, with its kind, its choices
// and its default; ntlm.conf(5), the shipped sample and `ntlmctl config` are checked against it by
// tests. An unknown section or key, a bad value or a key given twice that may stand once is an
// error that names file, key and value; never "use the default".
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace ntlm {

struct ConfigKey {
  enum class Kind : std::uint8_t {
    kText,
    kPath,      // absolute, without blanks
    kFlag,      // yes, no, true, false
    kNumber,    // decimal, within `choices`
    kChoice,    // one of `choices`
    kWords,     // words separated by blanks, each one of `choices` if there are; may be repeated
    kServices,  // such words, each SERVICE/HOST
    kLines,     // one value a line; may be repeated
  };
  const char* section;
  const char* name;
  Kind kind;
  const char* default_value;  // as it would be written; empty: nothing
  const char* choices;        // "a|b|c", or "min..max" of a number
  const char* summary;        // one sentence
};

// "HTTP/www.example.com": both sides of the slash; a service alone would be the name of none.
bool is_service_of_host(std::string_view text);

class Config {
 public:
  // Unless GSS_NTLM_CONF names another. Only this one may be missing (ENOENT): the defaults are
  // meant then.
  static constexpr const char* kDefaultPath = "/etc/gss/ntlm.conf";

  // Every key at its default, or as a profile ("default", "hardened", "compat") sets it; an unknown
  // profile sets nothing.
  explicit Config(std::string_view profile = "default");
  // A missing file is an error here; the caller decides whether it may be missing. The file, and
  // each file that it includes, must be trusted (trusted_file.h, kConfiguration). The message is
  // complete:
  // "/etc/gss/ntlm.conf: [policy] require_mic: 'maybe' is none of auto, yes, no".
  static tl::expected<Config, std::string> load(const std::string& path);

  bool operator==(const Config&) const = default;

  static std::span<const ConfigKey> keys();

  // Made for being read once, when something is set up: a look-up walks the table. Asking for a key
  // that is not in the table is a programming error (aborts in debug builds, empty otherwise).
  std::string_view text(std::string_view section, std::string_view key) const;
  bool flag(std::string_view section, std::string_view key) const;
  std::uint32_t number(std::string_view section, std::string_view key) const;
  const std::vector<std::string>& list(std::string_view section, std::string_view key) const;
  // Whether the file has it.
  bool is_set(std::string_view section, std::string_view key) const;
  // "default", "profile hardened", or the file's path.
  std::string source(std::string_view section, std::string_view key) const;
  const std::string& path() const { return path_; }  // empty: no file

 private:
  enum class Source : std::uint8_t { kDefault, kProfile, kFile };
  struct Value {
    std::vector<std::string> values;
    Source source = Source::kDefault;
    bool operator==(const Value&) const = default;
  };
  const Value& at(std::string_view section, std::string_view key) const;

  std::vector<Value> values_;  // in the order of keys()
  std::string path_;
};

}  // namespace ntlm
