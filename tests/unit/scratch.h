/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Names of files in a suite's own directory. */
#ifndef TSN_TEST_SCRATCH_H
#define TSN_TEST_SCRATCH_H

#include <stdio.h>

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

#endif
