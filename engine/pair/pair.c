/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "pair/internal.h"

#include <sys/mman.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#define FIRST_CAP 1024u
#define AHEAD     12u /* rows whose entry is fetched before its turn */

enum { TCP = 6 };
enum { SYN = 0x02, RST = 0x04, ACK = 0x10 };

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

	if (p == NULL)
		return NULL;
	p->wait = wait_ms;
	p->now = TSN_TIME_NONE;
	p->seed = seed;
	p->max = power_of_two(max);
	p->begin = p->end = 1;
	p->log.max = (uint64_t)p->max * (TSN_PAIR_PLACE_BYTES - sizeof(struct talk) - 4 * sizeof(uint32_t));
	for (uint64_t m = 1 << 16; ; m *= 2)
		if (m * 2 > p->log.max) {
			p->log.max = m;
			return p;
		}
}

void
tsn_pair_free(struct tsn_pair *p)
{
	if (p == NULL)
		return;
	tsn_free(p->ring);
	tsn_free(p->head);
	tsn_free(p->log.p);
	tsn_free(p);
}

void
tsn_pair_set_wait(struct tsn_pair *p, int64_t wait_ms)
{
	p->wait = wait_ms;
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

	if (tsn_field_set_has(&all, TSN_F_DSCP))
		tsn_field_set_add(&all, TSN_F_TOS); /* it is made of that */
	p->nfields = 0;
	for (int f = 0; f < TSN_FIELD_COUNT; f++)
		if (tsn_field_set_has(&all, (enum tsn_field)f) && !is_kept((enum tsn_field)f))
			p->field[p->nfields++] = (uint16_t)f;
	if (pool_moved)
		p->pool_from = p->log.end;
}

/* --- the ring and its index --- */

void *
tsn_pair_pages(size_t bytes)
{
	const size_t huge = (size_t)2 << 20;
	void *p;

	if (bytes < 2 * huge)
		return tsn_aligned_alloc(64, bytes);
	p = tsn_aligned_alloc(huge, bytes);
	if (p != NULL)
		madvise(p, bytes, MADV_HUGEPAGE); /* advice: where it is not taken it is only slower */
	return p;
}

static void
link_in(struct tsn_pair *p, uint64_t number)
{
	struct talk *t = talk_at(p, number);
	uint32_t *head = &p->head[t->tag & (4 * p->cap - 1)];

	t->next = *head;
	*head = (uint32_t)number;
}

static bool
grow(struct tsn_pair *p)
{
	uint32_t cap = p->cap == 0 ? FIRST_CAP : p->cap * 2, *head;
	struct talk *ring;

	cap = cap < p->max ? cap : p->max;
	if (cap <= p->cap)
		return false;
	ring = tsn_pair_pages((size_t)cap * sizeof(*ring));
	head = tsn_pair_pages((size_t)cap * 4 * sizeof(*head));
	if (ring == NULL || head == NULL) {
		tsn_free(ring);
		tsn_free(head);
		return false;
	}
	memset(head, 0, (size_t)cap * 4 * sizeof(*head));
	for (uint64_t i = p->begin; i < p->end; i++)
		ring[i & (cap - 1)] = *talk_at(p, i);
	tsn_free(p->ring);
	tsn_free(p->head);
	p->ring = ring;
	p->head = head;
	p->cap = cap;
	for (uint64_t i = p->begin; i < p->end; i++)
		link_in(p, i);
	return true;
}

/* --- keys --- */

static inline uint64_t
hash_of(const struct tsn_pair *p, const struct ends *e)
{
	const uint64_t rest = (uint64_t)e->port[0] << 32 | (uint64_t)e->port[1] << 16 | (uint64_t)e->proto << 8 | (e->bits & 3);
	uint64_t h;

	if ((e->bits & 3) == 3)
		return tsn_hash_join(tsn_hash_u64(e->addr[0].lo << 32 | e->addr[1].lo, p->seed), rest);
	h = tsn_hash_join(tsn_hash_u64(e->addr[0].hi, p->seed), e->addr[0].lo);
	h = tsn_hash_join(tsn_hash_join(h, e->addr[1].hi), e->addr[1].lo);
	return tsn_hash_join(h, rest);
}

uint64_t
tsn_pair_hash(const struct tsn_pair *p, const struct ends *e)
{
	return hash_of(p, e);
}

/* The lower end first: address, then port. */
static bool
in_order(const struct ends *e)
{
	int c = tsn_addr_cmp(e->addr[0], e->addr[1]);

	return c != 0 ? c < 0 : e->port[0] <= e->port[1];
}

/* A row of a batch in which every flow is of IPv4 and has two ends, ports and a protocol: the same without a question. */
static inline void
read_plain_ends(const struct tsn_pair *p, const struct tsn_batch *b, uint32_t row, struct ends *e)
{
	const uint64_t sport = ((const uint16_t *)b->col[TSN_F_SRC_PORT])[row], dport = ((const uint16_t *)b->col[TSN_F_DST_PORT])[row];
	const uint64_t x = (uint64_t)((const uint32_t *)b->col[TSN_F_SRC])[row] << 16 | sport;
	const uint64_t y = (uint64_t)((const uint32_t *)b->col[TSN_F_DST])[row] << 16 | dport;
	const uint64_t low = x < y ? x : y, high = x < y ? y : x;

	e->whole = true;
	e->side = x > y;
	e->proto = ((const uint8_t *)b->col[TSN_F_PROTO])[row];
	e->bits = TALK_V4_A | TALK_V4_B | TALK_PORT_A | TALK_PORT_B;
	e->addr[0] = tsn_addr_v4((uint32_t)(low >> 16));
	e->addr[1] = tsn_addr_v4((uint32_t)(high >> 16));
	e->port[0] = (uint16_t)low;
	e->port[1] = (uint16_t)high;
	e->hash = hash_of(p, e);
	if (p->cap > 0)
		__builtin_prefetch(&p->head[(uint32_t)e->hash & (4 * p->cap - 1)]);
}

static bool
in_all_rows(const struct tsn_batch *b, const struct tsn_mask *m)
{
	return memcmp(m, &b->rows, sizeof(*m)) == 0;
}

static bool
is_plain(const struct tsn_batch *b)
{
	return in_all_rows(b, &b->addr[tsn_fields[TSN_F_SRC].addr_slot].is_v4) &&
	    in_all_rows(b, &b->addr[tsn_fields[TSN_F_DST].addr_slot].is_v4) && in_all_rows(b, &b->present[TSN_F_PROTO]) &&
	    in_all_rows(b, &b->present[TSN_F_SRC_PORT]) && in_all_rows(b, &b->present[TSN_F_DST_PORT]);
}

static void
read_ends(const struct tsn_pair *p, const struct tsn_batch *b, uint32_t row, struct ends *e)
{
	const bool sport = tsn_mask_has(&b->present[TSN_F_SRC_PORT], row), dport = tsn_mask_has(&b->present[TSN_F_DST_PORT], row);

	e->whole = tsn_mask_has(&b->present[TSN_F_SRC], row) && tsn_mask_has(&b->present[TSN_F_DST], row) &&
	    tsn_mask_has(&b->present[TSN_F_PROTO], row);
	if (!e->whole)
		return;
	e->addr[0] = tsn_batch_addr(b, row, TSN_F_SRC);
	e->addr[1] = tsn_batch_addr(b, row, TSN_F_DST);
	e->port[0] = sport ? ((const uint16_t *)b->col[TSN_F_SRC_PORT])[row] : 0;
	e->port[1] = dport ? ((const uint16_t *)b->col[TSN_F_DST_PORT])[row] : 0;
	e->proto = ((const uint8_t *)b->col[TSN_F_PROTO])[row];
	e->side = !in_order(e);
	e->bits = (uint8_t)(sport ? TALK_PORT_A << e->side : 0) | (uint8_t)(dport ? TALK_PORT_A << !e->side : 0);
	if (e->side == 1) {
		struct tsn_addr a = e->addr[0];
		uint16_t port = e->port[0];

		e->addr[0] = e->addr[1], e->addr[1] = a;
		e->port[0] = e->port[1], e->port[1] = port;
	}
	e->bits |= (uint8_t)(e->addr[0].v4 | e->addr[1].v4 << 1);
	e->hash = hash_of(p, e);
	if (p->cap > 0)
		__builtin_prefetch(&p->head[(uint32_t)e->hash & (4 * p->cap - 1)]);
}

static bool
same_ends(const struct tsn_pair *p, const struct talk *t, const struct ends *e)
{
	if (t->tag != (uint32_t)e->hash || t->proto != e->proto || t->port[0] != e->port[0] || t->port[1] != e->port[1] ||
	    ((t->bits ^ e->bits) & 3) != 0)
		return false;
	if ((e->bits & 3) == 3)
		return t->v4[0] == (uint32_t)e->addr[0].lo && t->v4[1] == (uint32_t)e->addr[1].lo;
	return tsn_addr_cmp(tsn_pair_addr(p, t, 0), e->addr[0]) == 0 && tsn_addr_cmp(tsn_pair_addr(p, t, 1), e->addr[1]) == 0;
}

/* The newest entry of the key, if its time has not passed. */
static struct talk *
find(const struct tsn_pair *p, const struct ends *e)
{
	uint32_t live = (uint32_t)(p->end - p->begin), at;

	if (p->cap == 0)
		return NULL;
	at = p->head[(uint32_t)e->hash & (4 * p->cap - 1)] - (uint32_t)p->begin;
	for (struct talk *t; at < live; live = at, at = t->next - (uint32_t)p->begin) {
		t = talk_at(p, p->begin + at);
		if (same_ends(p, t, e))
			return (uint64_t)p->now - (uint64_t)t->received <= (uint64_t)p->wait ? t : NULL;
	}
	return NULL;
}

/* Into the cache what find will look at. */
static void
fetch(const struct tsn_pair *p, const struct ends *e)
{
	uint32_t at;

	if (!e->whole || p->cap == 0)
		return;
	at = p->head[(uint32_t)e->hash & (4 * p->cap - 1)];
	__builtin_prefetch(&p->ring[at & (p->cap - 1)], 1);
	__builtin_prefetch((const char *)&p->ring[at & (p->cap - 1)] + 64, 1);
}

/* --- folding --- */

/* IPv6 addresses go where they are read from by tsn_pair_addr. */
static bool
put_ends(struct tsn_pair *p, struct talk *t, const struct ends *e)
{
	uint8_t *at;

	t->log = p->log.end;
	if ((e->bits & 3) == 3) {
		t->v4[0] = (uint32_t)e->addr[0].lo;
		t->v4[1] = (uint32_t)e->addr[1].lo;
		return true;
	}
	at = tsn_pair_log_put(p, ENDS_BYTES);
	if (at == NULL)
		return false;
	t->log = p->log.end - ENDS_BYTES;
	for (int i = 0; i < 2; i++) {
		memcpy(at + i * 16, &e->addr[i].hi, 8);
		memcpy(at + i * 16 + 8, &e->addr[i].lo, 8);
	}
	return true;
}

struct talk *
tsn_pair_open(struct tsn_pair *p, const struct ends *e, int64_t time)
{
	struct talk *t;

	if (p->end - p->begin == p->cap && !grow(p))
		return NULL;
	t = talk_at(p, p->end);
	*t = (struct talk){ .tag = (uint32_t)e->hash, .port = { e->port[0], e->port[1] }, .proto = e->proto,
		.bits = (uint8_t)(e->bits & 3), .received = p->now, .time = time };
	t->side[0].carry = t->side[1].carry = CARRY_NONE;
	if (!put_ends(p, t, e))
		return NULL;
	link_in(p, p->end++);
	return t;
}

static uint16_t
gives(const struct tsn_batch *b, uint32_t row)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < TSN_GIVES_COUNT; i++)
		bits |= (unsigned)tsn_mask_has(&b->gives[i], row) << i;
	return (uint16_t)(bits * SIDE_GIVES);
}

static void
add_flags(struct side *s, const struct tsn_batch *b, uint32_t row, bool tcp)
{
	uint16_t flags;

	if (!tcp || !tsn_mask_has(&b->present[TSN_F_FLAGS], row)) {
		s->bits |= SIDE_ANSWERS; /* it may have been a bare RST, but nobody says so */
		return;
	}
	flags = ((const uint16_t *)b->col[TSN_F_FLAGS])[row];
	s->flags |= flags;
	s->bits |= SIDE_FLAGS;
	s->bits |= (flags & ~ACK) == RST ? SIDE_BARE_RST : SIDE_ANSWERS;
	s->bits |= (flags & (SYN | ACK)) == SYN ? SIDE_SYN : 0;
}

static void
add_times(struct side *s, const struct tsn_batch *b, uint32_t row)
{
	const int64_t start = ((const int64_t *)b->col[TSN_F_START])[row], end = ((const int64_t *)b->col[TSN_F_END])[row];

	if (tsn_mask_has(&b->present[TSN_F_START], row)) {
		s->start = s->bits & SIDE_START && s->start < start ? s->start : start;
		s->bits |= SIDE_START;
	}
	if (tsn_mask_has(&b->present[TSN_F_END], row)) {
		s->end = s->bits & SIDE_END && s->end > end ? s->end : end;
		s->bits |= SIDE_END;
	}
}

static void
add_counter(struct side *s, uint64_t *sum, uint16_t bit, const struct tsn_batch *b, uint32_t row, enum tsn_field f)
{
	if (!tsn_mask_has(&b->present[f], row))
		return;
	s->bits |= bit;
	if (*sum < TOO_MANY)
		*sum += ((const uint64_t *)b->col[f])[row]; /* each is below 2^63 */
	if (*sum > TOO_MANY)
		*sum = TOO_MANY;
}

static void
add_row(struct tsn_pair *p, struct talk *t, unsigned side, const struct tsn_batch *b, uint32_t row)
{
	struct side *s = &t->side[side];

	if (s->bits & SIDE_SEEN) {
		tsn_pair_carry_add(p, t, side, b, row);
	} else {
		s->bits = (uint16_t)(SIDE_SEEN | gives(b, row));
		tsn_pair_carry_row(p, t, side, b, row);
	}
	if (!tsn_mask_has(&b->gives[TSN_GIVES_UNSAMPLED], row))
		s->bits |= SIDE_SAMPLED;
	add_flags(s, b, row, t->proto == TCP);
	add_times(s, b, row);
	add_counter(s, &s->packets, SIDE_PACKETS, b, row, TSN_F_PACKETS);
	add_counter(s, &s->bytes, SIDE_BYTES, b, row, TSN_F_BYTES);
	p->stats.flows++;
}

void
tsn_pair_fold(struct tsn_pair *p, const struct tsn_batch *b)
{
	struct ends *e = p->ends;
	struct talk *t;

	if (is_plain(b))
		for (uint32_t i = 0; i < b->n; i++)
			read_plain_ends(p, b, i, &e[i]);
	else
		for (uint32_t i = 0; i < b->n; i++)
			read_ends(p, b, i, &e[i]);
	tsn_pair_look(p, b);
	for (uint32_t i = 0; i < b->n && i < AHEAD; i++)
		fetch(p, &e[i]);
	for (uint32_t i = 0; i < b->n; i++) {
		if (i + AHEAD < b->n)
			fetch(p, &e[i + AHEAD]);
		p->now = b->received[i] > p->now ? b->received[i] : p->now;
		if (!e[i].whole) {
			p->stats.lone++;
			continue;
		}
		t = find(p, &e[i]);
		if (t == NULL)
			t = tsn_pair_open(p, &e[i], b->time[i]);
		if (t == NULL) {
			p->stats.refused++;
			continue;
		}
		t->bits |= e[i].bits;
		add_row(p, t, e[i].side, b, i);
	}
}

int64_t
tsn_pair_due(const struct tsn_pair *p)
{
	int64_t due;

	if (p->begin == p->end)
		return TSN_TIME_NONE;
	if (__builtin_add_overflow(talk_at(p, p->begin)->received, p->wait, &due))
		return INT64_MAX;
	return due;
}

void
tsn_pair_stats(const struct tsn_pair *p, struct tsn_pair_stats *out)
{
	*out = p->stats;
	out->open = p->end - p->begin;
	out->bytes = (uint64_t)p->cap * (sizeof(struct talk) + 4 * sizeof(uint32_t)) + p->log.cap + sizeof(*p);
}
