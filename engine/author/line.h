/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Every kind of value on one line of 128-bit numbers: integers with their sign bit turned, reals by the order of their bits,
 * IPv4 addresses as mapped IPv6 ones, texts by their hash. A condition on a value is then a list of ranges.
 */
#ifndef TSN_AUTHOR_LINE_H
#define TSN_AUTHOR_LINE_H

#include "compile/compile.h"
#include "sets/ranges.h"

tsn_u128 tsn_line_of_int(int64_t v);
/* All of these return false when memory is out. */
bool tsn_line_put(struct tsn_ranges *l, tsn_u128 lo, tsn_u128 hi);
/* [l] becomes what of [all] is not in it; what it and [other] have in common. */
bool tsn_line_complement(struct tsn_ranges *l, const struct tsn_ranges *all);
bool tsn_line_intersect(struct tsn_ranges *l, const struct tsn_ranges *other);
/* All values there can be; with [with], of the outcome of a comparison: less, equal, greater. */
bool tsn_line_universe(const struct tsn_ir *v, struct tsn_ranges *out);
bool tsn_line_all(const struct tsn_ir *of, const struct tsn_ir *with, struct tsn_ranges *out);

/* What [leaf], being true, says of which value: NONE if it is no condition on one value, or one that the site may change. */
enum tsn_line { TSN_LINE_NONE, TSN_LINE_RANGES, TSN_LINE_MEMORY };
enum tsn_line tsn_line_ranges(const struct tsn_ruleset *rs, const struct tsn_ir *leaf, const struct tsn_ir **of, const struct tsn_ir **with,
    struct tsn_ranges *out);

#endif
