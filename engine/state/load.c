/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * State from the bytes that save.c wrote, which come from a disk and are not believed: what does not hold together leaves
 * everything as it was made.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "state/internal.h"
#include "state/kept.h"
#include "state/saved.h"

#define GROUP_LEAST 3 /* bytes that a group takes at least */

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

static bool
same_text(const char *canon, const uint8_t *p, size_t n)
{
	return p != NULL && strlen(canon) == n && memcmp(canon, p, n) == 0;
}

static void
load_times(int64_t time[TSN_PARTS], struct tsn_unpack *in)
{
	const uint64_t there = tsn_unpack_uint(in);

	for (uint32_t p = 0; p < TSN_PARTS; p++)
		time[p] = there >> p & 1 ? tsn_unpack_int(in) : TSN_TIME_NONE;
}

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
		if (!tsn_family_room(tsn_whole_holder(w, p), part[p].n))
			return false;
	for (uint32_t p = 0; p < TSN_PARTS; p++) {
		struct tsn_family *f = tsn_whole_holder(w, p);

		f->store.evicted[p / w->n] = evicted[p];
		for (uint32_t k = 0; k < part[p].n; k++)
			if (!load_group(f, p, tsn_number(&f->store, p / w->n, k), &before, seed, in))
				return false;
		f->store.part[p / w->n] = part[p];
		tsn_part_has(&f->store, part[p].n);
	}
	return true;
}

static bool
load_cells(const struct tsn_whole *w, uint32_t i, struct tsn_unpack *in)
{
	for (uint32_t p = 0; p < TSN_PARTS; p++) {
		struct tsn_family *f = tsn_whole_holder(w, p);

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
		shard[p] = &tsn_whole_holder(w, p)->agg[i];
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
		tsn_shape_of_agg(a->def, &shape);
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
	tsn_shape_of_family(&w.shard[0]->def, &shape);
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
