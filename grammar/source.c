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
	return (int)s->n++;
}

void
tsn_source_locate(const struct tsn_source *src, size_t offset, unsigned *line, unsigned *column)
{
	size_t i, begin = 0, step;

	if (offset > src->len)
		offset = src->len;
	*line = 1;
	*column = 1;
	for (i = 0; i < offset; i++) {
		if (src->text[i] == '\n') {
			(*line)++;
			begin = i + 1;
		}
	}
	for (i = begin; i < offset; i += step) {
		step = tsn_utf8_len(src->text + i, src->len - i);
		if (step == 0)
			step = 1; /* a byte that is no UTF-8 is shown as one character */
		(*column)++;
	}
}
