/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "vm/internal.h"

#include "base/mem.h"
#include "base/wide.h"

static void
bind_use(struct tsn_vm *vm, const struct tsn_family_def *def, const struct tsn_family_use *use,
    struct tsn_vm_fold *fold)
{
	for (uint32_t i = 0; i < def->naggs; i++) {
		if (!tsn_agg_has_arg(def->agg[i].fn))
			fold->args[i] = NULL;
		else if (use->arg[i] == TSN_REG_NONE)
			fold->args[i] = vm->nothing;
		else
			fold->args[i] = &vm->values[use->arg[i]];
		fold->results[i] = use->result[i] == TSN_REG_NONE ? NULL : &vm->values[use->result[i]];
	}
	fold->must = use->must == 0 ? NULL : &vm->masks[use->must - 1];
	for (uint32_t i = 0; use->step != NULL && i < def->nsteps; i++)
		fold->steps[i] = use->step[i] == TSN_REG_NONE ? NULL : &vm->masks[use->step[i]];
}

/* Lays out the pointers of all codes' folds in one block. */
static bool
bind_folds(struct tsn_vm *vm)
{
	const struct tsn_program *p = vm->p;
	size_t total = 0;
	const void **next;

	for (uint32_t f = 0; f < p->nfamilies; f++)
		total += 2 * p->families[f].naggs + p->families[f].nsteps;
	vm->pointers = tsn_calloc(total * TSN_DOORS, sizeof(*vm->pointers));
	for (int code = 0; code < TSN_DOORS; code++)
		vm->folds[code] = tsn_calloc(p->nfamilies, sizeof(*vm->folds[code]));
	if (vm->pointers == NULL || vm->folds[0] == NULL || vm->folds[1] == NULL || vm->folds[2] == NULL)
		return false;
	next = vm->pointers;
	for (int code = 0; code < TSN_DOORS; code++) {
		const struct tsn_family_use *uses = p->uses[code];

		for (uint32_t f = 0; uses != NULL && f < p->nfamilies; f++) {
			struct tsn_vm_fold *fold = &vm->folds[code][f];

			fold->args = (const struct tsn_vector **)next;
			next += p->families[f].naggs;
			fold->results = (struct tsn_vector **)next;
			next += p->families[f].naggs;
			fold->steps = (const struct tsn_mask **)next;
			next += p->families[f].nsteps;
			bind_use(vm, &p->families[f], &uses[f], fold);
		}
	}
	return true;
}

struct tsn_vm *
tsn_vm_new(const struct tsn_program *p)
{
	struct tsn_vm *vm = tsn_calloc(1, sizeof(*vm));

	if (vm == NULL)
		return NULL;
	vm->p = p;
	vm->k = tsn_kernels_of(tsn_cpu_level);
	vm->closing_family = vm->watched = TSN_REG_NONE;
	/* the numbers of a vector are never read before they are written, but what is not known is copied along */
	vm->masks = tsn_aligned_calloc(64, (size_t)p->nmasks + p->ntests + 1, sizeof(*vm->masks));
	vm->values = tsn_aligned_calloc(64, (size_t)p->nvalues + 2, sizeof(*vm->values));
	vm->kept_out = tsn_calloc((size_t)p->nrules + 1, sizeof(*vm->kept_out));
	if (vm->masks == NULL || vm->values == NULL || vm->kept_out == NULL)
		goto fail;
	for (uint32_t i = 0; i < p->nvalues; i++)
		vm->values[i].real = p->value_real[i];
	vm->nothing = &vm->values[p->nvalues];
	vm->unread = &vm->values[p->nvalues + 1];
	if (!bind_folds(vm) || !tsn_vm_dispatch_new(vm) || !tsn_vm_memos_new(vm))
		goto fail;
	if (p->nregexes > 0 && (vm->regex = tsn_regex_new()) == NULL)
		goto fail;
	return vm;
fail:
	tsn_vm_free(vm);
	return NULL;
}

void
tsn_vm_free(struct tsn_vm *vm)
{
	if (vm == NULL)
		return;
	tsn_vm_profile_off(vm);
	tsn_regex_free(vm->regex);
	tsn_vm_dispatch_free(vm);
	tsn_vm_memos_free(vm);
	for (int code = 0; code < TSN_DOORS; code++)
		tsn_free(vm->folds[code]);
	tsn_free(vm->pointers);
	tsn_free(vm->kept_out);
	tsn_free(vm->values);
	tsn_free(vm->masks);
	tsn_free(vm);
}

void
tsn_vm_closing(struct tsn_vm *vm, uint32_t family, uint32_t agg)
{
	vm->closing_family = family;
	vm->closing_agg = agg;
	vm->watched = TSN_REG_NONE;
}

void
tsn_vm_watch(struct tsn_vm *vm, uint32_t rule)
{
	vm->watched = rule;
}

void
tsn_vm_counters(const struct tsn_vm *vm, struct tsn_vm_counters *out)
{
	*out = vm->counters;
}

bool
tsn_vm_told(const struct tsn_vm *vm)
{
	return vm->matched || vm->counted;
}

bool
tsn_vm_counted(const struct tsn_vm *vm)
{
	return vm->counted;
}

void
tsn_vm_kept_out(const struct tsn_vm *vm, uint32_t rule, struct tsn_kept_out *out)
{
	*out = vm->kept_out[rule];
}

static void
add_kept_out(struct tsn_kept_out *to, const struct tsn_kept_out *more)
{
	to->hidden += more->hidden;
	to->outside += more->outside;
}

void
tsn_vm_take_over(struct tsn_vm *vm, const struct tsn_vm *old)
{
	for (uint32_t i = 0; i < old->p->nrules; i++) {
		const struct tsn_kept_out *was = &old->kept_out[i];
		const uint32_t now = was->hidden + was->outside > 0 ? tsn_program_now(vm->p, old->p, i) : TSN_NAMES_NONE;

		if (now != TSN_NAMES_NONE)
			add_kept_out(&vm->kept_out[now], was);
	}
}

static uint32_t
export_reg(const struct tsn_vm *vm, uint32_t export)
{
	const struct tsn_export *e = &vm->p->exports[export];

	return e->at[vm->door];
}

bool
tsn_vm_mask_has(const struct tsn_vm *vm, uint32_t export, uint32_t row)
{
	uint32_t reg = export_reg(vm, export);

	return reg != TSN_REG_NONE && tsn_mask_has(&vm->masks[reg], row);
}

const struct tsn_mask *
tsn_vm_mask(const struct tsn_vm *vm, uint32_t export)
{
	uint32_t reg = export_reg(vm, export);

	return reg != TSN_REG_NONE ? &vm->masks[reg] : NULL;
}

bool
tsn_vm_value(const struct tsn_vm *vm, uint32_t export, uint32_t row, int64_t *i, double *f, bool *real)
{
	const struct tsn_export *e = &vm->p->exports[export];
	uint32_t reg = export_reg(vm, export);
	const struct tsn_vector *v;

	*i = 0;
	*f = 0;
	*real = e->kind == TSN_EXPORT_REAL;
	if (reg == TSN_REG_NONE)
		return false;
	if (e->kind == TSN_EXPORT_INT) {
		*i = vm->p->ints[reg];
		return true;
	}
	if (e->kind == TSN_EXPORT_REAL) {
		*f = vm->p->reals[reg];
		return true;
	}
	v = &vm->values[reg];
	*real = v->real;
	if (v->real)
		*f = v->f[row];
	else
		*i = v->i[row];
	return tsn_mask_has(&v->known, row);
}

bool
tsn_vm_number(const struct tsn_vm *vm, uint32_t export, uint32_t row, double *out)
{
	bool real, known;
	int64_t i;
	double f;

	known = tsn_vm_value(vm, export, row, &i, &f, &real);
	*out = real ? f : (double)i;
	return known;
}

/* In two halves: for all 128 bytes at once gcc takes `rep stos`, whose start costs more than the stores. */
static inline void
empty(struct tsn_mask *m)
{
	memset(m->w, 0, sizeof(m->w) / 2);
	memset(m->w + TSN_MASK_WORDS / 2, 0, sizeof(m->w) / 2);
}

/* What the instructions of a stretch would write becomes empty or unknown. */
static inline __attribute__((always_inline)) void
clear_results(struct tsn_vm *vm, const struct tsn_insn *in, uint32_t n)
{
	uint32_t last = TSN_REG_NONE;

	for (uint32_t i = 0; i < n; i++) {
		switch (tsn_ops[in[i].op].result) {
		case TSN_OPD_MASK:
			if (in[i].dst != last) /* conjunctions go through one register */
				empty(&vm->masks[in[i].dst]);
			last = in[i].dst;
			if (in[i].op == TSN_OP_CODE_STR_MATCH)
				empty(&vm->masks[in[i].c]);
			break;
		case TSN_OPD_VALUE:
			empty(&vm->values[in[i].dst].known);
			break;
		default:
			break;
		}
	}
}

/* Most families have nothing to do with most tick batches; to them it is as if there had been no rows. */
static bool
no_rows(struct tsn_run *r, const struct tsn_vm_fold *f, uint32_t family, const struct tsn_mask *a, const struct tsn_mask *b)
{
	if (r->vm->door != TSN_DOOR_TICK || tsn_mask_any(a) || tsn_mask_any(b))
		return false;
	for (uint32_t i = 0; i < r->vm->p->families[family].naggs; i++)
		if (f->results[i] != NULL)
			empty(&f->results[i]->known);
	return true;
}

static void
fold(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_vm *vm = r->vm;
	const struct tsn_vm_fold *f = &vm->folds[vm->door][in->a];

	if (no_rows(r, f, in->a, &vm->masks[in->b], &vm->masks[in->c]))
		return;
	if (!(vm->door == TSN_DOOR_TICK ?
	    tsn_state_fold(r->state, in->a, r->b, &vm->masks[in->b], &vm->masks[in->c], f->args, f->results) :
	    tsn_state_fold_flows(r->state, in->a, r->b, &vm->masks[in->b], &vm->masks[in->c], f->must, f->args, f->results)))
		vm->counters.out_of_memory++;
}

static void
steps(struct tsn_run *r, const struct tsn_insn *in)
{
	struct tsn_vm *vm = r->vm;
	const struct tsn_vm_fold *f = &vm->folds[vm->door][in->a];
	struct tsn_vector *result = f->results[0] != NULL ? f->results[0] : vm->unread;
	bool any = false;

	for (uint32_t i = 0; i < vm->p->families[in->a].nsteps; i++)
		any |= f->steps[i] != NULL && tsn_mask_any(f->steps[i]);
	if (!any && no_rows(r, f, in->a, &vm->masks[in->b], &vm->masks[in->b]))
		return;
	if (!tsn_state_fold_steps(r->state, in->a, r->b, f->steps, &vm->masks[in->b], result))
		vm->counters.out_of_memory++;
}

static void
closing(struct tsn_run *r, struct tsn_mask *out, uint32_t family, uint32_t agg)
{
	const struct tsn_vm *vm = r->vm;
	bool all = vm->closing_family == TSN_REG_NONE || (vm->closing_family == family && vm->closing_agg == agg);

	if (all && vm->watched == TSN_REG_NONE)
		*out = r->b->rows;
	else
		tsn_mask_clear(out);
}

static void
too(struct tsn_run *r, struct tsn_mask *out, const struct tsn_insn *in)
{
	tsn_mask_clear(out);
	if (r->vm->watched == TSN_REG_NONE)
		tsn_state_closed_too(r->state, in->a, in->b, r->b, &r->vm->masks[in->c], out);
}

static void
closed(struct tsn_run *r, struct tsn_mask *out, int64_t window)
{
	tsn_mask_clear(out);
	if (r->vm->watched != TSN_REG_NONE)
		return;
	TSN_EACH_ROW(row, &r->b->rows) {
		int64_t t = r->b->time[row];

		/* of negative times too: -1 ms is the last of a window */
		if (window > 0 && t != INT64_MAX && (t + 1) % window == 0)
			tsn_mask_set(out, row);
	}
}

static void
keep_out(struct tsn_vm *vm, uint64_t *n, const struct tsn_mask *rows)
{
	const uint32_t more = tsn_mask_count(rows);

	*n += more;
	vm->counted |= more > 0;
}

/*
 * Most tests are followed by an instruction that asks whether they left any row; they know, and looking at
 * what they have just written bit by bit would wait for it to arrive.
 */
#define ANY(reg) (in == after_test && in[-1].dst == (reg) ? any : tsn_mask_any(&m[reg]))
#define TEST(op, name) \
	case TSN_OP_CODE_##op: \
		any = tsn_vm_##name(r, in); \
		after_test = in + 1; \
		break

/* [timed]: by the clock of vm/profile.h, instruction by instruction; a constant. */
static inline __attribute__((always_inline)) void
run_code(struct tsn_run *r, const struct tsn_insn *in, bool timed)
{
	struct tsn_vm *vm = r->vm;
	struct tsn_mask *m = vm->masks;
	const struct tsn_insn *after_test = NULL;
	bool any = false;

	const struct tsn_insn *first = vm->p->code[vm->door].insn;

	for (;; in++) {
		if (timed)
			tsn_vm_account(r, in, (uint32_t)(in - first));
		switch ((enum tsn_opcode)in->op) {
		case TSN_OP_CODE_END:
		case TSN_OP_CODE_LEAVE:
			return;
		case TSN_OP_CODE_DISPATCH:
			tsn_vm_dispatch(r, in);
			in += vm->p->dispatches[in->b].block[vm->p->dispatches[in->b].nblocks];
			break;
		case TSN_OP_CODE_TEST:
		case TSN_OP_CODE_TEST_NOT:
			if (!tsn_vm_test(r, in))
				in += in->c;
			break;
		case TSN_OP_CODE_EMPTY:
			empty(&m[in->dst]);
			break;
		case TSN_OP_CODE_ROWS:
			m[in->dst] = r->b->rows;
			break;
		case TSN_OP_CODE_PRESENT:
			tsn_vm_present(r, in->a, &m[in->dst]);
			break;
		case TSN_OP_CODE_GIVES:
			m[in->dst] = r->b->gives[in->a];
			break;
		case TSN_OP_CODE_KNOWN:
			m[in->dst] = vm->values[in->a].known;
			break;
		case TSN_OP_CODE_AND:
			tsn_mask_and(&m[in->dst], &m[in->a], &m[in->b]);
			break;
		case TSN_OP_CODE_OR:
			tsn_mask_or(&m[in->dst], &m[in->a], &m[in->b]);
			break;
		case TSN_OP_CODE_ANDNOT:
			tsn_mask_andnot(&m[in->dst], &m[in->a], &m[in->b]);
			break;
		case TSN_OP_CODE_SKIP_NONE:
			if (!ANY(in->a)) {
				clear_results(vm, in + 1, in->b);
				in += in->b;
				any = false; /* if the last of them would have made a mask */
				after_test = in + 1;
			}
			break;
		TEST(RANGE, range);
		TEST(BITS, bits);
		TEST(INT_SET, int_set);
		TEST(ADDR_IN, addr_in);
		TEST(ADDR_SET, addr_set);
		TEST(ADDR_SAME, addr_same);
		TEST(REAL_TEST, real_test);
		TEST(STR_SAME, str_same);
		TEST(STR_EQUAL, str_equal);
		TEST(STR_SET, str_set);
		TEST(STR_MATCH, str_match);
		TEST(TUPLE_SET, tuple_set);
		TEST(RECENT, recent);
		TEST(DURING, during);
		case TSN_OP_CODE_LOAD:
			tsn_vm_load(r, in);
			break;
		case TSN_OP_CODE_INT:
		case TSN_OP_CODE_REAL:
			tsn_vm_constant(r, in);
			break;
		case TSN_OP_CODE_CLOCK:
			tsn_vm_clock(r, in);
			break;
		case TSN_OP_CODE_TO_REAL:
		case TSN_OP_CODE_ADD:
		case TSN_OP_CODE_SUB:
		case TSN_OP_CODE_MUL:
		case TSN_OP_CODE_DIV:
		case TSN_OP_CODE_MOD:
		case TSN_OP_CODE_NEG:
		case TSN_OP_CODE_BAND:
		case TSN_OP_CODE_BOR:
			tsn_vm_arithmetic(r, in);
			break;
		case TSN_OP_CODE_TABLE:
			tsn_vm_table(r, in);
			break;
		case TSN_OP_CODE_ONLY:
		case TSN_OP_CODE_CHOOSE:
			tsn_vm_choose(r, in);
			break;
		case TSN_OP_CODE_SHARE:
			tsn_vm_share(r, in);
			break;
		TEST(COMPARE, compare);
		TEST(COMPARE_INT, compare_int);
		TEST(COMPARE_REAL, compare_real);
		case TSN_OP_CODE_CLOSING:
			closing(r, &m[in->dst], in->a, in->b);
			break;
		case TSN_OP_CODE_TOO:
			too(r, &m[in->dst], in);
			break;
		case TSN_OP_CODE_CLOSED:
			closed(r, &m[in->dst], vm->p->ints[in->a]);
			break;
		case TSN_OP_CODE_WATCHED:
			if (vm->watched == in->a)
				m[in->dst] = r->b->rows;
			else
				tsn_mask_clear(&m[in->dst]);
			break;
		case TSN_OP_CODE_FOLD:
			fold(r, in);
			break;
		case TSN_OP_CODE_STEPS:
			steps(r, in);
			break;
		case TSN_OP_CODE_UNTIL:
			vm->ends = tsn_mask_any(&m[in->b]);
			break;
		case TSN_OP_CODE_HIDDEN:
			keep_out(vm, &vm->kept_out[in->a].hidden, &m[in->b]);
			break;
		case TSN_OP_CODE_OUTSIDE:
			keep_out(vm, &vm->kept_out[in->a].outside, &m[in->b]);
			break;
		case TSN_OP_CODE_MATCH:
			if (vm->ends || ANY(in->b)) {
				vm->matched = true;
				r->on_match(r->arg, vm, in->a, &m[in->b], r->b);
			}
			vm->ends = false;
			break;
		case TSN_OPCODE_COUNT:
			return;
		}
	}
}
#undef ANY
#undef TEST

TSN_WIDE(static, void, execute, (struct tsn_run *r, const struct tsn_insn *in), (r, in))
{
	run_code(r, in, false);
}

TSN_WIDE(static, void, execute_timed, (struct tsn_run *r, const struct tsn_insn *in), (r, in))
{
	run_code(r, in, true);
}

void
tsn_vm_execute(struct tsn_run *r, const struct tsn_insn *in)
{
	if (r->timed)
		execute_timed(r, in);
	else
		execute(r, in);
}

/* One batch in so many is timed. */
static bool
is_timed(struct tsn_timing *t)
{
	if (t == NULL || t->batches++ % t->every != 0)
		return false;
	t->timed++;
	return true;
}

static void
prepare(struct tsn_run *r)
{
	tsn_batch_derive(r->b, &r->vm->p->derived_first);
	if (r->state != NULL)
		tsn_state_next_batch(r->state);
}

void
tsn_vm_run(struct tsn_vm *vm, struct tsn_batch *b, struct tsn_state *state, const struct tsn_set *const *sets,
    tsn_on_match *on_match, void *arg)
{
	struct tsn_run r = { vm, b, state, sets, on_match, arg, &b->rows, false };
	const struct tsn_code *code;
	uint64_t *before;

	vm->door = tsn_door_of(b->kind);
	code = &vm->p->code[vm->door];
	vm->matched = vm->counted = false;
	if (code->n == 0)
		return;
	vm->batch++;
	r.timed = is_timed(vm->timing);
	if (!r.timed) {
		prepare(&r);
		execute(&r, code->insn);
		return;
	}
	before = tsn_spent_stage(vm->timing->spent, TSN_STAGE_MACHINE);
	prepare(&r);
	execute_timed(&r, code->insn);
	tsn_spent_back(vm->timing->spent, before);
}
