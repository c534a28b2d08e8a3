/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The keys of a batch's rows, and where keys of groups are kept that are longer than an IPv4 address. */
#ifndef TSN_STATE_KEYS_H
#define TSN_STATE_KEYS_H

#include <string.h>

#include "flow/batch.h"
#include "state/state.h"

struct tsn_family_store;

/* The keys of a batch. */
struct tsn_keys {
	uint64_t hash[TSN_BATCH_ROWS];  /* part in the top six bits, position below */
	uint32_t tag[TSN_BATCH_ROWS];   /* IPv4 address, or position of what is encoded */
	uint32_t off[TSN_BATCH_ROWS];
	uint16_t len[TSN_BATCH_ROWS];
	struct tsn_mask encoded;        /* rows whose key is bytes at [off] */
	uint8_t *bytes;
	size_t cap;
};

#define TSN_SLAB_UNIT 8u
#define TSN_SLAB_CLASSES ((TSN_KEY_MAX + 2 + TSN_SLAB_UNIT - 1) / TSN_SLAB_UNIT + 1)

/* Long keys: length in two bytes, then the key, in units of 8 bytes. Most are of IPv4, and shorter than they might be. */
struct tsn_slab {
	uint8_t *mem;
	uint32_t n, cap;                     /* units */
	uint32_t live;                       /* of them, those of keys in use */
	uint32_t longest;                    /* units of the longest key there can be, where none holds text */
	uint32_t limit;                      /* units it need not grow beyond */
	uint32_t free[TSN_SLAB_CLASSES];     /* by size in units: offset + 1 of the first free one */
};

/* keys.c: returns how many of [rows] have their key and hash; fewer when memory ran out. */
uint32_t tsn_keys_make(struct tsn_keys *k, const struct tsn_key_spec *spec, const struct tsn_batch *b, uint64_t seed,
    const uint16_t *row, uint32_t n);
/* Moves the keys of the groups together when that is as good as growing. */
bool tsn_slab_put(struct tsn_family_store *f, const uint8_t *key, uint16_t len, uint32_t *off);
/* For [groups] groups with keys of that kind. */
void tsn_slab_bound(struct tsn_slab *s, const struct tsn_key_spec *key, uint64_t groups);
/* Bytes of the longest key in the slab, with what it may waste; 0 if only IPv4 addresses come, which is never. */
uint64_t tsn_slab_worst(const struct tsn_key_spec *key);
void tsn_slab_drop(struct tsn_slab *s, uint32_t off);

/* Of what a place says of its length, the upper bit: it is as long as the longest key's. */
#define TSN_SLAB_WHOLE 0x8000u
_Static_assert(TSN_KEY_MAX < TSN_SLAB_WHOLE, "lengths leave it free");

static inline const uint8_t *
tsn_slab_key(const struct tsn_slab *s, uint32_t off, uint16_t *len)
{
	const uint8_t *p = s->mem + (size_t)off * TSN_SLAB_UNIT;

	memcpy(len, p, sizeof(*len));
	*len &= (uint16_t)~TSN_SLAB_WHOLE;
	return p + sizeof(*len);
}

/* Keys of two IPv4 addresses, or of one and a port, are the most usual ones, and a call of memcmp is dearer than they are. */
static inline bool
tsn_same_bytes(const uint8_t *a, const uint8_t *b, uint16_t len)
{
	uint64_t first[2], last[2];

	if (len < sizeof(first[0]) || len > sizeof(first))
		return memcmp(a, b, len) == 0;
	memcpy(&first[0], a, sizeof(first[0]));
	memcpy(&first[1], b, sizeof(first[1]));
	memcpy(&last[0], a + len - sizeof(last[0]), sizeof(last[0]));
	memcpy(&last[1], b + len - sizeof(last[1]), sizeof(last[1]));
	return first[0] == first[1] && last[0] == last[1];
}

#endif
