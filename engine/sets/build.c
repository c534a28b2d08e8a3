/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "sets/members.h"

/* Ranges lie in [0] (IPv4, integers) or [1] (IPv6). */
struct tsn_set_builder {
	enum tsn_set_kind kind;
	size_t size; /* members of sets that were added */
	struct tsn_ranges ranges[2], excluded[2];
	struct tsn_word_members words;
	struct tsn_cells cells;
};

struct tsn_set_builder *
tsn_set_builder_new(enum tsn_set_kind kind)
{
	struct tsn_set_builder *b = tsn_calloc(1, sizeof(*b));

	if (b != NULL)
		b->kind = kind;
	return b;
}

static void
empty(struct tsn_set_builder *b)
{
	for (int i = 0; i < 2; i++) {
		tsn_ranges_fini(&b->ranges[i]);
		tsn_ranges_fini(&b->excluded[i]);
	}
	tsn_word_members_fini(&b->words);
	tsn_cells_fini(&b->cells);
	b->size = 0;
}

void
tsn_set_builder_free(struct tsn_set_builder *b)
{
	if (b == NULL)
		return;
	empty(b);
	tsn_free(b);
}

static bool
accept(struct tsn_set_builder *b, enum tsn_set_kind kind)
{
	if (b->kind == TSN_SET_ANY)
		b->kind = kind;
	return b->kind == kind;
}

static enum tsn_set_error
add_range(struct tsn_ranges *l, tsn_u128 lo, tsn_u128 hi, uint32_t row)
{
	struct tsn_range r = { lo, hi, hi - lo, row, true };

	return tsn_ranges_add(l, r) ? TSN_SET_OK : TSN_SET_MEMORY;
}

enum tsn_set_error
tsn_set_builder_add_addr_range(struct tsn_set_builder *b, struct tsn_addr lo, struct tsn_addr hi,
    uint32_t row)
{
	if (lo.v4 != hi.v4 || tsn_addr_cmp(lo, hi) > 0)
		return TSN_SET_REVERSED;
	if (!accept(b, TSN_SET_ADDR))
		return TSN_SET_MIXED;
	return add_range(&b->ranges[!lo.v4], tsn_u128_of_addr(lo), tsn_u128_of_addr(hi), row);
}

/* Last address of a prefix. */
static tsn_u128
last_of(struct tsn_prefix p)
{
	unsigned bits = (p.addr.v4 ? 32 : 128) - p.len;

	return tsn_u128_of_addr(p.addr) | (bits >= 128 ? ~(tsn_u128)0 : ((tsn_u128)1 << bits) - 1);
}

enum tsn_set_error
tsn_set_builder_add_prefix(struct tsn_set_builder *b, struct tsn_prefix p, uint32_t row)
{
	if (!accept(b, TSN_SET_ADDR))
		return TSN_SET_MIXED;
	p.addr = tsn_addr_mask(p.addr, p.len, p.len);
	return add_range(&b->ranges[!p.addr.v4], tsn_u128_of_addr(p.addr), last_of(p), row);
}

enum tsn_set_error
tsn_set_builder_exclude_prefix(struct tsn_set_builder *b, struct tsn_prefix p)
{
	if (!accept(b, TSN_SET_ADDR))
		return TSN_SET_MIXED;
	p.addr = tsn_addr_mask(p.addr, p.len, p.len);
	return add_range(&b->excluded[!p.addr.v4], tsn_u128_of_addr(p.addr), last_of(p),
	    TSN_SET_NO_ROW);
}

enum tsn_set_error
tsn_set_builder_add_int_range(struct tsn_set_builder *b, int64_t lo, int64_t hi, uint32_t row)
{
	if (lo > hi)
		return TSN_SET_REVERSED;
	if (!accept(b, TSN_SET_INT))
		return TSN_SET_MIXED;
	return add_range(&b->ranges[0], tsn_u128_of_int(lo), tsn_u128_of_int(hi), row);
}

static enum tsn_set_error
add_word(struct tsn_set_builder *b, const void *p, size_t n, uint32_t row)
{
	bool ok = tsn_word_members_add(&b->words, n > 0 ? p : "", n, row);

	return ok ? TSN_SET_OK : TSN_SET_MEMORY;
}

enum tsn_set_error
tsn_set_builder_add_str(struct tsn_set_builder *b, const char *s, size_t n, uint32_t row)
{
	if (!accept(b, TSN_SET_STR))
		return TSN_SET_MIXED;
	return add_word(b, s, n, row);
}

enum tsn_set_error
tsn_set_builder_add_key(struct tsn_set_builder *b, const uint8_t *bytes, size_t n, uint32_t row)
{
	if (!accept(b, TSN_SET_TUPLE))
		return TSN_SET_MIXED;
	return add_word(b, bytes, n, row);
}

enum tsn_set_error
tsn_set_builder_columns(struct tsn_set_builder *b, const struct tsn_str *names, size_t n)
{
	return tsn_cells_columns(&b->cells, names, n) ? TSN_SET_OK : TSN_SET_MEMORY;
}

enum tsn_set_error
tsn_set_builder_row(struct tsn_set_builder *b, const struct tsn_str *cells, size_t n, uint32_t *row)
{
	return tsn_cells_row(&b->cells, cells, n, row) ? TSN_SET_OK : TSN_SET_MEMORY;
}

/* A range of a built set: it is not counted again, and its rows moved up by [base]. */
static bool
add_old(struct tsn_ranges *l, struct tsn_range r, uint32_t base)
{
	r.counted = false;
	if (r.row != TSN_SET_NO_ROW)
		r.row += base;
	return tsn_ranges_add(l, r);
}

static struct tsn_range
plain(tsn_u128 lo, tsn_u128 hi)
{
	return (struct tsn_range){ lo, hi, hi - lo, TSN_SET_NO_ROW, false };
}

static struct tsn_range
range_v6(const struct tsn_v6_members *m, size_t i)
{
	return plain((tsn_u128)m->lo_hi[i] << 64 | m->lo_lo[i], (tsn_u128)m->hi_hi[i] << 64 | m->hi_lo[i]);
}

static struct tsn_range
range_int(const struct tsn_int_members *m, size_t i)
{
	return plain(tsn_u128_of_int(m->lo[i]), tsn_u128_of_int(m->hi[i]));
}

static bool
add_members(struct tsn_set_builder *b, const struct tsn_set *s, uint32_t base)
{
	size_t i;

	for (i = 0; i < s->v4.n; i++)
		if (!add_old(&b->ranges[0], plain(s->v4.lo[i], s->v4.hi[i]), 0))
			return false;
	for (i = 0; i < s->v6.n; i++)
		if (!add_old(&b->ranges[1], range_v6(&s->v6, i), 0))
			return false;
	for (i = 0; i < s->ints.n; i++)
		if (!add_old(&b->ranges[0], range_int(&s->ints, i), 0))
			return false;
	/* over the plain ranges, whose row is none, lie the pieces that have one */
	for (int f = 0; f < 2; f++)
		for (i = 0; i < s->pieces[f].n; i++)
			if (!add_old(&b->ranges[f], s->pieces[f].r[i], base))
				return false;
	for (i = 0; i < s->words.n; i++) {
		const struct tsn_word *w = &s->words.word[i];
		uint32_t row = w->row != TSN_SET_NO_ROW ? w->row + base : w->row;

		if (!tsn_word_members_add(&b->words, s->words.text.p + w->off, w->n, row))
			return false;
	}
	return true;
}

enum tsn_set_error
tsn_set_builder_add_set(struct tsn_set_builder *b, const struct tsn_set *s)
{
	uint32_t base;

	if (s->kind == TSN_SET_ANY || tsn_set_empty(s))
		return s->kind == TSN_SET_ANY || accept(b, s->kind) ? TSN_SET_OK : TSN_SET_MIXED;
	if (!accept(b, s->kind))
		return TSN_SET_MIXED;
	if (!tsn_cells_append(&b->cells, &s->cells, &base) || !add_members(b, s, base))
		return TSN_SET_MEMORY;
	if (s->words.n == 0) /* words are counted when they are closed */
		b->size += s->size;
	return TSN_SET_OK;
}

/* Sorts, cuts and merges one family; rows go to the set. */
static bool
close_ranges(struct tsn_set_builder *b, int f, struct tsn_set *s)
{
	struct tsn_ranges *l = &b->ranges[f];

	tsn_ranges_sort(l);
	tsn_ranges_sort(&b->excluded[f]);
	tsn_ranges_merge(&b->excluded[f]);
	s->size += tsn_ranges_distinct(l);
	if (!tsn_ranges_subtract(l, &b->excluded[f]) || !tsn_ranges_flatten(l, &s->pieces[f]))
		return false;
	tsn_ranges_merge(l);
	return true;
}

static uint64_t
hash_ranges(uint64_t h, const struct tsn_ranges *l)
{
	for (size_t i = 0; i < l->n; i++) {
		h = tsn_hash_join(h, (uint64_t)(l->r[i].lo >> 64));
		h = tsn_hash_join(h, (uint64_t)l->r[i].lo);
		h = tsn_hash_join(h, (uint64_t)(l->r[i].hi >> 64));
		h = tsn_hash_join(h, (uint64_t)l->r[i].hi);
	}
	return h;
}

static uint64_t
hash_of(const struct tsn_set_builder *b, const struct tsn_set *s)
{
	uint64_t h, sum = 0;

	if (tsn_set_empty(s))
		return 0;
	h = tsn_hash_join(hash_ranges(0, &b->ranges[0]), 6); /* no IPv4 range is like one of IPv6 */
	h = hash_ranges(h, &b->ranges[1]);
	for (size_t i = 0; i < s->words.n; i++) { /* a sum, so that their order does not matter */
		const struct tsn_word *w = &s->words.word[i];

		sum += tsn_hash_bytes(s->words.text.p + w->off, w->n, 1);
	}
	return tsn_hash_join(tsn_hash_join(h, sum), s->kind);
}

static bool
close_members(struct tsn_set_builder *b, struct tsn_set *s)
{
	if (!close_ranges(b, 0, s) || !close_ranges(b, 1, s))
		return false;
	if (b->kind == TSN_SET_INT) {
		if (!tsn_int_members_init(&s->ints, &b->ranges[0]))
			return false;
	} else if (!tsn_v4_members_init(&s->v4, &b->ranges[0]) ||
	    !tsn_v6_members_init(&s->v6, &b->ranges[1])) {
		return false;
	}
	s->words = b->words;
	memset(&b->words, 0, sizeof(b->words));
	if (!tsn_word_members_close(&s->words))
		return false;
	s->size += s->words.n;
	s->cells = b->cells;
	memset(&b->cells, 0, sizeof(b->cells));
	s->hash = hash_of(b, s);
	return true;
}

struct tsn_set *
tsn_set_build(struct tsn_set_builder *b)
{
	struct tsn_set *s = tsn_calloc(1, sizeof(*s));

	if (s != NULL) {
		s->kind = b->kind;
		s->size = b->size;
		tsn_set_put_as_of(s, TSN_TIME_NONE);
		if (!close_members(b, s)) {
			tsn_set_free(s);
			s = NULL;
		}
	}
	empty(b);
	return s;
}
