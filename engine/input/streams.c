/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "input/streams.h"

#include "base/hash.h"
#include "base/mem.h"

struct stream {
	uint64_t hi, lo;
	uint32_t id; /* port, IPv4 or not, and a bit that says the slot is used */
};

struct tsn_streams {
	struct stream *slot;
	uint32_t n, max, cap; /* cap: a power of two, at least twice n */
};

struct tsn_streams *
tsn_streams_new(uint32_t max)
{
	struct tsn_streams *s = tsn_calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->max = max;
	s->cap = 64;
	s->slot = tsn_calloc(s->cap, sizeof(*s->slot));
	if (s->slot == NULL) {
		tsn_free(s);
		return NULL;
	}
	return s;
}

void
tsn_streams_free(struct tsn_streams *s)
{
	if (s != NULL)
		tsn_free(s->slot);
	tsn_free(s);
}

/* The stream's slot, or the free one where it belongs. */
static struct stream *
probe(const struct tsn_streams *s, struct tsn_addr src, uint16_t port, uint32_t *id)
{
	uint64_t h;

	*id = (uint32_t)port << 2 | 2 | src.v4;
	h = tsn_hash_join(tsn_hash_join(src.hi, src.lo), *id);
	for (uint32_t i = (uint32_t)h & (s->cap - 1);; i = (i + 1) & (s->cap - 1)) {
		struct stream *at = &s->slot[i];

		if (at->id == 0 || (at->id == *id && at->lo == src.lo && at->hi == src.hi))
			return at;
	}
}

bool
tsn_streams_has(const struct tsn_streams *s, struct tsn_addr src, uint16_t port)
{
	uint32_t id;

	return probe(s, src, port, &id)->id != 0;
}

static bool
grow(struct tsn_streams *s)
{
	struct tsn_streams bigger = { .n = s->n, .max = s->max, .cap = s->cap * 2 };
	uint32_t id;

	bigger.slot = tsn_calloc(bigger.cap, sizeof(*bigger.slot));
	if (bigger.slot == NULL)
		return false;
	for (uint32_t i = 0; i < s->cap; i++) {
		const struct stream *from = &s->slot[i];

		if (from->id != 0)
			*probe(&bigger, (struct tsn_addr){ from->hi, from->lo, from->id & 1 }, (uint16_t)(from->id >> 2), &id) = *from;
	}
	tsn_free(s->slot);
	*s = bigger;
	return true;
}

bool
tsn_streams_add(struct tsn_streams *s, struct tsn_addr src, uint16_t port)
{
	uint32_t id;
	struct stream *at = probe(s, src, port, &id);

	if (at->id != 0)
		return true;
	if (s->n >= s->max)
		return false;
	if (s->n >= s->cap / 2) {
		if (!grow(s))
			return false;
		at = probe(s, src, port, &id);
	}
	*at = (struct stream){ src.hi, src.lo, id };
	s->n++;
	return true;
}
