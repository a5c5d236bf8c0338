/* SPDX-License-Identifier: MIT */
/* Every test in here must fail, under cmocka and under support/cmocka alike: ctest compares the
 * number of failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* clang-format off: behind the others, as its documentation says */
#include <cmocka.h>
/* clang-format on */

static int double_of(int value) {
  check_expected(value);
  return mock_type(int);
}
static void step_one(void) { function_called(); }
static void step_two(void) { function_called(); }

#define REFUSED(name) static void name(void** state)
#define UNUSED (void)state

REFUSED(wrong_int) {
  UNUSED;
  assert_int_equal(1, 2);
}
REFUSED(wrong_string) {
  UNUSED;
  assert_string_equal("a", "b");
}
REFUSED(wrong_memory) {
  UNUSED;
  assert_memory_equal("ab", "ac", 2);
}
REFUSED(out_of_range) {
  UNUSED;
  assert_in_range(9, 1, 8);
}
REFUSED(null_where_something_was_wanted) {
  UNUSED;
  assert_non_null(NULL);
}
REFUSED(negative_return_code) {
  UNUSED;
  assert_return_code(-1, 2);
}
REFUSED(fails_by_itself) {
  UNUSED;
  fail_msg("code %d", 5);
}
REFUSED(no_value_for_mock) {
  UNUSED;
  expect_any(double_of, value);
  double_of(1);
}
REFUSED(parameter_not_expected) {
  UNUSED;
  will_return(double_of, 1);
  double_of(1);
}
REFUSED(parameter_of_another_value) {
  UNUSED;
  expect_value(double_of, value, 2);
  will_return(double_of, 1);
  double_of(1);
}
REFUSED(value_left_over) {
  UNUSED;
  will_return(double_of, 1);
}
REFUSED(check_left_over) {
  UNUSED;
  expect_value(double_of, value, 1);
}
REFUSED(repeated_value_never_used) {
  UNUSED;
  will_return_always(double_of, 1);
}
REFUSED(calls_in_the_wrong_order) {
  UNUSED;
  expect_function_call(step_one);
  expect_function_call(step_two);
  step_two();
  step_one();
}
REFUSED(call_missing) {
  UNUSED;
  expect_function_call(step_one);
}
REFUSED(assertion_expected_and_none_failed) {
  UNUSED;
  expect_assert_failure((void)0);
}
REFUSED(memory_leaked) {
  UNUSED;
  memset(test_malloc(4), 0, 4);
}
REFUSED(memory_overrun) {
  volatile char* block = test_malloc(4);
  UNUSED;
  block[4] = 1;
  test_free((void*)block);
}
static int setup_fails(void** state) {
  UNUSED;
  return -1;
}
REFUSED(setup_failed) { UNUSED; }

int main(int argc, char** argv) {
  const struct CMUnitTest refusals[] = {
      cmocka_unit_test(wrong_int),
      cmocka_unit_test(wrong_string),
      cmocka_unit_test(wrong_memory),
      cmocka_unit_test(out_of_range),
      cmocka_unit_test(null_where_something_was_wanted),
      cmocka_unit_test(negative_return_code),
      cmocka_unit_test(fails_by_itself),
      cmocka_unit_test(no_value_for_mock),
      cmocka_unit_test(parameter_not_expected),
      cmocka_unit_test(parameter_of_another_value),
      cmocka_unit_test(value_left_over),
      cmocka_unit_test(check_left_over),
      cmocka_unit_test(repeated_value_never_used),
      cmocka_unit_test(calls_in_the_wrong_order),
      cmocka_unit_test(call_missing),
      cmocka_unit_test(assertion_expected_and_none_failed),
      cmocka_unit_test(memory_leaked),
  };
  const struct CMUnitTest unready[] = {cmocka_unit_test_setup(setup_failed, setup_fails)};
  const struct CMUnitTest overrun[] = {cmocka_unit_test(memory_overrun)};
  if (argc > 1 && strcmp(argv[1], "overrun") == 0) {
    return cmocka_run_group_tests(overrun, NULL, NULL); /* cmocka itself exits behind this one */
  }
  const size_t all = sizeof(refusals) / sizeof(refusals[0]);
  const int failed = cmocka_run_group_tests(refusals, NULL, NULL);
  print_message("%d of %d refused\n", failed, (int)all);
  return (size_t)failed == all && cmocka_run_group_tests(unready, NULL, NULL) != 0 ? 0 : 1;
}
