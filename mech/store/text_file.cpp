// SPDX-License-Identifier: MIT
#include "store/text_file.h"

#include <algorithm>
#include <functional>

namespace ntlm::store {
namespace {

using protocol::Account;
using protocol::AccountName;

constexpr std::size_t kMaxLine = 1024;
constexpr std::size_t kMaxFile = 256u << 20;  // two million lines of smbpasswd
constexpr std::size_t kReportedFaults = 10;   // of one file, by line; the rest as a number
constexpr std::size_t kMaxDomains = 1000;     // that one user may be in

using Entry = tl::expected<std::optional<TextEntry>, const char*>;

Entry bad(const char* why) { return tl::unexpected<const char*>(why); }

int digit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// What smbpasswd writes where no hash is.
bool is_no_password(std::string_view field) {
  return field.size() == 32 && (field.starts_with("NO PASSWORD") ||
                                field.find_first_not_of('X') == std::string_view::npos ||
                                field.find_first_not_of('*') == std::string_view::npos);
}

// Also a hash with a digit too few or too many.
bool looks_like_hash(std::string_view field) {
  return field.starts_with("NO PASSWORD") ||
         (field.size() >= 16 && std::all_of(field.begin(), field.end(), [](char c) {
            return digit(c) >= 0 || c == 'X' || c == '*';
          }));
}

// Up to five fields; the last has the rest.
std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  while (fields.size() < 4) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) {
      break;
    }
    fields.push_back(line.substr(0, colon));
    line.remove_prefix(colon + 1);
  }
  fields.push_back(line);
  return fields;
}

// The letters of smbpasswd(5) and pdbedit(8): which of them mean something for a logon over the
// network.
const char* apply_flags(std::string_view rest, Account* account) {
  if (!rest.starts_with('[')) {
    return nullptr;  // the oldest form has a full name there, or nothing
  }
  const auto end = rest.find(']');
  if (end == std::string_view::npos) {
    return "the account flags have no ']'";
  }
  for (const char flag : rest.substr(1, end - 1)) {
    switch (flag) {
      case 'N':
        account->has_hash = false;
        break;
      case 'D':
        account->disabled = true;
        break;
      case 'L':
        account->locked = true;
        break;
      case 'I':
        account->has_hash =
            false;  // what two domains share is never a logon ([MS-NRPC] 2.2.1.4.15)
        account->trust_account = true;
        break;
      case 'W':
      case 'S':
        account->trust_account = true;
        break;
      case 'U':
      case 'X':
      case 'H':
      case 'T':
      case 'M':
      case ' ':
        break;
      default:
        return "an unknown account flag";
    }
  }
  return nullptr;
}

Entry parse_smbpasswd(const std::vector<std::string_view>& fields) {
  TextEntry entry;
  Account& account = entry.account;
  const auto slash = fields[0].find('\\');
  account.name.user = fields[0].substr(slash == std::string_view::npos ? 0 : slash + 1);
  account.name.domain = fields[0].substr(0, slash == std::string_view::npos ? 0 : slash);
  if (!check_account(account.name)) {
    return bad("not a user name");
  }
  if (auto nt = hash_from_hex(fields[3])) {
    account.nt_hash = crypto::NtHash(*nt);
    wipe(nt->data(), nt->size());
  } else if (is_no_password(fields[3])) {
    account.has_hash = false;
  } else {
    return bad("the NT hash (fourth field) is not 32 hexadecimal digits");
  }
  if (auto lm = hash_from_hex(fields[2])) {
    account.lm_hash = crypto::LmHash(*lm);
    wipe(lm->data(), lm->size());
  } else if (!is_no_password(fields[2])) {
    return bad("the LM hash (third field) is neither 32 hexadecimal digits nor 32 times X");
  }
  if (fields.size() > 4) {
    if (const char* why = apply_flags(fields[4], &account)) {
      return bad(why);
    }
  }
  return entry;
}

Entry parse_plain(std::string_view line) {
  const auto first = line.find(':');
  const auto second = line.find(':', first + 1);
  TextEntry entry;
  entry.account.name.domain = line.substr(0, first);
  entry.account.name.user = line.substr(first + 1, second - first - 1);
  entry.password = line.substr(second + 1);
  if (!check_account(entry.account.name)) {
    return bad("not a domain and a user name");
  }
  const auto utf16le = utf16le_from_password(*entry.password);
  if (!utf16le) {
    return bad("the password is not UTF-8 text");
  }
  entry.account.nt_hash = crypto::ntowf_v1(*utf16le);
  return entry;
}

std::string_view text_of(const SecretBytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Tells the system log about a file's bad lines, but not of millions of them.
class FaultLog {
 public:
  explicit FaultLog(const std::string& path) : path_(path) {}
  void add(std::size_t line, const char* why) {
    if (++count_ <= kReportedFaults) {
      record_store_fault(path_ + ":" + std::to_string(line) + ": " + why + "; the line is ignored");
    }
  }
  ~FaultLog() {
    if (count_ > kReportedFaults) {
      record_store_fault(path_ + ": " + std::to_string(count_) + " lines are ignored in all");
    }
  }

 private:
  const std::string& path_;
  std::size_t count_ = 0;
};

}  // namespace

std::optional<std::array<std::uint8_t, 16>> hash_from_hex(std::string_view hex) {
  std::array<std::uint8_t, 16> hash{};
  if (hex.size() != 2 * hash.size()) {
    return {};
  }
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const int high = digit(hex[2 * i]);
    const int low = digit(hex[2 * i + 1]);
    if (high < 0 || low < 0) {
      return {};
    }
    hash[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return hash;
}

std::optional<crypto::LmHash> lm_hash_of(std::string_view password) {
  if (password.size() > 14) {
    return {};
  }
  auto hash =
      crypto::lmowf_v1({reinterpret_cast<const std::uint8_t*>(password.data()), password.size()});
  if (!hash) {
    return {};
  }
  return std::move(*hash);
}

tl::expected<std::optional<TextEntry>, const char*> parse_text_line(std::string_view line) {
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  if (line.size() > kMaxLine) {
    return bad("more than 1024 bytes");
  }
  if (line.starts_with('#') || line.find_first_not_of(" \t") == std::string_view::npos) {
    return std::nullopt;
  }
  if (std::any_of(line.begin(), line.end(),
                  [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; })) {
    return bad("a control character");
  }
  const auto fields = split(line);
  if (fields.size() < 3) {
    return bad("neither DOMAIN:user:password nor a line of smbpasswd");
  }
  const bool smbpasswd = fields.size() > 3 && (is_number(fields[1]) || looks_like_hash(fields[2]) ||
                                               looks_like_hash(fields[3]));
  return smbpasswd ? parse_smbpasswd(fields) : parse_plain(line);
}

void scan_text(std::string_view content,
               const std::function<void(TextEntry&&, std::size_t)>& on_entry,
               const std::function<void(std::size_t, const char*)>& on_fault) {
  if (content.starts_with("\xef\xbb\xbf")) {
    content.remove_prefix(3);  // editors of Windows write a byte order mark
  }
  for (std::size_t number = 1; !content.empty(); ++number) {
    const auto end = content.find('\n');
    auto entry = parse_text_line(content.substr(0, end));
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
    if (!entry) {
      on_fault(number, entry.error());
    } else if (*entry) {
      on_entry(std::move(**entry), number);
    }
  }
}

tl::expected<SecretBytes, std::string> read_text(const TrustedFile& file, const std::string& path) {
  auto content = read_trusted(file, kMaxFile);
  if (!content) {
    return tl::unexpected<std::string>(path + ": " + content.error());
  }
  return content;
}

// All accounts of the file's present content: records in the order of the file, and a hash table of
// the first record of each user; the user's entries in other domains follow by `next`. A look-up
// touches one slot and one record.
class TextIndex {
 public:
  static tl::expected<std::unique_ptr<const TextIndex>, std::string> read(const TrustedFile& file,
                                                                          const std::string& path) {
    const auto content = read_text(file, path);
    if (!content) {
      return tl::unexpected<std::string>(content.error());
    }
    auto index = std::make_unique<TextIndex>();
    FaultLog faults(path);
    scan_text(
        text_of(*content),
        [&](TextEntry&& entry, std::size_t line) {
          if (const char* why = index->add(std::move(entry.account))) {
            faults.add(line, why);
          }
        },
        [&](std::size_t line, const char* why) { faults.add(line, why); });
    return index;
  }

  // Where there is no such user, another takes the same path (P11): one of the file, so that the
  // costs are alike in the caches of the processor too.
  Account find(const AccountName& name, std::string_view our_domain) const {
    const Place place = place_of(upper_utf8(name.user));
    const std::string wanted = upper_utf8(name.domain.empty() ? our_domain : name.domain);
    const Record* exact = nullptr;
    const Record* anywhere = nullptr;
    for (const Record* record = place.first; record != nullptr && exact == nullptr;
         record = following(*record)) {
      if (!wanted.empty() && upper_utf8(record->domain) == wanted) {
        exact = record;
      } else if (record->domain.empty()) {
        anywhere = record;
      }
    }
    if (anywhere == nullptr && name.domain.empty() && place.first->next == kNone) {
      anywhere = place.first;  // the only one of that user
    }
    const Record* const found = exact != nullptr ? exact : anywhere;
    return account(found != nullptr ? *found : *place.first, name,
                   place.taken & (found != nullptr));
  }

  Result<Account> first(const AccountName& wanted) const {
    const auto fits = [&](const Record& record) {
      return record.has_hash && (wanted.domain.empty() || record.domain.empty() ||
                                 equal_ignoring_case(record.domain, wanted.domain));
    };
    if (wanted.user.empty()) {
      const auto found = std::find_if(records_.begin(), records_.end(), fits);
      return found != records_.end() ? account(*found, wanted, true) : none();
    }
    const Place place = place_of(upper_utf8(wanted.user));
    const Record* record = place.taken ? place.first : nullptr;
    while (record != nullptr && !fits(*record)) {
      record = following(*record);
    }
    return record != nullptr ? account(*record, wanted, true) : none();
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Record {
    std::string user, domain;
    std::array<std::uint8_t, 16> nt_hash{}, lm_hash{};
    std::uint32_t next = kNone;
    bool has_lm_hash = false, has_hash = false, disabled = false, locked = false,
         trust_account = false;
  };
  struct Slot {
    std::uint32_t record = kNone;
    std::uint32_t hash = 0;
  };

  const Record* following(const Record& record) const {
    return record.next == kNone ? nullptr : &records_[record.next];
  }

  static Result<Account> none() { return fail(Errc::kNoCredential, "credential.file"); }

  static Account account(const Record& record, const AccountName& asked, bool known) {
    Account account;
    account.name.user = protocol::choose(known, record.user, asked.user);
    account.name.domain = protocol::choose(known, record.domain, asked.domain);
    account.nt_hash = crypto::NtHash(record.nt_hash);
    if (record.has_lm_hash) {
      account.lm_hash = crypto::LmHash(record.lm_hash);
    }
    account.has_hash = record.has_hash;
    account.disabled = record.disabled;
    account.locked = record.locked;
    account.trust_account = record.trust_account;
    protocol::stand_in(account, known);
    return account;
  }

  static std::uint32_t hash_of(std::string_view upper_user) {
    return static_cast<std::uint32_t>(std::hash<std::string_view>()(upper_user));
  }

  struct Place {
    std::size_t slot;
    bool taken;           // else it is free, and where the user's would be
    const Record* first;  // of the user, else some other
  };
  // One name is compared, whether the user is there or not; more only where 32 bits of their hashes
  // are equal.
  Place place_of(std::string_view upper_user) const {
    const std::uint32_t hash = hash_of(upper_user);
    const std::uint32_t other = hash % std::max(static_cast<std::uint32_t>(records_.size()), 1U);
    const auto is_others = [hash](Slot slot) {
      return (slot.record != kNone) & (slot.hash != hash);
    };
    for (std::size_t at = hash;; ++at) {
      at &= slots_.size() - 1;
      while (is_others(slots_[at])) {
        at = (at + 1) & (slots_.size() - 1);
      }
      const bool taken = slots_[at].record != kNone;
      // Either number goes the same way, so that neither record is read the sooner.
      const std::uint32_t number =
          other ^ ((other ^ slots_[at].record) & (0U - static_cast<std::uint32_t>(taken)));
      const Record* const first = records_.empty() ? &nobody_ : &records_[number];
      if (same_text(upper_utf8(first->user), upper_user) | !taken) {
        return {at, taken, first};
      }
    }
  }

  // Keeps the table at most a quarter full, so that users who are not there are not told by a long
  // search.
  void make_room() {
    if (users_ * 4 < slots_.size()) {
      return;
    }
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      std::size_t place = slot.hash & (slots_.size() - 1);
      while (slot.record != kNone && slots_[place].record != kNone) {
        place = (place + 1) & (slots_.size() - 1);
      }
      if (slot.record != kNone) {
        slots_[place] = slot;
      }
    }
  }

  // The error says why the account cannot be added.
  const char* add(Account account) {
    make_room();
    const auto number = static_cast<std::uint32_t>(records_.size());
    const std::string user = upper_utf8(account.name.user);
    Slot& slot = slots_[place_of(user).slot];
    if (slot.record == kNone) {
      slot = {number, hash_of(user)};
      ++users_;
    } else if (const char* why = chain(slot.record, upper_utf8(account.name.domain), number)) {
      return why;
    }
    Record& record = records_.emplace_back();
    record.user = std::move(account.name.user);
    record.domain = std::move(account.name.domain);
    std::copy_n(account.nt_hash.expose().begin(), record.nt_hash.size(), record.nt_hash.begin());
    if (account.lm_hash) {
      std::copy_n(account.lm_hash->expose().begin(), record.lm_hash.size(), record.lm_hash.begin());
    }
    record.has_lm_hash = account.lm_hash.has_value();
    record.has_hash = account.has_hash;
    record.disabled = account.disabled;
    record.locked = account.locked;
    record.trust_account = account.trust_account;
    return nullptr;
  }

  // Makes record `number` the last entry of a user.
  const char* chain(std::uint32_t first, const std::string& upper_domain, std::uint32_t number) {
    std::uint32_t* next = &first;
    for (std::size_t domains = 0; *next != kNone; ++domains) {
      if (domains == kMaxDomains) {
        return "the user is in 1000 domains already";
      }
      if (upper_utf8(records_[*next].domain) == upper_domain) {
        return "the account is in the file already";
      }
      next = &records_[*next].next;
    }
    *next = number;
    return nullptr;
  }

  std::vector<Record, SecretPagesAllocator<Record>> records_;
  Record nobody_;
  std::vector<Slot> slots_ = std::vector<Slot>(16);  // a power of two
  std::size_t users_ = 0;
};

TextFile::TextFile(std::string path) : index_(std::move(path)) {}
TextFile::~TextFile() = default;

Result<Account> TextFile::find(const AccountName& name, std::string_view our_domain) const {
  return index_.with(
      [&](const TextIndex& index) -> Result<Account> { return index.find(name, our_domain); });
}

Result<Account> TextFile::first(const AccountName& wanted) const {
  return index_.with([&](const TextIndex& index) { return index.first(wanted); });
}

}  // namespace ntlm::store
