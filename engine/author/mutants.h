/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What the files that list mutants share, and nobody else includes. */
#ifndef TSN_AUTHOR_MUTANTS_H
#define TSN_AUTHOR_MUTANTS_H

#include "author/mutate.h"

#define PARTS_MAX 4096     /* declarations one rule is made of; of more none is changed */
#define CONSTANTS_MAX 256

/* How a constant stands: what is a step to its neighbour, and what is none. */
struct tsn_mut_place {
	bool compared;         /* by an operator: a duration moves by its unit, else it is a window's */
	bool sketch;           /* with what distinct() estimates */
	bool in_sequence;      /* `where` binds a step there */
	bool positive;         /* unknown is as good as false here */
};

struct tsn_mut_walk {
	struct tsn_mutants *out;
	const struct tsn_sources *sources;
	const struct tsn_node *part[PARTS_MAX];
	size_t nparts;
	const char *sketched[CONSTANTS_MAX]; /* names of constants that distinct() is compared with */
	size_t nsketched;
	bool failed;
};

/* [at] with other contents; its place among its siblings stays. */
void tsn_mut_note(struct tsn_mut_walk *w, enum tsn_mutation kind, struct tsn_span span, struct tsn_node *at, struct tsn_node now,
    const char *to);

/* mutant_values.c: a constant's neighbours. */
void tsn_mut_number(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p);
void tsn_mut_real(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p);
void tsn_mut_duration(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p);
void tsn_mut_address(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p);
void tsn_mut_prefix(struct tsn_mut_walk *w, struct tsn_node *n, struct tsn_mut_place p);
/* After `by`: /24, /24/48. */
void tsn_mut_mask(struct tsn_mut_walk *w, struct tsn_node *n);

/* mutant_idle.c: what goes without saying, so that nobody could test it. */
bool tsn_mut_is_tcp(const struct tsn_node *);
/* Is an operand of [and] other than [but] unknown wherever there are no flags? */
bool tsn_mut_flags_beside(const struct tsn_mut_walk *w, const struct tsn_node *and, const struct tsn_node *but);
/* A key that the rule's `where` holds to one value makes no groups. */
bool tsn_mut_is_idle_key(const struct tsn_mut_walk *w, const struct tsn_node *key);

#endif
