/* SPDX-License-Identifier: MIT */
/* In the include path of a test instead of cmocka's own header: the same file runs under
 * GoogleTest. */
#include "../cmocka_gtest.h"
