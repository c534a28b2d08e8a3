/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/sflow.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

/* Sample formats of enterprise 0. A format is 20 bits of enterprise, 12 bits of number. */
enum { FLOW = 1, COUNTERS = 2, FLOW_EXPANDED = 3, COUNTERS_EXPANDED = 4, DISCARDED = 5 };

#define INTERNAL 0x3fffffffu /* "no interface": the agent itself sent or received it */
#define LATE_SAMPLES 1000    /* a sample further back than that is no late one: its source began anew */

#define STREAMS 0x100 /* among the versions that have sequences */

enum { ONE_INTERFACE = 0, WAS_DISCARDED = 1 }; /* formats of an interface; 2: several */
enum { FWD_DROPPED = 2, FWD_CONSUMED = 3 };
enum { INGRESS = 0, EGRESS = 1 };

/* The running total of one source. */
struct source {
	uint64_t key; /* a hash of whose it is; 0: free */
	uint32_t drops, sequence;
};

struct tsn_sflow {
	struct source *slot;
	uint32_t n, cap, max; /* cap: a power of two, or 0; more than n */
};

struct datagram {
	const struct tsn_message *m;
	struct tsn_addr agent;
	bool has_agent;
	uint32_t sub_agent, sequence, uptime;
	uint64_t key; /* of agent and sender */
};

struct interface {
	uint32_t format, index;
};

/* The header of a flow sample. */
struct sample {
	uint32_t sequence, source_type, source, rate, drops, records;
	bool notification; /* of a discarded packet: its drops are another total */
	struct interface in, out;
};

struct tsn_sflow *
tsn_sflow_new(uint32_t max)
{
	struct tsn_sflow *s = tsn_calloc(1, sizeof(*s));

	if (s != NULL)
		s->max = max;
	return s;
}

void
tsn_sflow_free(struct tsn_sflow *s)
{
	if (s != NULL)
		tsn_free(s->slot);
	tsn_free(s);
}

/* The source's slot, or the free one where it belongs. */
static struct source *
probe(struct source *slot, uint32_t cap, uint64_t key)
{
	uint32_t i = (uint32_t)tsn_hash_u64(key, (uintptr_t)slot) & (cap - 1); /* the address: nobody outside can choose places */

	while (slot[i].key != 0 && slot[i].key != key)
		i = (i + 1) & (cap - 1);
	return &slot[i];
}

static bool
grow(struct tsn_sflow *s)
{
	uint32_t cap = s->cap == 0 ? 64 : s->cap * 2;
	struct source *bigger = tsn_calloc(cap, sizeof(*bigger));

	if (bigger == NULL)
		return false;
	for (uint32_t i = 0; i < s->cap; i++)
		if (s->slot[i].key != 0)
			*probe(bigger, cap, s->slot[i].key) = s->slot[i];
	tsn_free(s->slot);
	s->slot = bigger;
	s->cap = cap;
	return true;
}

static uint64_t
agent_key(const struct datagram *d)
{
	uint64_t h = tsn_hash_join(tsn_hash_join(d->m->from.exporter.hi, d->m->from.exporter.lo), d->sub_agent);

	return tsn_hash_join(tsn_hash_join(h, d->agent.hi), d->agent.lo);
}

/* By how much the running total grew; a first one says nothing, a smaller one is a new beginning or late. */
static uint32_t
growth(struct tsn_sflow *s, const struct datagram *d, const struct sample *sample)
{
	uint64_t key = tsn_hash_join(d->key + sample->notification, (uint64_t)sample->source_type << 32 | sample->source);
	struct source *at;
	uint32_t grown = 0;
	int32_t ahead;

	key += key == 0;
	at = s->cap != 0 ? probe(s->slot, s->cap, key) : NULL;
	if (at == NULL || at->key == 0) {
		if (s->n >= s->max || (s->n >= s->cap / 4 * 3 && !grow(s)))
			return 0;
		at = probe(s->slot, s->cap, key);
		*at = (struct source){ key, sample->drops, sample->sequence };
		s->n++;
		return 0;
	}
	ahead = (int32_t)(sample->sequence - at->sequence);
	if (ahead < 0 && ahead > -LATE_SAMPLES)
		return 0;
	if (ahead > 0 && (int32_t)(sample->drops - at->drops) > 0)
		grown = sample->drops - at->drops;
	at->drops = sample->drops;
	at->sequence = sample->sequence;
	return grown;
}

static void
put_interface(struct tsn_batch *b, uint32_t row, enum tsn_field f, const struct interface *i)
{
	if (i->format == ONE_INTERFACE && i->index != 0 && i->index != INTERNAL)
		tsn_batch_put_int(b, row, f, i->index);
}

/* The source of a sample is an interface (type 0): seen where it came in by or left by that one. */
static void
put_direction(struct tsn_batch *b, uint32_t row, const struct sample *s)
{
	bool in = s->in.format == 0 && s->in.index == s->source, out = s->out.format == 0 && s->out.index == s->source;

	if (s->source_type == 0 && s->source != 0 && in != out)
		tsn_batch_put_int(b, row, TSN_F_DIRECTION, in ? INGRESS : EGRESS);
}

static void
put_sample(struct tsn_batch *b, uint32_t row, const struct datagram *d, const struct sample *s)
{
	const struct tsn_message *m = d->m;
	bool known = m->from.exporter.hi != 0 || m->from.exporter.lo != 0;

	b->source[row] = m->source;
	b->received[row] = m->received;
	b->exported[row] = TSN_TIME_NONE;
	if (known || d->has_agent)
		tsn_batch_put_addr(b, row, TSN_F_EXPORTER, known ? m->from.exporter : d->agent);
	tsn_batch_put_int(b, row, TSN_F_START, m->received);
	tsn_batch_put_int(b, row, TSN_F_END, m->received);
	tsn_batch_put_int(b, row, TSN_F_SOURCE_ID, d->sub_agent);
	if (s->rate != 0)
		tsn_batch_put_int(b, row, TSN_F_SAMPLING, s->rate);
	put_interface(b, row, TSN_F_IN_IF, &s->in);
	put_interface(b, row, TSN_F_OUT_IF, &s->out);
	put_direction(b, row, s);
	if (s->out.format == WAS_DISCARDED)
		tsn_batch_put_int(b, row, TSN_F_FWD_STATUS, FWD_DROPPED);
	else if (s->out.format == ONE_INTERFACE && s->out.index == INTERNAL)
		tsn_batch_put_int(b, row, TSN_F_FWD_STATUS, FWD_CONSUMED);
}

/* False: a record whose length or content cannot be true; the ones before stand. */
static bool
read_records(struct tsn_xdr *x, uint32_t n, struct tsn_sflow_packet *k)
{
	bool whole = true;

	for (; n > 0 && !x->bad; n--) {
		const uint8_t *p = tsn_xdr_bytes(x, 8);
		struct tsn_xdr body = tsn_xdr_sub(x, p != NULL ? tsn_wire_u32(p + 4) : 0);

		if (!body.bad && !tsn_sflow_record(k, tsn_wire_u32(p), &body))
			whole = false;
	}
	return whole && !x->bad;
}

/* The rest of a sample whose header has been read. */
static enum tsn_decode
deliver(struct tsn_sflow *t, const struct datagram *d, const struct sample *s, struct tsn_xdr *x,
    struct tsn_batch_sink *sink)
{
	struct tsn_exporter *e = d->m->x;
	struct tsn_sflow_packet k;
	struct tsn_batch *b;
	bool whole;

	if (x->bad) {
		e->counter[TSN_XC_BAD_RECORD]++;
		return TSN_DECODE_DAMAGED;
	}
	e->counter[TSN_XC_AGENT_DROPS] += growth(t, d, s);
	tsn_sflow_begin(&k);
	whole = read_records(x, s->records, &k);
	e->counter[TSN_XC_BAD_RECORD] += !whole;
	if (k.from == TSN_SFLOW_NO_IP) { /* ARP, a bridge's own traffic, records of another kind */
		e->counter[TSN_XC_NOT_FLOWS] += whole;
		return whole ? TSN_DECODE_OK : TSN_DECODE_DAMAGED;
	}
	b = sink->room(sink->arg);
	if (b == NULL)
		return TSN_DECODE_STOPPED;
	put_sample(b, b->n, d, s);
	tsn_sflow_put(b, b->n, &k);
	b->n++;
	e->counter[TSN_XC_FLOWS]++;
	return whole ? TSN_DECODE_OK : TSN_DECODE_DAMAGED;
}

/* In a compact sample the two upper bits are the format, and a source is 8 bits of type and 24 of index. */
static struct interface
compact(uint32_t v)
{
	return (struct interface){ v >> 30, v & INTERNAL };
}

/* The headers of samples are of fixed size, so they are asked for at once. What is cut short is left as it is: nobody looks at it. */
#define WORD(i) tsn_wire_u32(p + 4 * (size_t)(i))

static void
read_compact(struct tsn_xdr *x, struct sample *s)
{
	const uint8_t *p = tsn_xdr_bytes(x, 4 * 8);

	if (p == NULL)
		return;
	s->sequence = WORD(0);
	s->source_type = p[4];
	s->source = WORD(1) & 0xffffff;
	s->rate = WORD(2); /* 3: the pool of packets sampled from */
	s->drops = WORD(4);
	s->in = compact(WORD(5));
	s->out = compact(WORD(6));
	s->records = WORD(7);
}

static void
read_expanded(struct tsn_xdr *x, struct sample *s)
{
	const uint8_t *p = tsn_xdr_bytes(x, 4 * 11);

	if (p == NULL)
		return;
	s->sequence = WORD(0);
	s->source_type = WORD(1);
	s->source = WORD(2);
	s->rate = WORD(3);
	s->drops = WORD(5);
	s->in = (struct interface){ WORD(6), WORD(7) };
	s->out = (struct interface){ WORD(8), WORD(9) };
	s->records = WORD(10);
}

/*
 * "sFlow Dropped Packet Notification Structures" (sflow.org, 2020): each packet that was dropped, unsampled. The
 * interfaces are bare indices.
 */
static void
read_discarded(struct tsn_xdr *x, struct sample *s)
{
	const uint8_t *p = tsn_xdr_bytes(x, 4 * 8);

	if (p == NULL)
		return;
	s->sequence = WORD(0);
	s->source_type = WORD(1);
	s->source = WORD(2);
	s->drops = WORD(3);
	s->in.index = WORD(4); /* 5: the interface it would have left by */
	s->out = (struct interface){ WAS_DISCARDED, WORD(6) }; /* the reason */
	s->records = WORD(7);
	s->notification = true;
}

#undef WORD

static enum tsn_decode
decode_sample(struct tsn_sflow *t, const struct datagram *d, uint32_t format, struct tsn_xdr *x,
    struct tsn_batch_sink *sink)
{
	struct sample s = { 0 };

	switch (format) {
	case FLOW:
		read_compact(x, &s);
		break;
	case FLOW_EXPANDED:
		read_expanded(x, &s);
		break;
	case DISCARDED:
		read_discarded(x, &s);
		break;
	case COUNTERS:
	case COUNTERS_EXPANDED:
		d->m->x->counter[TSN_XC_COUNTER_SAMPLES]++;
		return TSN_DECODE_OK;
	default:
		d->m->x->counter[TSN_XC_NOT_FLOWS]++;
		return TSN_DECODE_OK;
	}
	return deliver(t, d, &s, x, sink);
}

/* Agents are told apart by their own address and by the sender: behind a relay there are many, and some say 127.0.0.1. */
static void
follow(struct tsn_sequences *sequences, const struct datagram *d)
{
	struct tsn_addr sender = d->m->from.exporter;
	struct tsn_stream_key key = { d->agent, STREAMS, (uint32_t)tsn_hash_join(sender.hi, sender.lo), d->sub_agent };
	struct tsn_numbered n = { .seq = d->sequence, .count = 1, .time = d->uptime, .datagrams = true };

	tsn_sequences_see_numbered(sequences, &key, &n, d->m->x);
}

/* version, agent's address, sub-agent, sequence, uptime in ms, number of samples */
enum tsn_decode
tsn_sflow_decode(struct tsn_sflow *s, struct tsn_sequences *sequences, const struct tsn_message *m,
    struct tsn_batch_sink *sink)
{
	struct tsn_xdr x = { m->p, m->len, false };
	struct datagram d = { .m = m };
	enum tsn_decode all = TSN_DECODE_OK;
	uint32_t n;

	tsn_xdr_u32(&x);
	d.has_agent = tsn_xdr_addr(&x, &d.agent);
	d.sub_agent = tsn_xdr_u32(&x);
	d.sequence = tsn_xdr_u32(&x);
	d.uptime = tsn_xdr_u32(&x);
	n = tsn_xdr_u32(&x);
	d.key = agent_key(&d);
	if (!x.bad)
		follow(sequences, &d);
	for (; n > 0 && !x.bad; n--) {
		uint32_t format = tsn_xdr_u32(&x), size = tsn_xdr_u32(&x);
		struct tsn_xdr body = tsn_xdr_sub(&x, size);
		enum tsn_decode how = body.bad ? TSN_DECODE_OK : decode_sample(s, &d, format, &body, sink);

		if (how == TSN_DECODE_STOPPED)
			return how;
		all = how == TSN_DECODE_OK ? all : how;
	}
	m->x->counter[TSN_XC_SHORT] += x.bad;
	m->x->counter[TSN_XC_TRAILING] += !x.bad && x.left > 0;
	return x.bad || x.left > 0 ? TSN_DECODE_DAMAGED : all;
}
