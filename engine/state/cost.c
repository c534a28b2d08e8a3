/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What a family takes at its fullest, from its definition alone: the same arithmetic as the arrays grow by. */
#include "state/internal.h"
#include "state/stable.h"

#define SLOTS_FIRST 64u

/* As family.c fills its directory: to five eighths. */
static uint64_t
slots_for(uint64_t groups)
{
	uint64_t slots = SLOTS_FIRST;

	while (groups * 8 > slots * 5)
		slots *= 2;
	return slots;
}

/* Groups a part has room for before it grows to [budget]. */
static uint64_t
room_before(uint64_t budget)
{
	uint64_t cap = 1;

	while (cap * 2 < budget)
		cap *= 2;
	return budget == 1 ? 0 : cap;
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t
cells_of(const struct tsn_agg *a)
{
	return (uint64_t)a->store.counts.cells.size + a->store.sums.cells.size + a->store.cells.size + a->store.holders.size;
}

/* Beside its groups: what it needs for a batch. */
static uint64_t
fixed_of(const struct tsn_agg_def *d)
{
	uint64_t n = sizeof(struct tsn_agg) + sizeof(*d) + TSN_BATCH_ROWS * sizeof(uint64_t);

	if (tsn_agg_infos[d->fn].tuple)
		n += TSN_BATCH_ROWS * (sizeof(uint64_t) + sizeof(float));
	return d->fn == TSN_AGG_ENTROPY ? n + tsn_stable_size() : n;
}

/*
 * Arrays are copied one by one as they grow, so that for a moment there is the old one of one of them as well. Sums are
 * copied once more when their panes get wider, as are runs when IPv6 comes, and keys when they are moved together.
 */
void
tsn_state_cost(const struct tsn_family_def *f, struct tsn_cost *out)
{
	const uint64_t budget = tsn_family_budget(f->max_keys), groups = budget * TSN_PARTS;
	const uint64_t slots = slots_for(groups), slab = tsn_slab_worst(&f->key);
	const uint64_t before = room_before(budget) * TSN_PARTS;
	const struct tsn_family family = { .def = *f };

	*out = (struct tsn_cost){ 0 };
	out->fixed = sizeof(struct tsn_family) + 2 * tsn_slab_worst(&f->key) + tsn_guard_fixed(f);
	out->group = (slots * sizeof(struct tsn_entry) + groups - 1) / groups + sizeof(struct tsn_group) + slab;
	out->growing = larger(slots / 2 * sizeof(struct tsn_entry), groups * slab);
	out->growing = larger(out->growing, before * sizeof(struct tsn_group));
	for (uint32_t i = 0; i < f->naggs; i++) {
		struct tsn_agg a = { .def = &f->agg[i], .family = &family, .ops = tsn_agg_ops(f->agg[i].fn) };

		out->fixed += fixed_of(a.def);
		if (a.ops == NULL)
			continue;
		a.ops->init(&a);
		out->fixed += a.ops->fixed != NULL ? a.ops->fixed(&a) : 0;
		out->group += cells_of(&a);
		/* what extra_bytes does not bound, every group may come to take */
		*(a.ops->kept != NULL ? &out->extra : &out->group) += a.ops->most != NULL ? a.ops->most(&a) : 0;
		out->growing = larger(out->growing, before * larger(a.store.counts.cells.size, a.store.cells.size));
		out->growing = larger(out->growing, groups * a.store.sums.cells.size);
		if (a.def->fn != TSN_AGG_SEQUENCE)
			continue;
		out->fixed += tsn_steps_fixed(f);
		out->growing = larger(out->growing, larger(groups * a.store.cells.size, before * (a.store.cells.size + a.ops->most(&a))));
	}
}
