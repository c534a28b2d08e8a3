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
#define AGG(sym, name, arg, result, tuple, grows) TSN_AGG_##sym,
#include "state/aggregates.def"
#undef AGG
	TSN_AGG_FN_COUNT
};

enum tsn_agg_result { TSN_AGG_INT, TSN_AGG_REAL, TSN_AGG_ARG };

struct tsn_agg_info {
	const char *name;
	bool arg;
	enum tsn_agg_result result;
	bool tuple;
	uint8_t grows;
};
extern const struct tsn_agg_info tsn_agg_infos[TSN_AGG_FN_COUNT];

#define TSN_PANES 16 /* of a sliding window from 15 s up; fewer below and with `step` */

struct tsn_agg_def {
	const char *canon;          /* canonical form: function, argument, window, options */
	enum tsn_agg_fn fn;
	bool real;                  /* the argument is real; SUM MIN MAX of it are real too, AVG and RATE always */
	bool tumbling;              /* `per`: one pane of [window_ms], aligned to the clock; else `over` */
	bool by_received;           /* `time received` */
	bool closes;                /* `per` only: tsn_state_close reports its closed windows */
	int64_t window_ms;          /* as written; SINCE: how long its groups learn, and are kept at least */
	int64_t pane_ms;            /* over: S3; per: window_ms */
	uint32_t panes;             /* over: the newest and ceil(window / pane) before it, at most 16; per: 1 */
	struct tsn_key_spec tuple;  /* DISTINCT ENTROPY: the arguments; JITTER: the connection */
	uint32_t of;                /* RANK BASELINE SPREAD: the `per` aggregate of this family that they are about */
	uint32_t within;            /* RANK: bit i: groups with the same key part i are ranked among themselves */
	uint32_t top;               /* RANK: whoever leaves the first [top] is told of as pushed out; 0: 20 */
	int64_t history_ms;         /* BASELINE SPREAD: how far samples reach back */
	int64_t season_ms;          /* ...and the length of the season; 0: every window is like every other */
	uint32_t expect;            /* ABSENT: slot of the set whose members are armed from the start, TSN_SET_NONE if none */
	/*
	 * What its groups may take together beside their cells (sketches); 0: no bound. A 64th for each part, where that is
	 * at least eight groups at their largest; else for all together, and the family does not divide.
	 */
	uint64_t extra_bytes;
	int64_t least;              /* of a guarded family; 0: nothing is asked */
	bool spared;                /* BASELINE SPREAD of one: flows look at it only where one of those is met */
};

#define TSN_SET_NONE UINT32_MAX

/* A step of a sequence. */
struct tsn_step_def {
	struct tsn_key_spec key;    /* fields of the flow that name its group at this step; of one shape for all steps */
	bool rule;                  /* met by the matches of a rule (tsn_state_step), not by rows of a mask */
};

#define TSN_STEPS_MAX 8

struct tsn_family_def {
	const char *canon;          /* canonical form: key, where, nesting level */
	struct tsn_key_spec key;    /* n 0: one group for everything; SEQUENCE: that of the last step */
	struct tsn_key_spec at;     /* `by KEY at AT`: rows are filed under [key] and read the group that these name; n 0: the same.
	                             * Same types and masks as [key]; tick rows are made with these fields. */
	const struct tsn_step_def *step; /* of SEQUENCE */
	uint32_t nsteps;            /* 0: no sequence */
	uint64_t max_keys;          /* groups at most; divided evenly over 64 parts (S29) */
	bool sized;                 /* the rules say max_keys; else it is what memory allows */
	const struct tsn_agg_def *agg;
	uint32_t naggs;
	/*
	 * Flows look up values only to learn whether that of COUNT, DISTINCT or a SUM of nothing negative is
	 * [least] or more, of one at least of those that say so: where none is, any values below will do.
	 */
	bool guarded;
	bool mixed;                 /* others want true values: of flows that are counted, and of those that are said with each batch */
};

/* What a family did since it was made; never reset. */
struct tsn_family_stats {
	uint64_t groups;            /* now in use */
	uint64_t evicted;           /* groups that lost their place while their window was still live */
	uint64_t recycled;          /* groups replaced after their window had passed: nothing lost */
	uint64_t late;              /* flows older than their group's window, summed over aggregates */
	uint64_t bytes;             /* of directory, keys and cells */
	int64_t last_evicted;       /* of evictions the latest event time, TSN_TIME_NONE if none */
	int64_t last_late;          /* of the late flows, the latest time, TSN_TIME_NONE if none */
	uint64_t unknown_absent;    /* silences not judged because their exporter was silent too (S5) */
	uint64_t skipped_samples;   /* windows that gave a group no sample because its exporter lost flows or was silent (S19) */
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
/*
 * One of [nshards] (a power of two up to 64) states that together hold what one would: this one the groups of the parts p with
 * p mod nshards = shard, and has arrays for those alone. It must be given rows of its parts only. All its families must
 * divide, and their keys must be the same (fields and masks), for one mask of rows to fit them all.
 */
struct tsn_state *tsn_state_new_shard(const struct tsn_family_def *defs, uint32_t n, uint64_t seed, uint32_t shard, uint32_t nshards);
/* Do its groups know nothing of each other, but within a part? By the definition alone. */
bool tsn_family_divides(const struct tsn_family_def *def);
/* The parts (0 to 63) of a batch's rows; of rows without key, 0. All TSN_BATCH_ROWS are written. */
void tsn_state_parts(const struct tsn_key_spec *key, uint64_t seed, const struct tsn_batch *b, uint8_t part[TSN_BATCH_ROWS]);
/* Of those, the batch's rows that are of a shard; rows without key go to shard 0. */
void tsn_state_part_rows(const uint8_t part[TSN_BATCH_ROWS], const struct tsn_batch *b, uint32_t shard, uint32_t nshards,
    struct tsn_mask *out);
/* Both at once. */
void tsn_state_shard_rows(const struct tsn_key_spec *key, uint64_t seed, const struct tsn_batch *b, uint32_t shard, uint32_t nshards,
    struct tsn_mask *out);
/* What keys are hashed with; another one after old state was taken over or loaded. */
uint64_t tsn_state_seed(const struct tsn_state *s);
/* The part of an encoded key. */
uint32_t tsn_state_part_of_key(const struct tsn_key_spec *key, const uint8_t *bytes, size_t n, uint64_t seed);
void tsn_state_free(struct tsn_state *s);

/*
 * Fresh states go on from what [old] ones hold under the same canonical forms. Who goes on as whom is found by the definitions
 * alone, so by any thread while the old ones are at work. Both lists are borrowed. NULL when memory is out.
 */
struct tsn_takeover;
struct tsn_takeover *tsn_takeover_new(struct tsn_state *const *s, uint32_t n, struct tsn_state *const *old, uint32_t nold);
void tsn_takeover_free(struct tsn_takeover *t);
/*
 * Whole arrays move, nothing is copied, and the seed comes along. The old states stay valid to free and must not be used otherwise.
 * Groups beyond a lowered max_keys stay, and each new one takes the place of another; an aggregate that did not close and now
 * [closes] begins to after the next call. Where a family is divided among other shards than it was its groups are made
 * anew; if there is no memory for that, and only for that some is wanted, it begins empty and is told as not kept.
 */
void tsn_takeover_run(struct tsn_takeover *t);
/* What became of each family and aggregate; any thread, at any time after it. */
void tsn_takeover_tell(const struct tsn_takeover *t, void (*report)(void *arg, const struct tsn_handover *), void *arg);

/*
 * Folds one batch into family [f], row by row in order, and gives each row of
 * [counted] or [read] its group's value as it is after all rows up to and including it.
 * [counted]: rows that count (all key parts present is checked here; rows
 * without a key are left out and get no value). [read]: rows that only look; nothing they
 * do changes state. args[i]: argument of aggregate i (known rows are those that
 * count for it; NULL for COUNT and DISTINCT; DISTINCT skips rows with an absent tuple part itself).
 * results[i]: written; known where a value exists: count, sum, rate and distinct are 0 for
 * a group without counted flows, the others unknown (S13). A result may be NULL if nobody reads it.
 * With [at] a row is counted under [key] if it has that, and gets a value if it has [at], whether or not it has the
 * other; FRESH is then 0 in every row. SINCE without key also looks at rows that are in neither mask: call it for every batch.
 * false: memory ran out; rows already folded stand. The rest of the batch has no values: it was not counted, but for rows that
 * some aggregate had come to already, out of order (say so and go on).
 */
bool tsn_state_fold(struct tsn_state *s, uint32_t f, const struct tsn_batch *b, const struct tsn_mask *counted,
    const struct tsn_mask *read, const struct tsn_vector *const args[], struct tsn_vector *const results[]);
/*
 * The same for flows. Of a guarded family, rows of [read] get values that are as good for whoever reads them, and those of
 * [must] (NULL: none) the true ones. With [at], rows of [read] alone get any.
 */
bool tsn_state_fold_flows(struct tsn_state *s, uint32_t f, const struct tsn_batch *b, const struct tsn_mask *counted,
    const struct tsn_mask *read, const struct tsn_mask *must, const struct tsn_vector *const args[], struct tsn_vector *const results[]);

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

/*
 * While tsn_state_close hands out windows: those of [rows] whose key has a window of this tumbling aggregate that ends at
 * the same moment and was handed out before, now or by an earlier call. Into [out], which is empty before.
 */
void tsn_state_closed_too(const struct tsn_state *s, uint32_t family, uint32_t agg, const struct tsn_batch *b,
    const struct tsn_mask *rows, struct tsn_mask *out);

/* True if tsn_state_close could have something to do at [now]; cheap. */
bool tsn_state_close_due(const struct tsn_state *s, int64_t now, int64_t lateness);

/* True if time alone can bring work for tsn_state_close: batches must end where ticks fall. */
bool tsn_state_waits(const struct tsn_state *s);

void tsn_state_stats(const struct tsn_state *s, uint32_t family, struct tsn_family_stats *out);
/* Of the family with that form, over all the states that have it. */
void tsn_state_stats_all(struct tsn_state *const *s, uint32_t n, const char *canon, struct tsn_family_stats *out);
/* A new batch begins: what is asked of families that it does not fold is not about its rows. */
void tsn_state_next_batch(struct tsn_state *s);
/*
 * Event time of the last eviction in the part of the row's group, up to and including [row] of the batch folded last; TSN_TIME_NONE
 * if there was none. A row has no part whose key is absent; the groups of a sequence are of one part.
 */
int64_t tsn_state_evicted(const struct tsn_state *s, uint32_t family, const struct tsn_batch *b, uint32_t row);
/*
 * Of the flows of that part that came too late for aggregate [agg], up to and including [row]: the latest time, on the aggregate's own clock; TSN_TIME_NONE if there were none. As exact as tsn_state_evicted.
 */
int64_t tsn_state_late(const struct tsn_state *s, uint32_t family, uint32_t agg, const struct tsn_batch *b, uint32_t row);
/* Neither gives a time that is later, whatever the row: mostly nobody has to ask them. */
int64_t tsn_state_marks_end(const struct tsn_state *s, uint32_t family);
/*
 * Relative standard error of the value that aggregate [agg] gave a row of the batch folded last: 0 when it is exact,
 * more where it comes from a sketch (DISTINCT, ENTROPY).
 */
double tsn_state_error(const struct tsn_state *s, uint32_t family, uint32_t agg, const struct tsn_batch *b, uint32_t row);
uint32_t tsn_state_families(const struct tsn_state *s);
const struct tsn_family_def *tsn_state_family(const struct tsn_state *s, uint32_t family);

/*
 * A sequence: each step is met by a later flow than the one before (event time; of equal times the later row), first to
 * last within the window, and a match leaves the key as if it had never been seen. Only a flow of the first step makes
 * a group. Of the runs that reached a step the one with the latest start is kept (of equal starts the one met earlier,
 * then the one that came first), so of flows in order every chain is found; a flow that comes after one it should
 * have come before is not taken back behind it. One flow may be a step of one run and begin another, but is in no
 * run twice, and the flow that completes a run begins none in that group. A flow older than its group's newest by more than
 * the window is late: it meets nothing.
 *
 * The rows of a sequence: steps[i] is the mask of rows that meet step i (NULL: a rule's, which come by tsn_state_step).
 * [result]: 1 in the rows that complete a run of the group of the last step's key, 0 in other rows of that mask and of
 * [read], unknown where the last step's key is absent. Rows in order, and of one row the last step first, so that one
 * flow meets one step. Families with nsteps only.
 */
bool tsn_state_fold_steps(struct tsn_state *s, uint32_t f, const struct tsn_batch *b, const struct tsn_mask *const steps[],
    const struct tsn_mask *read, struct tsn_vector *result);
/*
 * A rule that is step [step] matched rows of [b]: to be called at the tick after it, with all fields that the step's key
 * and tsn_state_notes want. False when memory is out. Where the rule is the last step, the runs it completes are told to the
 * tick: tsn_state_fold_steps with a batch of kind TICK gives 1 to each row of [read] whose key (of the last step) was completed
 * by the calls since the tick before. They are forgotten when flows are folded, or by the first such call after a tick's fold.
 */
bool tsn_state_step(struct tsn_state *s, uint32_t f, uint32_t step, const struct tsn_batch *b, const struct tsn_mask *rows);

/*
 * What exporters did, for silences and samples: [heard]: when one was heard last, and since when without a silence of
 * that length or a loss; see flow/exporter.h. Without it every exporter is taken to be whole.
 */
struct tsn_state_exporters {
	void *arg;
	/* Did [source] send during [from, to) without losing anything? */
	bool (*whole)(void *arg, uint32_t source, int64_t from, int64_t to);
	/* Was anything heard of it at or after [from]? */
	bool (*heard)(void *arg, uint32_t source, int64_t from);
};
void tsn_state_watch_exporters(struct tsn_state *s, const struct tsn_state_exporters *x);
/* The members of ABSENT's [expect] become active now, at [now]: once, when the rules are loaded. False when memory is out. */
struct tsn_set;
bool tsn_state_expect(struct tsn_state *s, const struct tsn_set *const *sets, int64_t now);
/* Tests with `history`: nothing is learning any more. */
void tsn_state_learned(struct tsn_state *s);

/*
 * What stands behind the value an aggregate gave a row of the batch folded last: the steps of a run, a rank and who was
 * pushed out, the samples of a baseline. Notes of one [group] are one object, of one [item] one element of a list.
 * Strings and lists live until the next fold of the family.
 */
#define TSN_NOTE_ALONE UINT32_MAX
struct tsn_note {
	const char *group;      /* "rank", "baseline", "chain" (a step an item: time src dst dst_port proto exporter), "patient_zero"... */
	uint32_t item;          /* place in a list of objects, or TSN_NOTE_ALONE */
	const char *name;       /* equal names in a row: a list */
	struct tsn_value value;
};
/* How many there are; at most [max] are written. */
uint32_t tsn_state_notes(const struct tsn_state *s, uint32_t family, uint32_t agg, const struct tsn_batch *b, uint32_t row,
    struct tsn_note *out, uint32_t max);

/* Learning, for people: of BASELINE and SINCE. */
struct tsn_learning {
	uint64_t groups, ready; /* groups known; of them with enough history at their newest flow */
	int64_t until;          /* event time from which the first group will be ready, TSN_TIME_NONE if one is or none is known */
};
void tsn_state_learning(const struct tsn_state *s, uint32_t family, uint32_t agg, struct tsn_learning *out);
void tsn_state_learning_all(struct tsn_state *const *s, uint32_t n, const char *canon, uint32_t agg, struct tsn_learning *out);

/* Bytes a group takes in the worst case: directory, group, key and cells; and what it may take beside them. */
struct tsn_cost {
	uint64_t group;         /* of each group */
	uint64_t extra;         /* of one that has grown (sketches, lists of members), as far as extra_bytes bounds it; else it is in [group] */
	uint64_t fixed;         /* of the family, whatever the groups */
	uint64_t growing;       /* for a moment, while arrays grow to their full size */
};
void tsn_state_cost(const struct tsn_family_def *f, struct tsn_cost *out);
/* At most, while a tick closes windows of it and finds silences; in no share of a site's memory. */
uint64_t tsn_state_closing_most(const struct tsn_family_def *f);

struct tsn_pack;
struct tsn_unpack;
/*
 * State as bytes, whole and in the order of group numbers, so that what is restored goes on exactly as the original would.
 * Families are found by canonical form; what [s] does not have is skipped. tsn_state_load may be given any bytes: false,
 * and [s] is as new as if nothing had been loaded, when they are not what tsn_state_save wrote. The seed comes along.
 */
void tsn_state_save(const struct tsn_state *s, struct tsn_pack *out);
bool tsn_state_load(struct tsn_state *s, struct tsn_unpack *in, void (*report)(void *arg, const struct tsn_handover *), void *arg);
/*
 * The same of several states. Families are written in the order of [order] (each must be in one state, or in all its shards), so that the
 * bytes are those that one state with these families would write.
 */
void tsn_state_save_all(struct tsn_state *const *s, uint32_t n, const struct tsn_family_def *order, uint32_t norder,
    struct tsn_pack *out);
bool tsn_state_load_all(struct tsn_state *const *s, uint32_t n, struct tsn_unpack *in,
    void (*report)(void *arg, const struct tsn_handover *), void *arg);

#endif
