/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The listing of `tocsin explain`. The same program gives the same text, so
 * that golden tests can hold it: nothing here depends on addresses or sizes.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "vm/ops.h"

#define NOTE_COLUMN 52
#define DISPATCHES_SAID 12 /* the code has them all */

static const char *const relation[] = {
	[TSN_REL_EQ] = "==", [TSN_REL_NE] = "!=", [TSN_REL_LT] = "<",
	[TSN_REL_LE] = "<=", [TSN_REL_GT] = ">", [TSN_REL_GE] = ">=",
};

static const char *const severity[] = {
	[TSN_SEV_INFO] = "info", [TSN_SEV_LOW] = "low", [TSN_SEV_MEDIUM] = "medium",
	[TSN_SEV_HIGH] = "high", [TSN_SEV_CRITICAL] = "critical",
};

/* --- small texts --- */

static void
put_duration(struct tsn_buf *out, int64_t ms)
{
	char text[TSN_TIME_TEXT];

	tsn_buf_puts(out, tsn_duration_text(ms, text));
}

/* An integer as the language writes one of the field's type. */
static void
put_int(struct tsn_buf *out, enum tsn_type type, int64_t i)
{
	struct tsn_value v = { .type = type == TSN_T_BOOL ? TSN_T_INT : type, .known = true, .i = i };

	tsn_value_text(&v, out);
}

static void
put_real(struct tsn_buf *out, double f)
{
	struct tsn_value v = { .type = TSN_T_REAL, .known = true, .f = f };

	tsn_value_text(&v, out);
}

static void
put_field(const struct tsn_program *p, struct tsn_buf *out, uint32_t field)
{
	char text[TSN_WANTED_TEXT];

	tsn_buf_puts(out, tsn_wanted_name(p->wanted, p->nwanted, field, text));
}

static void
put_masked(const struct tsn_program *p, struct tsn_buf *out, uint16_t field, unsigned v4_bits, unsigned v6_bits)
{
	put_field(p, out, field);
	if (tsn_fields[field].storage == TSN_ADDR && (v4_bits < 32 || v6_bits < 128))
		tsn_buf_printf(out, "/%u/%u", v4_bits, v6_bits);
}

void
tsn_program_key_text(const struct tsn_program *p, const struct tsn_key_spec *k, struct tsn_buf *out)
{
	for (unsigned i = 0; i < k->n; i++) {
		if (i > 0)
			tsn_buf_puts(out, ", ");
		put_masked(p, out, k->part[i].field, k->part[i].v4_bits, k->part[i].v6_bits);
	}
}

static void
put_reg(struct tsn_buf *out, char kind, uint32_t reg)
{
	if (reg == TSN_REG_NONE)
		tsn_buf_puts(out, "-");
	else
		tsn_buf_printf(out, "%c%u", kind, reg);
}

/* --- operands --- */

static void
put_operand(const struct tsn_program *p, struct tsn_buf *out, enum tsn_operand kind, uint32_t x)
{
	char text[TSN_ADDR_TEXT];

	switch (kind) {
	case TSN_OPD_NONE:
		return;
	case TSN_OPD_MASK:
		put_reg(out, 'm', x);
		return;
	case TSN_OPD_VALUE:
		put_reg(out, 'v', x);
		return;
	case TSN_OPD_FIELD:
		put_field(p, out, x);
		return;
	case TSN_OPD_INT:
		tsn_buf_printf(out, "%" PRId64, p->ints[x]);
		return;
	case TSN_OPD_REAL:
		put_real(out, p->reals[x]);
		return;
	case TSN_OPD_STRING:
		tsn_buf_putc(out, '"');
		tsn_buf_json(out, p->strings[x].p, p->strings[x].n);
		tsn_buf_putc(out, '"');
		return;
	case TSN_OPD_REGEX:
		tsn_buf_printf(out, "/%s/", p->regex_text[x]);
		return;
	case TSN_OPD_ADDRESS:
		put_masked(p, out, p->addresses[x].field, p->addresses[x].v4_bits, p->addresses[x].v6_bits);
		return;
	case TSN_OPD_PREFIX:
		tsn_buf_puts(out, tsn_prefix_text(p->prefixes[x], text));
		return;
	case TSN_OPD_TUPLE:
		tsn_buf_putc(out, '(');
		tsn_program_key_text(p, &p->tuples[x], out);
		tsn_buf_putc(out, ')');
		return;
	case TSN_OPD_SET:
		tsn_buf_puts(out, p->sets[x].name);
		return;
	case TSN_OPD_FAMILY:
		tsn_buf_printf(out, "f%u", x);
		return;
	case TSN_OPD_RULE:
		tsn_buf_printf(out, "r%u", x);
		return;
	case TSN_OPD_SCHEDULE:
		tsn_buf_puts(out, p->schedules[x]->text);
		return;
	case TSN_OPD_DISPATCH:
	case TSN_OPD_TEST:
	case TSN_OPD_REL:
		tsn_buf_puts(out, relation[x]);
		return;
	case TSN_OPD_COUNT:
		tsn_buf_printf(out, "%u", x);
		return;
	}
}

/* "25..25", "101.." where the column itself is the end. */
static void
put_range(const struct tsn_program *p, struct tsn_buf *out, const struct tsn_insn *in)
{
	enum tsn_type type = tsn_fields[in->a].type;

	put_field(p, out, in->a);
	tsn_buf_putc(out, ' ');
	if (p->ints[in->b] != INT64_MIN)
		put_int(out, type, p->ints[in->b]);
	tsn_buf_puts(out, "..");
	if (p->ints[in->c] != INT64_MAX)
		put_int(out, type, p->ints[in->c]);
}

static void
put_fold(const struct tsn_program *p, struct tsn_buf *out, const struct tsn_insn *in, enum tsn_door door)
{
	const struct tsn_family_use *use = &p->uses[door][in->a];

	tsn_buf_printf(out, "f%u count m%u look m%u", in->a, in->b, in->c);
	if (use->must != 0)
		tsn_buf_printf(out, " (m%u in any case)", use->must - 1);
	for (uint32_t i = 0; i < p->families[in->a].naggs; i++) {
		tsn_buf_printf(out, "; f%u.%u", in->a, i);
		if (use->arg[i] != TSN_REG_NONE)
			tsn_buf_printf(out, "(v%u)", use->arg[i]);
		tsn_buf_puts(out, " -> ");
		put_reg(out, 'v', use->result[i]);
	}
}

static void
put_steps(const struct tsn_program *p, struct tsn_buf *out, const struct tsn_insn *in, enum tsn_door door)
{
	const struct tsn_family_use *use = &p->uses[door][in->a];

	tsn_buf_printf(out, "f%u steps", in->a);
	for (uint32_t i = 0; i < p->families[in->a].nsteps; i++) {
		tsn_buf_putc(out, ' ');
		put_reg(out, 'm', use->step[i]);
	}
	tsn_buf_printf(out, " look m%u; f%u.0 -> ", in->b, in->a);
	put_reg(out, 'v', use->result[0]);
}

static void
put_looks(const struct tsn_program *p, struct tsn_buf *out, const struct tsn_dispatch *d)
{
	for (uint32_t i = 0; i < d->nlooks; i++) {
		if (i > 0)
			tsn_buf_puts(out, " or ");
		put_field(p, out, p->classes[d->look[i].classes].field);
	}
}

static void
put_dispatch(const struct tsn_program *p, struct tsn_buf *out, const struct tsn_insn *in, uint32_t at)
{
	const struct tsn_dispatch *d = &p->dispatches[in->b];

	tsn_buf_printf(out, "m%u by ", in->a);
	put_looks(p, out, d);
	tsn_buf_printf(out, ", %u %s to %u", d->nblocks, d->nblocks == 1 ? "block" : "blocks", at + 1 + d->block[d->nblocks]);
}

static void
put_operands(const struct tsn_program *p, struct tsn_buf *out, const struct tsn_insn *in, uint32_t at, enum tsn_door door)
{
	const struct tsn_op_info *info = &tsn_ops[in->op];
	const uint32_t x[3] = { in->a, in->b, in->c };

	switch ((enum tsn_opcode)in->op) {
	case TSN_OP_CODE_RANGE:
		put_range(p, out, in);
		return;
	case TSN_OP_CODE_BITS:
		put_field(p, out, in->a);
		tsn_buf_puts(out, " & ");
		put_int(out, tsn_fields[in->a].type, p->ints[in->b]);
		tsn_buf_puts(out, " == ");
		put_int(out, tsn_fields[in->a].type, p->ints[in->c]);
		return;
	case TSN_OP_CODE_DISPATCH:
		put_dispatch(p, out, in, at);
		return;
	case TSN_OP_CODE_TEST:
	case TSN_OP_CODE_TEST_NOT:
		tsn_buf_printf(out, "m%u %s ", in->a, tsn_ops[p->tests[in->b].op].name);
		put_operands(p, out, &p->tests[in->b], at, door);
		if (in->c > 0)
			tsn_buf_printf(out, ", none: to %u", at + 1 + in->c);
		return;
	case TSN_OP_CODE_REAL_TEST:
		put_field(p, out, in->a);
		tsn_buf_printf(out, " %s ", relation[in->c]);
		put_operand(p, out, (enum tsn_operand)info->operand[1], in->b);
		return;
	case TSN_OP_CODE_SKIP_NONE:
		tsn_buf_printf(out, "m%u to %u", in->a, at + 1 + in->b);
		return;
	case TSN_OP_CODE_SHARE:
		tsn_buf_printf(out, "v%u of ", in->a);
		put_duration(out, p->ints[in->b]);
		return;
	case TSN_OP_CODE_CLOSED:
		put_duration(out, p->ints[in->a]);
		return;
	case TSN_OP_CODE_CLOSING:
		tsn_buf_printf(out, "f%u.%u", in->a, in->b);
		return;
	case TSN_OP_CODE_TOO:
		tsn_buf_printf(out, "f%u.%u of m%u", in->a, in->b, in->c);
		return;
	case TSN_OP_CODE_STR_MATCH:
		put_field(p, out, in->a);
		tsn_buf_printf(out, " /%s/", p->regex_text[in->b]);
		return;
	case TSN_OP_CODE_COMPARE:
	case TSN_OP_CODE_COMPARE_INT:
	case TSN_OP_CODE_COMPARE_REAL:
		tsn_buf_printf(out, "v%u %s ", in->a, relation[in->c]);
		put_operand(p, out, (enum tsn_operand)info->operand[1], in->b);
		return;
	case TSN_OP_CODE_FOLD:
		put_fold(p, out, in, door);
		return;
	case TSN_OP_CODE_STEPS:
		put_steps(p, out, in, door);
		return;
	default:
		break;
	}
	for (int i = 0; i < 3; i++) {
		if (info->operand[i] == TSN_OPD_NONE)
			continue;
		if (i > 0)
			tsn_buf_putc(out, ' ');
		put_operand(p, out, (enum tsn_operand)info->operand[i], x[i]);
	}
}

/* --- lines --- */

static void
put_insn(const struct tsn_program *p, struct tsn_buf *out, const struct tsn_code *c, uint32_t at, enum tsn_door door)
{
	const struct tsn_insn *in = &c->insn[at];
	const struct tsn_op_info *info = &tsn_ops[in->op];
	size_t start = out->len;

	tsn_buf_printf(out, "%6u  ", at);
	if (info->result != TSN_OPD_NONE)
		put_reg(out, info->result == TSN_OPD_MASK ? 'm' : 'v', in->dst);
	if (in->op == TSN_OP_CODE_STR_MATCH)
		tsn_buf_printf(out, ", m%u", in->c);
	tsn_buf_printf(out, "%s%s", info->result != TSN_OPD_NONE ? " = " : "", info->name);
	if (info->operand[0] != TSN_OPD_NONE)
		tsn_buf_putc(out, ' ');
	put_operands(p, out, in, at, door);
	if (in->within != 0)
		tsn_buf_printf(out, " within m%u", in->within - 1);
	if (c->note != NULL && c->note[at] != NULL) {
		while (out->len - start < NOTE_COLUMN && !out->failed)
			tsn_buf_putc(out, ' ');
		tsn_buf_printf(out, "  # %s", c->note[at]);
	}
	tsn_buf_putc(out, '\n');
}

/* Blocks that begin here. */
static void
put_blocks(const struct tsn_program *p, struct tsn_buf *out, const struct tsn_code *c, uint32_t *open, uint32_t *nopen,
    uint32_t at)
{
	for (uint32_t i = *nopen; i-- > 0;) {
		const struct tsn_dispatch *d = &p->dispatches[c->insn[open[2 * i]].b];

		if (open[2 * i + 1] < d->nblocks && open[2 * i] + 1 + d->block[open[2 * i + 1]] == at)
			tsn_buf_printf(out, "%*s%s:\n", (int)(8 + 2 * i), "", d->name[open[2 * i + 1]++]);
		else if (open[2 * i] + 1 + d->block[d->nblocks] <= at)
			(*nopen)--;
	}
	if (c->insn[at].op == TSN_OP_CODE_DISPATCH && *nopen < TSN_DISPATCH_DEPTH) {
		open[2 * *nopen] = at;
		open[2 * (*nopen)++ + 1] = 0;
	}
}

static void
put_code(const struct tsn_program *p, struct tsn_buf *out, enum tsn_door door, const char *title)
{
	const struct tsn_code *c = &p->code[door];
	uint32_t open[2 * TSN_DISPATCH_DEPTH], nopen = 0; /* dispatches we are in, and their next block */

	if (c->n == 0)
		return;
	tsn_buf_printf(out, "\n%s\n", title);
	for (uint32_t i = 0; i < c->n; i++) {
		put_blocks(p, out, c, open, &nopen, i);
		put_insn(p, out, c, i, door);
	}
}

/* What an aggregate about another one is about, and how far it looks. */
static void
put_about(const struct tsn_program *p, struct tsn_buf *out, uint32_t f, const struct tsn_agg_def *a)
{
	if (a->fn == TSN_AGG_RANK || a->fn == TSN_AGG_BASELINE || a->fn == TSN_AGG_SPREAD)
		tsn_buf_printf(out, " of f%u.%u", f, a->of);
	for (unsigned k = 0; a->fn == TSN_AGG_RANK && k < p->families[f].key.n; k++) {
		const struct tsn_key_part *part = &p->families[f].key.part[k];

		if (!(a->within >> k & 1))
			continue;
		tsn_buf_puts(out, " within ");
		put_masked(p, out, part->field, part->v4_bits, part->v6_bits);
	}
	if (a->history_ms > 0) {
		tsn_buf_puts(out, ", history ");
		put_duration(out, a->history_ms);
	}
	if (a->season_ms > 0) {
		tsn_buf_puts(out, ", season ");
		put_duration(out, a->season_ms);
	}
	if (a->fn == TSN_AGG_ABSENT && a->expect != TSN_SET_NONE)
		tsn_buf_printf(out, ", expects %s", p->sets[a->expect].name);
	if (a->top > 0)
		tsn_buf_printf(out, ", up to %u are asked about", a->top);
}

static void
put_agg(const struct tsn_program *p, struct tsn_buf *out, uint32_t f, uint32_t i, const struct tsn_agg_def *a)
{
	tsn_buf_printf(out, "  f%u.%u  %s", f, i, tsn_agg_infos[a->fn].name);
	if (a->tuple.n > 0) {
		tsn_buf_putc(out, '(');
		tsn_program_key_text(p, &a->tuple, out);
		tsn_buf_putc(out, ')');
	}
	tsn_buf_puts(out, a->tumbling ? " per " : " over ");
	put_duration(out, a->window_ms);
	put_about(p, out, f, a);
	if (!a->tumbling) {
		tsn_buf_printf(out, ", %u panes of ", a->panes);
		put_duration(out, a->pane_ms);
	}
	if (a->by_received)
		tsn_buf_puts(out, ", by time of receipt");
	if (a->closes)
		tsn_buf_puts(out, a->fn == TSN_AGG_ABSENT ? ", its silences are evaluated" : ", its closings are evaluated");
	tsn_buf_printf(out, "  # %s\n", a->canon != NULL ? a->canon : "");
}

static void
put_family_steps(const struct tsn_program *p, struct tsn_buf *out, uint32_t f)
{
	const struct tsn_family_def *def = &p->families[f];

	for (uint32_t i = 0; i < def->nsteps; i++) {
		tsn_buf_printf(out, "      step %u by ", i + 1);
		tsn_program_key_text(p, &def->step[i].key, out);
		for (uint32_t k = 0; k < p->nlinks; k++)
			if (p->links[k].kind == TSN_LINK_STEP && p->links[k].family == f && p->links[k].step == i)
				tsn_buf_printf(out, ": matches of r%u, at the next tick", p->links[k].rule);
		tsn_buf_putc(out, '\n');
	}
	for (uint32_t k = 0; k < p->nlinks; k++)
		if (p->links[k].kind == TSN_LINK_FIRED && p->links[k].family == f)
			tsn_buf_printf(out, "      counts alerts of r%u, at the next tick\n", p->links[k].rule);
}

static void
put_families(const struct tsn_program *p, struct tsn_buf *out)
{
	if (p->nfamilies > 0)
		tsn_buf_puts(out, "\nfamilies of groups\n");
	for (uint32_t f = 0; f < p->nfamilies; f++) {
		const struct tsn_family_def *def = &p->families[f];

		tsn_buf_printf(out, "  f%u  ", f);
		if (def->key.n > 0) {
			tsn_buf_puts(out, "by ");
			tsn_program_key_text(p, &def->key, out);
		} else {
			tsn_buf_puts(out, "one group");
		}
		if (def->at.n > 0) {
			tsn_buf_puts(out, ", read by ");
			tsn_program_key_text(p, &def->at, out);
		}
		tsn_buf_printf(out, ", at most %" PRIu64 "  # %s\n", def->max_keys, def->canon != NULL ? def->canon : "");
		for (uint32_t i = 0; i < def->naggs; i++)
			put_agg(p, out, f, i, &def->agg[i]);
		put_family_steps(p, out, f);
	}
}

static void
put_export(const struct tsn_program *p, struct tsn_buf *out, uint32_t export, enum tsn_door door)
{
	const struct tsn_export *e = &p->exports[export];
	uint32_t x = e->at[door];

	if (e->kind == TSN_EXPORT_INT && x != TSN_REG_NONE)
		tsn_buf_printf(out, "%" PRId64, p->ints[x]);
	else if (e->kind == TSN_EXPORT_REAL && x != TSN_REG_NONE)
		put_real(out, p->reals[x]);
	else
		put_reg(out, e->kind == TSN_EXPORT_MASK ? 'm' : 'v', x);
}

static void
put_report(const struct tsn_program *p, struct tsn_buf *out, const struct tsn_report *r, enum tsn_door door)
{
	const struct tsn_export *e = &p->exports[r->holds];

	if (e->at[door] == TSN_REG_NONE)
		return;
	tsn_buf_puts(out, "      value ");
	put_export(p, out, r->value, door);
	tsn_buf_puts(out, ", threshold ");
	put_export(p, out, r->threshold, door);
	tsn_buf_puts(out, ", where ");
	put_export(p, out, r->holds, door);
	tsn_buf_puts(out, door == TSN_DOOR_TICK ? " (at ticks)\n" : "\n");
}

/* The blocks with most rules, up to three: what is hot. */
static void
put_largest(struct tsn_buf *out, const struct tsn_dispatch *d)
{
	uint32_t below = UINT32_MAX;
	int said = 0;

	for (uint32_t round = 0; round < 3; round++) {
		uint32_t most = 1;

		for (uint32_t i = 0; i < d->nblocks; i++)
			if (d->rules[i] > most && d->rules[i] < below)
				most = d->rules[i];
		for (uint32_t i = 0; i < d->nblocks && most > 1 && said < 3; i++)
			if (d->rules[i] == most)
				tsn_buf_printf(out, "%s%s (%u)", said++ == 0 ? "; most for " : ", ", d->name[i], most);
		below = most;
	}
}

/* Which rules are found by which field, so that those of other values cost nothing. */
static void
put_dispatches(const struct tsn_program *p, struct tsn_buf *out)
{
	if (p->ndispatches > 0)
		tsn_buf_puts(out, "\nrules found by a field's value\n");
	for (uint32_t i = 0; i < p->ndispatches && i < DISPATCHES_SAID; i++) {
		const struct tsn_dispatch *d = &p->dispatches[i];
		uint32_t rules = 0;

		for (uint32_t k = 0; k < d->nblocks; k++)
			rules += d->rules[k];
		tsn_buf_puts(out, "  ");
		put_looks(p, out, d);
		tsn_buf_printf(out, ": %u rules, %u %s", rules, d->nblocks, d->nblocks == 1 ? "value" : "different values");
		if (d->inside != NULL)
			tsn_buf_printf(out, ", of those for %s", d->inside);
		put_largest(out, d);
		tsn_buf_putc(out, '\n');
	}
	if (p->ndispatches > DISPATCHES_SAID)
		tsn_buf_printf(out, "  and %u more like these\n", p->ndispatches - DISPATCHES_SAID);
	if (p->ntests > 0)
		tsn_buf_printf(out, "  %u tests are shared by their rules\n", p->ntests);
}

/* What a rule says beside its condition: only what it does say. */
static void
put_clauses(const struct tsn_program *p, struct tsn_buf *out, const struct tsn_rule *r)
{
	if (r->for_ms > 0) {
		tsn_buf_puts(out, "      for ");
		put_duration(out, r->for_ms);
		tsn_buf_putc(out, '\n');
	}
	for (int door = 0; door < TSN_DOORS; door++) {
		for (uint32_t i = 0; i < r->nrungs; i++) {
			if (p->exports[r->rung[i].holds].at[door] == TSN_REG_NONE)
				continue;
			tsn_buf_printf(out, "      %s where ", severity[r->rung[i].severity]);
			put_export(p, out, r->rung[i].holds, (enum tsn_door)door);
			tsn_buf_puts(out, door == TSN_DOOR_TICK ? " (at ticks)\n" : "\n");
		}
	}
	for (uint32_t i = 0; i < r->nactions; i++) {
		const struct tsn_action *a = &r->action[i];

		tsn_buf_puts(out, a->remove ? "      then remove " : "      then add ");
		tsn_program_key_text(p, &a->value, out);
		tsn_buf_printf(out, "%s%s", a->remove ? " from " : " to ", p->sets[a->set].name);
		if (a->for_ms > 0) {
			tsn_buf_puts(out, " for ");
			put_duration(out, a->for_ms);
		}
		tsn_buf_putc(out, '\n');
	}
}

static void
put_rules(const struct tsn_program *p, struct tsn_buf *out)
{
	if (p->nrules > 0)
		tsn_buf_puts(out, "\nrules\n");
	for (uint32_t i = 0; i < p->nrules; i++) {
		const struct tsn_rule *r = &p->rules[i];

		tsn_buf_printf(out, "  r%u  %s  %s", i, r->name != NULL ? r->name : "-", severity[r->severity]);
		if (r->disabled) {
			tsn_buf_puts(out, ", disabled\n");
			continue;
		}
		tsn_buf_puts(out, r->key.n > 0 ? ", key " : ", no key");
		tsn_program_key_text(p, &r->key, out);
		if (r->each) {
			tsn_buf_puts(out, ", each match");
		} else {
			tsn_buf_puts(out, ", once per ");
			put_duration(out, r->once_ms);
			tsn_buf_puts(out, ", ends after ");
			put_duration(out, r->hold_ms);
		}
		if (r->at_close)
			tsn_buf_puts(out, ", also on closing");
		if (r->watched) {
			tsn_buf_puts(out, ", watched every ");
			put_duration(out, r->pane_ms);
		}
		tsn_buf_putc(out, '\n');
		for (int door = 0; door < TSN_DOORS; door++)
			for (uint32_t k = 0; k < r->nreports; k++)
				put_report(p, out, &r->report[k], (enum tsn_door)door);
		put_clauses(p, out, r);
	}
}

void
tsn_program_disassemble(const struct tsn_program *p, struct tsn_buf *out)
{
	const char *before = "\nfields made: ";

	tsn_buf_printf(out, "%u %s, %u %s, %u %s; registers: %u masks, %u values\n", p->nrules,
	    p->nrules == 1 ? "rule" : "rules", p->nfamilies, p->nfamilies == 1 ? "family" : "families", p->nsets,
	    p->nsets == 1 ? "set" : "sets", p->nmasks, p->nvalues);
	for (int f = 0; f < TSN_FIELD_COUNT; f++) {
		if (!tsn_field_set_has(&p->derived, (enum tsn_field)f))
			continue;
		tsn_buf_printf(out, "%s%s", before, tsn_fields[f].name);
		before = ", ";
	}
	if (before[0] == ',')
		tsn_buf_putc(out, '\n');
	put_families(p, out);
	put_dispatches(p, out);
	put_rules(p, out);
	put_code(p, out, TSN_DOOR_FLOW, "for each batch of flows");
	put_code(p, out, TSN_DOOR_TALK, "for each batch of conversations");
	put_code(p, out, TSN_DOOR_TICK, "for groups at ticks");
}
