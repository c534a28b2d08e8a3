/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/decode.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/pack.h"
#include "decode/exports.h"
#include "decode/fill.h"
#include "decode/message.h"
#include "decode/sequence.h"
#include "decode/sflow.h"
#include "decode/template_save.h"
#include "decode/wire.h"
#include "flow/exporter.h"

/*
 * The header of v5; v1 ends at 16, the last eight bytes of v7 are the sequence and four unused:
 *
 *  0 version  2 count  4 sysUptime  8 unix seconds  12 nanoseconds
 * 16 sequence  20 engine type  21 engine id  22 sampling (2 bits mode, 14 interval)
 */
/*
 * Most messages are as the one before of their exporter and engine: of v5, whole, next in the stream. Of such a one, what the next one has in
 * common with it.
 */
struct again {
	struct tsn_exporter *x; /* NULL: there was none */
	struct tsn_stream_place stream;
	uint32_t source;
	uint32_t engine;        /* bytes 20 to 23 of the header, as they lie there */
};
#define AGAIN 512 /* a power of two: exporters take turns, and so do the engines of one */

struct tsn_decoder {
	struct tsn_exporters *exporters;
	struct tsn_sequences *sequences;
	struct tsn_sflow *sflow;
	struct tsn_exports *exports; /* what comes with templates */
	struct tsn_wanted wanted[TSN_FIELD_COUNT];
	size_t nwanted;
	uint32_t generation; /* of the wanted */
	struct tsn_addr last_addr; /* many datagrams come from the last one's exporter */
	uint32_t last_index;
	bool last_known;
	struct again again[AGAIN]; /* where again_of says */
};

struct tsn_decoder *
tsn_decoder_new(struct tsn_exporters *exporters, uint32_t max_streams)
{
	struct tsn_decoder *d = tsn_calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->exporters = exporters;
	d->sequences = tsn_sequences_new(max_streams);
	d->sflow = tsn_sflow_new(max_streams);
	d->exports = d->sequences != NULL ? tsn_exports_new(exporters, d->sequences) : NULL;
	if (d->sflow != NULL && d->exports != NULL)
		return d;
	tsn_decoder_free(d);
	return NULL;
}

void
tsn_decoder_free(struct tsn_decoder *d)
{
	if (d != NULL) {
		tsn_exports_free(d->exports);
		tsn_sequences_free(d->sequences);
		tsn_sflow_free(d->sflow);
	}
	tsn_free(d);
}

/* Plans are made anew only if something else is wanted. */
void
tsn_decoder_want(struct tsn_decoder *d, const struct tsn_wanted *w, size_t n)
{
	bool same = n == d->nwanted;

	for (size_t i = 0; same && i < n; i++)
		same = w[i].pen == d->wanted[i].pen && w[i].id == d->wanted[i].id && w[i].field == d->wanted[i].field;
	if (same)
		return;
	d->nwanted = n < TSN_FIELD_COUNT ? n : TSN_FIELD_COUNT; /* each has a column to itself */
	for (size_t i = 0; i < d->nwanted; i++)
		d->wanted[i] = w[i];
	d->generation++;
}

void
tsn_decoder_finish(struct tsn_decoder *d)
{
	tsn_exports_finish(d->exports);
}

void
tsn_decoder_session_ended(struct tsn_decoder *d, const struct tsn_sender *from)
{
	if (from->session < TSN_SESSION_STREAM)
		return;
	tsn_exports_session_ended(d->exports, from);
	tsn_sequences_session_ended(d->sequences, from->exporter, from->session);
}

uint64_t
tsn_decoder_refused(const struct tsn_decoder *d)
{
	return tsn_sequences_refused(d->sequences);
}

static uint32_t
exporter_index(struct tsn_decoder *d, struct tsn_addr addr)
{
	if (!d->last_known || tsn_addr_cmp(d->last_addr, addr) != 0) {
		d->last_index = tsn_exporters_find(d->exporters, addr);
		d->last_addr = addr;
		d->last_known = true;
	}
	return d->last_index;
}

/* ms since 1970 UTC. */
static int64_t
exported_at(const uint8_t *p)
{
	return (int64_t)tsn_wire_u32(p + 8) * 1000 + tsn_wire_u32(p + 12) / 1000000;
}

/* [len] covers the header of the message's version. */
static void
read_header(const uint8_t *p, struct tsn_fixed_header *h)
{
	h->version = tsn_wire_u16(p);
	h->uptime = tsn_wire_u32(p + 4);
	h->exported = exported_at(p);
	h->source_id = 0;
	h->sampling = 0;
	if (h->version == 5) {
		h->source_id = tsn_wire_u16(p + 20);
		h->sampling = tsn_wire_u16(p + 22) & 0x3fff;
	}
}

/*
 * Counts what the header says wrongly of itself and returns how many whole
 * records there are to read.
 */
static uint32_t
whole_records(const uint8_t *p, size_t len, const struct tsn_fixed_shape *shape,
    struct tsn_exporter *x, bool *odd)
{
	size_t size = shape->record, room = len - shape->header;
	uint32_t count = tsn_wire_u16(p + 2);

	*odd = count == 0 || count > shape->max_count || room != count * size;
	if (!*odd)
		return count;
	x->counter[TSN_XC_COUNT] += count == 0 || count > shape->max_count;
	x->counter[TSN_XC_SHORT] += room < count * size;
	x->counter[TSN_XC_TRAILING] += room > count * size;
	return room < count * size ? (uint32_t)(room / size) : count;
}

/* Records from [first] on become the next [n] rows. */
static void
put(const struct tsn_message *m, struct tsn_fixed_header *h, const struct tsn_fixed_shape *shape, uint32_t first, uint32_t n,
    struct tsn_batch *b)
{
	if (m->later == NULL) {
		const size_t at = shape->header + (size_t)first * shape->record;

		h->late = m->where != NULL && tsn_fixed_stays(b, h, m->x, n, &(struct tsn_far_place){ m->where->of, m->where->at + at });
		m->x->counter[TSN_XC_CLOCK] += tsn_fixed_fill(b, h, m->p + at, n);
		return;
	}
	tsn_later_add(m->later, m->where,
	    &(struct tsn_later_message){ .from = m->x, .received = m->received, .source = m->source, .first = (uint16_t)first, .n = (uint8_t)n });
	b->n += n;
}

/* Into as many batches as it takes. Returns how many records were taken. */
static uint32_t
deliver(const struct tsn_message *m, struct tsn_fixed_header *h, const struct tsn_fixed_shape *shape, uint32_t count,
    struct tsn_batch_sink *sink)
{
	uint32_t done = 0;

	while (done < count) {
		struct tsn_batch *b = sink->room(sink->arg);
		uint32_t take;

		if (b == NULL)
			break;
		take = count - done < b->cap - b->n ? count - done : b->cap - b->n;
		put(m, h, shape, done, take, b);
		done += take;
	}
	m->x->counter[TSN_XC_FLOWS] += done;
	return done;
}

static inline uint32_t
engine_of(const uint8_t *p)
{
	uint32_t engine;

	memcpy(&engine, p + 20, sizeof(engine));
	return engine;
}

/* Where two meet in one place, the last one has it. */
static inline struct again *
again_of(struct tsn_decoder *d, struct tsn_addr exporter, uint32_t engine)
{
	return &d->again[tsn_mix64(exporter.hi + exporter.lo + ((uint64_t)engine << 32)) % AGAIN];
}

/* From here on a message with the same words in its header may be decoded by decode_again. */
static void
remember(struct tsn_decoder *d, const struct tsn_message *m, const struct tsn_fixed_header *h)
{
	const uint32_t engine = engine_of(m->p);

	*again_of(d, h->exporter, engine) =
	    (struct again){ m->x, tsn_sequences_place(d->sequences, h->exporter, UINT32_C(5) << 16 | h->source_id), m->source, engine };
}

/* The message before that this one may be as; NULL: there is none. */
static inline const struct again *
find_again(struct tsn_decoder *d, const uint8_t *p, size_t len, struct tsn_addr exporter, int64_t received)
{
	const struct again *a;
	uint32_t count, engine;

	if (len < 24 || tsn_wire_u16(p) != 5)
		return NULL;
	count = tsn_wire_u16(p + 2);
	if (count == 0 || count > tsn_fixed_shapes[5].max_count || len != 24 + (size_t)count * 48)
		return NULL;
	engine = engine_of(p);
	a = again_of(d, exporter, engine);
	return a->x != NULL && a->engine == engine && tsn_addr_cmp(exporter, a->x->addr) == 0 && received >= a->x->last_received ? a : NULL;
}

/* Does all that is done for such a message elsewhere. False, and nothing is done, if it is not the next one. */
static inline bool
decode_again(struct tsn_decoder *d, const struct again *a, struct tsn_message *m, struct tsn_batch_sink *sink, enum tsn_decode *status)
{
	const uint8_t *p = m->p;
	const uint32_t count = tsn_wire_u16(p + 2);
	struct tsn_exporter *x = a->x;
	struct tsn_fixed_header h = { .exporter = m->from.exporter, .source = a->source, .received = m->received,
		.knows_flags = x->flags_seen, .knows_interfaces = x->interfaces_seen };

	read_header(p, &h);
	if (!tsn_sequences_go_on(d->sequences, &a->stream, tsn_wire_u32(p + 16), count, h.uptime))
		return false;
	x->counter[TSN_XC_DATAGRAMS]++;
	x->last_received = m->received;
	x->skew = m->received - h.exported;
	tsn_exporter_hear(x, m->received);
	m->x = x;
	m->source = h.source;
	*status = deliver(m, &h, &tsn_fixed_shapes[5], count, sink) < count ? TSN_DECODE_STOPPED : TSN_DECODE_OK;
	return true;
}

static enum tsn_decode
decode_fixed(struct tsn_decoder *d, const struct tsn_fixed_shape *shape, const struct tsn_message *m,
    struct tsn_batch_sink *sink)
{
	struct tsn_fixed_header h = { .exporter = m->from.exporter, .source = m->source, .received = m->received,
		.knows_flags = m->x->flags_seen, .knows_interfaces = m->x->interfaces_seen };
	uint32_t count, said;
	bool odd;

	if (m->len < shape->header) {
		m->x->counter[TSN_XC_SHORT]++;
		return TSN_DECODE_DAMAGED;
	}
	said = tsn_wire_u16(m->p + 2);
	read_header(m->p, &h);
	m->x->skew = m->received - h.exported;
	count = whole_records(m->p, m->len, shape, m->x, &odd);
	if (h.version != 1) /* a count that cannot be true says nothing about the next number */
		tsn_sequences_see(d->sequences, h.exporter, (uint32_t)h.version << 16 | h.source_id,
		    tsn_wire_u32(m->p + 16), said <= shape->max_count ? said : count, h.uptime, m->x);
	if (deliver(m, &h, shape, count, sink) < count)
		return TSN_DECODE_STOPPED;
	if (h.version == 5 && !odd)
		remember(d, m, &h);
	return odd ? TSN_DECODE_DAMAGED : TSN_DECODE_OK;
}

static enum tsn_decode
dispatch(struct tsn_decoder *d, const struct tsn_message *m, struct tsn_batch_sink *sink)
{
	struct tsn_want want = { d->wanted, d->nwanted, d->generation };

	switch (tsn_wire_u16(m->p)) {
	case 1:
	case 5:
	case 7:
		return decode_fixed(d, &tsn_fixed_shapes[tsn_wire_u16(m->p)], m, sink);
	case 9:
	case 10:
		return tsn_exports_decode(d->exports, m, &want, sink);
	default:
		if (m->len >= 4 && tsn_wire_u32(m->p) == TSN_SFLOW_VERSION)
			return tsn_sflow_decode(d->sflow, d->sequences, m, sink);
		m->x->counter[TSN_XC_VERSION]++;
		return TSN_DECODE_VERSION;
	}
}

/* Of tsn_exporter.formats; 0 for what is none of them. */
static uint32_t
format_bit(const uint8_t *p, size_t len)
{
	switch (len >= 4 ? tsn_wire_u16(p) : UINT16_MAX) {
	case 0:  return tsn_wire_u16(p + 2) == 5 ? 1u << TSN_XF_SFLOW : 0;
	case 1:  return 1u << TSN_XF_V1;
	case 5:  return 1u << TSN_XF_V5;
	case 7:  return 1u << TSN_XF_V7;
	case 9:  return 1u << TSN_XF_V9;
	case 10: return 1u << TSN_XF_IPFIX;
	default: return 0;
	}
}

static enum tsn_decode
decode(struct tsn_decoder *d, const uint8_t *p, size_t len, const struct tsn_far_place *where, const struct tsn_sender *from,
    int64_t received_ms, struct tsn_batch_sink *sink, struct tsn_later *later)
{
	const struct again *again = find_again(d, p, len, from->exporter, received_ms);
	uint32_t index;
	struct tsn_message m = { .p = p, .len = len, .from = *from, .received = received_ms, .where = where, .later = later };
	uint64_t flows, lost;
	int64_t before;
	enum tsn_decode status;

	if (again != NULL && decode_again(d, again, &m, sink, &status))
		return status;
	index = exporter_index(d, from->exporter);
	m.source = index;
	m.x = tsn_exporters_at(d->exporters, index);
	flows = m.x->counter[TSN_XC_FLOWS];
	lost = tsn_exporter_lost(m.x);
	before = m.x->presence.last_heard;
	m.x->counter[TSN_XC_DATAGRAMS]++;
	if (received_ms > m.x->last_received)
		m.x->last_received = received_ms;
	if (m.x->first_received == TSN_TIME_NONE || received_ms < m.x->first_received)
		m.x->first_received = received_ms;
	if (len < 2) {
		m.x->counter[TSN_XC_SHORT]++;
		return TSN_DECODE_DAMAGED;
	}
	tsn_exporter_hear(m.x, received_ms);
	status = dispatch(d, &m, sink);
	if (tsn_exporter_lost(m.x) > lost) {
		if (sink->loses != NULL)
			sink->loses(sink->arg, m.x, received_ms);
		tsn_exporter_lose(m.x, before, received_ms);
	}
	if (status == TSN_DECODE_OK || m.x->counter[TSN_XC_FLOWS] > flows) /* noise speaks no format */
		m.x->formats |= format_bit(p, len);
	return status;
}

enum tsn_decode
tsn_decode_message(struct tsn_decoder *d, const uint8_t *p, size_t len, const struct tsn_sender *from,
    int64_t received_ms, struct tsn_batch_sink *sink)
{
	return decode(d, p, len, NULL, from, received_ms, sink, NULL);
}

enum tsn_decode
tsn_decode_message_at(struct tsn_decoder *d, const uint8_t *p, size_t len, const struct tsn_far_place *where, const struct tsn_sender *from,
    int64_t received_ms, struct tsn_batch_sink *sink)
{
	return decode(d, p, len, where, from, received_ms, sink, NULL);
}

enum tsn_decode
tsn_decode_later(struct tsn_decoder *d, const uint8_t *head, size_t len, const struct tsn_far_place *where,
    const struct tsn_sender *from, int64_t received_ms, struct tsn_batch_sink *sink, struct tsn_later *later)
{
	return decode(d, head, len, where, from, received_ms, sink, later);
}

enum tsn_decode
tsn_decode_datagram(struct tsn_decoder *d, const uint8_t *p, size_t len, struct tsn_addr exporter,
    int64_t received_ms, struct tsn_batch_sink *sink)
{
	return tsn_decode_message(d, p, len, &(struct tsn_sender){ .exporter = exporter }, received_ms, sink);
}

void
tsn_decoder_save(const struct tsn_decoder *d, struct tsn_pack *out)
{
	size_t at = tsn_pack_open(out);

	tsn_sequences_save(d->sequences, out);
	tsn_pack_close(out, at);
	at = tsn_pack_open(out);
	tsn_templates_save(tsn_exports_templates(d->exports), out);
	tsn_pack_close(out, at);
}

bool
tsn_decoder_load(struct tsn_decoder *d, struct tsn_unpack *in)
{
	struct tsn_unpack sequences = tsn_unpack_part(in), templates = tsn_unpack_part(in), look = templates;

	return tsn_unpack_done(in) && tsn_templates_load(NULL, d->exporters, &look) && tsn_sequences_load(d->sequences, &sequences) &&
	    tsn_templates_load(tsn_exports_templates(d->exports), d->exporters, &templates);
}
