/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What the files of this room share. A family is
 *
 *   directory   lines of entries {tag, group}; see directory.h
 *   groups      16 bytes each, by group number, or 32 with the lanes of a count; long keys in a slab
 *   aggregates  each with dense arrays of cells, by group number
 *
 * A group's number is its place in its part times the number of parts plus the part, so that a
 * part's groups are found by counting and the arrays stay dense: keys spread
 * evenly over parts. Zero bytes are an empty cell of every kind.
 *
 * There are 64 parts; a shard of a state has those p with p mod shards = shard, and numbers them 0, 1, ... itself.
 * What can be seen in an alert or a value is kept part by part, so that nobody can tell how many shards there are.
 */
#ifndef TSN_STATE_INTERNAL_H
#define TSN_STATE_INTERNAL_H

#include "base/names.h"
#include "state/aggregate.h"
#include "state/cells.h"
#include "state/closing.h"
#include "state/family.h"
#include "state/keys.h"
#include "state/segment.h"
#include "state/state.h"

#define TSN_SOURCES_MAX 65535u /* exporters by number; for what is read back from bytes */

/* One side of `by A at B` in a batch: rows, the groups guessed for them, and those found and not folded yet. */
struct tsn_side {
	uint16_t row[TSN_BATCH_ROWS + 2 * TSN_AHEAD], due_row[TSN_BATCH_ROWS + 2 * TSN_AHEAD];
	uint32_t guess[TSN_BATCH_ROWS + 2 * TSN_AHEAD], due_group[TSN_BATCH_ROWS + 2 * TSN_AHEAD];
	uint32_t n, at, due;
};

/* Scratch of families that are read elsewhere than counted; pairs.c. */
struct tsn_pairs {
	struct tsn_side counts, reads;
	struct tsn_met waiting;          /* groups that wait to be read */
	bool takes_memory;               /* a row may take another group's memory beside its cell */
};

/* What an aggregate needs for a batch, by its place in its family. */
struct tsn_scratch {
	uint64_t panes[TSN_BATCH_ROWS], member[TSN_BATCH_ROWS];
};

struct tsn_state {
	struct tsn_vector unread;       /* where results go that nobody wants */
	struct tsn_keys keys;
	union tsn_total total[TSN_BATCH_ROWS];
	int64_t count[TSN_BATCH_ROWS];
	uint32_t group[TSN_BATCH_ROWS + 2 * TSN_AHEAD];
	uint16_t row[TSN_BATCH_ROWS + 2 * TSN_AHEAD];
	uint64_t seed;
	uint32_t n, nmore;
	uint32_t shard, nshards;
	uint64_t batches;               /* begun */
	bool learned;
	struct tsn_family *family;
	struct tsn_names forms;         /* its families by canonical form: there may be thousands */
	struct tsn_scratch *scratch;
	struct tsn_spare spare;         /* of the families' directories */
	struct tsn_met met;
	struct tsn_closing closing;
	struct tsn_state_exporters exporters; /* functions NULL: everybody is whole */
	struct tsn_keys *more_keys;     /* [nmore], for families whose rows have more than one */
	struct tsn_pairs *pairs;        /* NULL if no family needs it */
};

/*
 * fold.c. Where rules are many nothing of a family is in a cache any more when its turn comes again. Their turns go nearly by their numbers, so
 * the next one's aggregates are fetched while this one is folded, and of the one behind it what tells where they are.
 */
void tsn_state_fetch_next(const struct tsn_state *s, uint32_t family);

/* pairs.c: the rows of [counts] and [reads], both with their keys, in order. Sets [stop] to the first row that was not folded. */
bool tsn_pairs_fold(struct tsn_state *s, struct tsn_family *f, struct tsn_fold *x, const struct tsn_mask *counts,
    const struct tsn_mask *reads, uint32_t *stop);

#endif
