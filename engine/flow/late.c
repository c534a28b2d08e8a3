/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "flow/late.h"

void
tsn_late_forget(struct tsn_late *l)
{
	tsn_fars_drop(&l->fars);
	l->n = l->rows = 0;
}

/* NULL: it is in none. Mostly messages have as many rows as their neighbours, so it is where it would be if all had. */
static const struct tsn_late_message *
message_of(const struct tsn_late *l, uint32_t row)
{
	const uint32_t guess = l->n > 0 ? row * l->n / (l->rows + 1) : 0;
	const struct tsn_late_message *m = &l->message[guess < l->n ? guess : l->n], *end = &l->message[l->n];

	while (m > l->message && row < m[-1].row + m[-1].n)
		m--;
	while (m < end && row >= m->row + m->n)
		m++;
	return m < end && row >= m->row ? m : NULL;
}

bool
tsn_late_is(const struct tsn_late *l, uint32_t row)
{
	return message_of(l, row) != NULL;
}

enum tsn_late_state
tsn_late_read(const struct tsn_late *l, uint32_t row, struct tsn_shown *out)
{
	const struct tsn_late_message *m = message_of(l, row);
	uint8_t record[TSN_LATE_RECORD];
	const struct tsn_far *far;

	if (m == NULL)
		return TSN_LATE_NOT;
	far = l->fars.far[m->of];
	if (!far->copy(far, record, m->at + (size_t)(row - m->row) * l->format->record, l->format->record))
		return TSN_LATE_GONE;
	l->format->read(m, record, out);
	return TSN_LATE_READ;
}
