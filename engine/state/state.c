/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Folding a batch: hash its keys, find their groups, then let each aggregate
 * go through the rows in order. Looking for groups stops where a new one needs
 * the place of another; what was found is folded first. So every row meets exactly the
 * state the rows before it left, however the input was cut into batches.
 */
#include "base/mem.h"
#include "state/internal.h"
#include "state/kept.h"
#include "state/near.h"
#include "state/ring.h"
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
	if (s->family == NULL || !scratch_init(s, defs, n))
		goto fail;
	for (uint32_t i = 0; i < n; i++) {
		s->n++;
		if (!family_init(&s->family[i], &defs[i], nshards))
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
	tsn_free(s->family);
	tsn_free(s->scratch);
	tsn_free(s->keys.bytes);
	for (uint32_t i = 0; i < s->nmore; i++)
		tsn_free(s->more_keys[i].bytes);
	tsn_free(s->more_keys);
	tsn_free(s->pairs);
	tsn_free(s);
}

/* Aggregates of one family mostly have one window; then they share its panes. */
static const uint64_t *
panes(struct tsn_family *f, uint32_t i, const struct tsn_batch *b, const uint16_t *row, uint32_t n)
{
	const struct tsn_agg_def *d = f->agg[i].def;
	const int64_t *time = d->by_received ? b->received : b->time;

	for (uint32_t j = 0; j < i; j++)
		if (!f->agg[j].ops->exact && f->agg[j].def->pane_ms == d->pane_ms && f->agg[j].def->by_received == d->by_received)
			return f->agg[j].pane;
	if (tsn_few_rows(n, b))
		tsn_panes_of_rows(&f->agg[i], time, row, n, f->agg[i].panes);
	else
		tsn_panes_of(&f->agg[i], time, b->n, f->agg[i].panes);
	return f->agg[i].panes;
}

static bool
is_real(const struct tsn_agg *a)
{
	return tsn_agg_infos[a->def->fn].result == TSN_AGG_REAL ||
	    (a->def->real && tsn_agg_infos[a->def->fn].result == TSN_AGG_ARG);
}

static bool
begin(struct tsn_state *s, struct tsn_family *f, const struct tsn_batch *b, const struct tsn_mask *counts,
    const struct tsn_vector *const args[], struct tsn_vector *const results[], const struct tsn_mask *active, uint32_t n)
{
	bool ok = true;

	for (uint32_t i = 0; i < f->def.naggs; i++) {
		struct tsn_agg *a = &f->agg[i];

		/* one that is new to the family has none yet */
		ok = tsn_agg_room(a, tsn_numbers(&f->store)) && ok;
		a->arg = args == NULL ? NULL : args[i];
		a->out = results == NULL || results[i] == NULL ? &s->unread : results[i];
		a->out->known = *active;
		a->out->real = is_real(a);
		if (n == 0)
			continue;
		if (!a->ops->exact)
			a->pane = panes(f, i, b, s->row, n);
		if (a->store.counts.lean)
			a->near = tsn_near_of(a, b->time[0]);
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
 * others up to where these came. If a second one of them stops earlier than the first, or one after a lean count that went through
 * the rows with their groups, the first has counted rows that the others have not: windows stay valid, and memory is out.
 */
bool
tsn_fold_segment(struct tsn_family *f, struct tsn_fold *x)
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
		if (f->agg[i].closes)
			note_open(&f->agg[i], x);
	return x->to == to;
}

/* Rows from [stop] on have no value. */
static void
forget(struct tsn_family *f, uint32_t stop)
{
	struct tsn_mask before;

	tsn_mask_first(&before, stop);
	for (uint32_t a = 0; a < f->def.naggs; a++)
		tsn_mask_and(&f->agg[a].out->known, &f->agg[a].out->known, &before);
}

/* Inlined always, as base/prefetch.h says. */
static inline __attribute__((always_inline)) void
fetch(const void *from, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += 64)
		__builtin_prefetch((const uint8_t *)from + at, 1);
}

/* That rows are flows, and which of them look whatever a guard says (NULL: none). */
struct tsn_flows {
	const struct tsn_mask *must;
};

/* Segment by segment; returns whether all went well, else [stop] is the first row that was not folded. */
static bool
fold_rows(struct tsn_state *s, struct tsn_family *f, struct tsn_fold *x, const struct tsn_mask *counts, uint32_t n,
    const struct tsn_flows *flows, uint32_t *stop)
{
	uint32_t have;
	bool ok;

	if (flows != NULL && f->guard != NULL) {
		n = tsn_guard_spare(f, counts, flows->must, s->row, n);
		x->all = tsn_mask_count(counts) == n ? n : 0;
	}
	fetch(f->store.part, f->store.nparts * sizeof(f->store.part[0])); /* for groups that come */
	have = tsn_keys_make(&s->keys, &f->def.key, x->batch, s->seed, s->row, n);
	ok = have == n;
	if (ok && flows != NULL && f->guard != NULL)
		n = have = tsn_guard_rows(f, &s->keys, counts, flows->must, s->row, n);
	tsn_directory_settle(&f->store.dir, s->seed);
	while (x->from < have) {
		bool found = tsn_family_resolve(f, &s->keys, counts, x, s->group, have, s->seed);

		if (!tsn_fold_segment(f, x) || !found) {
			ok = false;
			have = x->to;
		}
		if (f->guard != NULL)
			tsn_guard_note(s, f, x);
		x->from = x->to;
	}
	if (!ok && f->guard != NULL)
		tsn_guard_forget(f); /* some aggregate may have counted what was not noted */
	*stop = x->from < n ? s->row[x->from] : TSN_BATCH_ROWS;
	return ok;
}

/* Nobody counts, and there are no groups: keys are not needed. */
static bool
fold_none(struct tsn_state *s, struct tsn_family *f, struct tsn_fold *x, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		s->group[i] = TSN_GROUP_NONE;
	x->to = n;
	return tsn_fold_segment(f, x);
}

/* The one group of SINCE without a key is made by the first row of all, and all move its time. */
static bool
meet_first(struct tsn_state *s, struct tsn_family *f, const struct tsn_batch *b)
{
	const uint16_t first = 0;
	int64_t newest = INT64_MIN;
	uint32_t group = 0;

	if (b->n == 0)
		return true;
	if (f->store.ngroups == 0) {
		if (tsn_keys_make(&s->keys, &f->def.key, b, s->seed, &first, 1) != 1)
			return false;
		group = tsn_family_add(f, &s->keys, first, b->time[0], s->seed);
		if (group == TSN_GROUP_NONE)
			return false;
	} else {
		group = tsn_family_only(f);
	}
	for (uint32_t i = 0; i < f->def.naggs; i++)
		if (f->agg[i].def->fn == TSN_AGG_SINCE)
			tsn_since_begin(&f->agg[i], group, b);
	for (uint32_t i = 0; i < b->n; i++)
		newest = b->time[i] > newest ? b->time[i] : newest;
	if (newest > tsn_group_at(&f->store, group)->newest)
		tsn_group_at(&f->store, group)->newest = newest;
	return true;
}

void
tsn_state_next_batch(struct tsn_state *s)
{
	s->batches++;
}

static void
no_values(struct tsn_family *f, struct tsn_vector *const results[])
{
	for (uint32_t i = 0; results != NULL && i < f->def.naggs; i++)
		if (results[i] != NULL) {
			tsn_mask_clear(&results[i]->known);
			results[i]->real = is_real(&f->agg[i]);
		}
}

void
tsn_state_fetch_next(const struct tsn_state *s, uint32_t family)
{
	if (family + 2 < s->n)
		fetch(&s->family[family + 2], TSN_FAMILY_NEAR);
	if (family + 1 < s->n) {
		const struct tsn_family *f = &s->family[family + 1];

		for (uint32_t i = 0; i < f->def.naggs; i++)
			fetch(&f->agg[i], TSN_AGG_NEAR);
		fetch(f->def.agg, f->def.naggs * sizeof(*f->def.agg));
		__builtin_prefetch(f->guard, 1);
	}
}

/* Does nobody see more than nothing? Of rows that only look, where there is no group, or none that has as much as they ask for. */
static bool
see_nothing(const struct tsn_family *f, const struct tsn_mask *active, const struct tsn_flows *flows)
{
	struct tsn_mask must;

	if (f->def.at.n > 0 || f->since_ever)
		return false;
	if (f->zeros && f->store.ngroups == 0)
		return true;
	if (flows == NULL || f->guard == NULL || !tsn_guard_idle(f))
		return false;
	if (flows->must != NULL)
		tsn_mask_and(&must, flows->must, active);
	return flows->must == NULL || !tsn_mask_any(&must);
}

static void
zero_values(struct tsn_family *f, struct tsn_vector *const results[], const struct tsn_mask *active)
{
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		struct tsn_vector *out = results == NULL ? NULL : results[i];

		if (out != NULL) {
			out->known = *active;
			out->real = is_real(&f->agg[i]);
			TSN_EACH_ROW(row, active)
				out->i[row] = 0; /* of a real, too */
		}
		if (f->agg[i].error != NULL)
			TSN_EACH_ROW(row, active)
				f->agg[i].error[row] = 0;
	}
}

static bool
fold(struct tsn_state *s, uint32_t family, const struct tsn_batch *b, const struct tsn_mask *counted,
    const struct tsn_mask *read, const struct tsn_vector *const args[], struct tsn_vector *const results[],
    const struct tsn_flows *flows)
{
	struct tsn_family *f = &s->family[family];
	struct tsn_fold x = { .family = f, .batch = b, .row = s->row, .group = s->group, .total = s->total,
		.count = s->count, .learned = s->learned,
		.guarded = flows != NULL && f->guard != NULL && !f->def.mixed, .met = &s->met };
	struct tsn_mask active, counts, rows;
	uint32_t n, stop = 0;
	bool ok, apart;

	tsn_state_fetch_next(s, family);
	tsn_mask_or(&active, counted, read);
	if (!tsn_mask_any(&active) && !f->since_ever) { /* most families in most batches, where rules are many */
		tsn_family_begin(s, f);
		no_values(f, results);
		return true;
	}
	if (flows != NULL && f->guard != NULL)
		tsn_guard_begin(s, f);
	tsn_key_present(&f->def.key, b, &rows);
	tsn_mask_and(&counts, counted, &rows);
	if (f->def.at.n > 0) {
		tsn_key_present(&f->def.at, b, &rows);
		active = flows != NULL ? *read : active;
	}
	tsn_mask_and(&active, &active, &rows);
	apart = f->def.at.n > 0 && tsn_mask_any(&active);
	if (!tsn_mask_any(&counts) && see_nothing(f, &active, flows)) {
		tsn_family_begin(s, f);
		zero_values(f, results, &active);
		return true;
	}
	tsn_mask_or(&rows, &active, &counts);
	n = tsn_mask_list(&rows, s->row);
	x.all = !apart && tsn_mask_count(&counts) == n ? n : 0;
	tsn_family_begin(s, f);
	ok = begin(s, f, b, &counts, args, results, &active, n);
	if (ok && f->since_ever)
		ok = meet_first(s, f, b);
	if (n == 0)
		return ok;
	if (ok && f->store.ngroups == 0 && !tsn_mask_any(&counts))
		ok = fold_none(s, f, &x, n);
	else if (ok)
		ok = apart ? tsn_pairs_fold(s, f, &x, &counts, &active, &stop) : fold_rows(s, f, &x, &counts, n, flows, &stop);
	if (!ok)
		forget(f, stop);
	tsn_family_settle(s, f, b);
	return ok;
}

bool
tsn_state_fold(struct tsn_state *s, uint32_t family, const struct tsn_batch *b, const struct tsn_mask *counted,
    const struct tsn_mask *read, const struct tsn_vector *const args[], struct tsn_vector *const results[])
{
	return fold(s, family, b, counted, read, args, results, NULL);
}

bool
tsn_state_fold_flows(struct tsn_state *s, uint32_t family, const struct tsn_batch *b, const struct tsn_mask *counted,
    const struct tsn_mask *read, const struct tsn_mask *must, const struct tsn_vector *const args[],
    struct tsn_vector *const results[])
{
	const struct tsn_flows flows = { must };

	return fold(s, family, b, counted, read, args, results, &flows);
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
