/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Inside the decode room: the columns in which all rows of a message are alike. */
#ifndef TSN_DECODE_COLUMNS_H
#define TSN_DECODE_COLUMNS_H

#include "flow/batch.h"

/*
 * In blocks whose size is known, the last one over again where it does not come out even: messages have some thirty
 * rows, and a loop that is made ready for any number takes longer to begin than to run.
 */
#define TSN_FILL_BLOCK() \
	uint32_t i = 0; \
	for (; i + 16 <= n; i += 16) \
		for (uint32_t k = 0; k < 16; k++) \
			column[i + k] = v; \
	if (n >= 16) \
		for (uint32_t k = 0; k < 16; k++) \
			column[n - 16 + k] = v; \
	else \
		for (; i < n; i++) \
			column[i] = v;

static inline __attribute__((always_inline)) void
tsn_fill_u32(uint32_t *restrict column, uint32_t n, uint32_t v)
{
	TSN_FILL_BLOCK()
}

static inline __attribute__((always_inline)) void
tsn_fill_i64(int64_t *restrict column, uint32_t n, int64_t v)
{
	TSN_FILL_BLOCK()
}

/* Who sent the next [n] rows, when they were received and when they were sent. */
static inline __attribute__((always_inline)) void
tsn_fill_sent(struct tsn_batch *b, uint32_t n, uint32_t source, int64_t received, int64_t exported)
{
	tsn_fill_u32(b->source + b->n, n, source);
	tsn_fill_i64(b->received + b->n, n, received);
	tsn_fill_i64(b->exported + b->n, n, exported);
}

#endif
