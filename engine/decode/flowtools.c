/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/flowtools.h"

#include <string.h>

#include "base/clock.h"
#include "decode/decode.h"

/*
 * What can stand in a record, with its bytes and, where it is one, its field; the layouts below follow flow-tools'
 * ftlib.h (0.68), structures fts3rec_* and fts1rec_compat.
 */
#define NONE TSN_FIELD_COUNT
#define ITEMS(ITEM) \
	ITEM(END, 0, NONE) ITEM(PAD1, 1, NONE) ITEM(PAD2, 2, NONE) ITEM(PAD4, 4, NONE) \
	ITEM(SECS, 4, NONE) ITEM(NSECS, 4, NONE) ITEM(MSECS, 4, NONE) ITEM(UPTIME, 4, NONE) ITEM(SENDER, 4, NONE) \
	ITEM(FIRST, 4, NONE) ITEM(LAST, 4, NONE) ITEM(E_TYPE, 1, NONE) ITEM(E_ID, 1, NONE) \
	ITEM(SRC, 4, TSN_F_SRC) ITEM(DST, 4, TSN_F_DST) ITEM(HOP, 4, TSN_F_NEXT_HOP) \
	ITEM(IN, 2, TSN_F_IN_IF) ITEM(OUT, 2, TSN_F_OUT_IF) ITEM(PKTS, 4, TSN_F_RAW_PACKETS) ITEM(BYTES, 4, TSN_F_RAW_BYTES) \
	ITEM(SPORT, 2, TSN_F_SRC_PORT) ITEM(DPORT, 2, TSN_F_DST_PORT) ITEM(PROTO, 1, TSN_F_PROTO) ITEM(TOS, 1, TSN_F_TOS) \
	ITEM(FLAGS, 1, TSN_F_FLAGS) ITEM(SMASK, 1, TSN_F_SRC_MASK) ITEM(DMASK, 1, TSN_F_DST_MASK) \
	ITEM(SAS, 2, TSN_F_SRC_AS) ITEM(DAS, 2, TSN_F_DST_AS)

enum item {
#define ITEM(name, bytes, field) name,
	ITEMS(ITEM)
#undef ITEM
	ITEM_COUNT
};

static const struct {
	uint8_t bytes, field;
} items[ITEM_COUNT] = {
#define ITEM(name, bytes, field) [name] = { bytes, field },
	ITEMS(ITEM)
#undef ITEM
};

#define FLOWS  PAD4 /* how many flows an aggregate is of */
#define CLOCK  SECS, NSECS, UPTIME, SENDER
#define CLOCK2 SECS, NSECS, SENDER, UPTIME /* methods 3, 11 and 12 have it so */
#define BASE   CLOCK, SRC, DST, HOP, IN, OUT, PKTS, BYTES, FIRST, LAST, SPORT, DPORT, PROTO, TOS, FLAGS, PAD1
#define ROUTES E_TYPE, E_ID, SMASK, DMASK, SAS, DAS
#define SUMS   FLOWS, PKTS, BYTES, FIRST, LAST
#define MOST   24 /* items of the longest */

/* pads of v6: encapsulations, peer's next hop; of v7: router; of v8: packets over contract, router */
static const uint8_t layouts[][MOST + 8] = {
	{ BASE, PAD4 },
	{ BASE, ROUTES },
	{ BASE, ROUTES, PAD4, PAD4 },
	{ BASE, ROUTES, PAD4 },
	/* stream version 1: the clock is that of the boot, the flags are last */
	{ SECS, MSECS, SRC, DST, HOP, IN, OUT, PKTS, BYTES, FIRST, LAST, SPORT, DPORT, PAD2, PROTO, TOS, FLAGS,
	    PAD1, PAD1, PAD1, SAS, DAS, SMASK, DMASK, PAD2 },
};
enum { V1, V5, V6, V7, STREAM1 };

static const uint8_t aggregates[][MOST] = {
	[1] = { CLOCK, SUMS, SAS, DAS, IN, OUT, E_TYPE, E_ID, PAD2 },
	[2] = { CLOCK, SUMS, PROTO, PAD1, PAD2, SPORT, DPORT, E_TYPE, E_ID, PAD2 },
	[3] = { CLOCK2, SUMS, SRC, SMASK, PAD1, SAS, IN, E_TYPE, E_ID },
	[4] = { CLOCK, SUMS, DST, DMASK, PAD1, E_TYPE, E_ID, DAS, OUT },
	[5] = { CLOCK, SUMS, SRC, DST, DMASK, SMASK, E_TYPE, E_ID, SAS, DAS, IN, OUT },
	[6] = { CLOCK, PKTS, BYTES, FIRST, LAST, DST, PAD4, PAD4, OUT, PAD2, TOS, PAD1, E_TYPE, E_ID },
	[7] = { CLOCK, PKTS, BYTES, FIRST, LAST, DST, SRC, PAD4, PAD4, OUT, IN, TOS, PAD1, E_TYPE, E_ID },
	[8] = { CLOCK, PKTS, BYTES, FIRST, LAST, DST, SRC, PAD4, PAD4, DPORT, SPORT, OUT, IN, TOS, PAD1, E_TYPE, E_ID,
	    PROTO, PAD1, PAD2 },
	[9] = { CLOCK, SUMS, SAS, DAS, IN, OUT, E_TYPE, E_ID, TOS, PAD1 },
	[10] = { CLOCK, SUMS, SPORT, DPORT, IN, OUT, E_TYPE, E_ID, PROTO, TOS },
	[11] = { CLOCK2, SUMS, SRC, SMASK, TOS, SAS, IN, E_TYPE, E_ID },
	[12] = { CLOCK2, SUMS, DST, OUT, DAS, DMASK, TOS, E_TYPE, E_ID },
	[13] = { CLOCK, SUMS, SRC, DST, SAS, DAS, IN, OUT, DMASK, SMASK, E_TYPE, E_ID, TOS, PAD1, PAD2 },
	[14] = { CLOCK, SUMS, SRC, DST, SPORT, DPORT, IN, OUT, DMASK, SMASK, E_TYPE, E_ID, TOS, PROTO, PAD2 },
};
#define METHODS (sizeof(aggregates) / sizeof(aggregates[0]))

static const uint8_t *
layout(const struct tsn_flowtools_records *r)
{
	if (r->stream == 1)
		return r->version == 1 || r->version == 5 || r->version == 7 ? layouts[STREAM1] : NULL;
	switch (r->stream == 3 ? r->version : 0) {
	case 1: return layouts[V1];
	case 5: return layouts[V5];
	case 6: return layouts[V6];
	case 7: return layouts[V7];
	case 8: return r->method >= 1 && r->method < METHODS ? aggregates[r->method] : NULL;
	default: return NULL;
	}
}

size_t
tsn_flowtools_record_size(const struct tsn_flowtools_records *r)
{
	const uint8_t *l = layout(r);
	size_t n = 0;

	for (; l != NULL && *l != END; l++)
		n += items[*l].bytes;
	return n;
}

static uint32_t
number(const uint8_t *p, unsigned n, bool little_endian)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v = v << 8 | p[little_endian ? n - 1 - i : i];
	return v;
}

/* The parts of a record that are no fields. */
struct clock {
	uint32_t of[ITEM_COUNT];
	int64_t exported, start, end;
	bool odd;
};

/*
 * As decode.h says. In stream version 1 the clock is that of the boot, from which First and Last run forward; when
 * the PDU was sent is not kept.
 */
static void
place(struct clock *c, bool from_boot)
{
	int64_t base = (int64_t)c->of[SECS] * 1000 + c->of[MSECS] + c->of[NSECS] / 1000000, first, last;
	uint32_t age_first = c->of[UPTIME] - c->of[FIRST], age_last = c->of[UPTIME] - c->of[LAST];
	bool ahead_first = age_first > UINT32_MAX - TSN_DECODE_AHEAD, ahead_last = age_last > UINT32_MAX - TSN_DECODE_AHEAD;

	c->exported = from_boot ? TSN_TIME_NONE : base;
	first = base - age_first + ((int64_t)ahead_first << 32);
	last = base - age_last + ((int64_t)ahead_last << 32);
	if (from_boot) {
		first = base + c->of[FIRST];
		last = base + c->of[LAST];
	}
	c->start = first < last ? first : last;
	c->end = first < last ? last : first;
	c->odd = first > last || (!from_boot && (ahead_first || ahead_last));
}

static void
put_sender(const struct tsn_flowtools_records *r, uint32_t own, struct tsn_exporters *exporters, struct tsn_batch *b,
    bool odd)
{
	struct tsn_addr sender = own != 0 ? tsn_addr_v4(own) : r->sender;
	bool known = sender.hi != 0 || sender.lo != 0;
	uint32_t source = known ? tsn_exporters_find(exporters, sender) : tsn_exporters_nobody(exporters);
	struct tsn_exporter *x = tsn_exporters_at(exporters, source);

	b->source[b->n] = source;
	x->counter[TSN_XC_FLOWS]++;
	x->counter[TSN_XC_CLOCK] += odd;
	if (known)
		tsn_batch_put_addr(b, b->n, TSN_F_EXPORTER, sender);
}

static void
put_field(struct tsn_batch *b, enum tsn_field f, uint32_t v)
{
	if (tsn_fields[f].storage == TSN_ADDR)
		tsn_batch_put_addr(b, b->n, f, tsn_addr_v4(v));
	else
		tsn_batch_put_int(b, b->n, f, v);
}

bool
tsn_flowtools_decode(const struct tsn_flowtools_records *r, const uint8_t *p, struct tsn_exporters *exporters,
    struct tsn_batch_sink *sink)
{
	const uint8_t *l = layout(r), *at = p;
	struct clock c = { { 0 }, 0, 0, 0, false };
	struct tsn_batch *b;

	for (const uint8_t *i = l; *i != END; at += items[*i++].bytes)
		if (items[*i].field == NONE)
			c.of[*i] = number(at, items[*i].bytes, r->little_endian);
	place(&c, r->stream == 1);
	tsn_sink_clock(sink, c.end);
	b = sink->room(sink->arg);
	if (b == NULL)
		return false;
	at = p;
	for (const uint8_t *i = l; *i != END; at += items[*i++].bytes)
		if (items[*i].field != NONE)
			put_field(b, items[*i].field, number(at, items[*i].bytes, r->little_endian));
	tsn_batch_put_int(b, b->n, TSN_F_START, c.start);
	tsn_batch_put_int(b, b->n, TSN_F_END, c.end);
	if (r->stream == 3 && r->version != 1)
		tsn_batch_put_int(b, b->n, TSN_F_SOURCE_ID, c.of[E_TYPE] << 8 | c.of[E_ID]);
	b->received[b->n] = TSN_TIME_NONE;
	b->exported[b->n] = c.exported;
	put_sender(r, c.of[SENDER], exporters, b, c.odd);
	b->n++;
	return true;
}
