// SPDX-License-Identifier: MIT
#include "store/winbind_library.h"

#include <dlfcn.h>

#include "store/faults.h"

namespace ntlm::store {
namespace {

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

bool bind(void* library, Wbclient& out) {
  return find(library, "wbcCtxCreate", out.create) && find(library, "wbcCtxFree", out.free) &&
         find(library, "wbcFreeMemory", out.free_memory) && find(library, "wbcCtxPing", out.ping) &&
         find(library, "wbcCtxInterfaceDetails", out.interface_details) &&
         find(library, "wbcCtxAuthenticateUserEx", out.authenticate) &&
         find(library, "wbcCtxLookupSids", out.lookup_sids) &&
         find(library, "wbcCtxCredentialCache", out.credential_cache) &&
         find(library, "wbcCtxGetpwuid", out.getpwuid);
}

}  // namespace

Result<Wbclient> load_wbclient(const char* library) {
  void* loaded = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (loaded == nullptr) {
    return winbind_fault(Errc::kAuthorityDown, "winbind.dlopen", ::dlerror());
  }
  Wbclient functions;
  if (!bind(loaded, functions)) {
    const std::string why = ::dlerror();
    ::dlclose(loaded);
    return winbind_fault(Errc::kAuthorityDown, "winbind.dlsym", library + (" is too old: " + why));
  }
  return functions;
}

tl::unexpected<Error> winbind_fault(Errc code, const char* where, const std::string& sentence) {
  record_store_fault("winbind: " + sentence);
  return fail(code, where);
}

}  // namespace ntlm::store
