// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

// clang-format off: behind the others, since fail() is a macro
#include "support/cmocka_gtest.h"
// clang-format on
#undef fail
#undef mock
#undef skip

namespace {

using Predicate = std::function<bool(uintmax_t)>;

constexpr int kAlways = -1;  // at least once
constexpr int kMaybe = -2;   // or never

// One entry of a queue: served `left` times, or for ever.
template <typename What>
struct Entry {
  What what;
  cmg_place at;
  int left;
  bool used = false;

  bool wanted_still() const { return left > 0 || (left == kAlways && !used); }
  // Takes one serving; true when the entry is used up.
  bool serve() {
    used = true;
    return left > 0 && --left == 0;
  }
};
template <typename What>
using Queue = std::deque<Entry<What>>;

struct Block {
  std::size_t size;
  cmg_place at;
};
constexpr std::size_t kGuard = 16;
constexpr int kGuardByte = 0xe3;

struct State {
  std::map<std::string, Queue<uintmax_t>> returns;
  std::map<std::pair<std::string, std::string>, Queue<Predicate>> checks;
  Queue<std::string> calls;
  std::map<unsigned char*, Block> blocks;
  bool expecting_assert = false;
};

void report(cmg_place at, const std::string& text) { ADD_FAILURE_AT(at.file, at.line) << text; }

[[noreturn]] void end_test(testing::TestPartResult::Type type, cmg_place at,
                           const std::string& text) {
  // GoogleTest knows this exception: it ends the test and is not reported again.
  throw testing::AssertionException(testing::TestPartResult(type, at.file, at.line, text.c_str()));
}

[[noreturn]] void fail_here(cmg_place at, const std::string& text) {
  report(at, text);
  end_test(testing::TestPartResult::kFatalFailure, at, text);
}

State& state();

// What a test leaves behind fails it.
class Leftovers final : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo& info) override {
    State left = std::exchange(state(), State{});
    for (const auto& [block, what] : left.blocks) {
      if (!info.result()->Failed()) {
        report(what.at, "test_malloc: " + std::to_string(what.size) + " bytes were not freed");
      }
      std::free(block - kGuard);
    }
    if (info.result()->Failed() || info.result()->Skipped()) {
      return;  // a test that ended early leaves things over: its own reason is the one to read
    }
    for (const auto& [function, queue] : left.returns) {
      for (const auto& entry : queue) {
        if (entry.wanted_still()) {
          report(entry.at, function + "() was to return this value and was not called");
        }
      }
    }
    for (const auto& [key, queue] : left.checks) {
      for (const auto& entry : queue) {
        if (entry.wanted_still()) {
          report(entry.at, key.first + "() did not check parameter '" + key.second + "'");
        }
      }
    }
    for (const auto& entry : left.calls) {
      if (entry.wanted_still()) {
        report(entry.at, entry.what + "() was expected and not called");
      }
    }
  }
};

State& state() {
  static State instance;
  static const bool listening = [] {
    testing::UnitTest::GetInstance()->listeners().Append(new Leftovers);  // gtest owns it
    return true;
  }();
  (void)listening;
  return instance;
}

const char* string_at(uintmax_t address) {
  return reinterpret_cast<const char*>(static_cast<std::uintptr_t>(address));
}

// The positive kinds; a NOT kind is the positive one refused.
Predicate positive(cmg_kind kind, uintmax_t a, uintmax_t b) {
  switch (kind) {
    case CMG_VALUE:
      return [a](uintmax_t value) { return value == a; };
    case CMG_RANGE:
      return [a, b](uintmax_t value) { return a <= value && value <= b; };
    case CMG_SET: {
      const auto* first = reinterpret_cast<const uintmax_t*>(string_at(a));
      return [set = std::vector<uintmax_t>(first, first + b)](uintmax_t value) {
        return std::find(set.begin(), set.end(), value) != set.end();
      };
    }
    case CMG_STRING:
      return [wanted = std::string(string_at(a))](uintmax_t value) {
        return value != 0 && wanted == string_at(value);
      };
    case CMG_MEMORY:
      return [wanted = std::string(string_at(a), b)](uintmax_t value) {
        return wanted.empty() ||
               (value != 0 && std::memcmp(wanted.data(), string_at(value), wanted.size()) == 0);
      };
    case CMG_ANY:
    case CMG_NOT_VALUE:
    case CMG_NOT_RANGE:
    case CMG_NOT_SET:
    case CMG_NOT_STRING:
    case CMG_NOT_MEMORY:
      break;
  }
  return [](uintmax_t) { return true; };
}

Predicate predicate(cmg_kind kind, uintmax_t a, uintmax_t b) {
  static const std::map<cmg_kind, cmg_kind> kOpposite = {{CMG_NOT_VALUE, CMG_VALUE},
                                                         {CMG_NOT_RANGE, CMG_RANGE},
                                                         {CMG_NOT_SET, CMG_SET},
                                                         {CMG_NOT_STRING, CMG_STRING},
                                                         {CMG_NOT_MEMORY, CMG_MEMORY}};
  if (const auto opposite = kOpposite.find(kind); opposite != kOpposite.end()) {
    return
        [refused = positive(opposite->second, a, b)](uintmax_t value) { return !refused(value); };
  }
  return positive(kind, a, b);
}

std::string shown(cmg_kind kind, uintmax_t value) {
  if ((kind == CMG_STRING || kind == CMG_NOT_STRING) && value != 0) {
    return '"' + std::string(string_at(value)) + '"';
  }
  return std::to_string(value);
}

bool guards_hold(const unsigned char* block, std::size_t size) {
  const auto whole = [](const unsigned char* guard) {
    return std::all_of(guard, guard + kGuard, [](unsigned char c) { return c == kGuardByte; });
  };
  return whole(block - kGuard) && whole(block + size);
}

__attribute__((format(printf, 2, 0))) void print(FILE* to, const char* format, va_list arguments) {
  std::vfprintf(to, format, arguments);
  std::fflush(to);
}

struct GroupTests {
  CMFixtureFunction setup;
  CMFixtureFunction teardown;
  void* state = nullptr;
  bool ready = false;
};
std::map<std::string, GroupTests>& groups() {
  static std::map<std::string, GroupTests> instance;
  return instance;
}
GroupTests& current_group() {
  return groups().at(testing::UnitTest::GetInstance()->current_test_suite()->name());
}

class GroupFixture : public testing::Test {
 public:
  explicit GroupFixture(const CMUnitTest& test) : test_(test) {}

  static void SetUpTestSuite() {
    GroupTests& group = current_group();
    group.ready = group.setup == nullptr || group.setup(&group.state) == 0;
  }
  static void TearDownTestSuite() {
    GroupTests& group = current_group();
    if (group.teardown != nullptr && group.teardown(&group.state) != 0) {
      ADD_FAILURE() << "the group's tear-down failed";
    }
  }

 protected:
  void SetUp() override {
    ASSERT_TRUE(current_group().ready) << "the group's set-up failed";
    state_ = test_.initial_state != nullptr ? test_.initial_state : current_group().state;
    ready_ = test_.setup_func == nullptr || test_.setup_func(&state_) == 0;
    ASSERT_TRUE(ready_) << "the test's set-up failed";
  }
  void TestBody() override { test_.test_func(&state_); }
  void TearDown() override {
    if (ready_ && test_.teardown_func != nullptr) {
      EXPECT_EQ(test_.teardown_func(&state_), 0) << "the test's tear-down failed";
    }
  }

 private:
  CMUnitTest test_;
  void* state_ = nullptr;
  bool ready_ = false;
};

// main() has handed nothing over, and --gtest_filter and its friends shall work all the same.
void initialise_googletest() {
  static std::vector<std::string> words;
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  for (std::string word; std::getline(in, word, '\0');) {
    words.push_back(word);
  }
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  int argc = static_cast<int>(words.size());
  testing::InitGoogleTest(&argc, argv.data());
}

}  // namespace

extern "C" {

jmp_buf cmg_assert_jump;
const char* cmg_failed_assert = "";

void cmg_will_return(const char* function, cmg_place at, uintmax_t value, int count) {
  state().returns[function].push_back({value, at, count});
}

uintmax_t cmg_mock(const char* function, cmg_place at) {
  auto& queue = state().returns[function];
  if (queue.empty()) {
    fail_here(at, std::string("no value for mock() in ") + function + "()");
  }
  const uintmax_t value = queue.front().what;
  if (queue.front().serve()) {
    queue.pop_front();
  }
  return value;
}

void cmg_expect(const char* function, const char* parameter, cmg_place at, cmg_kind kind,
                uintmax_t a, uintmax_t b, int count) {
  state().checks[{function, parameter}].push_back({predicate(kind, a, b), at, count});
}

void cmg_expect_check(const char* function, const char* parameter, cmg_place at,
                      CheckParameterValue check, uintmax_t data, int count) {
  state().checks[{function, parameter}].push_back(
      {[check, data](uintmax_t value) { return check(value, data) != 0; }, at, count});
}

void cmg_check_expected(const char* function, const char* parameter, cmg_place at,
                        uintmax_t value) {
  auto& queue = state().checks[{function, parameter}];
  const std::string what = std::string(function) + "(): parameter '" + parameter + "'";
  if (queue.empty()) {
    fail_here(at, what + " was not expected");
  }
  Entry<Predicate>& entry = queue.front();
  const bool holds = entry.what(value);
  const cmg_place expected_at = entry.at;
  if (entry.serve()) {
    queue.pop_front();
  }
  if (!holds) {
    fail_here(expected_at, what + " is " + std::to_string(value) + ", not as expected here");
  }
}

void cmg_expect_call(const char* function, cmg_place at, int times) {
  state().calls.push_back({function, at, times});
}

void cmg_called(const char* function, cmg_place at) {
  auto& calls = state().calls;
  const auto ignored = std::find_if(calls.begin(), calls.end(), [&](const auto& entry) {
    return entry.left == kMaybe && entry.what == function;
  });
  if (ignored != calls.end()) {
    return;
  }
  // A call that may repeat is done with when another one comes.
  while (!calls.empty() && calls.front().what != function &&
         (calls.front().left == kMaybe || (calls.front().left == kAlways && calls.front().used))) {
    calls.pop_front();
  }
  if (calls.empty() || calls.front().what != function) {
    fail_here(at, std::string(function) + "() was called, expected was " +
                      (calls.empty() ? "nothing" : calls.front().what + "()"));
  }
  if (calls.front().serve()) {
    calls.pop_front();
  }
}

void cmg_assert(int holds, const char* text, cmg_place at) {
  if (holds == 0) {
    fail_here(at, text);
  }
}

void cmg_assert_is(cmg_kind kind, uintmax_t value, uintmax_t a, uintmax_t b, const char* text,
                   cmg_place at) {
  if (!predicate(kind, a, b)(value)) {
    fail_here(at, std::string(text) + ": " + shown(kind, value) + " against " + shown(kind, a) +
                      (b != 0 ? ", " + std::to_string(b) : ""));
  }
}

void cmg_assert_float(float a, float b, float epsilon, int want_equal, cmg_place at) {
  const bool equal = std::fabs(a - b) <= epsilon;
  if (equal != (want_equal != 0)) {
    fail_here(at, std::to_string(a) + (equal ? " equals " : " differs from ") + std::to_string(b));
  }
}

void cmg_assert_return_code(uintmax_t code, int negative, int error, const char* text,
                            cmg_place at) {
  if (negative != 0) {
    fail_here(at, std::string(text) + " is " + std::to_string(static_cast<intmax_t>(code)) +
                      (error > 0 ? std::string(": ") + std::strerror(error) : ""));
  }
}

void cmg_fail(const char* text, cmg_place at) { fail_here(at, text); }

void cmg_skip(cmg_place at) {
  GTEST_MESSAGE_AT_(at.file, at.line, "skip()", testing::TestPartResult::kSkip);
  end_test(testing::TestPartResult::kSkip, at, "skip()");
}

void* cmg_allocate(void* old, size_t count, size_t size, int zero, cmg_place at) {
  if (size != 0 && count > (std::numeric_limits<size_t>::max() - 2 * kGuard) / size) {
    return nullptr;
  }
  size_t wanted = count * size;
  auto* raw = static_cast<unsigned char*>(std::malloc(wanted + 2 * kGuard));
  if (raw == nullptr) {
    return nullptr;
  }
  unsigned char* block = raw + kGuard;
  std::memset(raw, kGuardByte, wanted + 2 * kGuard);
  if (zero != 0) {
    std::memset(block, 0, wanted);
  }
  state().blocks[block] = {wanted, at};
  if (old != nullptr) {
    const auto known = state().blocks.find(static_cast<unsigned char*>(old));
    if (known == state().blocks.end()) {
      fail_here(at, "test_realloc: not a block of test_malloc");
    }
    std::memcpy(block, old, std::min(wanted, known->second.size));
    cmg_free(old, at);
  }
  return block;
}

void cmg_free(void* memory, cmg_place at) {
  if (memory == nullptr) {
    return;
  }
  auto* block = static_cast<unsigned char*>(memory);
  const auto known = state().blocks.find(block);
  if (known == state().blocks.end()) {
    fail_here(at, "test_free: not a block of test_malloc, or freed twice");
  }
  const Block what = known->second;
  const bool whole = guards_hold(block, what.size);
  state().blocks.erase(known);
  std::free(block - kGuard);
  if (!whole) {
    fail_here(what.at, "test_free: this block was written beyond its ends");
  }
}

void cmg_expecting_assert(int expecting) { state().expecting_assert = expecting != 0; }

void mock_assert(int result, const char* expression, const char* file, int line) {
  if (result != 0) {
    return;
  }
  if (state().expecting_assert) {
    cmg_failed_assert = expression;
    longjmp(cmg_assert_jump, 1);
  }
  fail_here({file, line}, std::string("assert: ") + expression);
}

void print_message(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print(stdout, format, arguments);
  va_end(arguments);
}

void print_error(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print(stderr, format, arguments);
  va_end(arguments);
}

int cmg_run_group(const char* name, const CMUnitTest* tests, size_t count, CMFixtureFunction setup,
                  CMFixtureFunction teardown) {
  static const std::string users_filter = [] {
    initialise_googletest();
    return testing::GTEST_FLAG(filter);
  }();
  (void)state();
  groups()[name] = {setup, teardown};
  for (size_t i = 0; i < count; ++i) {
    testing::RegisterTest(name, tests[i].name, nullptr, nullptr, __FILE__, __LINE__,
                          [test = tests[i]]() -> GroupFixture* { return new GroupFixture(test); });
  }
  // A second group of the same main() does not run the first one's tests again.
  testing::GTEST_FLAG(filter) = users_filter == "*" ? std::string(name) + ".*" : users_filter;
  const bool failed = RUN_ALL_TESTS() != 0;
  return std::max(testing::UnitTest::GetInstance()->failed_test_count(), failed ? 1 : 0);
}

}  // extern "C"
