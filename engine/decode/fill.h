/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: whole records of fixed shape to columns of a batch.
 * Records here are known to be there; nothing is checked.
 */
#ifndef TSN_DECODE_FILL_H
#define TSN_DECODE_FILL_H

#include "flow/batch.h"

/* What a v1, v5 or v7 header says about each of its records. */
struct tsn_fixed_header {
	uint16_t version;   /* 1, 5 or 7 */
	uint32_t uptime;    /* ms since the exporter booted, modulo 2^32 */
	int64_t exported;   /* ms since 1970 UTC */
	uint32_t source_id; /* v5: engine type * 256 + engine id */
	uint32_t sampling;  /* v5: 0 if untold */
	struct tsn_addr exporter;
	uint32_t source; /* index of the exporter */
	int64_t received;
};

/* Bytes of the header and of one record, and how many records a message has at most. */
struct tsn_fixed_shape {
	uint8_t header, record, max_count;
};

/* By version; all 0 for those that are not of fixed shape. */
#define TSN_FIXED_VERSIONS 8
extern const struct tsn_fixed_shape tsn_fixed_shapes[TSN_FIXED_VERSIONS];

/*
 * Writes rows [b->n, b->n + count) from [count] records at [p] and moves b->n;
 * the rows must be free. Returns how many records have times that sysUptime
 * does not allow.
 */
uint32_t tsn_fixed_fill(
    struct tsn_batch *b, const struct tsn_fixed_header *h, const uint8_t *p, uint32_t count);

/*
 * Part of it, for v5 and v7: everything that differs from record to record, of [n] records, at least
 * TSN_FILL_WIDE, on a CPU that can. True: a record's times are unusual, so that all of them are to be done with care.
 */
#define TSN_FILL_WIDE 8
bool tsn_fixed_fill_has_wide(void);
bool tsn_fixed_fill_wide(const struct tsn_batch *b, const struct tsn_fixed_header *h, const uint8_t *p, uint32_t n,
    size_t stride);

/*
 * The same for records of any shape: up to four numbers of up to 4 bytes, or two of 8, within 16 bytes of each record,
 * each zero-extended to its column.
 */
enum tsn_turn_store { TSN_TURN_NONE, TSN_TURN_8, TSN_TURN_16, TSN_TURN_32, TSN_TURN_64, TSN_TURN_PAIR };
struct tsn_turn_word {
	uint8_t field, store; /* PAIR: with the word behind it, the higher half */
};
struct tsn_turn {
	uint32_t from;     /* in the record: all of the 16 bytes are its own */
	uint8_t order[16]; /* for each byte of four little-endian words, which one of the 16; 0x80: it is 0 */
	struct tsn_turn_word word[4];
};

/* Rows [b->n, b->n + n); false, and nothing done, where [n] is below TSN_FILL_WIDE or the CPU has no such vectors. */
bool tsn_turns_run(const struct tsn_batch *b, const struct tsn_turn *t, uint32_t turns, const uint8_t *p, uint32_t n,
    size_t stride);

#endif
