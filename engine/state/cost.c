/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What a family takes at its fullest, from its definition alone: the same arithmetic as the arrays grow by. */
#include "state/internal.h"

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

/* What of an array of that size is there twice while it is copied: it was smaller by an eighth at least. */
static uint64_t
copy_of(uint64_t bytes)
{
	return bytes < TSN_ARRAY_COPIED ? bytes - bytes / 9 : TSN_ARRAY_COPIED;
}

/* Beside its groups: what it needs for a batch, were it the only one. */
static uint64_t
fixed_of(const struct tsn_agg_def *d)
{
	uint64_t n = sizeof(struct tsn_agg) + sizeof(*d) + TSN_BATCH_ROWS * sizeof(uint64_t);

	if (tsn_agg_infos[d->fn].tuple)
		n += TSN_BATCH_ROWS * (sizeof(uint64_t) + sizeof(float));
	return n;
}

/*
 * The directory is there twice while it grows. Other arrays are copied only while they are small; but sums are
 * copied when their panes get wider, as are runs when IPv6 comes, and keys when they are moved together.
 */
void
tsn_state_cost(const struct tsn_family_def *f, struct tsn_cost *out)
{
	const uint64_t budget = tsn_family_budget(f->max_keys), groups = budget * TSN_PARTS;
	const uint64_t slab = tsn_slab_worst(&f->key);
	struct tsn_family family = { .def = *f };
	uint64_t growing, copied;
	const uint64_t directory = tsn_directory_most(groups, &growing);

	*out = (struct tsn_cost){ .apart = f->key.n > 0 ? TSN_LEAN_BYTES - sizeof(struct tsn_group) : 0 };
	out->fixed = sizeof(struct tsn_family) + 2 * tsn_slab_worst(&f->key) + tsn_guard_fixed(f);
	out->group = (directory + groups - 1) / groups + sizeof(struct tsn_group) + slab;
	copied = larger(groups * slab, copy_of(groups * sizeof(struct tsn_group)));
	for (uint32_t i = 0; i < f->naggs; i++) {
		struct tsn_agg a = { .def = &f->agg[i], .family = &family, .ops = tsn_agg_ops(f->agg[i].fn) };

		out->fixed += fixed_of(a.def);
		if (a.ops == NULL)
			continue;
		a.ops->init(&a);
		if (tsn_lean_can(f, i)) {
			out->apart = a.store.counts.cells.size;
			a.store.counts = (struct tsn_counts){ .lean = true };
			out->group += TSN_LEAN_BYTES - sizeof(struct tsn_group);
			copied = larger(copied, copy_of(groups * TSN_LEAN_BYTES));
		}
		out->fixed += a.ops->fixed != NULL ? a.ops->fixed(&a) : 0;
		out->group += cells_of(&a);
		/* what extra_bytes does not bound, every group may come to take */
		*(a.ops->kept != NULL ? &out->extra : &out->group) += a.ops->most != NULL ? a.ops->most(&a) : 0;
		copied = larger(copied, groups * a.store.sums.cells.size);
		copied = larger(copied, copy_of(groups * larger(a.store.counts.cells.size, a.store.cells.size)));
		if (a.def->fn != TSN_AGG_SEQUENCE)
			continue;
		out->fixed += tsn_steps_fixed(f);
		copied = larger(copied, groups * a.store.cells.size);
	}
	out->growing = growing + copied;
}
