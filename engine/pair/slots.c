/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* From columns of a batch of flows into those of the slots, and from there into a batch of records: a field at a time. */
#include "base/wide.h"
#include "pair/internal.h"

/* --- into slots --- */

/* Slots one behind the other, as far as they lie so: [n] of them from place [at] on, of the rows [row]. */
struct run {
	const uint16_t *row;
	uint32_t at, n;
};

#define PUT(type) \
	static void \
	put_##type(void *to, const struct run *r, const void *col) \
	{ \
		type *restrict out = (type *)to + r->at; \
		const type *v = col; \
		for (uint32_t i = 0; i < r->n; i++) \
			out[i] = v[r->row[i]]; \
	}
PUT(uint8_t)
PUT(uint16_t)
PUT(uint32_t)
PUT(uint64_t)
#undef PUT

static void
put_numbers(void *to, const struct run *r, const void *col, size_t size)
{
	switch (size) {
	case 1: put_uint8_t(to, r, col); break;
	case 2: put_uint16_t(to, r, col); break;
	case 4: put_uint32_t(to, r, col); break;
	default: put_uint64_t(to, r, col); break;
	}
}

static void
put_there(uint8_t *there, const struct run *r, const struct tsn_batch *b, const struct tsn_mask *has)
{
	uint8_t has_byte[TSN_BATCH_ROWS];

	if (tsn_mask_same(has, &b->rows) || !tsn_mask_any(has)) {
		memset(there + r->at, tsn_mask_any(has), r->n);
		return;
	}
	tsn_mask_unpack(has_byte, has);
	put_uint8_t(there, r, has_byte);
}

static void
put_wide(struct column *col, const struct run *r, const struct tsn_batch *b, enum tsn_field f, uint64_t *lost)
{
	const struct tsn_addr_column *a = &b->addr[tsn_fields[f].addr_slot];
	struct wide *wide = col->wide.p;
	uint8_t *there = col->there.p;

	for (uint32_t i = 0; i < r->n && a->any_v6; i++) {
		if (there[r->at + i] == ABSENT || tsn_mask_has(&a->is_v4, r->row[i]))
			continue;
		there[r->at + i] = wide != NULL ? IS_V6 : ABSENT;
		*lost += wide == NULL;
		if (wide != NULL)
			wide[r->at + i] = (struct wide){ a->hi[r->row[i]], a->lo[r->row[i]] };
	}
}

static void
put_texts(struct carry *c, struct column *col, const struct run *r, const struct tsn_str *v, uint64_t *lost)
{
	uint32_t *where = col->v.p;
	uint8_t *there = col->there.p;

	for (uint32_t i = 0; i < r->n; i++) {
		if (there[r->at + i] == ABSENT || tsn_pair_put_text(c, v[r->row[i]], &where[r->at + i]))
			continue;
		there[r->at + i] = ABSENT;
		++*lost;
	}
}

static void
put_column(struct tsn_pair *p, enum tsn_field f, const struct run *r, const struct tsn_batch *b)
{
	static const struct tsn_mask none;
	struct column *col = &p->carry.column[f];

	put_there(col->there.p, r, b, col->carried ? &b->present[f] : &none);
	if (!col->carried)
		return;
	if (tsn_field_storage[f] == TSN_STR) {
		put_texts(&p->carry, col, r, b->col[f], &p->stats.bare);
		return;
	}
	put_numbers(col->v.p, r, b->col[f], size_of(f));
	if (tsn_field_storage[f] == TSN_ADDR)
		put_wide(col, r, b, f, &p->stats.bare);
}

static void
put_run(struct tsn_pair *p, const struct run *r, const struct tsn_batch *b)
{
	put_numbers(p->carry.source.p, r, b->source, sizeof(uint32_t));
	for (uint32_t i = 0; i < p->carry.nmade; i++)
		put_column(p, (enum tsn_field)p->carry.made[i], r, b);
}

/* A later flow of a side: its raw counters are sums. */
static void
add_later(struct carry *c, enum tsn_field f, const struct tsn_batch *b)
{
	uint64_t *v = c->column[f].v.p;
	const uint64_t *more = b->col[f];
	const uint8_t *there = c->column[f].there.p;

	for (uint32_t i = 0; i < c->nlater && c->column[f].made; i++) {
		const uint32_t at = c->later_slot[i] & (c->cap - 1);

		if (there[at] == ABSENT || !tsn_mask_has(&b->present[f], c->later[i]))
			continue;
		v[at] += v[at] < TOO_MANY ? more[c->later[i]] : 0; /* each is below 2^63 */
		v[at] = v[at] < TOO_MANY ? v[at] : TOO_MANY;
	}
}

void
tsn_pair_carry_rows(struct tsn_pair *p, const struct tsn_batch *b)
{
	struct carry *c = &p->carry;
	const uint32_t at = (uint32_t)(c->end - c->nrows) & (c->cap - 1);
	const uint32_t left = c->cap - at, n = c->nrows < left ? c->nrows : left;

	if (n > 0)
		put_run(p, &(struct run){ c->row, at, n }, b);
	if (n < c->nrows)
		put_run(p, &(struct run){ c->row + n, 0, c->nrows - n }, b);
	add_later(c, TSN_F_RAW_PACKETS, b);
	add_later(c, TSN_F_RAW_BYTES, b);
	c->nrows = c->nlater = 0;
}

/* --- out of slots --- */

/* Where the rows of a batch of records have what they carry. */
struct rows {
	uint32_t at[TSN_BATCH_ROWS];
	uint8_t any[TSN_BATCH_ROWS];  /* they carry something */
	uint8_t there[TSN_BATCH_ROWS];
	uint32_t n;
};

#define GET(type) \
	static void \
	get_##type(void *to, const struct rows *r, const void *col) \
	{ \
		type *restrict out = to; \
		const type *v = col; \
		for (uint32_t i = 0; i < r->n; i++) \
			out[i] = v[r->at[i]]; \
	}
GET(uint8_t)
GET(uint16_t)
GET(uint32_t)
GET(uint64_t)
#undef GET

static void
get_numbers(void *to, const struct rows *r, const void *col, size_t size)
{
	switch (size) {
	case 1: get_uint8_t(to, r, col); break;
	case 2: get_uint16_t(to, r, col); break;
	case 4: get_uint32_t(to, r, col); break;
	default: get_uint64_t(to, r, col); break;
	}
}

/* Raw counters beyond what the language holds are absent. */
static void
only_held(struct rows *r, const uint64_t *v)
{
	for (uint32_t i = 0; i < r->n; i++)
		r->there[i] = r->there[i] != ABSENT && v[i] < TOO_MANY;
}

static void
get_addrs(struct tsn_batch *out, const struct rows *r, const struct column *col, enum tsn_field f)
{
	struct tsn_addr_column *a = &out->addr[tsn_fields[f].addr_slot];
	const struct wide *wide = col->wide.p;
	uint8_t v4[TSN_BATCH_ROWS] = { 0 };

	for (uint32_t i = 0; i < r->n; i++)
		v4[i] = r->there[i] == PRESENT;
	for (uint32_t i = 0; i < r->n && wide != NULL; i++) {
		if (r->there[i] != IS_V6)
			continue;
		a->v4[i] = 0;
		a->hi[i] = wide[r->at[i]].hi;
		a->lo[i] = wide[r->at[i]].lo;
		a->any_v6 = true;
	}
	tsn_mask_pack(&a->is_v4, v4);
}

static void
get_texts(const struct carry *c, struct tsn_batch *out, const struct rows *r, const uint32_t *where, enum tsn_field f)
{
	struct tsn_str *v = out->col[f];

	for (uint32_t i = 0; i < r->n; i++)
		if (r->there[i] != ABSENT)
			v[i] = tsn_pair_get_text(c, where[r->at[i]]);
}

/* What rows without a slot seem to have is somebody else's. */
TSN_WIDE(static, bool, any_there, (struct rows *r), (r))
{
	uint8_t any = 0;

	for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++) {
		r->there[i] &= r->any[i];
		any |= r->there[i];
	}
	return any != 0;
}

static void
get_column(const struct carry *c, struct tsn_batch *out, struct rows *r, enum tsn_field f)
{
	const struct column *col = &c->column[f];

	get_uint8_t(r->there, r, col->there.p);
	if (!any_there(r))
		return;
	if (tsn_field_storage[f] == TSN_STR)
		get_texts(c, out, r, col->v.p, f);
	else
		get_numbers(out->col[f], r, col->v.p, size_of(f));
	if (tsn_field_storage[f] == TSN_ADDR)
		get_addrs(out, r, col, f);
	if (is_raw(f))
		only_held(r, out->col[f]);
	for (uint32_t i = 0; i < TSN_BATCH_ROWS; i++)
		r->there[i] = r->there[i] != ABSENT;
	tsn_mask_pack(&out->present[f], r->there);
}

void
tsn_pair_carried(const struct tsn_pair *p, const struct side *const *side, uint32_t n, struct tsn_batch *out)
{
	const struct carry *c = &p->carry;
	struct rows r = { .n = n, .any = { 0 } };

	for (uint32_t i = 0; i < n; i++) {
		const bool any = (side[i]->bits & SIDE_CARRIES) != 0;

		r.any[i] = any ? UINT8_MAX : 0;
		r.at[i] = any ? side[i]->slot & (c->cap - 1) : 0;
	}
	if (c->cap == 0)
		return;
	get_numbers(out->source, &r, c->source.p, sizeof(uint32_t));
	for (uint32_t i = 0; i < n; i++)
		out->source[i] = r.any[i] ? out->source[i] : 0;
	for (uint32_t i = 0; i < c->nmade; i++)
		get_column(c, out, &r, (enum tsn_field)c->made[i]);
}
