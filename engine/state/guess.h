/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The groups of a batch's entries as the directory's first look has them: nearly always right. What is met next is fetched as it
 * goes: the lines of entries that come, and the groups of those that were.
 */
#ifndef TSN_STATE_GUESS_H
#define TSN_STATE_GUESS_H

#include "base/prefetch.h"
#include "state/internal.h"

#define TSN_FAR 32u /* lines of the directory fetched ahead */
#define TSN_GUESS_LARGE (UINT32_C(1) << 16) /* lines of a directory of which most are in no cache */

/* By entry. */
struct tsn_guess {
	struct tsn_directory dir;
	const uint32_t *tag;  /* of the keys as they lie, where the rows are neighbours, else put together in [tags] */
	const struct tsn_line *line[TSN_BATCH_ROWS + TSN_FAR];
	uint32_t tags[TSN_BATCH_ROWS];
	bool large;
};

/* Before entry [i] is guessed. Of a line that is full the next one will be looked at, too, if not for this key then for another one that is new. */
static inline __attribute__((always_inline)) void
tsn_guess_ahead(const struct tsn_guess *g, size_t i)
{
	tsn_prefetch(g->line[i + TSN_FAR]);
	if (g->large) {
		const struct tsn_line *l = g->line[i + TSN_FAR / 2];

		tsn_prefetch(l + (l->group[TSN_LINE_ENTRIES - 1] != 0));
	}
}

/* The group of entry [i], or TSN_GROUP_NONE. */
static inline __attribute__((always_inline)) uint32_t
tsn_guess_at(const struct tsn_guess *g, uint32_t i)
{
	tsn_guess_ahead(g, i);
	return tsn_line_guess(&g->dir, g->line[i], g->tag[i]);
}

/* Is the group that of the row's key? */
static inline bool
tsn_same_key(const struct tsn_family_store *s, const struct tsn_keys *k, uint32_t row, const struct tsn_group *g)
{
	const uint8_t *key;
	uint16_t len;

	if (!tsn_mask_has(&k->encoded, row))
		return !tsn_in_slab(g) && g->key == k->tag[row];
	if (!tsn_in_slab(g))
		return false;
	key = tsn_slab_key(&s->slab, g->key, &len);
	return len == k->len[row] && tsn_same_bytes(key, k->bytes + k->off[row], len);
}

#endif
