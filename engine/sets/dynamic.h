/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Dynamic sets: what rules add and remove (S53). Such a set is a tsn_set like any other to who asks (`in`, columns of
 * members); its members change between batches, at ticks, and by nobody else's hand. Bounded: when it is full the
 * member that expires first gives way, of several the one added first.
 *
 * Members of addresses may be prefixes; the longest one that holds an address says its columns. Columns are `reason`,
 * `added` and `expires`. Times are ms since 1970 UTC of the engine's clock; TSN_DYNAMIC_NEVER: stays until it is removed.
 *
 * Use (core/dynamic.c): at every tick tsn_set_dynamic_expire(set, now), then, for each action of the openings before it,
 *     tsn_set_dynamic_add_key(set, &action->value, key, key_len, now, action->for_ms, reason)   or   _remove_key
 * where [key] is what tsn_key_encode or its loose sister made of the flow; if a field was absent nothing happens.
 */
#ifndef TSN_SETS_DYNAMIC_H
#define TSN_SETS_DYNAMIC_H

#include "flow/key.h"
#include "sets/set.h"

#define TSN_DYNAMIC_NEVER INT64_MAX
#define TSN_DYNAMIC_MAX 100000      /* members unless told */
#define TSN_DYNAMIC_REASON 200      /* bytes kept of a reason */

struct tsn_pack;
struct tsn_unpack;

struct tsn_dynamic_stats {
	uint64_t added, renewed, removed, expired;
	uint64_t pushed_out;  /* gave way because the set was full */
	uint64_t lost;        /* not added because memory was out */
};

/*
 * An empty set of members of one kind. [shape] tells tuples of other fields apart, whose bytes mean something else; 0 for
 * other kinds. [expire_ms] 0: members stay. NULL when memory is out.
 */
struct tsn_set *tsn_set_dynamic_new(enum tsn_set_kind kind, uint64_t shape, int64_t expire_ms, size_t max);
/* The names of the columns of any dynamic set; NULL past the last. */
const char *tsn_dynamic_column_nth(size_t i);
bool tsn_set_is_dynamic(const struct tsn_set *s);

enum tsn_dynamic_change {
	TSN_DYNAMIC_ADDED, TSN_DYNAMIC_RENEWED,
	TSN_DYNAMIC_WRONG, /* of another kind, or absent */
	TSN_DYNAMIC_LOST,
};
/*
 * A member as a value (an address with v4_bits/v6_bits below 32/128: a prefix) or as the bytes of a tuple; adding again
 * renews its times and reason. [for_ms] 0: as the set says. [reason] is copied.
 */
enum tsn_dynamic_change tsn_set_dynamic_add(struct tsn_set *s, const struct tsn_value *v, int64_t now, int64_t for_ms,
    const char *reason);
bool tsn_set_dynamic_remove(struct tsn_set *s, const struct tsn_value *v);
/* The same by an encoded key of one part, or of several for a set of tuples. */
enum tsn_dynamic_change tsn_set_dynamic_add_key(struct tsn_set *s, const struct tsn_key_spec *spec, const uint8_t *key,
    size_t n, int64_t now, int64_t for_ms, const char *reason);
bool tsn_set_dynamic_remove_key(struct tsn_set *s, const struct tsn_key_spec *spec, const uint8_t *key, size_t n);
/* Members whose time has come (now >= expires) leave; how many. */
size_t tsn_set_dynamic_expire(struct tsn_set *s, int64_t now);
/* When the next member leaves; TSN_DYNAMIC_NEVER if none does. */
int64_t tsn_set_dynamic_due(const struct tsn_set *s);
void tsn_set_dynamic_stats(const struct tsn_set *s, struct tsn_dynamic_stats *out);

/* A member, to look at: valid until the set changes. */
struct tsn_dynamic_member {
	enum tsn_set_kind kind;
	struct tsn_prefix prefix; /* ADDR */
	int64_t i;                /* INT */
	struct tsn_str bytes;     /* STR, TUPLE */
	int64_t added, expires;
	struct tsn_str reason;
};
/* In the order in which they were first added. */
void tsn_set_dynamic_each(const struct tsn_set *s, void (*visit)(void *arg, const struct tsn_dynamic_member *m), void *arg);

/*
 * A new ruleset's set takes the members of the old one's over, if both are dynamic, of one kind and shape; [from] is left
 * empty. If it is smaller, those that expire first give way. What a set says of `expire` counts for what is added later.
 * False: of different kinds, nothing was done.
 */
bool tsn_set_dynamic_take_over(struct tsn_set *to, struct tsn_set *from);
/* Whole, as bytes and back: any bytes may be given to load; false and an empty set if they are not what save wrote. */
void tsn_set_dynamic_save(const struct tsn_set *s, struct tsn_pack *out);
bool tsn_set_dynamic_load(struct tsn_set *s, struct tsn_unpack *in);

#endif
