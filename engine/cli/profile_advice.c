/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What could be done about what takes long. Only what is worth it is said: a tenth of the whole, groups that were lost, or made in vain. */
#include <string.h>

#include "base/mem.h"
#include "cli/profile.h"
#include "vm/ops.h"

#define WORTH 0.1
#define LONELY_WORTH 0.02 /* of a window whose groups mostly see one flow: there something can be done */
#define LONELY_NAMED 3
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

/* Those of windows that have passed, too. */
static uint64_t
groups_made(const struct tsn_family_stats *s)
{
	return s->groups + s->evicted + s->recycled;
}

/* Do most of its groups see one flow? Then it is their making that costs. */
static bool
is_lonely(const struct tsn_profile_view *v, uint32_t family, const struct tsn_family_stats *s)
{
	return v->profile.families[family].rows < 2 * groups_made(s);
}

static bool
has_part(const struct tsn_key_spec *k, enum tsn_field f)
{
	bool has = false;

	for (uint8_t i = 0; i < k->n; i++)
		has = has || k->part[i].field == f;
	return has;
}

/* Where the key has one port and nothing is asked of the other: what that one would tell apart. */
static void
of_ports(const struct tsn_family_def *f, struct tsn_buf *out)
{
	static const struct {
		enum tsn_field has, ask;
		const char *text;
	} all[] = {
		{ TSN_F_DST_PORT, TSN_F_SRC_PORT, "; answers of servers make one for each port of a client: `src_port >= 1024` leaves them out" },
		{ TSN_F_SRC_PORT, TSN_F_DST_PORT, "; questions of clients make one for each of their ports: `dst_port >= 1024` leaves them out" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (has_part(&f->key, all[i].has) && !has_part(&f->key, all[i].ask) && strstr(f->canon, tsn_fields[all[i].ask].name) == NULL)
			tsn_buf_puts(out, all[i].text);
}

static void
of_size(const struct tsn_profile_view *v, uint32_t family, const struct tsn_family_stats *s, bool lonely, struct tsn_buf *out)
{
	const unsigned long long rows = v->profile.families[family].rows, groups = s->groups;

	if (s->evicted > 0)
		tsn_buf_printf(out, "%llu groups were pushed out while their window was live; give it more memory, a `where` that counts fewer flows, or a coarser key",
		    (unsigned long long)s->evicted);
	else if (!lonely)
		tsn_buf_printf(out, "%llu flows counted, %llu groups; a `where` that counts fewer flows, or a coarser key, makes it cheaper", rows, groups);
	else
		tsn_buf_printf(out, "%llu flows make %llu groups, most of one flow, and to make one costs more than to count in it; a `where` without flows that never add up to what is asked, or a coarser key, makes it cheaper",
		    rows, (unsigned long long)groups_made(s));
}

static bool
of_window(struct tsn_profile_view *v, const struct tsn_profile_line *l, uint32_t *told)
{
	const struct tsn_family_def *f = tsn_state_family(tsn_engine_state(v->engine), l->at);
	const double share = l->ns / v->whole;
	struct tsn_family_stats s;
	struct tsn_buf *out;
	bool lonely;

	tsn_state_stats(tsn_engine_state(v->engine), l->at, &s);
	lonely = share >= LONELY_WORTH && is_lonely(v, l->at, &s);
	if (share < WORTH && s.evicted == 0 && (!lonely || (*told)++ >= LONELY_NAMED))
		return true;
	out = sentence(v);
	if (out == NULL)
		return false;
	tsn_buf_puts(out, "window ");
	tsn_profile_window(v, l->at, out);
	tsn_buf_printf(out, " takes %.0f %%: ", 100 * share);
	of_size(v, l->at, &s, lonely, out);
	if (lonely)
		of_ports(f, out);
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
	uint32_t lonely = 0;
	bool good = true;

	if (v->flows == 0)
		return true;
	for (size_t i = 0; i < v->windows.n && good; i++)
		good = of_window(v, &v->windows.v[i], &lonely);
	for (size_t i = 0; i < v->expressions.n && good; i++)
		good = of_pattern(v, &v->expressions.v[i]);
	for (size_t i = 0; i < v->rules.n && good; i++)
		good = of_alerts(v, v->rules.v[i].at);
	return good && of_idle(v) && of_reading(v);
}
