/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Keys of a batch and their hashes, all at once before any group is looked
 * for; and the slab that holds the long keys of groups. One whole or masked IPv4
 * address is its own key (most rules are `by src` or `by dst`); everything else is encoded bytes.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "state/internal.h"

static bool
room(struct tsn_keys *k, size_t used)
{
	size_t cap = k->cap == 0 ? 4 * TSN_KEY_MAX : k->cap * 2;
	uint8_t *bytes;

	if (used + TSN_KEY_MAX <= k->cap)
		return true;
	bytes = tsn_realloc(k->bytes, cap);
	if (bytes == NULL)
		return false;
	k->bytes = bytes;
	k->cap = cap;
	return true;
}

static void
addresses(struct tsn_keys *k, const struct tsn_key_part *part, const struct tsn_batch *b, uint64_t seed,
    const uint16_t *row, uint32_t n)
{
	const uint32_t mask = part->v4_bits == 0 ? 0 : UINT32_MAX << (32 - part->v4_bits);
	const uint32_t *col = b->col[part->field];

	if (tsn_few_rows(n, b)) {
		for (uint32_t i = 0; i < n; i++) {
			k->addr[row[i]] = col[row[i]] & mask;
			k->hash[row[i]] = tsn_hash_u64(k->addr[row[i]], seed);
		}
		return;
	}
	for (uint32_t i = 0; i < b->n; i++)
		k->addr[i] = col[i] & mask;
	for (uint32_t i = 0; i < b->n; i++)
		k->hash[i] = tsn_hash_u64(k->addr[i], seed);
}

uint32_t
tsn_keys_make(struct tsn_keys *k, const struct tsn_key_spec *spec, const struct tsn_batch *b, uint64_t seed,
    const uint16_t *row, uint32_t n)
{
	const struct tsn_mask *v4 = NULL;
	size_t used = 0;

	tsn_mask_clear(&k->encoded);
	if (tsn_key_is_addr(spec)) {
		v4 = &b->addr[tsn_fields[spec->part[0].field].addr_slot].is_v4;
		addresses(k, &spec->part[0], b, seed, row, n);
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t r = row[i];

		if (v4 != NULL && tsn_mask_has(v4, r))
			continue;
		if (!room(k, used))
			return i;
		k->off[r] = (uint32_t)used;
		k->len[r] = (uint16_t)tsn_key_encode(spec, b, r, k->bytes + used);
		k->hash[r] = tsn_hash_bytes(k->bytes + used, k->len[r], seed);
		tsn_mask_set(&k->encoded, r);
		used += k->len[r];
	}
	return n;
}

static uint32_t
units(uint16_t len)
{
	return (len + 2u + TSN_SLAB_UNIT - 1) / TSN_SLAB_UNIT;
}

static bool
slab_room(struct tsn_slab *s, uint32_t more)
{
	uint64_t cap = s->cap == 0 ? 64 : (uint64_t)s->cap * 2;
	uint8_t *mem;

	if ((uint64_t)s->n + more <= s->cap)
		return true;
	while (cap < (uint64_t)s->n + more)
		cap *= 2;
	if (cap >= UINT32_MAX)
		return false;
	mem = tsn_array_grow(s->mem, (size_t)s->cap * TSN_SLAB_UNIT, cap * TSN_SLAB_UNIT);
	if (mem == NULL)
		return false;
	s->mem = mem;
	s->cap = (uint32_t)cap;
	return true;
}

bool
tsn_slab_put(struct tsn_slab *s, const uint8_t *key, uint16_t len, uint32_t *off)
{
	uint32_t n = units(len), *head = &s->free[n];
	uint8_t *p;

	if (*head != 0) {
		*off = *head - 1;
		memcpy(head, s->mem + (size_t)*off * TSN_SLAB_UNIT, sizeof(*head));
	} else {
		if (!slab_room(s, n))
			return false;
		*off = s->n;
		s->n += n;
	}
	p = s->mem + (size_t)*off * TSN_SLAB_UNIT;
	memcpy(p, &len, sizeof(len));
	memcpy(p + sizeof(len), key, len);
	return true;
}

const uint8_t *
tsn_slab_key(const struct tsn_slab *s, uint32_t off, uint16_t *len)
{
	const uint8_t *p = s->mem + (size_t)off * TSN_SLAB_UNIT;

	memcpy(len, p, sizeof(*len));
	return p + sizeof(*len);
}

/* A free place holds the next one of its size. */
void
tsn_slab_drop(struct tsn_slab *s, uint32_t off)
{
	uint8_t *p = s->mem + (size_t)off * TSN_SLAB_UNIT;
	uint16_t len;
	uint32_t *head;

	memcpy(&len, p, sizeof(len));
	head = &s->free[units(len)];
	memcpy(p, head, sizeof(*head));
	*head = off + 1;
}
