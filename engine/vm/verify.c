/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * One walk over each code, in order. A SKIP_NONE needs no second path: it
 * clears what it goes past, so everything inside counts as written.
 */
#include "base/mem.h"
#include "vm/verify.h"

static bool
fail(struct tsn_verifier *v, const char *error)
{
	return tsn_verify_check(v, false, error);
}

static bool
check(struct tsn_verifier *v, bool good, const char *error)
{
	return tsn_verify_check(v, good, error);
}

static bool
key_is_sound(const struct tsn_key_spec *k)
{
	if (k->n > TSN_KEY_PARTS)
		return false;
	for (unsigned i = 0; i < k->n; i++)
		if (k->part[i].field >= TSN_FIELD_COUNT || k->part[i].v4_bits > 32 || k->part[i].v6_bits > 128)
			return false;
	return true;
}

/* --- operands, by kind --- */

static bool
mask_read(struct tsn_verifier *v, uint32_t reg)
{
	return check(v, reg < v->p->nmasks, "mask register out of range") &&
	    check(v, v->mask_written[reg], "mask register read before it is written");
}

static bool
value_read(struct tsn_verifier *v, uint32_t reg)
{
	return check(v, reg < v->p->nvalues, "value register out of range") &&
	    check(v, v->value_written[reg], "value register read before it is written");
}

static bool
mask_write(struct tsn_verifier *v, uint32_t reg)
{
	if (!check(v, reg < v->p->nmasks, "mask register out of range"))
		return false;
	v->mask_written[reg] = true;
	return true;
}

static bool
value_write(struct tsn_verifier *v, uint32_t reg, bool real)
{
	if (!check(v, reg < v->p->nvalues, "value register out of range") ||
	    !check(v, v->p->value_real[reg] == real, "value register of the other kind of number"))
		return false;
	v->value_written[reg] = true;
	return true;
}

static bool
field_in(struct tsn_verifier *v, uint32_t f, const struct tsn_field_set *derived)
{
	if (!check(v, f < TSN_FIELD_COUNT, "no such field"))
		return false;
	return check(v, tsn_fields[f].origin != TSN_O_DERIVED || tsn_field_set_has(derived, (enum tsn_field)f),
	    "derived field that is not derived");
}

static bool
field_known(struct tsn_verifier *v, uint32_t f)
{
	return field_in(v, f, &v->p->derived_first);
}

static bool
operand(struct tsn_verifier *v, enum tsn_operand kind, uint32_t x)
{
	const struct tsn_program *p = v->p;

	switch (kind) {
	case TSN_OPD_NONE:
	case TSN_OPD_COUNT:
		return true;
	case TSN_OPD_MASK:
		return mask_read(v, x);
	case TSN_OPD_VALUE:
		return value_read(v, x);
	case TSN_OPD_FIELD:
		return field_known(v, x);
	case TSN_OPD_INT:
		return check(v, x < p->nints, "integer out of its pool");
	case TSN_OPD_REAL:
		return check(v, x < p->nreals, "real out of its pool");
	case TSN_OPD_STRING:
		return check(v, x < p->nstrings, "string out of its pool");
	case TSN_OPD_REGEX:
		return check(v, x < p->nregexes && p->regexes[x] != NULL, "pattern out of its pool");
	case TSN_OPD_ADDRESS:
		return check(v, x < p->naddresses, "address out of its pool");
	case TSN_OPD_PREFIX:
		return check(v, x < p->nprefixes, "prefix out of its pool");
	case TSN_OPD_TUPLE:
		return check(v, x < p->ntuples, "tuple out of its pool");
	case TSN_OPD_SET:
		return check(v, x < p->nsets, "no such set");
	case TSN_OPD_FAMILY:
		return check(v, x < p->nfamilies, "no such family");
	case TSN_OPD_RULE:
		return check(v, x < p->nrules, "no such rule");
	case TSN_OPD_SCHEDULE:
		return check(v, x < p->nschedules && p->schedules[x] != NULL, "no such schedule");
	case TSN_OPD_DISPATCH:
		return check(v, x < p->ndispatches, "no such dispatch");
	case TSN_OPD_TEST:
		return check(v, x < p->ntests, "test out of its pool");
	case TSN_OPD_REL:
		return check(v, x <= TSN_REL_GE, "no such relation");
	}
	return fail(v, "operand of no kind");
}

/* --- what one opcode wants beyond the kinds --- */

static bool
column(struct tsn_verifier *v, bool good)
{
	return check(v, good, "field of the wrong storage");
}

static bool
is_str(uint32_t f)
{
	return tsn_fields[f].storage == TSN_STR;
}

static bool
skip_inside(struct tsn_verifier *v, uint32_t at, uint32_t count)
{
	const struct tsn_code *c = v->code;

	/* the last instruction is END and must be reached */
	if (!check(v, count < c->n && at + count < c->n - 1, "jump out of the code"))
		return false;
	for (uint32_t i = at + 1; i <= at + count; i++) {
		if (!check(v, c->insn[i].op < TSN_OPCODE_COUNT, "no such opcode"))
			return false;
		if (c->insn[i].op == TSN_OP_CODE_FOLD || c->insn[i].op == TSN_OP_CODE_STEPS || c->insn[i].op == TSN_OP_CODE_UNTIL ||
		    c->insn[i].op == TSN_OP_CODE_HIDDEN || c->insn[i].op == TSN_OP_CODE_OUTSIDE || c->insn[i].op == TSN_OP_CODE_MATCH)
			return fail(v, "jump over a fold or a match");
		if (c->insn[i].op == TSN_OP_CODE_DISPATCH || c->insn[i].op == TSN_OP_CODE_LEAVE)
			return fail(v, "jump over a block");
		if ((c->insn[i].op == TSN_OP_CODE_TEST || c->insn[i].op == TSN_OP_CODE_TEST_NOT) &&
		    !check(v, c->insn[i].c <= at + count - i, "jump out of the jump around it"))
			return false;
		if (c->insn[i].op == TSN_OP_CODE_SKIP_NONE &&
		    !check(v, c->insn[i].b <= at + count - i, "jump out of the jump around it"))
			return false;
	}
	return true;
}

static bool
fold_uses(struct tsn_verifier *v, uint32_t f)
{
	const struct tsn_family_def *def = &v->p->families[f];
	const struct tsn_family_use *use = &v->uses[f];

	if (!check(v, !v->folded[f], "family folded twice") || !check(v, def->nsteps == 0, "sequence that is folded"))
		return false;
	v->folded[f] = true;
	if (use->must != 0 && !mask_read(v, use->must - 1))
		return false;
	for (uint32_t i = 0; i < def->naggs; i++) {
		if (use->arg[i] == TSN_REG_NONE) {
			if (!check(v, v->door == TSN_DOOR_TICK || !tsn_agg_has_arg(def->agg[i].fn), "aggregate without its argument"))
				return false;
			continue;
		}
		if (!check(v, tsn_agg_has_arg(def->agg[i].fn), "argument of an aggregate that has none") ||
		    !value_read(v, use->arg[i]) ||
		    !check(v, v->p->value_real[use->arg[i]] == def->agg[i].real, "argument of the other kind of number"))
			return false;
	}
	for (uint32_t i = 0; i < def->naggs; i++) {
		for (uint32_t k = 0; k < def->naggs; k++)
			if (use->result[i] != TSN_REG_NONE &&
			    (use->result[i] == use->arg[k] || (k < i && use->result[i] == use->result[k])))
				return fail(v, "register of a result used twice in one fold");
		if (use->result[i] != TSN_REG_NONE &&
		    !value_write(v, use->result[i], tsn_agg_real(&def->agg[i])))
			return false;
	}
	return true;
}

/* A step without a mask is a rule's; at ticks there need be none at all. */
static bool
steps_uses(struct tsn_verifier *v, uint32_t f)
{
	const struct tsn_family_def *def = &v->p->families[f];
	const struct tsn_family_use *use = &v->uses[f];

	if (!check(v, !v->folded[f], "family folded twice") || !check(v, def->nsteps > 0, "steps of what is no sequence") ||
	    !check(v, use->step != NULL, "sequence without its steps"))
		return false;
	v->folded[f] = true;
	for (uint32_t i = 0; i < def->nsteps; i++) {
		if (use->step[i] == TSN_REG_NONE) {
			if (!check(v, v->door == TSN_DOOR_TICK || def->step[i].rule, "step without its mask"))
				return false;
		} else if (!check(v, !def->step[i].rule, "mask of a step that is a rule's") || !mask_read(v, use->step[i])) {
			return false;
		}
	}
	return use->result[0] == TSN_REG_NONE || value_write(v, use->result[0], false);
}

/* What on_match may read must have been written by then. */
static bool
export_written(struct tsn_verifier *v, uint32_t export, bool mask)
{
	const struct tsn_export *e;
	uint32_t x;

	if (!check(v, export < v->p->nexports, "no such export"))
		return false;
	e = &v->p->exports[export];
	x = e->at[v->door];
	if (!check(v, mask == (e->kind == TSN_EXPORT_MASK), "export of the wrong kind"))
		return false;
	if (x == TSN_REG_NONE)
		return true;
	switch (e->kind) {
	case TSN_EXPORT_MASK:
		return mask_read(v, x);
	case TSN_EXPORT_VALUE:
		return value_read(v, x);
	case TSN_EXPORT_INT:
		return operand(v, TSN_OPD_INT, x);
	case TSN_EXPORT_REAL:
		return operand(v, TSN_OPD_REAL, x);
	}
	return fail(v, "export of no kind");
}

static bool
match_reads(struct tsn_verifier *v, uint32_t rule)
{
	const struct tsn_rule *r = &v->p->rules[rule];

	for (uint32_t i = 0; i < r->nreports; i++)
		if (!export_written(v, r->report[i].holds, true) || !export_written(v, r->report[i].value, false) ||
		    !export_written(v, r->report[i].threshold, false) ||
		    !operand(v, TSN_OPD_FAMILY, r->report[i].family))
			return false;
	if (r->until != TSN_REG_NONE && !export_written(v, r->until, true))
		return false;
	for (uint32_t i = 0; i < r->nrungs; i++)
		if (!export_written(v, r->rung[i].holds, true))
			return false;
	for (uint32_t i = 0; i < r->nmessage; i++)
		if (r->message[i].kind == TSN_PIECE_REG && !export_written(v, r->message[i].reg, false))
			return false;
	return true;
}

/* Actions name dynamic sets by slot and values by field; who runs them looks no further. */
static bool
rules(struct tsn_verifier *v)
{
	for (uint32_t i = 0; i < v->p->nrules; i++)
		for (uint32_t k = 0; k < v->p->rules[i].nactions; k++)
			if (!check(v, v->p->rules[i].action[k].set < v->p->nsets && v->p->rules[i].action[k].value.n > 0 &&
			    key_is_sound(&v->p->rules[i].action[k].value), "bad action"))
				return false;
	return true;
}

static bool
is_real(const struct tsn_verifier *v, uint32_t reg)
{
	return v->p->value_real[reg];
}

/* Kinds of numbers, storages, stretches: run after the operands were checked. */
static bool
details(struct tsn_verifier *v, uint32_t at)
{
	const struct tsn_insn *in = &v->code->insn[at];
	const char *mixed = "integer and real mixed";

	switch ((enum tsn_opcode)in->op) {
	case TSN_OP_CODE_GIVES:
		return check(v, in->a < TSN_GIVES_COUNT, "no such thing for an exporter to give");
	case TSN_OP_CODE_RANGE:
	case TSN_OP_CODE_BITS:
	case TSN_OP_CODE_INT_SET:
		return column(v, tsn_field_is_int(in->a));
	case TSN_OP_CODE_STR_SAME:
	case TSN_OP_CODE_STR_SET:
	case TSN_OP_CODE_STR_MATCH:
		return column(v, is_str(in->a));
	case TSN_OP_CODE_STR_EQUAL:
		return column(v, is_str(in->a) && is_str(in->b));
	case TSN_OP_CODE_REAL_TEST:
		return column(v, tsn_fields[in->a].storage == TSN_F64);
	case TSN_OP_CODE_LOAD:
		return column(v, tsn_field_is_int(in->a) || tsn_fields[in->a].storage == TSN_F64);
	case TSN_OP_CODE_TO_REAL:
		return check(v, !is_real(v, in->a), mixed);
	case TSN_OP_CODE_ADD:
	case TSN_OP_CODE_SUB:
	case TSN_OP_CODE_MUL:
		return check(v, is_real(v, in->a) == is_real(v, in->b), mixed);
	case TSN_OP_CODE_TABLE:
		return check(v, v->p->tuples[in->a].n == 1 && in->c <= 1, "table of no key");
	case TSN_OP_CODE_CHOOSE:
		return check(v, is_real(v, in->b) == is_real(v, in->c), mixed);
	case TSN_OP_CODE_DIV:
		return check(v, is_real(v, in->a) && is_real(v, in->b), mixed);
	case TSN_OP_CODE_MOD:
	case TSN_OP_CODE_BAND:
	case TSN_OP_CODE_BOR:
		return check(v, !is_real(v, in->a) && !is_real(v, in->b), mixed);
	case TSN_OP_CODE_SHARE:
		return field_known(v, TSN_F_DURATION) && check(v, v->p->ints[in->b] > 0, "share of no window");
	case TSN_OP_CODE_CLOSING:
	case TSN_OP_CODE_TOO:
		return check(v, in->b < v->p->families[in->a].naggs, "no such aggregate");
	case TSN_OP_CODE_SKIP_NONE:
		return skip_inside(v, at, in->b);
	case TSN_OP_CODE_FOLD:
		return fold_uses(v, in->a);
	case TSN_OP_CODE_STEPS:
		return steps_uses(v, in->a);
	case TSN_OP_CODE_UNTIL:
		if (!check(v, v->ending == TSN_REG_NONE, "end of alerts without its match"))
			return false;
		v->ending = in->a;
		return true;
	case TSN_OP_CODE_MATCH:
		if (!check(v, v->ending == TSN_REG_NONE || v->ending == in->a, "end of alerts without its match"))
			return false;
		v->ending = TSN_REG_NONE;
		return match_reads(v, in->a);
	case TSN_OP_CODE_END:
		if (!check(v, v->ending == TSN_REG_NONE, "end of alerts without its match"))
			return false;
		return check(v, at == v->code->n - 1, "end before the end");
	default:
		return true;
	}
}

/* Is the value an instruction makes a real? */
static bool
makes_real(const struct tsn_verifier *v, const struct tsn_insn *in)
{
	switch ((enum tsn_opcode)in->op) {
	case TSN_OP_CODE_LOAD:
		return tsn_fields[in->a].storage == TSN_F64;
	case TSN_OP_CODE_REAL:
	case TSN_OP_CODE_TO_REAL:
		return true;
	case TSN_OP_CODE_INT:
	case TSN_OP_CODE_CLOCK:
		return false;
	case TSN_OP_CODE_TABLE:
		return in->c == 1;
	case TSN_OP_CODE_ONLY:
	case TSN_OP_CODE_CHOOSE:
		return is_real(v, in->b);
	default:
		return is_real(v, in->a);
	}
}

/* What a REAL_TEST looks at it makes itself. */
static bool
first_operand(struct tsn_verifier *v, const struct tsn_insn *in)
{
	if (in->op == TSN_OP_CODE_REAL_TEST)
		return field_in(v, in->a, &v->p->derived);
	return operand(v, (enum tsn_operand)tsn_ops[in->op].operand[0], in->a);
}

/* Tests are instructions that read no register; each has one of its own to write. */
static bool
tests(struct tsn_verifier *v)
{
	const struct tsn_code code_of_tests = { v->p->tests, NULL, v->p->ntests };
	bool good = true;

	v->code = &code_of_tests;
	for (uint32_t i = 0; i < v->p->ntests && good; i++) {
		const struct tsn_insn *t = &v->p->tests[i];
		const struct tsn_op_info *info = &tsn_ops[t->op];

		good = check(v, t->op < TSN_OPCODE_COUNT && tsn_op_of_columns(t->op) && t->dst == v->p->nmasks + i, "bad test") &&
		       first_operand(v, t) && operand(v, info->operand[1], t->b) && operand(v, info->operand[2], t->c) &&
		       details(v, i);
	}
	v->code = NULL;
	return good;
}

static bool
instruction(struct tsn_verifier *v, uint32_t at)
{
	const struct tsn_insn *in = &v->code->insn[at];
	const struct tsn_op_info *info;
	bool match = in->op == TSN_OP_CODE_STR_MATCH;

	if (!check(v, in->op < TSN_OPCODE_COUNT, "no such opcode"))
		return false;
	info = &tsn_ops[in->op];
	if (in->within != 0 && (!check(v, tsn_op_is_test(in->op), "within a mask, and no test") || !mask_read(v, in->within - 1)))
		return false;
	if (!first_operand(v, in) || !operand(v, info->operand[1], in->b) ||
	    (!match && !operand(v, info->operand[2], in->c)) || !details(v, at) || !tsn_verify_block_op(v, at))
		return false;
	switch (info->result) {
	case TSN_OPD_MASK:
		if (match && (!mask_write(v, in->c) || !check(v, in->c != in->dst, "two results in one register") ||
		    !tsn_verify_wrote_mask(v, at, in->c)))
			return false;
		return mask_write(v, in->dst) && tsn_verify_wrote_mask(v, at, in->dst);
	case TSN_OPD_VALUE:
		if (!value_write(v, in->dst, makes_real(v, in)))
			return false;
		tsn_verify_wrote_value(v, in->dst);
		return true;
	default:
		return true;
	}
}

/* --- pools and tables --- */

/* What is about another aggregate is about one of `per` in the same family that is about none. */
static bool
is_about(const struct tsn_family_def *def, const struct tsn_agg_def *a)
{
	if (a->fn != TSN_AGG_RANK && a->fn != TSN_AGG_BASELINE && a->fn != TSN_AGG_SPREAD)
		return true;
	if (a->of >= def->naggs || !def->agg[a->of].tumbling || def->agg[a->of].fn >= TSN_AGG_FRESH)
		return false;
	if (a->fn == TSN_AGG_RANK)
		return a->within >> def->key.n == 0;
	return a->history_ms >= def->agg[a->of].window_ms && a->season_ms >= 0;
}

static bool
agg_is_sound(struct tsn_verifier *v, const struct tsn_family_def *def, const struct tsn_agg_def *a)
{
	return check(v, (unsigned)a->fn < TSN_AGG_FN_COUNT && a->window_ms > 0 && a->pane_ms > 0 && a->panes >= 1 &&
	    a->panes <= TSN_PANES && key_is_sound(&a->tuple), "bad aggregate") &&
	    check(v, is_about(def, a), "aggregate about nothing") &&
	    check(v, a->fn != TSN_AGG_ABSENT || a->expect == TSN_SET_NONE || a->expect < v->p->nsets, "no such set to expect") &&
	    check(v, (a->fn == TSN_AGG_SEQUENCE) == (def->nsteps > 0), "sequence that has no steps or is not alone");
}

static bool
steps_are_sound(struct tsn_verifier *v, const struct tsn_family_def *def)
{
	if (def->nsteps == 0)
		return true;
	if (!check(v, def->nsteps <= TSN_STEPS_MAX && def->step != NULL && def->naggs == 1, "bad sequence"))
		return false;
	for (uint32_t i = 0; i < def->nsteps; i++)
		if (!check(v, key_is_sound(&def->step[i].key) && def->step[i].key.n == def->key.n, "step with a bad key"))
			return false;
	return true;
}

static bool
family_is_sound(struct tsn_verifier *v, uint32_t f, const struct tsn_family_use *uses)
{
	const struct tsn_family_def *def = &v->p->families[f];

	if (!check(v, key_is_sound(&def->key), "family with a bad key") ||
	    !check(v, key_is_sound(&def->at) && (def->at.n == 0 || def->at.n == def->key.n), "family read by a bad key") ||
	    !check(v, def->naggs > 0, "family without aggregates") || !steps_are_sound(v, def) ||
	    !check(v, uses != NULL && uses[f].arg != NULL && uses[f].result != NULL, "family without registers"))
		return false;
	for (uint32_t i = 0; i < def->naggs; i++)
		if (!agg_is_sound(v, def, &def->agg[i]))
			return false;
	return true;
}

static bool
links_are_sound(struct tsn_verifier *v)
{
	const struct tsn_program *p = v->p;

	for (uint32_t i = 0; i < p->nlinks; i++) {
		const struct tsn_rule_link *l = &p->links[i];
		const struct tsn_family_def *f = l->family < p->nfamilies ? &p->families[l->family] : NULL;

		if (!check(v, l->rule < p->nrules && f != NULL, "link to nothing"))
			return false;
		if (l->kind == TSN_LINK_STEP && !check(v, l->step < f->nsteps && f->step[l->step].rule, "link to no step of a rule"))
			return false;
		if (l->kind == TSN_LINK_FIRED && !check(v, f->nsteps == 0 && p->rules[l->rule].key.n == f->key.n,
		    "link to groups of another key"))
			return false;
	}
	return true;
}

static bool
pools(struct tsn_verifier *v)
{
	const struct tsn_program *p = v->p;

	for (uint32_t i = 0; i < p->naddresses; i++) {
		const struct tsn_address_operand *a = &p->addresses[i];

		if (!check(v, a->field < TSN_FIELD_COUNT && tsn_fields[a->field].storage == TSN_ADDR && a->v4_bits <= 32 &&
		    a->v6_bits <= 128, "bad address operand"))
			return false;
	}
	for (uint32_t i = 0; i < p->nprefixes; i++)
		if (!check(v, p->prefixes[i].len <= (p->prefixes[i].addr.v4 ? 32 : 128), "bad prefix"))
			return false;
	for (uint32_t i = 0; i < p->nwanted; i++)
		if (!check(v, p->wanted[i].field < TSN_FIELD_COUNT && tsn_fields[p->wanted[i].field].origin == TSN_O_POOL,
		    "bad column of an element"))
			return false;
	for (uint32_t i = 0; i < p->ntuples; i++)
		if (!check(v, p->tuples[i].n > 0 && key_is_sound(&p->tuples[i]), "bad tuple"))
			return false;
	for (uint32_t i = 0; i < p->nfamilies; i++)
		for (int d = 0; d < TSN_DOORS; d++)
			if ((d == TSN_DOOR_FLOW || p->code[d].n > 0) && !family_is_sound(v, i, p->uses[d]))
				return false;
	return tests(v) && tsn_verify_dispatches(v) && links_are_sound(v);
}

static bool
code(struct tsn_verifier *v, enum tsn_door door)
{
	const struct tsn_program *p = v->p;
	const struct tsn_code *c = &p->code[door];

	if (c->n == 0 && door != TSN_DOOR_FLOW)
		return true;
	v->code = c;
	v->door = door;
	v->uses = p->uses[door];
	v->ending = TSN_REG_NONE;
	memset(v->mask_written, 0, p->nmasks);
	memset(v->value_written, 0, p->nvalues);
	memset(v->folded, 0, p->nfamilies);
	if (!check(v, c->n > 0 && c->insn[c->n - 1].op == TSN_OP_CODE_END, "no end"))
		return false;
	tsn_verify_blocks_start(v);
	for (uint32_t i = 0; i < c->n; i++)
		if (!tsn_verify_close(v, i) || !instruction(v, i))
			return false;
	return true;
}

bool
tsn_program_verify(struct tsn_program *p)
{
	struct tsn_verifier v = { .p = p };
	bool good = false;

	v.mask_written = tsn_calloc(p->nmasks, sizeof(bool));
	v.value_written = tsn_calloc(p->nvalues, sizeof(bool));
	v.folded = tsn_calloc(p->nfamilies, sizeof(bool));
	/* without memory there is no error to name: NULL says so */
	if (v.mask_written != NULL && v.value_written != NULL && v.folded != NULL && tsn_verify_blocks_init(&v))
		good = pools(&v) && rules(&v) && code(&v, TSN_DOOR_FLOW) && code(&v, TSN_DOOR_TALK) && code(&v, TSN_DOOR_TICK) &&
		    tsn_verify_columns(&v);
	tsn_free(v.mask_written);
	tsn_free(v.value_written);
	tsn_free(v.folded);
	tsn_verify_blocks_fini(&v);
	p->verify_error = v.error;
	return good;
}
