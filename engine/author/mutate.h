/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Do the tests of a rule notice when the rule is wrong? Each comparison, constant and connective of a rule is changed in turn
 * (mutations.def); a change that no test of the rule fails on survives, and shows what its tests leave untested.
 *
 * A mutant is one node of the tree with other contents, put there and taken back: trees are otherwise read only, so
 * nothing else may look at the sources meanwhile. Constants behind `let`, members behind `set` and conditions behind
 * `define` count as parts of every rule that names them. Nothing here is random: same rules, same result.
 */
#ifndef TSN_AUTHOR_MUTATE_H
#define TSN_AUTHOR_MUTATE_H

#include "compile/compile.h"

enum tsn_mutation {
#define MUTATION(kind, hint) TSN_MUT_##kind,
#include "author/mutations.def"
	TSN_MUT_COUNT
};

struct tsn_mutant {
	enum tsn_mutation kind;
	struct tsn_span span;     /* of what is changed */
	const char *from, *to;    /* as written; to "" : it is dropped */
	struct tsn_node *at;
	struct tsn_node was, now; /* what [at] holds */
};

struct tsn_mutants {
	struct tsn_arena *arena;
	struct tsn_mutant *v;
	size_t n, cap;
};

/* All mutants of a rule (full name), in the order written. NULL when memory is out. */
struct tsn_mutants *tsn_mutants_of(const struct tsn_ruleset *rs, const struct tsn_sources *sources, const char *rule);
void tsn_mutants_free(struct tsn_mutants *);
void tsn_mutant_apply(const struct tsn_mutant *);
void tsn_mutant_undo(const struct tsn_mutant *);
/* What to test, to have it noticed. */
const char *tsn_mutation_hint(enum tsn_mutation);

enum tsn_mutant_fate {
	TSN_FATE_KILLED,    /* a test of the rule failed */
	TSN_FATE_SURVIVED,
	TSN_FATE_REFUSED,   /* does not compile: no author would miss it */
	TSN_FATE_SAME,      /* means what the rule, or an earlier mutant of it, means */
};

struct tsn_mutation_counts {
	uint64_t fate[TSN_FATE_SAME + 1];
};

/*
 * Tries all mutants of a rule against its tests, which must pass without any; tells [survivor] of those that live, in the
 * order written. Adds to [counts]. A rule without tests kills none. False when memory is out.
 */
bool tsn_mutate_rule(const struct tsn_ruleset *rs, const struct tsn_sources *sources, const char *rule, uint32_t batch_rows,
    void (*survivor)(void *arg, const struct tsn_mutant *), void *arg, struct tsn_mutation_counts *counts);

#endif
