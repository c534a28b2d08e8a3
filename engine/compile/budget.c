/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "compile/budget.h"

#include "base/buf.h"

#define PARTS 64u            /* groups lie in that many parts, alike in size (S29) */
#define GROWN_LEAST 16u      /* groups of an aggregate that may grow, at least */
#define GROWN_SHARE 64u      /* one in so many may grow where memory is divided */
#define FINE (1u << 20)      /* steps of a factor */
#define NAMED 3              /* the largest shares that an error names */

/* What one aggregate takes beside its cells when it has grown. */
static uint64_t
beside(const struct tsn_family_def *f, uint32_t agg)
{
	struct tsn_family_def alone = *f;
	struct tsn_cost cost;

	alone.agg = &f->agg[agg];
	alone.naggs = 1;
	tsn_state_cost(&alone, &cost);
	return cost.extra;
}

static uint64_t
times(uint64_t a, uint64_t b)
{
	uint64_t out;

	return __builtin_mul_overflow(a, b, &out) ? UINT64_MAX : out;
}

static uint64_t
plus(uint64_t a, uint64_t b)
{
	uint64_t out;

	return __builtin_add_overflow(a, b, &out) ? UINT64_MAX : out;
}

void
tsn_budget_share(const struct tsn_family_def *f, struct tsn_share *out)
{
	struct tsn_cost cost;
	uint64_t grown, all = 0;

	tsn_state_cost(f, &cost);
	*out = (struct tsn_share){ .groups = f->key.n == 0 ? 1 : f->max_keys, .group = cost.group, .fixed = cost.fixed,
		.growing = cost.growing };
	for (uint32_t i = 0; i < f->naggs; i++) {
		const uint64_t each = beside(f, i);

		if (each == 0)
			continue;
		grown = f->agg[i].extra_bytes == 0 ? out->groups : f->agg[i].extra_bytes / each;
		grown = grown > out->groups ? out->groups : grown;
		out->grown = grown > out->grown ? grown : out->grown;
		out->beside = plus(out->beside, each);
		all = plus(all, f->agg[i].extra_bytes == 0 ? times(out->groups, each) : f->agg[i].extra_bytes);
	}
	out->in_all = plus(plus(times(out->groups, out->group), all), out->fixed);
}

uint64_t
tsn_budget_worst(const struct tsn_program *p)
{
	uint64_t sum = 0, growing = 0;
	struct tsn_share s;

	for (uint32_t i = 0; i < p->nfamilies; i++) {
		tsn_budget_share(&p->families[i], &s);
		sum = plus(sum, s.in_all);
		growing = s.growing > growing ? s.growing : growing;
	}
	return plus(sum, growing);
}

/* Families' arrays are in the program's arena and not yet in anybody's hands. */
static struct tsn_agg_def *
aggs_of(struct tsn_family_def *f)
{
	return (struct tsn_agg_def *)f->agg;
}

static void
let_grow(struct tsn_family_def *f, uint64_t share)
{
	for (uint32_t i = 0; i < f->naggs; i++) {
		const uint64_t each = beside(f, i);
		uint64_t grown = f->key.n == 0 ? 1 : f->max_keys / share;

		grown = grown < GROWN_LEAST ? GROWN_LEAST : grown;
		aggs_of(f)[i].extra_bytes = times(grown, each);
	}
}

/* [k] of FINE of the groups that an unsized family wants; sized ones have what they ask for. */
static void
apply(struct tsn_program *p, uint64_t k, uint64_t share)
{
	for (uint32_t i = 0; i < p->nfamilies; i++) {
		struct tsn_family_def *f = &p->families[i];

		if (!f->sized) {
			f->max_keys = (uint64_t)TSN_MAX_KEYS * k / FINE / PARTS * PARTS;
			if (f->max_keys < TSN_BUDGET_LEAST)
				f->max_keys = TSN_BUDGET_LEAST;
			if (k == FINE)
				f->max_keys = TSN_MAX_KEYS;
		}
		let_grow(f, share);
	}
}

static void
size_text(uint64_t bytes, struct tsn_buf *out)
{
	static const char *const unit[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)bytes;
	int u = 0;

	for (; v >= 1024 && u < 4; u++)
		v /= 1024;
	tsn_buf_printf(out, u == 0 ? "%.0f %s" : "%.1f %s", v, unit[u]);
}

static void
name_largest(const struct tsn_program *p, struct tsn_buf *out)
{
	uint64_t below = UINT64_MAX;
	struct tsn_share s;

	for (int n = 0; n < NAMED; n++) {
		uint64_t most = 0;
		uint32_t which = 0;

		for (uint32_t i = 0; i < p->nfamilies; i++) {
			tsn_budget_share(&p->families[i], &s);
			if (s.in_all < below && s.in_all > most) {
				most = s.in_all;
				which = i;
			}
		}
		if (most == 0)
			return;
		below = most;
		tsn_buf_puts(out, n == 0 ? "; the largest: " : ", ");
		size_text(most, out);
		tsn_buf_printf(out, " for %s of %s", tsn_agg_infos[p->families[which].agg[0].fn].name, p->families[which].canon);
	}
}

static bool
refuse(struct tsn_program *p, const struct tsn_site *site, struct tsn_diags *diags)
{
	struct tsn_buf text = TSN_BUF_INIT;

	tsn_buf_puts(&text, "with ");
	tsn_buf_printf(&text, "%u groups each, the %u kinds of groups that these rules keep may take ", TSN_BUDGET_LEAST, p->nfamilies);
	size_text(tsn_budget_worst(p), &text);
	name_largest(p, &text);
	tsn_diag_hint(tsn_diag_error(diags, TSN_E_LIMIT, site->memory_at, "memory is not enough: %s", tsn_buf_str(&text)),
	    "give more, disable rules, or bound them by max_keys; tocsin explain --memory shows each");
	tsn_buf_fini(&text);
	return false;
}

/* The largest k in [0, most] with which it fits; 0 is known to. */
static uint64_t
largest(struct tsn_program *p, uint64_t memory, uint64_t share)
{
	uint64_t lo = 0, hi = FINE;

	while (lo < hi) {
		const uint64_t mid = lo + (hi - lo + 1) / 2;

		apply(p, mid, share);
		if (tsn_budget_worst(p) <= memory)
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

/* Where all have the groups they want, more of them may grow. */
static uint64_t
smallest_share(struct tsn_program *p, uint64_t memory)
{
	uint64_t share = GROWN_SHARE;

	while (share > 1) {
		apply(p, FINE, share / 2);
		if (tsn_budget_worst(p) > memory)
			break;
		share /= 2;
	}
	return share;
}

bool
tsn_budget_divide(struct tsn_program *p, const struct tsn_site *site, struct tsn_diags *diags)
{
	const uint64_t memory = site->memory - (tsn_program_pairs(p) ? site->memory / TSN_PAIR_SHARE : 0);
	uint64_t k;

	if (site->memory == 0 || p->nfamilies == 0)
		return true;
	apply(p, 0, GROWN_SHARE);
	if (tsn_budget_worst(p) > memory)
		return refuse(p, site, diags);
	k = largest(p, memory, GROWN_SHARE);
	apply(p, k, k == FINE ? smallest_share(p, memory) : GROWN_SHARE);
	return true;
}
