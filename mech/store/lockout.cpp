// SPDX-License-Identifier: MIT
#include "store/lockout.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>
#include <tuple>

#include "base/trusted_file.h"
#include "crypto/primitives.h"

namespace ntlm::store {
namespace {

using protocol::AccountName;
using protocol::LogonResult;
using protocol::Policy;
using Refusal = tl::unexpected<std::string>;
using Word = std::uint64_t;

constexpr std::array<char, 8> kMagic = {'N', 'T', 'L', 'M', 'L', 'O', 'C', 'K'};
constexpr std::uint32_t kVersion = 3;
constexpr std::size_t kWays = 8;  // 64 bytes: one line of the cache
constexpr std::uint32_t kWords = 4096;
constexpr Word kSeconds = (Word{1} << 28) - 1;
constexpr Word kMostFailures = (Word{1} << 18) - 1;  // more than any lockout_threshold
constexpr Word kLoggedIn = Word{1} << 46;
constexpr Word kKnownFor = 24 * 3600;  // seconds
constexpr Word kRefreshedAfter = 600;  // seconds; a logon writes no shared word before
constexpr Word kUndelayed = 3;         // failures
constexpr Word kAhead = 60;            // seconds

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
    const std::string upper = upper_utf8(text);
    hash.update({reinterpret_cast<const std::uint8_t*>(upper.data()), upper.size()});
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
  return {(hash >> 32) % (kWords / kWays), hash >> 48 << 1 | 1, 0};
}

bool is_nameless(const Lockout::Source& source) {
  return source.workstation.empty() && network_of(source.address).empty();
}

bool is_wrong(const Result<LogonResult>& answer) {
  return !answer && (answer.error().code == Errc::kLogonDenied ||
                     answer.error().code == Errc::kUnknownAccount);
}

Refusal refuse_errno(const std::string& path) {
  return Refusal(path + ": " + std::error_code(errno, std::generic_category()).message());
}

// Waits a little for another process that is making the table, never for long.
bool lock_file(int fd) {
  constexpr timespec kPause{0, 2'000'000};
  for (int tries = 0; tries < 50; ++tries) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
      return true;
    }
    ::nanosleep(&kPause, nullptr);
  }
  return false;
}

}  // namespace

struct Lockout::Table {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t words;
  std::array<std::uint8_t, 16> key;
  std::array<std::uint8_t, 32> zero;
  std::array<std::atomic<Word>, kWords> word;

  bool is_sound() const { return magic == kMagic && version == kVersion && words == kWords; }
  // The memory is all zeros.
  void begin() {
    crypto::random_bytes(key);
    version = kVersion;
    words = kWords;
    magic = kMagic;
  }
  static Table* map(int fd) {
    const int flags = MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0);
    void* memory = ::mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE, flags, fd, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<Table*>(memory);
  }
};

Lockout::Lockout(Table* table, std::string unshared)
    : table_(table), key_(table->key), unshared_(std::move(unshared)) {
  static_assert(sizeof(Table) == 64 + 8 * std::size_t{kWords});
  static_assert(std::atomic<Word>::is_always_lock_free);
}

Lockout::~Lockout() { ::munmap(table_, sizeof(Table)); }

std::unique_ptr<const Lockout> Lockout::in_memory(std::string reason) {
  Table* table = Table::map(-1);
  if (table == nullptr) {
    throw std::bad_alloc();
  }
  table->begin();
  return std::unique_ptr<const Lockout>(new Lockout(table, std::move(reason)));
}

tl::expected<std::unique_ptr<const Lockout>, std::string> Lockout::open(
    const std::string& directory, std::uint32_t owner) {
  const std::string name = "lockout-" + std::to_string(owner);
  const std::string path = directory + "/" + name;
  const auto parent = open_trusted_directory(path);
  if (!parent) {
    return Refusal(parent.error());
  }
  constexpr int kFlags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const int create = owner == ::geteuid() ? O_CREAT : 0;
  const FileDescriptor file(::openat(parent->get(), name.c_str(), kFlags | create, 0600));
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
    return refuse_errno(path);
  }
  if (!S_ISREG(status.st_mode) || status.st_nlink != 1 || status.st_uid != owner ||
      (status.st_mode & 077u) != 0) {
    return Refusal(path + ": not a regular file of uid " + std::to_string(owner) +
                   " with mode 0600 and one name");
  }
  if (!lock_file(file.get())) {
    return Refusal(path + ": another process holds its lock");
  }
  // Whoever has the lock sees a whole table, or makes one. Emptied first, so that nothing is left
  // of what had another form.
  const bool of_this_size =
      ::fstat(file.get(), &status) == 0 && status.st_size == off_t{sizeof(Table)};
  if (!of_this_size &&
      (::ftruncate(file.get(), 0) != 0 || ::ftruncate(file.get(), sizeof(Table)) != 0)) {
    return refuse_errno(path);
  }
  // A page that the file system has no room for would be a signal at the first use.
  int error;
  do {
    error = ::posix_fallocate(file.get(), 0, sizeof(Table));
  } while (error == EINTR);
  errno = error;
  Table* table = error == 0 ? Table::map(file.get()) : nullptr;
  if (table == nullptr) {
    return refuse_errno(path);
  }
  if (!table->is_sound()) {
    std::fill(table->word.begin(), table->word.end(), 0);
    table->begin();
  }
  ::flock(file.get(), LOCK_UN);  // the mapping keeps the open file, and would keep its lock
  return std::unique_ptr<const Lockout>(new Lockout(table, ""));
}

namespace {
constinit std::atomic<const Lockout*> g_of_process{nullptr};
}

const Lockout* Lockout::of_process_if_used() { return g_of_process.load(); }

// No lock, so that a fork harms nothing: of two that make one, the later takes the other's.
const Lockout& Lockout::of_process() {
  const Lockout* seen = g_of_process.load();
  if (seen != nullptr) {
    return *seen;
  }
  auto made = open(kDirectory, ::geteuid());
  std::unique_ptr<const Lockout> own = made ? std::move(*made) : in_memory(std::move(made.error()));
  return g_of_process.compare_exchange_strong(seen, own.get()) ? *own.release() : *seen;
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
  return {(digest[0] | std::size_t{digest[1]} << 8) % (kWords / kWays),
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
  bool own;  // otherwise it is another's, or free
};

// The word of a place, or the one of its set that matters least.
Lockout::Found Lockout::find(const Moment& at, Place place) const {
  std::atomic<Word>* const set = &table_->word[place.set * kWays];
  Found least{};
  for (std::size_t i = 0; i < kWays; ++i) {
    const Word word = set[i].load(std::memory_order_relaxed);
    if (tag_of(word) == place.tag && at.is_live(word)) {
      return {&set[i], word, true};
    }
    if (i == 0 || at.worth_of(word) < at.worth_of(least.word)) {
      least = {&set[i], word, false};
    }
  }
  return least;
}

Lockout::State Lockout::state_of(const Policy& policy, Place name) const {
  const Moment at{policy, now_since_boot()};
  const Found found = find(at, name);
  if (!found.own) {
    return {};
  }
  const Word left = at.is_locked(found.word) ? at.lasts(found.word) - at.age_of(found.word) : 0;
  return {static_cast<std::uint32_t>(failures_of(found.word)), static_cast<std::uint32_t>(left)};
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

// Takes note of an attempt in the word of its source; false: it comes too soon.
bool Lockout::admit(const Moment& at, Place source, bool nameless,
                    const Result<LogonResult>& answer) const {
  while (true) {
    Found found = find(at, source);
    if (found.own && at.is_delayed(found.word)) {
      return false;
    }
    const Word before = found.own ? found.word : 0;
    const Word logged_in = nameless ? 0 : word_of(source.tag, 0, at.now) | kLoggedIn;
    const Word failed = word_of(source.tag, failures_of(before) + 1, at.now) | (before & kLoggedIn);
    const Word next = answer ? logged_in : is_wrong(answer) ? failed : before;
    const bool fresh = answer && at.is_known(before) && failures_of(before) == 0 &&
                       at.age_of(before) < kRefreshedAfter;
    const bool has_room = found.own || at.rank_of(found.word) <= at.rank_of(next);
    if (next == before || fresh || !has_room ||
        found.slot->compare_exchange_weak(found.word, next)) {
      return true;
    }
  }
}

Result<LogonResult> Lockout::settle(const Policy& policy, Place name, const Source& source,
                                    Result<LogonResult> answer) const {
  if (policy.lockout_threshold == 0) {
    return answer;
  }
  const Moment at{policy, now_since_boot()};
  const Place place = place_of_source(name, source);
  const Found count = find(at, name);
  const bool locked = count.own && at.is_locked(count.word);
  if (locked) {
    const Found from = find(at, place);
    if (!from.own || !at.is_known(from.word)) {
      return fail(Errc::kAccountLocked, "lockout");
    }
  }
  if (!admit(at, place, is_nameless(source), answer)) {
    return fail(Errc::kTooSoon, "lockout");
  }
  if (!locked && answer && count.own) {
    clear(name);
  }
  if (!locked && is_wrong(answer)) {
    count_failure(at, name);
  }
  return answer;
}

std::size_t Lockout::counted(const Policy& policy) const {
  const Moment at{policy, now_since_boot()};
  return static_cast<std::size_t>(std::count_if(
      table_->word.begin(), table_->word.end(),
      [&](const auto& word) { return !is_source(word.load()) && at.is_live(word.load()); }));
}

bool Lockout::clear(Place name) const {
  std::atomic<Word>* const set = &table_->word[name.set * kWays];
  bool cleared = false;
  for (std::size_t i = 0; i < kWays; ++i) {
    Word word = set[i].load(std::memory_order_relaxed);
    cleared |= word != 0 && tag_of(word) == name.tag && set[i].compare_exchange_strong(word, 0);
  }
  return cleared;
}

void Lockout::clear() const {
  for (auto& word : table_->word) {
    word.store(0);
  }
}

}  // namespace ntlm::store
