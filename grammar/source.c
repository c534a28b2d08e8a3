/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Texts of one compilation: copies, names, and where a byte stands. */
#include <string.h>

#include "base/buf.h"
#include "base/arena.h"
#include "base/mem.h"
#include "grammar/internal.h"

struct tsn_sources *
tsn_sources_new(void)
{
	struct tsn_sources *s = tsn_calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->arena = tsn_arena_new();
	if (s->arena == NULL) {
		tsn_free(s);
		return NULL;
	}
	return s;
}

void
tsn_sources_free(struct tsn_sources *s)
{
	if (s == NULL)
		return;
	tsn_arena_free(s->arena);
	tsn_free(s->v);
	tsn_free(s);
}

/* Where each line begins. */
static bool
find_lines(struct tsn_arena *arena, struct tsn_source *src)
{
	const char *end = src->text + src->len;
	size_t n = 1;

	for (const char *p = src->text; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		n++;
	src->line = tsn_arena_alloc(arena, n * sizeof(*src->line));
	if (src->line == NULL)
		return false;
	src->line[src->nlines++] = 0;
	for (const char *p = src->text; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		src->line[src->nlines++] = (size_t)(p + 1 - src->text);
	return true;
}

int
tsn_sources_add(struct tsn_sources *s, const char *name, const char *text, size_t len)
{
	struct tsn_source *v;
	char *copy = tsn_arena_alloc(s->arena, len + 1);
	char *label = tsn_arena_strdup(s->arena, name);

	v = tsn_grow(s->v, s->n, &s->cap, sizeof(*s->v));
	if (v == NULL)
		return -1;
	s->v = v;
	if (copy == NULL || label == NULL)
		return -1;
	if (len > 0)
		memcpy(copy, text, len);
	v[s->n] = (struct tsn_source){ .name = label, .text = copy, .len = len };
	if (!find_lines(s->arena, &v[s->n]))
		return -1;
	return (int)s->n++;
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
