/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Real scans and real clients: how many conversations of each source were attempted, answered and established. The captures
 * are read where they are present beside the project. Each is also counted a second time by looking at every flow for every
 * flow, and a scan made here is there for everybody.
 */
#include <criterion/criterion.h>
#include <criterion/logging.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "feed/feed.h"
#include "pair/pair.h"

#define DATA "../shared/data/"
#define WAIT 30000

enum { SYN = 2, RST = 4, ACK = 16 };
enum { ATTEMPTED, ANSWERED, ESTABLISHED, UNKNOWN, COUNTS };

struct source {
	struct tsn_addr addr;
	uint32_t talks, n[COUNTS];
};

#define SLOTS (1u << 18) /* sources of a flood are many */

struct table {
	struct source *v;
	size_t n, cap;
	uint32_t *slot; /* place + 1 in [v], by address */
};

static struct source *
source_of(struct table *t, struct tsn_addr addr)
{
	uint64_t h = (addr.hi ^ addr.lo) * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t at = (uint32_t)(h >> 32) % SLOTS;

	if (t->slot == NULL)
		t->slot = calloc(SLOTS, sizeof(*t->slot));
	cr_assert(t->slot != NULL && t->n < SLOTS / 2);
	for (; t->slot[at] != 0; at = (at + 1) % SLOTS)
		if (tsn_addr_cmp(t->v[t->slot[at] - 1].addr, addr) == 0)
			return &t->v[t->slot[at] - 1];
	t->v = tsn_grow(t->v, t->n, &t->cap, sizeof(*t->v));
	t->v[t->n] = (struct source){ .addr = addr };
	t->slot[at] = (uint32_t)++t->n;
	return &t->v[t->n - 1];
}

/* --- by the room --- */

struct flow {
	struct tsn_addr addr[2];
	uint16_t port[2], flags;
	uint8_t proto;
	bool has_flags, sampled, used, has_start;
	int64_t start, now;
	uint32_t source;
};

struct job {
	struct tsn_pair *pair;
	struct tsn_exporters *exporters;
	struct tsn_batch *talks;
	struct table got;
	struct flow *flow;
	size_t n, cap;
	int64_t now;
};

static bool
is_true(const struct tsn_batch *b, uint32_t row, enum tsn_field f)
{
	return tsn_mask_has(&b->present[f], row) && ((const uint8_t *)b->col[f])[row] != 0;
}

static void
take(struct job *j, int64_t now)
{
	struct tsn_batch *b = j->talks;

	while (tsn_pair_take(j->pair, now, b, j->exporters) > 0) {
		for (uint32_t i = 0; i < b->n; i++) {
			struct source *s = source_of(&j->got, tsn_batch_addr(b, i, TSN_F_INITIATOR));

			s->talks++;
			s->n[ATTEMPTED] += is_true(b, i, TSN_F_ATTEMPTED);
			s->n[ANSWERED] += is_true(b, i, TSN_F_ANSWERED);
			s->n[ESTABLISHED] += is_true(b, i, TSN_F_ESTABLISHED);
			s->n[UNKNOWN] += !tsn_mask_has(&b->present[TSN_F_ANSWERED], i);
		}
		tsn_batch_clear(b, TSN_BATCH_TALKS);
	}
}

static uint16_t
port(const struct tsn_batch *b, enum tsn_field f)
{
	return tsn_mask_has(&b->present[f], 0) ? ((const uint16_t *)b->col[f])[0] : 0;
}

static void
keep(struct job *j, const struct tsn_batch *b)
{
	struct flow *f;

	if (!tsn_mask_has(&b->present[TSN_F_SRC], 0) || !tsn_mask_has(&b->present[TSN_F_DST], 0) || !tsn_mask_has(&b->present[TSN_F_PROTO], 0))
		return;
	j->flow = tsn_grow(j->flow, j->n, &j->cap, sizeof(*j->flow));
	f = &j->flow[j->n++];
	*f = (struct flow){ .addr = { tsn_batch_addr(b, 0, TSN_F_SRC), tsn_batch_addr(b, 0, TSN_F_DST) },
		.port = { port(b, TSN_F_SRC_PORT), port(b, TSN_F_DST_PORT) }, .proto = ((const uint8_t *)b->col[TSN_F_PROTO])[0],
		.now = j->now, .source = b->source[0], .sampled = b->sampled };
	f->has_flags = tsn_mask_has(&b->present[TSN_F_FLAGS], 0);
	f->flags = f->has_flags ? ((const uint16_t *)b->col[TSN_F_FLAGS])[0] : 0;
	f->has_start = tsn_mask_has(&b->present[TSN_F_START], 0);
	f->start = ((const int64_t *)b->col[TSN_F_START])[0];
}

/* One flow a batch, in normal form. */
static void
on_row(void *arg, struct tsn_batch *b, const struct tsn_mask *rows)
{
	struct job *j = arg;

	(void)rows;
	cr_assert_eq(b->n, 1);
	j->now = b->received[0] > j->now ? b->received[0] : j->now;
	take(j, j->now / 1000 * 1000);
	tsn_pair_fold(j->pair, b);
	keep(j, b);
}

/* --- by looking at every flow for every flow --- */

static bool
same_way(const struct flow *a, const struct flow *b, bool turned)
{
	return a->proto == b->proto && tsn_addr_cmp(a->addr[0], b->addr[turned]) == 0 && tsn_addr_cmp(a->addr[1], b->addr[!turned]) == 0 &&
	    a->port[0] == b->port[turned] && a->port[1] == b->port[!turned];
}

/* What one direction did. */
struct way {
	bool there, answers, bare, syn, flags, ack, sampled, has_start;
	int64_t start;
	uint32_t source;
};

static void
join(struct way *w, const struct flow *f)
{
	bool bare = f->proto == 6 && f->has_flags && (f->flags == RST || f->flags == (RST | ACK));

	w->source = w->there ? w->source : f->source;
	w->there = true;
	w->answers |= !bare, w->bare |= bare;
	w->syn |= f->has_flags && (f->flags & (SYN | ACK)) == SYN;
	w->flags |= f->has_flags, w->ack |= (f->flags & ACK) != 0, w->sampled |= f->sampled;
	if (f->has_start && (!w->has_start || f->start < w->start))
		w->start = f->start, w->has_start = true;
}

static bool
turned(const struct flow *f, const struct way *a, const struct way *b)
{
	int c = tsn_addr_cmp(f->addr[1], f->addr[0]);

	if (!b->there)
		return false;
	if (a->has_start && b->has_start && a->start != b->start)
		return b->start < a->start;
	if (a->syn != b->syn)
		return b->syn;
	return f->port[0] != f->port[1] ? f->port[1] > f->port[0] : c < 0;
}

static void
judge(struct source *s, const struct way *i, const struct way *o, bool tcp, bool *both)
{
	bool answered = o->answers;

	s->talks++;
	if (!i->sampled && !o->sampled && answered)
		*both = true;
	if (i->sampled || o->sampled || (!*both && !o->there)) {
		s->n[UNKNOWN]++;
		return;
	}
	s->n[ANSWERED] += answered;
	s->n[ATTEMPTED] += !answered && (!tcp || i->syn);
	s->n[ESTABLISHED] += answered && (!tcp || (i->flags && o->flags && i->ack && o->ack && !i->bare && !o->bare));
}

/* Alike for both ways of a conversation, so that most others are passed over at a glance. */
static uint32_t
glance(const struct flow *f)
{
	uint32_t h = f->proto;

	for (int i = 0; i < 2; i++)
		h += (uint32_t)(f->addr[i].hi ^ f->addr[i].hi >> 32 ^ f->addr[i].lo ^ f->addr[i].lo >> 32) * 2654435761u + f->port[i];
	return h;
}

static void
brute_force(struct job *j, struct table *t, bool metered)
{
	uint32_t *look = calloc(j->n, sizeof(*look));
	size_t end = 0;
	bool both[64];

	cr_assert_not_null(look);
	for (size_t i = 0; i < j->n; i++)
		look[i] = glance(&j->flow[i]);
	memset(both, metered, sizeof(both)); /* our own meter shows what there is */
	for (size_t i = 0; i < j->n; i++) {
		struct way fore = { 0 }, back = { 0 };
		struct flow *f = &j->flow[i];
		bool turn;

		while (end < j->n && j->flow[end].now / 1000 * 1000 < f->now + WAIT)
			end++; /* time of receipt never goes back */
		for (size_t k = i; k < end && !f->used; k++) {
			struct flow *g = &j->flow[k];

			if (look[k] != look[i])
				continue;
			if (g->used || g->now - f->now > WAIT || (k != i && !same_way(f, g, false) && !same_way(f, g, true)))
				continue;
			join(same_way(f, g, false) ? &fore : &back, g);
			g->used = k != i;
		}
		if (f->used)
			continue;
		f->used = true;
		turn = turned(f, &fore, &back);
		judge(source_of(t, f->addr[turn]), turn ? &back : &fore, turn ? &fore : &back, f->proto == 6, &both[(turn ? back : fore).source]);
	}
	free(look);
}

/* --- the captures --- */

static bool
read_capture(const char *path, enum tsn_feed_as as, struct job *j)
{
	struct tsn_engine_options o = { .batch_rows = 1, .on_rows = on_row, .rows_read = tsn_field_set_all(), .arg = j };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct tsn_feed_opts opts = { .as = as };
	char error[TSN_INPUT_ERROR];
	struct tsn_feed *f;

	*j = (struct job){ .pair = tsn_pair_new(WAIT, TSN_PAIR_ENTRIES, 7), .exporters = tsn_engine_exporters(e), .talks = tsn_batch_new(),
		.now = INT64_MIN };
	tsn_batch_clear(j->talks, TSN_BATCH_TALKS);
	f = tsn_feed_open(path, &opts, e, error);
	cr_assert_not_null(f, "%s", error);
	while (tsn_feed_step(f) == TSN_FEED_MORE)
		;
	tsn_engine_finish(e);
	take(j, INT64_MAX);
	tsn_feed_close(f);
	tsn_pair_free(j->pair);
	tsn_batch_free(j->talks);
	tsn_engine_free(e);
	return j->n > 0;
}

static int
by_talks(const void *a, const void *b)
{
	const struct source *x = a, *y = b;

	return x->talks != y->talks ? (x->talks < y->talks) - (x->talks > y->talks) : tsn_addr_cmp(x->addr, y->addr);
}

/* The sources with most conversations: "10.0.0.1 of 30 attempted 29 answered 1 established 1 unknown 0". */
static void
write_top(const struct table *t, size_t most, char *out, size_t size)
{
	size_t n = 0;
	char text[TSN_ADDR_TEXT];

	qsort(t->v, t->n, sizeof(*t->v), by_talks);
	out[0] = '\0';
	for (size_t i = 0; i < t->n && i < most; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s of %u attempted %u answered %u established %u unknown %u", i > 0 ? "; " : "",
		    tsn_addr_text(t->v[i].addr, text), t->v[i].talks, t->v[i].n[ATTEMPTED], t->v[i].n[ANSWERED],
		    t->v[i].n[ESTABLISHED], t->v[i].n[UNKNOWN]);
}

static const struct capture {
	const char *path;
	enum tsn_feed_as as;
	const char *want; /* the sources with most conversations */
} captures[] = {
#define PACKETS(path, want) { "raw_packets/" path, TSN_AS_PACKETS, want },
#define FLOWS(path, want)   { path, TSN_AS_AUTO, want },
#include "unit/pair_scans.def"
#undef PACKETS
#undef FLOWS
};

Test(pair_scans, real_captures_are_counted_alike_twice)
{
	for (size_t i = 0; i < sizeof(captures) / sizeof(captures[0]); i++) {
		struct table want = { 0 };
		char path[256], got_text[1024], want_text[1024];
		struct job j;

		snprintf(path, sizeof(path), DATA "%s", captures[i].path);
		if (access(path, R_OK) != 0) {
			cr_log_info("%s is not present", path);
			continue;
		}
		cr_assert(read_capture(path, captures[i].as, &j), "%s has no flow", path);
		brute_force(&j, &want, captures[i].as == TSN_AS_PACKETS);
		write_top(&j.got, 3, got_text, sizeof(got_text));
		write_top(&want, 3, want_text, sizeof(want_text));
		cr_expect_str_eq(got_text, want_text, "%s: two ways, two counts:\n%s\n%s", path, got_text, want_text);
		cr_expect_eq(j.got.n, want.n);
		for (size_t k = 0; k < want.n; k++)
			cr_expect(tsn_addr_cmp(j.got.v[k].addr, want.v[k].addr) == 0 && j.got.v[k].talks == want.v[k].talks &&
			    memcmp(j.got.v[k].n, want.v[k].n, sizeof(want.v[k].n)) == 0, "%s: source %zu", path, k);
		cr_expect_str_eq(got_text, captures[i].want, "%s:\n got %s\nwant %s", path, got_text, captures[i].want);
		tsn_free(j.got.v);
		free(j.got.slot);
		tsn_free(want.v);
		free(want.slot);
		tsn_free(j.flow);
	}
}

/* --- a scan among clients, made here --- */

static void
put(struct tsn_engine *e, uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport, uint16_t flags, int64_t at)
{
	struct tsn_batch *b;

	tsn_engine_clock(e, at);
	b = tsn_engine_room(e);
	tsn_batch_put_addr(b, b->n, TSN_F_SRC, tsn_addr_v4(src));
	tsn_batch_put_addr(b, b->n, TSN_F_DST, tsn_addr_v4(dst));
	tsn_batch_put_int(b, b->n, TSN_F_PROTO, 6);
	tsn_batch_put_int(b, b->n, TSN_F_SRC_PORT, sport);
	tsn_batch_put_int(b, b->n, TSN_F_DST_PORT, dport);
	tsn_batch_put_int(b, b->n, TSN_F_FLAGS, flags);
	tsn_batch_put_int(b, b->n, TSN_F_START, at - 10);
	tsn_batch_put_int(b, b->n, TSN_F_END, at);
	b->received[b->n] = at;
	b->source[b->n] = tsn_exporters_find(tsn_engine_exporters(e), tsn_addr_v4(0xc00002fe));
	b->n++;
}

/* A client with 200 talks, a scanner that meets nobody, a closed door or, once in 50, an open one. */
Test(pair_scans, a_scanner_and_a_client_tell_apart)
{
	struct job j = { .pair = tsn_pair_new(WAIT, 4096, 7), .talks = tsn_batch_new(), .now = INT64_MIN };
	struct tsn_engine_options o = { .batch_rows = 1, .on_rows = on_row, .rows_read = tsn_field_set_all(), .arg = &j };
	struct tsn_engine *e = tsn_engine_new(&o);
	struct table want = { 0 };
	char text[1024], again[1024];

	j.exporters = tsn_engine_exporters(e);
	tsn_batch_clear(j.talks, TSN_BATCH_TALKS);
	for (uint32_t i = 0; i < 200; i++) {
		int64_t at = INT64_C(1700000000000) + i * 900;

		put(e, 0x0a000001, 0xc6336401 + i % 5, (uint16_t)(2000 + i), 443, 0x1b, at);
		put(e, 0xc6336401 + i % 5, 0x0a000001, 443, (uint16_t)(2000 + i), 0x1b, at + 5);
		put(e, 0x0a000002, 0xc6336400 + i, 4444, 23, i % 50 == 0 ? SYN | RST : SYN, at + 10);
		if (i % 2 == 0)
			put(e, 0xc6336400 + i, 0x0a000002, 23, 4444, i % 50 == 0 ? SYN | ACK : RST | ACK, at + 15);
	}
	tsn_engine_finish(e);
	take(&j, INT64_MAX);
	brute_force(&j, &want, false);
	write_top(&j.got, 4, text, sizeof(text));
	write_top(&want, 4, again, sizeof(again));
	cr_assert_str_eq(text, again);
	cr_assert_str_eq(text, "10.0.0.1 of 200 attempted 0 answered 200 established 200 unknown 0; "
	    "10.0.0.2 of 200 attempted 196 answered 4 established 0 unknown 0");
	tsn_free(j.got.v);
	free(j.got.slot);
	tsn_free(want.v);
	free(want.slot);
	tsn_free(j.flow);
	tsn_pair_free(j.pair);
	tsn_batch_free(j.talks);
	tsn_engine_free(e);
}
