/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Late fields: what nobody reads of a flow until an alert shows it, and so of few flows. Such a row's columns are left as they were;
 * its record stays where it lies, and is read when the row is asked for.
 */
#ifndef TSN_FLOW_LATE_H
#define TSN_FLOW_LATE_H

#include "base/far.h"
#include "flow/shown.h"

struct tsn_batch;
struct tsn_exporter;

#define TSN_LATE_MESSAGES 192u /* of one batch: more are short ones */
#define TSN_LATE_RECORD   64u /* bytes of a record at most */

/* Records side by side that are rows side by side, and what is said of all of them. */
struct tsn_late_message {
	const uint8_t *at;               /* the first of them, among those of fars.far[of]... */
	uint16_t row;                    /* ...which is this row */
	uint8_t n, of;
	uint32_t uptime;                 /* of the exporter, when the message was [exported] */
	int64_t exported;
	const struct tsn_exporter *from; /* of which nothing is looked at that changes */
};

/* Of a format: how long its records are, and what one says: all that is shown but `present`, which the batch knows of any row. */
struct tsn_late_format {
	size_t record;
	void (*read)(const struct tsn_late_message *m, const uint8_t *record, struct tsn_shown *out);
};

/* Of a batch. */
struct tsn_late {
	bool allowed; /* somebody reads less than is shown: see tsn_batch.early */
	uint32_t n, rows;
	const struct tsn_late_format *format; /* of all messages */
	struct tsn_fars fars;
	struct tsn_late_message message[TSN_LATE_MESSAGES];
};

static inline bool
tsn_late_has_room(const struct tsn_late *l, const struct tsn_far_place *where)
{
	return l->n < TSN_LATE_MESSAGES && tsn_fars_have_room(&l->fars, where->of);
}

/* Rows [row, row + n), behind all others, are late; their records are at [where]. There is room. Who calls this fills in the rest. */
static inline struct tsn_late_message *
tsn_late_add(struct tsn_late *l, const struct tsn_late_format *format, const struct tsn_far_place *where, uint32_t row, uint32_t n)
{
	struct tsn_late_message *m = &l->message[l->n++];

	l->format = format;
	l->rows += n;
	m->at = where->at;
	m->of = tsn_fars_put(&l->fars, where->of);
	m->row = (uint16_t)row;
	m->n = (uint8_t)n;
	return m;
}
/* No row is late any more. */
void tsn_late_forget(struct tsn_late *l);
bool tsn_late_is(const struct tsn_late *l, uint32_t row);

/*
 * The one door to late fields, for any thread. NOT: the row is not late, all its fields are in columns. GONE: it is, but the bytes are
 * no longer there, so fields that are not among tsn_batch.early are unknown.
 */
enum tsn_late_state { TSN_LATE_NOT, TSN_LATE_READ, TSN_LATE_GONE };
enum tsn_late_state tsn_late_read(const struct tsn_late *l, uint32_t row, struct tsn_shown *out);

#endif
