/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Keys of a batch and their hashes, all at once before any group is looked
 * for; and the slab that holds the long keys of groups. One whole or masked IPv4
 * address is its own key (most rules are `by src` or `by dst`); everything else is encoded bytes.
 */
#include <endian.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/wide.h"
#include "state/internal.h"

#define FEW 4u /* rows that are encoded one by one sooner */

/* For another key behind [used] bytes. */
static bool
room(struct tsn_keys *k, size_t used)
{
	size_t cap = k->cap == 0 ? 4 * TSN_KEY_MAX : k->cap * 2;
	uint8_t *bytes;

	if (used + TSN_KEY_MAX <= k->cap)
		return true;
	while (cap < used + TSN_KEY_MAX)
		cap *= 2;
	bytes = tsn_realloc(k->bytes, cap);
	if (bytes == NULL)
		return false;
	k->bytes = bytes;
	k->cap = cap;
	return true;
}

TSN_WIDE(static, void, hash_all, (const uint32_t *col, uint32_t mask, uint64_t seed, uint32_t n, uint32_t *restrict tag, uint64_t *restrict hash),
    (col, mask, seed, n, tag, hash))
{
	for (uint32_t i = 0; i < n; i++) {
		tag[i] = col[i] & mask;
		hash[i] = tsn_hash_u64(tag[i], seed);
	}
}

static void
addresses(struct tsn_keys *k, const struct tsn_key_part *part, const struct tsn_batch *b, uint64_t seed,
    const uint16_t *row, uint32_t n)
{
	const uint32_t mask = part->v4_bits == 0 ? 0 : UINT32_MAX << (32 - part->v4_bits);
	const uint32_t *col = b->col[part->field];

	if (tsn_few_rows(n, b)) {
		for (uint32_t i = 0; i < n; i++) {
			k->tag[row[i]] = col[row[i]] & mask;
			k->hash[row[i]] = tsn_hash_u64(k->tag[row[i]], seed);
		}
		return;
	}
	hash_all(col, mask, seed, b->n, k->tag, k->hash);
}

/* A key as tsn_key_encode writes it, for a row of which not more is known. */
static bool
encode(struct tsn_keys *k, const struct tsn_key_spec *spec, const struct tsn_batch *b, uint64_t seed, uint32_t row, size_t *used)
{
	if (!room(k, *used))
		return false;
	k->off[row] = (uint32_t)*used;
	k->len[row] = (uint16_t)tsn_key_encode(spec, b, row, k->bytes + *used);
	k->hash[row] = tsn_hash_bytes(k->bytes + *used, k->len[row], seed);
	k->tag[row] = tsn_position(k->hash[row]);
	tsn_mask_set(&k->encoded, row);
	*used += k->len[row];
	return true;
}

static void
put_word(uint8_t *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

/* Keys of one length, as nearly all are: column by column. False: this spec has none, or there is no memory for them. */
static bool
encode_all(struct tsn_keys *k, const struct tsn_key_spec *spec, const struct tsn_batch *b, uint64_t seed, const uint16_t *row, uint32_t n,
    size_t *used)
{
	uint64_t words[TSN_KEY_WORDS][TSN_BATCH_ROWS], hash[TSN_BATCH_ROWS];
	const size_t len = tsn_key_words(spec, b, row, n, words), stride = (len + 7) / 8 * 8;

	if (len == 0 || !room(k, n * stride))
		return false;
	tsn_key_hash_words(words, len, seed, n, hash);
	for (size_t w = 0; w * 8 < len; w++)
		for (uint32_t i = 0; i < n; i++)
			put_word(k->bytes + i * stride + w * 8, words[w][i]);
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t r = row[i];

		k->off[r] = (uint32_t)(i * stride);
		k->len[r] = (uint16_t)len;
		k->hash[r] = hash[i];
		k->tag[r] = tsn_position(hash[i]);
		tsn_mask_set(&k->encoded, r);
	}
	*used = n * stride;
	return true;
}

uint32_t
tsn_keys_make(struct tsn_keys *k, const struct tsn_key_spec *spec, const struct tsn_batch *b, uint64_t seed,
    const uint16_t *row, uint32_t n)
{
	struct tsn_mask done;
	size_t used = 0;

	tsn_mask_clear(&k->encoded);
	tsn_mask_first(&done, b->n);
	tsn_key_keep_v4(spec, b, &done);
	if (tsn_key_is_addr(spec))
		addresses(k, &spec->part[0], b, seed, row, n);
	else if (n < FEW || !encode_all(k, spec, b, seed, row, n, &used))
		tsn_mask_clear(&done);
	if (tsn_mask_count(&done) == b->n)
		return n;
	for (uint32_t i = 0; i < n; i++)
		if (!tsn_mask_has(&done, row[i]) && !encode(k, spec, b, seed, row[i], &used))
			return i;
	return n;
}

static uint32_t
units(uint64_t len)
{
	return (uint32_t)((len + 2u + TSN_SLAB_UNIT - 1) / TSN_SLAB_UNIT);
}

static uint32_t
part_worst(const struct tsn_key_part *part)
{
	switch (tsn_fields[part->field].storage) {
	case TSN_U8:   return 1 + 1;
	case TSN_U16:  return 1 + 2;
	case TSN_U32:  return 1 + 4;
	case TSN_ADDR: return 1 + 16;
	case TSN_STR:  return 1 + TSN_KEY_STR_MAX + 1;
	default:       return 1 + 8;
	}
}

static uint32_t
key_units(const struct tsn_key_spec *key, bool *text)
{
	uint32_t len = 0;

	*text = false;
	for (uint8_t i = 0; i < key->n; i++) {
		len += part_worst(&key->part[i]);
		*text = *text || tsn_fields[key->part[i].field].storage == TSN_STR;
	}
	return units(len);
}

/* An eighth more where keys differ in length: then that much is free at least when they are moved together. */
uint64_t
tsn_slab_worst(const struct tsn_key_spec *key)
{
	bool text;
	const uint64_t n = key_units(key, &text) * TSN_SLAB_UNIT;

	return text ? n + n / 8 : n;
}

void
tsn_slab_bound(struct tsn_slab *s, const struct tsn_key_spec *key, uint64_t groups)
{
	bool text;
	const uint32_t n = key_units(key, &text);
	const uint64_t limit = (groups + 1) * tsn_slab_worst(key) / TSN_SLAB_UNIT + 2 * n;

	s->longest = text ? 0 : n;
	s->limit = limit < UINT32_MAX - 1 ? (uint32_t)limit : UINT32_MAX - 1;
}

static uint32_t
units_at(const struct tsn_slab *s, uint32_t off)
{
	uint16_t len;

	memcpy(&len, s->mem + (size_t)off * TSN_SLAB_UNIT, sizeof(len));
	return len & TSN_SLAB_WHOLE ? s->longest : units(len);
}

/* The keys of all groups, side by side in memory of [cap] units. */
static bool
together(struct tsn_family_store *f, uint64_t cap)
{
	struct tsn_slab *s = &f->slab;
	uint8_t *mem = tsn_array_grow(NULL, 0, cap * TSN_SLAB_UNIT);
	uint32_t n = 0;

	if (mem == NULL)
		return false;
	for (uint32_t part = 0; part < f->nparts; part++)
		for (uint32_t k = 0; k < f->part[part].n; k++) {
			struct tsn_group *g = tsn_group_at(f, tsn_number(f, part, k));
			uint32_t size;

			if (!tsn_in_slab(g))
				continue;
			size = units_at(s, g->key);
			memcpy(mem + (size_t)n * TSN_SLAB_UNIT, s->mem + (size_t)g->key * TSN_SLAB_UNIT, (size_t)size * TSN_SLAB_UNIT);
			g->key = n;
			n += size;
		}
	memset(s->free, 0, sizeof(s->free));
	tsn_array_free(s->mem, (size_t)s->cap * TSN_SLAB_UNIT);
	s->mem = mem;
	s->n = s->live = n;
	s->cap = (uint32_t)cap;
	return true;
}

/* Half of it empty, or no more to be had: what is there is moved together instead. */
static bool
slab_room(struct tsn_family_store *f, uint32_t more)
{
	struct tsn_slab *s = &f->slab;
	uint64_t cap = s->cap == 0 ? 64 : (uint64_t)s->cap * 2;
	uint8_t *mem;

	if ((uint64_t)s->n + more <= s->cap)
		return true;
	if (s->cap > 0 && (s->live <= s->n / 2 || s->cap >= s->limit) && (uint64_t)s->live + more <= s->cap)
		return together(f, s->cap);
	while (cap < (uint64_t)s->n + more)
		cap *= 2;
	if (cap > s->limit && s->limit >= (uint64_t)s->n + more)
		cap = s->limit;
	if (cap >= UINT32_MAX)
		return false;
	mem = tsn_array_grow(s->mem, (size_t)s->cap * TSN_SLAB_UNIT, cap * TSN_SLAB_UNIT);
	if (mem == NULL)
		return false;
	s->mem = mem;
	s->cap = (uint32_t)cap;
	return true;
}

/* A place that a key of that length left, taken out of those that are free; false: there is none. */
static bool
reuse(struct tsn_slab *s, uint32_t size, uint32_t *off)
{
	uint32_t *head = &s->free[size];

	if (*head == 0)
		return false;
	*off = *head - 1;
	memcpy(head, s->mem + (size_t)*off * TSN_SLAB_UNIT, sizeof(*head));
	s->live += size;
	return true;
}

/* One of the longest, where there is no other without moving all keys: so these move again only when there are more long ones than ever. */
static bool
reuse_longest(struct tsn_slab *s, uint32_t size, uint32_t *off)
{
	const bool last = s->cap >= s->limit && (uint64_t)s->n + size > s->cap;

	return last && s->longest > size && reuse(s, s->longest, off);
}

static bool
place(struct tsn_family_store *f, uint32_t size, uint32_t *off, uint16_t *mark)
{
	struct tsn_slab *s = &f->slab;

	*mark = 0;
	if (reuse(s, size, off))
		return true;
	if (reuse_longest(s, size, off)) {
		*mark = TSN_SLAB_WHOLE;
		return true;
	}
	if (!slab_room(f, size))
		return false;
	*off = s->n;
	s->n += size;
	s->live += size;
	return true;
}

bool
tsn_slab_put(struct tsn_family_store *f, const uint8_t *key, uint16_t len, uint32_t *off)
{
	uint16_t head;
	uint8_t *p;

	if (!place(f, units(len), off, &head))
		return false;
	head |= len;
	p = f->slab.mem + (size_t)*off * TSN_SLAB_UNIT;
	memcpy(p, &head, sizeof(head));
	memcpy(p + sizeof(head), key, len);
	return true;
}

/* A free place holds the next one of its size. */
void
tsn_slab_drop(struct tsn_slab *s, uint32_t off)
{
	const uint32_t n = units_at(s, off);

	memcpy(s->mem + (size_t)off * TSN_SLAB_UNIT, &s->free[n], sizeof(s->free[n]));
	s->free[n] = off + 1;
	s->live -= n;
}
