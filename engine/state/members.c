/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "state/members.h"

#include <stdlib.h>
#include <string.h>

#include "state/directory.h"

#define LANES TSN_MEMBERS_LANES
#define PLACES 7u         /* of a block */
#define PLACES_MOST 343u
#define GONE_MOST 200u    /* panes after which those that are gone are swept out at the latest, or their stamps would come round */

/*
 * A cache line of members, each with the pane it was last seen in: the first [n] places are taken. Their lower halves lie together,
 * where all are compared at once.
 */
struct tsn_members_block {
	uint32_t low[PLACES];
	uint8_t n;
	uint8_t stamp[PLACES];
	uint32_t high[PLACES];
};

/*
 * A member lies in the block its upper bits say or, where that is full, in the next. What leaves the
 * window only leaves the counts; it lies where it is until the places are needed, so that a pane that
 * passes costs nothing by the member. Few have so little to look through that they are gone at once.
 */
_Static_assert(sizeof(struct tsn_members_block) == TSN_HEAP_LINE, "a block is a line");
_Static_assert(sizeof(struct tsn_members) == TSN_HEAP_LINE - sizeof(uint64_t), "a set and the head of its cell are a line");

/* Blocks. The largest has all that may be exact in three quarters of its places; behind it is a sketch. */
static const uint8_t blocks_of[] = { 0, 2, 3, 4, 6, 8, 12, 16, 24, 32, PLACES_MOST / PLACES };
#define SKETCH TSN_MEMBERS_SKETCH
#define LARGEST (SKETCH - 1)

_Static_assert(sizeof(blocks_of) == SKETCH, "a row a size");

static size_t
size_of(uint32_t size, uint32_t panes)
{
	return size == SKETCH ? tsn_hll_size(panes) : blocks_of[size] * sizeof(struct tsn_members_block);
}

static inline uint32_t
places(const struct tsn_members *m)
{
	return m->more.blocks * PLACES;
}

void
tsn_members_free(struct tsn_members *m, uint32_t panes, struct tsn_heap *heap)
{
	if (m->size != 0)
		tsn_heap_give(heap, m->size == SKETCH ? (void *)m->sketch.paths : m->at.block, size_of(m->size, panes));
	*m = (struct tsn_members){ 0 };
}

static inline struct tsn_members_block *
next_block(const struct tsn_members *m, struct tsn_members_block *b)
{
	return b + 1 < m->at.block + m->more.blocks ? b + 1 : m->at.block;
}

static inline uint64_t
member_in(const struct tsn_members_block *b, uint32_t i)
{
	return (uint64_t)b->high[i] << 32 | b->low[i];
}

/* Which of its places have such a lower half, as bits. An eighth that is compared as well is none. */
static inline uint32_t
places_like(const struct tsn_members_block *b, uint64_t member)
{
	return tsn_line_same((const uint32_t *)(const void *)b, (uint32_t)member) & ((1u << b->n) - 1);
}

/* Its stamp; NULL if it is not there, and [*free_block] is where it belongs, if there is room at all. */
static inline uint8_t *
find(const struct tsn_members *m, uint64_t member, struct tsn_members_block **free_block)
{
	for (struct tsn_members_block *b = m->at.block + tsn_members_block(m, member);; b = next_block(m, b)) {
		for (uint32_t bits = places_like(b, member); bits != 0; bits &= bits - 1)
			if (b->high[__builtin_ctz(bits)] == member >> 32)
				return &b->stamp[__builtin_ctz(bits)];
		*free_block = b;
		if (b->n < PLACES)
			return NULL;
	}
}

static inline bool
in_window(struct tsn_members_panes p, uint8_t stamp)
{
	return tsn_members_age(p, stamp) < p.n;
}

static inline void
count_in(struct tsn_members *m, uint8_t stamp, uint16_t by)
{
	m->more.n = (uint16_t)(m->more.n + by);
	m->at.in_lane[stamp % LANES] = (uint16_t)(m->at.in_lane[stamp % LANES] + by);
}

static inline void
put_in(struct tsn_members_block *b, uint64_t member, uint8_t stamp)
{
	b->low[b->n] = (uint32_t)member;
	b->high[b->n] = (uint32_t)(member >> 32);
	b->stamp[b->n++] = stamp;
}

static inline void
put(struct tsn_members *m, struct tsn_members_block *b, uint64_t member, uint8_t stamp, struct tsn_members_panes p)
{
	put_in(b, member, stamp);
	m->more.used++;
	if (in_window(p, stamp))
		count_in(m, stamp, 1);
}

struct placed {
	uint64_t member;
	uint8_t stamp;
};

/* All that have a place; of those that are gone only [gone] ones. */
static uint32_t
list(const struct tsn_members *m, struct tsn_members_panes p, bool gone, struct placed *v)
{
	uint32_t n = 0;

	for (uint32_t bits = m->taken; m->size == 0 && bits != 0; bits &= bits - 1) {
		const uint32_t i = (uint32_t)__builtin_ctz(bits);

		v[n++] = (struct placed){ m->member[i], m->few.stamp[i] };
	}
	for (uint32_t i = 0; m->size != 0 && i < m->more.blocks; i++) {
		const struct tsn_members_block *b = m->at.block + i;

		for (uint32_t k = 0; k < b->n; k++)
			if (gone || in_window(p, b->stamp[k]))
				v[n++] = (struct placed){ member_in(b, k), b->stamp[k] };
	}
	return n;
}

/* Its own block or, where that is full, the next that is not. */
static inline struct tsn_members_block *
free_block(const struct tsn_members *m, uint64_t member)
{
	struct tsn_members_block *b = m->at.block + tsn_members_block(m, member);

	while (b->n == PLACES)
		b = next_block(m, b);
	return b;
}

/* Nobody has a place. */
static void
clear_places(struct tsn_members *m, struct tsn_members_panes p)
{
	m->more.used = 0;
	m->swept = p.newest;
	for (uint32_t i = 0; i < m->more.blocks; i++)
		m->at.block[i].n = 0;
}

/* Has what is in the window of [n] blocks, and nothing else. What it counts stays as it is. */
static void
refill(struct tsn_members *m, const struct tsn_members_block *b, uint32_t n, struct tsn_members_panes p)
{
	uint32_t used = 0;

	clear_places(m, p);
	for (const struct tsn_members_block *end = b + n; b < end; b++)
		for (uint32_t k = 0; k < b->n; k++) {
			const bool stays = in_window(p, b->stamp[k]); /* as good as random: no branch by it */
			struct tsn_members_block *to = free_block(m, member_in(b, k));

			put_in(to, member_in(b, k), b->stamp[k]);
			to->n = (uint8_t)(to->n - !stays);
			used += stays;
		}
	m->more.used = (uint16_t)used;
}

/* Gives the places back of those that are gone. */
static void
sweep(struct tsn_members *m, struct tsn_members_panes p)
{
	struct tsn_members_block copy[PLACES_MOST / PLACES];

	memcpy(copy, m->at.block, m->more.blocks * sizeof(copy[0]));
	refill(m, copy, m->more.blocks, p);
}

/* Is there no place for one more? Blocks spill over early, so an eighth is left. */
static inline bool
full(const struct tsn_members *m)
{
	return m->size == 0 ? m->few.n == TSN_MEMBERS_FEW : (m->more.used + 1u) * 8 > places(m) * 7;
}

/* Would sweeping out those that are gone not give places for long? */
static bool
crowded(const struct tsn_members *m)
{
	return m->size == 0 || (m->size < LARGEST && (m->more.n + 1u) * 4 > places(m) * 3);
}

static inline bool
is_whole(const struct tsn_members *m)
{
	return m->size == LARGEST && m->more.n == TSN_MEMBERS_EXACT;
}

/* Its places are [block], and empty; it has no members. */
static void
become(struct tsn_members *m, uint32_t size, struct tsn_members_block *block, struct tsn_members_panes p)
{
	*m = (struct tsn_members){ .kept = m->kept, .size = (uint8_t)size };
	m->more.blocks = blocks_of[size];
	m->at.block = block;
	clear_places(m, p);
}

static bool
grow(struct tsn_members *m, struct tsn_members_panes p, struct tsn_heap *heap)
{
	const struct tsn_members old = *m;
	struct tsn_members_block *block = tsn_heap_take(heap, size_of(old.size + 1u, p.n));

	if (block == NULL)
		return false;
	if (old.size == 0) {
		become(m, 1, block, p);
		for (uint32_t i = 0; i < TSN_MEMBERS_FEW; i++)
			put(m, free_block(m, old.member[i]), old.member[i], old.few.stamp[i], p);
		return true;
	}
	m->size++;
	m->more.blocks = blocks_of[m->size];
	m->at.block = block;
	refill(m, old.at.block, old.more.blocks, p);
	tsn_heap_give(heap, old.at.block, size_of(old.size, p.n));
	return true;
}

static bool
convert(struct tsn_members *m, struct tsn_members_panes p, struct tsn_heap *heap)
{
	struct placed v[TSN_MEMBERS_EXACT];
	const uint32_t n = list(m, p, false, v);
	void *registers = tsn_heap_take(heap, tsn_hll_size(p.n));

	if (registers == NULL)
		return false;
	tsn_heap_give(heap, m->at.block, size_of(m->size, p.n));
	*m = (struct tsn_members){ .kept = m->kept, .size = SKETCH };
	tsn_hll_init(&m->sketch, registers, p.n);
	for (uint32_t i = 0; i < n; i++)
		tsn_hll_add(&m->sketch, v[i].member, tsn_members_age(p, v[i].stamp));
	return true;
}

uint64_t
tsn_members_most(uint32_t panes)
{
	const uint64_t sketched = size_of(SKETCH, panes), exact = size_of(LARGEST, panes);

	return sketched > exact ? sketched : exact;
}

uint64_t
tsn_members_wants(const struct tsn_members *m, uint64_t member, struct tsn_members_panes p)
{
	struct tsn_members_block *b;
	struct tsn_members few = *m;
	const uint8_t *stamp = NULL;

	if (m->size == SKETCH || (m->size == 0 && tsn_members_note_few(&few, member, p.newest, p)))
		return 0;
	stamp = m->size == 0 ? NULL : find(m, member, &b);
	if (stamp != NULL && in_window(p, *stamp))
		return 0;
	if (is_whole(m))
		return size_of(SKETCH, p.n);
	return stamp == NULL && full(m) && crowded(m) ? size_of(m->size + 1u, p.n) : 0;
}

/* It has a place: is it seen later than it was? No branch by that, which is as good as random. */
static inline void
see_again(struct tsn_members *m, uint8_t *at, uint8_t stamp, struct tsn_members_panes p)
{
	const uint8_t was = *at;
	const bool later = tsn_members_age(p, was) > tsn_members_age(p, stamp);

	count_in(m, was, (uint16_t)-(later & in_window(p, was)));
	count_in(m, stamp, later);
	*at = later ? stamp : was;
}

bool
tsn_members_note_more(struct tsn_members *m, uint64_t member, uint8_t stamp, struct tsn_members_panes p)
{
	struct tsn_members_block *b;
	uint8_t *was = find(m, member, &b);

	if (was != NULL && (in_window(p, *was) || !is_whole(m))) {
		see_again(m, was, stamp, p);
		return true;
	}
	if (is_whole(m))
		return false;
	if (full(m)) {
		if (crowded(m))
			return false;
		sweep(m, p);
		b = free_block(m, member);
	}
	put(m, b, member, stamp, p);
	return true;
}

bool
tsn_members_add(struct tsn_members *m, uint64_t member, uint8_t stamp, struct tsn_members_panes p, struct tsn_heap *heap)
{
	if (tsn_members_note(m, member, stamp, p, 0))
		return true;
	return (is_whole(m) ? convert : grow)(m, p, heap) && tsn_members_note(m, member, stamp, p, 0);
}

/* How many of the window are of the [n] oldest panes. */
static uint32_t
oldest(const struct tsn_members *m, uint32_t n, struct tsn_members_panes p)
{
	uint32_t sum = 0;

	for (uint32_t bits = m->taken; m->size == 0 && bits != 0; bits &= bits - 1)
		sum += tsn_members_age(p, m->few.stamp[__builtin_ctz(bits)]) >= p.n - n;
	for (uint32_t age = p.n - n; m->size != 0 && age < p.n; age++)
		sum += m->at.in_lane[(uint8_t)(p.newest - age) % LANES];
	return sum;
}

void
tsn_members_turn_more(struct tsn_members *m, struct tsn_members_panes p, uint32_t by, bool leaves)
{
	if (m->size == SKETCH) {
		tsn_hll_advance(&m->sketch, by);
		return;
	}
	for (uint32_t age = p.n; leaves && age < p.n + by; age++) {
		uint16_t *in = &m->at.in_lane[(uint8_t)(p.newest - age) % LANES];

		m->more.n = (uint16_t)(m->more.n - *in);
		*in = 0;
	}
	if ((uint8_t)(p.newest - m->swept) > GONE_MOST)
		sweep(m, p);
}

int64_t
tsn_members_count_ahead(struct tsn_members *m, uint32_t ahead, struct tsn_members_panes p, uint64_t low)
{
	if (ahead >= p.n)
		return 0;
	if (m->size == SKETCH)
		return tsn_hll_is_above(&m->sketch, low, 0) ? 0 : tsn_hll_estimate(&m->sketch, ahead);
	return (m->size == 0 ? m->few.n : m->more.n) - oldest(m, ahead, p);
}

/* --- as bytes: the size (memory counts, extra_bytes, and must be the same afterwards), then members by age, in order --- */

static int
by_member(const void *x, const void *y)
{
	const struct placed *a = x, *b = y;

	return (a->member > b->member) - (a->member < b->member);
}

void
tsn_members_save(struct tsn_members *m, struct tsn_members_panes p, struct tsn_pack *out)
{
	struct placed v[PLACES_MOST];
	uint32_t n;

	tsn_pack_uint(out, m->size);
	if (m->size == SKETCH) {
		tsn_hll_save(&m->sketch, out);
		return;
	}
	n = list(m, p, true, v);
	if (n > 1)
		qsort(v, n, sizeof(*v), by_member);
	if (m->size != 0)
		tsn_pack_uint(out, (uint8_t)(p.newest - m->swept));
	tsn_pack_uint(out, n);
	for (uint32_t i = 0; i < n; i++) {
		tsn_pack_raw(out, &v[i].member, sizeof(v[i].member));
		tsn_pack_uint(out, tsn_members_age(p, v[i].stamp));
	}
}

/* One that is behind [last], where there is one before it. */
static bool
load_member(struct tsn_unpack *in, struct placed *v, uint32_t i, struct tsn_members_panes p)
{
	const uint8_t *bytes = tsn_unpack_raw(in, sizeof(v->member));
	const uint32_t age = (uint32_t)tsn_unpack_below(in, UINT8_MAX);

	if (in->bad || bytes == NULL)
		return false;
	memcpy(&v[i].member, bytes, sizeof(v->member));
	v[i].stamp = (uint8_t)(p.newest - age);
	return i == 0 || v[i].member > v[i - 1].member;
}

/* None is older than the last sweep, [ago], would have left it. */
static bool
load_place(struct tsn_members *m, const struct placed *v, struct tsn_members_panes p, uint32_t ago)
{
	if (full(m) || tsn_members_age(p, v->stamp) >= p.n + ago)
		return false;
	if (m->size == 0)
		return tsn_members_note_few(m, v->member, v->stamp, p);
	if (is_whole(m) && in_window(p, v->stamp))
		return false;
	put(m, free_block(m, v->member), v->member, v->stamp, p);
	return true;
}

bool
tsn_members_load(struct tsn_members *m, struct tsn_members_panes p, struct tsn_unpack *in, struct tsn_heap *heap)
{
	const uint32_t size = (uint32_t)tsn_unpack_below(in, SKETCH);
	struct placed v[PLACES_MOST];
	void *memory = NULL;
	uint32_t n, ago = 0;

	if (in->bad || (size != 0 && (memory = tsn_heap_take(heap, size_of(size, p.n))) == NULL))
		return false;
	m->size = (uint8_t)size;
	if (size == SKETCH) {
		tsn_hll_init(&m->sketch, memory, p.n);
		return tsn_hll_load(&m->sketch, in);
	}
	if (size != 0) {
		become(m, size, memory, p);
		ago = (uint32_t)tsn_unpack_below(in, GONE_MOST);
		m->swept = (uint8_t)(p.newest - ago);
	}
	n = (uint32_t)tsn_unpack_below(in, size == 0 ? TSN_MEMBERS_FEW : places(m));
	for (uint32_t i = 0; i < n; i++)
		if (!load_member(in, v, i, p) || !load_place(m, &v[i], p, ago))
			return false;
	return !in->bad;
}
