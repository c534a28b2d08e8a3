/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Handover at a reload. What is the same under its canonical form moves as it
 * is; the groups of a kept family stay even if the new cap is below their number
 * (from then on each new group takes the place of another). A family that is divided otherwise than it was goes
 * through the bytes of a snapshot. Who goes on as whom is found beforehand, for flows wait while it moves.
 */
#include "base/arena.h"
#include "base/names.h"
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
	struct tsn_spare *const theirs = from->store.dir.spare;

	to->store = from->store;
	to->store.dir.spare = empty.dir.spare;
	from->store = empty;
	from->store.dir.spare = theirs;
	to->marked = true;
	tsn_guard_forget(to);
	tsn_slab_bound(&to->store.slab, &to->def.key, (uint64_t)to->budget * to->store.nparts);
}

/* --- beforehand, by the definitions alone --- */

/* A family of the new state, and what it goes on from. */
struct pass {
	struct tsn_family **now, **was; /* shards, by number; [was] NULL: it begins anew */
	uint32_t n, nwas;
	uint32_t *from;                 /* by aggregate: which of the old family's goes on as it; TSN_NAMES_NONE: it is new */
	bool kept;
	uint64_t groups;
};

struct tsn_takeover {
	struct tsn_arena *arena;
	struct tsn_state *const *now, *const *old;
	uint32_t n, nold;
	struct pass *pass;
	uint32_t npasses;
};

static struct tsn_family **
keep_shards(struct tsn_arena *arena, const struct tsn_whole *w)
{
	struct tsn_family **v = tsn_arena_alloc(arena, w->n * sizeof(struct tsn_family *));

	if (v != NULL)
		memcpy(v, w->shard, w->n * sizeof(struct tsn_family *));
	return v;
}

static bool
pair_aggs(struct tsn_arena *arena, struct pass *p)
{
	const struct tsn_family *f = p->now[0], *old = p->was[0];
	struct tsn_names names = { 0 };
	bool ok = true;

	p->from = tsn_arena_alloc(arena, f->def.naggs * sizeof(*p->from) + 1);
	for (uint32_t i = 0; i < old->def.naggs && ok; i++)
		ok = tsn_names_add(&names, old->agg[i].def->canon, i);
	for (uint32_t i = 0; i < f->def.naggs && ok && p->from != NULL; i++) {
		const uint32_t was = tsn_names_find(&names, f->agg[i].def->canon);

		p->from[i] = was != TSN_NAMES_NONE && same_agg(f->agg[i].def, old->agg[was].def) ? was : TSN_NAMES_NONE;
	}
	tsn_names_fini(&names);
	return ok && p->from != NULL;
}

/* Each family once, with its first shard. */
static bool
add_pass(struct tsn_takeover *t, struct tsn_family *f)
{
	struct pass *p = &t->pass[t->npasses];
	const char *canon = f->def.canon;
	struct tsn_whole now, was;

	if (!tsn_whole_find(t->now, t->n, canon, strlen(canon), &now) || now.shard[0] != f)
		return true;
	t->npasses++;
	p->n = now.n;
	p->now = keep_shards(t->arena, &now);
	if (p->now == NULL)
		return false;
	if (!tsn_whole_find(t->old, t->nold, canon, strlen(canon), &was) || !same_family(&f->def, &was.shard[0]->def))
		return true;
	p->nwas = was.n;
	p->was = keep_shards(t->arena, &was);
	return p->was != NULL && pair_aggs(t->arena, p);
}

static bool
plan(struct tsn_takeover *t)
{
	uint32_t families = 0;
	bool ok;

	for (uint32_t k = 0; k < t->n; k++)
		families += t->now[k]->n;
	t->pass = tsn_arena_alloc(t->arena, families * sizeof(*t->pass) + 1);
	ok = t->pass != NULL;
	for (uint32_t k = 0; k < t->n; k++)
		for (uint32_t i = 0; i < t->now[k]->n && ok; i++)
			ok = add_pass(t, &t->now[k]->family[i]);
	return ok;
}

struct tsn_takeover *
tsn_takeover_new(struct tsn_state *const *s, uint32_t n, struct tsn_state *const *old, uint32_t nold)
{
	struct tsn_arena *arena = tsn_arena_new();
	struct tsn_takeover *t = arena != NULL ? tsn_arena_alloc(arena, sizeof(*t)) : NULL;

	if (t != NULL) {
		*t = (struct tsn_takeover){ .arena = arena, .now = s, .old = old, .n = n, .nold = nold };
		if (plan(t))
			return t;
	}
	tsn_arena_free(arena);
	return NULL;
}

void
tsn_takeover_free(struct tsn_takeover *t)
{
	if (t != NULL)
		tsn_arena_free(t->arena);
}

/* --- and then --- */

static void
move(struct tsn_family *f, struct tsn_family *old, const uint32_t *from)
{
	move_family(f, old);
	for (uint32_t i = 0; i < f->def.naggs; i++)
		if (from[i] != TSN_NAMES_NONE)
			move_agg(&f->agg[i], &old->agg[from[i]]);
		else if (f->agg[i].store.counts.lean)
			tsn_counts_init(&f->agg[i].store.counts, false); /* its lanes would be those of another */
	tsn_samples_settle(f);
}

/* False: memory is out, and the family begins anew. */
static bool
regroup(const struct pass *p, uint64_t seed)
{
	struct tsn_whole now = { .n = p->n }, was = { .n = p->nwas };
	struct tsn_pack k = { 0 };
	struct tsn_unpack in;
	bool ok;

	memcpy(now.shard, p->now, p->n * sizeof(now.shard[0]));
	memcpy(was.shard, p->was, p->nwas * sizeof(was.shard[0]));
	tsn_family_save(&was, &k);
	in = (struct tsn_unpack){ k.p, k.p + k.n, false };
	ok = !k.failed && tsn_family_load(&now, seed, tsn_unpack_part(&in));
	tsn_pack_fini(&k);
	return ok;
}

static bool
take(const struct pass *p, uint64_t seed)
{
	if (p->n != p->nwas)
		return regroup(p, seed);
	for (uint32_t i = 0; i < p->n; i++)
		move(p->now[i], p->was[i], p->from);
	return true;
}

void
tsn_takeover_run(struct tsn_takeover *t)
{
	const uint64_t seed = t->old[0]->seed; /* the keys that move were hashed with it */

	for (uint32_t k = 0; k < t->n; k++) {
		t->now[k]->seed = seed;
		for (uint32_t i = 0; i < t->nold; i++)
			t->now[k]->learned = t->now[k]->learned || t->old[i]->learned;
	}
	for (uint32_t i = 0; i < t->npasses; i++) {
		struct pass *p = &t->pass[i];

		p->kept = p->was != NULL && take(p, seed);
		for (uint32_t k = 0; k < p->n; k++)
			p->groups += p->now[k]->store.ngroups;
	}
}

static void
tell(const struct pass *p, void (*report)(void *, const struct tsn_handover *), void *arg)
{
	const struct tsn_family *f = p->now[0];
	const struct tsn_handover h = { f->def.canon, true, p->kept, p->groups, 0 };

	report(arg, &h);
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		const struct tsn_agg_def *d = f->agg[i].def;
		const bool went = p->kept && p->from[i] != TSN_NAMES_NONE;
		const struct tsn_handover one = { d->canon, false, went, went ? h.groups : 0, d->window_ms };

		report(arg, &one);
	}
}

void
tsn_takeover_tell(const struct tsn_takeover *t, void (*report)(void *arg, const struct tsn_handover *), void *arg)
{
	for (uint32_t i = 0; i < t->npasses; i++)
		tell(&t->pass[i], report, arg);
}
