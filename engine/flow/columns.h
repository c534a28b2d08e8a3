/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Where the columns of batches and shares lie. Private to flow. */
#ifndef TSN_FLOW_COLUMNS_H
#define TSN_FLOW_COLUMNS_H

#include "flow/batch.h"

#define TSN_CARVE_LINE 64u

extern const uint8_t tsn_storage_size[]; /* of a row, by enum tsn_storage */

/*
 * Hands out columns of one block. Each is a line longer than its rows: as all
 * of them are multiples of 1 KB they would otherwise fall on the same cache
 * sets, and a decoder writes twenty of them row by row.
 */
struct tsn_carve {
	unsigned char *base; /* NULL on the first walk, which only measures */
	size_t off;
};

void *tsn_carve(struct tsn_carve *c, size_t size);
void tsn_carve_field(struct tsn_carve *c, struct tsn_batch *b, enum tsn_field f);
/* The block, behind the first walk and for the second. False when memory is out. */
bool tsn_carve_memory(struct tsn_batch *b, struct tsn_carve *c);

#endif
