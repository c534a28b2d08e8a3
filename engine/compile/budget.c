/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "compile/budget.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

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
tsn_budget_of_family(const struct tsn_family_def *f, struct tsn_family_memory *out)
{
	struct tsn_cost cost;
	uint64_t grown, all = 0;

	tsn_state_cost(f, &cost);
	*out = (struct tsn_family_memory){ .groups = f->key.n == 0 ? 1 : f->max_keys, .group = cost.group, .fixed = cost.fixed,
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
	out->apart = times(out->groups, cost.apart);
}

uint64_t
tsn_budget_apart(const struct tsn_program *p)
{
	struct tsn_family_memory s;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < p->nfamilies; i++) {
		tsn_budget_of_family(&p->families[i], &s);
		sum = plus(sum, s.apart);
	}
	return sum;
}

uint64_t
tsn_budget_closing(const struct tsn_program *p)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < p->nfamilies; i++)
		sum = plus(sum, tsn_state_closing_most(&p->families[i]));
	return sum;
}

/* Families of one owner, NULL: all. Arrays grow one after another; the windows that a tick closes are listed together. */
static uint64_t
worst_among(const struct tsn_program *p, const uint32_t *owner, uint32_t of)
{
	uint64_t sum = 0, growing = 0;
	struct tsn_family_memory s;

	for (uint32_t i = 0; i < p->nfamilies; i++) {
		if (owner != NULL && owner[i] != of)
			continue;
		tsn_budget_of_family(&p->families[i], &s);
		sum = plus(sum, plus(s.in_all, tsn_state_closing_most(&p->families[i])));
		growing = s.growing > growing ? s.growing : growing;
	}
	return plus(sum, growing);
}

uint64_t
tsn_budget_worst(const struct tsn_program *p)
{
	return worst_among(p, NULL, 0);
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
size(struct tsn_family_def *f, uint64_t k, uint64_t share)
{
	if (!f->sized) {
		f->max_keys = (uint64_t)TSN_MAX_KEYS * k / FINE / PARTS * PARTS;
		if (f->max_keys < TSN_BUDGET_LEAST)
			f->max_keys = TSN_BUDGET_LEAST;
		if (k == FINE)
			f->max_keys = TSN_MAX_KEYS;
	}
	let_grow(f, share);
}

#define NOBODY UINT32_MAX /* the site's own, in owner[] */

/* Families, each with the installed ruleset that alone reads it, and what is left of the groups it wants under that one's share. */
struct division {
	struct tsn_program *p;
	uint32_t *owner;          /* of each family: index of an installed ruleset, or NOBODY */
	uint64_t *most, *grown;   /* of each installed ruleset: k and share at most */
	bool all;                 /* else the site's own families stay as they are */
};

static void
apply(struct division *d, uint64_t k, uint64_t share)
{
	for (uint32_t i = 0; i < d->p->nfamilies; i++) {
		const uint32_t g = d->owner[i];
		const bool mine = g == NOBODY;

		if (mine && !d->all)
			continue;
		size(&d->p->families[i], mine || k < d->most[g] ? k : d->most[g], mine || share > d->grown[g] ? share : d->grown[g]);
	}
}

/* What the families of one installed ruleset may take. */
static uint64_t
worst_of(const struct division *d, uint32_t g)
{
	return worst_among(d->p, d->owner, g);
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
	struct tsn_family_memory s;

	for (int n = 0; n < NAMED; n++) {
		uint64_t most = 0;
		uint32_t which = 0;

		for (uint32_t i = 0; i < p->nfamilies; i++) {
			tsn_budget_of_family(&p->families[i], &s);
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

/* What is to fit: all families, or those of one installed ruleset. */
static uint64_t
worst(const struct division *d, uint32_t g)
{
	return g == NOBODY ? tsn_budget_worst(d->p) : worst_of(d, g);
}

/* The largest k in [0, FINE] with which it fits; 0 is known to. */
static uint64_t
largest(struct division *d, uint32_t g, uint64_t memory, uint64_t share)
{
	uint64_t lo = 0, hi = FINE;

	while (lo < hi) {
		const uint64_t mid = lo + (hi - lo + 1) / 2;

		apply(d, mid, share);
		if (worst(d, g) <= memory)
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

/* Where all have the groups they want, more of them may grow. */
static uint64_t
smallest_share(struct division *d, uint32_t g, uint64_t memory)
{
	uint64_t share = GROWN_SHARE;

	while (share > 1) {
		apply(d, FINE, share / 2);
		if (worst(d, g) > memory)
			break;
		share /= 2;
	}
	return share;
}

static uint32_t
guest_of(const struct tsn_rule *r, const struct tsn_installed *guest, size_t n)
{
	for (size_t g = 0; g < n; g++)
		if (strcmp(r->ruleset, guest[g].name) == 0)
			return (uint32_t)g;
	return NOBODY;
}

static void
find_owners(struct division *d, const struct tsn_installed *guest, size_t nguests)
{
	const uint32_t unread = NOBODY - 1;

	for (uint32_t i = 0; i < d->p->nfamilies; i++)
		d->owner[i] = unread;
	for (uint32_t r = 0; r < d->p->nrules; r++) {
		const struct tsn_rule *rule = &d->p->rules[r];
		const uint32_t g = guest_of(rule, guest, nguests);

		for (uint32_t k = 0; k < rule->families_n; k++) {
			uint32_t *o = &d->owner[rule->families[k]];

			*o = *o == unread || *o == g ? g : NOBODY;
		}
	}
	for (uint32_t i = 0; i < d->p->nfamilies; i++)
		if (d->owner[i] == unread)
			d->owner[i] = NOBODY;
}

static bool
refuse_guest(const struct division *d, uint32_t g, const struct tsn_installed *guest, uint64_t share, struct tsn_diags *diags)
{
	struct tsn_buf need = TSN_BUF_INIT, has = TSN_BUF_INIT;

	size_text(worst_of(d, g), &need);
	size_text(share, &has);
	tsn_diag_hint(tsn_diag_error(diags, TSN_E_LIMIT, TSN_SPAN_NONE,
	    "groups of the installed ruleset %s may take %s at least, and its share of the memory is %s (%u %%)", guest->name,
	    tsn_buf_str(&need), tsn_buf_str(&has), guest->memory_percent),
	    "its rules want smaller max_keys, or it needs a larger share");
	tsn_buf_fini(&need);
	tsn_buf_fini(&has);
	return false;
}

/* Each installed ruleset within its share, as if it were alone. */
static bool
divide_guests(struct division *d, const struct tsn_site *site, const struct tsn_installed *guest, size_t nguests,
    struct tsn_diags *diags)
{
	for (uint32_t g = 0; g < nguests; g++) {
		const uint64_t share = (site->memory == 0 ? TSN_BUDGET_UNSAID : site->memory) / 100 * guest[g].memory_percent;

		d->most[g] = FINE;
		d->grown[g] = 1;
		apply(d, 0, GROWN_SHARE);
		if (worst_of(d, g) > share)
			return refuse_guest(d, g, &guest[g], share, diags);
		d->most[g] = largest(d, g, share, GROWN_SHARE);
		d->grown[g] = d->most[g] == FINE ? smallest_share(d, g, share) : GROWN_SHARE;
	}
	return true;
}

/* All within the site's memory. */
static bool
divide_all(struct division *d, const struct tsn_site *site, struct tsn_diags *diags)
{
	const uint64_t memory = site->memory - (tsn_program_pairs(d->p) ? site->memory / TSN_PAIR_SHARE : 0);
	uint64_t k;

	d->all = true;
	apply(d, 0, GROWN_SHARE);
	if (tsn_budget_worst(d->p) > memory)
		return refuse(d->p, site, diags);
	k = largest(d, NOBODY, memory, GROWN_SHARE);
	apply(d, k, k == FINE ? smallest_share(d, NOBODY, memory) : GROWN_SHARE);
	return true;
}

bool
tsn_budget_divide(struct tsn_program *p, const struct tsn_site *site, const struct tsn_installed *guest, size_t nguests,
    struct tsn_diags *diags)
{
	struct division d = { .p = p };
	bool ok = true;

	if ((site->memory == 0 && nguests == 0) || p->nfamilies == 0)
		return true;
	d.owner = tsn_calloc(p->nfamilies, sizeof(*d.owner));
	d.most = tsn_calloc(nguests + 1, sizeof(*d.most));
	d.grown = tsn_calloc(nguests + 1, sizeof(*d.grown));
	if (d.owner == NULL || d.most == NULL || d.grown == NULL) {
		tsn_diag_error(diags, TSN_E_MEMORY, TSN_SPAN_NONE, "memory is out");
		ok = false;
	} else {
		find_owners(&d, guest, nguests);
	}
	ok = ok && divide_guests(&d, site, guest, nguests, diags);
	if (ok && site->memory != 0)
		ok = divide_all(&d, site, diags);
	else if (ok)
		apply(&d, FINE, 1);
	tsn_free(d.owner);
	tsn_free(d.most);
	tsn_free(d.grown);
	return ok;
}
