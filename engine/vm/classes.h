/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Classes of one field's values: all values that meet the same of the tests that many rules share are one class, so
 * that one look-up a row says which of thousands of rules it can matter to. Of addresses the look-up is a longest-prefix
 * match. Made with the program, in its arena; never changes.
 */
#ifndef TSN_VM_CLASSES_H
#define TSN_VM_CLASSES_H

#include "base/arena.h"
#include "flow/batch.h"

#define TSN_CLASS_NONE 0u
#define TSN_CLASS_MAX  0xfffffu
#define TSN_CLASS_DEEP 130 /* ranges around each other: prefixes of IPv6 are the most */

/* Values lo..hi are of [class]. Integers as their 64 bits, IPv4 addresses as 32; of strings see tsn_class_of_text. */
struct tsn_class_range {
	unsigned __int128 lo, hi;
	uint32_t class;
};

struct tsn_class_slot {
	uint64_t value;
	uint32_t class; /* NONE: free */
};

struct tsn_class_text {
	struct tsn_str text;
	uint32_t class; /* NONE: free */
};

struct tsn_class_chunk {
	uint32_t of[256];
};

struct tsn_classes {
	uint16_t field;
	/* fields of 8 and 16 bits, and the upper half of IPv4 addresses: a bit a value that has a class (or may have one) */
	uint64_t *some;
	uint32_t *small;             /* fields of 8 and 16 bits: the class */
	struct tsn_class_slot *slot; /* wider integers: open addressing; NULL: some are ranges, and stand in [from_lo] */
	struct tsn_class_text *word; /* strings: the same */
	uint64_t mask;
	uint64_t lengths;            /* of strings that have one: a bit each, the last for all that are longer */
	/* IPv4: by the upper 16 bits, then by 8 and 8 more in [chunk]: a class, or CHUNK with the number of a chunk */
	uint32_t *upper;
	struct tsn_class_chunk *chunk;
	/* IPv6, ranges of integers: where a new class (or none) begins, ascending; of integers [near] says where to begin to look */
	uint64_t *from_hi, *from_lo;
	uint32_t *from_class, nfrom;
	uint32_t *near;
	/* by class: the one of the range around it, whose blocks are for its rows, too; NULL: there are none in each other */
	uint32_t *parent, nparents;
};

/* A string as a range of one value: where it lies, which must be as long as the program, and its length. */
static inline struct tsn_class_range
tsn_class_of_text(const char *p, size_t n, uint32_t class)
{
	const unsigned __int128 v = (unsigned __int128)(uintptr_t)p << 64 | n;

	return (struct tsn_class_range){ v, v, class };
}

/*
 * [r]: disjoint ascending ranges, of addresses IPv4 in [r] and IPv6 in [six]; of strings single values, each once. False when
 * memory is out.
 */
bool tsn_classes_init(struct tsn_classes *c, struct tsn_arena *a, uint32_t field, const struct tsn_class_range *r,
    size_t n, const struct tsn_class_range *six, size_t nsix);
/* The classes of a batch's rows: [known] gets the rows (of those the batch has) that have one, [of] is written there only. */
void tsn_classes_rows(const struct tsn_classes *c, const struct tsn_batch *b, struct tsn_mask *known, uint32_t *of);

/* The class of one row, which has the field; NONE: it has none. */
uint32_t tsn_classes_row(const struct tsn_classes *c, const struct tsn_batch *b, uint32_t row);

#endif
