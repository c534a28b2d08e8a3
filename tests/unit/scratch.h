/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* A suite's own directory, and what is in it. */
#ifndef TSN_TEST_SCRATCH_H
#define TSN_TEST_SCRATCH_H

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* DIR/NAME, good until the fourth call after this one. */
static inline const char *
scratch_path(const char *dir, const char *name)
{
	static char p[4][512];
	static unsigned next;

	next = (next + 1) % 4;
	snprintf(p[next], sizeof(p[next]), "%s/%s", dir, name);
	return p[next];
}

static inline void
scratch_make(char dir[64])
{
	strcpy(dir, "/tmp/tocsin-test-XXXXXX");
	cr_assert_not_null(mkdtemp(dir));
}

static inline void
scratch_remove(const char *dir)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	cr_assert_eq(system(command), 0);
}

static inline void
scratch_put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	cr_assert_not_null(f, "%s", path);
	fputs(text, f);
	fclose(f);
}

#endif
