/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Tocsin authors */
#include "sets/set.h"

#include <stdatomic.h>

#include "base/mem.h"
#include "sets/dynamic.h"
#include "sets/members.h"

struct tsn_set *
tsn_set_hold(const struct tsn_set *s)
{
	struct tsn_set *held = (struct tsn_set *)s;

	atomic_fetch_add_explicit(&held->others, 1, memory_order_relaxed);
	return held;
}

void
tsn_set_free(struct tsn_set *s)
{
	/* what holders did before is seen by the last one, who takes it apart */
	if (s == NULL || atomic_fetch_sub_explicit(&s->others, 1, memory_order_acq_rel) > 0)
		return;
	tsn_v4_members_fini(&s->v4);
	tsn_v6_members_fini(&s->v6);
	tsn_int_members_fini(&s->ints);
	tsn_word_members_fini(&s->words);
	tsn_ranges_fini(&s->pieces[0]);
	tsn_ranges_fini(&s->pieces[1]);
	tsn_cells_fini(&s->cells);
	tsn_dynamic_free(s->dynamic);
	tsn_table_numbers_free(s->table);
	tsn_free(s);
}

enum tsn_set_kind
tsn_set_kind(const struct tsn_set *s)
{
	return s->kind;
}

int64_t
tsn_set_as_of(const struct tsn_set *s)
{
	return atomic_load_explicit(&s->as_of, memory_order_relaxed);
}

void
tsn_set_put_as_of(const struct tsn_set *s, int64_t ms)
{
	atomic_store_explicit(&((struct tsn_set *)s)->as_of, ms, memory_order_relaxed);
}

size_t
tsn_set_size(const struct tsn_set *s)
{
	return s->dynamic != NULL ? tsn_dynamic_size(s->dynamic) : s->size;
}

bool
tsn_set_empty(const struct tsn_set *s)
{
	if (s->dynamic != NULL)
		return tsn_dynamic_size(s->dynamic) == 0;
	return s->v4.n == 0 && s->v6.n == 0 && s->ints.n == 0 && s->words.n == 0;
}

uint64_t
tsn_set_hash(const struct tsn_set *s)
{
	return s->hash;
}

bool
tsn_set_has_family(const struct tsn_set *s, bool v4)
{
	if (s->dynamic != NULL)
		return tsn_dynamic_has_family(s->dynamic, v4);
	return v4 ? s->v4.n > 0 : s->v6.n > 0;
}

bool
tsn_set_has_addr(const struct tsn_set *s, struct tsn_addr a)
{
	if (s->dynamic != NULL)
		return s->kind == TSN_SET_ADDR && tsn_dynamic_find_addr(s->dynamic, a) != TSN_SET_NO_ROW;
	return a.v4 ? tsn_v4_members_has(&s->v4, (uint32_t)a.lo) :
	    tsn_v6_members_has(&s->v6, a.hi, a.lo);
}

/* The word of a set of that kind, or NULL. */
static const struct tsn_word *
word(const struct tsn_set *s, enum tsn_set_kind kind, const void *p, size_t n)
{
	return s->kind == kind ? tsn_word_members_find(&s->words, n > 0 ? p : "", n) : NULL;
}

/* The row of a member of a dynamic set. */
static uint32_t
dynamic_word(const struct tsn_set *s, enum tsn_set_kind kind, const void *p, size_t n)
{
	return s->kind == kind ? tsn_dynamic_find_bytes(s->dynamic, n > 0 ? p : "", n) : TSN_SET_NO_ROW;
}

bool
tsn_set_has_str(const struct tsn_set *s, const char *p, size_t n)
{
	if (s->dynamic != NULL)
		return dynamic_word(s, TSN_SET_STR, p, n) != TSN_SET_NO_ROW;
	return word(s, TSN_SET_STR, p, n) != NULL;
}

bool
tsn_set_has_key(const struct tsn_set *s, const uint8_t *bytes, size_t n)
{
	if (s->dynamic != NULL)
		return dynamic_word(s, TSN_SET_TUPLE, bytes, n) != TSN_SET_NO_ROW;
	return word(s, TSN_SET_TUPLE, bytes, n) != NULL;
}

bool
tsn_set_has_value(const struct tsn_set *s, const struct tsn_value *v)
{
	if (!v->known)
		return false;
	switch (v->type) {
	case TSN_T_ADDR:
	case TSN_T_PREFIX: return tsn_set_has_addr(s, v->addr);
	case TSN_T_STRING: return tsn_set_has_str(s, v->s.p, v->s.n);
	case TSN_T_REAL:   return false;
	default:           return tsn_set_has_int(s, v->i);
	}
}

static uint32_t
row_at(const struct tsn_ranges *pieces, tsn_u128 v)
{
	const struct tsn_range *r = tsn_ranges_find(pieces, v);

	return r != NULL ? r->row : TSN_SET_NO_ROW;
}

uint32_t
tsn_set_row_of_addr(const struct tsn_set *s, struct tsn_addr a)
{
	if (s->kind != TSN_SET_ADDR)
		return TSN_SET_NO_ROW;
	if (s->dynamic != NULL)
		return tsn_dynamic_find_addr(s->dynamic, a);
	return row_at(&s->pieces[!a.v4], tsn_u128_of_addr(a));
}

uint32_t
tsn_set_row_of_int(const struct tsn_set *s, int64_t v)
{
	if (s->dynamic != NULL)
		return s->kind == TSN_SET_INT ? tsn_dynamic_find_int(s->dynamic, v) : TSN_SET_NO_ROW;
	return s->kind == TSN_SET_INT ? row_at(&s->pieces[0], tsn_u128_of_int(v)) : TSN_SET_NO_ROW;
}

uint32_t
tsn_set_row_of_str(const struct tsn_set *s, const char *p, size_t n)
{
	const struct tsn_word *w;

	if (s->dynamic != NULL)
		return dynamic_word(s, TSN_SET_STR, p, n);
	w = word(s, TSN_SET_STR, p, n);
	return w != NULL ? w->row : TSN_SET_NO_ROW;
}

uint32_t
tsn_set_row_of_key(const struct tsn_set *s, const uint8_t *bytes, size_t n)
{
	const struct tsn_word *w;

	if (s->dynamic != NULL)
		return dynamic_word(s, TSN_SET_TUPLE, bytes, n);
	w = word(s, TSN_SET_TUPLE, bytes, n);
	return w != NULL ? w->row : TSN_SET_NO_ROW;
}

uint32_t
tsn_set_row_of_value(const struct tsn_set *s, const struct tsn_value *v)
{
	if (!v->known)
		return TSN_SET_NO_ROW;
	switch (v->type) {
	case TSN_T_ADDR:
	case TSN_T_PREFIX: return tsn_set_row_of_addr(s, v->addr);
	case TSN_T_STRING: return tsn_set_row_of_str(s, v->s.p, v->s.n);
	case TSN_T_REAL:   return TSN_SET_NO_ROW;
	default:           return tsn_set_row_of_int(s, v->i);
	}
}

int
tsn_set_column(const struct tsn_set *s, const char *name, size_t n)
{
	if (s->dynamic != NULL)
		return tsn_dynamic_column(name, n);
	return tsn_cells_column(&s->cells, name, n);
}

const char *
tsn_set_column_nth(const struct tsn_set *s, size_t i)
{
	if (s->dynamic != NULL)
		return tsn_dynamic_column_nth(i);
	return i < s->cells.names ? s->cells.name[i] : NULL;
}

struct tsn_str
tsn_set_cell(const struct tsn_set *s, uint32_t row, int column)
{
	if (s->dynamic != NULL)
		return tsn_dynamic_cell(s->dynamic, row, column);
	return tsn_cells_get(&s->cells, row, column);
}

struct tsn_str
tsn_set_describe(const struct tsn_set *s, struct tsn_addr a)
{
	return tsn_set_cell(s, tsn_set_row_of_addr(s, a), tsn_set_column(s, "name", 4));
}
