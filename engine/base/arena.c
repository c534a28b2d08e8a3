/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define CHUNK_FIRST 4096u
#define CHUNK_MAX   (256u * 1024u)
#define CHUNK_HUGE  (2048u * 1024u)

/*
 * Chunks grow to CHUNK_MAX. Who fills that, too, gets huge pages: the kernel takes as long to find and clear one as to hand out
 * a hundred small ones, which hold a fifth of it.
 */
struct chunk {
	struct chunk *next;
	size_t used, size;
	bool mapped;
	_Alignas(16) unsigned char bytes[];
};

struct tsn_arena {
	struct chunk *chunks; /* newest first; only the newest is filled */
	size_t used, next_size;
};

struct tsn_arena *
tsn_arena_new(void)
{
	struct tsn_arena *a = tsn_calloc(1, sizeof(*a));

	if (a != NULL)
		a->next_size = CHUNK_FIRST;
	return a;
}

static void
chunk_free(struct chunk *c)
{
	if (c->mapped)
		tsn_unmap(c, sizeof(*c) + c->size);
	else
		tsn_free(c);
}

static void
chunks_free(struct chunk *c)
{
	for (struct chunk *next; c != NULL; c = next) {
		next = c->next;
		chunk_free(c);
	}
}

void
tsn_arena_free(struct tsn_arena *a)
{
	if (a == NULL)
		return;
	chunks_free(a->chunks);
	tsn_free(a);
}

void
tsn_arena_clear(struct tsn_arena *a)
{
	struct chunk *keep = a->chunks;

	if (keep == NULL)
		return;
	chunks_free(keep->next);
	keep->next = NULL;
	if (keep->size > CHUNK_MAX) {
		chunk_free(keep);
		a->chunks = NULL;
		a->next_size = CHUNK_FIRST;
	} else {
		memset(keep->bytes, 0, keep->used);
		keep->used = 0;
	}
	a->used = 0;
}

static struct chunk *
chunk_new(size_t size, bool mapped)
{
	struct chunk *c = mapped ? tsn_map(NULL, 0, sizeof(*c) + size) : tsn_calloc(1, sizeof(*c) + size);

	if (c == NULL)
		return NULL;
	c->size = size;
	c->mapped = mapped;
	return c;
}

static struct chunk *
chunk_add(struct tsn_arena *a, size_t want)
{
	const size_t size = want > a->next_size ? want : a->next_size;
	struct chunk *c;

	if (size > SIZE_MAX - CHUNK_HUGE)
		return NULL;
	c = chunk_new(size, a->next_size > CHUNK_MAX);
	if (c == NULL)
		return NULL;
	c->next = a->chunks;
	a->chunks = c;
	a->next_size = a->next_size < CHUNK_MAX ? a->next_size * 2 : CHUNK_HUGE - sizeof(*c);
	return c;
}

void *
tsn_arena_alloc(struct tsn_arena *a, size_t size)
{
	struct chunk *c = a->chunks;
	void *p;

	if (size > SIZE_MAX - 15)
		return NULL;
	size = (size + 15) & ~(size_t)15;
	if (c == NULL || c->size - c->used < size) {
		c = chunk_add(a, size);
		if (c == NULL)
			return NULL;
	}
	p = c->bytes + c->used;
	c->used += size;
	a->used += size;
	return p;
}

char *
tsn_arena_strndup(struct tsn_arena *a, const char *s, size_t n)
{
	char *p = tsn_arena_alloc(a, n + 1);

	if (p != NULL)
		memcpy(p, s, n);
	return p;
}

char *
tsn_arena_strdup(struct tsn_arena *a, const char *s)
{
	return tsn_arena_strndup(a, s, strlen(s));
}

size_t
tsn_arena_used(const struct tsn_arena *a)
{
	return a->used;
}
