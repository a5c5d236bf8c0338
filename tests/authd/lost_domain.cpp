// SPDX-License-Identifier: MIT
// A stand-in for libwbclient, for the daemon: a winbindd that answers at once, but for users of
// domains whose name begins with LOST, and of host.test.example, as others call this host: their
// controllers never do. CORP says no to everybody. While there is a file of the name in
// LOST_DOMAIN_STOPPED, winbindd does not run.
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

// It needs the types above, and says nowhere that it is C.
extern "C" {
#include <wbclient.h>
}

struct wbcContext {
  int nothing;
};

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

template <typename T>
T* make() {
  return static_cast<T*>(std::calloc(1, sizeof(T)));
}

// They are only read.
char* text(const char* literal) { return const_cast<char*>(literal); }

}  // namespace

EXPORT wbcContext* wbcCtxCreate() { return make<wbcContext>(); }
EXPORT void wbcCtxFree(wbcContext* context) { std::free(context); }
EXPORT void wbcFreeMemory(void* memory) { std::free(memory); }
EXPORT wbcErr wbcCtxPing(wbcContext*) { return WBC_ERR_SUCCESS; }

EXPORT wbcErr wbcCtxInterfaceDetails(wbcContext*, struct wbcInterfaceDetails** details) {
  const char* file = std::getenv("LOST_DOMAIN_STOPPED");
  if (const int fd = file != nullptr ? ::open(file, O_RDONLY | O_CLOEXEC) : -1; fd >= 0) {
    ::close(fd);
    return WBC_ERR_WINBIND_NOT_AVAILABLE;
  }
  *details = make<struct wbcInterfaceDetails>();
  (*details)->winbind_separator = '\\';
  (*details)->netbios_name = text("HOST");
  (*details)->netbios_domain = text("TEST");
  (*details)->dns_domain = text("corp.example");
  return WBC_ERR_SUCCESS;
}

EXPORT wbcErr wbcCtxAuthenticateUserEx(wbcContext*, const wbcAuthUserParams* params,
                                       wbcAuthUserInfo**, wbcAuthErrorInfo** error) {
  if (std::strncmp(params->domain_name, "LOST", 4) == 0 ||
      std::strcmp(params->domain_name, "host.test.example") == 0) {
    ::sleep(60);
  }
  *error = make<wbcAuthErrorInfo>();
  (*error)->nt_status = 0xC000006A;  // STATUS_WRONG_PASSWORD
  (*error)->authoritative = 1;
  return WBC_ERR_AUTH_ERROR;
}

EXPORT wbcErr wbcCtxLookupSids(wbcContext*, const wbcDomainSid*, int, struct wbcDomainInfo**, int*,
                               wbcTranslatedName**) {
  return WBC_ERR_NOT_IMPLEMENTED;
}
EXPORT wbcErr wbcCtxCredentialCache(wbcContext*, wbcCredentialCacheParams*,
                                    wbcCredentialCacheInfo**, wbcAuthErrorInfo**) {
  return WBC_ERR_NOT_IMPLEMENTED;
}
EXPORT wbcErr wbcCtxGetpwuid(wbcContext*, uid_t, passwd**) { return WBC_ERR_NOT_IMPLEMENTED; }
