/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* A state divided over several by the parts of its keys: who gets which rows, and what they are together. */
#include "base/clock.h"
#include "base/hash.h"
#include "base/wide.h"
#include "state/internal.h"
#include "state/kept.h"

/* --- rows --- */

uint64_t
tsn_state_seed(const struct tsn_state *s)
{
	return s->seed;
}

TSN_WIDE(static, void, parts_of, (const uint32_t *col, uint32_t mask, uint64_t seed, uint32_t n, uint8_t *restrict part), (col, mask, seed, n, part))
{
	for (uint32_t i = 0; i < n; i++)
		part[i] = (uint8_t)tsn_part_of(tsn_hash_u64(col[i] & mask, seed));
}

void
tsn_state_parts(const struct tsn_key_spec *key, uint64_t seed, const struct tsn_batch *b, uint8_t part[TSN_BATCH_ROWS])
{
	const struct tsn_mask *v4 = NULL;
	uint8_t bytes[TSN_KEY_MAX];
	struct tsn_mask rows;

	memset(part, 0, TSN_BATCH_ROWS);
	tsn_key_present(key, b, &rows);
	tsn_mask_and(&rows, &rows, &b->rows);
	if (tsn_key_is_addr(key)) {
		const struct tsn_key_part *p = &key->part[0];
		const uint32_t mask = p->v4_bits == 0 ? 0 : UINT32_MAX << (32 - p->v4_bits), *col = b->col[p->field];
		uint8_t all[TSN_BATCH_ROWS];

		v4 = &b->addr[tsn_fields[p->field].addr_slot].is_v4;
		parts_of(col, mask, seed, b->n, all);
		if (tsn_mask_count(&rows) == b->n)
			memcpy(part, all, b->n);
		else
			for (uint32_t i = 0; i < b->n; i++)
				part[i] = tsn_mask_has(&rows, i) ? all[i] : 0;
		tsn_mask_andnot(&rows, &rows, v4);
	}
	TSN_EACH_ROW(row, &rows)
		part[row] = (uint8_t)tsn_part_of(tsn_hash_bytes(bytes, tsn_key_encode(key, b, row, bytes), seed));
}

void
tsn_state_part_rows(const uint8_t part[TSN_BATCH_ROWS], const struct tsn_batch *b, uint32_t shard, uint32_t nshards,
    struct tsn_mask *out)
{
	const uint8_t bits = (uint8_t)(nshards - 1), wanted = (uint8_t)shard;
	uint8_t own[TSN_BATCH_ROWS];

	for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++)
		own[i] = (part[i] & bits) == wanted;
	tsn_mask_pack(out, own);
	tsn_mask_and(out, out, &b->rows);
}

void
tsn_state_shard_rows(const struct tsn_key_spec *key, uint64_t seed, const struct tsn_batch *b, uint32_t shard, uint32_t nshards,
    struct tsn_mask *out)
{
	uint8_t part[TSN_BATCH_ROWS];

	tsn_state_parts(key, seed, b, part);
	tsn_state_part_rows(part, b, shard, nshards, out);
}

uint32_t
tsn_state_part_of_key(const struct tsn_key_spec *key, const uint8_t *bytes, size_t n, uint64_t seed)
{
	struct tsn_value v;

	if (tsn_key_is_addr(key)) {
		tsn_key_decode(key, bytes, n, 0, &v);
		if (v.addr.v4)
			return tsn_part_of(tsn_hash_u64((uint32_t)v.addr.lo, seed));
	}
	return tsn_part_of(tsn_hash_bytes(bytes, n, seed));
}

bool
tsn_family_divides(const struct tsn_family_def *def)
{
	struct tsn_family f = { .def = *def };
	bool divides = def->key.n > 0 && def->at.n == 0 && def->nsteps == 0;

	for (uint32_t i = 0; i < def->naggs && divides; i++) {
		struct tsn_agg a = { .def = &def->agg[i], .family = &f, .ops = tsn_agg_ops(def->agg[i].fn) };

		if (a.ops->make != NULL)
			return false; /* it keeps something of all groups together */
		a.ops->init(&a);
		divides = tsn_extra_divided(&a);
	}
	return divides;
}

/* --- the whole --- */

static struct tsn_family *
find(const struct tsn_state *s, const char *canon, size_t len)
{
	return tsn_names_get(&s->forms, canon, len);
}

/* 1, or 0 if its place is taken or it is of another division. */
static uint32_t
whole_add(struct tsn_whole *w, struct tsn_family *f, const struct tsn_state *s)
{
	if ((w->n != 0 && w->n != s->nshards) || w->shard[s->shard] != NULL)
		return 0;
	w->shard[s->shard] = f;
	w->n = s->nshards;
	return 1;
}

bool
tsn_whole_find(struct tsn_state *const *s, uint32_t n, const char *canon, size_t len, struct tsn_whole *out)
{
	uint32_t found = 0;

	*out = (struct tsn_whole){ .n = 0 };
	for (uint32_t i = 0; i < n; i++) {
		struct tsn_family *f = find(s[i], canon, len);

		if (f != NULL)
			found += whole_add(out, f, s[i]);
	}
	return found > 0 && found == out->n;
}

void
tsn_state_stats_all(struct tsn_state *const *s, uint32_t n, const char *canon, struct tsn_family_stats *out)
{
	struct tsn_family_stats one;

	*out = (struct tsn_family_stats){ .last_evicted = TSN_TIME_NONE, .last_late = TSN_TIME_NONE };
	for (uint32_t i = 0; i < n; i++) {
		const struct tsn_family *f = find(s[i], canon, strlen(canon));

		if (f == NULL)
			continue;
		tsn_state_stats(s[i], (uint32_t)(f - s[i]->family), &one);
		out->groups += one.groups;
		out->evicted += one.evicted;
		out->recycled += one.recycled;
		out->late += one.late;
		out->bytes += one.bytes;
		out->unknown_absent += one.unknown_absent;
		out->skipped_samples += one.skipped_samples;
		out->last_evicted = one.last_evicted > out->last_evicted ? one.last_evicted : out->last_evicted;
		out->last_late = one.last_late > out->last_late ? one.last_late : out->last_late;
	}
}

void
tsn_state_learning_all(struct tsn_state *const *s, uint32_t n, const char *canon, uint32_t agg, struct tsn_learning *out)
{
	struct tsn_learning one;
	int64_t until = TSN_TIME_NONE;

	*out = (struct tsn_learning){ .until = TSN_TIME_NONE };
	for (uint32_t i = 0; i < n; i++) {
		const struct tsn_family *f = find(s[i], canon, strlen(canon));

		if (f == NULL)
			continue;
		tsn_state_learning(s[i], (uint32_t)(f - s[i]->family), agg, &one);
		out->groups += one.groups;
		out->ready += one.ready;
		if (one.until != TSN_TIME_NONE && (until == TSN_TIME_NONE || one.until < until))
			until = one.until;
	}
	out->until = out->ready == 0 ? until : TSN_TIME_NONE;
}
