/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/*
 * What rules may ask of the initiator's first flow beside what every conversation has: a column a field, with a place for each
 * slot. Columns are rings of one length and made when a flow with the field comes, so what no exporter sends costs nothing. Texts lie in
 * a ring of bytes, each behind its length; their column says where.
 */
#include "pair/internal.h"

#define FIRST_SLOTS 1024u
#define FIRST_TEXT  (UINT64_C(8) << 10) /* twice more than the longest text */

/* --- memory --- */

static bool
reach(struct carry *c, struct array *a, size_t bytes)
{
	const size_t more = bytes > a->bytes ? bytes - a->bytes : 0;

	if (c->spent + more > c->most || !tsn_pair_reach(a, bytes))
		return false;
	c->spent += more;
	return true;
}

static void
drop(struct carry *c, struct array *a)
{
	c->spent -= a->bytes;
	tsn_pair_unmap(a);
}

static void
drop_column(struct carry *c, enum tsn_field f)
{
	struct column *col = &c->column[f];

	drop(c, &col->v);
	drop(c, &col->there);
	drop(c, &col->wide);
	col->made = false;
	for (uint32_t i = 0; i < c->nmade; i++)
		if (c->made[i] == f)
			c->made[i--] = c->made[--c->nmade];
}

void
tsn_pair_carry_fini(struct carry *c)
{
	while (c->nmade > 0)
		drop_column(c, (enum tsn_field)c->made[0]);
	drop(c, &c->source);
	drop(c, &c->text);
}

static bool
make_column(struct carry *c, enum tsn_field f)
{
	struct column *col = &c->column[f];

	if (col->made)
		return true;
	if (!reach(c, &col->v, c->cap * size_of(f)) || !reach(c, &col->there, c->cap)) {
		drop(c, &col->v);
		return false;
	}
	col->made = true;
	c->made[c->nmade++] = (uint16_t)f;
	return true;
}

static bool
reach_column(struct carry *c, enum tsn_field f, uint32_t cap)
{
	struct column *col = &c->column[f];

	return reach(c, &col->v, cap * size_of(f)) && reach(c, &col->there, cap) &&
	    (col->wide.p == NULL || reach(c, &col->wide, cap * sizeof(struct wide)));
}

static void
unfold_column(struct carry *c, enum tsn_field f)
{
	struct column *col = &c->column[f];

	tsn_pair_unfold(col->v.p, size_of(f), c->begin, c->end, c->cap);
	tsn_pair_unfold(col->there.p, 1, c->begin, c->end, c->cap);
	if (col->wide.p != NULL)
		tsn_pair_unfold(col->wide.p, sizeof(struct wide), c->begin, c->end, c->cap);
}

bool
tsn_pair_grow_slots(struct carry *c)
{
	const uint32_t cap = c->cap == 0 ? FIRST_SLOTS : c->cap * 2;

	if (!reach(c, &c->source, cap * sizeof(uint32_t)))
		return false;
	for (uint32_t i = 0; i < c->nmade; i++)
		if (!reach_column(c, (enum tsn_field)c->made[i], cap))
			return false;
	if (c->cap > 0)
		tsn_pair_unfold(c->source.p, sizeof(uint32_t), c->begin, c->end, c->cap);
	for (uint32_t i = 0; i < c->nmade && c->cap > 0; i++)
		unfold_column(c, (enum tsn_field)c->made[i]);
	c->cap = cap;
	return true;
}

/* --- which columns --- */

/* Rows that have something for which there is no column yet. */
static bool
lacking(const struct carry *c, enum tsn_field f, const struct tsn_batch *b, struct tsn_mask *out)
{
	if (c->column[f].refused || (c->column[f].made && (tsn_field_storage[f] != TSN_ADDR || c->column[f].wide.p != NULL)))
		return false;
	*out = b->present[f];
	if (c->column[f].made) {
		if (!b->addr[tsn_fields[f].addr_slot].any_v6)
			return false;
		tsn_mask_andnot(out, out, &b->addr[tsn_fields[f].addr_slot].is_v4);
	}
	return tsn_mask_any(out);
}

static uint32_t
first_from(const struct tsn_mask *m, uint32_t from)
{
	while (from < TSN_BATCH_ROWS && !tsn_mask_has(m, from))
		from++;
	return from;
}

bool
tsn_pair_column(struct carry *c, enum tsn_field f, bool v6)
{
	return make_column(c, f) && (!v6 || reach(c, &c->column[f].wide, c->cap * sizeof(struct wide)));
}

static bool
make(struct carry *c, enum tsn_field f, const struct tsn_batch *b, uint32_t row)
{
	const int slot = tsn_fields[f].addr_slot;

	return tsn_pair_column(c, f, slot >= 0 && !tsn_mask_has(&b->addr[slot].is_v4, row));
}

uint32_t
tsn_pair_carry_ready(struct tsn_pair *p, const struct tsn_batch *b, uint32_t from)
{
	struct carry *c = &p->carry;
	struct tsn_mask lack;
	uint32_t to = b->n, first;

	if (c->cap == 0 && !tsn_pair_grow_slots(c)) {
		p->stats.bare++;
		return from + 1;
	}
	for (uint32_t i = 0; i < c->nfields; i++) {
		const enum tsn_field f = (enum tsn_field)c->field[i];

		if (!lacking(c, f, b, &lack))
			continue;
		first = first_from(&lack, from);
		if (first == from) {
			c->column[f].refused = !make(c, f, b, from);
			p->stats.bare += c->column[f].refused;
			first = lacking(c, f, b, &lack) ? first_from(&lack, from + 1) : to;
		}
		to = first < to ? first : to;
	}
	return to;
}

void
tsn_pair_carry_forget(struct tsn_pair *p, const struct talk *t)
{
	struct carry *c = &p->carry;

	c->begin = t == NULL ? c->end : c->end - (uint32_t)((uint32_t)c->end - t->slots);
	c->text_begin = t == NULL ? c->text_end : c->text_end - (uint32_t)((uint32_t)c->text_end - t->texts);
	for (uint32_t i = 0; i < c->nmade; i++) {
		const struct column *col = &c->column[c->made[i]];

		if (!col->carried && col->last <= c->begin)
			drop_column(c, (enum tsn_field)c->made[i--]);
	}
	for (uint32_t i = 0; i < c->nfields; i++)
		c->column[c->field[i]].refused = false;
}

/* --- texts --- */

/* Pieces do not cross a multiple of the old size, so they stay in one piece. */
static bool
grow_text(struct carry *c)
{
	const uint64_t had = c->text.bytes;

	if (!reach(c, &c->text, had == 0 ? FIRST_TEXT : had * 2))
		return false;
	if (had > 0)
		tsn_pair_unfold(c->text.p, 1, c->text_begin, c->text_end, had);
	return true;
}

static uint8_t *
text_at(const struct carry *c, uint64_t at)
{
	return (uint8_t *)c->text.p + (at & (c->text.bytes - 1));
}

/* Room for [n] bytes in one piece. */
static bool
text_room(struct carry *c, size_t n, uint64_t *at)
{
	for (;;) {
		const uint64_t cap = c->text.bytes, end = c->text_end, left = cap > 0 ? cap - (end & (cap - 1)) : 0;

		*at = end + (left < n ? left : 0);
		if (cap > 0 && *at + n - c->text_begin <= cap) {
			c->text_end = *at + n;
			return true;
		}
		if (!grow_text(c))
			return false;
	}
}

bool
tsn_pair_put_text(struct carry *c, struct tsn_str s, uint32_t *where)
{
	uint16_t len = (uint16_t)(s.n < TSN_BATCH_STR ? s.n : TSN_BATCH_STR);
	uint64_t at;

	if (!text_room(c, sizeof(len) + len, &at))
		return false;
	memcpy(text_at(c, at), &len, sizeof(len));
	if (len > 0)
		memcpy(text_at(c, at) + sizeof(len), s.p, len);
	*where = (uint32_t)at;
	return true;
}

struct tsn_str
tsn_pair_get_text(const struct carry *c, uint32_t where)
{
	const uint8_t *t = text_at(c, where);
	uint16_t len;

	memcpy(&len, t, sizeof(len));
	return (struct tsn_str){ (const char *)t + sizeof(len), len };
}
