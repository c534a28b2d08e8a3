/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What lanes*.c share: rules that must stay together, and what they cost. */
#ifndef TSN_COMPILE_LANES_INTERNAL_H
#define TSN_COMPILE_LANES_INTERNAL_H

#include "base/names.h"
#include "compile/lanes.h"

/* Rules that lie in one lane. Costs are nanoseconds a flow, estimated. */
struct tsn_component {
	uint32_t nrules;
	uint32_t *rules;          /* ascending */
	bool stateless;           /* what they tell of a batch depends on that batch alone */
	bool shardable;
	struct tsn_key_spec key;
	double flat;              /* what every shard does: tests of whole columns */
	double rows;              /* what shards have between them: work row by row */
	uint32_t were;            /* how many lanes shared it before the reload; 0: it is new */
	bool sharded;             /* several will */
};

struct tsn_components {
	struct tsn_component *c;  /* in the order of their first rules */
	uint32_t n;
	uint32_t *of;             /* by rule; TSN_NAMES_NONE: disabled */
	uint32_t *of_set;         /* by slot of a dynamic set; TSN_NAMES_NONE: no rule names it, or it is not dynamic */
};

/* False when memory is out. All of it lies in [arena]. */
bool tsn_components_find(const struct tsn_ruleset *rs, struct tsn_arena *arena, struct tsn_components *out);
/* Fills [flat] and [rows]. False when memory is out. */
bool tsn_components_cost(const struct tsn_ruleset *rs, struct tsn_components *all);

/* Walks what a rule is made of, insides of functions too, each node once for each [mark] in a row. */
struct tsn_parts_walk {
	uint32_t *seen;           /* by node: the last mark it was met with; zeroed */
	uint32_t mark;            /* 1, 2... */
	void (*each)(struct tsn_parts_walk *w, const struct tsn_ir *x);
};
void tsn_parts_walk_rule(struct tsn_parts_walk *w, const struct tsn_ir_rule *r);

#endif
