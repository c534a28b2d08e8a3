/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/sequence.h"

#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/pack.h"
#include "decode/decode.h"

/*
 * What is a gap, and what a new beginning? Exporters say neither, so:
 * - sysUptime further back than a datagram can be late: the exporter booted.
 * - Ahead by more flows than a fast exporter makes in the time between: anew.
 * - Behind, by a datagram that was sent no later than the last: it came late.
 * - Behind in another way, or late eight times in a row: anew.
 */
#define LATE_MS 10000
#define LATE_FLOWS 100000
#define LATE_RUN 8
#define FLOWS_PER_MS 1000
#define LAST 64 /* a power of two: many exporters take turns, and each is looked for with each of its datagrams */
#define GAPS 4 /* remembered, so that late datagrams are taken off the losses */

struct tsn_stream {
	uint64_t hi, lo;
	uint32_t id, session;
	uint16_t version;
	bool v4, used;
	uint32_t last, next, uptime, last_count;
	uint32_t late_run;
	bool numbers_datagrams;
	bool after; /* its numbers count the datagram's own flows, too; see learn_after */
	uint32_t raw, raw_count; /* of the last one, as it came */
	bool unsure; /* the last one had flows nobody could count */
	uint8_t gap_at;
	struct {
		uint32_t from, n;
	} gap[GAPS];
};

struct tsn_sequences {
	struct tsn_stream *slot, *last[LAST]; /* last: found not long ago, by last_of, or NULL; it may be another by now */
	uint32_t n, cap, max; /* cap: a power of two, at least half as much again as n */
	uint32_t moves;       /* times that a stream may not be any more where it was */
	uint64_t refused;
};

struct tsn_sequences *
tsn_sequences_new(uint32_t max)
{
	struct tsn_sequences *t = tsn_calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->max = max;
	t->cap = 64;
	t->slot = tsn_calloc(t->cap, sizeof(*t->slot));
	if (t->slot == NULL) {
		tsn_free(t);
		return NULL;
	}
	return t;
}

void
tsn_sequences_free(struct tsn_sequences *t)
{
	if (t != NULL)
		tsn_free(t->slot);
	tsn_free(t);
}

uint64_t
tsn_sequences_refused(const struct tsn_sequences *t)
{
	return t->refused;
}

/* The table's address takes part, so that nobody outside can choose streams that land in one place. */
static uint64_t
hash_of(const struct tsn_stream *slot, const struct tsn_stream_key *k)
{
	uint64_t h = tsn_hash_join(tsn_hash_u64((uintptr_t)slot, k->addr.hi), k->addr.lo);

	h = tsn_hash_join(h, (uint64_t)k->session << 32 | k->id);

	return tsn_hash_join(h, (uint64_t)k->version << 1 | k->addr.v4);
}

static bool
is_of(const struct tsn_stream *s, const struct tsn_stream_key *k)
{
	return s->id == k->id && s->session == k->session && s->version == k->version && s->lo == k->addr.lo &&
	    s->hi == k->addr.hi && s->v4 == k->addr.v4;
}

/* The stream's slot, or the free one where it belongs. */
static struct tsn_stream *
probe(struct tsn_stream *slot, uint32_t cap, const struct tsn_stream_key *k)
{
	for (uint32_t i = (uint32_t)hash_of(slot, k) & (cap - 1);; i = (i + 1) & (cap - 1)) {
		struct tsn_stream *s = &slot[i];

		if (!s->used || is_of(s, k))
			return s;
	}
}

/* Nothing but a place to look first, so who lands in one with others costs no more than a search. */
static struct tsn_stream **
last_of(struct tsn_sequences *t, const struct tsn_stream_key *k)
{
	return &t->last[tsn_mix64(k->addr.hi + k->addr.lo + 5 * ((uint64_t)k->session << 32 | k->id)) % LAST];
}

static struct tsn_stream_key
key_of(const struct tsn_stream *s)
{
	return (struct tsn_stream_key){ { s->hi, s->lo, s->v4 }, s->version, s->session, s->id };
}

static bool
grow(struct tsn_sequences *t)
{
	struct tsn_stream *bigger = tsn_calloc(t->cap, 2 * sizeof(*bigger));

	if (bigger == NULL)
		return false;
	for (uint32_t i = 0; i < t->cap; i++) {
		struct tsn_stream *s = &t->slot[i];
		struct tsn_stream_key k = key_of(s);

		if (s->used)
			*probe(bigger, t->cap * 2, &k) = *s;
	}
	tsn_free(t->slot);
	t->slot = bigger;
	memset(t->last, 0, sizeof(t->last));
	t->cap *= 2;
	t->moves++;
	return true;
}

/* NULL if it is new and there is no room for it. */
static struct tsn_stream *
find(struct tsn_sequences *t, const struct tsn_stream_key *k)
{
	struct tsn_stream **last = last_of(t, k), *s = *last;

	if (s != NULL && s->used && is_of(s, k))
		return s;
	s = probe(t->slot, t->cap, k);
	if (s->used)
		return *last = s;
	if (t->n >= t->max || (t->n >= t->cap / 4 * 3 && !grow(t))) {
		t->refused++;
		return NULL;
	}
	s = probe(t->slot, t->cap, k);
	*s = (struct tsn_stream){ .hi = k->addr.hi, .lo = k->addr.lo, .v4 = k->addr.v4, .version = k->version,
		.session = k->session, .id = k->id, .used = true };
	t->n++;
	return s;
}

static uint32_t
home_of(const struct tsn_sequences *t, const struct tsn_stream *s)
{
	struct tsn_stream_key k = key_of(s);

	return (uint32_t)hash_of(t->slot, &k) & (t->cap - 1);
}

/* Frees slot [i]; what had to go past it moves up. */
static void
take_out(struct tsn_sequences *t, uint32_t i)
{
	uint32_t mask = t->cap - 1;

	for (uint32_t j = (i + 1) & mask; t->slot[j].used; j = (j + 1) & mask) {
		uint32_t home = home_of(t, &t->slot[j]);

		if (((j - home) & mask) >= ((j - i) & mask)) {
			t->slot[i] = t->slot[j];
			i = j;
		}
	}
	t->slot[i].used = false;
	t->n--;
	t->moves++;
}

void
tsn_sequences_session_ended(struct tsn_sequences *t, struct tsn_addr addr, uint32_t session)
{
	for (uint32_t i = 0; i < t->cap && t->n > 0; i++) {
		const struct tsn_stream *s = &t->slot[i];

		while (s->used && s->session == session && s->hi == addr.hi && s->lo == addr.lo && s->v4 == addr.v4)
			take_out(t, i);
	}
}

static void
advance(struct tsn_stream *s, uint32_t seq, uint32_t count, uint32_t uptime)
{
	s->last = seq;
	s->last_count = count;
	s->next = seq + (s->numbers_datagrams ? 1 : count);
	s->uptime = uptime;
	s->late_run = 0;
}

static void
forget_gaps(struct tsn_stream *s)
{
	for (int i = 0; i < GAPS; i++)
		s->gap[i].n = 0;
}

/* v5 has one counter whatever its exporter numbers; in v9 and IPFIX it is by the unit. */
static uint64_t *
counter_of(const struct tsn_stream *s, struct tsn_exporter *x)
{
	return &x->counter[s->version >= 9 && s->numbers_datagrams ? TSN_XC_LOST_DATAGRAMS : TSN_XC_LOST];
}

static void
lose(struct tsn_stream *s, uint32_t n, struct tsn_exporter *x)
{
	*counter_of(s, x) += n;
	s->gap[s->gap_at].from = s->next;
	s->gap[s->gap_at].n = n;
	s->gap_at = (s->gap_at + 1) % GAPS;
}

/* A late datagram fills (the beginning or the end of) a gap that was counted as lost. */
static void
find_again(struct tsn_stream *s, uint32_t seq, uint32_t count, struct tsn_exporter *x)
{
	if (s->numbers_datagrams)
		count = 1;
	for (int i = 0; i < GAPS; i++) {
		uint32_t at = seq - s->gap[i].from, n = s->gap[i].n, got;

		if (at >= n)
			continue;
		got = count < n - at ? count : n - at;
		*counter_of(s, x) -= got;
		if (at == 0) {
			s->gap[i].from += got;
			s->gap[i].n -= got;
		} else {
			s->gap[i].n = at;
		}
		return;
	}
}

/*
 * Open vSwitch numbers datagrams, not flows; some exporters of v9 the other way round. A step of one after a datagram of
 * several flows can mean nothing else; a step of as many flows as it had ends the suspicion.
 */
static bool
learn_unit(struct tsn_stream *s, uint32_t seq)
{
	uint32_t step = seq - s->last;

	if (s->unsure || s->last_count < 2 || step != (s->numbers_datagrams ? s->last_count : 1))
		return false;
	if (s->version >= 9)
		forget_gaps(s); /* they are of the other unit */
	s->numbers_datagrams = !s->numbers_datagrams;
	return true;
}

/*
 * softflowd tells, in IPFIX, how many flows it has sent with this message, not before it, and no options among
 * them. A step of as many flows as the message has, which is not what is due, shows that; one of as many records as the
 * message before had ends the suspicion. Gives number and count as they are meant.
 */
static void
learn_after(struct tsn_stream *s, const struct tsn_numbered *n, uint32_t *seq, uint32_t *count)
{
	uint32_t step = n->seq - s->raw, flows = n->count - n->options;

	if (s->unsure || n->unsure)
		return;
	if (!s->after && step == flows && n->seq != s->next && flows > 0) {
		s->after = true;
		s->last = s->next = s->raw;
		forget_gaps(s);
	} else if (s->after && step == s->raw_count && step != flows) {
		s->after = false;
		s->next = n->seq;
		forget_gaps(s);
	}
	if (s->after) {
		*count = flows;
		*seq = n->seq - flows;
	}
}

enum verdict { IN_ORDER, GAP, LATE, ANEW };

static enum verdict
judge(struct tsn_stream *s, uint32_t seq, uint32_t uptime)
{
	int32_t elapsed = (int32_t)(uptime - s->uptime), ahead = (int32_t)(seq - s->next);

	if (elapsed < -LATE_MS)
		return ANEW;
	if (ahead == 0 || learn_unit(s, seq))
		return IN_ORDER;
	if (s->unsure && !s->numbers_datagrams && (int32_t)(seq - s->last) >= 0 && seq - s->last <= LATE_FLOWS)
		return IN_ORDER;
	if (ahead > 0) {
		int64_t most = LATE_FLOWS + (elapsed > 0 ? (int64_t)elapsed * FLOWS_PER_MS : 0);

		return ahead > most ? ANEW : GAP;
	}
	if (elapsed > 0 || ahead < -LATE_FLOWS || s->late_run + 1 >= LATE_RUN)
		return ANEW;
	return LATE;
}

void
tsn_sequences_see_numbered(struct tsn_sequences *t, const struct tsn_stream_key *k, const struct tsn_numbered *n,
    struct tsn_exporter *x)
{
	uint32_t known = t->n, seq = n->seq, count = n->count;
	struct tsn_stream *s = find(t, k);
	bool first = t->n != known;

	if (s == NULL)
		return;
	if (first)
		s->numbers_datagrams = n->datagrams;
	else if (s->version == 10 && !s->numbers_datagrams)
		learn_after(s, n, &seq, &count);
	switch (first ? IN_ORDER : judge(s, seq, n->time)) {
	case IN_ORDER:
		break;
	case GAP:
		lose(s, seq - s->next, x);
		break;
	case ANEW:
		x->counter[TSN_XC_RESTARTS]++;
		forget_gaps(s);
		break;
	case LATE:
		x->counter[TSN_XC_REORDERED]++;
		s->late_run++;
		find_again(s, seq, count, x);
		return;
	}
	advance(s, seq, count, n->time);
	s->raw = n->seq;
	s->raw_count = n->count;
	s->unsure = n->unsure;
}

void
tsn_sequences_see(struct tsn_sequences *t, struct tsn_addr addr, uint32_t id, uint32_t seq, uint32_t count, uint32_t uptime,
    struct tsn_exporter *x)
{
	struct tsn_stream_key k = { addr, (uint16_t)(id >> 16), 0, id & 0xffff };
	struct tsn_numbered n = { .seq = seq, .count = count, .time = uptime };

	tsn_sequences_see_numbered(t, &k, &n, x);
}

struct tsn_stream_place
tsn_sequences_place(struct tsn_sequences *t, struct tsn_addr addr, uint32_t id)
{
	const struct tsn_stream_key k = { addr, (uint16_t)(id >> 16), 0, id & 0xffff };
	struct tsn_stream *s = probe(t->slot, t->cap, &k);

	return (struct tsn_stream_place){ s->used ? s : NULL, t->moves };
}

bool
tsn_sequences_go_on(const struct tsn_sequences *t, const struct tsn_stream_place *place, uint32_t seq, uint32_t count, uint32_t uptime)
{
	struct tsn_stream *s = place->stream;

	if (s == NULL || place->moves != t->moves || seq != s->next || (int32_t)(uptime - s->uptime) < -LATE_MS)
		return false;
	advance(s, seq, count, uptime);
	s->raw = seq;
	s->raw_count = count;
	s->unsure = false;
	return true;
}

/* --- as bytes --- */

static void
save_stream(const struct tsn_stream *s, struct tsn_pack *out)
{
	const uint32_t v[] = { s->id, s->session, s->version, s->last, s->next, s->uptime, s->last_count, s->late_run, s->raw,
		s->raw_count, s->gap_at };

	tsn_pack_uint(out, s->hi);
	tsn_pack_uint(out, s->lo);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		tsn_pack_uint(out, v[i]);
	tsn_pack_bool(out, s->v4);
	tsn_pack_bool(out, s->numbers_datagrams);
	tsn_pack_bool(out, s->after);
	tsn_pack_bool(out, s->unsure);
	for (int i = 0; i < GAPS; i++) {
		tsn_pack_uint(out, s->gap[i].from);
		tsn_pack_uint(out, s->gap[i].n);
	}
}

static bool
load_stream(struct tsn_stream *s, struct tsn_unpack *in)
{
	uint32_t *const v[] = { &s->last, &s->next, &s->uptime, &s->last_count, &s->late_run, &s->raw, &s->raw_count };

	s->hi = tsn_unpack_uint(in);
	s->lo = tsn_unpack_uint(in);
	s->id = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	s->session = (uint32_t)tsn_unpack_below(in, TSN_SESSION_STREAM - 1);
	s->version = (uint16_t)tsn_unpack_below(in, UINT16_MAX);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		*v[i] = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	s->gap_at = (uint8_t)tsn_unpack_below(in, GAPS - 1);
	s->v4 = tsn_unpack_bool(in);
	s->numbers_datagrams = tsn_unpack_bool(in);
	s->after = tsn_unpack_bool(in);
	s->unsure = tsn_unpack_bool(in);
	for (int i = 0; i < GAPS; i++) {
		s->gap[i].from = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
		s->gap[i].n = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	}
	s->used = true;
	return !in->bad;
}

/* Connections and files do not outlive the process; their numbers will be others'. */
static bool
is_kept(const struct tsn_stream *s)
{
	return s->used && s->session < TSN_SESSION_STREAM;
}

void
tsn_sequences_save(const struct tsn_sequences *t, struct tsn_pack *out)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->cap; i++)
		n += is_kept(&t->slot[i]);
	tsn_pack_uint(out, n);
	for (uint32_t i = 0; i < t->cap; i++)
		if (is_kept(&t->slot[i]))
			save_stream(&t->slot[i], out);
}

bool
tsn_sequences_load(struct tsn_sequences *t, struct tsn_unpack *in)
{
	const uint64_t n = tsn_unpack_uint(in);
	bool ok = !in->bad;

	for (uint64_t i = 0; i < n && ok; i++) {
		struct tsn_stream s = { 0 }, *to = NULL;
		struct tsn_stream_key k;

		ok = load_stream(&s, in);
		k = key_of(&s);
		if (ok)
			to = find(t, &k); /* NULL: full, as it could have been */
		if (to != NULL)
			*to = s;
	}
	if (ok && tsn_unpack_done(in))
		return true;
	for (uint32_t i = 0; i < t->cap; i++)
		t->slot[i].used = false;
	t->n = 0;
	t->moves++;
	return false;
}
