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
#include <optional>
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
constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kWays = 8;  // 64 bytes: one line of the cache
constexpr std::uint32_t kWords = 4096;
constexpr Word kSeconds = (Word{1} << 28) - 1;
constexpr Word kMostFailures = (Word{1} << 19) - 1;
constexpr Word kWorkstation = Word{1} << 47;
constexpr Word kKnownFor = 24 * 3600;  // seconds after a logon
constexpr Word kRefreshedAfter = 600;  // seconds; a logon writes no shared word before

constexpr Word word_of(Word tag, Word failures, Word since) {
  return tag << 48 | std::min(failures, kMostFailures) << 28 | (since & kSeconds);
}
constexpr Word tag_of(Word word) { return word >> 48; }
constexpr Word failures_of(Word word) { return word >> 28 & kMostFailures; }
constexpr bool is_workstation(Word word) { return (word & kWorkstation) != 0; }
// A time that lies ahead (the host booted since) is long ago.
constexpr Word age_of(Word word, Word now) { return (now - word) & kSeconds; }

bool is_locked(const Policy& policy, Word word) {
  return policy.lockout_threshold != 0 && !is_workstation(word) &&
         failures_of(word) >= policy.lockout_threshold;
}
Word lasts(const Policy& policy, Word word) {
  return is_locked(policy, word) ? policy.lockout_duration : policy.lockout_window;
}
// Whether it counts the failures of a name, and they are not over.
bool is_live(const Policy& policy, Word word, Word now) {
  return word != 0 && !is_workstation(word) && age_of(word, now) < lasts(policy, word);
}
bool is_known(Word word, Word now) { return is_workstation(word) && age_of(word, now) < kKnownFor; }

Word now_since_boot() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<Word>(now.tv_sec);
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
    std::transform(part.begin(), part.end(), buffer.begin(), [](char c) {
      return static_cast<std::uint8_t>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    });
    hash.update({buffer.data(), part.size()});
    text.remove_prefix(part.size());
  }
}

// Where a workstation stands for a name; nothing for one that says nothing. The name's secret bits
// make it unpredictable; among workstations of one name, whoever could make two fall together could
// as well claim the right one (FNV-1a).
std::optional<Lockout::Place> source_of(const Lockout::Place& name, std::string_view workstation) {
  if (workstation.empty()) {
    return std::nullopt;
  }
  Word hash = 0xcbf29ce484222325;
  for (const char c : workstation) {
    hash ^= static_cast<std::uint8_t>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    hash *= 0x100000001b3;
  }
  hash ^= name.secret;
  return Lockout::Place{(hash >> 32) % (kWords / kWays), hash & 0xffff, 0};
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
          digest[2] | Word{digest[3]} << 8, secret};
}

std::atomic<Word>* Lockout::set_of(Place place) const { return &table_->word[place.set * kWays]; }

Lockout::State Lockout::state_of(const Policy& policy, Place place) const {
  const Word now = now_since_boot();
  const std::atomic<Word>* set = set_of(place);
  for (std::size_t i = 0; i < kWays; ++i) {
    const Word word = set[i].load(std::memory_order_relaxed);
    if (tag_of(word) == place.tag && is_live(policy, word, now)) {
      const Word left = is_locked(policy, word) ? policy.lockout_duration - age_of(word, now) : 0;
      return {static_cast<std::uint32_t>(failures_of(word)), static_cast<std::uint32_t>(left)};
    }
  }
  return {};
}

void Lockout::count_failure(const Policy& policy, Place place, Word now) const {
  std::atomic<Word>* set = set_of(place);
  while (true) {
    // The name's own word, else the one whose loss matters least.
    using Worth = std::tuple<bool, bool, bool, Word, Word>;
    std::size_t chosen = 0;
    Word seen = 0;
    Worth least{true, true, true, kMostFailures, kSeconds};
    bool own = false;
    for (std::size_t i = 0; i < kWays && !own; ++i) {
      const Word word = set[i].load(std::memory_order_relaxed);
      const bool live = is_live(policy, word, now);
      own = live && tag_of(word) == place.tag;
      const bool counts = live || is_known(word, now);
      const Worth worth{live, counts, live && is_locked(policy, word), live ? failures_of(word) : 0,
                        counts ? kSeconds - age_of(word, now) : 0};
      if (own || worth < least) {
        least = worth;
        chosen = i;
        seen = word;
      }
    }
    const Word failures = own ? failures_of(seen) + 1 : 1;
    const bool locks = failures >= policy.lockout_threshold;
    const Word next = word_of(place.tag, failures, own && !locks ? seen : now);
    if ((own && is_locked(policy, seen)) || set[chosen].compare_exchange_weak(seen, next)) {
      return;
    }
  }
}

std::atomic<Word>* Lockout::known(Place source, Word now) const {
  std::atomic<Word>* set = set_of(source);
  for (std::size_t i = 0; i < kWays; ++i) {
    const Word word = set[i].load(std::memory_order_relaxed);
    if (tag_of(word) == source.tag && is_known(word, now)) {
      return &set[i];
    }
  }
  return nullptr;
}

// In the place of what is over, or of another workstation: never of a count, so that an account's
// owner cannot push counts out by logging in from everywhere.
void Lockout::remember(const Policy& policy, Place source, Word now) const {
  const Word fresh = word_of(source.tag, 0, now) | kWorkstation;
  std::atomic<Word>* chosen = known(source, now);
  if (chosen == nullptr) {
    std::atomic<Word>* set = set_of(source);
    Word oldest = 0;
    for (std::size_t i = 0; i < kWays; ++i) {
      const Word word = set[i].load(std::memory_order_relaxed);
      const Word age = is_known(word, now) ? age_of(word, now) : kSeconds;
      if (!is_live(policy, word, now) && age >= oldest) {
        oldest = age;
        chosen = &set[i];
      }
    }
  }
  if (chosen == nullptr) {
    return;
  }
  Word seen = chosen->load(std::memory_order_relaxed);
  const bool is_fresh = is_known(seen, now) && tag_of(seen) == source.tag &&
                        failures_of(seen) == 0 && age_of(seen, now) < kRefreshedAfter;
  if (!is_fresh && !is_live(policy, seen, now)) {
    (void)chosen->compare_exchange_strong(seen, fresh);
  }
}

void Lockout::distrust(const Policy& policy, Place source, Word now) const {
  std::atomic<Word>* word = known(source, now);
  if (word == nullptr) {
    return;
  }
  Word seen = word->load(std::memory_order_relaxed);
  while (is_known(seen, now) && tag_of(seen) == source.tag) {
    const Word failures = failures_of(seen) + 1;
    const Word next = failures >= policy.lockout_threshold
                          ? 0
                          : word_of(source.tag, failures, seen) | kWorkstation;
    if (word->compare_exchange_weak(seen, next)) {
      return;
    }
  }
}

Result<LogonResult> Lockout::settle(const Policy& policy, Place place, std::string_view workstation,
                                    Result<LogonResult> answer) const {
  if (policy.lockout_threshold == 0) {
    return answer;
  }
  const Word now = now_since_boot();
  const State state = state_of(policy, place);
  const bool locked = state.locked_for != 0;
  const std::optional<Place> source = source_of(place, workstation);
  if (locked && (!source || known(*source, now) == nullptr)) {
    return fail(Errc::kAccountLocked, "lockout");
  }
  if (answer) {
    if (state.failures != 0 && !locked) {
      clear(place);
    }
    if (source) {
      remember(policy, *source, now);
    }
  } else if (answer.error().code == Errc::kLogonDenied ||
             answer.error().code == Errc::kUnknownAccount) {
    if (!locked) {
      count_failure(policy, place, now);
    }
    if (source) {
      distrust(policy, *source, now);
    }
  }
  return answer;
}

std::size_t Lockout::counted(const Policy& policy) const {
  const Word now = now_since_boot();
  return static_cast<std::size_t>(
      std::count_if(table_->word.begin(), table_->word.end(),
                    [&](const auto& word) { return is_live(policy, word.load(), now); }));
}

bool Lockout::clear(Place place) const {
  std::atomic<Word>* set = set_of(place);
  bool cleared = false;
  for (std::size_t i = 0; i < kWays; ++i) {
    Word word = set[i].load(std::memory_order_relaxed);
    cleared |= word != 0 && !is_workstation(word) && tag_of(word) == place.tag &&
               set[i].compare_exchange_strong(word, 0);
  }
  return cleared;
}

void Lockout::clear() const {
  for (auto& word : table_->word) {
    word.store(0);
  }
}

}  // namespace ntlm::store
