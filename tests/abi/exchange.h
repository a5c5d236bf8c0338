// SPDX-License-Identifier: MIT
// Handles that release themselves, and an exchange through the mechglue, for tests that look at
// what comes after it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "abi/gssapi.h"
#include "support/temporary_directory.h"

namespace ntlm::test {

inline gss_OID_desc g_ntlm{GSS_NTLM_OID_LENGTH, const_cast<char*>(GSS_NTLM_OID_STRING)};
inline gss_OID_set_desc g_only_ntlm{1, &g_ntlm};

// A GSS-API handle or buffer with its release function.
template <typename T, auto kRelease>
class Owned {
 public:
  Owned() = default;
  Owned(Owned&& other) noexcept : value_(std::exchange(other.value_, T{})) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~Owned() { reset(); }
  T& get() { return value_; }
  T* out() {
    reset();
    return &value_;
  }
  void reset() {
    OM_uint32 minor = 0;
    kRelease(&minor, &value_);
    value_ = T{};
  }

 private:
  T value_{};
};

inline OM_uint32 delete_context(OM_uint32* minor, gss_ctx_id_t* context) {
  return gss_delete_sec_context(minor, context, GSS_C_NO_BUFFER);
}

using Name = Owned<gss_name_t, gss_release_name>;
using Credential = Owned<gss_cred_id_t, gss_release_cred>;
using Context = Owned<gss_ctx_id_t, delete_context>;
using Buffer = Owned<gss_buffer_desc, gss_release_buffer>;
using BufferSet = Owned<gss_buffer_set_t, gss_release_buffer_set>;

inline gss_buffer_desc buffer(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}
inline std::string text(Buffer& held) {
  return {static_cast<const char*>(held.get().value), held.get().length};
}

inline Name import(std::string_view text, gss_OID type = GSS_C_NT_USER_NAME) {
  Name name;
  gss_buffer_desc in = buffer(text);
  OM_uint32 minor = 0;
  EXPECT_EQ(gss_import_name(&minor, &in, type, name.out()), GSS_S_COMPLETE) << text;
  return name;
}

// A private account file that this process uses, and names of its own.
class Accounts {
 public:
  explicit Accounts(std::string_view lines = "TEST:alice:Secret1\nTEST:bob:Secret2\n") {
    setenv("NTLM_USER_FILE", directory_.write("users", lines).c_str(), 1);
    setenv("GSS_NTLM_CONF", directory_.write("ntlm.conf", kConfiguration).c_str(), 1);
  }
  ~Accounts() {
    unsetenv("NTLM_USER_FILE");
    unsetenv("GSS_NTLM_CONF");
  }
  Accounts(const Accounts&) = delete;
  Accounts& operator=(const Accounts&) = delete;

  std::string write(std::string_view name, std::string_view content) const {
    return directory_.write(name, content);
  }
  // Another configuration from now on.
  void configure(std::string_view name, std::string_view more) const {
    setenv("GSS_NTLM_CONF",
           directory_.write(name, std::string(kConfiguration) + std::string(more)).c_str(), 1);
  }

  static constexpr const char* kConfiguration =
      "[ntlm]\n netbios_computer = HOST\n netbios_domain = TEST\n dns_computer = "
      "host.test.example\n"
      " dns_domain = test.example\n[audit]\n syslog = no\n";

 private:
  TemporaryDirectory directory_;
};

// A message from one end to the other, sealed.
inline void expect_message_passes(Context& from, Context& to, std::string_view message) {
  gss_buffer_desc in = buffer(message);
  Buffer token, out;
  OM_uint32 minor = 0;
  ASSERT_EQ(gss_wrap(&minor, from.get(), 1, 0, &in, nullptr, token.out()), GSS_S_COMPLETE);
  ASSERT_EQ(gss_unwrap(&minor, to.get(), &token.get(), out.out(), nullptr, nullptr),
            GSS_S_COMPLETE);
  EXPECT_EQ(text(out), message);
}

// Two ends of one exchange.
struct Exchange {
  Context initiator, acceptor;
  Name source;
  OM_uint32 initiator_flags = 0, acceptor_flags = 0;
};

// Runs one to its end; without a value when a leg fails, with the failing status in *major and
// *minor.
inline std::optional<Exchange> establish(OM_uint32 wanted,
                                         gss_cred_id_t initiator = GSS_C_NO_CREDENTIAL,
                                         gss_cred_id_t acceptor = GSS_C_NO_CREDENTIAL,
                                         OM_uint32* failed = nullptr,
                                         OM_uint32* failed_minor = nullptr,
                                         const char* service = "HTTP@host.test.example") {
  Exchange exchange;
  Name target = import(service, GSS_C_NT_HOSTBASED_SERVICE);
  Buffer from_acceptor;
  OM_uint32 minor = 0;
  for (int leg = 0; leg < 3; ++leg) {
    Buffer from_initiator;
    const OM_uint32 initiated = gss_init_sec_context(
        &minor, initiator, &exchange.initiator.get(), target.get(), &g_ntlm, wanted, 0, nullptr,
        &from_acceptor.get(), nullptr, from_initiator.out(), &exchange.initiator_flags, nullptr);
    if (failed != nullptr) {
      *failed = initiated;
    }
    if (failed_minor != nullptr) {
      *failed_minor = minor;
    }
    if (GSS_ERROR(initiated)) {
      return std::nullopt;
    }
    if (from_initiator.get().length == 0) {
      break;
    }
    const OM_uint32 accepted =
        gss_accept_sec_context(&minor, &exchange.acceptor.get(), acceptor, &from_initiator.get(),
                               nullptr, exchange.source.out(), nullptr, from_acceptor.out(),
                               &exchange.acceptor_flags, nullptr, nullptr);
    if (failed != nullptr) {
      *failed = accepted;
    }
    if (failed_minor != nullptr) {
      *failed_minor = minor;
    }
    if (GSS_ERROR(accepted)) {
      return std::nullopt;
    }
    if (accepted == GSS_S_COMPLETE && initiated == GSS_S_COMPLETE) {
      break;
    }
  }
  return exchange;
}

inline constexpr OM_uint32 kProtected = GSS_C_INTEG_FLAG | GSS_C_CONF_FLAG;

}  // namespace ntlm::test
