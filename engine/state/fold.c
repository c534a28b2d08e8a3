/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Folding a batch: hash its keys, find their groups, then let each aggregate
 * go through the rows in order. Looking for groups stops where a new one needs
 * the place of another; what was found is folded first. So every row meets exactly the
 * state the rows before it left, however the input was cut into batches.
 */
#include "state/internal.h"
#include "state/near.h"
#include "state/ring.h"

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
