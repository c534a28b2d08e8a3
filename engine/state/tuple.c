/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What different values are told apart by: a member is 64 bits, an integer field or an IPv4 address by an invertible
 * mix, so that two are the same exactly when the values are; anything else (tuples, text, IPv6)
 * by the hash of its encoded key, where 256 members meet in a pair with chance 2^-49.
 */
#include "base/hash.h"
#include "base/wide.h"
#include "state/internal.h"

#define HASH_ALL(type) \
	TSN_WIDE(static, void, hash_##type, (const type *col, uint64_t mask, uint64_t seed, uint32_t n, uint64_t *restrict out), \
	    (col, mask, seed, n, out)) \
	{ \
		for (uint32_t i = 0; i < n; i++) \
			out[i] = tsn_hash_u64(col[i] & mask, seed); \
	}

HASH_ALL(uint8_t)
HASH_ALL(uint16_t)
HASH_ALL(uint32_t)
HASH_ALL(uint64_t)

/* Of all rows, whether they count or not. */
static void
hash_column(const void *col, enum tsn_storage storage, uint64_t mask, uint64_t seed, uint32_t n, uint64_t *out)
{
	switch (storage) {
	case TSN_U8:  hash_uint8_t(col, mask, seed, n, out); break;
	case TSN_U16: hash_uint16_t(col, mask, seed, n, out); break;
	case TSN_U32: hash_uint32_t(col, mask, seed, n, out); break;
	default:      hash_uint64_t(col, mask, seed, n, out); break;
	}
}

static void
hash_numbers(struct tsn_agg *a, const struct tsn_batch *b, enum tsn_storage storage, uint64_t mask, uint64_t seed)
{
	const void *col = b->col[a->def->tuple.part[0].field];

	if (tsn_few_rows(tsn_mask_count(&a->takes), b)) {
		TSN_EACH_ROW(row, &a->takes)
			a->member[row] = tsn_hash_u64((uint64_t)tsn_column_int(col, storage, row) & mask, seed);
	} else {
		hash_column(col, storage, mask, seed, b->n, a->member);
	}
}

static uint64_t
member_of_key(const struct tsn_agg *a, const struct tsn_batch *b, uint32_t row, uint64_t seed)
{
	uint8_t key[TSN_KEY_MAX];

	return tsn_hash_bytes(key, tsn_key_encode(&a->def->tuple, b, row, key), seed);
}

void
tsn_members_of(struct tsn_agg *a, const struct tsn_batch *b, uint64_t seed)
{
	const struct tsn_key_part *part = &a->def->tuple.part[0];
	const struct tsn_field_info *field = &tsn_fields[part->field];
	struct tsn_mask known, others;

	tsn_key_present(&a->def->tuple, b, &known);
	tsn_mask_and(&a->takes, &a->takes, &known);
	others = a->takes;
	if (a->def->tuple.n == 1 && field->storage <= TSN_I64) {
		hash_numbers(a, b, field->storage, UINT64_MAX, seed);
		return;
	}
	if (tsn_key_is_addr(&a->def->tuple)) {
		hash_numbers(a, b, TSN_U32, part->v4_bits == 0 ? 0 : UINT32_MAX << (32 - part->v4_bits), seed);
		tsn_mask_andnot(&others, &others, &b->addr[field->addr_slot].is_v4);
	}
	TSN_EACH_ROW(row, &others)
		a->member[row] = member_of_key(a, b, row, seed);
}
