/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Conversations (S15) against an oracle that looks at every flow for every flow, written from the ruling: which flows
 * belong together, who began, what came back. Random streams of both directions over several exporters, out of order,
 * with ties, of both families; the same records whatever the batches; bounds, memory that fails, and bytes that lie.
 */
#include <criterion/criterion.h>
#include <criterion/logging.h>

#include "unit/pair_run.h"

#define MANY  5000 /* so that the rings go round */

/* --- the oracle --- */

struct seen {
	struct tsn_value v[TSN_FIELD_COUNT];
	char host[48];
	int64_t received, time, now;
	uint32_t source;
	bool gives[TSN_GIVES_COUNT];
	bool used;
};

/* Flows in normal form, one a batch. */
static void
look(const struct flow *f, uint32_t n, struct seen *s, struct tsn_exporters *x)
{
	struct tsn_batch *b = tsn_batch_new();
	int64_t now = INT64_MIN;

	for (uint32_t i = 0; i < n; i++) {
		tsn_batch_clear(b, TSN_BATCH_FLOWS);
		put_flow(&f[i], b, x);
		tsn_batch_normalise(b, x);
		for (int k = 0; k < TSN_FIELD_COUNT; k++)
			tsn_batch_get(b, 0, (enum tsn_field)k, &s[i].v[k]);
		memcpy(s[i].host, f[i].host, sizeof(f[i].host));
		s[i].v[TSN_F_HTTP_HOST].s.p = s[i].host;
		for (int k = 0; k < TSN_GIVES_COUNT; k++)
			s[i].gives[k] = tsn_mask_has(&b->gives[k], 0);
		now = b->received[0] > now ? b->received[0] : now;
		s[i].received = b->received[0], s[i].time = b->time[0], s[i].now = now, s[i].source = b->source[0];
	}
	tsn_batch_free(b);
}

static bool
whole(const struct seen *s)
{
	return s->v[TSN_F_SRC].known && s->v[TSN_F_DST].known && s->v[TSN_F_PROTO].known;
}

static int64_t
port(const struct seen *s, enum tsn_field f)
{
	return s->v[f].known ? s->v[f].i : 0;
}

static bool
same_end(const struct seen *a, enum tsn_field aa, enum tsn_field ap, const struct seen *b, enum tsn_field ba, enum tsn_field bp)
{
	return tsn_addr_cmp(a->v[aa].addr, b->v[ba].addr) == 0 && port(a, ap) == port(b, bp);
}

static bool
same_way(const struct seen *a, const struct seen *b)
{
	return whole(a) && whole(b) && a->v[TSN_F_PROTO].i == b->v[TSN_F_PROTO].i &&
	    same_end(a, TSN_F_SRC, TSN_F_SRC_PORT, b, TSN_F_SRC, TSN_F_SRC_PORT) &&
	    same_end(a, TSN_F_DST, TSN_F_DST_PORT, b, TSN_F_DST, TSN_F_DST_PORT);
}

static bool
other_way(const struct seen *a, const struct seen *b)
{
	return whole(a) && whole(b) && a->v[TSN_F_PROTO].i == b->v[TSN_F_PROTO].i &&
	    same_end(a, TSN_F_SRC, TSN_F_SRC_PORT, b, TSN_F_DST, TSN_F_DST_PORT) &&
	    same_end(a, TSN_F_DST, TSN_F_DST_PORT, b, TSN_F_SRC, TSN_F_SRC_PORT);
}

/* All flows of one direction. */
struct way {
	const struct seen *v[MANY];
	uint32_t n;
};

static bool
lone_syn(const struct way *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->v[i]->v[TSN_F_FLAGS].known && (w->v[i]->v[TSN_F_FLAGS].i & (SYN | ACK)) == SYN)
			return true;
	return false;
}

static bool
bare_rst(const struct seen *s)
{
	int64_t flags = s->v[TSN_F_FLAGS].i;

	return s->v[TSN_F_PROTO].i == 6 && s->v[TSN_F_FLAGS].known && (flags == RST || flags == (RST | ACK));
}

static bool
sampled(const struct way *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->v[i]->v[TSN_F_SAMPLING].known && w->v[i]->v[TSN_F_SAMPLING].i > 1)
			return true;
	return false;
}

static bool
least(const struct way *w, enum tsn_field f, bool most, int64_t *out)
{
	bool known = false;

	for (uint32_t i = 0; i < w->n; i++) {
		const struct tsn_value *v = &w->v[i]->v[f];

		if (v->known && (!known || (most ? v->i > *out : v->i < *out)))
			*out = v->i;
		known |= v->known;
	}
	return known;
}

/* False: absent. */
static bool
sum(const struct way *w, enum tsn_field f, int64_t *out)
{
	__int128 all = 0;
	bool known = false;

	for (uint32_t i = 0; i < w->n; i++) {
		known |= w->v[i]->v[f].known;
		all += w->v[i]->v[f].known ? w->v[i]->v[f].i : 0;
	}
	*out = (int64_t)all;
	return known && all <= INT64_MAX;
}

/* Did [b] begin, not [a]? Both sent something. */
static bool
second_began(const struct way *a, const struct way *b)
{
	int64_t x, y;
	bool sx = least(a, TSN_F_START, false, &x), sy = least(b, TSN_F_START, false, &y);

	if (sx && sy && x != y)
		return y < x;
	if (lone_syn(a) != lone_syn(b))
		return lone_syn(b);
	if (port(a->v[0], TSN_F_SRC_PORT) != port(b->v[0], TSN_F_SRC_PORT))
		return port(b->v[0], TSN_F_SRC_PORT) > port(a->v[0], TSN_F_SRC_PORT);
	return tsn_addr_cmp(b->v[0]->v[TSN_F_SRC].addr, a->v[0]->v[TSN_F_SRC].addr) < 0;
}

static bool
all_flags(const struct way *w, int64_t *out)
{
	bool known = false;

	*out = 0;
	for (uint32_t i = 0; i < w->n; i++) {
		known |= w->v[i]->v[TSN_F_FLAGS].known;
		*out |= w->v[i]->v[TSN_F_FLAGS].known ? w->v[i]->v[TSN_F_FLAGS].i : 0;
	}
	return known;
}

static void
put_number(struct tsn_batch *b, enum tsn_field f, bool known, int64_t v)
{
	if (known)
		tsn_batch_put_int(b, 0, f, v);
}

static void
expect_answer(struct tsn_batch *b, const struct way *i, const struct way *o, bool *both)
{
	bool answered = false, bare = false, tcp = i->v[0]->v[TSN_F_PROTO].i == 6;
	int64_t fi, fo, n;
	bool ki = all_flags(i, &fi), ko = all_flags(o, &fo), known;

	for (uint32_t k = 0; k < o->n; k++) {
		answered |= !bare_rst(o->v[k]);
		bare |= bare_rst(o->v[k]);
	}
	for (uint32_t k = 0; k < i->n; k++)
		bare |= bare_rst(i->v[k]);
	if (sampled(i) || sampled(o))
		return;
	*both |= answered;
	if (!*both && o->n == 0)
		return;
	put_number(b, TSN_F_ANSWERED, true, answered);
	put_number(b, TSN_F_ATTEMPTED, answered || !tcp || ki, !answered && (!tcp || lone_syn(i)));
	put_number(b, TSN_F_ESTABLISHED, !answered || !tcp || (ki && ko), answered && (!tcp || (fi & ACK && fo & ACK && !bare)));
	known = sum(o, TSN_F_PACKETS, &n) || o->n == 0;
	put_number(b, TSN_F_REPLY_PACKETS, known, n);
	known = sum(o, TSN_F_BYTES, &n) || o->n == 0;
	put_number(b, TSN_F_REPLY_BYTES, known, n);
}

static void
expect_record(struct tsn_batch *b, const struct seen *first, const struct way *i, const struct way *o, struct tsn_exporters *x, bool *both)
{
	const struct seen *mine = i->v[0];
	int64_t v;
	bool has_sport = false, has_dport = false;

	tsn_batch_clear(b, TSN_BATCH_TALKS);
	tsn_mask_clear(&b->gives[TSN_GIVES_BOTH_DIRECTIONS]);
	b->time[0] = first->time;
	b->received[0] = first->now;
	for (size_t k = 0; k < NCARRIED; k++)
		if (mine->v[carried[k]].known)
			tsn_batch_put(b, 0, carried[k], &mine->v[carried[k]]);
	for (uint32_t k = 0; k < i->n; k++)
		has_sport |= i->v[k]->v[TSN_F_SRC_PORT].known, has_dport |= i->v[k]->v[TSN_F_DST_PORT].known;
	tsn_batch_put_addr(b, 0, TSN_F_SRC, mine->v[TSN_F_SRC].addr);
	tsn_batch_put_addr(b, 0, TSN_F_DST, mine->v[TSN_F_DST].addr);
	tsn_batch_put_addr(b, 0, TSN_F_INITIATOR, mine->v[TSN_F_SRC].addr);
	put_number(b, TSN_F_PROTO, true, mine->v[TSN_F_PROTO].i);
	put_number(b, TSN_F_IP_VERSION, true, mine->v[TSN_F_SRC].addr.v4 ? 4 : 6);
	put_number(b, TSN_F_SRC_PORT, has_sport, port(mine, TSN_F_SRC_PORT));
	put_number(b, TSN_F_DST_PORT, has_dport, port(mine, TSN_F_DST_PORT));
	if (all_flags(i, &v))
		tsn_batch_put_int(b, 0, TSN_F_FLAGS, v);
	if (least(i, TSN_F_START, false, &v))
		tsn_batch_put_int(b, 0, TSN_F_START, v);
	if (least(i, TSN_F_END, true, &v))
		tsn_batch_put_int(b, 0, TSN_F_END, v);
	if (sum(i, TSN_F_PACKETS, &v))
		tsn_batch_put_int(b, 0, TSN_F_PACKETS, v);
	if (sum(i, TSN_F_BYTES, &v))
		tsn_batch_put_int(b, 0, TSN_F_BYTES, v);
	if (mine->v[TSN_F_RAW_BYTES].known) {
		bool fits = sum(i, TSN_F_RAW_BYTES, &v);

		cr_assert(fits);
		put_number(b, TSN_F_RAW_BYTES, true, v);
	}
	expect_answer(b, i, o, both);
	if (mine->source == tsn_exporters_find(x, tsn_addr_v4(0xc0000201)))
		tsn_batch_put_str(b, 0, TSN_F_EXPORTER_NAME, (struct tsn_str){ "edge", 4 });
	for (int k = 0; k < TSN_GIVES_COUNT; k++)
		tsn_mask_put(&b->gives[k], 0, mine->gives[k]);
	tsn_mask_put(&b->gives[TSN_GIVES_UNSAMPLED], 0, !sampled(i) && !sampled(o));
	tsn_mask_put(&b->gives[TSN_GIVES_BOTH_DIRECTIONS], 0, *both);
}

struct verdict { uint64_t talks, refused, lone; };

/* What a stream must give, with room for [max] at a time. */
static struct verdict
oracle(const struct flow *f, uint32_t n, uint64_t max, struct tsn_buf *out)
{
	struct seen *s = calloc(n, sizeof(*s));
	struct tsn_exporters *x = new_exporters();
	struct tsn_batch *b = tsn_batch_new();
	struct way *fore = calloc(1, sizeof(*fore)), *back = calloc(1, sizeof(*back));
	int64_t *due = calloc(n, sizeof(*due));
	struct verdict v = { 0 };
	bool both[16] = { false };

	look(f, n, s, x);
	for (uint32_t i = 0; i < n; i++) {
		uint64_t waiting = 0;

		v.lone += !whole(&s[i]);
		if (!whole(&s[i]) || s[i].used)
			continue;
		for (uint64_t k = 0; k < v.talks; k++)
			waiting += due[k] > second_of(s[i].now);
		if (waiting == max) {
			v.refused++;
			continue;
		}
		due[v.talks++] = s[i].now + WAIT;
		fore->n = back->n = 0;
		for (uint32_t k = i; k < n; k++) {
			bool fits = !s[k].used && s[k].now - s[i].now <= WAIT && second_of(s[k].now) < s[i].now + WAIT;

			if (!fits || (!same_way(&s[i], &s[k]) && !other_way(&s[i], &s[k])))
				continue;
			s[k].used = true;
			if (same_way(&s[i], &s[k]))
				fore->v[fore->n++] = &s[k];
			else
				back->v[back->n++] = &s[k];
		}
		bool turn = back->n > 0 && second_began(fore, back);
		const struct way *mine = turn ? back : fore;

		expect_record(b, &s[i], mine, turn ? fore : back, x, &both[mine->v[0]->source]);
		write_row(out, b, 0);
	}
	free(s), free(fore), free(back), free(due);
	tsn_batch_free(b);
	tsn_exporters_free(x);
	return v;
}

static void
check_stream(uint64_t number, uint32_t max, uint32_t hosts, uint32_t n)
{
	static const uint32_t rows[] = { 1, 7, TSN_BATCH_ROWS };
	struct flow *f = calloc(n, sizeof(*f));
	struct tsn_buf want = TSN_BUF_INIT;
	struct tsn_pair_stats stats;
	struct verdict v;
	char what[96];
	struct run r;

	seed = number * 0x9e3779b97f4a7c15 + 1;
	random_flows(f, n, hosts);
	v = oracle(f, n, max, &want);
	for (int k = 0; k < 3; k++) {
		run_init(&r, max, rows[k]);
		push_all(&r, f, 0, n);
		take(&r, INT64_MAX);
		tsn_pair_stats(r.pair, &stats);
		snprintf(what, sizeof(what), "stream %llu, %u a batch", (unsigned long long)number, rows[k]);
		same_text(&r.out, &want, what);
		cr_assert_eq(stats.talks, v.talks);
		cr_assert_eq(stats.refused, v.refused);
		cr_assert_eq(stats.lone, v.lone);
		cr_assert_eq(stats.open, 0);
		cr_assert_eq(tsn_pair_due(r.pair), TSN_TIME_NONE);
		run_fini(&r);
	}
	tsn_buf_fini(&want);
	free(f);
}

Test(pair, random_streams_equal_the_oracle)
{
	for (uint64_t i = 1; i <= streams(40); i++)
		check_stream(i, 1024, 3 + (uint32_t)(i % 5), FLOWS);
}

Test(pair, what_finds_no_place_is_counted_and_yields_no_record)
{
	for (uint64_t i = 1; i <= streams(20); i++)
		check_stream(1000 + i, 1u << (i % 5), 12, FLOWS);
}

Test(pair, a_long_stream_in_little_room)
{
	check_stream(2001, 16, 12, MANY);
	check_stream(2002, 64, 40, MANY);
}

/* --- one conversation at a time --- */

/* The record of a few flows of TCP, after its exporter has shown both directions if [shown]. */
static void
one(const struct flow *f, uint32_t n, bool shown, struct tsn_batch *talks)
{
	struct run r;

	seed = 1;
	run_init(&r, 64, 1024);
	tsn_exporters_at(r.exporters, tsn_exporters_find(r.exporters, tsn_addr_v4(0xc0000200)))->both_seen = shown;
	tsn_exporters_at(r.exporters, tsn_exporters_find(r.exporters, tsn_addr_v4(0xc0000200)))->flags_seen = true;
	push_all(&r, f, 0, n);
	tsn_batch_clear(talks, TSN_BATCH_TALKS);
	cr_assert_eq(tsn_pair_take(r.pair, INT64_MAX, talks, r.exporters), 1);
	run_fini(&r);
}

#define BACK(fl, at) { .src = tsn_addr_v4(2), .dst = tsn_addr_v4(1), .proto = 6, .sport = 25, .dport = 4000, .flags = (fl), \
	.packets = 2, .bytes = 900, .start = (at), .end = (at) + 10, .received = 100500, .exported = TSN_TIME_NONE }

static char
truth(const struct tsn_batch *b, enum tsn_field f)
{
	struct tsn_value v;

	tsn_batch_get(b, 0, f, &v);
	return !v.known ? '?' : v.i ? 'y' : 'n';
}

Test(pair, what_answered_attempted_and_established_mean)
{
	const struct { struct flow f[3]; uint32_t n; bool shown; const char *want; } cases[] = {
		{ { THERE(SYN | ACK | PSH, 1), BACK(SYN | ACK | PSH, 2) }, 2, false, "yny" }, /* a talk */
		{ { THERE(SYN, 1), BACK(RST | ACK, 2) }, 2, false, "nyn" },                   /* a closed port */
		{ { THERE(SYN, 1), BACK(RST, 2) }, 2, false, "nyn" },
		{ { THERE(SYN | RST, 1), BACK(SYN | ACK, 2) }, 2, false, "ynn" },             /* half-open scan, open port */
		{ { THERE(SYN, 1) }, 1, true, "nyn" },                                        /* nobody there */
		{ { THERE(SYN, 1) }, 1, false, "???" },                                       /* or only one direction is sent */
		{ { THERE(ACK, 1) }, 1, true, "nnn" },                                        /* asked nothing */
		{ { THERE(SYN | ACK, 1) }, 1, true, "nnn" },                                  /* an answer whose question we did not see */
		{ { THERE(SYN | ACK | PSH, 1), BACK(SYN | ACK | PSH, 2), BACK(RST, 3) }, 3, false, "ynn" }, /* cut off by a bare RST */
		{ { THERE(SYN | ACK | RST, 1), BACK(SYN | ACK, 2) }, 2, false, "yny" },       /* a RST at the end of a talk */
	};
	struct tsn_batch *b = tsn_batch_new();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char got[4] = { 0 };

		one(cases[i].f, cases[i].n, cases[i].shown, b);
		got[0] = truth(b, TSN_F_ANSWERED), got[1] = truth(b, TSN_F_ATTEMPTED), got[2] = truth(b, TSN_F_ESTABLISHED);
		cr_assert_str_eq(got, cases[i].want, "case %zu: %s", i, got);
	}
	tsn_batch_free(b);
}

Test(pair, the_initiator_is_who_started_first)
{
	const struct { struct flow f[2]; uint32_t src; } cases[] = {
		{ { BACK(SYN | ACK, 5), THERE(SYN | ACK, 4) }, 1 },  /* though the answer came first */
		{ { BACK(SYN | ACK, 4), THERE(SYN | ACK, 5) }, 2 },
		{ { BACK(SYN, 4), THERE(ACK, 4) }, 2 },              /* tie: SYN without ACK */
		{ { BACK(ACK, 4), THERE(ACK, 4) }, 1 },              /* then the higher port */
	};
	struct tsn_batch *b = tsn_batch_new();
	struct tsn_value v;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		one(cases[i].f, 2, false, b);
		cr_assert_eq(tsn_batch_addr(b, 0, TSN_F_INITIATOR).lo, cases[i].src, "case %zu", i);
		cr_assert_eq(tsn_batch_addr(b, 0, TSN_F_SRC).lo, cases[i].src);
		tsn_batch_get(b, 0, TSN_F_REPLY_BYTES, &v);
		cr_assert_eq(v.i, cases[i].src == 1 ? 900 : 180);
	}
	tsn_batch_free(b);
}
