// SPDX-License-Identifier: MIT
#include "ntlmctl/password.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "base/trusted_file.h"

namespace ntlm::ntlmctl {
namespace {

constexpr std::size_t kMaxLine = 1024;
constexpr std::uint8_t kInterrupt =
    3;  // ^C, which the terminal does not act on while a password is read

// Up to a newline or the end, byte by byte: what stands behind is somebody else's.
tl::expected<SecretBytes, Refusal> read_line(int fd) {
  SecretBytes line;
  line.reserve(kMaxLine + 1);
  for (std::uint8_t byte = 0; line.size() <= kMaxLine;) {
    const ssize_t got = ::read(fd, &byte, 1);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return refuse(kRefused, "the password cannot be read");
    }
    if (got == 0 || byte == '\n') {
      if (!line.empty() && line.back() == '\r') {
        line.pop_back();
      }
      return line;
    }
    line.push_back(byte);
  }
  return refuse(kRefused, "the password has more than 1024 bytes");
}

// The terminal without echo and without signals, as long as it lives.
class Silence {
 public:
  explicit Silence(int terminal) : terminal_(terminal) {
    good_ = ::tcgetattr(terminal_, &before_) == 0;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    good_ = good_ && ::tcsetattr(terminal_, TCSAFLUSH, &silent) == 0;
  }
  ~Silence() {
    if (good_) {
      (void)::tcsetattr(terminal_, TCSAFLUSH, &before_);
    }
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  bool good() const { return good_; }

 private:
  int terminal_;
  termios before_{};
  bool good_ = false;
};

tl::expected<SecretBytes, Refusal> ask(int terminal, const std::string& question) {
  const Silence silence(terminal);
  if (!silence.good() || ::write(terminal, question.data(), question.size()) < 0) {
    return refuse(kRefused, "the terminal cannot be silenced");
  }
  auto line = read_line(terminal);
  (void)!::write(terminal, "\n", 1);
  if (line && std::find(line->begin(), line->end(), kInterrupt) != line->end()) {
    return refuse(kRefused, "interrupted; nothing was changed");
  }
  return line;
}

tl::expected<SecretBytes, Refusal> ask_twice(const std::string& whose) {
  const FileDescriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (terminal.get() < 0) {
    return refuse(kUsage,
                  "there is no terminal to ask for the password; --password-stdin reads it from "
                  "standard input");
  }
  auto first = ask(terminal.get(), "New password for " + whose + ": ");
  if (!first) {
    return first;
  }
  auto second = ask(terminal.get(), "Once more: ");
  if (!second) {
    return second;
  }
  if (*first != *second) {
    return refuse(kRefused, "the two passwords differ; nothing was changed");
  }
  return first;
}

}  // namespace

tl::expected<SecretBytes, Refusal> read_password(bool from_stdin, const std::string& whose) {
  auto text = from_stdin ? read_line(STDIN_FILENO) : ask_twice(whose);
  if (!text) {
    return text;
  }
  if (text->empty()) {
    return refuse(kRefused, "the password is empty");
  }
  auto utf16le = utf16le_from_password({reinterpret_cast<const char*>(text->data()), text->size()});
  if (!utf16le) {
    return refuse(kRefused, "the password is not UTF-8 text");
  }
  return std::move(*utf16le);
}

}  // namespace ntlm::ntlmctl
