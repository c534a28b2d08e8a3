/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* Functions that are made of what groups keep: new, absent, rank, baseline, zscore. */
#include <string.h>

#include "compile/call.h"

#define SAMPLES_MAX 4096 /* a group of a baseline keeps so many */
#define WINDOWS_MIN 3    /* below it there is no median worth the name */
#define DAY (INT64_C(86400) * 1000)

static struct ck_val
of(const struct tsn_ir *ir)
{
	return ir == NULL ? ck_bad : (struct ck_val){ .kind = CK_IR, .ir = ir };
}

static const struct tsn_ir *
is_one(struct tsn_ck *c, const struct tsn_ir *agg)
{
	return ck_compare_node(c, TSN_REL_EQ, agg, ck_int(c, 1, TSN_T_INT));
}

/* --- new --- */

static bool
same_part(const struct tsn_key_part *a, const struct tsn_key_part *b)
{
	return a->field == b->field && a->v4_bits == b->v4_bits && a->v6_bits == b->v6_bits;
}

/* The groups of `new` are those of `by`, divided by the values that may be new. */
static bool
divide_key(const struct ck_env *e, const struct ck_call *k, struct tsn_ir_agg *fresh)
{
	const struct tsn_key_spec *tuple = &k->agg.tuple;

	fresh->tuple.n = 0;
	for (unsigned i = 0; i < tuple->n; i++) {
		bool known = false;

		for (unsigned j = 0; j < fresh->key.n - fresh->tail; j++)
			known |= same_part(&fresh->key.part[j], &tuple->part[i]);
		if (known)
			continue;
		if (fresh->key.n == TSN_KEY_PARTS) {
			tsn_diag_error(e->c->diags, TSN_E_LIMIT, k->node->span, "a key and what is new in it have at most %d fields",
			    TSN_KEY_PARTS);
			return false;
		}
		fresh->key.part[fresh->key.n++] = tuple->part[i];
		fresh->tail++;
	}
	if (fresh->tail > 0)
		return true;
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_NEVER, k->node->span,
	    "no flow can meet this: a group has one value of its key, and its first flow is always one that learns"),
	    "leave the key out: %s over 7d", ck_text(e->c, k->node));
	return false;
}

/* new = the row is the first of its group, and the group of `by` has been known for long enough (S6). */
struct ck_val
ck_call_new(const struct ck_env *e, const struct ck_env *inner, struct ck_call *k)
{
	struct tsn_ir_agg fresh, since;
	const struct tsn_ir *first, *begun, *age;
	bool ok = ck_call_fields(inner, k);

	k->agg.where = ck_call_where(e, inner, k);
	if (!ok || k->agg.where == NULL || !ck_call_scoped(e, k) ||
	    !ck_call_only(e, k, false, "looks back over a window that slides"))
		return ck_bad;
	fresh = since = k->agg;
	fresh.fn = TSN_AGG_FRESH;
	ck_call_window(e, &fresh);
	since.fn = TSN_AGG_SINCE;
	since.tuple.n = 0;
	since.by_received = false; /* an age is one of event times */
	ck_call_window(e, &since);
	since.by_received = false;
	if (!divide_key(e, k, &fresh))
		return ck_bad;
	first = ck_call_agg(e, k, &fresh, TSN_T_INT);
	begun = ck_call_agg(e, k, &since, TSN_T_TIME);
	if (first == NULL || begun == NULL)
		return ck_bad;
	ck_call_use(e, k, first, &since.key, k->where == NULL && e->where == NULL, CK_U_NEW);
	age = ck_arith_node(e->c, TSN_AR_SUB, ck_clock(e->c), begun, TSN_T_DURATION);
	return of(ck_and(e->c, is_one(e->c, first), ck_compare_node(e->c, TSN_REL_GE, age,
	    ck_int(e->c, k->learn_ms >= 0 ? k->learn_ms : fresh.window_ms, TSN_T_DURATION))));
}

/* --- absent --- */

/* Members that stand for many groups cannot be waited for one by one. */
static bool
single_members(const struct ck_env *e, const struct tsn_node *at, const struct ck_set *set, const struct tsn_key_spec *key)
{
	for (const struct ck_set *s = ck_set_reach(set); s != NULL; s = s->reach_next) {
		for (size_t i = 0; i < s->nmembers; i++) {
			const struct ck_member *m = &s->member[i];
			unsigned bits = m->prefix.addr.v4 ? key->part[0].v4_bits : key->part[0].v6_bits;

			if (m->kind != CK_M_ADDRS && (m->kind != CK_M_PREFIX || m->prefix.len >= bits))
				continue;
			tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SET, at->span, "expect waits for single members, %s is a range",
			    m->canon), "name them one by one, or mask the key: by %s/24", ck_field_name(e->c, key->part[0].field));
			return false;
		}
	}
	return true;
}

static bool
expected(const struct ck_env *e, const struct ck_env *inner, const struct ck_call *k, struct tsn_ir_agg *a)
{
	const struct tsn_ir *part[TSN_KEY_PARTS], *left;
	struct ck_set *set;

	if (k->expect == NULL)
		return true;
	if (a->key.n == 0) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, k->expect->span, "there is one group, and nothing to expect"),
		    "write %s by src over ...", ck_text(e->c, k->node));
		return false;
	}
	for (unsigned i = 0; i < a->key.n; i++)
		part[i] = ck_field(e->c, a->key.part[i].field, a->key.part[i].v4_bits, a->key.part[i].v6_bits);
	left = a->key.n == 1 ? part[0] : ck_tuple(e->c, part, a->key.n);
	set = ck_set_for(inner, k->expect, left);
	if (set == NULL || !single_members(e, k->expect, set, &a->key))
		return false;
	a->expect = ck_set_slot(e->c, set);
	return true;
}

struct ck_val
ck_call_absent(const struct ck_env *e, const struct ck_env *inner, struct ck_call *k)
{
	const struct tsn_ir *ir;
	bool ok = ck_call_condition(inner, k);

	k->agg.fn = TSN_AGG_ABSENT;
	k->agg.where = ck_call_where(e, inner, k);
	if (!ok || k->agg.where == NULL || !ck_call_scoped(e, k) ||
	    !ck_call_only(e, k, false, "waits for the end of a window that slides"))
		return ck_bad;
	ck_call_window(e, &k->agg);
	if (!ck_call_nests(e, k, k->where == NULL ? k->node : k->where, k->agg.where) || !expected(e, inner, k, &k->agg))
		return ck_bad;
	ir = ck_call_agg(e, k, &k->agg, TSN_T_INT);
	if (ir == NULL)
		return ck_bad;
	ck_call_use(e, k, ir, &ir->agg->key, k->where == NULL && e->where == NULL, CK_U_ABSENT);
	return of(is_one(e->c, ir));
}

/* --- rank --- */

/* Bit i: part i of the key is one of the fields groups are ranked inside of. */
static bool
within(const struct ck_env *e, const struct ck_env *inner, const struct ck_call *k, const struct tsn_key_spec *key, uint32_t *bits)
{
	size_t mark;

	for (size_t n = 0; n < k->nwithin; n++) {
		const struct tsn_ir *v = ck_one(inner, k->within[n], TSN_T_NONE);
		unsigned i = 0;

		if (v == NULL)
			return false;
		while (i < key->n && (v->kind != TSN_IR_FIELD || key->part[i].field != v->field))
			i++;
		if (i < key->n) {
			*bits |= 1u << i;
			continue;
		}
		mark = e->c->buf.len;
		ck_key_canon(e->c, key);
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, k->within[n]->span, "groups are ranked inside a part of their key"),
		    "the key is: %s", key->n == 0 ? "empty" : ck_take(e->c, mark));
		e->c->buf.len = mark;
		return false;
	}
	if (key->n == 0 || k->nwithin < key->n)
		return true;
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, k->within[0]->span, "inside its whole key a group is always first"),
	    "leave out a field");
	return false;
}

/* What an aggregate about another one takes over from it. */
static struct tsn_ir_agg
about(const struct tsn_ir_agg *a, enum tsn_agg_fn fn, const struct tsn_ir_agg *of)
{
	struct tsn_ir_agg x = *a;

	x.fn = fn;
	x.of = of;
	x.arg = NULL;
	x.tuple.n = 0;
	x.share = x.nonneg = false;
	return x;
}

struct ck_val
ck_call_rank(const struct ck_env *e, const struct ck_env *inner, struct ck_call *k)
{
	const struct tsn_ir *a, *ir;
	struct tsn_ir_agg rank;
	bool bare;

	if (e->scope == NULL && k->nargs > 0 && k->arg[0]->kind == TSN_N_CALL) {
		ck_call_scoped(e, k);
		return ck_bad;
	}
	a = ck_call_inner(e, inner, k, &bare);
	if (a == NULL || !ck_call_only(e, k, true, "is of windows that close"))
		return ck_bad;
	if (a->agg->key.n == 0) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, e->scope->span, "one group has no others to be ranked with"),
		    "say whose rank: by src");
		return ck_bad;
	}
	rank = about(a->agg, TSN_AGG_RANK, a->agg);
	if (!within(e, inner, k, &rank.key, &rank.within))
		return ck_bad;
	ir = ck_call_agg(e, k, &rank, TSN_T_INT);
	if (ir != NULL)
		ck_call_use(e, k, ir, &ir->agg->key, bare, CK_U_COUNTS);
	return of(ir);
}

/* --- baseline and zscore --- */

static bool
history_fits(const struct ck_env *e, struct ck_call *k, int64_t window)
{
	char a[TSN_TIME_TEXT], b[TSN_TIME_TEXT];
	int64_t least;

	if (k->history == NULL) {
		ck_call_wrong(e, k->node->span, k, "needs to know how far it looks back");
		return false;
	}
	if (k->season == NULL && k->history_ms >= WINDOWS_MIN * DAY && DAY % window == 0)
		k->season_ms = DAY;
	if (k->season_ms % window != 0) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, k->season->span, "a season is a whole number of windows"),
		    "%s is no multiple of %s", tsn_duration_text(k->season_ms, a), tsn_duration_text(window, b));
		return false;
	}
	if (k->season_ms == window)
		k->season_ms = 0; /* every window is like every other */
	least = WINDOWS_MIN * (k->season_ms > 0 ? k->season_ms : window);
	if (k->history_ms < least) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, k->history->span, "history is at least three %s, here %s",
		    k->season_ms > 0 ? "seasons" : "windows", tsn_duration_text(least, a)), "write history %s", a);
		return false;
	}
	if (k->history_ms / window <= SAMPLES_MAX)
		return true;
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_LIMIT, k->history->span,
	    "%s of windows of %s are %lld samples a group, and %d are kept", tsn_duration_text(k->history_ms, a),
	    tsn_duration_text(window, b), (long long)(k->history_ms / window), SAMPLES_MAX),
	    "take a longer window or a shorter history: %s", tsn_duration_text(SAMPLES_MAX * window, a));
	return false;
}

/* The aligned windows whose values are the samples: those of A itself if it has such, else a twin of it. */
static const struct tsn_ir *
sampled(const struct ck_env *e, const struct ck_call *k, const struct tsn_ir *a)
{
	struct tsn_ir_agg twin = *a->agg;

	if (twin.tumbling)
		return a;
	twin.tumbling = true;
	ck_set_panes(&twin, 0);
	return ck_call_agg(e, k, &twin, a->type);
}

static const struct tsn_ir *
of_samples(const struct ck_env *e, const struct ck_call *k, const struct tsn_ir *a, const struct tsn_ir *twin, enum tsn_agg_fn fn)
{
	struct tsn_ir_agg x = about(a->agg, fn, twin->agg);

	x.history_ms = k->history_ms;
	x.season_ms = k->season_ms;
	return ck_call_agg(e, k, &x, TSN_T_REAL);
}

struct ck_val
ck_call_baseline(const struct ck_env *e, const struct ck_env *inner, struct ck_call *k)
{
	const struct tsn_ir *a, *twin, *usual, *spread;
	bool bare;

	if (e->scope == NULL && k->nargs > 0 && k->arg[0]->kind == TSN_N_CALL) {
		ck_call_scoped(e, k);
		return ck_bad;
	}
	a = ck_call_inner(e, inner, k, &bare);
	if (a == NULL)
		return ck_bad;
	if (a->type == TSN_T_TIME || a->type == TSN_T_PORT) {
		tsn_diag_error(e->c->diags, TSN_E_TYPE, k->arg[0]->span, "%s wants amounts, this is %s", tsn_functions[k->row].name,
		    ck_a_type(a->type));
		return ck_bad;
	}
	if (!history_fits(e, k, a->agg->window_ms) || !ck_call_nests(e, k, k->arg[0], a->agg->where) ||
	    (a->agg->arg != NULL && !ck_call_nests(e, k, k->arg[0], a->agg->arg)))
		return ck_bad;
	twin = sampled(e, k, a);
	usual = twin == NULL ? NULL : of_samples(e, k, a, twin, TSN_AGG_BASELINE);
	spread = usual == NULL || k->row == CK_FN_BASELINE ? usual : of_samples(e, k, a, twin, TSN_AGG_SPREAD);
	if (spread == NULL)
		return ck_bad;
	ck_call_use(e, k, usual, a->agg->at.n > 0 ? &a->agg->at : &a->agg->key, bare, CK_U_COUNTS);
	if (k->row == CK_FN_BASELINE)
		return of(usual);
	return of(ck_arith_node(e->c, TSN_AR_DIV, ck_arith_node(e->c, TSN_AR_SUB, ck_to_real(e->c, a), usual, TSN_T_REAL), spread,
	    TSN_T_REAL));
}
