/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Flajolet, Fusy, Gandouet, Meunier: HyperLogLog (2007), with the improved
 * estimator of Ertl: New cardinality estimation algorithms for HyperLogLog
 * sketches (2017), algorithm 6, which needs no tables and no switching
 * between ranges. With 64-bit hashes no register ever fills up (chance 2^-52 a
 * member), so its correction for large ranges (tau) is always 0 and left out.
 */
#include "state/hll.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"

#define INDEX_BITS 12
#define REGISTERS (1u << INDEX_BITS)
#define RANK_MAX (64 - INDEX_BITS + 1)   /* 53: fits 6 bits */
#define PANE_BYTES (REGISTERS / 4 * 3)   /* four registers in three bytes */

struct summary {
	unsigned __int128 sum; /* of 2^(RANK_MAX - r) over all r > 0: exact, so it does not drift */
	uint32_t zeros;
};

struct tsn_hll {
	uint32_t lanes;
	uint8_t *pane[TSN_HLL_LANES];
	uint8_t reg[REGISTERS]; /* the union */
	struct summary all;
	bool fresh, peeked;
	uint32_t peek;          /* lanes the value below is about */
	int64_t value, peek_value;
};

struct tsn_hll *
tsn_hll_new(uint32_t lanes, uint64_t *bytes)
{
	struct tsn_hll *h = tsn_calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->lanes = lanes;
	h->all.zeros = REGISTERS;
	*bytes += sizeof(*h);
	return h;
}

void
tsn_hll_free(struct tsn_hll *h, uint64_t *bytes)
{
	for (uint32_t l = 0; l < TSN_HLL_LANES; l++) {
		*bytes -= h->pane[l] != NULL ? PANE_BYTES : 0;
		tsn_free(h->pane[l]);
	}
	*bytes -= sizeof(*h);
	tsn_free(h);
}

uint64_t
tsn_hll_most(uint32_t lanes)
{
	return sizeof(struct tsn_hll) + (lanes > 1 ? lanes * (uint64_t)PANE_BYTES : 0);
}

uint64_t
tsn_hll_wants(const struct tsn_hll *h, uint32_t lane)
{
	return h->lanes > 1 && h->pane[lane] == NULL ? PANE_BYTES : 0;
}

static uint32_t
quad_get(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

static void
pane_raise(uint8_t *pane, uint32_t index, uint32_t rank)
{
	uint8_t *p = pane + index / 4 * 3;
	uint32_t quad = quad_get(p), shift = index % 4 * 6;

	if ((quad >> shift & 63) >= rank)
		return;
	quad = (quad & ~(UINT32_C(63) << shift)) | rank << shift;
	p[0] = (uint8_t)quad;
	p[1] = (uint8_t)(quad >> 8);
	p[2] = (uint8_t)(quad >> 16);
}

static void
raise(uint8_t *reg, struct summary *s, uint32_t rank)
{
	if (*reg >= rank)
		return;
	if (*reg == 0)
		s->zeros--;
	else
		s->sum -= (unsigned __int128)1 << (RANK_MAX - *reg);
	s->sum += (unsigned __int128)1 << (RANK_MAX - rank);
	*reg = (uint8_t)rank;
}

bool
tsn_hll_add(struct tsn_hll *h, uint64_t member, uint32_t lane, uint64_t *bytes)
{
	const uint32_t index = (uint32_t)(member >> (64 - INDEX_BITS));
	const uint64_t rest = member << INDEX_BITS | UINT64_C(1) << (INDEX_BITS - 1);
	const uint32_t rank = (uint32_t)__builtin_clzll(rest) + 1;

	if (h->lanes > 1 && h->pane[lane] == NULL) {
		h->pane[lane] = tsn_calloc(1, PANE_BYTES);
		if (h->pane[lane] == NULL)
			return false;
		*bytes += PANE_BYTES;
	}
	if (h->lanes > 1)
		pane_raise(h->pane[lane], index, rank);
	if (h->reg[index] < rank) {
		raise(&h->reg[index], &h->all, rank);
		h->fresh = false;
	}
	h->peeked = false;
	return true;
}

/* A pane with a byte to a register. */
static void
unpack(const uint8_t *pane, uint8_t *reg)
{
	for (uint32_t i = 0; i < REGISTERS; i += 4, pane += 3) {
		uint32_t quad = quad_get(pane), four;

		four = (quad & 0x3f) | (quad & 0xfc0) << 2 | (quad & 0x3f000) << 4 | (quad & 0xfc0000) << 6;
		four = htole32(four);
		memcpy(reg + i, &four, sizeof(four));
	}
}

static void
summarise(const uint8_t *reg, struct summary *s)
{
	uint32_t of_rank[64] = { 0 };

	for (uint32_t i = 0; i < REGISTERS; i++)
		of_rank[reg[i] & 63]++;
	*s = (struct summary){ 0, of_rank[0] };
	for (uint32_t r = 1; r <= RANK_MAX; r++)
		s->sum += (unsigned __int128)of_rank[r] << (RANK_MAX - r);
}

static void
unite(const struct tsn_hll *h, uint32_t lanes, uint8_t *reg, struct summary *s)
{
	uint8_t one[REGISTERS];

	memset(reg, 0, REGISTERS);
	for (; lanes != 0; lanes &= lanes - 1) {
		const uint8_t *pane = h->pane[__builtin_ctz(lanes)];

		if (pane == NULL)
			continue;
		unpack(pane, one);
		for (uint32_t i = 0; i < REGISTERS; i++)
			reg[i] = reg[i] > one[i] ? reg[i] : one[i];
	}
	summarise(reg, s);
}

/* Those of [lanes] that have registers. */
static uint32_t
in_use(const struct tsn_hll *h, uint32_t lanes)
{
	uint32_t used = 0;

	for (; lanes != 0; lanes &= lanes - 1)
		if (h->pane[__builtin_ctz(lanes)] != NULL)
			used |= lanes & -lanes;
	return used;
}

void
tsn_hll_drop(struct tsn_hll *h, uint32_t gone, uint64_t *bytes)
{
	uint32_t used = in_use(h, gone);

	if (used == 0)
		return;
	for (; used != 0; used &= used - 1) {
		tsn_free(h->pane[__builtin_ctz(used)]);
		h->pane[__builtin_ctz(used)] = NULL;
		*bytes -= PANE_BYTES;
	}
	unite(h, UINT16_MAX, h->reg, &h->all);
	h->fresh = h->peeked = false;
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

	if (s->zeros == REGISTERS)
		return 0;
	return (int64_t)llround(alpha * m * m /
	    (ldexp((double)s->sum, -RANK_MAX) + m * sigma((double)s->zeros / m)));
}

int64_t
tsn_hll_estimate(struct tsn_hll *h, uint32_t seen)
{
	uint8_t reg[REGISTERS];
	struct summary s;

	if (h->lanes == 1 || in_use(h, UINT16_MAX & ~seen) == 0) {
		if (!h->fresh)
			h->value = estimate(&h->all);
		h->fresh = true;
		return h->value;
	}
	if (!h->peeked || h->peek != seen) {
		unite(h, seen, reg, &s);
		h->peek_value = estimate(&s);
		h->peek = seen;
		h->peeked = true;
	}
	return h->peek_value;
}

/* --- as bytes: which lanes have registers, and these; of a sketch of one lane the union --- */

void
tsn_hll_save(const struct tsn_hll *h, struct tsn_pack *out)
{
	uint8_t union_of[PANE_BYTES] = { 0 };

	if (h->lanes == 1) {
		for (uint32_t i = 0; i < REGISTERS; i++)
			pane_raise(union_of, i, h->reg[i]);
		tsn_pack_raw(out, union_of, sizeof(union_of));
		return;
	}
	tsn_pack_uint(out, in_use(h, UINT16_MAX));
	for (uint32_t l = 0; l < TSN_HLL_LANES; l++)
		if (h->pane[l] != NULL)
			tsn_pack_raw(out, h->pane[l], PANE_BYTES);
}

static bool
load_pane(struct tsn_unpack *in, uint8_t *reg)
{
	const uint8_t *p = tsn_unpack_raw(in, PANE_BYTES);

	if (p == NULL)
		return false;
	unpack(p, reg);
	for (uint32_t i = 0; i < REGISTERS; i++)
		in->bad = in->bad || reg[i] > RANK_MAX;
	return !in->bad;
}

bool
tsn_hll_load(struct tsn_hll *h, uint32_t allowed, struct tsn_unpack *in, uint64_t *bytes)
{
	uint8_t reg[REGISTERS];
	uint32_t used;

	if (h->lanes == 1) {
		if (!load_pane(in, h->reg))
			return false;
		summarise(h->reg, &h->all);
		return true;
	}
	used = (uint32_t)tsn_unpack_below(in, UINT16_MAX);
	if ((used & ~allowed) != 0)
		return false;
	for (; used != 0; used &= used - 1) {
		const uint32_t l = (uint32_t)__builtin_ctz(used);
		const uint8_t *p = in->p;

		if (!load_pane(in, reg))
			return false;
		h->pane[l] = tsn_malloc(PANE_BYTES);
		if (h->pane[l] == NULL)
			return false;
		*bytes += PANE_BYTES;
		memcpy(h->pane[l], p, PANE_BYTES);
	}
	unite(h, UINT16_MAX, h->reg, &h->all);
	return true;
}
