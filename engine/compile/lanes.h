/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Lanes: a compiled ruleset divided into parts that need nothing of one another, so that each may be run by another
 * thread. A lane has a program of its own for some of the rules. Rules that share groups, tell one another of alerts or
 * write and read one dynamic set lie in one lane; so results do not depend on the division.
 *
 * Rules whose groups and alerts all have one key can be divided further, by that key: shards. Those lanes run one
 * program, each over the rows of its own parts.
 *
 * The division is made from the rules, the number of threads and the division before. Immutable; borrows the ruleset.
 */
#ifndef TSN_COMPILE_LANES_H
#define TSN_COMPILE_LANES_H

#include "compile/compile.h"

#define TSN_LANES_MAX 512
#define TSN_LANE_NONE UINT32_MAX
#define TSN_SHARDS_MAX 64 /* as many as a family has parts */

/*
 * [program] numbers its rules as the whole one does (those of other lanes are disabled in it), and sets, too. Its families
 * have the budgets the whole one was given. [wanted], [reads] and [derived] are those of the whole: the front makes them once.
 */
struct tsn_lane_def {
	const struct tsn_program *program; /* shards of one group share theirs */
	uint32_t shard, nshards;           /* takes rows whose part modulo [nshards] is [shard], and 0 those without key; nshards 1: all rows */
	struct tsn_key_spec key;           /* of shards: that of all their groups and alerts; n 0 else */
	const uint32_t *rules; uint32_t nrules; /* those it has, ascending; disabled ones are in the first lane */
	const uint32_t *family;            /* the number that each of the program's families has in the whole */
	double share;                      /* of the work of all lanes, estimated */
};

struct tsn_lanes {
	struct tsn_lane_def *lane;         /* shards of a group stand together, in order */
	uint32_t n;                        /* at least 1, at most TSN_LANES_MAX */
	double cost;                       /* ns a flow of all of them, estimated; 0 if there was nothing to divide */
	const uint32_t *lane_of;           /* by rule: its lane, of shards the first */
	const uint32_t *lane_of_set;       /* by slot: the only lane that reads or changes this dynamic set; TSN_LANE_NONE: none, or not dynamic */
	struct tsn_arena *arena;           /* private: of all this */
	struct tsn_program **part;         /* private: programs to free, those that are not the whole one */
	uint32_t nparts;
};

/*
 * [threads] 0 or 1: one lane that is the whole program. [before]: whose place the rules will take, NULL: nobody's; what both have in
 * common stays divided as it is, if that is not far from what it would be. NULL: memory is out. The ruleset must live longer, and
 * have a program.
 */
struct tsn_lanes *tsn_lanes_make(const struct tsn_ruleset *rs, unsigned threads, const struct tsn_ruleset *before);
void tsn_lanes_free(struct tsn_lanes *l);

/* Those of a ruleset, which frees them: made by its compilation if it was told of that many threads, else now. NULL: memory is out. */
const struct tsn_lanes *tsn_ruleset_lanes(struct tsn_ruleset *rs, unsigned threads, const struct tsn_ruleset *before);

struct tsn_buf;
/* What `tocsin explain --threads N` says of them. */
void tsn_lanes_describe(const struct tsn_lanes *l, const struct tsn_ruleset *rs, struct tsn_buf *out);

#endif
