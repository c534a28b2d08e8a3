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

typedef bool looked_at(struct tsn_verifier *v, uint32_t f);

static bool
key(struct tsn_verifier *v, const struct tsn_key_spec *k, looked_at *good)
{
	for (unsigned i = 0; i < k->n; i++)
		if (!good(v, k->part[i].field))
			return false;
	return true;
}

static bool
family(struct tsn_verifier *v, const struct tsn_family_def *f, looked_at *good)
{
	bool ok = key(v, &f->key, good) && key(v, &f->at, good);

	for (uint32_t i = 0; i < f->nsteps && ok; i++)
		ok = key(v, &f->step[i].key, good);
	for (uint32_t i = 0; i < f->naggs && ok; i++)
		ok = key(v, &f->agg[i].tuple, good) && (f->agg[i].fn != TSN_AGG_JITTER || (good(v, TSN_F_START) && good(v, TSN_F_END)));
	return ok;
}

/* Operands that are fields. */
static bool
instruction(struct tsn_verifier *v, const struct tsn_insn *in, looked_at *good)
{
	const uint32_t x[] = { in->a, in->b, in->c };

	for (unsigned k = 0; k < 3; k++)
		if (tsn_ops[in->op].operand[k] == TSN_OPD_FIELD && !good(v, x[k]))
			return false;
	return in->op != TSN_OP_CODE_SHARE || good(v, TSN_F_DURATION);
}

static bool
dispatch(struct tsn_verifier *v, const struct tsn_dispatch *d, looked_at *good)
{
	bool ok = true;

	for (uint32_t i = 0; i < d->nlooks && ok; i++)
		ok = good(v, v->p->classes[d->look[i].classes].field);
	for (uint32_t i = 0; i < d->nsides && ok; i++)
		ok = good(v, d->side[i].field);
	return ok;
}

/* Operands that are numbers of pools: all doors take from these, so each thing that conversations take must be carried. */
static bool
from_pools(struct tsn_verifier *v, const struct tsn_insn *in)
{
	const struct tsn_program *p = v->p;
	const uint32_t x[] = { in->a, in->b, in->c };
	bool ok = true;

	for (unsigned k = 0; k < 3 && ok; k++)
		switch (tsn_ops[in->op].operand[k]) {
		case TSN_OPD_ADDRESS:
			ok = carried(v, p->addresses[x[k]].field);
			break;
		case TSN_OPD_TUPLE:
			ok = key(v, &p->tuples[x[k]], carried);
			break;
		case TSN_OPD_DISPATCH:
			ok = dispatch(v, &p->dispatches[x[k]], carried);
			break;
		case TSN_OPD_TEST:
			ok = instruction(v, &p->tests[x[k]], carried) && from_pools(v, &p->tests[x[k]]);
			break;
		default:
			break;
		}
	return ok && (in->op != TSN_OP_CODE_FOLD || family(v, &p->families[in->a], carried));
}

static bool
rule(struct tsn_verifier *v, const struct tsn_rule *r, looked_at *good)
{
	bool ok = key(v, &r->key, good) && key(v, &r->member, good);

	for (uint32_t i = 0; i < r->nmessage && ok && r->message != NULL; i++)
		ok = (r->message[i].kind != TSN_PIECE_FIELD && r->message[i].kind != TSN_PIECE_SET_COLUMN) || good(v, r->message[i].field);
	for (uint32_t i = 0; i < r->nactions && ok; i++)
		ok = key(v, &r->action[i].value, good);
	return ok;
}

static bool
code(struct tsn_verifier *v, enum tsn_door door)
{
	const struct tsn_code *c = &v->p->code[door];
	bool ok = true;

	for (uint32_t i = 0; i < c->n && ok; i++)
		ok = door != TSN_DOOR_TALK ? instruction(v, &c->insn[i], column) :
		    instruction(v, &c->insn[i], carried) && from_pools(v, &c->insn[i]);
	return ok;
}

/* All of a pool is looked at, whoever takes from it. */
static bool
pools(struct tsn_verifier *v)
{
	const struct tsn_program *p = v->p;
	bool good = true;

	for (uint32_t i = 0; i < p->ntests && good; i++)
		good = instruction(v, &p->tests[i], column);
	for (uint32_t i = 0; i < p->naddresses && good; i++)
		good = column(v, p->addresses[i].field);
	for (uint32_t i = 0; i < p->ntuples && good; i++)
		good = key(v, &p->tuples[i], column);
	for (uint32_t i = 0; i < p->nclasses && good; i++)
		good = column(v, p->classes[i].field);
	for (uint32_t i = 0; i < p->ndispatches && good; i++)
		good = dispatch(v, &p->dispatches[i], column);
	for (uint32_t i = 0; i < p->nfamilies && good; i++)
		good = family(v, &p->families[i], column);
	return good;
}

bool
tsn_verify_columns(struct tsn_verifier *v)
{
	const struct tsn_program *p = v->p;
	bool good = pools(v);

	for (int d = 0; d < TSN_DOORS && good; d++)
		good = code(v, (enum tsn_door)d);
	for (uint32_t i = 0; i < p->nrules && good; i++)
		good = rule(v, &p->rules[i], p->rules[i].door == TSN_DOOR_TALK ? carried : column);
	return good;
}
