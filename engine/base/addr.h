/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * IP addresses of both families, prefixes, and their text forms. An IPv4-mapped
 * IPv6 address is IPv4 here (tsn_addr_from_v6), wherever it came from.
 */
#ifndef TSN_BASE_ADDR_H
#define TSN_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tsn_addr {
	uint64_t hi, lo; /* IPv6: network order as numbers; IPv4: hi 0, lo the address */
	bool v4;
};

struct tsn_prefix {
	struct tsn_addr addr; /* host bits zero */
	uint8_t len;          /* 0..32 or 0..128 */
};

#define TSN_ADDR_TEXT 64 /* fits any address or prefix with its NUL */

static inline struct tsn_addr
tsn_addr_v4(uint32_t v)
{
	return (struct tsn_addr){ 0, v, true };
}

struct tsn_addr tsn_addr_from_v6(const uint8_t bytes[16]);
void tsn_addr_to_v6(struct tsn_addr a, uint8_t bytes[16]);
/* Keeps the first [v4_bits] (IPv4) or [v6_bits] (IPv6) bits. */
struct tsn_addr tsn_addr_mask(struct tsn_addr a, unsigned v4_bits, unsigned v6_bits);
/* IPv4 before IPv6, then by value: -1, 0, 1. */
static inline int
tsn_addr_cmp(struct tsn_addr a, struct tsn_addr b)
{
	if (a.v4 != b.v4)
		return a.v4 ? -1 : 1;
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return a.lo < b.lo ? -1 : a.lo > b.lo;
}
bool tsn_prefix_has(struct tsn_prefix p, struct tsn_addr a);
/* [s] of [n] bytes is one address and nothing else. */
bool tsn_addr_parse(const char *s, size_t n, struct tsn_addr *out);
/* "ADDR/LEN" or "ADDR"; host bits are cleared. */
bool tsn_prefix_parse(const char *s, size_t n, struct tsn_prefix *out);
/* RFC 5952 text straight into memory with room for TSN_ADDR_TEXT bytes; returns its end, and does not end it. */
char *tsn_addr_put(char *p, struct tsn_addr a);
/* The same, ended; returns [text]. */
char *tsn_addr_text(struct tsn_addr a, char text[TSN_ADDR_TEXT]);
char *tsn_prefix_text(struct tsn_prefix p, char text[TSN_ADDR_TEXT]);

#endif
