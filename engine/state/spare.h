/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Pages of directories that have grown. Where rules are many some directory always grows, and to have new pages from the system, and to give
 * back those of before, costs more than moving what is in them. So the next directory takes them: they are zero, since all that was there has moved.
 */
#ifndef TSN_STATE_SPARE_H
#define TSN_STATE_SPARE_H

#include <stddef.h>
#include <stdint.h>

#define TSN_SPARES 8u
#define TSN_SPARE_MOST ((size_t)4 << 20) /* of a state, or all its shards together */

/* Zero is an empty one. */
struct tsn_spare {
	uint8_t *mem[TSN_SPARES];
	size_t bytes[TSN_SPARES]; /* 0: there is none */
	size_t all;
	uint32_t nshards; /* so many of them may keep as much together; 0: it is the only one */
};

/* An array as of tsn_array_grow(NULL, 0, bytes), and back, all zero again. [s] may be NULL: then nothing is kept. NULL: memory is out. */
void *tsn_spare_take(struct tsn_spare *s, size_t bytes);
void tsn_spare_give(struct tsn_spare *s, void *p, size_t bytes);
void tsn_spare_fini(struct tsn_spare *s);

#endif
