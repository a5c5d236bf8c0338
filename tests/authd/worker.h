// SPDX-License-Identifier: MIT
// Logons through the mechglue, in this process as both ends.
#pragma once

#include "abi/exchange.h"
#include "authd/daemon.h"
#include "gssapi_ntlm.h"

namespace ntlm::test {

inline gss_OID_desc g_spnego{6, const_cast<char*>("\x2b\x06\x01\x05\x05\x02")};
inline gss_OID_set_desc g_only_spnego{1, &g_spnego};

inline Credential initiator(std::string_view user, std::string_view password,
                            gss_OID_set mechanisms = &g_only_ntlm) {
  Name name = import(user);
  gss_buffer_desc secret = buffer(password);
  Credential credential;
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_acquire_cred_with_password(&minor, name.get(), &secret, 0, mechanisms,
                                           GSS_C_INITIATE, credential.out(), nullptr, nullptr),
            GSS_S_COMPLETE);
  return credential;
}

struct Outcome {
  OM_uint32 major = 0, minor = 0;
  bool operator==(const Outcome&) const = default;
};
inline void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << std::hex << outcome.major << " " << outcome.minor;
}
inline constexpr Outcome kComplete{GSS_S_COMPLETE, 0};

// Two ends whose legs a test makes one by one.
struct Legs {
  Context initiator, acceptor;
  Buffer to_acceptor, to_initiator;
  Name source;
  OM_uint32 flags = 0;

  Outcome initiate(gss_cred_id_t credential, OM_uint32 wanted = kProtected,
                   gss_channel_bindings_t bindings = GSS_C_NO_CHANNEL_BINDINGS,
                   const char* service = "HTTP@host.test.example") {
    Name target = import(service, GSS_C_NT_HOSTBASED_SERVICE);
    Outcome outcome;
    outcome.major = gss_init_sec_context(&outcome.minor, credential, &initiator.get(), target.get(),
                                         &g_ntlm, wanted, 0, bindings, &to_initiator.get(), nullptr,
                                         to_acceptor.out(), nullptr, nullptr);
    return outcome;
  }
  Outcome accept(gss_channel_bindings_t bindings = GSS_C_NO_CHANNEL_BINDINGS,
                 gss_cred_id_t credential = GSS_C_NO_CREDENTIAL) {
    Outcome outcome;
    outcome.major = gss_accept_sec_context(&outcome.minor, &acceptor.get(), credential,
                                           &to_acceptor.get(), bindings, source.out(), nullptr,
                                           to_initiator.out(), &flags, nullptr, nullptr);
    return outcome;
  }
  // Up to CHALLENGE and the initiator's last token.
  Outcome half(gss_cred_id_t credential, OM_uint32 wanted = kProtected,
               gss_channel_bindings_t bindings = GSS_C_NO_CHANNEL_BINDINGS,
               const char* service = "HTTP@host.test.example",
               gss_cred_id_t accepting = GSS_C_NO_CREDENTIAL) {
    EXPECT_EQ(initiate(credential, wanted, bindings, service).major, GSS_S_CONTINUE_NEEDED);
    const Outcome outcome = accept(bindings, accepting);
    if (outcome.major == GSS_S_CONTINUE_NEEDED) {
      EXPECT_EQ(initiate(credential, wanted, bindings, service).major, GSS_S_COMPLETE);
    }
    return outcome;
  }
};

// The acceptor's last status.
inline Outcome login(std::string_view user = "TEST\\alice", std::string_view password = "Secret1",
                     OM_uint32 wanted = kProtected,
                     const char* service = "HTTP@host.test.example") {
  Credential credential = initiator(user, password);
  Legs legs;
  const Outcome half = legs.half(credential.get(), wanted, GSS_C_NO_CHANNEL_BINDINGS, service);
  return half.major == GSS_S_CONTINUE_NEEDED ? legs.accept() : half;
}

inline std::string shown(gss_name_t name) {
  Buffer out;
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_display_name(&minor, name, out.out(), nullptr), GSS_S_COMPLETE);
  return text(out);
}

}  // namespace ntlm::test
