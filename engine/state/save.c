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
 * The shape says what the cells were made for; a form with another shape is not the same.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "state/internal.h"
#include "state/kept.h"
#include "state/ring.h"

#define GROUP_LEAST 3 /* bytes that a group takes at least */

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

static void
shape_of_family(const struct tsn_family_def *f, struct tsn_pack *out)
{
	shape_of_key(&f->key, out);
	shape_of_key(&f->at, out);
	tsn_pack_uint(out, f->nsteps);
	for (uint32_t i = 0; i < f->nsteps; i++) {
		shape_of_key(&f->step[i].key, out);
		tsn_pack_bool(out, f->step[i].rule);
	}
}

static void
shape_of_agg(const struct tsn_agg_def *a, struct tsn_pack *out)
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

/* The next bytes are these of [k], which is emptied. */
static bool
same_bytes(struct tsn_unpack *in, struct tsn_pack *k)
{
	size_t n;
	const uint8_t *p = tsn_unpack_bytes(in, &n);
	const bool same = p != NULL && !k->failed && n == k->n && memcmp(p, k->p, n) == 0;

	in->bad = in->bad || k->failed;
	tsn_pack_fini(k);
	return same;
}

static void
put_bytes(struct tsn_pack *out, struct tsn_pack *k)
{
	tsn_pack_bytes(out, k->p, k->n);
	out->failed = out->failed || k->failed;
	tsn_pack_fini(k);
}

static bool
same_text(const char *canon, const uint8_t *p, size_t n)
{
	return p != NULL && strlen(canon) == n && memcmp(canon, p, n) == 0;
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
load_times(int64_t time[TSN_PARTS], struct tsn_unpack *in)
{
	const uint64_t there = tsn_unpack_uint(in);

	for (uint32_t p = 0; p < TSN_PARTS; p++)
		time[p] = there >> p & 1 ? tsn_unpack_int(in) : TSN_TIME_NONE;
}

/* Part [p] of the 64, where it lies. */
static struct tsn_family *
holder(const struct tsn_whole *w, uint32_t p)
{
	return w->shard[p % w->n];
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
		const struct tsn_family_store *s = &holder(w, p)->store;

		tsn_pack_uint(out, s->part[p / w->n].n);
		tsn_pack_uint(out, s->part[p / w->n].hand);
		evicted[p] = s->evicted[p / w->n];
	}
	save_times(evicted, out);
	for (uint32_t p = 0; p < TSN_PARTS; p++) {
		const struct tsn_family_store *s = &holder(w, p)->store;

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
		const struct tsn_family *f = holder(w, p);
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
		shard[p] = &holder(w, p)->agg[i];
		late[p] = shard[p]->store.late[p / w->n];
		mute = mute || shard[p]->store.mute;
	}
	tsn_pack_str(out, a->def->canon);
	shape_of_agg(a->def, &shape);
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
	shape_of_family(def, &shape);
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

/* --- reading --- */

static void
load_stats(struct tsn_family_stats *s, struct tsn_unpack *in)
{
	s->evicted = tsn_unpack_uint(in);
	s->recycled = tsn_unpack_uint(in);
	s->late = tsn_unpack_uint(in);
}

/*
 * Sizes first, so that nothing is allocated for groups that are not there. More than the budget is right only where it
 * was lowered since; then keys are spread as evenly as hashes do, and a part with many times its share is no part of ours.
 */
static bool
load_parts(const struct tsn_family *f, struct tsn_part part[TSN_PARTS], struct tsn_unpack *in)
{
	uint64_t total = 0;
	uint32_t most = 0;

	for (uint32_t p = 0; p < TSN_PARTS; p++) {
		part[p].n = (uint32_t)tsn_unpack_below(in, TSN_GROUP_NONE / TSN_PARTS);
		part[p].hand = (uint32_t)tsn_unpack_below(in, part[p].n == 0 ? 0 : part[p].n - 1);
		most = part[p].n > most ? part[p].n : most;
		total += part[p].n;
	}
	if (total * GROUP_LEAST > (uint64_t)(in->end - in->p) || (most > f->budget && most > total / TSN_PARTS * 4 + 1024))
		in->bad = true;
	return !in->bad;
}

static bool
load_group(struct tsn_family *f, uint32_t part, uint32_t number, uint64_t *before, uint64_t seed, struct tsn_unpack *in)
{
	struct tsn_group g = { 0 };
	uint64_t hash, flows;
	const uint8_t *key = NULL;
	size_t len = 0;

	*before += (uint64_t)tsn_unpack_int(in);
	g.newest = (int64_t)*before;
	flows = tsn_unpack_below(in, (uint64_t)INT32_MAX << 1 | 1);
	g.word = (uint32_t)(flows >> 1) | (flows & 1 ? TSN_IN_SLAB : 0);
	if (tsn_in_slab(&g)) {
		key = tsn_unpack_bytes(in, &len);
		if (key == NULL || !tsn_key_valid(&f->def.key, key, len, false))
			return false;
		hash = tsn_hash_bytes(key, len, seed);
	} else {
		g.key = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
		hash = tsn_hash_u64(g.key, seed);
	}
	return !in->bad && (tsn_in_slab(&g) || tsn_key_is_addr(&f->def.key)) && tsn_part_of(hash) == part &&
	    tsn_family_enter(f, number, &g, key, (uint16_t)len, seed);
}

static bool
load_groups(const struct tsn_whole *w, uint64_t seed, struct tsn_unpack *in)
{
	struct tsn_part part[TSN_PARTS];
	int64_t evicted[TSN_PARTS];
	uint64_t before = 0;

	if (!load_parts(w->shard[0], part, in))
		return false;
	load_times(evicted, in);
	for (uint32_t p = 0; p < TSN_PARTS; p++)
		if (!tsn_family_room(holder(w, p), part[p].n))
			return false;
	for (uint32_t p = 0; p < TSN_PARTS; p++) {
		struct tsn_family *f = holder(w, p);

		f->store.evicted[p / w->n] = evicted[p];
		for (uint32_t k = 0; k < part[p].n; k++)
			if (!load_group(f, p, tsn_number(&f->store, p / w->n, k), &before, seed, in))
				return false;
		f->store.part[p / w->n] = part[p];
	}
	return true;
}

static bool
load_cells(const struct tsn_whole *w, uint32_t i, struct tsn_unpack *in)
{
	for (uint32_t p = 0; p < TSN_PARTS; p++) {
		struct tsn_family *f = holder(w, p);

		for (uint32_t k = 0; k < f->store.part[p / w->n].n; k++)
			if (!f->agg[i].ops->load(&f->agg[i], tsn_number(&f->store, p / w->n, k), in) || in->bad)
				return false;
	}
	return true;
}

/* It comes to groups that are there already, and did not see what they did. */
static bool
stand_apart(const struct tsn_whole *w, uint32_t i)
{
	bool ok = true;

	for (uint32_t k = 0; k < w->n; k++) {
		struct tsn_agg *a = &w->shard[k]->agg[i];

		ok = ok && (!a->store.counts.lean || a->family->store.ngroups == 0 || tsn_lean_apart(a));
	}
	return ok;
}

/* One that now closes and did not: as at a reload. */
static void
reopen(struct tsn_agg *a, bool closed, bool mute)
{
	a->store.mute = mute || (a->closes && !closed);
	a->store.open = a->store.mute ? 0 : a->closes ? tsn_close_first(a) : UINT64_MAX;
	a->restored = true;
}

static bool
load_agg_into(const struct tsn_whole *w, uint32_t i, struct tsn_unpack *in)
{
	const bool closed = tsn_unpack_bool(in), mute = tsn_unpack_bool(in);
	struct tsn_agg *shard[TSN_PARTS];
	int64_t late[TSN_PARTS];

	load_times(late, in);
	for (uint32_t p = 0; p < TSN_PARTS; p++) {
		shard[p] = &holder(w, p)->agg[i];
		shard[p]->store.late[p / w->n] = late[p];
	}
	if (tsn_unpack_bool(in) && (shard[0]->ops->kept == NULL || !tsn_extra_load_hands(shard, w->n, in)))
		return false;
	if (tsn_unpack_bool(in) && (shard[0]->ops->load_beside == NULL || !shard[0]->ops->load_beside(shard, w->n, in)))
		return false;
	if (tsn_unpack_bool(in)) {
		if (shard[0]->ops->load == NULL || !load_cells(w, i, in))
			return false;
	} else if (!stand_apart(w, i)) {
		return false;
	}
	for (uint32_t k = 0; k < w->n; k++)
		reopen(shard[k], closed, mute);
	return tsn_unpack_done(in);
}

static bool
load_agg(const struct tsn_whole *w, struct tsn_unpack in)
{
	size_t n;
	const uint8_t *canon = tsn_unpack_bytes(&in, &n);
	struct tsn_pack shape = { 0 };

	for (uint32_t i = 0; i < w->shard[0]->def.naggs; i++) {
		const struct tsn_agg *a = &w->shard[0]->agg[i];

		if (!same_text(a->def->canon, canon, n))
			continue;
		shape_of_agg(a->def, &shape);
		if (!same_bytes(&in, &shape) || !tsn_unpack_bool(&in))
			return !in.bad;
		return !a->restored && !in.bad && load_agg_into(w, i, &in);
	}
	return !in.bad;
}

static bool
load_family_into(const struct tsn_whole *w, uint64_t seed, struct tsn_unpack *in)
{
	uint64_t n;

	if (w->shard[0]->restored)
		return false;
	for (uint32_t i = 0; i < w->n; i++)
		w->shard[i]->restored = w->shard[i]->marked = true;
	for (uint32_t i = 0; i < w->n; i++)
		tsn_guard_forget(w->shard[i]);
	load_stats(&w->shard[0]->store.stats, in);
	if (!load_groups(w, seed, in))
		return false;
	n = tsn_unpack_uint(in);
	for (uint64_t i = 0; i < n && !in->bad; i++)
		if (!load_agg(w, tsn_unpack_part(in)))
			return false;
	for (uint32_t i = 0; i < w->shard[0]->def.naggs; i++)
		if (!w->shard[0]->agg[i].restored && !stand_apart(w, i))
			return false;
	return tsn_unpack_done(in);
}

static bool
load_family(struct tsn_state *const *s, uint32_t nstates, uint64_t seed, struct tsn_unpack in)
{
	size_t n;
	const uint8_t *canon = tsn_unpack_bytes(&in, &n);
	struct tsn_pack shape = { 0 };
	struct tsn_whole w;

	if (canon == NULL || !tsn_whole_find(s, nstates, (const char *)canon, n, &w))
		return !in.bad;
	shape_of_family(&w.shard[0]->def, &shape);
	if (!same_bytes(&in, &shape))
		return !in.bad;
	return load_family_into(&w, seed, &in);
}

/* As it was made. */
static void
empty_family(struct tsn_family *f)
{
	const uint32_t nparts = f->store.nparts;
	struct tsn_spare *const spare = f->store.dir.spare;

	for (uint32_t i = 0; i < f->def.naggs; i++) { /* what cannot be made anew, because that may fail, stays */
		f->agg[i].beside = f->agg[i].store.beside;
		f->agg[i].store.beside = NULL;
	}
	tsn_family_fini(f);
	memset(&f->store, 0, sizeof(f->store));
	f->store.dir.spare = spare;
	f->store.nparts = nparts;
	f->store.stride = sizeof(struct tsn_group);
	tsn_slab_bound(&f->store.slab, &f->def.key, (uint64_t)f->budget * nparts);
	f->restored = false;
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		struct tsn_agg *a = &f->agg[i];

		memset(&a->store, 0, sizeof(a->store));
		a->store.open = UINT64_MAX;
		a->restored = a->relist = false;
		a->ops->init(a);
		tsn_lean_init(a);
		tsn_extra_settle(a);
		a->store.beside = a->beside;
		if (a->ops->renew != NULL)
			a->ops->renew(a);
	}
	tsn_marks_init(f);
	tsn_samples_settle(f);
}

bool
tsn_family_load(const struct tsn_whole *w, uint64_t seed, struct tsn_unpack in)
{
	const bool ok = tsn_unpack_bytes(&in, &(size_t){ 0 }) != NULL && tsn_unpack_bytes(&in, &(size_t){ 0 }) != NULL &&
	    load_family_into(w, seed, &in);

	for (uint32_t i = 0; i < w->n && !ok; i++)
		empty_family(w->shard[i]);
	return ok;
}

/* In the order of the families of [s], each once. */
static void
tell(struct tsn_state *const *s, uint32_t n, const struct tsn_family *f, void (*report)(void *, const struct tsn_handover *), void *arg)
{
	struct tsn_handover h = { f->def.canon, true, f->restored, 0, 0 };
	struct tsn_whole w;

	if (!tsn_whole_find(s, n, f->def.canon, strlen(f->def.canon), &w) || w.shard[0] != f)
		return;
	for (uint32_t i = 0; i < w.n; i++)
		h.groups += w.shard[i]->store.ngroups;
	report(arg, &h);
	for (uint32_t j = 0; j < f->def.naggs; j++) {
		const struct tsn_agg *a = &f->agg[j];
		struct tsn_handover one = { a->def->canon, false, a->restored, a->restored ? h.groups : 0, a->def->window_ms };

		report(arg, &one);
	}
}

bool
tsn_state_load_all(struct tsn_state *const *s, uint32_t n, struct tsn_unpack *in,
    void (*report)(void *arg, const struct tsn_handover *), void *arg)
{
	const uint64_t seed = tsn_unpack_uint(in), families = tsn_unpack_uint(in);
	bool ok = !in->bad;

	for (uint64_t i = 0; i < families && ok; i++)
		ok = load_family(s, n, seed, tsn_unpack_part(in)) && !in->bad;
	ok = ok && tsn_unpack_done(in);
	for (uint32_t k = 0; k < n; k++) {
		for (uint32_t i = 0; i < s[k]->n; i++) {
			if (!ok)
				empty_family(&s[k]->family[i]);
			else if (report != NULL)
				tell(s, n, &s[k]->family[i], report, arg);
		}
		s[k]->seed = ok ? seed : s[k]->seed;
	}
	return ok;
}

bool
tsn_state_load(struct tsn_state *s, struct tsn_unpack *in, void (*report)(void *arg, const struct tsn_handover *), void *arg)
{
	return tsn_state_load_all(&s, 1, in, report, arg);
}
