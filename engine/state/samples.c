/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Samples of what a group usually has, as samples.h draws them: where they lie, which windows give one, their snapshots.
 */
#include <math.h>

#include "base/mem.h"
#include "state/internal.h"
#include "state/ring.h"
#include "state/samples.h"

#define SAMPLES_MAX 4096u
#define LATER 2u        /* windows kept beyond the history: rows of a closing ask about one that has just closed */
#define BITS_OF(keep) (((keep) + 63u) / 64 * 64)
#define BITS_MOST BITS_OF(SAMPLES_MAX + LATER)
#define RING_FIRST 8u

/* --- life --- */

void
tsn_samples_init(struct tsn_agg *a)
{
	a->store.cells.size = sizeof(struct tsn_sampled);
}

static void
size_of(const struct tsn_agg_def *d, struct tsn_sampler *b)
{
	const int64_t window = d->window_ms > 0 ? d->window_ms : 1, n = d->history_ms / window;
	const int64_t slots = d->season_ms / window;

	b->keep = (uint32_t)(n < 1 ? 1 : n > SAMPLES_MAX ? SAMPLES_MAX : n) + LATER;
	b->slots = (uint32_t)(slots < 1 ? 1 : slots > SAMPLES_MAX ? SAMPLES_MAX : slots);
	b->bits = BITS_OF(b->keep);
}

/* Of median and spread, which share them, the median's. */
uint64_t
tsn_samples_most(const struct tsn_agg *a)
{
	struct tsn_sampler b;

	size_of(a->def, &b);
	return a->def->fn == TSN_AGG_BASELINE ? sizeof(struct tsn_samples) + (uint64_t)b.keep * sizeof(double) : 0;
}

uint64_t
tsn_samples_fixed(const struct tsn_agg *a)
{
	struct tsn_sampler b;

	size_of(a->def, &b);
	return sizeof(b) + (uint64_t)b.keep * sizeof(double) + (a->def->fn != TSN_AGG_BASELINE ? 0 :
	    ((uint64_t)TSN_SOURCES_MAX + 1) * (2 * sizeof(uint64_t *) + (b.bits / 64 + 1) * sizeof(uint64_t)));
}

void
tsn_samples_renew(struct tsn_agg *a)
{
	struct tsn_sampler *b = a->store.beside;

	for (uint32_t i = 0; i < b->sources; i++)
		tsn_free(b->bad[i]);
	tsn_free(b->bad);
	b->bad = NULL;
	b->sources = 0;
	b->closed = b->skipped = 0;
	a->store.bytes = sizeof(*b) + (uint64_t)b->keep * sizeof(*b->scratch);
}

bool
tsn_samples_make(struct tsn_agg *a)
{
	struct tsn_sampler *b = tsn_calloc(1, sizeof(*b));

	if (b == NULL)
		return false;
	a->store.beside = b;
	size_of(a->def, b);
	b->scratch = tsn_reallocarray(NULL, b->keep, sizeof(*b->scratch));
	tsn_samples_renew(a);
	return b->scratch != NULL;
}

static void
drop(struct tsn_agg *a, struct tsn_sampled *c)
{
	if (c->s != NULL)
		a->store.bytes -= sizeof(*c->s) + (uint64_t)c->s->cap * sizeof(double);
	tsn_free(c->s);
	c->s = NULL;
}

void
tsn_samples_reset(struct tsn_agg *a, uint32_t group)
{
	if (a->store.cells.size != 0 && group < a->store.cells.cap)
		drop(a, tsn_sampled_at(a, group));
}

void
tsn_samples_fini(struct tsn_agg *a)
{
	struct tsn_sampler *b = a->store.beside;

	for (uint32_t g = 0; a->store.cells.size != 0 && g < a->store.cells.cap; g++)
		drop(a, tsn_sampled_at(a, g));
	if (b != NULL) {
		tsn_samples_renew(a);
		tsn_free(b->scratch);
	}
	tsn_free(b);
	a->store.beside = NULL;
}

static bool
is_baseline(const struct tsn_agg *a)
{
	return a->def->fn == TSN_AGG_BASELINE || a->def->fn == TSN_AGG_SPREAD;
}

static bool
shares(const struct tsn_agg *a, const struct tsn_agg *b)
{
	return is_baseline(b) && a->of == b->of && a->def->history_ms == b->def->history_ms &&
	    a->def->season_ms == b->def->season_ms;
}

/* Has it samples already? Else medians come first, so that a snapshot does not depend on the order of the rules. */
static bool
before(const struct tsn_agg *a, const struct tsn_agg *b)
{
	const bool full = a->store.cells.cap > 0, also = b->store.cells.cap > 0;

	return full != also ? full : a->def->fn == TSN_AGG_BASELINE && b->def->fn != TSN_AGG_BASELINE;
}

/* Median and spread of one thing have their samples in common; after a reload those that came with one of them. */
void
tsn_samples_settle(struct tsn_family *f)
{
	for (uint32_t i = 0; i < f->def.naggs; i++) {
		struct tsn_agg *a = &f->agg[i];

		a->owner = NULL;
		for (uint32_t k = 0; is_baseline(a) && k < f->def.naggs; k++)
			if (shares(a, &f->agg[k]) && (a->owner == NULL || before(&f->agg[k], a->owner)))
				a->owner = &f->agg[k];
	}
	for (uint32_t i = 0; i < f->def.naggs; i++)
		if (is_baseline(&f->agg[i]))
			f->agg[i].store.cells.size = f->agg[i].owner == &f->agg[i] ? sizeof(struct tsn_sampled) : 0;
}

/* --- exporters --- */

/* Bits of windows, and behind them whether the exporter was ever asked about. */
static uint32_t
words(const struct tsn_sampler *b)
{
	return b->bits / 64 + 1;
}

static bool
source_room(struct tsn_agg *a, uint32_t source)
{
	struct tsn_sampler *b = a->store.beside;
	const uint32_t before = b->sources;
	uint64_t **bad;

	if (source < b->sources && b->bad[source] != NULL)
		return true;
	bad = tsn_reach(b->bad, &b->sources, source, sizeof(*bad));
	if (bad == NULL)
		return false;
	b->bad = bad;
	a->store.bytes += (uint64_t)(b->sources - before) * sizeof(*bad);
	b->bad[source] = tsn_calloc(words(b), sizeof(uint64_t));
	a->store.bytes += b->bad[source] != NULL ? words(b) * sizeof(uint64_t) : 0;
	return b->bad[source] != NULL;
}

/* Flows of a window come until [lateness] after its end. */
static bool
ask(const struct tsn_agg *a, uint32_t source, uint64_t window, int64_t lateness)
{
	const struct tsn_state_exporters *x = &a->state->exporters;
	const int64_t ms = tsn_sampled_windows(a)->pane_ms;
	int64_t to = tsn_pane_start(window + 1, ms);

	if (__builtin_add_overflow(to, lateness, &to))
		to = INT64_MAX;
	return x->whole == NULL || x->whole(x->arg, source, tsn_pane_start(window, ms), to);
}

void
tsn_samples_ask(struct tsn_agg *a, uint64_t limit, int64_t lateness)
{
	struct tsn_sampler *b = a->store.beside;
	const uint64_t oldest = tsn_samples_back(limit, b->keep), from = b->closed > oldest ? b->closed : oldest;

	for (uint32_t i = 0; i < b->sources; i++) {
		uint64_t *bad = b->bad[i];

		for (uint64_t w = bad != NULL && bad[words(b) - 1] == 0 ? oldest : from; bad != NULL && w < limit; w++) {
			uint64_t *word = &bad[w % b->bits / 64], bit = UINT64_C(1) << (w % b->bits % 64);

			*word = ask(a, i, w, lateness) ? *word & ~bit : *word | bit;
		}
		if (bad != NULL)
			bad[words(b) - 1] = 1;
	}
}

/* --- samples --- */

/* The ring holds [from, next), or the last [keep] of them. */
static bool
ring_room(struct tsn_agg *a, struct tsn_sampled *c, uint64_t from, uint64_t next)
{
	const struct tsn_sampler *b = a->store.beside;
	const uint64_t need = next - from < b->keep ? next - from : b->keep;
	uint32_t cap = c->s == NULL ? 0 : c->s->cap, old = cap;
	struct tsn_samples *s;

	if (need <= cap)
		return true;
	cap = cap == 0 ? RING_FIRST : cap;
	while (cap < need)
		cap *= 2;
	cap = cap < b->keep ? cap : b->keep;
	s = tsn_malloc(sizeof(*s) + (size_t)cap * sizeof(double));
	if (s == NULL)
		return false;
	memset(s, 0, sizeof(*s));
	s->cap = cap;
	for (uint64_t w = tsn_samples_back(c->next, old) > c->from ? tsn_samples_back(c->next, old) : c->from; w < c->next; w++)
		s->v[w % cap] = c->s->v[w % old];
	drop(a, c);
	a->store.bytes += sizeof(*s) + (uint64_t)cap * sizeof(double);
	c->s = s;
	return true;
}

static void
write_silences(struct tsn_agg *a, struct tsn_sampled *c, uint64_t from, uint64_t to)
{
	struct tsn_sampler *b = a->store.beside;

	for (uint64_t w = from; w < to; w++) {
		const bool whole = tsn_samples_whole(b, c, w);

		c->s->v[w % c->s->cap] = whole ? 0 : NAN;
		b->skipped += !whole;
	}
	if (from < to)
		c->s->window = 0;
}

/* Windows below [to] of which nothing was written were silent. */
static bool
catch_up(struct tsn_agg *a, struct tsn_sampled *c, uint64_t to)
{
	const struct tsn_sampler *b = a->store.beside;

	if (c->from == 0 || c->next >= to)
		return true;
	if (!ring_room(a, c, c->from, to))
		return false;
	write_silences(a, c, c->next > tsn_samples_back(to, b->keep) ? c->next : tsn_samples_back(to, b->keep), to);
	c->next = to;
	return true;
}

bool
tsn_samples_room(struct tsn_agg *a, uint32_t group, uint64_t window)
{
	const struct tsn_sampler *b = a->store.beside;
	struct tsn_sampled *c;

	if (group >= a->store.cells.cap)
		return true;
	c = tsn_sampled_at(a, group);
	if (c->from == 0) /* at most one window more may come in the same call: room there is */
		return ring_room(a, c, window, window + 1);
	if (window >= c->next)
		return catch_up(a, c, window) && ring_room(a, c, c->from, window + 1);
	return window >= c->from || c->next - window > b->keep || ring_room(a, c, window, c->next);
}

/* tsn_samples_room was called. */
void
tsn_samples_put(struct tsn_agg *a, uint32_t group, uint64_t window, double value, bool known)
{
	struct tsn_sampler *b = a->store.beside;
	struct tsn_sampled *c;
	bool whole;

	if (group >= a->store.cells.cap)
		return;
	c = tsn_sampled_at(a, group);
	if (c->next > window && c->next - window > b->keep)
		return;
	whole = tsn_samples_whole(b, c, window);
	b->skipped += !whole && (window >= c->next || window < c->from); /* else it was written as a silence, and counted then */
	if (c->from == 0)
		c->from = window;
	if (window >= c->next) {
		c->next = window + 1;
	} else if (window < c->from) {
		write_silences(a, c, window + 1, c->from);
		c->from = window;
	}
	c->s->v[window % c->s->cap] = whole && known ? value + 0.0 : NAN;
	c->s->window = 0;
}

bool
tsn_samples_due(const struct tsn_agg *a, uint64_t limit)
{
	return limit > ((const struct tsn_sampler *)a->store.beside)->closed;
}

void
tsn_samples_closed(struct tsn_agg *a, uint64_t limit)
{
	struct tsn_sampler *b = a->store.beside;

	if (limit > b->closed)
		b->closed = limit;
}

/* Everything that allocates: what silences are still to be written, and room for new exporters. */
bool
tsn_samples_reserve(struct tsn_agg *a, const struct tsn_fold *x)
{
	const struct tsn_sampler *b = a->store.beside;

	if (a->owner != a)
		return true;
	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i], source = x->batch->source[row];
		const uint64_t window = a->of->pane[row];
		const bool counts = tsn_mask_has(&a->takes, row) && x->batch->kind != TSN_BATCH_TICK;
		uint64_t to = window < b->closed ? window : b->closed;
		struct tsn_sampled *c;

		if (x->group[i] == TSN_GROUP_NONE)
			continue;
		tsn_cell_prefetch(&a->store.cells, x->group[i + TSN_AHEAD]);
		if (counts && !source_room(a, source))
			return false;
		c = tsn_sampled_at(a, x->group[i]);
		if (counts && c->reported && c->source != source)
			to = b->closed; /* the silences up to now are judged by the exporter that was there */
		if (!catch_up(a, c, to))
			return false;
		if (counts) {
			c->source = source;
			c->reported = 1;
		}
	}
	return true;
}

/* --- snapshots --- */

void
tsn_samples_save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	const struct tsn_sampled *c;
	const struct tsn_sampler *b = a->store.beside;
	uint64_t w;

	if (a->owner != a)
		return;
	c = tsn_sampled_at(a, group);
	tsn_pack_uint(out, c->from);
	tsn_pack_uint(out, c->next);
	tsn_pack_uint(out, c->source);
	tsn_pack_bool(out, c->reported);
	if (c->from == 0)
		return;
	w = tsn_samples_back(c->next, b->keep);
	for (w = w > c->from ? w : c->from; w < c->next; w++) {
		const double v = c->s->v[w % c->s->cap];

		tsn_pack_bool(out, !isnan(v));
		if (!isnan(v))
			tsn_pack_real(out, v);
	}
}

bool
tsn_samples_load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	const struct tsn_sampler *b = a->store.beside;
	struct tsn_sampled *c;
	uint64_t from, next;

	if (a->owner != a)
		return true;
	c = tsn_sampled_at(a, group);
	from = tsn_unpack_uint(in);
	next = tsn_unpack_uint(in);
	c->source = (uint32_t)tsn_unpack_below(in, TSN_SOURCES_MAX);
	c->reported = tsn_unpack_bool(in);
	if (in->bad || (from == 0) != (next == 0) || from > next || next > (uint64_t)(TSN_PANE_BIAS + TSN_PANE_LIMIT) + 1)
		return false;
	if ((c->reported && !source_room(a, c->source)) || (from != 0 && !ring_room(a, c, from, next > from ? next : from + 1)))
		return false;
	c->from = from;
	c->next = next;
	for (uint64_t w = tsn_samples_back(next, b->keep) > from ? tsn_samples_back(next, b->keep) : from; from != 0 && w < next && !in->bad; w++)
		c->s->v[w % c->s->cap] = tsn_unpack_bool(in) ? tsn_unpack_real(in) : NAN;
	return !in->bad;
}

/* What shards know of one exporter is the same, but that some of them were never told of it, or have not asked yet. */
static const uint64_t *
bad_of(const struct tsn_agg *const *shard, uint32_t n, uint32_t source)
{
	const uint64_t *best = NULL;

	for (uint32_t i = 0; i < n; i++) {
		const struct tsn_sampler *b = shard[i]->store.beside;
		const uint64_t *bad = source < b->sources ? b->bad[source] : NULL;

		if (bad != NULL && (best == NULL || bad[words(b) - 1] > best[words(b) - 1]))
			best = bad;
	}
	return best;
}

/* The windows that are still looked at, as bits: which others are marked hangs on when a shard asked first. */
static void
looked_at(const struct tsn_sampler *b, uint64_t closed, uint64_t *bits)
{
	for (uint64_t w = tsn_samples_back(closed, b->keep); w < closed; w++)
		bits[w % b->bits / 64] |= UINT64_C(1) << (w % 64);
}

static void
save_bad(const struct tsn_sampler *b, const uint64_t *bad, const uint64_t *seen, struct tsn_pack *out)
{
	for (uint32_t i = 0; i + 1 < words(b); i++) {
		const uint64_t word = bad[i] & seen[i];

		tsn_pack_raw(out, &word, sizeof(word));
	}
	tsn_pack_raw(out, &bad[words(b) - 1], sizeof(*bad));
}

void
tsn_samples_save_beside(const struct tsn_agg *const *shard, uint32_t n, struct tsn_pack *out)
{
	const struct tsn_sampler *b = shard[0]->store.beside;
	uint64_t closed = 0, skipped = 0, seen[BITS_MOST / 64] = { 0 };
	uint32_t sources = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct tsn_sampler *one = shard[i]->store.beside;

		closed = one->closed > closed ? one->closed : closed;
		skipped += one->skipped;
		sources = one->sources > sources ? one->sources : sources;
	}
	tsn_pack_uint(out, closed);
	tsn_pack_uint(out, skipped);
	tsn_pack_uint(out, b->bits);
	tsn_pack_uint(out, sources);
	looked_at(b, closed, seen);
	for (uint32_t i = 0; i < sources; i++) {
		const uint64_t *bad = bad_of(shard, n, i);

		tsn_pack_bool(out, bad != NULL);
		if (bad != NULL)
			save_bad(b, bad, seen, out);
	}
}

static bool
load_bad(struct tsn_agg *const *shard, uint32_t n, uint32_t source, const uint8_t *p)
{
	for (uint32_t i = 0; i < n; i++) {
		struct tsn_sampler *b = shard[i]->store.beside;

		if (!source_room(shard[i], source))
			return false;
		memcpy(b->bad[source], p, words(b) * sizeof(uint64_t));
	}
	return true;
}

bool
tsn_samples_load_beside(struct tsn_agg *const *shard, uint32_t n, struct tsn_unpack *in)
{
	struct tsn_sampler *b = shard[0]->store.beside;
	const uint64_t closed = tsn_unpack_uint(in);
	uint32_t sources;

	b->skipped = tsn_unpack_uint(in);
	if (tsn_unpack_uint(in) != b->bits || closed > (uint64_t)(TSN_PANE_BIAS + TSN_PANE_LIMIT))
		return false;
	for (uint32_t i = 0; i < n; i++)
		((struct tsn_sampler *)shard[i]->store.beside)->closed = closed;
	sources = (uint32_t)tsn_unpack_below(in, TSN_SOURCES_MAX + 1);
	for (uint32_t i = 0; i < sources && !in->bad; i++) {
		const uint8_t *p;

		if (!tsn_unpack_bool(in))
			continue;
		p = tsn_unpack_raw(in, words(b) * sizeof(uint64_t));
		if (p == NULL || !load_bad(shard, n, i, p))
			return false;
	}
	return !in->bad;
}

uint64_t
tsn_samples_skipped(const struct tsn_agg *a)
{
	return ((const struct tsn_sampler *)a->store.beside)->skipped;
}
