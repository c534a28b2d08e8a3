/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The insides of a set: one small structure for each kind of member, built
 * from sorted ranges or from words and then only read. Not for other rooms.
 */
#ifndef TSN_SETS_MEMBERS_H
#define TSN_SETS_MEMBERS_H

#include "sets/bins.h"
#include "sets/cells.h"
#include "sets/ranges.h"
#include "sets/set.h"

#define TSN_SET_LINEAR 12 /* with so few ranges a column is compared with each in turn (vector code) */

struct tsn_v4_bits {
	uint64_t w[4];
};

/* Which /24s of a /16 have members but are not members as a whole: each has a leaf. */
struct tsn_v4_parts {
	uint64_t w[4];
	uint32_t rank[4]; /* leaves before those of each word */
};

/* IPv4: merged ranges, and when they are many the way to them (sets/v4.c). */
struct tsn_v4_members {
	uint32_t *lo, *hi, n;
	uint32_t *upper;   /* by the first 16 bits: none, all, or a block; NULL when n is small */
	struct tsn_v4_bits *some;   /* of each block: its /24s with a member */
	struct tsn_v4_parts *part;
	struct tsn_v4_bits *leaf;   /* a bit an address; NULL: too many, or n is small */
	bool small;                 /* there are few of all these, and some leaf */
};

struct tsn_v6_members {
	uint64_t *lo_hi, *lo_lo, *hi_hi, *hi_lo; /* high and low halves of both ends */
	size_t n;
	struct tsn_bins bins;  /* by the high half, or if that is one by the low half */
	bool low;              /* the latter */
};

struct tsn_int_members {
	int64_t *lo, *hi;
	size_t n;
	uint64_t *low; /* one bit for each of 0..65535, or NULL when n is small or none is there */
	struct tsn_bins bins; /* when n is not small */
};

struct tsn_word {
	uint32_t off, n, row;
};

struct tsn_word_slot {
	uint32_t tag, word; /* part of the hash; 1 + index of the word, 0 if free */
};

/* Strings and tuples. */
struct tsn_word_members {
	struct tsn_buf text;
	struct tsn_word *word;
	size_t n, cap;
	struct tsn_word_slot *slot;
	size_t slots; /* a power of two */
};

/* sets/table.c */
struct tsn_table;
void tsn_table_numbers_free(struct tsn_table *t);

/* sets/dynamic.c */
struct tsn_dynamic;
void tsn_dynamic_free(struct tsn_dynamic *d);
size_t tsn_dynamic_size(const struct tsn_dynamic *d);
bool tsn_dynamic_has_family(const struct tsn_dynamic *d, bool v4);
/* Rows of members; TSN_SET_NO_ROW: no member. */
uint32_t tsn_dynamic_find_addr(const struct tsn_dynamic *d, struct tsn_addr a);
uint32_t tsn_dynamic_find_int(const struct tsn_dynamic *d, int64_t v);
uint32_t tsn_dynamic_find_bytes(const struct tsn_dynamic *d, const void *p, size_t n);
int tsn_dynamic_column(const char *name, size_t n);
struct tsn_str tsn_dynamic_cell(const struct tsn_dynamic *d, uint32_t row, int column);
void tsn_dynamic_rows_addr(const struct tsn_dynamic *d, const struct tsn_addr_column *col, uint32_t n, unsigned v4_bits,
    unsigned v6_bits, uint8_t *hit);

struct tsn_set {
	_Atomic uint32_t others;     /* holders but one */
	_Atomic int64_t as_of;       /* see tsn_set_as_of */
	enum tsn_set_kind kind;
	struct tsn_table *table;     /* the numbers of its rows; NULL: no table */
	struct tsn_dynamic *dynamic; /* its members are in here and nowhere else; NULL: not dynamic */
	size_t size;
	uint64_t hash;
	struct tsn_v4_members v4;
	struct tsn_v6_members v6;
	struct tsn_int_members ints;
	struct tsn_word_members words;
	struct tsn_ranges pieces[2]; /* whose row is where: [0] IPv4 or integers, [1] IPv6 */
	struct tsn_cells cells;
};

static inline tsn_u128
tsn_u128_of_addr(struct tsn_addr a)
{
	return (tsn_u128)a.hi << 64 | a.lo;
}

/* Order is kept. */
static inline tsn_u128
tsn_u128_of_int(int64_t v)
{
	return (uint64_t)v ^ UINT64_C(1) << 63;
}

static inline int64_t
tsn_int_of_u128(tsn_u128 v)
{
	return (int64_t)((uint64_t)v ^ UINT64_C(1) << 63);
}

/* From merged ranges; false when memory is out (what was made is freed by _fini). */
bool tsn_v4_members_init(struct tsn_v4_members *m, const struct tsn_ranges *l);
void tsn_v4_members_fini(struct tsn_v4_members *m);
bool tsn_v4_members_has(const struct tsn_v4_members *m, uint32_t v);
/* [hit] is 0 for the n rows; values are and-ed with [mask] first. */
void tsn_v4_members_rows(const struct tsn_v4_members *m, const uint32_t *v, uint32_t n, uint32_t mask, uint8_t *hit);
bool tsn_v6_members_init(struct tsn_v6_members *m, const struct tsn_ranges *l);
void tsn_v6_members_fini(struct tsn_v6_members *m);
bool tsn_v6_members_has(const struct tsn_v6_members *m, uint64_t hi, uint64_t lo);
bool tsn_int_members_init(struct tsn_int_members *m, const struct tsn_ranges *l);
void tsn_int_members_fini(struct tsn_int_members *m);

bool tsn_word_members_add(struct tsn_word_members *m, const void *p, size_t n, uint32_t row);
/* Makes the table; of equal words the first one with a row stays. */
bool tsn_word_members_close(struct tsn_word_members *m);
void tsn_word_members_fini(struct tsn_word_members *m);
/* At most TSN_BINS_STRETCH at once. */
void tsn_word_members_find_all(const struct tsn_word_members *m, const struct tsn_str *s, uint32_t n, bool *found);
const struct tsn_word *tsn_word_members_find(const struct tsn_word_members *m, const void *p,
    size_t n);

#endif
