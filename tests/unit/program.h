/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For tests that run the program: where it is, and numbers in what commands print. */
#ifndef TESTS_PROGRAM_H
#define TESTS_PROGRAM_H

#include <criterion/criterion.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline const char *
program(void)
{
	const char *bin = getenv("TSN_BIN");

	if (bin != NULL)
		return bin;
	return access("build/san/tocsin", X_OK) == 0 ? "build/san/tocsin" : "build/tocsin";
}

/* Most questions go to the program without sanitizers, if it is here: what is asked hundreds of times is the answer. */
static inline const char *
asked(size_t i)
{
	const char *bin = getenv("TSN_RELEASE");

	return bin != NULL && i % 8 != 0 ? bin : program();
}

/* The program of that name beside tocsin. */
static inline const char *
beside(const char *name)
{
	static char path[2][256];
	static int turn;
	char *p = path[turn++ % 2], *slash;

	snprintf(p, 200, "%s", program());
	slash = strrchr(p, '/');
	cr_assert_not_null(slash);
	snprintf(slash, 50, "/%s", name);
	return p;
}

/* The last number behind [mark] in what a command prints; -1 if there is none. */
static inline long long
number_from(const char *command, const char *mark)
{
	FILE *f = popen(command, "r");
	char line[1024];
	long long n = -1;

	cr_assert_not_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		const char *p = strstr(line, mark);

		if (p != NULL && isdigit((unsigned char)p[strlen(mark)]))
			n = atoll(p + strlen(mark));
	}
	pclose(f);
	return n;
}

#endif
