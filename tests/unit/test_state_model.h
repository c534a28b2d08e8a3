/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What state must say, from the definition: a row at a time, every flow of
 * every group kept, every value worked out anew. Shared by the test_state suites. Slow on purpose.
 */
#ifndef TSN_TEST_STATE_MODEL_H
#define TSN_TEST_STATE_MODEL_H

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "state/state.h"

#define M_AGGS 5
#define M_ROWS 700
#define M_TEXT 160

struct m_row {
	bool has_src, has_dst, has_port, has_exporter, has_name, has_start, has_end;
	struct tsn_addr src, dst, exporter;
	int64_t port, time, received, start, end;
	char name[16];
	bool counted, read;
	uint32_t source;
	struct {
		bool known;
		int64_t i;
		double f;
	} arg[M_AGGS];
};

struct m_flow {
	int64_t pane, i, start;
	uint64_t length;
	bool dropped; /* JITTER: one of too many */
	double f;
	char member[M_TEXT];
};

struct m_list {
	struct m_flow *v;
	size_t n, cap;
	int64_t closed[2]; /* windows handed out; tests of closing keep them */
	int nclosed;
};

struct m_group {
	char key[M_TEXT];
	int64_t newest;
	uint64_t flows;
	struct m_list list[M_AGGS];
	struct m_row first; /* a row of this key */
	void *mine;         /* what a suite keeps of it; freed with it */
};

struct m_part {
	struct m_group **v;
	size_t n, cap, hand;
};

struct model {
	struct tsn_family_def def;
	struct tsn_agg_def agg[M_AGGS];
	uint64_t seed;
	struct m_part part[64];
	int64_t evicted[64];  /* of each part, up to when flows of groups that gave way are missed */
	bool whole;           /* a sequence of several keys: all is one part as far as that goes */
	struct tsn_family_stats stats;
};

struct m_value {
	bool known, real;
	int64_t i;
	double f;
	double slack; /* how far off a real may be: what is worked out in another way */
};

/* One generator for all suites, so that a case is its seed. */
struct rng {
	uint64_t s;
};

static inline uint64_t
rnd(struct rng *r)
{
	r->s += UINT64_C(0x9e3779b97f4a7c15);
	return tsn_mix64(r->s);
}

static inline uint64_t
below(struct rng *r, uint64_t n)
{
	return rnd(r) % n;
}

static inline bool
chance(struct rng *r, unsigned percent)
{
	return below(r, 100) < percent;
}

/* The first [bits] of an address, bit by bit. */
static inline void
m_addr_text(struct tsn_addr a, const struct tsn_key_part *p, char *out)
{
	const unsigned keep = a.v4 ? p->v4_bits : p->v6_bits, all = a.v4 ? 32 : 128;
	size_t n = 0;

	n += (size_t)sprintf(out, a.v4 ? "4:" : "6:");
	for (unsigned i = 0; i < all; i += 4) {
		unsigned digit = 0;

		for (unsigned k = i; k < i + 4 && k < keep; k++) {
			unsigned at = all - 1 - k;

			digit |= (unsigned)((at >= 64 ? a.hi >> (at - 64) : a.lo >> at) & 1) << (3 - (k - i));
		}
		n += (size_t)sprintf(out + n, "%x", digit);
	}
}

/* The parts as text; false if one is absent. */
static inline bool
m_text(const struct tsn_key_spec *spec, const struct m_row *r, char *out)
{
	*out = '\0';
	for (unsigned i = 0; i < spec->n; i++) {
		const struct tsn_key_part *p = &spec->part[i];
		char *end = out + strlen(out);

		switch (p->field) {
		case TSN_F_SRC:
			if (!r->has_src)
				return false;
			m_addr_text(r->src, p, end);
			break;
		case TSN_F_DST:
			if (!r->has_dst)
				return false;
			m_addr_text(r->dst, p, end);
			break;
		case TSN_F_EXPORTER:
			if (!r->has_exporter)
				return false;
			m_addr_text(r->exporter, p, end);
			break;
		case TSN_F_DST_PORT:
			if (!r->has_port)
				return false;
			sprintf(end, "%" PRId64, r->port);
			break;
		default:
			if (!r->has_name)
				return false;
			sprintf(end, "%s", r->name);
			break;
		}
		strcat(out, "|");
	}
	return true;
}

/* The parts as text, with a mark for what is absent. */
static inline void
m_text_loose(const struct tsn_key_spec *spec, const struct m_row *r, char *out)
{
	char part[M_TEXT];

	*out = '\0';
	for (unsigned i = 0; i < spec->n; i++) {
		const struct tsn_key_spec one = { 1, { spec->part[i] } };

		strcat(out, m_text(&one, r, part) ? part : "-|");
	}
}

static inline void
m_put_row(const struct m_row *r, struct tsn_batch *b, uint32_t row)
{
	if (r->has_src)
		tsn_batch_put_addr(b, row, TSN_F_SRC, r->src);
	if (r->has_dst)
		tsn_batch_put_addr(b, row, TSN_F_DST, r->dst);
	if (r->has_exporter)
		tsn_batch_put_addr(b, row, TSN_F_EXPORTER, r->exporter);
	if (r->has_port)
		tsn_batch_put_int(b, row, TSN_F_DST_PORT, r->port);
	if (r->has_name)
		tsn_batch_put_str(b, row, TSN_F_DNS_NAME, (struct tsn_str){ r->name, (uint32_t)strlen(r->name) });
	if (r->has_start)
		tsn_batch_put_int(b, row, TSN_F_START, r->start);
	if (r->has_end)
		tsn_batch_put_int(b, row, TSN_F_END, r->end);
	b->time[row] = r->time;
	b->received[row] = r->received;
	b->source[row] = r->source;
	b->n = row + 1;
	tsn_mask_first(&b->rows, b->n);
}

/* Part of a key: the upper six bits of its hash, of the masked IPv4 address or of the encoded bytes. */
static inline unsigned
m_part_by(const struct model *m, const struct tsn_key_spec *k, const struct m_row *r, struct tsn_batch *scratch)
{
	uint8_t key[TSN_KEY_MAX];
	const struct tsn_key_part *p = &k->part[0];
	size_t n;

	tsn_batch_clear(scratch, TSN_BATCH_FLOWS);
	m_put_row(r, scratch, 0);
	n = tsn_key_encode(k, scratch, 0, key);
	if (k->n == 1 && tsn_fields[p->field].storage == TSN_ADDR) {
		struct tsn_addr a = p->field == TSN_F_SRC ? r->src : p->field == TSN_F_DST ? r->dst : r->exporter;

		if (a.v4)
			return (unsigned)(tsn_hash_u64(tsn_addr_mask(a, p->v4_bits, p->v6_bits).lo, m->seed) >> 58);
	}
	return (unsigned)(tsn_hash_bytes(key, n, m->seed) >> 58);
}

static inline unsigned
m_part_of(const struct model *m, const struct m_row *r, struct tsn_batch *scratch)
{
	return m_part_by(m, &m->def.key, r, scratch);
}

/* Flows up to [to] are missed in the part. */
static inline void
m_missed(struct model *m, unsigned part, int64_t to)
{
	int64_t *at = &m->evicted[m->whole ? 0 : part];

	*at = to > *at ? to : *at;
	m->stats.last_evicted = to > m->stats.last_evicted ? to : m->stats.last_evicted;
}

static inline void
m_evict(struct model *m, unsigned part, int64_t to)
{
	m->stats.evicted++;
	m_missed(m, part, to);
}

static inline void
m_recycle(struct model *m, unsigned part, int64_t to)
{
	m->stats.recycled++;
	m_missed(m, part, to);
}

static inline int64_t
m_floor(int64_t t, int64_t ms)
{
	int64_t q = t / ms;

	return t % ms != 0 && t < 0 ? q - 1 : q;
}

static inline int64_t
m_pane(const struct tsn_agg_def *d, const struct m_row *r)
{
	return m_floor(d->by_received ? r->received : r->time, d->pane_ms);
}

static inline int64_t
m_newest(const struct m_list *l)
{
	int64_t newest = INT64_MIN / 4;

	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].pane > newest)
			newest = l->v[i].pane;
	return newest;
}

static inline int64_t
m_kept(const struct tsn_agg_def *d)
{
	return d->tumbling ? 2 : (int64_t)d->panes;
}

/* A list can forget what can never be seen again, so that long cases stay quick. */
static inline void
m_push(struct m_list *l, const struct m_flow *f)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 4;
		l->v = realloc(l->v, l->cap * sizeof(*l->v));
	}
	l->v[l->n++] = *f;
}

static inline int
m_by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline int64_t
m_distinct(const struct m_flow **v, size_t n)
{
	const char **text = malloc((n + 1) * sizeof(*text));
	int64_t different = 0;

	for (size_t i = 0; i < n; i++)
		text[i] = v[i]->member;
	qsort(text, n, sizeof(*text), m_by_text);
	for (size_t i = 0; i < n; i++)
		different += i == 0 || strcmp(text[i], text[i - 1]) != 0;
	free(text);
	return different;
}

/* Two passes over the distances from the first one, which are exact. */
static inline struct m_value
m_stddev(const struct tsn_agg_def *d, const struct m_flow **v, size_t n)
{
	struct m_value out = { n > 0, true, 0, 0, 0 };
	unsigned __int128 squares = 0;
	long double mean = 0, sum = 0, far = 0;

	for (size_t i = 0; i < n && !d->real; i++) {
		const uint64_t size = v[i]->i < 0 ? -(uint64_t)v[i]->i : (uint64_t)v[i]->i;

		if (__builtin_add_overflow(squares, (unsigned __int128)size * size, &squares) || squares >> 64 == UINT64_MAX)
			out.known = false;
	}
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < n; i++) {
			const long double off = d->real ? (long double)v[i]->f - v[0]->f : (long double)((__int128)v[i]->i - v[0]->i);

			if (pass == 0)
				mean += off / (long double)n;
			else
				sum += (off - mean) * (off - mean);
			far = d->real && fabsl(v[i]->f) > far ? fabsl(v[i]->f) : far;
		}
	}
	out.f = n > 0 ? (double)sqrtl(sum / (long double)n) : 0;
	out.slack = out.f * 1e-12 + (double)far * 1e-12;
	return out;
}

/* From the histogram. */
static inline struct m_value
m_entropy(const struct m_flow **v, size_t n)
{
	struct m_value out = { n > 0, true, 0, 0, 1e-9 };
	const char **text = malloc((n + 1) * sizeof(*text));
	long double h = 0;

	for (size_t i = 0; i < n; i++)
		text[i] = v[i]->member;
	qsort(text, n, sizeof(*text), m_by_text);
	for (size_t i = 0, j; i < n; i = j) {
		for (j = i; j < n && strcmp(text[j], text[i]) == 0; j++)
			;
		h -= (long double)(j - i) / n * log2l((long double)(j - i) / n);
	}
	free(text);
	out.f = (double)h;
	return out;
}

static inline int
m_by_start(const struct m_flow *a, const struct m_flow *b)
{
	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->length != b->length ? (a->length < b->length ? -1 : 1) : 0;
}

/* Insertion into a sorted array, then each flow against the one before it of its connection. */
static inline struct m_value
m_jitter(const struct m_flow **v, size_t n)
{
	struct m_value out = { false, true, 0, 0, 0 };
	const struct m_flow **by = malloc((n + 1) * sizeof(*by));
	int64_t *starts = malloc((n + 1) * sizeof(*starts));
	long double mean = 0, sum = 0;
	size_t m = 0, gaps = 0;

	for (size_t i = 0; i < n; i++) {
		size_t at = m;

		if (v[i]->dropped)
			continue;
		for (; at > 0 && m_by_start(v[i], by[at - 1]) < 0; at--)
			by[at] = by[at - 1];
		by[at] = v[i];
		m++;
	}
	n = m;
	m = 0;
	for (size_t i = 0; i < n; i++) {
		bool fresh = true;

		for (size_t k = i; k-- > 0;) {
			__int128 off = (__int128)by[i]->start - ((__int128)by[k]->start + by[k]->length);

			if (strcmp(by[k]->member, by[i]->member) != 0)
				continue;
			fresh = by[i]->start != by[k]->start && (off > 1000 || off < -1000);
			break;
		}
		if (fresh)
			starts[m++] = by[i]->start;
	}
	gaps = m > 0 ? m - 1 : 0;
	if (gaps >= 4 && starts[m - 1] != starts[0]) {
		mean = (long double)((__int128)starts[m - 1] - starts[0]) / gaps;
		for (size_t i = 1; i < m; i++) {
			long double off = (long double)((__int128)starts[i] - starts[i - 1]) - mean;

			sum += off * off;
		}
		out.known = true;
		out.f = (double)(sqrtl(sum / gaps) / mean);
		out.slack = 1e-9 * (1 + out.f);
	}
	free(by);
	free(starts);
	return out;
}

/*
 * At most 256 flows are kept of a window: what left it does not count, the one that starts first goes, or the new
 * one if that is it. It stays in the list all the same, because its time has moved the window on.
 */
static inline void
m_crowd(const struct tsn_agg_def *d, struct m_list *l, struct m_flow *f)
{
	const int64_t newest = f->pane > m_newest(l) ? f->pane : m_newest(l);
	struct m_flow *least = NULL;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct m_flow *v = &l->v[i];

		if (v->pane <= newest - m_kept(d))
			v->dropped = true; /* for good */
		if (v->dropped || (d->tumbling && v->pane != f->pane))
			continue;
		n++;
		if (least == NULL || m_by_start(v, least) < 0)
			least = v;
	}
	if (n == 256)
		*(m_by_start(f, least) < 0 ? &f->dropped : &least->dropped) = true;
}

/* The value over the flows in [v], which are in order of arrival. */
static inline struct m_value
m_over(const struct tsn_agg_def *d, const struct m_flow **v, size_t n)
{
	struct m_value out = { true, d->real, 0, 0, 0 };
	__int128 sum = 0;
	double fsum = 0;
	int64_t from = INT64_MAX, to = INT64_MIN;

	for (size_t i = 0; i < n; i++) {
		sum += v[i]->i;
		from = v[i]->pane < from ? v[i]->pane : from;
		to = v[i]->pane > to ? v[i]->pane : to;
	}
	for (int64_t p = from; n > 0 && p <= to; p++) { /* reals: pane by pane, oldest first */
		double pane = 0;

		for (size_t i = 0; i < n; i++)
			if (v[i]->pane == p)
				pane += v[i]->f;
		fsum += pane;
	}
	switch (d->fn) {
	case TSN_AGG_COUNT:
		out = (struct m_value){ true, false, (int64_t)n, 0, 0 };
		break;
	case TSN_AGG_DISTINCT:
		out = (struct m_value){ true, false, m_distinct(v, n), 0, 0 };
		break;
	case TSN_AGG_SUM:
		out.f = fsum;
		out.i = (int64_t)sum;
		out.known = d->real || (sum >= INT64_MIN && sum <= INT64_MAX);
		break;
	case TSN_AGG_RATE:
		out.real = true;
		out.f = (d->real ? fsum : (double)sum) / ((double)d->window_ms / 1000.0);
		break;
	case TSN_AGG_AVG:
		out.real = true;
		out.known = n > 0;
		out.f = n > 0 ? (d->real ? fsum : (double)sum) / (double)n : 0;
		break;
	case TSN_AGG_MIN:
	case TSN_AGG_MAX:
		out.known = n > 0;
		for (size_t i = 0; i < n; i++) {
			bool less = d->real ? v[i]->f < out.f : v[i]->i < out.i;
			bool more = d->real ? v[i]->f > out.f : v[i]->i > out.i;

			if (i == 0 || (d->fn == TSN_AGG_MIN ? less : more)) {
				out.f = v[i]->f;
				out.i = v[i]->i;
			}
		}
		break;
	case TSN_AGG_STDDEV:
		return m_stddev(d, v, n);
	case TSN_AGG_ENTROPY:
		return m_entropy(v, n);
	case TSN_AGG_JITTER:
		return m_jitter(v, n);
	default: /* not of flows alone: other suites */
		break;
	}
	return out;
}

/* What a row of [pane] sees of [l]. */
static inline struct m_value
m_value(const struct tsn_agg_def *d, const struct m_list *l, int64_t pane)
{
	const int64_t newest = l == NULL || l->n == 0 ? INT64_MIN / 4 : m_newest(l);
	const struct m_flow **seen = malloc(((l == NULL ? 0 : l->n) + 1) * sizeof(*seen));
	struct m_value v;
	size_t n = 0;

	for (size_t i = 0; l != NULL && i < l->n; i++) {
		int64_t p = l->v[i].pane, end = pane > newest ? pane : newest;

		if (d->tumbling ? p == pane && newest - p <= 1 : p > end - (int64_t)d->panes && p <= end)
			seen[n++] = &l->v[i];
	}
	v = m_over(d, seen, n);
	free(seen);
	return v;
}

static inline void
m_group_free(struct m_group *g)
{
	free(g->mine);
	for (int i = 0; i < M_AGGS; i++)
		free(g->list[i].v);
	free(g);
}

static inline void
m_free(struct model *m)
{
	for (int p = 0; p < 64; p++) {
		for (size_t i = 0; i < m->part[p].n; i++)
			m_group_free(m->part[p].v[i]);
		free(m->part[p].v);
	}
	memset(m->part, 0, sizeof(m->part));
}

/* S29: window past, then fewest flows, then lower number, of the next eight. */
static inline size_t
m_victim(const struct model *m, struct m_part *p, int64_t now, bool *lost)
{
	size_t look = p->n < 8 ? p->n : 8, best = 0;
	bool best_past = false;
	__int128 span = 0;

	for (uint32_t a = 0; a < m->def.naggs; a++) {
		__int128 s = (__int128)m->agg[a].pane_ms * m_kept(&m->agg[a]) + m->agg[a].history_ms;

		span = s > span ? s : span;
	}
	for (size_t i = 0; i < look; i++) {
		size_t at = (p->hand + i) % p->n;
		bool past = (__int128)p->v[at]->newest + span < now;
		bool better = i == 0 || (past && !best_past) || (past == best_past &&
		    (p->v[at]->flows < p->v[best]->flows || (p->v[at]->flows == p->v[best]->flows && at < best)));

		if (better) {
			best = at;
			best_past = past;
		}
	}
	p->hand = (best + 1) % p->n; /* behind the place that is given away */
	*lost = !best_past;
	return best;
}

static inline struct m_group *
m_group(struct model *m, const struct m_row *r, bool make, struct tsn_batch *scratch)
{
	struct m_part *p = &m->part[m_part_of(m, r, scratch)];
	const size_t budget = m->def.max_keys / 64 < 1 ? 1 : m->def.max_keys / 64;
	char key[M_TEXT];
	struct m_group *g;
	size_t at;
	bool lost;

	m_text(&m->def.key, r, key);
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->v[i]->key, key) == 0)
			return p->v[i];
	if (!make)
		return NULL;
	g = calloc(1, sizeof(*g));
	strcpy(g->key, key);
	g->newest = INT64_MIN;
	g->first = *r;
	if (p->n < budget) {
		if (p->n == p->cap) {
			p->cap = p->cap ? p->cap * 2 : 4;
			p->v = realloc(p->v, p->cap * sizeof(*p->v));
		}
		p->v[p->n++] = g;
		m->stats.groups++;
		return g;
	}
	at = m_victim(m, p, r->time, &lost);
	if (lost)
		m_evict(m, (unsigned)(p - m->part), p->v[at]->newest > r->time ? p->v[at]->newest : r->time);
	else
		m_recycle(m, (unsigned)(p - m->part), p->v[at]->newest);
	m_group_free(p->v[at]);
	p->v[at] = g;
	return g;
}

/* Does the row count for aggregate [a]? If so [f] is what it brings. */
static inline bool
m_takes(const struct tsn_agg_def *d, const struct m_row *r, unsigned a, struct m_flow *f)
{
	memset(f, 0, sizeof(*f));
	f->pane = m_pane(d, r);
	if (d->fn == TSN_AGG_COUNT)
		return true;
	if (d->fn == TSN_AGG_DISTINCT || d->fn == TSN_AGG_ENTROPY)
		return m_text(&d->tuple, r, f->member);
	if (d->fn == TSN_AGG_JITTER) {
		m_text_loose(&d->tuple, r, f->member);
		f->start = r->start;
		f->length = r->has_end && r->end > r->start ? (uint64_t)r->end - (uint64_t)r->start : 0;
		f->length = f->length > UINT32_MAX ? UINT32_MAX : f->length;
		return r->has_start;
	}
	f->i = r->arg[a].i;
	f->f = r->arg[a].f;
	return r->arg[a].known;
}

/* The flow joins the group's list, or is late. */
static inline void
m_join(struct model *m, const struct tsn_agg_def *d, struct m_list *l, struct m_flow *f)
{
	if (l->n > 0 && f->pane <= m_newest(l) - m_kept(d)) {
		m->stats.late++;
		return;
	}
	if (d->fn == TSN_AGG_JITTER)
		m_crowd(d, l, f);
	m_push(l, f);
}

/* The last eviction that concerns the group which the row names: in its part. */
static inline int64_t
m_evicted(const struct model *m, const struct m_row *r, struct tsn_batch *scratch)
{
	const struct tsn_key_spec *k = m->def.at.n > 0 ? &m->def.at : &m->def.key;
	char key[M_TEXT];

	if (m->whole)
		return m->evicted[0];
	return m_text(k, r, key) ? m->evicted[m_part_by(m, k, r, scratch)] : TSN_TIME_NONE;
}

static inline void
m_fold(struct model *m, const struct m_row *r, struct m_value out[M_AGGS], struct tsn_batch *scratch)
{
	struct m_group *g = NULL;
	struct m_flow f;
	char key[M_TEXT];
	bool keyed = m_text(&m->def.key, r, key);

	if (keyed && (r->counted || r->read))
		g = m_group(m, r, r->counted, scratch);
	if (g != NULL && r->counted) {
		g->flows++;
		g->newest = r->time > g->newest ? r->time : g->newest;
	}
	for (unsigned a = 0; a < m->def.naggs; a++) {
		const struct tsn_agg_def *d = &m->agg[a];
		struct m_list *l = g == NULL ? NULL : &g->list[a];

		if (g != NULL && r->counted && m_takes(d, r, a, &f))
			m_join(m, d, l, &f);
		if (keyed && (r->counted || r->read))
			out[a] = m_value(d, l, m_pane(d, r));
		else
			out[a] = (struct m_value){ 0 };
	}
}

static inline void
m_nothing_evicted(struct model *m)
{
	m->stats.last_evicted = TSN_TIME_NONE;
	for (int i = 0; i < 64; i++)
		m->evicted[i] = TSN_TIME_NONE;
}

static inline void
m_init(struct model *m, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->seed = seed;
	m_nothing_evicted(m);
	m->def.canon = "family";
	m->def.agg = m->agg;
}

#endif
