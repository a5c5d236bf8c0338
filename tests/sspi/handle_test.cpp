// SPDX-License-Identifier: MIT
// Handles that are not what they seem: never a crash, always SEC_E_INVALID_HANDLE.
#include <atomic>
#include <random>
#include <set>
#include <thread>

#include "support.h"

namespace sspi_test {
namespace {

// Every function that takes a context.
std::vector<SECURITY_STATUS> all_context_calls(PCtxtHandle context) {
  char bytes[64] = {};
  SecBuffer buffers[] = {{16, SECBUFFER_TOKEN, bytes}, {16, SECBUFFER_DATA, bytes + 16}};
  SecBufferDesc message{SECBUFFER_VERSION, 2, buffers};
  SecBuffer packed{0, SECBUFFER_EMPTY, nullptr};
  HANDLE token = nullptr;
  return {MakeSignature(context, 0, &message, 0),
          VerifySignature(context, &message, 0, nullptr),
          EncryptMessage(context, 0, &message, 0),
          DecryptMessage(context, &message, 0, nullptr),
          QueryContextAttributesA(context, SECPKG_ATTR_SIZES, bytes),
          QueryContextAttributesW(context, SECPKG_ATTR_NAMES, bytes),
          SetContextAttributesA(context, 1, bytes, 8),
          CompleteAuthToken(context, &message),
          ApplyControlToken(context, &message),
          ImpersonateSecurityContext(context),
          RevertSecurityContext(context),
          QuerySecurityContextToken(context, &token),
          ExportSecurityContext(context, 0, &packed, nullptr),
          DeleteSecurityContext(context)};
}

void expect_all_invalid(SecHandle handle) {
  for (const SECURITY_STATUS status : all_context_calls(&handle)) {
    EXPECT_EQ(status, SEC_E_INVALID_HANDLE);
  }
  EXPECT_EQ(FreeCredentialsHandle(&handle), SEC_E_INVALID_HANDLE);
}

TEST(Handles, NullZeroAndMinusOneAreInvalid) {
  for (const SECURITY_STATUS status : all_context_calls(nullptr)) {
    EXPECT_EQ(status, SEC_E_INVALID_HANDLE);
  }
  EXPECT_EQ(FreeCredentialsHandle(nullptr), SEC_E_INVALID_HANDLE);
  expect_all_invalid({0, 0});
  expect_all_invalid({~ULONG_PTR{0}, ~ULONG_PTR{0}});
  expect_all_invalid({SEC_DELETED_HANDLE, SEC_DELETED_HANDLE});
}

TEST(Handles, OfAnotherKindAreInvalid) {
  Pair pair;
  for (const SECURITY_STATUS status : all_context_calls(&pair.client.credential)) {
    EXPECT_EQ(status, SEC_E_INVALID_HANDLE);
  }
  EXPECT_EQ(FreeCredentialsHandle(&pair.client.context), SEC_E_INVALID_HANDLE);
}

TEST(Handles, StaleOnesStayInvalidWhenTheirSlotIsUsedAgain) {
  Pair pair;
  const SecHandle stale = pair.server.context;
  ASSERT_EQ(DeleteSecurityContext(&pair.server.context), SEC_E_OK);
  Pair next;
  expect_all_invalid(stale);
  SecInvalidateHandle(&pair.server.context);
}

// What a closed handle's slot looks like until it is used again: the next generation, and not live.
SecHandle of_the_free_slot(SecHandle closed) {
  constexpr ULONG_PTR kIndex = 0x7FFFFFFF;
  closed.dwLower = ((closed.dwLower >> 32) + 1) << 32 | (closed.dwLower & kIndex);
  return closed;
}

TEST(Handles, ThatNameAFreeSlotAreInvalid) {
  SecHandle context, credential;
  {
    const Pair pair;
    context = of_the_free_slot(pair.server.context);
    credential = of_the_free_slot(pair.server.credential);
  }
  for (int i = 0; i < 2; ++i) {
    expect_all_invalid(context);
    expect_all_invalid(credential);
  }
  std::vector<Client> clients(300);
  std::set<ULONG_PTR> contexts, credentials;
  for (Client& client : clients) {
    std::string token;
    ASSERT_EQ(client.step("", token), SEC_I_CONTINUE_NEEDED);
    contexts.insert(client.context.dwLower);
    credentials.insert(client.credential.dwLower);
  }
  EXPECT_EQ(contexts.size(), clients.size());
  EXPECT_EQ(credentials.size(), clients.size());
}

TEST(Handles, OfTokensThatNameAFreeSlotAreInvalid) {
  Pair pair;
  HANDLE token = nullptr;
  ASSERT_EQ(QuerySecurityContextToken(&pair.server.context, &token), SEC_E_OK);
  ASSERT_TRUE(SspiCompatCloseHandle(token));
  const SecHandle word{reinterpret_cast<ULONG_PTR>(token), 0};
  const HANDLE invented = reinterpret_cast<HANDLE>(of_the_free_slot(word).dwLower);
  PSspiCompatTokenInfo info = nullptr;
  EXPECT_FALSE(SspiCompatCloseHandle(invented));
  EXPECT_NE(SspiCompatGetTokenInfo(invented, &info), SEC_E_OK);
  HANDLE one = nullptr, other = nullptr;
  ASSERT_EQ(QuerySecurityContextToken(&pair.server.context, &one), SEC_E_OK);
  ASSERT_EQ(QuerySecurityContextToken(&pair.server.context, &other), SEC_E_OK);
  EXPECT_NE(one, other);
  EXPECT_TRUE(SspiCompatCloseHandle(one));
  EXPECT_TRUE(SspiCompatCloseHandle(other));
}

TEST(Handles, OfADeadContextAdmitItsDeletionOnly) {
  Client client("NTLM", kUser, "wrong");
  Server server;
  ASSERT_EQ(exchange(client, server).server, SEC_E_LOGON_DENIED);
  std::vector<SECURITY_STATUS> answers = all_context_calls(&server.context);
  EXPECT_EQ(answers.back(), SEC_E_OK);  // DeleteSecurityContext
  answers.pop_back();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    constexpr std::size_t kRevert = 10;  // who impersonates may go back, whatever became of it
    EXPECT_EQ(answers[i], i == kRevert ? SEC_E_NO_IMPERSONATION : SEC_E_INVALID_HANDLE) << i;
  }
  SecInvalidateHandle(&server.context);
}

TEST(Handles, InventedOnesAreInvalid) {
  Pair pair;
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    SecHandle handle = pair.server.context;
    switch (i % 4) {
      case 0:
        handle.dwLower ^= 1ull << random() % 64;
        break;
      case 1:
        handle.dwUpper ^= 1ull << random() % 64;
        break;
      case 2:
        handle.dwLower = random();
        break;
      default:
        handle = {random(), random()};
        break;
    }
    if (handle.dwLower != pair.client.context.dwLower) {
      EXPECT_EQ(CompleteAuthToken(&handle, nullptr), SEC_E_INVALID_HANDLE);
    }
  }
}

TEST(Handles, ManyMayBeOpen) {
  std::vector<CredHandle> handles(2000);
  for (CredHandle& handle : handles) {
    ASSERT_EQ(AcquireCredentialsHandleA(nullptr, "NTLM", SECPKG_CRED_INBOUND, nullptr, nullptr,
                                        nullptr, nullptr, &handle, nullptr),
              SEC_E_OK);
  }
  for (CredHandle& handle : handles) {
    ASSERT_EQ(FreeCredentialsHandle(&handle), SEC_E_OK);
  }
}

TEST(Handles, ClosedByOneThreadWhileOthersUseIt) {
  for (int round = 0; round < 50; ++round) {
    Pair pair;
    std::atomic<int> ended{0};
    const auto use = [&] {
      for (int i = 0; i < 200; ++i) {
        SecPkgContext_Sizes sizes{};
        const SECURITY_STATUS status =
            QueryContextAttributesA(&pair.server.context, SECPKG_ATTR_SIZES, &sizes);
        EXPECT_TRUE(status == SEC_E_OK || status == SEC_E_INVALID_HANDLE);
        char token[16];
        char data[64] = "";
        SecBuffer buffers[] = {{sizeof token, SECBUFFER_TOKEN, token},
                               {sizeof data, SECBUFFER_DATA, data}};
        SecBufferDesc desc{SECBUFFER_VERSION, 2, buffers};
        const SECURITY_STATUS sent = EncryptMessage(&pair.server.context, 0, &desc, 0);
        EXPECT_TRUE(sent == SEC_E_OK || sent == SEC_E_INVALID_HANDLE);
      }
      ++ended;
    };
    std::thread one(use);
    std::thread other(use);
    CtxtHandle copy = pair.server.context;
    EXPECT_EQ(DeleteSecurityContext(&copy), SEC_E_OK);
    EXPECT_EQ(DeleteSecurityContext(&copy), SEC_E_INVALID_HANDLE);
    one.join();
    other.join();
    EXPECT_EQ(ended, 2);
    pair.server.context = {0, 0};
  }
}

TEST(Handles, ContextsOfManyThreadsDoNotMeet) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int round = 0; round < 50; ++round) {
        Pair pair;
        EXPECT_EQ(session_key(pair.client), session_key(pair.server));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(Tokens, BadOnesAreInvalid) {
  PSspiCompatTokenInfo info = nullptr;
  for (const std::uintptr_t value :
       {std::uintptr_t{0}, ~std::uintptr_t{0}, std::uintptr_t{0x1234567800000001}}) {
    auto* token = reinterpret_cast<HANDLE>(value);
    EXPECT_EQ(SspiCompatGetTokenInfo(token, &info), SEC_E_INVALID_HANDLE);
    EXPECT_FALSE(CloseHandle(token));
  }
}

TEST(Blocks, ForeignAndTwiceFreedOnesAreRefused) {
  char own[16];
  EXPECT_EQ(FreeContextBuffer(own), SEC_E_INVALID_HANDLE);
  EXPECT_EQ(FreeContextBuffer(nullptr), SEC_E_OK);
  PSecPkgInfoA info = nullptr;
  ASSERT_EQ(QuerySecurityPackageInfoA("NTLM", &info), SEC_E_OK);
  EXPECT_EQ(FreeContextBuffer(info->Name), SEC_E_INVALID_HANDLE);  // inside a block
  EXPECT_EQ(FreeContextBuffer(info), SEC_E_OK);
  EXPECT_EQ(FreeContextBuffer(info), SEC_E_INVALID_HANDLE);
}

}  // namespace
}  // namespace sspi_test
