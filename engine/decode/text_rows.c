/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* A record of text to rows: what the tools say in ways of their own, then one row a direction. */
#include <string.h>

#include "base/clock.h"
#include "decode/text_record.h"
#include "flow/exporter.h"

enum { ICMP = 1, ICMP6 = 58 };
enum { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10 };

static int64_t
get(const struct tsn_text_record *r, unsigned slot)
{
	return tsn_record_has(r, slot) ? r->v[slot].i : 0;
}

static void
move(struct tsn_text_record *r, unsigned from, unsigned to)
{
	if (!tsn_record_has(r, from) || tsn_record_has(r, to))
		return;
	r->v[to] = r->v[from];
	tsn_record_set(r, to);
}

/* --- what happened on a connection --- */

/*
 * Zeek's letters (scripts/base/protocols/conn/main.zeek), upper case for the originator: each has been seen at least
 * once. Payload (D) goes with an ACK once a connection is up.
 */
static void
flags_from_history(struct tsn_text_record *r)
{
	int64_t flags[2] = { 0, 0 };
	struct tsn_str s;

	if (!tsn_record_has(r, TSN_SLOT_HISTORY))
		return;
	s = r->v[TSN_SLOT_HISTORY].s;
	for (uint32_t i = 0; i < s.n; i++) {
		bool reply = s.p[i] >= 'a';

		switch (s.p[i] | 32) {
		case 's': flags[reply] |= SYN; break;
		case 'h': flags[reply] |= SYN | ACK; break;
		case 'a':
		case 'd': flags[reply] |= ACK; break;
		case 'f': flags[reply] |= FIN; break;
		case 'r': flags[reply] |= RST; break;
		case 'i': flags[reply] |= SYN | RST; break;
		default:  break;
		}
	}
	tsn_record_int(r, TSN_SLOT_FLAGS, flags[0]);
	tsn_record_int(r, TSN_SLOT_REPLY_FLAGS, flags[1]);
}

/* Argus' "FSPA_SRA"; a state without "_" ("CON", "REQ") is not made of flags. */
static void
flags_from_state(struct tsn_text_record *r)
{
	static const char letters[] = "FSRPAUEC";
	int64_t flags[2] = { 0, 0 };
	bool reply = false;
	struct tsn_str s;

	if (!tsn_record_has(r, TSN_SLOT_STATE))
		return;
	s = r->v[TSN_SLOT_STATE].s;
	if (s.n == 0 || memchr(s.p, '_', s.n) == NULL)
		return;
	for (uint32_t i = 0; i < s.n; i++) {
		const char *at = memchr(letters, s.p[i], sizeof(letters) - 1);

		if (s.p[i] == '_')
			reply = true;
		else if (at != NULL)
			flags[reply] |= INT64_C(1) << (at - letters);
	}
	tsn_record_int(r, TSN_SLOT_FLAGS, flags[0]);
	tsn_record_int(r, TSN_SLOT_REPLY_FLAGS, flags[1]);
}

/* The type of the answer to an ICMP or ICMPv6 message that asks (or the question to an answer), else -1. */
static int
counterpart(bool v6, int64_t type)
{
	static const uint8_t pairs4[][2] = { { 0, 8 }, { 13, 14 }, { 15, 16 }, { 17, 18 }, { 9, 10 } };
	static const uint8_t pairs6[][2] = { { 128, 129 }, { 133, 134 }, { 135, 136 }, { 130, 131 }, { 139, 140 }, { 144, 145 } };
	const uint8_t (*pairs)[2] = v6 ? pairs6 : pairs4;
	size_t n = v6 ? sizeof(pairs6) / 2 : sizeof(pairs4) / 2;

	for (size_t i = 0; i < n; i++)
		if (pairs[i][0] == type || pairs[i][1] == type)
			return pairs[i][pairs[i][0] == type];
	return -1;
}

static void
icmp_zeek(struct tsn_text_record *r, bool v6)
{
	int64_t type = get(r, TSN_SLOT_SRC_PORT), other = get(r, TSN_SLOT_DST_PORT);
	int answer = counterpart(v6, type);

	if (!tsn_record_has(r, TSN_SLOT_SRC_PORT) || type > 255 || other > 255)
		return;
	tsn_record_int(r, TSN_SLOT_ICMP_TYPE, type);
	tsn_record_int(r, TSN_SLOT_ICMP_CODE, answer >= 0 && other == answer ? 0 : other);
	if (answer < 0)
		return;
	tsn_record_int(r, TSN_SLOT_REPLY_TYPE, answer);
	tsn_record_int(r, TSN_SLOT_REPLY_CODE, 0);
}

/* Argus reads type and code as a little-endian word: 0x0008 is an echo request, 0x0103 "host unreachable". */
static void
icmp_argus(struct tsn_text_record *r, bool v6)
{
	int64_t both = get(r, TSN_SLOT_SRC_PORT);
	int answer = counterpart(v6, both & 255);

	if (!tsn_record_has(r, TSN_SLOT_SRC_PORT))
		return;
	tsn_record_int(r, TSN_SLOT_ICMP_TYPE, both & 255);
	tsn_record_int(r, TSN_SLOT_ICMP_CODE, both >> 8 & 255);
	if (answer < 0)
		return;
	tsn_record_int(r, TSN_SLOT_REPLY_TYPE, answer);
	tsn_record_int(r, TSN_SLOT_REPLY_CODE, 0);
}

static void
protocol(struct tsn_text *t)
{
	struct tsn_text_record *r = &t->rec;
	int64_t proto = get(r, TSN_SLOT_PROTO);
	bool v6 = tsn_record_has(r, TSN_SLOT_SRC) && !r->v[TSN_SLOT_SRC].addr.v4;

	flags_from_history(r);
	flags_from_state(r);
	if (proto != ICMP && proto != ICMP6)
		return;
	if (t->dialect->icmp == TSN_ICMP_ZEEK) {
		if (v6)
			tsn_record_int(r, TSN_SLOT_PROTO, ICMP6); /* Zeek says "icmp" of both */
		icmp_zeek(r, v6);
	} else if (t->dialect->icmp == TSN_ICMP_ARGUS) {
		icmp_argus(r, proto == ICMP6);
	}
	if (t->dialect->icmp != TSN_ICMP_IN_PORT) {
		tsn_record_drop(r, TSN_SLOT_SRC_PORT);
		tsn_record_drop(r, TSN_SLOT_DST_PORT);
	}
}

/* --- times --- */

static void
times(struct tsn_text *t)
{
	struct tsn_text_record *r = &t->rec;
	int64_t v;

	move(r, TSN_SLOT_BIN, TSN_SLOT_START);
	move(r, TSN_SLOT_BIN_END, TSN_SLOT_END);
	if (tsn_record_has(r, TSN_SLOT_DURATION)) {
		if ((t->dialect->flags & TSN_DIALECT_SPAN_WINS) && tsn_record_has(r, TSN_SLOT_START))
			tsn_record_drop(r, TSN_SLOT_END);
		if (tsn_record_has(r, TSN_SLOT_START) && !tsn_record_has(r, TSN_SLOT_END) &&
		    !__builtin_add_overflow(r->v[TSN_SLOT_START].i, r->v[TSN_SLOT_DURATION].i, &v))
			tsn_record_int(r, TSN_SLOT_END, v);
		if (tsn_record_has(r, TSN_SLOT_END) && !tsn_record_has(r, TSN_SLOT_START) &&
		    !__builtin_sub_overflow(r->v[TSN_SLOT_END].i, r->v[TSN_SLOT_DURATION].i, &v))
			tsn_record_int(r, TSN_SLOT_START, v);
	} else if (t->dialect->icmp == TSN_ICMP_ZEEK) {
		move(r, TSN_SLOT_START, TSN_SLOT_END); /* a connection of one packet has no duration */
	}
}

static int64_t
to_ms(int64_t us)
{
	return us / 1000 - (us % 1000 < 0);
}

/* --- counters --- */

static int64_t
rest(int64_t total, int64_t part)
{
	return total > part ? total - part : 0;
}

/* Sums of both directions, parted as far as that can be done without making numbers up. */
static void
part_totals(struct tsn_text *t)
{
	struct tsn_text_record *r = &t->rec;
	int64_t packets = get(r, TSN_SLOT_TOTAL_PACKETS), bytes = get(r, TSN_SLOT_TOTAL_BYTES);
	bool one_way;

	if (tsn_record_has(r, TSN_SLOT_TOTAL_BYTES) && !tsn_record_has(r, TSN_SLOT_REPLY_BYTES)) {
		t->noted[TSN_NOTE_TOTAL] |= !tsn_record_has(r, TSN_SLOT_BYTES);
		move(r, TSN_SLOT_TOTAL_BYTES, TSN_SLOT_BYTES);
		tsn_record_int(r, TSN_SLOT_REPLY_BYTES, rest(bytes, get(r, TSN_SLOT_BYTES)));
	}
	if (!tsn_record_has(r, TSN_SLOT_TOTAL_PACKETS) || tsn_record_has(r, TSN_SLOT_REPLY_PACKETS))
		return;
	one_way = get(r, TSN_SLOT_REPLY_BYTES) == 0;
	if (tsn_record_has(r, TSN_SLOT_PACKETS)) {
		tsn_record_int(r, TSN_SLOT_REPLY_PACKETS, rest(packets, get(r, TSN_SLOT_PACKETS)));
	} else if (one_way) {
		tsn_record_int(r, TSN_SLOT_PACKETS, packets);
	} else if (get(r, TSN_SLOT_BYTES) == 0) {
		tsn_record_int(r, TSN_SLOT_PACKETS, 0);
		tsn_record_int(r, TSN_SLOT_REPLY_PACKETS, packets);
	} else if (packets == 2) { /* bytes both ways: one each */
		tsn_record_int(r, TSN_SLOT_PACKETS, 1);
		tsn_record_int(r, TSN_SLOT_REPLY_PACKETS, 1);
	} else {
		t->noted[TSN_NOTE_SPLIT] = true;
	}
}

/* `packets` and `bytes` of a sampled flow were written as scaled: the batch wants what the record said. */
static void
unscale(struct tsn_text_record *r, unsigned scaled, unsigned raw)
{
	int64_t by = get(r, TSN_SLOT_SAMPLING);

	if (tsn_record_has(r, raw) || !tsn_record_has(r, scaled))
		return;
	tsn_record_int(r, raw, by > 1 ? r->v[scaled].i / by : r->v[scaled].i);
}

static void
counters(struct tsn_text *t)
{
	struct tsn_text_record *r = &t->rec;

	if (tsn_record_has(r, TSN_SLOT_PAYLOAD) && !tsn_record_has(r, TSN_SLOT_BYTES))
		t->noted[TSN_NOTE_PAYLOAD] = true;
	move(r, TSN_SLOT_PAYLOAD, TSN_SLOT_BYTES);
	move(r, TSN_SLOT_REPLY_PAYLOAD, TSN_SLOT_REPLY_BYTES);
	part_totals(t);
	if (tsn_text_is_own(t)) {
		unscale(r, TSN_SLOT_PACKETS, TSN_SLOT_RAW_PACKETS);
		unscale(r, TSN_SLOT_BYTES, TSN_SLOT_RAW_BYTES);
	} else {
		move(r, TSN_SLOT_PACKETS, TSN_SLOT_RAW_PACKETS);
		move(r, TSN_SLOT_BYTES, TSN_SLOT_RAW_BYTES);
	}
}

/* --- rows --- */

static void
put(struct tsn_batch *b, uint32_t row, unsigned slot, const union tsn_text_value *v)
{
	enum tsn_field f = (enum tsn_field)slot;

	switch (tsn_fields[f].storage) {
	case TSN_ADDR: tsn_batch_put_addr(b, row, f, v->addr); break;
	case TSN_STR:  tsn_batch_keep_str(b, row, f, v->s.p, v->s.n); break;
	case TSN_I64:  tsn_batch_put_int(b, row, f, to_ms(v->i)); break;
	default:       tsn_batch_put_int(b, row, f, v->i); break;
	}
}

static int64_t
time_of(const struct tsn_text_record *r, unsigned slot)
{
	return tsn_record_has(r, slot) ? to_ms(r->v[slot].i) : TSN_TIME_NONE;
}

static uint32_t
source_of(struct tsn_text *t)
{
	struct tsn_addr a;

	if (!tsn_record_has(&t->rec, TSN_SLOT_EXPORTER))
		return tsn_exporters_nobody(t->exporters);
	a = t->rec.v[TSN_SLOT_EXPORTER].addr;
	if (!t->source_known || tsn_addr_cmp(a, t->source_addr) != 0) {
		t->source = tsn_exporters_find(t->exporters, a);
		t->source_addr = a;
		t->source_known = true;
	}
	return t->source;
}

static bool
put_row(struct tsn_text *t)
{
	struct tsn_text_record *r = &t->rec;
	int64_t received = time_of(r, TSN_SLOT_RECEIVED), clock = received;
	struct tsn_batch *b;

	if (clock == TSN_TIME_NONE)
		clock = time_of(r, TSN_SLOT_END);
	if (clock == TSN_TIME_NONE)
		clock = time_of(r, TSN_SLOT_START);
	tsn_sink_clock(t->sink, clock);
	b = t->sink->room(t->sink->arg);
	if (b == NULL)
		return false;
	for (unsigned w = 0; w * 64 < TSN_FIELD_COUNT; w++) {
		for (uint64_t bits = r->has[w]; bits != 0; bits &= bits - 1) {
			unsigned slot = w * 64 + (unsigned)__builtin_ctzll(bits);

			if (slot < TSN_FIELD_COUNT && tsn_fields[slot].origin == TSN_O_RECORD)
				put(b, b->n, slot, &r->v[slot]);
		}
	}
	b->received[b->n] = received;
	b->exported[b->n] = time_of(r, TSN_SLOT_EXPORTED);
	b->source[b->n] = source_of(t);
	tsn_exporters_at(t->exporters, b->source[b->n])->counter[TSN_XC_FLOWS]++;
	b->n++;
	t->rows++;
	return true;
}

/* The value of [a] and that of [b] change places, and so does whether there is one. */
static void
exchange(struct tsn_text_record *r, unsigned a, unsigned b)
{
	bool has_a = tsn_record_has(r, a), has_b = tsn_record_has(r, b);
	union tsn_text_value v = r->v[a];

	r->v[a] = r->v[b];
	r->v[b] = v;
	tsn_record_drop(r, a);
	tsn_record_drop(r, b);
	if (has_b)
		tsn_record_set(r, a);
	if (has_a)
		tsn_record_set(r, b);
}

/* The way back. What was told of the way there alone is left out. */
static void
turn(struct tsn_text_record *r)
{
	exchange(r, TSN_SLOT_SRC, TSN_SLOT_DST);
	exchange(r, TSN_SLOT_SRC_PORT, TSN_SLOT_DST_PORT);
	exchange(r, TSN_SLOT_SRC_MAC, TSN_SLOT_DST_MAC);
	exchange(r, TSN_SLOT_SRC_AS, TSN_SLOT_DST_AS);
	exchange(r, TSN_SLOT_SRC_MASK, TSN_SLOT_DST_MASK);
	exchange(r, TSN_SLOT_IN_IF, TSN_SLOT_OUT_IF);
	exchange(r, TSN_SLOT_IN_IF_NAME, TSN_SLOT_OUT_IF_NAME);
	exchange(r, TSN_SLOT_RAW_PACKETS, TSN_SLOT_REPLY_PACKETS);
	exchange(r, TSN_SLOT_RAW_BYTES, TSN_SLOT_REPLY_BYTES);
	exchange(r, TSN_SLOT_FLAGS, TSN_SLOT_REPLY_FLAGS);
	exchange(r, TSN_SLOT_TOS, TSN_SLOT_REPLY_TOS);
	exchange(r, TSN_SLOT_ICMP_TYPE, TSN_SLOT_REPLY_TYPE);
	exchange(r, TSN_SLOT_ICMP_CODE, TSN_SLOT_REPLY_CODE);
	if (get(r, TSN_SLOT_PROTO) == ICMP || get(r, TSN_SLOT_PROTO) == ICMP6) {
		tsn_record_drop(r, TSN_SLOT_SRC_PORT); /* which held type and code of the way there */
		tsn_record_drop(r, TSN_SLOT_DST_PORT);
	}
	tsn_record_drop(r, TSN_SLOT_NEXT_HOP);
	tsn_record_drop(r, TSN_SLOT_DIRECTION);
	tsn_record_drop(r, TSN_SLOT_MIN_TTL);
	tsn_record_drop(r, TSN_SLOT_MAX_TTL);
	tsn_record_drop(r, TSN_SLOT_FLOW_LABEL);
}

static bool
is_event_of_a_flow(struct tsn_text *t)
{
	static const char *const flows[] = { "flow", "netflow", "conn" };
	struct tsn_str s = t->rec.v[TSN_SLOT_EVENT].s;

	if (!tsn_record_has(&t->rec, TSN_SLOT_EVENT))
		return true;
	for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++)
		if (s.n == strlen(flows[i]) && memcmp(s.p, flows[i], s.n) == 0)
			return true;
	tsn_text_fail(t, TSN_TEXT_NO_FLOW, "an event or log that is not of flows");
	return false;
}

enum tsn_text_status
tsn_text_emit(struct tsn_text *t)
{
	struct tsn_text_record *r = &t->rec;

	if (!is_event_of_a_flow(t))
		return TSN_TEXT_NO_FLOW;
	protocol(t);
	times(t);
	counters(t);
	move(r, TSN_SLOT_TTL, TSN_SLOT_MIN_TTL);
	move(r, TSN_SLOT_TTL, TSN_SLOT_MAX_TTL);
	if (tsn_record_has(r, TSN_SLOT_DSCP) && !tsn_record_has(r, TSN_SLOT_TOS))
		tsn_record_int(r, TSN_SLOT_TOS, r->v[TSN_SLOT_DSCP].i << 2 & 255);
	if (!put_row(t))
		return TSN_TEXT_STOPPED;
	if (get(r, TSN_SLOT_REPLY_PACKETS) == 0 && get(r, TSN_SLOT_REPLY_BYTES) == 0)
		return TSN_TEXT_ROWS;
	turn(r);
	return put_row(t) ? TSN_TEXT_ROWS : TSN_TEXT_STOPPED;
}
