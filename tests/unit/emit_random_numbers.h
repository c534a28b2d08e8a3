/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What a graph's numbers are, for one row: an evaluator that knows nothing of masks and adds up every aggregate anew from the
 * list of all rows so far.
 */
#ifndef TESTS_EMIT_RANDOM_NUMBERS_H
#define TESTS_EMIT_RANDOM_NUMBERS_H

#include <math.h>

#include "unit/emit_random_graph.h"

#define ROWS 4096 /* of one case, all its batches together */

struct number {
	bool known, real;
	int64_t i;
	double f;
};

/* One row that was evaluated, with what it counted for. */
struct memory {
	char key[200];
	bool in;        /* has a key and meets where */
	bool began;     /* of a sequence: meets the first step */
	struct number arg;
	char tuple[64]; /* "" absent */
};

struct naive_agg {
	struct memory *rows;
	uint32_t n;
};

static struct naive_agg naive[NODES * 4]; /* by node id */
static struct number cached_value[NODES * 8];
static uint64_t value_stamp[NODES * 8], tick;
static const struct tsn_batch *batch;
static uint32_t row;

static int truth(const struct tsn_ir *x);
static struct number number(const struct tsn_ir *x);

static struct number
unknown(bool real)
{
	return (struct number){ false, real, 0, 0 };
}

static struct number
whole(__int128 v)
{
	if (v > INT64_MAX || v < INT64_MIN)
		return unknown(false);
	return (struct number){ true, false, (int64_t)v, 0 };
}

static struct number
real_number(double f)
{
	return isfinite(f) ? (struct number){ true, true, 0, f } : unknown(true);
}

static struct number
arithmetic(const struct tsn_ir *x)
{
	struct number a = number(x->kid[0]), b = number(x->kid[1]);

	if (!a.known || !b.known)
		return unknown(a.real);
	if (a.real) {
		switch (x->arith) {
		case TSN_AR_ADD: return real_number(a.f + b.f);
		case TSN_AR_SUB: return real_number(a.f - b.f);
		case TSN_AR_MUL: return real_number(a.f * b.f);
		default: return b.f == 0 ? unknown(true) : real_number(a.f / b.f);
		}
	}
	switch (x->arith) {
	case TSN_AR_ADD: return whole((__int128)a.i + b.i);
	case TSN_AR_SUB: return whole((__int128)a.i - b.i);
	case TSN_AR_MUL: return whole((__int128)a.i * b.i);
	case TSN_AR_MOD: return b.i == 0 ? unknown(false) : whole((__int128)a.i % b.i);
	case TSN_AR_BAND: return whole(a.i & b.i);
	default: return whole(a.i | b.i);
	}
}

static struct number
field_number(enum tsn_field f)
{
	struct tsn_value v;

	tsn_batch_get(batch, row, f, &v);
	if (tsn_fields[f].storage == TSN_F64)
		return v.known ? real_number(v.f) : unknown(true);
	return v.known ? whole(v.i) : unknown(false);
}

/* Text of the row's key; false if a part is absent. */
static bool
key_text(const struct tsn_key_spec *k, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < k->n; i++) {
		struct tsn_value v;
		struct tsn_addr a;

		tsn_batch_get(batch, row, (enum tsn_field)k->part[i].field, &v);
		if (!v.known)
			return false;
		if (tsn_fields[k->part[i].field].storage == TSN_ADDR) {
			a = tsn_addr_mask(v.addr, k->part[i].v4_bits, k->part[i].v6_bits);
			n += (size_t)snprintf(out + n, size - n, "%d %llx %llx,", a.v4, (unsigned long long)a.hi, (unsigned long long)a.lo);
		} else {
			n += (size_t)snprintf(out + n, size - n, "%lld,", (long long)v.i);
		}
	}
	return true;
}

/* S26: the part of a long flow that falls into the window, rounded down. */
static struct number
shared(struct number v, int64_t window)
{
	struct number d = field_number(TSN_F_DURATION);
	__int128 q, r;

	if (!v.known || !d.known || d.i <= window)
		return v;
	q = (__int128)v.i * window / d.i;
	r = (__int128)v.i * window % d.i;
	return whole(r < 0 ? q - 1 : q);
}

/* Enters the row among those the aggregate has seen, once. */
static void
remember(const struct tsn_ir *x)
{
	struct naive_agg *a = &naive[x->id];
	struct memory *m;

	if (a->rows == NULL)
		a->rows = calloc(ROWS, sizeof(*a->rows));
	m = &a->rows[a->n++];
	m->in = key_text(&x->agg->key, m->key, sizeof(m->key));
	m->began = m->in && x->agg->nsteps > 0 && truth(x->agg->step[0].where) == 1;
	m->in &= truth(x->agg->where) == 1;
	m->arg = x->agg->arg != NULL ? number(x->agg->arg) : unknown(false);
	if (x->agg->share)
		m->arg = shared(m->arg, x->agg->window_ms);
	if (x->agg->fn == TSN_AGG_DISTINCT && !key_text(&x->agg->tuple, m->tuple, sizeof(m->tuple)))
		m->tuple[0] = '\0';
}

static bool
counted(const struct tsn_ir *x, const struct memory *m)
{
	if (!m->in)
		return false;
	if (x->agg->fn == TSN_AGG_DISTINCT)
		return m->tuple[0] != '\0';
	return x->agg->arg == NULL || m->arg.known;
}

/* Of one flow the last step comes first: what completes a run begins none. */
static struct number
sequence(const struct tsn_ir *x, const char *key)
{
	const struct naive_agg *a = &naive[x->id];
	bool began = false, done = false;

	for (uint32_t i = 0; i < a->n; i++) {
		const struct memory *m = &a->rows[i];

		done = false;
		if (strcmp(m->key, key) != 0)
			continue;
		if (m->in && began) {
			done = true;
			began = false;
		} else if (m->began) {
			began = true;
		}
	}
	return whole(done);
}

/* First of its group, and counted. */
static struct number
fresh(const struct tsn_ir *x, const char *key)
{
	const struct naive_agg *a = &naive[x->id];
	uint32_t before = 0;

	for (uint32_t i = 0; i + 1 < a->n; i++)
		before += a->rows[i].in && strcmp(a->rows[i].key, key) == 0;
	return whole(a->rows[a->n - 1].in && before == 0);
}

static struct number
aggregate(const struct tsn_ir *x)
{
	struct naive_agg *a = &naive[x->id];
	const struct memory *last = &a->rows[a->n - 1];
	char key[200];
	__int128 sum = 0;
	int64_t n = 0, least = 0, most = 0, different = 0;

	if (!key_text(x->agg->at.n > 0 ? &x->agg->at : &x->agg->key, key, sizeof(key)))
		return unknown(x->type == TSN_T_REAL);
	if (x->agg->fn == TSN_AGG_SEQUENCE)
		return sequence(x, key);
	if (x->agg->fn == TSN_AGG_FRESH)
		return fresh(x, key);
	for (const struct memory *m = a->rows; m <= last; m++) {
		if (!counted(x, m) || strcmp(m->key, key) != 0)
			continue;
		n++;
		sum += m->arg.i;
		least = n == 1 || m->arg.i < least ? m->arg.i : least;
		most = n == 1 || m->arg.i > most ? m->arg.i : most;
		if (x->agg->fn == TSN_AGG_DISTINCT) {
			const struct memory *k = a->rows;

			while (k < m && !(counted(x, k) && strcmp(k->key, key) == 0 && strcmp(k->tuple, m->tuple) == 0))
				k++;
			different += k == m;
		}
	}
	switch (x->agg->fn) {
	case TSN_AGG_COUNT: return whole(n);
	case TSN_AGG_SUM: return whole(sum);
	case TSN_AGG_DISTINCT: return whole(different);
	case TSN_AGG_MIN: return n == 0 ? unknown(false) : whole(least);
	case TSN_AGG_MAX: return n == 0 ? unknown(false) : whole(most);
	default: return n == 0 ? unknown(true) : real_number((double)sum / (double)n);
	}
}

static struct number
number(const struct tsn_ir *x)
{
	struct number v, a;

	if (value_stamp[x->id] == tick)
		return cached_value[x->id];
	switch (x->kind) {
	case TSN_IR_INT: v = whole(x->i); break;
	case TSN_IR_REAL: v = real_number(x->real); break;
	case TSN_IR_FIELD: v = field_number((enum tsn_field)x->field); break;
	case TSN_IR_ARITH: v = arithmetic(x); break;
	case TSN_IR_NEG:
		a = number(x->kid[0]);
		v = !a.known ? a : a.real ? real_number(-a.f) : whole(-(__int128)a.i);
		break;
	case TSN_IR_TO_REAL:
		a = number(x->kid[0]);
		v = a.known ? real_number((double)a.i) : unknown(true);
		break;
	default:
		remember(x);
		v = aggregate(x);
		break;
	}
	value_stamp[x->id] = tick;
	cached_value[x->id] = v;
	return v;
}

#endif
