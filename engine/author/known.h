/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What is known of a flow that meets some conditions: of each value the ranges it may lie in. Enough to see that
 * conditions exclude or follow from one another; where it knows nothing, everything stays possible.
 */
#ifndef TSN_AUTHOR_KNOWN_H
#define TSN_AUTHOR_KNOWN_H

#include "compile/compile.h"
#include "sets/ranges.h"

struct tsn_known_value {
	const struct tsn_ir *of, *with;  /* the value; [with]: two values that are compared, in the order less, equal, greater */
	struct tsn_ranges in;
};

struct tsn_known {
	const struct tsn_ruleset *rs;
	struct tsn_known_value *fact; size_t n, cap;
	const struct tsn_ir **holds; size_t nholds, cap_holds;     /* other conditions that are true... */
	const struct tsn_ir **fails; size_t nfails, cap_fails;     /* ...and those that are false */
	bool infer;   /* ports need a protocol that has them, flags TCP */
	bool failed;  /* memory is out: nothing is concluded */
};

void tsn_known_init(struct tsn_known *f, const struct tsn_ruleset *rs, bool infer);
void tsn_known_fini(struct tsn_known *f);
/* Adds that a condition without AND and OR is true, or is [!holds] false. False if that cannot be. */
bool tsn_known_assume(struct tsn_known *f, const struct tsn_ir *leaf, bool holds);
/* Can a flow meet all of these? True where the search would take too long. */
bool tsn_known_possible(const struct tsn_ruleset *rs, const struct tsn_ir *const *all, size_t n);
/* The same without what protocols imply. */
bool tsn_known_possible_as_written(const struct tsn_ruleset *rs, const struct tsn_ir *const *all, size_t n);
/* Does [leaf] follow from [all], whatever it leaves open? Then it is known (not absent) in each flow that meets them. */
bool tsn_known_imply(const struct tsn_ruleset *rs, const struct tsn_ir *const *all, size_t n, const struct tsn_ir *leaf);

/* How many values [value] can have where [where] holds, UINT64_MAX if more or unknown. */
uint64_t tsn_known_values(const struct tsn_ruleset *rs, const struct tsn_ir *where, uint16_t field, unsigned v4_bits, unsigned v6_bits);

#endif
