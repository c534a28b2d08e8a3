/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "core/learning.h"

#include "base/clock.h"

static bool
learns(const struct tsn_agg_def *a)
{
	return a->fn == TSN_AGG_BASELINE || a->fn == TSN_AGG_SINCE;
}

static bool
is_behind(const struct tsn_learning *a, const struct tsn_learning *b)
{
	/* shares of groups, without a division by none */
	return a->ready * (b->groups + 1) < b->ready * (a->groups + 1);
}

bool
tsn_rule_learning(const struct tsn_engine *e, uint32_t rule, struct tsn_learning *out)
{
	const struct tsn_program *p = tsn_engine_ruleset(e)->program;
	const struct tsn_rule *r = &p->rules[rule];
	struct tsn_learning l;
	bool any = false;

	for (uint32_t i = 0; i < r->families_n; i++)
		for (uint32_t k = 0; k < p->families[r->families[i]].naggs; k++) {
			if (!learns(&p->families[r->families[i]].agg[k]))
				continue;
			tsn_engine_learning(e, r->families[i], k, &l);
			if (!any || is_behind(&l, out))
				*out = l;
			any = true;
		}
	return any;
}

bool
tsn_rule_learning_text(const struct tsn_engine *e, uint32_t rule, struct tsn_buf *out)
{
	const struct tsn_rule *r = &tsn_engine_ruleset(e)->program->rules[rule];
	struct tsn_learning l;
	char time[TSN_TIME_TEXT];

	if (r->disabled || !tsn_rule_learning(e, rule, &l) || l.ready > 0)
		return false;
	tsn_buf_printf(out, "rule %s is learning: ", r->name);
	if (l.groups == 0)
		tsn_buf_puts(out, "it has seen no flow that counts");
	else if (l.groups == 1)
		tsn_buf_puts(out, "there is not enough history");
	else
		tsn_buf_printf(out, "none of %llu groups has enough history", (unsigned long long)l.groups);
	if (l.until != TSN_TIME_NONE)
		tsn_buf_printf(out, "; from %s on alerts are possible", tsn_time_text(l.until, time));
	return true;
}
