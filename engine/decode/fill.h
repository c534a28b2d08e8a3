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
	bool knows_flags, knows_interfaces; /* its exporter has shown that it gives them: tsn_batch_normalise does not look for that */
	bool late; /* only what is read early is filled: see tsn_fixed_stays */
};

/* Bytes of the header and of one record, and how many records a message has at most. */
struct tsn_fixed_shape {
	uint8_t header, record, max_count;
};

/* By version; all 0 for those that are not of fixed shape. */
#define TSN_FIXED_VERSIONS 8
extern const struct tsn_fixed_shape tsn_fixed_shapes[TSN_FIXED_VERSIONS];

/*
 * Many records at a time: up to four numbers of up to 4 bytes, or two of 8, within 16 bytes of each record, each
 * zero-extended to its column. UPTIME and MILLIS are placed in time, as most are: see tsn_turns_run. UPTIME_END, of fixed shape only, is
 * not before the word before, and makes the time of the row.
 */
enum tsn_turn_store {
	TSN_TURN_NONE, TSN_TURN_8, TSN_TURN_16, TSN_TURN_FLAGS, TSN_TURN_32, TSN_TURN_64, TSN_TURN_UPTIME, TSN_TURN_UPTIME_END,
	TSN_TURN_PAIR, TSN_TURN_MILLIS, /* with the word behind it, the higher half */
};
struct tsn_turn_word {
	uint8_t field, store;
};
struct tsn_turn {
	uint32_t from;     /* in the record: all of the 16 bytes are its own */
	uint8_t order[16]; /* for each byte of four little-endian words, which one of the 16; 0x80: it is 0 */
	struct tsn_turn_word word[4];
};

/* Records that are there, and what their header says of time. */
struct tsn_turn_records {
	const uint8_t *p;
	uint32_t n;
	size_t stride;
	uint32_t uptime;
	int64_t exported, received;
};

/*
 * Rows [b->n, b->n + n). NOT, and nothing done, where there are less than TSN_FILL_WIDE or the CPU has no such vectors. ODD: a time is
 * not as most are (ahead of sysUptime, no time at all), and all that were to be placed are to be done with care.
 */
enum tsn_turned { TSN_TURNED_NOT, TSN_TURNED, TSN_TURNED_ODD };
#define TSN_FILL_WIDE 8
enum tsn_turned tsn_turns_run(
    const struct tsn_batch *b, const struct tsn_turn *t, uint32_t turns, const struct tsn_turn_records *r);

/* The same of records of v5 and v7: [fields] of them, and the times of the rows. */
enum tsn_turned tsn_fixed_turn(const struct tsn_batch *b, const struct tsn_field_set *fields, const struct tsn_turn_records *r);

/*
 * What all rows of a message have: the masks that say so, of presence and of IPv4, each by its place in the batch in words. The bits
 * are made once.
 */
struct tsn_told {
	uint32_t n;
	uint16_t at[TSN_FIELD_COUNT + TSN_ADDR_FIELDS];
};
void tsn_told_add(struct tsn_told *t, enum tsn_field f, bool v4);
/* Of the next [n] rows. */
void tsn_told_put(const struct tsn_told *t, struct tsn_batch *b, uint32_t n);

/*
 * Do the next [n] rows, of records that begin at [where] and of which [h] and [from] say the rest, become late ones? If so
 * it is noted, and they must become the next rows.
 */
struct tsn_exporter;
bool tsn_fixed_stays(
    struct tsn_batch *b, const struct tsn_fixed_header *h, const struct tsn_exporter *from, uint32_t n, const struct tsn_far_place *where);

/*
 * Writes rows [b->n, b->n + count) from [count] records at [p] and moves b->n;
 * the rows must be free. Returns how many records have times that sysUptime
 * does not allow.
 */
uint32_t tsn_fixed_fill(
    struct tsn_batch *b, const struct tsn_fixed_header *h, const uint8_t *p, uint32_t count);

#endif
