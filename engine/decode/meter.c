/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/meter.h"

#include "base/mem.h"
#include "decode/meter_flows.h"
#include "decode/meter_ports.h"
#include "flow/exporter.h"
#include "packet/headers.h"
#include "packet/ip.h"

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, ACK = 0x10 };

/*
 * The last word of a key:  0 IPv4 source  1 IPv4 destination  2 has a VLAN  3 has ports or ICMP  4 VLAN (12 bits)
 *                         16 protocol  32 destination port, or ICMP type and code  48 source port
 */
enum { KEY_SRC_V4 = 1, KEY_DST_V4 = 2, KEY_VLAN = 4, KEY_PORTS = 8 };

/*
 * Packets wait in a line before they are counted, because what they are counted in is hardly ever in a cache: on entry
 * the slot is sent for, half way the flow.
 */
#define LINE 16u

struct waiting {
	struct tsn_headers_info h;
	struct tsn_meter_key key;
	uint32_t tag;
	int64_t ms;
};

struct tsn_meter {
	struct tsn_meter_opts opts;
	struct tsn_exporter *nobody;
	uint32_t source;
	bool started;
	int64_t clock;
	struct tsn_meter_flows flows;
	struct tsn_meter_ports *ports;
	struct tsn_meter_stats stats;
	uint64_t entered, counted; /* places in [line], modulo its length */
	struct waiting line[LINE];
};

struct tsn_meter *
tsn_meter_new(const struct tsn_meter_opts *opts, struct tsn_exporters *exporters)
{
	struct tsn_meter *m = tsn_calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->opts.active_ms = opts->active_ms != 0 ? opts->active_ms : TSN_METER_ACTIVE_MS;
	m->opts.inactive_ms = opts->inactive_ms != 0 ? opts->inactive_ms : TSN_METER_INACTIVE_MS;
	m->opts.max_flows = opts->max_flows != 0 ? opts->max_flows : TSN_METER_FLOWS;
	m->source = tsn_exporters_nobody(exporters);
	m->nobody = tsn_exporters_at(exporters, m->source);
	m->nobody->both_seen |= m->source != 0; /* whichever packets the capture holds are metered, of both directions */
	m->ports = tsn_meter_ports_new();
	if (tsn_meter_flows_init(&m->flows, m->opts.max_flows) && m->ports != NULL)
		return m;
	tsn_meter_free(m);
	return NULL;
}

void
tsn_meter_free(struct tsn_meter *m)
{
	if (m == NULL)
		return;
	tsn_meter_flows_fini(&m->flows);
	tsn_meter_ports_free(m->ports);
	tsn_free(m);
}

const struct tsn_meter_stats *
tsn_meter_stats(const struct tsn_meter *m)
{
	return &m->stats;
}

/* --- export --- */

static uint64_t
mac(const uint8_t p[6])
{
	uint64_t v = 0;

	for (int i = 0; i < 6; i++)
		v = v << 8 | p[i];
	return v;
}

static void
put_transport(struct tsn_batch *b, uint32_t row, const struct tsn_meter_flow *f)
{
	uint8_t proto = (uint8_t)(f->key.rest >> 16);
	uint16_t low = (uint16_t)(f->key.rest >> 32);

	tsn_batch_put_int(b, row, TSN_F_PROTO, proto);
	if (proto == TSN_IP_PROTO_ICMP || proto == TSN_IP_PROTO_ICMP6) {
		if ((f->key.rest & KEY_PORTS) == 0)
			return;
		tsn_batch_put_int(b, row, TSN_F_ICMP_TYPE, low >> 8);
		tsn_batch_put_int(b, row, TSN_F_ICMP_CODE, low & 0xff);
		return;
	}
	tsn_batch_put_int(b, row, TSN_F_SRC_PORT, (uint16_t)(f->key.rest >> 48));
	tsn_batch_put_int(b, row, TSN_F_DST_PORT, low);
	if (f->has_flags)
		tsn_batch_put_int(b, row, TSN_F_FLAGS, f->flags);
}

static void
put_flow(struct tsn_batch *b, uint32_t row, const struct tsn_meter_flow *f)
{
	const struct tsn_meter_key *k = &f->key;

	tsn_batch_put_addr(b, row, TSN_F_SRC, (struct tsn_addr){ k->src_hi, k->src_lo, (k->rest & KEY_SRC_V4) != 0 });
	tsn_batch_put_addr(b, row, TSN_F_DST, (struct tsn_addr){ k->dst_hi, k->dst_lo, (k->rest & KEY_DST_V4) != 0 });
	put_transport(b, row, f);
	tsn_batch_put_int(b, row, TSN_F_TOS, f->tos);
	tsn_batch_put_int(b, row, TSN_F_RAW_PACKETS, (int64_t)f->packets);
	tsn_batch_put_int(b, row, TSN_F_RAW_BYTES, (int64_t)f->bytes);
	tsn_batch_put_int(b, row, TSN_F_START, f->start);
	tsn_batch_put_int(b, row, TSN_F_END, f->end);
	tsn_batch_put_int(b, row, TSN_F_MIN_TTL, f->min_ttl);
	tsn_batch_put_int(b, row, TSN_F_MAX_TTL, f->max_ttl);
	if ((k->rest & KEY_VLAN) != 0)
		tsn_batch_put_int(b, row, TSN_F_VLAN, k->rest >> 4 & 0xfff);
	if (f->has_mac) {
		tsn_batch_put_int(b, row, TSN_F_SRC_MAC, (int64_t)mac(f->src_mac));
		tsn_batch_put_int(b, row, TSN_F_DST_MAC, (int64_t)mac(f->dst_mac));
	}
	if (f->flow_label != 0)
		tsn_batch_put_int(b, row, TSN_F_FLOW_LABEL, f->flow_label);
}

/* At [when] on the meter's clock. */
static bool
export(struct tsn_meter *m, uint32_t i, int64_t when, struct tsn_batch_sink *sink)
{
	struct tsn_batch *b;

	tsn_sink_clock(sink, when);
	b = sink->room(sink->arg);
	if (b == NULL)
		return false;
	put_flow(b, b->n, &m->flows.flow[i]);
	b->received[b->n] = when;
	b->exported[b->n] = when;
	b->source[b->n] = m->source;
	b->n++;
	m->nobody->counter[TSN_XC_FLOWS]++;
	m->stats.flows++;
	tsn_meter_flows_remove(&m->flows, i);
	return true;
}

/* --- timeouts --- */

struct due {
	uint32_t flow; /* 0: none */
	int64_t when;
};

static inline void
consider(struct due *d, uint32_t flow, int64_t when)
{
	if (flow != 0 && (d->flow == 0 || when < d->when))
		*d = (struct due){ flow, when };
}

/* The flow that is due first. */
static inline struct due
first_due(const struct tsn_meter *m)
{
	const struct tsn_meter_flows *t = &m->flows;
	struct due d = { 0, 0 };

	if (t->count == 0)
		return d;
	consider(&d, t->closing.head, t->flow[t->closing.head].seen + TSN_METER_GRACE_MS);
	consider(&d, t->idle.head, t->flow[t->idle.head].seen + m->opts.inactive_ms);
	consider(&d, t->by_age.head, t->flow[t->by_age.head].born + m->opts.active_ms);
	return d;
}

static bool
expire(struct tsn_meter *m, struct tsn_batch_sink *sink)
{
	struct due d;

	while ((d = first_due(m)).flow != 0 && d.when <= m->clock)
		if (!export(m, d.flow, d.when, sink))
			return false;
	return true;
}

static bool
export_all(struct tsn_meter *m, struct tsn_batch_sink *sink)
{
	struct due d;

	while ((d = first_due(m)).flow != 0)
		if (!export(m, d.flow, m->clock, sink))
			return false;
	return true;
}

/* Time goes on, or begins anew. */
static bool
turn_to(struct tsn_meter *m, int64_t ms, struct tsn_batch_sink *sink)
{
	if (!m->started || ms < m->clock - (int64_t)m->opts.active_ms) {
		if (!export_all(m, sink))
			return false;
		m->started = true;
		m->clock = ms;
		return true;
	}
	if (ms <= m->clock)
		return true;
	m->clock = ms;
	return expire(m, sink);
}

/* --- packets --- */

static struct tsn_meter_key
key_of(const struct tsn_headers_info *h)
{
	uint64_t high = h->src_port, low = h->has_icmp ? (uint64_t)h->icmp_type << 8 | h->icmp_code : h->dst_port;
	uint64_t bits = (h->src.v4 ? KEY_SRC_V4 : 0) | (h->dst.v4 ? KEY_DST_V4 : 0) | (h->has_vlan ? KEY_VLAN : 0) |
	    (h->has_ports || h->has_icmp ? KEY_PORTS : 0);

	return (struct tsn_meter_key){ h->src.hi, h->src.lo, h->dst.hi, h->dst.lo,
		high << 48 | low << 32 | (uint64_t)h->proto << 16 | (uint64_t)(h->vlan & 0xfff) << 4 | bits };
}

static void
keep_mac(uint8_t p[6], uint64_t v)
{
	for (int i = 0; i < 6; i++)
		p[i] = (uint8_t)(v >> (40 - 8 * i));
}

/* Takes of the first packet what is not counted. */
static void
begin(struct tsn_meter_flow *f, const struct tsn_headers_info *h, int64_t ms, int64_t clock)
{
	f->start = f->end = ms;
	f->born = clock;
	f->tos = h->tos;
	f->min_ttl = h->ttl;
	f->max_ttl = h->ttl;
	f->flow_label = h->flow_label & 0xfffff;
	f->has_mac = h->has_mac;
	keep_mac(f->src_mac, h->src_mac);
	keep_mac(f->dst_mac, h->dst_mac);
}

static void
count(struct tsn_meter_flow *f, const struct tsn_headers_info *h, int64_t ms)
{
	f->packets++;
	f->bytes += h->ip_bytes;
	f->flags |= h->flags;
	f->has_flags |= h->has_flags;
	if (ms < f->start)
		f->start = ms;
	if (ms > f->end)
		f->end = ms;
	if (h->ttl < f->min_ttl)
		f->min_ttl = h->ttl;
	if (h->ttl > f->max_ttl)
		f->max_ttl = h->ttl;
}

/* Makes room where there is none, and a flow. 0: the sink gave no batch. */
static uint32_t
another(struct tsn_meter *m, const struct tsn_meter_key *key, uint32_t tag, struct tsn_batch_sink *sink)
{
	if (!tsn_meter_flows_reserve(&m->flows)) {
		uint32_t oldest = m->flows.closing.head != 0 ? m->flows.closing.head : m->flows.idle.head;

		if (!export(m, oldest, m->clock, sink))
			return 0;
		m->stats.evicted++;
	}
	return tsn_meter_flows_add(&m->flows, key, tag);
}

static bool
add(struct tsn_meter *m, const struct waiting *w, struct tsn_batch_sink *sink)
{
	const struct tsn_headers_info *h = &w->h;
	uint32_t i = tsn_meter_flows_find(&m->flows, &w->key, w->tag);
	struct tsn_meter_flow *f;

	if (i != 0 && m->flows.flow[i].closes && (h->flags & (SYN | RST)) == SYN) {
		if (!export(m, i, m->clock, sink))
			return false;
		i = 0;
	}
	if (i == 0) {
		i = another(m, &w->key, w->tag, sink);
		if (i == 0)
			return false;
		begin(&m->flows.flow[i], h, w->ms, m->clock);
	}
	f = &m->flows.flow[i];
	count(f, h, w->ms);
	if (!f->closes)
		f->seen = m->clock;
	if ((h->flags & (FIN | RST)) != 0)
		tsn_meter_flows_close(&m->flows, i);
	else
		tsn_meter_flows_touch(&m->flows, i);
	return true;
}

/* Counts the first in the line. */
static bool
count_next(struct tsn_meter *m, struct tsn_batch_sink *sink)
{
	const struct waiting *w = &m->line[m->counted++ % LINE];

	return turn_to(m, w->ms, sink) && add(m, w, sink);
}

static void
enter(struct tsn_meter *m, const struct tsn_headers_info *h, int64_t ms)
{
	struct waiting *w = &m->line[m->entered++ % LINE];

	w->ms = ms;
	w->key = key_of(h);
	w->tag = tsn_meter_key_tag(&w->key);
	tsn_meter_flows_expect(&m->flows, w->tag);
	if (m->entered >= LINE / 2)
		tsn_meter_flows_expect_flow(&m->flows, m->line[(m->entered - LINE / 2) % LINE].tag);
}

enum tsn_decode
tsn_meter_packet(struct tsn_meter *m, uint32_t link, const uint8_t *p, size_t len, size_t full, int64_t ms,
    struct tsn_batch_sink *sink)
{
	struct tsn_headers_info *h = &m->line[m->entered % LINE].h;

	if (m->entered - m->counted == LINE && !count_next(m, sink))
		return TSN_DECODE_STOPPED;
	if (tsn_headers_parse(link, p, len, full, h) != TSN_HEADERS_IP) {
		m->stats.not_ip++;
		return TSN_DECODE_DAMAGED;
	}
	if (h->later_fragment)
		m->stats.orphans += !tsn_meter_ports_give(m->ports, h, ms);
	else if (h->fragment)
		tsn_meter_ports_keep(m->ports, h, ms);
	m->stats.packets++;
	enter(m, h, ms);
	return TSN_DECODE_OK;
}

enum tsn_decode
tsn_meter_finish(struct tsn_meter *m, struct tsn_batch_sink *sink)
{
	while (m->counted < m->entered)
		if (!count_next(m, sink))
			return TSN_DECODE_STOPPED;
	return export_all(m, sink) ? TSN_DECODE_OK : TSN_DECODE_STOPPED;
}
