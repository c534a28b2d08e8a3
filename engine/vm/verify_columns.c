/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What a program looks at it must have said. Decoders fill the columns in [reads] and no others, and a shard's rows have those in
 * [own]: whatever else is looked at holds what was there before.
 */
#include "vm/classes.h"
#include "vm/verify.h"

static bool
column(struct tsn_verifier *v, uint32_t f)
{
	return tsn_verify_check(v, tsn_field_set_has(&v->p->own, (enum tsn_field)f) && tsn_field_set_has(&v->p->reads, (enum tsn_field)f),
	    "column that it does not say it reads");
}

static bool
carried(struct tsn_verifier *v, uint32_t f)
{
	return column(v, f) && tsn_verify_check(v, tsn_field_set_has(&v->p->of_talks, (enum tsn_field)f),
	    "column of conversations that it does not say it reads");
}

static bool
key(struct tsn_verifier *v, const struct tsn_key_spec *k)
{
	for (unsigned i = 0; i < k->n; i++)
		if (!column(v, k->part[i].field))
			return false;
	return true;
}

/* Operands that are numbers of pools are not here: all of a pool is looked at. */
static bool
instructions(struct tsn_verifier *v, const struct tsn_insn *in, uint32_t n, bool (*good)(struct tsn_verifier *v, uint32_t f))
{
	for (; n > 0; in++, n--) {
		const uint32_t x[] = { in->a, in->b, in->c };

		for (unsigned k = 0; k < 3; k++)
			if (tsn_ops[in->op].operand[k] == TSN_OPD_FIELD && !good(v, x[k]))
				return false;
		if (in->op == TSN_OP_CODE_SHARE && !good(v, TSN_F_DURATION))
			return false;
	}
	return true;
}

static bool
family(struct tsn_verifier *v, const struct tsn_family_def *f)
{
	bool good = key(v, &f->key) && key(v, &f->at);

	for (uint32_t i = 0; i < f->nsteps && good; i++)
		good = key(v, &f->step[i].key);
	for (uint32_t i = 0; i < f->naggs && good; i++)
		good = key(v, &f->agg[i].tuple) && (f->agg[i].fn != TSN_AGG_JITTER || (column(v, TSN_F_START) && column(v, TSN_F_END)));
	return good;
}

static bool
rule(struct tsn_verifier *v, const struct tsn_rule *r)
{
	bool good = key(v, &r->key) && key(v, &r->member);

	for (uint32_t i = 0; i < r->nmessage && good && r->message != NULL; i++)
		good = (r->message[i].kind != TSN_PIECE_FIELD && r->message[i].kind != TSN_PIECE_SET_COLUMN) || column(v, r->message[i].field);
	for (uint32_t i = 0; i < r->nactions && good; i++)
		good = key(v, &r->action[i].value);
	return good;
}

bool
tsn_verify_columns(struct tsn_verifier *v)
{
	const struct tsn_program *p = v->p;
	bool good = instructions(v, p->tests, p->ntests, column);

	for (int d = 0; d < TSN_DOORS && good; d++)
		good = instructions(v, p->code[d].insn, p->code[d].n, d == TSN_DOOR_TALK ? carried : column);
	for (uint32_t i = 0; i < p->naddresses && good; i++)
		good = column(v, p->addresses[i].field);
	for (uint32_t i = 0; i < p->ntuples && good; i++)
		good = key(v, &p->tuples[i]);
	for (uint32_t i = 0; i < p->nclasses && good; i++)
		good = column(v, p->classes[i].field);
	for (uint32_t i = 0; i < p->nfamilies && good; i++)
		good = family(v, &p->families[i]);
	for (uint32_t i = 0; i < p->nrules && good; i++)
		good = rule(v, &p->rules[i]);
	return good;
}
