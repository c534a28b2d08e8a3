/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Lists of ranges of unsigned 128-bit numbers, in which both address families
 * and (with the sign bit turned) integers fit: sorting, merging, cutting, and
 * flattening nested ranges so that the smallest one wins everywhere. Used only
 * while a set is built.
 */
#ifndef TSN_SETS_RANGES_H
#define TSN_SETS_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned __int128 tsn_u128;

#define TSN_V4_MAPPED ((tsn_u128)0xffff << 32) /* ::ffff:0:0: where IPv4 stands */

struct tsn_range {
	tsn_u128 lo, hi; /* both inside */
	tsn_u128 size;   /* numbers in the member this is (a piece of), less one: the smaller, the longer the match */
	uint32_t row;    /* TSN_SET_NO_ROW: carries none */
	bool counted;    /* a member of its own, not part of a set that was added */
};

struct tsn_ranges {
	struct tsn_range *r;
	size_t n, cap;
};

void tsn_ranges_fini(struct tsn_ranges *l);
/* All return false when memory is out, and leave the list as it was. */
bool tsn_ranges_add(struct tsn_ranges *l, struct tsn_range r);
/* By lo, hi, row; nothing to do is found out fast. */
void tsn_ranges_sort(struct tsn_ranges *l);
/* Of a sorted list: how many different counted ranges it has. */
size_t tsn_ranges_distinct(const struct tsn_ranges *l);
/* Takes [cut] (sorted and merged) out of a sorted list, which stays sorted. */
bool tsn_ranges_subtract(struct tsn_ranges *l, const struct tsn_ranges *cut);
/* Takes out of ranges of IPv6 where IPv4 stands: no address of IPv6 is there, whatever prefix is around. */
bool tsn_ranges_without_v4(struct tsn_ranges *l);
/*
 * Of a sorted list: disjoint sorted pieces of the ranges that carry a row, each with the row of
 * the smallest.
 */
bool tsn_ranges_flatten(const struct tsn_ranges *l, struct tsn_ranges *out);
/* Joins a sorted list to disjoint ranges that do not touch; rows are lost. */
void tsn_ranges_merge(struct tsn_ranges *l);
/* The range of a disjoint sorted list that holds [v], or NULL. */
const struct tsn_range *tsn_ranges_find(const struct tsn_ranges *l, tsn_u128 v);

#endif
