/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Arrays of cells: they only grow, and what is new in them is zero. */
#include "base/mem.h"
#include "state/internal.h"
#include "state/ring.h"

#define LINE 64u

/* Where an array of that size lies: larger ones in pages, of which none is there before it is written to. */
enum lies { MALLOC, PAGES, HUGE };

static enum lies
lies(size_t bytes)
{
	return bytes < TSN_ARRAY_SMALL ? MALLOC : bytes < TSN_ARRAY_COPIED ? PAGES : HUGE;
}

static void *
get(void *old, size_t old_bytes, size_t bytes)
{
	uint8_t *p;

	if (lies(bytes) == HUGE)
		return tsn_map(old, old_bytes, bytes);
	if (lies(bytes) == PAGES)
		return tsn_map_small(old, old_bytes, bytes);
	p = tsn_aligned_alloc(LINE, bytes);
	if (p != NULL)
		memset(p + old_bytes, 0, bytes - old_bytes);
	if (p != NULL && old_bytes > 0)
		memcpy(p, old, old_bytes);
	if (p != NULL)
		tsn_free(old);
	return p;
}

void *
tsn_array_grow(void *old, size_t old_bytes, size_t bytes)
{
	void *p;

	if (lies(old_bytes) == lies(bytes) || old == NULL)
		return get(old, old_bytes, bytes);
	p = get(NULL, 0, bytes);
	if (p == NULL)
		return NULL;
	if (old_bytes > 0)
		memcpy(p, old, old_bytes);
	tsn_array_free(old, old_bytes);
	return p;
}

void
tsn_array_free(void *p, size_t bytes)
{
	if (lies(bytes) == HUGE)
		tsn_unmap(p, bytes);
	else if (lies(bytes) == PAGES)
		tsn_unmap_small(p, bytes);
	else
		tsn_free(p);
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
	c->mem = mem;
	c->cap = (uint32_t)n;
	return true;
}

void
tsn_cells_free(struct tsn_cells *c)
{
	tsn_array_free(c->mem, (size_t)c->cap * c->size);
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

uint64_t
tsn_agg_newest(const struct tsn_agg *a, uint32_t group)
{
	return a->store.counts.lean ? tsn_lean_newest(a, group) : tsn_ring_newest(tsn_head_load(tsn_cell(tsn_agg_cells(a), group)));
}

void
tsn_agg_prefetch(const struct tsn_agg *a, uint32_t group)
{
	if (!a->store.counts.lean)
		tsn_cell_prefetch(tsn_agg_cells(a), group);
}

void
tsn_agg_open(struct tsn_agg *a, uint32_t group)
{
	const struct tsn_cells *c = tsn_agg_cells(a);

	if (group < c->cap) /* of a lean count there is none, nor of what is about others */
		*(volatile uint8_t *)tsn_cell(c, group) = 0;
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
