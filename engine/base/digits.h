/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Numbers as text, straight into memory that has room for them: for who writes
 * a hundred of them a record. Each returns where its text ends; none ends it.
 */
#ifndef TSN_BASE_DIGITS_H
#define TSN_BASE_DIGITS_H

#include <stdint.h>
#include <string.h>

#define TSN_INT_TEXT 20 /* bytes of the longest int64 */

/* A constant string. */
#define TSN_PUT(p, literal) ((char *)memcpy((p), (literal), sizeof(literal) - 1) + sizeof(literal) - 1)

/* Below 100, two digits. */
static inline char *
tsn_put_pair(char *p, uint32_t v)
{
	const uint32_t tens = v * 103 >> 10;

	p[0] = (char)('0' + tens);
	p[1] = (char)('0' + v - tens * 10);
	return p + 2;
}

/* Below 1,000, three digits. */
static inline char *
tsn_put_triple(char *p, uint32_t v)
{
	const uint32_t hundreds = v * 5243 >> 19;

	*p = (char)('0' + hundreds);
	return tsn_put_pair(p + 1, v - hundreds * 100);
}

/* The digits of each byte. */
extern const struct tsn_byte_text {
	char text[3];
	uint8_t n;
} tsn_byte_texts[256];

/* Below 256. Writes four bytes, whatever it returns: how many digits bytes of addresses have no branch can foresee. */
static inline char *
tsn_put_byte(char *p, uint32_t v)
{
	memcpy(p, &tsn_byte_texts[v], sizeof(tsn_byte_texts[v]));
	return p + tsn_byte_texts[v].n;
}

/* At most TSN_INT_TEXT bytes each. */
char *tsn_put_u64(char *p, uint64_t v);
char *tsn_put_i64(char *p, int64_t v);
/* All 16 hexadecimal digits. */
char *tsn_put_hex64(char *p, uint64_t v);

#endif
