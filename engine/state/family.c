/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The groups of a family: finding, making and replacing them. Sixty-four parts
 * by key hash have a budget each, so that what is replaced does not depend on how
 * many threads share the parts.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "state/internal.h"

#define SLOTS_FIRST 64u
#define LOOK 8u /* groups compared before one is replaced */

enum found { FOUND, WAIT, NO_MEMORY };

static inline bool
same_key(const struct tsn_family_store *s, const struct tsn_keys *k, uint32_t row,
    const struct tsn_group *g)
{
	const uint8_t *key;
	uint16_t len;

	if (!tsn_mask_has(&k->encoded, row))
		return !g->in_slab && g->key == k->addr[row];
	if (!g->in_slab)
		return false;
	key = tsn_slab_key(&s->slab, g->key, &len);
	return len == k->len[row] && memcmp(key, k->bytes + k->off[row], len) == 0;
}

static uint32_t
find(const struct tsn_family_store *s, const struct tsn_keys *k, uint32_t row)
{
	const uint32_t tag = (uint32_t)k->hash[row], mask = s->slots - 1;

	if (s->slots == 0)
		return TSN_GROUP_NONE;
	for (uint32_t i = tag & mask; s->dir[i].group != TSN_GROUP_NONE; i = (i + 1) & mask)
		if (s->dir[i].tag == tag && same_key(s, k, row, &s->groups[s->dir[i].group]))
			return s->dir[i].group;
	return TSN_GROUP_NONE;
}

static void
enter(struct tsn_entry *dir, uint32_t mask, struct tsn_entry e)
{
	uint32_t i = e.tag & mask;

	while (dir[i].group != TSN_GROUP_NONE)
		i = (i + 1) & mask;
	dir[i] = e;
}

/* At most five eighths full: few probes also for keys that are not there. */
static bool
directory_room(struct tsn_family_store *s)
{
	uint32_t slots = s->slots == 0 ? SLOTS_FIRST : s->slots * 2;
	struct tsn_entry *dir;

	if (((uint64_t)s->ngroups + 1) * 8 <= (uint64_t)s->slots * 5)
		return true;
	if (slots == 0)
		return false;
	dir = tsn_array_grow(NULL, 0, (size_t)slots * sizeof(*dir));
	if (dir == NULL)
		return false;
	memset(dir, 0xFF, (size_t)slots * sizeof(*dir));
	for (uint32_t i = 0; i < s->slots; i++)
		if (s->dir[i].group != TSN_GROUP_NONE)
			enter(dir, slots - 1, s->dir[i]);
	tsn_free(s->dir);
	s->dir = dir;
	s->slots = slots;
	return true;
}

/* Doubles, up to the budget; [n] is beyond that where it was lowered since. */
static uint32_t
next_cap(const struct tsn_family *f, uint32_t n)
{
	uint32_t cap = f->store.cap;

	while (cap < n)
		cap = cap == 0 ? 1 : cap < f->budget && cap * 2 > f->budget ? f->budget : cap * 2;
	return cap;
}

bool
tsn_family_room(struct tsn_family *f, uint32_t n)
{
	struct tsn_family_store *s = &f->store;
	const uint32_t cap = next_cap(f, n);
	struct tsn_group *groups;

	if (n <= s->cap)
		return true;
	for (uint32_t i = 0; i < f->def.naggs; i++)
		if (!tsn_agg_room(&f->agg[i], (uint64_t)cap * s->nparts))
			return false;
	groups = tsn_array_grow(s->groups, (size_t)s->cap * s->nparts * sizeof(*groups),
	    (size_t)cap * s->nparts * sizeof(*groups));
	if (groups == NULL)
		return false;
	s->groups = groups;
	s->cap = cap;
	return true;
}

static uint32_t
make(struct tsn_family *f, const struct tsn_keys *k, uint32_t row)
{
	struct tsn_family_store *s = &f->store;
	const uint32_t part = tsn_own_part(s, k->hash[row]);
	struct tsn_group g = { .newest = INT64_MIN, .key = k->addr[row] };
	uint32_t number;

	if (!tsn_family_room(f, s->part[part].n + 1) || !directory_room(s))
		return TSN_GROUP_NONE;
	g.in_slab = tsn_mask_has(&k->encoded, row);
	if (g.in_slab && !tsn_slab_put(s, k->bytes + k->off[row], k->len[row], &g.key))
		return TSN_GROUP_NONE;
	number = tsn_number(s, part, s->part[part].n++);
	s->groups[number] = g;
	enter(s->dir, s->slots - 1, (struct tsn_entry){ (uint32_t)k->hash[row], number });
	s->ngroups++;
	return number;
}

/* Takes an entry out and moves those behind it up, so that no probe meets a gap. */
static void
leave(struct tsn_family_store *s, uint32_t group, uint32_t tag)
{
	const uint32_t mask = s->slots - 1;
	uint32_t i = tag & mask, j;

	while (s->dir[i].group != group)
		i = (i + 1) & mask;
	for (j = (i + 1) & mask; s->dir[j].group != TSN_GROUP_NONE; j = (j + 1) & mask) {
		if (((j - s->dir[j].tag) & mask) < ((j - i) & mask))
			continue;
		s->dir[i] = s->dir[j];
		i = j;
	}
	s->dir[i].group = TSN_GROUP_NONE;
}

/* All its windows had passed at [now], which may be far away in either direction. */
static bool
passed(const struct tsn_family *f, const struct tsn_group *g, int64_t now)
{
	int64_t until;

	return !__builtin_add_overflow(g->newest, f->span, &until) && until < now;
}

/* [a] gives way before [b]: the order of S29. Equal ones go by number. */
static bool
less_active(const struct tsn_family *f, const struct tsn_group *a, const struct tsn_group *b, int64_t now)
{
	const bool pa = passed(f, a, now), pb = passed(f, b, now);

	return pa != pb ? pa : a->flows < b->flows;
}

/*
 * The hand stops behind the place that is given away, so that a newcomer has a whole round to become more
 * active than others. Were it to go on by eight, the first of each eight alike would change hands and the others keep theirs.
 */
static uint32_t
victim(struct tsn_family *f, uint32_t part, int64_t now)
{
	struct tsn_family_store *s = &f->store;
	struct tsn_part *p = &s->part[part];
	uint32_t best = TSN_GROUP_NONE, at = 0, look = p->n < LOOK ? p->n : LOOK;

	for (uint32_t i = 0; i < look; i++) {
		const uint32_t place = (p->hand + i) % p->n, number = tsn_number(s, part, place);

		if (best == TSN_GROUP_NONE || less_active(f, &s->groups[number], &s->groups[best], now) ||
		    (number < best && !less_active(f, &s->groups[best], &s->groups[number], now))) {
			best = number;
			at = place;
		}
	}
	p->hand = (at + 1) % p->n;
	return best;
}

/* Gives the place of another group to the key of [row]. */
static uint32_t
replace(struct tsn_family *f, const struct tsn_keys *k, uint32_t row, int64_t now, uint64_t seed)
{
	struct tsn_family_store *s = &f->store;
	struct tsn_group next = { .newest = INT64_MIN, .key = k->addr[row] }, *g;
	uint32_t number, tag;
	const uint8_t *key;
	uint16_t len;

	next.in_slab = tsn_mask_has(&k->encoded, row);
	if (next.in_slab && !tsn_slab_put(s, k->bytes + k->off[row], k->len[row], &next.key))
		return TSN_GROUP_NONE;
	number = victim(f, tsn_own_part(s, k->hash[row]), now);
	g = &s->groups[number];
	tag = (uint32_t)tsn_hash_u64(g->key, seed);
	if (g->in_slab) {
		key = tsn_slab_key(&s->slab, g->key, &len);
		tag = (uint32_t)tsn_hash_bytes(key, len, seed);
		tsn_slab_drop(&s->slab, g->key);
	}
	if (passed(f, g, now))
		s->stats.recycled++;
	else
		tsn_family_lost(f, tsn_marked_part(f, k->hash[row]), row);
	leave(s, number, tag);
	for (uint32_t i = 0; i < f->def.naggs; i++)
		tsn_agg_reset(&f->agg[i], number);
	*g = next;
	enter(s->dir, s->slots - 1, (struct tsn_entry){ (uint32_t)k->hash[row], number });
	return number;
}

/*
 * The first of two passes over a batch's keys: the group of the first entry
 * with the key's tag, right but for a chance of 2^-32. The second can then fetch groups ahead.
 */
void
tsn_family_guess(const struct tsn_family *f, const struct tsn_keys *k, const uint16_t *row, uint32_t *group,
    uint32_t n)
{
	const struct tsn_family_store *s = &f->store;
	const uint32_t mask = s->slots - 1;

	for (uint32_t i = 0; i < n; i++) {
		const uint32_t tag = (uint32_t)k->hash[row[i]];
		uint32_t at = tag & mask;

		group[i] = TSN_GROUP_NONE;
		if (s->slots == 0)
			continue;
		__builtin_prefetch(&s->dir[(uint32_t)k->hash[row[i + 2 * TSN_AHEAD]] & mask]);
		while (s->dir[at].group != TSN_GROUP_NONE && s->dir[at].tag != tag)
			at = (at + 1) & mask;
		group[i] = s->dir[at].group;
	}
}

static void
prefetch(const struct tsn_family_store *s, uint32_t group)
{
	__builtin_prefetch((const void *)((uintptr_t)s->groups + (uintptr_t)group * sizeof(*s->groups)), 1);
}

/* The group of a row whose guess was wrong: found all the same or, for a row that counts, made. */
static __attribute__((noinline)) enum found
look(struct tsn_family *f, const struct tsn_keys *k, uint32_t row, bool count, bool first, int64_t time,
    uint64_t seed, uint32_t *group)
{
	const struct tsn_family_store *s = &f->store;
	const bool full = s->part[tsn_own_part(s, k->hash[row])].n >= f->budget;

	*group = find(s, k, row);
	if (*group != TSN_GROUP_NONE || !count)
		return FOUND;
	if (full && !first)
		return WAIT;
	*group = full ? replace(f, k, row, time, seed) : make(f, k, row);
	return *group == TSN_GROUP_NONE ? NO_MEMORY : FOUND;
}

bool
tsn_family_resolve(struct tsn_family *f, const struct tsn_keys *k, const struct tsn_mask *counts,
    struct tsn_fold *x, uint32_t *group, uint32_t n, uint64_t seed)
{
	struct tsn_family_store *s = &f->store;
	const int64_t *time = x->batch->time;
	const uint16_t *rows = x->row;
	enum found found = FOUND;
	uint32_t i;

	for (i = x->from; i < n; i++) {
		const uint32_t row = rows[i];
		const bool count = tsn_mask_has(counts, row);

		prefetch(s, group[i + TSN_AHEAD]);
		if (group[i] == TSN_GROUP_NONE || !same_key(s, k, row, &s->groups[group[i]])) {
			found = look(f, k, row, count, i == x->from, time[row], seed, &group[i]);
			if (found != FOUND)
				break;
		}
		if (count)
			tsn_group_touch(&s->groups[group[i]], time[row]);
	}
	x->to = i;
	return found != NO_MEMORY;
}

uint32_t
tsn_family_find(const struct tsn_family *f, const struct tsn_keys *k, uint32_t row, uint32_t guess)
{
	const struct tsn_family_store *s = &f->store;

	return guess != TSN_GROUP_NONE && same_key(s, k, row, &s->groups[guess]) ? guess : find(s, k, row);
}

bool
tsn_family_full(const struct tsn_family *f, const struct tsn_keys *k, uint32_t row)
{
	return f->store.part[tsn_own_part(&f->store, k->hash[row])].n >= f->budget;
}

uint32_t
tsn_family_add(struct tsn_family *f, const struct tsn_keys *k, uint32_t row, int64_t now, uint64_t seed)
{
	return tsn_family_full(f, k, row) ? replace(f, k, row, now, seed) : make(f, k, row);
}

void
tsn_family_ahead(const struct tsn_family *f, const struct tsn_keys *k, uint32_t row, bool group)
{
	const struct tsn_family_store *s = &f->store;
	const uint32_t tag = (uint32_t)k->hash[row], mask = s->slots - 1;
	uint32_t at = tag & mask;

	if (s->slots == 0)
		return;
	if (!group) {
		__builtin_prefetch(&s->dir[at]);
		return;
	}
	while (s->dir[at].group != TSN_GROUP_NONE && s->dir[at].tag != tag)
		at = (at + 1) & mask;
	if (s->dir[at].group == TSN_GROUP_NONE)
		return;
	prefetch(s, s->dir[at].group);
	for (uint32_t i = 0; i < f->def.naggs; i++)
		tsn_cell_prefetch(tsn_agg_cells(&f->agg[i]), s->dir[at].group);
}

static bool
has_key(const struct tsn_family_store *s, const struct tsn_group *g, const uint8_t *key, uint16_t len, uint32_t tag)
{
	const uint32_t mask = s->slots - 1;

	for (uint32_t i = tag & mask; s->dir[i].group != TSN_GROUP_NONE; i = (i + 1) & mask) {
		const struct tsn_group *o = &s->groups[s->dir[i].group];
		const uint8_t *okey;
		uint16_t olen;

		if (s->dir[i].tag != tag || o->in_slab != g->in_slab)
			continue;
		if (!g->in_slab && o->key == g->key)
			return true;
		if (!g->in_slab)
			continue;
		okey = tsn_slab_key(&s->slab, o->key, &olen);
		if (olen == len && memcmp(okey, key, len) == 0)
			return true;
	}
	return false;
}

bool
tsn_family_enter(struct tsn_family *f, uint32_t number, const struct tsn_group *g, const uint8_t *key, uint16_t len,
    uint32_t tag)
{
	struct tsn_family_store *s = &f->store;
	struct tsn_group next = *g;

	if (!directory_room(s) || has_key(s, g, key, len, tag) ||
	    (g->in_slab && !tsn_slab_put(s, key, len, &next.key)))
		return false;
	s->groups[number] = next;
	enter(s->dir, s->slots - 1, (struct tsn_entry){ tag, number });
	s->ngroups++;
	return true;
}

void
tsn_family_fini(struct tsn_family *f)
{
	for (uint32_t i = 0; i < f->def.naggs; i++)
		tsn_agg_fini(&f->agg[i]);
	tsn_free(f->store.dir);
	tsn_free(f->store.groups);
	tsn_free(f->store.slab.mem);
}
