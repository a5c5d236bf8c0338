// SPDX-License-Identifier: MIT
// libwbclient, loaded when a store first asks: nobody else pays for it. Once loaded it stays.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

// wbclient.h wants the types of <cstdint> and <sys/types.h> to be there already.
// clang-format off
#include <sys/types.h>
#include <wbclient.h>
// clang-format on

namespace ntlm::store {

// The functions of libwbclient that are used (Samba 4.3 and later have them).
struct Wbclient {
  decltype(&::wbcCtxCreate) create;
  decltype(&::wbcCtxFree) free;
  decltype(&::wbcFreeMemory) free_memory;
  decltype(&::wbcCtxPing) ping;
  decltype(&::wbcCtxInterfaceDetails) interface_details;
  decltype(&::wbcCtxAuthenticateUserEx) authenticate;
  decltype(&::wbcCtxLookupSids) lookup_sids;
  decltype(&::wbcCtxCredentialCache) credential_cache;
  decltype(&::wbcCtxGetpwuid) getpwuid;
};

// kAuthorityDown when the library cannot be loaded or is too old.
Result<Wbclient> load_wbclient(const char* library);

// Records the sentence as the store fault (store/faults.h) and returns the error.
tl::unexpected<Error> winbind_fault(Errc code, const char* where, const std::string& sentence);

// Memory that libwbclient gave.
template <typename T>
class WbcMemory {
 public:
  explicit WbcMemory(const Wbclient& functions) : functions_(&functions) {}
  ~WbcMemory() { functions_->free_memory(memory_); }
  WbcMemory(const WbcMemory&) = delete;
  WbcMemory& operator=(const WbcMemory&) = delete;
  T** out() { return &memory_; }
  T* get() const { return memory_; }
  T* operator->() const { return memory_; }
  explicit operator bool() const { return memory_ != nullptr; }

 private:
  const Wbclient* functions_;
  T* memory_ = nullptr;
};

}  // namespace ntlm::store
