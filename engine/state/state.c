/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The families of a state and their aggregates: made, bound, freed, counted. fold.c has what flows do to them. */
#include "base/mem.h"
#include "state/internal.h"
#include "state/kept.h"
#include "state/stable.h"

static bool
agg_init(struct tsn_agg *a, const struct tsn_agg_def *def, struct tsn_family *f)
{
	a->def = def;
	a->family = f;
	a->ops = tsn_agg_ops(def->fn);
	a->keep = def->tumbling ? 2 : def->panes;
	a->store.open = UINT64_MAX;
	a->ops->init(a);
	tsn_extra_settle(a);
	if (a->ops->make != NULL && !a->ops->make(a))
		return false;
	if (!tsn_agg_infos[def->fn].tuple)
		return true;
	a->error = tsn_calloc(TSN_BATCH_ROWS, sizeof(*a->error));
	a->law = def->fn == TSN_AGG_ENTROPY ? tsn_stable_law() : NULL;
	return a->error != NULL;
}

/* Longest time its panes reach back: both windows of `per`, all panes of `over`; what goes by times, its window. */
static int64_t
span_of(const struct tsn_agg_def *d)
{
	int64_t span;

	if (tsn_agg_ops(d->fn)->exact)
		return d->window_ms;
	if (__builtin_mul_overflow(d->pane_ms, d->tumbling ? 2 : (int64_t)d->panes, &span) ||
	    __builtin_add_overflow(span, d->history_ms, &span))
		return INT64_MAX;
	return span;
}

/* Who is about whom, and whose windows close for it. */
static void
link_aggs(struct tsn_family *f, const struct tsn_state *s)
{
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		struct tsn_agg *a = &f->agg[i];

		a->state = s;
		a->panes = s->scratch[i].panes;
		a->member = s->scratch[i].member;
		a->closes |= a->def->closes;
		a->shows |= a->def->closes || a->def->fn == TSN_AGG_ABSENT;
		if (a->def->fn != TSN_AGG_RANK && a->def->fn != TSN_AGG_BASELINE && a->def->fn != TSN_AGG_SPREAD)
			continue;
		a->of = &f->agg[a->def->of < f->def.naggs ? a->def->of : 0];
		a->closes = false; /* with [of] */
		a->of->shows |= a->def->closes;
		a->of->closes = a->of != a && a->of->def->tumbling;
	}
	tsn_samples_settle(f);
}

/* S29: the cap is a budget for each of the 64 parts; group numbers have 32 bits. */
uint32_t
tsn_family_budget(uint64_t max_keys)
{
	const uint64_t budget = max_keys / TSN_PARTS, most = (TSN_SLAB_ENTRY - 2) / TSN_PARTS;

	return budget == 0 ? 1 : budget > most ? (uint32_t)most : (uint32_t)budget;
}

/* No aggregate has anything that groups share: neither memory under a bound nor queues. */
static bool
is_loose(const struct tsn_family *f)
{
	bool loose = true;

	for (uint32_t i = 0; i < f->def.naggs; i++)
		loose = loose && f->agg[i].ops->make == NULL && (f->agg[i].ops->kept == NULL || f->agg[i].def->extra_bytes == 0);
	return loose;
}

/* What nobody was counted in is 0 for all of them (S13), so values need no cells. */
static bool
is_zero_before(const struct tsn_family *f)
{
	bool zeros = f->def.nsteps == 0;

	for (uint32_t i = 0; i < f->def.naggs; i++) {
		const enum tsn_agg_fn fn = f->def.agg[i].fn;

		zeros = zeros && (fn == TSN_AGG_COUNT || fn == TSN_AGG_SUM || fn == TSN_AGG_RATE || fn == TSN_AGG_DISTINCT);
	}
	return zeros;
}

static bool
family_init(struct tsn_family *f, const struct tsn_family_def *def, uint32_t nshards)
{
	struct tsn_agg_def *agg = tsn_calloc(def->naggs, sizeof(*agg));

	f->def = *def;
	f->def.agg = agg;
	f->def.naggs = 0;
	f->def.step = NULL;
	f->budget = tsn_family_budget(def->max_keys);
	f->store.nparts = TSN_PARTS / nshards;
	tsn_slab_bound(&f->store.slab, &def->key, (uint64_t)f->budget * f->store.nparts);
	f->agg = tsn_aligned_calloc(64, def->naggs, sizeof(*f->agg));
	if (agg == NULL || f->agg == NULL)
		return false;
	if (!tsn_steps_init(f, def) || !tsn_guard_init(f))
		return false;
	f->store.stride = sizeof(struct tsn_group);
	for (uint32_t i = 0; i < def->naggs; i++) {
		agg[i] = def->agg[i];
		agg[i].closes = agg[i].closes && (agg[i].tumbling || agg[i].fn == TSN_AGG_RANK ||
		    agg[i].fn == TSN_AGG_BASELINE || agg[i].fn == TSN_AGG_SPREAD);
		f->def.naggs++;
		if (!agg_init(&f->agg[i], &agg[i], f))
			return false;
		f->since_ever = f->since_ever || (agg[i].fn == TSN_AGG_SINCE && def->key.n == 0);
		f->span = span_of(&agg[i]) > f->span ? span_of(&agg[i]) : f->span;
	}
	for (uint32_t i = 0; i < def->naggs; i++)
		tsn_lean_init(&f->agg[i]);
	f->loose = is_loose(f);
	f->zeros = is_zero_before(f);
	tsn_marks_init(f);
	return true;
}

static void
family_free(struct tsn_family *f)
{
	tsn_family_fini(f);
	tsn_steps_fini(f);
	tsn_free(f->guard);
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		tsn_free(f->agg[i].error);
	}
	tsn_free(f->agg);
	tsn_free((void *)f->def.agg);
}

/* Keys beyond the first of a row, and what goes with them. */
static bool
more_init(struct tsn_state *s)
{
	bool at = false;
	uint32_t keys = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		const struct tsn_family_def *d = &s->family[i].def;
		const uint32_t n = d->nsteps > 0 ? tsn_steps_keys(d) : d->at.n > 0;

		at = at || d->at.n > 0;
		keys = n > keys ? n : keys;
	}
	if (at && (s->pairs = tsn_calloc(1, sizeof(*s->pairs))) == NULL)
		return false;
	if (keys == 0)
		return true;
	s->more_keys = tsn_aligned_calloc(64, keys, sizeof(*s->more_keys));
	if (s->more_keys == NULL)
		return false;
	s->nmore = keys;
	return true;
}

/* Of one family at a time, so that it stays in the cache, however many there are. */
static bool
scratch_init(struct tsn_state *s, const struct tsn_family_def *defs, uint32_t n)
{
	uint32_t most = 0;

	for (uint32_t i = 0; i < n; i++)
		most = defs[i].naggs > most ? defs[i].naggs : most;
	s->scratch = tsn_aligned_alloc(64, most * sizeof(*s->scratch));
	return s->scratch != NULL;
}

struct tsn_state *
tsn_state_new(const struct tsn_family_def *defs, uint32_t n, uint64_t seed)
{
	return tsn_state_new_shard(defs, n, seed, 0, 1);
}

struct tsn_state *
tsn_state_new_shard(const struct tsn_family_def *defs, uint32_t n, uint64_t seed, uint32_t shard, uint32_t nshards)
{
	struct tsn_state *s = tsn_aligned_calloc(64, 1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->seed = seed;
	s->shard = shard;
	s->nshards = s->spare.nshards = nshards;
	s->family = tsn_aligned_calloc(64, n, sizeof(*s->family));
	if (s->family == NULL || !tsn_names_reserve(&s->forms, n) || !scratch_init(s, defs, n))
		goto fail;
	for (uint32_t i = 0; i < n; i++) {
		s->n++;
		if (!family_init(&s->family[i], &defs[i], nshards) ||
		    !tsn_names_put(&s->forms, defs[i].canon, strlen(defs[i].canon), &s->family[i]))
			goto fail;
		link_aggs(&s->family[i], s);
		s->family[i].store.dir.spare = &s->spare;
	}
	if (!more_init(s))
		goto fail;
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
	tsn_spare_fini(&s->spare);
	tsn_names_fini(&s->forms);
	tsn_free(s->family);
	tsn_free(s->scratch);
	tsn_free(s->keys.bytes);
	for (uint32_t i = 0; i < s->nmore; i++)
		tsn_free(s->more_keys[i].bytes);
	tsn_free(s->more_keys);
	tsn_free(s->pairs);
	tsn_free(s);
}

void
tsn_state_stats(const struct tsn_state *s, uint32_t family, struct tsn_family_stats *out)
{
	const struct tsn_family *f = &s->family[family];
	const struct tsn_family_store *st = &f->store;

	*out = st->stats;
	out->groups = st->ngroups;
	out->bytes = tsn_directory_bytes(&st->dir) + tsn_numbers(st) * st->stride + (uint64_t)st->slab.cap * TSN_SLAB_UNIT;
	tsn_marks_stats(f, out);
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		out->bytes += tsn_agg_bytes(&f->agg[i]);
		if (f->agg[i].def->fn == TSN_AGG_ABSENT)
			out->unknown_absent += tsn_silences_unknown(&f->agg[i]);
		else if (f->agg[i].owner == &f->agg[i])
			out->skipped_samples += tsn_samples_skipped(&f->agg[i]);
	}
	out->bytes += tsn_steps_bytes(f);
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
