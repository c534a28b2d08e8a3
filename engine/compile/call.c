/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What all calls of stateful functions have: options and arguments, a window, and what may not stand inside. */
#include "compile/call.h"

#include <string.h>

struct tsn_diag *
ck_call_wrong(const struct ck_env *e, struct tsn_span at, const struct ck_call *k, const char *what)
{
	const struct tsn_function_info *f = &tsn_functions[k->row];
	struct tsn_diag *d = tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, at, "%s %s", f->name, what);

	tsn_diag_hint(d, "write %s(%s)", f->name, f->arguments);
	return d;
}

/* --- options --- */

static bool
time_option(const struct ck_env *e, struct ck_call *k, const struct tsn_node *o)
{
	if (o->kids != NULL && o->kids->text != NULL && strcmp(o->kids->text, "received") == 0) {
		k->agg.by_received = true;
		return true;
	}
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, o->span, "no such time"), "write time received");
	return false;
}

static bool
max_keys_option(const struct ck_env *e, struct ck_call *k, const struct tsn_node *o)
{
	struct ck_env plain = *e;
	const struct tsn_ir *v;

	plain.constant = true;
	v = ck_one(&plain, o->kids, TSN_T_INT);
	if (v == NULL)
		return false;
	if (v->kind == TSN_IR_INT && v->type == TSN_T_INT && v->i >= 64 && v->i <= INT64_C(1) << 32) {
		k->agg.max_keys = (uint64_t)v->i;
		return true;
	}
	tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, o->span, "max_keys is a number of groups, 64 or more");
	return false;
}

static bool
learn_option(const struct ck_env *e, struct ck_call *k, const struct tsn_node *o)
{
	return ck_duration(e, o->kids, "learn", &k->learn_ms);
}

static bool
expect_option(const struct ck_env *e, struct ck_call *k, const struct tsn_node *o)
{
	(void)e;
	k->expect = o->kids;
	return true;
}

/* within A, B: what follows the option are more of its fields. */
static bool
within_option(const struct ck_env *e, struct ck_call *k, const struct tsn_node *o)
{
	(void)e;
	k->within[k->nwithin++] = o->kids;
	return true;
}

static bool
history_option(const struct ck_env *e, struct ck_call *k, const struct tsn_node *o)
{
	k->history = o;
	return ck_duration(e, o->kids, "history", &k->history_ms);
}

static bool
season_option(const struct ck_env *e, struct ck_call *k, const struct tsn_node *o)
{
	k->season = o;
	return ck_duration(e, o->kids, "season", &k->season_ms);
}

#define OF(fn) (1u << CK_FN_##fn)
static const struct {
	const char *name;
	uint32_t takes, never; /* functions; takes 0: all of them */
	bool (*take)(const struct ck_env *e, struct ck_call *k, const struct tsn_node *o);
} options[] = {
	{ "max_keys", 0, 0, max_keys_option },
	{ "time", 0, OF(FIRED) | OF(SEQUENCE), time_option },
	{ "learn", OF(NEW), 0, learn_option },
	{ "expect", OF(ABSENT), 0, expect_option },
	{ "within", OF(RANK), 0, within_option },
	{ "history", OF(BASELINE) | OF(ZSCORE), 0, history_option },
	{ "season", OF(BASELINE) | OF(ZSCORE), 0, season_option },
};
#undef OF

static bool
option(const struct ck_env *e, struct ck_call *k, const struct tsn_node *o)
{
	struct tsn_nearest near = { NULL, 0 };
	struct tsn_diag *d;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (options[i].takes != 0 && !(options[i].takes >> k->row & 1))
			continue;
		if (options[i].never >> k->row & 1)
			continue;
		if (strcmp(o->text, options[i].name) == 0)
			return o->kids != NULL && o->kids->kind != TSN_N_ERROR && options[i].take(e, k, o);
		tsn_nearest_offer(&near, o->text, options[i].name);
	}
	d = tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, o->at, "%s has no option %s", tsn_functions[k->row].name, o->text);
	if (near.best != NULL)
		tsn_diag_hint(d, "did you mean \"%s\"?", near.best);
	return false;
}

/* --- arguments --- */

static bool
positional(const struct ck_env *e, struct ck_call *k, const struct tsn_node *n)
{
	if (k->nwithin > 0 && k->nwithin < TSN_KEY_PARTS) {
		k->within[k->nwithin++] = n;
		return true;
	}
	if (k->nargs == TSN_KEY_PARTS || k->nwithin > 0) {
		tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, n->span, "%s takes at most %d %s", tsn_functions[k->row].name,
		    TSN_KEY_PARTS, k->row == CK_FN_SEQUENCE ? "steps" : "values");
		return false;
	}
	k->arg[k->nargs++] = n;
	return true;
}

bool
ck_call_collect(const struct ck_env *e, struct ck_call *k)
{
	bool ok = true;

	for (const struct tsn_node *n = k->node->kids; n != NULL; n = n->next) {
		if (n->kind == TSN_N_ERROR)
			return false;
		if (n->kind == TSN_N_OPTION) {
			ok &= option(e, k, n);
		} else if (n->kind == TSN_N_WHERE && k->row != CK_FN_SEQUENCE) {
			if (n->kids == NULL || n->kids->next == NULL)
				return false;
			if (k->where != NULL) {
				ck_call_wrong(e, n->span, k, "has a value after its where");
				return false;
			}
			ok &= positional(e, k, n->kids);
			k->where = n->kids->next;
		} else if (k->where != NULL) {
			ck_call_wrong(e, n->span, k, "has a value after its where");
			return false;
		} else {
			ok &= positional(e, k, n);
		}
	}
	return ok;
}

bool
ck_call_condition(const struct ck_env *e, struct ck_call *k)
{
	const char *name = tsn_functions[k->row].name;

	if (k->where != NULL) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_ARGUMENTS, k->node->span, "%s takes a condition and no value", name),
		    "write %s(%s)", name, ck_text(e->c, k->where));
		return false;
	}
	if (k->nargs > 1) {
		ck_call_wrong(e, k->arg[1]->span, k, "takes one condition");
		return false;
	}
	if (k->nargs == 1) {
		k->where = k->arg[0];
		k->nargs = 0;
	}
	return true;
}

/* --- the window --- */

/* S3: a fifteenth of the window, at least 1 s, or the step. */
void
ck_set_panes(struct tsn_ir_agg *a, int64_t step_ms)
{
	if (a->tumbling) {
		a->pane_ms = a->window_ms;
		a->panes = 1;
		return;
	}
	a->pane_ms = (a->window_ms + 14) / 15;
	if (a->pane_ms < TSN_SECOND)
		a->pane_ms = TSN_SECOND;
	if (step_ms > a->pane_ms)
		a->pane_ms = step_ms;
	a->panes = 1 + (uint32_t)((a->window_ms + a->pane_ms - 1) / a->pane_ms);
}

bool
ck_call_scoped(const struct ck_env *e, const struct ck_call *k)
{
	const struct tsn_node *n = k->node;
	const char *key = k->row == CK_FN_NEW ? "" : " by src";

	if (e->scope != NULL)
		return true;
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, n->span, "%s has no window", n->text), "write %s%s %s",
	    ck_text(e->c, n), key, k->row == CK_FN_RANK ? "per 1h" : k->row == CK_FN_NEW ? "over 7d" :
	    k->row == CK_FN_BASELINE || k->row == CK_FN_ZSCORE ? "over 1h" : "over 60s");
	return false;
}

bool
ck_call_only(const struct ck_env *e, const struct ck_call *k, bool tumbling, const char *because)
{
	const struct ck_scope *s = e->scope;
	const char *name = tsn_functions[k->row].name;
	char text[TSN_TIME_TEXT];

	if (s->at.n > 0) {
		tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, s->at_span, "%s looks at its own group only", name),
		    "by KEY at KEY is for functions that count flows");
		return false;
	}
	if (s->tumbling == tumbling)
		return true;
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, s->window_span, "%s %s", name, because), "write %s %s",
	    tumbling ? "per" : "over", tsn_duration_text(s->window_ms, text));
	return false;
}

void
ck_call_window(const struct ck_env *e, struct tsn_ir_agg *a)
{
	const struct ck_scope *s = e->scope;

	a->key = s->key;
	a->at = s->at;
	a->talks = e->talks;
	a->tumbling = s->tumbling;
	a->by_received |= s->by_received;
	a->window_ms = s->window_ms;
	a->window_span = s->window_span;
	ck_set_panes(a, s->step_ms);
}

void
ck_call_use(const struct ck_env *e, const struct ck_call *k, const struct tsn_ir *agg, const struct tsn_key_spec *key,
    bool bare, enum ck_use_kind kind)
{
	struct ck_gather *g = e->gather;
	struct tsn_key_spec *kept;

	if (g == NULL)
		return;
	kept = ck_alloc(e->c, sizeof(*kept));
	*kept = *key;
	g->use = ck_grow(e->c, g->use, g->nuses, &g->cap_uses, sizeof(*g->use));
	g->use[g->nuses++] = (struct ck_use){ agg, kept, k->node->span, bare, kind };
}

/* --- nesting (S22) --- */

struct inside {
	const char *name;
};

static void find_whole(void *arg, const struct tsn_ir *n);

static void
find_whole_in(void *arg, const struct tsn_ir *inside)
{
	ck_walk(inside, find_whole, arg);
}

static void
find_whole(void *arg, const struct tsn_ir *n)
{
	struct inside *in = arg;

	/* a zscore is a baseline too */
	if (n->kind == TSN_IR_AGG && n->agg->fn == TSN_AGG_SPREAD)
		in->name = "zscore";
	if (n->kind != TSN_IR_AGG || in->name != NULL)
		return;
	if (n->agg->fn == TSN_AGG_BASELINE)
		in->name = "baseline";
	else if (n->agg->fn == TSN_AGG_ABSENT || n->agg->fn == TSN_AGG_SEQUENCE)
		in->name = tsn_agg_infos[n->agg->fn].name;
	else if (n->agg->fired != NULL)
		in->name = "fired";
	else
		ck_inside(n->agg, find_whole_in, in);
}

bool
ck_call_nests(const struct ck_env *e, const struct ck_call *k, const struct tsn_node *at, const struct tsn_ir *cond)
{
	struct inside in = { NULL };

	find_whole_in(&in, cond);
	if (in.name == NULL)
		return true;
	tsn_diag_hint(tsn_diag_error(e->c->diags, TSN_E_SCOPE, at->span, "%s cannot stand inside %s", in.name,
	    tsn_functions[k->row].name), "give it a rule of its own, and name that rule in fired() or sequence()");
	return false;
}
