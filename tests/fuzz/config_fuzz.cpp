// SPDX-License-Identifier: MIT
// ntlm.conf. What is accepted can be written down again from what was understood, and is then
// understood the same.
#include "base/config.h"
#include "fuzz/check.h"
#include "support/temporary_directory.h"

namespace {

using ntlm::Config;
using ntlm::ConfigKey;

std::string written(const Config& config) {
  std::string out;
  for (const ConfigKey& key : Config::keys()) {
    if (!config.is_set(key.section, key.name)) {
      continue;
    }
    const auto& values = config.list(key.section, key.name);
    const std::string start = std::string("[") + key.section + "]\n" + key.name + " = ";
    if (values.empty()) {
      out += start + "\"\"\n";
    }
    for (const std::string& value : values) {
      std::string quoted;
      for (const char c : value) {
        quoted += c == '"' || c == '\\' ? std::string("\\") + c
                  : c == '\t'           ? "\\t"
                                        : std::string(1, c);
      }
      out += start + '"' + quoted + "\"\n";
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ntlm::test::TemporaryDirectory directory;
  const std::string text(data, data + size);
  if (text.find("include") != std::string::npos) {
    return 0;  // would leave the directory; config_test.cpp has them
  }
  const auto config = Config::load(directory.write("ntlm.conf", text));
  if (!config) {
    FUZZ_CHECK(config.error().starts_with(directory.path("ntlm.conf") + ": "));
    return 0;
  }
  const std::string rewritten = written(*config);
  for (std::size_t start = 0, end = 0; end != std::string::npos; start = end + 1) {
    end = rewritten.find('\n', start);
    if (std::min(end, rewritten.size()) - start > 1000) {
      return 0;  // quoted, a value may take more than the line that it may have
    }
  }
  const auto again = Config::load(directory.write("again.conf", rewritten));
  FUZZ_CHECK(again);
  for (const ConfigKey& key : Config::keys()) {
    FUZZ_CHECK(again->list(key.section, key.name) == config->list(key.section, key.name));
    FUZZ_CHECK(again->is_set(key.section, key.name) == config->is_set(key.section, key.name));
  }
  return 0;
}
