/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Keys: the `by` fields of an aggregate or an alert as bytes. Encoded keys
 * compare with memcmp in the order people expect (numbers by value, IPv4
 * before IPv6), and are equal exactly when all parts are.
 */
#ifndef TSN_FLOW_KEY_H
#define TSN_FLOW_KEY_H

#include <string.h>

#include "flow/batch.h"

#define TSN_KEY_PARTS 8
#define TSN_KEY_STR_MAX 254                             /* longer strings are cut and end in their 64-bit hash */
#define TSN_KEY_MAX (TSN_KEY_PARTS * (TSN_KEY_STR_MAX + 2)) /* bytes of the longest key; a part has a tag before it */

struct tsn_key_part {
	uint16_t field;            /* enum tsn_field */
	uint8_t v4_bits, v6_bits;  /* ADDR: bits kept; 32 and 128 for a whole address */
};

struct tsn_key_spec {
	uint8_t n;
	struct tsn_key_part part[TSN_KEY_PARTS];
};

/* Rows that carry every part. With no part: all rows. */
void tsn_key_present(const struct tsn_key_spec *k, const struct tsn_batch *b, struct tsn_mask *out);
/* One row of that. */
bool tsn_key_present_in(const struct tsn_key_spec *k, const struct tsn_batch *b, uint32_t row);
/* Writes at most TSN_KEY_MAX bytes, returns how many; the row must carry every part. */
size_t tsn_key_encode(const struct tsn_key_spec *k, const struct tsn_batch *b, uint32_t row, uint8_t *out);
/*
 * What tsn_key_encode would write for each of [row], where their addresses are of IPv4, as words whose lowest byte is the first and whose
 * last one ends in zeros. Returns the length of all of them; 0: keys of this spec are not of one length, or too long for this.
 */
#define TSN_KEY_WORDS 4
size_t tsn_key_words(const struct tsn_key_spec *k, const struct tsn_batch *b, const uint16_t *row, uint32_t n,
    uint64_t words[TSN_KEY_WORDS][TSN_BATCH_ROWS]);
/* tsn_hash_bytes of each of them. */
void tsn_key_hash_words(uint64_t words[TSN_KEY_WORDS][TSN_BATCH_ROWS], size_t len, uint64_t seed, uint32_t n, uint64_t *restrict hash);
/* Leaves of [rows] those whose addresses in such keys are of IPv4. */
void tsn_key_keep_v4(const struct tsn_key_spec *k, const struct tsn_batch *b, struct tsn_mask *rows);
/* The same of one address of IPv4, the only part of a key: TSN_KEY_V4 bytes. */
#define TSN_KEY_V4 5
static inline uint64_t
tsn_key_v4_word(const struct tsn_key_part *part, uint32_t v4)
{
	return 4 | (uint64_t)__builtin_bswap32(part->v4_bits == 0 ? 0 : v4 & UINT32_MAX << (32 - part->v4_bits)) << 8;
}
/*
 * As above, but an absent part gets a marker of its own, which sorts first:
 * alerts without `by` are keyed by src even where a flow has none.
 */
size_t tsn_key_encode_loose(const struct tsn_key_spec *k, const struct tsn_batch *b, uint32_t row, uint8_t *out);
/* Are these bytes what tsn_key_encode (or with [loose] tsn_key_encode_loose) can have written? For keys that come from outside. */
bool tsn_key_valid(const struct tsn_key_spec *k, const uint8_t *bytes, size_t n, bool loose);
/* Reads part [i] back; strings point into [bytes]. */
void tsn_key_decode(const struct tsn_key_spec *k, const uint8_t *bytes, size_t n, unsigned i, struct tsn_value *out);
/* Makes a row of a tick batch from a key. Strings point into [bytes]. */
void tsn_key_to_row(const struct tsn_key_spec *k, const uint8_t *bytes, size_t n, struct tsn_batch *b, uint32_t row);
/* The same fields in the same order, masked alike. */
static inline bool
tsn_key_same(const struct tsn_key_spec *a, const struct tsn_key_spec *b)
{
	return a->n == b->n && memcmp(a->part, b->part, a->n * sizeof(a->part[0])) == 0;
}
/* True if the spec is one whole or masked address (the narrow fast path). */
static inline bool
tsn_key_is_addr(const struct tsn_key_spec *k)
{
	return k->n == 1 && tsn_fields[k->part[0].field].storage == TSN_ADDR;
}

#endif
