// SPDX-License-Identifier: MIT
#include "wbclient_double.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

struct wbcContext {
  std::atomic<bool> busy{false};
};

namespace {

ntlm::test::WbclientDouble the_double;

// In front of each piece of memory: whether it may hold a session key.
struct alignas(16) Header {
  std::size_t size;
};

class Busy {
 public:
  explicit Busy(wbcContext* context) : context_(context) {
    ++the_double.inside;
    if (context_->busy.exchange(true)) {
      ++the_double.shared_contexts;
    }
  }
  ~Busy() {
    context_->busy = false;
    --the_double.inside;
  }

 private:
  wbcContext* context_;
};

}  // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT ntlm::test::WbclientDouble* wbclient_double() {
  the_double.allocate = [](std::size_t size) -> void* {
    auto* header = static_cast<Header*>(std::calloc(1, sizeof(Header) + size));
    header->size = size;
    ++the_double.memory;
    return header + 1;
  };
  return &the_double;
}

EXPORT wbcContext* wbcCtxCreate() {
  if (the_double.refused_contexts > 0) {
    --the_double.refused_contexts;
    return nullptr;
  }
  ++the_double.contexts;
  return new wbcContext;
}

EXPORT void wbcCtxFree(wbcContext* context) {
  --the_double.contexts;
  delete context;
}

EXPORT void wbcFreeMemory(void* memory) {
  if (memory == nullptr) {
    return;
  }
  Header* header = static_cast<Header*>(memory) - 1;
  if (header->size == sizeof(wbcAuthUserInfo)) {
    const auto& key = static_cast<wbcAuthUserInfo*>(memory)->user_session_key;
    if (std::any_of(key, std::end(key), [](std::uint8_t byte) { return byte != 0; })) {
      ++the_double.keys_left;
    }
  }
  --the_double.memory;
  std::free(header);
}

EXPORT wbcErr wbcCtxPing(wbcContext* context) {
  const Busy busy(context);
  return the_double.ping();
}

EXPORT wbcErr wbcCtxInterfaceDetails(wbcContext* context, struct wbcInterfaceDetails** details) {
  const Busy busy(context);
  return the_double.interface_details(details);
}

EXPORT wbcErr wbcCtxAuthenticateUserEx(wbcContext* context, const wbcAuthUserParams* params,
                                       wbcAuthUserInfo** info, wbcAuthErrorInfo** error) {
  const Busy busy(context);
  const int running = ++the_double.running;
  int most = the_double.most_running;
  while (running > most && !the_double.most_running.compare_exchange_weak(most, running)) {
  }
  const wbcErr outcome = the_double.authenticate(*params, info, error);
  --the_double.running;
  return outcome;
}

// As the real one, it never writes the number of domains.
EXPORT wbcErr wbcCtxLookupSids(wbcContext* context, const wbcDomainSid* sids, int count,
                               struct wbcDomainInfo** domains, int*, wbcTranslatedName** names) {
  const Busy busy(context);
  return the_double.lookup_sids(sids, count, domains, names);
}

EXPORT wbcErr wbcCtxCredentialCache(wbcContext* context, wbcCredentialCacheParams* params,
                                    wbcCredentialCacheInfo** info, wbcAuthErrorInfo** error) {
  const Busy busy(context);
  return the_double.credential_cache(*params, info, error);
}

EXPORT wbcErr wbcCtxGetpwuid(wbcContext* context, uid_t user, passwd** entry) {
  const Busy busy(context);
  return the_double.getpwuid(user, entry);
}
