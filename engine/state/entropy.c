/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Entropy of the values of a tuple. See tally.h for what is kept of them. */
#include "state/internal.h"
#include "state/kept.h"
#include "state/tally.h"

static struct tsn_tally *
tally(const struct tsn_kept *k)
{
	return (struct tsn_tally *)(uintptr_t)k;
}

static uint64_t
wants(const struct tsn_agg *a, const struct tsn_kept *k, uint32_t row, uint32_t lane, uint32_t lanes)
{
	return tsn_tally_wants(tally(k), a->member[row], lane, lanes);
}

static bool
add(struct tsn_agg *a, struct tsn_kept **k, const struct tsn_fold *x, uint32_t row, uint32_t lane, uint32_t lanes)
{
	struct tsn_tally *t = tally(*k);
	const bool ok = tsn_tally_add(&t, a->member[row], lane, lanes, a->law, &a->store.heap);

	(void)x;
	a->store.bytes = a->store.heap.bytes;
	*k = (struct tsn_kept *)t;
	return ok;
}

static void
ahead(const struct tsn_agg *a, const struct tsn_kept *k, uint32_t row)
{
	tsn_tally_ahead(tally(k), a->member[row]);
}

static void
drop(struct tsn_agg *a, struct tsn_kept *k, uint32_t gone)
{
	tsn_tally_drop(tally(k), gone, &a->store.heap);
	a->store.bytes = a->store.heap.bytes;
}

static void
release(struct tsn_agg *a, struct tsn_kept *k)
{
	tsn_tally_free(tally(k), &a->store.heap);
	a->store.bytes = a->store.heap.bytes;
}

/* The sketch errs by so many bits whatever the value; near 0 that is all there is to say. */
static bool
value(struct tsn_agg *a, const struct tsn_kept *k, uint32_t seen, double *out, float *error)
{
	(void)a;
	if (!tsn_tally_entropy(tally(k), seen, out))
		return false;
	if (tsn_tally_sketched(tally(k)))
		*error = *out > TSN_STABLE_ERROR ? (float)(TSN_STABLE_ERROR / *out) : 1;
	return true;
}

static void
keep(const struct tsn_kept *k, struct tsn_pack *out)
{
	tsn_tally_save(tally(k), out);
}

static struct tsn_kept *
again(struct tsn_agg *a, struct tsn_unpack *in, uint32_t lanes)
{
	struct tsn_tally *t = tsn_tally_load(in, lanes, &a->store.heap);

	a->store.bytes = a->store.heap.bytes;
	return (struct tsn_kept *)t;
}

static const struct tsn_kept_ops kept_ops = {
	.wants = wants, .ahead = ahead, .add = add, .drop = drop, .free = release, .value = value, .save = keep, .load = again,
};

static void
fini(struct tsn_agg *a)
{
	tsn_heap_fini(&a->store.heap);
}

static uint64_t
most(const struct tsn_agg *a)
{
	return a->def->tumbling ? 2 * tsn_tally_most(1) : tsn_tally_most(TSN_TALLY_LANES);
}

const struct tsn_agg_ops tsn_entropy_ops = {
	.most = most,
	.init = tsn_kept_init, .begin = tsn_members_of, .fold = tsn_kept_fold, .reset = tsn_kept_reset, .fini = fini,
	.kept = tsn_kept_of, .may_stop = true, .save = tsn_kept_save, .load = tsn_kept_load,
	.keeps = &kept_ops,
};
