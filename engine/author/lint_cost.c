/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What grows without a bound, and what costs much for little: with the numbers of compile/budget.h. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "author/lint_internal.h"
#include "base/clock.h"
#include "compile/budget.h"

#define BESIDE (LINT_IN_WHEN | LINT_IN_KEEP)
#define LONG_WINDOW (INT64_C(3600) * TSN_SECOND)

struct look {
	struct lint *l;
	const struct lint_rule *r;
};

static bool
whole_address(const struct tsn_key_spec *k, uint16_t field)
{
	for (unsigned i = 0; i < k->n; i++)
		if (k->part[i].field == field && k->part[i].v4_bits == 32 && k->part[i].v6_bits > 64)
			return true;
	return false;
}

static unsigned
ports_in(const struct tsn_key_spec *k)
{
	unsigned n = 0;

	for (unsigned i = 0; i < k->n; i++)
		n += k->part[i].field == TSN_F_SRC_PORT || k->part[i].field == TSN_F_DST_PORT;
	return n;
}

static const struct tsn_family_def *
family_of(const struct lint *l, const struct tsn_ir_agg *a)
{
	const struct tsn_program *p = l->rs->program;

	for (uint32_t i = 0; p != NULL && i < p->nfamilies; i++)
		if (strcmp(p->families[i].canon, a->family_canon) == 0)
			return &p->families[i];
	return NULL;
}

static const char *
size_text(uint64_t bytes, char out[32])
{
	static const char *const unit[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double v = (double)bytes;
	int u = 0;

	for (; v >= 1024 && u < 5; u++)
		v /= 1024;
	snprintf(out, 32, u == 0 ? "%.0f %s" : "%.1f %s", v, unit[u]);
	return out;
}

/* A group for each pair of hosts and port lives for the whole window: as many as there are connections in it. */
static void
unbounded(void *arg, const struct tsn_ir *f)
{
	struct look *k = arg;
	const struct tsn_ir_agg *a = f->agg;
	const struct tsn_family_def *def = family_of(k->l, a);
	char window[TSN_TIME_TEXT], each[32], all[32];
	struct tsn_family_memory share;

	if (def == NULL || def->sized || a->window_ms < LONG_WINDOW || ports_in(&a->key) == 0 || !whole_address(&a->key, TSN_F_SRC) ||
	    !whole_address(&a->key, TSN_F_DST))
		return;
	tsn_budget_of_family(def, &share);
	tsn_diag_hint(lint_say(k->l, TSN_LINT_UNBOUNDED, lint_place_or_clause(k->l, k->r, BESIDE, f),
	    "a group for every connection is kept for %s: %s each, up to %s", tsn_duration_text(a->window_ms, window),
	    size_text(share.group + share.beside, each), size_text(share.in_all, all)),
	    "say how many inside the brackets (max_keys 100k), or leave the ports out of the key");
}

static void
heavy(void *arg, const struct tsn_ir *f)
{
	struct look *k = arg;
	const struct tsn_ir_agg *a = f->agg;
	const struct tsn_family_def *def = family_of(k->l, a);
	char each[32], all[32];
	struct tsn_family_memory share;

	if ((a->fn != TSN_AGG_JITTER && a->fn != TSN_AGG_ENTROPY && a->fn != TSN_AGG_DISTINCT) || def == NULL || def->sized ||
	    ports_in(&a->key) < 2 || !whole_address(&a->key, TSN_F_SRC) || !whole_address(&a->key, TSN_F_DST))
		return;
	tsn_budget_of_family(def, &share);
	tsn_diag_hint(lint_say(k->l, TSN_LINT_COST, lint_place_or_clause(k->l, k->r, BESIDE, f),
	    "%s of every connection: %s for each group, up to %s", tsn_agg_infos[a->fn].name,
	    size_text(share.group + share.beside, each), size_text(share.in_all, all)), "a source port in the key is rarely meant");
}

/* --- what is tried on every flow --- */

struct shape {
	const struct tsn_ir *regex;
	bool narrows;               /* something cheap comes before it */
};

/* Parts joined by `and`: does one leave out most flows? */
static void
shape(const struct tsn_ir *x, struct shape *s)
{
	switch (x->kind) {
	case TSN_IR_AND:
		for (uint32_t i = 0; i < x->nkids; i++)
			shape(x->kid[i], s);
		break;
	case TSN_IR_MATCH:
		s->regex = s->regex == NULL ? x : s->regex;
		break;
	case TSN_IR_NOT:
	case TSN_IR_HAS:
	case TSN_IR_GIVES:
	case TSN_IR_TRUE:
		break;
	case TSN_IR_COMPARE:
		s->narrows |= x->rel != TSN_REL_NE;
		break;
	default:
		s->narrows = true;
	}
}

void
lint_cost(struct lint *l, const struct lint_rule *r)
{
	struct look k = { l, r };
	struct shape s = { 0 };

	lint_functions(r->ir->when, unbounded, &k);
	lint_functions(r->ir->when, heavy, &k);
	shape(r->ir->when, &s);
	if (s.regex != NULL && !s.narrows)
		tsn_diag_hint(lint_say(l, TSN_LINT_REGEX_FIRST, lint_place_or_clause(l, r, BESIDE, s.regex),
		    "every flow with this field is tried on the regular expression"), "name the port or protocol first");
	if (r->ir->meta.each && !r->ir->meta.stateful && !s.narrows && s.regex == NULL && r->ir->during == NULL)
		tsn_diag_hint(lint_say(l, TSN_LINT_NO_FILTER, lint_place_or_clause(l, r, BESIDE, r->ir->when),
		    "alert each is an alert for nearly every flow here"), "add a condition, or alert once per 1m");
}
