/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Private to dynamic sets: their members. They lie in one array, found by chains of a hash table, ordered by a heap for who leaves next
 * and by a list for who came first. Whatever the hash, what a set holds depends only on what was done to it.
 */
#ifndef TSN_SETS_DYNAMIC_MEMBERS_H
#define TSN_SETS_DYNAMIC_MEMBERS_H

#include "sets/dynamic.h"
#include "sets/members.h"

#define NONE UINT32_MAX
#define ADDR_KEY 18 /* family, length, address */

struct member {
	uint64_t hash, seq;    /* seq: when it was first added, as a number */
	int64_t added, expires;
	uint32_t chain;        /* next of its bucket; of a free one, the next free one */
	uint32_t heap;         /* its place there */
	uint32_t older, newer; /* by seq */
	uint32_t key_n, reason_n;
	char *blob;            /* key, then reason, time added, time it expires, each with a NUL */
};

struct tsn_dynamic {
	enum tsn_set_kind kind;
	uint64_t shape;
	int64_t expire_ms;
	size_t max;
	struct member *member;
	uint32_t n, used, cap; /* members; places used so far, free ones included; places there are */
	uint32_t free, oldest, newest;
	uint32_t *bucket, nbuckets;
	uint32_t *heap;
	uint64_t next_seq;
	uint32_t of_length[2][129]; /* [v6][length]: members that are prefixes of it */
	struct tsn_dynamic_stats stats;
};

struct key {
	uint8_t bytes[ADDR_KEY];
	const void *p;
	size_t n;
};

void tsn_dynamic_key_of_prefix(struct key *k, struct tsn_prefix p);
struct tsn_prefix tsn_dynamic_prefix_of_key(const uint8_t *p);
void tsn_dynamic_key_of_int(struct key *k, int64_t v);
/* False: the value is absent, or of another kind than the set's members. */
bool tsn_dynamic_key_of_value(const struct tsn_dynamic *d, const struct tsn_value *v, struct key *k);

/* NONE: it is no member. */
uint32_t tsn_dynamic_find(const struct tsn_dynamic *d, const void *p, size_t n);
/* Adds a member or renews it; of a full set the one goes that would leave next. */
enum tsn_dynamic_change tsn_dynamic_insert(struct tsn_dynamic *d, const struct key *k, const char *reason, size_t reason_n, int64_t added,
    int64_t expires);
void tsn_dynamic_drop(struct tsn_dynamic *d, uint32_t i);
void tsn_dynamic_clear(struct tsn_dynamic *d);

#endif
