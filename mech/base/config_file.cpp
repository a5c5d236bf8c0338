// SPDX-License-Identifier: MIT
#include "base/config_file.h"

#include <algorithm>
#include <filesystem>

#include "base/trusted_file.h"

namespace ntlm {
namespace {

using Refusal = tl::unexpected<std::string>;

constexpr std::size_t kMaxFile = 1u << 20;
constexpr std::size_t kMaxLine = 1000;
constexpr int kMaxDepth = 8;

tl::expected<void, std::string> check_file(const std::string& path, int depth);

bool included_by_directory(const std::string& name) {
  // As the library chooses: names of letters, digits, - and _, and names that end in .conf.
  if (name.empty() || name[0] == '.') {
    return false;
  }
  return name.ends_with(".conf") || std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '-' || c == '_';
         });
}

tl::expected<void, std::string> check_directory(const std::string& path, int depth) {
  // A sticky directory would do for a file that is there, but not for one that comes before the
  // library looks.
  std::error_code fault;
  using std::filesystem::perms;
  const auto others = perms::group_write | perms::others_write;
  if ((std::filesystem::status(path, fault).permissions() & others) != perms::none && !fault) {
    return Refusal(path + ": others may write this directory; chmod go-w");
  }
  for (std::filesystem::directory_iterator entry(path, fault), end; !fault && entry != end;
       entry.increment(fault)) {
    const std::string name = entry->path().filename().string();
    if (!included_by_directory(name)) {
      continue;
    }
    if (auto sound = check_file(entry->path().string(), depth); !sound) {
      return sound;
    }
  }
  if (fault) {
    return Refusal(path + ": " + fault.message());
  }
  return {};
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t start = line.find_first_not_of(kBlank);
  return start == line.npos ? std::string_view()
                            : line.substr(start, line.find_last_not_of(kBlank) - start + 1);
}

// A line of a file: a comment, a section, or a relation within one. What is wrong with it, or
// empty.
std::string line_fault(std::string_view line, bool& in_section) {
  if (line.empty() || line[0] == '#' || line[0] == ';') {
    return {};
  }
  if (line[0] == '[') {
    in_section = true;
    return line.back() == ']' ? std::string() : "a section is written [name]";
  }
  const std::size_t equals = line.find('=');
  if (equals == 0 || equals == line.npos) {
    return "neither a [section] nor 'key = value'";
  }
  const std::string_view value = trimmed(line.substr(equals + 1));
  if (value.empty()) {
    return "no value; write \"\" for an empty one";
  }
  if (value[0] == '{') {
    return "no key takes a group in braces";
  }
  return in_section ? std::string() : "stands before the first [section]";
}

tl::expected<void, std::string> check_text(const std::string& path, std::string_view text,
                                           int depth) {
  bool in_section = false;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t size = std::min(text.find('\n'), text.size());
    const std::string_view raw = text.substr(0, size);
    const std::string_view line = trimmed(raw);
    text.remove_prefix(std::min(size + 1, text.size()));
    const auto refuse = [&](const std::string& why) {
      return Refusal(path + ": line " + std::to_string(number) + ": " + why);
    };
    if (raw.size() > kMaxLine) {
      return refuse("longer than " + std::to_string(kMaxLine) + " bytes");
    }
    // The library takes any white space behind `include`; with the usual ones only, so do we.
    if (has_control_character(raw.ends_with('\r') ? raw.substr(0, raw.size() - 1) : raw)) {
      return refuse("holds a control character");
    }
    const bool directory = raw.starts_with("includedir ") || raw.starts_with("includedir\t");
    if (directory || raw.starts_with("include ") || raw.starts_with("include\t")) {
      const std::string target(trimmed(raw.substr(directory ? 11 : 8)));
      if (target.empty() || target[0] != '/') {
        return refuse("an included file needs an absolute path");
      }
      auto sound = directory ? check_directory(target, depth + 1) : check_file(target, depth + 1);
      if (!sound) {
        return sound;
      }
      continue;
    }
    if (const std::string fault = line_fault(line, in_section); !fault.empty()) {
      return refuse(fault);
    }
  }
  return {};
}

tl::expected<void, std::string> check_file(const std::string& path, int depth) {
  if (depth > kMaxDepth) {
    return Refusal(path + ": included more than " + std::to_string(kMaxDepth) + " levels deep");
  }
  const auto file = open_trusted(path, Trust::kConfiguration);
  if (!file) {
    return Refusal(file.error());
  }
  const auto text = read_trusted(*file, kMaxFile);
  if (!text) {
    return Refusal(path + ": " + text.error());
  }
  const auto* start = static_cast<const char*>(static_cast<const void*>(text->data()));
  return check_text(path, {start, text->size()}, depth);
}

}  // namespace

tl::expected<void, std::string> check_config_file(const std::string& path) {
  return check_file(path, 0);
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return c >= 0 && c < ' ' && c != '\t'; });
}

}  // namespace ntlm
