/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* The flows of a rule's test, one after the other with their times and defaults (S52). */
#include <math.h>
#include <string.h>

#include "compile/compile.h"

#define DEFAULT_BYTES    60

void
tsn_test_begin(struct tsn_test_cursor *c, const struct tsn_rule_test *test)
{
	*c = (struct tsn_test_cursor){ .test = test, .now_ms = TSN_TEST_START };
}

static struct tsn_value
nth(const struct tsn_test_assign *a, uint64_t i)
{
	struct tsn_value v = a->first;
	uint64_t by = i % a->n;

	if (v.type == TSN_T_ADDR) {
		v.addr.hi += v.addr.lo + by < v.addr.lo;
		v.addr.lo += by;
	} else if (by != 0) {
		v.i += (int64_t)by;
	}
	return v;
}

static struct tsn_value *
find(struct tsn_test_flow *f, uint16_t field)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->v[i].field == field)
			return &f->v[i].value;
	return NULL;
}

static void
set(struct tsn_test_flow *f, uint16_t field, struct tsn_value v)
{
	struct tsn_value *old = find(f, field);

	if (old != NULL) {
		*old = v;
		return;
	}
	f->v[f->n].field = field;
	f->v[f->n++].value = v;
}

static struct tsn_value
number(enum tsn_type t, int64_t i)
{
	return (struct tsn_value){ .type = t, .known = true, .i = i };
}

/*
 * packets and bytes are what rules see; records hold them before sampling is applied. Where the interval does
 * not divide them the record's number is rounded down.
 */
static void
counter(struct tsn_test_flow *f, uint16_t scaled, uint16_t raw, int64_t fallback)
{
	const struct tsn_value *v = find(f, scaled), *interval = find(f, TSN_F_SAMPLING);
	int64_t by = interval != NULL && interval->i > 1 ? interval->i : 1, n = v == NULL ? fallback : v->i / by;

	if (v != NULL)
		*find(f, scaled) = number(TSN_T_INT, n);
	for (uint32_t i = 0; v != NULL && i < f->n; i++)
		if (f->v[i].field == scaled)
			f->v[i] = f->v[--f->n];
	if (find(f, raw) == NULL)
		set(f, raw, number(TSN_T_INT, n));
}

static void
times(struct tsn_test_flow *f)
{
	const struct tsn_value *end = find(f, TSN_F_END), *duration = find(f, TSN_F_DURATION);
	int64_t at = end == NULL ? f->end_ms : end->i, lasted = duration == NULL ? 0 : duration->i;

	if (end == NULL)
		set(f, TSN_F_END, number(TSN_T_TIME, at));
	if (find(f, TSN_F_START) == NULL)
		set(f, TSN_F_START, number(TSN_T_TIME, at - lasted));
	for (uint32_t i = 0; i < f->n; i++)
		if (f->v[i].field == TSN_F_DURATION)
			f->v[i--] = f->v[--f->n];
}

static void
fill(struct tsn_test_flow *f, const struct tsn_test_step *s, uint64_t i)
{
	struct tsn_value exporter = { .type = TSN_T_ADDR, .known = true, .v4_bits = 32, .v6_bits = 128 };

	f->n = 0;
	for (uint32_t k = 0; k < s->nassigns; k++)
		set(f, s->assign[k].field, nth(&s->assign[k], i));
	counter(f, TSN_F_PACKETS, TSN_F_RAW_PACKETS, 1);
	counter(f, TSN_F_BYTES, TSN_F_RAW_BYTES, DEFAULT_BYTES);
	times(f);
	exporter.addr = tsn_addr_v4(TSN_TEST_EXPORTER);
	if (find(f, TSN_F_EXPORTER) == NULL)
		set(f, TSN_F_EXPORTER, exporter);
}

bool
tsn_test_next(struct tsn_test_cursor *c, struct tsn_test_flow *out)
{
	const struct tsn_test_step *s;

	if (c->step >= c->test->nsteps)
		return false;
	s = &c->test->steps[c->step];
	out->wait = s->kind == TSN_STEP_WAIT;
	out->n = 0;
	if (out->wait)
		c->now_ms += s->wait_ms;
	else if (c->started)
		c->now_ms += s->every_ms;
	out->end_ms = c->now_ms;
	if (!out->wait) {
		c->started = true;
		fill(out, s, c->done++);
	}
	if (out->wait || c->done == s->repeat) {
		c->step++;
		c->done = 0;
	}
	return true;
}

void
tsn_test_put(const struct tsn_test_flow *f, struct tsn_batch *b, uint32_t row)
{
	for (uint32_t i = 0; i < f->n; i++)
		tsn_batch_put(b, row, f->v[i].field, &f->v[i].value);
	b->received[row] = f->end_ms;
	/* The exporter's clock is right: the age of the flow is what lies between its end and now. */
	b->exported[row] = f->end_ms;
}

bool
tsn_test_expects(const struct tsn_test_assign *want, const struct tsn_value *got)
{
	const struct tsn_value *w = &want->first;
	unsigned bits = w->addr.v4 ? w->v4_bits : w->v6_bits;

	if (!got->known)
		return false;
	switch (w->type) {
	case TSN_T_ADDR:
		return got->type == TSN_T_ADDR && got->addr.v4 == w->addr.v4 &&
		    (w->addr.v4 ? got->v4_bits : got->v6_bits) >= bits &&
		    tsn_addr_cmp(tsn_addr_mask(got->addr, bits, bits), w->addr) == 0;
	case TSN_T_STRING:
		return got->type == TSN_T_STRING && got->s.n == w->s.n && memcmp(got->s.p, w->s.p, w->s.n) == 0;
	case TSN_T_REAL:
		return fabs((got->type == TSN_T_REAL ? got->f : (double)got->i) - w->f) < 1e-9 * (1 + fabs(w->f));
	default:
		return got->type != TSN_T_REAL && got->type != TSN_T_ADDR && got->type != TSN_T_STRING && got->i == w->i;
	}
}
