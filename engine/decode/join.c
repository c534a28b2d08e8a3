/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What options records told, put into the rows it is about: sampling intervals
 * (by sampler, else by interface, else of the whole domain) and names. One
 * text is copied once for a run of rows that have it.
 */
#include <math.h>

#include "decode/plan.h"
#include "decode/wire.h"

static uint64_t
role_of(const struct tsn_op *op, const struct tsn_records *r, const uint8_t *record)
{
	struct tsn_records one = { record, 1, 0, r->at, r->len };

	return op->len > 0 ? tsn_read_uint(tsn_records_at(&one, op), tsn_records_len(&one, op)) : 0;
}

static uint32_t
rate_of_probability(const struct tsn_op *op, const struct tsn_records *r, const uint8_t *record)
{
	struct tsn_records one = { record, 1, 0, r->at, r->len };
	const uint8_t *p = tsn_records_at(&one, op);
	uint32_t len = tsn_records_len(&one, op), v4;
	uint64_t v8;
	double v = 0;
	float f;

	if (len == 8) {
		v8 = tsn_wire_u64(p);
		memcpy(&v, &v8, sizeof(v));
	} else if (len == 4) {
		v4 = tsn_wire_u32(p);
		memcpy(&f, &v4, sizeof(f));
		v = f;
	}
	return isfinite(v) && v > 0 && v <= 1 && 1 / v < UINT32_MAX ? (uint32_t)(1 / v + 0.5) : 0;
}

uint32_t
tsn_sampling_of_parts(const struct tsn_op role[TSN_ROLE_COUNT], const struct tsn_records *r, const uint8_t *record)
{
	uint64_t taken = role_of(&role[TSN_ROLE_PACKET_INTERVAL], r, record), all = 0;

	if (taken > 0 && taken <= UINT32_MAX && role[TSN_ROLE_PACKET_SPACE].len > 0) {
		all = role_of(&role[TSN_ROLE_PACKET_SPACE], r, record);
		all = all <= UINT32_MAX ? all + taken : 0;
	} else if (taken > 0) {
		return taken <= UINT32_MAX ? (uint32_t)taken : 0; /* one in so many, as older exporters have it */
	} else {
		taken = role_of(&role[TSN_ROLE_SAMPLE_SIZE], r, record);
		all = role_of(&role[TSN_ROLE_POPULATION], r, record);
	}
	if (taken > 0 && all >= taken && all / taken <= UINT32_MAX)
		return (uint32_t)(all / taken);
	return role[TSN_ROLE_PROBABILITY].len > 0 ? rate_of_probability(&role[TSN_ROLE_PROBABILITY], r, record) : 0;
}

static uint32_t
told_rate(const struct tsn_facts *f, enum tsn_fact kind, uint64_t id)
{
	const struct tsn_fact_entry *e = tsn_facts_get(f, kind, id);

	return e != NULL ? e->number : 0;
}

static uint32_t
interface_of(const struct tsn_batch *b, uint32_t row, enum tsn_field f)
{
	return tsn_mask_has(&b->present[f], row) ? ((const uint32_t *)b->col[f])[row] : 0;
}

static uint32_t
rate_of_row(const struct tsn_way *w, const struct tsn_batch *b, uint32_t row, const struct tsn_records *r,
    const uint8_t *record, const struct tsn_facts *f)
{
	uint32_t rate = tsn_sampling_of_parts(w->role, r, record);

	if (rate == 0 && w->role[TSN_ROLE_SAMPLER].len > 0)
		rate = told_rate(f, TSN_FACT_SAMPLER, role_of(&w->role[TSN_ROLE_SAMPLER], r, record));
	if (rate == 0 && f->kinds >> TSN_FACT_IF_SAMPLING & 1) {
		rate = told_rate(f, TSN_FACT_IF_SAMPLING, interface_of(b, row, TSN_F_IN_IF));
		if (rate == 0)
			rate = told_rate(f, TSN_FACT_IF_SAMPLING, interface_of(b, row, TSN_F_OUT_IF));
	}
	return rate != 0 ? rate : f->sampling;
}

static void
join_sampling(const struct tsn_way *w, struct tsn_batch *b, const struct tsn_records *r, const struct tsn_facts *f)
{
	uint32_t *c = (uint32_t *)b->col[TSN_F_SAMPLING] + b->n;
	bool parts = false;

	for (int i = TSN_ROLE_PACKET_INTERVAL; i < TSN_ROLE_COUNT; i++)
		parts |= w->role[i].len > 0;
	if (!parts && f->sampling == 0 && (f->kinds & (1u << TSN_FACT_SAMPLER | 1u << TSN_FACT_IF_SAMPLING)) == 0)
		return;
	for (uint32_t i = 0; i < r->n; i++) {
		uint32_t row = b->n + i, rate;

		if (tsn_mask_has(&b->present[TSN_F_SAMPLING], row) && c[i] != 0)
			continue;
		rate = rate_of_row(w, b, row, r, r->p + i * r->stride, f);
		if (rate == 0)
			continue;
		c[i] = rate;
		tsn_mask_set(&b->present[TSN_F_SAMPLING], row);
	}
}

/* The last text put, so that rows in a run share a copy. */
struct joiner {
	struct tsn_batch *b;
	const struct tsn_facts *f;
	const struct tsn_fact_entry *last;
	struct tsn_str text;
};

static void
join_text(struct joiner *j, uint32_t row, enum tsn_field field, enum tsn_fact kind, uint64_t id)
{
	const struct tsn_fact_entry *e;

	if (tsn_mask_has(&j->b->present[field], row))
		return;
	e = j->last != NULL && j->last->kind == kind && j->last->id == id ? j->last : tsn_facts_get(j->f, kind, id);
	if (e == NULL || e->len == 0)
		return;
	if (e == j->last) {
		tsn_batch_put_str(j->b, row, field, j->text);
		return;
	}
	tsn_batch_keep_str(j->b, row, field, e->text, e->len);
	if (tsn_mask_has(&j->b->present[field], row)) {
		j->last = e;
		j->text = ((const struct tsn_str *)j->b->col[field])[row];
	}
}

static void
join_interfaces(struct tsn_batch *b, const struct tsn_records *r, const struct tsn_facts *f, enum tsn_field index,
    enum tsn_field name)
{
	struct joiner j = { .b = b, .f = f };

	if (!tsn_field_set_has(&b->wanted, name))
		return;
	for (uint32_t row = b->n; row < b->n + r->n; row++)
		if (tsn_mask_has(&b->present[index], row))
			join_text(&j, row, name, TSN_FACT_IF_NAME, ((const uint32_t *)b->col[index])[row]);
}

uint64_t
tsn_application_id(const uint8_t *p, uint32_t len)
{
	uint64_t selector = 0;

	for (uint32_t i = 1; i < len; i++)
		selector = (selector << 8 | p[i]) & UINT64_C(0xffffffffffffff);
	return len > 0 ? (uint64_t)p[0] << 56 | selector : 0;
}

static void
join_role(const struct tsn_way *w, struct tsn_batch *b, const struct tsn_records *r, const struct tsn_facts *f,
    enum tsn_role role, enum tsn_field field, enum tsn_fact kind)
{
	struct joiner j = { .b = b, .f = f };
	const struct tsn_op *op = &w->role[role];

	if (op->len == 0 || (f->kinds >> kind & 1) == 0 || !tsn_field_set_has(&b->wanted, field))
		return;
	for (uint32_t i = 0; i < r->n; i++) {
		const uint8_t *p = tsn_records_at(r, op) + i * r->stride;
		uint32_t len = tsn_records_len(r, op);

		join_text(&j, b->n + i, field, kind,
		    role == TSN_ROLE_APPLICATION ? tsn_application_id(p, len) : tsn_read_uint(p, len));
	}
}

void
tsn_facts_join(const struct tsn_way *w, struct tsn_batch *b, const struct tsn_records *r, const struct tsn_facts *f)
{
	join_sampling(w, b, r, f);
	if (f->kinds >> TSN_FACT_IF_NAME & 1) {
		join_interfaces(b, r, f, TSN_F_IN_IF, TSN_F_IN_IF_NAME);
		join_interfaces(b, r, f, TSN_F_OUT_IF, TSN_F_OUT_IF_NAME);
	}
	join_role(w, b, r, f, TSN_ROLE_APPLICATION, TSN_F_APPLICATION, TSN_FACT_APPLICATION);
	join_role(w, b, r, f, TSN_ROLE_VRF_IN, TSN_F_VRF, TSN_FACT_VRF);
	join_role(w, b, r, f, TSN_ROLE_VRF_OUT, TSN_F_VRF, TSN_FACT_VRF);
}
