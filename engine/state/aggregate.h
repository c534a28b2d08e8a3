/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* One function over one window for all groups of a family: what it keeps, and what a function must know to do (aggregates.def has them all). */
#ifndef TSN_STATE_AGGREGATE_H
#define TSN_STATE_AGGREGATE_H

#include "base/heap.h"
#include "base/pack.h"
#include "state/cells.h"
#include "state/segment.h"
#include "state/state.h"

#define TSN_PARTS 64u

struct tsn_stable;
struct tsn_kept;
struct tsn_family;
struct tsn_guess;

/* Counts of flows; cells_count.c. */
struct tsn_counts {
	struct tsn_cells cells;
	bool lean;             /* there are none: the lanes are with the groups; cells_lean.c */
	struct tsn_wide *wide; /* cells of groups whose panes passed 8 bits */
	uint32_t nwide, capwide, freewide, sparewide;
	uint32_t warm;         /* panes of narrow cells that are in the upper half of 8 bits */
};

/* Sums; cells_sum.c. */
struct tsn_sums {
	struct tsn_cells cells;
	bool wide;     /* tumbling: panes have 128 bits */
	uint64_t peak; /* no 64-bit pane ever had a greater magnitude */
	struct tsn_grown *grown; /* sliding: cells of groups whose panes passed 32 bits; cells_compact.c */
	uint32_t ngrown, capgrown, free, spare;
	uint32_t warm; /* panes of the others that are near that */
};

/* Groups that have memory beside their cells: those of one part, or of all; see kept.h. */
struct tsn_pool {
	uint32_t n;    /* of them */
	uint32_t hand; /* where among them the next look for memory to take begins */
};

/* What of an aggregate outlives a reload; first what each batch looks at. */
struct tsn_agg_store {
	struct tsn_counts counts; /* COUNT AVG */
	struct tsn_sums sums;     /* SUM RATE AVG */
	struct tsn_cells cells;   /* MIN MAX DISTINCT */
	struct tsn_cells holders; /* groups that have memory beside their cells, pool by pool in no order; see kept.h */
	uint64_t bytes;           /* allocated beside the cells */
	uint64_t open;            /* no window below it is to be closed; UINT64_MAX: none at all */
	uint32_t npools;          /* one a part, or 1 */
	bool mute;                /* just became one that closes: what is due at the first tick is not its own */
	void *beside;             /* RANK BASELINE SPREAD ABSENT: what they keep that is not by group, or not of one size */
	struct tsn_heap heap;     /* DISTINCT: of these bytes */
	struct tsn_pool pool[TSN_PARTS];
	uint64_t held[TSN_PARTS]; /* of [bytes], what groups of the part hold, where there are pools */
	int64_t late[TSN_PARTS];  /* on its clock, of the part the latest flow that came too late for it, TSN_TIME_NONE if none */
};

/* See near.h. */
struct tsn_near {
	uint64_t base, first;    /* where the first pane begins, and its number, biased */
	uint32_t factor, shift;  /* division by pane_ms */
	uint32_t reach;          /* bits of a time from [base] on; 0: there is no short way but for that one */
	uint32_t panes;          /* from the first, all of whose times are near */
};

/* First what each batch looks at, as of a family. */
struct tsn_agg {
	struct tsn_mask takes;   /* of the batch: rows that count for it */
	struct tsn_mask late;    /* of the batch folded last: rows older than their group's window */
	const struct tsn_agg_def *def;
	const struct tsn_agg_ops *ops;
	const uint64_t *pane;    /* of the batch, by row */
	uint64_t *panes;         /* memory for it; of the state, as [member] */
	uint64_t *member;        /* those that have a tuple: of the batch, by row */
	float *error;            /* the same: relative standard error of the value */
	const struct tsn_vector *arg;
	struct tsn_vector *out;
	struct tsn_near near;    /* of a lean count: times around those of the batch */
	uint32_t keep;           /* panes kept: those of the window, or two windows of `per` */
	bool mute;               /* see [next_open] */
	bool closes;             /* somebody wants its closings: tick rows, ranks or samples */
	bool shows;              /* somebody wants its tick rows, or those of what is about it */
	bool restored;           /* from a snapshot */
	bool relist;             /* ...whose pools were others */
	bool divided;            /* extra_bytes, over the parts */
	struct tsn_family *family;
	struct tsn_agg *of;      /* RANK BASELINE SPREAD: what they are about */
	struct tsn_agg *owner;   /* BASELINE SPREAD: the one of those with the same samples that keeps them */
	const struct tsn_state *state;
	const struct tsn_stable *law; /* ENTROPY */
	struct tsn_agg_store store;
	uint64_t next_open;      /* while closing: [open] afterwards, and was [mute] set */
	void *beside;            /* of the store, while that is emptied */
	int64_t late_before[TSN_PARTS]; /* store.late when the batch folded last began */
	struct tsn_mask counts;  /* `by A at B`: [takes] and [out] while the others stand in for them */
	struct tsn_vector *wanted;
};
#define TSN_AGG_NEAR (offsetof(struct tsn_agg, store.heap)) /* bytes of it that are fetched */

/* What a function must know to do. One row each in functions.c. */
struct tsn_agg_ops {
	void (*init)(struct tsn_agg *a);    /* sizes of its cells */
	/* Once a batch; narrows [takes]. May be NULL. */
	void (*begin)(struct tsn_agg *a, const struct tsn_batch *b, uint64_t seed);
	/* Gets all memory [fold] will need for a segment. May be NULL. */
	bool (*reserve)(struct tsn_agg *a, const struct tsn_fold *x);
	/* Returns x->to, or the entry at which memory ran out. */
	uint32_t (*fold)(struct tsn_agg *a, struct tsn_fold *x);
	/* Gives back what a cell refers to; its bytes are cleared after. May be NULL. */
	void (*reset)(struct tsn_agg *a, uint32_t group);
	/* Gives back what is beside the cells. May be NULL. */
	void (*fini)(struct tsn_agg *a);
	/* Memory beside the cell, of a window (0, and with `per` 1); see kept.h. NULL: there never is, and extra_bytes does not apply. */
	struct tsn_kept *(*kept)(const struct tsn_agg *a, uint32_t group, uint32_t window);
	/* Bytes a group may take beside its cells, at most. NULL: none. */
	uint64_t (*most)(const struct tsn_agg *a);
	/* [fold] allocates: it goes first, so that the others stop at the same row. */
	bool may_stop;
	/* Goes by times, not by panes: [pane] is not made for it. */
	bool exact;
	/* One cell as bytes and back; the cell is empty before. False: not what [save] wrote, or memory is out. */
	void (*save)(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out);
	bool (*load)(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in);
	/* Of those made of tsn_kept_* (kept.h): what their memory is. */
	const struct tsn_kept_ops *keeps;
	/* Makes store.beside, once, after [init]; [renew] makes it as new, and cannot fail; [fini] frees it. May be NULL. */
	bool (*make)(struct tsn_agg *a);
	void (*renew)(struct tsn_agg *a);
	/* The most store.beside may ever take, whatever the groups; by the definition alone. */
	uint64_t (*fixed)(const struct tsn_agg *a);
	/* See tsn_state_notes and tsn_state_learning. May be NULL: nothing to tell. */
	uint32_t (*notes)(const struct tsn_family *f, const struct tsn_agg *a, const struct tsn_batch *b, uint32_t row,
	    struct tsn_note *out, uint32_t max);
	void (*learning)(const struct tsn_family *f, const struct tsn_agg *a, struct tsn_learning *out);
	/*
	 * What is beside the cells of all [n] shards as bytes, as if they were one, and back to each of them, before any cell; what was made
	 * is as new before. May be NULL.
	 */
	void (*save_beside)(const struct tsn_agg *const *shard, uint32_t n, struct tsn_pack *out);
	bool (*load_beside)(struct tsn_agg *const *shard, uint32_t n, struct tsn_unpack *in);
};

/* The array whose cells begin with the ring's head; not of a lean count. */
const struct tsn_cells *tsn_agg_cells(const struct tsn_agg *a);
/* The newest pane the group counted in, 0 if it did not. */
uint64_t tsn_agg_newest(const struct tsn_agg *a, uint32_t group);
void tsn_agg_prefetch(const struct tsn_agg *a, uint32_t group);
/* Writes to the cell of a new group, which stays as it is: a page that is read first has to be given twice. */
void tsn_agg_open(struct tsn_agg *a, uint32_t group);
bool tsn_agg_room(struct tsn_agg *a, uint64_t n);
void tsn_agg_reset(struct tsn_agg *a, uint32_t group);
void tsn_agg_fini(struct tsn_agg *a);
uint64_t tsn_agg_bytes(const struct tsn_agg *a);

/* clock.c */
/* Whole columns are faster by the row, but not when few rows of the batch are asked about, such as those of a shard. */
static inline bool
tsn_few_rows(uint32_t n, const struct tsn_batch *b)
{
	return n * 4 < b->n * 3;
}

/* Of [n] > 0 ascending rows: is none left out, as of a whole batch? */
static inline bool
tsn_are_neighbours(const uint16_t *row, uint32_t n)
{
	return row[n - 1] - row[0] == (int)n - 1;
}

void tsn_panes_of(const struct tsn_agg *a, const int64_t *time, uint32_t n, uint64_t *out);
void tsn_panes_of_rows(const struct tsn_agg *a, const int64_t *time, const uint16_t *row, uint32_t n, uint64_t *out);
uint64_t tsn_pane_at(int64_t time, int64_t pane_ms);
/* Start of a pane in ms, held to what an int64 can say. */
int64_t tsn_pane_start(uint64_t pane, int64_t pane_ms);

/* functions.c */
const struct tsn_agg_ops *tsn_agg_ops(enum tsn_agg_fn fn);

/* cells_count.c */
void tsn_counts_init(struct tsn_counts *c, bool tumbling);
bool tsn_counts_reserve(struct tsn_agg *a, uint32_t rows);
/* Writes the counts of the rows of the segment to [out], by row. */
void tsn_counts_fold(struct tsn_counts *c, const struct tsn_agg *a, const struct tsn_fold *x, int64_t *out,
    struct tsn_mask *late);
void tsn_counts_reset(struct tsn_counts *c, uint32_t group);
void tsn_counts_fini(struct tsn_counts *c);
void tsn_counts_save(const struct tsn_counts *c, const struct tsn_agg *a, uint32_t group, struct tsn_pack *out);
bool tsn_counts_load(struct tsn_counts *c, struct tsn_agg *a, uint32_t group, struct tsn_unpack *in);
/* Bytes of a group that has grown, beside its cell. */
uint64_t tsn_counts_most(const struct tsn_counts *c);

/* cells_lean.c: may aggregate [i] be such a count? By the definition alone, and of its family no other then. Which one is? */
#define TSN_LEAN_BYTES 32u
bool tsn_lean_can(const struct tsn_family_def *f, uint32_t i);
struct tsn_agg *tsn_lean_of(const struct tsn_family *f);
/* Makes it one, if it may be, and the family's groups what they are then; before there are any, and when all its aggregates are there. */
void tsn_lean_init(struct tsn_agg *a);
/*
 * lean_short.c. Guesses the groups of all rows of a segment in which every row counts, and counts those that have one. The entries of the others come to
 * [none], which has room for all; when the groups of these are there, too, tsn_lean_found counts them.
 */
uint32_t tsn_lean_guessed(struct tsn_agg *a, const struct tsn_fold *x, const struct tsn_guess *g, uint32_t *group, uint16_t *none);
void tsn_lean_found(struct tsn_agg *a, const struct tsn_fold *x, const uint16_t *entry, uint32_t n);
/* A row whose group nobody touched before: counts in it and touches it, or looks; its value. */
void tsn_lean_row(struct tsn_agg *a, const struct tsn_fold *x, uint32_t group, uint32_t row, bool counts);
void tsn_lean_fold(struct tsn_agg *a, const struct tsn_fold *x);
void tsn_lean_reset(struct tsn_agg *a, uint32_t group);
uint64_t tsn_lean_newest(const struct tsn_agg *a, uint32_t group);
void tsn_lean_save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out);
bool tsn_lean_load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in);
/* From now on it has cells of its own; false: memory is out. */
bool tsn_lean_apart(struct tsn_agg *a);

/*
 * save.c: a pane's number (0: none) and a ring's head as bytes. Loading is total: false, and [in] is bad, for what a
 * ring of [lanes] that keeps [keep] panes cannot have.
 */
void tsn_pane_save(uint64_t newest, struct tsn_pack *out);
bool tsn_pane_load(struct tsn_unpack *in, uint64_t *newest);
void tsn_head_save(uint64_t head, struct tsn_pack *out);
bool tsn_head_restore(struct tsn_unpack *in, uint32_t lanes, uint32_t keep, uint64_t *head);

/* cells_first.c: notes the first row of all. */
void tsn_since_begin(struct tsn_agg *a, uint32_t group, const struct tsn_batch *b);

extern const struct tsn_agg_ops tsn_rank_ops, tsn_baseline_ops, tsn_absent_ops;
extern const struct tsn_agg_ops tsn_count_ops, tsn_sum_ops, tsn_rate_ops, tsn_avg_ops;
extern const struct tsn_agg_ops tsn_extreme_ops, tsn_distinct_ops;
extern const struct tsn_agg_ops tsn_fresh_ops, tsn_since_ops, tsn_sequence_ops;
extern const struct tsn_agg_ops tsn_stddev_ops, tsn_entropy_ops, tsn_jitter_ops;

/* tuple.c: narrows [takes] to the rows that have all of the tuple, and hashes it; single numbers and IPv4 addresses do not collide. */
void tsn_members_of(struct tsn_agg *a, const struct tsn_batch *b, uint64_t seed);
/* cells_stddev.c: of [n] > 0 numbers with that sum, the sum of their squares modulo 2^128 being [squares]. */
double tsn_deviation(unsigned __int128 squares, __int128 sum, uint64_t n);

#endif
