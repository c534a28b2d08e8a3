/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Where the group of a key is. The directory is made of lines of eight entries, one line of the cache each: a key's position
 * (32 bits of its hash) names its line, and where that is full the key is in the next one that is not, round to the first. An entry holds what tells keys apart
 * without looking at the group: the IPv4 address itself, or the position of a key that lies in the slab.
 *
 * It grows by half when it is three quarters full: a new one is made, and with each key that comes a few lines move over, in
 * order of position, so that no key waits for all the others.
 */
#ifndef TSN_STATE_DIRECTORY_H
#define TSN_STATE_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "state/spare.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define TSN_LINE_ENTRIES 8u
#define TSN_NO_ENTRY UINT32_MAX
#define TSN_SLAB_ENTRY (UINT32_C(1) << 31) /* of [group]: the key is in the slab; so numbers have 31 bits less one */

struct tsn_line {
	uint32_t tag[TSN_LINE_ENTRIES];
	uint32_t group[TSN_LINE_ENTRIES]; /* number + 1; 0: none, nor behind it */
};

struct tsn_directory {
	struct tsn_line *line, *next;    /* next: while it grows */
	uint32_t lines, next_lines;
	uint32_t first, moved;           /* keys of so many lines, from that one on, are in [next] */
	uint32_t n;
	struct tsn_spare *spare;         /* where its memory comes from; may be NULL */
};

/* A key's place in it. [slab]: TSN_SLAB_ENTRY or 0. */
struct tsn_place {
	uint32_t position, tag, slab;
};

static inline uint32_t
tsn_position(uint64_t hash)
{
	return (uint32_t)(hash >> 26); /* below the six bits that are the part's */
}

/* Where keys with that position begin to be looked for. No branch: while it grows nobody can guess which table it is. */
static inline __attribute__((always_inline)) const struct tsn_line *
tsn_directory_line(const struct tsn_directory *d, uint32_t position)
{
	const uint64_t at = (uint64_t)position * d->lines >> 32, then = (uint64_t)position * d->next_lines >> 32;
	const uint64_t past = at - d->first + (at < d->first ? d->lines : 0);
	const uintptr_t now = (uintptr_t)d->line + at * sizeof(struct tsn_line), next = (uintptr_t)d->next + then * sizeof(struct tsn_line);

	return (const struct tsn_line *)(past < d->moved ? next : now);
}

static inline const struct tsn_line *
tsn_line_after(const struct tsn_directory *d, const struct tsn_line *l)
{
	if (++l == d->line + d->lines)
		return d->line;
	return d->next != NULL && l == d->next + d->next_lines ? d->next : l;
}

/* Which of a line's tags, or of its groups, are [v], one bit each; compilers do not find this. */
static inline uint32_t
tsn_line_same(const uint32_t v8[TSN_LINE_ENTRIES], uint32_t v)
{
#ifdef __SSE2__
	const __m128i t = _mm_set1_epi32((int)v);
	const __m128i a = _mm_cmpeq_epi32(_mm_load_si128((const __m128i *)&v8[0]), t);
	const __m128i b = _mm_cmpeq_epi32(_mm_load_si128((const __m128i *)&v8[4]), t);

	return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(_mm_packs_epi32(a, b), _mm_setzero_si128()));
#else
	uint32_t bits = 0;

	for (uint32_t i = 0; i < TSN_LINE_ENTRIES; i++)
		bits |= (uint32_t)(v8[i] == v) << i;
	return bits;
#endif
}

static inline uint32_t
tsn_line_tags(const struct tsn_line *l, uint32_t tag)
{
	return tsn_line_same(l->tag, tag);
}

/*
 * The group of the first entry with the tag, or TSN_NO_ENTRY: right but for a key in the slab that has another's position, or an
 * address that is one.
 */
static inline uint32_t
tsn_line_guess(const struct tsn_directory *d, const struct tsn_line *l, uint32_t tag)
{
	uint32_t bits = tsn_line_tags(l, tag);

	while (__builtin_expect(bits == 0 && l->group[TSN_LINE_ENTRIES - 1] != 0, 0)) {
		l = tsn_line_after(d, l);
		bits = tsn_line_tags(l, tag);
	}
	return bits == 0 ? TSN_NO_ENTRY : (l->group[__builtin_ctz(bits)] & ~TSN_SLAB_ENTRY) - 1;
}

/* The entries of a place one by one: the first, or the one after [e]; NULL: no more. */
const uint32_t *tsn_directory_next(const struct tsn_directory *d, const struct tsn_place *p, const uint32_t *e);
static inline uint32_t
tsn_entry_group(const uint32_t *e)
{
	return (*e & ~TSN_SLAB_ENTRY) - 1;
}

/* Room for one more key; false: memory is out. [seed]: of addresses' hashes. */
bool tsn_directory_room(struct tsn_directory *d, uint64_t seed);
/* Where it grows, some lines move without a key that comes, so that it does not stay half grown where none does. */
void tsn_directory_settle(struct tsn_directory *d, uint64_t seed);
/* After that, one; it is not there. */
void tsn_directory_enter(struct tsn_directory *d, const struct tsn_place *p, uint32_t group);
/* The one that is there goes. */
void tsn_directory_leave(struct tsn_directory *d, const struct tsn_place *p, uint32_t group, uint64_t seed);
uint64_t tsn_directory_bytes(const struct tsn_directory *d);
/* At most, with [n] keys; and of these, while it grows. */
uint64_t tsn_directory_most(uint64_t n, uint64_t *growing);
void tsn_directory_fini(struct tsn_directory *d);

#endif
