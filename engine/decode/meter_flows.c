/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "decode/meter_flows.h"

#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "base/mem.h"

_Static_assert(sizeof(struct tsn_meter_flow) == 128, "flows are touched for every packet");

#define FIRST_ROOM 4096u /* most captures have fewer flows at a time */
#define HUGE_PAGE ((uintptr_t)2 << 20)

/* Flows are anywhere: with small pages most of the time would go to finding those. Nothing is touched before it is used. */
static void
advise(void *p, size_t bytes)
{
	uintptr_t from = ((uintptr_t)p + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1), to = ((uintptr_t)p + bytes) & ~(HUGE_PAGE - 1);

	if (from < to)
		madvise((void *)from, to - from, MADV_HUGEPAGE); /* advice: where it is not taken it is only slower */
}

/* Puts the flows, of which there may be none yet, into a pool for [room] of them and a new table. */
static bool
resize(struct tsn_meter_flows *t, uint32_t room)
{
	uint32_t slots = 16;
	void *memory;
	struct tsn_meter_slot *table;
	struct tsn_meter_flow *flow;

	while (slots < room + room / 2)
		slots *= 2;
	memory = tsn_calloc((size_t)room + 2, sizeof(*t->flow));
	table = tsn_calloc(slots, sizeof(*t->table));
	if (memory == NULL || table == NULL) {
		tsn_free(memory);
		tsn_free(table);
		return false;
	}
	flow = (void *)(((uintptr_t)memory + sizeof(*flow) - 1) & ~(uintptr_t)(sizeof(*flow) - 1));
	advise(memory, ((size_t)room + 2) * sizeof(*flow));
	advise(table, slots * sizeof(*table));
	if (t->used > 0)
		memcpy(flow + 1, t->flow + 1, t->used * sizeof(*flow));
	for (uint32_t i = t->by_age.head; i != 0; i = flow[i].age.next) {
		uint32_t at = flow[i].tag & (slots - 1);

		while (table[at].flow != 0)
			at = (at + 1) & (slots - 1);
		table[at] = (struct tsn_meter_slot){ i, flow[i].tag };
	}
	tsn_meter_flows_fini(t);
	t->memory = memory;
	t->table = table;
	t->flow = flow;
	t->mask = slots - 1;
	t->room = room;
	return true;
}

bool
tsn_meter_flows_init(struct tsn_meter_flows *t, uint32_t max)
{
	*t = (struct tsn_meter_flows){ .max = max };
	return resize(t, max < FIRST_ROOM ? max : FIRST_ROOM);
}

bool
tsn_meter_flows_reserve(struct tsn_meter_flows *t)
{
	if (t->count < t->room)
		return true;
	if (t->room < t->max && !resize(t, t->room > t->max / 2 ? t->max : t->room * 2))
		t->max = t->room; /* memory is out, and asking for it again and again would take all the time */
	return t->count < t->room;
}

void
tsn_meter_flows_fini(struct tsn_meter_flows *t)
{
	tsn_free(t->memory);
	tsn_free(t->table);
}

uint32_t
tsn_meter_key_tag(const struct tsn_meter_key *key)
{
	uint64_t h = key->src_lo + key->src_hi * UINT64_C(0x9e3779b97f4a7c15);

	h = tsn_hash_join(h, key->dst_lo + key->dst_hi * UINT64_C(0xd1b54a32d192ed03));
	return (uint32_t)tsn_hash_join(h, key->rest);
}

static bool
same(const struct tsn_meter_key *a, const struct tsn_meter_key *b)
{
	return a->rest == b->rest && a->src_lo == b->src_lo && a->dst_lo == b->dst_lo && a->src_hi == b->src_hi &&
	    a->dst_hi == b->dst_hi;
}

uint32_t
tsn_meter_flows_find(const struct tsn_meter_flows *t, const struct tsn_meter_key *key, uint32_t tag)
{
	const struct tsn_meter_slot *s;

	for (uint32_t at = tag & t->mask; (s = &t->table[at])->flow != 0; at = (at + 1) & t->mask)
		if (s->tag == tag && same(&t->flow[s->flow].key, key))
			return s->flow;
	return 0;
}

/* --- lists --- */

enum which { AGE, WAIT };

static struct tsn_meter_link *
link_of(struct tsn_meter_flows *t, uint32_t i, enum which w)
{
	return w == AGE ? &t->flow[i].age : &t->flow[i].wait;
}

static void
append(struct tsn_meter_flows *t, struct tsn_meter_list *l, uint32_t i, enum which w)
{
	*link_of(t, i, w) = (struct tsn_meter_link){ 0, l->tail };
	if (l->tail != 0)
		link_of(t, l->tail, w)->next = i;
	else
		l->head = i;
	l->tail = i;
}

static void
leave(struct tsn_meter_flows *t, struct tsn_meter_list *l, uint32_t i, enum which w)
{
	struct tsn_meter_link own = *link_of(t, i, w);

	if (own.prev != 0)
		link_of(t, own.prev, w)->next = own.next;
	else
		l->head = own.next;
	if (own.next != 0)
		link_of(t, own.next, w)->prev = own.prev;
	else
		l->tail = own.prev;
}

void
tsn_meter_flows_touch(struct tsn_meter_flows *t, uint32_t i)
{
	if (t->flow[i].closes || t->idle.tail == i)
		return;
	leave(t, &t->idle, i, WAIT);
	append(t, &t->idle, i, WAIT);
}

void
tsn_meter_flows_close(struct tsn_meter_flows *t, uint32_t i)
{
	if (t->flow[i].closes)
		return;
	leave(t, &t->idle, i, WAIT);
	append(t, &t->closing, i, WAIT);
	t->flow[i].closes = true;
}

/* --- the table --- */

uint32_t
tsn_meter_flows_add(struct tsn_meter_flows *t, const struct tsn_meter_key *key, uint32_t tag)
{
	uint32_t i = t->free, at = tag & t->mask;

	if (i != 0)
		t->free = t->flow[i].age.next;
	else
		i = ++t->used;
	t->flow[i] = (struct tsn_meter_flow){ .key = *key, .tag = tag };
	while (t->table[at].flow != 0)
		at = (at + 1) & t->mask;
	t->table[at] = (struct tsn_meter_slot){ i, tag };
	append(t, &t->by_age, i, AGE);
	append(t, &t->idle, i, WAIT);
	t->count++;
	return i;
}

/* Knuth, "The Art of Computer Programming" 6.4, algorithm R: what would no longer be found moves into the hole. */
static void
vacate(struct tsn_meter_flows *t, uint32_t hole)
{
	uint32_t at = hole;

	for (;;) {
		uint32_t home;

		at = (at + 1) & t->mask;
		if (t->table[at].flow == 0)
			break;
		home = t->table[at].tag & t->mask;
		if (((at - home) & t->mask) < ((at - hole) & t->mask))
			continue;
		t->table[hole] = t->table[at];
		hole = at;
	}
	t->table[hole] = (struct tsn_meter_slot){ 0 };
}

void
tsn_meter_flows_remove(struct tsn_meter_flows *t, uint32_t i)
{
	struct tsn_meter_flow *f = &t->flow[i];
	uint32_t at = f->tag & t->mask;

	while (t->table[at].flow != i)
		at = (at + 1) & t->mask;
	vacate(t, at);
	leave(t, &t->by_age, i, AGE);
	leave(t, f->closes ? &t->closing : &t->idle, i, WAIT);
	f->age.next = t->free;
	t->free = i;
	t->count--;
}
