/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Inside the decode room: a cursor over XDR (RFC 4506), in which sFlow is written: 32-bit units, opaque data padded
 * to four bytes. A step past the end gives 0 or NULL and marks the cursor bad for good, so that it is asked once.
 */
#ifndef TSN_DECODE_XDR_H
#define TSN_DECODE_XDR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"
#include "decode/wire.h"

struct tsn_xdr {
	const uint8_t *p;
	size_t left;
	bool bad;
};

/* The next [n] bytes and the padding behind them, which the last item may lack. */
static inline const uint8_t *
tsn_xdr_bytes(struct tsn_xdr *x, size_t n)
{
	const uint8_t *p = x->p;
	size_t padded;

	if (x->bad || n > x->left) {
		x->bad = true;
		return NULL;
	}
	padded = n + (-n & 3);
	if (padded > x->left)
		padded = x->left;
	x->p += padded;
	x->left -= padded;
	return p;
}

static inline uint32_t
tsn_xdr_u32(struct tsn_xdr *x)
{
	const uint8_t *p = tsn_xdr_bytes(x, 4);

	return p != NULL ? tsn_wire_u32(p) : 0;
}

/* What is described by the next [n] bytes, as a cursor of its own. */
static inline struct tsn_xdr
tsn_xdr_sub(struct tsn_xdr *x, size_t n)
{
	const uint8_t *p = tsn_xdr_bytes(x, n);

	return (struct tsn_xdr){ p, p != NULL ? n : 0, p == NULL };
}

/* sFlow's address: its type (0 unknown, 1 IPv4, 2 IPv6), then its bytes. False where there is none to use. */
static inline bool
tsn_xdr_addr(struct tsn_xdr *x, struct tsn_addr *out)
{
	uint32_t type = tsn_xdr_u32(x);
	const uint8_t *p;

	*out = tsn_addr_v4(0);
	if (type == 0)
		return false;
	p = tsn_xdr_bytes(x, type == 1 ? 4 : 16);
	if (type > 2)
		x->bad = true;
	if (x->bad || p == NULL)
		return false;
	*out = type == 1 ? tsn_addr_v4(tsn_wire_u32(p)) : tsn_addr_from_v6(p);
	return out->hi != 0 || out->lo != 0;
}

#endif
