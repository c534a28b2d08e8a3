/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What a closing is told to those who go by it: ranks among the groups that have the window, samples of what is usual, and that
 * the clock has moved.
 */
#include "base/mem.h"
#include "state/closer.h"
#include "state/internal.h"
#include "state/ring.h"

/*
 * Ranks and samples that came with a reload have no cells before a flow of their family comes, unless its groups were divided anew,
 * which hangs on the number of lanes. A window may close before that.
 */
static bool
cells(const struct tsn_closer *c)
{
	for (uint32_t i = 0; i < c->s->n; i++) {
		struct tsn_family *f = &c->s->family[i];

		for (uint32_t k = 0; k < f->def.naggs; k++)
			if (tsn_closer_goes_by(f->agg[k].def) && !tsn_agg_room(&f->agg[k], tsn_numbers(&f->store)))
				return false;
	}
	return true;
}

bool
tsn_closer_reserve(struct tsn_closer *c)
{
	uint64_t most = 0;

	if (c->list.n > 0 && !cells(c))
		return false;
	for (size_t i = 0; i < c->list.n && c->now != INT64_MAX; i++) {
		const struct tsn_close_due *d = &c->list.v[i];
		struct tsn_family *f = &c->s->family[d->family];

		for (uint32_t k = 0; k < f->def.naggs && d->window != 0; k++)
			if (tsn_closer_goes_by(f->agg[k].def) && f->agg[k].owner == &f->agg[k] && f->agg[k].of == &f->agg[d->agg] &&
			    !tsn_samples_room(&f->agg[k], d->group, d->window))
				return false;
	}
	for (uint32_t i = 0; i < c->s->n; i++)
		for (uint32_t k = 0; k < c->s->family[i].def.naggs; k++)
			if (c->s->family[i].agg[k].def->fn == TSN_AGG_RANK && c->s->family[i].store.ngroups > most)
				most = c->s->family[i].store.ngroups;
	if (most == 0 || c->list.n == 0)
		return true;
	c->ranked = tsn_reallocarray(NULL, most, sizeof(*c->ranked));
	return c->ranked != NULL;
}

/* An integer of the same order; -0 is 0. */
static int64_t
order_of(const struct tsn_vector *v, uint32_t i)
{
	double real = v->f[i] + 0.0;
	int64_t bits;

	if (!v->real)
		return v->i[i];
	memcpy(&bits, &real, sizeof(bits));
	return bits < 0 ? bits ^ INT64_MAX : bits;
}

/* Everybody who has the window, ranked or not: whoever comes late is ranked among them all. */
static void
rank_window(struct tsn_closer *c, const struct tsn_close_due *first)
{
	struct tsn_family *f = &c->s->family[first->family];
	struct tsn_agg *of = &f->agg[first->agg];
	uint32_t group[TSN_BATCH_ROWS], n = 0, ngroups = 0, all = (uint32_t)tsn_numbers(&f->store);
	bool newly[TSN_BATCH_ROWS];

	for (uint32_t g = 0; g < all; g++) {
		const bool last = g + 1 == all;
		const uint64_t head = g / f->store.nparts < f->store.part[g % f->store.nparts].n && g < tsn_agg_cells(of)->cap ?
		    tsn_head_load(tsn_cell(tsn_agg_cells(of), g)) : 0;
		const uint64_t newest = tsn_ring_newest(head);

		if (newest != 0 && tsn_ring_holds(head, first->window)) {
			newly[n] = tsn_ring_open(head, first->window);
			group[n++] = g;
		}
		if (n < TSN_BATCH_ROWS && !last)
			continue;
		if (n > 0)
			tsn_values_of(c->s, of, first->window, group, n, &c->values);
		for (uint32_t i = 0; i < n; i++)
			if (tsn_mask_has(&c->values.known, i))
				c->ranked[ngroups++] = (struct tsn_ranked){ .order = order_of(&c->values, i), .group = group[i],
					.newly = newly[i] };
		n = 0;
	}
	for (uint32_t k = 0; k < f->def.naggs; k++) {
		if (f->agg[k].def->fn != TSN_AGG_RANK || f->agg[k].of != of)
			continue;
		for (uint32_t i = 0; i < ngroups; i++)
			c->ranked[i].among = tsn_rank_among(&f->agg[k], c->ranked[i].group);
		tsn_rank_window(&f->agg[k], first->window, c->ranked, ngroups);
	}
}

static void
sample_window(struct tsn_closer *c, const struct tsn_close_due *d, size_t n)
{
	struct tsn_family *f = &c->s->family[d->family];
	uint32_t group[TSN_BATCH_ROWS];

	for (size_t from = 0; from < n; from += TSN_BATCH_ROWS) {
		const uint32_t m = n - from < TSN_BATCH_ROWS ? (uint32_t)(n - from) : TSN_BATCH_ROWS;

		for (uint32_t i = 0; i < m; i++)
			group[i] = d[from + i].group;
		tsn_values_of(c->s, &f->agg[d->agg], d->window, group, m, &c->values);
		for (uint32_t k = 0; k < f->def.naggs; k++) {
			struct tsn_agg *a = &f->agg[k];

			if (a->owner != a || a->of != &f->agg[d->agg])
				continue;
			for (uint32_t i = 0; i < m; i++)
				tsn_samples_put(a, group[i], d->window, c->values.real ? c->values.f[i] : (double)c->values.i[i],
				    tsn_mask_has(&c->values.known, i));
		}
	}
}

static bool
is_ranked(const struct tsn_family *f, const struct tsn_agg *of)
{
	for (uint32_t k = 0; k < f->def.naggs; k++)
		if (f->agg[k].def->fn == TSN_AGG_RANK && f->agg[k].of == of)
			return true;
	return false;
}

static bool
is_sampled(const struct tsn_family *f, const struct tsn_agg *of)
{
	for (uint32_t k = 0; k < f->def.naggs; k++)
		if (f->agg[k].owner == &f->agg[k] && f->agg[k].of == of)
			return true;
	return false;
}

/* A window that the end of input cuts off is ranked, but is no sample of anything. */
void
tsn_closer_learn(struct tsn_closer *c)
{
	for (size_t from = 0, to; from < c->list.n; from = to) {
		const struct tsn_close_due *d = &c->list.v[from];
		const struct tsn_family *f = &c->s->family[d->family];
		const struct tsn_agg *of = &f->agg[d->agg];

		to = tsn_closer_span_end(&c->list, from);
		if (d->window == 0 || of->store.mute)
			continue;
		if (is_ranked(f, of))
			rank_window(c, d);
		if (c->now != INT64_MAX && is_sampled(f, of))
			sample_window(c, d, to - from);
	}
}

void
tsn_closer_ask(struct tsn_closer *c)
{
	for (uint32_t i = 0; i < c->s->n && c->now != INT64_MAX; i++)
		for (uint32_t j = 0; j < c->s->family[i].def.naggs; j++) {
			struct tsn_agg *a = &c->s->family[i].agg[j];

			if (a->owner == a)
				tsn_samples_ask(a, tsn_close_limit(a->of->def, c->now, c->lateness), c->lateness);
		}
}

void
tsn_closer_settle(struct tsn_closer *c)
{
	for (uint32_t i = 0; i < c->s->n && c->now != INT64_MAX; i++)
		for (uint32_t j = 0; j < c->s->family[i].def.naggs; j++) {
			struct tsn_agg *a = &c->s->family[i].agg[j];

			if (a->def->fn == TSN_AGG_RANK)
				tsn_rank_closed(a, tsn_close_limit(a->of->def, c->now, c->lateness));
			else if (a->owner == a)
				tsn_samples_closed(a, tsn_close_limit(a->of->def, c->now, c->lateness));
			else if (a->def->fn == TSN_AGG_ABSENT)
				tsn_silences_settle(a, c->until, c->now);
		}
}
