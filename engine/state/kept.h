/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Cells that refer to memory of their own. A cell is the head of a ring and, sliding, one such memory with its
 * panes; tumbling, one for each of the two windows. What is in it is a function's business; here are the windows, and
 * the bound on all such memory of an aggregate (tsn_agg_def.extra_bytes).
 */
#ifndef TSN_STATE_KEPT_H
#define TSN_STATE_KEPT_H

#include <stdbool.h>
#include <stdint.h>

struct tsn_agg;
struct tsn_fold;
struct tsn_pack;
struct tsn_unpack;

/* What such memory begins with. */
struct tsn_kept {
	uint32_t flows; /* counted in it, at most UINT32_MAX: how active its group is */
	uint32_t place; /* of the group among those that have some */
};

static inline void
tsn_kept_count(struct tsn_kept *k)
{
	k->flows += k->flows < UINT32_MAX;
}

struct tsn_kept_ops {
	/* What adding the row would allocate at most, beside what there is. */
	uint64_t (*wants)(const struct tsn_agg *a, const struct tsn_kept *k, uint32_t row, uint32_t lane, uint32_t lanes);
	/* Prefetches what a row soon to come will touch; the first line of [k] is there. May be NULL. */
	void (*ahead)(const struct tsn_agg *a, const struct tsn_kept *k, uint32_t row);
	/* [*k] NULL is the empty one; [lanes] 1: there are no panes. False when memory ran out: nothing changed. */
	bool (*add)(struct tsn_agg *a, struct tsn_kept **k, const struct tsn_fold *x, uint32_t row, uint32_t lane, uint32_t lanes);
	void (*drop)(struct tsn_agg *a, struct tsn_kept *k, uint32_t gone);
	void (*free)(struct tsn_agg *a, struct tsn_kept *k);
	/* The value of the lanes [seen] (UINT16_MAX: all of them); false: there is none. [error]: relative, 0 when exact. */
	bool (*value)(struct tsn_agg *a, const struct tsn_kept *k, uint32_t seen, double *out, float *error);
	void (*save)(const struct tsn_kept *k, struct tsn_pack *out);
	struct tsn_kept *(*load)(struct tsn_agg *a, struct tsn_unpack *in, uint32_t lanes);
};

void tsn_kept_init(struct tsn_agg *a);
uint32_t tsn_kept_fold(struct tsn_agg *a, struct tsn_fold *x);
void tsn_kept_reset(struct tsn_agg *a, uint32_t group);
void tsn_kept_fini(struct tsn_agg *a);
struct tsn_kept *tsn_kept_of(const struct tsn_agg *a, uint32_t group, uint32_t window);
void tsn_kept_save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out);
bool tsn_kept_load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in);

/*
 * extra.c. Groups that have such memory stand in a list, one for each pool of it, so that those that are looked at are
 * always as many, and busy ones do not stand alone where idle ones have lost theirs. A pool is what a part may have. [k] has just been made, or is about to go;
 * [other] is what the group has of its other window, or NULL: then it enters the list, or leaves it.
 */
void tsn_extra_init(struct tsn_agg *a);
void tsn_extra_enter(struct tsn_agg *a, uint32_t group, struct tsn_kept *k, const struct tsn_kept *other);
void tsn_extra_leave(struct tsn_agg *a, const struct tsn_kept *k, const struct tsn_kept *other);
/*
 * With the memory itself goes what [k] says of it and its group's place. Loading reads that before there is any memory (false: no
 * such place, or it is taken), and [put] takes the place when there is. All groups have room for their cells before.
 */
void tsn_extra_save(const struct tsn_agg *a, const struct tsn_kept *k, struct tsn_pack *out);
bool tsn_extra_load(struct tsn_agg *a, uint32_t group, struct tsn_kept *k, const struct tsn_kept *other, struct tsn_unpack *in);
void tsn_extra_put(struct tsn_agg *a, uint32_t group, const struct tsn_kept *k);
/* What store.bytes has changed by since it was [before] is [group]'s. */
void tsn_extra_charge(struct tsn_agg *a, uint32_t group, uint64_t before);
/* The bound is divided over the parts; and: makes the pools so. */
bool tsn_extra_divided(const struct tsn_agg *a);
void tsn_extra_settle(struct tsn_agg *a);
/* Of the shards of an aggregate, by number; before any cell. */
void tsn_extra_save_hands(const struct tsn_agg *const *part, uint32_t nshards, struct tsn_pack *out);
bool tsn_extra_load_hands(struct tsn_agg *const *part, uint32_t nshards, struct tsn_unpack *in);

/*
 * Makes [need] bytes free within extra_bytes, for a row of [group]: the memory of the least active of the next
 * eight in the list goes, and their windows are empty then (window passed, then fewest flows, then lower number:
 * the order of S29, of this aggregate alone and as of this row, so that batches do not matter); at last [group]'s own.
 */
enum tsn_room {
	TSN_ROOM,       /* there is room */
	TSN_ROOM_ANEW,  /* [group] lost its own: ask again with what it needs now */
	TSN_ROOM_NONE,  /* the row cannot be counted */
};
/* Has a group more than there may be, since the bound was lowered? */
bool tsn_extra_over(const struct tsn_agg *a);
enum tsn_room tsn_extra_room(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row, uint64_t need);

#endif
