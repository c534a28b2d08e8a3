/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Every value of a set, one by one: addresses of its prefixes, numbers of its ranges, its words. */
#include "sets/members.h"
#include "sets/set.h"

static uint64_t
plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Values of a range of two halves, 2^64-1 if there are more. */
static uint64_t
length(tsn_u128 lo, tsn_u128 hi)
{
	return hi - lo >= UINT64_MAX ? UINT64_MAX : (uint64_t)(hi - lo) + 1;
}

static tsn_u128
v6(const uint64_t *hi, const uint64_t *lo, size_t i)
{
	return (tsn_u128)hi[i] << 64 | lo[i];
}

uint64_t
tsn_set_values(const struct tsn_set *s)
{
	uint64_t n = s->words.n;

	for (uint32_t i = 0; i < s->v4.n; i++)
		n = plus(n, length(s->v4.lo[i], s->v4.hi[i]));
	for (size_t i = 0; i < s->v6.n; i++)
		n = plus(n, length(v6(s->v6.lo_hi, s->v6.lo_lo, i), v6(s->v6.hi_hi, s->v6.hi_lo, i)));
	for (size_t i = 0; i < s->ints.n; i++)
		n = plus(n, length(tsn_u128_of_int(s->ints.lo[i]), tsn_u128_of_int(s->ints.hi[i])));
	return n;
}

struct walk {
	uint64_t left;
	tsn_set_each_fn *each;
	void *arg;
};

static bool
give(struct walk *w, const struct tsn_value *v, const uint8_t *key, size_t n)
{
	w->left--;
	return w->each(w->arg, v, key, n);
}

static bool
each_v4(const struct tsn_set *s, struct walk *w)
{
	for (uint32_t i = 0; i < s->v4.n; i++)
		for (uint64_t a = s->v4.lo[i]; a <= s->v4.hi[i] && w->left > 0; a++)
			if (!give(w, &(struct tsn_value){ .type = TSN_T_ADDR, .known = true, .v4_bits = 32, .v6_bits = 128,
			    .addr = tsn_addr_v4((uint32_t)a) }, NULL, 0))
				return false;
	return true;
}

static bool
each_v6(const struct tsn_set *s, struct walk *w)
{
	for (size_t i = 0; i < s->v6.n; i++) {
		tsn_u128 a = v6(s->v6.lo_hi, s->v6.lo_lo, i);
		uint64_t n = length(a, v6(s->v6.hi_hi, s->v6.hi_lo, i));

		for (; n > 0 && w->left > 0; n--, a++)
			if (!give(w, &(struct tsn_value){ .type = TSN_T_ADDR, .known = true, .v4_bits = 32, .v6_bits = 128,
			    .addr = { (uint64_t)(a >> 64), (uint64_t)a, false } }, NULL, 0))
				return false;
	}
	return true;
}

static bool
each_int(const struct tsn_set *s, struct walk *w)
{
	for (size_t i = 0; i < s->ints.n; i++) {
		uint64_t n = length(tsn_u128_of_int(s->ints.lo[i]), tsn_u128_of_int(s->ints.hi[i]));
		uint64_t v = (uint64_t)s->ints.lo[i];

		for (; n > 0 && w->left > 0; n--, v++)
			if (!give(w, &(struct tsn_value){ .type = TSN_T_INT, .known = true, .i = (int64_t)v }, NULL, 0))
				return false;
	}
	return true;
}

static bool
each_word(const struct tsn_set *s, struct walk *w)
{
	for (size_t i = 0; i < s->words.n && w->left > 0; i++) {
		const struct tsn_word *word = &s->words.word[i];
		const char *p = s->words.text.p == NULL ? "" : s->words.text.p + word->off;
		const struct tsn_value v = { .type = TSN_T_STRING, .known = true, .s = { p, word->n } };
		const bool tuple = s->kind == TSN_SET_TUPLE;

		if (!give(w, tuple ? NULL : &v, tuple ? (const uint8_t *)p : NULL, tuple ? word->n : 0))
			return false;
	}
	return true;
}

bool
tsn_set_each(const struct tsn_set *s, uint64_t max, tsn_set_each_fn *each, void *arg)
{
	struct walk w = { max, each, arg };

	return each_v4(s, &w) && each_v6(s, &w) && each_int(s, &w) && each_word(s, &w);
}

bool
tsn_set_ranges(const struct tsn_set *s, struct tsn_ranges *out)
{
	bool ok = true;

	for (size_t i = 0; ok && i < s->v6.n; i++)
		ok = tsn_ranges_add(out, (struct tsn_range){ .lo = v6(s->v6.lo_hi, s->v6.lo_lo, i), .hi = v6(s->v6.hi_hi, s->v6.hi_lo, i) });
	ok = ok && tsn_ranges_without_v4(out);
	for (uint32_t i = 0; ok && i < s->v4.n; i++)
		ok = tsn_ranges_add(out, (struct tsn_range){ .lo = TSN_V4_MAPPED | s->v4.lo[i], .hi = TSN_V4_MAPPED | s->v4.hi[i] });
	for (size_t i = 0; ok && i < s->ints.n; i++)
		ok = tsn_ranges_add(out, (struct tsn_range){ .lo = tsn_u128_of_int(s->ints.lo[i]), .hi = tsn_u128_of_int(s->ints.hi[i]) });
	tsn_ranges_sort(out);
	return ok;
}
