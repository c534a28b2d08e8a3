/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What a group usually has (S19): median and spread of its samples (samples.h), which are worked out when somebody asks.
 */
#include <math.h>
#include <stdlib.h>

#include "state/internal.h"
#include "state/ring.h"
#include "state/samples.h"

#define FEWEST 3u

/* --- values --- */

static int
compare_reals(const void *pa, const void *pb)
{
	const double a = *(const double *)pa, b = *(const double *)pb;

	return (a > b) - (a < b);
}

static double
middle(double *v, uint32_t n)
{
	qsort(v, n, sizeof(*v), compare_reals);
	return n % 2 == 1 ? v[n / 2] : v[n / 2 - 1] / 2 + v[n / 2] / 2;
}

/* The first window that begins at or after [time]. */
static uint64_t
first_from(int64_t time, int64_t ms)
{
	const uint64_t w = tsn_pane_at(time, ms);

	return tsn_pane_start(w, ms) < time ? w + 1 : w;
}

/* The newest window below [hi] that lies in the same slot of the season; hi <= window. */
static uint64_t
newest_like(const struct tsn_sampler *b, uint64_t window, uint64_t hi)
{
	return window - ((window - hi) / b->slots + 1) * b->slots;
}

static void
look_up(struct tsn_agg *a, struct tsn_sampled *c, uint64_t window, uint64_t lo, uint64_t hi)
{
	struct tsn_sampler *b = a->store.beside;
	struct tsn_samples *s = c->s;
	double *v = b->scratch;
	uint32_t n = 0;

	if (s->window == window && s->lo == lo && s->hi == hi)
		return;
	for (uint64_t w = newest_like(b, window, hi); w >= lo && w < hi; w -= b->slots)
		if (!isnan(s->v[w % s->cap]))
			v[n++] = s->v[w % s->cap];
	s->window = window;
	s->lo = lo;
	s->hi = hi;
	s->n = n;
	if (n < FEWEST)
		return;
	s->median = middle(v, n);
	for (uint32_t i = 0; i < n; i++)
		v[i] = fabs(v[i] - s->median);
	s->spread = fmax(fmax(1.4826 * middle(v, n), 0.05 * fabs(s->median)), 1);
}

/* The samples that a row of [time] in [window] may see; NULL: none. What is closed was written. */
static const struct tsn_samples *
samples_for(struct tsn_agg *owner, uint32_t group, uint64_t window, int64_t time)
{
	const struct tsn_sampler *b = owner->store.beside;
	struct tsn_sampled *c;
	uint64_t lo, hi = window < b->closed ? window : b->closed, oldest = tsn_samples_back(b->closed, b->keep);

	if (group == TSN_GROUP_NONE || group >= owner->store.cells.cap)
		return NULL;
	c = tsn_sampled_at(owner, group);
	if (c->s == NULL || c->from == 0)
		return NULL;
	if (__builtin_sub_overflow(time, owner->def->history_ms, &time))
		time = INT64_MIN;
	lo = first_from(time, tsn_sampled_windows(owner)->pane_ms);
	lo = lo > oldest ? lo : oldest;
	lo = lo > c->from ? lo : c->from;
	hi = hi < c->next ? hi : c->next;
	look_up(owner, c, window, lo, hi);
	return c->s;
}

/* Are flows spared it that do not have [least] of what was folded before it? */
static bool
is_spared(const struct tsn_agg *a, const struct tsn_fold *x)
{
	const struct tsn_family *f = a->family;

	if (!a->def->spared || x->batch == NULL || x->batch->kind == TSN_BATCH_TICK)
		return false;
	for (uint32_t i = 0; i < f->def.naggs; i++)
		if (f->agg[i].def->least > 0 && (&f->agg[i] > a || f->agg[i].ops->may_stop || f->agg[i].out == &a->state->unread))
			return false;
	return true;
}

static bool
has_least(const struct tsn_family *f, uint32_t row)
{
	for (uint32_t i = 0; i < f->def.naggs; i++)
		if (f->agg[i].def->least > 0 && f->agg[i].out->i[row] >= f->agg[i].def->least)
			return true;
	return false;
}

static uint32_t
fold(struct tsn_agg *a, struct tsn_fold *x)
{
	const bool spared = is_spared(a, x);
	const int64_t *time = x->batch == NULL ? NULL : tsn_sampled_windows(a)->by_received ? x->batch->received : x->batch->time;
	const bool median = a->def->fn == TSN_AGG_BASELINE;

	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i];
		const struct tsn_samples *s = spared && !has_least(a->family, row) ? NULL :
		    samples_for(a->owner, x->group[i], a->of->pane[row], time[row]);
		const bool known = s != NULL && s->n >= FEWEST;

		a->out->f[row] = !known ? 0 : median ? s->median : s->spread;
		if (!known || !isfinite(a->out->f[row]))
			tsn_mask_unset(&a->out->known, row);
	}
	return x->to;
}

/* --- for people --- */

static struct tsn_note
note(const char *name, enum tsn_type type, double f, int64_t i)
{
	struct tsn_note n = { "baseline", TSN_NOTE_ALONE, name, { .type = type, .known = true } };

	if (type == TSN_T_REAL)
		n.value.f = f;
	else
		n.value.i = i;
	return n;
}

static uint32_t
notes(const struct tsn_family *f, const struct tsn_agg *a, const struct tsn_batch *b, uint32_t row, struct tsn_note *out,
    uint32_t max)
{
	const uint32_t group = tsn_group_of_row(a->state, f, b, row);
	const struct tsn_agg_def *of = tsn_sampled_windows(a);
	const struct tsn_sampler *base = a->owner->store.beside;
	const int64_t time = of->by_received ? b->received[row] : b->time[row];
	const uint64_t window = tsn_pane_at(time, of->pane_ms);
	const struct tsn_samples *s = samples_for(a->owner, group, window, time);
	const int64_t number = (int64_t)window - TSN_PANE_BIAS, slots = base->slots;
	struct tsn_note all[4];
	uint32_t n = 0;

	if (s == NULL || s->n < FEWEST || a->def->fn != TSN_AGG_BASELINE)
		return 0;
	all[n++] = note("median", TSN_T_REAL, s->median, 0);
	all[n++] = note("spread", TSN_T_REAL, s->spread, 0);
	all[n++] = note("samples", TSN_T_INT, 0, s->n);
	if (slots > 1) /* time since the season began */
		all[n++] = note("slot", TSN_T_DURATION, 0, (number % slots + slots) % slots * of->pane_ms);
	for (uint32_t i = 0; i < n && i < max; i++)
		out[i] = all[i];
	return n;
}

/* Enough samples for a row of the group's newest flow? Counts what was written; silences since then come on top. */
static bool
is_ready(const struct tsn_agg *a, const struct tsn_sampled *c, int64_t newest)
{
	const struct tsn_sampler *b = a->store.beside;
	const uint64_t window = tsn_pane_at(newest, tsn_sampled_windows(a)->pane_ms);
	uint64_t lo = tsn_samples_back(b->closed, b->keep), hi = window < b->closed ? window : b->closed;
	uint32_t n = 0;

	if (__builtin_sub_overflow(newest, a->def->history_ms, &newest))
		newest = INT64_MIN;
	if (first_from(newest, tsn_sampled_windows(a)->pane_ms) > lo)
		lo = first_from(newest, tsn_sampled_windows(a)->pane_ms);
	lo = lo > c->from ? lo : c->from;
	for (uint64_t w = newest_like(b, window, hi); w >= lo && w < hi && n < FEWEST; w -= b->slots)
		n += w >= c->next ? tsn_samples_whole(b, c, w) : !isnan(c->s->v[w % c->s->cap]);
	return n >= FEWEST;
}

static void
learning(const struct tsn_family *family, const struct tsn_agg *a, struct tsn_learning *out)
{
	const struct tsn_agg *owner = a->owner;
	const struct tsn_sampler *b = owner->store.beside;
	const struct tsn_family_store *f = &family->store;
	uint64_t first = UINT64_MAX;

	for (uint32_t part = 0; part < TSN_PARTS; part++)
		for (uint32_t k = 0; k < f->part[part].n; k++) {
			const uint32_t group = k * TSN_PARTS + part;
			const struct tsn_sampled *c = group < owner->store.cells.cap ? tsn_sampled_at(owner, group) : NULL;
			uint64_t at;

			out->groups++;
			if (c == NULL || c->from == 0 || c->s == NULL)
				continue;
			out->ready += is_ready(owner, c, tsn_group_at(f, group)->newest);
			at = c->from + (uint64_t)FEWEST * b->slots;
			if (at < b->closed) /* samples were skipped: the same slot of a later season */
				at += (b->closed - at + b->slots - 1) / b->slots * b->slots;
			first = at < first ? at : first;
		}
	if (out->ready == 0 && first != UINT64_MAX)
		out->until = tsn_pane_start(first, tsn_sampled_windows(a)->pane_ms);
}

const struct tsn_agg_ops tsn_baseline_ops = {
	.init = tsn_samples_init, .make = tsn_samples_make, .renew = tsn_samples_renew, .fixed = tsn_samples_fixed,
	.most = tsn_samples_most, .reserve = tsn_samples_reserve, .fold = fold, .reset = tsn_samples_reset, .fini = tsn_samples_fini,
	.save = tsn_samples_save, .load = tsn_samples_load, .save_beside = tsn_samples_save_beside,
	.load_beside = tsn_samples_load_beside, .notes = notes, .learning = learning,
};
