/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Dynamic sets through the whole engine: rules that feed themselves and one another, over random flows, against a model
 * that goes flow by flow and second by second. Whatever the batches, and over a reload.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/sink.h"
#include "base/clock.h"
#include "base/hash.h"
#include "core/engine.h"
#include "unit/compile_rules.h"

#define FLOWS 400
#define START INT64_C(1767571200000)

static uint64_t state;

static unsigned
below(unsigned n)
{
	state += UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned)(tsn_mix64(state) % n);
}

struct flow {
	int64_t received;
	int src, dst, port; /* port -1: none */
};

struct seen {
	char text[FLOWS * 4][24]; /* rule and number of the flow */
	size_t n;
};

/* --- the model --- */

struct member {
	int who, port;
	int64_t expires;
};

struct model {
	struct member one[64], pair[64];
	size_t n[2];
	size_t max;
	int64_t expire_ms[2], for_ms;
	struct { int kind; bool remove; int who, port; } pending[FLOWS * 4];
	size_t npending;
};

static size_t
find(const struct member *v, size_t n, int who, int port)
{
	size_t i;

	for (i = 0; i < n && (v[i].who != who || v[i].port != port); i++)
		;
	return i;
}

static void
take(struct member *v, size_t *n, size_t i)
{
	memmove(&v[i], &v[i + 1], (*n - i - 1) * sizeof(*v));
	(*n)--;
}

static void
expire(struct model *m, int64_t now)
{
	for (int k = 0; k < 2; k++) {
		struct member *v = k == 0 ? m->one : m->pair;

		for (size_t i = 0; i < m->n[k];) {
			if (v[i].expires <= now)
				take(v, &m->n[k], i);
			else
				i++;
		}
	}
}

static void
add(struct model *m, int k, int who, int port, int64_t now, int64_t stay)
{
	struct member *v = k == 0 ? m->one : m->pair;
	size_t *n = &m->n[k], i = find(v, *n, who, port), first = 0;

	if (i == *n) {
		if (*n == m->max) {
			for (size_t j = 1; j < *n; j++)
				if (v[j].expires < v[first].expires)
					first = j;
			take(v, n, first);
		}
		i = (*n)++;
	}
	v[i] = (struct member){ who, port, stay == 0 ? INT64_MAX : now + stay };
}

/* The tick after what happened comes even if the clock jumps over it. */
static void
tick(struct model *m, int64_t first, int64_t now)
{
	expire(m, first);
	for (size_t i = 0; i < m->npending; i++) {
		int k = m->pending[i].kind;
		struct member *v = k == 0 ? m->one : m->pair;
		size_t at = find(v, m->n[k], m->pending[i].who, m->pending[i].port);

		if (!m->pending[i].remove)
			add(m, k, m->pending[i].who, m->pending[i].port, first, k == 0 ? m->for_ms : m->expire_ms[1]);
		else if (at < m->n[k])
			take(v, &m->n[k], at);
	}
	m->npending = 0;
	expire(m, now);
}

static void
note(struct seen *s, const char *rule, size_t flow)
{
	snprintf(s->text[s->n++], sizeof(s->text[0]), "%s %zu", rule, flow);
}

static void
change(struct model *m, int kind, bool remove, int who, int port)
{
	m->pending[m->npending].kind = kind;
	m->pending[m->npending].remove = remove;
	m->pending[m->npending].who = who;
	m->pending[m->npending++].port = port;
}

/* The rules of rules_text, in order; records of a flow are in the order of rules, actions in that of records. */
static void
run_model(struct model *m, const struct flow *f, size_t n, struct seen *s)
{
	int64_t second = START / 1000 - 1;

	memset(s, 0, sizeof(*s));
	for (size_t i = 0; i < n; i++) {
		int64_t now = f[i].received / 1000;
		bool in, removed;

		if (now > second)
			tick(m, (second + 1) * 1000, now * 1000);
		second = now;
		in = find(m->one, m->n[0], f[i].src, -1) < m->n[0];
		removed = find(m->one, m->n[0], f[i].dst, -1) < m->n[0];
		if (!in) {
			note(s, "enters", i);
			change(m, 0, false, f[i].src, -1);
		}
		if (in && removed) {
			note(s, "leaves", i);
			change(m, 0, true, f[i].dst, -1);
		}
		if (f[i].port >= 0 && find(m->pair, m->n[1], f[i].dst, f[i].port) == m->n[1]) {
			note(s, "pairs", i);
			change(m, 1, false, f[i].dst, f[i].port);
		}
	}
}

/* --- the engine --- */

static void
on_alert(void *arg, const struct tsn_alert *al)
{
	struct seen *s = arg;

	cr_assert_lt(s->n, FLOWS * 4);
	note(s, al->rule->name, al->last.in_if);
}

static void
put(struct tsn_engine *e, const struct flow *f, uint32_t number)
{
	struct tsn_batch *b;
	uint32_t row;

	tsn_engine_clock(e, f->received);
	b = tsn_engine_room(e);
	row = b->n;
	tsn_batch_put_addr(b, row, TSN_F_SRC, tsn_addr_v4(0x0a000000u | (uint32_t)f->src));
	tsn_batch_put_addr(b, row, TSN_F_DST, tsn_addr_v4(0x0a000000u | (uint32_t)f->dst));
	tsn_batch_put_int(b, row, TSN_F_PROTO, f->port >= 0 ? 6 : 47);
	if (f->port >= 0)
		tsn_batch_put_int(b, row, TSN_F_DST_PORT, f->port);
	tsn_batch_put_int(b, row, TSN_F_RAW_BYTES, 100);
	tsn_batch_put_int(b, row, TSN_F_RAW_PACKETS, 1);
	tsn_batch_put_int(b, row, TSN_F_START, f->received);
	tsn_batch_put_int(b, row, TSN_F_END, f->received);
	tsn_batch_put_int(b, row, TSN_F_IN_IF, number);
	b->received[row] = b->exported[row] = f->received;
	b->source[row] = tsn_exporters_find(tsn_engine_exporters(e), tsn_addr_v4(0xc0000201u));
	b->n++;
}

/* [reload]: before this flow other rules with the same sets come into force; [idle]: the clock ticks while nothing comes. */
static void
run_engine(const char *text, const char *other, const struct flow *f, size_t n, uint32_t rows, size_t reload, bool idle,
    struct seen *s)
{
	struct tsn_engine_options o = { .batch_rows = rows };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct tsn_sink *sink = tsn_sink_call_new(on_alert, s, TSN_SEV_INFO);

	memset(s, 0, sizeof(*s));
	cr_assert(e != NULL && sink != NULL && tsn_engine_add_sink(e, sink) && tsn_engine_load(e, compile_rules(text), NULL));
	for (size_t i = 0; i < n; i++) {
		for (int64_t t = i > 0 ? f[i - 1].received : f[0].received; idle && t < f[i].received; t += 500)
			tsn_engine_clock(e, t);
		if (i == reload) {
			tsn_engine_clock(e, f[i].received);
			cr_assert(tsn_engine_load(e, compile_rules(other), NULL));
		}
		put(e, &f[i], (uint32_t)i);
	}
	tsn_engine_finish(e);
	tsn_engine_remove_sinks(e);
	tsn_sink_close(sink);
	tsn_engine_free(e);
}

static void
compare(const struct seen *got, const struct seen *want, const char *text, const char *how)
{
	for (size_t i = 0; i < got->n && i < want->n; i++)
		cr_assert(strcmp(got->text[i], want->text[i]) == 0, "%s\n%s: %zu is %s, not %s", text, how, i, got->text[i], want->text[i]);
	cr_assert(got->n == want->n, "%s\n%s: %zu, not %zu", text, how, got->n, want->n);
}

Test(core_dynamic, rules_that_feed_one_another)
{
	static const uint32_t batches[] = { 1, 7, TSN_BATCH_ROWS };
	uint32_t runs = getenv("TSN_SOAK") != NULL ? 1000 : 40;
	static struct seen got, want;
	static struct flow f[FLOWS];
	static struct model m;
	char text[1200], other[1400], expire_text[40];

	for (uint32_t run = 0; run < runs; run++) {
		unsigned hosts, gap;
		size_t n, reload = FLOWS;

		state = run;
		hosts = 2 + below(20);
		gap = 1 + below(below(4) == 0 ? 8000 : 700);
		n = 50 + below(FLOWS - 50);
		memset(&m, 0, sizeof(m));
		m.max = 1 + below(12);
		m.for_ms = 1000 * (1 + below(20));
		m.expire_ms[1] = below(3) ? 1000 * (1 + below(15)) + below(1000) : 0;
		expire_text[0] = 0;
		if (m.expire_ms[1] > 0)
			snprintf(expire_text, sizeof(expire_text), "expire %lldms ", (long long)m.expire_ms[1]);
		snprintf(text, sizeof(text), "set one = dynamic expire 1h max %zu\nset pair = dynamic %smax %zu\n"
		    "rule enters { when src not in one alert each then add src to one for %llds }\n"
		    "rule leaves { when dst in one and src in one alert each then remove dst from one }\n"
		    "rule pairs { when (dst, dst_port) not in pair alert each then add (dst, dst_port) to pair }\n", m.max, expire_text,
		    m.max, (long long)m.for_ms / 1000);
		snprintf(other, sizeof(other), "set another = dynamic\nrule first { when src in another and bytes > 5 }\n%s", text);
		for (size_t i = 0; i < n; i++) {
			f[i].received = (i == 0 ? START : f[i - 1].received) + below(gap);
			f[i].src = (int)below(hosts);
			f[i].dst = (int)below(hosts);
			f[i].port = below(5) ? (int)below(3) : -1;
		}
		/* at the first flow of a second: openings before it have been told */
		for (size_t i = n / 2; i < n && reload == FLOWS; i++)
			if (f[i].received / 1000 > f[i - 1].received / 1000)
				reload = i;
		run_model(&m, f, n, &want);
		cr_assert_gt(want.n, 2);
		for (size_t i = 0; i < 3; i++) {
			run_engine(text, other, f, n, batches[i], FLOWS, false, &got);
			compare(&got, &want, text, "in batches");
			run_engine(text, other, f, n, batches[i], reload, false, &got);
			compare(&got, &want, text, "over a reload");
		}
		run_engine(text, other, f, n, 7, FLOWS, true, &got);
		compare(&got, &want, text, "with ticks between");
	}
}
