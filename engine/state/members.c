/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "state/members.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "state/hll.h"

#define LANES 16u
#define PLACES 7u         /* of a block */
#define PLACES_MOST 343u
#define GONE_MOST 200u    /* panes after which those that are gone are swept out at the latest, or their stamps would come round */

/* A cache line of members, each with the low byte of the pane it was last seen in: the first [n] places are taken. */
struct block {
	uint8_t n;
	uint8_t stamp[PLACES];
	uint64_t member[PLACES];
};

/*
 * A member lies in the block its upper bits say or, where that is full, in the next. What leaves the
 * window only leaves the counts; it lies where it is until the places are needed, so that a pane that
 * passes costs nothing by the member.
 */
struct tsn_members {
	struct tsn_kept kept;
	uint8_t size;   /* row of [sizes] */
	uint8_t panes;
	uint8_t newest; /* low byte of a count of panes of its own */
	uint8_t swept;  /* [newest] when those that were gone were last swept out */
	uint16_t n;     /* in the window */
	uint16_t used;  /* places taken */
	union {
		struct block one;
		struct {
			uint16_t in_lane[LANES]; /* of those in the window, by the low bits of their stamps */
			struct block block[];
		} many;
		struct tsn_hll *none;    /* only for the alignment of a sketch, which lies here */
	};
};

/* Places and blocks. The last holds all that may be exact in three quarters of its places, or else is a sketch. */
static const uint16_t sizes[] = { 4, 7, 14, 21, 28, 42, 56, 84, 112, 168, 224, PLACES_MOST, 0 };
static const uint8_t blocks_of[] = { 1, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, PLACES_MOST / PLACES, 0 };
#define LARGEST (sizeof(sizes) / sizeof(sizes[0]) - 2)
#define SKETCH (LARGEST + 1)
#define ONE_BLOCK 1u /* sizes up to it have no [in_lane] */

static size_t
size_of(uint32_t size, uint32_t panes)
{
	const uint32_t places = sizes[size];

	if (size == SKETCH)
		return offsetof(struct tsn_members, none) + tsn_hll_size(panes);
	return places <= PLACES ? offsetof(struct tsn_members, one.member) + places * sizeof(uint64_t) :
	    offsetof(struct tsn_members, many.block) + places / PLACES * sizeof(struct block);
}

/* What is left free before it, of the lines that it has anyway, so that each block is one. */
static size_t
before(uint32_t size)
{
	return size <= ONE_BLOCK || size == SKETCH ? 0 : TSN_HEAP_LINE - offsetof(struct tsn_members, many.block) % TSN_HEAP_LINE;
}

static struct tsn_hll *
sketch(const struct tsn_members *m)
{
	return (struct tsn_hll *)(uintptr_t)&m->none;
}

static inline uint32_t
blocks(const struct tsn_members *m)
{
	return blocks_of[m->size];
}

static inline struct block *
block(const struct tsn_members *m, uint32_t i)
{
	return (struct block *)(uintptr_t)(m->size <= ONE_BLOCK ? &m->one : &m->many.block[i]);
}

/* Nobody has a place. */
static void
clear_places(struct tsn_members *m)
{
	m->used = 0;
	m->swept = m->newest;
	for (uint32_t i = 0; i < blocks(m); i++)
		block(m, i)->n = 0;
}

static void
clear(struct tsn_members *m)
{
	m->n = 0;
	if (m->size > ONE_BLOCK)
		memset(m->many.in_lane, 0, sizeof(m->many.in_lane));
	clear_places(m);
}

static struct tsn_members *
new(uint32_t size, uint32_t panes, struct tsn_heap *heap)
{
	uint8_t *p = tsn_heap_take(heap, size_of(size, panes));
	struct tsn_members *m;

	if (p == NULL)
		return NULL;
	m = (struct tsn_members *)(void *)(p + before(size));
	m->kept = (struct tsn_kept){ 0 };
	m->size = (uint8_t)size;
	m->panes = (uint8_t)panes;
	m->newest = 0;
	m->n = 0;
	if (size == SKETCH)
		tsn_hll_init(sketch(m), panes);
	else
		clear(m);
	return m;
}

void
tsn_members_free(struct tsn_members *m, struct tsn_heap *heap)
{
	if (m == NULL)
		return;
	tsn_heap_give(heap, (uint8_t *)m - before(m->size), size_of(m->size, m->panes));
}

static inline uint32_t
first_block(const struct tsn_members *m, uint64_t member)
{
	return (uint32_t)((member >> 32) * blocks(m) >> 32);
}

/* Which of its places has it, as a bit; no branch by the place. */
static inline uint32_t
places_with(const struct block *b, uint64_t member, uint32_t places)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < places; i++)
		bits |= (uint32_t)(b->member[i] == member) << i;
	return bits & ((1u << b->n) - 1);
}

/* Its stamp; NULL if it is not there, and [*free_block] is where it belongs, if there is room at all. */
static inline uint8_t *
find(const struct tsn_members *m, uint64_t member, struct block **free_block)
{
	uint32_t i, bits, all;

	if (m->size == 0) {
		*free_block = block(m, 0);
		bits = places_with(*free_block, member, sizes[0]);
		return bits == 0 ? NULL : &(*free_block)->stamp[__builtin_ctz(bits)];
	}
	i = first_block(m, member);
	for (all = blocks(m);; i = i + 1 < all ? i + 1 : 0) {
		*free_block = block(m, i);
		bits = places_with(*free_block, member, PLACES);
		if (bits != 0)
			return &(*free_block)->stamp[__builtin_ctz(bits)];
		if ((*free_block)->n < PLACES || all == 1)
			return NULL;
	}
}

void
tsn_members_ahead(const struct tsn_members *m, uint64_t member, bool place)
{
	const struct block *b;

	if (!place) {
		__builtin_prefetch(m, 1);
		return;
	}
	if (m == NULL)
		return;
	if (m->size == SKETCH) {
		tsn_hll_ahead(sketch(m), member);
		return;
	}
	b = block(m, first_block(m, member));
	__builtin_prefetch(&b->member[sizes[m->size] < PLACES ? 0 : PLACES - 1], 1);
	if (m->size > ONE_BLOCK)
		__builtin_prefetch(b + 1, 1); /* where it goes if that is full */
}

static inline uint32_t
age_of(const struct tsn_members *m, uint8_t stamp)
{
	return (uint8_t)(m->newest - stamp);
}

static inline void
count_in(struct tsn_members *m, uint8_t stamp, uint16_t by)
{
	m->n = (uint16_t)(m->n + by);
	if (m->size > ONE_BLOCK)
		m->many.in_lane[stamp % LANES] = (uint16_t)(m->many.in_lane[stamp % LANES] + by);
}

static inline void
put_in(struct block *b, uint64_t member, uint8_t stamp)
{
	b->member[b->n] = member;
	b->stamp[b->n++] = stamp;
}

static void
put(struct tsn_members *m, struct block *b, uint64_t member, uint8_t stamp)
{
	put_in(b, member, stamp);
	m->used++;
	if (age_of(m, stamp) < m->panes)
		count_in(m, stamp, 1);
}

struct placed {
	uint64_t member;
	uint8_t stamp;
};

/* All that have a place; of those that are gone only [gone] ones. */
static uint32_t
list(const struct tsn_members *m, bool gone, struct placed *v)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < blocks(m); i++) {
		const struct block *b = block(m, i);

		for (uint32_t k = 0; k < b->n; k++)
			if (gone || age_of(m, b->stamp[k]) < m->panes)
				v[n++] = (struct placed){ b->member[k], b->stamp[k] };
	}
	return n;
}

/* Its own block or, where that is full, the next that is not. */
static inline struct block *
free_block(const struct tsn_members *m, uint64_t member)
{
	uint32_t i = first_block(m, member);

	while (block(m, i)->n == PLACES)
		i = i + 1 < blocks(m) ? i + 1 : 0;
	return block(m, i);
}

/* Has what is in the window of [n] blocks, and nothing else. They are not its own, but of its time; what it counts stays as it is. */
static void
refill(struct tsn_members *m, const struct block *b, uint32_t n)
{
	uint32_t used = 0;

	clear_places(m);
	for (const struct block *end = b + n; b < end; b++)
		for (uint32_t k = 0; k < b->n; k++)
			if (age_of(m, b->stamp[k]) < m->panes) {
				put_in(free_block(m, b->member[k]), b->member[k], b->stamp[k]);
				used++;
			}
	m->used = (uint16_t)used;
}

/* Gives the places back of those that are gone. */
static void
sweep(struct tsn_members *m)
{
	struct block copy[PLACES_MOST / PLACES];
	const uint8_t *first = (const uint8_t *)block(m, 0);

	memcpy(copy, first, (size_t)((const uint8_t *)m + size_of(m->size, m->panes) - first));
	refill(m, copy, blocks(m));
}

/* Is there no place for one more? Blocks spill over early, so an eighth is left. */
static inline bool
full(const struct tsn_members *m)
{
	const uint32_t places = sizes[m->size];

	return m->size <= ONE_BLOCK ? m->used == places : (m->used + 1u) * 8 > places * 7;
}

/* Would sweeping out those that are gone not give places for long? */
static bool
crowded(const struct tsn_members *m)
{
	const uint32_t places = sizes[m->size];

	return m->size < LARGEST && (m->size <= ONE_BLOCK ? m->n == places : (m->n + 1u) * 4 > places * 3);
}

bool
tsn_members_empty(struct tsn_members *m)
{
	if (m->size != 0)
		return false;
	m->kept.flows = 0;
	clear(m);
	return true;
}

/* Counts as another does, which is no larger. */
static void
take_counts(struct tsn_members *m, const struct tsn_members *of)
{
	if (of->size > ONE_BLOCK)
		memcpy(m->many.in_lane, of->many.in_lane, sizeof(m->many.in_lane));
	for (uint32_t i = 0; of->size == ONE_BLOCK && i < of->one.n; i++)
		m->many.in_lane[of->one.stamp[i] % LANES] += age_of(m, of->one.stamp[i]) < m->panes;
	m->n = of->n;
}

static bool
grow(struct tsn_members **m, struct tsn_heap *heap)
{
	struct tsn_members *old = *m, *more = new(old->size + 1u, old->panes, heap);

	if (more == NULL)
		return false;
	more->kept = old->kept;
	more->newest = old->newest;
	take_counts(more, old);
	refill(more, block(old, 0), blocks(old));
	tsn_members_free(old, heap);
	*m = more;
	return true;
}

static bool
convert(struct tsn_members **m, struct tsn_heap *heap)
{
	struct tsn_members *old = *m, *next = new(SKETCH, old->panes, heap);
	struct placed v[TSN_MEMBERS_EXACT];
	uint32_t n;

	if (next == NULL)
		return false;
	next->kept = old->kept;
	n = list(old, false, v);
	for (uint32_t i = 0; i < n; i++)
		tsn_hll_add(sketch(next), v[i].member, age_of(old, v[i].stamp));
	tsn_members_free(old, heap);
	*m = next;
	return true;
}

uint64_t
tsn_members_most(uint32_t panes)
{
	const uint64_t sketched = size_of(SKETCH, panes), exact = size_of(LARGEST, panes);

	return sketched > exact ? sketched : exact;
}

uint64_t
tsn_members_wants(const struct tsn_members *m, uint64_t member, uint32_t panes)
{
	struct block *b;
	const uint8_t *stamp;

	if (m == NULL)
		return size_of(0, panes);
	if (m->size == SKETCH)
		return 0;
	stamp = find(m, member, &b);
	if (stamp != NULL && age_of(m, *stamp) < m->panes)
		return 0;
	if (m->n == TSN_MEMBERS_EXACT)
		return size_of(SKETCH, panes);
	return stamp == NULL && full(m) && crowded(m) ? size_of(m->size + 1u, panes) : 0;
}

/* It has a place: is it seen later than it was? */
static void
see_again(struct tsn_members *m, uint8_t *was, uint8_t stamp)
{
	if (age_of(m, *was) <= age_of(m, stamp))
		return;
	if (age_of(m, *was) < m->panes)
		count_in(m, *was, UINT16_MAX);
	count_in(m, stamp, 1);
	*was = stamp;
}

bool
tsn_members_note(struct tsn_members *m, uint64_t member, uint32_t age)
{
	struct block *b;
	uint8_t *was, stamp;

	if (m == NULL)
		return false;
	if (m->size == SKETCH) {
		tsn_hll_add(sketch(m), member, age);
		return true;
	}
	stamp = (uint8_t)(m->newest - age);
	was = find(m, member, &b);
	if (was != NULL && (age_of(m, *was) < m->panes || m->n < TSN_MEMBERS_EXACT)) {
		see_again(m, was, stamp);
		return true;
	}
	if (m->n == TSN_MEMBERS_EXACT)
		return false;
	if (full(m)) {
		if (crowded(m))
			return false;
		sweep(m);
		b = free_block(m, member);
	}
	put(m, b, member, stamp);
	return true;
}

bool
tsn_members_add(struct tsn_members **m, uint64_t member, uint32_t age, uint32_t panes, struct tsn_heap *heap)
{
	if (*m == NULL && (*m = new(0, panes, heap)) == NULL)
		return false;
	if (tsn_members_note(*m, member, age))
		return true;
	return ((*m)->n == TSN_MEMBERS_EXACT ? convert : grow)(m, heap) && tsn_members_note(*m, member, age);
}

/* How many of the window are of the [n] oldest panes. */
static uint32_t
oldest(const struct tsn_members *m, uint32_t n)
{
	uint32_t sum = 0;

	if (m->size > ONE_BLOCK) {
		for (uint32_t age = m->panes - n; age < m->panes; age++)
			sum += m->many.in_lane[(m->newest - age) % LANES];
		return sum;
	}
	for (uint32_t i = 0; i < m->one.n; i++) {
		const uint32_t age = age_of(m, m->one.stamp[i]);

		sum += age < m->panes && age >= m->panes - n;
	}
	return sum;
}

static void
leave(struct tsn_members *m, uint32_t by)
{
	if (m->size <= ONE_BLOCK) {
		m->n = (uint16_t)(m->n - oldest(m, by));
		return;
	}
	for (uint32_t age = m->panes - by; age < m->panes; age++) {
		uint16_t *in = &m->many.in_lane[(m->newest - age) % LANES];

		m->n = (uint16_t)(m->n - *in);
		*in = 0;
	}
}

void
tsn_members_advance(struct tsn_members *m, uint32_t by, bool leaves)
{
	if (m->size == SKETCH) {
		tsn_hll_advance(sketch(m), by);
		return;
	}
	by = by < m->panes ? by : m->panes;
	if (leaves)
		leave(m, by);
	m->newest = (uint8_t)(m->newest + by);
	if ((uint8_t)(m->newest - m->swept) > GONE_MOST)
		sweep(m);
}

int64_t
tsn_members_count(struct tsn_members *m, uint32_t ahead, int64_t least, float *error)
{
	*error = m != NULL && m->size == SKETCH ? TSN_MEMBERS_ERROR : 0;
	if (m == NULL || ahead >= m->panes)
		return 0;
	if (m->size == SKETCH)
		return least > 0 && tsn_hll_below(sketch(m), least) ? 0 : tsn_hll_estimate(sketch(m), ahead);
	return ahead == 0 ? m->n : m->n - oldest(m, ahead);
}

/* --- as bytes: the size (memory counts, extra_bytes, and must be the same afterwards), then members by age, in order --- */

static int
by_member(const void *x, const void *y)
{
	const struct placed *a = x, *b = y;

	return (a->member > b->member) - (a->member < b->member);
}

void
tsn_members_save(const struct tsn_members *m, struct tsn_pack *out)
{
	struct placed v[PLACES_MOST];
	uint32_t n;

	tsn_pack_uint(out, m->size);
	if (m->size == SKETCH) {
		tsn_hll_save(sketch(m), out);
		return;
	}
	n = list(m, true, v);
	if (n > 1)
		qsort(v, n, sizeof(*v), by_member);
	tsn_pack_uint(out, (uint8_t)(m->newest - m->swept));
	tsn_pack_uint(out, n);
	for (uint32_t i = 0; i < n; i++) {
		tsn_pack_raw(out, &v[i].member, sizeof(v[i].member));
		tsn_pack_uint(out, age_of(m, v[i].stamp));
	}
}

/* One more, behind [last]; none is older than the last sweep would have left it. */
static bool
load_member(struct tsn_members *m, struct tsn_unpack *in, uint64_t *last, bool first)
{
	const uint8_t *p = tsn_unpack_raw(in, sizeof(*last));
	const uint32_t age = (uint32_t)tsn_unpack_below(in, UINT8_MAX);
	uint64_t member;
	struct block *b;

	if (in->bad || p == NULL)
		return false;
	memcpy(&member, p, sizeof(member));
	if ((!first && member <= *last) || m->n == TSN_MEMBERS_EXACT || age >= m->panes + (uint32_t)m->newest)
		return false;
	*last = member;
	find(m, member, &b);
	put(m, b, member, (uint8_t)(m->newest - age));
	return true;
}

bool
tsn_members_load(struct tsn_members **m, uint32_t panes, struct tsn_unpack *in, struct tsn_heap *heap)
{
	const uint32_t size = (uint32_t)tsn_unpack_below(in, SKETCH);
	uint64_t last = 0;
	uint32_t n;

	if (in->bad || (*m = new(size, panes, heap)) == NULL)
		return false;
	if (size == SKETCH)
		return tsn_hll_load(sketch(*m), in);
	(*m)->newest = (uint8_t)tsn_unpack_below(in, GONE_MOST);
	n = (uint32_t)tsn_unpack_below(in, sizes[size]);
	for (uint32_t i = 0; i < n; i++)
		if (full(*m) || !load_member(*m, in, &last, i == 0))
			return false;
	return !in->bad;
}
