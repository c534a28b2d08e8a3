/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The ring of entries and its index; and memory as all rings of the room have it. */
#include "base/mem.h"
#include "pair/internal.h"

#define FIRST_CAP 1024u

bool
tsn_pair_reach(struct array *a, size_t bytes)
{
	void *p;

	if (a->bytes >= bytes)
		return true;
	p = tsn_map(a->p, a->bytes, bytes);
	if (p == NULL)
		return false;
	a->p = p;
	a->bytes = bytes;
	return true;
}

void
tsn_pair_unmap(struct array *a)
{
	tsn_unmap(a->p, a->bytes);
	*a = (struct array){ NULL, 0 };
}

void
tsn_pair_unfold(void *ring, size_t size, uint64_t begin, uint64_t end, uint64_t cap)
{
	uint8_t *p = ring;

	for (uint64_t at = begin, to; at < end; at = to) {
		to = (at | (cap - 1)) + 1;
		to = to < end ? to : end;
		if (at & cap)
			memcpy(p + (at & (2 * cap - 1)) * size, p + (at & (cap - 1)) * size, (to - at) * size);
	}
}

/*
 * Chains of a head go to its two successors whole: each leads to some entries of the other, which is what chains do anyway.
 * Without memory they only stay as long as they are.
 */
static bool
grow_heads(struct tsn_pair *p, uint32_t n)
{
	if (!tsn_pair_reach(&p->head_mem, n * sizeof(*p->head)))
		return p->nheads > 0;
	p->head = p->head_mem.p;
	for (uint32_t had = p->nheads; had > 0 && had < n; had *= 2)
		memcpy(p->head + had, p->head, had * sizeof(*p->head));
	p->nheads = n;
	return true;
}

static bool
reach_six(struct tsn_pair *p, uint32_t cap)
{
	if (!tsn_pair_reach(&p->six_mem, (size_t)cap * sizeof(*p->six)))
		return false;
	p->six = p->six_mem.p;
	return true;
}

static bool
grow(struct tsn_pair *p)
{
	uint32_t cap = p->cap == 0 ? FIRST_CAP : p->cap * 2;

	cap = cap < p->max ? cap : p->max;
	if (cap <= p->cap || !tsn_pair_reach(&p->ring_mem, (size_t)cap * sizeof(*p->ring)))
		return false;
	p->ring = p->ring_mem.p;
	if ((p->six != NULL && !reach_six(p, cap)) || !grow_heads(p, HEADS * cap))
		return false;
	if (p->cap > 0) {
		tsn_pair_unfold(p->ring, sizeof(*p->ring), p->begin, p->end, p->cap);
		if (p->six != NULL)
			tsn_pair_unfold(p->six, sizeof(*p->six), p->begin, p->end, p->cap);
	}
	p->cap = cap;
	return true;
}

/* Where addresses lie that are no part of the key's words. */
static bool
put_six(struct tsn_pair *p, uint32_t row)
{
	struct ends *e;

	if ((p->keys.rest[row] & KEY_BOTH_V4) == KEY_BOTH_V4)
		return true;
	if (p->six == NULL && !reach_six(p, p->cap))
		return false;
	e = &p->six[p->end & (p->cap - 1)];
	for (int i = 0; i < 2; i++) {
		e->hi[i] = p->keys.six[row][i].hi;
		e->lo[i] = p->keys.six[row][i].lo;
	}
	return true;
}

struct talk *
tsn_pair_open(struct tsn_pair *p, uint32_t row, int64_t time)
{
	struct talk *t;
	uint32_t *head;

	if ((p->end - p->begin == p->cap && !grow(p)) || !put_six(p, row))
		return NULL;
	t = talk_at(p, p->end);
	head = &p->head[p->keys.hash[row] & (p->nheads - 1)];
	t->next = *head;
	*head = (uint32_t)p->end++;
	t->texts = (uint32_t)p->carry.text_end;
	t->slots = (uint32_t)p->carry.end;
	t->addrs = p->keys.addrs[row];
	t->rest = p->keys.rest[row];
	t->side[0].bits = t->side[1].bits = 0;
	t->received = p->now;
	t->time = time;
	return t;
}

void
tsn_pair_age(struct tsn_pair *p)
{
	while (p->fresh != p->end && (uint64_t)p->now - (uint64_t)talk_at(p, p->fresh)->received > (uint64_t)p->wait)
		__builtin_prefetch(&talk_at(p, p->fresh++ + FAR_AHEAD)->received);
}

struct tsn_addr
tsn_pair_addr(const struct tsn_pair *p, const struct talk *t, bool upper)
{
	const struct ends *e;

	if ((t->rest & KEY_BOTH_V4) == KEY_BOTH_V4)
		return tsn_addr_v4((uint32_t)(upper ? t->addrs : t->addrs >> 32));
	e = &p->six[t - p->ring];
	return (struct tsn_addr){ e->hi[upper], e->lo[upper], (t->rest & KEY_V4(upper)) != 0 };
}
