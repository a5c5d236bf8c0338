// SPDX-License-Identifier: MIT
// The exported functions of gss_ntlm.so themselves, without the mechglue's checks in front.
#pragma once

#include <dlfcn.h>
#include <gtest/gtest.h>

#include "abi/exchange.h"
#include "abi/gssapi.h"

namespace ntlm::test {

inline void* module() {
  static void* const handle = dlopen(NTLM_MODULE, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    ADD_FAILURE() << dlerror();
  }
  return handle;
}

template <typename Function>
Function* entry(const char* name) {
  void* const symbol = dlsym(module(), name);
  if (symbol == nullptr) {
    ADD_FAILURE() << name;
  }
  return reinterpret_cast<Function*>(symbol);
}

// NTLM_ENTRY(gss_wrap)(&minor, …) calls the module's gss_wrap.
#define NTLM_ENTRY(name) (*::ntlm::test::entry<decltype(name)>(#name))

}  // namespace ntlm::test
