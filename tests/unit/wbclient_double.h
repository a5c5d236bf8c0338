// SPDX-License-Identifier: MIT
// A stand-in for libwbclient: a shared library of its own (wbclient_double.cpp), so that it is
// found as the real one is. Each function does what the test put here. The library counts what it
// gave and got back.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>

// It needs the types above, and says nowhere that it is C.
extern "C" {
#include <wbclient.h>
}

namespace ntlm::test {

struct WbclientDouble {
  std::function<wbcErr()> ping;
  std::function<wbcErr(struct wbcInterfaceDetails**)> interface_details;
  std::function<wbcErr(const wbcAuthUserParams&, wbcAuthUserInfo**, wbcAuthErrorInfo**)>
      authenticate;
  std::function<wbcErr(const wbcDomainSid*, int, struct wbcDomainInfo**, wbcTranslatedName**)>
      lookup_sids;
  std::function<wbcErr(const wbcCredentialCacheParams&, wbcCredentialCacheInfo**,
                       wbcAuthErrorInfo**)>
      credential_cache;
  std::function<wbcErr(uid_t, passwd**)> getpwuid;

  std::atomic<int> refused_contexts{0};  // how many of the next cannot be made
  std::atomic<int> contexts{0};          // made and not yet freed
  std::atomic<int> memory{0};            // given and not yet freed
  std::atomic<int> inside{0};            // calls under way
  std::atomic<int> running{0};           // of those, the ones to authenticate
  std::atomic<int> most_running{0};
  std::atomic<int> shared_contexts{0};  // calls that found their context in another call
  std::atomic<int> keys_left{0};        // accounts that came back with their session key unwiped

  // Memory for an answer, zeroed, to be freed with wbcFreeMemory.
  void* (*allocate)(std::size_t size) = nullptr;
  template <typename T>
  T* make(std::size_t count = 1) {
    return static_cast<T*>(allocate(count * sizeof(T)));
  }
};

}  // namespace ntlm::test

extern "C" ntlm::test::WbclientDouble* wbclient_double();
