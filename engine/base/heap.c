/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A region is 2 MB that begin at a multiple of that, so that everything finds its own. Its lines are in use, or in free runs; two bits a
 * line say where these begin and end, and their first and last lines how long they are.
 */
#include "base/heap.h"

#include <stdbool.h>
#include <string.h>

#include "base/mem.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define REGION ((size_t)2 << 20)
#define LINES (REGION / TSN_HEAP_LINE)
#define LOOK 8u /* runs looked at in a bin where not all are long enough */

struct tsn_heap_region {
	struct tsn_heap_region *prev, *next;
	bool mapped;                /* in huge pages; the first is not, since there may never be much in it */
	uint64_t begins[LINES / 64], ends[LINES / 64];
};

#define FIRST ((sizeof(struct tsn_heap_region) + TSN_HEAP_LINE - 1) / TSN_HEAP_LINE)

struct tsn_heap_run {
	struct tsn_heap_run *prev, *next;
	uint64_t lines;
};

static inline uint64_t
lines_of(size_t bytes)
{
	return bytes == 0 ? 1 : (bytes + TSN_HEAP_LINE - 1) / TSN_HEAP_LINE;
}

static inline struct tsn_heap_region *
region_of(const void *p)
{
	return (struct tsn_heap_region *)((uintptr_t)p & ~(REGION - 1));
}

static inline uint64_t
line_of(const void *p)
{
	return ((uintptr_t)p & (REGION - 1)) / TSN_HEAP_LINE;
}

static inline struct tsn_heap_run *
run_at(struct tsn_heap_region *r, uint64_t line)
{
	return (struct tsn_heap_run *)((uintptr_t)r + line * TSN_HEAP_LINE);
}

/* Where the last line of a run says how long it is: at its end. */
static inline uint64_t *
length_at(struct tsn_heap_region *r, uint64_t line)
{
	return (uint64_t *)((uintptr_t)r + (line + 1) * TSN_HEAP_LINE) - 1;
}

static inline void
flip(uint64_t *bits, uint64_t line)
{
	bits[line / 64] ^= UINT64_C(1) << (line % 64);
}

static inline bool
has(const uint64_t *bits, uint64_t line)
{
	return bits[line / 64] >> (line % 64) & 1;
}

static inline uint32_t
bin_of(uint64_t lines)
{
	return lines <= TSN_HEAP_SMALL ? (uint32_t)lines - 1 : TSN_HEAP_SMALL + 57 - (uint32_t)__builtin_clzll(lines);
}

static void
mark(struct tsn_heap *h, uint32_t bin, bool some)
{
	if (bin < TSN_HEAP_SMALL)
		h->small = (h->small & ~(UINT64_C(1) << bin)) | (uint64_t)some << bin;
	else
		h->large = (h->large & ~(1u << (bin - TSN_HEAP_SMALL))) | (uint32_t)some << (bin - TSN_HEAP_SMALL);
}

static void
put(struct tsn_heap *h, struct tsn_heap_region *r, uint64_t line, uint64_t lines)
{
	struct tsn_heap_run *run = run_at(r, line), **bin = &h->bin[bin_of(lines)];

	*run = (struct tsn_heap_run){ NULL, *bin, lines };
	*length_at(r, line + lines - 1) = lines;
	flip(r->begins, line);
	flip(r->ends, line + lines - 1);
	if (*bin != NULL)
		(*bin)->prev = run;
	*bin = run;
	mark(h, bin_of(lines), true);
	ASAN_POISON_MEMORY_REGION(run + 1, lines * TSN_HEAP_LINE - sizeof(*run) - sizeof(uint64_t)); /* all but what it says of itself */
}

static void
unput(struct tsn_heap *h, struct tsn_heap_region *r, struct tsn_heap_run *run)
{
	const uint32_t bin = bin_of(run->lines);

	ASAN_UNPOISON_MEMORY_REGION(run, run->lines * TSN_HEAP_LINE);
	flip(r->begins, line_of(run));
	flip(r->ends, line_of(run) + run->lines - 1);
	if (run->next != NULL)
		run->next->prev = run->prev;
	if (run->prev != NULL)
		run->prev->next = run->next;
	else if ((h->bin[bin] = run->next) == NULL)
		mark(h, bin, false);
}

static bool
add_region(struct tsn_heap *h)
{
	struct tsn_heap_region *r = h->regions == NULL ? tsn_aligned_alloc(REGION, REGION) : tsn_map(NULL, 0, REGION);

	if (r == NULL)
		return false;
	memset(r, 0, sizeof(*r));
	r->mapped = h->regions != NULL;
	r->next = h->regions;
	if (r->next != NULL)
		r->next->prev = r;
	h->regions = r;
	put(h, r, FIRST, LINES - FIRST);
	return true;
}

static void
free_region(struct tsn_heap_region *r)
{
	ASAN_UNPOISON_MEMORY_REGION(r, REGION);
	if (r->mapped)
		tsn_unmap(r, REGION);
	else
		tsn_free(r);
}

/* A run that is long enough, the shortest but for those kept by logarithm; NULL if there is none. */
static struct tsn_heap_run *
find(const struct tsn_heap *h, uint64_t lines)
{
	const uint32_t bin = bin_of(lines), own = bin - TSN_HEAP_SMALL;
	struct tsn_heap_run *run;

	if (bin < TSN_HEAP_SMALL) {
		if (h->small >> bin != 0)
			return h->bin[bin + (uint32_t)__builtin_ctzll(h->small >> bin)];
		return h->large != 0 ? h->bin[TSN_HEAP_SMALL + (uint32_t)__builtin_ctz(h->large)] : NULL;
	}
	run = h->bin[bin];
	for (uint32_t i = 0; run != NULL && i < LOOK; i++, run = run->next)
		if (run->lines >= lines)
			return run;
	return h->large >> own >> 1 != 0 ? h->bin[bin + 1 + (uint32_t)__builtin_ctz(h->large >> own >> 1)] : NULL;
}

void *
tsn_heap_take(struct tsn_heap *h, size_t bytes)
{
	const uint64_t lines = lines_of(bytes);
	struct tsn_heap_region *r;
	struct tsn_heap_run *run;
	uint64_t all;

	if (bytes > TSN_HEAP_MOST)
		return NULL;
	run = find(h, lines);
	if (run == NULL) {
		if (!add_region(h))
			return NULL;
		run = find(h, lines);
	}
	r = region_of(run);
	all = run->lines;
	unput(h, r, run);
	if (all > lines)
		put(h, r, line_of(run) + lines, all - lines);
	h->bytes += lines * TSN_HEAP_LINE;
	return run;
}

/* Is a region wholly free? One is kept. */
static bool
one_whole(const struct tsn_heap *h)
{
	const struct tsn_heap_run *run = h->bin[bin_of(LINES - FIRST)];

	for (uint32_t i = 0; run != NULL && run->lines != LINES - FIRST && i < LOOK; i++)
		run = run->next;
	return run != NULL && run->lines == LINES - FIRST;
}

void
tsn_heap_give(struct tsn_heap *h, void *p, size_t bytes)
{
	struct tsn_heap_region *r = region_of(p);
	uint64_t at = line_of(p), lines = lines_of(bytes), more;

	if (p == NULL)
		return;
	h->bytes -= lines * TSN_HEAP_LINE;
	if (has(r->ends, at - 1)) {
		more = *length_at(r, at - 1);
		at -= more;
		lines += more;
		unput(h, r, run_at(r, at));
	}
	if (at + lines < LINES && has(r->begins, at + lines)) {
		struct tsn_heap_run *next = run_at(r, at + lines);

		lines += next->lines;
		unput(h, r, next);
	}
	if (lines < LINES - FIRST || !r->mapped || !one_whole(h)) {
		put(h, r, at, lines);
		return;
	}
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		h->regions = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	free_region(r);
}

void
tsn_heap_fini(struct tsn_heap *h)
{
	struct tsn_heap_region *next;

	for (struct tsn_heap_region *r = h->regions; r != NULL; r = next) {
		next = r->next;
		free_region(r);
	}
	*h = (struct tsn_heap){ 0 };
}
