// SPDX-License-Identifier: MIT
#include "store/lockout.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

#include "base/fork.h"
#include "crypto/primitives.h"

namespace ntlm::store {
namespace {

using protocol::AccountName;
using protocol::LogonResult;
using protocol::Policy;
using Word = std::uint64_t;

constexpr std::size_t kWays = 8;  // of a set: 64 bytes, one line of the cache
constexpr std::size_t kSets = LockoutTable::kWords / kWays;
constexpr Word kSeconds = (Word{1} << 28) - 1;
constexpr Word kMostFailures = (Word{1} << 18) - 1;  // more than any lockout_threshold
constexpr Word kLoggedIn = Word{1} << 46;
constexpr Word kKnownFor = 86'400;     // seconds: a day
constexpr Word kRefreshedAfter = 600;  // seconds; a logon writes no shared word before
constexpr Word kUndelayed = 3;         // failures
constexpr Word kAhead = 60;            // seconds
constexpr Error kTooSoon{Errc::kTooSoon, "lockout"};

constexpr Word word_of(Word tag, Word failures, Word when) {
  return tag << 47 | std::min(failures, kMostFailures) << 28 | (when & kSeconds);
}
constexpr Word tag_of(Word word) { return word >> 47; }
constexpr Word failures_of(Word word) { return word >> 28 & kMostFailures; }
constexpr bool is_source(Word word) { return (tag_of(word) & 1) != 0; }

Word now_since_boot() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<Word>(now.tv_sec);
}

std::uint8_t upper_ascii(char c) {
  return static_cast<std::uint8_t>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

// The upper-cased text, without an allocation where it is ASCII.
void hash_upper(crypto::HmacMd5& hash, std::string_view text) {
  std::array<std::uint8_t, 64> buffer;
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (!std::all_of(text.begin(), text.end(), is_ascii)) {
    hash.update(bytes_of(upper_utf8(text)));
    return;
  }
  while (!text.empty()) {
    const std::string_view part = text.substr(0, buffer.size());
    std::transform(part.begin(), part.end(), buffer.begin(), upper_ascii);
    hash.update({buffer.data(), part.size()});
    text.remove_prefix(part.size());
  }
}

// The network that an address belongs to, shorter for IPv4; nothing if it is none.
ByteView network_of(ByteView address) {
  static constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
  if (address.size() == 4) {
    return address.first(3);
  }
  if (address.size() != 16) {
    return {};
  }
  const bool mapped = std::equal(kMapped.begin(), kMapped.end(), address.begin());
  return mapped ? address.subspan(12, 3) : address.first(8);
}

// FNV-1a from the name's secret bits, so that nobody outside can tell where a source stands.
Lockout::Place place_of_source(const Lockout::Place& name, const Lockout::Source& source) {
  Word hash = 0xcbf29ce484222325 ^ name.secret;
  const auto add = [&hash](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3; };
  const ByteView network = network_of(source.address);
  if (network.empty()) {
    for (const char c : source.workstation) {
      add(upper_ascii(c));
    }
  } else {
    hash = ~hash;  // so that no workstation is called like a network
    std::for_each(network.begin(), network.end(), add);
  }
  hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93;  // the last bytes have reached few bits yet
  return {(hash >> 32) % kSets, hash >> 48 << 1 | 1, 0};
}

bool is_named(const Lockout::Source& source) {
  return !source.workstation.empty() || !network_of(source.address).empty();
}

bool is_wrong(const Result<LogonResult>& answer) {
  return !answer && (answer.error().code == Errc::kLogonDenied ||
                     answer.error().code == Errc::kUnknownAccount);
}

}  // namespace

Lockout::Lockout(LockoutTable::Mapped table, std::string unshared)
    : table_(std::move(table)), key_(table_->key), unshared_(std::move(unshared)) {}

std::unique_ptr<const Lockout> Lockout::in_memory(std::string reason) {
  return std::unique_ptr<const Lockout>(new Lockout(LockoutTable::in_memory(), std::move(reason)));
}

tl::expected<std::unique_ptr<const Lockout>, std::string> Lockout::open(
    const std::string& directory, std::uint32_t owner) {
  return LockoutTable::open(directory, owner).map([](LockoutTable::Mapped&& table) {
    return std::unique_ptr<const Lockout>(new Lockout(std::move(table), ""));
  });
}

namespace {
constinit std::atomic<const Lockout*> g_of_process{nullptr};
}

const Lockout* Lockout::of_process_if_used() { return g_of_process.load(); }

const Lockout& Lockout::of_process() {
  return *first_made(g_of_process, [] {
    auto made = open(kDirectory, ::geteuid());
    return made ? std::move(*made) : in_memory(std::move(made.error()));
  });
}

Lockout::Place Lockout::place_of(const AccountName& name) const {
  static constexpr std::array<std::uint8_t, 1> kSeparator = {0};
  crypto::HmacMd5 hash(key_);
  hash_upper(hash, name.user);
  hash.update(kSeparator);
  hash_upper(hash, name.domain);
  const crypto::Digest16 digest = hash.finish();
  Word secret = 0;
  std::memcpy(&secret, digest.data() + 4, sizeof secret);
  return {(digest[0] | std::size_t{digest[1]} << 8) % kSets,
          (digest[2] | Word{digest[3]} << 8) << 1, secret};
}

// What words mean now, under this policy.
struct Lockout::Moment {
  const Policy& policy;
  Word now;

  // A time just ahead is another thread's, which has read the clock later; one far ahead (the host
  // booted since) is long ago.
  Word age_of(Word word) const {
    const Word age = (now - word) & kSeconds;
    return age > kSeconds - kAhead ? 0 : age;
  }
  bool is_locked(Word word) const {
    return policy.lockout_threshold != 0 && !is_source(word) &&
           failures_of(word) >= policy.lockout_threshold;
  }
  // Of a source: whether a lock does not shut it out.
  bool is_known(Word word) const {
    return (word & kLoggedIn) != 0 && failures_of(word) < policy.lockout_threshold;
  }
  // Of a source: whether a logon from there has just been noted.
  bool is_fresh(Word word) const {
    return (word & kLoggedIn) != 0 && failures_of(word) == 0 && age_of(word) < kRefreshedAfter;
  }
  // Of a source: whether it waits. These are whole seconds, of which the first may be a short one.
  bool is_delayed(Word word) const {
    const Word doublings = failures_of(word) - kUndelayed;
    return failures_of(word) >= kUndelayed && policy.lockout_delay != 0 &&
           age_of(word) <=
               std::min(Word{1} << std::min<Word>(doublings, 31), Word{policy.lockout_delay});
  }
  Word lasts(Word word) const {
    if (is_source(word)) {
      return (word & kLoggedIn) != 0 ? kKnownFor : policy.lockout_window;
    }
    return is_locked(word) ? policy.lockout_duration : policy.lockout_window;
  }
  bool is_live(Word word) const { return word != 0 && age_of(word) < lasts(word); }
  int rank_of(Word word) const {
    if (!is_live(word)) {
      return 0;
    }
    return is_source(word) ? (is_known(word) ? 2 : 1) : (is_locked(word) ? 4 : 3);
  }
  // How much it matters that a word stays: what counts for something, then more failures, then the
  // later ones.
  std::tuple<int, Word, Word> worth_of(Word word) const {
    const int rank = rank_of(word);
    return rank == 0 ? std::tuple(0, Word{0}, Word{0})
                     : std::tuple(rank, failures_of(word), kSeconds - age_of(word));
  }
};

struct Lockout::Found {
  std::atomic<Word>* slot;
  Word word;
  bool own;
};

std::span<std::atomic<Word>> Lockout::set_of(Place place) const {
  return std::span(table_->words).subspan(place.set * kWays, kWays);
}

// The word of a place; 0: there is none.
Word Lockout::look(const Moment& at, Place place) const {
  for (const std::atomic<Word>& slot : set_of(place)) {
    const Word word = slot.load(std::memory_order_relaxed);
    if (tag_of(word) == place.tag && at.is_live(word)) {
      return word;
    }
  }
  return 0;
}

// The same to change it; where there is none, the word of its set that matters least. In one pass:
// of two threads that find none, both want the same one, and the later looks again.
Lockout::Found Lockout::find(const Moment& at, Place place) const {
  Found least{};
  for (std::atomic<Word>& slot : set_of(place)) {
    const Word word = slot.load(std::memory_order_relaxed);
    if (tag_of(word) == place.tag && at.is_live(word)) {
      return {&slot, word, true};
    }
    if (least.slot == nullptr || at.worth_of(word) < at.worth_of(least.word)) {
      least = {&slot, word, false};
    }
  }
  return least;
}

Lockout::State Lockout::state_of(const Policy& policy, Place name) const {
  const Moment at{policy, now_since_boot()};
  const Word word = look(at, name);
  const Word left = at.is_locked(word) ? at.lasts(word) - at.age_of(word) : 0;
  return {static_cast<std::uint32_t>(failures_of(word)), static_cast<std::uint32_t>(left)};
}

void Lockout::count_failure(const Moment& at, Place name) const {
  while (true) {
    Found found = find(at, name);
    if (found.own && at.is_locked(found.word)) {
      return;
    }
    const Word failures = found.own ? failures_of(found.word) + 1 : 1;
    const bool first_or_last = !found.own || failures >= at.policy.lockout_threshold;
    const Word next = word_of(name.tag, failures, first_or_last ? at.now : found.word);
    if (found.slot->compare_exchange_weak(found.word, next)) {
      return;
    }
  }
}

// Takes note of a logon or a failure in the word of its source; false: another attempt has just
// made it wait.
bool Lockout::admit(const Moment& at, Place source, bool logon, bool named) const {
  while (true) {
    Found found = find(at, source);
    const Word before = found.own ? found.word : 0;
    if (at.is_delayed(before)) {
      return false;
    }
    const Word failed = word_of(source.tag, failures_of(before) + 1, at.now) | (before & kLoggedIn);
    const Word known = named ? word_of(source.tag, 0, at.now) | kLoggedIn : 0;
    const Word next = logon ? known : failed;
    const bool noted = next == before || (logon && at.is_fresh(before));
    // What matters more stays, and this is not noted.
    const bool has_room = found.own || at.rank_of(next) >= at.rank_of(found.word);
    if (noted || !has_room || found.slot->compare_exchange_weak(found.word, next)) {
      return true;
    }
  }
}

std::optional<Error> Lockout::refusal(const Moment& at, Word count, Word from) {
  if (at.is_locked(count) && !at.is_known(from)) {
    return Error{Errc::kAccountLocked, "lockout"};
  }
  return at.is_delayed(from) ? std::optional(kTooSoon) : std::nullopt;
}

std::optional<Error> Lockout::refusal(const Policy& policy, Place name,
                                      const Source& source) const {
  if (policy.lockout_threshold == 0) {
    return std::nullopt;
  }
  const Moment at{policy, now_since_boot()};
  return refusal(at, look(at, name), look(at, place_of_source(name, source)));
}

Result<LogonResult> Lockout::settle(const Policy& policy, Place name, const Source& source,
                                    Result<LogonResult> answer) const {
  if (policy.lockout_threshold == 0) {
    return answer;
  }
  const Moment at{policy, now_since_boot()};
  const Place place = place_of_source(name, source);
  const Word count = look(at, name);
  if (const auto refused = refusal(at, count, look(at, place))) {
    return tl::unexpected(*refused);
  }
  if (!answer && !is_wrong(answer)) {
    return answer;
  }
  if (!admit(at, place, answer.has_value(), is_named(source))) {
    return tl::unexpected(kTooSoon);
  }
  // Behind a lock only the known source's own word changes.
  if (at.is_locked(count)) {
    return answer;
  }
  if (!answer) {
    count_failure(at, name);
  } else if (count != 0) {
    clear(name);
  }
  return answer;
}

std::size_t Lockout::counted(const Policy& policy) const {
  const Moment at{policy, now_since_boot()};
  return static_cast<std::size_t>(std::count_if(
      table_->words.begin(), table_->words.end(),
      [&](const auto& word) { return !is_source(word.load()) && at.is_live(word.load()); }));
}

bool Lockout::clear(Place name) const {
  bool cleared = false;
  for (std::atomic<Word>& slot : set_of(name)) {
    Word word = slot.load(std::memory_order_relaxed);
    cleared |= word != 0 && tag_of(word) == name.tag && slot.compare_exchange_strong(word, 0);
  }
  return cleared;
}

void Lockout::clear() const {
  for (std::atomic<Word>& slot : table_->words) {
    slot.store(0);
  }
}

}  // namespace ntlm::store
