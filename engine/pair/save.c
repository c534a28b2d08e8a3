/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Entries as bytes: oldest first; what a side carries with the address of its exporter in front. A reader of other
 * fields takes nothing (table_of_fields).
 */
#include <math.h>

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

/* Of what a slot carries: which fields (a bit each), the exporter (4), the bytes of all (4), values in the order of fields. */
#define HEAD (sizeof(struct tsn_field_set) + 8)

static uint32_t
source_of(const struct tsn_pair *p, const struct side *s)
{
	return ((const uint32_t *)p->carry.source.p)[s->slot & (p->carry.cap - 1)];
}

/*
 * A value as bytes: a number as in its column, of an address a byte that says its family and 4 or 16, a text behind 2 of its
 * length. [*p] lies in [room] or where the text does. 0: absent.
 */
static size_t
value_bytes(const struct carry *c, enum tsn_field f, uint32_t at, uint8_t room[17], const uint8_t **p)
{
	const struct column *col = &c->column[f];
	const uint8_t there = ((const uint8_t *)col->there.p)[at];
	const uint8_t *v = (const uint8_t *)col->v.p + at * size_of(f);
	const struct wide *wide = col->wide.p;
	struct tsn_str s;

	*p = room;
	if (there == ABSENT)
		return 0;
	if (tsn_field_storage[f] == TSN_STR) {
		s = tsn_pair_get_text(c, ((const uint32_t *)col->v.p)[at]);
		*p = (const uint8_t *)s.p - 2;
		return s.n + 2;
	}
	if (tsn_field_storage[f] != TSN_ADDR) {
		memcpy(room, v, size_of(f));
		return size_of(f);
	}
	room[0] = there == PRESENT;
	if (there == PRESENT) {
		memcpy(room + 1, v, 4);
		return 5;
	}
	memcpy(room + 1, &wide[at].hi, 8);
	memcpy(room + 9, &wide[at].lo, 8);
	return 17;
}

static void
save_record(const struct tsn_pair *p, const struct side *s, struct tsn_pack *k)
{
	const struct carry *c = &p->carry;
	const uint32_t at = s->slot & (c->cap - 1), source = source_of(p, s);
	struct tsn_field_set has = { { 0 } };
	uint32_t size = HEAD;
	uint8_t room[17];
	const uint8_t *v;
	size_t n;

	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		n = c->column[f].made ? value_bytes(c, (enum tsn_field)f, at, room, &v) : 0;
		size += (uint32_t)n;
		if (n > 0)
			tsn_field_set_add(&has, (enum tsn_field)f);
	}
	tsn_pack_uint(k, size);
	tsn_pack_raw(k, &has, sizeof(has));
	tsn_pack_raw(k, &source, sizeof(source));
	tsn_pack_raw(k, &size, sizeof(size));
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		if (!tsn_field_set_has(&has, (enum tsn_field)f))
			continue;
		n = value_bytes(c, (enum tsn_field)f, at, room, &v);
		tsn_pack_raw(k, v, n);
	}
}

static void
save_carried(const struct tsn_pair *p, const struct side *s, struct tsn_exporters *exporters, struct tsn_pack *k)
{
	uint32_t source;

	tsn_pack_bool(k, (s->bits & SIDE_CARRIES) != 0);
	if (!(s->bits & SIDE_CARRIES))
		return;
	source = source_of(p, s);
	tsn_pack_bool(k, source != 0 && source < tsn_exporters_count(exporters));
	if (source != 0 && source < tsn_exporters_count(exporters))
		save_addr(k, tsn_exporters_at(exporters, source)->addr);
	save_record(p, s, k);
}

static void
save_side(const struct tsn_pair *p, const struct side *s, struct tsn_exporters *exporters, struct tsn_pack *k)
{
	tsn_pack_uint(k, s->bits & ((1u << SIDE_BITS) - 1));
	if (!(s->bits & SIDE_SEEN))
		return;
	tsn_pack_uint(k, s->flags);
	tsn_pack_int(k, s->bits & SIDE_START ? s->start : 0);
	tsn_pack_int(k, s->bits & SIDE_END ? s->end : 0);
	tsn_pack_uint(k, s->packets);
	tsn_pack_uint(k, s->bytes);
	save_carried(p, s, exporters, k);
}

/* The lower end first. Which of them is of IPv4 and has told its port: two bits each. */
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
		tsn_pack_uint(k, proto_of(t));
		tsn_pack_uint(k, (t->rest & KEY_BOTH_V4) >> 16 | (t->rest & TALK_PORTS) << 2);
		for (unsigned upper = 0; upper < 2; upper++) {
			save_addr(k, tsn_pair_addr(p, t, upper != 0));
			tsn_pack_uint(k, port_of(t, upper != 0));
			save_side(p, &t->side[side_of(t, upper != 0)], exporters, k);
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

/* Bytes of the value at [v] of which [n] are left; 0: it makes no sense. */
static size_t
value_size(enum tsn_field f, const uint8_t *v, size_t n)
{
	size_t size = size_of(f);
	uint16_t len;

	if (tsn_field_storage[f] == TSN_ADDR) {
		size = n == 0 || v[0] > 1 ? 0 : v[0] == 1 ? 5 : 17;
	} else if (tsn_field_storage[f] == TSN_STR) {
		if (n < sizeof(len))
			return 0;
		memcpy(&len, v, sizeof(len));
		size = sizeof(len) + len;
	}
	return size <= n ? size : 0;
}

static struct tsn_field_set
fields_of(const uint8_t *record)
{
	struct tsn_field_set has;

	memcpy(&has, record, sizeof(has));
	return has;
}

static bool
makes_sense(const uint8_t *record, size_t n)
{
	struct tsn_field_set has;
	size_t at = HEAD, size;
	uint32_t said;

	if (n < HEAD)
		return false;
	has = fields_of(record);
	memcpy(&said, record + HEAD - sizeof(said), sizeof(said));
	for (unsigned i = TSN_FIELD_COUNT; i < sizeof(has) * 8; i++)
		if (has.bits[i / 64] >> (i % 64) & 1)
			return false;
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		if (!tsn_field_set_has(&has, (enum tsn_field)f))
			continue;
		size = value_size((enum tsn_field)f, record + at, n - at);
		if (size == 0)
			return false;
		at += size;
	}
	return said == n && at == n;
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
	*s = (struct saved){ 0 };
	s->side.bits = (uint16_t)tsn_unpack_below(u, (1u << SIDE_BITS) - 1);
	if (!(s->side.bits & SIDE_SEEN)) {
		u->bad |= s->side.bits != 0;
		return;
	}
	s->side.flags = (uint16_t)tsn_unpack_below(u, UINT16_MAX);
	s->side.start = tsn_unpack_int(u);
	s->side.end = tsn_unpack_int(u);
	s->side.start = s->side.bits & SIDE_START ? s->side.start : INT64_MAX;
	s->side.end = s->side.bits & SIDE_END ? s->side.end : INT64_MIN;
	s->side.packets = tsn_unpack_below(u, TOO_MANY);
	s->side.bytes = tsn_unpack_below(u, TOO_MANY);
	if (!tsn_unpack_bool(u))
		return;
	s->exported = tsn_unpack_bool(u);
	if (s->exported)
		s->exporter = load_addr(u);
	s->record = tsn_unpack_bytes(u, &s->size);
	if (s->record == NULL || !makes_sense(s->record, s->size))
		u->bad = true;
}

struct entry {
	int64_t received, time;
	uint8_t proto, bits;
	struct tsn_addr addr[2];
	uint16_t port[2];
	struct saved side[2];
};

static bool
load_entry(struct tsn_unpack *u, struct entry *e)
{
	const struct tsn_addr *a = e->addr;

	e->received = tsn_unpack_int(u);
	e->time = tsn_unpack_int(u);
	e->proto = (uint8_t)tsn_unpack_below(u, UINT8_MAX);
	e->bits = (uint8_t)tsn_unpack_below(u, 15);
	for (unsigned s = 0; s < 2; s++) {
		e->addr[s] = load_addr(u);
		e->port[s] = (uint16_t)tsn_unpack_below(u, UINT16_MAX);
		load_side(u, &e->side[s]);
	}
	/* a key that no flow has would wait in vain, and an entry nobody opened says nothing */
	return !u->bad && (unsigned)(a[0].v4 | a[1].v4 << 1) == (e->bits & 3u) &&
	    (tsn_addr_cmp(a[0], a[1]) < 0 || (tsn_addr_cmp(a[0], a[1]) == 0 && e->port[0] <= e->port[1])) &&
	    ((e->side[0].side.bits | e->side[1].side.bits) & SIDE_SEEN) != 0;
}

static bool
take_value(struct carry *c, enum tsn_field f, uint32_t at, const uint8_t *v, size_t size)
{
	struct column *col = &c->column[f];
	struct wide w = { 0, 0 };
	const bool addr = tsn_field_storage[f] == TSN_ADDR, v6 = addr && v[0] != 1;
	uint32_t where;

	if (!tsn_pair_column(c, f, v6))
		return false;
	if (tsn_field_storage[f] == TSN_STR) {
		if (!tsn_pair_put_text(c, (struct tsn_str){ (const char *)v + 2, (uint32_t)size - 2 }, &where))
			return false;
		((uint32_t *)col->v.p)[at] = where;
	} else if (v6) {
		memcpy(&w.hi, v + 1, 8);
		memcpy(&w.lo, v + 9, 8);
		((struct wide *)col->wide.p)[at] = w;
	} else {
		memcpy((uint8_t *)col->v.p + at * size_of(f), v + addr, size_of(f));
	}
	((uint8_t *)col->there.p)[at] = v6 ? IS_V6 : PRESENT;
	return true;
}

/* Reals in batches are numbers, and another program may have other elements in the POOL. */
static bool
is_taken(const struct carry *c, enum tsn_field f, const uint8_t *v)
{
	double real = 0;

	if (tsn_field_storage[f] == TSN_F64)
		memcpy(&real, v, sizeof(real));
	return c->column[f].carried && tsn_fields[f].origin != TSN_O_POOL && isfinite(real);
}

static void
take_record(struct tsn_pair *p, struct side *to, const struct saved *s, struct tsn_exporters *exporters)
{
	const struct tsn_field_set has = fields_of(s->record);
	const uint8_t *v = s->record + HEAD, *end = s->record + s->size;
	struct carry *c = &p->carry;
	bool all = next_slot(c, &to->slot);
	uint32_t at;

	p->stats.bare += !all;
	if (!all)
		return;
	to->bits |= SIDE_CARRIES;
	at = to->slot & (c->cap - 1);
	((uint32_t *)c->source.p)[at] = s->exported ? tsn_exporters_find(exporters, s->exporter) : 0;
	for (uint32_t i = 0; i < c->nmade; i++)
		((uint8_t *)c->column[c->made[i]].there.p)[at] = ABSENT;
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		size_t size;

		if (!tsn_field_set_has(&has, (enum tsn_field)f))
			continue;
		size = value_size((enum tsn_field)f, v, (size_t)(end - v));
		if (is_taken(c, (enum tsn_field)f, v))
			all &= take_value(c, (enum tsn_field)f, at, v, size);
		v += size;
	}
	p->stats.bare += !all;
}

/* Nobody knows any more who opened it, and nothing depends on it. */
static void
take_entry(struct tsn_pair *p, const struct entry *e, struct tsn_exporters *exporters)
{
	const bool upper = !(e->side[0].side.bits & SIDE_SEEN);
	struct talk *t;

	p->keys.rest[0] = (uint64_t)e->port[0] << KEY_PORT_SHIFT(false) | (uint64_t)e->port[1] << KEY_PORT_SHIFT(true) |
	    (uint64_t)e->proto << KEY_PROTO_SHIFT | (uint64_t)(e->bits & 3) << 16 | e->bits >> 2 | (upper ? KEY_UPPER : 0);
	tsn_pair_key(p, 0, e->addr);
	p->now = e->received;
	t = tsn_pair_open(p, 0, e->time);
	if (t == NULL) {
		p->stats.refused++;
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct side *to = &t->side[side_of(t, i != 0)];

		*to = e->side[i].side;
		if (e->side[i].record != NULL)
			take_record(p, to, &e->side[i], exporters);
	}
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
	if (!good) {
		p->begin = p->end;
		p->fresh = p->end;
		tsn_pair_carry_forget(p, NULL);
		p->stats = before;
		u->bad = true;
	}
	tsn_pair_age(p);
	return good;
}
