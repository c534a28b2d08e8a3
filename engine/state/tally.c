/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "state/tally.h"

#include <stddef.h>
#include <string.h>

#include "state/kept.h"
#include "state/logs.h"

#define CAP_FIRST 2u
#define POINT 40 /* bits behind the point of [mass]: 256 roundings are 1e-10 of a flow */
#define NOWHERE UINT16_MAX

struct value {
	uint64_t member;
	uint32_t total;
	uint32_t lane[]; /* none where there is but one */
};

/* Registers begin at a cache line, as do both kinds of memory that have some: no vector of them lies across two. */
struct sketch {
	uint64_t count[TSN_TALLY_LANES];
	int64_t *pane[TSN_TALLY_LANES];
	int64_t all[TSN_STABLE];
};

_Static_assert(offsetof(struct sketch, all) % 64 == 0 && sizeof(struct sketch) % 64 == 0, "whole cache lines");

/* Values lie side by side, and an open-addressed index of twice as many places behind them. */
struct tsn_tally {
	struct tsn_kept kept;
	uint32_t n, cap, lanes;
	struct sketch *sketch;  /* if set, there are no values */
	uint64_t count;         /* flows */
	unsigned __int128 mass; /* sum of c log2 c, POINT */
	uint8_t memory[];
};

static size_t
stride_of(uint32_t lanes)
{
	return lanes == 1 ? 16 : 16 + lanes * sizeof(uint32_t);
}

static size_t
size_of(uint32_t cap, uint32_t lanes)
{
	const size_t bytes = sizeof(struct tsn_tally) + cap * (stride_of(lanes) + 2 * sizeof(uint16_t));

	return (bytes + TSN_HEAP_LINE - 1) / TSN_HEAP_LINE * TSN_HEAP_LINE;
}

static struct value *
value_at(const struct tsn_tally *t, uint32_t i)
{
	return (struct value *)((uintptr_t)t->memory + i * stride_of(t->lanes));
}

static uint16_t *
index_of(const struct tsn_tally *t)
{
	return (uint16_t *)((uintptr_t)t->memory + t->cap * stride_of(t->lanes));
}

/* So many bytes of zeros. */
static void *
empty(struct tsn_heap *heap, size_t bytes)
{
	void *p = tsn_heap_take(heap, bytes);

	return p != NULL ? memset(p, 0, bytes) : NULL;
}

static struct tsn_tally *
new(uint32_t cap, uint32_t lanes, struct tsn_heap *heap)
{
	struct tsn_tally *t = empty(heap, size_of(cap, lanes));

	if (t == NULL)
		return NULL;
	t->cap = cap;
	t->lanes = lanes;
	memset(index_of(t), 0xFF, cap * 2 * sizeof(uint16_t));
	return t;
}

static void
sketch_free(struct sketch *s, struct tsn_heap *heap)
{
	if (s == NULL)
		return;
	for (uint32_t l = 0; l < TSN_TALLY_LANES; l++)
		tsn_heap_give(heap, s->pane[l], sizeof(s->all));
	tsn_heap_give(heap, s, sizeof(*s));
}

void
tsn_tally_free(struct tsn_tally *t, struct tsn_heap *heap)
{
	if (t == NULL)
		return;
	sketch_free(t->sketch, heap);
	tsn_heap_give(heap, t, size_of(t->cap, t->lanes));
}

uint64_t
tsn_tally_most(uint32_t lanes)
{
	const uint64_t sketch = sizeof(struct sketch) + (lanes == 1 ? 0 : lanes) * sizeof(int64_t) * TSN_STABLE;
	const uint64_t exact = size_of(TSN_TALLY_EXACT, lanes);

	return (exact > sketch ? exact : sketch) + size_of(0, lanes);
}

static uint32_t
home_of(const struct tsn_tally *t, uint64_t member)
{
	return (uint32_t)(member >> 20) & (2 * t->cap - 1);
}

/* Of a sketch's registers the first lines: CPUs go on by themselves. */
void
tsn_tally_ahead(const struct tsn_tally *t, uint64_t member)
{
	if (t->sketch == NULL) {
		__builtin_prefetch(index_of(t) + home_of(t, member), 1);
		return;
	}
	__builtin_prefetch(&t->sketch->pane, 1);
	__builtin_prefetch((const uint8_t *)&t->sketch->pane + 64, 1);
	for (uint32_t i = 0; i < TSN_STABLE / 8; i += 8)
		__builtin_prefetch(&t->sketch->all[i], 1);
}

/* Place in the index: of the member, or where it would go. */
static uint32_t
find(const struct tsn_tally *t, uint64_t member)
{
	const uint16_t *at = index_of(t);
	uint32_t i = home_of(t, member);

	while (at[i] != NOWHERE && value_at(t, at[i])->member != member)
		i = (i + 1) & (2 * t->cap - 1);
	return i;
}

static unsigned __int128
mass_of(uint32_t c)
{
	return c < 2 ? 0 : (unsigned __int128)((double)c * tsn_log2_of(c) * (double)(UINT64_C(1) << POINT) + 0.5);
}

static struct value *
enter(struct tsn_tally *t, uint64_t member)
{
	struct value *v = value_at(t, t->n);

	index_of(t)[find(t, member)] = (uint16_t)t->n++;
	memset(v, 0, stride_of(t->lanes));
	v->member = member;
	return v;
}

static bool
grow(struct tsn_tally **t, uint32_t lanes, struct tsn_heap *heap)
{
	struct tsn_tally *old = *t, *more = new(old == NULL ? CAP_FIRST : old->cap * 2, lanes, heap);

	if (more == NULL)
		return false;
	for (uint32_t i = 0; old != NULL && i < old->n; i++)
		memcpy(enter(more, value_at(old, i)->member), value_at(old, i), stride_of(lanes));
	if (old != NULL) {
		more->kept = old->kept;
		more->count = old->count;
		more->mass = old->mass;
	}
	tsn_tally_free(old, heap);
	*t = more;
	return true;
}

static bool
sketch_add(struct sketch *s, const int32_t *x, uint32_t lane, uint32_t lanes, uint64_t n, struct tsn_heap *heap)
{
	if (lanes > 1 && s->pane[lane] == NULL) {
		s->pane[lane] = empty(heap, sizeof(s->all));
		if (s->pane[lane] == NULL)
			return false;
	}
	if (lanes > 1)
		tsn_stable_add(s->pane[lane], x, n);
	tsn_stable_add(s->all, x, n);
	s->count[lane] += n;
	return true;
}

static bool
sketch_value(struct sketch *s, const struct value *v, uint32_t lanes, const struct tsn_stable *law, struct tsn_heap *heap)
{
	int32_t x[TSN_STABLE];

	tsn_stable_of(law, v->member, x);
	if (lanes == 1)
		return sketch_add(s, x, 0, 1, v->total, heap);
	for (uint32_t l = 0; l < lanes; l++)
		if (v->lane[l] > 0 && !sketch_add(s, x, l, lanes, v->lane[l], heap))
			return false;
	return true;
}

/* From exact to a sketch; what held the values shrinks to its header. */
static bool
convert(struct tsn_tally **t, const struct tsn_stable *law, struct tsn_heap *heap)
{
	struct tsn_tally *old = *t, *next = new(0, old->lanes, heap);

	if (next == NULL)
		return false;
	next->kept = old->kept;
	next->count = old->count;
	next->sketch = empty(heap, sizeof(*next->sketch));
	if (next->sketch == NULL)
		goto fail;
	for (uint32_t i = 0; i < old->n; i++)
		if (!sketch_value(next->sketch, value_at(old, i), old->lanes, law, heap))
			goto fail;
	tsn_tally_free(old, heap);
	*t = next;
	return true;
fail:
	tsn_tally_free(next, heap);
	return false;
}

static const struct value *
value_of(const struct tsn_tally *t, uint64_t member)
{
	uint16_t at = t == NULL || t->n == 0 ? NOWHERE : index_of(t)[find(t, member)];

	return at == NOWHERE ? NULL : value_at(t, at);
}

/* Can the value not be counted one by one any more? */
static bool
too_many(const struct tsn_tally *t, const struct value *v)
{
	return v != NULL ? v->total == UINT32_MAX : t != NULL && t->n == TSN_TALLY_EXACT;
}

uint64_t
tsn_tally_wants(const struct tsn_tally *t, uint64_t member, uint32_t lane, uint32_t lanes)
{
	const struct value *v;

	if (t != NULL && t->sketch != NULL)
		return lanes > 1 && t->sketch->pane[lane] == NULL ? sizeof(t->sketch->all) : 0;
	v = value_of(t, member);
	if (too_many(t, v))
		return tsn_tally_most(lanes);
	if (v != NULL || (t != NULL && t->n < t->cap))
		return 0;
	return size_of(t == NULL ? CAP_FIRST : t->cap * 2, lanes);
}

bool
tsn_tally_add(struct tsn_tally **t, uint64_t member, uint32_t lane, uint32_t lanes, const struct tsn_stable *law,
    struct tsn_heap *heap)
{
	struct value *v = (struct value *)value_of(*t, member);
	int32_t x[TSN_STABLE];

	if (*t != NULL && (*t)->sketch == NULL && too_many(*t, v) && !convert(t, law, heap))
		return false;
	if (*t != NULL && (*t)->sketch != NULL) {
		tsn_stable_of(law, member, x);
		if (!sketch_add((*t)->sketch, x, lane, lanes, 1, heap))
			return false;
		(*t)->count++;
		return true;
	}
	if (v == NULL) {
		if ((*t == NULL || (*t)->n == (*t)->cap) && !grow(t, lanes, heap))
			return false;
		v = enter(*t, member);
	}
	(*t)->mass += mass_of(v->total + 1) - mass_of(v->total);
	(*t)->count++;
	v->total++;
	if (lanes > 1)
		v->lane[lane]++;
	return true;
}

static uint64_t
count_in(const struct value *v, uint32_t lanes)
{
	uint64_t n = 0;

	for (; lanes != 0; lanes &= lanes - 1)
		n += v->lane[__builtin_ctz(lanes)];
	return n;
}

static void
reindex(struct tsn_tally *t)
{
	const uint32_t n = t->n;

	memset(index_of(t), 0xFF, t->cap * 2 * sizeof(uint16_t));
	for (t->n = 0; t->n < n; t->n++)
		index_of(t)[find(t, value_at(t, t->n)->member)] = (uint16_t)t->n;
}

static void
drop_values(struct tsn_tally *t, uint32_t gone)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		struct value *v = value_at(t, i);
		const uint32_t less = (uint32_t)count_in(v, gone);

		if (less > 0) {
			t->mass -= mass_of(v->total) - mass_of(v->total - less);
			t->count -= less;
			v->total -= less;
			for (uint32_t l = gone; l != 0; l &= l - 1)
				v->lane[__builtin_ctz(l)] = 0;
		}
		if (v->total > 0 && kept++ < i)
			memcpy(value_at(t, kept - 1), v, stride_of(t->lanes));
	}
	if (kept < t->n) {
		t->n = kept;
		reindex(t);
	}
}

void
tsn_tally_drop(struct tsn_tally *t, uint32_t gone, struct tsn_heap *heap)
{
	struct sketch *s = t->sketch;

	if (s == NULL) {
		drop_values(t, gone);
		return;
	}
	for (; gone != 0; gone &= gone - 1) {
		const uint32_t l = (uint32_t)__builtin_ctz(gone);

		if (s->pane[l] == NULL)
			continue;
		tsn_stable_subtract(s->all, s->pane[l]);
		tsn_heap_give(heap, s->pane[l], sizeof(s->all));
		s->pane[l] = NULL;
		t->count -= s->count[l];
		s->count[l] = 0;
	}
}

/* Of what the lanes hold that are looked at, when that is not all. */
static double
sketch_entropy(const struct tsn_tally *t, uint32_t seen, uint64_t *n)
{
	int64_t reg[TSN_STABLE];

	*n = 0;
	memset(reg, 0, sizeof(reg));
	for (; seen != 0; seen &= seen - 1) {
		const uint32_t l = (uint32_t)__builtin_ctz(seen);

		if (t->sketch->pane[l] == NULL)
			continue;
		*n += t->sketch->count[l];
		for (uint32_t i = 0; i < TSN_STABLE; i++)
			reg[i] = (int64_t)((uint64_t)reg[i] + (uint64_t)t->sketch->pane[l][i]);
	}
	return *n == 0 ? 0 : tsn_stable_entropy(reg, *n);
}

static uint64_t
count_seen(const struct tsn_tally *t, uint32_t seen, unsigned __int128 *mass)
{
	uint64_t n = 0;

	*mass = 0;
	for (uint32_t i = 0; i < t->n; i++) {
		const uint64_t c = count_in(value_at(t, i), seen);

		n += c;
		*mass += mass_of((uint32_t)c);
	}
	return n;
}

static bool
everything(const struct tsn_tally *t, uint32_t seen)
{
	uint64_t n = 0;

	if (t->lanes == 1 || seen == UINT16_MAX)
		return true;
	if (t->sketch == NULL)
		return false;
	for (; seen != 0; seen &= seen - 1)
		n += t->sketch->count[__builtin_ctz(seen)];
	return n == t->count;
}

bool
tsn_tally_entropy(const struct tsn_tally *t, uint32_t seen, double *out)
{
	unsigned __int128 mass;
	double all;
	uint64_t n;

	*out = 0;
	if (t == NULL || seen == 0)
		return false;
	n = t->count;
	mass = t->mass;
	if (t->sketch == NULL && !everything(t, seen))
		n = count_seen(t, seen, &mass);
	if (t->sketch != NULL)
		*out = everything(t, seen) && n > 0 ? tsn_stable_entropy(t->sketch->all, n) : sketch_entropy(t, seen, &n);
	else if (n > 0)
		*out = tsn_log2_of(n) - (double)mass / (double)(UINT64_C(1) << POINT) / (double)n;
	if (n == 0)
		return false;
	all = tsn_log2_of(n);
	*out = *out < 0 ? 0 : *out > all ? all : *out;
	return true;
}

bool
tsn_tally_sketched(const struct tsn_tally *t)
{
	return t != NULL && t->sketch != NULL;
}

static void
sketch_save(const struct sketch *s, uint32_t lanes, struct tsn_pack *out)
{
	for (uint32_t l = 0; l < lanes; l++) {
		const int64_t *reg = lanes == 1 ? s->all : s->pane[l];

		tsn_pack_bool(out, reg != NULL);
		if (reg == NULL)
			continue;
		tsn_pack_uint(out, s->count[l]);
		for (uint32_t i = 0; i < TSN_STABLE; i++)
			tsn_pack_int(out, reg[i]);
	}
}

void
tsn_tally_save(const struct tsn_tally *t, struct tsn_pack *out)
{
	tsn_pack_bool(out, t->sketch != NULL);
	if (t->sketch != NULL) {
		sketch_save(t->sketch, t->lanes, out);
		return;
	}
	tsn_pack_uint(out, t->cap);
	tsn_pack_uint(out, t->n);
	for (uint32_t i = 0; i < t->n; i++) {
		const struct value *v = value_at(t, i);

		tsn_pack_uint(out, v->member);
		for (uint32_t l = 0; l < t->lanes; l++)
			tsn_pack_uint(out, t->lanes == 1 ? v->total : v->lane[l]);
	}
}

static bool
sketch_load(struct tsn_tally *t, struct tsn_unpack *in, struct tsn_heap *heap)
{
	struct sketch *s = t->sketch = empty(heap, sizeof(*s));

	if (s == NULL)
		return false;
	for (uint32_t l = 0; l < t->lanes; l++) {
		int64_t *reg = s->all;

		if (!tsn_unpack_bool(in))
			continue;
		if (t->lanes > 1) {
			reg = s->pane[l] = empty(heap, sizeof(s->all));
			if (reg == NULL)
				return false;
		}
		s->count[l] = tsn_unpack_below(in, UINT64_C(1) << 56);
		t->count += s->count[l];
		for (uint32_t i = 0; i < TSN_STABLE; i++)
			reg[i] = tsn_unpack_int(in);
		for (uint32_t i = 0; t->lanes > 1 && i < TSN_STABLE; i++)
			s->all[i] = (int64_t)((uint64_t)s->all[i] + (uint64_t)reg[i]);
	}
	return !in->bad;
}

static bool
values_load(struct tsn_tally *t, struct tsn_unpack *in)
{
	const uint32_t n = (uint32_t)tsn_unpack_below(in, t->cap);

	for (uint32_t i = 0; i < n; i++) {
		const uint64_t member = tsn_unpack_uint(in);
		struct value *v;
		uint64_t total = 0;

		if (in->bad || value_of(t, member) != NULL)
			return false;
		v = enter(t, member);
		for (uint32_t l = 0; l < t->lanes; l++) {
			const uint64_t c = tsn_unpack_below(in, UINT32_MAX);

			total += c;
			if (t->lanes > 1)
				v->lane[l] = (uint32_t)c;
		}
		if (total == 0 || total > UINT32_MAX)
			return false;
		v->total = (uint32_t)total;
		t->count += total;
		t->mass += mass_of(v->total);
	}
	return !in->bad;
}

struct tsn_tally *
tsn_tally_load(struct tsn_unpack *in, uint32_t lanes, struct tsn_heap *heap)
{
	const bool sketched = tsn_unpack_bool(in);
	const uint32_t cap = sketched ? 0 : (uint32_t)tsn_unpack_below(in, TSN_TALLY_EXACT);
	struct tsn_tally *t;

	if (in->bad || (!sketched && (cap < CAP_FIRST || (cap & (cap - 1)) != 0)))
		return NULL;
	t = new(cap, lanes, heap);
	if (t == NULL)
		return NULL;
	if (sketched ? sketch_load(t, in, heap) : values_load(t, in))
		return t;
	tsn_tally_free(t, heap);
	return NULL;
}
