/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * For tests: NetFlow v1, v5 and v7 datagrams from numbers, written byte by byte
 * from Cisco's tables and not with any code of the decoder; and a sink that
 * keeps every row it is given.
 */
#ifndef TESTS_BUILD_NETFLOW_H
#define TESTS_BUILD_NETFLOW_H

#include <stdlib.h>
#include <string.h>

#include "decode/decode.h"
#include "flow/exporter.h"
#include "unit/xorshift.h"

struct nf_header {
	unsigned version, count; /* count: what the header claims; -1u: as many as there are */
	uint32_t uptime, secs, nsecs, seq;
	unsigned engine, sampling;
};

struct nf_record {
	uint32_t src, dst, hop, packets, bytes, first, last;
	unsigned in, out, sp, dp, flags, proto, tos, sas, das, smask, dmask;
};

static inline uint8_t *
nf_put(uint8_t *p, uint64_t v, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		*p++ = (uint8_t)(v >> (8 * i));
	return p;
}

static inline size_t
nf_record_size(unsigned version)
{
	return version == 7 ? 52 : 48;
}

static inline size_t
nf_header_size(unsigned version)
{
	return version == 1 ? 16 : 24;
}

static inline void
nf_put_record(uint8_t *p, unsigned version, const struct nf_record *r)
{
	p = nf_put(p, r->src, 4);
	p = nf_put(p, r->dst, 4);
	p = nf_put(p, r->hop, 4);
	p = nf_put(p, r->in, 2);
	p = nf_put(p, r->out, 2);
	p = nf_put(p, r->packets, 4);
	p = nf_put(p, r->bytes, 4);
	p = nf_put(p, r->first, 4);
	p = nf_put(p, r->last, 4);
	p = nf_put(p, r->sp, 2);
	p = nf_put(p, r->dp, 2);
	if (version == 1) {
		p = nf_put(p, 0xa5a5, 2); /* pads are not zero, so that reading them shows */
		p = nf_put(p, r->proto, 1);
		p = nf_put(p, r->tos, 1);
		p = nf_put(p, r->flags, 1);
		memset(p, 0xa5, 7);
		return;
	}
	p = nf_put(p, 0xa5, 1);
	p = nf_put(p, r->flags, 1);
	p = nf_put(p, r->proto, 1);
	p = nf_put(p, r->tos, 1);
	p = nf_put(p, r->sas, 2);
	p = nf_put(p, r->das, 2);
	p = nf_put(p, r->smask, 1);
	p = nf_put(p, r->dmask, 1);
	p = nf_put(p, 0xa5a5, 2);
	if (version == 7)
		nf_put(p, 0xa5a5a5a5, 4);
}

/* Returns the length; [out] has room for 24 + 52 * n bytes. */
static inline size_t
nf_build(uint8_t *out, const struct nf_header *h, const struct nf_record *r, unsigned n)
{
	uint8_t *p = out;

	p = nf_put(p, h->version, 2);
	p = nf_put(p, h->count == -1u ? n : h->count, 2);
	p = nf_put(p, h->uptime, 4);
	p = nf_put(p, h->secs, 4);
	p = nf_put(p, h->nsecs, 4);
	if (h->version != 1) {
		p = nf_put(p, h->seq, 4);
		p = nf_put(p, h->engine, 2);
		p = nf_put(p, h->sampling, 2);
	}
	for (unsigned i = 0; i < n; i++) {
		nf_put_record(p, h->version, &r[i]);
		p += nf_record_size(h->version);
	}
	return (size_t)(p - out);
}

/* Seeded, so that a failing case can be named. */
static inline struct nf_record
nf_random_record(uint64_t *s)
{
	struct nf_record r = {
		.src = (uint32_t)xorshift_star(s), .dst = (uint32_t)xorshift_star(s), .hop = (uint32_t)xorshift_star(s),
		.packets = (uint32_t)xorshift_star(s), .bytes = (uint32_t)xorshift_star(s),
		.first = (uint32_t)xorshift_star(s), .last = (uint32_t)xorshift_star(s),
		.in = xorshift_star(s) & 0xffff, .out = xorshift_star(s) & 0xffff, .sp = xorshift_star(s) & 0xffff,
		.dp = xorshift_star(s) & 0xffff, .flags = xorshift_star(s) & 0xff, .proto = xorshift_star(s) & 0xff,
		.tos = xorshift_star(s) & 0xff, .sas = xorshift_star(s) & 0xffff, .das = xorshift_star(s) & 0xffff,
		.smask = xorshift_star(s) & 0xff, .dmask = xorshift_star(s) & 0xff,
	};

	return r;
}

/* Every row of every field, as tsn_batch_get tells it. */
struct kept_row {
	struct tsn_value field[TSN_FIELD_COUNT];
	int64_t received, exported, time; /* [time] if [timed], else [exported] */
	uint32_t source;
	bool timed;
};

struct keeper {
	struct tsn_batch *batch;
	struct tsn_batch_sink sink;
	struct kept_row *row;
	size_t n, cap;
	long stop_after; /* calls of room that are answered; -1: all */
};

/* Without what a copy of the whole may leave between and behind an address's members. */
static inline void
keeper_clean(struct tsn_addr *a)
{
	const struct tsn_addr was = *a;

	memset(a, 0, sizeof(*a));
	a->hi = was.hi;
	a->lo = was.lo;
	a->v4 = was.v4;
}

/* Moves the batch's rows to [row]. */
static inline void
keeper_spill(struct keeper *k)
{
	for (uint32_t i = 0; i < k->batch->n; i++) {
		struct kept_row *to;

		if (k->n == k->cap) {
			k->cap = k->cap ? k->cap * 2 : 64;
			k->row = realloc(k->row, k->cap * sizeof(*k->row));
			if (k->row == NULL)
				abort();
		}
		to = &k->row[k->n++];
		memset(to, 0, sizeof(*to)); /* rows are compared as bytes */
		for (int f = 0; f < TSN_FIELD_COUNT; f++) {
			tsn_batch_get(k->batch, i, (enum tsn_field)f, &to->field[f]);
			if (to->field[f].known && tsn_fields[f].storage == TSN_ADDR)
				keeper_clean(&to->field[f].addr);
		}
		to->received = k->batch->received[i];
		to->timed = tsn_mask_has(&k->batch->timed, i);
		to->exported = to->timed ? TSN_TIME_NONE : k->batch->exported[i];
		to->time = to->timed ? k->batch->time[i] : TSN_TIME_NONE;
		to->source = k->batch->source[i];
	}
	tsn_batch_clear(k->batch, TSN_BATCH_FLOWS);
}

static inline struct tsn_batch *
keeper_room(void *arg)
{
	struct keeper *k = arg;

	if (k->stop_after == 0)
		return NULL;
	if (k->stop_after > 0)
		k->stop_after--;
	if (k->batch->n >= k->batch->cap)
		keeper_spill(k);
	return k->batch;
}

static inline void
keeper_init(struct keeper *k, uint32_t cap)
{
	memset(k, 0, sizeof(*k));
	k->batch = tsn_batch_new();
	if (k->batch == NULL)
		abort();
	k->batch->cap = cap;
	k->sink = (struct tsn_batch_sink){ .room = keeper_room, .arg = k };
	k->stop_after = -1;
}

static inline void
keeper_fini(struct keeper *k)
{
	tsn_batch_free(k->batch);
	free(k->row);
}

#endif
