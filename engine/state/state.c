/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Folding a batch: hash its keys, find their groups, then let each aggregate
 * go through the rows in order. Looking for groups stops where a new one needs
 * the place of another; what was found is folded first. So every row meets exactly the
 * state the rows before it left, however the input was cut into batches.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "state/internal.h"
#include "state/ring.h"
#include "state/stable.h"

static bool
agg_init(struct tsn_agg *a, const struct tsn_agg_def *def)
{
	a->def = def;
	a->ops = tsn_agg_ops(def->fn);
	a->keep = def->tumbling ? 2 : def->panes;
	a->magic = tsn_reciprocal(def->pane_ms);
	a->store.open = UINT64_MAX;
	a->ops->init(a);
	a->panes = tsn_malloc(TSN_BATCH_ROWS * sizeof(*a->panes));
	if (!tsn_agg_infos[def->fn].tuple)
		return a->panes != NULL;
	a->member = tsn_malloc(TSN_BATCH_ROWS * sizeof(*a->member));
	a->error = tsn_calloc(TSN_BATCH_ROWS, sizeof(*a->error));
	a->law = def->fn == TSN_AGG_ENTROPY ? tsn_stable_new() : NULL;
	return a->panes != NULL && a->member != NULL && a->error != NULL && (a->law != NULL || def->fn != TSN_AGG_ENTROPY);
}

/* Longest time its panes reach back: both windows of `per`, all panes of `over`. */
static int64_t
span_of(const struct tsn_agg_def *d)
{
	int64_t span;

	if (__builtin_mul_overflow(d->pane_ms, d->tumbling ? 2 : (int64_t)d->panes, &span))
		return INT64_MAX;
	return span;
}

/* S29: the cap is a budget for each of the 64 parts; group numbers have 32 bits. */
uint32_t
tsn_family_budget(uint64_t max_keys)
{
	const uint64_t budget = max_keys / TSN_PARTS, most = TSN_GROUP_NONE / TSN_PARTS;

	return budget == 0 ? 1 : budget > most ? (uint32_t)most : (uint32_t)budget;
}

static bool
family_init(struct tsn_family *f, const struct tsn_family_def *def)
{
	struct tsn_agg_def *agg = tsn_calloc(def->naggs, sizeof(*agg));

	f->def = *def;
	f->def.agg = agg;
	f->def.naggs = 0;
	f->addr_key = tsn_key_is_addr(&def->key);
	f->budget = tsn_family_budget(def->max_keys);
	tsn_slab_bound(&f->store.slab, &def->key, (uint64_t)f->budget * TSN_PARTS);
	f->store.stats.last_evicted = f->evicted_before = TSN_TIME_NONE;
	f->agg = tsn_aligned_alloc(64, def->naggs * sizeof(*f->agg));
	if (agg == NULL || f->agg == NULL)
		return false;
	memset(f->agg, 0, def->naggs * sizeof(*f->agg));
	for (uint32_t i = 0; i < def->naggs; i++) {
		agg[i] = def->agg[i];
		agg[i].closes = agg[i].closes && agg[i].tumbling;
		f->def.naggs++;
		if (!agg_init(&f->agg[i], &agg[i]))
			return false;
		f->span = span_of(&agg[i]) > f->span ? span_of(&agg[i]) : f->span;
	}
	return true;
}

static void
family_free(struct tsn_family *f)
{
	tsn_family_fini(f);
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		tsn_free(f->agg[i].panes);
		tsn_free(f->agg[i].member);
		tsn_free(f->agg[i].error);
		tsn_free(f->agg[i].law);
	}
	tsn_free(f->agg);
	tsn_free((void *)f->def.agg);
}

struct tsn_state *
tsn_state_new(const struct tsn_family_def *defs, uint32_t n, uint64_t seed)
{
	struct tsn_state *s = tsn_aligned_alloc(64, sizeof(*s));

	if (s == NULL)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->seed = seed;
	s->family = tsn_calloc(n, sizeof(*s->family));
	if (s->family == NULL)
		goto fail;
	for (uint32_t i = 0; i < n; i++) {
		s->n++;
		if (!family_init(&s->family[i], &defs[i]))
			goto fail;
	}
	return s;
fail:
	tsn_state_free(s);
	return NULL;
}

void
tsn_state_free(struct tsn_state *s)
{
	if (s == NULL)
		return;
	for (uint32_t i = 0; i < s->n; i++)
		family_free(&s->family[i]);
	tsn_free(s->family);
	tsn_free(s->keys.bytes);
	tsn_free(s);
}

/* Aggregates of one family mostly have one window; then they share its panes. */
static const uint64_t *
panes(struct tsn_family *f, uint32_t i, const struct tsn_batch *b, const uint16_t *row, uint32_t n)
{
	const struct tsn_agg_def *d = f->agg[i].def;
	const int64_t *time = d->by_received ? b->received : b->time;

	for (uint32_t j = 0; j < i; j++)
		if (f->agg[j].def->pane_ms == d->pane_ms && f->agg[j].def->by_received == d->by_received)
			return f->agg[j].pane;
	if (tsn_few_rows(n, b)) {
		for (uint32_t k = 0; k < n; k++)
			f->agg[i].panes[row[k]] = tsn_pane_at(time[row[k]], d->pane_ms);
	} else {
		tsn_panes_of(&f->agg[i], time, b->n, f->agg[i].panes);
	}
	return f->agg[i].panes;
}

static bool
begin(struct tsn_state *s, struct tsn_family *f, const struct tsn_batch *b, const struct tsn_mask *counts,
    const struct tsn_vector *const args[], struct tsn_vector *const results[], const struct tsn_mask *active, uint32_t n)
{
	bool ok = true;

	for (uint32_t i = 0; i < f->def.naggs; i++) {
		struct tsn_agg *a = &f->agg[i];

		/* one that is new to the family has none yet */
		ok = tsn_agg_room(a, (uint64_t)f->store.cap * TSN_PARTS) && ok;
		a->arg = args == NULL ? NULL : args[i];
		a->out = results == NULL || results[i] == NULL ? &s->unread : results[i];
		a->out->known = *active;
		a->out->real = tsn_agg_infos[a->def->fn].result == TSN_AGG_REAL ||
		    (a->def->real && tsn_agg_infos[a->def->fn].result == TSN_AGG_ARG);
		if (n == 0)
			continue;
		a->pane = panes(f, i, b, s->row, n);
		a->takes = *counts;
		if (a->arg != NULL && tsn_agg_infos[a->def->fn].arg)
			tsn_mask_and(&a->takes, &a->takes, &a->arg->known);
		if (a->ops->begin != NULL)
			a->ops->begin(a, b, s->seed);
	}
	return ok;
}

/* Notes the oldest window that was counted in and is still to be closed. */
static void
note_open(struct tsn_agg *a, const struct tsn_fold *x)
{
	for (uint32_t i = x->from; i < x->to; i++) {
		const uint64_t pane = a->pane[x->row[i]];

		if (pane < a->store.open && tsn_mask_has(&a->takes, x->row[i]) &&
		    tsn_ring_open(tsn_head_load(tsn_cell(tsn_agg_cells(a), x->group[i])), pane))
			a->store.open = pane;
	}
}

/*
 * All memory first; then those that allocate as they go, and after them the
 * others up to where these came. If a second one of them stops earlier than
 * the first, the first has counted rows that the others have not: windows stay valid, and memory is out.
 */
static bool
fold_segment(struct tsn_family *f, struct tsn_fold *x)
{
	const uint32_t to = x->to;

	for (uint32_t i = 0; i < f->def.naggs; i++) {
		struct tsn_agg *a = &f->agg[i];

		if (a->ops->reserve != NULL && !a->ops->reserve(a, x)) {
			x->to = x->from;
			return false;
		}
	}
	for (int first = 1; first >= 0; first--)
		for (uint32_t i = 0; i < f->def.naggs; i++)
			if (f->agg[i].ops->may_stop == (first == 1))
				x->to = f->agg[i].ops->fold(&f->agg[i], x);
	for (uint32_t i = 0; i < f->def.naggs; i++)
		if (f->agg[i].def->closes)
			note_open(&f->agg[i], x);
	return x->to == to;
}

static void
forget(struct tsn_family *f, const uint16_t *row, uint32_t from, uint32_t n)
{
	for (uint32_t a = 0; a < f->def.naggs; a++)
		for (uint32_t i = from; i < n; i++)
			tsn_mask_unset(&f->agg[a].out->known, row[i]);
}

bool
tsn_state_fold(struct tsn_state *s, uint32_t family, const struct tsn_batch *b, const struct tsn_mask *counted,
    const struct tsn_mask *read, const struct tsn_vector *const args[], struct tsn_vector *const results[])
{
	struct tsn_family *f = &s->family[family];
	struct tsn_fold x = { .family = f, .batch = b, .row = s->row, .group = s->group, .total = s->total,
		.count = s->count };
	struct tsn_mask active, counts;
	uint32_t n = 0, have;
	bool ok;

	tsn_key_present(&f->def.key, b, &active);
	tsn_mask_and(&counts, counted, &active);
	tsn_mask_and(&active, read, &active);
	tsn_mask_or(&active, &active, &counts);
	TSN_EACH_ROW(row, &active)
		s->row[n++] = (uint16_t)row;
	memset(f->evicted, 0, sizeof(f->evicted));
	f->evicted_before = f->store.stats.last_evicted;
	ok = begin(s, f, b, &counts, args, results, &active, n);
	if (n == 0)
		return ok;
	have = ok ? tsn_keys_make(&s->keys, f, b, s->seed, s->row, n) : 0;
	ok = ok && have == n;
	tsn_family_guess(f, &s->keys, s->row, s->group, have);
	while (x.from < have) {
		bool found = tsn_family_resolve(f, &s->keys, &counts, &x, s->group, have, s->seed);

		if (!fold_segment(f, &x) || !found) {
			ok = false;
			have = x.to;
		}
		x.from = x.to;
	}
	if (!ok)
		forget(f, s->row, x.from, n);
	f->store.stats.late += x.late;
	return ok;
}

void
tsn_state_stats(const struct tsn_state *s, uint32_t family, struct tsn_family_stats *out)
{
	const struct tsn_family *f = &s->family[family];
	const struct tsn_family_store *st = &f->store;

	*out = st->stats;
	out->groups = st->ngroups;
	out->bytes = (uint64_t)st->slots * sizeof(*st->dir) +
	    (uint64_t)st->cap * TSN_PARTS * sizeof(*st->groups) + (uint64_t)st->slab.cap * TSN_SLAB_UNIT;
	for (uint32_t i = 0; i < f->def.naggs; i++)
		out->bytes += tsn_agg_bytes(&f->agg[i]);
}

int64_t
tsn_state_evicted(const struct tsn_state *s, uint32_t family, const struct tsn_batch *b, uint32_t row)
{
	const struct tsn_family *f = &s->family[family];
	uint64_t bits = f->evicted[row / 64] & UINT64_MAX >> (63 - row % 64);

	for (uint32_t w = row / 64;; bits = f->evicted[--w]) {
		if (bits != 0)
			return b->time[w * 64 + 63 - (uint32_t)__builtin_clzll(bits)];
		if (w == 0)
			return f->evicted_before;
	}
}

double
tsn_state_error(const struct tsn_state *s, uint32_t family, uint32_t agg, const struct tsn_batch *b, uint32_t row)
{
	const float *error = s->family[family].agg[agg].error;

	(void)b;
	return error == NULL ? 0 : (double)error[row];
}

uint32_t
tsn_state_families(const struct tsn_state *s)
{
	return s->n;
}

const struct tsn_family_def *
tsn_state_family(const struct tsn_state *s, uint32_t family)
{
	return &s->family[family].def;
}
