/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * Samples of what a group usually has (S19): they are the values of [of] in closed windows; a ring holds them by window
 * number, so that those of one season slot are found by counting back. A window in which a known group was silent is a sample of 0: such
 * samples are written when somebody looks, or another sample comes, so that a tick costs nothing for the groups that
 * were silent. What is seen is the same whenever they are written: the windows that are closed, from the group's first one on.
 *
 * Windows in which the exporter that reported the group last lost something, or was silent, give no sample. Of each
 * exporter a bit a window is kept, asked when the window closes.
 */
#ifndef TSN_STATE_SAMPLES_H
#define TSN_STATE_SAMPLES_H

#include "state/internal.h"

/* Samples of one group, and what was made of them last. */
struct tsn_samples {
	uint64_t window, lo, hi; /* for which [median] and [spread] are; 0: nothing */
	double median, spread;
	uint32_t n, cap;
	double v[];              /* window w at w mod cap; NAN: none */
};

struct tsn_sampled {
	uint64_t from;       /* the first window that closed; 0: none */
	uint64_t next;       /* those below it are written */
	struct tsn_samples *s;
	uint32_t source;
	uint32_t reported;   /* [source] means something */
};

struct tsn_sampler {
	uint64_t closed;     /* windows below it are closed; 0: none yet */
	uint32_t keep;       /* windows a ring may hold */
	uint32_t slots;      /* windows a season has; 1: no season */
	uint32_t sources;
	uint64_t **bad;      /* by exporter: bits of windows by number mod [bits]; NULL: it reported nobody */
	uint32_t bits;
	uint64_t skipped;
	double *scratch;     /* keep */
};

static inline struct tsn_sampled *
tsn_sampled_at(const struct tsn_agg *a, uint32_t group)
{
	return (struct tsn_sampled *)tsn_cell(&a->store.cells, group);
}

static inline const struct tsn_agg_def *
tsn_sampled_windows(const struct tsn_agg *a)
{
	return a->of->def;
}

/* [n] windows before [window], or the first of all. */
static inline uint64_t
tsn_samples_back(uint64_t window, uint64_t n)
{
	return window > n ? window - n : 1;
}

/* Did the exporter of the group lose nothing in [window]? */
static inline bool
tsn_samples_whole(const struct tsn_sampler *b, const struct tsn_sampled *c, uint64_t window)
{
	return !c->reported || c->source >= b->sources || b->bad[c->source] == NULL ||
	    !(b->bad[c->source][window % b->bits / 64] >> (window % b->bits % 64) & 1);
}

/* Of struct tsn_agg_ops: all that is kept is seen to here, what is made of it by baseline.c. */
void tsn_samples_init(struct tsn_agg *a);
uint64_t tsn_samples_most(const struct tsn_agg *a);
uint64_t tsn_samples_fixed(const struct tsn_agg *a);
void tsn_samples_renew(struct tsn_agg *a);
bool tsn_samples_make(struct tsn_agg *a);
bool tsn_samples_reserve(struct tsn_agg *a, const struct tsn_fold *x);
void tsn_samples_reset(struct tsn_agg *a, uint32_t group);
void tsn_samples_fini(struct tsn_agg *a);
void tsn_samples_save(const struct tsn_agg *a, uint32_t group, struct tsn_pack *out);
bool tsn_samples_load(struct tsn_agg *a, uint32_t group, struct tsn_unpack *in);
void tsn_samples_save_beside(const struct tsn_agg *const *shard, uint32_t n, struct tsn_pack *out);
bool tsn_samples_load_beside(struct tsn_agg *const *shard, uint32_t n, struct tsn_unpack *in);

#endif
