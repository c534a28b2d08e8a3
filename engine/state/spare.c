/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "state/spare.h"

#include "base/mem.h"
#include "state/cells.h"

#define UNIT ((size_t)64 << 10) /* whole pages, however large these are */

/* Only what lies in small pages; huge ones are few, and smaller ones are malloc's. */
static bool
is_kind(size_t bytes)
{
	return bytes >= TSN_ARRAY_SMALL && bytes < TSN_ARRAY_COPIED;
}

static size_t
whole(size_t bytes)
{
	return (bytes + UNIT - 1) / UNIT * UNIT;
}

/* The smallest that suffices, else the largest; TSN_SPARES: there is none. */
static uint32_t
best(const struct tsn_spare *s, size_t want)
{
	uint32_t at = TSN_SPARES;

	for (uint32_t i = 0; i < TSN_SPARES; i++) {
		const size_t n = s->bytes[i], had = at < TSN_SPARES ? s->bytes[at] : 0;

		if (n > 0 && (had < want ? n > had : n >= want && n < had))
			at = i;
	}
	return at;
}

void *
tsn_spare_take(struct tsn_spare *s, size_t bytes)
{
	const size_t want = whole(bytes);
	const uint32_t i = s == NULL || !is_kind(bytes) ? TSN_SPARES : best(s, want);
	void *p;

	if (!is_kind(bytes))
		return tsn_array_grow(NULL, 0, bytes);
	if (i == TSN_SPARES)
		return tsn_map_small(NULL, 0, want);
	if (s->bytes[i] >= want) {
		p = s->mem[i];
		s->mem[i] += want;
		s->bytes[i] -= want;
		s->all -= want;
		return p;
	}
	p = tsn_map_small(s->mem[i], s->bytes[i], want);
	if (p == NULL)
		return NULL;
	s->all -= s->bytes[i];
	s->bytes[i] = 0;
	return p;
}

static uint32_t
smallest(const struct tsn_spare *s)
{
	uint32_t at = 0;

	for (uint32_t i = 1; i < TSN_SPARES; i++)
		if (s->bytes[i] < s->bytes[at])
			at = i;
	return at;
}

void
tsn_spare_give(struct tsn_spare *s, void *p, size_t bytes)
{
	const uint32_t i = s == NULL ? 0 : smallest(s);
	const size_t size = whole(bytes), most = s == NULL ? 0 : TSN_SPARE_MOST / (s->nshards > 0 ? s->nshards : 1);

	if (!is_kind(bytes)) {
		tsn_array_free(p, bytes);
		return;
	}
	if (s == NULL || s->bytes[i] >= size || s->all - s->bytes[i] + size > most) {
		tsn_unmap_small(p, size);
		return;
	}
	if (s->bytes[i] > 0)
		tsn_unmap_small(s->mem[i], s->bytes[i]);
	s->all += size - s->bytes[i];
	s->mem[i] = p;
	s->bytes[i] = size;
}

void
tsn_spare_fini(struct tsn_spare *s)
{
	for (uint32_t i = 0; i < TSN_SPARES; i++)
		if (s->bytes[i] > 0)
			tsn_unmap_small(s->mem[i], s->bytes[i]);
	*s = (struct tsn_spare){ .all = 0 };
}
