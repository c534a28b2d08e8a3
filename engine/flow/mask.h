/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Masks and vectors: the two kinds of thing instructions work on. A mask has
 * one bit a row of the batch; a vector one 64-bit number a row and a mask of
 * the rows where the number is known. Bits past the last row are always 0.
 */
#ifndef TSN_FLOW_MASK_H
#define TSN_FLOW_MASK_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TSN_BATCH_ROWS 2048
#define TSN_MASK_WORDS (TSN_BATCH_ROWS / 64)

struct tsn_mask {
	uint64_t w[TSN_MASK_WORDS];
} __attribute__((aligned(64)));

struct tsn_vector {
	union {
		int64_t i[TSN_BATCH_ROWS];
		double f[TSN_BATCH_ROWS];
	} __attribute__((aligned(64)));
	struct tsn_mask known;
	bool real; /* [f] is meant */
};

static inline void
tsn_mask_clear(struct tsn_mask *m)
{
	memset(m, 0, sizeof(*m));
}

/* The first [n] rows. */
static inline void
tsn_mask_first(struct tsn_mask *m, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < TSN_MASK_WORDS; i++)
		m->w[i] = n >= (i + 1) * 64 ? UINT64_MAX : n > i * 64 ? UINT64_MAX >> (64 - (n - i * 64)) : 0;
}

static inline bool
tsn_mask_has(const struct tsn_mask *m, uint32_t row)
{
	return m->w[row / 64] >> (row % 64) & 1;
}

static inline void
tsn_mask_set(struct tsn_mask *m, uint32_t row)
{
	m->w[row / 64] |= UINT64_C(1) << (row % 64);
}

static inline void
tsn_mask_unset(struct tsn_mask *m, uint32_t row)
{
	m->w[row / 64] &= ~(UINT64_C(1) << (row % 64));
}

static inline void
tsn_mask_put(struct tsn_mask *m, uint32_t row, bool on)
{
	m->w[row / 64] = (m->w[row / 64] & ~(UINT64_C(1) << (row % 64))) | (uint64_t)on << (row % 64);
}

/* Sets rows [from, from + count). Touches only their words: decoders do this for every column of every message. */
static inline void
tsn_mask_set_range(struct tsn_mask *m, uint32_t from, uint32_t count)
{
	uint32_t first = from / 64, last = (from + count - 1) / 64;
	uint64_t low = ~UINT64_C(0) << (from % 64), high = ~UINT64_C(0) >> (63 - (from + count - 1) % 64);

	if (count == 0)
		return;
	if (first == last) {
		m->w[first] |= low & high;
		return;
	}
	m->w[first] |= low;
	for (uint32_t i = first + 1; i < last; i++)
		m->w[i] = ~UINT64_C(0);
	m->w[last] |= high;
}

static inline void
tsn_mask_unset_range(struct tsn_mask *m, uint32_t from, uint32_t count)
{
	for (uint32_t to = from + count, next; from < to; from = next) {
		next = (from / 64 + 1) * 64 < to ? (from / 64 + 1) * 64 : to;
		m->w[from / 64] &= ~(UINT64_MAX >> (64 - (next - from)) << from % 64);
	}
}

/* The first row from [from] on whose bit is not as in [usual], which is all ones or none; [to] if none is before it. */
static inline uint32_t
tsn_mask_first_other(const struct tsn_mask *m, uint64_t usual, uint32_t from, uint32_t to)
{
	for (uint32_t w = from / 64; w * 64 < to; w++) {
		uint64_t others = (m->w[w] ^ usual) & (w == from / 64 ? UINT64_MAX << from % 64 : UINT64_MAX);
		uint32_t at = others != 0 ? w * 64 + (uint32_t)__builtin_ctzll(others) : to;

		if (others != 0)
			return at < to ? at : to;
	}
	return to;
}

/* Up to where, [to] at most, rows from [from] on are all set, or all not: as the first one is. */
static inline uint32_t
tsn_mask_run(const struct tsn_mask *m, uint32_t from, uint32_t to)
{
	return tsn_mask_first_other(m, tsn_mask_has(m, from) ? UINT64_MAX : 0, from, to);
}

/* The first set row from [from] on, [to] if none is before it. */
static inline uint32_t
tsn_mask_next(const struct tsn_mask *m, uint32_t from, uint32_t to)
{
	return tsn_mask_first_other(m, 0, from, to);
}

static inline bool
tsn_mask_any(const struct tsn_mask *m)
{
	uint64_t any[4] = { 0 };

	/* four by four, so that they need not wait for each other */
	for (int i = 0; i < TSN_MASK_WORDS; i += 4)
		for (int k = 0; k < 4; k++)
			any[k] |= m->w[i + k];
	return (any[0] | any[1] | any[2] | any[3]) != 0;
}

static inline bool
tsn_mask_same(const struct tsn_mask *a, const struct tsn_mask *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

uint32_t tsn_mask_count(const struct tsn_mask *m);

static inline void
tsn_mask_and(struct tsn_mask *d, const struct tsn_mask *a, const struct tsn_mask *b)
{
	for (int i = 0; i < TSN_MASK_WORDS; i++)
		d->w[i] = a->w[i] & b->w[i];
}

static inline void
tsn_mask_or(struct tsn_mask *d, const struct tsn_mask *a, const struct tsn_mask *b)
{
	for (int i = 0; i < TSN_MASK_WORDS; i++)
		d->w[i] = a->w[i] | b->w[i];
}

static inline void
tsn_mask_andnot(struct tsn_mask *d, const struct tsn_mask *a, const struct tsn_mask *b)
{
	for (int i = 0; i < TSN_MASK_WORDS; i++)
		d->w[i] = a->w[i] & ~b->w[i];
}

/*
 * Packs [TSN_BATCH_ROWS] bytes of 0 or 1 into bits: the second half of every
 * comparison (the first writes bytes, which compilers vectorise everywhere).
 */
void tsn_mask_pack(struct tsn_mask *m, const uint8_t *bytes);
/* The other way: a byte of 0 or 1 for each bit. */
void tsn_mask_unpack(uint8_t *bytes, const struct tsn_mask *m);

/* Visits the set rows in order. Write it as a loop head: TSN_EACH_ROW(row, &mask) { ... }; no break or continue to the outer loop inside. */
#define TSN_EACH_ROW(row, mask) \
	for (uint32_t row##_w = 0; row##_w < TSN_MASK_WORDS; row##_w++) \
		for (uint64_t row##_b = (mask)->w[row##_w]; row##_b != 0; row##_b &= row##_b - 1) \
			for (uint32_t row = row##_w * 64 + (uint32_t)__builtin_ctzll(row##_b), row##_1 = 1; row##_1; row##_1 = 0)

/* The numbers of the set rows, in order, into [out] (TSN_BATCH_ROWS); how many there are. */
uint32_t tsn_mask_list(const struct tsn_mask *m, uint16_t *out);

#endif
