/* SPDX-License-Identifier: MIT */
/* Written against cmocka's documentation and nothing else. It is compiled twice, with Debian's
 * <cmocka.h> and libcmocka and with support/cmocka/cmocka.h over GoogleTest, and must pass both
 * times. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* clang-format off: behind the others, as its documentation says */
#include <cmocka.h>
/* clang-format on */

/* The code under test: fetches a line from a peer, once more when it is told to. */
struct peer {
  int (*send)(const char* request, size_t size);
  int (*receive)(char* reply, size_t room);
};

static int ask(const struct peer* peer, const char* request, char* reply, size_t room) {
  int attempt;
  for (attempt = 0; attempt < 2; ++attempt) {
    int got;
    if (peer->send(request, strlen(request)) < 0) {
      return -1;
    }
    got = peer->receive(reply, room);
    if (got != -EAGAIN) {
      return got;
    }
  }
  return -EAGAIN;
}

/* Its doubles. */
static int fake_send(const char* request, size_t size) {
  function_called();
  check_expected_ptr(request);
  check_expected(size);
  return mock_type(int);
}

static int fake_receive(char* reply, size_t room) {
  const char* text = mock_ptr_type(const char*);
  function_called();
  check_expected(room);
  memset(reply, 0, room);
  strncpy(reply, text, room - 1);
  return mock_type(int);
}

time_t __wrap_time(time_t* out);
time_t __wrap_time(time_t* out) {
  time_t now = mock_type(time_t);
  if (out != NULL) {
    *out = now;
  }
  return now;
}

static const struct peer kPeer = {fake_send, fake_receive};

static int group_setup(void** state) {
  int* count = calloc(1, sizeof(int));
  *state = count;
  return count == NULL ? -1 : 0;
}

static int group_teardown(void** state) {
  int seen = *(int*)*state;
  free(*state);
  return seen == 2 ? 0 : -1; /* both tests that count have run */
}

static int count_up(void** state) {
  ++*(int*)*state;
  return 0;
}

static void asks_once(void** state) {
  char reply[16];
  assert_non_null(*state);
  assert_in_range(*(int*)*state, 1, 2);
  expect_function_call(fake_send);
  expect_string(fake_send, request, "hello");
  expect_value(fake_send, size, 5);
  will_return(fake_send, 5);
  expect_function_call(fake_receive);
  will_return(fake_receive, "world");
  expect_in_range(fake_receive, room, 1, sizeof(reply));
  will_return(fake_receive, 5);
  assert_int_equal(ask(&kPeer, "hello", reply, sizeof(reply)), 5);
  assert_string_equal(reply, "world");
  assert_string_not_equal(reply, "word");
}

static void asks_again_when_told_to(void** state) {
  char reply[4];
  LargestIntegralType rooms[] = {4, 8};
  (void)state;
  ignore_function_calls(fake_send);
  ignore_function_calls(fake_receive);
  expect_memory_count(fake_send, request, "hi", 2, 2);
  expect_not_value_count(fake_send, size, 0, 2);
  will_return_always(fake_send, 2);
  expect_in_set_count(fake_receive, room, rooms, 2);
  will_return(fake_receive, "");
  will_return(fake_receive, -EAGAIN);
  will_return(fake_receive, "abc");
  will_return(fake_receive, 3);
  assert_int_equal(ask(&kPeer, "hi", reply, sizeof(reply)), 3);
  assert_memory_equal(reply, "abc", 4);
  assert_memory_not_equal(reply, "abd", 4);
}

static int even(const LargestIntegralType value, const LargestIntegralType unused) {
  (void)unused;
  return value % 2 == 0;
}

static void gives_up_when_sending_fails(void** state) {
  char reply[4];
  (void)state;
  expect_function_calls(fake_send, 1);
  expect_any(fake_send, request);
  expect_check(fake_send, size, even, 0);
  will_return_count(fake_send, -1, 1);
  assert_int_equal(ask(&kPeer, "no", reply, sizeof(reply)), -1);
}

static void wrapped_function_returns_what_was_said(void** state) {
  time_t out = 0;
  (void)state;
  will_return_count(__wrap_time, 1000, 2);
  assert_int_equal(time(NULL), 1000);
  assert_int_equal(time(&out), 1000);
  assert_int_equal(out, 1000);
  will_return_maybe(__wrap_time, 7);
}

static void assertions_of_every_kind(void** state) {
  LargestIntegralType set[] = {3, 5, 7};
  int a = 1;
  int b = 1;
  (void)state;
  assert_true(a == b);
  assert_false(a != b);
  assert_null(NULL);
  assert_ptr_equal(&a, &a);
  assert_ptr_not_equal(&a, &b);
  assert_int_not_equal(a, 2);
  assert_not_in_range(9, 1, 8);
  assert_in_set(5, set, 3);
  assert_not_in_set(4, set, 3);
  assert_float_equal(1.5f, 1.5f, 0.01f);
  assert_float_not_equal(1.5f, 1.6f, 0.01f);
  assert_return_code(a, 0);
  assert_int_equal(-1, -1);
}

static void must_be_positive(int value) { mock_assert(value > 0, "value > 0", __FILE__, __LINE__); }

static void failing_assertion_is_expected(void** state) {
  (void)state;
  must_be_positive(1);
  expect_assert_failure(must_be_positive(0));
}

static void memory_is_given_back(void** state) {
  char* block = test_malloc(8);
  (void)state;
  memset(block, 1, 8);
  block = test_realloc(block, 16);
  assert_int_equal(block[7], 1);
  test_free(block);
  block = test_calloc(2, 4);
  assert_memory_equal(block, "\0\0\0\0\0\0\0\0", 8);
  test_free(block);
}

static void state_is_the_tests_own(void** state) { assert_string_equal(*state, "own"); }

static void skipped_here(void** state) {
  (void)state;
  skip();
  fail_msg("behind skip(): %d", 1);
}

int main(void) {
  static char own[] = "own";
  const struct CMUnitTest counted[] = {
      cmocka_unit_test_setup(asks_once, count_up),
      cmocka_unit_test_setup_teardown(asks_again_when_told_to, count_up, NULL),
      cmocka_unit_test(gives_up_when_sending_fails),
  };
  const struct CMUnitTest others[] = {
      cmocka_unit_test(wrapped_function_returns_what_was_said),
      cmocka_unit_test(assertions_of_every_kind),
      cmocka_unit_test(failing_assertion_is_expected),
      cmocka_unit_test(memory_is_given_back),
      cmocka_unit_test_prestate(state_is_the_tests_own, own),
      cmocka_unit_test(skipped_here),
  };
  return cmocka_run_group_tests(counted, group_setup, group_teardown) +
         cmocka_run_group_tests_name("others", others, NULL, NULL);
}
