/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Entries as bytes: oldest first; what a side carries as it lies in the log with the
 * address of its exporter in front. A reader of other fields takes nothing (table_of_fields).
 */
#include "base/clock.h"
#include "base/hash.h"
#include "pair/internal.h"

/* Numbers of fields and the bytes of their values mean something in one version of the table only. */
static uint64_t
table_of_fields(void)
{
	uint64_t h = 1; /* of the layout below */

	for (int f = 0; f < TSN_FIELD_COUNT; f++)
		h = tsn_hash_join(tsn_hash_bytes(tsn_fields[f].name, strlen(tsn_fields[f].name), h), tsn_field_storage[f]);
	return h;
}

/* --- writing --- */

static void
save_addr(struct tsn_pack *k, struct tsn_addr a)
{
	tsn_pack_bool(k, a.v4);
	if (!a.v4)
		tsn_pack_uint(k, a.hi);
	tsn_pack_uint(k, a.lo);
}

static void
save_carried(const struct tsn_pair *p, const struct talk *t, const struct side *s, struct tsn_exporters *exporters,
    struct tsn_pack *k)
{
	const uint8_t *r;
	uint32_t source;

	tsn_pack_bool(k, s->carry != CARRY_NONE);
	if (s->carry == CARRY_NONE)
		return;
	r = log_at(p, t->log + s->carry);
	source = tsn_pair_source(r);
	tsn_pack_bool(k, source != 0 && source < tsn_exporters_count(exporters));
	if (source != 0 && source < tsn_exporters_count(exporters))
		save_addr(k, tsn_exporters_at(exporters, source)->addr);
	tsn_pack_bytes(k, r, tsn_pair_record_size(r, SIZE_MAX));
}

static void
save_side(const struct tsn_pair *p, const struct talk *t, const struct side *s, struct tsn_exporters *exporters, struct tsn_pack *k)
{
	tsn_pack_uint(k, s->bits);
	if (!(s->bits & SIDE_SEEN))
		return;
	tsn_pack_uint(k, s->flags);
	tsn_pack_int(k, s->start);
	tsn_pack_int(k, s->end);
	tsn_pack_uint(k, s->packets);
	tsn_pack_uint(k, s->bytes);
	save_carried(p, t, s, exporters, k);
}

void
tsn_pair_save(const struct tsn_pair *p, struct tsn_exporters *exporters, struct tsn_pack *k)
{
	tsn_pack_uint(k, table_of_fields());
	tsn_pack_int(k, p->now);
	tsn_pack_uint(k, p->end - p->begin);
	for (uint64_t i = p->begin; i < p->end; i++) {
		const struct talk *t = talk_at(p, i);

		tsn_pack_int(k, t->received);
		tsn_pack_int(k, t->time);
		tsn_pack_uint(k, t->proto);
		tsn_pack_uint(k, t->bits);
		for (unsigned s = 0; s < 2; s++) {
			save_addr(k, tsn_pair_addr(p, t, s));
			tsn_pack_uint(k, t->port[s]);
			save_side(p, t, &t->side[s], exporters, k);
		}
	}
}

/* --- reading --- */

static struct tsn_addr
load_addr(struct tsn_unpack *u)
{
	struct tsn_addr a = { 0, 0, false };

	a.v4 = tsn_unpack_bool(u);
	if (!a.v4)
		a.hi = tsn_unpack_uint(u);
	a.lo = tsn_unpack_below(u, a.v4 ? UINT32_MAX : UINT64_MAX);
	return a;
}

/* A side as it was saved; [record] points into the input. */
struct saved {
	struct side side;
	const uint8_t *record;
	size_t size;
	bool exported;
	struct tsn_addr exporter;
};

static void
load_side(struct tsn_unpack *u, struct saved *s)
{
	*s = (struct saved){ .side.carry = CARRY_NONE };
	s->side.bits = (uint16_t)tsn_unpack_below(u, (1u << SIDE_BITS) - 1);
	if (!(s->side.bits & SIDE_SEEN)) {
		u->bad |= s->side.bits != 0;
		return;
	}
	s->side.flags = (uint16_t)tsn_unpack_below(u, UINT16_MAX);
	s->side.start = tsn_unpack_int(u);
	s->side.end = tsn_unpack_int(u);
	s->side.packets = tsn_unpack_below(u, TOO_MANY);
	s->side.bytes = tsn_unpack_below(u, TOO_MANY);
	if (!tsn_unpack_bool(u))
		return;
	s->exported = tsn_unpack_bool(u);
	if (s->exported)
		s->exporter = load_addr(u);
	s->record = tsn_unpack_bytes(u, &s->size);
	if (s->record == NULL || tsn_pair_record_size(s->record, s->size) != s->size)
		u->bad = true;
}

struct entry {
	int64_t received, time;
	struct ends ends;
	struct saved side[2];
};

static bool
load_entry(struct tsn_unpack *u, struct entry *e)
{
	const struct tsn_addr *a = e->ends.addr;

	e->received = tsn_unpack_int(u);
	e->time = tsn_unpack_int(u);
	e->ends = (struct ends){ .proto = (uint8_t)tsn_unpack_below(u, UINT8_MAX),
		.bits = (uint8_t)tsn_unpack_below(u, (1u << TALK_BITS) - 1), .whole = true };
	for (unsigned s = 0; s < 2; s++) {
		e->ends.addr[s] = load_addr(u);
		e->ends.port[s] = (uint16_t)tsn_unpack_below(u, UINT16_MAX);
		load_side(u, &e->side[s]);
	}
	/* a key that no flow has would wait in vain, and an entry nobody opened says nothing */
	return !u->bad && (unsigned)(a[0].v4 | a[1].v4 << 1) == (e->ends.bits & 3u) &&
	    (tsn_addr_cmp(a[0], a[1]) < 0 || (tsn_addr_cmp(a[0], a[1]) == 0 && e->ends.port[0] <= e->ends.port[1])) &&
	    ((e->side[0].side.bits | e->side[1].side.bits) & SIDE_SEEN) != 0;
}

static void
take_side(struct tsn_pair *p, struct talk *t, unsigned i, const struct saved *s, struct tsn_exporters *exporters)
{
	uint8_t *r;

	t->side[i] = s->side;
	if (s->record == NULL)
		return;
	r = tsn_pair_log_put(p, s->size);
	if (r == NULL) {
		p->stats.bare++;
		return;
	}
	memcpy(r, s->record, s->size);
	tsn_pair_set_source(r, s->exported ? tsn_exporters_find(exporters, s->exporter) : 0);
	t->side[i].carry = (uint32_t)(p->log.end - s->size - t->log);
}

static void
take_entry(struct tsn_pair *p, struct entry *e, struct tsn_exporters *exporters)
{
	struct talk *t;

	e->ends.hash = tsn_pair_hash(p, &e->ends);
	p->now = e->received;
	t = tsn_pair_open(p, &e->ends, e->time);
	if (t == NULL) {
		p->stats.refused++;
		return;
	}
	t->bits = e->ends.bits;
	for (unsigned s = 0; s < 2; s++)
		take_side(p, t, s, &e->side[s], exporters);
}

bool
tsn_pair_load(struct tsn_pair *p, struct tsn_exporters *exporters, struct tsn_unpack *u)
{
	struct tsn_pair_stats before = p->stats;
	bool good = tsn_unpack_uint(u) == table_of_fields();
	int64_t now = tsn_unpack_int(u);
	uint64_t n = tsn_unpack_uint(u);
	int64_t last = INT64_MIN;
	struct entry e;

	for (uint64_t i = 0; i < n && good; i++) {
		good = load_entry(u, &e) && e.received >= last && e.received <= now;
		last = e.received;
		if (good)
			take_entry(p, &e, exporters);
	}
	good = good && !u->bad;
	p->now = good ? now : TSN_TIME_NONE;
	p->pool_from = p->log.end;
	if (!good) {
		p->begin = p->end;
		p->log.begin = p->log.end;
		p->stats = before;
		u->bad = true;
	}
	return good;
}
