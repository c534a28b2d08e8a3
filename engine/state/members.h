/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The different members of one window: exactly, up to 256 of them, each with
 * the latest pane it was seen in; from the 257th on as a sketch (hll.h), until it is
 * freed. A pane goes by its age, 0 the newest. Knows nothing of groups.
 */
#ifndef TSN_STATE_MEMBERS_H
#define TSN_STATE_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"
#include "base/pack.h"
#include "state/kept.h"

#define TSN_MEMBERS_EXACT 256
#define TSN_MEMBERS_ERROR 0.02f /* of a sketch, relative: a standard error of 1.6 %, and what is left of the bias */

struct tsn_members;

/* How many flows were added: [m] begins with it. */
static inline struct tsn_kept *
tsn_members_kept(struct tsn_members *m)
{
	return (struct tsn_kept *)m;
}

/*
 * Adds [member] as seen in the pane [age] < [panes]; of two panes the newer is kept. [*m] NULL is the empty set, and
 * [panes] what it keeps. False when memory ran out: nothing changed.
 */
bool tsn_members_add(struct tsn_members **m, uint64_t member, uint32_t age, uint32_t panes, struct tsn_heap *heap);
/* The same where it takes no memory, as it mostly does; else false, and nothing changed. */
bool tsn_members_note(struct tsn_members *m, uint64_t member, uint32_t age);
/* All panes get older by [by]; what reaches [panes] is forgotten. [leaves] false: nothing does. */
void tsn_members_advance(struct tsn_members *m, uint32_t by, bool leaves);
/* Empties it, if that is as good as a new one. */
bool tsn_members_empty(struct tsn_members *m);
/*
 * How many there would be if they were [ahead] older, or any number below [least] where it is less. A sketch keeps what it worked
 * out last, so [m] is not const. [error]: TSN_MEMBERS_ERROR, 0 where it is exact.
 */
int64_t tsn_members_count(struct tsn_members *m, uint32_t ahead, int64_t least, float *error);
/* Hints that it will soon be added to: first its head, later, when that is there, the member's place. */
void tsn_members_ahead(const struct tsn_members *m, uint64_t member, bool place);
/* What adding it would allocate at most, beside what there is. */
uint64_t tsn_members_wants(const struct tsn_members *m, uint64_t member, uint32_t panes);
/* Bytes of the largest there can be. */
uint64_t tsn_members_most(uint32_t panes);
void tsn_members_free(struct tsn_members *m, struct tsn_heap *heap);

/* As bytes, in an order of their own. [*m] is NULL before, and yours to free also when it fails. */
void tsn_members_save(const struct tsn_members *m, struct tsn_pack *out);
bool tsn_members_load(struct tsn_members **m, uint32_t panes, struct tsn_unpack *in, struct tsn_heap *heap);

#endif
