// SPDX-License-Identifier: MIT
// The command, and the forms in which people have a token: base64, hexadecimal, a header of HTTP.
#include "ntlmctl/decode.h"

#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "ntlmctl/command.h"

namespace ntlm::ntlmctl {
namespace {

constexpr std::size_t kMaxInput = 256u << 10;

std::optional<Bytes> from_hex(std::string_view text) {
  Bytes bytes;
  int high = -1;
  for (const char c : text) {
    if (c == ':' || c == ' ') continue;
    const int digit = hex_digit(c);
    if (digit < 0) return std::nullopt;
    if (high >= 0) bytes.push_back(static_cast<std::uint8_t>(high << 4 | digit));
    high = high >= 0 ? -1 : digit;
  }
  if (high >= 0 || bytes.empty()) return std::nullopt;
  return bytes;
}

std::optional<Bytes> from_base64(std::string_view text) {
  Bytes bytes;
  std::uint32_t group = 0;
  int bits = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (c == '=') {
      ++padding;
      continue;
    }
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos || padding > 0) return std::nullopt;
    group = group << 6 | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes.push_back(static_cast<std::uint8_t>(group >> bits & 0xff));
    }
  }
  if (padding > 2 || bits == 6 || bytes.empty()) return std::nullopt;
  return bytes;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\"'";
  const std::size_t first = text.find_first_not_of(kBlank);
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// The token in what somebody pasted: the last word of a header line, or all of it.
std::optional<Bytes> token_in(std::string_view line) {
  std::string_view text = trimmed(line);
  if (auto bytes = from_hex(text)) return bytes;
  for (const std::string_view scheme : {"NTLM ", "Negotiate ", "GSS-SPNEGO ", "Kerberos "}) {
    const std::size_t at = text.find(scheme);
    if (at != std::string_view::npos) {
      text = trimmed(text.substr(at + scheme.size()));
      break;
    }
  }
  const std::size_t end = text.find_first_of(" ,;\t\"'");
  return from_base64(text.substr(0, end));
}

std::vector<std::string> lines_of_standard_input() {
  std::string all;
  char chunk[4096];
  std::size_t size;
  while (all.size() <= kMaxInput && (size = std::fread(chunk, 1, sizeof chunk, stdin)) > 0)
    all.append(chunk, size);
  std::vector<std::string> lines;
  std::string_view rest = all;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (!trimmed(rest.substr(0, end)).empty()) lines.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  return lines;
}

int decode(const std::vector<std::string>& lines) {
  if (lines.empty()) return complain(kUsage, "decode: no token was given");
  int status = kDone;
  for (const std::string& line : lines) {
    const auto token = line.size() <= kMaxInput ? token_in(line) : std::nullopt;
    if (!token) {
      status = complain(kRefused, "decode: neither base64 nor hexadecimal nor a header of HTTP: " +
                                      escaped(line, 40));
      continue;
    }
    Report report;
    describe_token(report, *token);
    fmt::print("{}", report.text());
    if (report.oddities() > 0) status = kRefused;
  }
  return status;
}

}  // namespace

void add_decode_command(CLI::App& tool, int* status) {
  const auto tokens = std::make_shared<std::vector<std::string>>();
  CLI::App* command = tool.add_subcommand(
      "decode", "An NTLM or SPNEGO token, field by field, and what is odd about it");
  command->add_option(
      "TOKEN", *tokens,
      "Base64, hexadecimal or a header line of HTTP (default: standard input, one a line)");
  command->footer(
      "Exit status 1 when there is anything odd. A token of an NTLM login can be guessed from: do "
      "not paste it elsewhere.");
  command->callback([tokens, status] {
    *status = decode(tokens->empty() ? lines_of_standard_input() : *tokens);
  });
}

}  // namespace ntlm::ntlmctl
