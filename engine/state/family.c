/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The groups of a family: finding, making and replacing them. Sixty-four parts
 * by key hash have a budget each, so that what is replaced does not depend on how
 * many threads share the parts.
 */
#include "base/hash.h"
#include "state/guess.h"
#include "state/internal.h"

#define MANY 1024u
#define LOOK 8u /* groups compared before one is replaced */
#define LARGE 64u /* lines of a directory that has room for entries on their way out, however full it is */

static inline struct tsn_place
place_of(const struct tsn_keys *k, uint32_t row)
{
	return (struct tsn_place){ tsn_position(k->hash[row]), k->tag[row],
		tsn_mask_has(&k->encoded, row) ? TSN_SLAB_ENTRY : 0 };
}

static uint32_t
find(const struct tsn_family_store *s, const struct tsn_keys *k, uint32_t row)
{
	const struct tsn_place p = place_of(k, row);
	const uint32_t *e = NULL;

	if (s->dir.lines == 0 || tsn_line_guess(&s->dir, tsn_directory_line(&s->dir, p.position), p.tag) == TSN_NO_ENTRY)
		return TSN_GROUP_NONE;
	while ((e = tsn_directory_next(&s->dir, &p, e)) != NULL)
		if (tsn_same_key(s, k, row, tsn_group_at(s, tsn_entry_group(e))))
			return tsn_entry_group(e);
	return TSN_GROUP_NONE;
}

/*
 * Doubles at first; then arrays are so large that growing costs nothing, and an eighth wastes less. Up to the budget; [n]
 * is beyond that where it was lowered since.
 */
static uint32_t
next_cap(const struct tsn_family *f, uint32_t n)
{
	uint32_t cap = f->store.cap;

	while (cap < n) {
		const uint32_t next = cap < MANY ? cap * 2 + (cap == 0) : cap + cap / 8;

		cap = cap < f->budget && next > f->budget ? f->budget : next;
	}
	return cap;
}

bool
tsn_family_room(struct tsn_family *f, uint32_t n)
{
	struct tsn_family_store *s = &f->store;
	const uint32_t cap = next_cap(f, n);
	uint8_t *groups;

	if (n <= s->cap)
		return true;
	for (uint32_t i = 0; i < f->def.naggs; i++)
		if (!tsn_agg_room(&f->agg[i], (uint64_t)cap * s->nparts))
			return false;
	groups = tsn_array_grow(s->groups, (size_t)s->cap * s->nparts * s->stride, (size_t)cap * s->nparts * s->stride);
	if (groups == NULL)
		return false;
	s->groups = groups;
	s->cap = cap;
	return true;
}

/* A new one; its key may still have to be put into the slab. */
static struct tsn_group
group_of(const struct tsn_keys *k, uint32_t row)
{
	return (struct tsn_group){ INT64_MIN, tsn_mask_has(&k->encoded, row) ? TSN_IN_SLAB : 0, k->tag[row] };
}

static uint32_t
make(struct tsn_family *f, const struct tsn_keys *k, uint32_t row, uint64_t seed)
{
	struct tsn_family_store *s = &f->store;
	const uint32_t part = tsn_own_part(s, k->hash[row]);
	struct tsn_group g = group_of(k, row);
	const struct tsn_place place = place_of(k, row);
	uint32_t number, next;

	if (!tsn_family_room(f, s->part[part].n + 1) || !tsn_directory_room(&s->dir, seed))
		return TSN_GROUP_NONE;
	if (tsn_in_slab(&g) && !tsn_slab_put(s, k->bytes + k->off[row], k->len[row], &g.key))
		return TSN_GROUP_NONE;
	number = tsn_number(s, part, s->part[part].n++);
	tsn_part_has(s, s->part[part].n);
	next = tsn_number(s, part, s->part[part].n);
	tsn_group_prefetch(s, next); /* the part's next one, where nobody was before */
	for (uint32_t i = 0; i < f->def.naggs; i++)
		tsn_agg_prefetch(&f->agg[i], next);
	*tsn_group_at(s, number) = g;
	for (uint32_t i = 0; i < f->def.naggs; i++)
		tsn_agg_open(&f->agg[i], number);
	tsn_directory_enter(&s->dir, &place, number);
	s->ngroups++;
	return number;
}

struct tsn_place
tsn_place_of(const struct tsn_group *g, const uint8_t *key, uint16_t len, uint64_t seed)
{
	uint32_t position;

	if (!tsn_in_slab(g))
		return (struct tsn_place){ tsn_position(tsn_hash_u64(g->key, seed)), g->key, 0 };
	position = tsn_position(tsn_hash_bytes(key, len, seed));
	return (struct tsn_place){ position, position, TSN_SLAB_ENTRY };
}

/* All windows of groups whose newest flow is older have passed at [now], which may be far away in either direction. */
static int64_t
passed_before(const struct tsn_family *f, int64_t now)
{
	int64_t limit;

	return __builtin_sub_overflow(now, f->span, &limit) ? INT64_MIN : limit;
}

/*
 * Who has the least of this gives way first: the order of S29. Equal ones go by number.
 *
 * The hand stops behind the place that is given away, so that a newcomer has a whole round to become more
 * active than others. Were it to go on by eight, the first of each eight alike would change hands and the others keep theirs.
 */
static uint32_t /* its place in the part */
victim(const struct tsn_family *f, uint32_t part, int64_t now)
{
	const struct tsn_family_store *s = &f->store;
	const uint32_t n = s->part[part].n, hand = s->part[part].hand, look = n < LOOK ? n : LOOK;
	const size_t step = (size_t)s->nparts * s->stride;
	const uint8_t *const first = (const uint8_t *)tsn_group_at(s, tsn_number(s, part, 0));
	const int64_t limit = passed_before(f, now);
	const uint8_t *at = first + hand * step;
	uint64_t least = UINT64_MAX;

	for (uint32_t i = 0, place = hand; i < look; i++, at += step, place++) {
		const struct tsn_group *g;
		uint64_t activity;

		if (place == n) {
			at = first;
			place = 0;
		}
		g = (const struct tsn_group *)at;
		activity = (uint64_t)(g->newest >= limit) << 63 | (uint64_t)tsn_group_flows(g) << 32 | place;
		least = activity < least ? activity : least;
	}
	return (uint32_t)least;
}

static struct tsn_place
place_of_group(const struct tsn_family_store *s, uint32_t number, uint64_t seed)
{
	const struct tsn_group *g = tsn_group_at(s, number);
	const uint8_t *key = NULL;
	uint16_t len = 0;

	if (tsn_in_slab(g))
		key = tsn_slab_key(&s->slab, g->key, &len);
	return tsn_place_of(g, key, len, seed);
}

/* Also fetches the groups that the next look will compare, but for those that the last one did. */
static void
move_hand(struct tsn_family_store *s, uint32_t part, uint32_t given)
{
	const size_t step = (size_t)s->nparts * s->stride;
	struct tsn_part *p = &s->part[part];
	const uint32_t was = p->hand, hand = given + 1 < p->n ? given + 1 : 0, from = hand > was ? was + LOOK : hand;
	const uint8_t *at = (const uint8_t *)tsn_group_at(s, tsn_number(s, part, from));

	p->hand = hand;
	for (uint32_t place = from; place < hand + LOOK; place++, at += step)
		tsn_prefetch(at);
}

/*
 * Of the part in which somebody gave way some time ago, so that those whom the hand points to have come, the one who is next as it looks
 * now: a key in the slab is fetched, since it says where the entry is. Inline, or it would be as if it did nothing.
 */
static inline __attribute__((always_inline)) void
fetch_next(struct tsn_family *f, uint32_t part, int64_t now)
{
	const struct tsn_family_store *s = &f->store;
	uint8_t *gave = &f->gave[f->ngave++ % TSN_LEAVING];
	const uint32_t before = *gave;

	*gave = (uint8_t)part;
	if (s->part[before].n == 0 || s->slab.live == 0)
		return;
	tsn_key_prefetch(s, tsn_number(s, before, victim(f, before, now)));
}

static void
leave_one(struct tsn_family *f, uint64_t seed)
{
	const struct tsn_leaving *l = &f->leaving[f->nleft++ % TSN_LEAVING];

	tsn_directory_leave(&f->store.dir, &l->place, l->group, seed);
}

/* Nobody knows long before whose entry it will be, so that one waits until its line has come; not where room for it is wanted. */
static void
leave(struct tsn_family *f, uint32_t number, uint64_t seed)
{
	const struct tsn_directory *d = &f->store.dir;
	struct tsn_leaving *l = &f->leaving[f->nleaving % TSN_LEAVING];
	const struct tsn_line *line;

	if (f->nleaving - f->nleft == TSN_LEAVING)
		leave_one(f, seed);
	f->nleaving++;
	*l = (struct tsn_leaving){ place_of_group(&f->store, number, seed), number };
	line = tsn_directory_line(d, l->place.position);
	tsn_prefetch(line);
	tsn_prefetch(line + 1); /* where it is full */
	if (d->lines < LARGE)
		leave_one(f, seed);
}

void
tsn_family_left(struct tsn_family *f, uint64_t seed)
{
	while (f->nleft != f->nleaving)
		leave_one(f, seed);
}

/* Gives the place [given] of the part to the key of [row], who comes for the one who goes: the directory needs no more room. */
static uint32_t
replace(struct tsn_family *f, const struct tsn_keys *k, uint32_t row, uint32_t part, uint32_t given, int64_t now, uint64_t seed)
{
	struct tsn_family_store *s = &f->store;
	const uint32_t number = tsn_number(s, part, given);
	struct tsn_group next = group_of(k, row), *g = tsn_group_at(s, number);
	const struct tsn_place place = place_of(k, row);

	if (tsn_in_slab(&next) && !tsn_slab_put(s, k->bytes + k->off[row], k->len[row], &next.key))
		return TSN_GROUP_NONE;
	for (uint32_t i = 0; i < f->def.naggs; i++)
		tsn_agg_prefetch(&f->agg[i], number);
	move_hand(s, part, given);
	fetch_next(f, part, now);
	leave(f, number, seed);
	if (tsn_in_slab(g))
		tsn_slab_drop(&s->slab, g->key);
	if (g->newest < passed_before(f, now)) {
		s->stats.recycled++;
		tsn_family_mark(f, tsn_marked_part(f, k->hash[row]), row, g->newest);
	} else {
		tsn_family_lost(f, tsn_marked_part(f, k->hash[row]), row, g->newest > now ? g->newest : now);
	}
	for (uint32_t i = 0; i < f->def.naggs; i++)
		tsn_agg_reset(&f->agg[i], number);
	*g = next;
	tsn_directory_enter(&s->dir, &place, number);
	return number;
}

__attribute__((noinline)) enum tsn_found
tsn_family_look(struct tsn_family *f, const struct tsn_keys *k, uint32_t row, bool count, bool first, const struct tsn_met *met,
    int64_t time, uint64_t seed, uint32_t *group)
{
	const struct tsn_family_store *s = &f->store;
	const uint32_t part = tsn_own_part(s, k->hash[row]);
	uint32_t given;

	*group = find(s, k, row);
	if (*group != TSN_GROUP_NONE || !count)
		return TSN_FOUND;
	if (s->part[part].n < f->budget) {
		tsn_family_left(f, seed); /* the directory must not grow for them */
		*group = make(f, k, row, seed);
	} else {
		if (!first && met == NULL)
			return TSN_WAIT;
		given = victim(f, part, time);
		if (!first && tsn_met_has(met, tsn_number(s, part, given)))
			return TSN_WAIT;
		*group = replace(f, k, row, part, given, time, seed);
	}
	return *group == TSN_GROUP_NONE ? TSN_NO_MEMORY : TSN_FOUND;
}

uint32_t
tsn_family_find(const struct tsn_family *f, const struct tsn_keys *k, uint32_t row, uint32_t guess)
{
	const struct tsn_family_store *s = &f->store;

	return guess != TSN_GROUP_NONE && tsn_same_key(s, k, row, tsn_group_at(s, guess)) ? guess : find(s, k, row);
}

bool
tsn_family_full(const struct tsn_family *f, const struct tsn_keys *k, uint32_t row)
{
	return f->store.part[tsn_own_part(&f->store, k->hash[row])].n >= f->budget;
}

uint32_t
tsn_family_add(struct tsn_family *f, const struct tsn_keys *k, uint32_t row, int64_t now, uint64_t seed)
{
	const uint32_t part = tsn_own_part(&f->store, k->hash[row]);
	uint32_t number;

	if (!tsn_family_full(f, k, row))
		return make(f, k, row, seed);
	number = replace(f, k, row, part, victim(f, part, now), now, seed);
	tsn_family_left(f, seed);
	return number;
}

void
tsn_family_ahead(const struct tsn_family *f, const struct tsn_keys *k, uint32_t row, enum tsn_ahead what)
{
	const struct tsn_family_store *s = &f->store;
	const uint32_t position = tsn_position(k->hash[row]);
	uint32_t number;

	if (s->dir.lines == 0)
		return;
	if (what == TSN_AHEAD_PLACE) {
		tsn_prefetch(tsn_directory_line(&s->dir, position));
		return;
	}
	number = tsn_line_guess(&s->dir, tsn_directory_line(&s->dir, position), k->tag[row]);
	if (number == TSN_GROUP_NONE)
		return;
	if (what == TSN_AHEAD_KEY) {
		tsn_key_prefetch(s, number);
		return;
	}
	tsn_group_prefetch(s, number);
	for (uint32_t i = 0; i < f->def.naggs; i++)
		tsn_agg_prefetch(&f->agg[i], number);
}

static bool
has_key(const struct tsn_family_store *s, const struct tsn_place *p, const uint8_t *key, uint16_t len)
{
	const uint32_t *e = NULL;
	const uint8_t *okey;
	uint16_t olen;

	while ((e = tsn_directory_next(&s->dir, p, e)) != NULL) {
		if (p->slab == 0)
			return true;
		okey = tsn_slab_key(&s->slab, tsn_group_at(s, tsn_entry_group(e))->key, &olen);
		if (olen == len && memcmp(okey, key, len) == 0)
			return true;
	}
	return false;
}

bool
tsn_family_enter(struct tsn_family *f, uint32_t number, const struct tsn_group *g, const uint8_t *key, uint16_t len,
    uint64_t seed)
{
	const struct tsn_place place = tsn_place_of(g, key, len, seed);
	struct tsn_family_store *s = &f->store;
	struct tsn_group next = *g;

	if (!tsn_directory_room(&s->dir, seed) || has_key(s, &place, key, len) ||
	    (tsn_in_slab(g) && !tsn_slab_put(s, key, len, &next.key)))
		return false;
	*tsn_group_at(s, number) = next;
	tsn_directory_enter(&s->dir, &place, number);
	s->ngroups++;
	return true;
}

void
tsn_family_fini(struct tsn_family *f)
{
	for (uint32_t i = 0; i < f->def.naggs; i++)
		tsn_agg_fini(&f->agg[i]);
	tsn_directory_fini(&f->store.dir);
	tsn_array_free(f->store.groups, tsn_numbers(&f->store) * f->store.stride);
	tsn_array_free(f->store.slab.mem, (size_t)f->store.slab.cap * TSN_SLAB_UNIT);
}
