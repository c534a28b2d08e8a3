/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The groups of a family: finding, making and replacing them. Sixty-four parts
 * by key hash have a budget each, so that what is replaced does not depend on how
 * many threads share the parts.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "base/wide.h"
#include "state/internal.h"

#define MANY 1024u
#define LOOK 8u /* groups compared before one is replaced */
#define LARGE 64u /* lines of a directory that has room for entries on their way out, however full it is */

enum found { FOUND, WAIT, NO_MEMORY };

static inline bool
same_key(const struct tsn_family_store *s, const struct tsn_keys *k, uint32_t row,
    const struct tsn_group *g)
{
	const uint8_t *key;
	uint16_t len;

	if (!tsn_mask_has(&k->encoded, row))
		return !g->in_slab && g->key == k->tag[row];
	if (!g->in_slab)
		return false;
	key = tsn_slab_key(&s->slab, g->key, &len);
	return len == k->len[row] && memcmp(key, k->bytes + k->off[row], len) == 0;
}

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
		if (same_key(s, k, row, tsn_group_at(s, tsn_entry_group(e))))
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

static uint32_t
make(struct tsn_family *f, const struct tsn_keys *k, uint32_t row, uint64_t seed)
{
	struct tsn_family_store *s = &f->store;
	const uint32_t part = tsn_own_part(s, k->hash[row]);
	struct tsn_group g = { .newest = INT64_MIN, .key = k->tag[row] };
	const struct tsn_place place = place_of(k, row);
	uint32_t number, next;

	if (!tsn_family_room(f, s->part[part].n + 1) || !tsn_directory_room(&s->dir, seed))
		return TSN_GROUP_NONE;
	g.in_slab = tsn_mask_has(&k->encoded, row);
	if (g.in_slab && !tsn_slab_put(s, k->bytes + k->off[row], k->len[row], &g.key))
		return TSN_GROUP_NONE;
	number = tsn_number(s, part, s->part[part].n++);
	next = tsn_number(s, part, s->part[part].n);
	tsn_group_prefetch(s, next); /* the part's next one, where nobody was before */
	for (uint32_t i = 0; i < f->def.naggs; i++)
		tsn_agg_prefetch(&f->agg[i], next);
	*tsn_group_at(s, number) = g;
	tsn_directory_enter(&s->dir, &place, number);
	s->ngroups++;
	return number;
}

struct tsn_place
tsn_place_of(const struct tsn_group *g, const uint8_t *key, uint16_t len, uint64_t seed)
{
	uint32_t position;

	if (!g->in_slab)
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
		activity = (uint64_t)(g->newest >= limit) << 63 | (uint64_t)g->flows << 32 | place;
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

	if (g->in_slab)
		key = tsn_slab_key(&s->slab, g->key, &len);
	return tsn_place_of(g, key, len, seed);
}

/* Also fetches the groups that the next look will compare. */
static void
move_hand(struct tsn_family_store *s, uint32_t part, uint32_t given)
{
	const size_t step = (size_t)s->nparts * s->stride;
	struct tsn_part *p = &s->part[part];
	const uint8_t *at;

	p->hand = given + 1 < p->n ? given + 1 : 0;
	at = (const uint8_t *)tsn_group_at(s, tsn_number(s, part, p->hand));
	for (uint32_t i = 0; i < LOOK; i++, at += step)
		__builtin_prefetch(at, 1);
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
	__builtin_prefetch(line, 1);
	__builtin_prefetch(line + 1, 1); /* where it is full */
	if (d->lines < LARGE)
		leave_one(f, seed);
}

static void
leave_all(struct tsn_family *f, uint64_t seed)
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
	struct tsn_group next = { .newest = INT64_MIN, .key = k->tag[row] }, *g = tsn_group_at(s, number);
	const struct tsn_place place = place_of(k, row);

	next.in_slab = place.slab != 0;
	if (next.in_slab && !tsn_slab_put(s, k->bytes + k->off[row], k->len[row], &next.key))
		return TSN_GROUP_NONE;
	for (uint32_t i = 0; i < f->def.naggs; i++)
		tsn_agg_prefetch(&f->agg[i], number);
	move_hand(s, part, given);
	leave(f, number, seed);
	if (g->in_slab)
		tsn_slab_drop(&s->slab, g->key);
	if (g->newest < passed_before(f, now))
		s->stats.recycled++;
	else
		tsn_family_lost(f, tsn_marked_part(f, k->hash[row]), row);
	for (uint32_t i = 0; i < f->def.naggs; i++)
		tsn_agg_reset(&f->agg[i], number);
	*g = next;
	tsn_directory_enter(&s->dir, &place, number);
	return number;
}

TSN_WIDE(static, void, lines_of, (const struct tsn_directory *d, const uint64_t *hash, uint32_t n, const struct tsn_line **line),
    (d, hash, n, line))
{
	const struct tsn_directory dir = *d;

	for (uint32_t i = 0; i < n; i++)
		line[i] = tsn_directory_line(&dir, tsn_position(hash[i]));
}

/* What of [k] goes with entries: as it lies there where their rows are neighbours, else put together. */
struct entries {
	const uint64_t *hash;
	const uint32_t *tag;
	uint64_t hashes[TSN_BATCH_ROWS];
	uint32_t tags[TSN_BATCH_ROWS];
};

static void
entries_of(struct entries *e, const struct tsn_keys *k, const uint16_t *row, uint32_t n)
{
	e->hash = &k->hash[row[0]];
	e->tag = &k->tag[row[0]];
	if (tsn_are_neighbours(row, n))
		return;
	for (uint32_t i = 0; i < n; i++) {
		e->hashes[i] = k->hash[row[i]];
		e->tags[i] = k->tag[row[i]];
	}
	e->hash = e->hashes;
	e->tag = e->tags;
}

/*
 * The first of two passes over a batch's keys: the group of the first entry with the key's tag, which is nearly always
 * right. Each pass fetches what the next one meets, a whole batch ahead: the second finds the groups there, the first
 * aggregate its cells.
 */
void
tsn_family_guess(const struct tsn_family *f, const struct tsn_keys *k, const uint16_t *row, uint32_t *group, uint32_t n)
{
	const struct tsn_directory dir = f->store.dir;
	const struct tsn_line *line[TSN_BATCH_ROWS + TSN_FAR];
	struct entries e;

	if (dir.lines == 0 || n == 0) {
		for (uint32_t i = 0; i < n; i++)
			group[i] = TSN_GROUP_NONE;
		return;
	}
	entries_of(&e, k, row, n);
	lines_of(&dir, e.hash, n, line);
	for (uint32_t i = 0; i < TSN_FAR; i++)
		line[n + i] = line[n - 1];
	for (uint32_t i = 0; i < n; i++) {
		__builtin_prefetch(line[i + TSN_FAR]);
		group[i] = tsn_line_guess(&dir, line[i], e.tag[i]);
		tsn_group_prefetch(&f->store, group[i]);
	}
}

/*
 * The group of a row whose guess was wrong: found all the same or, for a row that counts, made. [met]: of the segment, NULL
 * where it is not known who was met, or matters not.
 */
static __attribute__((noinline)) enum found
look(struct tsn_family *f, const struct tsn_keys *k, uint32_t row, bool count, bool first, const struct tsn_met *met,
    int64_t time, uint64_t seed, uint32_t *group)
{
	const struct tsn_family_store *s = &f->store;
	const uint32_t part = tsn_own_part(s, k->hash[row]);
	uint32_t given;

	*group = find(s, k, row);
	if (*group != TSN_GROUP_NONE || !count)
		return FOUND;
	if (s->part[part].n < f->budget) {
		leave_all(f, seed); /* the directory must not grow for them */
		*group = make(f, k, row, seed);
	} else {
		if (!first && met == NULL)
			return WAIT;
		given = victim(f, part, time);
		if (!first && tsn_met_has(met, tsn_number(s, part, given)))
			return WAIT;
		*group = replace(f, k, row, part, given, time, seed);
	}
	return *group == TSN_GROUP_NONE ? NO_MEMORY : FOUND;
}

static bool
any_full(const struct tsn_family *f)
{
	bool full = false;

	for (uint32_t p = 0; p < f->store.nparts; p++)
		full = full || f->store.part[p].n >= f->budget;
	return full;
}

/* What a segment's rows have in common. */
struct common {
	const struct tsn_keys *k;
	const struct tsn_mask *counts;
	struct tsn_met *met;
	struct tsn_agg *lean;
	uint64_t seed;
	bool alone;          /* nothing of earlier rows waits to be folded */
};

/* What is done with a group that was found: nothing yet, it is touched, or the row is folded into the lean count, and so touched. */
enum then { FIND, TOUCH, COUNT };

/* The entry at which it ends. [trust]: what was guessed is so; [all]: all rows count. */
static inline __attribute__((always_inline)) uint32_t
resolve(struct tsn_family *f, const struct tsn_fold *x, uint32_t *group, uint32_t n, const struct common *c, bool trust, bool all,
    enum then then, enum found *found)
{
	const struct tsn_cells cells = f->def.naggs > 0 ? *tsn_agg_cells(&f->agg[0]) : (struct tsn_cells){ .size = 1 };
	const int64_t *time = x->batch->time;
	const uint16_t *rows = x->row;

	for (uint32_t i = x->from; i < n; i++) {
		const uint32_t row = rows[i];
		const bool count = all || tsn_mask_has(c->counts, row);

		if (then == TOUCH)
			tsn_cell_prefetch(&cells, group[i]);
		if (group[i] == TSN_GROUP_NONE || (!trust && !same_key(&f->store, c->k, row, tsn_group_at(&f->store, group[i])))) {
			*found = look(f, c->k, row, count, i == x->from || c->alone, c->met, time[row], c->seed, &group[i]);
			if (*found != FOUND)
				return i;
		}
		if (then == COUNT)
			tsn_lean_row(c->lean, x, group[i], row, count);
		else if (then == TOUCH && count)
			tsn_group_touch(tsn_group_at(&f->store, group[i]), time[row]);
		if (!trust && c->met != NULL)
			tsn_met_add(c->met, group[i]);
	}
	return n;
}

bool
tsn_family_resolve(struct tsn_family *f, const struct tsn_keys *k, const struct tsn_mask *counts,
    struct tsn_fold *x, uint32_t *group, uint32_t n, uint64_t seed)
{
	/* before a part is full nobody gives way, and who was met need not be known */
	const bool full = any_full(f), all = x->all != 0;
	/* addresses are told apart by the directory, where it has nothing else */
	const bool trust = !full && f->store.slab.live == 0 && !tsn_mask_any(&k->encoded);
	struct tsn_agg *lean = tsn_lean_of(f);
	const struct common c = { .k = k, .counts = counts, .met = f->loose && full ? x->met : NULL, .lean = lean, .seed = seed,
		.alone = full && lean != NULL && f->def.naggs == 1 };
	enum found found = FOUND;

	if (c.met != NULL)
		tsn_met_begin(c.met);
	x->counted = full && c.lean != NULL;
	if (x->counted && !tsn_counts_reserve(c.lean, n - x->from)) {
		x->to = x->from;
		return false;
	}
	if (x->counted)
		x->to = resolve(f, x, group, n, &c, false, false, COUNT, &found);
	else if (c.lean != NULL && trust)
		x->to = resolve(f, x, group, n, &c, true, all, FIND, &found);
	else if (c.lean != NULL)
		x->to = resolve(f, x, group, n, &c, false, all, FIND, &found);
	else if (trust)
		x->to = resolve(f, x, group, n, &c, true, all, TOUCH, &found);
	else
		x->to = resolve(f, x, group, n, &c, false, false, TOUCH, &found);
	leave_all(f, seed);
	return found != NO_MEMORY;
}

uint32_t
tsn_family_find(const struct tsn_family *f, const struct tsn_keys *k, uint32_t row, uint32_t guess)
{
	const struct tsn_family_store *s = &f->store;

	return guess != TSN_GROUP_NONE && same_key(s, k, row, tsn_group_at(s, guess)) ? guess : find(s, k, row);
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
	leave_all(f, seed);
	return number;
}

void
tsn_family_ahead(const struct tsn_family *f, const struct tsn_keys *k, uint32_t row, bool group)
{
	const struct tsn_family_store *s = &f->store;
	const uint32_t position = tsn_position(k->hash[row]);
	uint32_t number;

	if (s->dir.lines == 0)
		return;
	if (!group) {
		__builtin_prefetch(tsn_directory_line(&s->dir, position));
		return;
	}
	number = tsn_line_guess(&s->dir, tsn_directory_line(&s->dir, position), k->tag[row]);
	if (number == TSN_GROUP_NONE)
		return;
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
	    (g->in_slab && !tsn_slab_put(s, key, len, &next.key)))
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
