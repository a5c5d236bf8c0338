// SPDX-License-Identifier: MIT
#include "sspi_compat/settings.h"

#include <profile.h>
#include <stdlib.h>  // secure_getenv
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <sstream>
#include <vector>

#include "sspi_compat/flags.h"

namespace sspi {
namespace {

struct CloseProfile {
  void operator()(_profile_t* profile) const { profile_release(profile); }
};
using Profile = std::unique_ptr<_profile_t, CloseProfile>;

// All values of a relation; empty when it does not stand there.
std::vector<std::string> values_of(profile_t profile, const char* key) {
  const char* names[] = {"sspi", key, nullptr};
  char** values = nullptr;
  std::vector<std::string> result;
  if (profile_get_values(profile, names, &values) == 0) {
    for (char** value = values; *value != nullptr; ++value) {
      result.emplace_back(*value);
    }
    profile_free_list(values);
  }
  return result;
}

std::string unknown_key(profile_t profile) {
  const char* names[] = {"sspi", nullptr};
  char** keys = nullptr;
  std::string unknown;
  if (profile_get_relation_names(profile, names, &keys) == 0) {
    for (char** key = keys; *key != nullptr; ++key) {
      const std::string_view name = *key;
      if (name != "impersonation" && name != "require_flags" && name != "negotiate_form") {
        unknown = name;
      }
    }
    profile_free_list(keys);
  }
  return unknown;
}

// Chooses among words; complains about any other.
template <typename T, std::size_t N>
void choose(profile_t profile, const char* key, const std::pair<const char*, T> (&words)[N],
            T& chosen, std::string& error) {
  const auto values = values_of(profile, key);
  if (values.empty()) {
    return;
  }
  std::string allowed;
  for (const auto& [word, value] : words) {
    if (values.size() == 1 && values.front() == word) {
      chosen = value;
      return;
    }
    allowed += std::string(allowed.empty() ? "" : ", ") + word;
  }
  error = std::string(key) + ": '" + values.front() + "' is not one of " + allowed;
}

void read_required(profile_t profile, Settings& settings) {
  for (const std::string& line : values_of(profile, "require_flags")) {
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      const ULONG flag = asc_flag_named(word);
      if (flag == 0) {
        settings.error = "require_flags: '" + word + "' is no flag that can be required";
        return;
      }
      settings.require_flags |= flag;
    }
  }
}

Settings read_settings() {
  Settings settings;
  const char* named = secure_getenv("GSS_NTLM_CONF");
  const std::string path = named != nullptr ? named : "/etc/gss/ntlm.conf";
  struct stat status {};
  if (named == nullptr && stat(path.c_str(), &status) != 0 && errno == ENOENT) {
    return settings;  // no file: the defaults; one that cannot be looked at is none of that
  }
  profile_t opened = nullptr;
  if (profile_init_path(path.c_str(), &opened) != 0) {
    settings.error = path + ": cannot be read";
    return settings;
  }
  const Profile profile(opened);
  using Impersonation = Settings::Impersonation;
  using Form = Settings::NegotiateForm;
  constexpr std::pair<const char*, Impersonation> kImpersonation[] = {
      {"fsuid", Impersonation::kFsuid},
      {"identity", Impersonation::kIdentity},
      {"none", Impersonation::kNone}};
  constexpr std::pair<const char*, Form> kForms[] = {{"spnego", Form::kSpnego},
                                                     {"raw", Form::kRaw}};
  if (const std::string unknown = unknown_key(opened); !unknown.empty()) {
    settings.error = unknown + ": there is no such key";
  }
  choose(opened, "impersonation", kImpersonation, settings.impersonation, settings.error);
  choose(opened, "negotiate_form", kForms, settings.negotiate_form, settings.error);
  read_required(opened, settings);
  if (!settings.error.empty()) {
    settings.error = path + ": [sspi] " + settings.error;
  }
  return settings;
}

}  // namespace

const Settings& settings() {
  // The first reading holds, for good. No static with a guard, which would stay pending in a child
  // that is forked meanwhile.
  static constinit std::atomic<const Settings*> read{nullptr};
  const Settings* known = read.load(std::memory_order_acquire);
  if (known == nullptr) {
    auto fresh = std::make_unique<const Settings>(read_settings());
    if (read.compare_exchange_strong(known, fresh.get(), std::memory_order_acq_rel)) {
      known = fresh.release();
    }
  }
  return *known;
}

}  // namespace sspi
