/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The division of components among lanes, and the lanes' programs. */
#include "compile/lanes.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "compile/lanes_internal.h"
#include "sets/dynamic.h"

#define READ 8.0        /* ns a flow that reading takes, which some thread does too */
#define DECODE 6.0      /* ...and decoding, which one thread does, so that lanes of less would spare nothing */
#define SHARES 5.0      /* ...and that shards get rows of their own, twice their keys' hashes, and batches back out of two other caches */
#define USUAL 0.5       /* of their estimated cost: groups are mostly fewer, or met again sooner, than those that the prices are of */
#define FILLED 0.75     /* of a thread's time: what a lane may take, so that threads need not wait for the slowest */
#define LOOKED 0.5      /* of rules without state: what it is worth to have another lane */
#define THREADS_MAX 64
#define STICKS 2.0      /* what is divided in one way at a reload stays so if it would not be another by more than that */
#define LARGE 8         /* a component is placed by its size if it fills that part of a lane, else beside its neighbours */

/* Components that become one lane, or [nshards] of them. */
struct group {
	uint32_t nshards;
	uint32_t were;          /* the most shards that one of its components had before; 0: all are new */
	const struct tsn_key_spec *key; /* of shards */
	double flat, rows;
	bool *rule;             /* those it has */
	const struct tsn_program *program;
	const uint32_t *family;
};

/* Those of one kind. */
struct bins {
	bool stateless;
	uint32_t from, to;
	double cost;
};

struct division {
	const struct tsn_ruleset *rs, *before;
	struct tsn_lanes *l;
	struct tsn_components all;
	struct group *group;    /* bins first, then shards */
	uint32_t ngroups, nbins;
	bool apart;             /* rules without state have bins of their own */
	uint32_t nlanes;        /* of all groups */
	uint32_t *group_of;     /* by component; TSN_NAMES_NONE: not yet */
	uint32_t *order;        /* components, the largest first */
	double fair;            /* ns a flow for a lane */
	unsigned threads;
};

static double
cost_of(const struct tsn_component *c)
{
	return c->flat + c->rows;
}

static double
cost_of_lane(const struct group *g)
{
	return g->flat + g->rows / g->nshards;
}

static void
put(struct division *d, uint32_t component, uint32_t group)
{
	const struct tsn_component *c = &d->all.c[component];
	struct group *g = &d->group[group];

	d->group_of[component] = group;
	g->flat += c->flat;
	g->rows += c->rows;
	for (uint32_t i = 0; i < c->nrules; i++)
		g->rule[c->rules[i]] = true;
}

static uint32_t
open_group(struct division *d)
{
	struct group *g = &d->group[d->ngroups];

	*g = (struct group){ .nshards = 1, .rule = tsn_arena_alloc(d->l->arena, d->rs->module->nrules * sizeof(bool) + 1) };
	return g->rule == NULL ? TSN_NAMES_NONE : d->ngroups++;
}

/* --- shards --- */

/* How many lanes shared the component before, by its first rule that was there; 0: it is new. */
static uint32_t
shards_before(const struct division *d, const struct tsn_component *c)
{
	for (uint32_t i = 0; d->before != NULL && i < c->nrules; i++) {
		const uint32_t was = tsn_program_was(d->rs->program, c->rules[i], d->before->program);

		if (was != TSN_NAMES_NONE)
			return d->before->lanes->lane[d->before->lanes->lane_of[was]].nshards;
	}
	return 0;
}

/*
 * May one thread do all of it, while the other does the rest? Of two threads that is mostly faster than shards: what these cost is as much as there
 * would be for the other one to do. Of more, shards cost each of the others less, and leave no one waiting for the slowest.
 */
static bool
fills_one(const struct division *d, const struct tsn_component *c)
{
	return d->threads == 2 && cost_of(c) * USUAL <= (READ + DECODE + SHARES + d->l->cost * USUAL) / d->threads;
}

/* What is more than its share alone, and mostly work that shards have between them. */
static void
choose_sharded(struct division *d)
{
	for (uint32_t i = 0; i < d->all.n; i++) {
		struct tsn_component *c = &d->all.c[i];
		double most;

		c->were = shards_before(d, c);
		most = c->were > 1 ? d->fair / STICKS : c->were == 1 ? d->fair * STICKS : d->fair;
		c->sharded = c->shardable && cost_of(c) > most && c->rows > c->flat && (c->were > 1 || !fills_one(d, c));
	}
}

/* The group of shards by that key. */
static uint32_t
shards_by(struct division *d, const struct tsn_key_spec *key)
{
	uint32_t g;

	for (g = d->nbins; g < d->ngroups; g++)
		if (tsn_key_same(d->group[g].key, key))
			return g;
	g = open_group(d);
	if (g != TSN_NAMES_NONE)
		d->group[g].key = key;
	return g;
}

/* What every shard does gets no less by more of them, nor does what one thread has to do anyway. */
static bool
is_too_large(const struct division *d, const struct group *g)
{
	return g->nshards < TSN_SHARDS_MAX && g->nshards < d->threads * 2 && cost_of_lane(g) > d->fair &&
	    g->rows / g->nshards > g->flat && cost_of_lane(g) > 2 * DECODE;
}

/*
 * All components cost less than threads / FILLED times [fair]. Of shards there are fewer than 4 for each [fair] they cost, as half of them
 * would each take more than that, at least half of it for rows; bins of a kind are at most one for each [fair] they cost, and one more.
 */
_Static_assert(TSN_LANES_MAX >= 8 * THREADS_MAX, "there is room for all lanes that are worth their while");

static void
choose_shards(struct division *d, struct group *g)
{
	while (is_too_large(d, g))
		g->nshards *= 2;
	d->nlanes += g->nshards;
}

/* Groups of a window that is divided otherwise are made anew one by one while flows wait, so it is not for little. */
static void
stay_divided(struct division *d, struct group *g)
{
	const uint32_t n = d->nlanes - g->nshards + g->were;

	if (g->were < 2 || n > TSN_LANES_MAX || g->were * STICKS < g->nshards || g->were > g->nshards * STICKS * STICKS)
		return; /* too many cost less than too few */
	g->nshards = g->were;
	d->nlanes = n;
}

static bool
shard(struct division *d)
{
	for (uint32_t i = 0; i < d->all.n; i++) {
		const struct tsn_component *c = &d->all.c[i];
		uint32_t g;

		if (!c->sharded)
			continue;
		g = shards_by(d, &c->key);
		if (g == TSN_NAMES_NONE)
			return false;
		put(d, i, g);
		d->group[g].were = c->were > d->group[g].were ? c->were : d->group[g].were;
	}
	d->nlanes = d->nbins;
	for (uint32_t g = d->nbins; g < d->ngroups; g++)
		choose_shards(d, &d->group[g]);
	for (uint32_t g = d->nbins; g < d->ngroups; g++)
		stay_divided(d, &d->group[g]);
	return true;
}

/* --- bins --- */

/* Those that have bins of one kind. */
static bool
is_of_kind(const struct division *d, const struct tsn_component *c, bool stateless)
{
	return !c->sharded && (d->apart && c->stateless) == stateless;
}

static double
cost_of_kind(const struct division *d, bool stateless, uint32_t *n)
{
	double cost = 0;

	*n = 0;
	for (uint32_t i = 0; i < d->all.n; i++)
		if (is_of_kind(d, &d->all.c[i], stateless)) {
			cost += cost_of(&d->all.c[i]);
			++*n;
		}
	return cost;
}

/*
 * Whoever prepares a batch looks what rules without state have to tell of it, where they have a lane of their own (core/lane.h): most of what they
 * read no other core reads then.
 */
static void
choose_apart(struct division *d)
{
	double stateless = 0;

	for (uint32_t i = 0; i < d->all.n; i++)
		stateless += d->all.c[i].stateless ? cost_of(&d->all.c[i]) : 0;
	d->apart = stateless >= LOOKED && stateless < d->l->cost;
}

static uint32_t
emptiest(const struct division *d, const struct bins *b)
{
	uint32_t best = b->from;

	for (uint32_t g = b->from + 1; g < b->to; g++)
		if (cost_of_lane(&d->group[g]) < cost_of_lane(&d->group[best]))
			best = g;
	return best;
}

static int
largest_first(const void *a, const void *b, void *arg)
{
	const struct division *d = arg;
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	const double cx = cost_of(&d->all.c[x]), cy = cost_of(&d->all.c[y]);

	return cx > cy ? -1 : cx < cy ? 1 : x < y ? -1 : x > y;
}

static bool
is_to_be_put(const struct division *d, const struct bins *b, uint32_t component)
{
	return d->group_of[component] == TSN_NAMES_NONE && is_of_kind(d, &d->all.c[component], b->stateless);
}

/* Large ones go where there is most room. Small ones fill what is left in the order of their rules: neighbours share tests. */
static void
fill_bins(struct division *d, const struct bins *b)
{
	const double level = b->cost / (b->to - b->from);
	uint32_t g = b->from;

	for (uint32_t i = 0; i < d->all.n; i++)
		if (is_to_be_put(d, b, d->order[i]) && cost_of(&d->all.c[d->order[i]]) * LARGE > level)
			put(d, d->order[i], emptiest(d, b));
	for (uint32_t i = 0; i < d->all.n; i++) {
		if (!is_to_be_put(d, b, i))
			continue;
		while (g + 1 < b->to && cost_of_lane(&d->group[g]) + cost_of(&d->all.c[i]) / 2 > level)
			g++;
		put(d, i, g);
	}
}

/* No more than there are components, nor than lanes that are worth their while. */
static bool
open_bins(struct division *d, bool stateless, struct bins *b)
{
	uint32_t most = d->threads * 2, single, n;

	*b = (struct bins){ .stateless = stateless, .from = d->nbins };
	b->cost = cost_of_kind(d, stateless, &single);
	most = most < single ? most : single;
	n = b->cost / d->fair >= most ? most : (uint32_t)(b->cost / d->fair) + 1;
	n = n > most ? most : n;
	/* disabled rules want a place, too */
	if (n == 0 && single == d->all.n && d->nbins == 0)
		n = 1;
	while (d->nbins < b->from + n && open_group(d) != TSN_NAMES_NONE)
		d->nbins++;
	b->to = d->nbins;
	return b->to - b->from == n;
}

static bool
divide(struct division *d)
{
	const uint32_t n = d->all.n + 1;
	struct bins bins[2];
	double sum = READ + DECODE;

	d->group = tsn_arena_alloc(d->l->arena, (n + 2 * (size_t)d->threads) * sizeof(*d->group));
	d->group_of = tsn_arena_alloc(d->l->arena, n * sizeof(*d->group_of));
	d->order = tsn_arena_alloc(d->l->arena, n * sizeof(*d->order));
	if (d->group == NULL || d->group_of == NULL || d->order == NULL)
		return false;
	memset(d->group_of, 0xff, n * sizeof(*d->group_of)); /* TSN_NAMES_NONE */
	for (uint32_t i = 0; i < d->all.n; i++)
		d->l->cost += cost_of(&d->all.c[i]);
	sum += d->l->cost;
	d->fair = sum / d->threads * FILLED > DECODE ? sum / d->threads * FILLED : DECODE;
	choose_sharded(d);
	choose_apart(d);
	if (!open_bins(d, false, &bins[0]) || !open_bins(d, true, &bins[1]) || !shard(d))
		return false;
	for (uint32_t i = 0; i < d->all.n; i++)
		d->order[i] = i;
	qsort_r(d->order, d->all.n, sizeof(*d->order), largest_first, d);
	for (uint32_t k = 0; k < 2; k++)
		if (bins[k].to > bins[k].from)
			fill_bins(d, &bins[k]);
	return true;
}

/* --- programs --- */

/* Gives the families of a part what those of the whole were given, and says which they are. */
static bool
take_budgets(struct division *d, struct group *g, struct tsn_program *p)
{
	const struct tsn_program *whole = d->rs->program;
	uint32_t *family = tsn_arena_alloc(d->l->arena, p->nfamilies * sizeof(*family) + 1);
	struct tsn_names names = { 0 };

	if (family == NULL || !tsn_names_reserve(&names, whole->nfamilies))
		return false;
	for (uint32_t i = 0; i < whole->nfamilies; i++)
		tsn_names_add(&names, whole->families[i].canon, i);
	for (uint32_t i = 0; i < p->nfamilies; i++) {
		struct tsn_family_def *f = &p->families[i];
		const struct tsn_family_def *as = &whole->families[family[i] = tsn_names_find(&names, f->canon)];

		f->max_keys = as->max_keys;
		f->sized = as->sized;
		/* what the program's arena holds is not yet in anybody's hands */
		for (uint32_t k = 0; k < f->naggs; k++)
			((struct tsn_agg_def *)f->agg)[k].extra_bytes = as->agg[k].extra_bytes;
	}
	tsn_names_fini(&names);
	g->family = family;
	return true;
}

static bool
emit(struct division *d, struct group *g)
{
	struct tsn_program *p = tsn_emit_part(d->rs->module, d->rs->program, g->rule);

	if (p == NULL)
		return false;
	d->l->part[d->l->nparts++] = p;
	g->program = p;
	return take_budgets(d, g, p);
}

/* The one group is the whole. */
static bool
take_whole(struct division *d, struct group *g)
{
	const uint32_t n = d->rs->program->nfamilies;
	uint32_t *family = tsn_arena_alloc(d->l->arena, n * sizeof(*family) + 1);

	for (uint32_t i = 0; family != NULL && i < n; i++)
		family[i] = i;
	g->program = d->rs->program;
	g->family = family;
	return family != NULL;
}

/* --- lanes --- */

/* Disabled rules are counted to the first lane. */
static uint32_t *
rules_of(struct division *d, const struct group *g, uint32_t *n)
{
	const struct tsn_ir_module *m = d->rs->module;
	uint32_t *v = tsn_arena_alloc(d->l->arena, m->nrules * sizeof(*v) + 1);

	*n = 0;
	for (uint32_t i = 0; v != NULL && i < m->nrules; i++)
		if (g->rule[i] || (m->rules[i].meta.disabled && g == d->group))
			v[(*n)++] = i;
	return v;
}

static bool
add_lanes(struct division *d, const struct group *g, double sum, uint32_t *lane_of)
{
	struct tsn_lanes *l = d->l;
	const struct tsn_key_spec none = { 0 };
	uint32_t n, *rules = rules_of(d, g, &n);

	if (rules == NULL)
		return false;
	for (uint32_t i = 0; i < n; i++)
		lane_of[rules[i]] = l->n;
	for (uint32_t s = 0; s < g->nshards; s++)
		l->lane[l->n++] = (struct tsn_lane_def){ .program = g->program, .shard = s, .nshards = g->nshards,
		    .key = g->nshards > 1 ? *g->key : none, .rules = rules, .nrules = n, .family = g->family,
		    .share = sum > 0 ? cost_of_lane(g) / sum : 1 };
	return true;
}

/* Undivided, every dynamic set is the one lane's. */
static bool
give_sets(struct division *d)
{
	const uint32_t n = d->rs->module->nsets;
	uint32_t *lane_of = tsn_arena_alloc(d->l->arena, (n + 1) * sizeof(*lane_of));

	for (uint32_t i = 0; lane_of != NULL && i < n; i++) {
		lane_of[i] = TSN_LANE_NONE;
		if (d->all.of_set == NULL)
			lane_of[i] = tsn_set_is_dynamic(d->rs->sets[i]) ? 0 : TSN_LANE_NONE;
		else if (d->all.of_set[i] != TSN_NAMES_NONE)
			lane_of[i] = d->l->lane_of[d->all.c[d->all.of_set[i]].rules[0]];
	}
	d->l->lane_of_set = lane_of;
	return lane_of != NULL;
}

static bool
make_lanes(struct division *d)
{
	uint32_t n = 0, *lane_of;
	double sum = 0;
	bool ok = true;

	for (uint32_t g = 0; g < d->ngroups; g++) {
		n += d->group[g].nshards;
		sum += cost_of_lane(&d->group[g]) * d->group[g].nshards;
	}
	d->l->lane = tsn_arena_alloc(d->l->arena, n * sizeof(*d->l->lane));
	d->l->lane_of = lane_of = tsn_arena_alloc(d->l->arena, d->rs->module->nrules * sizeof(*lane_of) + 1);
	d->l->part = tsn_arena_alloc(d->l->arena, d->ngroups * sizeof(struct tsn_program *));
	ok = d->l->lane != NULL && lane_of != NULL && d->l->part != NULL;
	for (uint32_t g = 0; ok && g < d->ngroups; g++) {
		struct group *at = &d->group[g];

		ok = (d->ngroups == 1 ? take_whole(d, at) : emit(d, at)) && add_lanes(d, at, sum, lane_of);
	}
	return ok && give_sets(d);
}

/* One group of everything. */
static bool
undivided(struct division *d)
{
	d->group = tsn_arena_alloc(d->l->arena, sizeof(*d->group));
	if (d->group == NULL || open_group(d) == TSN_NAMES_NONE)
		return false;
	memset(d->group->rule, true, d->rs->module->nrules);
	return true;
}

struct tsn_lanes *
tsn_lanes_make(const struct tsn_ruleset *rs, unsigned threads, const struct tsn_ruleset *before)
{
	struct tsn_lanes *l = tsn_calloc(1, sizeof(*l));
	const bool like = before != NULL && before->lanes != NULL && before->lanes_for == threads;
	struct division d = { .rs = rs, .before = like ? before : NULL, .l = l, .threads = threads < THREADS_MAX ? threads : THREADS_MAX };

	if (l == NULL || (l->arena = tsn_arena_new()) == NULL) {
		tsn_free(l);
		return NULL;
	}
	if (threads < 2 ? undivided(&d) && make_lanes(&d) : tsn_components_find(rs, l->arena, &d.all) &&
	    tsn_components_cost(rs, &d.all) && divide(&d) && make_lanes(&d))
		return l;
	tsn_lanes_free(l);
	return NULL;
}

const struct tsn_lanes *
tsn_ruleset_lanes(struct tsn_ruleset *rs, unsigned threads, const struct tsn_ruleset *before)
{
	if (rs->lanes != NULL && rs->lanes_for == threads)
		return rs->lanes;
	tsn_lanes_free(rs->lanes);
	rs->lanes = tsn_lanes_make(rs, threads, before);
	rs->lanes_for = threads;
	return rs->lanes;
}

void
tsn_lanes_free(struct tsn_lanes *l)
{
	if (l == NULL)
		return;
	for (uint32_t i = 0; i < l->nparts; i++)
		tsn_program_free(l->part[i]);
	tsn_arena_free(l->arena);
	tsn_free(l);
}
