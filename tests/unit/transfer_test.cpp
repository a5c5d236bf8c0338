// SPDX-License-Identifier: MIT
#include "abi/transfer.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "support/temporary_directory.h"

namespace ntlm::test {
namespace {

using abi::TransferKind;

class Transfer : public testing::TestWithParam<const char*> {
 protected:
  Transfer() {
    const std::string key = directory_.write("key", std::string(32, 'k'));
    const std::string with_key = "[ntlm]\n transfer_key = " + key + "\n";
    const bool sealed = std::string_view(GetParam()) == "sealed";
    const std::string configuration = "[audit]\n syslog = no\n" + (sealed ? with_key : "");
    setenv("GSS_NTLM_CONF", directory_.write("ntlm.conf", configuration).c_str(), 1);
  }
  ~Transfer() override { unsetenv("GSS_NTLM_CONF"); }

 private:
  TemporaryDirectory directory_;
};
INSTANTIATE_TEST_SUITE_P(Forms, Transfer, testing::Values("plain", "sealed"));

// Whoever seals gives up what is in it.
TEST_P(Transfer, WhatIsSealedCanBeOpenedHoweverLong) {
  constexpr std::size_t kLimit = 1u << 20;
  bool refused = false;
  for (std::size_t size = kLimit - 192; size < kLimit; ++size) {
    const auto token = abi::seal_transfer(TransferKind::kContext, Bytes(size), 60);
    refused = refused || !token;
    if (token) {
      ASSERT_TRUE(abi::open_transfer(TransferKind::kContext, *token)) << size;
    }
  }
  EXPECT_TRUE(refused) << "the limit is elsewhere";
}

}  // namespace
}  // namespace ntlm::test
