/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "cli/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vm/ops.h"

static const char *const stages[TSN_STAGES] = {
	[TSN_STAGE_READ] = "reading and decoding",
	[TSN_STAGE_NORMALISE] = "normal form, exporters",
	[TSN_STAGE_PAIR] = "conversations",
	[TSN_STAGE_MACHINE] = "derived fields, the machine",
	[TSN_STAGE_TICKS] = "ticks: windows that close",
	[TSN_STAGE_ALERTS] = "alerts: keeping, ending",
	[TSN_STAGE_OUTPUT] = "alerts: writing",
	[TSN_STAGE_MEASURE] = "measuring",
	[TSN_STAGE_AWAY] = "waiting",
};

const char *
tsn_profile_stage_name(enum tsn_stage stage)
{
	return stages[stage];
}

/* What is no rule's in the program is the machine's, too. */
double
tsn_profile_stage(const struct tsn_profile_view *v, enum tsn_stage stage)
{
	return ((double)v->spent->stage[stage] + (stage == TSN_STAGE_MACHINE ? v->profile.rest : 0)) * v->ns;
}

double
tsn_profile_rule(const struct tsn_profile_view *v, uint32_t rule)
{
	const struct tsn_rule_cost *r = &v->profile.rules[rule];

	return (r->tests + r->windows + r->alerts) * v->ns;
}

const char *
tsn_profile_expression(const struct tsn_profile_view *v, const struct tsn_insn_cost *i)
{
	const char *note = v->program->code[i->door].note[i->at];

	return note != NULL ? note : tsn_ops[v->program->code[i->door].insn[i->at].op].name;
}

void
tsn_profile_window(const struct tsn_profile_view *v, uint32_t family, struct tsn_buf *out)
{
	const struct tsn_family_def *f = &v->program->families[family];

	for (uint32_t i = 0; i < f->naggs; i++)
		tsn_buf_printf(out, "%s%s", i > 0 ? ", " : "", f->agg[i].canon);
	tsn_buf_printf(out, " %s", f->canon);
}

/* --- lists --- */

static int
dearest_first(const void *a, const void *b)
{
	const struct tsn_profile_line *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns > y->ns ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static bool
room(struct tsn_profile_lines *l, size_t n)
{
	l->v = tsn_calloc(n + 1, sizeof(*l->v));
	return l->v != NULL;
}

static void
sort(struct tsn_profile_lines *l)
{
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), dearest_first);
}

static bool
make_lists(struct tsn_profile_view *v)
{
	const struct tsn_profile *p = &v->profile;

	if (!room(&v->rules, v->program->nrules) || !room(&v->windows, v->program->nfamilies) ||
	    !room(&v->expressions, p->ninsns))
		return false;
	for (uint32_t i = 0; i < v->program->nrules; i++)
		v->rules.v[v->rules.n++] = (struct tsn_profile_line){ i, tsn_profile_rule(v, i) };
	for (uint32_t i = 0; i < v->program->nfamilies; i++)
		v->windows.v[v->windows.n++] = (struct tsn_profile_line){ i, (double)p->families[i].time * v->ns };
	for (uint32_t i = 0; i < p->ninsns; i++) {
		const struct tsn_insn_cost *x = &p->insns[i];
		uint16_t op = v->program->code[x->door].insn[x->at].op;

		if ((x->rules > 1 && op != TSN_OP_CODE_SKIP_NONE && op != TSN_OP_CODE_ROWS && op != TSN_OP_CODE_EMPTY) ||
		    op == TSN_OP_CODE_STR_MATCH)
			v->expressions.v[v->expressions.n++] = (struct tsn_profile_line){ i, (double)x->time * v->ns };
	}
	sort(&v->rules);
	sort(&v->windows);
	sort(&v->expressions);
	return true;
}

bool
tsn_profile_view_init(struct tsn_profile_view *v, struct tsn_engine *e, const struct tsn_spent *spent)
{
	struct tsn_engine_stats s;
	double all = 0;

	*v = (struct tsn_profile_view){ .engine = e, .program = tsn_engine_ruleset(e)->program, .spent = spent };
	tsn_engine_stats(e, &s);
	v->flows = s.flows;
	v->ns = 1 / (s.flows > 0 ? (double)s.flows : 1);
	if (!tsn_engine_profile(e, &v->profile) || !make_lists(v))
		return false;
	for (size_t i = 0; i < v->rules.n; i++)
		v->rules_ns += v->rules.v[i].ns;
	for (int i = 0; i < TSN_STAGES; i++)
		all += tsn_profile_stage(v, (enum tsn_stage)i);
	all += v->rules_ns;
	v->whole = all - tsn_profile_stage(v, TSN_STAGE_MEASURE) - tsn_profile_stage(v, TSN_STAGE_AWAY);
	v->seconds = all * (s.flows > 0 ? (double)s.flows : 1) / 1e9;
	return tsn_profile_advise(v);
}

void
tsn_profile_view_fini(struct tsn_profile_view *v)
{
	for (size_t i = 0; i < v->nadvice; i++)
		tsn_buf_fini(&v->advice[i]);
	tsn_free(v->advice);
	tsn_free(v->rules.v);
	tsn_free(v->windows.v);
	tsn_free(v->expressions.v);
	tsn_profile_fini(&v->profile);
}
