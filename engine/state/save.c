/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * State as bytes. What is written is what the arrays mean, not what they are:
 * groups in the order of their numbers with the hand of each part, because that
 * order decides who gives way next; the windows of each. Directories and
 * the places of long keys are made anew.
 *
 *   state     seed, families
 *   family    form, shape, statistics, parts, groups, aggregates; a part of its own, so that it can be skipped
 *   aggregate form, shape, what is to be closed, what lies beside its cells, these in the order of the groups
 *
 * The shape says what the cells were made for; a form with another shape is not the same. load.c reads it.
 */
#include "state/internal.h"
#include "state/kept.h"
#include "state/ring.h"
#include "state/saved.h"

/* --- heads of rings --- */

void
tsn_pane_save(uint64_t newest, struct tsn_pack *out)
{
	const int64_t pane = (int64_t)newest - TSN_PANE_BIAS;

	/* small where it can be: 0 is none, else zigzag */
	tsn_pack_uint(out, newest == 0 ? 0 : ((uint64_t)pane << 1 ^ -(uint64_t)(pane < 0)) + 1);
}

bool
tsn_pane_load(struct tsn_unpack *in, uint64_t *newest)
{
	const uint64_t v = tsn_unpack_below(in, (uint64_t)TSN_PANE_LIMIT * 2 + 1) - 1;

	*newest = v == UINT64_MAX ? 0 : (uint64_t)((int64_t)(v >> 1 ^ -(v & 1)) + TSN_PANE_BIAS);
	return !in->bad;
}

void
tsn_head_save(uint64_t head, struct tsn_pack *out)
{
	tsn_pane_save(tsn_ring_newest(head), out);
	if (tsn_ring_newest(head) != 0)
		tsn_pack_uint(out, head & ((UINT64_C(1) << TSN_HEAD_BITS) - 1));
}

bool
tsn_head_restore(struct tsn_unpack *in, uint32_t lanes, uint32_t keep, uint64_t *head)
{
	const uint64_t most = lanes == 2 ? 15 : (UINT64_C(1) << lanes) - 1;
	uint64_t newest, bits = 0;

	if (!tsn_pane_load(in, &newest))
		return false;
	if (newest != 0)
		bits = tsn_unpack_below(in, most);
	*head = newest << TSN_HEAD_BITS | bits;
	if (lanes == 2 && (bits >> 2 & ~bits) != 0) /* a window was closed that is not there */
		in->bad = true;
	if (tsn_ring_outside(*head, keep, lanes) != 0)
		in->bad = true;
	return !in->bad;
}

/* --- shapes --- */

static void
shape_of_key(const struct tsn_key_spec *k, struct tsn_pack *out)
{
	tsn_pack_uint(out, k->n);
	for (uint8_t i = 0; i < k->n; i++) {
		tsn_pack_uint(out, tsn_fields[k->part[i].field].storage);
		tsn_pack_uint(out, k->part[i].v4_bits);
		tsn_pack_uint(out, k->part[i].v6_bits);
	}
}

void
tsn_shape_of_family(const struct tsn_family_def *f, struct tsn_pack *out)
{
	shape_of_key(&f->key, out);
	shape_of_key(&f->at, out);
	tsn_pack_uint(out, f->nsteps);
	for (uint32_t i = 0; i < f->nsteps; i++) {
		shape_of_key(&f->step[i].key, out);
		tsn_pack_bool(out, f->step[i].rule);
	}
}

void
tsn_shape_of_agg(const struct tsn_agg_def *a, struct tsn_pack *out)
{
	tsn_pack_str(out, tsn_agg_infos[a->fn].name);
	tsn_pack_bool(out, a->real);
	tsn_pack_bool(out, a->tumbling);
	tsn_pack_bool(out, a->by_received);
	tsn_pack_int(out, a->window_ms);
	tsn_pack_int(out, a->pane_ms);
	tsn_pack_uint(out, a->panes);
	tsn_pack_int(out, a->history_ms);
	tsn_pack_int(out, a->season_ms);
	tsn_pack_uint(out, a->within);
	if (tsn_agg_infos[a->fn].tuple)
		shape_of_key(&a->tuple, out);
}

static void
put_bytes(struct tsn_pack *out, struct tsn_pack *k)
{
	tsn_pack_bytes(out, k->p, k->n);
	out->failed = out->failed || k->failed;
	tsn_pack_fini(k);
}

/* --- writing --- */

/* Sums over shards. */
static void
save_stats(const struct tsn_whole *w, struct tsn_pack *out)
{
	struct tsn_family_stats sum = { 0 };

	for (uint32_t i = 0; i < w->n; i++) {
		const struct tsn_family_stats *s = &w->shard[i]->store.stats;

		sum.evicted += s->evicted;
		sum.recycled += s->recycled;
		sum.late += s->late;
	}
	tsn_pack_uint(out, sum.evicted);
	tsn_pack_uint(out, sum.recycled);
	tsn_pack_uint(out, sum.late);
}

/* A time a part, of which most have none. */
static void
save_times(const int64_t time[TSN_PARTS], struct tsn_pack *out)
{
	uint64_t there = 0;

	for (uint32_t p = 0; p < TSN_PARTS; p++)
		there |= (uint64_t)(time[p] != TSN_TIME_NONE) << p;
	tsn_pack_uint(out, there);
	for (uint32_t p = 0; p < TSN_PARTS; p++)
		if (there >> p & 1)
			tsn_pack_int(out, time[p]);
}

static void
save_group(const struct tsn_family_store *s, const struct tsn_group *g, uint64_t *before, struct tsn_pack *out)
{
	const uint8_t *key;
	uint16_t len;

	/* times of neighbours are near each other; the difference wraps rather than overflows */
	tsn_pack_int(out, (int64_t)((uint64_t)g->newest - *before));
	*before = (uint64_t)g->newest;
	tsn_pack_uint(out, (uint64_t)tsn_group_flows(g) << 1 | tsn_in_slab(g));
	if (tsn_in_slab(g)) {
		key = tsn_slab_key(&s->slab, g->key, &len);
		tsn_pack_bytes(out, key, len);
	} else {
		tsn_pack_uint(out, g->key);
	}
}

static void
save_groups(const struct tsn_whole *w, struct tsn_pack *out)
{
	int64_t evicted[TSN_PARTS];
	uint64_t before = 0;

	for (uint32_t p = 0; p < TSN_PARTS; p++) {
		const struct tsn_family_store *s = &tsn_whole_holder(w, p)->store;

		tsn_pack_uint(out, s->part[p / w->n].n);
		tsn_pack_uint(out, s->part[p / w->n].hand);
		evicted[p] = s->evicted[p / w->n];
	}
	save_times(evicted, out);
	for (uint32_t p = 0; p < TSN_PARTS; p++) {
		const struct tsn_family_store *s = &tsn_whole_holder(w, p)->store;

		for (uint32_t k = 0; k < s->part[p / w->n].n; k++)
			save_group(s, tsn_group_at(s, tsn_number(s, p / w->n, k)), &before, out);
	}
}

/* One that is new to its family has no cells until the next batch; then it is as if they were empty. */
static bool
has_cells(const struct tsn_agg *a)
{
	return a->store.counts.lean || tsn_agg_cells(a)->cap >= tsn_numbers(&a->family->store);
}

/* Another aggregate like [a], with one empty cell. */
static bool
blank(const struct tsn_agg *a, struct tsn_agg *out)
{
	*out = *a;
	memset(&out->store, 0, sizeof(out->store));
	out->ops->init(out);
	out->store.npools = 1;
	return tsn_agg_room(out, 1);
}

static void
save_cells(const struct tsn_whole *w, uint32_t i, struct tsn_pack *out)
{
	for (uint32_t p = 0; p < TSN_PARTS && !out->failed; p++) {
		const struct tsn_family *f = tsn_whole_holder(w, p);
		const struct tsn_agg *a = &f->agg[i];
		struct tsn_agg none;

		if (f->store.part[p / w->n].n == 0)
			continue;
		if (has_cells(a)) {
			for (uint32_t k = 0; k < f->store.part[p / w->n].n; k++)
				a->ops->save(a, tsn_number(&f->store, p / w->n, k), out);
			continue;
		}
		out->failed = !blank(a, &none) || out->failed;
		for (uint32_t k = 0; k < f->store.part[p / w->n].n && !out->failed; k++)
			a->ops->save(&none, 0, out);
		tsn_cells_free(&none.store.counts.cells);
		tsn_cells_free(&none.store.sums.cells);
		tsn_cells_free(&none.store.cells);
		tsn_cells_free(&none.store.holders);
	}
}

static bool
any_cells(const struct tsn_whole *w, uint32_t i)
{
	for (uint32_t k = 0; k < w->n; k++)
		if (w->shard[k]->agg[i].ops->save != NULL && w->shard[k]->store.ngroups > 0 && has_cells(&w->shard[k]->agg[i]))
			return true;
	return false;
}

static void
save_agg(const struct tsn_whole *w, uint32_t i, struct tsn_pack *out)
{
	const struct tsn_agg *shard[TSN_PARTS], *a = &w->shard[0]->agg[i];
	struct tsn_pack shape = { 0 };
	const size_t at = tsn_pack_open(out);
	int64_t late[TSN_PARTS];
	bool mute = false;

	for (uint32_t p = 0; p < TSN_PARTS; p++) {
		shard[p] = &tsn_whole_holder(w, p)->agg[i];
		late[p] = shard[p]->store.late[p / w->n];
		mute = mute || shard[p]->store.mute;
	}
	tsn_pack_str(out, a->def->canon);
	tsn_shape_of_agg(a->def, &shape);
	put_bytes(out, &shape);
	tsn_pack_bool(out, a->ops->save != NULL || a->ops->save_beside != NULL);
	tsn_pack_bool(out, a->closes);
	tsn_pack_bool(out, mute);
	save_times(late, out);
	tsn_pack_bool(out, a->ops->kept != NULL);
	if (a->ops->kept != NULL)
		tsn_extra_save_hands(shard, w->n, out);
	tsn_pack_bool(out, a->ops->save_beside != NULL);
	if (a->ops->save_beside != NULL)
		a->ops->save_beside(shard, w->n, out);
	tsn_pack_bool(out, any_cells(w, i));
	if (any_cells(w, i))
		save_cells(w, i, out);
	tsn_pack_close(out, at);
}

void
tsn_family_save(const struct tsn_whole *w, struct tsn_pack *out)
{
	const struct tsn_family_def *def = &w->shard[0]->def;
	struct tsn_pack shape = { 0 };
	const size_t at = tsn_pack_open(out);

	tsn_pack_str(out, def->canon);
	tsn_shape_of_family(def, &shape);
	put_bytes(out, &shape);
	save_stats(w, out);
	save_groups(w, out);
	tsn_pack_uint(out, def->naggs);
	for (uint32_t i = 0; i < def->naggs; i++)
		save_agg(w, i, out);
	tsn_pack_close(out, at);
}

void
tsn_state_save_all(struct tsn_state *const *s, uint32_t n, const struct tsn_family_def *order, uint32_t norder,
    struct tsn_pack *out)
{
	struct tsn_whole w;

	tsn_pack_uint(out, s[0]->seed);
	tsn_pack_uint(out, norder);
	for (uint32_t i = 0; i < norder; i++) {
		if (tsn_whole_find(s, n, order[i].canon, strlen(order[i].canon), &w))
			tsn_family_save(&w, out);
		else
			out->failed = true; /* it would be lost */
	}
}

void
tsn_state_save(const struct tsn_state *s, struct tsn_pack *out)
{
	tsn_pack_uint(out, s->seed);
	tsn_pack_uint(out, s->n);
	for (uint32_t i = 0; i < s->n; i++)
		tsn_family_save(&(struct tsn_whole){ { &s->family[i] }, 1 }, out);
}
