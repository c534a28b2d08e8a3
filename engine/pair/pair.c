/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "pair/internal.h"

#include "base/clock.h"
#include "base/mem.h"

#define LEAST_CARRY (UINT64_C(256) << 10)

static uint32_t
power_of_two(uint32_t n)
{
	uint32_t p = 1;

	while (p < n && p < 1u << 28)
		p *= 2;
	return p;
}

struct tsn_pair *
tsn_pair_new(int64_t wait_ms, uint32_t max, uint64_t seed)
{
	struct tsn_pair *p = tsn_calloc(1, sizeof(*p));
	uint64_t carry;

	if (p == NULL)
		return NULL;
	p->wait = wait_ms;
	p->now = TSN_TIME_NONE;
	p->seed = seed;
	p->max = power_of_two(max);
	p->begin = p->end = p->fresh = 1;
	carry = p->max * (uint64_t)(TSN_PAIR_PLACE_BYTES - sizeof(struct talk) - HEADS * sizeof(*p->head) - sizeof(struct ends));
	p->carry.most = carry > LEAST_CARRY ? carry : LEAST_CARRY;
	return p;
}

void
tsn_pair_free(struct tsn_pair *p)
{
	if (p == NULL)
		return;
	tsn_pair_carry_fini(&p->carry);
	tsn_pair_unmap(&p->ring_mem);
	tsn_pair_unmap(&p->head_mem);
	tsn_pair_unmap(&p->six_mem);
	tsn_free(p);
}

void
tsn_pair_set_wait(struct tsn_pair *p, int64_t wait_ms)
{
	p->wait = wait_ms;
	p->fresh = p->begin;
	tsn_pair_age(p);
}

/* Every record has these without their being carried. */
static bool
is_kept(enum tsn_field f)
{
	static const enum tsn_field kept[] = { TSN_F_SRC, TSN_F_DST, TSN_F_SRC_PORT, TSN_F_DST_PORT, TSN_F_PROTO, TSN_F_FLAGS,
		TSN_F_PACKETS, TSN_F_BYTES, TSN_F_START, TSN_F_END, TSN_F_IP_VERSION, TSN_F_EXPORTER_NAME };

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (kept[i] == f)
			return true;
	return tsn_fields[f].origin == TSN_O_PAIR;
}

void
tsn_pair_carry(struct tsn_pair *p, const struct tsn_field_set *fields, bool pool_moved)
{
	struct tsn_field_set all = *fields;
	struct carry *c = &p->carry;

	if (tsn_field_set_has(&all, TSN_F_DSCP))
		tsn_field_set_add(&all, TSN_F_TOS); /* it is made of that */
	c->nfields = 0;
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		struct column *col = &c->column[f];
		const bool was = col->carried;

		col->carried = tsn_field_set_has(&all, (enum tsn_field)f) && !is_kept((enum tsn_field)f);
		if (col->carried)
			c->field[c->nfields++] = (uint16_t)f;
		else if (was)
			col->last = c->end;
		if (pool_moved && col->made && tsn_fields[f].origin == TSN_O_POOL)
			memset(col->there.p, ABSENT, c->cap);
	}
	c->sums = c->column[TSN_F_RAW_PACKETS].carried || c->column[TSN_F_RAW_BYTES].carried;
}

/* --- folding --- */

static inline bool
same_six(const struct tsn_pair *p, const struct talk *t, uint32_t row)
{
	const struct ends *e = &p->six[t - p->ring];
	const struct tsn_addr *a = p->keys.six[row];

	return e->hi[0] == a[0].hi && e->lo[0] == a[0].lo && e->hi[1] == a[1].hi && e->lo[1] == a[1].lo;
}

/* The newest entry of the key, if its time has not passed. */
static inline struct talk *
find(const struct tsn_pair *p, uint32_t row)
{
	const uint64_t addrs = p->keys.addrs[row], rest = p->keys.rest[row];
	uint32_t live = (uint32_t)(p->end - p->fresh), at;

	if (p->cap == 0)
		return NULL;
	at = p->head[p->keys.hash[row] & (p->nheads - 1)] - (uint32_t)p->fresh;
	for (struct talk *t; at < live; live = at, at = t->next - (uint32_t)p->fresh) {
		t = talk_at(p, p->fresh + at);
		if (t->addrs == addrs && KEY_OF(t->rest ^ rest) == 0 && ((rest & KEY_BOTH_V4) == KEY_BOTH_V4 || same_six(p, t, row)))
			return t;
	}
	return NULL;
}

/*
 * Into the cache what find will look at: of a far row its place in the index, of a near one the entry. Not inlined it would have
 * no effect that compilers know, and be left out.
 */
static inline __attribute__((always_inline)) void
fetch(const struct tsn_pair *p, uint32_t row)
{
	uint32_t at;

	if (p->cap == 0)
		return;
	__builtin_prefetch(&p->head[p->keys.hash[row + FAR_AHEAD] & (p->nheads - 1)]);
	at = p->head[p->keys.hash[row + AHEAD] & (p->nheads - 1)];
	at = at - (uint32_t)p->fresh < (uint32_t)(p->end - p->fresh) ? at : (uint32_t)p->end; /* what is over is not fetched */
	__builtin_prefetch(&p->ring[at & (p->cap - 1)], 1);
	__builtin_prefetch(&p->ring[at & (p->cap - 1)].side[1], 1);
	if (p->six != NULL)
		__builtin_prefetch(&p->six[at & (p->cap - 1)], 1);
}

static void
first_flow(struct tsn_pair *p, struct side *s, uint32_t row)
{
	const struct adds *a = &p->adds;

	s->start = a->start[row];
	s->end = a->end[row];
	s->packets = a->packets[row];
	s->bytes = a->bytes[row];
	s->flags = a->flags[row];
	s->bits = a->bits[row];
	if (!next_slot(&p->carry, &s->slot)) {
		p->stats.bare++;
		return;
	}
	s->bits |= SIDE_CARRIES;
	p->carry.row[p->carry.nrows++] = (uint16_t)row;
}

/* Sums are at most TOO_MANY, and what is added is below it. */
static inline uint64_t
sum_of(uint64_t sum, uint64_t more)
{
	return sum + more < TOO_MANY ? sum + more : TOO_MANY;
}

static void
later_flow(struct tsn_pair *p, struct side *s, uint32_t row)
{
	const struct adds *a = &p->adds;

	s->start = a->start[row] < s->start ? a->start[row] : s->start;
	s->end = a->end[row] > s->end ? a->end[row] : s->end;
	s->packets = sum_of(s->packets, a->packets[row]);
	s->bytes = sum_of(s->bytes, a->bytes[row]);
	s->flags |= a->flags[row];
	s->bits |= a->bits[row] & (SIDE_GIVES - 1);
	if (p->carry.sums && s->bits & SIDE_CARRIES) {
		p->carry.later[p->carry.nlater] = (uint16_t)row;
		p->carry.later_slot[p->carry.nlater++] = s->slot;
	}
}

static void
fold_row(struct tsn_pair *p, const struct tsn_batch *b, uint32_t row)
{
	const uint64_t rest = p->keys.rest[row];
	struct talk *t;
	struct side *s;

	if (!(rest & KEY_WHOLE)) {
		p->stats.lone++;
		return;
	}
	t = find(p, row);
	if (t == NULL)
		t = tsn_pair_open(p, row, b->time[row]);
	if (t == NULL) {
		p->stats.refused++;
		return;
	}
	t->rest |= rest & TALK_PORTS;
	s = &t->side[((t->rest ^ rest) & KEY_UPPER) != 0];
	if (s->bits & SIDE_SEEN)
		later_flow(p, s, row);
	else
		first_flow(p, s, row);
	p->stats.flows++;
}

void
tsn_pair_clock(struct tsn_pair *p, int64_t now)
{
	if (now <= p->now)
		return;
	p->now = now;
	tsn_pair_age(p);
}

void
tsn_pair_fold(struct tsn_pair *p, const struct tsn_batch *b)
{
	tsn_pair_keys(p, b);
	tsn_pair_adds(&p->adds, b);
	for (uint32_t from = 0, to; from < b->n; from = to) {
		to = tsn_pair_carry_ready(p, b, from);
		for (uint32_t i = from; i < to; i++) {
			fetch(p, i);
			tsn_pair_clock(p, b->received[i]);
			fold_row(p, b, i);
		}
		tsn_pair_carry_rows(p, b);
	}
}

/* --- what is due --- */

int64_t
tsn_pair_due(const struct tsn_pair *p)
{
	return p->begin == p->end ? TSN_TIME_NONE : due_of(p, talk_at(p, p->begin));
}

void
tsn_pair_stats(const struct tsn_pair *p, struct tsn_pair_stats *out)
{
	*out = p->stats;
	out->open = p->end - p->begin;
	out->bytes = p->ring_mem.bytes + p->head_mem.bytes + p->six_mem.bytes + p->carry.spent + sizeof(*p);
}
