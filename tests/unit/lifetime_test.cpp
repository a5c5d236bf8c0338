// SPDX-License-Identifier: MIT
// A lifetime that is told in the call which grants it is the whole one, though the clock goes on.
#include <gtest/gtest.h>
#include <time.h>

#include <atomic>
#include <cstdlib>

#include "abi/gssapi.h"
#include "support/temporary_directory.h"

// Instead of the system's (see ntlm_unit_test): a second passes between any two looks.
extern "C" {
int __real_clock_gettime(clockid_t clock, timespec* out);
int __wrap_clock_gettime(clockid_t clock, timespec* out);
int __wrap_clock_gettime(clockid_t clock, timespec* out) {
  static std::atomic<time_t> boot{1000};
  if (clock == CLOCK_BOOTTIME) {
    *out = {++boot, 0};
    return 0;
  }
  return __real_clock_gettime(clock, out);
}
}

namespace ntlm::test {
namespace {

constexpr OM_uint32 kWhole = 129600;  // of ntlm.conf(5)

class Lifetime : public testing::Test {
 protected:
  Lifetime() {
    setenv("GSS_NTLM_CONF", directory_.write("ntlm.conf", "[audit]\n syslog = no\n").c_str(), 1);
    setenv("NTLM_USER_FILE", directory_.write("users", "TEST:alice:Secret1\n").c_str(), 1);
  }
  ~Lifetime() override {
    unsetenv("GSS_NTLM_CONF");
    unsetenv("NTLM_USER_FILE");
  }
  TemporaryDirectory directory_;
  OM_uint32 minor_ = 0, told_ = 0;
};

TEST_F(Lifetime, OfACredential) {
  gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
  ASSERT_EQ(gss_acquire_cred(&minor_, GSS_C_NO_NAME, GSS_C_INDEFINITE, GSS_C_NO_OID_SET,
                             GSS_C_ACCEPT, &credential, nullptr, &told_),
            GSS_S_COMPLETE);
  EXPECT_EQ(told_, kWhole);
  EXPECT_EQ(gss_inquire_cred(&minor_, credential, nullptr, &told_, nullptr, nullptr),
            GSS_S_COMPLETE);
  EXPECT_LT(told_, kWhole);
  EXPECT_EQ(gss_release_cred(&minor_, &credential), GSS_S_COMPLETE);
}

TEST_F(Lifetime, OfTheDefaultCredential) {
  EXPECT_EQ(gss_inquire_cred(&minor_, GSS_C_NO_CREDENTIAL, nullptr, &told_, nullptr, nullptr),
            GSS_S_COMPLETE);
  EXPECT_EQ(told_, kWhole);
  EXPECT_EQ(gss_inquire_cred_by_mech(&minor_, GSS_C_NO_CREDENTIAL, GSS_C_NO_OID, nullptr, &told_,
                                     nullptr, nullptr),
            GSS_S_COMPLETE);
  EXPECT_EQ(told_, kWhole);
}

TEST_F(Lifetime, OfAContext) {
  gss_ctx_id_t initiator = GSS_C_NO_CONTEXT, acceptor = GSS_C_NO_CONTEXT;
  gss_buffer_desc to_acceptor{}, to_initiator{};
  OM_uint32 initiator_told = 0;
  OM_uint32 major = GSS_S_CONTINUE_NEEDED;
  for (int leg = 0; leg < 2; ++leg) {
    const OM_uint32 wanted = leg == 0 ? GSS_S_CONTINUE_NEEDED : GSS_S_COMPLETE;
    ASSERT_EQ(gss_init_sec_context(&minor_, GSS_C_NO_CREDENTIAL, &initiator, GSS_C_NO_NAME,
                                   GSS_C_NO_OID, GSS_C_INTEG_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS,
                                   &to_initiator, nullptr, &to_acceptor, nullptr, &initiator_told),
              wanted);
    free(to_initiator.value);
    major = gss_accept_sec_context(&minor_, &acceptor, GSS_C_NO_CREDENTIAL, &to_acceptor,
                                   GSS_C_NO_CHANNEL_BINDINGS, nullptr, nullptr, &to_initiator,
                                   nullptr, &told_, nullptr);
    ASSERT_EQ(major, wanted);
    free(to_acceptor.value);
  }
  free(to_initiator.value);
  EXPECT_EQ(initiator_told, kWhole);
  EXPECT_EQ(told_, kWhole);
  EXPECT_EQ(gss_context_time(&minor_, acceptor, &told_), GSS_S_COMPLETE);
  EXPECT_LT(told_, kWhole);
  EXPECT_EQ(gss_delete_sec_context(&minor_, &initiator, GSS_C_NO_BUFFER), GSS_S_COMPLETE);
  EXPECT_EQ(gss_delete_sec_context(&minor_, &acceptor, GSS_C_NO_BUFFER), GSS_S_COMPLETE);
}

}  // namespace
}  // namespace ntlm::test
