/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Arrays of cells: they only grow, and what is new in them is zero. */
#include <sys/mman.h>

#include "base/mem.h"
#include "state/internal.h"

#define HUGE_PAGE ((size_t)2 << 20)

/*
 * Groups are met in random order, so with small pages nearly every access to
 * a large array also misses the TLB, which costs more than the access. realloc
 * moves such arrays without copying but to where huge pages do not fit; so they are copied.
 */
void *
tsn_array_grow(void *old, size_t old_bytes, size_t bytes)
{
	void *p;

	if (bytes < 2 * HUGE_PAGE)
		return tsn_realloc(old, bytes);
	p = tsn_aligned_alloc(HUGE_PAGE, bytes);
	if (p == NULL)
		return NULL;
	madvise(p, bytes, MADV_HUGEPAGE); /* advice: where it is not taken it is only slower */
	if (old_bytes > 0)
		memcpy(p, old, old_bytes);
	tsn_free(old);
	return p;
}

bool
tsn_cells_room(struct tsn_cells *c, uint64_t n)
{
	uint8_t *mem;

	if (c->size == 0 || n <= c->cap)
		return true;
	mem = tsn_array_grow(c->mem, (size_t)c->cap * c->size, n * c->size);
	if (mem == NULL)
		return false;
	memset(mem + (size_t)c->cap * c->size, 0, (size_t)(n - c->cap) * c->size);
	c->mem = mem;
	c->cap = (uint32_t)n;
	return true;
}

void
tsn_cells_free(struct tsn_cells *c)
{
	tsn_free(c->mem);
	c->mem = NULL;
	c->cap = 0;
}

const struct tsn_cells *
tsn_agg_cells(const struct tsn_agg *a)
{
	if (a->store.cells.size != 0)
		return &a->store.cells;
	return a->store.sums.cells.size != 0 ? &a->store.sums.cells : &a->store.counts.cells;
}

bool
tsn_agg_room(struct tsn_agg *a, uint64_t n)
{
	return tsn_cells_room(&a->store.counts.cells, n) && tsn_cells_room(&a->store.sums.cells, n) &&
	    tsn_cells_room(&a->store.cells, n) && tsn_cells_room(&a->store.holders, n);
}

static void
clear(struct tsn_cells *c, uint32_t group)
{
	if (group < c->cap)
		memset(tsn_cell(c, group), 0, c->size);
}

void
tsn_agg_reset(struct tsn_agg *a, uint32_t group)
{
	if (a->ops->reset != NULL)
		a->ops->reset(a, group);
	clear(&a->store.counts.cells, group);
	clear(&a->store.sums.cells, group);
	clear(&a->store.cells, group);
}

void
tsn_agg_fini(struct tsn_agg *a)
{
	if (a->ops->fini != NULL)
		a->ops->fini(a);
	tsn_cells_free(&a->store.counts.cells);
	tsn_cells_free(&a->store.sums.cells);
	tsn_cells_free(&a->store.cells);
	tsn_cells_free(&a->store.holders);
}

static uint64_t
bytes(const struct tsn_cells *c)
{
	return (uint64_t)c->cap * c->size;
}

uint64_t
tsn_agg_bytes(const struct tsn_agg *a)
{
	return bytes(&a->store.counts.cells) + bytes(&a->store.sums.cells) + bytes(&a->store.cells) +
	    bytes(&a->store.holders) + a->store.bytes;
}
