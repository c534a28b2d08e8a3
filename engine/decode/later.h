/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Messages whose records become rows later: all that has to be done in order is done by their headers, and records of fixed
 * shape, which depend on nothing else, are turned into columns by any thread. Not for messages that tell more than that, nor of exporters
 * that are not known so well (tsn_exporters_usual).
 */
#ifndef TSN_DECODE_LATER_H
#define TSN_DECODE_LATER_H

#include "base/far.h"
#include "flow/batch.h"

struct tsn_exporter;
struct tsn_exporters;

#define TSN_LATER_HEAD     24u /* bytes of a message that have to be known */
#define TSN_LATER_MESSAGES 96u /* of one batch: more are short ones */

struct tsn_later_message {
	const uint8_t *at;               /* its header, among fars.far[of] */
	const struct tsn_exporter *from; /* of which nothing is looked at that changes */
	int64_t received;
	uint32_t source;
	uint16_t first;                  /* the first of its records that is a row here... */
	uint8_t n, of;                   /* ...and so many */
	uint8_t odd;                     /* when filled: rows with times that cannot be... */
	uint8_t lost;                    /* ...and rows whose bytes were gone */
};

/* The rows of one batch. */
struct tsn_later {
	uint32_t n;        /* messages */
	uint32_t odd, lost; /* when filled: the same of all messages */
	struct tsn_fars fars;
	struct tsn_later_message message[TSN_LATER_MESSAGES];
};

/* Is a message of [len] bytes that begins with [head] one whose records may wait? [head] has TSN_LATER_HEAD bytes. */
bool tsn_later_may(const uint8_t *head, size_t len);
/* Is there room for a message at [where]? */
bool tsn_later_has_room(const struct tsn_later *l, const struct tsn_far_place *where);
/* Its records from [first] on, [n] of them, are the next rows. There is room. */
void tsn_later_add(struct tsn_later *l, const struct tsn_far_place *where, const struct tsn_later_message *m);
/* Into [b], which is empty; rows that are gone are left out. The bytes are let go, but for those of late fields. */
void tsn_later_fill(struct tsn_later *l, struct tsn_batch *b);
/* No messages any more. */
void tsn_later_forget(struct tsn_later *l);
/* [to] has no messages and takes those of [from], which then has none. */
void tsn_later_move(struct tsn_later *to, struct tsn_later *from);

#endif
