/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * State: groups of flows and their windows. Groups of one key and one `where`
 * form a family; the family finds a row's group once for all its aggregates,
 * whose cells lie in arrays of their own, indexed by group number. All of it is
 * found again after a reload by canonical form (the [canon] strings).
 *
 * Must not know rules, programs or the language. Used by one thread.
 */
#ifndef TSN_STATE_STATE_H
#define TSN_STATE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "flow/batch.h"
#include "flow/key.h"

enum tsn_agg_fn {
	TSN_AGG_COUNT, TSN_AGG_SUM, TSN_AGG_MIN, TSN_AGG_MAX, TSN_AGG_AVG, TSN_AGG_RATE, TSN_AGG_DISTINCT
};

#define TSN_PANES 16 /* of a sliding window from 15 s up; fewer below and with `step` */

struct tsn_agg_def {
	const char *canon;          /* canonical form: function, argument, window, options */
	enum tsn_agg_fn fn;
	bool real;                  /* the argument is real; SUM MIN MAX of it are real too, AVG and RATE always */
	bool tumbling;              /* `per`: one pane of [window_ms], aligned to the clock; else `over` */
	bool by_received;           /* `time received` */
	bool closes;                /* `per` only: tsn_state_close reports its closed windows */
	int64_t window_ms;          /* as written */
	int64_t pane_ms;            /* over: S3; per: window_ms */
	uint32_t panes;             /* over: the newest and ceil(window / pane) before it, at most 16; per: 1 */
	struct tsn_key_spec tuple;  /* DISTINCT: its arguments */
};

struct tsn_family_def {
	const char *canon;          /* canonical form: key, where, nesting level */
	struct tsn_key_spec key;    /* n 0: one group for everything */
	uint64_t max_keys;          /* groups at most; divided evenly over 64 parts (S29) */
	const struct tsn_agg_def *agg;
	uint32_t naggs;
};

/* What a family did since it was made; never reset. */
struct tsn_family_stats {
	uint64_t groups;            /* now in use */
	uint64_t evicted;           /* groups that lost their place while their window was still live */
	uint64_t recycled;          /* groups replaced after their window had passed: nothing lost */
	uint64_t late;              /* flows older than their group's window, summed over aggregates */
	uint64_t bytes;             /* of directory, keys and cells */
	int64_t last_evicted;       /* event time of the last eviction, TSN_TIME_NONE if none */
};

/* What a reload kept, one row a family or aggregate; for the log. */
struct tsn_handover {
	const char *canon;          /* of the new definition; lives with it */
	bool family;                /* else an aggregate */
	bool kept;
	uint64_t groups;            /* kept with it */
	int64_t window_ms;          /* aggregates: how long a fresh one is blind */
};

struct tsn_state;

/*
 * Definitions are copied except [canon], which must outlive the state.
 * [seed] goes into every hash; equal seeds give equal results. NULL when memory is out.
 */
struct tsn_state *tsn_state_new(const struct tsn_family_def *defs, uint32_t n, uint64_t seed);
void tsn_state_free(struct tsn_state *s);

/*
 * Moves into the fresh state [s] what [old] holds under the same canonical
 * forms: whole arrays, nothing copied. [old] stays valid to free and must not
 * be used otherwise. [report] (may be NULL) is called for each family and aggregate of [s].
 * Cannot fail: it allocates nothing. The seed comes along. Groups beyond a lowered max_keys stay, and
 * each new one takes the place of another; an aggregate that did not close and now [closes] begins to after the next call.
 */
void tsn_state_take_over(struct tsn_state *s, struct tsn_state *old,
    void (*report)(void *arg, const struct tsn_handover *), void *arg);

/*
 * Folds one batch into family [f], row by row in order, and gives each row of
 * [counted] or [read] its group's value as it is after all rows up to and including it.
 * [counted]: rows that count (all key parts present is checked here; rows
 * without a key are left out and get no value). [read]: rows that only look; nothing they
 * do changes state. args[i]: argument of aggregate i (known rows are those that
 * count for it; NULL for COUNT and DISTINCT; DISTINCT skips rows with an absent tuple part itself).
 * results[i]: written; known where a value exists: count, sum, rate and distinct are 0 for
 * a group without counted flows, the others unknown (S13). A result may be NULL if nobody reads it.
 * false: memory ran out; rows already folded stand, the rest of the batch was not counted (say so and go on).
 */
bool tsn_state_fold(struct tsn_state *s, uint32_t f, const struct tsn_batch *b, const struct tsn_mask *counted,
    const struct tsn_mask *read, const struct tsn_vector *const args[], struct tsn_vector *const results[]);

/*
 * Windows of `per` aggregates marked [closes] that end at or before [now] - [lateness]
 * and were not closed before, oldest first. For each, [batch] (cleared, kind TICK) is
 * filled with up to its cap groups that have that window (keys as fields, event time = window end - 1 ms,
 * so that tsn_state_fold reads the closing window), groups in key order, and [run] is called; repeated until all groups
 * of all due windows were seen. [partial]: closed by the end of input (now = INT64_MAX).
 * Each window of a group is closed once; one that a group gets after its time is closed by the next call.
 * Calls when nothing is due change nothing, so they can be left out.
 * Stops and returns false if [run] does, or if memory runs out: then nothing was closed and all is still due.
 */
bool tsn_state_close(struct tsn_state *s, int64_t now, int64_t lateness, struct tsn_batch *batch,
    bool (*run)(void *arg, uint32_t family, uint32_t agg, int64_t window_start, struct tsn_batch *batch), void *arg);

/* True if tsn_state_close could have something to do at [now]; cheap. */
bool tsn_state_close_due(const struct tsn_state *s, int64_t now, int64_t lateness);

void tsn_state_stats(const struct tsn_state *s, uint32_t family, struct tsn_family_stats *out);
/*
 * Event time of the last eviction up to and including [row] of the batch folded last, TSN_TIME_NONE if
 * none: what tsn_state_stats would say had the input been cut right behind that row.
 */
int64_t tsn_state_evicted(const struct tsn_state *s, uint32_t family, const struct tsn_batch *b, uint32_t row);
uint32_t tsn_state_families(const struct tsn_state *s);
const struct tsn_family_def *tsn_state_family(const struct tsn_state *s, uint32_t family);

#endif
