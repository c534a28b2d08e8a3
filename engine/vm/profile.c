/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "vm/profile.h"

#include "base/mem.h"
#include "vm/internal.h"

#define NOWHERE UINT32_MAX

/* --- booking --- */

static void
timing_free(struct tsn_timing *t)
{
	for (int d = 0; d < TSN_DOORS; d++) {
		tsn_free(t->time[d]);
		tsn_free(t->rows[d]);
	}
	tsn_free(t->looked);
	tsn_free(t);
}

void
tsn_vm_profile_off(struct tsn_vm *vm)
{
	if (vm->timing != NULL)
		timing_free(vm->timing);
	vm->timing = NULL;
}

bool
tsn_vm_profile_on(struct tsn_vm *vm, struct tsn_spent *spent, uint32_t every)
{
	struct tsn_timing *t = tsn_calloc(1, sizeof(*t));
	bool good = t != NULL;

	for (int d = 0; d < TSN_DOORS && good; d++) {
		t->time[d] = tsn_calloc((size_t)vm->p->code[d].n + 1, sizeof(*t->time[d]));
		t->rows[d] = tsn_calloc((size_t)vm->p->code[d].n + 1, sizeof(*t->rows[d]));
		good = t->time[d] != NULL && t->rows[d] != NULL;
	}
	if (good)
		t->looked = tsn_calloc((size_t)vm->p->nfamilies + 1, sizeof(*t->looked));
	if (!good || t->looked == NULL) {
		if (t != NULL)
			timing_free(t);
		return false;
	}
	t->spent = spent;
	t->every = every;
	tsn_vm_profile_off(vm);
	vm->timing = t;
	return true;
}

/* Of a sequence: a row that meets two steps is there twice, as it is in the work. */
static uint64_t
rows_of_steps(const struct tsn_run *r, const struct tsn_insn *in)
{
	const struct tsn_vm_fold *f = &r->vm->folds[r->vm->door][in->a];
	uint64_t n = 0;

	for (uint32_t i = 0; i < r->vm->p->families[in->a].nsteps; i++)
		n += f->steps[i] != NULL ? tsn_mask_count(f->steps[i]) : 0;
	return n;
}

/* Rows are counted only where someone wants to know: what a fold counts and who only looks, what matches, what a pattern looks at. */
void
tsn_vm_account(struct tsn_run *r, const struct tsn_insn *in, uint32_t at)
{
	struct tsn_timing *t = r->vm->timing;
	uint64_t *rows = &t->rows[r->vm->door][at];
	struct tsn_mask seen;

	if (in->op == TSN_OP_CODE_FOLD || in->op == TSN_OP_CODE_MATCH) {
		*rows += tsn_mask_count(&r->vm->masks[in->b]);
		if (in->op == TSN_OP_CODE_FOLD)
			t->looked[in->a] += tsn_mask_count(&r->vm->masks[in->c]);
	} else if (in->op == TSN_OP_CODE_STEPS) {
		*rows += rows_of_steps(r, in);
	} else if (in->op == TSN_OP_CODE_STR_MATCH) {
		tsn_mask_and(&seen, tsn_vm_within(r, in), &r->b->present[in->a]);
		*rows += tsn_mask_count(&seen);
	}
	tsn_spent_open(t->spent, &t->time[r->vm->door][at]);
}

/* --- dividing --- */

/* Who made what an instruction reads: registers are written over, so this is found in the order of the code. */
struct making {
	const struct tsn_program *p;
	const struct tsn_code *code;
	enum tsn_door door;
	uint32_t *mask, *value;   /* last instruction that wrote the register */
	uint32_t *edge;           /* instructions that others need: [first[i], first[i + 1]) are of i */
	uint32_t *first;
	size_t nedges, cap;
	uint32_t *rules;          /* per instruction: how many need it */
	uint32_t *stamp, *stack;  /* per instruction: the last rule that was there; those to be visited */
	bool failed;
};

static void
needs(struct making *m, uint32_t by)
{
	uint32_t *more;

	if (by == NOWHERE || m->failed)
		return;
	more = tsn_grow(m->edge, m->nedges, &m->cap, sizeof(*more));
	if (more == NULL) {
		m->failed = true;
		return;
	}
	m->edge = more;
	m->edge[m->nedges++] = by;
}

static void
needs_export(struct making *m, uint32_t export)
{
	const struct tsn_export *e = &m->p->exports[export];
	uint32_t reg = e->at[m->door];

	if (reg == TSN_REG_NONE)
		return;
	if (e->kind == TSN_EXPORT_MASK)
		needs(m, m->mask[reg]);
	else if (e->kind == TSN_EXPORT_VALUE)
		needs(m, m->value[reg]);
}

/* What is read of a rule's registers when it matches. */
static void
needs_of_match(struct making *m, const struct tsn_rule *r)
{
	for (uint32_t i = 0; i < r->nreports; i++) {
		needs_export(m, r->report[i].holds);
		needs_export(m, r->report[i].value);
		needs_export(m, r->report[i].threshold);
	}
	for (uint32_t i = 0; i < r->nrungs; i++)
		needs_export(m, r->rung[i].holds);
	if (r->until != TSN_REG_NONE)
		needs_export(m, r->until);
}

static void
needs_of_family(struct making *m, uint32_t f)
{
	const struct tsn_family_use *use = &m->p->uses[m->door][f];
	const struct tsn_family_def *def = &m->p->families[f];

	for (uint32_t i = 0; i < def->naggs; i++)
		if (use->arg[i] != TSN_REG_NONE)
			needs(m, m->value[use->arg[i]]);
	if (use->must != 0)
		needs(m, m->mask[use->must - 1]);
	for (uint32_t i = 0; use->step != NULL && i < def->nsteps; i++)
		if (use->step[i] != TSN_REG_NONE)
			needs(m, m->mask[use->step[i]]);
}

static bool
is_fold(const struct tsn_insn *in)
{
	return in->op == TSN_OP_CODE_FOLD || in->op == TSN_OP_CODE_STEPS;
}

static void
read_by(struct making *m, const struct tsn_insn *in)
{
	const struct tsn_op_info *info = &tsn_ops[in->op];
	const uint32_t x[3] = { in->a, in->b, in->c };

	for (int i = 0; i < 3; i++) {
		if (info->operand[i] == TSN_OPD_MASK && !(i == 2 && in->op == TSN_OP_CODE_STR_MATCH))
			needs(m, m->mask[x[i]]);
		else if (info->operand[i] == TSN_OPD_VALUE)
			needs(m, m->value[x[i]]);
	}
	if (in->within != 0)
		needs(m, m->mask[in->within - 1]);
	if (is_fold(in))
		needs_of_family(m, in->a);
	if (in->op == TSN_OP_CODE_MATCH)
		needs_of_match(m, &m->p->rules[in->a]);
}

static void
written_by(struct making *m, const struct tsn_insn *in, uint32_t at)
{
	const struct tsn_family_use *use;

	if (tsn_ops[in->op].result == TSN_OPD_MASK)
		m->mask[in->dst] = at;
	else if (tsn_ops[in->op].result == TSN_OPD_VALUE)
		m->value[in->dst] = at;
	if (in->op == TSN_OP_CODE_STR_MATCH)
		m->mask[in->c] = at;
	if (!is_fold(in))
		return;
	use = &m->p->uses[m->door][in->a];
	for (uint32_t i = 0; i < m->p->families[in->a].naggs; i++)
		if (use->result[i] != TSN_REG_NONE)
			m->value[use->result[i]] = at;
}

/* A jump is needed by whoever needs the last instruction it goes past. */
static void
find_edges(struct making *m)
{
	uint32_t *jump = m->stack; /* of instructions: the jump that ends there */

	for (uint32_t i = 0; i <= m->code->n; i++)
		jump[i] = NOWHERE;
	for (uint32_t i = 0; i < m->code->n; i++) {
		const struct tsn_insn *in = &m->code->insn[i];

		m->first[i] = (uint32_t)m->nedges;
		read_by(m, in);
		needs(m, jump[i]);
		if (in->op == TSN_OP_CODE_SKIP_NONE) {
			needs(m, jump[i + in->b]); /* one around it that ends there, too */
			jump[i + in->b] = i;
		}
		written_by(m, in, i);
	}
	m->first[m->code->n] = (uint32_t)m->nedges;
}

/* Of the rule that MATCH at [at] tells of: calls [each] for all it needs. */
static void
visit(struct making *m, uint32_t from, uint32_t stamp, void (*each)(struct making *m, void *arg, uint32_t at), void *arg)
{
	uint32_t n = 0;

	if (m->stamp[from] == stamp)
		return;
	m->stamp[from] = stamp;
	m->stack[n++] = from;
	while (n > 0) {
		uint32_t at = m->stack[--n];

		each(m, arg, at);
		for (uint32_t i = m->first[at]; i < m->first[at + 1]; i++) {
			uint32_t next = m->edge[i];

			if (m->stamp[next] != stamp) {
				m->stamp[next] = stamp;
				m->stack[n++] = next;
			}
		}
	}
}

static void
count_rule(struct making *m, void *arg, uint32_t at)
{
	(void)arg;
	m->rules[at]++;
}

struct charge {
	const uint64_t *time;
	struct tsn_rule_cost *rule;
};

static void
charge_rule(struct making *m, void *arg, uint32_t at)
{
	const struct charge *c = arg;
	const struct tsn_insn *in = &m->code->insn[at];
	double part = (double)c->time[at] / m->rules[at];

	if (in->op == TSN_OP_CODE_MATCH)
		c->rule->alerts += part;
	else if (is_fold(in))
		c->rule->windows += part;
	else
		c->rule->tests += part;
}

/* HIDDEN, OUTSIDE and UNTIL are a rule's own. */
static bool
is_of_rule(const struct tsn_insn *in)
{
	return in->op == TSN_OP_CODE_HIDDEN || in->op == TSN_OP_CODE_OUTSIDE || in->op == TSN_OP_CODE_UNTIL ||
	    in->op == TSN_OP_CODE_MATCH;
}

static void
divide(struct making *m, const struct tsn_timing *t, struct tsn_profile *out)
{
	/* a rule that stands in the code more than once counts once */
	for (uint32_t i = 0; i < m->code->n; i++)
		if (is_of_rule(&m->code->insn[i]))
			visit(m, i, m->code->insn[i].a + 1, count_rule, NULL);
	for (uint32_t i = 0; i < m->code->n; i++) {
		const struct tsn_insn *in = &m->code->insn[i];
		struct charge c = { t->time[m->door], is_of_rule(in) ? &out->rules[in->a] : NULL };

		if (c.rule == NULL)
			continue;
		visit(m, i, m->p->nrules + in->a + 1, charge_rule, &c);
		if (in->op == TSN_OP_CODE_MATCH)
			c.rule->rows += t->rows[m->door][i];
	}
}

static void
list(struct making *m, const struct tsn_timing *t, struct tsn_profile *out)
{
	for (uint32_t i = 0; i < m->code->n; i++) {
		const struct tsn_insn *in = &m->code->insn[i];
		uint64_t time = t->time[m->door][i], rows = t->rows[m->door][i];

		if (m->rules[i] == 0)
			out->rest += (double)time;
		if (is_fold(in)) {
			out->families[in->a].time += time;
			out->families[in->a].rows += rows;
			out->families[in->a].looked = t->looked[in->a];
			if (m->rules[i] > out->families[in->a].rules)
				out->families[in->a].rules = m->rules[i];
		} else if (time > 0 && in->op != TSN_OP_CODE_MATCH) {
			out->insns[out->ninsns++] = (struct tsn_insn_cost){ m->door, i, m->rules[i], time, rows };
		}
	}
}

static void
one_door(struct making *m, const struct tsn_timing *t, struct tsn_profile *out)
{
	const size_t n = (size_t)m->code->n + 1;

	m->mask = tsn_calloc((size_t)m->p->nmasks + 1, sizeof(*m->mask));
	m->value = tsn_calloc((size_t)m->p->nvalues + 1, sizeof(*m->value));
	m->first = tsn_calloc(n, sizeof(*m->first));
	m->rules = tsn_calloc(n, sizeof(*m->rules));
	m->stamp = tsn_calloc(n, sizeof(*m->stamp));
	m->stack = tsn_calloc(n, sizeof(*m->stack));
	m->failed = m->mask == NULL || m->value == NULL || m->first == NULL || m->rules == NULL || m->stamp == NULL ||
	    m->stack == NULL;
	if (!m->failed)
		find_edges(m);
	if (!m->failed) {
		divide(m, t, out);
		list(m, t, out);
	}
	tsn_free(m->mask);
	tsn_free(m->value);
	tsn_free(m->edge);
	tsn_free(m->first);
	tsn_free(m->rules);
	tsn_free(m->stamp);
	tsn_free(m->stack);
}

bool
tsn_vm_profile(const struct tsn_vm *vm, struct tsn_profile *out)
{
	const struct tsn_program *p = vm->p;
	const struct tsn_timing *t = vm->timing;
	size_t all = 0;
	bool good;

	*out = (struct tsn_profile){ 0 };
	for (int d = 0; d < TSN_DOORS; d++)
		all += p->code[d].n;
	out->rules = tsn_calloc((size_t)p->nrules + 1, sizeof(*out->rules));
	out->families = tsn_calloc((size_t)p->nfamilies + 1, sizeof(*out->families));
	out->insns = tsn_calloc(all + 1, sizeof(*out->insns));
	good = out->rules != NULL && out->families != NULL && out->insns != NULL;
	if (good && t != NULL) {
		out->batches = t->batches;
		out->timed = t->timed;
	}
	for (int d = 0; d < TSN_DOORS && good && t != NULL; d++) {
		struct making m = { .p = p, .code = &p->code[d], .door = (enum tsn_door)d };

		if (m.code->n == 0)
			continue;
		one_door(&m, t, out);
		good = !m.failed;
	}
	if (!good)
		tsn_profile_fini(out);
	return good;
}

void
tsn_profile_fini(struct tsn_profile *p)
{
	tsn_free(p->rules);
	tsn_free(p->families);
	tsn_free(p->insns);
	*p = (struct tsn_profile){ 0 };
}
