// SPDX-License-Identifier: MIT
#include "base/config.h"

#include <krb5.h>
#include <profile.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bitset>
#include <cassert>
#include <charconv>
#include <memory>
#include <mutex>
#include <optional>

#include "base/config_file.h"
#include "base/text.h"

namespace ntlm {
namespace {

using Kind = ConfigKey::Kind;
using Refusal = tl::unexpected<std::string>;

constexpr ConfigKey kKeys[] = {
#include "base/config_keys.inc"
};

struct ProfileValue {
  std::string_view profile, section, key, value;
};
// What a profile changes. None opens NTLMv1, anonymous, datagram or blank passwords: those need
// their own key.
constexpr ProfileValue kProfileValues[] = {
    {"hardened", "policy", "require_mic", "yes"},
    {"hardened", "policy", "target_name", "required"},
    {"hardened", "policy", "challenge_max_age", "60"},
    {"hardened", "policy", "reflection", "refuse"},
    {"compat", "policy", "channel_bindings", "when-supported"},
    {"compat", "policy", "target_name", "off"},
};

// Calls `each` for the parts of text between separators, empty ones left out.
template <typename Function>
void split(std::string_view text, std::string_view separators, Function each) {
  for (std::size_t start = text.find_first_not_of(separators); start != std::string_view::npos;) {
    const std::size_t end = std::min(text.find_first_of(separators, start), text.size());
    each(text.substr(start, end - start));
    start = text.find_first_not_of(separators, end);
  }
}

std::optional<std::size_t> index_of(std::string_view section, std::string_view name) {
  const auto* key = std::find_if(std::begin(kKeys), std::end(kKeys), [&](const ConfigKey& k) {
    return section == k.section && name == k.name;
  });
  if (key == std::end(kKeys)) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(key - std::begin(kKeys));
}

std::optional<std::uint32_t> decimal(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

// What is wrong with a value, as the end of a sentence that begins with the value; empty when it is
// good.
std::string number_fault(std::string_view choices, std::string_view value) {
  const std::size_t dots = choices.find("..");
  const auto number = decimal(value);
  if (number && *number >= decimal(choices.substr(0, dots)) &&
      *number <= decimal(choices.substr(dots + 2))) {
    return {};
  }
  return "is not a number from " + std::string(choices.substr(0, dots)) + " to " +
         std::string(choices.substr(dots + 2));
}

std::string choice_fault(std::string_view choices, std::string_view value) {
  bool found = false;
  std::string all;
  split(choices, "|", [&](std::string_view choice) {
    found = found || choice == value;
    all += (all.empty() ? "" : ", ") + std::string(choice);
  });
  return found ? std::string() : "is none of " + all;
}

bool is_words(Kind kind) { return kind == Kind::kWords || kind == Kind::kServices; }

std::string value_fault(const ConfigKey& key, std::string_view value) {
  if (has_control_character(value) || !utf16le_from_utf8(value)) {
    return "holds a control character or is not UTF-8";
  }
  if (value.find(" #") != value.npos || value.find(" ;") != value.npos) {
    return "seems to end in a comment; a comment needs a line of its own";
  }
  if (value.empty()) {
    const bool may_be_empty = *key.default_value == '\0';
    return may_be_empty ? std::string() : "is empty";
  }
  switch (key.kind) {
    case Kind::kNumber:
      return number_fault(key.choices, value);
    case Kind::kChoice:
      return choice_fault(key.choices, value);
    case Kind::kFlag:
      return choice_fault("yes|no|true|false", value);
    case Kind::kWords:
      return *key.choices == '\0' ? std::string() : choice_fault(key.choices, value);
    case Kind::kServices:
      return is_service_of_host(value) ? "" : "is not SERVICE/HOST, as in HTTP/www.example.com";
    case Kind::kPath:
      if (value[0] != '/' || value.find_first_of(" \t") != value.npos) {
        return "is not an absolute path without blanks";
      }
      return {};
    case Kind::kText:
    case Kind::kLines:
      break;
  }
  return {};
}

struct Relation {
  std::string section, key, value;
};

using Profile = std::unique_ptr<_profile_t, decltype(&profile_release)>;
using ProfileString = std::unique_ptr<char, decltype(&profile_release_string)>;

// Freed on every way out: lack of memory is an exception.
struct ProfileIterator {
  void* position = nullptr;
  ProfileIterator() = default;
  ProfileIterator(const ProfileIterator&) = delete;
  ProfileIterator& operator=(const ProfileIterator&) = delete;
  ~ProfileIterator() { profile_iterator_free(&position); }
};

std::string library_text(long code) {
  const char* text = krb5_get_error_message(nullptr, static_cast<krb5_error_code>(code));
  std::string out = text;
  krb5_free_error_message(nullptr, text);
  return out;
}

// What stands below a section (or at the top when it is empty), in order: (name, value).
tl::expected<std::vector<Relation>, long> relations(profile_t profile, const std::string& section) {
  const std::array<const char*, 2> names{section.empty() ? nullptr : section.c_str(), nullptr};
  ProfileIterator iterator;
  std::vector<Relation> out;
  long code =
      profile_iterator_create(profile, names.data(), PROFILE_ITER_LIST_SECTION, &iterator.position);
  while (code == 0) {
    char* raw_name = nullptr;
    char* raw_value = nullptr;
    code = profile_iterator(&iterator.position, &raw_name, &raw_value);
    const ProfileString name(raw_name, &profile_release_string);
    const ProfileString value(raw_value, &profile_release_string);
    if (code != 0 || name == nullptr) {
      break;
    }
    out.push_back({section, name.get(), value == nullptr ? "" : value.get()});
  }
  if (code != 0) {
    return tl::unexpected<long>(code);
  }
  return out;
}

// The library keeps one tree for all who have a file of the same name open in this process, and
// reads it anew when mtime differs: what another thread read before a change whose time stamp is
// the same would be taken for what stands there now. So each load spells the name in a way of its
// own: the bits of a counter as "/" and "/." before it, which change nothing.
std::string own_spelling(const std::string& path) {
  static constinit std::atomic<std::uint32_t> loads{0};
  const std::bitset<16> number(loads.fetch_add(1, std::memory_order_relaxed));
  std::string spelling = path.starts_with('/') ? "" : ".";
  for (std::size_t i = 0; i < number.size(); ++i) {
    spelling += number[i] ? "/." : "/";
  }
  return spelling + "/" + path;
}

// The library holds a mutex of its own while it opens and closes a file. A child that is forked
// meanwhile would find it locked for ever, so a fork waits until nobody loads. A thread may lock
// twice: what two threads have watched at once, and a signal handler that forks.
class Loading {
 public:
  Loading() {
    // No static with a guard: it would stay pending in a child that is forked while this waits for
    // that very fork.
    if (!watched_.load(std::memory_order_acquire) && ::pthread_atfork(lock, unlock, unlock) == 0) {
      watched_.store(true, std::memory_order_release);
    }
    lock();
  }
  ~Loading() { unlock(); }
  Loading(const Loading&) = delete;
  Loading& operator=(const Loading&) = delete;

 private:
  static void lock() {
    if (holder_.load(std::memory_order_relaxed) == ::pthread_self()) {
      ++locked_;
      return;
    }
    mutex_.lock();
    locked_ = 1;
    holder_.store(::pthread_self(), std::memory_order_relaxed);
  }
  // A signal may fall between any two of these.
  static void unlock() {
    if (locked_ > 1) {
      --locked_;
      return;
    }
    holder_.store(pthread_t(), std::memory_order_relaxed);
    mutex_.unlock();
  }
  static constinit std::mutex mutex_;
  static constinit std::atomic<pthread_t> holder_;  // the same in a child
  static constinit unsigned locked_;                // how often, by the holder
  static constinit std::atomic<bool> watched_;
};
constinit std::mutex Loading::mutex_;
constinit std::atomic<pthread_t> Loading::holder_{};
constinit unsigned Loading::locked_ = 0;
constinit std::atomic<bool> Loading::watched_{false};

tl::expected<std::vector<Relation>, std::string> read_profile(const std::string& path) {
  const Loading loading;
  const std::string spelling = own_spelling(path);
  std::array<const char*, 2> files{spelling.c_str(), nullptr};
  profile_t raw = nullptr;
  if (const long code = profile_init(files.data(), &raw); code != 0) {
    return Refusal(path + ": " + library_text(code));
  }
  const Profile profile(raw, &profile_release);
  std::vector<Relation> out;
  auto sections = relations(raw, "");
  for (std::size_t i = 0; sections && i < sections->size(); ++i) {
    const std::string& section = (*sections)[i].key;
    if (std::none_of(std::begin(kKeys), std::end(kKeys),
                     [&](const ConfigKey& key) { return section == key.section; })) {
      return Refusal(path + ": [" + section + "] is no section of this file");
    }
    auto found = relations(raw, section);
    if (!found) {
      return Refusal(path + ": " + library_text(found.error()));
    }
    std::move(found->begin(), found->end(), std::back_inserter(out));
  }
  if (!sections) {
    return Refusal(path + ": " + library_text(sections.error()));
  }
  return out;
}

}  // namespace

bool is_service_of_host(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != text.npos && slash > 0 && slash + 1 < text.size();
}

std::span<const ConfigKey> Config::keys() { return kKeys; }

Config::Config(std::string_view profile) : values_(std::size(kKeys)) {
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const std::string_view value = kKeys[i].default_value;
    const auto add = [&](std::string_view word) { values_[i].values.emplace_back(word); };
    split(value, is_words(kKeys[i].kind) ? " \t" : "\n", add);
  }
  for (const ProfileValue& value : kProfileValues) {
    if (value.profile == profile) {
      const auto index = index_of(value.section, value.key);
      assert(index);
      values_[*index] = {{std::string(value.value)}, Source::kProfile};
    }
  }
  const std::size_t own = index_of("policy", "profile").value();
  values_[own].values = {std::string(profile)};
}

tl::expected<Config, std::string> Config::load(const std::string& path) {
  if (auto sound = check_config_file(path); !sound) {
    return Refusal(sound.error());
  }
  const auto relations = read_profile(path);
  if (!relations) {
    return Refusal(relations.error());
  }
  const auto chosen = std::find_if(relations->begin(), relations->end(), [](const Relation& r) {
    return r.section == "policy" && r.key == "profile";
  });
  Config config(chosen == relations->end() ? "default" : std::string_view(chosen->value));
  config.path_ = path;
  for (const Relation& relation : *relations) {
    const auto refuse = [&](const std::string& why) {
      return Refusal(path + ": [" + relation.section + "] " + relation.key + why);
    };
    const auto index = index_of(relation.section, relation.key);
    if (!index) {
      return refuse(" is no key of this section");
    }
    const ConfigKey& key = kKeys[*index];
    Value& value = config.values_[*index];
    const bool first = value.source != Source::kFile;
    if (first) {
      value = {{}, Source::kFile};
    } else if (!is_words(key.kind) && key.kind != Kind::kLines) {
      return refuse(": given twice, '" + value.values.front() + "' and '" + relation.value + "'");
    }
    std::string fault;
    std::string_view wrong;
    const auto add = [&](std::string_view word) {
      if (fault.empty() && !(fault = value_fault(key, word)).empty()) {
        wrong = word;
      }
      value.values.emplace_back(word);
    };
    if (is_words(key.kind)) {
      split(relation.value, " \t", add);
    } else {
      add(relation.value);
    }
    if (!fault.empty()) {
      return refuse(": '" + std::string(wrong) + "' " + fault);
    }
  }
  return config;
}

const Config::Value& Config::at(std::string_view section, std::string_view key) const {
  static const Value kNothing;
  const auto index = index_of(section, key);
  assert(index);
  return index ? values_[*index] : kNothing;
}

std::string_view Config::text(std::string_view section, std::string_view key) const {
  const Value& value = at(section, key);
  return value.values.empty() ? std::string_view() : std::string_view(value.values.front());
}

bool Config::flag(std::string_view section, std::string_view key) const {
  const std::string_view value = text(section, key);
  return value == "yes" || value == "true";
}

std::uint32_t Config::number(std::string_view section, std::string_view key) const {
  return decimal(text(section, key)).value_or(0);
}

const std::vector<std::string>& Config::list(std::string_view section, std::string_view key) const {
  return at(section, key).values;
}

bool Config::is_set(std::string_view section, std::string_view key) const {
  return at(section, key).source == Source::kFile;
}

std::string Config::source(std::string_view section, std::string_view key) const {
  switch (at(section, key).source) {
    case Source::kDefault:
      return "default";
    case Source::kProfile:
      return "profile " + std::string(text("policy", "profile"));
    case Source::kFile:
      break;
  }
  return path_;
}

}  // namespace ntlm
