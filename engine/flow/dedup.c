/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A ring of flows in the order of their receipt, so that forgetting is moving its start, and chains
 * through it from a table of heads, newest first. Places are numbered for ever; what is before the
 * start is over, which ends a chain too, so nothing is ever unlinked.
 */
#include "flow/dedup.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/pack.h"
#include "flow/exporter.h"

#define FIRST_CAP 1024u
#define WALK_MAX  64       /* flows of one chain that are looked at: one exporter may repeat a flow for ever */
#define START_MS  1000     /* starts may differ by so much... */

struct seen {
	uint64_t addr[4];  /* source and destination, hi and lo */
	uint64_t bytes;
	int64_t start, received;
	uint64_t next;     /* older one of the chain, number + 1; 0: none */
	uint32_t ports, source;
	uint8_t proto, families;
};

struct tsn_dedup {
	int64_t window, now;
	uint64_t seed;
	uint32_t max, cap; /* powers of two */
	struct seen *ring;
	uint64_t *head;    /* as many as the ring has places; number + 1 */
	uint64_t begin, end;
	uint64_t forgotten;
};

struct tsn_dedup *
tsn_dedup_new(int64_t window_ms, uint32_t max, uint64_t seed)
{
	struct tsn_dedup *d = tsn_calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->window = window_ms;
	d->now = TSN_TIME_NONE;
	d->seed = seed;
	d->max = max;
	return d;
}

void
tsn_dedup_free(struct tsn_dedup *d)
{
	if (d == NULL)
		return;
	tsn_free(d->ring);
	tsn_free(d->head);
	tsn_free(d);
}

void
tsn_dedup_set_window(struct tsn_dedup *d, int64_t window_ms)
{
	d->window = window_ms;
}

uint64_t
tsn_dedup_forgotten(const struct tsn_dedup *d)
{
	return d->forgotten;
}

/* ...so a flow is looked for under its own second and the two beside it. */
static int64_t
second_of(int64_t ms)
{
	return ms / START_MS - (ms % START_MS < 0);
}

static uint64_t
hash_of(const struct tsn_dedup *d, const struct seen *s, int64_t second)
{
	uint64_t h = tsn_hash_u64((uint64_t)second, d->seed);

	for (int i = 0; i < 4; i++)
		h = tsn_hash_join(h, s->addr[i]);
	h = tsn_hash_join(h, s->bytes);
	return tsn_hash_join(h, (uint64_t)s->ports << 16 | (uint64_t)s->proto << 8 | s->families);
}

static bool
same_flow(const struct seen *a, const struct seen *b)
{
	/* neither start is trusted, so no overflow either */
	uint64_t apart = a->start > b->start ? (uint64_t)a->start - (uint64_t)b->start : (uint64_t)b->start - (uint64_t)a->start;

	return memcmp(a->addr, b->addr, sizeof(a->addr)) == 0 && a->bytes == b->bytes && a->ports == b->ports &&
	    a->proto == b->proto && a->families == b->families && apart <= START_MS;
}

static void
link_in(struct tsn_dedup *d, uint64_t number)
{
	struct seen *s = &d->ring[number & (d->cap - 1)];
	uint64_t *head = &d->head[hash_of(d, s, second_of(s->start)) & (d->cap - 1)];

	s->next = *head;
	*head = number + 1;
}

/* Twice the places. False: there is no room for more. */
static bool
grow(struct tsn_dedup *d)
{
	uint32_t cap = d->cap == 0 ? FIRST_CAP : d->cap * 2;
	struct seen *ring;
	uint64_t *head;

	if (cap > d->max)
		cap = d->max;
	if (cap <= d->cap)
		return false;
	ring = tsn_reallocarray(NULL, cap, sizeof(*ring));
	head = tsn_calloc(cap, sizeof(*head));
	if (ring == NULL || head == NULL) {
		tsn_free(ring);
		tsn_free(head);
		return false;
	}
	for (uint64_t i = d->begin; i < d->end; i++)
		ring[i & (cap - 1)] = d->ring[i & (d->cap - 1)];
	tsn_free(d->ring);
	tsn_free(d->head);
	d->ring = ring;
	d->head = head;
	d->cap = cap;
	for (uint64_t i = d->begin; i < d->end; i++)
		link_in(d, i);
	return true;
}

static void
remember(struct tsn_dedup *d, const struct seen *s)
{
	if (d->end - d->begin == d->cap && !grow(d)) {
		d->forgotten++;
		if (d->cap == 0)
			return;
		d->begin++;
	}
	d->ring[d->end & (d->cap - 1)] = *s;
	link_in(d, d->end++);
}

static bool
in_chain(struct tsn_dedup *d, const struct seen *s, int64_t second)
{
	uint64_t at = d->head[hash_of(d, s, second) & (d->cap - 1)];
	int left = WALK_MAX;

	for (; at > d->begin; left--) {
		const struct seen *k = &d->ring[(at - 1) & (d->cap - 1)];

		if (left == 0) {
			d->forgotten++;
			return false;
		}
		if (k->source != s->source && same_flow(k, s))
			return true;
		at = k->next;
	}
	return false;
}

static bool
is_duplicate(struct tsn_dedup *d, const struct seen *s)
{
	int64_t second = second_of(s->start);

	return d->cap > 0 && (in_chain(d, s, second) || in_chain(d, s, second - 1) || in_chain(d, s, second + 1));
}

static bool
has_ports(uint8_t proto)
{
	return proto == 6 || proto == 17 || proto == 33 || proto == 132 || proto == 136;
}

static uint32_t
port(const struct tsn_batch *b, uint32_t row, enum tsn_field f)
{
	return tsn_mask_has(&b->present[f], row) ? ((const uint16_t *)b->col[f])[row] : 0;
}

static bool
bytes_told(const struct tsn_batch *b, uint32_t row)
{
	return tsn_mask_has(&b->present[TSN_F_RAW_BYTES], row) || tsn_mask_has(&b->present[TSN_F_BYTES], row);
}

/* False: too little is known of the row. */
static bool
read_row(const struct tsn_batch *b, uint32_t row, struct seen *s)
{
	static const enum tsn_field needed[] = { TSN_F_SRC, TSN_F_DST, TSN_F_PROTO, TSN_F_START };
	struct tsn_addr src, dst;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (!tsn_mask_has(&b->present[needed[i]], row))
			return false;
	if (!bytes_told(b, row))
		return false;
	src = tsn_batch_addr(b, row, TSN_F_SRC);
	dst = tsn_batch_addr(b, row, TSN_F_DST);
	*s = (struct seen){ .addr = { src.hi, src.lo, dst.hi, dst.lo }, .families = (uint8_t)(src.v4 << 1 | dst.v4) };
	s->proto = ((const uint8_t *)b->col[TSN_F_PROTO])[row];
	if (has_ports(s->proto))
		s->ports = port(b, row, TSN_F_SRC_PORT) << 16 | port(b, row, TSN_F_DST_PORT);
	s->bytes = ((const uint64_t *)b->col[TSN_F_RAW_BYTES])[row];
	s->start = ((const int64_t *)b->col[TSN_F_START])[row];
	s->source = b->source[row];
	return true;
}

/* Time of receipt; of what was never received when it was exported or ended, as for event time (S1). */
static void
advance(struct tsn_dedup *d, const struct tsn_batch *b, uint32_t row)
{
	int64_t t = b->received[row];

	if (t == TSN_TIME_NONE)
		t = b->exported[row];
	if (t == TSN_TIME_NONE && tsn_mask_has(&b->present[TSN_F_END], row))
		t = ((const int64_t *)b->col[TSN_F_END])[row];
	if (t > d->now)
		d->now = t;
	while (d->begin < d->end &&
	    (uint64_t)d->now - (uint64_t)d->ring[d->begin & (d->cap - 1)].received > (uint64_t)d->window)
		d->begin++;
}

/*
 * Rows that go are taken out of the batch at once and the others close ranks: all that comes later (normal form, tickets,
 * groups, alerts, listings) takes rows 0 to n - 1 for flows, and none of it has to know of this.
 */
void
tsn_dedup_drop(struct tsn_dedup *d, struct tsn_batch *b, uint32_t from, struct tsn_exporters *exporters)
{
	struct tsn_mask gone = { { 0 } };
	struct seen s;
	bool any = false;

	for (uint32_t row = from; row < b->n; row++) {
		advance(d, b, row);
		if (!read_row(b, row, &s))
			continue;
		s.received = d->now;
		if (is_duplicate(d, &s)) {
			tsn_mask_set(&gone, row);
			tsn_exporters_at(exporters, s.source)->counter[TSN_XC_DUPLICATES]++;
			any = true;
		} else {
			remember(d, &s);
		}
	}
	if (any)
		tsn_batch_remove(b, &gone);
}

/* --- as bytes: in the order of receipt --- */

void
tsn_dedup_save(const struct tsn_dedup *d, struct tsn_pack *out)
{
	tsn_pack_int(out, d->now);
	tsn_pack_uint(out, d->end - d->begin);
	for (uint64_t i = d->begin; i < d->end; i++) {
		const struct seen *s = &d->ring[i & (d->cap - 1)];

		tsn_pack_raw(out, s->addr, sizeof(s->addr));
		tsn_pack_uint(out, s->bytes);
		tsn_pack_int(out, s->start);
		tsn_pack_int(out, s->received);
		tsn_pack_uint(out, s->ports);
		tsn_pack_uint(out, s->source);
		tsn_pack_uint(out, s->proto);
		tsn_pack_uint(out, s->families);
	}
}

static bool
load_seen(struct seen *s, struct tsn_unpack *in)
{
	const uint8_t *addr = tsn_unpack_raw(in, sizeof(s->addr));

	if (addr == NULL)
		return false;
	memcpy(s->addr, addr, sizeof(s->addr));
	s->bytes = tsn_unpack_uint(in);
	s->start = tsn_unpack_int(in);
	s->received = tsn_unpack_int(in);
	s->ports = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	s->source = (uint32_t)tsn_unpack_below(in, UINT32_MAX);
	s->proto = (uint8_t)tsn_unpack_below(in, UINT8_MAX);
	s->families = (uint8_t)tsn_unpack_below(in, 3);
	return !in->bad;
}

bool
tsn_dedup_load(struct tsn_dedup *d, struct tsn_unpack *in)
{
	const int64_t now = tsn_unpack_int(in);
	const uint64_t n = tsn_unpack_uint(in);
	int64_t last = INT64_MIN;
	bool ok = !in->bad;

	for (uint64_t i = 0; i < n && ok; i++) {
		struct seen s = { 0 };

		ok = load_seen(&s, in) && s.received >= last && s.received <= now; /* what is oldest goes first */
		last = s.received;
		if (ok)
			remember(d, &s);
	}
	if (!ok || !tsn_unpack_done(in)) {
		d->begin = d->end; /* chains end there */
		return false;
	}
	d->now = now;
	return true;
}
