/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * From entries that have waited long enough to a batch of conversations (S15): who began each of them first, then column by column
 * what is said of it. Which fields a record has is a word a row, and becomes the batch's masks at the end.
 */
#include "base/clock.h"
#include "base/wide.h"
#include "pair/internal.h"

enum { TCP = 6 };
enum { ACK = 0x10 };

/* Three values, as in the language. */
enum truth { NO, YES, UNKNOWN };

/* What not every record has, a bit each: fields, then what exporters give. */
static const enum tsn_field said_field[] = { TSN_F_SRC_PORT, TSN_F_DST_PORT, TSN_F_FLAGS, TSN_F_START, TSN_F_END, TSN_F_PACKETS,
	TSN_F_BYTES, TSN_F_ANSWERED, TSN_F_ATTEMPTED, TSN_F_ESTABLISHED, TSN_F_REPLY_PACKETS, TSN_F_REPLY_BYTES };
enum {
	SAYS_SRC_PORT = 1 << 0, SAYS_DST_PORT = 1 << 1, SAYS_FLAGS = 1 << 2, SAYS_START = 1 << 3, SAYS_END = 1 << 4, SAYS_PACKETS = 1 << 5,
	SAYS_BYTES = 1 << 6, SAYS_ANSWERED = 1 << 7, SAYS_ATTEMPTED = 1 << 8, SAYS_ESTABLISHED = 1 << 9, SAYS_REPLY_PACKETS = 1 << 10,
	SAYS_REPLY_BYTES = 1 << 11, SAYS_GIVES = 1 << 12,
};
_Static_assert(sizeof(said_field) / sizeof(said_field[0]) == 12 && TSN_GIVES_COUNT == 4, "sixteen bits");

struct records {
	const struct talk *talk[TSN_BATCH_ROWS];
	const struct side *mine[TSN_BATCH_ROWS];  /* the initiator's */
	const struct side *other[TSN_BATCH_ROWS];
	bool upper[TSN_BATCH_ROWS];               /* the initiator is the upper end */
	uint16_t said[TSN_BATCH_ROWS];
	uint32_t n;
};

/* Who started first; where nobody says: who asked with a SYN, has the higher port, the lower address. False: the lower end. */
static bool
upper_began(const struct talk *t)
{
	const struct side *a = &t->side[side_of(t, false)], *b = &t->side[side_of(t, true)];

	if (!(a->bits & b->bits & SIDE_SEEN))
		return !(a->bits & SIDE_SEEN);
	if (a->bits & b->bits & SIDE_START && a->start != b->start)
		return b->start < a->start;
	if ((a->bits ^ b->bits) & SIDE_SYN)
		return (b->bits & SIDE_SYN) != 0;
	return port_of(t, true) > port_of(t, false);
}

/* Entries due at [now], at most [most]. Nobody has looked at them for as long as they waited. */
static void
find_due(const struct tsn_pair *p, struct records *r, int64_t now, uint32_t most)
{
	const uint64_t open = p->end - p->begin;

	most = open < most ? (uint32_t)open : most;
	for (r->n = 0; r->n < most; r->n++) {
		const struct talk *t = talk_at(p, p->begin + r->n), *far = talk_at(p, p->begin + r->n + AHEAD);
		bool upper;

		__builtin_prefetch(far);
		__builtin_prefetch(&far->side[1]);
		if (p->six != NULL)
			__builtin_prefetch(&p->six[far - p->ring]);
		if (due_of(p, t) > now)
			return;
		upper = upper_began(t);
		r->talk[r->n] = t;
		r->upper[r->n] = upper;
		r->mine[r->n] = &t->side[side_of(t, upper)];
		r->other[r->n] = &t->side[side_of(t, !upper)];
	}
}

/* --- the ends --- */

/* Rows with an address that is not of IPv4: [field] is the initiator's address there, or the other's. */
static void
put_six(const struct tsn_pair *p, const struct records *r, struct tsn_batch *out, const struct tsn_mask *rows, enum tsn_field field, bool mine)
{
	struct tsn_addr_column *a = &out->addr[tsn_fields[field].addr_slot];

	TSN_EACH_ROW(row, rows) {
		const struct tsn_addr addr = tsn_pair_addr(p, r->talk[row], r->upper[row] == mine);

		a->v4[row] = addr.v4 ? (uint32_t)addr.lo : 0;
		a->hi[row] = addr.hi;
		a->lo[row] = addr.lo;
		a->any_v6 |= !addr.v4;
		tsn_mask_put(&a->is_v4, row, addr.v4);
	}
}

static void
put_addrs(const struct tsn_pair *p, const struct records *r, struct tsn_batch *out)
{
	static const struct { enum tsn_field field; bool mine; } all[] = { { TSN_F_SRC, true }, { TSN_F_DST, false }, { TSN_F_INITIATOR, true } };
	uint32_t *src = out->col[TSN_F_SRC], *dst = out->col[TSN_F_DST], *who = out->col[TSN_F_INITIATOR];
	uint8_t *version = out->col[TSN_F_IP_VERSION];
	struct tsn_mask six = { { 0 } };

	for (uint32_t i = 0; i < r->n; i++) {
		const struct talk *t = r->talk[i];
		const bool upper = r->upper[i];
		const uint32_t low = (uint32_t)(t->addrs >> 32), high = (uint32_t)t->addrs;

		src[i] = who[i] = upper ? high : low;
		dst[i] = upper ? low : high;
		version[i] = t->rest & KEY_V4(upper) ? 4 : 6;
		if ((t->rest & KEY_BOTH_V4) != KEY_BOTH_V4)
			tsn_mask_set(&six, i);
	}
	out->present[TSN_F_IP_VERSION] = out->rows;
	for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
		out->present[all[k].field] = out->rows;
		out->addr[tsn_fields[all[k].field].addr_slot].is_v4 = out->rows;
		if (p->six != NULL)
			put_six(p, r, out, &six, all[k].field, all[k].mine);
	}
}

static void
put_ports(struct records *r, struct tsn_batch *out)
{
	uint16_t *sport = out->col[TSN_F_SRC_PORT], *dport = out->col[TSN_F_DST_PORT];
	uint8_t *proto = out->col[TSN_F_PROTO];

	for (uint32_t i = 0; i < r->n; i++) {
		const struct talk *t = r->talk[i];
		const bool upper = r->upper[i];

		const uint16_t lower_port = port_of(t, false), upper_port = port_of(t, true);
		const uint16_t lower_said = t->rest & KEY_PORT_LOWER, upper_said = (t->rest & KEY_PORT_UPPER) / KEY_PORT_UPPER;

		sport[i] = upper ? upper_port : lower_port;
		dport[i] = upper ? lower_port : upper_port;
		proto[i] = proto_of(t);
		r->said[i] = (uint16_t)((upper ? upper_said : lower_said) * SAYS_SRC_PORT | (upper ? lower_said : upper_said) * SAYS_DST_PORT);
	}
	out->present[TSN_F_PROTO] = out->rows;
}

/* --- what the initiator sent --- */

static uint16_t
says_of(const struct side *s)
{
	return (uint16_t)((s->bits & SIDE_FLAGS ? SAYS_FLAGS : 0) | (s->bits & SIDE_START ? SAYS_START : 0) |
	    (s->bits & SIDE_END ? SAYS_END : 0) | (s->bits & SIDE_PACKETS && s->packets < TOO_MANY ? SAYS_PACKETS : 0) |
	    (s->bits & SIDE_BYTES && s->bytes < TOO_MANY ? SAYS_BYTES : 0));
}

static void
put_sums(struct records *r, struct tsn_batch *out)
{
	uint16_t *flags = out->col[TSN_F_FLAGS];
	int64_t *start = out->col[TSN_F_START], *end = out->col[TSN_F_END];
	uint64_t *packets = out->col[TSN_F_PACKETS], *bytes = out->col[TSN_F_BYTES];

	for (uint32_t i = 0; i < r->n; i++) {
		const struct side *s = r->mine[i];

		out->received[i] = r->talk[i]->received;
		out->time[i] = r->talk[i]->time;
		flags[i] = s->flags;
		start[i] = s->start;
		end[i] = s->end;
		packets[i] = s->packets;
		bytes[i] = s->bytes;
		r->said[i] |= says_of(s);
		out->sampled |= (s->bits & SIDE_SAMPLED) != 0;
	}
}

/* --- what came back --- */

static enum truth
attempted(const struct talk *t, const struct side *s, bool answered)
{
	if (answered)
		return NO;
	if (proto_of(t) != TCP)
		return YES;
	if (!(s->bits & SIDE_FLAGS))
		return UNKNOWN;
	return s->bits & SIDE_SYN ? YES : NO;
}

static enum truth
established(const struct talk *t, const struct side *s, const struct side *o, bool answered)
{
	if (!answered)
		return NO;
	if (proto_of(t) != TCP)
		return YES;
	if (!(s->bits & o->bits & SIDE_FLAGS))
		return UNKNOWN;
	return s->flags & o->flags & ACK && !((s->bits | o->bits) & SIDE_BARE_RST) ? YES : NO;
}

static uint16_t
put_truth(uint8_t *to, enum truth v, uint16_t says)
{
	*to = v == YES;
	return v != UNKNOWN ? says : 0;
}

static uint16_t
put_reply(uint64_t *to, const struct side *o, uint16_t bit, uint64_t sum, uint16_t says)
{
	*to = o->bits & SIDE_SEEN ? sum : 0;
	return !(o->bits & SIDE_SEEN) || (o->bits & bit && sum < TOO_MANY) ? says : 0;
}

/* Columns of the batch. */
struct answers {
	uint8_t *answered, *attempted, *established;
	uint64_t *packets, *bytes;
};

/* What is known of the other side only where the exporter shows both and looks at every packet. */
static uint16_t
put_answer(const struct answers *to, const struct records *r, uint32_t i, struct tsn_exporter *x)
{
	const struct side *s = r->mine[i], *o = r->other[i];
	const bool answered = (o->bits & SIDE_ANSWERS) != 0;

	if ((s->bits | o->bits) & SIDE_SAMPLED)
		return 0;
	if (x != NULL && answered)
		x->both_seen = true;
	if (!(o->bits & SIDE_SEEN) && (x == NULL || !x->both_seen))
		return 0;
	to->answered[i] = answered;
	return SAYS_ANSWERED | put_truth(&to->attempted[i], attempted(r->talk[i], s, answered), SAYS_ATTEMPTED) |
	    put_truth(&to->established[i], established(r->talk[i], s, o, answered), SAYS_ESTABLISHED) |
	    put_reply(&to->packets[i], o, SIDE_PACKETS, o->packets, SAYS_REPLY_PACKETS) |
	    put_reply(&to->bytes[i], o, SIDE_BYTES, o->bytes, SAYS_REPLY_BYTES);
}

static uint16_t
gives(const struct side *s, const struct side *o, const struct tsn_exporter *x)
{
	unsigned g = (unsigned)s->bits / SIDE_GIVES & ((1u << TSN_GIVES_COUNT) - 1);

	g &= ~(1u << TSN_GIVES_BOTH_DIRECTIONS | 1u << TSN_GIVES_UNSAMPLED);
	g |= x != NULL && x->both_seen ? 1u << TSN_GIVES_BOTH_DIRECTIONS : 0;
	g |= (s->bits | o->bits) & SIDE_SAMPLED ? 0 : 1u << TSN_GIVES_UNSAMPLED;
	return (uint16_t)(g * SAYS_GIVES);
}

/* In order: what an exporter shows holds for the records behind it. Mostly one exporter follows itself. */
static void
put_answers(struct records *r, struct tsn_batch *out, struct tsn_exporters *exporters)
{
	const struct answers to = { out->col[TSN_F_ANSWERED], out->col[TSN_F_ATTEMPTED], out->col[TSN_F_ESTABLISHED],
		out->col[TSN_F_REPLY_PACKETS], out->col[TSN_F_REPLY_BYTES] };
	const uint32_t known = tsn_exporters_count(exporters);
	struct tsn_exporter *x = NULL;
	uint32_t last = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		const uint32_t source = out->source[i] < known ? out->source[i] : 0;

		out->source[i] = source;
		if (source != last)
			x = source == 0 ? NULL : tsn_exporters_at(exporters, source);
		last = source;
		r->said[i] |= put_answer(&to, r, i, x);
		r->said[i] |= gives(r->mine[i], r->other[i], x);
		if (x != NULL && x->name.n > 0)
			tsn_batch_put_str(out, i, TSN_F_EXPORTER_NAME, x->name);
	}
}

/* --- the whole --- */

TSN_WIDE(static, void, take_bit, (uint8_t *restrict out, const uint16_t *said, int bit), (out, said, bit))
{
	for (int i = 0; i < TSN_BATCH_ROWS; i++)
		out[i] = said[i] >> bit & 1;
}

static void
put_masks(struct records *r, struct tsn_batch *out)
{
	const int nfields = sizeof(said_field) / sizeof(said_field[0]);
	uint8_t byte[TSN_BATCH_ROWS];

	memset(r->said + r->n, 0, (TSN_BATCH_ROWS - r->n) * sizeof(r->said[0]));
	for (int k = 0; k < nfields + TSN_GIVES_COUNT; k++) {
		take_bit(byte, r->said, k);
		tsn_mask_pack(k < nfields ? &out->present[said_field[k]] : &out->gives[k - nfields], byte);
	}
}

static void
forget(struct tsn_pair *p, uint32_t n)
{
	p->begin += n;
	p->fresh = p->fresh > p->begin ? p->fresh : p->begin;
	p->stats.talks += n;
	tsn_pair_carry_forget(p, p->begin == p->end ? NULL : talk_at(p, p->begin));
}

uint32_t
tsn_pair_take(struct tsn_pair *p, int64_t now, struct tsn_batch *out, struct tsn_exporters *exporters)
{
	struct records r;

	find_due(p, &r, now, out->cap);
	if (r.n == 0)
		return 0;
	out->n = r.n;
	tsn_mask_first(&out->rows, out->n);
	put_addrs(p, &r, out);
	put_ports(&r, out);
	put_sums(&r, out);
	tsn_pair_carried(p, r.mine, r.n, out);
	put_answers(&r, out, exporters);
	put_masks(&r, out);
	forget(p, r.n);
	return out->n;
}
