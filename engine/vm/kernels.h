/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Compare kernels: a column in, a mask out. One body is built for each level of base/cpu.h; all give the same bits.
 * They look at rows that are both in [rows] and in [has], 64 at a time, whatever is in the others of a word; columns have
 * room for TSN_BATCH_ROWS. [out], which may be one of the two, gets those rows where the comparison holds, and true is
 * returned if there are any.
 */
#ifndef TSN_VM_KERNELS_H
#define TSN_VM_KERNELS_H

#include "base/cpu.h"
#include "flow/mask.h"

#define TSN_KERNEL(name, ...) bool (*name)(struct tsn_mask *out, const struct tsn_mask *rows, const struct tsn_mask *has, __VA_ARGS__)
struct tsn_kernels {
	/* lo <= column <= hi; lo <= hi */
	TSN_KERNEL(range8, const uint8_t *col, uint8_t lo, uint8_t hi);
	TSN_KERNEL(range16, const uint16_t *col, uint16_t lo, uint16_t hi);
	TSN_KERNEL(range32, const uint32_t *col, uint32_t lo, uint32_t hi);
	TSN_KERNEL(range64, const int64_t *col, int64_t lo, int64_t hi);
	/* (column & mask) == want */
	TSN_KERNEL(bits8, const uint8_t *col, uint8_t mask, uint8_t want);
	TSN_KERNEL(bits16, const uint16_t *col, uint16_t mask, uint16_t want);
	TSN_KERNEL(bits32, const uint32_t *col, uint32_t mask, uint32_t want);
	TSN_KERNEL(bits64, const uint64_t *col, uint64_t mask, uint64_t want);
	/* both halves of an IPv6 address and-ed with mask[0], mask[1] equal want[0], want[1] */
	TSN_KERNEL(pair, const uint64_t *hi, const uint64_t *lo, const uint64_t mask[2], const uint64_t want[2]);
	/* (a & amask) == (b & bmask) */
	TSN_KERNEL(same32, const uint32_t *a, const uint32_t *b, uint32_t amask, uint32_t bmask);
	TSN_KERNEL(same64, const uint64_t *a, const uint64_t *b, uint64_t amask, uint64_t bmask);
	/* a < b, a == b */
	TSN_KERNEL(less_int, const int64_t *a, const int64_t *b);
	TSN_KERNEL(equal_int, const int64_t *a, const int64_t *b);
	TSN_KERNEL(less_real, const double *a, const double *b);
	TSN_KERNEL(equal_real, const double *a, const double *b);
	/* a < c, a == c, a > c */
	TSN_KERNEL(below, const double *a, double c);
	TSN_KERNEL(at, const double *a, double c);
	TSN_KERNEL(above, const double *a, double c);
	/* bytes that are not 0 */
	TSN_KERNEL(pack, const uint8_t *bytes);
};
#undef TSN_KERNEL

/* Those of a level, which must not be above tsn_cpu_most. */
const struct tsn_kernels *tsn_kernels_of(enum tsn_cpu level);

#endif
