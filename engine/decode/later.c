/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/later.h"

#include <string.h>

#include "decode/fill.h"
#include "decode/wire.h"
#include "flow/exporter.h"

#define RECORD 48u
#define MOST   30u
#define LINE   64u
#define SOON   2u /* messages ahead that are asked for */

bool
tsn_later_may(const uint8_t *head, size_t len)
{
	const uint32_t count = tsn_wire_u16(head + 2);

	return tsn_wire_u16(head) == 5 && count > 0 && count <= MOST && len == TSN_LATER_HEAD + count * RECORD &&
	    (tsn_wire_u16(head + 22) & 0x3fff) == 0; /* an interval would be the exporter's from then on */
}

bool
tsn_later_has_room(const struct tsn_later *l, const struct tsn_far_place *where)
{
	return l->n < TSN_LATER_MESSAGES && tsn_fars_have_room(&l->fars, where->of);
}

void
tsn_later_add(struct tsn_later *l, const struct tsn_far_place *where, const struct tsn_later_message *m)
{
	struct tsn_later_message *mine = &l->message[l->n++];

	*mine = *m;
	mine->at = where->at;
	mine->of = tsn_fars_put(&l->fars, where->of);
}

void
tsn_later_forget(struct tsn_later *l)
{
	tsn_fars_drop(&l->fars);
	l->n = 0;
}

void
tsn_later_move(struct tsn_later *to, struct tsn_later *from)
{
	memcpy(to->message, from->message, from->n * sizeof(from->message[0]));
	to->n = from->n;
	to->fars = from->fars;
	from->n = from->fars.n = 0;
}

/* The header may not be what it was, if somebody writes there; nothing of it is relied on. */
static void
read_header(const uint8_t *p, const struct tsn_later_message *m, struct tsn_fixed_header *h)
{
	*h = (struct tsn_fixed_header){
		.version = 5,
		.uptime = tsn_wire_u32(p + 4),
		.exported = (int64_t)tsn_wire_u32(p + 8) * 1000 + tsn_wire_u32(p + 12) / 1000000,
		.source_id = tsn_wire_u16(p + 20),
		.exporter = m->from->addr,
		.source = m->source,
		.received = m->received,
		.knows_flags = true,
		.knows_interfaces = true,
	};
}

/*
 * Memory is asked for a message while others are made rows. Asking for bytes that are gone does nothing. Inlined: a call of what
 * does nothing but ask has no effect to the compiler, which leaves it out.
 */
static inline __attribute__((always_inline)) void
ask_for(const struct tsn_later *l, uint32_t i)
{
	const uint8_t *from, *to;

	if (i >= l->n)
		return;
	from = l->message[i].at + l->message[i].first * RECORD;
	to = from + TSN_LATER_HEAD + l->message[i].n * RECORD;
	for (; from < to; from += LINE)
		__builtin_prefetch(from, 0, 2);
	__builtin_prefetch(to - 1, 0, 2);
}

void
tsn_later_fill(struct tsn_later *l, struct tsn_batch *b)
{
	uint8_t bytes[TSN_LATER_HEAD + MOST * RECORD];
	struct tsn_fixed_header h;

	l->odd = l->lost = 0;
	b->n = 0;
	for (uint32_t i = 0; i < SOON; i++)
		ask_for(l, i);
	for (uint32_t i = 0; i < l->n; i++) {
		struct tsn_later_message *m = &l->message[i];
		const struct tsn_far_place where = { l->fars.far[m->of], m->at + TSN_LATER_HEAD + m->first * RECORD };

		ask_for(l, i + SOON);
		if (!where.of->copy(where.of, bytes, m->at, TSN_LATER_HEAD + (m->first + (size_t)m->n) * RECORD)) {
			m->lost = m->n;
			l->lost += m->lost;
			continue;
		}
		read_header(bytes, m, &h);
		h.late = tsn_fixed_stays(b, &h, m->from, m->n, &where);
		m->odd = (uint8_t)tsn_fixed_fill(b, &h, bytes + TSN_LATER_HEAD + m->first * RECORD, m->n);
		l->odd += m->odd;
	}
	tsn_fars_drop(&l->fars);
}
