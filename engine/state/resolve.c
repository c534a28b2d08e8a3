/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The groups of a batch's rows: guessed for all of them, so that the memory of each is under way long before its row comes, then found or made. */
#include "base/wide.h"
#include "state/guess.h"
#include "state/internal.h"

TSN_WIDE(static, void, lines_of, (const struct tsn_directory *d, const uint64_t *hash, uint32_t n, const struct tsn_line **line),
    (d, hash, n, line))
{
	const struct tsn_directory dir = *d;

	for (uint32_t i = 0; dir.next == NULL && i < n; i++)
		line[i] = dir.line + ((uint64_t)tsn_position(hash[i]) * dir.lines >> 32);
	for (uint32_t i = 0; dir.next != NULL && i < n; i++)
		line[i] = tsn_directory_line(&dir, tsn_position(hash[i]));
}

/* Of [n] > 0 entries; there is a directory. */
static void
guess_begin(struct tsn_guess *g, const struct tsn_family *f, const struct tsn_keys *k, const uint16_t *row, uint32_t n)
{
	const uint64_t *hash = &k->hash[row[0]];
	uint64_t hashes[TSN_BATCH_ROWS];

	g->dir = f->store.dir;
	g->large = g->dir.lines > TSN_GUESS_LARGE;
	g->tag = &k->tag[row[0]];
	if (!tsn_are_neighbours(row, n)) {
		for (uint32_t i = 0; i < n; i++) {
			hashes[i] = k->hash[row[i]];
			g->tags[i] = k->tag[row[i]];
		}
		hash = hashes;
		g->tag = g->tags;
	}
	lines_of(&g->dir, hash, n, g->line);
	for (uint32_t i = 0; i < n && i < TSN_FAR; i++)
		tsn_prefetch(g->line[i]); /* of many families each has few rows in a batch */
	for (uint32_t i = 0; i < TSN_FAR; i++)
		g->line[n + i] = g->line[n - 1];
}

/*
 * The first of two passes over a batch's keys, where rows do not go the short way of lean_short.c. Each pass fetches what the
 * next one meets, a whole batch ahead: the second finds the groups there, the first aggregate its cells.
 */
void
tsn_family_guess(const struct tsn_family *f, const struct tsn_keys *k, const uint16_t *row, uint32_t *group, uint32_t n)
{
	struct tsn_guess g;

	if (f->store.dir.lines == 0 || n == 0) {
		for (uint32_t i = 0; i < n; i++)
			group[i] = TSN_GROUP_NONE;
		return;
	}
	guess_begin(&g, f, k, row, n);
	for (uint32_t i = 0; i < n; i++) {
		group[i] = tsn_guess_at(&g, i);
		tsn_group_prefetch(&f->store, group[i]);
	}
}

/* Has every part room for so many groups more? */
static bool
have_room(const struct tsn_family *f, uint32_t more)
{
	return (uint64_t)f->store.fullest + more <= f->budget;
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

#define FETCHED 4u   /* aggregates whose cells are fetched as their groups are found */
#define KEY_AHEAD 8u /* entries: their groups have come, and say where their keys are */

/* The entry at which it ends. [trust]: what was guessed is so; [all]: all rows count. */
static inline __attribute__((always_inline)) uint32_t
resolve(struct tsn_family *f, const struct tsn_fold *x, uint32_t *group, uint32_t n, const struct common *c, bool trust, bool all,
    enum then then, enum tsn_found *found)
{
	const uint32_t ncells = f->def.naggs < FETCHED ? f->def.naggs : FETCHED;
	struct tsn_cells cells[FETCHED];
	const int64_t *time = x->batch->time;
	const uint16_t *rows = x->row;
	const bool long_keys = !trust && tsn_mask_any(&c->k->encoded);

	for (uint32_t k = 0; k < ncells; k++)
		cells[k] = *tsn_agg_cells(&f->agg[k]);
	for (uint32_t i = x->from; i < n; i++) {
		const uint32_t row = rows[i];
		const bool count = all || tsn_mask_has(c->counts, row);

		if (long_keys && i + KEY_AHEAD < n && group[i + KEY_AHEAD] != TSN_GROUP_NONE)
			tsn_key_prefetch(&f->store, group[i + KEY_AHEAD]);
		for (uint32_t k = 0; then == TOUCH && k < ncells; k++)
			tsn_cell_fetch(&cells[k], group[i]);
		if (group[i] == TSN_GROUP_NONE || (!trust && !tsn_same_key(&f->store, c->k, row, tsn_group_at(&f->store, group[i])))) {
			*found = tsn_family_look(f, c->k, row, count, i == x->from || c->alone, c->met, time[row], c->seed, &group[i]);
			if (*found != TSN_FOUND)
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

/* Addresses, by the directory, where it has nothing else. */
static bool
are_told_apart(const struct tsn_family *f, const struct tsn_keys *k)
{
	return f->store.slab.live == 0 && !tsn_mask_any(&k->encoded);
}

/* Can one pass do it all? Every row counts, what is guessed is so, and nobody gives way, whatever groups come. */
static bool
can_take_all(const struct tsn_family *f, const struct tsn_keys *k, const struct tsn_fold *x, struct tsn_agg *lean, uint32_t n)
{
	return x->from == 0 && x->all != 0 && f->store.dir.lines > 0 && are_told_apart(f, k) && have_room(f, n) &&
	    (lean == NULL || tsn_counts_reserve(lean, n));
}

#define NEW_AHEAD 8u /* keys that are new: their lines of the directory, which were met a batch ago */
#define BLOCK 32u /* groups guessed, then as many touched that have come meanwhile */

/* Guesses the groups of all rows, touches them and fetches their first cells. Returns how many entries have no group, in [none]. */
TSN_WIDE(static, uint32_t, touch_guessed, (const struct tsn_family *f, const struct tsn_fold *x, const struct tsn_guess *g, uint32_t *group,
    uint32_t n, uint16_t *none), (f, x, g, group, n, none))
{
	const struct tsn_cells cells = f->def.naggs > 0 ? *tsn_agg_cells(&f->agg[0]) : (struct tsn_cells){ .size = 1 };
	const uintptr_t groups = (uintptr_t)f->store.groups, stride = f->store.stride;
	const struct tsn_directory dir = g->dir;
	const int64_t *const time = x->batch->time;
	const uint16_t *const rows = x->row;
	const uint32_t *const tag = g->tag;
	uint32_t n_none = 0;

	for (uint32_t i = 0, next = 0; i < n;) {
		const uint32_t until = n - i < 2 * BLOCK ? n : i + 2 * BLOCK, end = n - i < BLOCK ? n : i + BLOCK;

		for (; next < until; next++) {
			tsn_guess_ahead(g, next);
			group[next] = tsn_line_guess(&dir, g->line[next], tag[next]);
			tsn_prefetch((const void *)(groups + group[next] * stride));
			tsn_cell_fetch(&cells, group[next]);
		}
		for (; i < end; i++) {
			if (group[i] == TSN_GROUP_NONE)
				none[n_none++] = (uint16_t)i;
			else
				tsn_group_touch((struct tsn_group *)(groups + group[i] * stride), time[rows[i]]);
		}
	}
	return n_none;
}

/* False: memory ran out at x->to; rows behind that one may have been counted. */
static bool
take_all(struct tsn_family *f, const struct tsn_keys *k, struct tsn_fold *x, uint32_t *group, uint32_t n, struct tsn_agg *lean, uint64_t seed)
{
	uint16_t none[TSN_BATCH_ROWS];
	struct tsn_guess g;
	uint32_t n_none, j = 0;

	x->to = n;
	x->counted = lean != NULL;
	guess_begin(&g, f, k, x->row, n);
	n_none = lean != NULL ? tsn_lean_guessed(lean, x, &g, group, none) : touch_guessed(f, x, &g, group, n, none);
	for (; j < n_none; j++) {
		const uint32_t i = none[j], row = x->row[i];

		if (j + NEW_AHEAD < n_none)
			tsn_prefetch(g.line[none[j + NEW_AHEAD]]);
		if (tsn_family_look(f, k, row, true, false, NULL, x->batch->time[row], seed, &group[i]) != TSN_FOUND) {
			x->to = i;
			break;
		}
		if (lean == NULL)
			tsn_group_touch(tsn_group_at(&f->store, group[i]), x->batch->time[row]);
	}
	if (lean != NULL)
		tsn_lean_found(lean, x, none, j);
	return j == n_none;
}

bool
tsn_family_resolve(struct tsn_family *f, const struct tsn_keys *k, const struct tsn_mask *counts,
    struct tsn_fold *x, uint32_t *group, uint32_t n, uint64_t seed)
{
	/* before a part is full nobody gives way, and who was met need not be known */
	const bool full = !have_room(f, 1), all = x->all != 0;
	const bool trust = !full && are_told_apart(f, k);
	struct tsn_agg *lean = tsn_lean_of(f);
	const struct common c = { .k = k, .counts = counts, .met = f->loose && full ? x->met : NULL, .lean = lean, .seed = seed,
		.alone = full && lean != NULL && f->def.naggs == 1 };
	enum tsn_found found = TSN_FOUND;

	if (can_take_all(f, k, x, lean, n))
		return take_all(f, k, x, group, n, lean, seed);
	if (x->from == 0)
		tsn_family_guess(f, k, x->row, group, n);
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
	tsn_family_left(f, seed);
	return found != TSN_NO_MEMORY;
}
