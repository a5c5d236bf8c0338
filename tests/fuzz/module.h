// SPDX-License-Identifier: MIT
// For fuzz targets of the module's entry points, which are linked in without the mechglue: a
// private configuration with one account, and both ends of a context.
#pragma once

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "fuzz/check.h"
#include "gssapi_ntlm.h"

namespace ntlm::fuzz {

// Writes the configuration once a process and takes it away at its end.
class PrivateConfiguration {
 public:
  PrivateConfiguration() {
    std::string pattern = "/tmp/ntlm-fuzz-XXXXXX";
    FUZZ_CHECK(mkdtemp(pattern.data()) != nullptr);
    directory_ = pattern;
    write("users", "Domain:User:Password\n");
    write("ntlm.conf", "[ntlm]\n store = text:" + directory_ +
                           "/users\n[policy]\n send_ntlm = allow\n[audit]\n syslog = no\n");
    setenv("GSS_NTLM_CONF", (directory_ + "/ntlm.conf").c_str(), 1);
  }
  PrivateConfiguration(const PrivateConfiguration&) = delete;
  PrivateConfiguration& operator=(const PrivateConfiguration&) = delete;
  ~PrivateConfiguration() {
    unlink((directory_ + "/users").c_str());
    unlink((directory_ + "/ntlm.conf").c_str());
    rmdir(directory_.c_str());
  }

 private:
  void write(const char* name, const std::string& text) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    chmod(path.c_str(), 0600);
  }
  std::string directory_;
};

inline void configure() { static const PrivateConfiguration once; }

// Both ends; an exchange's first `legs` calls (4 make it complete) are made.
class Pair {
 public:
  explicit Pair(int legs = 4) {
    OM_uint32 minor = 0;
    char user[] = "Domain\\User";
    gss_buffer_desc text{sizeof user - 1, user};
    gss_key_value_element_desc password{GSS_NTLM_CS_PASSWORD, "Password"};
    const gss_key_value_set_desc store{1, &password};
    gss_name_t name = GSS_C_NO_NAME;
    FUZZ_CHECK(gss_import_name(&minor, &text, GSS_C_NT_USER_NAME, &name) == GSS_S_COMPLETE);
    gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
    FUZZ_CHECK(gss_acquire_cred_from(&minor, name, 0, GSS_C_NO_OID_SET, GSS_C_INITIATE, &store,
                                     &credential, nullptr, nullptr) == GSS_S_COMPLETE);
    gss_buffer_desc there = GSS_C_EMPTY_BUFFER;
    gss_buffer_desc back = GSS_C_EMPTY_BUFFER;
    for (int leg = 0; leg < legs; ++leg) {
      if (leg % 2 == 0) {
        FUZZ_CHECK(!GSS_ERROR(gss_init_sec_context(
            &minor, credential, &initiator, GSS_C_NO_NAME, GSS_C_NO_OID, GSS_C_CONF_FLAG, 0,
            GSS_C_NO_CHANNEL_BINDINGS, &back, nullptr, &there, nullptr, nullptr)));
        free(back.value);
        back = GSS_C_EMPTY_BUFFER;
      } else {
        FUZZ_CHECK(!GSS_ERROR(gss_accept_sec_context(&minor, &acceptor, GSS_C_NO_CREDENTIAL, &there,
                                                     GSS_C_NO_CHANNEL_BINDINGS, nullptr, nullptr,
                                                     &back, nullptr, nullptr, nullptr)));
        free(there.value);
        there = GSS_C_EMPTY_BUFFER;
      }
    }
    free(there.value);
    free(back.value);
    gss_release_cred(&minor, &credential);
    gss_release_name(&minor, &name);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    OM_uint32 minor = 0;
    gss_delete_sec_context(&minor, &initiator, GSS_C_NO_BUFFER);
    gss_delete_sec_context(&minor, &acceptor, GSS_C_NO_BUFFER);
  }

  gss_ctx_id_t initiator = GSS_C_NO_CONTEXT;
  gss_ctx_id_t acceptor = GSS_C_NO_CONTEXT;
};

}  // namespace ntlm::fuzz
