/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What could be done about what takes long. Only what is worth it is said: a tenth of the whole, or groups that were lost. */
#include <string.h>

#include "base/mem.h"
#include "cli/profile.h"
#include "vm/ops.h"

#define WORTH 0.1
#define NAMED 8 /* rules in one sentence */
#define FEW   4 /* flows a group: most groups are small */

/* A new sentence, NULL when memory is out. */
static struct tsn_buf *
sentence(struct tsn_profile_view *v)
{
	struct tsn_buf *more = tsn_grow(v->advice, v->nadvice, &v->advice_cap, sizeof(*more));

	if (more == NULL)
		return NULL;
	v->advice = more;
	v->advice[v->nadvice] = (struct tsn_buf)TSN_BUF_INIT;
	return &v->advice[v->nadvice++];
}

/* Does it keep what its flows were, not only how many? The name of such a function, NULL if there is none. */
static const char *
keeps_flows(const struct tsn_family_def *f)
{
	for (uint32_t i = 0; i < f->naggs; i++)
		if (f->agg[i].fn == TSN_AGG_JITTER || f->agg[i].fn == TSN_AGG_ENTROPY || f->agg[i].fn == TSN_AGG_STDDEV)
			return tsn_agg_infos[f->agg[i].fn].name;
	return NULL;
}

/* What of a rule's form makes it dear. */
static void
of_form(const struct tsn_profile_view *v, uint32_t family, const struct tsn_family_stats *s, struct tsn_buf *out)
{
	const struct tsn_family_def *f = tsn_state_family(tsn_engine_state(v->engine), family);
	const struct tsn_family_cost *cost = &v->profile.families[family];
	const char *fn = keeps_flows(f);

	if (fn != NULL && cost->rows < FEW * (s->groups + s->evicted))
		tsn_buf_printf(out, "; most of its groups see a flow or two: %s(count() by the same > 4) keeps flows only where there are more", fn);
	if (cost->looked > cost->rows && !f->guarded)
		tsn_buf_printf(out, "; %llu flows that it does not count looked at it: beside `count(...) >= N`, or the same of distinct and sum, only those look that meet it",
		    (unsigned long long)cost->looked);
}

static bool
of_window(struct tsn_profile_view *v, const struct tsn_profile_line *l)
{
	double share = l->ns / v->whole;
	struct tsn_family_stats s;
	struct tsn_buf *out;

	tsn_state_stats(tsn_engine_state(v->engine), l->at, &s);
	if (share < WORTH && s.evicted == 0)
		return true;
	out = sentence(v);
	if (out == NULL)
		return false;
	tsn_buf_puts(out, "window ");
	tsn_profile_window(v, l->at, out);
	tsn_buf_printf(out, " takes %.0f %%: ", 100 * share);
	if (s.evicted > 0)
		tsn_buf_printf(out, "%llu groups were pushed out while their window was live; give it more memory, a `where` that counts fewer flows, or a coarser key",
		    (unsigned long long)s.evicted);
	else
		tsn_buf_printf(out, "%llu flows counted, %llu groups; a `where` that counts fewer flows, or a coarser key, makes it cheaper",
		    (unsigned long long)v->profile.families[l->at].rows, (unsigned long long)s.groups);
	of_form(v, l->at, &s, out);
	return true;
}

static bool
of_pattern(struct tsn_profile_view *v, const struct tsn_profile_line *l)
{
	const struct tsn_insn_cost *x = &v->profile.insns[l->at];
	struct tsn_buf *out;

	if (v->program->code[x->door].insn[x->at].op != TSN_OP_CODE_STR_MATCH || l->ns / v->whole < WORTH)
		return true;
	out = sentence(v);
	if (out == NULL)
		return false;
	tsn_buf_printf(out, "pattern %s takes %.0f %%: it looked at %llu strings, %.0f a second of this run; an other test beside it, or a set in place of it, spares it most of them",
	    tsn_profile_expression(v, x), 100 * l->ns / v->whole, (unsigned long long)x->rows, (double)x->rows / v->seconds);
	return true;
}

static bool
of_alerts(struct tsn_profile_view *v, uint32_t rule)
{
	double ns = v->profile.rules[rule].alerts * v->ns;
	struct tsn_buf *out;

	if (ns / v->whole < WORTH)
		return true;
	out = sentence(v);
	if (out == NULL)
		return false;
	tsn_buf_printf(out, "rule %s: what its %llu matches set off takes %.0f %%; a rule that matches less often, or counts what it matches, is cheaper",
	    v->program->rules[rule].name, (unsigned long long)v->profile.rules[rule].rows, 100 * ns / v->whole);
	return true;
}

static bool
of_idle(struct tsn_profile_view *v)
{
	struct tsn_buf *out = NULL;
	uint32_t idle = 0;

	for (size_t i = 0; i < v->rules.n; i++) {
		const struct tsn_rule *r = &v->program->rules[v->rules.v[i].at];

		if (r->disabled || v->profile.rules[v->rules.v[i].at].rows > 0)
			continue;
		if (out == NULL && (out = sentence(v)) == NULL)
			return false;
		if (idle++ < NAMED)
			tsn_buf_printf(out, "%s%s", idle > 1 ? ", " : "never matched in these flows, dearest first: ", r->name);
	}
	if (idle > NAMED)
		tsn_buf_printf(out, " and %u more", idle - NAMED);
	return true;
}

static bool
of_reading(struct tsn_profile_view *v)
{
	double ns = tsn_profile_stage(v, TSN_STAGE_READ) + tsn_profile_stage(v, TSN_STAGE_NORMALISE);
	struct tsn_buf *out;

	if (ns / v->whole < 0.5)
		return true;
	out = sentence(v);
	if (out == NULL)
		return false;
	tsn_buf_printf(out, "%.0f %% goes into making flows of the input, whatever the rules are", 100 * ns / v->whole);
	return true;
}

bool
tsn_profile_advise(struct tsn_profile_view *v)
{
	bool good = true;

	if (v->flows == 0)
		return true;
	for (size_t i = 0; i < v->windows.n && good; i++)
		good = of_window(v, &v->windows.v[i]);
	for (size_t i = 0; i < v->expressions.n && good; i++)
		good = of_pattern(v, &v->expressions.v[i]);
	for (size_t i = 0; i < v->rules.n && good; i++)
		good = of_alerts(v, v->rules.v[i].at);
	return good && of_idle(v) && of_reading(v);
}
