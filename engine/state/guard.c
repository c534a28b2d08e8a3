/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Rows that are not counted and look up a value only to compare it with constants (tsn_agg_def.least) need not look
 * where it cannot be that much. A value that a flow reads is at most what the flow counted last in that group saw:
 * time only takes from it. So a bit by the key's hash, set when a counted flow sees enough and never cleared, tells groups that
 * may have it; and of groups that are counted in in the same batch the order of rows must be kept, so they are looked up, too.
 *
 * Better still is not to need the hash: while no group ever had as much as is asked for, less all that the batch counts, no flow
 * of the batch can see enough.
 *
 * A family that comes from elsewhere is gone through first, some groups a batch, and so is one in which half of what is
 * told apart by bits has had enough once; until that is done every row looks.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "base/wide.h"
#include "state/internal.h"
#include "state/ring.h"

#define BITS       (1u << 15)
#define WORDS      (BITS / 64)
#define SCAN       512u       /* groups a batch */
#define SURELY     0.999      /* of what is asked: reals are not exact */
#define AGAIN_ROWS 16u        /* rows counted per group before it is gone through again */

struct tsn_guard {
	bool whole;               /* every group that has enough has its bit */
	uint32_t next;            /* not whole: the group to go on with */
	uint32_t nset;
	uint64_t counted;         /* rows since it was gone through */
	double most;              /* of an aggregate, by its [least]: what no group has passed */
	uint64_t hot[WORDS];      /* had enough once */
	uint64_t busy[WORDS];     /* of this batch: is counted in; clear between batches */
};

bool
tsn_guard_init(struct tsn_family *f)
{
	if (!f->def.guarded)
		return true;
	f->guard = tsn_calloc(1, sizeof(*f->guard));
	return f->guard != NULL;
}

uint64_t
tsn_guard_fixed(const struct tsn_family_def *d)
{
	return d->guarded ? sizeof(struct tsn_guard) : 0;
}

/* Groups that nothing is known of have come. */
void
tsn_guard_forget(struct tsn_family *f)
{
	if (f->guard == NULL)
		return;
	f->guard->whole = false;
	f->guard->next = f->guard->nset = 0;
	f->guard->counted = 0;
	f->guard->most = 0;
	memset(f->guard->hot, 0, sizeof(f->guard->hot));
}

static inline uint32_t
bit_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) & (BITS - 1);
}

static inline bool
has(const uint64_t *bits, uint32_t bit)
{
	return bits[bit / 64] >> (bit % 64) & 1;
}

static void
rise(struct tsn_guard *g, const struct tsn_agg *a, int64_t value)
{
	const double part = (double)value / (double)a->def->least;

	g->most = part > g->most ? part : g->most;
}

static void
heat(struct tsn_guard *g, uint64_t hash)
{
	const uint32_t bit = bit_of(hash);

	g->nset += !has(g->hot, bit);
	g->hot[bit / 64] |= UINT64_C(1) << (bit % 64);
}

/* --- going through the groups --- */

static uint64_t
hash_of(const struct tsn_state *s, const struct tsn_family_store *st, uint32_t group)
{
	const struct tsn_group *g = tsn_group_at(st, group);
	const uint8_t *key;
	uint16_t len;

	if (!tsn_in_slab(g))
		return tsn_hash_u64(g->key, s->seed);
	key = tsn_slab_key(&st->slab, g->key, &len);
	return tsn_hash_bytes(key, len, s->seed);
}

/* The values of some groups in their newest window, or the one [back] before it: as rows that are not counted would see them. */
static void
look_at(struct tsn_state *s, struct tsn_family *f, struct tsn_agg *a, uint32_t n, uint32_t back)
{
	struct tsn_fold x = { .family = f, .to = n, .row = s->row, .group = s->group, .total = s->total, .count = s->count };

	for (uint32_t i = 0; i < n; i++) {
		s->row[i] = (uint16_t)i;
		a->panes[i] = tsn_agg_newest(a, s->group[i]) - back;
	}
	a->pane = a->panes;
	a->arg = NULL;
	a->out = &s->unread;
	a->out->real = a->def->real;
	tsn_mask_clear(&a->takes);
	tsn_mask_first(&a->out->known, n);
	a->ops->fold(a, &x);
	for (uint32_t i = 0; i < n; i++) {
		rise(f->guard, a, a->out->i[i]);
		if (a->out->i[i] >= a->def->least)
			heat(f->guard, hash_of(s, &f->store, s->group[i]));
	}
}

static void
scan(struct tsn_state *s, struct tsn_family *f)
{
	struct tsn_guard *g = f->guard;
	const uint32_t end = (uint32_t)tsn_numbers(&f->store);
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->def.naggs; i++)
		if (!tsn_agg_room(&f->agg[i], end))
			return;
	for (; n < SCAN && g->next < end; g->next++)
		if (g->next / f->store.nparts < f->store.part[g->next % f->store.nparts].n)
			s->group[n++] = g->next;
	for (uint32_t i = 0; n > 0 && i < f->def.naggs; i++) {
		struct tsn_agg *a = &f->agg[i];

		for (uint32_t back = 0; a->def->least > 0 && back < (a->def->tumbling ? 2u : 1u); back++)
			look_at(s, f, a, n, back);
	}
	g->whole = g->next >= end;
}

void
tsn_guard_begin(struct tsn_state *s, struct tsn_family *f)
{
	struct tsn_guard *g = f->guard;

	if (g->whole && g->nset > BITS / 2 && g->counted / AGAIN_ROWS > f->store.ngroups)
		tsn_guard_forget(f);
	if (!g->whole)
		scan(s, f);
}

bool
tsn_guard_idle(const struct tsn_family *f)
{
	return f->guard->whole && f->guard->most < SURELY;
}

/* --- rows --- */

static void
drop(struct tsn_family *f, uint32_t row)
{
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		f->agg[i].out->i[row] = 0;
		if (f->agg[i].error != NULL)
			f->agg[i].error[row] = 0;
	}
}

/* How much the rows of the batch that count can add to any one value, at most. */
static double
added(const struct tsn_agg *a)
{
	double sum = 0;

	if (a->def->fn != TSN_AGG_SUM)
		return tsn_mask_count(&a->takes);
	TSN_EACH_ROW(row, &a->takes)
		sum += (double)a->arg->i[row];
	return sum;
}

/* Can a flow of this batch see enough? */
static bool
can_have(const struct tsn_family *f)
{
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		const struct tsn_agg *a = &f->agg[i];

		if (a->def->least > 0 && f->guard->most + added(a) / (double)a->def->least >= SURELY)
			return true;
	}
	return false;
}

uint32_t
tsn_guard_spare(struct tsn_family *f, const struct tsn_mask *counts, const struct tsn_mask *must, uint16_t *row, uint32_t n)
{
	uint32_t kept = 0;

	if (!f->guard->whole || tsn_mask_count(counts) == n || can_have(f))
		return n;
	for (uint32_t i = 0; i < n; i++) {
		if (tsn_mask_has(counts, row[i]) || (must != NULL && tsn_mask_has(must, row[i])))
			row[kept++] = row[i];
		else
			drop(f, row[i]);
	}
	return kept;
}

uint32_t
tsn_guard_rows(struct tsn_family *f, const struct tsn_keys *k, const struct tsn_mask *counts, const struct tsn_mask *must,
    uint16_t *row, uint32_t n)
{
	struct tsn_guard *g = f->guard;
	uint32_t kept = 0;

	if (!g->whole || tsn_mask_count(counts) == n) /* all of them count: nobody only looks */
		return n;
	for (uint32_t i = 0; i < n; i++)
		if (tsn_mask_has(counts, row[i]))
			g->busy[bit_of(k->hash[row[i]]) / 64] |= UINT64_C(1) << (bit_of(k->hash[row[i]]) % 64);
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t bit = bit_of(k->hash[row[i]]);

		if (has(g->busy, bit) || has(g->hot, bit) || (must != NULL && tsn_mask_has(must, row[i])))
			row[kept++] = row[i];
		else
			drop(f, row[i]);
	}
	for (uint32_t i = 0; i < kept; i++)
		g->busy[bit_of(k->hash[row[i]]) / 64] = 0;
	return kept;
}

TSN_WIDE(static, int64_t, most_of, (const int64_t *v, uint32_t n), (v, n))
{
	int64_t most = 0;

	for (uint32_t i = 0; i < n; i++)
		most = v[i] > most ? v[i] : most;
	return most;
}

/* The most the rows saw; notes whose groups have enough. */
static int64_t
note(struct tsn_state *s, struct tsn_family *f, const struct tsn_agg *a, const struct tsn_fold *x)
{
	const bool unread = a->out == &s->unread;
	const bool vague = x->guarded && a->error != NULL; /* of a sketch any number below what is asked stands for all of those */
	int64_t most = 0;

	/* of neighbours the most is soon found; and mostly no more is to be done, as where it is known already that one may have had nearly enough */
	if (!unread && x->to > x->from && tsn_are_neighbours(&x->row[x->from], x->to - x->from)) {
		most = most_of(&a->out->i[x->row[x->from]], x->to - x->from);
		if (most < a->def->least && (!vague || f->guard->most >= 1))
			return most;
	}
	for (uint32_t k = x->from; k < x->to; k++) {
		const uint32_t row = x->row[k];
		const int64_t value = unread ? INT64_MAX : a->out->i[row];
		const int64_t high = vague && a->error[row] > 0 && value < a->def->least ? a->def->least : value;

		most = high > most ? high : most;
		if (value >= a->def->least)
			heat(f->guard, s->keys.hash[x->row[k]]);
	}
	return most;
}

/* Rows that do not count see enough only where the bit is set. */
void
tsn_guard_note(struct tsn_state *s, struct tsn_family *f, const struct tsn_fold *x)
{
	f->guard->counted += x->to - x->from;
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		const int64_t most = f->agg[i].def->least > 0 ? note(s, f, &f->agg[i], x) : 0;

		if (most > 0)
			rise(f->guard, &f->agg[i], most);
	}
}
