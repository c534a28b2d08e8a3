/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Compare kernels: a column in, a mask out. One body is built for each level of base/cpu.h; all give the same bits.
 * They look at rows [0, n), whatever is in them; of the last word the bits past n mean
 * nothing (callers and the mask with presence), all words after it are 0.
 */
#ifndef TSN_VM_KERNELS_H
#define TSN_VM_KERNELS_H

#include "base/cpu.h"
#include "flow/mask.h"

struct tsn_kernels {
	/* lo <= column <= hi; lo <= hi */
	void (*range8)(struct tsn_mask *out, const uint8_t *col, uint32_t n, uint8_t lo, uint8_t hi);
	void (*range16)(struct tsn_mask *out, const uint16_t *col, uint32_t n, uint16_t lo, uint16_t hi);
	void (*range32)(struct tsn_mask *out, const uint32_t *col, uint32_t n, uint32_t lo, uint32_t hi);
	void (*range64)(struct tsn_mask *out, const int64_t *col, uint32_t n, int64_t lo, int64_t hi);
	/* (column & mask) == want */
	void (*bits8)(struct tsn_mask *out, const uint8_t *col, uint32_t n, uint8_t mask, uint8_t want);
	void (*bits16)(struct tsn_mask *out, const uint16_t *col, uint32_t n, uint16_t mask, uint16_t want);
	void (*bits32)(struct tsn_mask *out, const uint32_t *col, uint32_t n, uint32_t mask, uint32_t want);
	void (*bits64)(struct tsn_mask *out, const uint64_t *col, uint32_t n, uint64_t mask, uint64_t want);
	/* both halves of an IPv6 address and-ed with mask[0], mask[1] equal want[0], want[1] */
	void (*pair)(struct tsn_mask *out, const uint64_t *hi, const uint64_t *lo, uint32_t n, const uint64_t mask[2],
	    const uint64_t want[2]);
	/* (a & amask) == (b & bmask) */
	void (*same32)(struct tsn_mask *out, const uint32_t *a, const uint32_t *b, uint32_t n, uint32_t amask,
	    uint32_t bmask);
	void (*same64)(struct tsn_mask *out, const uint64_t *a, const uint64_t *b, uint32_t n, uint64_t amask,
	    uint64_t bmask);
	/* a < b, a == b */
	void (*less_int)(struct tsn_mask *out, const int64_t *a, const int64_t *b, uint32_t n);
	void (*equal_int)(struct tsn_mask *out, const int64_t *a, const int64_t *b, uint32_t n);
	void (*less_real)(struct tsn_mask *out, const double *a, const double *b, uint32_t n);
	void (*equal_real)(struct tsn_mask *out, const double *a, const double *b, uint32_t n);
	/* a < c, a == c, a > c */
	void (*below)(struct tsn_mask *out, const double *a, uint32_t n, double c);
	void (*at)(struct tsn_mask *out, const double *a, uint32_t n, double c);
	void (*above)(struct tsn_mask *out, const double *a, uint32_t n, double c);
	/* bytes that are not 0 */
	void (*pack)(struct tsn_mask *out, const uint8_t *bytes, uint32_t n);
};

/* Those of a level, which must not be above tsn_cpu_most. */
const struct tsn_kernels *tsn_kernels_of(enum tsn_cpu level);

#endif
