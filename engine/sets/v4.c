/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * IPv4 members: /16 by table, /24 by two bits, single addresses by a bit each where a /24 is neither in nor out. Two or
 * three look-ups whatever the size, each asked for a stretch ahead.
 */
#include <string.h>

#include "base/mem.h"
#include "base/wide.h"
#include "sets/members.h"

#define UPPER_NONE 0u
#define UPPER_ALL 1u
#define UPPER_BLOCK 2u /* and the number of the block */
#define SMALL 16384u /* blocks, and leaves: 2 MB at most */
#define LEAVES_MAX (1u << 22) /* 128 MB; beyond, ranges are searched */

/* Sets bits [lo, hi] of a bitmap. */
static void
set_bits(uint64_t *bits, uint32_t lo, uint32_t hi)
{
	for (uint32_t i = lo / 64; i <= hi / 64; i++) {
		uint64_t first = i == lo / 64 ? UINT64_MAX << (lo & 63) : UINT64_MAX;
		uint64_t last = i == hi / 64 ? UINT64_MAX >> (63 - (hi & 63)) : UINT64_MAX;

		bits[i] |= first & last;
	}
}

/* Ranges ascend, so blocks and leaves are made one after the other; without [fill] they are only counted. */
struct filling {
	struct tsn_v4_members *m;
	bool fill;
	uint32_t blocks, leaves;
	uint64_t last16, last24; /* that the last ones are of */
};

/* The number of the block of a /16. */
static uint32_t
block_of(struct filling *f, uint32_t u)
{
	if (f->last16 != u) {
		f->last16 = u;
		f->blocks++;
	}
	if (f->fill)
		f->m->upper[u] = UPPER_BLOCK + f->blocks - 1;
	return f->blocks - 1;
}

static void
fill_leaf(struct filling *f, uint32_t block, uint32_t lo, uint32_t hi)
{
	uint32_t third = lo >> 8 & 255;

	if (f->last24 != lo >> 8) {
		f->last24 = lo >> 8;
		f->leaves++;
	}
	if (!f->fill || f->m->leaf == NULL)
		return;
	set_bits(f->m->part[block].w, third, third);
	set_bits(f->m->leaf[f->leaves - 1].w, lo & 255, hi & 255);
}

/* Addresses lo..hi of one /16. */
static void
fill_block(struct filling *f, uint32_t lo, uint32_t hi)
{
	uint32_t block = block_of(f, lo >> 16);

	for (uint32_t t = lo >> 8; t <= hi >> 8; t++) {
		uint32_t first = t << 8, from = first > lo ? first : lo, to = (first | 255) < hi ? first | 255 : hi;

		if (to - from < 255)
			fill_leaf(f, block, from, to);
		if (f->fill)
			set_bits(f->m->some[block].w, t & 255, t & 255);
	}
}

static void
fill(struct filling *f)
{
	f->last16 = f->last24 = UINT64_MAX;
	f->blocks = f->leaves = 0;
	for (uint32_t i = 0; i < f->m->n; i++) {
		uint32_t lo = f->m->lo[i], hi = f->m->hi[i];

		for (uint32_t u = lo >> 16; u <= hi >> 16; u++) {
			uint32_t first = u << 16, from = first > lo ? first : lo, to = (first | 0xffff) < hi ? first | 0xffff : hi;

			if (to - from < 0xffff)
				fill_block(f, from, to);
			else if (f->fill)
				f->m->upper[u] = UPPER_ALL;
		}
	}
}

/* How many leaves stand before those of each word of [part]. */
static void
rank(struct tsn_v4_members *m, uint32_t blocks)
{
	uint32_t before = 0;

	for (uint32_t i = 0; i < blocks; i++) {
		for (int w = 0; w < 4; w++) {
			m->part[i].rank[w] = before;
			before += (uint32_t)__builtin_popcountll(m->part[i].w[w]);
		}
	}
}

static bool
index_v4(struct tsn_v4_members *m)
{
	struct filling f = { .m = m };

	fill(&f);
	m->upper = tsn_calloc(65536, sizeof(*m->upper));
	m->some = tsn_calloc(f.blocks, sizeof(*m->some));
	m->part = tsn_calloc(f.blocks, sizeof(*m->part));
	if (m->upper == NULL || m->some == NULL || m->part == NULL)
		return false;
	if (f.leaves <= LEAVES_MAX && (m->leaf = tsn_calloc(f.leaves, sizeof(*m->leaf))) == NULL)
		return false;
	m->small = f.blocks <= SMALL && f.leaves > 0 && f.leaves <= SMALL;
	f.fill = true;
	fill(&f);
	rank(m, f.blocks);
	return true;
}

bool
tsn_v4_members_init(struct tsn_v4_members *m, const struct tsn_ranges *l)
{
	if (l->n == 0)
		return true;
	m->lo = tsn_reallocarray(NULL, l->n, sizeof(*m->lo));
	m->hi = tsn_reallocarray(NULL, l->n, sizeof(*m->hi));
	if (m->lo == NULL || m->hi == NULL)
		return false;
	m->n = (uint32_t)l->n;
	for (uint32_t i = 0; i < m->n; i++) {
		m->lo[i] = (uint32_t)l->r[i].lo;
		m->hi[i] = (uint32_t)l->r[i].hi;
	}
	return m->n <= TSN_SET_LINEAR || index_v4(m);
}

void
tsn_v4_members_fini(struct tsn_v4_members *m)
{
	tsn_free(m->lo);
	tsn_free(m->hi);
	tsn_free(m->upper);
	tsn_free(m->some);
	tsn_free(m->part);
	tsn_free(m->leaf);
}

static bool
few_has(const struct tsn_v4_members *m, uint32_t v)
{
	bool hit = false;

	for (uint32_t i = 0; i < m->n; i++)
		hit |= v - m->lo[i] <= m->hi[i] - m->lo[i];
	return hit;
}

/* Without leaves: the first range that ends at or after it. */
static bool
search(const struct tsn_v4_members *m, uint32_t v)
{
	uint32_t from = 0, to = m->n;

	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (m->hi[mid] < v)
			from = mid + 1;
		else
			to = mid;
	}
	return from < m->n && m->lo[from] <= v;
}

static inline bool
ask_some(const struct tsn_v4_members *m, uint32_t block, uint32_t v)
{
	return m->some[block].w[v >> 14 & 3] >> (v >> 8 & 63) & 1;
}

enum answer { OUT, IN, ASK_LEAF };

/* Of a /24 with members. */
static inline enum answer
ask_part(const struct tsn_v4_members *m, uint32_t block, uint32_t v, uint32_t *leaf)
{
	uint32_t word = v >> 14 & 3, bit = v >> 8 & 63;
	uint64_t part = m->part[block].w[word];

	if (m->leaf == NULL)
		return search(m, v) ? IN : OUT;
	if (!(part >> bit & 1))
		return IN;
	*leaf = m->part[block].rank[word] + (uint32_t)__builtin_popcountll(part & ((UINT64_C(1) << bit) - 1));
	return ASK_LEAF;
}

static inline bool
ask_leaf(const struct tsn_v4_members *m, uint32_t leaf, uint32_t v)
{
	return m->leaf[leaf].w[v >> 6 & 3] >> (v & 63) & 1;
}

bool
tsn_v4_members_has(const struct tsn_v4_members *m, uint32_t v)
{
	uint32_t upper, leaf;
	enum answer a;

	if (m->upper == NULL)
		return few_has(m, v);
	upper = m->upper[v >> 16];
	if (upper < UPPER_BLOCK)
		return upper == UPPER_ALL;
	if (!ask_some(m, upper - UPPER_BLOCK, v))
		return false;
	a = ask_part(m, upper - UPPER_BLOCK, v, &leaf);
	return a == ASK_LEAF ? ask_leaf(m, leaf, v) : a == IN;
}

/* One pass a range: subtract, compare, or. The compiler makes vectors of it. */
static void
rows_of_few(const struct tsn_v4_members *m, const uint32_t *restrict v, uint32_t n, uint32_t mask, uint8_t *restrict hit)
{
	for (uint32_t r = 0; r < m->n; r++) {
		uint32_t lo = m->lo[r], width = m->hi[r] - lo;

		for (uint32_t i = 0; i < n; i++)
			hit[i] |= (v[i] & mask) - lo <= width;
	}
}

/* Rows that have come to a step, and what they look at there. */
struct step {
	uint32_t n, at[TSN_BATCH_ROWS + 1];
	uint16_t row[TSN_BATCH_ROWS + 1];
};

static inline void
go_on(struct step *s, uint32_t row, uint32_t at, bool go)
{
	s->row[s->n] = (uint16_t)row;
	s->at[s->n] = at;
	s->n += go;
}

/*
 * All steps behind the first at once and without a branch, for sets that lie in the cache anyway: which rows are members is hard
 * to guess, and nothing needs to be waited for. Where a /24 is in as a whole some leaf is asked in vain.
 */
TSN_WIDE(static, void, ask_blocks, (const struct tsn_v4_members *m, const struct step *s, const uint32_t *v, uint32_t mask, uint8_t *hit),
    (m, s, v, mask, hit))
{
	for (uint32_t k = 0; k < s->n; k++) {
		const uint32_t i = s->row[k], addr = v[i] & mask, word = addr >> 14 & 3, bit = addr >> 8 & 63;
		const struct tsn_v4_parts *p = &m->part[s->at[k]];
		const uint32_t single = p->w[word] >> bit & 1;
		const uint32_t leaf = p->rank[word] + (uint32_t)__builtin_popcountll(p->w[word] & ((UINT64_C(1) << bit) - 1));

		hit[i] = ask_some(m, s->at[k], addr) & (!single | ask_leaf(m, single ? leaf : 0, addr));
	}
}

/* Rows go from step to step together, so that each step's misses overlap; most end at the first or the second. */
void
tsn_v4_members_rows(const struct tsn_v4_members *m, const uint32_t *v, uint32_t n, uint32_t mask, uint8_t *hit)
{
	struct step s = { .n = 0 };
	uint32_t count;

	if (m->upper == NULL) {
		rows_of_few(m, v, n, mask, hit);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t upper = m->upper[(v[i] & mask) >> 16];

		hit[i] = upper == UPPER_ALL;
		go_on(&s, i, upper - UPPER_BLOCK, upper >= UPPER_BLOCK);
	}
	if (m->small) {
		ask_blocks(m, &s, v, mask, hit);
		return;
	}
	for (uint32_t k = 0; k < s.n; k++)
		__builtin_prefetch(&m->some[s.at[k]]);
	count = s.n;
	s.n = 0;
	for (uint32_t k = 0; k < count; k++)
		go_on(&s, s.row[k], s.at[k], ask_some(m, s.at[k], v[s.row[k]] & mask));
	for (uint32_t k = 0; k < s.n; k++)
		__builtin_prefetch(&m->part[s.at[k]]);
	count = s.n;
	s.n = 0;
	for (uint32_t k = 0; k < count; k++) {
		uint32_t i = s.row[k], leaf = 0;
		enum answer a = ask_part(m, s.at[k], v[i] & mask, &leaf);

		hit[i] = a == IN;
		if (a == ASK_LEAF)
			__builtin_prefetch(&m->leaf[leaf]);
		go_on(&s, i, leaf, a == ASK_LEAF);
	}
	for (uint32_t k = 0; k < s.n; k++)
		hit[s.row[k]] = ask_leaf(m, s.at[k], v[s.row[k]] & mask);
}
