/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "state/directory.h"

#include <string.h>

#include "base/hash.h"
#include "state/internal.h"

#define SPARE 4u /* lines behind the last, so that no key goes round to the first; the last one stays empty */
#define STEP 2u  /* lines that move with each new key */

static size_t
size_of(uint32_t lines)
{
	return ((size_t)lines + SPARE) * sizeof(struct tsn_line);
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
	uint32_t n = 0;

	while (n < TSN_LINE_ENTRIES && l->group[n] != 0)
		n++;
	return n;
}

static void
put(struct tsn_line *line, uint32_t lines, uint32_t position, uint32_t tag, uint32_t group)
{
	struct tsn_line *l = &line[home(position, lines)];
	uint32_t n;

	while (is_full(l))
		l++;
	n = used(l);
	l->tag[n] = tag;
	l->group[n] = group;
}

/* --- growing --- */

/*
 * Moves lines from [moved] on, at least [n], up to one that is not full: then no key from before it lies behind it.
 */
static void
move_lines(struct tsn_directory *d, uint32_t n, uint64_t seed)
{
	const uint32_t all = d->lines + SPARE;
	bool full = false;

	for (; d->moved < all && (n > 0 || full); d->moved++, n -= n > 0) {
		const struct tsn_line *l = &d->line[d->moved];

		full = is_full(l);
		for (uint32_t i = 0; i < TSN_LINE_ENTRIES && l->group[i] != 0; i++)
			put(d->next, d->next_lines, position_of(l->tag[i], l->group[i], seed), l->tag[i], l->group[i]);
	}
	if (d->moved < all)
		return;
	tsn_array_free(d->line, size_of(d->lines));
	d->line = d->next;
	d->lines = d->next_lines;
	d->next = NULL;
	d->next_lines = d->moved = 0;
}

static bool
begin(struct tsn_directory *d)
{
	const uint32_t lines = next_size(d->lines);
	struct tsn_line *next = lines > UINT32_MAX / 2 ? NULL : tsn_array_grow(NULL, 0, size_of(lines));

	if (next == NULL)
		return false;
	d->next = next;
	d->next_lines = lines;
	d->moved = 0;
	if (d->lines == 0) {
		d->line = next;
		d->lines = lines;
		d->next = NULL;
		d->next_lines = 0;
	}
	return true;
}

/* The last line must stay empty, for none to be looked for behind it. */
static bool
at_the_end(const struct tsn_directory *d)
{
	return d->line[d->lines + SPARE - 1].group[0] != 0 || (d->next != NULL && d->next[d->next_lines + SPARE - 1].group[0] != 0);
}

bool
tsn_directory_room(struct tsn_directory *d, uint64_t seed)
{
	if (d->next == NULL && d->n + (uint64_t)1 > limit(d->lines) && !begin(d))
		return false;
	if (d->next != NULL)
		move_lines(d, STEP, seed);
	while (at_the_end(d)) {
		if (d->next == NULL && !begin(d))
			return false;
		if (d->next != NULL)
			move_lines(d, UINT32_MAX, seed);
	}
	return true;
}

/* --- keys --- */

const uint32_t *
tsn_directory_next(const struct tsn_directory *d, const struct tsn_place *p, const uint32_t *e)
{
	const struct tsn_line *l = tsn_directory_line(d, p->position);
	uint32_t bits = tsn_line_tags(l, p->tag);

	if (e != NULL) {
		const uint32_t at = (uint32_t)((const uint8_t *)e - (const uint8_t *)l) % sizeof(*l) / sizeof(*e) - TSN_LINE_ENTRIES;

		l += (size_t)((const uint8_t *)e - (const uint8_t *)l) / sizeof(*l);
		bits = tsn_line_tags(l, p->tag) & ~((UINT32_C(2) << at) - 1);
	}
	for (;; bits = tsn_line_tags(++l, p->tag)) {
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
	if (home(p->position, d->lines) >= d->moved)
		put(d->line, d->lines, p->position, p->tag, (group + 1) | p->slab);
	else
		put(d->next, d->next_lines, p->position, p->tag, (group + 1) | p->slab);
	d->n++;
}

/* An entry from one of the lines behind [i], as far as keys of its own could lie, that belongs there or before it. */
static bool
fetch(struct tsn_line *line, uint32_t lines, uint32_t i, uint64_t seed, uint32_t *from, uint32_t *at)
{
	for (*from = i + 1;; ++*from) {
		const struct tsn_line *l = &line[*from];

		for (*at = 0; *at < TSN_LINE_ENTRIES && l->group[*at] != 0; ++*at)
			if (home(position_of(l->tag[*at], l->group[*at], seed), lines) <= i)
				return true;
		if (!is_full(l))
			return false;
	}
}

/* A line that was full and is not must not stand before keys that went past it: one of those comes into the gap, and so on. */
static void
take_out(struct tsn_line *line, uint32_t lines, uint32_t i, uint32_t at, uint64_t seed)
{
	for (uint32_t from, k;; i = from, at = k) {
		struct tsn_line *l = &line[i];
		const uint32_t last = used(l) - 1;

		if (!is_full(l) || !fetch(line, lines, i, seed, &from, &k)) {
			l->tag[at] = l->tag[last];
			l->group[at] = l->group[last];
			l->tag[last] = l->group[last] = 0;
			return;
		}
		l->tag[at] = line[from].tag[k];
		l->group[at] = line[from].group[k];
	}
}

void
tsn_directory_leave(struct tsn_directory *d, const struct tsn_place *p, uint32_t group, uint64_t seed)
{
	const bool old = home(p->position, d->lines) >= d->moved;
	struct tsn_line *line = old ? d->line : d->next;
	const uint32_t lines = old ? d->lines : d->next_lines;
	const uint32_t *e = tsn_directory_next(d, p, NULL);
	size_t off;

	while (tsn_entry_group(e) != group)
		e = tsn_directory_next(d, p, e);
	off = (size_t)((const uint8_t *)e - (const uint8_t *)line);
	take_out(line, lines, (uint32_t)(off / sizeof(*line)), (uint32_t)(off % sizeof(*line) / sizeof(*e)) - TSN_LINE_ENTRIES, seed);
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
		tsn_array_free(d->line, size_of(d->lines));
	if (d->next != NULL)
		tsn_array_free(d->next, size_of(d->next_lines));
	*d = (struct tsn_directory){ 0 };
}
