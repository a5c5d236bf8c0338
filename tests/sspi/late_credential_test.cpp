// SPDX-License-Identifier: MIT
// A credential that could not be had at AcquireCredentialsHandle, and is asked for by many threads
// at once. gss_acquire_cred_from is this program's own: it refuses, or waits for company.
#include <dlfcn.h>
#include <gssapi/gssapi_ext.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "support.h"

namespace {

using namespace std::chrono_literals;

enum class Answer { kReal, kRefused };
Answer answer = Answer::kReal;
int awaited = 0;  // a caller waits until so many have been inside at once, or for some seconds
int inside = 0;
int most = 0;
int calls = 0;
std::mutex mutex;
std::condition_variable came;

void call() {
  std::unique_lock lock(mutex);
  ++calls;
  most = std::max(most, ++inside);
  came.notify_all();
  came.wait_for(lock, 30s, [] { return most >= awaited; });
  --inside;
}

}  // namespace

extern "C" [[gnu::visibility("default")]] OM_uint32 gss_acquire_cred_from(
    OM_uint32* minor, gss_name_t name, OM_uint32 time, gss_OID_set mechanisms,
    gss_cred_usage_t usage, gss_const_key_value_set_t store, gss_cred_id_t* credential,
    gss_OID_set* actual, OM_uint32* lifetime) {
  call();
  if (answer == Answer::kRefused) {
    *minor = 0;
    return GSS_S_NO_CRED;
  }
  static const auto real =
      reinterpret_cast<decltype(&gss_acquire_cred_from)>(dlsym(RTLD_NEXT, "gss_acquire_cred_from"));
  return real(minor, name, time, mechanisms, usage, store, credential, actual, lifetime);
}

namespace sspi_test {
namespace {

constexpr int kThreads = 8;

// Each thread's first leg with the one credential.
std::vector<SECURITY_STATUS> first_legs(CredHandle credential) {
  std::vector<SECURITY_STATUS> statuses(kThreads);
  std::vector<std::thread> threads;
  most = 0;
  calls = 0;
  for (SECURITY_STATUS& status : statuses) {
    threads.emplace_back([&status, credential]() mutable {
      Side side;
      char room[4096];
      SecBuffer out{sizeof room, SECBUFFER_TOKEN, room};
      SecBufferDesc desc{SECBUFFER_VERSION, 1, &out};
      status = InitializeSecurityContextA(&credential, nullptr, "HTTP/host", 0, 0, 0, nullptr, 0,
                                          &side.context, &desc, nullptr, nullptr);
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  return statuses;
}

TEST(LateCredential, ThreadsWaitForItSideBySide) {
  answer = Answer::kRefused;
  Client client;  // may be had later
  awaited = kThreads;
  for (const SECURITY_STATUS status : first_legs(client.credential)) {
    EXPECT_EQ(status, SEC_E_NO_CREDENTIALS);
  }
  EXPECT_EQ(calls, kThreads);
  EXPECT_EQ(most, kThreads);
}

TEST(LateCredential, TheFirstOneIsKeptForAll) {
  answer = Answer::kRefused;
  Client client;
  answer = Answer::kReal;
  awaited = kThreads;
  for (const SECURITY_STATUS status : first_legs(client.credential)) {
    EXPECT_EQ(status, SEC_I_CONTINUE_NEEDED);
  }
  EXPECT_EQ(most, kThreads);
  for (const SECURITY_STATUS status : first_legs(client.credential)) {
    EXPECT_EQ(status, SEC_I_CONTINUE_NEEDED);
  }
  EXPECT_EQ(calls, 0);
}

}  // namespace
}  // namespace sspi_test
