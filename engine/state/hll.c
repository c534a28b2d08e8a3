/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Flajolet, Fusy, Gandouet, Meunier: HyperLogLog (2007), with the improved
 * estimator of Ertl: New cardinality estimation algorithms for HyperLogLog
 * sketches (2017), algorithm 6, which needs no tables and no switching
 * between ranges. With 64-bit hashes no register ever fills up (chance 2^-48 a
 * member), so its correction for large ranges (tau) is always 0 and left out.
 *
 * A register over n panes is a path. What it would be of the panes up to age a alone, F(a), never falls with a and
 * is at most 48; so n ones, that of age a at bit 47 + n - a - F(a), say all of it in 48 + n bits, read from the upper end:
 * a zero is a step up, a one the next pane. A member of rank r and age a raises F from a on to where it is r already:
 * those ones move to the r-th zero, and the zeros they pass go before them. When time goes on, the lowest one leaves, the others move
 * down and a one comes in at the top. The lowest one alone is 2^(48 - F(n - 1)), which is what the estimate sums.
 */
#include "state/hll.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#include "base/wide.h"

#define INDEX_BITS 12
#define REGISTERS (1u << INDEX_BITS)
#define RANK_MAX 48
#define TOP (UINT64_C(1) << 63)

struct summary {
	uint64_t sum; /* of 2^(RANK_MAX - r) over all r: exact, so it does not drift */
	uint32_t zeros;
};

struct tsn_hll {
	struct summary all;
	int64_t value, ahead_value; /* estimates of it all, and as it were [ahead] panes later */
	uint8_t panes, ahead;       /* 0: not known */
	bool fresh;                 /* [value] is */
	union {
		uint64_t path[REGISTERS];
		uint8_t rank[REGISTERS]; /* of one pane */
	};
};

size_t
tsn_hll_size(uint32_t panes)
{
	return offsetof(struct tsn_hll, path) + (panes == 1 ? sizeof(uint8_t) : sizeof(uint64_t)) * REGISTERS;
}

void
tsn_hll_init(struct tsn_hll *h, uint32_t panes)
{
	memset(h, 0, tsn_hll_size(panes));
	h->panes = (uint8_t)panes;
	h->all = (struct summary){ (uint64_t)REGISTERS << RANK_MAX, REGISTERS };
	for (uint32_t i = 0; panes > 1 && i < REGISTERS; i++)
		h->path[i] = ((UINT64_C(1) << panes) - 1) << RANK_MAX;
}

static inline uint32_t
index_of(uint64_t member)
{
	return (uint32_t)(member >> (64 - INDEX_BITS));
}

static inline uint32_t
rank_of(uint64_t member)
{
	return (uint32_t)__builtin_clzll(member << INDEX_BITS | UINT64_C(1) << (64 - RANK_MAX)) + 1;
}

void
tsn_hll_ahead(const struct tsn_hll *h, uint64_t member)
{
	__builtin_prefetch(&h->value, 1);
	__builtin_prefetch(h->panes == 1 ? (const void *)&h->rank[index_of(member)] : &h->path[index_of(member)], 1);
}

/* A register goes from one rank to another. */
static void
raise(struct tsn_hll *h, uint32_t from, uint32_t to)
{
	h->all.zeros -= from == 0;
	h->all.sum -= (UINT64_C(1) << (RANK_MAX - from)) - (UINT64_C(1) << (RANK_MAX - to));
	h->fresh = false;
}

static inline uint32_t
path_rank(uint64_t path)
{
	return RANK_MAX - (uint32_t)__builtin_ctzll(path);
}

/* [path] begins at the uppermost bit here. */
static inline uint64_t
path_raise(uint64_t path, uint32_t age, uint32_t rank)
{
	uint64_t rest = path, newer;
	uint32_t at = 0;

	for (; at < age; at++)
		rest ^= TOP >> __builtin_clzll(rest);
	newer = path ^ rest;
	for (; rest != 0 && (uint32_t)__builtin_clzll(rest) < rank + at; at++)
		rest ^= TOP >> __builtin_clzll(rest);
	return at == age ? path : newer | rest | ((UINT64_C(1) << (at - age)) - 1) << (64 - rank - at);
}

void
tsn_hll_add(struct tsn_hll *h, uint64_t member, uint32_t age)
{
	const uint32_t index = index_of(member), rank = rank_of(member), unused = TSN_HLL_PANES_MAX - h->panes;
	uint64_t was, is;

	if (h->panes == 1) {
		if (h->rank[index] >= rank)
			return;
		raise(h, h->rank[index], rank);
		h->rank[index] = (uint8_t)rank;
		return;
	}
	was = h->path[index];
	is = path_raise(was << unused, age, rank) >> unused;
	if (is == was)
		return;
	h->path[index] = is;
	h->ahead = 0;
	if (path_rank(is) != path_rank(was))
		raise(h, path_rank(was), rank);
}

/* One pane on. What a register adds to the sum is 2^RANK_MAX when it is zero, and less when not. */
TSN_WIDE(static, struct summary, step, (uint64_t *path, uint64_t in), (path, in))
{
	uint64_t sum = 0, zeros = 0;

	for (uint32_t i = 0; i < REGISTERS; i++) {
		const uint64_t next = (path[i] & (path[i] - 1)) >> 1 | in, lowest = next & -next;

		path[i] = next;
		sum += lowest;
		zeros += lowest >> RANK_MAX;
	}
	return (struct summary){ sum, (uint32_t)zeros };
}

void
tsn_hll_advance(struct tsn_hll *h, uint32_t by)
{
	if (by >= h->panes) {
		tsn_hll_init(h, h->panes);
		return;
	}
	for (; by > 0; by--)
		h->all = step(h->path, UINT64_C(1) << (RANK_MAX - 1 + h->panes));
	h->fresh = false;
	h->ahead = 0;
}

/* Ertl's sigma: x + sum of x^(2^k) 2^(k-1) over k >= 1; its loop ends because the terms vanish. */
static double
sigma(double x)
{
	double y = 1, z = x, before;

	do {
		x *= x;
		before = z;
		z += x * y;
		y += y;
	} while (z != before);
	return z;
}

static int64_t
estimate(const struct summary *s)
{
	const double m = REGISTERS, alpha = 0.72134752044448170368; /* 1 / (2 ln 2) */
	const uint64_t above = s->sum - ((uint64_t)s->zeros << RANK_MAX); /* of the registers that are not 0 */

	if (s->zeros == REGISTERS)
		return 0;
	return (int64_t)llround(alpha * m * m / (ldexp((double)above, -RANK_MAX) + m * sigma((double)s->zeros / m)));
}

/* As it were [ahead] panes later: as many of the lowest ones do not count. */
static int64_t
estimate_ahead(const struct tsn_hll *h, uint32_t ahead)
{
	struct summary s = { 0 };

	for (uint32_t i = 0; i < REGISTERS; i++) {
		uint64_t path = h->path[i];

		for (uint32_t k = 0; k < ahead; k++)
			path &= path - 1;
		path >>= ahead;
		s.sum += path & -path;
		s.zeros += (uint32_t)((path & -path) >> RANK_MAX);
	}
	return estimate(&s);
}

int64_t
tsn_hll_estimate(struct tsn_hll *h, uint32_t ahead)
{
	if (ahead >= h->panes)
		return 0;
	if (ahead > 0 && h->ahead != ahead) {
		h->ahead_value = estimate_ahead(h, ahead);
		h->ahead = (uint8_t)ahead;
	}
	if (ahead > 0)
		return h->ahead_value;
	if (!h->fresh)
		h->value = estimate(&h->all);
	h->fresh = true;
	return h->value;
}

/* --- as bytes --- */

void
tsn_hll_save(const struct tsn_hll *h, struct tsn_pack *out)
{
	if (h->panes == 1) {
		tsn_pack_raw(out, h->rank, sizeof(h->rank));
		return;
	}
	for (uint32_t i = 0; i < REGISTERS; i++) {
		const uint64_t path = htole64(h->path[i]);

		tsn_pack_raw(out, &path, sizeof(path));
	}
}

static bool
load_register(struct tsn_hll *h, uint32_t i, const uint8_t *p)
{
	uint64_t path;
	uint32_t rank = p[i];

	if (h->panes > 1) {
		memcpy(&path, p + i * sizeof(path), sizeof(path));
		h->path[i] = path = le64toh(path);
		if (__builtin_popcountll(path) != h->panes || path >> (RANK_MAX - 1 + h->panes) > 1)
			return false;
		rank = path_rank(path);
	} else {
		h->rank[i] = (uint8_t)rank;
	}
	if (rank > RANK_MAX)
		return false;
	raise(h, 0, rank);
	h->all.zeros += rank == 0;
	return true;
}

bool
tsn_hll_load(struct tsn_hll *h, struct tsn_unpack *in)
{
	const uint8_t *p = tsn_unpack_raw(in, REGISTERS * (h->panes == 1 ? sizeof(uint8_t) : sizeof(uint64_t)));

	for (uint32_t i = 0; p != NULL && i < REGISTERS; i++)
		if (!load_register(h, i, p))
			return false;
	return p != NULL;
}
