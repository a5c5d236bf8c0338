// SPDX-License-Identifier: MIT
// SPNEGO around the mechanism (R50): an AUTHENTICATE with a MIC makes the mechanism list be signed
// ([MS-SPNG] 3.3.5.1, RFC 4178 5), and whoever alters or strips that signature does not get in.
#include <gtest/gtest.h>

#include <functional>

#include "abi/exchange.h"
#include "base/bytes.h"

namespace ntlm::test {
namespace {

gss_OID_desc g_spnego{6, const_cast<char*>("\x2b\x06\x01\x05\x05\x02")};
gss_OID_set_desc g_only_spnego{1, &g_spnego};

Credential spnego_credential(gss_cred_usage_t usage) {
  Credential credential;
  OM_uint32 minor = 0;
  Name name = usage == GSS_C_INITIATE ? import("TEST\\alice") : Name();
  gss_buffer_desc secret = buffer("Secret1");
  const OM_uint32 major =
      usage == GSS_C_INITIATE
          ? gss_acquire_cred_with_password(&minor, name.get(), &secret, 0, &g_only_spnego, usage,
                                           credential.out(), nullptr, nullptr)
          : gss_acquire_cred(&minor, GSS_C_NO_NAME, 0, &g_only_spnego, usage, credential.out(),
                             nullptr, nullptr);
  EXPECT_EQ(major, GSS_S_COMPLETE);
  EXPECT_EQ(gss_set_neg_mechs(&minor, credential.get(), &g_only_ntlm), GSS_S_COMPLETE);
  return credential;
}

// Runs an exchange; `change` may alter the initiator's token that carries AUTHENTICATE. True: both
// ends are complete.
bool exchange(const std::function<void(Bytes&)>& change) {
  Credential initiates = spnego_credential(GSS_C_INITIATE);
  Credential accepts = spnego_credential(GSS_C_ACCEPT);
  Name target = import("HTTP@localhost", GSS_C_NT_HOSTBASED_SERVICE);
  Context initiator, acceptor;
  Bytes there, back;
  OM_uint32 minor = 0;
  OM_uint32 initiated = GSS_S_CONTINUE_NEEDED, accepted = GSS_S_CONTINUE_NEEDED;
  for (int leg = 0; initiated == GSS_S_CONTINUE_NEEDED || accepted == GSS_S_CONTINUE_NEEDED;
       ++leg) {
    if (initiated == GSS_S_CONTINUE_NEEDED) {
      gss_buffer_desc in{back.size(), back.data()};
      Buffer out;
      initiated =
          gss_init_sec_context(&minor, initiates.get(), &initiator.get(), target.get(), &g_spnego,
                               GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS,
                               &in, nullptr, out.out(), nullptr, nullptr);
      if (GSS_ERROR(initiated)) return false;
      const auto* bytes = static_cast<const std::uint8_t*>(out.get().value);
      there.assign(bytes, bytes + out.get().length);
      if (leg == 1) change(there);
    }
    if (accepted == GSS_S_CONTINUE_NEEDED) {
      gss_buffer_desc in{there.size(), there.data()};
      Buffer out;
      accepted = gss_accept_sec_context(&minor, &acceptor.get(), accepts.get(), &in,
                                        GSS_C_NO_CHANNEL_BINDINGS, nullptr, nullptr, out.out(),
                                        nullptr, nullptr, nullptr);
      if (GSS_ERROR(accepted)) return false;
      const auto* bytes = static_cast<const std::uint8_t*>(out.get().value);
      back.assign(bytes, bytes + out.get().length);
    }
    if (leg > 4) return false;
  }
  return true;
}

// [3] mechListMIC at the end of NegTokenResp: a3 12 04 10, then 16 bytes.
constexpr std::size_t kMechListMic = 20;
bool has_mech_list_mic(const Bytes& token) {
  return token.size() > kMechListMic && token[token.size() - kMechListMic] == 0xa3 &&
         token[token.size() - kMechListMic + 1] == 0x12;
}

// SPNEGO asks Kerberos about the names too, which must not go and ask a name server.
class Spnego : public testing::Test {
 protected:
  Spnego() {
    setenv("KRB5_CONFIG",
           accounts_
               .write("krb5.conf",
                      "[libdefaults]\n default_realm = TEST.EXAMPLE\n dns_lookup_kdc = false\n"
                      " dns_lookup_realm = false\n dns_canonicalize_hostname = false\n")
               .c_str(),
           1);
  }
  ~Spnego() override { unsetenv("KRB5_CONFIG"); }
  const Accounts accounts_;
};

TEST_F(Spnego, MechanismListIsSigned) {
  EXPECT_TRUE(exchange([](Bytes& token) { EXPECT_TRUE(has_mech_list_mic(token)); }));
}

TEST_F(Spnego, AlteredMechanismListMic) {
  for (std::size_t byte = 1; byte <= 16; ++byte) {
    EXPECT_FALSE(exchange([byte](Bytes& token) { token[token.size() - byte] ^= 1; })) << byte;
  }
}

// The signature cut out and the lengths of the DER around it put right: 30 82 xx xx inside a1 82 xx
// xx.
TEST_F(Spnego, StrippedMechanismListMic) {
  EXPECT_FALSE(exchange([](Bytes& token) {
    ASSERT_TRUE(has_mech_list_mic(token));
    token.resize(token.size() - kMechListMic);
    for (const std::size_t at : {2u, 6u}) {
      ASSERT_EQ(token[at - 1], 0x82);
      const std::size_t length =
          static_cast<std::size_t>(token[at] << 8 | token[at + 1]) - kMechListMic;
      token[at] = static_cast<std::uint8_t>(length >> 8);
      token[at + 1] = static_cast<std::uint8_t>(length);
    }
  }));
}

}  // namespace
}  // namespace ntlm::test
