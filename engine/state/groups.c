/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Looking at single groups: by the key of a row, part of their key, their values in a window. */
#include "base/hash.h"
#include "state/internal.h"
#include "state/ring.h"

/* The key that names the group of a row, and its hash: bytes, or an IPv4 address. */
struct row_key {
	uint64_t hash;
	uint8_t bytes[TSN_KEY_MAX];
	uint16_t len;
	struct tsn_addr addr;
};

static bool
key_of_row(const struct tsn_state *s, const struct tsn_family *f, const struct tsn_batch *b, uint32_t row, struct row_key *out)
{
	const struct tsn_key_spec *k = tsn_family_asked(&f->def);

	if (!tsn_key_present_in(k, b, row))
		return false;
	out->addr = (struct tsn_addr){ 0 };
	if (tsn_key_is_addr(k))
		out->addr = tsn_addr_mask(tsn_batch_addr(b, row, k->part[0].field), k->part[0].v4_bits, k->part[0].v6_bits);
	if (out->addr.v4) {
		out->hash = tsn_hash_u64(out->addr.lo, s->seed);
		return true;
	}
	out->len = (uint16_t)tsn_key_encode(k, b, row, out->bytes);
	out->hash = tsn_hash_bytes(out->bytes, out->len, s->seed);
	return true;
}

bool
tsn_part_of_row(const struct tsn_state *s, const struct tsn_family *f, const struct tsn_batch *b, uint32_t row, uint32_t *part)
{
	struct row_key k;

	if (!key_of_row(s, f, b, row, &k))
		return false;
	*part = tsn_own_part(&f->store, k.hash);
	return true;
}

uint32_t
tsn_group_of_row(const struct tsn_state *s, const struct tsn_family *f, const struct tsn_batch *b, uint32_t row)
{
	const struct tsn_family_store *st = &f->store;
	const uint32_t *e = NULL;
	struct tsn_place place;
	struct row_key k;
	const uint8_t *key;
	uint16_t len;

	if (st->dir.lines == 0 || !key_of_row(s, f, b, row, &k))
		return TSN_GROUP_NONE;
	place = tsn_place_of(&(struct tsn_group){ .word = k.addr.v4 ? 0 : TSN_IN_SLAB, .key = (uint32_t)k.addr.lo }, k.bytes, k.len, s->seed);
	while ((e = tsn_directory_next(&st->dir, &place, e)) != NULL) {
		if (k.addr.v4)
			return tsn_entry_group(e);
		key = tsn_slab_key(&st->slab, tsn_group_at(st, tsn_entry_group(e))->key, &len);
		if (len == k.len && memcmp(key, k.bytes, len) == 0)
			return tsn_entry_group(e);
	}
	return TSN_GROUP_NONE;
}

void
tsn_group_part(const struct tsn_family *f, uint32_t group, unsigned i, struct tsn_value *out)
{
	const struct tsn_group *g = tsn_group_at(&f->store, group);
	const struct tsn_key_part *part = &f->def.key.part[i];
	const uint8_t *key;
	uint16_t len;

	if (tsn_in_slab(g)) {
		key = tsn_slab_key(&f->store.slab, g->key, &len);
		tsn_key_decode(&f->def.key, key, len, i, out);
		return;
	}
	*out = (struct tsn_value){ .type = TSN_T_ADDR, .known = true, .v4_bits = part->v4_bits, .v6_bits = part->v6_bits,
		.addr = tsn_addr_v4(g->key) };
}

/* Folds rows of which none counts: looking changes nothing. */
void
tsn_values_of(struct tsn_state *s, struct tsn_agg *a, uint64_t window, const uint32_t *group, uint32_t n,
    struct tsn_vector *out)
{
	struct tsn_fold x = { .family = a->family, .batch = s->closing.batch, .to = n, .row = s->row, .group = s->group, .total = s->total,
		.count = s->count };

	for (uint32_t i = 0; i < n; i++) {
		s->row[i] = (uint16_t)i;
		s->group[i] = group[i];
		a->panes[i] = window;
	}
	a->pane = a->panes;
	a->arg = NULL;
	a->out = out;
	tsn_mask_clear(&a->takes);
	tsn_mask_first(&out->known, n);
	out->real = tsn_agg_infos[a->def->fn].result == TSN_AGG_REAL ||
	    (tsn_agg_infos[a->def->fn].result == TSN_AGG_ARG && a->def->real);
	a->ops->fold(a, &x);
}
