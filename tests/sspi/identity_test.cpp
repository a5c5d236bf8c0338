// SPDX-License-Identifier: MIT
// Identities in all their forms: facts 79 to 85, and blocks that lie about themselves.
#include <string.h>

#include <random>

#include "support.h"

namespace sspi_test {
namespace {

using Opaque = PSEC_WINNT_AUTH_IDENTITY_OPAQUE;

struct Freed {
  Opaque id = nullptr;
  ~Freed() { SspiFreeAuthIdentity(id); }
};

std::u16string taken(PCWSTR text) {
  const std::u16string copy = text != nullptr ? text : u"(null)";
  SspiLocalFree(const_cast<WCHAR*>(text));
  return copy;
}

TEST(Encode, NothingAtAllIsAnInvalidToken) {
  EXPECT_EQ(SspiEncodeStringsAsAuthIdentity(nullptr, nullptr, nullptr, nullptr),
            SEC_E_INVALID_TOKEN);
  auto* const untouched = reinterpret_cast<Opaque>(0x1234);
  Opaque id = untouched;
  EXPECT_EQ(SspiEncodeStringsAsAuthIdentity(nullptr, nullptr, nullptr, &id), SEC_E_INVALID_TOKEN);
  EXPECT_EQ(id, untouched);
}

TEST(Encode, AnyOnePartIsEnoughAndAbsentPartsComeBackNull) {
  for (int part = 0; part < 3; ++part) {
    Freed block;
    ASSERT_EQ(
        SspiEncodeStringsAsAuthIdentity(part == 0 ? u"user" : nullptr, part == 1 ? u"dom" : nullptr,
                                        part == 2 ? u"pass" : nullptr, &block.id),
        SEC_E_OK);
    PCWSTR user, domain, password;
    ASSERT_EQ(SspiEncodeAuthIdentityAsStrings(block.id, &user, &domain, &password), SEC_E_OK);
    EXPECT_EQ(taken(user), part == 0 ? u"user" : u"(null)");
    EXPECT_EQ(taken(domain), part == 1 ? u"dom" : u"(null)");
    EXPECT_EQ(taken(password), part == 2 ? u"pass" : u"(null)");
  }
}

TEST(Encode, InvalidAndTooLongTextIsRefused) {
  Freed block;
  const WCHAR lone[] = {0xDC00, 0};
  EXPECT_EQ(SspiEncodeStringsAsAuthIdentity(lone, nullptr, nullptr, &block.id),
            SEC_E_UNKNOWN_CREDENTIALS);
  const std::u16string most(256, u'x');
  const std::u16string more(257, u'x');
  EXPECT_EQ(SspiEncodeStringsAsAuthIdentity(more.c_str(), nullptr, nullptr, &block.id),
            SEC_E_UNKNOWN_CREDENTIALS);
  EXPECT_EQ(SspiEncodeStringsAsAuthIdentity(most.c_str(), most.c_str(), most.c_str(), &block.id),
            SEC_E_OK);
}

TEST(Block, IsCopiedComparedMarshalledAndValidated) {
  Freed one, copy, other, back;
  ASSERT_EQ(SspiEncodeStringsAsAuthIdentity(u"User", u"Dom", u"secret", &one.id), SEC_E_OK);
  ASSERT_EQ(SspiCopyAuthIdentity(one.id, &copy.id), SEC_E_OK);
  ASSERT_EQ(SspiEncodeStringsAsAuthIdentity(u"uSER", u"dOM", u"other", &other.id), SEC_E_OK);
  BOOLEAN user = 9, identity = 9;
  ASSERT_EQ(SspiCompareAuthIdentities(one.id, copy.id, &user, &identity), SEC_E_OK);
  EXPECT_TRUE(user && identity);
  ASSERT_EQ(SspiCompareAuthIdentities(one.id, other.id, &user, &identity), SEC_E_OK);
  EXPECT_TRUE(user && !identity);
  ASSERT_EQ(SspiCompareAuthIdentities(one.id, nullptr, &user, nullptr), SEC_E_OK);
  EXPECT_FALSE(user);
  EXPECT_EQ(SspiValidateAuthIdentity(one.id), SEC_E_OK);
  EXPECT_EQ(SspiValidateAuthIdentity(nullptr), SEC_E_UNKNOWN_CREDENTIALS);
  ULONG length = 0;
  char* bytes = nullptr;
  ASSERT_EQ(SspiMarshalAuthIdentity(one.id, &length, &bytes), SEC_E_OK);
  ASSERT_EQ(SspiUnmarshalAuthIdentity(length, bytes, &back.id), SEC_E_OK);
  ASSERT_EQ(SspiCompareAuthIdentities(one.id, back.id, &user, &identity), SEC_E_OK);
  EXPECT_TRUE(user && identity);
  SspiLocalFree(bytes);
}

TEST(Block, ALyingOneIsRefusedAndNeverReadPast) {
  Freed one;
  ASSERT_EQ(SspiEncodeStringsAsAuthIdentity(u"User", u"Dom", u"secret", &one.id), SEC_E_OK);
  ULONG length = 0;
  char* bytes = nullptr;
  ASSERT_EQ(SspiMarshalAuthIdentity(one.id, &length, &bytes), SEC_E_OK);
  for (ULONG cut = 0; cut < length; ++cut) {
    std::vector<char> exact(bytes, bytes + cut);  // the sanitizer sees one byte too far
    Freed out;
    EXPECT_EQ(
        SspiUnmarshalAuthIdentity(cut, exact.data(), &out.id),
        cut == 0 && exact.data() == nullptr ? SEC_E_INVALID_PARAMETER : SEC_E_UNKNOWN_CREDENTIALS);
  }
  std::mt19937 random(3);
  for (int i = 0; i < 20000; ++i) {
    std::vector<char> altered(bytes, bytes + length);
    for (auto n = random() % 3 + 1; n > 0; --n) {
      altered[random() % sizeof(SEC_WINNT_AUTH_IDENTITY_EX2)] = static_cast<char>(random());
    }
    Freed out;
    SspiUnmarshalAuthIdentity(length, altered.data(), &out.id);
  }
  SspiLocalFree(bytes);
}

bool holds(const void* block, std::size_t size, const std::u16string& text) {
  const std::string all(static_cast<const char*>(block), size);
  return all.find(std::string(reinterpret_cast<const char*>(text.data()), text.size() * 2)) !=
         std::string::npos;
}

TEST(Block, IsHiddenShownAndTakenHidden) {
  Freed block;
  ASSERT_EQ(SspiEncodeStringsAsAuthIdentity(u"alice", u"DOM", u"correct horse", &block.id),
            SEC_E_OK);
  const auto has = [&](const std::u16string& text) {
    return holds(block.id, block.id->AuthIdEx2.cbStructureLength, text);
  };
  EXPECT_TRUE(has(u"correct horse"));
  EXPECT_FALSE(SspiIsAuthIdentityEncrypted(block.id));
  ASSERT_EQ(SspiEncryptAuthIdentity(block.id), SEC_E_OK);
  ASSERT_EQ(SspiEncryptAuthIdentity(block.id), SEC_E_OK);  // already so
  EXPECT_TRUE(SspiIsAuthIdentityEncrypted(block.id));
  EXPECT_FALSE(has(u"correct horse"));
  Client client;
  FreeCredentialsHandle(&client.credential);
  ASSERT_EQ(AcquireCredentialsHandleW(nullptr, u"NTLM", SECPKG_CRED_OUTBOUND, nullptr, block.id,
                                      nullptr, nullptr, &client.credential, nullptr),
            SEC_E_OK);
  Server server;
  EXPECT_EQ(exchange(client, server).server, SEC_E_OK) << SspiCompatGetLastText();
  ASSERT_EQ(SspiDecryptAuthIdentityEx(SEC_WINNT_AUTH_IDENTITY_ENCRYPT_SAME_LOGON, block.id),
            SEC_E_OK);
  EXPECT_TRUE(has(u"correct horse"));
  EXPECT_EQ(SspiEncryptAuthIdentityEx(SEC_WINNT_AUTH_IDENTITY_ENCRYPT_FOR_SYSTEM, block.id),
            SEC_E_UNSUPPORTED_FUNCTION);
  SspiZeroAuthIdentity(block.id);
  EXPECT_FALSE(has(u"correct horse"));
}

// Whatever is made of a hidden block hides its password too, and is good for what it was made for.
TEST(Block, WhatIsMadeOfAHiddenOneIsHidden) {
  Freed one, copy, excluded, back;
  ASSERT_EQ(SspiEncodeStringsAsAuthIdentity(u"alice", u"DOM", u"correct horse", &one.id), SEC_E_OK);
  ASSERT_EQ(SspiEncryptAuthIdentity(one.id), SEC_E_OK);
  ASSERT_EQ(SspiCopyAuthIdentity(one.id, &copy.id), SEC_E_OK);
  ASSERT_EQ(SspiExcludePackage(one.id, u"Kerberos", &excluded.id), SEC_E_OK);
  ULONG length = 0;
  char* bytes = nullptr;
  ASSERT_EQ(SspiMarshalAuthIdentity(one.id, &length, &bytes), SEC_E_OK);
  EXPECT_FALSE(holds(bytes, length, u"correct horse"));
  ASSERT_EQ(SspiUnmarshalAuthIdentity(length, bytes, &back.id), SEC_E_OK);
  SspiLocalFree(bytes);
  for (Opaque id : {copy.id, excluded.id, back.id}) {
    EXPECT_TRUE(SspiIsAuthIdentityEncrypted(id));
    EXPECT_FALSE(holds(id, id->AuthIdEx2.cbStructureLength, u"correct horse"));
    BOOLEAN same = FALSE;
    ASSERT_EQ(SspiCompareAuthIdentities(one.id, id, nullptr, &same), SEC_E_OK);
    EXPECT_TRUE(same);
    ASSERT_EQ(SspiDecryptAuthIdentity(id), SEC_E_OK);
    EXPECT_TRUE(holds(id, id->AuthIdEx2.cbStructureLength, u"correct horse"));
  }
}

TEST(Prepare, ForACredentialStore) {
  Freed block;
  ASSERT_EQ(SspiEncodeStringsAsAuthIdentity(u"user", u"domain", u"pw", &block.id), SEC_E_OK);
  for (const WCHAR* target : {static_cast<const WCHAR*>(nullptr), u"target"}) {
    ULONG type = 0, size = 0;
    PCWSTR target_name, user_name;
    UCHAR* blob = nullptr;
    ASSERT_EQ(
        SspiPrepareForCredWrite(block.id, target, &type, &target_name, &user_name, &blob, &size),
        SEC_E_OK);
    EXPECT_EQ(type, 2u);
    EXPECT_EQ(size, 4u);
    EXPECT_EQ(memcmp(blob, u"pw", 4), 0);
    SspiLocalFree(blob);
    EXPECT_EQ(taken(user_name), u"domain\\user");
    EXPECT_EQ(taken(target_name), target != nullptr ? u"target" : u"domain\\user");
    ASSERT_EQ(SspiPrepareForCredRead(block.id, target, &type, &target_name), SEC_E_OK);
    EXPECT_EQ(taken(target_name), target != nullptr ? u"target" : u"domain\\user");
  }
}

TEST(Others, TargetHostPromptingAndExclusion) {
  struct {
    const WCHAR* target;
    const WCHAR* host;
  } constexpr kRows[] = {{u"HTTP/www.example.com", u"www.example.com"},
                         {u"HTTP/www.example.com:8080", u"www.example.com"},
                         {u"MSSQLSvc/db:1433/instance", u"db"},
                         {u"server", u"server"},
                         {u"HTTP/[::1]:80", u"[::1]"}};
  for (const auto& row : kRows) {
    WCHAR* host = nullptr;
    ASSERT_EQ(SspiGetTargetHostName(row.target, &host), SEC_E_OK);
    EXPECT_EQ(taken(host), row.host);
  }
  EXPECT_TRUE(SspiIsPromptingNeeded(static_cast<ULONG>(SEC_E_LOGON_DENIED)));
  EXPECT_FALSE(SspiIsPromptingNeeded(static_cast<ULONG>(SEC_E_INVALID_TOKEN)));
  EXPECT_EQ(SspiPromptForCredentialsA("t", nullptr, 0, "NTLM", nullptr, nullptr, nullptr, 0),
            ULONG{ERROR_NOT_SUPPORTED});
  Freed excluded, twice;
  ASSERT_EQ(SspiExcludePackage(nullptr, u"NTLM", &excluded.id), SEC_E_OK);
  ASSERT_EQ(SspiExcludePackage(excluded.id, u"Kerberos", &twice.id), SEC_E_OK);
  const auto& header = twice.id->AuthIdEx2;
  const auto* list = reinterpret_cast<const char16_t*>(reinterpret_cast<const char*>(twice.id) +
                                                       header.PackageListOffset);
  EXPECT_EQ(std::u16string(list, header.PackageListLength / 2u), u"!NTLM,!Kerberos");
}

// ---- structures with pointers ----

SECURITY_STATUS acquire(void* identity) {
  CredHandle credential;
  const SECURITY_STATUS status =
      AcquireCredentialsHandleA(nullptr, "NTLM", SECPKG_CRED_OUTBOUND, nullptr, identity, nullptr,
                                nullptr, &credential, nullptr);
  if (status == SEC_E_OK) {
    FreeCredentialsHandle(&credential);
  }
  return status;
}

TEST(Structures, WideOnesInEveryForm) {
  std::u16string user = u"alice", domain = u"DOM", password = u"correct horse";
  SEC_WINNT_AUTH_IDENTITY_W plain{};
  plain.User = user.data();
  plain.UserLength = static_cast<ULONG>(user.size());
  plain.Domain = domain.data();
  plain.DomainLength = static_cast<ULONG>(domain.size());
  plain.Password = password.data();
  plain.PasswordLength = static_cast<ULONG>(password.size());
  plain.Flags = SEC_WINNT_AUTH_IDENTITY_UNICODE;
  SEC_WINNT_AUTH_IDENTITY_EXW ex{};
  ex.Version = SEC_WINNT_AUTH_IDENTITY_VERSION;
  ex.Length = sizeof ex;
  ex.User = plain.User;
  ex.UserLength = plain.UserLength;
  ex.Domain = plain.Domain;
  ex.DomainLength = plain.DomainLength;
  ex.Password = plain.Password;
  ex.PasswordLength = plain.PasswordLength;
  ex.Flags = SEC_WINNT_AUTH_IDENTITY_UNICODE | 0x100;  // as FreeRDP 3 sends it to the A function
  for (void* identity : {static_cast<void*>(&plain), static_cast<void*>(&ex)}) {
    Client client;
    FreeCredentialsHandle(&client.credential);
    ASSERT_EQ(AcquireCredentialsHandleA(nullptr, "NTLM", SECPKG_CRED_OUTBOUND, nullptr, identity,
                                        nullptr, nullptr, &client.credential, nullptr),
              SEC_E_OK);
    Server server;
    EXPECT_EQ(exchange(client, server).server, SEC_E_OK) << SspiCompatGetLastText();
  }
}

TEST(Structures, ThePasswordIsCopied) {
  std::string password = kPassword;
  IdentityA identity(kUser, kDomain, "");
  identity.Password = reinterpret_cast<unsigned char*>(password.data());
  identity.PasswordLength = static_cast<ULONG>(password.size());
  Client client;
  FreeCredentialsHandle(&client.credential);
  ASSERT_EQ(AcquireCredentialsHandleA(nullptr, "NTLM", SECPKG_CRED_OUTBOUND, nullptr, &identity,
                                      nullptr, nullptr, &client.credential, nullptr),
            SEC_E_OK);
  password.assign(password.size(), '#');
  Server server;
  EXPECT_EQ(exchange(client, server).server, SEC_E_OK);
}

TEST(Structures, UnreadableOnesAreUnknownCredentials) {
  IdentityA invalid(kUser, "\xff", kPassword);
  EXPECT_EQ(acquire(&invalid), SEC_E_UNKNOWN_CREDENTIALS);
  IdentityA no_text(kUser, kDomain, kPassword);
  no_text.User = nullptr;
  EXPECT_EQ(acquire(&no_text), SEC_E_UNKNOWN_CREDENTIALS);
  IdentityA encrypted(kUser, kDomain, kPassword);
  encrypted.Flags |= SEC_WINNT_AUTH_IDENTITY_FLAGS_SYSTEM_ENCRYPTED;
  EXPECT_EQ(acquire(&encrypted), SEC_E_UNKNOWN_CREDENTIALS);
  IdentityA marshalled(kUser, kDomain, kPassword);
  marshalled.Flags |= SEC_WINNT_AUTH_IDENTITY_MARSHALLED;
  EXPECT_EQ(acquire(&marshalled), SEC_E_UNKNOWN_CREDENTIALS);
  const std::string long_name(257, 'x');
  IdentityA too_long(long_name.c_str(), kDomain, kPassword);
  EXPECT_EQ(acquire(&too_long), SEC_E_UNKNOWN_CREDENTIALS);
  std::string nul("a\0b", 3);
  IdentityA inner(kUser, kDomain, kPassword);
  inner.User = reinterpret_cast<unsigned char*>(nul.data());
  inner.UserLength = 3;
  EXPECT_EQ(acquire(&inner), SEC_E_UNKNOWN_CREDENTIALS);
}

}  // namespace
}  // namespace sspi_test
