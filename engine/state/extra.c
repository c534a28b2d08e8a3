/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "state/internal.h"
#include "state/kept.h"
#include "state/ring.h"

#define LOOK 8u
#define GROWN_LEAST 8u /* grown groups that the share of a part must hold for the bound to be divided */

/* One entry a group that there is room for, so that it never has to grow alone. */
void
tsn_extra_init(struct tsn_agg *a)
{
	a->store.holders.size = sizeof(uint32_t);
}

/*
 * A bound divided over the parts is the same for any number of shards; but where it is so narrow that the share of a part would be
 * a few sketches, all groups draw on one, and the family stays whole.
 */
bool
tsn_extra_divided(const struct tsn_agg *a)
{
	return a->def->extra_bytes == 0 || a->ops->kept == NULL || a->ops->most == NULL ||
	    a->def->extra_bytes / TSN_PARTS / GROWN_LEAST >= a->ops->most(a);
}

static uint32_t
pool_of(const struct tsn_agg *a, uint32_t group)
{
	return group & (a->store.npools - 1);
}

/* A group's number and one more, so that 0 is a gap. There are none but in what was read from a damaged file. */
static uint32_t *
entry(const struct tsn_agg *a, uint64_t at)
{
	return (uint32_t *)tsn_cell(&a->store.holders, (uint32_t)at);
}

/* The [i]th entry of a pool: pools lie interleaved, as groups do. */
static uint64_t
place_at(const struct tsn_agg *a, uint32_t pool, uint32_t i)
{
	return (uint64_t)i * a->store.npools + pool;
}

static void
put(struct tsn_agg *a, uint32_t group, uint32_t place)
{
	struct tsn_kept *k;

	*entry(a, place) = group + 1;
	for (uint32_t w = 0; w < 2; w++)
		if ((k = a->ops->kept(a, group, w)) != NULL)
			k->place = place;
}

static uint32_t
next_place(struct tsn_agg *a, uint32_t group)
{
	const uint32_t pool = pool_of(a, group);

	return (uint32_t)place_at(a, pool, a->store.pool[pool].n++);
}

void
tsn_extra_enter(struct tsn_agg *a, uint32_t group, struct tsn_kept *k, const struct tsn_kept *other)
{
	k->place = other != NULL ? other->place : next_place(a, group);
	*entry(a, k->place) = group + 1;
}

/* The last one comes where it was. */
void
tsn_extra_leave(struct tsn_agg *a, const struct tsn_kept *k, const struct tsn_kept *other)
{
	const uint32_t pool = k->place & (a->store.npools - 1);
	uint64_t last;

	if (other != NULL)
		return;
	last = place_at(a, pool, --a->store.pool[pool].n);
	*entry(a, k->place) = 0;
	if (k->place != last && *entry(a, last) != 0)
		put(a, *entry(a, last) - 1, k->place);
	*entry(a, last) = 0;
}

void
tsn_extra_charge(struct tsn_agg *a, uint32_t group, uint64_t before)
{
	if (a->store.bytes != before)
		a->store.held[group & (a->family->store.nparts - 1)] += a->store.bytes - before;
}

static void
list_anew(struct tsn_agg *a)
{
	const struct tsn_family_store *s = &a->family->store;

	memset(a->store.pool, 0, sizeof(a->store.pool));
	memset(a->store.holders.mem, 0, (size_t)a->store.holders.cap * a->store.holders.size);
	for (uint32_t p = 0; p < s->nparts; p++)
		for (uint32_t i = 0; i < s->part[p].n; i++) {
			const uint32_t group = tsn_number(s, p, i);

			if (group < a->store.cells.cap && (a->ops->kept(a, group, 0) != NULL || a->ops->kept(a, group, 1) != NULL))
				put(a, group, next_place(a, group));
		}
}

/* How many pools the bound makes; what there is goes into them. */
void
tsn_extra_settle(struct tsn_agg *a)
{
	const uint32_t had = a->store.npools;

	a->divided = tsn_extra_divided(a);
	a->store.npools = a->divided ? a->family->store.nparts : 1;
	if (had != 0 && had != a->store.npools && a->ops->kept != NULL && a->store.holders.cap > 0)
		list_anew(a);
}

void
tsn_extra_save(const struct tsn_agg *a, const struct tsn_kept *k, struct tsn_pack *out)
{
	tsn_pack_uint(out, k->flows);
	tsn_pack_uint(out, k->place / a->store.npools);
}

/* Of pools that were others the places mean nothing: groups stand in the new ones as they come. */
bool
tsn_extra_load(struct tsn_agg *a, uint32_t group, struct tsn_kept *k, const struct tsn_kept *other, struct tsn_unpack *in)
{
	const uint32_t pool = pool_of(a, group);
	uint32_t i;

	k->flows = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	i = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	if (a->relist)
		i = other != NULL ? other->place / a->store.npools : a->store.pool[pool].n;
	if (in->bad || place_at(a, pool, i) >= a->store.holders.cap)
		return false;
	k->place = (uint32_t)place_at(a, pool, i);
	return other != NULL ? k->place == other->place : *entry(a, k->place) == 0;
}

void
tsn_extra_put(struct tsn_agg *a, uint32_t group, const struct tsn_kept *k)
{
	struct tsn_pool *pool = &a->store.pool[pool_of(a, group)];

	*entry(a, k->place) = group + 1;
	if (k->place / a->store.npools >= pool->n)
		pool->n = k->place / a->store.npools + 1;
}

/* Where the next look begins, pool by pool. */
void
tsn_extra_save_hands(const struct tsn_agg *const *part, uint32_t nshards, struct tsn_pack *out)
{
	const uint32_t n = part[0]->store.npools * nshards;

	tsn_pack_uint(out, n);
	for (uint32_t p = 0; p < n; p++)
		tsn_pack_uint(out, part[p % nshards]->store.pool[p / nshards].hand);
}

bool
tsn_extra_load_hands(struct tsn_agg *const *part, uint32_t nshards, struct tsn_unpack *in)
{
	const uint32_t n = (uint32_t)tsn_unpack_below(in, TSN_PARTS), want = part[0]->store.npools * nshards;

	for (uint32_t p = 0; p < n; p++) {
		const uint32_t hand = (uint32_t)tsn_unpack_below(in, UINT32_MAX);

		if (n == want)
			part[p % nshards]->store.pool[p / nshards].hand = hand;
	}
	for (uint32_t i = 0; i < nshards; i++)
		part[i]->relist = n != want;
	return !in->bad;
}

/* [a] gives way before [b]. */
struct holder {
	uint32_t group;
	bool passed;
	uint64_t flows;
};

static bool
less_active(const struct holder *a, const struct holder *b)
{
	if (a->passed != b->passed)
		return a->passed;
	return a->flows != b->flows ? a->flows < b->flows : a->group < b->group;
}

static struct holder
look_at(const struct tsn_agg *a, uint32_t group, uint64_t pane)
{
	const uint64_t newest = tsn_ring_newest(tsn_head_load(tsn_cell(&a->store.cells, group)));
	struct holder h = { group, newest + a->keep <= pane, 0 };
	const struct tsn_kept *k;

	for (uint32_t w = 0; w < 2; w++)
		if ((k = a->ops->kept(a, group, w)) != NULL)
			h.flows += k->flows;
	return h;
}

static uint32_t
victim(struct tsn_agg *a, uint32_t own, uint64_t pane)
{
	const uint32_t which = pool_of(a, own);
	struct tsn_pool *pool = &a->store.pool[which];
	const uint32_t look = pool->n < LOOK ? pool->n : LOOK;
	struct holder best = { TSN_GROUP_NONE, false, 0 }, h;
	uint32_t at = pool->hand;

	for (uint32_t i = 0; i < look; i++) {
		const uint32_t place = (pool->hand + i) % pool->n, one = *entry(a, place_at(a, which, place));

		if (one == 0 || one - 1 == own)
			continue;
		h = look_at(a, one - 1, pane);
		if (best.group == TSN_GROUP_NONE || less_active(&h, &best)) {
			best = h;
			at = place;
		}
	}
	pool->hand = at + 1; /* the last one comes to the place */
	return best.group;
}

/* Is there less than [need] left of what the group draws on? */
static bool
short_of(const struct tsn_agg *a, uint32_t group, uint64_t need)
{
	if (!a->divided)
		return a->store.bytes + need > a->def->extra_bytes;
	return a->store.held[group & (a->family->store.nparts - 1)] + need > a->def->extra_bytes / TSN_PARTS;
}

bool
tsn_extra_over(const struct tsn_agg *a)
{
	bool over = false;

	if (a->def->extra_bytes == 0)
		return false;
	for (uint32_t i = 0; i < (a->divided ? a->family->store.nparts : 1); i++)
		over |= short_of(a, i, 0);
	return over;
}

/* Up to when flows are missed if the row takes the group's memory: it may be older than what is in that. */
static int64_t
missed_to(const struct tsn_agg *a, const struct tsn_fold *x, uint32_t group, uint32_t row)
{
	const uint64_t newest = tsn_ring_newest(tsn_head_load(tsn_cell(&a->store.cells, group)));
	const int64_t time = x->batch->time[row];
	int64_t ahead, to;

	if (newest <= a->pane[row])
		return time;
	if (__builtin_mul_overflow(newest - a->pane[row] + 1, a->def->pane_ms, &ahead) || __builtin_add_overflow(time, ahead, &to))
		return INT64_MAX;
	return to;
}

enum tsn_room
tsn_extra_room(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row, uint64_t need)
{
	while (short_of(a, group, need)) {
		uint32_t other = need > a->def->extra_bytes ? TSN_GROUP_NONE : victim(a, group, a->pane[row]);
		const bool own = other == TSN_GROUP_NONE && (a->ops->kept(a, group, 0) != NULL || a->ops->kept(a, group, 1) != NULL);

		tsn_family_lost(x->family, group & (x->family->store.nparts - 1), row,
		    missed_to(a, x, other == TSN_GROUP_NONE ? group : other, row));
		if (other == TSN_GROUP_NONE && !own)
			return TSN_ROOM_NONE;
		tsn_agg_reset(a, own ? group : other);
		if (own)
			return TSN_ROOM_ANEW;
	}
	return TSN_ROOM;
}
