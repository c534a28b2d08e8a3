/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/delimited.h"

#include <string.h>

#define LENGTH_MOST 3u /* bytes: enough for TSN_DELIMITED_MOST */

size_t
tsn_delimited_length(const uint8_t *p, size_t n, size_t *size)
{
	*size = 0;
	for (size_t i = 0; i < n && i < LENGTH_MOST; i++) {
		*size |= (size_t)(p[i] & 0x7f) << (7 * i);
		if ((p[i] & 0x80) == 0)
			return *size <= TSN_DELIMITED_MOST ? i + 1 : 0;
	}
	return 0;
}

static const uint8_t *
stop(const struct tsn_reader *r, struct tsn_delimited_report *report, const char *reason)
{
	report->damaged = true;
	report->offset = r->offset;
	report->reason = r->error != 0 ? strerror(r->error) : reason;
	return NULL;
}

const uint8_t *
tsn_delimited_next(struct tsn_reader *r, size_t *size, struct tsn_delimited_report *report)
{
	size_t have = tsn_reader_need(r, LENGTH_MOST), head;
	const uint8_t *p;

	if (have == 0)
		return r->error != 0 ? stop(r, report, NULL) : NULL;
	head = tsn_delimited_length(r->buf + r->pos, have, size);
	if (head == 0)
		return stop(r, report, have < LENGTH_MOST ? "it ends within a message's length" : "a message cannot be that long");
	if (tsn_reader_need(r, head + *size) < head + *size)
		return stop(r, report, "it ends within a message");
	p = r->buf + r->pos + head;
	tsn_reader_take(r, head + *size);
	return p;
}
