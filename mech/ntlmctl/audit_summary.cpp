// SPDX-License-Identifier: MIT
// Counting records, in bounded memory.
#include <algorithm>

#include "ntlmctl/audit.h"
#include "wire/flags.h"

namespace ntlm::ntlmctl {
namespace {

constexpr std::size_t kMostEvents = 200;
// Each is a multiple of the one before, so that slots can be merged.
constexpr std::array<std::int64_t, 13> kWidths = {60,       300,       900,       3600,    10800,
                                                  21600,    86400,     604800,    2419200, 14515200,
                                                  58060800, 290304000, 2903040000};

// Names, which a peer makes up; the other dimensions are words of ours.
constexpr bool is_name(std::size_t dimension) {
  constexpr std::array kNames = {Dimension::kAccount, Dimension::kWorkstation, Dimension::kService,
                                 Dimension::kTarget};
  return std::ranges::find(kNames, static_cast<Dimension>(dimension)) != kNames.end();
}

const char* protection_of(std::uint32_t flags) {
  return flags == 0                   ? ""
         : (flags & wire::kSeal) != 0 ? "seal"
         : (flags & wire::kSign) != 0 ? "sign"
                                      : "none";
}

}  // namespace

const std::array<const char*, kDimensions> kDimensionNames = {
    "direction", "result", "reason",   "account",    "workstation", "service", "target",
    "version",   "mic",    "bindings", "protection", "key_bits",    "store"};

void Tally::add(std::int64_t time, std::int64_t width) {
  first = count == 0 ? time : std::min(first, time);
  last = count == 0 ? time : std::max(last, time);
  ++count;
  const std::int64_t slot = time / width;
  auto at = slots.end();
  if (!slots.empty() && slots.back().first >= slot) {  // records come in order, or nearly so
    at = std::lower_bound(slots.begin(), slots.end(), std::pair{slot, std::uint64_t{0}});
  }
  if (at != slots.end() && at->first == slot) {
    ++at->second;
  } else {
    slots.insert(at, {slot, 1});
  }
}

void Tally::merge(const Tally& other) {
  first = count == 0 ? other.first : std::min(first, other.first);
  last = std::max(last, other.last);
  count += other.count;
  slots.insert(slots.end(), other.slots.begin(), other.slots.end());
  std::sort(slots.begin(), slots.end());
  std::size_t kept = 0;
  for (std::size_t i = 1; i < slots.size(); ++i) {
    if (slots[i].first == slots[kept].first) {
      slots[kept].second += slots[i].second;
    } else {
      slots[++kept] = slots[i];
    }
  }
  slots.resize(std::min(slots.size(), kept + 1));
}

std::size_t AuditSummary::KeyHash::operator()(const Key& key) const {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint32_t index : key) {
    hash = (hash ^ index) * 0x100000001b3;
    hash ^= hash >> 29;
  }
  return hash;
}

std::uint32_t AuditSummary::intern(std::string_view text) {
  const auto [at, fresh] =
      indices_.try_emplace(std::string(text), static_cast<std::uint32_t>(names_.size()));
  if (fresh) {
    names_.emplace_back(text);
  }
  return at->second;
}

void AuditSummary::add(const AuditRecord& record) {
  all_.add(record.time, slot_width_);
  if (all_.last / slot_width_ - all_.first / slot_width_ >= std::int64_t{kMostSlots}) {
    widen();
  }
  // A record may say anything.
  if (__builtin_add_overflow(unreported_, record.unreported, &unreported_)) {
    unreported_ = UINT64_MAX;
  }
  const bool initiate = record.event == "initiate";
  if (record.event != "accept" && !initiate) {
    const std::string text = record.event + (record.detail.empty() ? "" : ": ") + record.detail;
    const auto known = events_.find(text);
    if (known != events_.end() || events_.size() < kMostEvents) {
      events_[text].add(record.time, slot_width_);
    }
    return;
  }
  const Key key = {intern(record.event),
                   intern(record.success ? "success" : "failure"),
                   intern(record.reason),
                   intern(record.account()),
                   intern(record.workstation),
                   intern(record.served_by()),
                   intern(record.target),
                   intern(record.version),
                   intern(record.mic),
                   intern(record.bindings),
                   intern(protection_of(record.flags)),
                   intern(record.key_bits == 0 ? "" : std::to_string(record.key_bits)),
                   intern(record.store)};
  rows_[key].add(record.time, slot_width_);
  if (rows_.size() > kMostRows) {
    fold();
  }
}

void AuditSummary::widen() {
  const std::int64_t before = slot_width_;
  while (all_.last / slot_width_ - all_.first / slot_width_ >= std::int64_t{kMostSlots}) {
    const auto* next = std::upper_bound(kWidths.begin(), kWidths.end(), slot_width_);
    if (next == kWidths.end()) {
      break;
    }
    slot_width_ = *next;
  }
  const auto widened = [&](Tally& tally) {
    for (auto& slot : tally.slots) {
      slot.first = slot.first * before / slot_width_;
    }
    Tally merged;
    merged.merge(tally);
    tally = std::move(merged);
  };
  widened(all_);
  for (auto& [key, tally] : rows_) {
    widened(tally);
  }
  for (auto& [text, tally] : events_) {
    widened(tally);
  }
}

// folded: 0 keeps the key, 1 its words, 2 its direction and result.
AuditSummary::Key AuditSummary::translate(const Key& key, const std::vector<std::string>& from,
                                          std::size_t folded) {
  Key out{};
  for (std::size_t i = 0; i < kDimensions; ++i) {
    const std::string& text = from[key[i]];
    const bool goes = (folded >= 1 && is_name(i)) || (folded >= 2 && i > 1);
    out[i] = intern(goes && !text.empty() ? kRare : std::string_view(text));
  }
  return out;
}

void AuditSummary::fold() {
  folded_ = true;
  for (std::size_t level = 1; level <= 2 && rows_.size() > kMostRows / 2; ++level) {
    auto sorted = rows();
    std::stable_partition(sorted.begin(), sorted.end(), [this](const auto& row) {
      return name(row.first, Dimension::kResult) == "success";
    });
    const std::vector<std::string> before = std::exchange(names_, {});
    indices_.clear();
    Rows kept;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      const Key key = translate(sorted[i].first, before, i < kMostRows / 4 ? 0 : level);
      kept[key].merge(*sorted[i].second);
    }
    rows_ = std::move(kept);
  }
}

std::vector<std::pair<AuditSummary::Key, const Tally*>> AuditSummary::rows() const {
  std::vector<std::pair<Key, const Tally*>> out;
  out.reserve(rows_.size());
  for (const auto& [key, tally] : rows_) {
    out.emplace_back(key, &tally);
  }
  // By count, and then by name, so that equal input makes equal output.
  std::sort(out.begin(), out.end(), [this](const auto& a, const auto& b) {
    if (a.second->count != b.second->count) {
      return a.second->count > b.second->count;
    }
    return std::lexicographical_compare(
        a.first.begin(), a.first.end(), b.first.begin(), b.first.end(),
        [this](std::uint32_t x, std::uint32_t y) { return names_[x] < names_[y]; });
  });
  return out;
}

}  // namespace ntlm::ntlmctl
