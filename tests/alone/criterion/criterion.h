/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* One suite of one test as a plain program, for ThreadSanitizer: Criterion's own processes do not start under it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define Test(suite, name, ...) \
	static void name(void); \
	int main(void) { name(); return 0; } \
	static void name(void)
#define cr_assert(x, ...) do { \
	if (!(x)) { \
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
		exit(1); \
	} \
} while (0)
#define cr_assert_not_null(x, ...) cr_assert((x) != NULL)
#define cr_assert_eq(a, b, ...) cr_assert((a) == (b))
#define cr_assert_str_eq(a, b, ...) cr_assert(strcmp(a, b) == 0)
