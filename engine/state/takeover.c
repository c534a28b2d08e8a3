/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Handover at a reload. What is the same under its canonical form moves as it
 * is; the groups of a kept family stay even if the new cap is below their number
 * (from then on each new group takes the place of another). A family that is divided otherwise than it was goes
 * through the bytes of a snapshot.
 */
#include "base/pack.h"
#include "state/internal.h"
#include "state/kept.h"

/* Elements that rules name by number may be in other columns than before; the forms name the elements. */
static bool
same_keys(const struct tsn_key_spec *a, const struct tsn_key_spec *b)
{
	bool same = a->n == b->n;

	for (uint8_t i = 0; same && i < a->n; i++)
		same = tsn_fields[a->part[i].field].storage == tsn_fields[b->part[i].field].storage && a->part[i].v4_bits == b->part[i].v4_bits &&
		    a->part[i].v6_bits == b->part[i].v6_bits;
	return same;
}

/* The form says it all; the rest is what the arrays are made for, and must agree whatever the form says. */
static bool
same_agg(const struct tsn_agg_def *a, const struct tsn_agg_def *b)
{
	return strcmp(a->canon, b->canon) == 0 && a->fn == b->fn && a->real == b->real &&
	    a->tumbling == b->tumbling && a->by_received == b->by_received && a->window_ms == b->window_ms &&
	    a->pane_ms == b->pane_ms && a->panes == b->panes &&
	    a->history_ms == b->history_ms && a->season_ms == b->season_ms && a->within == b->within &&
	    (!tsn_agg_infos[a->fn].tuple || same_keys(&a->tuple, &b->tuple));
}

static bool
same_family(const struct tsn_family_def *a, const struct tsn_family_def *b)
{
	return strcmp(a->canon, b->canon) == 0 && same_keys(&a->key, &b->key) && a->nsteps == b->nsteps;
}

/* Leaves the old one empty, with its sizes, so that it can be freed. */
static void
move_agg(struct tsn_agg *to, struct tsn_agg *from)
{
	const struct tsn_agg_store empty = to->store;

	to->store = from->store;
	from->store = empty;
	if (to->closes && !from->closes) {
		to->store.mute = true;
		to->store.open = 0;
	}
	tsn_extra_settle(to);
}

/* Cells that stay behind in the old family are freed with it; they need its groups no more. */
static void
move_family(struct tsn_family *to, struct tsn_family *from)
{
	const struct tsn_family_store empty = to->store;

	to->store = from->store;
	from->store = empty;
	to->marked = true;
	tsn_guard_forget(to);
	tsn_slab_bound(&to->store.slab, &to->def.key, (uint64_t)to->budget * to->store.nparts);
}

/* The aggregate of [old] that goes on as [a]; NULL if there is none. */
static struct tsn_agg *
find_agg(const struct tsn_agg *a, const struct tsn_family *old)
{
	for (uint32_t j = 0; old != NULL && j < old->def.naggs; j++)
		if (same_agg(a->def, old->agg[j].def))
			return &old->agg[j];
	return NULL;
}

static void
move(struct tsn_family *f, struct tsn_family *old)
{
	move_family(f, old);
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		struct tsn_agg *from = find_agg(&f->agg[i], old);

		if (from != NULL)
			move_agg(&f->agg[i], from);
		else if (f->agg[i].store.counts.lean)
			tsn_counts_init(&f->agg[i].store.counts, false); /* its lanes would be those of another */
	}
	tsn_samples_settle(f);
}

/* False: memory is out, and the family begins anew. */
static bool
regroup(const struct tsn_whole *now, const struct tsn_whole *old, uint64_t seed)
{
	struct tsn_pack k = { 0 };
	struct tsn_unpack in;
	bool ok;

	tsn_family_save(old, &k);
	in = (struct tsn_unpack){ k.p, k.p + k.n, false };
	ok = !k.failed && tsn_family_load(now, seed, tsn_unpack_part(&in));
	tsn_pack_fini(&k);
	return ok;
}

static bool
take(const struct tsn_whole *now, const struct tsn_whole *old, uint64_t seed)
{
	if (now->n != old->n)
		return regroup(now, old, seed);
	for (uint32_t i = 0; i < now->n; i++)
		move(now->shard[i], old->shard[i]);
	return true;
}

static void
tell(const struct tsn_whole *now, const struct tsn_family *old, bool kept, void (*report)(void *, const struct tsn_handover *), void *arg)
{
	const struct tsn_family *f = now->shard[0];
	struct tsn_handover h = { f->def.canon, true, kept, 0, 0 };

	for (uint32_t i = 0; i < now->n; i++)
		h.groups += now->shard[i]->store.ngroups;
	report(arg, &h);
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		const struct tsn_agg_def *d = f->agg[i].def;
		const bool went = kept && find_agg(&f->agg[i], old) != NULL;
		struct tsn_handover one = { d->canon, false, went, went ? h.groups : 0, d->window_ms };

		report(arg, &one);
	}
}

/* Each family once, with its first shard. */
static void
take_family(struct tsn_family *f, struct tsn_state *const *s, uint32_t n, struct tsn_state *const *old, uint32_t nold,
    void (*report)(void *, const struct tsn_handover *), void *arg)
{
	const size_t len = strlen(f->def.canon);
	struct tsn_whole now, was;
	bool kept = false;

	if (!tsn_whole_find(s, n, f->def.canon, len, &now) || now.shard[0] != f)
		return;
	if (tsn_whole_find(old, nold, f->def.canon, len, &was) && same_family(&f->def, &was.shard[0]->def))
		kept = take(&now, &was, old[0]->seed);
	if (report != NULL)
		tell(&now, kept ? was.shard[0] : NULL, kept, report, arg);
}

void
tsn_state_take_over_all(struct tsn_state *const *s, uint32_t n, struct tsn_state *const *old, uint32_t nold,
    void (*report)(void *arg, const struct tsn_handover *), void *arg)
{
	for (uint32_t k = 0; k < n; k++) {
		s[k]->seed = old[0]->seed; /* the keys that move were hashed with it */
		for (uint32_t i = 0; i < nold; i++)
			s[k]->learned = s[k]->learned || old[i]->learned;
	}
	for (uint32_t k = 0; k < n; k++)
		for (uint32_t i = 0; i < s[k]->n; i++)
			take_family(&s[k]->family[i], s, n, old, nold, report, arg);
}

void
tsn_state_take_over(struct tsn_state *s, struct tsn_state *old,
    void (*report)(void *arg, const struct tsn_handover *), void *arg)
{
	tsn_state_take_over_all(&s, 1, &old, 1, report, arg);
}
