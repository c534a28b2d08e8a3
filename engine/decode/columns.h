/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Inside the decode room: the columns in which all rows of a message are alike. */
#ifndef TSN_DECODE_COLUMNS_H
#define TSN_DECODE_COLUMNS_H

#include "flow/batch.h"

static inline void
tsn_fill_u32(uint32_t *restrict column, uint32_t n, uint32_t v)
{
	for (uint32_t i = 0; i < n; i++)
		column[i] = v;
}

static inline void
tsn_fill_i64(int64_t *restrict column, uint32_t n, int64_t v)
{
	for (uint32_t i = 0; i < n; i++)
		column[i] = v;
}

/* Who sent the next [n] rows, when they were received and when they were sent. */
static inline void
tsn_fill_sent(struct tsn_batch *b, uint32_t n, uint32_t source, int64_t received, int64_t exported)
{
	tsn_fill_u32(b->source + b->n, n, source);
	tsn_fill_i64(b->received + b->n, n, received);
	tsn_fill_i64(b->exported + b->n, n, exported);
}

#endif
