/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What a group usually has (S19). Its samples are the values of [of] in closed windows; a ring holds them by window
 * number, so that those of one season slot are found by counting back. A window in which a known group was silent is a sample of 0: such
 * samples are written when somebody looks, or another sample comes, so that a tick costs nothing for the groups that
 * were silent. What is seen is the same whenever they are written: the windows that are closed, from the group's first one on.
 *
 * Windows in which the exporter that reported the group last lost something, or was silent, give no sample. Of each
 * exporter a bit a window is kept, asked when the window closes.
 */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "state/internal.h"
#include "state/ring.h"

#define SAMPLES_MAX 4096u
#define LATER 2u        /* windows kept beyond the history: rows of a closing ask about one that has just closed */
#define FEWEST 3u
#define RING_FIRST 8u

/* Samples of one group, and what was made of them last. */
struct samples {
	uint64_t window, lo, hi; /* for which [median] and [spread] are; 0: nothing */
	double median, spread;
	uint32_t n, cap;
	double v[];              /* window w at w mod cap; NAN: none */
};

struct cell {
	uint64_t from;       /* the first window that closed; 0: none */
	uint64_t next;       /* those below it are written */
	struct samples *s;
	uint32_t source;
	uint32_t reported;   /* [source] means something */
};

struct baseline {
	uint64_t closed;     /* windows below it are closed; 0: none yet */
	uint32_t keep;       /* windows a ring may hold */
	uint32_t slots;      /* windows a season has; 1: no season */
	uint32_t sources;
	uint64_t **bad;      /* by exporter: bits of windows by number mod [bits]; NULL: it reported nobody */
	uint32_t bits;
	uint64_t skipped;
	double *scratch;     /* keep */
};

static struct cell *
cell_of(const struct tsn_agg *a, uint32_t group)
{
	return (struct cell *)tsn_cell(&a->store.cells, group);
}

static const struct tsn_agg_def *
windows_of(const struct tsn_agg *a)
{
	return a->of->def;
}

/* --- life --- */

static void
init(struct tsn_agg *a)
{
	a->store.cells.size = sizeof(struct cell);
}

static void
size_of(const struct tsn_agg_def *d, struct baseline *b)
{
	const int64_t window = d->window_ms > 0 ? d->window_ms : 1, n = d->history_ms / window;
	const int64_t slots = d->season_ms / window;

	b->keep = (uint32_t)(n < 1 ? 1 : n > SAMPLES_MAX ? SAMPLES_MAX : n) + LATER;
	b->slots = (uint32_t)(slots < 1 ? 1 : slots > SAMPLES_MAX ? SAMPLES_MAX : slots);
	b->bits = (b->keep + 63) / 64 * 64;
}

/* Of median and spread, which share them, the median's. */
static uint64_t
most(const struct tsn_agg *a)
{
	struct baseline b;

	size_of(a->def, &b);
	return a->def->fn == TSN_AGG_BASELINE ? sizeof(struct samples) + (uint64_t)b.keep * sizeof(double) : 0;
}

static uint64_t
fixed(const struct tsn_agg *a)
{
	struct baseline b;

	size_of(a->def, &b);
	return sizeof(b) + (uint64_t)b.keep * sizeof(double) + (a->def->fn != TSN_AGG_BASELINE ? 0 :
	    ((uint64_t)TSN_SOURCES_MAX + 1) * (2 * sizeof(uint64_t *) + (b.bits / 64 + 1) * sizeof(uint64_t)));
}

static void
renew(struct tsn_agg *a)
{
	struct baseline *b = a->store.beside;

	for (uint32_t i = 0; i < b->sources; i++)
		tsn_free(b->bad[i]);
	tsn_free(b->bad);
	b->bad = NULL;
	b->sources = 0;
	b->closed = b->skipped = 0;
	a->store.bytes = sizeof(*b) + (uint64_t)b->keep * sizeof(*b->scratch);
}

static bool
make(struct tsn_agg *a)
{
	struct baseline *b = tsn_calloc(1, sizeof(*b));

	if (b == NULL)
		return false;
	a->store.beside = b;
	size_of(a->def, b);
	b->scratch = tsn_reallocarray(NULL, b->keep, sizeof(*b->scratch));
	renew(a);
	return b->scratch != NULL;
}

static void
drop(struct tsn_agg *a, struct cell *c)
{
	if (c->s != NULL)
		a->store.bytes -= sizeof(*c->s) + (uint64_t)c->s->cap * sizeof(double);
	tsn_free(c->s);
	c->s = NULL;
}

static void
reset(struct tsn_agg *a, uint32_t group)
{
	if (a->store.cells.size != 0 && group < a->store.cells.cap)
		drop(a, cell_of(a, group));
}

static void
fini(struct tsn_agg *a)
{
	struct baseline *b = a->store.beside;

	for (uint32_t g = 0; a->store.cells.size != 0 && g < a->store.cells.cap; g++)
		drop(a, cell_of(a, g));
	if (b != NULL) {
		renew(a);
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
			f->agg[i].store.cells.size = f->agg[i].owner == &f->agg[i] ? sizeof(struct cell) : 0;
}

/* --- exporters --- */

/* Bits of windows, and behind them whether the exporter was ever asked about. */
static uint32_t
words(const struct baseline *b)
{
	return b->bits / 64 + 1;
}

static bool
source_room(struct tsn_agg *a, uint32_t source)
{
	struct baseline *b = a->store.beside;
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

static bool
is_whole(const struct baseline *b, const struct cell *c, uint64_t window)
{
	return !c->reported || c->source >= b->sources || b->bad[c->source] == NULL ||
	    !(b->bad[c->source][window % b->bits / 64] >> (window % b->bits % 64) & 1);
}

/* Flows of a window come until [lateness] after its end. */
static bool
ask(const struct tsn_agg *a, uint32_t source, uint64_t window, int64_t lateness)
{
	const struct tsn_state_exporters *x = &a->state->exporters;
	const int64_t ms = windows_of(a)->pane_ms;
	int64_t to = tsn_pane_start(window + 1, ms);

	if (__builtin_add_overflow(to, lateness, &to))
		to = INT64_MAX;
	return x->whole == NULL || x->whole(x->arg, source, tsn_pane_start(window, ms), to);
}

static uint64_t
back(uint64_t window, uint64_t n)
{
	return window > n ? window - n : 1;
}

void
tsn_samples_ask(struct tsn_agg *a, uint64_t limit, int64_t lateness)
{
	struct baseline *b = a->store.beside;
	const uint64_t oldest = back(limit, b->keep), from = b->closed > oldest ? b->closed : oldest;

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
ring_room(struct tsn_agg *a, struct cell *c, uint64_t from, uint64_t next)
{
	const struct baseline *b = a->store.beside;
	const uint64_t need = next - from < b->keep ? next - from : b->keep;
	uint32_t cap = c->s == NULL ? 0 : c->s->cap, old = cap;
	struct samples *s;

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
	for (uint64_t w = back(c->next, old) > c->from ? back(c->next, old) : c->from; w < c->next; w++)
		s->v[w % cap] = c->s->v[w % old];
	drop(a, c);
	a->store.bytes += sizeof(*s) + (uint64_t)cap * sizeof(double);
	c->s = s;
	return true;
}

static void
write_silences(struct tsn_agg *a, struct cell *c, uint64_t from, uint64_t to)
{
	struct baseline *b = a->store.beside;

	for (uint64_t w = from; w < to; w++) {
		const bool whole = is_whole(b, c, w);

		c->s->v[w % c->s->cap] = whole ? 0 : NAN;
		b->skipped += !whole;
	}
	if (from < to)
		c->s->window = 0;
}

/* Windows below [to] of which nothing was written were silent. */
static bool
catch_up(struct tsn_agg *a, struct cell *c, uint64_t to)
{
	const struct baseline *b = a->store.beside;

	if (c->from == 0 || c->next >= to)
		return true;
	if (!ring_room(a, c, c->from, to))
		return false;
	write_silences(a, c, c->next > back(to, b->keep) ? c->next : back(to, b->keep), to);
	c->next = to;
	return true;
}

bool
tsn_samples_room(struct tsn_agg *a, uint32_t group, uint64_t window)
{
	const struct baseline *b = a->store.beside;
	struct cell *c;

	if (group >= a->store.cells.cap)
		return true;
	c = cell_of(a, group);
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
	struct baseline *b = a->store.beside;
	struct cell *c;
	bool whole;

	if (group >= a->store.cells.cap)
		return;
	c = cell_of(a, group);
	if (c->next > window && c->next - window > b->keep)
		return;
	whole = is_whole(b, c, window);
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
	return limit > ((const struct baseline *)a->store.beside)->closed;
}

void
tsn_samples_closed(struct tsn_agg *a, uint64_t limit)
{
	struct baseline *b = a->store.beside;

	if (limit > b->closed)
		b->closed = limit;
}

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
newest_like(const struct baseline *b, uint64_t window, uint64_t hi)
{
	return window - ((window - hi) / b->slots + 1) * b->slots;
}

static void
look_up(struct tsn_agg *a, struct cell *c, uint64_t window, uint64_t lo, uint64_t hi)
{
	struct baseline *b = a->store.beside;
	struct samples *s = c->s;
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
static const struct samples *
samples_for(struct tsn_agg *owner, uint32_t group, uint64_t window, int64_t time)
{
	const struct baseline *b = owner->store.beside;
	struct cell *c;
	uint64_t lo, hi = window < b->closed ? window : b->closed, oldest = back(b->closed, b->keep);

	if (group == TSN_GROUP_NONE || group >= owner->store.cells.cap)
		return NULL;
	c = cell_of(owner, group);
	if (c->s == NULL || c->from == 0)
		return NULL;
	if (__builtin_sub_overflow(time, owner->def->history_ms, &time))
		time = INT64_MIN;
	lo = first_from(time, windows_of(owner)->pane_ms);
	lo = lo > oldest ? lo : oldest;
	lo = lo > c->from ? lo : c->from;
	hi = hi < c->next ? hi : c->next;
	look_up(owner, c, window, lo, hi);
	return c->s;
}

/* Everything that allocates: what silences are still to be written, and room for new exporters. */
static bool
reserve(struct tsn_agg *a, const struct tsn_fold *x)
{
	const struct baseline *b = a->store.beside;

	if (a->owner != a)
		return true;
	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i], source = x->batch->source[row];
		const uint64_t window = a->of->pane[row];
		const bool counts = tsn_mask_has(&a->takes, row) && x->batch->kind != TSN_BATCH_TICK;
		uint64_t to = window < b->closed ? window : b->closed;
		struct cell *c;

		if (x->group[i] == TSN_GROUP_NONE)
			continue;
		tsn_cell_prefetch(&a->store.cells, x->group[i + TSN_AHEAD]);
		if (counts && !source_room(a, source))
			return false;
		c = cell_of(a, x->group[i]);
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
	const int64_t *time = x->batch == NULL ? NULL : windows_of(a)->by_received ? x->batch->received : x->batch->time;
	const bool median = a->def->fn == TSN_AGG_BASELINE;

	for (uint32_t i = x->from; i < x->to; i++) {
		const uint32_t row = x->row[i];
		const struct samples *s = spared && !has_least(a->family, row) ? NULL :
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
	const struct tsn_agg_def *of = windows_of(a);
	const struct baseline *base = a->owner->store.beside;
	const int64_t time = of->by_received ? b->received[row] : b->time[row];
	const uint64_t window = tsn_pane_at(time, of->pane_ms);
	const struct samples *s = samples_for(a->owner, group, window, time);
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
is_ready(const struct tsn_agg *a, const struct cell *c, int64_t newest)
{
	const struct baseline *b = a->store.beside;
	const uint64_t window = tsn_pane_at(newest, windows_of(a)->pane_ms);
	uint64_t lo = back(b->closed, b->keep), hi = window < b->closed ? window : b->closed;
	uint32_t n = 0;

	if (__builtin_sub_overflow(newest, a->def->history_ms, &newest))
		newest = INT64_MIN;
	if (first_from(newest, windows_of(a)->pane_ms) > lo)
		lo = first_from(newest, windows_of(a)->pane_ms);
	lo = lo > c->from ? lo : c->from;
	for (uint64_t w = newest_like(b, window, hi); w >= lo && w < hi && n < FEWEST; w -= b->slots)
		n += w >= c->next ? is_whole(b, c, w) : !isnan(c->s->v[w % c->s->cap]);
	return n >= FEWEST;
}

static void
learning(const struct tsn_family *family, const struct tsn_agg *a, struct tsn_learning *out)
{
	const struct tsn_agg *owner = a->owner;
	const struct baseline *b = owner->store.beside;
	const struct tsn_family_store *f = &family->store;
	uint64_t first = UINT64_MAX;

	for (uint32_t part = 0; part < TSN_PARTS; part++)
		for (uint32_t k = 0; k < f->part[part].n; k++) {
			const uint32_t group = k * TSN_PARTS + part;
			const struct cell *c = group < owner->store.cells.cap ? cell_of(owner, group) : NULL;
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
		out->until = tsn_pane_start(first, windows_of(a)->pane_ms);
}

/* --- snapshots --- */

static void
save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out)
{
	const struct cell *c;
	const struct baseline *b = a->store.beside;
	uint64_t w;

	if (a->owner != a)
		return;
	c = cell_of(a, group);
	tsn_pack_uint(out, c->from);
	tsn_pack_uint(out, c->next);
	tsn_pack_uint(out, c->source);
	tsn_pack_bool(out, c->reported);
	if (c->from == 0)
		return;
	w = back(c->next, b->keep);
	for (w = w > c->from ? w : c->from; w < c->next; w++) {
		const double v = c->s->v[w % c->s->cap];

		tsn_pack_bool(out, !isnan(v));
		if (!isnan(v))
			tsn_pack_real(out, v);
	}
}

static bool
load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in)
{
	const struct baseline *b = a->store.beside;
	struct cell *c;
	uint64_t from, next;

	if (a->owner != a)
		return true;
	c = cell_of(a, group);
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
	for (uint64_t w = back(next, b->keep) > from ? back(next, b->keep) : from; from != 0 && w < next && !in->bad; w++)
		c->s->v[w % c->s->cap] = tsn_unpack_bool(in) ? tsn_unpack_real(in) : NAN;
	return !in->bad;
}

/* What shards know of one exporter is the same, but that some of them were never told of it, or have not asked yet. */
static const uint64_t *
bad_of(const struct tsn_agg *const *shard, uint32_t n, uint32_t source)
{
	const uint64_t *best = NULL;

	for (uint32_t i = 0; i < n; i++) {
		const struct baseline *b = shard[i]->store.beside;
		const uint64_t *bad = source < b->sources ? b->bad[source] : NULL;

		if (bad != NULL && (best == NULL || bad[words(b) - 1] > best[words(b) - 1]))
			best = bad;
	}
	return best;
}

/* Of the windows that are still looked at: which others are marked hangs on when a shard asked first. */
static void
save_bad(const struct baseline *b, const uint64_t *bad, uint64_t closed, struct tsn_pack *out)
{
	for (uint32_t i = 0; i + 1 < words(b); i++) {
		uint64_t word = 0;

		for (uint64_t w = back(closed, b->keep); w < closed; w++)
			if (w % b->bits / 64 == i)
				word |= bad[i] & UINT64_C(1) << (w % 64);
		tsn_pack_raw(out, &word, sizeof(word));
	}
	tsn_pack_raw(out, &bad[words(b) - 1], sizeof(*bad));
}

static void
save_beside(const struct tsn_agg *const *shard, uint32_t n, struct tsn_pack *out)
{
	const struct baseline *b = shard[0]->store.beside;
	uint64_t closed = 0, skipped = 0;
	uint32_t sources = 0;

	for (uint32_t i = 0; i < n; i++) {
		const struct baseline *one = shard[i]->store.beside;

		closed = one->closed > closed ? one->closed : closed;
		skipped += one->skipped;
		sources = one->sources > sources ? one->sources : sources;
	}
	tsn_pack_uint(out, closed);
	tsn_pack_uint(out, skipped);
	tsn_pack_uint(out, b->bits);
	tsn_pack_uint(out, sources);
	for (uint32_t i = 0; i < sources; i++) {
		const uint64_t *bad = bad_of(shard, n, i);

		tsn_pack_bool(out, bad != NULL);
		if (bad != NULL)
			save_bad(b, bad, closed, out);
	}
}

static bool
load_bad(struct tsn_agg *const *shard, uint32_t n, uint32_t source, const uint8_t *p)
{
	for (uint32_t i = 0; i < n; i++) {
		struct baseline *b = shard[i]->store.beside;

		if (!source_room(shard[i], source))
			return false;
		memcpy(b->bad[source], p, words(b) * sizeof(uint64_t));
	}
	return true;
}

static bool
load_beside(struct tsn_agg *const *shard, uint32_t n, struct tsn_unpack *in)
{
	struct baseline *b = shard[0]->store.beside;
	const uint64_t closed = tsn_unpack_uint(in);
	uint32_t sources;

	b->skipped = tsn_unpack_uint(in);
	if (tsn_unpack_uint(in) != b->bits || closed > (uint64_t)(TSN_PANE_BIAS + TSN_PANE_LIMIT))
		return false;
	for (uint32_t i = 0; i < n; i++)
		((struct baseline *)shard[i]->store.beside)->closed = closed;
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
	return ((const struct baseline *)a->store.beside)->skipped;
}

const struct tsn_agg_ops tsn_baseline_ops = {
	.init = init, .make = make, .renew = renew, .fixed = fixed, .most = most, .reserve = reserve, .fold = fold, .reset = reset, .fini = fini, .save = save,
	.load = load, .save_beside = save_beside, .load_beside = load_beside, .notes = notes, .learning = learning,
};
