/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The groups whose value came nearest to a threshold, each with its peak. */
#ifndef TSN_AUTHOR_PEAKS_H
#define TSN_AUTHOR_PEAKS_H

#include "base/buf.h"
#include "flow/key.h"

#define TSN_PEAKS_MAX 1000000u /* groups; more are counted and not looked at */

struct tsn_peak {
	size_t key;               /* offset in the slab */
	uint32_t len;
	uint64_t hash;
	double margin;            /* how far the value was beyond the threshold at best; negative: how far from it */
	double value, threshold;  /* then */
	int64_t time;             /* event time of that flow */
	uint64_t flows;
};

struct tsn_peaks {
	struct tsn_peak *v;
	size_t n, cap;
	uint32_t *slot;           /* index + 1; a power of two, at most half full */
	size_t nslots;
	struct tsn_buf slab;
	uint64_t left_out;        /* rows of groups beyond the bound, or without memory */
};

/* One more value of the group. */
void tsn_peaks_add(struct tsn_peaks *p, const uint8_t *key, uint32_t len, double margin, double value, double threshold,
    int64_t time);
/* The nearest first; equal ones in the order of their keys. */
void tsn_peaks_sort(struct tsn_peaks *p);
void tsn_peaks_fini(struct tsn_peaks *p);

#endif
