// SPDX-License-Identifier: MIT
#include "store/text_file.h"

#include <algorithm>
#include <functional>

#include "store/faults.h"
#include "store/text_format.h"

namespace ntlm::store {
namespace {

using protocol::Account;
using protocol::AccountName;

constexpr std::size_t kReportedFaults = 10;  // of one file, by line; the rest as a number
constexpr std::size_t kMaxDomains = 1000;    // that one user may be in

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
