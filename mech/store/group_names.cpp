// SPDX-License-Identifier: MIT
#include "store/group_names.h"

#include <algorithm>
#include <cstdio>
#include <memory>

namespace ntlm::store {
namespace {

constexpr auto kKept = std::chrono::minutes(5);
// winbindd calls a SID unknown also while nobody answers for its domain, so that this is soon asked
// again; not at once, for a SID may stay unknown and be in many accounts.
constexpr auto kUnknownKept = std::chrono::seconds(3);
constexpr std::size_t kMost = 8192;

struct SidLookup {
  explicit SidLookup(const Wbclient& wbc) : domains(wbc), names(wbc) {}
  std::vector<wbcDomainSid> sids;
  int domain_count = 0;  // libwbclient takes its address and never writes it
  wbcErr outcome = WBC_ERR_NO_MEMORY;
  WbcMemory<struct wbcDomainInfo> domains;
  WbcMemory<wbcTranslatedName> names;

  // "LAB\\group" for a group, else empty.
  std::string name(std::size_t index) const {
    const wbcTranslatedName& found = names.get()[index];
    const bool group = found.type == WBC_SID_NAME_DOM_GRP || found.type == WBC_SID_NAME_ALIAS ||
                       found.type == WBC_SID_NAME_WKN_GRP;
    if (!group || found.name == nullptr) {
      return {};
    }
    const char* domain = domain_name(found.domain_index);
    return domain == nullptr || *domain == '\0' ? found.name
                                                : domain + std::string("\\") + found.name;
  }
  // How long that holds.
  WinbindCalls::Clock::duration kept(std::size_t index) const {
    const wbcSidType type = names.get()[index].type;
    const bool unknown = type == WBC_SID_NAME_UNKNOWN || type == WBC_SID_NAME_INVALID;
    return unknown ? WinbindCalls::Clock::duration(kUnknownKept) : kKept;
  }

 private:
  // The list ends with a domain without a name.
  const char* domain_name(int index) const {
    if (!domains || index < 0) {
      return nullptr;
    }
    const struct wbcDomainInfo* domain = domains.get();
    while (index > 0 && domain->short_name != nullptr) {
      ++domain, --index;
    }
    return domain->short_name;
  }
};

}  // namespace

// An authority of 2^32 and above is written in hexadecimal.
std::string text_of(const wbcDomainSid& sid) {
  std::uint64_t authority = 0;
  for (const std::uint8_t byte : sid.id_auth) {
    authority = authority << 8 | byte;
  }
  char number[32];
  (void)std::snprintf(number, sizeof number, authority >> 32 != 0 ? "0x%012llx" : "%llu",
                      static_cast<unsigned long long>(authority));
  std::string text = "S-" + std::to_string(sid.sid_rev_num) + "-" + number;
  const int count = std::min<int>(sid.num_auths, WBC_MAXSUBAUTHS);
  for (int i = 0; i < count; ++i) {
    text += "-" + std::to_string(sid.sub_auths[i]);
  }
  return text;
}

std::vector<wbcDomainSid> GroupNames::take_known(std::span<const wbcDomainSid> sids,
                                                 std::vector<std::string>& names) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) {
    return {sids.begin(), sids.end()};
  }
  std::vector<wbcDomainSid> missing;
  const auto now = WinbindCalls::Clock::now();
  for (const wbcDomainSid& sid : sids) {
    const auto found = entries_.find(text_of(sid));
    if (found == entries_.end() || found->second.until < now) {
      missing.push_back(sid);
    } else if (!found->second.name.empty()) {
      names.push_back(found->second.name);
    }
  }
  return missing;
}

void GroupNames::keep(const wbcDomainSid& sid, const std::string& name,
                      WinbindCalls::Clock::duration time) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) {
    return;
  }
  if (entries_.size() >= kMost) {
    entries_.clear();
  }
  entries_.insert_or_assign(text_of(sid), Entry{name, WinbindCalls::Clock::now() + time});
}

std::vector<std::string> GroupNames::of(std::span<const wbcDomainSid> sids, WinbindCalls& calls,
                                        std::string_view domain,
                                        WinbindCalls::Clock::time_point deadline) {
  std::vector<std::string> names;
  std::vector<wbcDomainSid> missing = take_known(sids, names);
  if (missing.empty()) {
    return names;
  }
  const auto lookup = std::make_shared<SidLookup>(calls.functions());
  lookup->sids = std::move(missing);
  // An authority of its own: that names are late says nothing against the domain's logons. It is
  // there, for the domain has just said yes.
  // No peer can claim a domain of that name, which has a NUL (security.md R7).
  const std::string authority = std::string(domain) + '\0' + "names";
  const auto done =
      calls.run({authority, true}, deadline, [lookup](const Wbclient& wbc, wbcContext* context) {
        lookup->outcome =
            wbc.lookup_sids(context, lookup->sids.data(), static_cast<int>(lookup->sids.size()),
                            lookup->domains.out(), &lookup->domain_count, lookup->names.out());
        return true;
      });
  if (!done || lookup->outcome != WBC_ERR_SUCCESS || !lookup->names) {
    return names;
  }
  for (std::size_t i = 0; i < lookup->sids.size(); ++i) {
    std::string name = lookup->name(i);
    keep(lookup->sids[i], name, lookup->kept(i));
    if (!name.empty()) {
      names.push_back(std::move(name));
    }
  }
  return names;
}

}  // namespace ntlm::store
