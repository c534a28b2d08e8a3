/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* For fuzz targets that decode into one batch: the room of their sink, whose argument is the batch. They define take_rows. */
#ifndef TESTS_FUZZ_ROOM_H
#define TESTS_FUZZ_ROOM_H

#include "fuzz/batch.h"

/* Looks at the rows, counts them, and empties the batch. */
static void take_rows(struct tsn_batch *b);

static inline struct tsn_batch *
fuzz_room(void *arg)
{
	struct tsn_batch *b = arg;

	if (b->n == b->cap)
		take_rows(b);
	return b;
}

#endif
