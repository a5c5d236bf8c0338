// SPDX-License-Identifier: MIT
// ExportSecurityContext and ImportSecurityContext, also by another process of this program.
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "support.h"

namespace sspi_test {
namespace {

const bool configured =
    add_configuration("[ntlm]\n    transfer_key = " + private_path("transfer.key") + "\n");
const bool key_made = [] {
  std::ofstream file(private_path("transfer.key"));
  file << "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
  file.close();
  return chmod(private_path("transfer.key").c_str(), 0600) == 0;
}();

std::string encrypt(Side& side, std::string text) {
  std::string token(16, '\0');
  SecBuffer buffers[] = {{16, SECBUFFER_TOKEN, token.data()},
                         {static_cast<ULONG>(text.size()), SECBUFFER_DATA, text.data()}};
  SecBufferDesc message{SECBUFFER_VERSION, 2, buffers};
  EXPECT_EQ(EncryptMessage(&side.context, 0, &message, 0), SEC_E_OK) << SspiCompatGetLastText();
  return token + text;
}

SECURITY_STATUS decrypt(PCtxtHandle context, std::string wire, std::string& text) {
  SecBuffer buffers[] = {{static_cast<ULONG>(wire.size()), SECBUFFER_STREAM, wire.data()},
                         {0, SECBUFFER_DATA, nullptr}};
  SecBufferDesc message{SECBUFFER_VERSION, 2, buffers};
  const SECURITY_STATUS status = DecryptMessage(context, &message, 0, nullptr);
  text = status == SEC_E_OK
             ? std::string(static_cast<char*>(buffers[1].pvBuffer), buffers[1].cbBuffer)
             : "";
  return status;
}

std::string exported(Side& side, ULONG flags, void** token = nullptr) {
  SecBuffer packed{0, SECBUFFER_EMPTY, nullptr};
  EXPECT_EQ(ExportSecurityContext(&side.context, flags, &packed, token), SEC_E_OK)
      << SspiCompatGetLastText();
  std::string bytes(static_cast<char*>(packed.pvBuffer), packed.cbBuffer);
  EXPECT_EQ(FreeContextBuffer(packed.pvBuffer), SEC_E_OK);
  return bytes;
}

SECURITY_STATUS import(std::string bytes, Side& side, const char* package = "NTLM") {
  SecBuffer packed{static_cast<ULONG>(bytes.size()), SECBUFFER_EMPTY, bytes.data()};
  return ImportSecurityContextA(package, &packed, nullptr, &side.context);
}

class Transfer : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Packages, Transfer, testing::Values("NTLM", "Negotiate"),
                         [](const auto& one) { return std::string(one.param); });

TEST_P(Transfer, TheContextGoesOnWhereItWas) {
  Pair pair(ISC_REQ_CONFIDENTIALITY, 0, GetParam());
  std::string text;
  ASSERT_EQ(decrypt(&pair.server.context, encrypt(pair.client, "first"), text), SEC_E_OK);
  const std::string bytes = exported(pair.server, SECPKG_CONTEXT_EXPORT_DELETE_OLD);
  Side other;
  ASSERT_EQ(import(bytes, other, GetParam()), SEC_E_OK) << SspiCompatGetLastText();
  EXPECT_EQ(decrypt(&other.context, encrypt(pair.client, "second"), text), SEC_E_OK)
      << SspiCompatGetLastText();
  EXPECT_EQ(text, "second");
  EXPECT_EQ(session_key(other), session_key(pair.client));
  SecPkgContext_NamesA names{};
  ASSERT_EQ(QueryContextAttributesA(&other.context, SECPKG_ATTR_NAMES, &names), SEC_E_OK);
  EXPECT_STREQ(names.sUserName, "DOM\\alice");
  FreeContextBuffer(names.sUserName);
  SecPkgContext_Flags flags{};
  ASSERT_EQ(QueryContextAttributesA(&other.context, SECPKG_ATTR_FLAGS, &flags), SEC_E_OK);
  EXPECT_EQ(flags.Flags, pair.server.attributes);
}

TEST_P(Transfer, AClientStillKnowsWhomItMeant) {
  Pair pair(ISC_REQ_CONFIDENTIALITY, 0, GetParam());
  Side other;
  ASSERT_EQ(import(exported(pair.client, 0), other, GetParam()), SEC_E_OK);
  SecPkgContext_NativeNamesA names{};
  ASSERT_EQ(QueryContextAttributesA(&other.context, SECPKG_ATTR_NATIVE_NAMES, &names), SEC_E_OK);
  EXPECT_STREQ(names.sServerName, "HTTP/www.example.com");
  FreeContextBuffer(names.sClientName);
  FreeContextBuffer(names.sServerName);
}

TEST_P(Transfer, DeleteOldEndsTheOldOne) {
  Pair pair(ISC_REQ_CONFIDENTIALITY, 0, GetParam());
  exported(pair.server, SECPKG_CONTEXT_EXPORT_DELETE_OLD);
  std::string text;
  EXPECT_EQ(decrypt(&pair.server.context, encrypt(pair.client, "x"), text), SEC_E_INVALID_HANDLE);
  EXPECT_EQ(DeleteSecurityContext(&pair.server.context), SEC_E_OK);
  SecInvalidateHandle(&pair.server.context);
}

TEST_P(Transfer, WithoutItBothGoOn) {
  Pair pair(ISC_REQ_CONFIDENTIALITY, 0, GetParam());
  const std::string bytes = exported(pair.server, 0);
  Side other;
  ASSERT_EQ(import(bytes, other, GetParam()), SEC_E_OK);
  const std::string wire = encrypt(pair.client, "for both");
  std::string text;
  EXPECT_EQ(decrypt(&pair.server.context, wire, text), SEC_E_OK);
  EXPECT_EQ(decrypt(&other.context, wire, text), SEC_E_OK);
}

TEST_P(Transfer, ResetNewBeginsWithMessageZero) {
  Pair pair(ISC_REQ_CONFIDENTIALITY, 0, GetParam());
  const std::string early = exported(pair.client, SECPKG_CONTEXT_EXPORT_RESET_NEW);
  std::string text;
  ASSERT_EQ(decrypt(&pair.server.context, encrypt(pair.client, "message 0"), text), SEC_E_OK);
  const std::string bytes = exported(pair.server, SECPKG_CONTEXT_EXPORT_RESET_NEW);
  Side fresh, sender;
  ASSERT_EQ(import(bytes, fresh, GetParam()), SEC_E_OK);
  ASSERT_EQ(import(early, sender, GetParam()), SEC_E_OK);
  EXPECT_EQ(decrypt(&fresh.context, encrypt(sender, "message 0 again"), text), SEC_E_OK)
      << SspiCompatGetLastText();
  EXPECT_EQ(decrypt(&pair.server.context, encrypt(pair.client, "message 1"), text), SEC_E_OK);
}

TEST(TransferBad, AnotherPackageIsNotFound) {
  Pair pair;
  const std::string bytes = exported(pair.server, 0);
  Side other;
  EXPECT_EQ(import(bytes, other, "Negotiate"), SEC_E_SECPKG_NOT_FOUND);
  EXPECT_EQ(import(bytes, other, "Winetest"), SEC_E_SECPKG_NOT_FOUND);
}

TEST(TransferBad, EveryCutAndFlippedByteIsAnInvalidToken) {
  Pair pair;
  const std::string bytes = exported(pair.server, 0);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Side other;
    EXPECT_NE(import(bytes.substr(0, i), other), SEC_E_OK) << i;
    if (i == 8) {
      continue;  // the package: NOT_FOUND
    }
    std::string flipped = bytes;
    flipped[i] ^= 0x40;
    EXPECT_EQ(import(flipped, other), SEC_E_INVALID_TOKEN) << i;
  }
}

// The exporter keeps its client's identity to itself: whoever carries the bytes cannot change that.
TEST(TransferBad, NoTokenStaysNoToken) {
  Pair pair(ISC_REQ_INTEGRITY, ASC_REQ_NO_TOKEN);
  std::string bytes = exported(pair.server, 0);
  Side other, changed;
  ASSERT_EQ(import(bytes, other), SEC_E_OK) << SspiCompatGetLastText();
  HANDLE token = nullptr;
  EXPECT_EQ(QuerySecurityContextToken(&other.context, &token), SEC_E_NO_IMPERSONATION);
  constexpr std::size_t kHighestByteOfFlags = 13;
  bytes[kHighestByteOfFlags] = static_cast<char>(bytes[kHighestByteOfFlags] & ~1);
  EXPECT_EQ(import(bytes, changed), SEC_E_INVALID_TOKEN);
}

TEST(TransferBad, WhatIsNotCompleteOrNotKnownIsRefused) {
  Client client;
  std::string negotiate;
  ASSERT_EQ(client.step("", negotiate), SEC_I_CONTINUE_NEEDED);
  SecBuffer packed{0, SECBUFFER_EMPTY, nullptr};
  EXPECT_EQ(ExportSecurityContext(&client.context, 0, &packed, nullptr), SEC_E_NOT_SUPPORTED);
  Pair pair;
  EXPECT_EQ(ExportSecurityContext(&pair.server.context, SECPKG_CONTEXT_EXPORT_TO_KERNEL, &packed,
                                  nullptr),
            SEC_E_UNSUPPORTED_FUNCTION);
  EXPECT_EQ(ExportSecurityContext(&pair.server.context, 0, nullptr, nullptr),
            SEC_E_INVALID_PARAMETER);
  CtxtHandle context;
  EXPECT_EQ(ImportSecurityContextA("NTLM", nullptr, nullptr, &context), SEC_E_INVALID_PARAMETER);
}

TEST(TransferToken, ComesAlongForAServer) {
  Pair pair;
  void* token = nullptr;
  exported(pair.server, 0, &token);
  PSspiCompatTokenInfo info = nullptr;
  ASSERT_EQ(SspiCompatGetTokenInfo(token, &info), SEC_E_OK);
  EXPECT_STREQ(info->UserName, "DOM\\alice");
  FreeContextBuffer(info);
  EXPECT_TRUE(CloseHandle(token));
  exported(pair.client, 0, &token);
  EXPECT_EQ(token, nullptr);
}

// The same program, started anew: it imports what it is given and decrypts one message.
TEST(TransferProcess, AnotherProcessDecrypts) {
  Pair pair(ISC_REQ_CONFIDENTIALITY);
  std::string text;
  ASSERT_EQ(decrypt(&pair.server.context, encrypt(pair.client, "here"), text), SEC_E_OK);
  const std::string bytes = exported(pair.server, SECPKG_CONTEXT_EXPORT_DELETE_OLD);
  const std::string wire = encrypt(pair.client, "from another process");
  std::ofstream(private_path("context"), std::ios::binary) << bytes;
  std::ofstream(private_path("wire"), std::ios::binary) << wire;
  const pid_t child = fork();
  if (child == 0) {
    setenv("SSPI_TEST_CHILD", private_path("").c_str(), 1);
    execl("/proc/self/exe", "transfer", "--gtest_filter=TransferChild.*", nullptr);
    _exit(127);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(TransferChild, Decrypts) {
  const char* directory = getenv("SSPI_TEST_CHILD");
  if (directory == nullptr) {
    GTEST_SKIP() << "AnotherProcessDecrypts runs this in a process of its own";
  }
  setenv("GSS_NTLM_CONF", (std::string(directory) + "ntlm.conf").c_str(), 1);
  Side side;
  ASSERT_EQ(import(read_file(std::string(directory) + "context"), side), SEC_E_OK)
      << SspiCompatGetLastText();
  std::string text;
  ASSERT_EQ(decrypt(&side.context, read_file(std::string(directory) + "wire"), text), SEC_E_OK);
  EXPECT_EQ(text, "from another process");
}

// Last, since the configuration stays so where one process runs all.
TEST(TransferBad, AnExpiredContextIsNotExportedAndGoesOn) {
  add_configuration("[policy]\n    context_lifetime = 1\n");
  Pair pair(ISC_REQ_CONFIDENTIALITY);
  SecBuffer packed{0, SECBUFFER_EMPTY, nullptr};
  SECURITY_STATUS status = SEC_E_OK;
  while ((status = ExportSecurityContext(&pair.server.context, 0, &packed, nullptr)) == SEC_E_OK) {
    FreeContextBuffer(packed.pvBuffer);
    usleep(50'000);
  }
  EXPECT_EQ(status, SEC_E_CONTEXT_EXPIRED) << SspiCompatGetLastText();
  std::string text;
  EXPECT_EQ(decrypt(&pair.server.context, encrypt(pair.client, "past its lifetime"), text),
            SEC_E_OK);
  EXPECT_EQ(decrypt(&pair.client.context, encrypt(pair.server, "and back"), text), SEC_E_OK);
}

}  // namespace
}  // namespace sspi_test
