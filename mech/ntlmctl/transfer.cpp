// SPDX-License-Identifier: MIT
// ntlmctl user import, export: between the database and text files.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <system_error>

#include "ntlmctl/accounts.h"
#include "store/text_format.h"

namespace ntlm::ntlmctl {
namespace {

using protocol::Account;
using protocol::AccountName;
using store::StoredAccount;

constexpr std::size_t kShownFaults = 20;
constexpr std::size_t kMaxInput = std::size_t{1} << 30;

std::string reason() { return std::error_code(errno, std::generic_category()).message(); }

// A bar on the terminal of standard error; nothing where that is none.
class Bar {
 public:
  explicit Bar(const char* what) : what_(what), terminal_(::isatty(STDERR_FILENO) == 1) {}
  ~Bar() {
    if (drawn_ >= 0) {
      fmt::print(stderr, "\r\x1b[K");
    }
  }
  Bar(const Bar&) = delete;
  Bar& operator=(const Bar&) = delete;
  void draw(std::size_t done, std::size_t all) {
    const int percent = all == 0 ? 100 : static_cast<int>(std::min(done, all) * 100 / all);
    if (terminal_ && percent != drawn_) {
      drawn_ = percent;
      fmt::print(stderr, "\r{} [{:-<50}] {:3} % of {}", what_,
                 std::string(static_cast<std::size_t>(percent / 2), '#'), percent, all);
    }
  }

 private:
  const char* what_;
  bool terminal_;
  int drawn_ = -1;
};

tl::expected<SecretBytes, std::string> read_all(const std::string& path) {
  const bool standard = path == "-";
  const FileDescriptor opened(standard ? -1
                                       : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  const int fd = standard ? STDIN_FILENO : opened.get();
  SecretBytes content;
  std::size_t filled = 0;
  for (ssize_t got = 1; fd >= 0 && got != 0;) {
    content.resize(std::max(std::size_t{1} << 16, filled * 2));
    got = ::read(fd, content.data() + filled, content.size() - filled);
    if (got < 0) {
      return tl::unexpected<std::string>(path + ": " + reason());
    }
    filled += static_cast<std::size_t>(got);
    if (filled > kMaxInput) {
      return tl::unexpected<std::string>(path + ": larger than 1 GiB");
    }
  }
  if (fd < 0) {
    return tl::unexpected<std::string>(path + ": " + reason());
  }
  content.resize(filled);
  return content;
}

// Puts the accounts of a text into an edit and counts what became of them.
class Import {
 public:
  Import(const AccountArguments& arguments, store::DatabaseEdit& edit)
      : arguments_(arguments), edit_(edit), now_(static_cast<std::uint64_t>(std::time(nullptr))) {}

  void run(std::string_view content) {
    const auto lines = static_cast<std::size_t>(std::count(content.begin(), content.end(), '\n'));
    Bar bar("reading");
    store::scan_text(
        content,
        [&](store::TextEntry&& entry, std::size_t line) {
          add(std::move(entry.account), line);
          bar.draw(line, lines);
        },
        [&](std::size_t line, const char* why) { fault(line, why); });
  }

  std::size_t added = 0, replaced = 0, kept = 0, faults = 0;

 private:
  void add(Account account, std::size_t line) {
    if (edit_.changes(account.name)) {
      return fault(line, "the account is in the file already");
    }
    Result<StoredAccount> before = fail(Errc::kUnknownAccount, "store");
    if (edit_.before() != nullptr) {
      before = edit_.before()->get(account.name);
    }
    if (before && !arguments_.replace) {
      ++kept;
      return;
    }
    StoredAccount stored;
    stored.created = before ? before->created : now_;
    stored.password_set = now_;
    if (before) {
      account.attributes = before->account.attributes;
    }
    stored.account = std::move(account);
    if (const auto put = edit_.put(stored); !put) {
      return fault(line, too_long(put.error()));
    }
    ++(before ? replaced : added);
  }

  void fault(std::size_t line, const char* why) {
    if (++faults <= kShownFaults) {
      fmt::print(stderr, "{}:{}: {}\n", arguments_.file, line, why);
    }
  }

  const AccountArguments& arguments_;
  store::DatabaseEdit& edit_;
  std::uint64_t now_;
};

// A line of smbpasswd(5) that store/text_format reads back.
std::string line_of(const StoredAccount& stored, std::size_t number) {
  const Account& account = stored.account;
  const std::string none(32, 'X');
  const auto hex = [](ByteView hash) { return fmt::format("{:02X}", fmt::join(hash, "")); };
  std::string flags = account.trust_account ? "W" : "U";
  flags += account.disabled ? "D" : "";
  flags += account.locked ? "L" : "";
  return fmt::format("{}:{}:{}:{}:[{:<11}]:LCT-{:08X}:\n", shown(account.name), number,
                     account.lm_hash ? hex(account.lm_hash->expose()) : none,
                     account.has_hash ? hex(account.nt_hash.expose()) : none, flags,
                     stored.password_set);
}

}  // namespace

int import_accounts(const AccountArguments& arguments) {
  const auto content = read_all(arguments.file);
  if (!content) {
    return complain(kUnreadable, content.error());
  }
  if (!crypto::available()) {
    return complain(kUnreadable, "MD4 cannot be had from libcrypto on this host");
  }
  auto edit = edit_database(arguments);
  if (!edit) {
    return complain(edit.error());
  }
  Import import(arguments, *edit);
  import.run({reinterpret_cast<const char*>(content->data()), content->size()});
  if (import.faults != 0 && !arguments.skip_bad) {
    return complain(
        kRefused,
        fmt::format("{} lines cannot be understood; nothing was imported (--skip-bad leaves them "
                    "out)",
                    import.faults));
  }
  if (import.added + import.replaced != 0) {
    Bar bar("writing");
    const auto done =
        edit->commit([&](std::size_t written, std::size_t all) { bar.draw(written, all); });
    if (!done) {
      return complain(kUnreadable, done.error());
    }
  }
  fmt::print("{} added, {} replaced, {} kept as they were, {} lines left out\n", import.added,
             import.replaced, import.kept, import.faults);
  return kDone;
}

int export_accounts(const AccountArguments& arguments) {
  const auto database = open_database(arguments);
  if (!database) {
    return complain(database.error());
  }
  const bool standard = arguments.file.empty() || arguments.file == "-";
  FileDescriptor opened(
      standard ? ::dup(STDOUT_FILENO)
               : ::open(arguments.file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  std::FILE* file = opened.get() < 0 ? nullptr : ::fdopen(opened.get(), "w");
  if (file == nullptr) {
    return complain(kUnreadable, arguments.file + ": " + reason());
  }
  (void)opened.release();
  std::size_t count = 0, with_attributes = 0;
  const auto walked = (*database)->for_each([&](const StoredAccount& stored) -> Result<void> {
    with_attributes += stored.account.attributes ? 1u : 0u;
    std::string line = line_of(stored, 100'000 + count++);
    const bool written = std::fwrite(line.data(), 1, line.size(), file) == line.size();
    wipe(line.data(), line.size());
    return written ? Result<void>() : fail(Errc::kStore, "export");
  });
  const bool failed = std::ferror(file) != 0;
  if (std::fclose(file) != 0 || failed || !walked) {
    const std::string why = failed || walked ? reason() : "the database is damaged";
    if (!standard) {
      ::unlink(arguments.file.c_str());
    }
    return complain(kUnreadable,
                    (standard ? std::string("standard output") : arguments.file) + ": " + why);
  }
  if (with_attributes != 0) {
    fmt::print(stderr,
               "ntlmctl: names, local users and groups of {} accounts have no place in this form\n",
               with_attributes);
  }
  return kDone;
}

}  // namespace ntlm::ntlmctl
