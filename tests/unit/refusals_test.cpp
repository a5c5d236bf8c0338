// SPDX-License-Identifier: MIT
// That an account does not exist is not told by what its refusal costs (security.md P11): a store
// does the same work for a name that it has not as for a wrong password. Work is counted, not
// timed: allocations, their bytes, digests, comparisons of secrets.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <new>
#include <thread>

#include "store/database_writer.h"
#include "store/open.h"
#include "support/logon_attempt.h"
#include "support/temporary_directory.h"
#include "support/unused_name.h"

namespace {

struct Work {
  std::size_t allocations = 0, bytes = 0, digests = 0, comparisons = 0;
  bool operator==(const Work&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Work& work) {
  return out << work.allocations << " allocations of " << work.bytes << " bytes, " << work.digests
             << " digests, " << work.comparisons << " comparisons";
}

Work g_work;

void* counted(std::size_t size) {
  ++g_work.allocations;
  g_work.bytes += size;
  void* memory = std::malloc(size);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}

}  // namespace

// Not inlined: GCC, where it sees both, takes free() for the wrong partner of new.
[[gnu::noinline]] void* operator new(std::size_t size) { return counted(size); }
[[gnu::noinline]] void* operator new[](std::size_t size) { return counted(size); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

extern "C" {

int __real_MD5_Final(unsigned char* out, MD5_CTX* context);
int __wrap_MD5_Final(unsigned char* out, MD5_CTX* context) {
  ++g_work.digests;
  return __real_MD5_Final(out, context);
}
int __real_EVP_DigestFinal_ex(EVP_MD_CTX* context, unsigned char* out, unsigned* size);
int __wrap_EVP_DigestFinal_ex(EVP_MD_CTX* context, unsigned char* out, unsigned* size) {
  ++g_work.digests;
  return __real_EVP_DigestFinal_ex(context, out, size);
}
int __real_CRYPTO_memcmp(const void* a, const void* b, std::size_t size);
int __wrap_CRYPTO_memcmp(const void* a, const void* b, std::size_t size) {
  ++g_work.comparisons;
  return __real_CRYPTO_memcmp(a, b, size);
}

}  // extern "C"

namespace ntlm::store {
namespace {

using protocol::AccountName;
using protocol::NtlmVersion;
using test::LogonAttempt;

const protocol::HostNames& host() {
  static const protocol::HostNames names{"SERVER", "HOME", "server.example", "example"};
  return names;
}

class Refusals : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    directory_.write(
        "text",
        "HOME:alice:secret\nHOME:longer-than-a-short-string:secret\nHOME:carol:secret\n"
        "FAR:" +
            locked_ + ":secret\n:erin:secret\n");
    auto edit = DatabaseEdit::begin(directory_.path("lmdb"));
    ASSERT_TRUE(edit);
    for (const AccountName& name : {AccountName{"alice", "HOME"},
                                    {"longer-than-a-short-string", "HOME"},
                                    {"carol", "HOME"},
                                    {locked_, "FAR"},
                                    {"erin", ""}}) {
      StoredAccount stored;
      stored.account.name = name;
      stored.account.nt_hash = crypto::ntowf_v1(utf16le_from_password("secret").value());
      ASSERT_TRUE(edit->put(stored));
    }
    ASSERT_TRUE(edit->commit());
    std::vector<std::string> stores;
    for (std::string_view all = GetParam(); !all.empty();) {
      const std::string kind(all.substr(0, 4));
      stores.push_back(kind + ":" + directory_.path(kind));
      all.remove_prefix(std::min<std::size_t>(all.size(), 5));
    }
    verifier_ = open_verifier({stores}).value();
    // Until the files count as settled: a fresh one is read again at each logon.
    std::this_thread::sleep_for(std::chrono::milliseconds(40));
  }

  // threshold: failures that lock a name; 0: none do.
  Work refusal(const AccountName& name, NtlmVersion version, Errc expected,
               const char* password = "not the password", std::uint32_t threshold = 0) const {
    LogonAttempt attempt(name, password, host());
    attempt.policy.accept_v1 = true;
    attempt.policy.lockout_threshold = threshold;
    attempt.respond(version);
    Work work;
    for (int time = 0; time < 2; ++time) {  // the first time, what is made once is made
      g_work = {};
      const auto result = verifier_->verify(attempt.request());
      work = g_work;
      EXPECT_EQ(result.error().code, expected) << name.domain << "\\" << name.user;
      EXPECT_STREQ(result.error().where,
                   threshold == 0 ? "AUTHENTICATE.NtChallengeResponse" : "lockout");
    }
    return work;
  }

  const std::string locked_ = test::unused_name("dave");
  test::TemporaryDirectory directory_;
  std::shared_ptr<const protocol::Verifier> verifier_;
};

TEST_P(Refusals, AnUnknownNameCostsWhatAWrongPasswordDoes) {
  for (const NtlmVersion version : {NtlmVersion::kV2, NtlmVersion::kV1, NtlmVersion::kV1Session}) {
    const Work wrong = refusal({"carol", "HOME"}, version, Errc::kLogonDenied);
    EXPECT_GT(wrong.digests + wrong.comparisons, 0U);
    // Before all others, between two, behind all.
    for (const char* user : {"aaron", "boris", "zelda"}) {
      EXPECT_EQ(refusal({user, "HOME"}, version, Errc::kUnknownAccount), wrong) << user;
    }
    EXPECT_EQ(refusal({"alice", "HOME"}, version, Errc::kLogonDenied), wrong);
    EXPECT_EQ(refusal({"carol", "home"}, version, Errc::kLogonDenied).digests,
              refusal({"boris", "home"}, version, Errc::kUnknownAccount).digests);
    // Without a domain: the one of this host.
    EXPECT_EQ(refusal({"boris", ""}, version, Errc::kUnknownAccount),
              refusal({"carol", ""}, version, Errc::kLogonDenied));
  }
}

// Or a lock would hold off everybody but those who look at the time.
TEST_P(Refusals, TheRightPasswordOfALockedNameCostsWhatAWrongOneDoes) {
  LogonAttempt guess({locked_, "FAR"}, "not the password", host());
  guess.policy.lockout_threshold = 1;
  EXPECT_FALSE(verifier_->verify(guess.request()));
  for (const NtlmVersion version : {NtlmVersion::kV2, NtlmVersion::kV1, NtlmVersion::kV1Session}) {
    for (const char* domain : {"FAR", "far"}) {
      const AccountName name{locked_, domain};
      const Work wrong = refusal(name, version, Errc::kAccountLocked, "not the password", 1);
      EXPECT_GT(wrong.digests + wrong.comparisons, 0U);
      EXPECT_EQ(refusal(name, version, Errc::kAccountLocked, "secret", 1), wrong) << domain;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, Refusals,
                         ::testing::Values("text", "lmdb", "text lmdb", "lmdb text"));

}  // namespace
}  // namespace ntlm::store
