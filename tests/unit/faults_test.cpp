// SPDX-License-Identifier: MIT
// Which sentences of stores get into the system log, whose two doors are this test's.
#include "store/faults.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <thread>
#include <vector>

namespace {

std::vector<std::string> g_lines;

void take_line(const char* format, va_list arguments) {
  char line[512];
  (void)std::vsnprintf(line, sizeof line, format, arguments);
  g_lines.emplace_back(line);
}

}  // namespace

extern "C" void __wrap_syslog(int, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  take_line(format, arguments);
  va_end(arguments);
}

extern "C" void __wrap___syslog_chk(int, int, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  take_line(format, arguments);
  va_end(arguments);
}

namespace ntlm::store {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

class Faults : public ::testing::Test {
 protected:
  // The limit is that of a second, and of the process.
  void SetUp() override {
    std::this_thread::sleep_for(milliseconds(1050));
    g_lines.clear();
  }
};

// How many sentences the lines say are missing.
std::size_t left_out() {
  static constexpr std::string_view kWords = " (left out before: ";
  std::size_t sum = 0;
  for (const std::string& line : g_lines) {
    const std::size_t at = line.find(kWords);
    sum += at == std::string::npos ? 0 : std::stoul(line.substr(at + kWords.size()));
  }
  return sum;
}

TEST_F(Faults, EachSentenceIsToldOnceAndTheLastIsKept) {
  for (int i = 0; i < 3; ++i) {
    record_store_fault("one");
    record_store_fault("two");
  }
  EXPECT_EQ(g_lines, (std::vector<std::string>{"gss-ntlm: one", "gss-ntlm: two"}));
  EXPECT_EQ(last_store_fault(), "two");
}

TEST_F(Faults, PeerThatMakesSentencesDoesNotFillTheLog) {
  constexpr std::size_t kMany = 2000;
  const auto began = steady_clock::now();
  for (std::size_t i = 0; i < kMany; ++i) {
    record_store_fault("no domain controller answers for " + std::to_string(i));
  }
  // In each second that it took, one begun and one ended.
  const auto turns = (steady_clock::now() - began) / seconds(1) + 2;
  EXPECT_LE(g_lines.size(), static_cast<std::size_t>(20 * turns));
  EXPECT_EQ(last_store_fault(), "no domain controller answers for 1999");

  std::this_thread::sleep_for(milliseconds(1050));
  record_store_fault("another");
  EXPECT_TRUE(g_lines.back().starts_with("gss-ntlm: another (left out before: ")) << g_lines.back();
  EXPECT_EQ(g_lines.size() + left_out(), kMany + 1);
  record_store_fault("a third");
  EXPECT_EQ(g_lines.back(), "gss-ntlm: a third");
}

// Else a store would stay broken without a line.
TEST_F(Faults, SentenceThatWasLeftOutIsToldTheNextTime) {
  for (int i = 0; i < 2000; ++i) {
    record_store_fault("of a peer " + std::to_string(i));
  }
  std::this_thread::sleep_for(milliseconds(1050));
  record_store_fault("of a peer 1999");
  EXPECT_TRUE(g_lines.back().starts_with("gss-ntlm: of a peer 1999")) << g_lines.back();
}

}  // namespace
}  // namespace ntlm::store
