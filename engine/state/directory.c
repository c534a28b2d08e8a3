/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "state/directory.h"

#include <string.h>

#include "base/prefetch.h"
#include "base/hash.h"
#include "base/mem.h"
#include "state/internal.h"

#define STEP 2u /* lines that move with each new key */
#define STEP_AHEAD 16u
#define STEPS 16u /* and with each batch */
#define PAGES 1024u /* lines whose pages come together */

static size_t
size_of(uint32_t lines)
{
	return (size_t)lines * sizeof(struct tsn_line);
}

/* Keys that so many lines hold before they grow. */
static uint64_t
limit(uint32_t lines)
{
	return (uint64_t)lines * TSN_LINE_ENTRIES * 3 / 4;
}

static uint32_t
next_size(uint32_t lines)
{
	return lines == 0 ? 1 : lines + (lines + 1) / 2;
}

static uint32_t
home(uint32_t position, uint32_t lines)
{
	return (uint32_t)((uint64_t)position * lines >> 32);
}

static uint32_t
position_of(uint32_t tag, uint32_t group, uint64_t seed)
{
	return group & TSN_SLAB_ENTRY ? tag : tsn_position(tsn_hash_u64(tag, seed));
}

static bool
is_full(const struct tsn_line *l)
{
	return l->group[TSN_LINE_ENTRIES - 1] != 0;
}

static uint32_t
used(const struct tsn_line *l)
{
	return (uint32_t)__builtin_ctz(tsn_line_same(l->group, 0) | 1u << TSN_LINE_ENTRIES);
}

static void
put(const struct tsn_directory *d, struct tsn_line *l, uint32_t tag, uint32_t group)
{
	uint32_t n;

	while ((n = used(l)) == TSN_LINE_ENTRIES)
		l = (struct tsn_line *)tsn_line_after(d, l);
	l->tag[n] = tag;
	l->group[n] = group;
}

/* --- growing --- */

/* Pages come when lines are about to move there, some at a time. */
static void
soon(const struct tsn_directory *d, uint64_t line)
{
	const uint64_t n = line < d->next_lines ? d->next_lines - line : 0;

	if (size_of(d->next_lines) >= TSN_ARRAY_SMALL && n > 0)
		tsn_map_soon(&d->next[line], (size_t)(n < PAGES ? n : PAGES) * sizeof(struct tsn_line));
}

/* Lines move in order, but so slowly that nothing but this foresees which come next and, half as far again, where they go. */
static inline void
fetch_ahead(const struct tsn_directory *d, uint32_t i)
{
	const uint64_t ahead = (uint64_t)i + STEP_AHEAD, to = ahead + ahead / 2;

	if (ahead >= d->lines)
		return;
	if (to % PAGES < 2) /* it goes by one and two */
		soon(d, to);
	tsn_prefetch(&d->line[ahead]);
	tsn_prefetch(&d->next[to]);
}

/*
 * Moves at least [n] lines, up to one that is not full: then no key from before it lies behind it. The first one to move stands
 * behind one that was not full either; if that is full by the end, what went past it is moved as well.
 */
static void
move_lines(struct tsn_directory *d, uint32_t n, uint64_t seed)
{
	bool full = false;

	for (; (d->moved < d->lines && n > 0) || full; d->moved++, n -= n > 0) {
		struct tsn_line *l = &d->line[(d->first + (uint64_t)d->moved) % d->lines];

		fetch_ahead(d, (uint32_t)(l - d->line));
		full = is_full(l);
		for (uint32_t i = 0; i < TSN_LINE_ENTRIES && l->group[i] != 0; i++)
			put(d, &d->next[home(position_of(l->tag[i], l->group[i], seed), d->next_lines)], l->tag[i], l->group[i]);
		memset(l, 0, sizeof(*l));
	}
	if (d->moved < d->lines)
		return;
	tsn_spare_give(d->spare, d->line, size_of(d->lines)); /* every line has been cleared */
	d->line = d->next;
	d->lines = d->next_lines;
	d->next = NULL;
	d->next_lines = d->first = d->moved = 0;
}

static bool
begin(struct tsn_directory *d)
{
	const uint32_t lines = next_size(d->lines);
	struct tsn_line *next = lines > UINT32_MAX / 2 ? NULL : tsn_spare_take(d->spare, size_of(lines));

	if (next == NULL)
		return false;
	if (d->lines == 0) {
		d->line = next;
		d->lines = lines;
		return true;
	}
	d->next = next;
	d->next_lines = lines;
	d->moved = 0;
	d->first = 0;
	soon(d, 0);
	while (is_full(&d->line[(d->first + d->lines - 1) % d->lines]))
		d->first++;
	return true;
}

bool
tsn_directory_room(struct tsn_directory *d, uint64_t seed)
{
	if (d->next == NULL && d->n + (uint64_t)1 > limit(d->lines) && !begin(d))
		return false;
	if (d->next != NULL)
		move_lines(d, STEP, seed);
	return true;
}

void
tsn_directory_settle(struct tsn_directory *d, uint64_t seed)
{
	if (d->next != NULL)
		move_lines(d, STEPS, seed);
}

/* --- keys --- */

static const struct tsn_line *
line_of(const uint32_t *e, const struct tsn_line *base, uint32_t *at)
{
	const size_t off = (size_t)((const uint8_t *)e - (const uint8_t *)base);

	*at = (uint32_t)(off % sizeof(*base) / sizeof(*e)) - TSN_LINE_ENTRIES;
	return base + off / sizeof(*base);
}

static struct tsn_line *
table_of(const struct tsn_directory *d, uint32_t position, uint32_t *lines)
{
	const struct tsn_line *l = tsn_directory_line(d, position);
	const bool old = l >= d->line && l < d->line + d->lines;

	*lines = old ? d->lines : d->next_lines;
	return old ? d->line : d->next;
}

const uint32_t *
tsn_directory_next(const struct tsn_directory *d, const struct tsn_place *p, const uint32_t *e)
{
	const struct tsn_line *l = tsn_directory_line(d, p->position);
	uint32_t bits, at, lines;

	if (e == NULL) {
		bits = tsn_line_tags(l, p->tag);
	} else {
		l = line_of(e, table_of(d, p->position, &lines), &at);
		bits = tsn_line_tags(l, p->tag) & ~((UINT32_C(2) << at) - 1);
	}
	for (;; l = tsn_line_after(d, l), bits = tsn_line_tags(l, p->tag)) {
		for (; bits != 0; bits &= bits - 1) {
			const uint32_t *g = &l->group[__builtin_ctz(bits)];

			if (*g != 0 && (*g & TSN_SLAB_ENTRY) == p->slab)
				return g;
		}
		if (!is_full(l))
			return NULL;
	}
}

void
tsn_directory_enter(struct tsn_directory *d, const struct tsn_place *p, uint32_t group)
{
	put(d, (struct tsn_line *)tsn_directory_line(d, p->position), p->tag, (group + 1) | p->slab);
	d->n++;
}

static inline uint32_t
after(uint32_t i, uint32_t lines)
{
	return i + 1 == lines ? 0 : i + 1;
}

/* How far line [to] lies behind line [from]. */
static uint32_t
behind(uint32_t from, uint32_t to, uint32_t lines)
{
	return to >= from ? to - from : to + lines - from;
}

/* An entry from one of the lines behind [i], as far as keys of its own could lie, that belongs there or before it. */
static bool
fetch(const struct tsn_line *line, uint32_t lines, uint32_t i, uint64_t seed, uint32_t *from, uint32_t *at)
{
	for (*from = after(i, lines); *from != i; *from = after(*from, lines)) {
		const struct tsn_line *l = &line[*from];

		for (*at = 0; *at < TSN_LINE_ENTRIES && l->group[*at] != 0; ++*at)
			if (behind(home(position_of(l->tag[*at], l->group[*at], seed), lines), *from, lines) >= behind(i, *from, lines))
				return true;
		if (!is_full(l))
			return false;
	}
	return false;
}

/* A line that was full and is not must not stand before keys that went past it: one of those comes into the gap, and so on. */
static struct tsn_line *
fill_gap(struct tsn_line *line, uint32_t lines, uint32_t i, uint32_t *at, uint64_t seed)
{
	for (uint32_t from, k; is_full(&line[i]) && fetch(line, lines, i, seed, &from, &k); i = from, *at = k) {
		line[i].tag[*at] = line[from].tag[k];
		line[i].group[*at] = line[from].group[k];
	}
	return &line[i];
}

void
tsn_directory_leave(struct tsn_directory *d, const struct tsn_place *p, uint32_t group, uint64_t seed)
{
	const uint32_t entry = (group + 1) | p->slab;
	struct tsn_line *l = (struct tsn_line *)tsn_directory_line(d, p->position), *line;
	uint32_t bits, at, last, lines;

	while ((bits = tsn_line_tags(l, p->tag) & tsn_line_same(l->group, entry)) == 0)
		l = (struct tsn_line *)tsn_line_after(d, l);
	at = (uint32_t)__builtin_ctz(bits);
	if (is_full(l)) {
		line = table_of(d, p->position, &lines);
		l = fill_gap(line, lines, (uint32_t)(l - line), &at, seed);
	}
	last = used(l) - 1;
	l->tag[at] = l->tag[last];
	l->group[at] = l->group[last];
	l->tag[last] = l->group[last] = 0;
	d->n--;
}

uint64_t
tsn_directory_bytes(const struct tsn_directory *d)
{
	return (d->line != NULL ? size_of(d->lines) : 0) + (d->next != NULL ? size_of(d->next_lines) : 0);
}

uint64_t
tsn_directory_most(uint64_t n, uint64_t *growing)
{
	uint32_t lines = next_size(0), before = 0;

	while (limit(lines) < n) {
		before = lines;
		lines = next_size(lines);
	}
	*growing = before != 0 ? size_of(before) : 0;
	return size_of(lines);
}

void
tsn_directory_fini(struct tsn_directory *d)
{
	if (d->line != NULL)
		tsn_spare_give(NULL, d->line, size_of(d->lines));
	if (d->next != NULL)
		tsn_spare_give(NULL, d->next, size_of(d->next_lines));
	*d = (struct tsn_directory){ .spare = d->spare };
}
