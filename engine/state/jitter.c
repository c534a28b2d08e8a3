/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Regularity of starts: standard deviation by mean of the gaps between them (S18).
 *
 * A group's window keeps flows in the order of (start, end), equal ones as they came. One is a new start unless the
 * flow before it of the same connection has the same start, or ended within a second of this one's start, before
 * or after. At most 256 flows are kept: a flow that is one too many takes the place of the one that starts first,
 * or is itself left out if that is it. Where `end` is absent or before `start` it is taken to be `start`.
 *
 * So a value depends on the flows that are kept and on nothing else. It is worked out as flows come and go: the
 * number of new starts, and the sum of the squares of the gaps between them, modulo 2^128.
 */
#include <math.h>

#include "base/hash.h"
#include "base/mem.h"
#include "state/internal.h"
#include "state/kept.h"

#define MOST 256u
#define FIRST_CAP 4u
#define LAST_CAP (MOST + 64u) /* room to let the first go without moving the others each time */
#define NEAR_MS 1000
#define GAPS_LEAST 4u

struct flow {
	int64_t start;
	uint64_t connection;
	uint32_t length; /* ms */
	uint8_t lane;
	bool fresh;      /* a new start */
};

struct starts {
	struct tsn_kept kept;
	uint32_t first, n, cap;
	uint32_t fresh;
	unsigned __int128 squares;
	struct flow memory[];
};

typedef unsigned __int128 squares_t;

static struct starts *
starts(const struct tsn_kept *k)
{
	return (struct starts *)(uintptr_t)k;
}

static struct flow *
flows(const struct starts *s)
{
	return (struct flow *)((uintptr_t)s->memory + s->first * sizeof(struct flow));
}

static size_t
size_of(uint32_t cap)
{
	return sizeof(struct starts) + cap * sizeof(struct flow);
}

static uint32_t
next_cap(uint32_t cap)
{
	return cap == 0 ? FIRST_CAP : cap * 2 >= MOST ? LAST_CAP : cap * 2;
}

/* Makes room behind the last one. */
static bool
room(struct tsn_agg *a, struct starts **s)
{
	struct starts *old = *s, *more;
	uint32_t cap;

	if (old != NULL && old->first + old->n < old->cap)
		return true;
	if (old != NULL && old->first > 0) {
		memmove(old->memory, flows(old), old->n * sizeof(struct flow));
		old->first = 0;
		return true;
	}
	cap = next_cap(old == NULL ? 0 : old->cap);
	more = tsn_calloc(1, size_of(cap));
	if (more == NULL)
		return false;
	if (old != NULL)
		memcpy(more, old, size_of(old->n));
	more->cap = cap;
	a->store.bytes += size_of(cap) - (old == NULL ? 0 : size_of(old->cap));
	tsn_free(old);
	*s = more;
	return true;
}

static uint64_t
wants(const struct tsn_agg *a, const struct tsn_kept *k, uint32_t row, uint32_t lane, uint32_t lanes)
{
	const struct starts *s = starts(k);

	(void)a;
	(void)row;
	(void)lane;
	(void)lanes;
	return s != NULL && (s->first > 0 || s->n < s->cap) ? 0 : size_of(next_cap(s == NULL ? 0 : s->cap));
}

/* Is [f] no new start, coming behind [before] of the same connection? */
static bool
continues(const struct flow *f, const struct flow *before)
{
	const __int128 off = (__int128)f->start - ((__int128)before->start + before->length);

	return f->start == before->start || (off <= NEAR_MS && off >= -NEAR_MS);
}

static bool
is_fresh(const struct flow *v, uint32_t at)
{
	for (uint32_t i = at; i-- > 0;)
		if (v[i].connection == v[at].connection)
			return !continues(&v[at], &v[i]);
	return true;
}

static squares_t
square(int64_t from, int64_t to)
{
	const uint64_t gap = (uint64_t)to - (uint64_t)from;

	return (squares_t)gap * gap;
}

/* Begins or ceases to be a new start: between two others there is one gap less or more. */
static void
set_fresh(struct starts *s, uint32_t at, bool on)
{
	struct flow *v = flows(s);
	uint32_t before = at, after = at + 1;
	squares_t apart = 0, joined;

	if (v[at].fresh == on)
		return;
	while (before > 0 && !v[before - 1].fresh)
		before--;
	while (after < s->n && !v[after].fresh)
		after++;
	apart += before > 0 ? square(v[before - 1].start, v[at].start) : 0;
	apart += after < s->n ? square(v[at].start, v[after].start) : 0;
	joined = before > 0 && after < s->n ? square(v[before - 1].start, v[after].start) : 0;
	s->squares += on ? apart - joined : joined - apart;
	s->fresh += on ? 1 : UINT32_MAX;
	v[at].fresh = on;
}

/* The flow behind [at] of its connection now has another one before it. */
static void
look_again(struct starts *s, uint32_t at, uint64_t connection)
{
	struct flow *v = flows(s);

	for (; at < s->n; at++) {
		if (v[at].connection != connection)
			continue;
		set_fresh(s, at, is_fresh(v, at));
		return;
	}
}

static void
forget_first(struct starts *s)
{
	const uint64_t connection = flows(s)->connection;

	set_fresh(s, 0, false);
	s->first++;
	s->n--;
	look_again(s, 0, connection);
}

static bool
comes_before(const struct flow *a, const struct flow *b)
{
	return a->start != b->start ? a->start < b->start : a->length < b->length;
}

static void
put(struct starts *s, const struct flow *f)
{
	struct flow *v = flows(s);
	uint32_t at = s->n;

	while (at > 0 && comes_before(f, &v[at - 1]))
		at--;
	memmove(&v[at + 1], &v[at], (s->n - at) * sizeof(*v));
	v[at] = *f;
	s->n++;
	set_fresh(s, at, is_fresh(v, at));
	look_again(s, at + 1, f->connection);
}

static bool
add(struct tsn_agg *a, struct tsn_kept **k, const struct tsn_fold *x, uint32_t row, uint32_t lane, uint32_t lanes)
{
	const struct tsn_batch *b = x->batch;
	struct starts *s = starts(*k);
	struct flow f = { .connection = a->member[row], .lane = (uint8_t)lane };
	int64_t end;

	(void)lanes;
	f.start = ((const int64_t *)b->col[TSN_F_START])[row];
	end = tsn_mask_has(&b->present[TSN_F_END], row) ? ((const int64_t *)b->col[TSN_F_END])[row] : f.start;
	if (end > f.start)
		f.length = (uint64_t)end - (uint64_t)f.start < UINT32_MAX ? (uint32_t)((uint64_t)end - (uint64_t)f.start) : UINT32_MAX;
	if (s != NULL && s->n == MOST) {
		if (comes_before(&f, flows(s)))
			return true;
		forget_first(s);
	}
	if (!room(a, &s))
		return false;
	*k = &s->kept;
	put(s, &f);
	return true;
}

/* The last flow of each connection so far, while flows are gone through in order. */
struct lasts {
	uint16_t at[2 * MOST];
};

/* Decides anew which of [n] flows are new starts. */
static uint32_t
judge_all(struct flow *v, uint32_t n, squares_t *squares)
{
	const struct flow *before = NULL;
	struct lasts lasts;
	uint32_t fresh = 0;

	memset(&lasts, 0xFF, sizeof(lasts));
	*squares = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t slot = (uint32_t)v[i].connection & (2 * MOST - 1);

		while (lasts.at[slot] != UINT16_MAX && v[lasts.at[slot]].connection != v[i].connection)
			slot = (slot + 1) & (2 * MOST - 1);
		v[i].fresh = lasts.at[slot] == UINT16_MAX || !continues(&v[i], &v[lasts.at[slot]]);
		lasts.at[slot] = (uint16_t)i;
		if (!v[i].fresh)
			continue;
		*squares += before != NULL ? square(before->start, v[i].start) : 0;
		before = &v[i];
		fresh++;
	}
	return fresh;
}

static uint32_t
copy_lanes(struct flow *to, const struct flow *v, uint32_t n, uint32_t lanes)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (lanes >> v[i].lane & 1)
			to[kept++] = v[i];
	return kept;
}

static void
drop(struct tsn_agg *a, struct tsn_kept *k, uint32_t gone)
{
	struct starts *s = starts(k);
	const uint32_t left = copy_lanes(flows(s), flows(s), s->n, ~gone);

	(void)a;
	if (left == s->n)
		return;
	s->n = left;
	s->fresh = judge_all(flows(s), left, &s->squares);
}

static void
release(struct tsn_agg *a, struct tsn_kept *k)
{
	if (k == NULL)
		return;
	a->store.bytes -= size_of(starts(k)->cap);
	tsn_free(starts(k));
}

/* Gaps of many years: their squares do not fit, and two passes over reals do. */
static double
wide_deviation(const struct flow *v, uint32_t n, double mean, uint32_t gaps)
{
	const struct flow *before = NULL;
	double sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!v[i].fresh)
			continue;
		if (before != NULL) {
			const double off = (double)((uint64_t)v[i].start - (uint64_t)before->start) - mean;

			sum += off * off;
		}
		before = &v[i];
	}
	return sqrt(sum / gaps);
}

static bool
jitter(const struct flow *v, uint32_t n, uint32_t fresh, squares_t squares, double *out)
{
	uint64_t span;
	double mean;
	uint32_t last = n;

	if (fresh < GAPS_LEAST + 1)
		return false;
	while (!v[--last].fresh)
		;
	span = (uint64_t)v[last].start - (uint64_t)v[0].start; /* the first one is always a new start */
	if (span == 0)
		return false;
	mean = (double)span / (fresh - 1);
	*out = (span >> 56 == 0 ? tsn_deviation(squares, span, fresh - 1) : wide_deviation(v, n, mean, fresh - 1)) / mean;
	return true;
}

static bool
value(struct tsn_agg *a, const struct tsn_kept *k, uint32_t seen, double *out, float *error)
{
	const struct starts *s = starts(k);
	struct flow some[MOST];
	squares_t squares;
	uint32_t n, fresh;

	(void)a;
	(void)error;
	if (s == NULL)
		return false;
	if (seen == UINT16_MAX)
		return jitter(flows(s), s->n, s->fresh, s->squares, out);
	n = copy_lanes(some, flows(s), s->n, seen);
	fresh = judge_all(some, n, &squares);
	return jitter(some, n, fresh, squares, out);
}

static void
keep(const struct tsn_kept *k, struct tsn_pack *out)
{
	const struct starts *s = starts(k);
	const struct flow *v = flows(s);

	tsn_pack_uint(out, s->cap);
	tsn_pack_uint(out, s->first);
	tsn_pack_uint(out, s->n);
	for (uint32_t i = 0; i < s->n; i++) {
		tsn_pack_int(out, v[i].start);
		tsn_pack_uint(out, v[i].connection);
		tsn_pack_uint(out, v[i].length);
		tsn_pack_uint(out, v[i].lane);
	}
}

/* What is read must be a list that [put] could have made: its size one of the series, in order, no more than fit. */
static bool
load_flows(struct starts *s, struct tsn_unpack *in, uint32_t lanes)
{
	struct flow *v;

	s->first = (uint32_t)tsn_unpack_below(in, s->cap);
	s->n = (uint32_t)tsn_unpack_below(in, MOST);
	if (in->bad || s->first + s->n > s->cap)
		return false;
	v = flows(s);
	for (uint32_t i = 0; i < s->n; i++) {
		v[i].start = tsn_unpack_int(in);
		v[i].connection = tsn_unpack_uint(in);
		v[i].length = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
		v[i].lane = (uint8_t)tsn_unpack_below(in, lanes - 1);
		if (in->bad || (i > 0 && comes_before(&v[i], &v[i - 1])))
			return false;
	}
	s->fresh = judge_all(v, s->n, &s->squares);
	return true;
}

static struct tsn_kept *
again(struct tsn_agg *a, struct tsn_unpack *in, uint32_t lanes)
{
	const uint32_t cap = (uint32_t)tsn_unpack_below(in, LAST_CAP);
	struct starts *s;
	uint32_t c = FIRST_CAP;

	while (c < cap)
		c = next_cap(c);
	if (in->bad || c != cap || (s = tsn_calloc(1, size_of(cap))) == NULL)
		return NULL;
	s->cap = cap;
	a->store.bytes += size_of(cap);
	if (load_flows(s, in, lanes))
		return &s->kept;
	release(a, &s->kept);
	return NULL;
}

static const struct tsn_kept_ops kept_ops = {
	.wants = wants, .add = add, .drop = drop, .free = release, .value = value, .save = keep, .load = again,
};

/* Absent parts of a connection are as good as others; without `start` there is nothing to say. */
static void
begin(struct tsn_agg *a, const struct tsn_batch *b, uint64_t seed)
{
	uint8_t key[TSN_KEY_MAX];

	tsn_mask_and(&a->takes, &a->takes, &b->present[TSN_F_START]);
	TSN_EACH_ROW(row, &a->takes)
		a->member[row] = tsn_hash_bytes(key, tsn_key_encode_loose(&a->def->tuple, b, row, key), seed);
}

static uint64_t
most(const struct tsn_agg *a)
{
	return (a->def->tumbling ? 2 : 1) * size_of(LAST_CAP);
}

const struct tsn_agg_ops tsn_jitter_ops = {
	.most = most,
	.init = tsn_kept_init, .begin = begin, .fold = tsn_kept_fold, .reset = tsn_kept_reset, .fini = tsn_kept_fini,
	.kept = tsn_kept_of, .may_stop = true, .save = tsn_kept_save, .load = tsn_kept_load,
	.keeps = &kept_ops,
};
