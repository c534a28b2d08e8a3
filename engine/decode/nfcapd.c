/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/nfcapd.h"

#include "base/mem.h"
#include "decode/nfcapd_parts.h"

enum { /* nfdump's record types */
	COMMON_V0 = 1, MAP = 2, EXPORTER = 7, COMMON = 10, V3 = 11,
};

struct tsn_nfcapd *
tsn_nfcapd_new(struct tsn_exporters *exporters, bool swapped)
{
	struct tsn_nfcapd *d = tsn_calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->exporters = exporters;
	d->swapped = swapped;
	return d;
}

void
tsn_nfcapd_free(struct tsn_nfcapd *d)
{
	if (d == NULL)
		return;
	tsn_nf_names_fini(d);
	tsn_nf_maps_fini(d);
	tsn_free(d->exporter);
	tsn_free(d);
}

/*
 * An exporter: 4 version  8 address (16)  24 family  26 number  28 id. The address is in network order since 1.7.8, which
 * writes no family; before that two numbers of the writer's byte order, an IPv4 address the lower half of the second.
 */
static struct tsn_addr
exporter_addr(const struct tsn_nfcapd *d, const uint8_t *p)
{
	enum { UNTOLD = 0, INET = 2 }; /* AF_INET is 2 everywhere; AF_INET6 is not */

	if (tsn_nf_u16(d, p + 24) == UNTOLD)
		return tsn_addr_from_v6(p + 8);
	if (tsn_nf_u16(d, p + 24) == INET)
		return tsn_addr_v4((uint32_t)tsn_nf_u64(d, p + 16));
	return tsn_nf_addr6(d, p + 8);
}

static void
learn_exporter(struct tsn_nfcapd *d, const uint8_t *p, size_t size)
{
	struct tsn_nf_exporter *grown;
	uint16_t number;
	size_t n;

	if (size < 32)
		return;
	number = tsn_nf_u16(d, p + 26);
	if (number >= d->n_exporters) {
		for (n = 16; n <= number; n *= 2)
			;
		grown = tsn_reallocarray(d->exporter, n, sizeof(*grown));
		if (grown == NULL)
			return; /* its records then have no exporter */
		memset(grown + d->n_exporters, 0, (n - d->n_exporters) * sizeof(*grown));
		d->exporter = grown;
		d->n_exporters = n;
	}
	d->told_exporters += !d->exporter[number].known;
	d->exporter[number] = (struct tsn_nf_exporter){ true, exporter_addr(d, p), tsn_nf_u32(d, p + 28) };
}

static bool
unspecified(struct tsn_addr a)
{
	return a.hi == 0 && a.lo == 0;
}

void
tsn_nf_origin(struct tsn_nfcapd *d, uint16_t exporter, const struct tsn_addr *addr, unsigned engine,
    struct tsn_nf_origin *out)
{
	const struct tsn_nf_exporter *e = NULL;

	if (exporter < d->n_exporters && d->exporter[exporter].known)
		e = &d->exporter[exporter];
	memset(out, 0, sizeof(*out));
	out->has_id = e != NULL || engine != 0;
	out->id = e != NULL ? e->id : engine;
	if (addr == NULL || unspecified(*addr))
		addr = e != NULL && !unspecified(e->addr) ? &e->addr : NULL;
	out->has_addr = addr != NULL;
	if (addr == NULL) {
		out->source = tsn_exporters_nobody(d->exporters);
	} else {
		out->addr = *addr;
		if (!d->last_known || tsn_addr_cmp(d->last_addr, *addr) != 0) {
			d->last_addr = *addr;
			d->last_source = tsn_exporters_find(d->exporters, *addr);
			d->last_known = true;
		}
		out->source = d->last_source;
	}
	out->x = tsn_exporters_at(d->exporters, out->source);
}

void
tsn_nf_bad(struct tsn_nfcapd *d)
{
	tsn_exporters_at(d->exporters, tsn_exporters_nobody(d->exporters))->counter[TSN_XC_BAD_RECORD]++;
	d->out->bad++;
}

static uint64_t
only_time(uint64_t t)
{
	return t < TSN_NF_TIME_END ? t : 0;
}

struct tsn_batch *
tsn_nf_row(struct tsn_nfcapd *d, struct tsn_nf_times t, const struct tsn_nf_origin *o)
{
	uint64_t first = only_time(t.first), last = only_time(t.last), received = only_time(t.received);
	struct tsn_batch *b;

	if (first > last && last != 0) {
		uint64_t swap = first;

		first = last;
		last = swap;
		o->x->counter[TSN_XC_CLOCK]++;
	}
	tsn_sink_clock(d->sink, received != 0 ? (int64_t)received : last != 0 ? (int64_t)last : TSN_TIME_NONE);
	b = d->sink->room(d->sink->arg);
	if (b == NULL)
		return NULL;
	b->received[b->n] = received != 0 ? (int64_t)received : TSN_TIME_NONE;
	b->exported[b->n] = TSN_TIME_NONE;
	b->source[b->n] = o->source;
	if (first != 0)
		tsn_batch_put_int(b, b->n, TSN_F_START, (int64_t)first);
	if (last != 0)
		tsn_batch_put_int(b, b->n, TSN_F_END, (int64_t)last);
	if (o->has_addr)
		tsn_batch_put_addr(b, b->n, TSN_F_EXPORTER, o->addr);
	if (o->has_id)
		tsn_batch_put_int(b, b->n, TSN_F_SOURCE_ID, o->id);
	o->x->counter[TSN_XC_FLOWS]++;
	return b;
}

void
tsn_nf_row_done(struct tsn_nfcapd *d, struct tsn_batch *b)
{
	b->n++;
	d->out->flows++;
}

void
tsn_nf_put_mac(struct tsn_batch *b, enum tsn_field f, uint64_t mac)
{
	if (mac != 0 && mac >> 48 == 0)
		tsn_batch_put_int(b, b->n, f, (int64_t)mac);
}

void
tsn_nf_put_text(struct tsn_batch *b, enum tsn_field f, const uint8_t *p, size_t n)
{
	n = strnlen((const char *)p, n);
	if (n > 0)
		tsn_batch_keep_str(b, b->n, f, (const char *)p, n);
}

void
tsn_nf_put_hop(struct tsn_batch *b, struct tsn_addr a)
{
	if (!unspecified(a) || !tsn_mask_has(&b->present[TSN_F_NEXT_HOP], b->n))
		tsn_batch_put_addr(b, b->n, TSN_F_NEXT_HOP, a);
}

/* One whole record. False when there is no batch. */
static bool
record(struct tsn_nfcapd *d, const uint8_t *p, size_t size)
{
	unsigned type = tsn_nf_u16(d, p);

	switch (type) {
	case COMMON_V0:
	case COMMON:
		return tsn_nf_record_v1(d, p, size);
	case V3:
		return tsn_nf_record_v2(d, p, size);
	case MAP:
		tsn_nf_learn_map(d, p, size);
		return true;
	case EXPORTER:
		learn_exporter(d, p, size);
		return true;
	case TSN_NF_APPLICATION:
	case TSN_NF_INTERFACE:
	case TSN_NF_VRF:
		tsn_nf_learn_names(d, type, p, size);
		return true;
	default: /* statistics, samplers, identification, histograms */
		return true;
	}
}

/* The size of the record at [p], if its header is there; else 0. */
static size_t
record_size(const struct tsn_nfcapd *d, bool old, const uint8_t *p, size_t rest)
{
	if (rest < (old ? 8 : 4))
		return 0;
	return tsn_nf_u16(d, old ? p + 4 : p + 2);
}

static enum tsn_decode
records(struct tsn_nfcapd *d, bool old, const uint8_t *p, size_t len, bool last)
{
	struct tsn_nfcapd_result *out = d->out;
	const size_t least = old ? 8 : 4;

	while (out->used < len) {
		const uint8_t *at = p + out->used;
		size_t rest = len - out->used, size = record_size(d, old, at, rest), run = 0;

		if (!last && (rest < least || (size >= least && size > rest)))
			return TSN_DECODE_OK;
		if (size < least || size > rest) {
			out->broken = true;
			out->broken_at = out->used;
			out->used = len;
			return TSN_DECODE_DAMAGED;
		}
		if (!old && !d->swapped && tsn_nf_u16(d, at) == V3 && !tsn_nf_run(d, at, size, rest, &run))
			return TSN_DECODE_STOPPED;
		if (run == 0 && !(old ? tsn_nf_record_v0 : record)(d, at, size))
			return TSN_DECODE_STOPPED;
		out->used += run > 0 ? run : size;
	}
	return TSN_DECODE_OK;
}

enum tsn_decode
tsn_nfcapd_decode(struct tsn_nfcapd *d, unsigned layout, unsigned type, const uint8_t *p, size_t len, bool last,
    struct tsn_batch_sink *sink, struct tsn_nfcapd_result *out)
{
	enum { NFDUMP_15 = 1, RECORDS = 2, RECORDS_3 = 3 };
	enum tsn_decode status;

	memset(out, 0, sizeof(*out));
	d->sink = sink;
	d->out = out;
	if (type == NFDUMP_15 || type == RECORDS || (type == RECORDS_3 && layout == 2)) {
		status = records(d, type == NFDUMP_15, p, len, last);
		return status == TSN_DECODE_OK && out->bad > 0 ? TSN_DECODE_DAMAGED : status;
	}
	out->used = len; /* histograms, trees of places: nothing of flows */
	return TSN_DECODE_OK;
}
