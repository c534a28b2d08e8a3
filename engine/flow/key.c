/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * A part is a tag and, unless absent, its bytes, most significant first:
 *
 *   00                            absent (loose keys only)
 *   01 number                     1, 2, 4 or 8 bytes by the field's storage; signed ones
 *                                 with the sign bit turned
 *   01 text 00                    a string without NUL of at most TSN_KEY_STR_MAX bytes
 *   04 a.b.c.d    06 16 bytes     an address, its masked bits zero
 *
 * A longer string, or one with a NUL inside, keeps its beginning and then has
 * '~' and 16 hexadecimal digits of the hash of all of it.
 */
#include "flow/key.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/wide.h"

enum { TAG_ABSENT = 0, TAG_PLAIN = 1, TAG_V4 = 4, TAG_V6 = 6 };

#define HASH_TEXT 17u /* '~' and 16 digits */

void
tsn_key_present(const struct tsn_key_spec *k, const struct tsn_batch *b, struct tsn_mask *out)
{
	*out = b->rows;
	for (unsigned i = 0; i < k->n; i++)
		tsn_mask_and(out, out, &b->present[k->part[i].field]);
}

bool
tsn_key_present_in(const struct tsn_key_spec *k, const struct tsn_batch *b, uint32_t row)
{
	bool all = tsn_mask_has(&b->rows, row);

	for (unsigned i = 0; i < k->n; i++)
		all = all && tsn_mask_has(&b->present[k->part[i].field], row);
	return all;
}

/* One store where the size is a constant. */
static inline __attribute__((always_inline)) uint8_t *
put_be(uint8_t *out, uint64_t v, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		out[i] = (uint8_t)(v >> (8 * (size - 1 - i)));
	return out + size;
}

static uint64_t
get_be(const uint8_t *p, unsigned size)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v = v << 8 | p[i];
	return v;
}

static uint8_t *
put_v6(uint8_t *out, uint64_t hi, uint64_t lo, const struct tsn_key_part *part)
{
	const struct tsn_addr a = tsn_addr_mask((struct tsn_addr){ hi, lo, false }, part->v4_bits, part->v6_bits);

	*out++ = TAG_V6;
	return put_be(put_be(out, a.hi, 8), a.lo, 8);
}

/* IPv4, in most keys of most flows, goes without a structure. */
static inline uint8_t *
put_addr(uint8_t *out, const struct tsn_key_part *part, const struct tsn_batch *b, uint32_t row)
{
	const struct tsn_addr_column *a = &b->addr[tsn_fields[part->field].addr_slot];

	if (!tsn_mask_has(&a->is_v4, row))
		return put_v6(out, a->hi[row], a->lo[row], part);
	*out++ = TAG_V4;
	return put_be(out, part->v4_bits == 0 ? 0 : a->v4[row] & UINT32_MAX << (32 - part->v4_bits), 4);
}

static uint8_t *
put_str(uint8_t *out, struct tsn_str s)
{
	const char *nul = s.n > 0 ? memchr(s.p, '\0', s.n) : NULL;
	size_t keep = s.n;

	*out++ = TAG_PLAIN;
	if (nul != NULL || s.n > TSN_KEY_STR_MAX) {
		keep = nul != NULL ? (size_t)(nul - s.p) : s.n;
		if (keep > TSN_KEY_STR_MAX - HASH_TEXT)
			keep = TSN_KEY_STR_MAX - HASH_TEXT;
		memcpy(out, s.p, keep);
		/* writes its own NUL */
		snprintf((char *)out + keep, HASH_TEXT + 1, "~%016llx",
		    (unsigned long long)tsn_hash_bytes(s.p, s.n, 0));
		return out + keep + HASH_TEXT + 1;
	}
	if (keep > 0)
		memcpy(out, s.p, keep);
	out[keep] = '\0';
	return out + keep + 1;
}

/* IEEE 754 numbers sort as integers once negative ones are inverted; -0 is 0 here. */
static uint64_t
real_bits(double d)
{
	uint64_t v;

	d = d == 0 ? 0 : d;
	memcpy(&v, &d, sizeof(v));
	return v >> 63 ? ~v : v ^ UINT64_C(1) << 63;
}

static double
bits_real(uint64_t v)
{
	double d;

	v = v >> 63 ? v ^ UINT64_C(1) << 63 : ~v;
	memcpy(&d, &v, sizeof(d));
	return d;
}

static inline uint8_t *
put_part(uint8_t *out, const struct tsn_key_part *part, const struct tsn_batch *b, uint32_t row)
{
	const void *col = b->col[part->field];

	switch (tsn_fields[part->field].storage) {
	case TSN_ADDR: return put_addr(out, part, b, row);
	case TSN_STR:  return put_str(out, ((const struct tsn_str *)col)[row]);
	default:       break;
	}
	*out++ = TAG_PLAIN;
	switch (tsn_fields[part->field].storage) {
	case TSN_U8:  return put_be(out, ((const uint8_t *)col)[row], 1);
	case TSN_U16: return put_be(out, ((const uint16_t *)col)[row], 2);
	case TSN_U32: return put_be(out, ((const uint32_t *)col)[row], 4);
	case TSN_I64: return put_be(out, ((const uint64_t *)col)[row] ^ UINT64_C(1) << 63, 8);
	case TSN_F64: return put_be(out, real_bits(((const double *)col)[row]), 8);
	default:      return put_be(out, ((const uint64_t *)col)[row], 8);
	}
}

size_t
tsn_key_encode(const struct tsn_key_spec *k, const struct tsn_batch *b, uint32_t row, uint8_t *out)
{
	uint8_t *p = out;

	for (unsigned i = 0; i < k->n; i++)
		p = put_part(p, &k->part[i], b, row);
	return (size_t)(p - out);
}

size_t
tsn_key_encode_loose(const struct tsn_key_spec *k, const struct tsn_batch *b, uint32_t row,
    uint8_t *out)
{
	uint8_t *p = out;

	for (unsigned i = 0; i < k->n; i++) {
		if (tsn_mask_has(&b->present[k->part[i].field], row))
			p = put_part(p, &k->part[i], b, row);
		else
			*p++ = TAG_ABSENT;
	}
	return (size_t)(p - out);
}

/* --- many rows at once --- */

/* Bytes of the part, its tag included; 0: not always the same, or too many. */
static size_t
short_size(const struct tsn_key_part *part)
{
	switch (tsn_fields[part->field].storage) {
	case TSN_U8:   return 1 + 1;
	case TSN_U16:  return 1 + 2;
	case TSN_U32:
	case TSN_ADDR: return 1 + 4;
	default:       return 0;
	}
}

static size_t
short_sizes(const struct tsn_key_spec *k)
{
	size_t size = 0;

	for (unsigned i = 0; i < k->n; i++) {
		if (short_size(&k->part[i]) == 0)
			return 0;
		size += short_size(&k->part[i]);
	}
	return size <= TSN_KEY_WORDS * sizeof(uint64_t) ? size : 0;
}

static void
values_of(const struct tsn_key_part *part, const struct tsn_batch *b, const uint16_t *row, uint32_t n, uint32_t *out)
{
	const uint32_t mask = part->v4_bits == 0 ? 0 : UINT32_MAX << (32 - part->v4_bits);
	const void *col = b->col[part->field];

	switch (tsn_fields[part->field].storage) {
	case TSN_U8:
		for (uint32_t i = 0; i < n; i++)
			out[i] = ((const uint8_t *)col)[row[i]];
		break;
	case TSN_U16:
		for (uint32_t i = 0; i < n; i++)
			out[i] = ((const uint16_t *)col)[row[i]];
		break;
	case TSN_U32:
		for (uint32_t i = 0; i < n; i++)
			out[i] = ((const uint32_t *)col)[row[i]];
		break;
	default:
		for (uint32_t i = 0; i < n; i++)
			out[i] = ((const uint32_t *)col)[row[i]] & mask;
		break;
	}
}

/* Numbers of [size] bytes, the most significant first, behind a tag, from bit [shift] of a word on; what does not fit goes to the next. */
TSN_WIDE(static, void, add_part, (const uint32_t *v, uint32_t n, uint64_t tag, unsigned size, unsigned shift, uint64_t *restrict word,
    uint64_t *restrict next), (v, n, tag, size, shift, word, next))
{
	for (uint32_t i = 0; i < n; i++) {
		const uint64_t bytes = tag | (uint64_t)(__builtin_bswap32(v[i]) >> (32 - 8 * size)) << 8;

		word[i] |= bytes << shift;
		next[i] |= shift == 0 ? 0 : bytes >> (64 - shift);
	}
}

size_t
tsn_key_words(const struct tsn_key_spec *k, const struct tsn_batch *b, const uint16_t *row, uint32_t n,
    uint64_t words[TSN_KEY_WORDS][TSN_BATCH_ROWS])
{
	const size_t len = short_sizes(k);
	uint32_t v[TSN_BATCH_ROWS];
	uint64_t over[TSN_BATCH_ROWS];
	unsigned at = 0;

	for (size_t w = 0; w * sizeof(uint64_t) < len; w++)
		memset(words[w], 0, n * sizeof(uint64_t));
	for (unsigned i = 0; i < k->n && len > 0; i++) {
		const unsigned size = (unsigned)short_size(&k->part[i]), word = at / 8;
		const bool last = (word + 1) * sizeof(uint64_t) >= len;

		if (last)
			memset(over, 0, n * sizeof(uint64_t)); /* nothing comes there */
		values_of(&k->part[i], b, row, n, v);
		add_part(v, n, tsn_fields[k->part[i].field].storage == TSN_ADDR ? TAG_V4 : TAG_PLAIN, size - 1, at % 8 * 8, words[word],
		    last ? over : words[word + 1]);
		at += size;
	}
	return len;
}

TSN_WIDE(, void, tsn_key_hash_words, (uint64_t words[TSN_KEY_WORDS][TSN_BATCH_ROWS], size_t len, uint64_t seed, uint32_t n,
    uint64_t *restrict hash), (words, len, seed, n, hash))
{
	const uint64_t first = tsn_hash_u64(len, seed);

	for (uint32_t i = 0; i < n; i++)
		hash[i] = tsn_hash_join(first, words[0][i]);
	for (size_t w = 1; w * sizeof(uint64_t) < len; w++)
		for (uint32_t i = 0; i < n; i++)
			hash[i] = tsn_hash_join(hash[i], words[w][i]);
}

void
tsn_key_keep_v4(const struct tsn_key_spec *k, const struct tsn_batch *b, struct tsn_mask *rows)
{
	for (unsigned i = 0; i < k->n; i++)
		if (tsn_fields[k->part[i].field].storage == TSN_ADDR)
			tsn_mask_and(rows, rows, &b->addr[tsn_fields[k->part[i].field].addr_slot].is_v4);
}

/* --- back --- */

static size_t
number_size(enum tsn_storage s)
{
	return s == TSN_U8 ? 1 : s == TSN_U16 ? 2 : s == TSN_U32 ? 4 : 8;
}

/* Bytes of the part that begins at [p], its tag included; 0 if they are cut short. */
static size_t
part_size(const struct tsn_key_part *part, const uint8_t *p, size_t n)
{
	const uint8_t *nul;
	size_t size = 1;

	if (n == 0)
		return 0;
	if (p[0] == TAG_V4) {
		size = 5;
	} else if (p[0] == TAG_V6) {
		size = 17;
	} else if (p[0] == TAG_PLAIN && tsn_fields[part->field].storage == TSN_STR) {
		nul = memchr(p + 1, '\0', n - 1);
		size = nul != NULL ? (size_t)(nul - p) + 1 : n + 1;
	} else if (p[0] == TAG_PLAIN) {
		size = 1 + number_size(tsn_fields[part->field].storage);
	}
	return size <= n ? size : 0;
}

bool
tsn_key_valid(const struct tsn_key_spec *k, const uint8_t *bytes, size_t n, bool loose)
{
	size_t off = 0;

	if (n > TSN_KEY_MAX)
		return false;
	for (unsigned i = 0; i < k->n; i++) {
		const size_t size = part_size(&k->part[i], bytes + off, n - off);
		const bool addr = size == 5 || size == 17; /* also of others; the tag tells */

		if (size == 0 || (bytes[off] == TAG_ABSENT && !loose))
			return false;
		if (bytes[off] != TAG_ABSENT && bytes[off] != TAG_PLAIN && bytes[off] != TAG_V4 && bytes[off] != TAG_V6)
			return false;
		if (bytes[off] != TAG_ABSENT && (tsn_fields[k->part[i].field].storage == TSN_ADDR) != (bytes[off] != TAG_PLAIN && addr))
			return false;
		if (tsn_fields[k->part[i].field].storage == TSN_STR && size > TSN_KEY_STR_MAX + 2)
			return false;
		off += size;
	}
	return off == n;
}

static void
read_part(enum tsn_storage storage, const uint8_t *p, size_t n, struct tsn_value *out)
{
	switch (storage) {
	case TSN_ADDR:
		if (p[0] == TAG_V4)
			out->addr = tsn_addr_v4((uint32_t)get_be(p + 1, 4));
		else
			out->addr = (struct tsn_addr){ get_be(p + 1, 8), get_be(p + 9, 8), false };
		break;
	case TSN_STR:
		out->s = (struct tsn_str){ (const char *)p + 1, (uint32_t)(n - 2) };
		break;
	case TSN_I64:
		out->i = (int64_t)(get_be(p + 1, 8) ^ UINT64_C(1) << 63);
		break;
	case TSN_F64:
		out->f = bits_real(get_be(p + 1, 8));
		break;
	default:
		out->i = (int64_t)get_be(p + 1, (unsigned)(n - 1));
		break;
	}
}

void
tsn_key_decode(const struct tsn_key_spec *k, const uint8_t *bytes, size_t n, unsigned i,
    struct tsn_value *out)
{
	const struct tsn_key_part *part = &k->part[i];
	size_t off = 0, size;

	memset(out, 0, sizeof(*out));
	out->type = tsn_fields[part->field].type;
	out->v4_bits = part->v4_bits;
	out->v6_bits = part->v6_bits;
	for (unsigned j = 0; j < i; j++)
		off += part_size(&k->part[j], bytes + off, n - off);
	size = part_size(part, bytes + off, n - off);
	if (size == 0 || bytes[off] == TAG_ABSENT)
		return;
	out->known = true;
	read_part(tsn_fields[part->field].storage, bytes + off, size, out);
}

void
tsn_key_to_row(const struct tsn_key_spec *k, const uint8_t *bytes, size_t n, struct tsn_batch *b,
    uint32_t row)
{
	struct tsn_value v;

	for (unsigned i = 0; i < k->n; i++) {
		tsn_key_decode(k, bytes, n, i, &v);
		tsn_batch_put(b, row, k->part[i].field, &v);
	}
}
