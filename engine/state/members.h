/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The different members of one window: exactly, up to 256 of them, each with the latest pane it was seen in; from the 257th
 * on as a sketch (hll.h), until it is freed. A few lie in place, in what is left of the line of a group's cell; more of them, or the
 * registers of a sketch, in memory of their own. Zero bytes are the empty set. Knows nothing of groups.
 *
 * A pane goes by the low byte of its number, its stamp. Who calls knows which is the newest, and how many there are.
 */
#ifndef TSN_STATE_MEMBERS_H
#define TSN_STATE_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/pack.h"
#include "state/hll.h"
#include "state/kept.h"

#define TSN_MEMBERS_EXACT 256
#define TSN_MEMBERS_ERROR 0.02f /* of a sketch, relative: a standard error of 1.6 %, and what is left of the bias */
#define TSN_MEMBERS_FEW 5u
#define TSN_MEMBERS_SKETCH 11u /* size of one */
#define TSN_MEMBERS_LANES 16u

struct tsn_members_block;

struct tsn_members {
	struct tsn_kept kept;
	uint8_t size;                             /* 0: few; up to that of a sketch a row of a table */
	union {
		uint8_t taken;                    /* few: which places are, by bits: only those in the window */
		uint8_t swept;                    /* more: [newest] when those that were gone were last swept out */
	};
	union {
		struct {
			uint8_t stamp[TSN_MEMBERS_FEW];
			uint8_t n;
		} few;
		struct {
			uint16_t n;               /* in the window */
			uint16_t used;            /* places taken */
			uint8_t blocks;
		} more;
	};
	union {
		uint64_t member[TSN_MEMBERS_FEW];
		struct {
			struct tsn_members_block *block;
			uint16_t in_lane[TSN_MEMBERS_LANES]; /* of those in the window, by the low bits of their stamps */
		} at;
		struct tsn_hll sketch;
	};
};

/* The panes of a set. */
struct tsn_members_panes {
	uint8_t newest, n;
};

/* Has it memory of its own? */
static inline bool
tsn_members_grown(const struct tsn_members *m)
{
	return m->size != 0;
}

/*
 * Adds [member] as seen in the pane [stamp], one of [p]; of two panes the newer is kept. False when memory ran out:
 * nothing changed.
 */
bool tsn_members_add(struct tsn_members *m, uint64_t member, uint8_t stamp, struct tsn_members_panes p, struct tsn_heap *heap);
/* What tsn_members_turn, tsn_members_note and tsn_members_count do where there are more than few, or not just now. */
void tsn_members_turn_more(struct tsn_members *m, struct tsn_members_panes p, uint32_t by, bool leaves);
bool tsn_members_note_more(struct tsn_members *m, uint64_t member, uint8_t stamp, struct tsn_members_panes p);
int64_t tsn_members_count_ahead(struct tsn_members *m, uint32_t ahead, struct tsn_members_panes p, uint64_t low);
/* What adding it would allocate at most, beside what there is. */
uint64_t tsn_members_wants(const struct tsn_members *m, uint64_t member, struct tsn_members_panes p);
/* Bytes of the largest there can be. */
uint64_t tsn_members_most(uint32_t panes);
/* Empties it. */
void tsn_members_free(struct tsn_members *m, uint32_t panes, struct tsn_heap *heap);

/* As bytes, in an order of their own. [m] is empty before, and yours to free also when it fails. */
void tsn_members_save(struct tsn_members *m, struct tsn_members_panes p, struct tsn_pack *out);
bool tsn_members_load(struct tsn_members *m, struct tsn_members_panes p, struct tsn_unpack *in, struct tsn_heap *heap);

static inline uint32_t
tsn_members_age(struct tsn_members_panes p, uint8_t stamp)
{
	return (uint8_t)(p.newest - stamp);
}

/* Of few, without a branch by where it is or whether it is new. */
static inline bool
tsn_members_note_few(struct tsn_members *m, uint64_t member, uint8_t stamp, struct tsn_members_panes p)
{
	uint32_t has = 0, place;
	bool newer;

	for (uint32_t i = 0; i < TSN_MEMBERS_FEW; i++)
		has |= (uint32_t)(m->member[i] == member) << i;
	has &= m->taken;
	place = (uint32_t)__builtin_ctz(has != 0 ? has : ~(uint32_t)m->taken);
	if (place == TSN_MEMBERS_FEW)
		return false;
	newer = has == 0 || tsn_members_age(p, m->few.stamp[place]) > tsn_members_age(p, stamp);
	m->few.stamp[place] = newer ? stamp : m->few.stamp[place];
	m->few.n = (uint8_t)(m->few.n + (has == 0));
	m->member[place] = member;
	m->taken = (uint8_t)(m->taken | 1u << place);
	return true;
}

/*
 * As tsn_members_add where that takes no memory, as it mostly does; else false, and nothing changed. While a sketch's sum is above [low]
 * (tsn_hll_low) nobody will ask how many there are.
 */
static inline bool
tsn_members_note(struct tsn_members *m, uint64_t member, uint8_t stamp, struct tsn_members_panes p, uint64_t low)
{
	if (m->size == 0)
		return tsn_members_note_few(m, member, stamp, p);
	if (m->size != TSN_MEMBERS_SKETCH)
		return tsn_members_note_more(m, member, stamp, p);
	tsn_hll_note(&m->sketch, member, tsn_members_age(p, stamp), low);
	return true;
}

/* The newest pane is now p.newest, [by] < p.n later. [leaves] false: no member does. */
static inline void
tsn_members_turn(struct tsn_members *m, struct tsn_members_panes p, uint32_t by, bool leaves)
{
	uint32_t stay = 0, n = 0;

	if (m->size != 0) {
		tsn_members_turn_more(m, p, by, leaves);
		return;
	}
	for (uint32_t i = 0; i < TSN_MEMBERS_FEW; i++) {
		const uint32_t stays = (m->taken >> i & 1) & (tsn_members_age(p, m->few.stamp[i]) < p.n);

		stay |= stays << i;
		n += stays;
	}
	m->taken = (uint8_t)stay;
	m->few.n = (uint8_t)n;
}

/*
 * How many there would be if they were [ahead] panes older, or 0 where a sketch's sum is above [low]. A sketch keeps
 * what it worked out last, so [m] is not const. [error]: TSN_MEMBERS_ERROR, 0 where it is exact.
 */
static inline int64_t
tsn_members_count(struct tsn_members *m, uint32_t ahead, struct tsn_members_panes p, uint64_t low, float *error)
{
	*error = m->size == TSN_MEMBERS_SKETCH && ahead < p.n ? TSN_MEMBERS_ERROR : 0;
	if (ahead > 0)
		return tsn_members_count_ahead(m, ahead, p, low);
	if (m->size != TSN_MEMBERS_SKETCH)
		return m->size == 0 ? m->few.n : m->more.n;
	return tsn_hll_is_above(&m->sketch, low, 0) ? 0 : tsn_hll_estimate(&m->sketch, 0);
}

/* Where among more than few a member is to be looked for first, in lines of memory. */
static inline uint32_t
tsn_members_block(const struct tsn_members *m, uint64_t member)
{
	return (uint32_t)((member >> 32) * m->more.blocks >> 32);
}

/* A hint that it will soon be added. Inlined always, as base/prefetch.h says. */
static inline __attribute__((always_inline)) void
tsn_members_ahead(const struct tsn_members *m, uint64_t member, uint64_t low)
{
	if (m->size == TSN_MEMBERS_SKETCH)
		tsn_hll_ahead(&m->sketch, member, low);
	else if (m->size != 0)
		__builtin_prefetch((const uint8_t *)m->at.block + (size_t)tsn_members_block(m, member) * TSN_HEAP_LINE, 1);
}

#endif
