/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include <string.h>

#include "cli/profile.h"

typedef unsigned long long ull;

static double
percent(const struct tsn_profile_view *v, double ns)
{
	return v->whole > 0 ? 100 * ns / v->whole : 0;
}

/* --- text --- */

static void
stages(const struct tsn_profile_view *v, struct tsn_buf *out)
{
	tsn_buf_puts(out, "\n ns/flow    share  stage\n");
	for (int i = 0; i < TSN_STAGE_MEASURE; i++) {
		double ns = tsn_profile_stage(v, (enum tsn_stage)i);

		tsn_buf_printf(out, "%8.2f  %5.1f %%  %s\n", ns, percent(v, ns), tsn_profile_stage_name((enum tsn_stage)i));
	}
	tsn_buf_printf(out, "%8.2f  %5.1f %%  rules\n", v->rules_ns, percent(v, v->rules_ns));
	tsn_buf_printf(out, "%8.2f  %5.1f %%  the whole\n", v->whole, percent(v, v->whole));
}

static void
rest_of(const struct tsn_profile_lines *l, size_t limit, const struct tsn_profile_view *v, struct tsn_buf *out)
{
	double ns = 0;

	for (size_t i = limit; i < l->n; i++)
		ns += l->v[i].ns;
	if (l->n > limit)
		tsn_buf_printf(out, "%8.2f  %5.1f %%  %zu more\n", ns, percent(v, ns), l->n - limit);
}

static void
rules(const struct tsn_profile_view *v, size_t limit, struct tsn_buf *out)
{
	tsn_buf_puts(out, "\n ns/flow    share     tests  windows   alerts       matches  rule\n");
	for (size_t i = 0; i < v->rules.n && i < limit; i++) {
		const struct tsn_profile_line *l = &v->rules.v[i];
		const struct tsn_rule_cost *r = &v->profile.rules[l->at];

		tsn_buf_printf(out, "%8.2f  %5.1f %%  %8.2f %8.2f %8.2f  %12llu  %s\n", l->ns, percent(v, l->ns), r->tests * v->ns,
		    r->windows * v->ns, r->alerts * v->ns, (ull)r->rows, v->program->rules[l->at].name);
	}
	rest_of(&v->rules, limit, v, out);
}

static void
windows(const struct tsn_profile_view *v, size_t limit, struct tsn_buf *out)
{
	if (v->windows.n == 0)
		return;
	tsn_buf_puts(out, "\n ns/flow    share  rules       counted     groups        bytes  pushed out  window\n");
	for (size_t i = 0; i < v->windows.n && i < limit; i++) {
		const struct tsn_profile_line *l = &v->windows.v[i];
		const struct tsn_family_cost *f = &v->profile.families[l->at];
		struct tsn_family_stats s;

		tsn_state_stats(tsn_engine_state(v->engine), l->at, &s);
		tsn_buf_printf(out, "%8.2f  %5.1f %%  %5u  %12llu  %9llu  %11llu  %10llu  ", l->ns, percent(v, l->ns), f->rules,
		    (ull)f->rows, (ull)s.groups, (ull)s.bytes, (ull)s.evicted);
		tsn_profile_window(v, l->at, out);
		tsn_buf_putc(out, '\n');
	}
	rest_of(&v->windows, limit, v, out);
}

static void
expressions(const struct tsn_profile_view *v, size_t limit, struct tsn_buf *out)
{
	if (v->expressions.n == 0)
		return;
	tsn_buf_puts(out, "\n ns/flow    share  rules  shared by rules, and patterns\n");
	for (size_t i = 0; i < v->expressions.n && i < limit; i++) {
		const struct tsn_profile_line *l = &v->expressions.v[i];
		const struct tsn_insn_cost *x = &v->profile.insns[l->at];

		tsn_buf_printf(out, "%8.2f  %5.1f %%  %5u  %s\n", l->ns, percent(v, l->ns), x->rules, tsn_profile_expression(v, x));
	}
	rest_of(&v->expressions, limit, v, out);
}

void
tsn_profile_text(const struct tsn_profile_view *v, size_t limit, struct tsn_buf *out)
{
	tsn_buf_printf(out, "%llu flows, %.2f ns a flow; left out: measuring %.2f ns, waiting for input or a CPU %.2f ns\n", (ull)v->flows,
	    v->whole, tsn_profile_stage(v, TSN_STAGE_MEASURE), tsn_profile_stage(v, TSN_STAGE_AWAY));
	stages(v, out);
	rules(v, limit, out);
	windows(v, limit, out);
	expressions(v, limit, out);
	for (size_t i = 0; i < v->nadvice; i++)
		tsn_buf_printf(out, "%s* %s\n", i == 0 ? "\n" : "", tsn_buf_str(&v->advice[i]));
}

/* --- JSON --- */

static void
text_member(struct tsn_buf *out, const char *name, const char *text, size_t len)
{
	tsn_buf_printf(out, "\"%s\":\"", name);
	tsn_buf_json(out, text, len);
	tsn_buf_putc(out, '"');
}

/* {"NAME":"...","ns_per_flow":N,"share":N, without its end. */
static void
begin(const struct tsn_profile_view *v, struct tsn_buf *out, bool first, const char *name, const char *text, size_t len, double ns)
{
	tsn_buf_puts(out, first ? "{" : ",{");
	text_member(out, name, text, len);
	tsn_buf_printf(out, ",\"ns_per_flow\":%.4f,\"share\":%.6f", ns, percent(v, ns) / 100);
}

static void
json_stages(const struct tsn_profile_view *v, struct tsn_buf *out)
{
	for (int i = 0; i < TSN_STAGE_MEASURE; i++) {
		const char *name = tsn_profile_stage_name((enum tsn_stage)i);

		begin(v, out, i == 0, "stage", name, strlen(name), tsn_profile_stage(v, (enum tsn_stage)i));
		tsn_buf_putc(out, '}');
	}
	begin(v, out, false, "stage", "rules", 5, v->rules_ns);
	tsn_buf_putc(out, '}');
}

static void
json_rules(const struct tsn_profile_view *v, struct tsn_buf *out)
{
	for (size_t i = 0; i < v->rules.n; i++) {
		const struct tsn_profile_line *l = &v->rules.v[i];
		const struct tsn_rule_cost *r = &v->profile.rules[l->at];
		const char *name = v->program->rules[l->at].name;

		begin(v, out, i == 0, "rule", name, strlen(name), l->ns);
		tsn_buf_printf(out, ",\"tests\":%.4f,\"windows\":%.4f,\"alerts\":%.4f,\"matches\":%llu}", r->tests * v->ns,
		    r->windows * v->ns, r->alerts * v->ns, (ull)r->rows);
	}
}

static void
json_windows(const struct tsn_profile_view *v, struct tsn_buf *out)
{
	for (size_t i = 0; i < v->windows.n; i++) {
		const struct tsn_profile_line *l = &v->windows.v[i];
		const struct tsn_family_cost *f = &v->profile.families[l->at];
		struct tsn_buf name = TSN_BUF_INIT;
		struct tsn_family_stats s;

		tsn_state_stats(tsn_engine_state(v->engine), l->at, &s);
		tsn_profile_window(v, l->at, &name);
		begin(v, out, i == 0, "window", tsn_buf_str(&name), name.len, l->ns);
		tsn_buf_printf(out, ",\"rules\":%u,\"counted\":%llu,\"looked\":%llu,\"groups\":%llu,\"bytes\":%llu,\"evicted\":%llu}", f->rules,
		    (ull)f->rows, (ull)f->looked, (ull)s.groups, (ull)s.bytes, (ull)s.evicted);
		tsn_buf_fini(&name);
	}
}

static void
json_expressions(const struct tsn_profile_view *v, struct tsn_buf *out)
{
	for (size_t i = 0; i < v->expressions.n; i++) {
		const struct tsn_insn_cost *x = &v->profile.insns[v->expressions.v[i].at];
		const char *text = tsn_profile_expression(v, x);

		begin(v, out, i == 0, "expression", text, strlen(text), v->expressions.v[i].ns);
		tsn_buf_printf(out, ",\"rules\":%u}", x->rules);
	}
}

void
tsn_profile_json(const struct tsn_profile_view *v, struct tsn_buf *out)
{
	tsn_buf_printf(out, "{\"flows\":%llu,\"ns_per_flow\":%.4f,\"measuring_ns_per_flow\":%.4f,\"waiting_ns_per_flow\":%.4f,\"stages\":[", (ull)v->flows, v->whole,
	    tsn_profile_stage(v, TSN_STAGE_MEASURE), tsn_profile_stage(v, TSN_STAGE_AWAY));
	json_stages(v, out);
	tsn_buf_puts(out, "],\"rules\":[");
	json_rules(v, out);
	tsn_buf_puts(out, "],\"windows\":[");
	json_windows(v, out);
	tsn_buf_puts(out, "],\"expressions\":[");
	json_expressions(v, out);
	tsn_buf_puts(out, "],\"advice\":[");
	for (size_t i = 0; i < v->nadvice; i++) {
		tsn_buf_puts(out, i > 0 ? ",\"" : "\"");
		tsn_buf_json(out, tsn_buf_str(&v->advice[i]), v->advice[i].len);
		tsn_buf_putc(out, '"');
	}
	tsn_buf_puts(out, "]}\n");
}
