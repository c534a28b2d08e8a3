/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Windows from the language's side: random rules as text over random flows
 * through the whole engine, against a model that keeps every flow and works
 * each value out from the definition (LANGUAGE.md section 4, rulings S2, S3,
 * S13). The flows come out of order, late, from the future, without
 * keys, in both address families; the engine takes them in batches of 1, 7, 2,048 and some.
 */
#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "core/engine.h"
#include "unit/compile_rules.h"

#define FLOWS_MAX 600
#define START INT64_C(1767571200000)

/* --- random numbers of our own, the same everywhere --- */

static uint64_t rng_state;

static uint64_t
rng(void)
{
	rng_state += UINT64_C(0x9e3779b97f4a7c15);
	return tsn_mix64(rng_state);
}

static unsigned
below(unsigned n)
{
	return (unsigned)(rng() % n);
}

/* --- flows --- */

struct flow {
	int64_t received, end, exported;
	int src;          /* 0..: index of an address; -1 absent */
	int dst;
	int proto;        /* 6, 17, 1, 47 */
	int dst_port;     /* -1: the protocol has none */
	int64_t bytes, packets;
	int exporter;
};

static struct tsn_addr
address(int i)
{
	uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8 };

	if (i % 3 != 2)
		return tsn_addr_v4(0x0a000000u | (uint32_t)(i / 4) << 8 | (uint32_t)i);
	v6[7] = (uint8_t)(i / 4);
	v6[15] = (uint8_t)i;
	return tsn_addr_from_v6(v6);
}

static int64_t
event_time(const struct flow *f)
{
	int64_t age = f->exported - f->end;

	return f->received - (age < 0 ? 0 : age > 3600000 ? 3600000 : age);
}

static size_t
random_flows(struct flow *f)
{
	static const int protos[] = { 6, 6, 6, 17, 17, 1, 47 };
	static const int ports[] = { 25, 25, 53, 80, 443 };
	size_t n = 50 + below(FLOWS_MAX - 50), i;
	int64_t now = START + below(100000);
	unsigned gap = 1 + below(3000), late = below(4), hosts = 1 + below(12);

	for (i = 0; i < n; i++) {
		now += below(gap);
		f[i].received = now;
		f[i].exported = now - 5000 + (int64_t)below(3) * 60000; /* the exporter's clock may be wrong: it cancels */
		f[i].end = f[i].exported - (late == 0 ? 0 : late == 1 ? (int64_t)below(2000) : late == 2 ? (int64_t)below(90000) :
		    below(20) == 0 ? (int64_t)below(4000000) : 0);
		if (below(30) == 0)
			f[i].end = f[i].exported + below(50000); /* a flow from the future */
		f[i].src = below(25) == 0 ? -1 : (int)below(hosts);
		f[i].dst = (int)below(below(2) ? 3 : 40);
		f[i].proto = protos[below(7)];
		f[i].dst_port = f[i].proto == 6 || f[i].proto == 17 ? ports[below(5)] : -1;
		f[i].bytes = below(10) == 0 ? (int64_t)(rng() >> 30) : (int64_t)below(2000);
		f[i].packets = 1 + below(20);
		f[i].exporter = (int)below(2);
	}
	return n;
}

/* --- conditions, as text and as a predicate; 1 true, 0 false, -1 unknown --- */

static const char *const cond_text[] = { "", "dst_port == 25", "proto == tcp", "bytes > 700", "src in 10.0.0.0/23", "not dst_port == 80",
	"dst_port in { 25, 53 } or proto == icmp" };
#define NCONDS 7

static int
cond(int c, const struct flow *f)
{
	switch (c) {
	case 0: return 1;
	case 1: return f->dst_port < 0 ? -1 : f->dst_port == 25;
	case 2: return f->proto == 6;
	case 3: return f->bytes > 700;
	case 4: return f->src < 0 ? -1 : address(f->src).v4 && f->src / 4 < 2;
	case 5: return f->dst_port < 0 ? -1 : f->dst_port != 80;
	case 6: return f->proto == 1 || (f->dst_port == 25 || f->dst_port == 53);
	}
	return -1;
}

/* Fields of the leaves of each condition that are true of a flow; a rule without part in a flow does not match it. */
enum { F_SRC = 1, F_DST = 2, F_PROTO = 4, F_DST_PORT = 8, F_BYTES = 16, F_EXPORTER = 32 };

static int
true_leaves(int c, const struct flow *f)
{
	switch (c) {
	case 1: case 5: return cond(c, f) == 1 ? F_DST_PORT : 0;
	case 2: return cond(c, f) == 1 ? F_PROTO : 0;
	case 3: return cond(c, f) == 1 ? F_BYTES : 0;
	case 4: return cond(c, f) == 1 ? F_SRC : 0;
	case 6: return (f->proto == 1 ? F_PROTO : 0) | (f->dst_port == 25 || f->dst_port == 53 ? F_DST_PORT : 0);
	}
	return 0;
}

/* --- keys: does a flow have one, and are two the same --- */

static const char *const key_text[] = { "", "by src ", "by src/24 ", "by src, dst_port ", "by exporter ", "by dst ", "by src/16/48, proto " };
static const int key_fields[] = { 0, F_SRC, F_SRC, F_SRC | F_DST_PORT, F_EXPORTER, F_DST, F_SRC | F_PROTO };
#define NKEYS 7

static bool
same_masked(int a, int b, unsigned v4, unsigned v6)
{
	return tsn_addr_cmp(tsn_addr_mask(address(a), v4, v6), tsn_addr_mask(address(b), v4, v6)) == 0;
}

static bool
has_key(int k, const struct flow *f)
{
	return !((k == 1 || k == 2 || k == 3 || k == 6) && f->src < 0) && !(k == 3 && f->dst_port < 0);
}

static bool
same_key(int k, const struct flow *a, const struct flow *b)
{
	switch (k) {
	case 0: return true;
	case 1: return a->src == b->src;
	case 2: return same_masked(a->src, b->src, 24, 64);
	case 3: return a->src == b->src && a->dst_port == b->dst_port;
	case 4: return a->exporter == b->exporter;
	case 5: return a->dst == b->dst;
	case 6: return a->proto == b->proto && same_masked(a->src, b->src, 16, 48);
	}
	return false;
}

/* --- a random rule --- */

enum fn { COUNT, SUM, MIN, MAX, AVG, RATE, DISTINCT, NFN };
static const char *const fn_text[] = { "count", "sum", "min", "max", "avg", "rate", "distinct" };
static const char *const rel_text[] = { ">", ">=", "<", "<=", "==", "!=" };

struct rule {
	enum fn fn;
	int key, inner, outer, where; /* conditions: inside the call, and-ed to it, the rule's own */
	bool per;
	int64_t window, step;
	int rel;
	int64_t threshold;
	char text[512];
};

static void
random_rule(struct rule *r)
{
	static const int64_t windows[] = { 1000, 3000, 15000, 60000, 61000, 300000, 3600000 };
	char step[32] = "", call[128];

	r->fn = (enum fn)below(NFN);
	r->key = (int)below(NKEYS);
	r->inner = (int)below(NCONDS);
	r->where = below(3) ? 0 : (int)below(NCONDS);
	r->outer = below(2) ? 0 : 1 + (int)below(3); /* tests of fields; of a key field they would not touch */
	r->per = below(3) == 0;
	r->window = windows[below(7)];
	r->step = 0;
	r->rel = (int)below(6);
	if (r->per && (r->rel > 1 || r->fn == MIN || r->fn == AVG)) /* only the close can decide those */
		r->per = false;
	if (!r->per && below(5) == 0 && r->window >= 15000) {
		r->step = r->window / (1 + below(8));
		snprintf(step, sizeof(step), " step %lldms", (long long)r->step);
		if (r->step < (r->window + 14) / 15 || r->step < 1000) {
			r->step = 0;
			step[0] = '\0';
		}
	}
	switch (r->fn) { /* at least 1: `count() < 0` is refused, no flow can meet it */
	case COUNT: r->threshold = 1 + below(20); break;
	case DISTINCT: r->threshold = 1 + below(10); break;
	case RATE: r->threshold = 1 + below(3000); break;
	default: r->threshold = 1 + below(r->fn == SUM ? 20000 : 2000); break;
	}
	if (r->fn == COUNT)
		snprintf(call, sizeof(call), "count(%s)", cond_text[r->inner]);
	else
		snprintf(call, sizeof(call), "%s(%s%s%s)", fn_text[r->fn], r->fn == DISTINCT ? "dst" : "bytes",
		    r->inner ? " where " : "", cond_text[r->inner]);
	snprintf(r->text, sizeof(r->text), "rule r { %s%s when %s%s%s %s%s %lldms%s %s %lld alert each }", r->where ? "where " : "",
	    cond_text[r->where], cond_text[r->outer], r->outer ? " and " : "", call, key_text[r->key], r->per ? "per" : "over",
	    (long long)r->window, step, rel_text[r->rel], (long long)r->threshold);
}

/* --- the model --- */

struct model {
	const struct rule *r;
	const struct flow *f;
	bool took[FLOWS_MAX];   /* counted and not late */
	int64_t pane, panes;
};

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b != 0 && a < 0);
}

static int64_t
pane_of(const struct model *m, size_t i)
{
	return floor_div(event_time(&m->f[i]), m->pane);
}

/* The newest pane of the flows of i's group that were counted before or at row [upto]. */
static int64_t
newest(const struct model *m, size_t i, size_t upto)
{
	int64_t best = INT64_MIN;

	for (size_t j = 0; j <= upto; j++)
		if (m->took[j] && same_key(m->r->key, &m->f[i], &m->f[j]) && pane_of(m, j) > best)
			best = pane_of(m, j);
	return best;
}

/* The value of the group of flow [i] as of row [i], over panes first..last. False: unknown. */
static bool
value(const struct model *m, size_t i, int64_t first, int64_t last, double *out)
{
	bool seen[64] = { false };
	double sum = 0, low = INFINITY, high = -INFINITY;
	long n = 0, different = 0;

	for (size_t j = 0; j <= i; j++) {
		if (!m->took[j] || !same_key(m->r->key, &m->f[i], &m->f[j]) || pane_of(m, j) < first || pane_of(m, j) > last)
			continue;
		n++;
		sum += (double)m->f[j].bytes; /* below 2^53 in all: exact */
		low = fmin(low, (double)m->f[j].bytes);
		high = fmax(high, (double)m->f[j].bytes);
		different += !seen[m->f[j].dst];
		seen[m->f[j].dst] = true;
	}
	switch (m->r->fn) {
	case COUNT: *out = (double)n; return true;
	case SUM: *out = sum; return true;
	case RATE: *out = sum / ((double)m->r->window / 1000); return true;
	case DISTINCT: *out = (double)different; return true;
	case MIN: *out = low; return n > 0;
	case MAX: *out = high; return n > 0;
	case AVG: *out = n > 0 ? sum / (double)n : 0; return n > 0;
	default: return false;
	}
}

static bool
holds(const struct rule *r, double v)
{
	double t = (double)r->threshold;

	switch (r->rel) {
	case 0: return v > t;
	case 1: return v >= t;
	case 2: return v < t;
	case 3: return v <= t;
	case 4: return v == t;
	default: return v != t;
	}
}

/* Takes row [i] into account and says whether the rule matches it. */
static bool
step_model(struct model *m, size_t i)
{
	const struct rule *r = m->r;
	const struct flow *f = &m->f[i];
	bool where = cond(r->where, f) == 1, outer = cond(r->outer, f) == 1;
	bool counts = where && cond(r->inner, f) == 1 && has_key(r->key, f), touched;
	int64_t own = pane_of(m, i), top, first, last;
	double v;

	if (counts) {
		top = i > 0 ? newest(m, i, i - 1) : INT64_MIN;
		m->took[i] = top == INT64_MIN || own > top - m->panes - (r->per ? 1 : 0); /* per keeps the window before it */
	}
	touched = counts || ((true_leaves(r->where, f) | true_leaves(r->outer, f)) & ~key_fields[r->key]) != 0;
	if (!where || !outer || !touched || !has_key(r->key, f))
		return false;
	if (r->per) {
		first = last = own;
		top = newest(m, i, i);
		if (top != INT64_MIN && own <= top - 2)
			first = own + 1; /* that window is gone: no flow in it is known any more */
	} else {
		top = newest(m, i, i);
		last = top == INT64_MIN || (own > top && !counts) ? own : top;
		first = last - m->panes + 1;
	}
	return value(m, i, first, last, &v) && holds(r, v);
}

/* --- the engine --- */

struct seen {
	bool matched[FLOWS_MAX];
	unsigned twice;
};

static void
on_alert(void *arg, const struct tsn_alert *al)
{
	struct seen *s = arg;

	if (al->last.in_if < FLOWS_MAX)
		s->twice += s->matched[al->last.in_if];
	s->matched[al->last.in_if] = true;
}

static void
put(struct tsn_engine *e, const struct flow *f, uint32_t number)
{
	struct tsn_batch *b;
	uint32_t row;

	tsn_engine_clock(e, f->received);
	b = tsn_engine_room(e);
	cr_assert(b != NULL);
	row = b->n;
	if (f->src >= 0)
		tsn_batch_put_addr(b, row, TSN_F_SRC, address(f->src));
	tsn_batch_put_addr(b, row, TSN_F_DST, address(f->dst));
	tsn_batch_put_addr(b, row, TSN_F_EXPORTER, tsn_addr_v4(0xc0000201u + (uint32_t)f->exporter));
	tsn_batch_put_int(b, row, TSN_F_PROTO, f->proto);
	if (f->dst_port >= 0)
		tsn_batch_put_int(b, row, TSN_F_DST_PORT, f->dst_port);
	tsn_batch_put_int(b, row, TSN_F_RAW_BYTES, f->bytes);
	tsn_batch_put_int(b, row, TSN_F_RAW_PACKETS, f->packets);
	tsn_batch_put_int(b, row, TSN_F_START, f->end);
	tsn_batch_put_int(b, row, TSN_F_END, f->end);
	tsn_batch_put_int(b, row, TSN_F_IN_IF, number);
	b->received[row] = f->received;
	b->exported[row] = f->exported;
	b->source[row] = tsn_exporters_find(tsn_engine_exporters(e), tsn_batch_addr(b, row, TSN_F_EXPORTER));
	b->n++;
}

static void
run_engine(const struct rule *r, const struct flow *f, size_t n, uint32_t rows, struct seen *s)
{
	struct tsn_engine_options o = { .batch_rows = rows };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct tsn_sink *sink = tsn_sink_call_new(on_alert, s, TSN_SEV_INFO);

	memset(s, 0, sizeof(*s));
	cr_assert(e != NULL && sink != NULL && tsn_engine_add_sink(e, sink) && tsn_engine_load(e, compile_rules(r->text), NULL));
	for (size_t i = 0; i < n; i++)
		put(e, &f[i], (uint32_t)i);
	tsn_engine_finish(e);
	tsn_engine_remove_sinks(e);
	tsn_sink_close(sink);
	tsn_engine_free(e);
}

static void
one_case(uint64_t seed)
{
	static const uint32_t sizes[] = { 1, 7, TSN_BATCH_ROWS, 0 };
	static struct flow f[FLOWS_MAX];
	struct model m = { .f = f };
	static struct seen s;
	bool expected[FLOWS_MAX];
	struct rule r;
	size_t n, i;

	rng_state = seed;
	n = random_flows(f);
	random_rule(&r);
	m.r = &r;
	m.pane = r.per ? r.window : r.step ? r.step : (r.window + 14) / 15;
	if (!r.per && m.pane < 1000)
		m.pane = 1000;
	m.panes = r.per ? 1 : (r.window + m.pane - 1) / m.pane + 1;
	for (i = 0; i < n; i++)
		expected[i] = step_model(&m, i);
	for (unsigned k = 0; k < 4; k++) {
		uint32_t rows = sizes[k] ? sizes[k] : 1 + below(300);

		run_engine(&r, f, n, rows, &s);
		cr_assert(s.twice == 0, "seed %llu: %u flows matched twice", (unsigned long long)seed, s.twice);
		for (i = 0; i < n; i++)
			cr_assert(s.matched[i] == expected[i], "seed %llu, batches of %u, flow %zu of %zu: engine %d, model %d\n%s",
			    (unsigned long long)seed, rows, i, n, s.matched[i], expected[i], r.text);
	}
}

/* The cases are dealt to four tests, so that both cores have work. */
static void
cases(uint64_t first)
{
	uint64_t n = getenv("TSN_SOAK") != NULL ? 5000 : 60, k;

	for (k = 0; k < n; k++)
		one_case(first + k);
}

Test(core_windows, random_rules_a, .timeout = 3000) { cases(1000000); }
Test(core_windows, random_rules_b, .timeout = 3000) { cases(2000000); }
Test(core_windows, random_rules_c, .timeout = 3000) { cases(3000000); }
Test(core_windows, random_rules_d, .timeout = 3000) { cases(4000000); }
