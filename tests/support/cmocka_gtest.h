/* SPDX-License-Identifier: MIT */
/*
 * cmocka's vocabulary over GoogleTest: a test file written against <cmocka.h> compiles and runs
 * unchanged, in C or C++, and a TEST() body may use will_return() and expect_value() for doubles
 * that -Wl,--wrap= puts in.
 *
 * What cmocka documents holds: values queue up by function, checks by function and parameter, -1
 * repeats for ever (at least once), what is left over at the end of a test fails it, the first
 * failed assertion ends the test. It ends by an exception, so C files are compiled with
 * -fexceptions and no double may be called through a noexcept function in a test that it fails. Not
 * here: the UnitTest interface (run_tests, unit_test), deprecated since cmocka 1.0. Include it
 * last, as cmocka's: fail(), skip() and mock() are macros. One thread.
 */
#ifndef NTLM_TESTS_CMOCKA_GTEST_H_
#define NTLM_TESTS_CMOCKA_GTEST_H_
#pragma GCC system_header /* C's casts are not a C++ test's fault */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uintmax_t LargestIntegralType;
#define LargestIntegralType LargestIntegralType
#define cast_to_largest_integral_type(value) ((LargestIntegralType)(value))
#define cast_to_pointer_integral_type(value) ((uintptr_t)((size_t)(value)))
#define cast_ptr_to_largest_integral_type(value) \
  cast_to_largest_integral_type(cast_to_pointer_integral_type(value))

typedef void (*CMUnitTestFunction)(void** state);
typedef int (*CMFixtureFunction)(void** state);
typedef int (*CheckParameterValue)(const LargestIntegralType value,
                                   const LargestIntegralType check_value_data);
struct CMUnitTest {
  const char* name;
  CMUnitTestFunction test_func;
  CMFixtureFunction setup_func;
  CMFixtureFunction teardown_func;
  void* initial_state;
};

/* The engine, cmocka_gtest.cpp. */
enum cmg_kind {
  CMG_ANY,
  CMG_VALUE,
  CMG_NOT_VALUE,
  CMG_RANGE,
  CMG_NOT_RANGE,
  CMG_SET,
  CMG_NOT_SET,
  CMG_STRING,
  CMG_NOT_STRING,
  CMG_MEMORY,
  CMG_NOT_MEMORY
};
struct cmg_place {
  const char* file;
  int line;
};
void cmg_will_return(const char* function, struct cmg_place at, LargestIntegralType value,
                     int count);
LargestIntegralType cmg_mock(const char* function, struct cmg_place at);
/* VALUE: a; RANGE: a..b; SET: b values at a; STRING: a; MEMORY: b bytes at a. What a points at is
 * copied. */
void cmg_expect(const char* function, const char* parameter, struct cmg_place at,
                enum cmg_kind kind, LargestIntegralType a, LargestIntegralType b, int count);
void cmg_expect_check(const char* function, const char* parameter, struct cmg_place at,
                      CheckParameterValue check, LargestIntegralType data, int count);
void cmg_check_expected(const char* function, const char* parameter, struct cmg_place at,
                        LargestIntegralType value);
void cmg_expect_call(const char* function, struct cmg_place at, int times);
void cmg_called(const char* function, struct cmg_place at);
void cmg_assert(int holds, const char* text, struct cmg_place at);
/* Fails unless `value` is (or is not: the NOT kinds) what kind, a and b say. */
void cmg_assert_is(enum cmg_kind kind, LargestIntegralType value, LargestIntegralType a,
                   LargestIntegralType b, const char* text, struct cmg_place at);
void cmg_assert_float(float a, float b, float epsilon, int want_equal, struct cmg_place at);
void cmg_assert_return_code(LargestIntegralType code, int negative, int error, const char* text,
                            struct cmg_place at);
void cmg_fail(const char* text, struct cmg_place at);
void cmg_skip(struct cmg_place at);
void* cmg_allocate(void* old, size_t count, size_t size, int zero, struct cmg_place at);
void cmg_free(void* block, struct cmg_place at);
void cmg_expecting_assert(int expecting);
extern jmp_buf cmg_assert_jump;
extern const char* cmg_failed_assert;
int cmg_run_group(const char* name, const struct CMUnitTest* tests, size_t count,
                  CMFixtureFunction setup, CMFixtureFunction teardown);
void mock_assert(int result, const char* expression, const char* file, int line);
void print_message(const char* format, ...) __attribute__((format(printf, 1, 2)));
void print_error(const char* format, ...) __attribute__((format(printf, 1, 2)));

#ifdef __cplusplus
}
#define CMG_HERE (cmg_place{__FILE__, __LINE__})
#else
#define CMG_HERE ((struct cmg_place){__FILE__, __LINE__})
#endif
#define CMG_INT(value) cast_to_largest_integral_type(value)
#define CMG_PTR(value) cast_ptr_to_largest_integral_type(value)

/* Doubles: what they return */
#define mock() cmg_mock(__func__, CMG_HERE)
#define mock_type(type) ((type)mock())
#define mock_ptr_type(type) ((type)(uintptr_t)mock())
#define will_return_count(function, value, count) \
  cmg_will_return(#function, CMG_HERE, CMG_INT(value), count)
#define will_return(function, value) will_return_count(function, value, 1)
#define will_return_always(function, value) will_return_count(function, value, -1)
#define will_return_maybe(function, value) will_return_count(function, value, -2)

/* Doubles: what they are given */
#define check_expected(parameter) \
  cmg_check_expected(__func__, #parameter, CMG_HERE, CMG_INT(parameter))
#define check_expected_ptr(parameter) \
  cmg_check_expected(__func__, #parameter, CMG_HERE, CMG_PTR(parameter))
#define CMG_EXPECT(function, parameter, kind, a, b, count) \
  cmg_expect(#function, #parameter, CMG_HERE, kind, a, b, count)
#define CMG_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define expect_check(function, parameter, check_function, check_data) \
  cmg_expect_check(#function, #parameter, CMG_HERE, check_function, CMG_INT(check_data), 1)
#define expect_any_count(function, parameter, count) \
  CMG_EXPECT(function, parameter, CMG_ANY, 0, 0, count)
#define expect_any(function, parameter) expect_any_count(function, parameter, 1)
#define expect_any_always(function, parameter) expect_any_count(function, parameter, -1)
#define expect_value_count(function, parameter, value, count) \
  CMG_EXPECT(function, parameter, CMG_VALUE, CMG_INT(value), 0, count)
#define expect_value(function, parameter, value) expect_value_count(function, parameter, value, 1)
#define expect_not_value_count(function, parameter, value, count) \
  CMG_EXPECT(function, parameter, CMG_NOT_VALUE, CMG_INT(value), 0, count)
#define expect_not_value(function, parameter, value) \
  expect_not_value_count(function, parameter, value, 1)
#define expect_in_range_count(function, parameter, minimum, maximum, count) \
  CMG_EXPECT(function, parameter, CMG_RANGE, CMG_INT(minimum), CMG_INT(maximum), count)
#define expect_in_range(function, parameter, minimum, maximum) \
  expect_in_range_count(function, parameter, minimum, maximum, 1)
#define expect_not_in_range_count(function, parameter, minimum, maximum, count) \
  CMG_EXPECT(function, parameter, CMG_NOT_RANGE, CMG_INT(minimum), CMG_INT(maximum), count)
#define expect_not_in_range(function, parameter, minimum, maximum) \
  expect_not_in_range_count(function, parameter, minimum, maximum, 1)
#define expect_in_set_count(function, parameter, values, count) \
  CMG_EXPECT(function, parameter, CMG_SET, CMG_PTR(values), CMG_COUNT(values), count)
#define expect_in_set(function, parameter, values) \
  expect_in_set_count(function, parameter, values, 1)
#define expect_not_in_set_count(function, parameter, values, count) \
  CMG_EXPECT(function, parameter, CMG_NOT_SET, CMG_PTR(values), CMG_COUNT(values), count)
#define expect_not_in_set(function, parameter, values) \
  expect_not_in_set_count(function, parameter, values, 1)
#define expect_string_count(function, parameter, string, count) \
  CMG_EXPECT(function, parameter, CMG_STRING, CMG_PTR(string), 0, count)
#define expect_string(function, parameter, string) \
  expect_string_count(function, parameter, string, 1)
#define expect_not_string_count(function, parameter, string, count) \
  CMG_EXPECT(function, parameter, CMG_NOT_STRING, CMG_PTR(string), 0, count)
#define expect_not_string(function, parameter, string) \
  expect_not_string_count(function, parameter, string, 1)
#define expect_memory_count(function, parameter, memory, size, count) \
  CMG_EXPECT(function, parameter, CMG_MEMORY, CMG_PTR(memory), size, count)
#define expect_memory(function, parameter, memory, size) \
  expect_memory_count(function, parameter, memory, size, 1)
#define expect_not_memory_count(function, parameter, memory, size, count) \
  CMG_EXPECT(function, parameter, CMG_NOT_MEMORY, CMG_PTR(memory), size, count)
#define expect_not_memory(function, parameter, memory, size) \
  expect_not_memory_count(function, parameter, memory, size, 1)

/* Doubles: in which order they are called */
#define function_called() cmg_called(__func__, CMG_HERE)
#define expect_function_calls(function, times) cmg_expect_call(#function, CMG_HERE, times)
#define expect_function_call(function) expect_function_calls(function, 1)
#define expect_function_call_any(function) expect_function_calls(function, -1)
#define ignore_function_calls(function) expect_function_calls(function, -2)

/* Assertions */
#define assert_true(c) cmg_assert((c) ? 1 : 0, #c, CMG_HERE)
#define assert_false(c) cmg_assert((c) ? 0 : 1, "!(" #c ")", CMG_HERE)
#define assert_non_null(c) cmg_assert(CMG_PTR(c) != 0, #c " != NULL", CMG_HERE)
#define assert_null(c) cmg_assert(CMG_PTR(c) == 0, #c " == NULL", CMG_HERE)
#define CMG_IS(kind, value, a, b, text) cmg_assert_is(kind, value, a, b, text, CMG_HERE)
#define assert_int_equal(a, b) CMG_IS(CMG_VALUE, CMG_INT(a), CMG_INT(b), 0, #a)
#define assert_int_not_equal(a, b) CMG_IS(CMG_NOT_VALUE, CMG_INT(a), CMG_INT(b), 0, #a)
#define assert_ptr_equal(a, b) CMG_IS(CMG_VALUE, CMG_PTR(a), CMG_PTR(b), 0, #a)
#define assert_ptr_not_equal(a, b) CMG_IS(CMG_NOT_VALUE, CMG_PTR(a), CMG_PTR(b), 0, #a)
#define assert_string_equal(a, b) CMG_IS(CMG_STRING, CMG_PTR(a), CMG_PTR(b), 0, #a)
#define assert_string_not_equal(a, b) CMG_IS(CMG_NOT_STRING, CMG_PTR(a), CMG_PTR(b), 0, #a)
#define assert_memory_equal(a, b, size) CMG_IS(CMG_MEMORY, CMG_PTR(a), CMG_PTR(b), size, #a)
#define assert_memory_not_equal(a, b, size) CMG_IS(CMG_NOT_MEMORY, CMG_PTR(a), CMG_PTR(b), size, #a)
#define assert_in_range(value, minimum, maximum) \
  CMG_IS(CMG_RANGE, CMG_INT(value), CMG_INT(minimum), CMG_INT(maximum), #value)
#define assert_not_in_range(value, minimum, maximum) \
  CMG_IS(CMG_NOT_RANGE, CMG_INT(value), CMG_INT(minimum), CMG_INT(maximum), #value)
#define assert_in_set(value, values, number_of_values) \
  CMG_IS(CMG_SET, CMG_INT(value), CMG_PTR(values), number_of_values, #value)
#define assert_not_in_set(value, values, number_of_values) \
  CMG_IS(CMG_NOT_SET, CMG_INT(value), CMG_PTR(values), number_of_values, #value)
#define assert_float_equal(a, b, epsilon) cmg_assert_float(a, b, epsilon, 1, CMG_HERE)
#define assert_float_not_equal(a, b, epsilon) cmg_assert_float(a, b, epsilon, 0, CMG_HERE)
#define assert_return_code(rc, error) \
  cmg_assert_return_code(CMG_INT(rc), (rc) < 0, error, #rc, CMG_HERE)
#define fail() cmg_fail("fail()", CMG_HERE)
#define fail_msg(msg, ...)                          \
  do {                                              \
    print_error("ERROR: " msg "\n", ##__VA_ARGS__); \
    fail();                                         \
  } while (0)
#define skip() cmg_skip(CMG_HERE)
#define expect_assert_failure(function_call)                                      \
  do {                                                                            \
    if (setjmp(cmg_assert_jump) == 0) {                                           \
      cmg_expecting_assert(1);                                                    \
      function_call;                                                              \
      cmg_expecting_assert(0);                                                    \
      cmg_fail("an assertion was expected to fail in " #function_call, CMG_HERE); \
    } else {                                                                      \
      cmg_expecting_assert(0);                                                    \
      print_message("Expected assertion %s occurred\n", cmg_failed_assert);       \
    }                                                                             \
  } while (0)

/* Memory whose leaks and overruns fail the test */
#define test_malloc(size) cmg_allocate(NULL, 1, size, 0, CMG_HERE)
#define test_calloc(num, size) cmg_allocate(NULL, num, size, 1, CMG_HERE)
#define test_realloc(ptr, size) cmg_allocate(ptr, 1, size, 0, CMG_HERE)
#define test_free(ptr) cmg_free(ptr, CMG_HERE)
#ifdef UNIT_TESTING
#define malloc test_malloc
#define realloc test_realloc
#define calloc test_calloc
#define free test_free
#endif

/* Groups */
#define cmocka_unit_test(f) \
  { #f, f, NULL, NULL, NULL }
#define cmocka_unit_test_setup(f, setup) \
  { #f, f, setup, NULL, NULL }
#define cmocka_unit_test_teardown(f, teardown) \
  { #f, f, NULL, teardown, NULL }
#define cmocka_unit_test_setup_teardown(f, setup, teardown) \
  { #f, f, setup, teardown, NULL }
#define cmocka_unit_test_prestate(f, state) \
  { #f, f, NULL, NULL, state }
#define cmocka_unit_test_prestate_setup_teardown(f, setup, teardown, state) \
  { #f, f, setup, teardown, state }
#define cmocka_run_group_tests(group_tests, group_setup, group_teardown) \
  cmg_run_group(#group_tests, group_tests, CMG_COUNT(group_tests), group_setup, group_teardown)
#define cmocka_run_group_tests_name(group_name, group_tests, group_setup, group_teardown) \
  cmg_run_group(group_name, group_tests, CMG_COUNT(group_tests), group_setup, group_teardown)

#endif
