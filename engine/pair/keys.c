/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Keys of a batch: of IPv4 flows for all rows at once, of the others one by one. A key is the same for both directions. */
#include "base/hash.h"
#include "base/wide.h"
#include "pair/internal.h"

/* Columns of a batch; ports are 0 in rows that have none. */
struct from {
	const uint32_t *src, *dst;
	const uint16_t *sport, *dport;
	const uint8_t *has_sport, *has_dport; /* 0 or 1 */
	const uint8_t *proto;
	uint64_t seed;
	uint32_t n;
};

static inline uint32_t
hash_of(uint64_t addrs, uint64_t rest, uint64_t seed)
{
	return (uint32_t)tsn_hash_join(tsn_hash_u64(addrs, seed), KEY_OF(rest));
}

TSN_WIDE(static, void, v4_keys, (struct keys *restrict k, const struct from *f), (k, f))
{
	const uint32_t *src = f->src, *dst = f->dst;
	const uint16_t *sport = f->sport, *dport = f->dport;
	const uint8_t *has_sport = f->has_sport, *has_dport = f->has_dport, *proto = f->proto;
	const uint64_t seed = f->seed;

	for (uint32_t i = 0; i < f->n; i++) {
		const uint64_t x = (uint64_t)src[i] << 16 | sport[i], y = (uint64_t)dst[i] << 16 | dport[i];
		const uint64_t low = x < y ? x : y, high = x < y ? y : x, upper = x > y;
		const uint64_t s = has_sport[i], d = has_dport[i], told = upper ? d | s << 1 : s | d << 1;

		k->addrs[i] = low >> 16 << 32 | high >> 16;
		k->rest[i] = low << 48 | (high & 0xffff) << 32 | (uint64_t)proto[i] << KEY_PROTO_SHIFT | KEY_BOTH_V4 | told | upper * KEY_UPPER | KEY_WHOLE;
	}
	for (uint32_t i = 0; i < f->n; i++)
		k->hash[i] = hash_of(k->addrs[i], k->rest[i], seed);
}

/* The ports of rows that have one, 0 in the others. */
TSN_WIDE(static, void, only_there, (uint16_t *restrict out, const uint16_t *v, const uint8_t *there), (out, v, there))
{
	for (int i = 0; i < TSN_BATCH_ROWS; i++)
		out[i] = v[i] & (uint16_t)-there[i];
}

void
tsn_pair_key(struct tsn_pair *p, uint32_t row, const struct tsn_addr addr[2])
{
	struct keys *k = &p->keys;
	uint64_t h;

	k->six[row][0] = addr[0];
	k->six[row][1] = addr[1];
	if ((k->rest[row] & KEY_BOTH_V4) == KEY_BOTH_V4) {
		k->addrs[row] = addr[0].lo << 32 | addr[1].lo;
	} else {
		h = tsn_hash_join(tsn_hash_u64(addr[0].hi, p->seed), addr[0].lo);
		k->addrs[row] = tsn_hash_join(tsn_hash_join(h, addr[1].hi), addr[1].lo);
	}
	k->hash[row] = hash_of(k->addrs[row], k->rest[row], p->seed);
}

/* Of equal addresses the one with the greater port. */
static bool
is_upper(struct tsn_addr a, uint64_t port, struct tsn_addr b, uint64_t other_port)
{
	const int order = tsn_addr_cmp(a, b);

	return order != 0 ? order > 0 : port > other_port;
}

/* A row with an address that is not of IPv4, or without one, or without a protocol. */
static void
one_key(struct tsn_pair *p, const struct tsn_batch *b, uint32_t row)
{
	const bool sport = tsn_mask_has(&b->present[TSN_F_SRC_PORT], row), dport = tsn_mask_has(&b->present[TSN_F_DST_PORT], row);
	struct tsn_addr addr[2];
	uint64_t port[2];
	bool upper;

	p->keys.rest[row] = p->keys.hash[row] = 0;
	if (!tsn_mask_has(&b->present[TSN_F_SRC], row) || !tsn_mask_has(&b->present[TSN_F_DST], row) ||
	    !tsn_mask_has(&b->present[TSN_F_PROTO], row))
		return;
	port[0] = sport ? ((const uint16_t *)b->col[TSN_F_SRC_PORT])[row] : 0;
	port[1] = dport ? ((const uint16_t *)b->col[TSN_F_DST_PORT])[row] : 0;
	addr[0] = tsn_batch_addr(b, row, TSN_F_SRC);
	addr[1] = tsn_batch_addr(b, row, TSN_F_DST);
	upper = is_upper(addr[0], port[0], addr[1], port[1]);
	if (upper) {
		struct tsn_addr a = addr[0];

		addr[0] = addr[1];
		addr[1] = a;
	}
	p->keys.rest[row] = port[upper] << 48 | port[!upper] << 32 | (uint64_t)((const uint8_t *)b->col[TSN_F_PROTO])[row] << KEY_PROTO_SHIFT |
	    (addr[0].v4 ? KEY_V4(false) : 0) | (addr[1].v4 ? KEY_V4(true) : 0) | (sport ? KEY_PORT_LOWER << upper : 0) |
	    (dport ? KEY_PORT_UPPER >> upper : 0) | (upper ? KEY_UPPER : 0) | KEY_WHOLE;
	tsn_pair_key(p, row, addr);
}

void
tsn_pair_keys(struct tsn_pair *p, const struct tsn_batch *b)
{
	const struct tsn_mask *v4_src = &b->addr[tsn_fields[TSN_F_SRC].addr_slot].is_v4;
	const struct tsn_mask *v4_dst = &b->addr[tsn_fields[TSN_F_DST].addr_slot].is_v4;
	uint16_t sport[TSN_BATCH_ROWS], dport[TSN_BATCH_ROWS];
	uint8_t has_sport[TSN_BATCH_ROWS], has_dport[TSN_BATCH_ROWS];
	const struct from f = { b->col[TSN_F_SRC], b->col[TSN_F_DST], sport, dport, has_sport, has_dport, b->col[TSN_F_PROTO], p->seed, b->n };
	struct tsn_mask others;

	tsn_mask_unpack(has_sport, &b->present[TSN_F_SRC_PORT]);
	tsn_mask_unpack(has_dport, &b->present[TSN_F_DST_PORT]);
	only_there(sport, b->col[TSN_F_SRC_PORT], has_sport);
	only_there(dport, b->col[TSN_F_DST_PORT], has_dport);
	v4_keys(&p->keys, &f);
	tsn_mask_and(&others, v4_src, v4_dst);
	tsn_mask_and(&others, &others, &b->present[TSN_F_PROTO]);
	tsn_mask_andnot(&others, &b->rows, &others);
	TSN_EACH_ROW(row, &others)
		one_key(p, b, row);
}
