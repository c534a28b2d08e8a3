/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
/* What is known of the rows of a block before its rules ask: which of their conditions need not be asked again. */
#include "compile/emit_index.h"

uint64_t
tsn_index_members(const struct tsn_emit *e, uint32_t field)
{
	const struct tsn_index_field *f = tsn_index_field_at(e, field);
	uint64_t bits = 0;

	for (uint32_t i = 0; i < f->nmembers; i++)
		bits |= f->member[i] < TSN_INDEX_FIELDS ? UINT64_C(1) << f->member[i] : 0;
	return bits;
}

/* --- going in --- */

/* What the values of a key lie between. */
static void
note_bound(struct tsn_emit *e, uint32_t field, uint32_t key)
{
	const struct tsn_index_field *f = tsn_index_field_at(e, field);
	const struct tsn_index_key *k = (const struct tsn_index_key *)f->keys.p + key;
	int64_t lo = INT64_MAX, hi = INT64_MIN;

	e->bound[e->nmet].field = TSN_FIELD_COUNT;
	if (f->nmembers > 1 || !tsn_field_is_int(f->field))
		return;
	for (uint32_t i = 0; i < k->n; i++) {
		const struct tsn_atom *a = (const struct tsn_atom *)f->atoms.items.p + k->entry[i].atom - 1;
		const int64_t last = (int64_t)(a->lo | ((UINT64_C(1) << a->len) - 1));

		lo = (int64_t)a->lo < lo ? (int64_t)a->lo : lo;
		hi = last > hi ? last : hi;
	}
	e->bound[e->nmet].field = f->field;
	e->bound[e->nmet].lo = lo;
	e->bound[e->nmet].hi = hi;
}

/* Has the first of some aligned ranges of integers a number that another has, too? */
static bool
meets_another(const struct tsn_index_field *f, const struct tsn_index_entry *entry, uint32_t n)
{
	const struct tsn_atom *atom = f->atoms.items.p, *a = &atom[entry[0].atom - 1];

	for (uint32_t i = 1; i < n; i++) {
		const struct tsn_atom *b = &atom[entry[i].atom - 1];

		if ((a->lo ^ b->lo) >> (a->len > b->len ? a->len : b->len) == 0)
			return true;
	}
	return false;
}

bool
tsn_emit_between(const struct tsn_emit *e, uint32_t field, uint32_t key, struct tsn_vside *out)
{
	const struct tsn_index_field *f = tsn_index_field_at(e, field);
	const struct tsn_index_key *k = (const struct tsn_index_key *)f->keys.p + key;
	const struct tsn_atom *atom = f->atoms.items.p, *a;
	const bool address = f->nmembers == 1 && tsn_fields[f->field].storage == TSN_ADDR;
	int64_t lo = INT64_MAX, hi = INT64_MIN;
	uint64_t rest = 0;

	if (f->nmembers > 1 || (address ? k->n > 1 || !atom[k->entry[0].atom - 1].v4 : !tsn_field_is_int(f->field)))
		return false;
	for (uint32_t i = 0; i < k->n; i++) {
		a = &atom[k->entry[i].atom - 1];

		const uint64_t size = UINT64_C(1) << (address ? 32 - a->len : a->len);
		const int64_t last = (int64_t)(a->lo | (size - 1));

		if (meets_another(f, k->entry + i, k->n - i))
			return false;
		lo = (int64_t)a->lo < lo ? (int64_t)a->lo : lo;
		hi = last > hi ? last : hi;
		rest += size;
	}
	*out = (struct tsn_vside){ 2 * f->field, lo, hi, NULL, true };
	return rest == (uint64_t)hi - (uint64_t)lo + 1; /* there is nothing in between that it does not ask for */
}

void
tsn_emit_meet_key(struct tsn_emit *e, uint32_t field, uint32_t key)
{
	note_bound(e, field, key);
	e->met[e->nmet][0] = field;
	e->met[e->nmet++][1] = key;
	e->met_fields |= UINT64_C(1) << field;
	e->met_members |= tsn_index_members(e, field);
}

/* --- asking --- */

bool
tsn_emit_is_found_by(const struct tsn_emit *e, uint32_t field)
{
	const uint32_t place = e->index->of_field[field];

	return place != 0 && place <= TSN_INDEX_FIELDS && e->met_members >> (place - 1) & 1;
}

/* Can [x] ask for a field of the blocks around? Its first leaf tells. */
static bool
may_be_met(const struct tsn_emit *e, const struct tsn_ir *x)
{
	while (!tsn_ir_is_leaf(x))
		x = x->kid[0];
	return x->nkids > 0 && x->kid[0]->kind == TSN_IR_FIELD && tsn_emit_is_found_by(e, x->kid[0]->field);
}

/* Does it hold for all that an integer lies between in a block around? */
static bool
is_bound(const struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	const struct tsn_ir *f = x->kind == TSN_IR_COMPARE ? x->kid[0] : NULL;
	const enum tsn_rel rel = want ? x->rel : tsn_rel_not(x->rel);

	if (f == NULL || f->kind != TSN_IR_FIELD || x->kid[1]->kind != TSN_IR_INT)
		return false;
	for (uint32_t i = 0; i < e->nmet; i++) {
		const int64_t number = x->kid[1]->i, lo = e->bound[i].lo, hi = e->bound[i].hi;

		if (e->bound[i].field != f->field)
			continue;
		if ((rel == TSN_REL_GE && lo >= number) || (rel == TSN_REL_GT && lo > number) || (rel == TSN_REL_LE && hi <= number) ||
		    (rel == TSN_REL_LT && hi < number))
			return true;
	}
	return false;
}

bool
tsn_emit_is_met(struct tsn_emit *e, const struct tsn_ir *x, bool want)
{
	struct tsn_asked a;

	if (e->part_met != NULL && e->part_met[2 * x->id + want])
		return true;
	if (!may_be_met(e, x))
		return false;
	if (is_bound(e, x, want))
		return true;
	if (!tsn_emit_asked(e, x, want, &a) || !a.exact)
		return false;
	for (uint32_t i = 0; i < e->nmet; i++)
		if (e->met[i][0] == a.field && e->met[i][1] == a.key)
			return true;
	return false;
}
