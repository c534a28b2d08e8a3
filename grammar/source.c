/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Texts of one compilation: copies, those that others have already, names, and where a byte stands. */
#include <stdatomic.h>
#include <string.h>

#include "base/buf.h"
#include "base/arena.h"
#include "base/mem.h"
#include "grammar/internal.h"

struct tsn_sources *
tsn_sources_new(void)
{
	return tsn_calloc(1, sizeof(struct tsn_sources));
}

struct tsn_sources *
tsn_sources_hold(const struct tsn_sources *s)
{
	struct tsn_sources *held = (struct tsn_sources *)s;

	atomic_fetch_add_explicit(&held->others, 1, memory_order_relaxed);
	return held;
}

static void
let_go(struct tsn_source *src)
{
	struct tsn_arena *arena = src->arena;

	if (arena != NULL && atomic_fetch_sub_explicit(src->others, 1, memory_order_acq_rel) == 0)
		tsn_arena_free(arena);
}

void
tsn_sources_free(struct tsn_sources *s)
{
	/* what holders did before is seen by the last one, who takes it apart */
	if (s == NULL || atomic_fetch_sub_explicit(&s->others, 1, memory_order_acq_rel) > 0)
		return;
	for (size_t i = 0; i < s->n; i++)
		let_go(&s->v[i]);
	tsn_names_fini(&s->by_name);
	tsn_free(s->v);
	tsn_free(s);
}

void
tsn_sources_follow(struct tsn_sources *s, const struct tsn_sources *before)
{
	s->before = before;
}

/* Where each line begins. */
static bool
find_lines(struct tsn_source *src)
{
	const char *end = src->text + src->len;
	size_t n = 1;

	for (const char *p = src->text; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		n++;
	src->line = tsn_arena_alloc(src->arena, n * sizeof(*src->line));
	if (src->line == NULL)
		return false;
	src->line[src->nlines++] = 0;
	for (const char *p = src->text; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		src->line[src->nlines++] = (size_t)(p + 1 - src->text);
	return true;
}

static bool
has(const struct tsn_sources *s, size_t number)
{
	return s != NULL && number < s->n && s->v[number].arena != NULL;
}

/* The lowest number that nobody has, nor can be given to a source that is kept. */
static size_t
free_number(struct tsn_sources *s)
{
	while (has(s, s->next) || has(s->before, s->next))
		s->next++;
	return s->next;
}

/* Its number, or -1 when memory is out: then whoever calls still holds its arena. */
static int
put(struct tsn_sources *s, size_t number, const struct tsn_source *src)
{
	struct tsn_source *v = number > INT32_MAX ? NULL : tsn_reach(s->v, &s->room, (uint32_t)number, sizeof(*v));

	if (v == NULL)
		return -1;
	s->v = v;
	if (!tsn_names_add(&s->by_name, src->name, (uint32_t)number))
		return -1;
	v[number] = *src;
	v[number].order = s->added++;
	s->n = number < s->n ? s->n : number + 1;
	return (int)number;
}

static bool
copy_in(struct tsn_source *src, const char *name, const char *text, size_t len)
{
	char *copy = tsn_arena_alloc(src->arena, len + 1);

	src->others = tsn_arena_alloc(src->arena, sizeof(*src->others));
	src->name = tsn_arena_strdup(src->arena, name);
	if (copy == NULL || src->others == NULL || src->name == NULL)
		return false;
	atomic_init(src->others, 0);
	if (len > 0)
		memcpy(copy, text, len);
	src->text = copy;
	src->len = len;
	return find_lines(src);
}

int
tsn_sources_add(struct tsn_sources *s, const char *name, const char *text, size_t len)
{
	struct tsn_source src = { .arena = tsn_arena_new() };
	int number = -1;

	if (src.arena != NULL && copy_in(&src, name, text, len))
		number = put(s, free_number(s), &src);
	if (number < 0)
		tsn_arena_free(src.arena);
	return number;
}

int
tsn_sources_keep(struct tsn_sources *s, const char *name, const char *text, size_t len, bool expr)
{
	const uint32_t at = s->before == NULL ? TSN_NAMES_NONE : tsn_names_find(&s->before->by_name, name);
	const struct tsn_source *was = at == TSN_NAMES_NONE ? NULL : &s->before->v[at];
	int number;

	if (was == NULL || has(s, at) || !was->clean || was->tree == NULL || expr != (was->tree->kind != TSN_N_FILE) ||
	    was->len != len || memcmp(was->text, text, len) != 0)
		return -1;
	number = put(s, at, was);
	if (number < 0)
		return -1;
	atomic_fetch_add_explicit(was->others, 1, memory_order_relaxed);
	s->kept++;
	return number;
}

unsigned
tsn_source_line(const struct tsn_source *src, size_t offset, size_t *begin)
{
	size_t lo = 0, hi = src->nlines;

	while (hi - lo > 1) {
		const size_t mid = lo + (hi - lo) / 2;

		if (src->line[mid] <= offset)
			lo = mid;
		else
			hi = mid;
	}
	*begin = src->line[lo];
	return (unsigned)lo + 1;
}

void
tsn_source_locate(const struct tsn_source *src, size_t offset, unsigned *line, unsigned *column)
{
	size_t i, begin, step;

	if (offset > src->len)
		offset = src->len;
	*line = tsn_source_line(src, offset, &begin);
	*column = 1;
	for (i = begin; i < offset; i += step) {
		step = tsn_utf8_len(src->text + i, src->len - i);
		if (step == 0)
			step = 1; /* a byte that is no UTF-8 is shown as one character */
		(*column)++;
	}
}
