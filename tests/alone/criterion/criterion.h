/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* A suite as a plain program, each test a process, for ThreadSanitizer: Criterion's own processes do not start under it. */
#ifndef TESTS_ALONE_CRITERION_H
#define TESTS_ALONE_CRITERION_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	const char *name;
	void (*run)(void);
} alone[16];
static unsigned nalone;

#define Test(suite, test, ...) \
	static void test(void); \
	__attribute__((constructor)) static void add_##test(void) \
	{ \
		alone[nalone].name = #test; \
		alone[nalone++].run = test; \
	} \
	static void test(void)

int
main(void)
{
	int failed = 0;

	for (unsigned i = 0; i < nalone; i++) {
		pid_t child = fork();
		int status = 1;

		if (child == 0) {
			alone[i].run();
			exit(0);
		}
		if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
			fprintf(stderr, "FAILED: %s\n", alone[i].name);
			failed = 1;
		}
	}
	return failed;
}

#define cr_assert(x, ...) do { \
	if (!(x)) { \
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
		exit(1); \
	} \
} while (0)
#define cr_skip_test(...) exit(0)
#define cr_assert_leq(a, b, ...) cr_assert((a) <= (b))
#define cr_assert_lt(a, b, ...) cr_assert((a) < (b))
#define cr_assert_geq(a, b, ...) cr_assert((a) >= (b))
#define cr_assert_not(x, ...) cr_assert(!(x))
#define cr_assert_null(x, ...) cr_assert((x) == NULL)
#define cr_assert_not_null(x, ...) cr_assert((x) != NULL)
#define cr_assert_eq(a, b, ...) cr_assert((a) == (b))
#define cr_assert_str_eq(a, b, ...) cr_assert(strcmp(a, b) == 0)
#define cr_assert_gt(a, b, ...) cr_assert((a) > (b))
#define cr_assert_arr_eq(a, b, n, ...) cr_assert(memcmp(a, b, n) == 0)

#endif
