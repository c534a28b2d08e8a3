/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Memory for many things of many sizes that one owner has and that are met in random order: each begins where a line of the
 * cache does, all lie close together and, from 2 MB on, in huge pages. What is given back joins what is free beside it, so that it
 * can become anything; what is wholly free goes back to the system. All of it goes at once, too.
 */
#ifndef TSN_BASE_HEAP_H
#define TSN_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define TSN_HEAP_LINE 64u
#define TSN_HEAP_SMALL 64u /* runs of up to so many lines are kept by their number, longer ones by its logarithm */
#define TSN_HEAP_BINS (TSN_HEAP_SMALL + 10)
#define TSN_HEAP_MOST ((size_t)1 << 20) /* bytes, of one thing */

struct tsn_heap_run;
struct tsn_heap_region;

/* Zero is an empty one. May be moved. */
struct tsn_heap {
	struct tsn_heap_region *regions;
	struct tsn_heap_run *bin[TSN_HEAP_BINS];
	uint64_t small; /* bins that are not empty */
	uint32_t large;
	uint64_t bytes; /* taken, in whole lines */
};

/* NULL when memory is out. What is in it is anything. */
void *tsn_heap_take(struct tsn_heap *h, size_t bytes);
/* With the size as asked for; [p] may be NULL. */
void tsn_heap_give(struct tsn_heap *h, void *p, size_t bytes);
/* Everything. It is empty, and as good as new. */
void tsn_heap_fini(struct tsn_heap *h);

#endif
