/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Arrays of cells by number of the group, and how such arrays grow. */
#ifndef TSN_STATE_CELLS_H
#define TSN_STATE_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prefetch.h"

struct tsn_cells {
	uint8_t *mem;
	uint32_t size; /* of one cell; 0: this array is not used */
	uint32_t cap;  /* cells */
};

static inline uint8_t *
tsn_cell(const struct tsn_cells *c, uint32_t group)
{
	return c->mem + (size_t)group * c->size;
}

/* Of a row that comes soon, and of one that does not: through integers, groups past the segment may be any number. Inlined always, as base/prefetch.h says. */
static inline __attribute__((always_inline)) void
tsn_cell_prefetch(const struct tsn_cells *c, uint32_t group)
{
	const uintptr_t cell = (uintptr_t)c->mem + (uintptr_t)group * c->size;

	__builtin_prefetch((const void *)cell, 1);
	__builtin_prefetch((const void *)(cell + c->size - 1), 1);
}

static inline __attribute__((always_inline)) void
tsn_cell_fetch(const struct tsn_cells *c, uint32_t group)
{
	const uintptr_t cell = (uintptr_t)c->mem + (uintptr_t)group * c->size;

	tsn_prefetch((const void *)cell);
	if (c->size != 64) /* nor does a line of the cache end elsewhere */
		tsn_prefetch((const void *)(cell + c->size - 1));
}

/*
 * cells.c. Arrays met in random order: aligned to a line of the cache; what is new is zero. [old] may be NULL. Where they grow they are
 * copied while they are small, and once when they come to be as large as huge pages are good for.
 */
#define TSN_ARRAY_SMALL ((size_t)64 << 10)
#define TSN_ARRAY_COPIED ((size_t)4 << 20)
void *tsn_array_grow(void *old, size_t old_bytes, size_t bytes);
void tsn_array_free(void *p, size_t bytes);
bool tsn_cells_room(struct tsn_cells *c, uint64_t n);
void tsn_cells_free(struct tsn_cells *c);

#endif
