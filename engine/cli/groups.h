/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Flows in groups by some of their fields, with what `show --aggregate` and `top` print of each. */
#ifndef TSN_CLI_GROUPS_H
#define TSN_CLI_GROUPS_H

#include "cli/columns.h"

/* Rows wait in blocks, so that what their look-ups touch is fetched ahead. */
#define TSN_GROUPS_BLOCK 32u

struct tsn_group {
	uint64_t hash;
	size_t key; /* offset in the slab */
	uint32_t len;
	uint16_t flags; /* or-ed */
	bool flags_known;
	uint64_t flows, packets, bytes;
	int64_t start, end; /* of the first and last; TSN_TIME_NONE if none is known */
};

struct tsn_group_row {
	uint64_t hash, packets, bytes;
	int64_t start, end;
	uint32_t len;
	uint16_t flags;
	bool flags_known;
	uint8_t key[TSN_KEY_MAX];
};

struct tsn_groups {
	struct tsn_key_spec spec;
	bool loose;      /* rows without a key field make groups, too; else they are counted only */
	bool times;      /* start, end and flags are wanted */
	uint32_t *slots; /* index + 1 in group; a power of two, at most half full */
	size_t nslots;
	struct tsn_group *group;
	size_t n, cap;
	struct tsn_buf slab;
	uint64_t keyless; /* rows that made no group */
	bool no_memory;
	struct tsn_group_row block[TSN_GROUPS_BLOCK];
	uint32_t waiting;
	const struct tsn_sorts *sorts;
};

/* The fields that make a group, from the command line. 0, or an exit status. */
int tsn_groups_by(struct tsn_groups *t, const struct tsn_cli *c, const char *option, const char *text);
void tsn_groups_fini(struct tsn_groups *t);
/* Adds the fields that make the key, and those that are added up. */
void tsn_groups_reads(const struct tsn_groups *t, struct tsn_field_set *reads);
/* Sets no_memory when a group found no room. */
void tsn_groups_add(struct tsn_groups *t, struct tsn_batch *b, const struct tsn_mask *rows);
/* Can [field] be asked of a group? */
bool tsn_groups_knows(const struct tsn_groups *t, unsigned field);
void tsn_groups_get(const struct tsn_groups *t, const struct tsn_group *g, unsigned field, struct tsn_value *out);
/*
 * Brings the [most] first by [sorts] to the front, in order; equal ones stand in the order of their keys, so that the
 * list is the same every time.
 */
void tsn_groups_sort(struct tsn_groups *t, const struct tsn_sorts *sorts, size_t most);

#endif
