/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * The steps of a plan. Each is a loop over the records of a set for one
 * column; what is usual (a number as long as its column or half of it, an
 * address) is a plain loop, the rest goes through tsn_batch_put_*.
 */
#include "base/wide.h"
#include "decode/columns.h"
#include "decode/plan.h"
#include "decode/wire.h"

/* Any length, any column; a number that does not fit is absent. */
static void
put_number(struct tsn_batch *b, uint32_t row, enum tsn_field f, uint64_t v, bool again)
{
	static const uint64_t most[] = { [TSN_U8] = UINT8_MAX, [TSN_U16] = UINT16_MAX, [TSN_U32] = UINT32_MAX,
		[TSN_U64] = UINT64_MAX, [TSN_I64] = INT64_MAX };

	if (v <= most[tsn_fields[f].storage] && (v != 0 || !again || !tsn_mask_has(&b->present[f], row)))
		tsn_batch_put_int(b, row, f, (int64_t)v);
}

static void
slow_numbers(struct tsn_batch *b, const struct tsn_op *op, const uint8_t *p, const struct tsn_records *r, uint32_t len)
{
	for (uint32_t i = 0; i < r->n && len <= 8; i++, p += r->stride)
		put_number(b, b->n + i, op->field, tsn_read_uint(p, len), op->again);
}

#define READ_U8(p) (*(p))
#define COLUMN(type, read) \
	do { \
		type *restrict c = (type *)b->col[op->field] + b->n; \
		for (uint32_t i = 0; i < n; i++, p += stride) \
			c[i] = (type)read(p); \
		tsn_mask_set_range(&b->present[op->field], b->n, n); \
	} while (0)
#define CASE(storage, len) ((storage) << 4 | (len))

static void
run_uint(struct tsn_batch *b, const struct tsn_op *op, const uint8_t *restrict p, const struct tsn_records *r,
    uint32_t len)
{
	uint32_t n = r->n;
	size_t stride = r->stride;

	if (op->again || len > 8) {
		slow_numbers(b, op, p, r, len);
		return;
	}
	switch (CASE(tsn_fields[op->field].storage, len)) {
	case CASE(TSN_U8, 1): COLUMN(uint8_t, READ_U8); break;
	case CASE(TSN_U16, 1): COLUMN(uint16_t, READ_U8); break;
	case CASE(TSN_U16, 2): COLUMN(uint16_t, tsn_wire_u16); break;
	case CASE(TSN_U32, 2): COLUMN(uint32_t, tsn_wire_u16); break;
	case CASE(TSN_U32, 4): COLUMN(uint32_t, tsn_wire_u32); break;
	case CASE(TSN_U64, 4): COLUMN(uint64_t, tsn_wire_u32); break;
	case CASE(TSN_U64, 8): COLUMN(uint64_t, tsn_wire_u64); break;
	default: slow_numbers(b, op, p, r, len);
	}
}

#undef CASE
#undef COLUMN
#undef READ_U8

/* RFC 7125: 12 bits of flags in the lower end of 16; one byte has the lower eight. */
static void
run_flags(struct tsn_batch *b, const struct tsn_op *op, const uint8_t *p, const struct tsn_records *r, uint32_t len)
{
	uint16_t *c = (uint16_t *)b->col[op->field] + b->n;

	for (uint32_t i = 0; i < r->n; i++, p += r->stride) {
		uint16_t v = (uint16_t)(tsn_read_uint(p, len) & 0xfff);

		c[i] = op->again ? c[i] | v : v;
	}
	tsn_mask_set_range(&b->present[op->field], b->n, r->n);
}

static void
put_addr(struct tsn_batch *b, uint32_t row, enum tsn_field f, struct tsn_addr v, bool again)
{
	if ((v.hi | v.lo) != 0 || !again || !tsn_mask_has(&b->present[f], row))
		tsn_batch_put_addr(b, row, f, v);
}

static void
run_ipv4(struct tsn_batch *b, const struct tsn_op *op, const uint8_t *restrict p, const struct tsn_records *r)
{
	struct tsn_addr_column *a = &b->addr[tsn_fields[op->field].addr_slot];
	uint32_t *restrict v4 = a->v4 + b->n, n = r->n;
	size_t stride = r->stride;

	for (uint32_t i = 0; op->again && i < n; i++)
		put_addr(b, b->n + i, op->field, tsn_addr_v4(tsn_wire_u32(p + i * stride)), true);
	if (op->again)
		return;
	for (uint32_t i = 0; i < n; i++, p += stride)
		v4[i] = tsn_wire_u32(p);
	tsn_mask_set_range(&a->is_v4, b->n, n);
	tsn_mask_set_range(&b->present[op->field], b->n, n);
}

static void
run_ipv6(struct tsn_batch *b, const struct tsn_op *op, const uint8_t *restrict p, const struct tsn_records *r)
{
	struct tsn_addr_column *a = &b->addr[tsn_fields[op->field].addr_slot];
	uint64_t *restrict hi = a->hi + b->n, *restrict lo = a->lo + b->n;
	uint32_t *restrict v4 = a->v4 + b->n, n = r->n, mapped = 0;
	const uint8_t *first = p;
	size_t stride = r->stride;

	for (uint32_t i = 0; !op->again && i < n; i++, p += stride) {
		hi[i] = tsn_wire_u64(p);
		lo[i] = tsn_wire_u64(p + 8);
		v4[i] = 0;
		mapped |= (hi[i] == 0) & (lo[i] >> 32 == 0xffff);
	}
	if (!op->again) {
		a->any_v6 = true;
		tsn_mask_set_range(&b->present[op->field], b->n, n);
	}
	for (uint32_t i = 0; (op->again || mapped) && i < n; i++)
		put_addr(b, b->n + i, op->field, tsn_addr_from_v6(first + i * stride), op->again);
}

static void
run_small(struct tsn_batch *b, const struct tsn_op *op, const uint8_t *p, const struct tsn_records *r, uint32_t len)
{
	for (uint32_t i = 0; i < r->n; i++, p += r->stride) {
		uint8_t v = op->code == TSN_MAP_HIGH ? p[0]
		    : op->code == TSN_MAP_LOW        ? p[1]
		    : op->code == TSN_MAP_DSCP       ? (uint8_t)(p[len - 1] << 2)
		    : op->code == TSN_MAP_FWD        ? p[len - 1] >> 6 /* RFC 7270; some send 4 bytes */
						     : p[len - 1];

		if (op->code != TSN_MAP_BIT || v <= 1)
			put_number(b, b->n + i, op->field, v, op->again);
	}
}

uint32_t
tsn_text_len(const uint8_t *p, uint32_t len)
{
	const uint8_t *end = len > 0 ? memchr(p, 0, len) : NULL;

	return end != NULL ? (uint32_t)(end - p) : len;
}

void
tsn_request_target(const uint8_t **p, uint32_t *len)
{
	const uint8_t *from = memchr(*p, ' ', *len), *to;

	if (from == NULL)
		return;
	*len -= (uint32_t)(++from - *p);
	*p = from;
	to = memchr(from, ' ', *len);
	if (to != NULL)
		*len = (uint32_t)(to - from);
}

static void
run_text(struct tsn_batch *b, const struct tsn_op *op, const uint8_t *p, const struct tsn_records *r, uint32_t len)
{
	for (uint32_t i = 0; i < r->n; i++, p += r->stride) {
		const uint8_t *from = p;
		uint32_t n = tsn_text_len(p, len);

		if (op->code == TSN_MAP_REQUEST)
			tsn_request_target(&from, &n);
		if (n > 0)
			tsn_batch_keep_str(b, b->n + i, op->field, (const char *)from, n);
	}
}

static void
run_other(const struct tsn_op *op, struct tsn_batch *b, const uint8_t *p, const struct tsn_head *h,
    const struct tsn_records *r, uint32_t len, const struct tsn_lists *lists)
{
	for (uint32_t i = 0; i < r->n; i++, p += r->stride) {
		if (op->code == TSN_OP_WANTED)
			tsn_wanted_put(b, b->n + i, op, p, len);
		else
			tsn_list_walk(
			    &(struct tsn_walker){ b, b->n + i, h, lists, 0, op->rank == 1 }, op->type, p, len);
	}
}

/* True: the times of [op] are to be placed. */
static bool
run_op(const struct tsn_op *op, struct tsn_batch *b, const struct tsn_head *h, const struct tsn_records *r,
    const struct tsn_lists *lists)
{
	const uint8_t *p = tsn_records_at(r, op);
	uint32_t len = tsn_records_len(r, op);

	if (len == 0)
		return false;
	switch (op->code) {
	case TSN_MAP_UINT: run_uint(b, op, p, r, len); break;
	case TSN_MAP_FLAGS: run_flags(b, op, p, r, len); break;
	case TSN_MAP_IPV4:
		if (len == 4)
			run_ipv4(b, op, p, r);
		break;
	case TSN_MAP_IPV6:
		if (len == 16)
			run_ipv6(b, op, p, r);
		break;
	case TSN_MAP_MAC:
		if (len == 6)
			slow_numbers(b, op, p, r, len);
		break;
	case TSN_MAP_TEXT:
	case TSN_MAP_REQUEST: run_text(b, op, p, r, len); break;
	case TSN_MAP_HIGH:
	case TSN_MAP_LOW:
		if (len == 2)
			run_small(b, op, p, r, len);
		break;
	case TSN_MAP_BIT:
	case TSN_MAP_DSCP:
	case TSN_MAP_FWD: run_small(b, op, p, r, len); break;
	case TSN_OP_WANTED:
	case TSN_OP_LIST: run_other(op, b, p, h, r, len, lists); break;
	default: return true;
	}
	return false;
}

/* The columns in which all rows of a message are alike. */
TSN_WIDE(static, void, fill_constants, (struct tsn_batch *b, const struct tsn_head *h, uint32_t n), (b, h, n))
{
	struct tsn_addr_column *a = &b->addr[tsn_fields[TSN_F_EXPORTER].addr_slot];
	struct tsn_addr x = h->from.exporter;
	uint32_t row = b->n;

	if (x.v4 && x.lo != 0) {
		tsn_fill_u32(a->v4 + row, n, (uint32_t)x.lo);
		tsn_mask_set_range(&a->is_v4, row, n);
		tsn_mask_set_range(&b->present[TSN_F_EXPORTER], row, n);
	} else if (!x.v4) {
		for (uint32_t i = 0; i < n; i++)
			tsn_batch_put_addr(b, row + i, TSN_F_EXPORTER, x);
	} /* else nobody is known to have sent it, but the records may have said (elements 130 and 131) */
	tsn_fill_sent(b, n, h->source, h->received, h->exported);
	if (tsn_field_set_has(&b->wanted, TSN_F_SOURCE_ID)) {
		tsn_fill_u32((uint32_t *)b->col[TSN_F_SOURCE_ID] + row, n, h->domain);
		tsn_mask_set_range(&b->present[TSN_F_SOURCE_ID], row, n);
	}
}

/* Does what turns can do; the first step that is left. */
static uint32_t
run_turns(const struct tsn_way *w, struct tsn_batch *b, const struct tsn_head *h, const struct tsn_records *r,
    bool *odd)
{
	const struct tsn_turn_records records = { r->p, r->n, r->stride, h->uptime, h->exported, h->received };
	enum tsn_turned turned = w->turns > 0 ? tsn_turns_run(b, w->turn, w->turns, &records) : TSN_TURNED_NOT;

	*odd = turned == TSN_TURNED_ODD;
	if (turned == TSN_TURNED_NOT)
		return 0;
	tsn_told_put(&w->told, b, r->n);
	if (!*odd)
		tsn_told_put(&w->placed, b, r->n);
	return w->turned;
}

uint32_t
tsn_plan_run(struct tsn_plan *p, int way, struct tsn_batch *b, const struct tsn_head *h, const struct tsn_records *r,
    const struct tsn_lists *lists)
{
	const struct tsn_way *w = &p->way[way];
	const struct tsn_facts *facts = *lists->domain != NULL ? &(*lists->domain)->facts : &(struct tsn_facts){ 0 };
	struct tsn_mask odd;
	bool odd_times;
	uint32_t n, from;

	if (!tsn_field_set_same(&p->wanted, &b->wanted))
		tsn_plan_fit(p, &b->wanted);
	tsn_mask_clear(&odd);
	from = run_turns(w, b, h, r, &odd_times);
	for (uint32_t i = 0; odd_times && i < from; i++)
		if (tsn_op_is_time(&w->step[i]))
			tsn_times_run(w, &w->step[i], b, h, r, facts, &odd);
	for (uint32_t i = from; i < w->steps; i++)
		if (run_op(&w->step[i], b, h, r, lists))
			tsn_times_run(w, &w->step[i], b, h, r, facts, &odd);
	n = tsn_times_finish(w, b, r, &odd);
	tsn_facts_join(w, b, r, facts);
	fill_constants(b, h, r->n);
	b->n += r->n;
	return n;
}

bool
tsn_plan_has_reverse(const struct tsn_plan *p, const struct tsn_records *r)
{
	const struct tsn_way *w = &p->way[1];

	for (uint32_t i = 0; p->reverse && i < w->n; i++) {
		const struct tsn_op *op = &w->op[i];

		if ((op->field == TSN_F_RAW_BYTES || op->field == TSN_F_RAW_PACKETS) && op->code == TSN_MAP_UINT &&
		    tsn_read_uint(tsn_records_at(r, op), tsn_records_len(r, op)) != 0)
			return true;
	}
	return false;
}
