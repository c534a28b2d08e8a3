/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "author/changes.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* One alert of either side, with the rule both sides have. */
struct side {
	const struct tsn_backtest_alert *a;
	uint32_t rule;
	bool paired;
};

struct sides {
	struct side *v;
	size_t n;
};

struct finding {
	struct tsn_changes *out;
	size_t cap;
};

/* --- rules --- */

static bool
merge_rules(struct tsn_changes *c, const struct tsn_backtest *x, const struct tsn_backtest *y, uint32_t *place_x, uint32_t *place_y)
{
	uint32_t i = 0, k = 0;

	c->rule = tsn_calloc((size_t)x->nrules + y->nrules + 1, sizeof(*c->rule));
	if (c->rule == NULL)
		return false;
	while (i < x->nrules || k < y->nrules) {
		int order = i == x->nrules ? 1 : k == y->nrules ? -1 : strcmp(x->rule[i].name, y->rule[k].name);
		struct tsn_change_rule *r = &c->rule[c->nrules];

		r->compared_until = TSN_TIME_NONE;
		if (order <= 0) {
			r->before = &x->rule[i];
			place_x[i++] = c->nrules;
		}
		if (order >= 0) {
			r->after = &y->rule[k];
			place_y[k++] = c->nrules;
		}
		r->changed = order == 0 && strcmp(r->before->canon, r->after->canon) != 0;
		c->nrules++;
	}
	return true;
}

/* A rule that has more alerts than are listed is compared up to where its list ends. */
static void
cut(struct tsn_changes *c, const struct tsn_backtest *b, const uint32_t *place)
{
	for (uint32_t i = 0; i < b->nrules; i++) {
		int64_t until = b->rule[i].listed_until, *at = &c->rule[place[i]].compared_until;

		if (until != TSN_TIME_NONE && (*at == TSN_TIME_NONE || until < *at))
			*at = until;
	}
}

/* --- alerts --- */

static int
by_rule_key_time(const void *pa, const void *pb)
{
	const struct side *a = pa, *b = pb;
	int c;

	if (a->rule != b->rule)
		return a->rule < b->rule ? -1 : 1;
	c = strcmp(a->a->key, b->a->key);
	if (c != 0)
		return c;
	if (a->a->time != b->a->time)
		return a->a->time < b->a->time ? -1 : 1;
	return (a->a > b->a) - (a->a < b->a); /* as they stand in the back-test */
}

static bool
take(struct sides *s, const struct tsn_changes *c, const struct tsn_backtest *b, const uint32_t *place)
{
	s->v = tsn_calloc(b->nalerts + 1, sizeof(*s->v));
	if (s->v == NULL)
		return false;
	for (size_t i = 0; i < b->nalerts; i++) {
		const struct tsn_change_rule *r = &c->rule[place[b->alert[i].rule]];

		if (r->compared_until == TSN_TIME_NONE || b->alert[i].time < r->compared_until)
			s->v[s->n++] = (struct side){ &b->alert[i], place[b->alert[i].rule], false };
	}
	if (s->n > 1)
		qsort(s->v, s->n, sizeof(*s->v), by_rule_key_time);
	return true;
}

static unsigned
differences(const struct tsn_backtest_alert *x, const struct tsn_backtest_alert *y)
{
	return (x->severity != y->severity ? TSN_CHANGE_SEVERITY : 0) |
	    (x->ended == y->ended && x->flows != y->flows ? TSN_CHANGE_FLOWS : 0) |
	    (strcmp(x->message, y->message) != 0 ? TSN_CHANGE_MESSAGE : 0) | (x->time != y->time ? TSN_CHANGE_TIME : 0);
}

static bool
add(struct finding *f, uint32_t rule, const struct tsn_backtest_alert *x, const struct tsn_backtest_alert *y)
{
	struct tsn_changes *c = f->out;
	struct tsn_change_rule *r = &c->rule[rule];
	unsigned what = x != NULL && y != NULL ? differences(x, y) : 0;
	enum tsn_change_kind kind = x == NULL ? TSN_CHANGE_GAINED : y == NULL ? TSN_CHANGE_LOST : TSN_CHANGE_CHANGED;
	struct tsn_change *v;

	if (x != NULL && y != NULL && what == 0) {
		r->same++;
		c->same++;
		return true;
	}
	v = tsn_grow(c->change, c->nchanges, &f->cap, sizeof(*v));
	if (v == NULL)
		return false;
	c->change = v;
	v[c->nchanges++] = (struct tsn_change){ kind, what, rule, x, y };
	*(kind == TSN_CHANGE_GAINED ? &r->gained : kind == TSN_CHANGE_LOST ? &r->lost : &r->changed_alerts) += 1;
	*(kind == TSN_CHANGE_GAINED ? &c->gained : kind == TSN_CHANGE_LOST ? &c->lost : &c->changed) += 1;
	return true;
}

/* Of one rule and key: -1, 0, 1. */
static int
compare_group(const struct side *x, const struct side *y)
{
	if (x->rule != y->rule)
		return x->rule < y->rule ? -1 : 1;
	return strcmp(x->a->key, y->a->key);
}

/* What opened at one time. */
static bool
pair_equal(struct finding *f, struct sides *x, struct sides *y)
{
	size_t i = 0, k = 0;

	while (i < x->n && k < y->n) {
		int order = compare_group(&x->v[i], &y->v[k]);

		if (order == 0)
			order = (x->v[i].a->time > y->v[k].a->time) - (x->v[i].a->time < y->v[k].a->time);
		if (order == 0) {
			x->v[i].paired = y->v[k].paired = true;
			if (!add(f, x->v[i].rule, x->v[i].a, y->v[k].a))
				return false;
		}
		i += order <= 0;
		k += order >= 0;
	}
	return true;
}

/* One whose end was not seen lasts as long as the input. */
static bool
is_over(const struct tsn_backtest_alert *a, int64_t time)
{
	return a->ended && a->last < time;
}

/* Of the others what was open at one time; and what is left. */
static bool
pair_rest(struct finding *f, struct sides *x, struct sides *y)
{
	size_t i = 0, k = 0;

	for (;;) {
		int order;

		while (i < x->n && x->v[i].paired)
			i++;
		while (k < y->n && y->v[k].paired)
			k++;
		if (i == x->n && k == y->n)
			return true;
		order = i == x->n ? 1 : k == y->n ? -1 : compare_group(&x->v[i], &y->v[k]);
		if (order == 0)
			order = is_over(x->v[i].a, y->v[k].a->time) ? -1 : is_over(y->v[k].a, x->v[i].a->time) ? 1 : 0;
		if (!add(f, order <= 0 ? x->v[i].rule : y->v[k].rule, order <= 0 ? x->v[i].a : NULL, order >= 0 ? y->v[k].a : NULL))
			return false;
		i += order <= 0;
		k += order >= 0;
	}
}

static const struct tsn_backtest_alert *
either(const struct tsn_change *c)
{
	return c->after != NULL ? c->after : c->before;
}

static int
in_order(const void *pa, const void *pb)
{
	const struct tsn_change *a = pa, *b = pb;
	int c;

	if (either(a)->time != either(b)->time)
		return either(a)->time < either(b)->time ? -1 : 1;
	if (a->rule != b->rule)
		return a->rule < b->rule ? -1 : 1;
	c = strcmp(either(a)->key, either(b)->key);
	if (c != 0)
		return c;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return (either(a) > either(b)) - (either(a) < either(b)); /* of one kind: of one array */
}

static bool
find(struct tsn_changes *c, const struct tsn_backtest *before, const struct tsn_backtest *after, const uint32_t *place_x,
    const uint32_t *place_y)
{
	struct finding f = { .out = c };
	struct sides x = { 0 }, y = { 0 };
	bool ok = take(&x, c, before, place_x) && take(&y, c, after, place_y) && pair_equal(&f, &x, &y) && pair_rest(&f, &x, &y);

	tsn_free(x.v);
	tsn_free(y.v);
	if (ok && c->nchanges > 1)
		qsort(c->change, c->nchanges, sizeof(*c->change), in_order);
	return ok;
}

bool
tsn_changes_find(struct tsn_changes *c, const struct tsn_backtest *before, const struct tsn_backtest *after)
{
	uint32_t *place = tsn_calloc((size_t)before->nrules + after->nrules + 1, sizeof(*place));
	bool ok;

	*c = (struct tsn_changes){ 0 };
	ok = place != NULL && merge_rules(c, before, after, place, place + before->nrules);
	if (ok) {
		cut(c, before, place);
		cut(c, after, place + before->nrules);
		ok = find(c, before, after, place, place + before->nrules);
	}
	tsn_free(place);
	return ok;
}

void
tsn_changes_fini(struct tsn_changes *c)
{
	tsn_free(c->rule);
	tsn_free(c->change);
	*c = (struct tsn_changes){ 0 };
}
