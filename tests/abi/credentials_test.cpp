// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "abi/exchange.h"

namespace ntlm::test {
namespace {

OM_uint32 acquire(gss_name_t name, gss_cred_usage_t usage, Credential& credential,
                  OM_uint32* lifetime = nullptr) {
  OM_uint32 minor = 0;
  return gss_acquire_cred(&minor, name, 0, &g_only_ntlm, usage, credential.out(), nullptr,
                          lifetime);
}

using Store = std::vector<std::pair<const char*, std::string>>;
OM_uint32 acquire_from(gss_name_t name, gss_cred_usage_t usage, const Store& store,
                       Credential& credential) {
  std::vector<gss_key_value_element_desc> elements;
  for (const auto& [key, value] : store) {
    elements.push_back({key, value.c_str()});
  }
  const gss_key_value_set_desc set{static_cast<OM_uint32>(elements.size()), elements.data()};
  OM_uint32 minor = 0;
  return gss_acquire_cred_from(&minor, name, 0, &g_only_ntlm, usage, &set, credential.out(),
                               nullptr, nullptr);
}

OM_uint32 acquire_with_password(gss_name_t name, std::string_view password,
                                Credential& credential) {
  gss_buffer_desc secret = buffer(password);
  OM_uint32 minor = 0;
  return gss_acquire_cred_with_password(&minor, name, &secret, 0, &g_only_ntlm, GSS_C_INITIATE,
                                        credential.out(), nullptr, nullptr);
}

struct Facts {
  std::string name;
  gss_OID type = GSS_C_NO_OID;
  OM_uint32 lifetime = 0;
  gss_cred_usage_t usage = -1;
};
Facts facts_of(Credential& credential) {
  Facts facts;
  Name name;
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_inquire_cred(&minor, credential.get(), name.out(), &facts.lifetime, &facts.usage,
                             nullptr),
            GSS_S_COMPLETE);
  Buffer shown;
  EXPECT_EQ(gss_display_name(&minor, name.get(), shown.out(), &facts.type), GSS_S_COMPLETE);
  facts.name = text(shown);
  return facts;
}

class Credentials : public testing::Test {
 protected:
  Accounts accounts_;
};

TEST_F(Credentials, AnInitiatorWithoutASecretFailsWhenItIsAcquired) {
  unsetenv("NTLM_USER_FILE");
  Credential credential;
  EXPECT_EQ(acquire(GSS_C_NO_NAME, GSS_C_INITIATE, credential), GSS_S_NO_CRED);
  EXPECT_EQ(acquire(GSS_C_NO_NAME, GSS_C_BOTH, credential), GSS_S_NO_CRED);
  EXPECT_EQ(acquire(GSS_C_NO_NAME, GSS_C_ACCEPT, credential), GSS_S_COMPLETE);
}

TEST_F(Credentials, AnInitiatorWhoseNameTheFileDoesNotHave) {
  Name name = import("TEST\\mallory");
  Credential credential;
  EXPECT_EQ(acquire(name.get(), GSS_C_INITIATE, credential), GSS_S_NO_CRED);
}

TEST_F(Credentials, TheDefaultInitiatorIsTheFirstOfTheFileAndANameChoosesAnother) {
  Credential credential;
  ASSERT_EQ(acquire(GSS_C_NO_NAME, GSS_C_INITIATE, credential), GSS_S_COMPLETE);
  EXPECT_EQ(facts_of(credential).name, "TEST\\alice");
  Name name = import("TEST\\bob");
  ASSERT_EQ(acquire(name.get(), GSS_C_INITIATE, credential), GSS_S_COMPLETE);
  EXPECT_EQ(facts_of(credential).name, "TEST\\bob");
  auto exchange = establish(kProtected, credential.get());
  ASSERT_TRUE(exchange);
}

TEST_F(Credentials, AnUnnamedAcceptorHasANameThatImportsAgain) {
  Credential credential;
  OM_uint32 lifetime = 0;
  ASSERT_EQ(acquire(GSS_C_NO_NAME, GSS_C_ACCEPT, credential, &lifetime), GSS_S_COMPLETE);
  const Facts facts = facts_of(credential);
  EXPECT_EQ(facts.name, "host@host.test.example");
  EXPECT_TRUE(gss_oid_equal(facts.type, GSS_C_NT_HOSTBASED_SERVICE));
  EXPECT_EQ(facts.usage, GSS_C_ACCEPT);
  import(facts.name, facts.type);
  EXPECT_GT(lifetime, 0U);
  EXPECT_EQ(lifetime, 36U * 3600U);
}

TEST_F(Credentials, BothIsReallyBoth) {
  Credential credential;
  ASSERT_EQ(acquire(GSS_C_NO_NAME, GSS_C_BOTH, credential), GSS_S_COMPLETE);
  EXPECT_EQ(facts_of(credential).usage, GSS_C_BOTH);
  EXPECT_TRUE(establish(kProtected, credential.get(), credential.get()));
}

TEST_F(Credentials, ACredentialIsOnlyForItsUsage) {
  Credential initiator, acceptor;
  ASSERT_EQ(acquire(GSS_C_NO_NAME, GSS_C_INITIATE, initiator), GSS_S_COMPLETE);
  ASSERT_EQ(acquire(GSS_C_NO_NAME, GSS_C_ACCEPT, acceptor), GSS_S_COMPLETE);
  OM_uint32 status = 0;
  EXPECT_FALSE(establish(0, acceptor.get(), acceptor.get(), &status));
  EXPECT_EQ(status, GSS_S_NO_CRED);
  EXPECT_FALSE(establish(0, initiator.get(), initiator.get(), &status));
  EXPECT_EQ(status, GSS_S_NO_CRED);
}

TEST_F(Credentials, APasswordOfTheRightLengthWithoutANul) {
  Name name = import("TEST\\alice");
  Credential right, longer, shorter;
  const std::string memory = "Secret1Secret2";
  ASSERT_EQ(acquire_with_password(name.get(), std::string_view(memory).substr(0, 7), right),
            GSS_S_COMPLETE);
  ASSERT_EQ(acquire_with_password(name.get(), std::string_view(memory).substr(0, 8), longer),
            GSS_S_COMPLETE);
  ASSERT_EQ(acquire_with_password(name.get(), std::string_view(memory).substr(0, 6), shorter),
            GSS_S_COMPLETE);
  EXPECT_TRUE(establish(kProtected, right.get()));
  OM_uint32 status = 0;
  EXPECT_FALSE(establish(kProtected, longer.get(), GSS_C_NO_CREDENTIAL, &status));
  EXPECT_EQ(status, GSS_S_FAILURE);
  EXPECT_FALSE(establish(kProtected, shorter.get(), GSS_C_NO_CREDENTIAL, &status));
  EXPECT_EQ(status, GSS_S_FAILURE);
}

TEST_F(Credentials, APasswordWithoutAName) {
  Credential credential;
  EXPECT_TRUE(GSS_ERROR(acquire_with_password(GSS_C_NO_NAME, "Secret1", credential)));
  EXPECT_EQ(credential.get(), GSS_C_NO_CREDENTIAL);
}

TEST_F(Credentials, KeysOfTheCredentialStore) {
  Name name = import("alice");
  Credential credential;
  ASSERT_EQ(acquire_from(name.get(), GSS_C_INITIATE,
                         {{"ntlmssp_domain", "TEST"}, {"ntlmssp_password", "Secret1"}}, credential),
            GSS_S_COMPLETE);
  EXPECT_EQ(facts_of(credential).name, "TEST\\alice");
  EXPECT_TRUE(establish(kProtected, credential.get()));
  ASSERT_EQ(acquire_from(name.get(), GSS_C_INITIATE, {{"password", "Secret1"}}, credential),
            GSS_S_COMPLETE);
  EXPECT_TRUE(establish(kProtected, credential.get()));
  // MD4 of UTF-16LE "Secret1".
  const Store hash = {{"ntlmssp_domain", "TEST"},
                      {"ntlmssp_nthash", "ED50BDC9FAA370E31AC4EE119FD51F48"}};
  ASSERT_EQ(acquire_from(name.get(), GSS_C_INITIATE, {{"ntlmssp_nthash", "123"}}, credential),
            GSS_S_FAILURE);
  ASSERT_EQ(acquire_from(name.get(), GSS_C_INITIATE, hash, credential), GSS_S_COMPLETE);
  EXPECT_EQ(acquire_from(name.get(), GSS_C_INITIATE, {{"password", "x"}, hash[1]}, credential),
            GSS_S_FAILURE);
}

TEST_F(Credentials, AKeyfileStandsInForTheStores) {
  const std::string file = accounts_.write("other", "TEST:carol:Secret3\n");
  Credential initiator, acceptor;
  ASSERT_EQ(acquire_from(GSS_C_NO_NAME, GSS_C_INITIATE, {{"ntlmssp_keyfile", file}}, initiator),
            GSS_S_COMPLETE);
  EXPECT_EQ(facts_of(initiator).name, "TEST\\carol");
  OM_uint32 status = 0;
  EXPECT_FALSE(establish(kProtected, initiator.get(), GSS_C_NO_CREDENTIAL, &status));
  EXPECT_EQ(status, GSS_S_FAILURE);
  ASSERT_EQ(acquire_from(GSS_C_NO_NAME, GSS_C_ACCEPT, {{"ntlmssp_keyfile", file}}, acceptor),
            GSS_S_COMPLETE);
  EXPECT_TRUE(establish(kProtected, initiator.get(), acceptor.get()));
}

TEST_F(Credentials, TwoKeyfilesAreNotMixedUpAndAChangedOneCounts) {
  const std::string one = accounts_.write("one", "TEST:carol:Secret3\n");
  const std::string two = accounts_.write("two", "TEST:dave:Secret4\n");
  Credential carol, dave, first, second, again;
  ASSERT_EQ(acquire_from(GSS_C_NO_NAME, GSS_C_INITIATE, {{"ntlmssp_keyfile", one}}, carol),
            GSS_S_COMPLETE);
  ASSERT_EQ(acquire_from(GSS_C_NO_NAME, GSS_C_INITIATE, {{"ntlmssp_keyfile", two}}, dave),
            GSS_S_COMPLETE);
  ASSERT_EQ(acquire_from(GSS_C_NO_NAME, GSS_C_ACCEPT, {{"ntlmssp_keyfile", one}}, first),
            GSS_S_COMPLETE);
  ASSERT_EQ(acquire_from(GSS_C_NO_NAME, GSS_C_ACCEPT, {{"ntlmssp_keyfile", two}}, second),
            GSS_S_COMPLETE);
  EXPECT_TRUE(establish(kProtected, carol.get(), first.get()));
  EXPECT_FALSE(establish(kProtected, dave.get(), first.get()));
  EXPECT_TRUE(establish(kProtected, dave.get(), second.get()));
  EXPECT_FALSE(establish(kProtected, carol.get(), second.get()));
  accounts_.write("one", "TEST:carol:another password\n");
  ASSERT_EQ(acquire_from(GSS_C_NO_NAME, GSS_C_ACCEPT, {{"ntlmssp_keyfile", one}}, again),
            GSS_S_COMPLETE);
  EXPECT_FALSE(establish(kProtected, carol.get(), again.get()));
}

TEST_F(Credentials, KeysOfOtherMechanismsDisturbNothing) {
  Credential credential;
  EXPECT_EQ(acquire_from(GSS_C_NO_NAME, GSS_C_ACCEPT,
                         {{"keytab", "/nonexistent"}, {"ccache", "FILE:/none"}}, credential),
            GSS_S_COMPLETE);
}

TEST_F(Credentials, NoSignNorSealUnlessAskedAfterNoCiFlags) {
  Credential credential;
  ASSERT_EQ(acquire(GSS_C_NO_NAME, GSS_C_INITIATE, credential), GSS_S_COMPLETE);
  gss_OID_desc option{6, const_cast<char*>("\x2a\x85\x70\x2b\x0d\x1d")};
  gss_buffer_desc nothing = GSS_C_EMPTY_BUFFER;
  OM_uint32 minor = 0;
  ASSERT_EQ(gss_set_cred_option(&minor, &credential.get(), &option, &nothing), GSS_S_COMPLETE);
  auto exchange = establish(0, credential.get());
  ASSERT_TRUE(exchange);
  EXPECT_EQ(exchange->acceptor_flags & kProtected, 0U);
  Buffer token;
  gss_buffer_desc message = buffer("x");
  EXPECT_EQ(gss_get_mic(&minor, exchange->acceptor.get(), 0, &message, token.out()),
            GSS_S_UNAVAILABLE);
  exchange = establish(kProtected, credential.get());
  ASSERT_TRUE(exchange);
  EXPECT_EQ(exchange->acceptor_flags & kProtected, kProtected);
}

TEST_F(Credentials, UnknownOptionsAreUnavailable) {
  Credential credential;
  ASSERT_EQ(acquire(GSS_C_NO_NAME, GSS_C_INITIATE, credential), GSS_S_COMPLETE);
  gss_OID_desc option{3, const_cast<char*>("\x2a\x03\x04")};
  gss_buffer_desc nothing = GSS_C_EMPTY_BUFFER;
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_set_cred_option(&minor, &credential.get(), &option, &nothing), GSS_S_UNAVAILABLE);
}

std::string exported(Credential& credential) {
  Buffer token;
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_export_cred(&minor, credential.get(), token.out()), GSS_S_COMPLETE);
  return text(token);
}

OM_uint32 import_credential(std::string token, Credential& credential) {
  gss_buffer_desc in = buffer(token);
  OM_uint32 minor = 0;
  return gss_import_cred(&minor, &in, credential.out());
}

TEST_F(Credentials, AnExportedCredentialInitiatesAndAcceptsWhereItArrives) {
  Credential credential;
  ASSERT_EQ(acquire(GSS_C_NO_NAME, GSS_C_BOTH, credential), GSS_S_COMPLETE);
  const std::string token = exported(credential);
  unsetenv("NTLM_USER_FILE");
  Credential back;
  ASSERT_EQ(import_credential(token, back), GSS_S_COMPLETE);
  EXPECT_EQ(facts_of(back).name, "TEST\\alice");
  EXPECT_EQ(facts_of(back).usage, GSS_C_BOTH);
  setenv("NTLM_USER_FILE", accounts_.write("users", "TEST:alice:Secret1\n").c_str(), 1);
  EXPECT_TRUE(establish(kProtected, back.get()));
}

TEST_F(Credentials, ExportedCredentialWithAnyBitFlippedOrCutAnywhere) {
  Credential credential, back;
  ASSERT_EQ(acquire(GSS_C_NO_NAME, GSS_C_INITIATE, credential), GSS_S_COMPLETE);
  const std::string token = exported(credential);
  // Behind the mechglue's own head: the length and bytes of the mechanism's OID, and a length.
  for (std::size_t i = 18; i < token.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string altered = token;
      altered[i] = static_cast<char>(altered[i] ^ (1 << bit));
      ASSERT_EQ(import_credential(altered, back), GSS_S_DEFECTIVE_TOKEN) << i << "." << bit;
    }
  }
  for (std::size_t size = 0; size < token.size(); ++size) {
    ASSERT_TRUE(GSS_ERROR(import_credential(token.substr(0, size), back)) || size == 0) << size;
  }
}

TEST_F(Credentials, ATransferKeySealsAndThenOnlySealedOnesAreTaken) {
  Credential credential, back;
  ASSERT_EQ(acquire(GSS_C_NO_NAME, GSS_C_INITIATE, credential), GSS_S_COMPLETE);
  const std::string plain = exported(credential);
  EXPECT_NE(plain.find("alice"), std::string::npos);
  const std::string key = accounts_.write("key", std::string(64, 'a') + "\n");
  accounts_.configure("sealed.conf", "[ntlm]\n transfer_key = " + key + "\n");
  EXPECT_EQ(import_credential(plain, back), GSS_S_DEFECTIVE_TOKEN);
  const std::string sealed = exported(credential);
  EXPECT_EQ(sealed.find("alice"), std::string::npos);
  EXPECT_EQ(import_credential(sealed, back), GSS_S_COMPLETE);
  const std::string other = accounts_.write("other-key", std::string(64, 'b') + "\n");
  accounts_.configure("other.conf", "[ntlm]\n transfer_key = " + other + "\n");
  EXPECT_EQ(import_credential(sealed, back), GSS_S_DEFECTIVE_TOKEN);
  const std::string bad = accounts_.write("bad-key", "short");
  accounts_.configure("bad.conf", "[ntlm]\n transfer_key = " + bad + "\n");
  EXPECT_EQ(import_credential(sealed, back), GSS_S_FAILURE);
}

}  // namespace
}  // namespace ntlm::test
