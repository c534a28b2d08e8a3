/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * `by A at B`: rows are counted in the group of one key and read that of another. A row's count and its read wait
 * in two lists; aggregates then go through the one and after it through the other, without counting. That gives what
 * row by row would give as long as no row in the first list counts in a group that an earlier row waits to read, and
 * no group loses its place meanwhile: before either, both lists are folded. Where counting one group can take memory
 * from another (extra_bytes), no row is counted while one waits to read.
 */
#include "state/internal.h"

static void
push(struct tsn_side *d, uint32_t row, uint32_t group)
{
	d->due_row[d->due] = (uint16_t)row;
	d->due_group[d->due++] = group;
}

static bool
is_read(const struct tsn_pairs *p, uint32_t group)
{
	return tsn_met_has(&p->waiting, group);
}

/* Aggregates see a row's masks and results, so these are exchanged: first nobody wants the values, then no row counts. */
static void
turn_to_counts(struct tsn_state *s, struct tsn_family *f)
{
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		f->agg[i].wanted = f->agg[i].out;
		f->agg[i].out = &s->unread;
	}
}

static void
turn_to_reads(struct tsn_family *f)
{
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		f->agg[i].out = f->agg[i].wanted;
		f->agg[i].counts = f->agg[i].takes;
		tsn_mask_clear(&f->agg[i].takes);
	}
}

static void
turn_back(struct tsn_family *f)
{
	for (uint32_t i = 0; i < f->def.naggs; i++)
		f->agg[i].takes = f->agg[i].counts;
}

/* What is read of rows from [stop] on is forgotten with them. */
static bool
fold_counts(struct tsn_family *f, struct tsn_fold *x, struct tsn_pairs *p, uint32_t *stop)
{
	x->row = p->counts.due_row;
	x->group = p->counts.due_group;
	x->from = 0;
	x->to = p->counts.due;
	if (x->to == 0 || tsn_fold_segment(f, x))
		return true;
	*stop = p->counts.due_row[x->to];
	return false;
}

static bool
fold_reads(struct tsn_family *f, struct tsn_fold *x, struct tsn_pairs *p, uint32_t *stop)
{
	uint32_t to = p->reads.due;

	x->row = p->reads.due_row;
	x->group = p->reads.due_group;
	for (uint32_t i = 0; i < f->def.naggs && to > 0; i++) {
		x->from = 0;
		x->to = to;
		to = f->agg[i].ops->fold(&f->agg[i], x);
	}
	if (to == p->reads.due)
		return true;
	*stop = p->reads.due_row[to] < *stop ? p->reads.due_row[to] : *stop;
	return false;
}

/* Folds what waits, and a new round begins. */
static bool
fold_due(struct tsn_state *s, struct tsn_family *f, struct tsn_fold *x, uint32_t *stop)
{
	struct tsn_pairs *p = s->pairs;
	bool ok;

	turn_to_counts(s, f);
	ok = fold_counts(f, x, p, stop);
	turn_to_reads(f);
	ok = fold_reads(f, x, p, stop) && ok;
	turn_back(f);
	p->counts.due = p->reads.due = 0;
	tsn_met_begin(&p->waiting);
	return ok;
}

/* False: memory ran out, and [row] is not counted. */
static bool
count(struct tsn_state *s, struct tsn_family *f, struct tsn_fold *x, uint32_t row, uint32_t *stop)
{
	struct tsn_pairs *p = s->pairs;
	const struct tsn_side *c = &p->counts;
	uint32_t group = tsn_family_find(f, &s->keys, row, c->guess[c->at]);

	if (group == TSN_GROUP_NONE) {
		if (tsn_family_full(f, &s->keys, row) && !fold_due(s, f, x, stop))
			return false;
		group = tsn_family_add(f, &s->keys, row, x->batch->time[row], s->seed);
		if (group == TSN_GROUP_NONE)
			return false;
	}
	if ((is_read(p, group) || (p->takes_memory && p->reads.due > 0)) && !fold_due(s, f, x, stop))
		return false;
	tsn_group_touch(tsn_group_at(&f->store, group), x->batch->time[row]);
	push(&p->counts, row, group);
	return true;
}

static void
read(struct tsn_state *s, const struct tsn_family *f, uint32_t row)
{
	struct tsn_pairs *p = s->pairs;
	const uint32_t group = tsn_family_find(f, &s->more_keys[0], row, p->reads.guess[p->reads.at]);

	if (group != TSN_GROUP_NONE)
		tsn_met_add(&p->waiting, group);
	push(&p->reads, row, group);
}

static bool
prepare(struct tsn_side *d, struct tsn_keys *k, const struct tsn_family *f, const struct tsn_key_spec *spec,
    const struct tsn_batch *b, const struct tsn_mask *rows, uint64_t seed)
{
	d->n = d->at = d->due = 0;
	TSN_EACH_ROW(row, rows)
		d->row[d->n++] = (uint16_t)row;
	if (tsn_keys_make(k, spec, b, seed, d->row, d->n) != d->n)
		return false;
	tsn_family_guess(f, k, d->row, d->guess, d->n);
	return true;
}

static void
prefetch(const struct tsn_family *f, const struct tsn_side *d)
{
	tsn_group_prefetch(&f->store, d->guess[d->at + TSN_AHEAD]);
}

bool
tsn_pairs_fold(struct tsn_state *s, struct tsn_family *f, struct tsn_fold *x, const struct tsn_mask *counts,
    const struct tsn_mask *reads, uint32_t *stop)
{
	struct tsn_side *c = &s->pairs->counts, *r = &s->pairs->reads;
	uint32_t row;

	*stop = 0;
	tsn_met_begin(&s->pairs->waiting);
	s->pairs->takes_memory = false;
	for (uint32_t i = 0; i < f->def.naggs; i++)
		s->pairs->takes_memory |= f->agg[i].ops->kept != NULL && f->agg[i].def->extra_bytes != 0;
	if (!prepare(c, &s->keys, f, &f->def.key, x->batch, counts, s->seed) ||
	    !prepare(r, &s->more_keys[0], f, &f->def.at, x->batch, reads, s->seed))
		return false;
	*stop = TSN_BATCH_ROWS;
	while (c->at < c->n || r->at < r->n) {
		row = c->at < c->n && (r->at == r->n || c->row[c->at] <= r->row[r->at]) ? c->row[c->at] : r->row[r->at];
		if (c->at < c->n && c->row[c->at] == row) {
			prefetch(f, c);
			if (!count(s, f, x, row, stop)) {
				*stop = row < *stop ? row : *stop;
				fold_due(s, f, x, stop);
				return false;
			}
			c->at++;
		}
		if (r->at < r->n && r->row[r->at] == row) {
			prefetch(f, r);
			read(s, f, row);
			r->at++;
		}
	}
	return fold_due(s, f, x, stop);
}
