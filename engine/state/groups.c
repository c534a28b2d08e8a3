/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Looking at single groups: by the key of a row, part of their key, their values in a window. */
#include "base/hash.h"
#include "state/internal.h"
#include "state/ring.h"

static bool
has_key(const struct tsn_family_store *s, uint32_t group, const uint8_t *key, uint16_t len, const struct tsn_addr *addr)
{
	const struct tsn_group *g = &s->groups[group];
	uint16_t n;
	const uint8_t *p;

	if (addr != NULL)
		return !g->in_slab && g->key == (uint32_t)addr->lo;
	if (!g->in_slab)
		return false;
	p = tsn_slab_key(&s->slab, g->key, &n);
	return n == len && memcmp(p, key, n) == 0;
}

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
	struct tsn_mask present;

	tsn_key_present(k, b, &present);
	if (!tsn_mask_has(&present, row))
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
	struct row_key k;
	uint32_t tag;

	if (st->slots == 0 || !key_of_row(s, f, b, row, &k))
		return TSN_GROUP_NONE;
	tag = (uint32_t)k.hash;
	for (uint32_t i = tag & (st->slots - 1); st->dir[i].group != TSN_GROUP_NONE; i = (i + 1) & (st->slots - 1))
		if (st->dir[i].tag == tag && has_key(st, st->dir[i].group, k.bytes, k.len, k.addr.v4 ? &k.addr : NULL))
			return st->dir[i].group;
	return TSN_GROUP_NONE;
}

void
tsn_group_part(const struct tsn_family *f, uint32_t group, unsigned i, struct tsn_value *out)
{
	const struct tsn_group *g = &f->store.groups[group];
	const struct tsn_key_part *part = &f->def.key.part[i];
	const uint8_t *key;
	uint16_t len;

	if (g->in_slab) {
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
	struct tsn_fold x = { .family = (struct tsn_family *)a->family, .batch = s->closing.batch, .to = n, .row = s->row, .group = s->group, .total = s->total,
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
