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
	if (lanes > keep && (tsn_ring_used(*head, lanes) & ((UINT32_C(1) << (lanes - keep)) - 1)) != 0)
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

static void
save_stats(const struct tsn_family_stats *s, struct tsn_pack *out)
{
	tsn_pack_uint(out, s->evicted);
	tsn_pack_uint(out, s->recycled);
	tsn_pack_uint(out, s->late);
	tsn_pack_int(out, s->last_evicted);
	tsn_pack_int(out, s->last_late);
	tsn_pack_uint(out, s->unknown_absent);
	tsn_pack_uint(out, s->skipped_samples);
}

static void
save_group(const struct tsn_family_store *s, const struct tsn_group *g, uint64_t *before, struct tsn_pack *out)
{
	const uint8_t *key;
	uint16_t len;

	/* times of neighbours are near each other; the difference wraps rather than overflows */
	tsn_pack_int(out, (int64_t)((uint64_t)g->newest - *before));
	*before = (uint64_t)g->newest;
	tsn_pack_uint(out, (uint64_t)g->flows << 1 | g->in_slab);
	if (g->in_slab) {
		key = tsn_slab_key(&s->slab, g->key, &len);
		tsn_pack_bytes(out, key, len);
	} else {
		tsn_pack_uint(out, g->key);
	}
}

static void
save_groups(const struct tsn_family_store *s, struct tsn_pack *out)
{
	uint64_t before = 0;

	tsn_pack_uint(out, s->cap);
	for (uint32_t p = 0; p < TSN_PARTS; p++) {
		tsn_pack_uint(out, s->part[p].n);
		tsn_pack_uint(out, s->part[p].hand);
	}
	for (uint32_t p = 0; p < TSN_PARTS; p++)
		for (uint32_t k = 0; k < s->part[p].n; k++)
			save_group(s, &s->groups[k * TSN_PARTS + p], &before, out);
}

/* One that is new to its family has no cells until the next batch. */
static bool
has_cells(const struct tsn_family *f, const struct tsn_agg *a)
{
	return a->ops->save != NULL && f->store.ngroups > 0 && tsn_agg_cells(a)->cap >= (uint64_t)f->store.cap * TSN_PARTS;
}

static void
save_cells(const struct tsn_family *f, const struct tsn_agg *a, struct tsn_pack *out)
{
	for (uint32_t p = 0; p < TSN_PARTS; p++)
		for (uint32_t k = 0; k < f->store.part[p].n; k++)
			a->ops->save(a, k * TSN_PARTS + p, out);
}

static void
save_agg(const struct tsn_family *f, const struct tsn_agg *a, struct tsn_pack *out)
{
	struct tsn_pack shape = { 0 };
	const size_t at = tsn_pack_open(out);

	tsn_pack_str(out, a->def->canon);
	shape_of_agg(a->def, &shape);
	put_bytes(out, &shape);
	tsn_pack_bool(out, a->ops->save != NULL || a->ops->save_beside != NULL);
	tsn_pack_bool(out, a->closes);
	tsn_pack_uint(out, a->store.open);
	tsn_pack_bool(out, a->store.mute);
	tsn_pack_uint(out, a->store.hand);
	tsn_pack_int(out, a->store.late);
	tsn_pack_bool(out, a->ops->save_beside != NULL);
	if (a->ops->save_beside != NULL)
		a->ops->save_beside(a, out);
	tsn_pack_bool(out, has_cells(f, a));
	if (has_cells(f, a))
		save_cells(f, a, out);
	tsn_pack_close(out, at);
}

static void
save_family(const struct tsn_family *f, struct tsn_pack *out)
{
	struct tsn_pack shape = { 0 };
	const size_t at = tsn_pack_open(out);

	tsn_pack_str(out, f->def.canon);
	shape_of_family(&f->def, &shape);
	put_bytes(out, &shape);
	save_stats(&f->store.stats, out);
	save_groups(&f->store, out);
	tsn_pack_uint(out, f->def.naggs);
	for (uint32_t i = 0; i < f->def.naggs; i++)
		save_agg(f, &f->agg[i], out);
	tsn_pack_close(out, at);
}

void
tsn_state_save(const struct tsn_state *s, struct tsn_pack *out)
{
	tsn_pack_uint(out, s->seed);
	tsn_pack_uint(out, s->n);
	for (uint32_t i = 0; i < s->n; i++)
		save_family(&s->family[i], out);
}

/* --- reading --- */

static void
load_stats(struct tsn_family_stats *s, struct tsn_unpack *in)
{
	s->evicted = tsn_unpack_uint(in);
	s->recycled = tsn_unpack_uint(in);
	s->late = tsn_unpack_uint(in);
	s->last_evicted = tsn_unpack_int(in);
	s->last_late = tsn_unpack_int(in);
	s->unknown_absent = tsn_unpack_uint(in);
	s->skipped_samples = tsn_unpack_uint(in);
}

/*
 * Sizes first, so that nothing is allocated for groups that are not there. More than the budget is right only where it
 * was lowered since; then keys are spread as evenly as hashes do, and a part with many times its share is no part of ours.
 */
static bool
load_parts(const struct tsn_family *f, struct tsn_part *part, uint32_t *cap, struct tsn_unpack *in)
{
	const uint32_t had = (uint32_t)tsn_unpack_below(in, TSN_GROUP_NONE / TSN_PARTS);
	uint64_t total = 0;
	uint32_t most = 0;

	for (uint32_t p = 0; p < TSN_PARTS; p++) {
		part[p].n = (uint32_t)tsn_unpack_below(in, TSN_GROUP_NONE / TSN_PARTS);
		part[p].hand = (uint32_t)tsn_unpack_below(in, part[p].n == 0 ? 0 : part[p].n - 1);
		most = part[p].n > most ? part[p].n : most;
		total += part[p].n;
	}
	if (total * GROUP_LEAST > (uint64_t)(in->end - in->p) || (most > f->budget && most > total / TSN_PARTS * 4 + 1024) ||
	    had < most)
		in->bad = true;
	*cap = had / 2 > most ? most : had; /* arrays double */
	return !in->bad;
}

static bool
load_group(struct tsn_family *f, uint32_t number, uint64_t *before, uint64_t seed, struct tsn_unpack *in)
{
	struct tsn_group g = { 0 };
	uint64_t hash, flows;
	const uint8_t *key = NULL;
	size_t len = 0;

	*before += (uint64_t)tsn_unpack_int(in);
	g.newest = (int64_t)*before;
	flows = tsn_unpack_below(in, (uint64_t)INT32_MAX << 1 | 1);
	g.flows = (uint32_t)(flows >> 1);
	g.in_slab = flows & 1;
	if (g.in_slab) {
		key = tsn_unpack_bytes(in, &len);
		if (key == NULL || !tsn_key_valid(&f->def.key, key, len, false))
			return false;
		hash = tsn_hash_bytes(key, len, seed);
	} else {
		g.key = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
		hash = tsn_hash_u64(g.key, seed);
	}
	return !in->bad && (g.in_slab || tsn_key_is_addr(&f->def.key)) && tsn_part_of(hash) == number % TSN_PARTS &&
	    tsn_family_enter(f, number, &g, key, (uint16_t)len, (uint32_t)hash);
}

static bool
load_groups(struct tsn_family *f, uint64_t seed, struct tsn_unpack *in)
{
	struct tsn_family_store *s = &f->store;
	struct tsn_part part[TSN_PARTS];
	uint64_t before = 0;
	uint32_t cap;

	if (!load_parts(f, part, &cap, in))
		return false;
	if (cap == 0)
		return true;
	s->groups = tsn_array_grow(NULL, 0, (size_t)cap * TSN_PARTS * sizeof(*s->groups));
	if (s->groups == NULL)
		return false;
	s->cap = cap;
	for (uint32_t i = 0; i < f->def.naggs; i++)
		if (!tsn_agg_room(&f->agg[i], (uint64_t)cap * TSN_PARTS))
			return false;
	for (uint32_t p = 0; p < TSN_PARTS; p++) {
		for (uint32_t k = 0; k < part[p].n; k++)
			if (!load_group(f, k * TSN_PARTS + p, &before, seed, in))
				return false;
		s->part[p] = part[p];
	}
	return true;
}

static bool
load_cells(struct tsn_family *f, struct tsn_agg *a, struct tsn_unpack *in)
{
	for (uint32_t p = 0; p < TSN_PARTS; p++)
		for (uint32_t k = 0; k < f->store.part[p].n; k++)
			if (!a->ops->load(a, k * TSN_PARTS + p, in) || in->bad)
				return false;
	return true;
}

static bool
load_agg_into(struct tsn_family *f, struct tsn_agg *a, struct tsn_unpack *in)
{
	const bool closed = tsn_unpack_bool(in);

	a->store.open = tsn_unpack_uint(in);
	a->store.mute = tsn_unpack_bool(in);
	a->store.hand = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	a->store.late = tsn_unpack_int(in);
	if (a->closes && !closed) { /* as at a reload */
		a->store.mute = true;
		a->store.open = 0;
	}
	if (tsn_unpack_bool(in) && (a->ops->load_beside == NULL || !a->ops->load_beside(a, in)))
		return false;
	if (tsn_unpack_bool(in) && (a->ops->load == NULL || !load_cells(f, a, in)))
		return false;
	a->restored = true;
	return tsn_unpack_done(in);
}

static bool
load_agg(struct tsn_family *f, struct tsn_unpack in)
{
	size_t n;
	const uint8_t *canon = tsn_unpack_bytes(&in, &n);
	struct tsn_pack shape = { 0 };

	for (uint32_t i = 0; i < f->def.naggs; i++) {
		struct tsn_agg *a = &f->agg[i];

		if (!same_text(a->def->canon, canon, n))
			continue;
		shape_of_agg(a->def, &shape);
		if (!same_bytes(&in, &shape) || !tsn_unpack_bool(&in))
			return !in.bad;
		return !a->restored && !in.bad && load_agg_into(f, a, &in);
	}
	return !in.bad;
}

static bool
load_family_into(struct tsn_family *f, uint64_t seed, struct tsn_unpack *in)
{
	uint64_t n;

	if (f->restored)
		return false;
	f->restored = true;
	load_stats(&f->store.stats, in);
	if (!load_groups(f, seed, in))
		return false;
	n = tsn_unpack_uint(in);
	for (uint64_t i = 0; i < n && !in->bad; i++)
		if (!load_agg(f, tsn_unpack_part(in)))
			return false;
	return tsn_unpack_done(in);
}

static bool
load_family(struct tsn_state *s, uint64_t seed, struct tsn_unpack in)
{
	size_t n;
	const uint8_t *canon = tsn_unpack_bytes(&in, &n);
	struct tsn_pack shape = { 0 };

	for (uint32_t i = 0; i < s->n; i++) {
		struct tsn_family *f = &s->family[i];

		if (!same_text(f->def.canon, canon, n))
			continue;
		shape_of_family(&f->def, &shape);
		if (!same_bytes(&in, &shape))
			return !in.bad;
		return load_family_into(f, seed, &in);
	}
	return !in.bad;
}

/* As it was made. */
static void
empty_family(struct tsn_family *f)
{
	for (uint32_t i = 0; i < f->def.naggs; i++) { /* what cannot be made anew, because that may fail, stays */
		f->agg[i].beside = f->agg[i].store.beside;
		f->agg[i].store.beside = NULL;
	}
	tsn_family_fini(f);
	memset(&f->store, 0, sizeof(f->store));
	f->store.stats.last_evicted = f->store.stats.last_late = f->evicted_before = TSN_TIME_NONE;
	f->restored = false;
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		struct tsn_agg *a = &f->agg[i];

		memset(&a->store, 0, sizeof(a->store));
		a->store.open = UINT64_MAX;
		a->store.late = a->late_before = TSN_TIME_NONE;
		a->restored = false;
		a->ops->init(a);
		a->store.beside = a->beside;
		if (a->ops->renew != NULL)
			a->ops->renew(a);
	}
	tsn_samples_settle(f);
}

static void
tell_all(const struct tsn_state *s, void (*report)(void *, const struct tsn_handover *), void *arg)
{
	for (uint32_t i = 0; i < s->n; i++) {
		const struct tsn_family *f = &s->family[i];
		struct tsn_handover h = { f->def.canon, true, f->restored, f->store.ngroups, 0 };

		report(arg, &h);
		for (uint32_t j = 0; j < f->def.naggs; j++) {
			const struct tsn_agg *a = &f->agg[j];

			h = (struct tsn_handover){ a->def->canon, false, a->restored, a->restored ? f->store.ngroups : 0,
				a->def->window_ms };
			report(arg, &h);
		}
	}
}

bool
tsn_state_load(struct tsn_state *s, struct tsn_unpack *in, void (*report)(void *arg, const struct tsn_handover *), void *arg)
{
	const uint64_t seed = tsn_unpack_uint(in), n = tsn_unpack_uint(in);
	bool ok = !in->bad;

	for (uint64_t i = 0; i < n && ok; i++)
		ok = load_family(s, seed, tsn_unpack_part(in)) && !in->bad;
	if (!ok || !tsn_unpack_done(in)) {
		for (uint32_t i = 0; i < s->n; i++)
			empty_family(&s->family[i]);
		return false;
	}
	s->seed = seed;
	if (report != NULL)
		tell_all(s, report, arg);
	return true;
}
