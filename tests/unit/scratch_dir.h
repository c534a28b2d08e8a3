/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For suites whose tests each have a directory of their own: .init = dir_begin, .fini = dir_end. */
#ifndef TESTS_SCRATCH_DIR_H
#define TESTS_SCRATCH_DIR_H

#include "unit/scratch.h"

static char dir[64];

static inline void
dir_begin(void)
{
	scratch_make(dir);
}

static inline void
dir_end(void)
{
	scratch_remove(dir);
}

/* DIR/NAME, good until the fourth call after this one. */
static inline const char *
dir_path(const char *name)
{
	return scratch_path(dir, name);
}

static inline void
dir_put(const char *name, const char *text)
{
	scratch_put(dir_path(name), text);
}

#endif
