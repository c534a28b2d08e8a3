/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "state/internal.h"
#include "state/kept.h"
#include "state/ring.h"

#define LOOK 8u

/* One entry a group that there is room for, so that it never has to grow alone. */
void
tsn_extra_init(struct tsn_agg *a)
{
	a->store.holders.size = sizeof(uint32_t);
}

/* A group's number and one more, so that 0 is a gap. There are none but in what was read from a damaged file. */
static uint32_t *
entry(const struct tsn_agg *a, uint32_t place)
{
	return (uint32_t *)tsn_cell(&a->store.holders, place);
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

void
tsn_extra_enter(struct tsn_agg *a, uint32_t group, struct tsn_kept *k, const struct tsn_kept *other)
{
	k->place = other != NULL ? other->place : a->store.nholders++;
	*entry(a, k->place) = group + 1;
}

/* The last one comes where it was. */
void
tsn_extra_leave(struct tsn_agg *a, const struct tsn_kept *k, const struct tsn_kept *other)
{
	const uint32_t last = a->store.nholders - 1;

	if (other != NULL)
		return;
	*entry(a, k->place) = 0;
	if (k->place != last && *entry(a, last) != 0)
		put(a, *entry(a, last) - 1, k->place);
	*entry(a, last) = 0;
	a->store.nholders = last;
}

void
tsn_extra_save(const struct tsn_kept *k, struct tsn_pack *out)
{
	tsn_pack_uint(out, k->flows);
	tsn_pack_uint(out, k->place);
}

bool
tsn_extra_load(struct tsn_agg *a, struct tsn_kept *k, const struct tsn_kept *other, struct tsn_unpack *in)
{
	k->flows = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	k->place = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	if (in->bad || k->place >= a->store.holders.cap)
		return false;
	return other != NULL ? k->place == other->place : *entry(a, k->place) == 0;
}

void
tsn_extra_put(struct tsn_agg *a, uint32_t group, const struct tsn_kept *k)
{
	*entry(a, k->place) = group + 1;
	if (k->place >= a->store.nholders)
		a->store.nholders = k->place + 1;
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
	struct tsn_agg_store *s = &a->store;
	const uint32_t look = s->nholders < LOOK ? s->nholders : LOOK;
	struct holder best = { TSN_GROUP_NONE, false, 0 }, h;
	uint32_t at = s->hand;

	for (uint32_t i = 0; i < look; i++) {
		const uint32_t place = (s->hand + i) % s->nholders, one = *entry(a, place);

		if (one == 0 || one - 1 == own)
			continue;
		h = look_at(a, one - 1, pane);
		if (best.group == TSN_GROUP_NONE || less_active(&h, &best)) {
			best = h;
			at = place;
		}
	}
	s->hand = at + 1; /* the last one comes to the place */
	return best.group;
}

/* The family's last eviction is that of the last row, in whatever order its aggregates came to them. */
static void
lost(struct tsn_family *f, const struct tsn_batch *b, uint32_t row)
{
	uint32_t w = TSN_MASK_WORDS;

	f->store.stats.evicted++;
	f->evicted[row / 64] |= UINT64_C(1) << (row % 64);
	while (f->evicted[--w] == 0)
		;
	f->store.stats.last_evicted = b->time[w * 64 + 63 - (uint32_t)__builtin_clzll(f->evicted[w])];
}

enum tsn_room
tsn_extra_room(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row, uint64_t need)
{
	while (a->store.bytes + need > a->def->extra_bytes) {
		uint32_t other = need > a->def->extra_bytes ? TSN_GROUP_NONE : victim(a, group, a->pane[row]);
		const bool own = other == TSN_GROUP_NONE && (a->ops->kept(a, group, 0) != NULL || a->ops->kept(a, group, 1) != NULL);

		lost(x->family, x->batch, row);
		if (other == TSN_GROUP_NONE && !own)
			return TSN_ROOM_NONE;
		tsn_agg_reset(a, own ? group : other);
		if (own)
			return TSN_ROOM_ANEW;
	}
	return TSN_ROOM;
}
