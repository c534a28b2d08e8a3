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
};

static inline void
tsn_kept_count(struct tsn_kept *k)
{
	k->flows += k->flows < UINT32_MAX;
}

struct tsn_kept_ops {
	/* What adding the row would allocate at most, beside what there is. */
	uint64_t (*wants)(const struct tsn_agg *a, const struct tsn_kept *k, uint32_t row, uint32_t lane, uint32_t lanes);
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
uint32_t tsn_kept_fold(struct tsn_agg *a, struct tsn_fold *x, const struct tsn_kept_ops *ops);
void tsn_kept_reset(struct tsn_agg *a, uint32_t group, const struct tsn_kept_ops *ops);
void tsn_kept_fini(struct tsn_agg *a, const struct tsn_kept_ops *ops);
bool tsn_kept_extra(const struct tsn_agg *a, uint32_t group, uint64_t *flows);
void tsn_kept_save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out, const struct tsn_kept_ops *ops);
bool tsn_kept_load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in, const struct tsn_kept_ops *ops);

/*
 * Makes [need] bytes free within extra_bytes, for a row of [group]: the memory of the least active of the next
 * eight groups that have some goes, and their windows are empty then (window passed, then fewest flows, then lower number:
 * the order of S29, of this aggregate alone and as of this row, so that batches do not matter); at last [group]'s own.
 */
enum tsn_room {
	TSN_ROOM,       /* there is room */
	TSN_ROOM_ANEW,  /* [group] lost its own: ask again with what it needs now */
	TSN_ROOM_NONE,  /* the row cannot be counted */
};
enum tsn_room tsn_extra_room(struct tsn_agg *a, struct tsn_fold *x, uint32_t group, uint32_t row, uint64_t need);

#endif
